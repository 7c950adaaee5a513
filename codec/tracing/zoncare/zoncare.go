// Package zoncare reads the XML of Zoncare's carts 中旗 (root element zqecg): one block of base64 with frames of thirteen 16-bit samples,
// the twelve leads and one word more, 1000 to the millivolt. What the other elements are called is not published; those whose names say
// what they are, are read.
package zoncare

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

const (
	frame       = 13
	nvPerLSB    = 1000
	assumedRate = 500
)

// Sniff reports whether a file that begins with head is Zoncare's XML.
func Sniff(head []byte) bool { return strings.EqualFold(xmlin.RootName(head), "zqecg") }

// Read reads a file. A FormatError where it is no such XML, is hostile, or has no samples.
func Read(b []byte) (*tracing.Tracing, error) {
	d := &document{
		x: xmlin.New(tracing.Zoncare, b), fields: map[string]string{},
		t: &tracing.Tracing{Format: tracing.Zoncare, Device: tracing.Device{Manufacturer: "Zoncare"}},
	}
	if err := d.x.Expect(d.t, "zqecg", func(name string) bool { return strings.EqualFold(name, "zqecg") }); err != nil {
		return nil, err
	}
	d.x.Children(d.element)
	d.take()
	return d.x.Close(d.t)
}

type document struct {
	x      *xmlin.Reader
	t      *tracing.Tracing
	fields map[string]string // texts by the names of their elements, in small letters
	frames []int32
}

func (d *document) element(name string) {
	name = strings.ToLower(name)
	if name == "data" && d.frames == nil {
		raw, _ := d.x.Raw()
		data, clean := xmlin.Base64(raw)
		if !clean {
			d.t.Warn(tracing.BadValue, "samples that are no base64: what is before the fault is shown")
		}
		d.frames = xmlin.Int16(data)
		return
	}
	own := d.x.ChildrenAndText(d.element)
	if s := d.x.Decode(own); s != "" && len(d.fields) < 500 {
		if _, ok := d.fields[name]; !ok {
			d.fields[name] = s
		}
	}
}

// first is the text of the first of these elements that is there.
func (d *document) first(names ...string) string {
	for _, n := range names {
		if s := d.fields[n]; s != "" {
			return s
		}
	}
	return ""
}

func (d *document) take() {
	p, t := &d.t.Patient, d.t
	p.ID = d.first("patientid", "patient_id", "id", "pid")
	p.Name = d.first("patientname", "patient_name", "name")
	p.Sex = xmlin.Sex(d.first("sex", "gender"))
	p.BirthDate = xmlin.BirthDate(d.first("birthday", "birthdate", "birth", "dateofbirth"))
	if v, ok := xmlin.Number(strings.TrimSuffix(d.first("age", "patientage"), "岁")); ok && v > 0 {
		p.AgeYears = v
	}
	when := d.first("checktime", "examtime", "recordtime", "collecttime", "acquisitiontime", "datetime", "time")
	day, clock, _ := strings.Cut(strings.ReplaceAll(when, "T", " "), " ")
	if date := d.first("date", "checkdate", "examdate"); date != "" && clock == "" {
		day, clock = date, day
	}
	t.RecordedAt = xmlin.At(day, clock)
	t.Device.Model = d.first("devicemodel", "devicetype", "device", "model")
	t.Device.Serial = d.first("deviceid", "devicesn", "serialnumber", "sn")
	t.Site.Institution = d.first("hospital", "hospitalname", "institution")
	t.Site.Department = d.first("department", "dept")
	src := tracing.Source{Kind: tracing.ByDevice, Name: t.Device.Model}
	for _, m := range []struct{ name, code, unit string }{
		{"hr", tracing.HeartRate, "/min"},
		{"heartrate", tracing.HeartRate, "/min"},
		{"rr", tracing.RRInterval, "ms"},
		{"pr", tracing.PRInterval, "ms"},
		{"qrs", tracing.QRSDuration, "ms"},
		{"qt", tracing.QTInterval, "ms"},
		{"qtc", tracing.QTcUnsaid, "ms"},
		{"paxis", tracing.PAxis, "deg"},
		{"qrsaxis", tracing.QRSAxis, "deg"},
		{"taxis", tracing.TAxis, "deg"},
	} {
		if v, ok := xmlin.Number(d.fields[m.name]); ok {
			xmlin.Measure(t, tracing.Measurement{Code: m.code, Value: v, Unit: m.unit, Source: src})
		}
	}
	xmlin.State(t, tracing.Statement{Text: d.first("diagnosis", "conclusion", "diagnose", "result"), Source: src})
	d.group()
}

// group takes the frames apart.
func (d *document) group() {
	n := len(d.frames) / frame
	if n == 0 {
		return
	}
	if len(d.frames)%frame != 0 {
		d.t.Warn(tracing.Truncated, "the last frame is not whole")
	}
	g := tracing.Group{Kind: tracing.Rhythm, Rate: d.rate()}
	first, fits := d.firstLead(n)
	if !fits {
		d.t.Warn(tracing.Inconsistent, "lead III is not II - I: the samples may not be where they are looked for")
	}
	for i, code := range tracing.Twelve {
		s := make([]int32, n)
		for k := range s {
			s[k] = d.frames[k*frame+first+i]
		}
		xmlin.AddLead(d.t, &g, tracing.Lead{Code: code, Label: code.Label(), NVPerLSB: tracing.Whole(nvPerLSB), Samples: s})
	}
	d.t.Groups = append(d.t.Groups, g)
}

func (d *document) rate() tracing.Ratio {
	r, ok := tracing.ParseRatio(strings.TrimSuffix(strings.ToLower(d.first("samplerate", "samplingrate", "sample_rate", "samplefreq", "samplingfrequency", "frequency", "freq", "hz", "fs")), "hz"))
	if f := r.Float(); ok && f >= 50 && f <= 32_000 {
		return r
	}
	d.t.Warn(tracing.BadValue, "the rate is not said: 500 samples a second are assumed")
	return tracing.Whole(assumedRate)
}

// firstLead tells whether the word more stands behind the leads or before them: III is II - I only where the leads are taken right, but for
// rounding. It fits where that is so of most samples.
func (d *document) firstLead(n int) (first int, fits bool) {
	var wrong, right [2]int64
	looked := int64(0)
	for k := 0; k < n; k += 1 + n/1000 {
		looked++
		for first := range wrong {
			f := d.frames[k*frame+first:]
			off := int64(abs(f[1] - f[0] - f[2]))
			wrong[first] += off
			if off <= rounding {
				right[first]++
			}
		}
	}
	if wrong[1] < wrong[0] {
		first = 1
	}
	return first, 2*right[first] >= looked
}

const rounding = 100 // units: 100 uV, for leads that were filtered apart

func abs(v int32) int32 {
	if v < 0 {
		return -v
	}
	return v
}
