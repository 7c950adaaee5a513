// Trying rules on values that somebody makes up.

package catalogue

import (
	"context"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/unit"
	"github.com/lianzhen/lianzhen/lab/verify"
	"github.com/lianzhen/lianzhen/record"
)

// Sample is a made-up specimen with its values.
type Sample struct {
	Subject
	Department string
	QC         verify.QC
	HIL        verify.HIL
	Values     []SampleValue
}

// SampleValue is one of them. An empty unit is that of the catalogue.
type SampleValue struct {
	Analyte, Value, Unit string
	SenderFlags          []string
	Before               []SampleBefore
}

// SampleBefore is an earlier value, in the same unit.
type SampleBefore struct {
	Value    string
	HoursAgo int
}

// Try judges a made-up specimen by the rules of a centre, or by rules that are not kept yet. Nothing is kept.
func (d *Desk) Try(ctx context.Context, s record.Scope, centre record.CentreID, rulesYAML string, x Sample) ([]verify.Verdict, error) {
	centre, err := d.reachedCentre(ctx, s, centre)
	if err != nil {
		return nil, err
	}
	snap, err := d.Snapshot(ctx, d.db)
	if err != nil {
		return nil, err
	}
	rules, p := snap.Rules(centre, time.Time{}), snap.Pack(centre, time.Time{})
	if rulesYAML != "" {
		if rules, err = verify.Parse([]byte(rulesYAML)); err != nil {
			return nil, record.Wrap(record.Invalid, nil, err.Error())
		}
	}
	if x.At.IsZero() {
		x.At = d.db.Now()
	}
	return p.try(rules, x)
}

func (p *Pack) try(rules *verify.Pack, x Sample) ([]verify.Verdict, error) {
	facts := make([]verify.Facts, len(x.Values))
	var beside []verify.Beside
	for i, v := range x.Values {
		f, err := p.sampleFacts(x, v)
		if err != nil {
			return nil, err
		}
		facts[i] = f
		beside = append(beside, verify.Beside{Analyte: f.Analyte, Value: f.Value, Unit: f.Unit})
	}
	out := make([]verify.Verdict, len(facts))
	for i := range facts {
		for k, b := range beside {
			if k != i {
				facts[i].Beside = append(facts[i].Beside, b)
			}
		}
		out[i] = rules.Verify(facts[i], p.Convert)
	}
	return out, nil
}

func (p *Pack) sampleFacts(x Sample, v SampleValue) (verify.Facts, error) {
	a, ok := p.Analyte(v.Analyte)
	if !ok {
		return verify.Facts{}, record.Errorf(record.Invalid, "analyte: the catalogue has no %s", v.Analyte)
	}
	code := a.Unit
	if v.Unit != "" {
		u, ok := unit.Resolve(v.Unit, nil)
		if !ok {
			return verify.Facts{}, record.Errorf(record.Invalid, "unit: %s of %s is not understood", v.Unit, a.Code)
		}
		code = u.Code
	}
	if x.Specimen != "" && p.Specimen(x.Specimen) == "" {
		return verify.Facts{}, record.Errorf(record.Invalid, "specimen: the catalogue has no %s", x.Specimen)
	}
	f := verify.Facts{
		At: x.At, Analyte: a.Code, Value: verify.ValueOf(observation.ParseValue(v.Value)), Unit: code, AgeDays: x.AgeDays, Sex: x.Sex, Pregnant: x.Pregnant,
		Specimen: p.Specimen(x.Specimen), Method: x.Method, Department: x.Department, QC: x.QC, HIL: x.HIL, SenderFlags: v.SenderFlags,
	}
	for _, b := range v.Before {
		f.Previous = append(f.Previous, verify.Previous{
			Value: verify.ValueOf(observation.ParseValue(b.Value)), Unit: code, At: x.At.Add(-time.Duration(b.HoursAgo) * time.Hour), Method: x.Method,
		})
	}
	who := x.Subject
	who.Specimen = f.Specimen
	if i, ok := p.Interval(a.Code, who); ok {
		f.Interval = &i
	}
	return f, nil
}
