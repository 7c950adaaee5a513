// Package beneheart reads the XML that Mindray's BeneHeart R12 cart exports beside annotated ECG (root element BeneHeartR12). Its layout is
// not published; it is read as far as it is known: leads as elements with a name and base64 or numbers, and fields whose names say what
// they are. The size of a sample has no known place: without one a lead is shown but not measured.
package beneheart

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

// Sniff reports whether a file that begins with head is this XML.
func Sniff(head []byte) bool { return isRoot(xmlin.RootName(head)) }

func isRoot(name string) bool {
	return strings.EqualFold(name, "BeneHeartR12") || strings.EqualFold(name, "MindrayECG")
}

// Read reads a file. A FormatError where it is no such XML, is hostile, or has no samples.
func Read(b []byte) (*tracing.Tracing, error) {
	d := &document{
		x: xmlin.New(tracing.Mindray, b), fields: map[string]string{},
		t: &tracing.Tracing{Format: tracing.Mindray, Device: tracing.Device{Manufacturer: "Mindray"}},
	}
	if err := d.x.Expect(d.t, "BeneHeartR12", isRoot); err != nil {
		return nil, err
	}
	d.x.Children(d.element)
	d.take()
	return d.x.Close(d.t)
}

type document struct {
	x          *xmlin.Reader
	t          *tracing.Tracing
	fields     map[string]string // texts by the names of their elements, in small letters
	statements []string
	leads      []tracing.Lead
}

func (d *document) element(name string) {
	name = strings.ToLower(name)
	switch name {
	case "leads", "waveformdata", "channels":
		d.x.Children(d.lead)
		return
	case "statement", "diagnosisstatement", "stmttext":
		if s := d.x.Text(); s != "" && len(d.statements) < tracing.MaxTexts/10 {
			d.statements = append(d.statements, s)
		}
		return
	}
	unit := d.x.Attr("Unit")
	own := d.x.ChildrenAndText(d.element)
	s := d.x.Decode(own)
	if _, ok := d.fields[name]; s == "" || ok || len(d.fields) >= 500 {
		return
	}
	d.fields[name] = s
	if unit != "" {
		d.fields[name+" unit"] = unit
	}
}

// lead reads one lead: its samples are an attribute, a child or the text of the element; the element may have the lead's name.
func (d *document) lead(name string) {
	x := d.x
	label := cmp.Or(x.Attr("Name"), x.Attr("name"), x.Attr("Label"), x.Attr("label"))
	size := cmp.Or(x.Attr("Resolution"), x.Attr("resolution"), x.Attr("Scale"))
	data := x.RawAttr("Data")
	if data == nil {
		data = x.RawAttr("data")
	}
	cut := false
	own := x.ChildrenAndText(func(name string) {
		switch strings.ToLower(name) {
		case "data", "samples":
			data, cut = x.Raw()
		case "name", "label":
			label = x.Text()
		case "resolution", "scale":
			size = x.Text()
		}
	})
	if data == nil {
		data, cut = own, x.Truncated()
	}
	if label == "" {
		label = name
	}
	l := tracing.Lead{Code: tracing.LeadNamed(label), Label: label, NVPerLSB: microvolts(size)}
	if l.Code != "" {
		l.Label = l.Code.Label()
	}
	if l.Samples = d.samples(data, cut); len(l.Samples) > 0 && len(d.leads) <= tracing.MaxLeads {
		d.leads = append(d.leads, l)
	}
}

// samples are base64 of 16-bit integers, or numbers; base64 of a lead has letters.
func (d *document) samples(raw []byte, cut bool) []int32 {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && !bytes.ContainsFunc(raw, func(r rune) bool {
		return r > ' ' && r != '-' && r != '+' && r != ',' && r != ';' && (r < '0' || r > '9')
	}) {
		out, clean := xmlin.Integers(raw, cut)
		if !clean {
			d.t.Warn(tracing.BadValue, "samples that are no number are missing")
		}
		return out
	}
	data, clean := xmlin.Base64(raw)
	if !clean {
		d.t.Warn(tracing.BadValue, "samples that are no base64: what is before the fault is shown")
	}
	return xmlin.Int16(data)
}

// microvolts is the size of a sample, "5" or "5uV", in nanovolts.
func microvolts(s string) tracing.Ratio {
	s = strings.TrimSpace(strings.TrimSuffix(strings.ToLower(s), "uv"))
	r, ok := tracing.ParseRatio(s)
	if r = r.Mul(tracing.Whole(1000)); !ok || r.Float() <= 0 || r.Float() > 1e9 {
		return tracing.Ratio{}
	}
	return r
}

func (d *document) first(names ...string) string {
	for _, n := range names {
		if s := d.fields[n]; s != "" {
			return s
		}
	}
	return ""
}

func (d *document) number(names ...string) float64 {
	v, ok := xmlin.Number(d.first(names...))
	if !ok || v < 0 {
		return 0
	}
	return v
}

func (d *document) take() {
	p, t := &d.t.Patient, d.t
	p.ID = d.first("patientid", "id")
	p.Name = xmlin.Name(d.first("lastname", "familyname"), d.first("firstname", "givenname"))
	if p.Name == "" {
		p.Name = d.first("patientname", "name")
	}
	p.Sex = xmlin.Sex(d.first("sex", "gender"))
	p.BirthDate = xmlin.BirthDate(d.first("dateofbirth", "birthdate", "dob"))
	p.AgeYears, p.HeightCM, p.WeightKG = d.number("age"), d.number("height"), d.number("weight")
	t.RecordedAt = xmlin.At(d.first("acquisitiondate", "date"), d.first("acquisitiontime", "time"))
	t.Device.Model = cmp.Or(d.first("devicename", "devicemodel", "device", "model"), "BeneHeart R12")
	t.Device.Serial, t.Device.Software = d.first("serialnumber"), d.first("softwareversion")
	t.Site.Institution, t.Site.Department = d.first("institution", "hospital"), d.first("department")
	t.Indication = d.first("indication")
	d.group()
	src := tracing.Source{Kind: tracing.ByDevice, Name: t.Device.Model, Version: t.Device.Software}
	for _, m := range []struct {
		names      []string
		code, unit string
	}{
		{[]string{"ventricularrate", "heartrate"}, tracing.HeartRate, "/min"},
		{[]string{"rrinterval"}, tracing.RRInterval, "ms"},
		{[]string{"pduration"}, tracing.PDuration, "ms"},
		{[]string{"printerval"}, tracing.PRInterval, "ms"},
		{[]string{"qrsduration"}, tracing.QRSDuration, "ms"},
		{[]string{"qtinterval"}, tracing.QTInterval, "ms"},
		{[]string{"qtcbazett"}, tracing.QTcBazett, "ms"},
		{[]string{"qtcfridericia"}, tracing.QTcFrideric, "ms"},
		{[]string{"qtcorrected", "qtc"}, tracing.QTcUnsaid, "ms"},
		{[]string{"paxis"}, tracing.PAxis, "deg"},
		{[]string{"qrsaxis", "raxis"}, tracing.QRSAxis, "deg"},
		{[]string{"taxis"}, tracing.TAxis, "deg"},
	} {
		if v, ok := xmlin.Number(d.first(m.names...)); ok {
			xmlin.Measure(t, tracing.Measurement{Code: m.code, Value: v, Unit: m.unit, Source: src})
		}
	}
	if len(d.statements) == 0 {
		d.statements = []string{d.first("diagnosis", "interpretation", "analysisresult")}
	}
	for _, s := range d.statements {
		xmlin.State(t, tracing.Statement{Text: s, Source: src})
	}
}

func (d *document) group() {
	g := tracing.Group{Kind: tracing.Rhythm, Filters: tracing.Filters{
		HighPassHz: d.number("highpass"), LowPassHz: d.number("lowpass"), NotchHz: d.number("notch"),
	}}
	r, ok := tracing.ParseRatio(d.first("samplerate", "samplingrate"))
	if f := r.Float(); ok && f >= 0.1 && f <= 1e6 {
		g.Rate = r
	} else if len(d.leads) > 0 {
		d.t.Warn(tracing.BadValue, "samples without a rate: the time of a group is not known")
	}
	size := microvolts(d.first("resolution", "amplituderesolution", "unitsperbit"))
	for _, l := range d.leads {
		if !l.Calibrated() {
			l.NVPerLSB = size
		}
		xmlin.AddLead(d.t, &g, l)
	}
	d.t.Groups = append(d.t.Groups, g)
}
