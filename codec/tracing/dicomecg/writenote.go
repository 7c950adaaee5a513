package dicomecg

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// setPatient writes the patient (PS3.3 C.7.1.1, C.7.2.2).
func setPatient(d *dicom.DataSet, p *tracing.Patient, issuer string) {
	d.SetText(dicom.PatientName, personName(p.Name))
	d.SetText(dicom.PatientID, clean(p.ID, 64))
	if issuer != "" {
		d.SetText(dicom.IssuerOfPatientID, clean(issuer, 64))
	}
	d.SetText(dicom.PatientBirthDate, clean(p.BirthDate, 8))
	d.SetText(dicom.PatientSex, clean(p.Sex, 1))
	if p.AgeYears > 0 {
		d.SetText(dicom.PatientAge, ageString(p.AgeYears))
	}
	if p.HeightCM > 0 {
		d.SetText(dicom.PatientSize, decimalOf(scaled(p.HeightCM, 100)))
	}
	if p.WeightKG > 0 {
		d.SetFloat(dicom.PatientWeight, p.WeightKG)
	}
	if p.Race != "" {
		d.SetText(ethnicGroup, clean(p.Race, 16))
	}
	if p.Pacemaker {
		d.SetText(medicalAlerts, "Cardiac pacemaker")
	}
	if len(p.Drugs) > 0 {
		lines := make([]string, len(p.Drugs))
		for i, drug := range p.Drugs {
			lines[i] = drugLine + tracing.CleanText(drug)
		}
		d.SetText(additionalPatientHistory, clip(strings.Join(lines, "\r\n"), 10240))
	}
}

// scaled is v/by, exactly as v is written.
func scaled(v float64, by int64) tracing.Ratio {
	r, _ := tracing.ParseRatio(fmt.Sprint(v))
	return r.Div(tracing.Whole(by))
}

// ageString is in years; of small children in months, weeks or days.
func ageString(years float64) string {
	for _, u := range []struct {
		letter string
		per    float64
	}{
		{"Y", 1}, {"M", 12}, {"W", 365.25 / 7}, {"D", 365.25},
	} {
		if n := math.Round(years * u.per); math.Abs(n-years*u.per) < 1e-9*n || years >= 3 {
			return fmt.Sprintf("%03d%s", int(min(n, 999)), u.letter)
		}
	}
	return fmt.Sprintf("%03dD", int(min(math.Round(years*365.25), 999)))
}

// setDevice writes equipment and place (C.7.5.1).
func setDevice(d *dicom.DataSet, t *tracing.Tracing) {
	d.SetText(dicom.Manufacturer, clean(t.Device.Manufacturer, 64))
	for _, f := range []struct {
		tag   dicom.Tag
		value string
	}{
		{dicom.InstitutionName, t.Site.Institution},
		{dicom.InstitutionalDepartmentName, t.Site.Department},
		{dicom.ManufacturerModelName, t.Device.Model},
		{dicom.DeviceSerialNumber, t.Device.Serial},
		{dicom.SoftwareVersions, t.Device.Software},
		{currentPatientLocation, t.Site.Room},
	} {
		if v := clean(f.value, 64); v != "" {
			d.SetText(f.tag, v)
		}
	}
}

// annotations writes statements, measurements and marks (C.10.10). Each of them may be of all channels of one group.
func annotations(t *tracing.Tracing) []*dicom.DataSet {
	var out []*dicom.DataSet
	for _, s := range t.Statements {
		if d := statement(s); d != nil {
			out = append(out, d)
		}
	}
	for _, m := range t.Measurements {
		out = append(out, measurement(t, m))
	}
	for i, a := range t.Annotations {
		if d := mark(t, a, i); d != nil {
			out = append(out, d)
		}
	}
	return out
}

func statement(s tracing.Statement) *dicom.DataSet {
	d := dicom.NewDataSet()
	channels(d, 0, 0)
	switch text := tracing.CleanText(s.Text); {
	case s.Code != "" && s.System != "" && text != "" && len([]rune(text)) <= 64 && len(s.Code) <= 16 && len(s.System) <= 16:
		name := concept{s.Code, s.System, "", clean(text, 64)}.item()
		modify(name, s.Source)
		d.SetItems(conceptNameCodeSequence, name)
	case text != "":
		d.SetText(unformattedTextValue, clip(text, 1024))
	default:
		return nil
	}
	return d
}

func channels(d *dicom.DataSet, group, channel int) {
	d.SetInt(referencedWaveformChannels, group+1, channel)
}

// modify says who measured; nothing of a device.
func modify(name *dicom.DataSet, s tracing.Source) {
	switch s.Kind {
	case tracing.ByPerson:
		name.SetItems(modifierCodeSequence, person.item())
	case tracing.ByAlgorithm:
		name.SetItems(modifierCodeSequence, algorithm.item())
	}
}

func measurement(t *tracing.Tracing, m tracing.Measurement) *dicom.DataSet {
	c, ok := conceptsOf[m.Code]
	if !ok {
		c = privateConcept(m.Code)
	}
	d, name := dicom.NewDataSet(), c.item()
	modify(name, m.Source)
	d.SetItems(conceptNameCodeSequence, name)
	channels(d, 0, channelOf(t, 0, m.Lead))
	d.SetFloat(numericValue, m.Value)
	unit, ok := unitConcepts[m.Unit]
	if !ok {
		unit = concept{clean(m.Unit, 16), "UCUM", "", clean(m.Unit, 64)}
	}
	if unit.value == "" {
		unit = concept{"1", "UCUM", "", "no units"}
	}
	d.SetItems(measurementUnitsCodeSequence, unit.item())
	return d
}

// channelOf is the number of a lead in a group, from 1 on; 0, which is all of them, if it has none.
func channelOf(t *tracing.Tracing, group int, lead tracing.Code) int {
	if lead == "" || group >= len(t.Groups) {
		return 0
	}
	for i := range t.Groups[group].Leads {
		if t.Groups[group].Leads[i].Code == lead {
			return i + 1
		}
	}
	return 0
}

// mark writes an annotation at its nearest sample; nil if it lies outside its group.
func mark(t *tracing.Tracing, a tracing.Annotation, number int) *dicom.DataSet {
	if a.Group < 0 || a.Group >= len(t.Groups) {
		return nil
	}
	g := &t.Groups[a.Group]
	from, to := sampleAt(g.Rate, a.At), sampleAt(g.Rate, a.At+a.For)
	if from < 0 || to >= int64(g.Len()) {
		return nil
	}
	d := dicom.NewDataSet()
	channels(d, a.Group, channelOf(t, a.Group, a.Lead))
	if text := tracing.CleanText(a.Text); text != "" && a.Code == "" {
		d.SetText(unformattedTextValue, clip(text, 1024))
	} else {
		c := markConcept(a)
		d.SetItems(conceptNameCodeSequence, c.item())
		if text != "" && c.scheme != "SCPECG" {
			d.SetItems(conceptCodeSequence, privateConcept(text).item())
		}
	}
	if a.For > 0 {
		d.SetText(temporalRangeType, "SEGMENT")
		d.SetInt(referencedSamplePositions, int(from)+1, int(to)+1)
	} else {
		d.SetText(temporalRangeType, "POINT")
		d.SetInt(referencedSamplePositions, int(from)+1)
	}
	d.SetInt(annotationGroupNumber, min(100+number, math.MaxUint16)) // below 100 carts number the median beat
	return d
}

// markConcept is the code of a mark: that of SCP-ECG for one edge of a wave, that of MDC for the wave, else our own.
func markConcept(a tracing.Annotation) concept {
	for value, w := range waves {
		if w.code == a.Code && a.For == 0 && (w.edge == a.Text && w.edge != "" || w.edge == "peak" && a.Text == "") {
			return concept{value, "SCPECG", "1.3", edgeMeanings[value]}
		}
	}
	switch a.Code {
	case tracing.WaveP:
		return concept{"10:256", "MDC", "", "P wave"}
	case tracing.WaveT:
		return concept{"10:448", "MDC", "", "T wave"}
	}
	return privateConcept(a.Code)
}

var edgeMeanings = map[string]string{
	"5.10.3-1": "P onset", "5.10.3-2": "P offset", "5.10.3-3": "QRS onset", "5.10.3-4": "QRS offset", "5.10.3-5": "T offset",
	"5.7.1-3": "Fiducial Point",
}

// sampleAt is the sample nearest to a time.
func sampleAt(rate tracing.Ratio, at time.Duration) int64 {
	return int64(math.Round(at.Seconds() * rate.Float()))
}
