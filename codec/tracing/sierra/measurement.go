// Measurements and statements. Three parts of a file have measurements of the whole recording: the report that a person may have edited,
// the summary of the interpretation, and the analysis; the first that has one is right.

package sierra

import (
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

const (
	ofReport = iota
	ofSummary
	ofAnalysis
)

var named = []struct {
	elements   []string
	code, unit string
}{
	{[]string{"heartrate", "meanventrate"}, tracing.HeartRate, "/min"},
	{[]string{"atrialrate"}, tracing.AtrialRate, "/min"},
	{[]string{"rrint", "meanrrint"}, tracing.RRInterval, "ms"},
	{[]string{"pdur"}, tracing.PDuration, "ms"},
	{[]string{"print", "meanprint"}, tracing.PRInterval, "ms"},
	{[]string{"qrsdur", "meanqrsdur"}, tracing.QRSDuration, "ms"},
	{[]string{"qtint", "meanqtint"}, tracing.QTInterval, "ms"},
	{[]string{"qtcb"}, tracing.QTcBazett, "ms"},
	{[]string{"qtcf"}, tracing.QTcFrideric, "ms"},
	{[]string{"qtco framingham"}, tracing.QTcFraming, "ms"},
	{[]string{"qtco hodges"}, tracing.QTcHodges, "ms"},
	{[]string{"pfrontaxis"}, tracing.PAxis, "deg"},
	{[]string{"qrsfrontaxis"}, tracing.QRSAxis, "deg"},
	{[]string{"tfrontaxis"}, tracing.TAxis, "deg"},
}

// measurements gives each from the part that has it first. Versions before 1.04 correct QT in one way only, Bazett's unless a setting says
// otherwise.
func (d *document) measurements() {
	for _, n := range named {
		if v, ok := d.global(n.elements); ok {
			xmlin.Measure(d.t, tracing.Measurement{Code: n.code, Value: v, Unit: n.unit, Source: d.source()})
		}
	}
	if _, ok := d.global([]string{"qtcb"}); ok {
		return
	}
	code := tracing.QTcBazett
	if d.globals[ofAnalysis] != nil {
		switch m := strings.ToLower(d.globals[ofAnalysis]["qtcorrectionmethod"]); {
		case strings.HasPrefix(m, "frid"):
			code = tracing.QTcFrideric
		case strings.HasPrefix(m, "fram"):
			code = tracing.QTcFraming
		case strings.HasPrefix(m, "hodg"):
			code = tracing.QTcHodges
		}
	}
	if _, there := d.t.Measured(tracing.ByDevice, code); there {
		return
	}
	if v, ok := d.global([]string{"meanqtc", "qtc"}); ok {
		xmlin.Measure(d.t, tracing.Measurement{Code: code, Value: v, Unit: "ms", Source: d.source()})
	}
}

func (d *document) global(elements []string) (float64, bool) {
	for _, part := range d.globals {
		for _, e := range elements {
			if v, ok := xmlin.Number(part[e]); ok {
				return v, true
			}
		}
	}
	return 0, false
}

func (d *document) source() tracing.Source {
	return tracing.Source{Kind: tracing.ByDevice, Name: "DXL", Version: d.algorithm}
}

// keep adds the texts of the child elements to a part.
func (d *document) keep(part int) {
	if d.globals[part] == nil {
		d.globals[part] = map[string]string{}
	}
	f := d.globals[part]
	d.x.Children(func(name string) {
		if name == "qtco" {
			name += " " + strings.ToLower(d.x.Attr("methodname"))
		}
		if _, ok := f[name]; !ok && len(f) < 300 {
			f[name] = d.x.Text()
		}
	})
}

// analysis reads what the program measured.
func (d *document) analysis(name string) {
	x := d.x
	switch name {
	case "globalmeasurements", "crossleadmeasurements":
		d.keep(ofAnalysis)
		d.markComplex()
	case "leadmeasurements":
		x.Children(func(name string) {
			if name == "leadmeasurement" {
				d.leadMeasurement()
			}
		})
	case "configsettings":
		x.Children(func(string) { d.setting() })
	}
}

// setting keeps the one setting that changes what a measurement means.
func (d *document) setting() {
	var key, value string
	d.x.Children(func(name string) {
		switch name {
		case "name":
			key = d.x.Text()
		case "value":
			value = d.x.Text()
		}
	})
	if key == "qtcorrectionmethod" && d.globals[ofAnalysis] != nil {
		d.globals[ofAnalysis][key] = value
	}
}

// markComplex marks the complex of the rhythm whose points version 1.03 gives, in milliseconds.
func (d *document) markComplex() {
	f := d.globals[ofAnalysis]
	at := func(name string) time.Duration {
		if v, ok := xmlin.Number(f[name]); ok && v > 0 && v < 1e6 {
			return time.Duration(v * float64(time.Millisecond))
		}
		return -1
	}
	if p := at("pon"); p > 0 {
		xmlin.Mark(d.t, tracing.Annotation{At: p, Code: tracing.WaveP, Text: "onset"})
	}
	for _, w := range []struct{ on, off, code string }{{"qrson", "qrsoff", tracing.WaveQRS}, {"ton", "toff", tracing.WaveT}} {
		if on, off := at(w.on), at(w.off); on > 0 && off > on {
			xmlin.Mark(d.t, tracing.Annotation{At: on, For: off - on, Code: w.code})
		}
	}
}

// ofLead are the measurements of single leads, in microvolts. The later name of a quantity is the better.
var ofLead = map[string]string{
	"pamp": tracing.PAmplitude, "qamp": tracing.QAmplitude, "ramp": tracing.RAmplitude, "samp": tracing.SAmplitude, "tamp": tracing.TAmplitude,
	"ston": tracing.STAtJ, "st80": tracing.STAtJ80, "st60": tracing.STAtJ60, "stj": tracing.STAtJ,
}

func (d *document) leadMeasurement() {
	x := d.x
	lead := tracing.LeadNamed(x.Attr("leadname"))
	has := map[string]bool{ // Philips writes 0 for a wave that is not there
		tracing.PAmplitude: x.Attr("pexistflag") != "False", tracing.TAmplitude: x.Attr("texistflag") != "False",
		tracing.STAtJ: x.Attr("stexistflag") != "False", tracing.STAtJ80: x.Attr("stexistflag") != "False",
	}
	place := map[string]int{}
	add := func(name, text string) {
		code, ok := ofLead[name]
		v, number := xmlin.Number(text)
		if exists, asked := has[code]; !ok || !number || lead == "" || asked && !exists {
			return
		}
		if i, again := place[code]; again {
			d.t.Measurements[i].Value = v
			return
		}
		place[code] = len(d.t.Measurements)
		xmlin.Measure(d.t, tracing.Measurement{Code: code, Value: v, Unit: "uV", Lead: lead, Source: d.source()})
		if len(d.t.Measurements) == place[code] {
			delete(place, code)
		}
	}
	x.Children(func(name string) {
		if name != "namedmeasurement" {
			if _, ok := ofLead[name]; ok {
				add(name, x.Text())
			}
			return
		}
		var key, value string
		x.Children(func(name string) {
			switch name {
			case "name":
				key = x.Text()
			case "value":
				value = x.Text()
			}
		})
		add(key, value)
	})
}

// interpretations reads the statements, and the measurements that stand with them.
func (d *document) interpretations(name string) {
	if name != "interpretation" {
		return
	}
	x := d.x
	signed := d.confirmed
	from := len(d.t.Statements)
	x.Children(func(name string) {
		switch name {
		case "globalmeasurements":
			d.keep(ofReport)
		case "interpretationmeasurements":
			d.keep(ofSummary)
		case "mdsignatureline":
			s := strings.ToLower(x.Text())
			signed = signed || strings.Contains(s, "confirmed") && !strings.Contains(s, "unconfirmed")
		case "severity":
			code := x.Attr("code")
			xmlin.State(d.t, tracing.Statement{Code: code, System: "Philips severity", Text: x.Text(), Source: d.source()})
		case "statement":
			d.statement()
		}
	})
	if !signed {
		return
	}
	for i := from; i < len(d.t.Statements); i++ {
		d.t.Statements[i].Confirmed = true
		d.t.Statements[i].Source = tracing.Source{Kind: tracing.ByPerson}
	}
}

func (d *document) statement() {
	st := tracing.Statement{Source: d.source()}
	var reason string
	d.x.Children(func(name string) {
		switch s := d.x.Text(); name {
		case "statementcode":
			if st.Code = s; s != "" {
				st.System = "Philips DXL"
			}
		case "leftstatement":
			st.Text = s
		case "rightstatement":
			reason = s
		}
	})
	switch {
	case st.Text == "":
		st.Text = reason
	case reason != "":
		st.Text += " (" + reason + ")"
	}
	xmlin.State(d.t, st)
}
