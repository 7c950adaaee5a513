// What rules are asked about.

package critical

import (
	"maps"
	"math"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/measure"
)

// Facts are what is known of one recording when the rules are asked.
type Facts struct {
	At       time.Time // which rules were in force; zero: those of today
	Findings []finding.Finding
	Measures map[Key]float64
	AgeYears float64 // 0: not known
	Sex      string  // M, F; others and empty: not known
	Length   time.Duration
	Previous *Facts // the patient's electrocardiogram before; nil: none
}

// Key is a measurement code of tracing; Lead is empty for global ones.
type Key struct {
	Code string
	Lead tracing.Code
}

// longRecording is from when on a recording is a Holter. An exercise test or a long strip is not.
const longRecording = 30 * time.Minute

// FactsOf takes the facts from an analysis. Length is the time of the last beat or finding, so that it is at least that; the
// caller sets At, and Length where it is known better. r may be nil, previous too.
func FactsOf(r *measure.Result, p tracing.Patient, previous *measure.Result) Facts {
	f := factsOf(r)
	f.AgeYears, f.Sex = p.AgeYears, p.Sex
	if previous != nil {
		before := factsOf(previous)
		f.Previous = &before
		f.compare(&before)
	}
	return f
}

func factsOf(r *measure.Result) Facts {
	f := Facts{Measures: map[Key]float64{}}
	if r == nil {
		return f
	}
	for _, m := range r.Measurements {
		k := Key{m.Code, m.Lead}
		if _, has := f.Measures[k]; !has && !math.IsNaN(m.Value) && !math.IsInf(m.Value, 0) {
			f.Measures[k] = m.Value
		}
	}
	if n := len(r.Beats); n > 0 {
		f.Length = r.Beats[n-1].At
	}
	for _, x := range r.Findings {
		f.Length = max(f.Length, x.To)
		f.Findings = append(f.Findings, withDerived(x))
	}
	return f
}

// withDerived adds the evidence that follows from the finding itself.
func withDerived(x finding.Finding) finding.Finding {
	e := maps.Clone(x.Evidence)
	if e == nil {
		e = map[string]float64{}
	}
	for k, v := range e {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(e, k)
		}
	}
	if _, has := e["seconds"]; !has {
		if d, lasted := e["duration_s"]; lasted {
			e["seconds"] = d
		} else if x.To > x.From {
			e["seconds"] = (x.To - x.From).Seconds()
		}
	}
	if len(x.Leads) > 0 {
		e["leads"] = float64(len(x.Leads))
	}
	x.Evidence = e
	return x
}

// compare adds how much the ST segment moved away since the previous recording, where both have the finding.
func (f *Facts) compare(before *Facts) {
	for i := range f.Findings {
		x := &f.Findings[i]
		now, has := x.Evidence["st_uv"]
		if !has {
			continue
		}
		for j := range before.Findings {
			old := &before.Findings[j]
			if v, ok := old.Evidence["st_uv"]; ok && old.Code == x.Code {
				x.Evidence["rise_uv"] = math.Abs(now) - math.Abs(v)
			}
		}
	}
}
