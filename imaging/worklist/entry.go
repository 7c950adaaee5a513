// An order with one of its steps as a modality sees it: the attributes of PS3.4 table K.6-1.

package worklist

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// entry makes the worklist entry. Every attribute that we support is there, empty where nothing is known.
func entry(o *Order, st *Step, zone *time.Location) *dicom.DataSet {
	d := dicom.NewDataSet()
	for t, v := range map[dicom.Tag]string{
		dicom.AccessionNumber:               o.Accession,
		dicom.ReferringPhysicianName:        personName(o.Referring.Reveal(), ""),
		dicom.PatientName:                   personName(o.Who.Name.Reveal(), o.Who.Latin.Reveal()),
		dicom.PatientID:                     o.Who.LocalID.Reveal(),
		dicom.IssuerOfPatientID:             string(o.Institution),
		dicom.PatientBirthDate:              strings.ReplaceAll(o.Who.BirthDate.String(), "-", ""),
		dicom.PatientSex:                    string(o.Who.Sex),
		dicom.PatientWeight:                 o.Visit.WeightKg,
		medicalAlerts:                       o.Visit.Alerts,
		allergies:                           o.Visit.Allergies,
		admissionID:                         o.Visit.Number,
		specialNeeds:                        o.Visit.SpecialNeeds,
		currentPatientLocation:              o.Visit.Location,
		patientState:                        o.Visit.State,
		dicom.StudyInstanceUID:              string(o.Study),
		requestingPhysician:                 personName(o.Requesting.Reveal(), ""),
		requestingService:                   o.Service,
		dicom.RequestedProcedureDescription: cut(firstOf(o.Procedure.Description, o.Procedure.Code.Meaning)),
		requestedProcedureID:                o.Procedure.ID,
		reasonForProcedure:                  cut(o.Reason),
		requestedPriority:                   priorityWords[o.Priority],
		procedureComments:                   o.Procedure.Comments,
		placerOrderNumber:                   o.Placer,
		fillerOrderNumber:                   o.Accession,
	} {
		set(d, t, v)
	}
	d.SetEmpty(pregnancyStatus)
	if o.Visit.Pregnancy > 0 {
		d.SetText(pregnancyStatus, strconv.Itoa(o.Visit.Pregnancy))
	}
	setCode(d, requestedProcedureCodes, o.Procedure.Code)
	d.SetItems(scheduledStepSequence, stepItem(st, zone))
	return d
}

func stepItem(st *Step, zone *time.Location) *dicom.DataSet {
	d := dicom.NewDataSet()
	start := st.StartAt.In(zone)
	for t, v := range map[dicom.Tag]string{
		dicom.Modality:          st.Modality,
		requestedContrastAgent:  st.ContrastAgent,
		stepStartDate:           start.Format("20060102"),
		stepStartTime:           start.Format("150405"),
		stepPerformingPhysician: personName(st.Performing.Reveal(), ""),
		stepDescription:         cut(firstOf(st.Description, st.Protocol.Meaning)),
		stepID:                  st.Number,
		stepStationName:         st.StationName,
		stepLocation:            st.Location,
		preMedication:           st.PreMedication,
		stepStatus:              string(st.Status),
		stepComments:            st.Comments,
	} {
		set(d, t, v)
	}
	d.SetText(scheduledStationAE, st.Stations...)
	setCode(d, stepProtocolCodes, st.Protocol)
	return d
}

// priorityWords are the defined terms of Requested Procedure Priority (PS3.3 C.4.11).
var priorityWords = map[record.Priority]string{record.Stat: "STAT", record.Urgent: "HIGH", record.Routine: "ROUTINE"}

func set(d *dicom.DataSet, t dicom.Tag, v string) {
	if v == "" {
		d.SetEmpty(t)
		return
	}
	d.SetText(t, v)
}

func setCode(d *dicom.DataSet, t dicom.Tag, c Code) {
	if c.Value == "" {
		d.SetItems(t)
		return
	}
	item := dicom.NewDataSet()
	set(item, dicom.CodeValue, c.Value)
	set(item, dicom.CodingSchemeDesignator, firstOf(c.Scheme, "99LOCAL"))
	set(item, dicom.CodeMeaning, firstOf(c.Meaning, c.Value))
	d.SetItems(t, item)
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// cut shortens to what an LO takes: 64 characters.
func cut(s string) string {
	if r := []rune(s); len(r) > 64 {
		return string(r[:64])
	}
	return s
}

// personName writes a name as PN. A Chinese name gets its pinyin as the alphabetic group, for the modalities that can show
// nothing else: Wang^Xiaoming=王^小明.
func personName(name, latin string) string {
	if !hasHan(name) {
		return caret(firstOf(name, latin))
	}
	family, given := splitChinese(name)
	if latin == "" {
		latin = capital(store.Pinyin(family))
		if g := capital(store.Pinyin(given)); g != "" {
			latin += "^" + g
		}
	}
	if given != "" {
		name = family + "^" + given
	}
	return caret(latin) + "=" + name
}

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// caret parts family and given name where the writer used a blank.
func caret(s string) string {
	if strings.Contains(s, "^") {
		return s
	}
	family, given, parted := strings.Cut(strings.TrimSpace(s), " ")
	if !parted {
		return s
	}
	return family + "^" + strings.TrimSpace(given)
}

// compound are the family names of two characters in use (複姓).
var compound = map[string]bool{
	"欧阳": true, "司马": true, "上官": true, "诸葛": true, "皇甫": true, "尉迟": true, "公孙": true, "慕容": true, "令狐": true, "宇文": true,
	"长孙": true, "司徒": true, "夏侯": true, "东方": true, "独孤": true, "南宫": true, "端木": true, "百里": true, "呼延": true, "轩辕": true,
	"闻人": true, "澹台": true, "太史": true, "申屠": true, "赫连": true, "拓跋": true, "公羊": true, "西门": true, "东郭": true, "第五": true,
}

// splitChinese parts a Chinese name; longer ones, as of other peoples, stay whole.
func splitChinese(name string) (family, given string) {
	if f, g, parted := strings.Cut(name, "^"); parted {
		return f, g
	}
	r := []rune(name)
	switch {
	case len(r) > 4 || len(r) < 2 || strings.ContainsFunc(name, func(c rune) bool { return !unicode.Is(unicode.Han, c) }):
		return name, ""
	case len(r) > 2 && compound[string(r[:2])]:
		return string(r[:2]), string(r[2:])
	}
	return string(r[:1]), string(r[1:])
}

func capital(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
