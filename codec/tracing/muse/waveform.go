// Waveforms: leads as base64, with the check sums that the device made.

package muse

import (
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

const maxShift = 100_000 // samples that a lead may begin later than the others

// lead is one LeadData element.
type lead struct {
	fields map[string]string
	data   []byte
	seen   bool
	clean  bool
	cut    bool
}

func (d *document) waveform() {
	x, f := d.x, map[string]string{}
	var leads []lead
	x.Children(func(name string) {
		switch {
		case name == "LeadData" && len(leads) <= tracing.MaxLeads:
			leads = append(leads, d.lead())
		case name != "LeadData" && len(f) < 50:
			f[name] = x.Text()
		}
	})
	g := tracing.Group{Kind: tracing.Rhythm, Label: f["WaveformType"], Rate: rate(f["SampleBase"], f["SampleExponent"]), Filters: filters(f)}
	if k := strings.ToUpper(f["WaveformType"]); strings.Contains(k, "MEDIAN") || strings.Contains(k, "AVERAGE") {
		g.Kind = tracing.Median
	}
	if ms, ok := xmlin.Number(f["WaveformStartTime"]); ok && ms > 0 && ms < 1e8 {
		g.Offset = milliseconds(ms)
	}
	if g.Rate.Num <= 0 && len(leads) > 0 {
		d.t.Warn(tracing.BadValue, "samples without a rate: the time of a group is not known")
	}
	for _, l := range leads {
		if l.seen {
			xmlin.AddLead(d.t, &g, d.decode(l, g.Rate))
		}
	}
	xmlin.AddGroup(d.t, g)
}

func (d *document) lead() lead {
	l := lead{fields: map[string]string{}}
	d.x.Children(func(name string) {
		if name != "WaveFormData" {
			if len(l.fields) < 50 {
				l.fields[name] = d.x.Text()
			}
			return
		}
		var raw []byte
		raw, l.cut = d.x.Raw()
		l.data, l.clean = xmlin.Base64(raw)
		l.seen = true
	})
	return l
}

// rate is base x 10^exponent, which decimal point a device may need; zero where it is none.
func rate(base, exponent string) tracing.Ratio {
	r, ok := tracing.ParseRatio(base)
	e, err := strconv.Atoi(strings.TrimSpace(exponent))
	if exponent != "" && (err != nil || e < -6 || e > 6) {
		return tracing.Ratio{}
	}
	for ; e > 0; e-- {
		r = r.Mul(tracing.Whole(10))
	}
	for ; e < 0; e++ {
		r = r.Div(tracing.Whole(10))
	}
	if f := r.Float(); !ok || f < 0.1 || f > 1e6 {
		return tracing.Ratio{}
	}
	return r
}

// filters: the high pass stands in hundredths of a hertz where it is a whole number, the others in hertz.
func filters(f map[string]string) tracing.Filters {
	var out tracing.Filters
	if v, ok := xmlin.Number(f["HighPassFilter"]); ok && v > 0 {
		if out.HighPassHz = v; v == float64(int64(v)) {
			out.HighPassHz = v / 100
		}
	}
	if v, ok := xmlin.Number(f["LowPassFilter"]); ok && v > 0 {
		out.LowPassHz = v
	}
	if v, ok := xmlin.Number(strings.TrimSuffix(strings.ToUpper(f["ACFilter"]), "HZ")); ok && v > 0 {
		out.NotchHz = v
	}
	return out
}

func (d *document) decode(l lead, r tracing.Ratio) tracing.Lead {
	f, t := l.fields, d.t
	out := tracing.Lead{Code: tracing.LeadNamed(f["LeadID"]), Label: f["LeadID"], Off: strings.EqualFold(f["LeadOff"], "TRUE")}
	if out.Code != "" {
		out.Label = out.Code.Label()
	}
	out.NVPerLSB = d.unit(f)
	if base, ok := tracing.ParseRatio(f["FirstSampleBaseline"]); ok && base.Num != 0 {
		t.Warn(tracing.Unsupported, "a baseline of the first sample was not applied")
	}
	if !l.clean {
		t.Warn(tracing.BadValue, "samples that are no base64: what is before the fault is shown")
	}
	d.check(l)
	switch f["LeadSampleSize"] {
	case "", "2":
		out.Samples = xmlin.Int16(l.data)
	default:
		t.Warn(tracing.Unsupported, "samples of another size than two bytes were left out")
		return out
	}
	if n := d.shift(f, r); n > 0 && len(out.Samples) > 0 {
		late := make([]int32, n, n+len(out.Samples))
		for i := range late {
			late[i] = tracing.Missing
		}
		out.Samples = append(late, out.Samples...)
	}
	return out
}

// unit is the size of a sample.
func (d *document) unit(f map[string]string) tracing.Ratio {
	size, ok := tracing.ParseRatio(f["LeadAmplitudeUnitsPerBit"])
	unit := tracing.Ratio{}
	switch strings.ToUpper(strings.TrimSpace(f["LeadAmplitudeUnits"])) {
	case "MICROVOLTS", "MICROVOLT", "UV":
		unit = tracing.Whole(1e3)
	case "MILLIVOLTS", "MILLIVOLT", "MV":
		unit = tracing.Whole(1e6)
	case "NANOVOLTS", "NANOVOLT", "NV":
		unit = tracing.Whole(1)
	}
	nv := size.Mul(unit)
	if v := nv.Float(); !ok || v <= 0 || v > 1e9 {
		return tracing.Ratio{}
	}
	return nv
}

// check compares the samples with what the file says of them.
func (d *document) check(l lead) {
	if l.cut {
		return
	}
	f := l.fields
	if n, err := strconv.ParseInt(f["LeadSampleCountTotal"], 10, 64); err == nil && n != int64(len(l.data)/2) {
		d.t.Warn(tracing.Inconsistent, "a lead has another number of samples than the file says")
	}
	sum, err := strconv.ParseInt(f["LeadDataCRC32"], 10, 64)
	if err == nil && sum != 0 && uint32(sum) != crc32.ChecksumIEEE(l.data) {
		d.t.Warn(tracing.BadChecksum, "the check sum of a lead is wrong: its samples may be")
	}
}

// shift is how many samples a lead begins after the others.
func (d *document) shift(f map[string]string, r tracing.Ratio) int {
	n, ok := xmlin.Number(f["LeadOffsetFirstSample"])
	if !ok || n == 0 {
		if ms, ok := xmlin.Number(f["LeadTimeOffset"]); ok {
			n = ms * r.Float() / 1000
		}
	}
	if n < 0 || n > maxShift {
		d.t.Warn(tracing.BadValue, "a lead that begins far from the others: it is shown with them")
		return 0
	}
	return int(n + 0.5)
}
