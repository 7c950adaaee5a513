// Series: the device, its filters, and the sequences of samples.

package aecg

import (
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

// series is one series or derived series; where it says that it is a representative beat, it is one wherever it stands.
type series struct {
	d       *document
	kind    tracing.Kind
	from    stamp
	first   int // of its groups
	device  tracing.Device
	filters tracing.Filters
}

func (d *document) series(kind tracing.Kind) {
	s := &series{d: d, kind: kind, first: len(d.t.Groups)}
	d.x.Children(s.child)
	if kind == tracing.Rhythm && d.t.Device == (tracing.Device{}) {
		d.t.Device = s.device
	}
}

func (s *series) child(name string) {
	x := s.d.x
	switch name {
	case "code":
		switch c := x.Attr("code"); c {
		case "REPRESENTATIVE_BEAT":
			s.kind = tracing.Median
		case "RHYTHM":
			s.kind = tracing.Rhythm
		}
	case "effectiveTime":
		s.from = s.d.interval()
	case "author":
		x.Children(s.author)
	case "controlVariable":
		s.control("")
	case "component":
		x.Children(func(name string) {
			if name == "sequenceSet" {
				s.sequenceSet()
			}
		})
	case "subjectOf":
		x.Children(func(name string) {
			if name == "annotationSet" {
				s.annotationSet()
			}
		})
	case "derivation":
		x.Children(func(name string) {
			if name == "derivedSeries" {
				s.d.series(tracing.Median)
			}
		})
	}
}

// author reads the device that made the series.
func (s *series) author(name string) {
	x := s.d.x
	switch name {
	case "seriesAuthor", "manufacturedSeriesDevice":
		x.Children(s.author)
	case "id":
		if id := x.Attr("extension"); id != "0" { // the placeholder of the guide's example
			s.device.Serial = id
		}
	case "manufacturerModelName":
		s.device.Model = x.Text()
	case "softwareName":
		s.device.Software = x.Text()
	case "manufacturerOrganization":
		s.device.Manufacturer = s.d.siteName()
	}
}

// control reads filters: a control variable of the kind of filter, with components for its corner.
func (s *series) control(of string) {
	x := s.d.x
	var value, unit string
	x.Children(func(name string) {
		switch name {
		case "code":
			if c := x.Attr("code"); strings.Contains(c, "_FILTER_") {
				of += "|" + c
			}
		case "value":
			value, unit = x.Attr("value"), x.Attr("unit")
		case "controlVariable", "component":
			s.control(of)
		}
	})
	hz, ok := xmlin.Number(value)
	if !ok || hz <= 0 || of == "" {
		return
	}
	if strings.EqualFold(unit, "kHz") {
		hz *= 1000
	}
	f := &s.filters
	switch {
	case strings.Contains(of, "FILTER_NOTCH"):
		f.NotchHz = hz
	case strings.Contains(of, "FILTER_LOW_PASS"):
		f.LowPassHz = hz
	case strings.Contains(of, "FILTER_HIGH_PASS"):
		f.HighPassHz = hz
	}
}

// sequenceSet reads leads that share one time.
func (s *series) sequenceSet() {
	d := s.d
	at, ok := xmlin.AddGroup(d.t, tracing.Group{Kind: s.kind})
	if !ok {
		return
	}
	d.starts, d.lags, d.seriesFrom = append(d.starts, stamp{}), append(d.lags, 0), append(d.seriesFrom, s.from)
	g := tracing.Group{Kind: s.kind, Filters: s.filters}
	d.x.Children(func(name string) {
		if name != "component" {
			return
		}
		d.x.Children(func(name string) {
			if name != "sequence" {
				return
			}
			q := d.sequence()
			switch {
			case strings.HasPrefix(q.code, "TIME_"):
				if q.rate.Num > 0 { // there may be a relative time beside an absolute
					g.Rate = q.rate
				}
				if q.start.known() {
					d.starts[at] = q.start
				} else if q.lag != 0 {
					d.lags[at] = q.lag
				}
			case q.digits:
				xmlin.AddLead(d.t, &g, q.lead)
			}
		})
	})
	if g.Rate.Num <= 0 && len(g.Leads) > 0 {
		d.t.Warn(tracing.BadValue, "samples without a rate: the time of a group is not known")
	}
	d.t.Groups[at] = g
}

// sequence is a time or a lead.
type sequence struct {
	code   string
	rate   tracing.Ratio
	start  stamp
	lag    time.Duration
	digits bool
	places int // of decimals that the digits had
	lead   tracing.Lead
}

func (d *document) sequence() sequence {
	q := sequence{}
	d.x.Children(func(name string) {
		switch name {
		case "code":
			q.code = d.x.Attr("code")
			q.lead.Code = leadOf(q.code)
			q.lead.Label = tracing.Code(q.code).Label()
			if q.lead.Code != "" {
				q.lead.Label = q.lead.Code.Label()
			}
		case "value":
			d.x.Children(func(name string) { d.value(&q, name) })
		}
	})
	if q.places > 0 {
		d.t.Warn(tracing.Deviates, "digits with decimals")
		q.lead.NVPerLSB = q.lead.NVPerLSB.Div(tracing.Whole(pow10(q.places)))
	}
	if q.digits && q.lead.Code == "" && !strings.Contains(strings.ToUpper(q.code), "LEAD") {
		d.t.Warn(tracing.Unsupported, "a sequence that is no lead was left out")
		q.digits = false
	}
	return q
}

// leadOf is the lead of a code; also those whose names alone would not tell.
func leadOf(code string) tracing.Code {
	switch c := tracing.Code(code); c {
	case tracing.LeadML2, tracing.LeadD, tracing.LeadA, tracing.LeadJ:
		return c
	}
	return tracing.LeadNamed(code)
}

func (d *document) value(q *sequence, name string) {
	x := d.x
	switch name {
	case "head":
		if v, unit := x.Attr("value"), x.Attr("unit"); unit == "" && len(v) >= 8 {
			q.start = parseTS(v)
		} else if r, ok := tracing.ParseRatio(v); ok {
			q.lag = seconds(r.Mul(perSecond(unit)))
		}
	case "increment":
		var exact bool
		if q.rate, exact = rateOf(x.Attr("value"), x.Attr("unit")); !exact {
			d.t.Warn(tracing.BadValue, "a time step that is none")
		}
	case "origin":
		if r, ok := d.size(); ok && r.Num != 0 {
			q.lead.OffsetNV = r
		} else if v, number := xmlin.Number(x.Attr("value")); !ok && number && v != 0 {
			d.t.Warn(tracing.BadValue, "an origin or a scale that makes no sense was left out")
		}
	case "scale":
		if r, ok := d.size(); ok {
			q.lead.NVPerLSB = r
		}
	case "digits":
		q.digits = true
		raw, cut := x.Raw()
		samples, places, clean := parseDigits(raw, cut, d.samples)
		if !clean {
			d.t.Warn(tracing.BadValue, "digits that are no number: those samples are missing")
		}
		q.lead.Samples, q.places, d.samples = samples, places, len(samples)
	}
}

var voltage = map[string]tracing.Ratio{
	"nV": tracing.Whole(1), "uV": tracing.Whole(1e3), "µV": tracing.Whole(1e3), "μV": tracing.Whole(1e3), "mV": tracing.Whole(1e6), "V": tracing.Whole(1e9),
	"uv": tracing.Whole(1e3), "mv": tracing.Whole(1e6), "UV": tracing.Whole(1e3), "nv": tracing.Whole(1),
}

// size reads a PQ of origin or scale in nanovolts; false where it has no unit of voltage or makes no sense.
func (d *document) size() (tracing.Ratio, bool) {
	unit, known := voltage[d.x.Attr("unit")]
	if !known {
		return tracing.Ratio{}, false
	}
	v, ok := tracing.ParseRatio(d.x.Attr("value"))
	if nv := v.Mul(unit); ok && nv.Den != 0 && nv.Float() >= -1e9 && nv.Float() <= 1e9 {
		return nv, true
	}
	d.t.Warn(tracing.BadValue, "an origin or a scale that makes no sense was left out")
	return tracing.Ratio{}, false
}

// perSecond is the size of a unit of time in seconds; seconds where none is said.
func perSecond(unit string) tracing.Ratio {
	switch strings.ToLower(unit) {
	case "ms", "msec":
		return tracing.NewRatio(1, 1000)
	case "us", "µs", "μs":
		return tracing.NewRatio(1, 1_000_000)
	case "ns":
		return tracing.NewRatio(1, 1_000_000_000)
	case "min":
		return tracing.Whole(60)
	}
	return tracing.Whole(1)
}

func seconds(r tracing.Ratio) time.Duration {
	ns := r.Float() * 1e9
	if ns < -1e18 || ns > 1e18 {
		return 0
	}
	if ns < 0 {
		return time.Duration(ns - 0.5)
	}
	return time.Duration(ns + 0.5)
}
