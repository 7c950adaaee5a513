// Analysis: what the device said and what our algorithms say, kept as one document beside the row.

package ecg

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/holter"
	"github.com/lianzhen/lianzhen/ecg/measure"
	"github.com/lianzhen/lianzhen/record"
)

// state of the analysis of a tracing.
type state string

const (
	pending state = "pending"
	done    state = "done"
	failed  state = "failed"
)

// analysis is derived: it can be made again from the file.
type analysis struct {
	Device  device          `json:"device"`
	Result  *measure.Result `json:"result,omitempty"`
	Summary *holter.Summary `json:"summary,omitempty"` // of an ambulatory recording
	Failure string          `json:"failure,omitempty"`
}

// device is what stands in the file. It is never changed.
type device struct {
	Measurements []tracing.Measurement `json:"measurements,omitempty"`
	Statements   []tracing.Statement   `json:"statements,omitempty"`
	Filters      tracing.Filters       `json:"filters"`
	Device       tracing.Device        `json:"device"`
}

func deviceSays(t *tracing.Tracing) device {
	d := device{Statements: t.Statements, Device: t.Device}
	if g := t.Rhythm(); g != nil {
		d.Filters = g.Filters
	}
	for _, m := range t.Measurements {
		if !math.IsNaN(m.Value) && !math.IsInf(m.Value, 0) {
			d.Measurements = append(d.Measurements, m)
		}
	}
	return d
}

// analyse measures a resting tracing. What goes wrong in it is no reason to refuse the tracing: a doctor reads it.
func analyse(t *tracing.Tracing, f facts) (state, *analysis) {
	out := &analysis{Device: deviceSays(t)}
	t = withPatient(t, f)
	r, err := guarded(func() (*measure.Result, error) { return measure.Analyse(t) })
	if err != nil {
		out.Failure = err.Error()
		return failed, out
	}
	out.Result = r
	return done, out
}

// guarded makes an error of a panic: a strange signal must not stop a file from being kept.
func guarded[T any](do func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errFault, p)
		}
	}()
	return do()
}

// withPatient is t with the age and sex that are known, on which limits depend.
func withPatient(t *tracing.Tracing, f facts) *tracing.Tracing {
	with := *t
	with.Patient.Sex = string(f.who.Sex)
	with.Patient.AgeYears = max(0, float64(f.ageYears))
	return &with
}

// codes of the findings, each once.
func (a *analysis) codes() []finding.Code {
	var out []finding.Code
	seen := map[finding.Code]bool{}
	for _, f := range a.findings() {
		if !seen[f.Code] {
			seen[f.Code] = true
			out = append(out, f.Code)
		}
	}
	return out
}

func (a *analysis) findings() []finding.Finding {
	switch {
	case a.Result != nil:
		return a.Result.Findings
	case a.Summary != nil:
		out := make([]finding.Finding, len(a.Summary.Events))
		for i, e := range a.Summary.Events {
			out[i] = finding.Finding{Code: e.Code, From: e.From, To: e.To, Evidence: e.Evidence}
		}
		return out
	}
	return nil
}

// patientOf is the patient as rules want to know him.
func patientOf(f facts) tracing.Patient {
	return tracing.Patient{Sex: string(f.who.Sex), AgeYears: max(0, float64(f.ageYears)), Pacemaker: f.pacemaker}
}

const maxAnalysis = 64 << 20

func (a *analysis) pack() ([]byte, error) {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(z).Encode(a); err != nil {
		return nil, fmt.Errorf("keep analysis: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func unpackAnalysis(b []byte) (*analysis, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("read analysis: %w", err)
	}
	var a analysis
	if err := json.NewDecoder(io.LimitReader(z, maxAnalysis)).Decode(&a); err != nil {
		return nil, fmt.Errorf("read analysis: %w", err)
	}
	return &a, nil
}

var errFault = errors.New("analysis ended with a fault")

var errNotMeasured = errors.New("not measured")

// result is ours, Unavailable while it is being made.
func (t *Kept) result() (*measure.Result, error) {
	switch {
	case t.analysis == nil || t.analysis.Result == nil && t.State == pending:
		return nil, record.Errorf(record.Unavailable, "tracing %s is being analysed; ask again", t.ID)
	case t.analysis.Result == nil:
		return nil, record.Wrap(record.Precondition, errNotMeasured, "tracing "+string(t.ID)+" could not be measured")
	}
	return t.analysis.Result, nil
}
