// Package muse reads the XML of GE's MUSE (root element RestingECG): eight stored leads as base64, the median beat, measurements with the
// points that they were taken from, and statements. The external document type that these files name is never loaded.
package muse

import (
	"cmp"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

// Sniff reports whether a file that begins with head is MUSE XML.
func Sniff(head []byte) bool { return xmlin.RootName(head) == "RestingECG" }

// Read reads a file. A FormatError where it is no MUSE XML, is hostile, or has no samples.
func Read(b []byte) (*tracing.Tracing, error) {
	d := &document{
		x: xmlin.New(tracing.MUSE, b), t: &tracing.Tracing{Format: tracing.MUSE}, test: map[string]string{}, patient: map[string]string{},
	}
	if err := d.x.Expect(d.t, "RestingECG", nil); err != nil {
		return nil, err
	}
	d.x.Children(d.root)
	d.demographics()
	d.testDemographics()
	d.measurements()
	d.marks()
	d.statements()
	return d.x.Close(d.t)
}

// document is what is known while a file is read: its parts come in an order that differs from cart to cart.
type document struct {
	x *xmlin.Reader
	t *tracing.Tracing

	patient, test     map[string]string
	current, original map[string]string // measurements
	matrix            []byte
	beats             []qrs
	globalRR          string
	diagnosis         []string
	originalDiagnosis []string
	cart              string
}

type qrs struct {
	at   float64 // ms
	kind string
}

func (d *document) root(name string) {
	x := d.x
	switch name {
	case "MuseInfo":
		x.Children(func(name string) {
			if name == "MuseVersion" {
				d.t.Version = x.Text()
			}
		})
	case "PatientDemographics":
		d.fields(d.patient)
	case "TestDemographics", "Order":
		d.fields(d.test)
	case "RestingECGMeasurements":
		d.current = map[string]string{}
		d.fields(d.current)
	case "OriginalRestingECGMeasurements":
		d.original = map[string]string{}
		d.fields(d.original)
	case "MeasurementMatrix":
		raw, _ := x.Raw()
		d.matrix, _ = xmlin.Base64(raw)
	case "Diagnosis":
		d.diagnosis = d.readStatements()
	case "OriginalDiagnosis":
		d.originalDiagnosis = d.readStatements()
	case "QRSTimesTypes":
		x.Children(d.qrsTimes)
	case "PharmaData":
		x.Children(func(name string) {
			if name == "PharmaCartID" {
				d.cart = x.Text()
			}
		})
	case "Waveform":
		d.waveform()
	}
}

// fields keeps the texts of child elements by their names; the first of each.
func (d *document) fields(into map[string]string) {
	d.x.Children(func(name string) {
		if _, ok := into[name]; !ok && len(into) < 200 {
			into[name] = d.x.Text()
		}
	})
}

// readStatements joins the pieces of a text up to the flag that ends its line.
func (d *document) readStatements() []string {
	var out []string
	line := ""
	d.x.Children(func(name string) {
		if name != "DiagnosisStatement" {
			return
		}
		ends := false
		d.x.Children(func(name string) {
			switch s := d.x.Text(); name {
			case "StmtFlag":
				ends = ends || s == "ENDSLINE"
			case "StmtText":
				line = strings.TrimSpace(line + " " + s)
			}
		})
		if ends && line != "" && len(out) < tracing.MaxTexts/10 {
			out, line = append(out, line), ""
		}
	})
	if line != "" && len(out) < tracing.MaxTexts/10 {
		out = append(out, line)
	}
	return out
}

func (d *document) qrsTimes(name string) {
	switch name {
	case "QRS":
		var q qrs
		ok := false
		d.x.Children(func(name string) {
			switch name {
			case "Type":
				q.kind = d.x.Text()
			case "Time":
				q.at, ok = xmlin.Number(d.x.Text())
			}
		})
		if ok && len(d.beats) < tracing.MaxTexts {
			d.beats = append(d.beats, q)
		}
	case "GlobalRR":
		d.globalRR = d.x.Text()
	}
}

func (d *document) demographics() {
	f, p := d.patient, &d.t.Patient
	p.ID = f["PatientID"]
	p.Name = xmlin.Name(f["PatientLastName"], f["PatientFirstName"])
	p.BirthDate = xmlin.BirthDate(f["DateofBirth"])
	p.Sex = xmlin.Sex(f["Gender"])
	p.Race = f["Race"]
	if v, ok := xmlin.Number(f["PatientAge"]); ok && v > 0 {
		p.AgeYears = v * ageUnit(f["AgeUnits"])
	}
	for name, factor := range map[string]float64{"HeightIN": 2.54, "HeightCM": 1} {
		if v, ok := xmlin.Number(f[name]); ok && v > 0 {
			p.HeightCM = v * factor
		}
	}
	for name, factor := range map[string]float64{"WeightLBS": 0.45359237, "WeightKG": 1} {
		if v, ok := xmlin.Number(f[name]); ok && v > 0 {
			p.WeightKG = v * factor
		}
	}
	switch strings.ToUpper(cmp.Or(f["Pacemaker"], f["PaceMaker"], f["PacemakerFlag"], d.test["Pacemaker"])) {
	case "YES", "TRUE", "Y", "1":
		p.Pacemaker = true
	}
}

func ageUnit(unit string) float64 {
	switch strings.ToUpper(unit) {
	case "MONTHS":
		return 1.0 / 12
	case "WEEKS":
		return 7 / 365.25
	case "DAYS":
		return 1 / 365.25
	case "HOURS":
		return 1 / (24 * 365.25)
	}
	return 1
}

func (d *document) testDemographics() {
	f, t := d.test, d.t
	t.RecordedAt = xmlin.At(f["AcquisitionDate"], f["AcquisitionTime"])
	t.Site = tracing.Site{
		Institution: cmp.Or(f["SiteName"], f["Site"]), Department: cmp.Or(f["LocationName"], f["Location"]), Room: f["RoomID"],
	}
	t.Device = tracing.Device{
		Model: f["AcquisitionDevice"], Serial: cmp.Or(f["AcquisitionDeviceSerialNumber"], d.cart, f["CartNumber"]),
		Software: f["AcquisitionSoftwareVersion"],
	}
	if v := f["AnalysisSoftwareVersion"]; v != "" {
		t.Device.AcquiredBy = "12SL " + v
	}
	if !strings.Contains(t.Device.Model, "ECGToolkit") { // a converter, not a cart
		t.Device.Manufacturer = "GE"
	}
	t.Indication = f["TestReason"]
	t.Order = cmp.Or(f["RequisitionNumber"], f["HISOrderNumber"], f["OrderNumber"])
}

// statements are the device's, unless a person has confirmed them; what the device had said before stays beside those.
func (d *document) statements() {
	status := strings.ToUpper(d.test["Status"])
	confirmed := strings.Contains(status, "CONFIRMED") && !strings.HasPrefix(status, "UN")
	for _, s := range d.diagnosis {
		st := tracing.Statement{Text: s, Confirmed: confirmed, Source: d.source()}
		if confirmed {
			st.Source = tracing.Source{Kind: tracing.ByPerson}
		}
		xmlin.State(d.t, st)
	}
	if confirmed || len(d.diagnosis) == 0 {
		for _, s := range d.originalDiagnosis {
			xmlin.State(d.t, tracing.Statement{Text: s, Source: d.source()})
		}
	}
}

func (d *document) source() tracing.Source {
	s := tracing.Source{Kind: tracing.ByDevice, Name: d.t.Device.Model}
	if v := d.test["AnalysisSoftwareVersion"]; v != "" {
		s.Name, s.Version = "12SL", v
	}
	return s
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
