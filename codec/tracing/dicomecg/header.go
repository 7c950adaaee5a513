package dicomecg

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// describe reads patient, device, place and time.
func (o *object) describe() {
	h, t := o.src.head, o.t
	text := func(tags ...dicom.Tag) string {
		for _, tag := range tags {
			if s := tracing.CleanText(h.Str(tag)); s != "" {
				return s
			}
		}
		return ""
	}
	t.Version = string(className(h.UID(dicom.SOPClassUID)))
	t.Device = tracing.Device{
		Manufacturer: text(dicom.Manufacturer), Model: text(dicom.ManufacturerModelName), Serial: text(dicom.DeviceSerialNumber),
		Software: tracing.CleanText(strings.Join(h.Strs(dicom.SoftwareVersions), " ")),
	}
	t.Site = tracing.Site{
		Institution: text(dicom.InstitutionName), Department: text(dicom.InstitutionalDepartmentName), Room: text(currentPatientLocation),
	}
	t.Indication, t.Order = text(reasonForTheRequested, reasonForStudy), text(dicom.AccessionNumber)
	o.patient(text)
	t.RecordedAt, t.ZoneKnown = o.recorded()
}

// className is the kind of ECG as people know it.
func className(class dicom.UID) string {
	switch class {
	case TwelveLead:
		return "12-Lead ECG"
	case General:
		return "General ECG"
	case Ambulatory:
		return "Ambulatory ECG"
	case General32:
		return "General 32-bit ECG"
	case Hemodynamic:
		return "Hemodynamic"
	}
	return ""
}

func (o *object) patient(text func(...dicom.Tag) string) {
	h, p := o.src.head, &o.t.Patient
	p.ID, p.Race = text(dicom.PatientID), text(ethnicGroup)
	p.Name = tracing.CleanText(fullName(h.Person(dicom.PatientName)))
	if d, ok := h.Date(dicom.PatientBirthDate); ok {
		p.BirthDate = d.Format("20060102")
	} else if h.Str(dicom.PatientBirthDate) != "" {
		o.t.Warn(tracing.BadValue, "PatientBirthDate is no date")
	}
	switch sex := strings.ToUpper(text(dicom.PatientSex)); sex {
	case "M", "F", "O":
		p.Sex = sex
	case "男":
		p.Sex = "M"
	case "女":
		p.Sex = "F"
	}
	p.AgeYears = age(h.Str(dicom.PatientAge))
	if m, ok := h.Float(dicom.PatientSize); ok && m > 0 && m < 3 {
		p.HeightCM = m * 100
	} else if ok && m >= 30 && m < 300 { // metres by the standard, but carts write centimetres
		p.HeightCM = m
		o.t.Warn(tracing.Repaired, "PatientSize is in centimetres")
	}
	if kg, ok := h.Float(dicom.PatientWeight); ok && kg > 0 && kg < 1000 {
		p.WeightKG = kg
	}
	alerts := strings.ToLower(strings.Join(h.Strs(medicalAlerts), " "))
	p.Pacemaker = strings.Contains(alerts, "pacemaker") || strings.Contains(alerts, "起搏")
	for line := range strings.Lines(h.Str(additionalPatientHistory)) {
		if drug, ok := strings.CutPrefix(line, drugLine); ok && len(p.Drugs) < maxDrugs {
			p.Drugs = append(p.Drugs, tracing.CleanText(drug))
		}
	}
}

// A drug stands in Additional Patient History, a line each.
const (
	drugLine = "Drug: "
	maxDrugs = 100
)

// fullName is family and given name as one text, in the script of the country if the name has it: Chinese names without a space.
func fullName(n dicom.PersonName) string {
	name := n.Ideographic
	if name == "" {
		name = n.Alphabetic
	}
	if strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		return strings.ReplaceAll(name, "^", "")
	}
	return strings.ReplaceAll(name, "^", " ")
}

// age reads "042Y", "006M", "010W", "003D" (PS3.5 6.2, AS), and a bare number as years; 0 if it is none.
func age(s string) float64 {
	s = strings.ToUpper(strings.TrimSpace(s))
	if s == "" {
		return 0
	}
	per := map[byte]float64{'Y': 1, 'M': 12, 'W': 365.25 / 7, 'D': 365.25}[s[len(s)-1]]
	if per == 0 {
		per = 1
	} else {
		s = s[:len(s)-1]
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n > 1000 {
		return 0
	}
	return float64(n) / per
}

// recorded is when the first sample was taken: the acquisition, else the content, else the study.
func (o *object) recorded() (at time.Time, zone bool) {
	h := o.src.head
	offset, known := zoneOf(h.Str(dicom.TimezoneOffsetFromUTC))
	if at, own, ok := dateTime(h.Str(acquisitionDateTime)); ok {
		if own != nil {
			return at, true
		}
		return inZone(at, offset, known), known
	}
	for _, pair := range [][2]dicom.Tag{
		{dicom.AcquisitionDate, dicom.AcquisitionTime}, {dicom.ContentDate, dicom.ContentTime}, {dicom.StudyDate, dicom.StudyTime},
	} {
		day, ok := h.Date(pair[0])
		if !ok || day.Year() < 1900 {
			continue
		}
		clock, _ := h.Time(pair[1])
		if pair[0] != dicom.AcquisitionDate {
			o.t.Warn(tracing.Deviates, "no acquisition time: "+pair[0].Keyword()+" was taken")
		}
		return inZone(day.Add(clock), offset, known), known
	}
	return time.Time{}, false
}

// dateTime reads a DT: YYYYMMDD[HHMM[SS[.FFFFFF]]][&ZZXX]. zone is nil if it has none.
func dateTime(s string) (at time.Time, zone *time.Location, ok bool) {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexAny(s, "+-"); i > 0 {
		if z, known := zoneOf(s[i:]); known {
			zone = time.FixedZone("", z)
		}
		s = s[:i]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	layout := "20060102150405"
	if len(whole) < 8 || len(whole) > len(layout) || len(whole)%2 == 1 {
		return time.Time{}, nil, false
	}
	loc := time.UTC
	if zone != nil {
		loc = zone
	}
	at, err := time.ParseInLocation(layout[:len(whole)], whole, loc)
	if err != nil || at.Year() < 1900 {
		return time.Time{}, nil, false
	}
	if n, err := strconv.ParseUint(fraction, 10, 32); err == nil && len(fraction) <= 9 && len(whole) == len(layout) {
		for range 9 - len(fraction) {
			n *= 10
		}
		at = at.Add(time.Duration(n))
	}
	return at, zone, true
}

// zoneOf reads an offset from UTC in hours and minutes, as seconds.
func zoneOf(s string) (int, bool) {
	s = strings.TrimSpace(s)
	if len(s) != 5 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, err1 := strconv.ParseUint(s[1:3], 10, 8)
	m, err2 := strconv.ParseUint(s[3:], 10, 8)
	if err1 != nil || err2 != nil || h > 14 || m > 59 {
		return 0, false
	}
	seconds := int(h*3600 + m*60)
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// inZone reads the wall clock of at, which is in UTC, as one of an offset.
func inZone(at time.Time, offset int, known bool) time.Time {
	if !known {
		return at
	}
	return at.Add(-time.Duration(offset) * time.Second).In(time.FixedZone("", offset))
}
