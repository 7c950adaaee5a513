// Serial comparison 系列比较: what has changed since the previous electrocardiogram.

package conclusion

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/measure"
)

// Comparison of two recordings of one person.
type Comparison struct {
	NowAt, BeforeAt time.Time
	Differences     []Difference   // of what both have, in order of the limits, then of the leads
	New             []finding.Code // found now and not before
	Gone            []finding.Code
	Statements      []string // codes of the comparison statements that fit: 400 to 404
	Overlays        []Overlay
}

// Difference of one measurement.
type Difference struct {
	Code        string
	Lead        tracing.Code // empty: global
	Now, Before float64
	Change      float64 // now less before; of axes the shorter way round
	Unit        string
	Significant bool
}

type serialRules struct {
	Limits         []serialLimit
	Rhythm         []finding.Code
	Conduction     []finding.Code
	Ischaemia      []finding.Code
	Repolarisation []finding.Code
}

type serialLimit struct {
	Code   string
	Change float64
	ZH, EN string
	UnitZH string `yaml:"unit_zh"`
}

// Compare sets now beside before. Either may be nil: then there is nothing to compare.
func Compare(now, before *measure.Result, nowAt, beforeAt time.Time) Comparison {
	c := Comparison{NowAt: nowAt, BeforeAt: beforeAt}
	if now == nil || before == nil {
		return c
	}
	for _, l := range words().serial.Limits {
		c.Differences = append(c.Differences, l.differences(now, before)...)
	}
	c.New, c.Gone = only(now, before), only(before, now)
	c.Statements = c.judge()
	c.Overlays = overlays(now, before)
	return c
}

// differences of one limit, global or lead by lead.
func (l serialLimit) differences(now, before *measure.Result) []Difference {
	var out []Difference
	for _, m := range now.Measurements {
		if m.Code != l.Code || math.IsNaN(m.Value) {
			continue
		}
		i := slices.IndexFunc(before.Measurements, func(o tracing.Measurement) bool { return o.Code == m.Code && o.Lead == m.Lead && !math.IsNaN(o.Value) })
		if i < 0 {
			continue
		}
		d := Difference{Code: m.Code, Lead: m.Lead, Now: m.Value, Before: before.Measurements[i].Value, Unit: m.Unit}
		d.Change = d.Now - d.Before
		if strings.Contains(l.Code, "_ANGLE_") {
			d.Change = math.Remainder(d.Change, 360)
		}
		d.Significant = math.Abs(d.Change) >= l.Change
		out = append(out, d)
	}
	return out
}

// only are the codes of findings of a that b has not, each once.
func only(a, b *measure.Result) []finding.Code {
	var out []finding.Code
	for _, f := range a.Findings {
		if !has(b, f.Code) && !slices.Contains(out, f.Code) {
			out = append(out, f.Code)
		}
	}
	return out
}

// judge picks the comparison statements.
func (c *Comparison) judge() []string {
	s := &words().serial
	changed := append(slices.Clone(c.New), c.Gone...)
	any := func(in, of []finding.Code) bool {
		return slices.ContainsFunc(in, func(x finding.Code) bool { return slices.Contains(of, x) })
	}
	var out []string
	for _, x := range []struct {
		code string
		fits bool
	}{
		{"401", any(changed, s.Rhythm)},
		{"402", any(c.New, s.Ischaemia) || c.moved(1, tracing.STAtJ)},
		{"403", any(c.New, s.Conduction) || c.moved(1, tracing.QRSDuration, tracing.PRInterval)},
		{"404", any(changed, s.Repolarisation) || c.moved(0, tracing.STAtJ, tracing.TAmplitude, tracing.QTcBazett, tracing.TAxis)},
	} {
		if x.fits {
			out = append(out, x.code)
		}
	}
	if len(out) == 0 && len(changed) == 0 && !slices.ContainsFunc(c.Differences, func(d Difference) bool { return d.Significant }) {
		return []string{"400"}
	}
	return out
}

// moved reports a significant difference of one of the codes: with away 1 only one that moved away from zero.
func (c *Comparison) moved(away int, codes ...string) bool {
	return slices.ContainsFunc(c.Differences, func(d Difference) bool {
		return d.Significant && slices.Contains(codes, d.Code) && (away == 0 || math.Abs(d.Now) > math.Abs(d.Before))
	})
}
