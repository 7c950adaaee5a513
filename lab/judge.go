// Judge: what the house makes of a row, beside what its sender said: interval and flags, delta, the rules' verdict, critical values, quality control.

package lab

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/lab/specimen"
	"github.com/lianzhen/lianzhen/lab/verify"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Judged is what the rules made of a row when it came. It is kept as it was then: ranges and rules of later do not change it.
type Judged struct {
	Flags    []string       `json:"flags,omitempty"`    // HL7 table 0078, recomputed; none: it could not be
	Interval string         `json:"interval,omitempty"` // the reference interval that was used, as a person reads it
	Source   string         `json:"source,omitempty"`   // "sender", or its id in the catalogue
	Rules    string         `json:"rules,omitempty"`    // pack and version that were asked
	Held     string         `json:"held,omitempty"`     // why it may not be released without a decision
	Findings []string       `json:"findings,omitempty"` // why rules did not release it by themselves: rule id and words
	Critical *CriticalValue `json:"critical,omitempty"`
	Quality  record.Quality `json:"quality,omitzero"`
	Notes    []string       `json:"notes,omitempty"` // what persons decided of it
}

// CriticalValue 危急值 is what a rule says of a row.
type CriticalValue struct {
	Rule    string `json:"rule"`
	Version string `json:"version"`
	ZH      string `json:"zh"`
	EN      string `json:"en"`
	Minutes int    `json:"minutes"`
	Steps   []int  `json:"steps,omitempty"` // minutes after which it is passed on
}

// judge judges the rows that are new.
func (c *Centre) judge(ctx context.Context, tx *store.Tx, a *arrival, rep *reportRow, all []incoming) error {
	j, err := c.judgeFor(ctx, tx, a, rep)
	if err != nil {
		return err
	}
	if err := j.look(ctx, all); err != nil {
		return err
	}
	var kept []verify.Verdict
	for i := range all {
		if all[i].fate != fresh || all[i].row.Analyte == "" {
			continue
		}
		v, err := j.row(ctx, &all[i].row)
		if err != nil {
			return err
		}
		kept = append(kept, v)
	}
	if len(kept) == 0 {
		return nil
	}
	return putVerdicts(ctx, tx, rep, a, kept)
}

// judgement is what all rows of a report are judged with.
type judgement struct {
	c       *Centre
	tx      *store.Tx
	a       *arrival
	rep     *reportRow
	pack    *catalogue.Pack
	rules   *verify.Pack
	kind    string // of the specimen, in the catalogue
	before  map[string][]verify.Previous
	beside  []verify.Beside
	review  *quality.Review
	indices verify.HIL // of the serum, where the analyser measured them
	expiry  func(analyte string, measuredAt time.Time) specimen.Expiry
}

func (c *Centre) judgeFor(ctx context.Context, tx *store.Tx, a *arrival, rep *reportRow) (*judgement, error) {
	snap, err := c.snapshot(ctx, tx, a)
	if err != nil {
		return nil, err
	}
	at, t := rep.observed(a.receivedAt), rep.Specimen.Type
	pack := snap.Pack(rep.Centre, at)
	j := &judgement{c: c, tx: tx, a: a, rep: rep, pack: pack, rules: snap.Rules(rep.Centre, at), kind: pack.Specimen(t.Code, t.Text)}
	if rep.SpecimenID != "" {
		j.expiry, err = c.desks.Specimens.Expiries(ctx, tx, specimen.SpecimenID(rep.SpecimenID))
	}
	return j, err
}

// historyFor is how far back results are compared with.
const (
	historyFor  = 2 * 365 * 24 * time.Hour
	maxPrevious = 400
)

// look reads what rows are compared with: earlier results of the person at any clinic, and the other rows of the report.
func (j *judgement) look(ctx context.Context, all []incoming) error {
	args := []any{string(j.rep.Patient), record.Micros(j.rep.observed(j.a.receivedAt).Add(-historyFor)), string(j.rep.ID)}
	var marks, asked []string
	for i := range all {
		if r := &all[i].row; r.Analyte != "" {
			j.index(r)
			j.beside = append(j.beside, verify.Beside{Analyte: r.Analyte, Value: verify.ValueOf(r.Result.Value), Unit: r.UCUM})
			if all[i].fate == fresh && !slices.Contains(asked, r.Analyte) {
				asked, args = append(asked, r.Analyte), append(args, r.Analyte)
				marks = append(marks, fmt.Sprintf("$%d", len(args)))
			}
		}
	}
	j.before = map[string][]verify.Previous{}
	if len(marks) == 0 {
		return nil
	}
	var err error
	if j.review, err = j.c.desks.Quality.Review(ctx, j.tx, j.rep.Laboratory, asked...); err != nil {
		return err
	}
	shared := j.c.db.ScopeSQL(record.Scope{All: true, HideWithdrawn: true, Own: j.rep.Institution}, "x.institution_id", "x.patient_id", &args)
	type earlier struct {
		analyte, kind, value, ucum, method string
		at                                 int64
		laboratory, institution            string
		report                             record.ExamID
	}
	rows, err := store.List(ctx, j.tx, `SELECT x.analyte, x.value_kind, x.value, x.ucum, x.method, x.observed_at, x.laboratory_id, x.institution_id, x.report_id
		FROM lab_results x WHERE x.patient_id IN (SELECT CAST($1 AS TEXT) UNION
			SELECT same.id FROM patients me JOIN patients same ON same.person = me.person WHERE me.id = $1)
		AND x.analyte IN (`+strings.Join(marks, ",")+`) AND x.shown = 1 AND x.observed_at >= $2 AND x.report_id <> $3 AND `+shared+
		fmt.Sprintf(` ORDER BY x.observed_at DESC LIMIT %d`, maxPrevious), args, func(r *earlier) []any {
		return []any{&r.analyte, &r.kind, &r.value, &r.ucum, &r.method, &r.at, &r.laboratory, &r.institution, &r.report}
	})
	for _, r := range rows {
		j.before[r.analyte] = append(j.before[r.analyte], verify.Previous{
			Value: verify.ValueOf(observation.ParseValue(r.value)), Unit: r.ucum, At: record.FromMicros(r.at), Laboratory: r.laboratory,
			Institution: r.institution, Method: j.pack.Method(r.analyte, r.method), Report: string(r.report),
		})
	}
	return err
}

// row judges one row and decides who stands for it.
func (j *judgement) row(ctx context.Context, r *Row) (verify.Verdict, error) {
	state, held, err := j.quality(ctx, r)
	if err != nil {
		return verify.Verdict{}, err
	}
	f := j.facts(r, state)
	v := j.rules.Verify(f, j.pack.Convert)
	if len(v.Known) > 0 { // nobody is told again, where somebody was told and it was not dismissed
		var again bool
		if again, err = j.untold(ctx, f.Previous, v.Known); err != nil {
			return verify.Verdict{}, err
		}
		if again {
			v = j.rules.Verify(f, j.pack.Convert)
		}
	}
	r.Judged.take(v, state, j.a.receivedAt)
	switch {
	case held != "":
		r.Judged.Held = held
	case state.Internal == record.QCOutOfControl:
		r.Judged.Held = "质控失控 control out: " + fmt.Sprint(state.Rules)
	}
	if validation(r.Validation) == waiting && v.Release && r.Judged.Held == "" && r.Result.Status.Shown() {
		r.Validation = string(byRules)
	}
	return v, nil
}

// quality is the state of the controls when the row was measured, and why it is held.
func (j *judgement) quality(ctx context.Context, r *Row) (quality.State, string, error) {
	at := r.measuredAt()
	state, err := j.review.StateKnown(ctx, r.Result.Device, r.Analyte, at, j.a.receivedAt)
	if err != nil {
		return state, "", err
	}
	hold, held, err := j.review.Held(ctx, r.Result.Device, r.Analyte, at)
	if err != nil || !held {
		return state, "", err
	}
	return state, heldText(hold), nil
}

// facts are what the rules are asked about a row.
func (j *judgement) facts(r *Row, q quality.State) verify.Facts {
	rep, x := j.rep, &r.Result
	group := j.pack.Method(r.Analyte, x.Method.Code, x.Method.Text, x.Device)
	f := verify.Facts{
		At: j.rep.observed(j.a.receivedAt), Analyte: r.Analyte, Value: verify.ValueOf(x.Value), Unit: r.UCUM, AgeDays: rep.AgeDays, Sex: string(rep.Sex),
		Specimen: j.kind, Method: group, Department: rep.Ward, Laboratory: string(rep.Laboratory), Institution: string(rep.Institution),
		Previous: j.before[r.Analyte], QC: controls[q.Internal], HIL: j.indices, SenderFlags: x.Flags, InstrumentFlags: instrumentFlags(x),
	}
	for _, b := range j.beside {
		if b.Analyte != r.Analyte {
			f.Beside = append(f.Beside, b)
		}
	}
	f.Conditions = j.conditions(r)
	if a, ok := j.pack.Analyte(r.Analyte); ok && a.Kind == catalogue.Micro { // what grows has neither interval nor history
		f.Previous = nil
		return f
	}
	f.Interval = j.interval(r, f)
	return f
}

// senderInterval names the interval that came with a result in verdicts.
const senderInterval = "sender"

// interval is the one that the sender's laboratory gave with the result, which knows its method; where it gave none that can be read, that of the
// catalogue.
func (j *judgement) interval(r *Row, f verify.Facts) *verify.Interval {
	if i, ok := rangeOf(r.Result.Range, f.Sex, r.Result.Unit.Text, r.Result.Unit.Code, r.UCUM); ok {
		i.ID, i.Unit, i.Text = senderInterval, r.UCUM, r.Result.Range
		return &i
	}
	i, ok := j.pack.Interval(r.Analyte, catalogue.Subject{At: f.At, AgeDays: f.AgeDays, Sex: f.Sex, Specimen: f.Specimen, Method: f.Method})
	if !ok {
		return nil
	}
	return &i
}

var controls = map[record.QCVerdict]verify.QC{
	record.QCInControl: verify.QCIn, record.QCWarning: verify.QCWarning, record.QCOutOfControl: verify.QCOut, record.QCNone: verify.QCNone,
	record.QCEstablishing: verify.QCUnknown,
}

// take keeps what a verdict says that people look at.
func (d *Judged) take(v verify.Verdict, q quality.State, at time.Time) {
	d.Rules = v.Pack + " " + v.Version
	if v.Flag != verify.NoFlag {
		d.Flags = []string{string(v.Flag)}
	}
	if i := v.Inputs.Interval; i != nil {
		d.Interval, d.Source = i.Text, i.ID
	}
	for _, s := range v.Steps {
		if s.Outcome == verify.Hold {
			d.Findings = append(d.Findings, s.Rule+" "+s.Why.ZH)
		}
	}
	for _, w := range v.Warnings {
		d.Findings = append(d.Findings, w.Code+" "+w.Text.ZH)
	}
	if len(v.Alarms) > 0 {
		x := v.Alarms[0]
		d.Critical = &CriticalValue{Rule: x.Rule, Version: x.Version, ZH: x.Name.ZH + "：" + x.Text.ZH, EN: x.Name.EN + ": " + x.Text.EN, Minutes: x.Minutes, Steps: x.Escalate}
	}
	d.Quality = qualityAt(q, at)
}

// qualityAt is the state of the controls as it travels with a result.
func qualityAt(q quality.State, at time.Time) record.Quality {
	return record.Quality{
		Internal: q.Internal, InternalAt: q.InternalAt, External: q.External, ExternalScope: q.Scope, ExternalFrom: q.From, ExternalUntil: q.Until, At: at,
	}
}

// putVerdicts keeps all that the rules were asked and said, so that every verdict can be made again.
func putVerdicts(ctx context.Context, tx *store.Tx, rep *reportRow, a *arrival, all []verify.Verdict) error {
	body, err := packed(all)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO lab_verdicts (report_id, message_id, place, recorded_at, body) VALUES ($1,$2,
		(SELECT COUNT(*) FROM lab_verdicts WHERE report_id = $1 AND message_id = $2),$3,$4)`, string(rep.ID), a.id, record.Micros(a.receivedAt), body)
	if err != nil {
		return fmt.Errorf("keep verdicts: %w", err)
	}
	return nil
}

// packers are gzip writers that have been used: a new one costs more than a report's verdicts.
var packers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is one of the package's own
	}
	return z
}}

// packed is a value as JSON, gzip.
func packed(v any) ([]byte, error) {
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	var b bytes.Buffer
	z.Reset(&b)
	err := errors.Join(json.NewEncoder(z).Encode(v), z.Close())
	return b.Bytes(), err
}
