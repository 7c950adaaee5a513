// The rows of tracings.

package ecg

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/critical"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/measure"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Have answers for a file by its SHA-256, within the sender's institution; Already is false if it is not here.
func (c *Centre) Have(ctx context.Context, s record.Scope, sha256 string) (Stored, error) {
	place, err := c.siteOf(ctx, s)
	if err != nil {
		return Stored{}, err
	}
	var id record.ExamID
	err = c.db.QueryRow(ctx, `SELECT id FROM tracings WHERE sha256 = $1 AND institution_id = $2`, sha256, string(place.institution)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return Stored{}, nil
	}
	if err != nil {
		return Stored{}, fmt.Errorf("look for tracing: %w", err)
	}
	return c.kept(ctx, id)
}

// kept answers for bytes that are here already; Tracing is empty if they are not.
func (c *Centre) kept(ctx context.Context, id record.ExamID) (Stored, error) {
	var st Stored
	var warnings string
	var alarms string
	var s state
	err := c.db.QueryRow(ctx, `SELECT id, case_id, patient_id, format, warnings, alarms, analysis_state FROM tracings WHERE id = $1`, string(id)).
		Scan(&st.Tracing, &st.Case, &st.Patient, &st.Format, &warnings, &alarms, &s)
	if errors.Is(err, sql.ErrNoRows) {
		return Stored{}, nil
	}
	if err != nil {
		return Stored{}, fmt.Errorf("look for tracing: %w", err)
	}
	st.Already, st.Pending, st.Warnings = true, s == pending, warningsOf(warnings)
	for _, x := range alarmsOf(alarms) {
		st.Alarms = append(st.Alarms, x.Rule)
	}
	return st, nil
}

// nameObject notes that a kept file, which came by a door of this centre, is also an object of the imaging centre: it follows its study from now on.
func (c *Centre) nameObject(ctx context.Context, id record.ExamID, sopUID string) error {
	if sopUID == "" || id == "" {
		return nil
	}
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE tracings SET sop_uid = $2 WHERE id = $1 AND sop_uid = ''`, string(id), sopUID)
		return err
	})
}

// errKept ends a transaction whose file somebody else has just kept: nothing of it stays, no patient above all.
var errKept = errors.New("kept already")

// index writes what is known of a tracing, opens its case and raises its alarms, in one transaction.
func (c *Centre) index(ctx context.Context, a *arrival) (Stored, error) {
	var out Stored
	err := c.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(a.scope)
		if err := tx.Lock(ctx, "tracing:"+string(a.id)); err != nil {
			return err
		}
		m, err := tx.MatchPatient(ctx, a.facts.who)
		if err != nil {
			return fmt.Errorf("match patient: %w", err)
		}
		made, err := c.insert(ctx, tx, a, m)
		if err != nil {
			return err
		}
		if !made {
			return errKept
		}
		out = Stored{Tracing: a.id, Patient: m.Patient, Format: a.facts.format, Warnings: a.facts.warnings, Pending: a.state == pending}
		if out.Case, err = c.openCase(ctx, tx, a, m); err != nil {
			return err
		}
		if out.Alarms, err = c.alarm(ctx, tx, a, m.Patient, out.Case); err != nil {
			return err
		}
		if err := putAnalysis(ctx, tx, a); err != nil {
			return err
		}
		tx.Emit(record.Event{
			Act: "tracing.received", Institution: a.site.institution, Patient: m.Patient, Kind: "tracing", Object: string(a.id), Outcome: record.Success,
			Detail: map[string]string{"format": a.facts.format, "alarms": strings.Join(out.Alarms, " ")},
		}.By(a.scope))
		return nil
	})
	if errors.Is(err, errKept) { // somebody sent the same bytes at the same time
		for _, key := range []string{a.key, a.saidKey} {
			if key != "" {
				_ = c.blobs.Delete(ctx, key) // what stays is swept
			}
		}
		return c.kept(ctx, a.id)
	}
	if err != nil {
		return Stored{}, fmt.Errorf("index tracing: %w", err)
	}
	if out.Pending {
		c.poke()
	}
	return out, nil
}

func (c *Centre) insert(ctx context.Context, tx *store.Tx, a *arrival, m store.Match) (bool, error) {
	f := a.facts
	if a.receivedAt.IsZero() {
		a.receivedAt = tx.Now()
	}
	kind := "resting"
	if f.ambulatory {
		kind = "ambulatory"
	}
	name, latin := f.who.Name.Reveal(), f.who.Latin.Reveal()
	res, err := tx.Exec(ctx, `INSERT INTO tracings (id, institution_id, centre_id, patient_id, grade, local_number, name, name_key, birth_date, sex,
		age_years, pacemaker, kind, format, format_version, device, accession, title, priority, clinical_info, recorded_at, received_at,
		duration_ms, rate_num, rate_den, leads, warnings, analysis_state, sop_uid, blob_key, said_key, size, sha256, case_id, first_contact_at)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,$25,$26,$27,$28,$29,$30,$31,$32,$33,$34,$35)
		ON CONFLICT (id) DO NOTHING`,
		string(a.id), string(a.site.institution), string(a.site.centre.ID), string(m.Patient), string(m.Grade), f.who.LocalID.Reveal(), name,
		store.NameKey(name, latin), f.who.BirthDate.String(), string(f.who.Sex), f.ageYears, f.pacemaker, kind, f.format, f.version, f.device,
		f.accession, f.title, string(f.priority), f.clinicalInfo, record.Micros(f.recordedAt), record.Micros(a.receivedAt), f.duration.Milliseconds(),
		f.rate.Num, f.rate.Den, strings.Join(f.leads, ","), warningsText(f.warnings), string(a.state), a.sopUID, a.key, a.saidKey, a.size, a.sha256,
		string(a.caseID), record.Micros(f.firstContactAt))
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return false, err
	}
	return true, putTerms(ctx, tx, a.id, nameTerm, nameTerms(name, latin))
}

// openCase gives the reading room its case.
func (c *Centre) openCase(ctx context.Context, tx *store.Tx, a *arrival, m store.Match) (record.CaseID, error) {
	id, err := c.room.Open(ctx, tx, a.exam(m), a.facts.clinicalInfo)
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, `UPDATE tracings SET case_id = $2 WHERE id = $1`, string(a.id), string(id))
	return id, err
}

// exam is the tracing as the reading room knows it.
func (a *arrival) exam(m store.Match) record.Exam {
	f := a.facts
	e := record.Exam{
		ID: a.id, Kind: record.ECG, Centre: a.site.centre.ID, Institution: a.site.institution, Patient: m.Patient, Grade: m.Grade,
		Modality: Resting, BodyPart: "HEART", Procedure: restingProcedure, Accession: f.accession, Title: f.title, Priority: f.priority,
		PerformedAt: f.recordedAt, ReceivedAt: a.receivedAt, Complete: true, FirstContactAt: f.firstContactAt,
	}
	if f.ambulatory {
		e.Modality, e.Procedure = Ambulatory, ambulatoryProcedure
	}
	if !f.firstContactAt.IsZero() { // chest pain: its clock runs
		e.Priority = record.Stat
	}
	if e.Priority == "" {
		e.Priority = record.Routine
	}
	return e
}

// LOINC codes of the examinations.
const (
	restingProcedure    = "34534-8" // 12 lead EKG panel
	ambulatoryProcedure = "18754-2" // Holter monitor study
)

// alarm asks the county's rules and raises what they say.
func (c *Centre) alarm(ctx context.Context, tx *store.Tx, a *arrival, patient record.PatientID, id record.CaseID) ([]string, error) {
	r := a.analysis.asked()
	if r == nil {
		return nil, nil
	}
	pack, _, err := c.rules.Of(ctx, tx, a.site.centre.ID)
	if err != nil {
		return nil, err
	}
	before, err := c.previousResult(ctx, tx, Kept{ID: a.id, Institution: a.site.institution, Patient: patient, RecordedAt: a.facts.recordedAt})
	if err != nil {
		return nil, err
	}
	alarms := pack.Evaluate(factsFor(r, patientOf(a.facts), before, a.facts.recordedAt, a.facts.duration))
	var ids []string
	var raise []reading.Alarm
	for _, x := range alarms {
		ids = append(ids, x.Rule)
		raise = append(raise, reading.Alarm{Rule: x.Rule + ":" + x.Version, Finding: findingText(x), Within: time.Duration(x.RespondMinutes) * time.Minute})
	}
	text, err := json.Marshal(alarms)
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `UPDATE tracings SET rules_version = $2, alarms = $3 WHERE id = $1`, string(a.id), pack.ID+" "+pack.Version, string(text))
	if err != nil {
		return nil, err
	}
	if id == "" { // its case was lost with its rows
		return ids, nil
	}
	return ids, c.room.Alarm(ctx, tx, actor, id, raise...)
}

// factsFor is what the rules are asked about a recording.
func factsFor(r *measure.Result, p tracing.Patient, before *measure.Result, at time.Time, length time.Duration) critical.Facts {
	f := critical.FactsOf(r, p, before)
	f.At, f.Length = at, length
	return f
}

// findingText is what the clinic reads.
func findingText(x critical.Alarm) string {
	return x.Name.ZH + "：" + x.Evidence.ZH + "（算法提示，须由医师确认）\n" + x.Name.EN + ": " + x.Evidence.EN + " (algorithm; to be confirmed by a doctor)"
}

// asked is what the rules are asked about.
func (a *analysis) asked() *measure.Result {
	if a.Summary != nil {
		return &measure.Result{Findings: a.findings()}
	}
	return a.Result
}

// putAnalysis writes what our algorithms said.
func putAnalysis(ctx context.Context, tx *store.Tx, a *arrival) error {
	body, err := a.analysis.pack()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO tracing_analyses (tracing_id, body) VALUES ($1,$2) ON CONFLICT (tracing_id) DO UPDATE SET body = excluded.body`,
		string(a.id), body)
	if err != nil {
		return fmt.Errorf("keep analysis: %w", err)
	}
	version := ""
	if a.state == done {
		version = measure.Algorithm.Name + " " + measure.Algorithm.Version
	}
	_, err = tx.Exec(ctx, `UPDATE tracings SET findings = $2, analysis_state = $3, analysis_version = $4 WHERE id = $1`,
		string(a.id), codeList(a.analysis.codes()), string(a.state), version)
	if err != nil {
		return fmt.Errorf("keep analysis: %w", err)
	}
	return putTerms(ctx, tx, a.id, findingTerm, findingTerms(a.analysis.codes()))
}

// codeList has a comma before and behind each code.
func codeList(codes []finding.Code) string {
	if len(codes) == 0 {
		return ""
	}
	all := make([]string, len(codes))
	for i, c := range codes {
		all[i] = string(c)
	}
	return "," + strings.Join(all, ",") + ","
}

func splitCodes(s string) []finding.Code {
	var out []finding.Code
	for code := range strings.SplitSeq(strings.Trim(s, ","), ",") {
		if code != "" {
			out = append(out, finding.Code(code))
		}
	}
	return out
}

// previousResult is what we measured in the person's resting tracing before an instant, nil if there is none. Another institution's does not count
// where the person has withdrawn consent: the clinic would read of it in the evidence of an alarm.
func (c *Centre) previousResult(ctx context.Context, q store.Querier, t Kept) (*measure.Result, error) {
	args := []any{string(t.Patient), string(t.ID), record.Micros(t.RecordedAt.Add(-sameRecording))}
	shared := c.db.ScopeSQL(record.Scope{All: true, HideWithdrawn: true, Own: t.Institution}, "t.institution_id", "t.patient_id", &args)
	rows, err := store.List(ctx, q, `SELECT x.body FROM tracings t JOIN tracing_analyses x ON x.tracing_id = t.id
		WHERE `+samePerson+` AND t.id <> $2 AND t.kind = 'resting' AND t.analysis_state = 'done' AND t.grade = 'certain' AND t.recorded_at < $3
		AND `+shared+` ORDER BY t.recorded_at DESC LIMIT 1`, args, func(b *[]byte) []any { return []any{b} })
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	a, err := unpackAnalysis(rows[0])
	if err != nil {
		return nil, err
	}
	return a.Result, nil
}

func warningsText(all []tracing.Warning) string {
	if len(all) == 0 {
		return "[]"
	}
	for i := range all {
		all[i].Detail = record.Clip(all[i].Detail, 200)
	}
	b, err := json.Marshal(all)
	if err != nil {
		return "[]"
	}
	return string(b)
}

func alarmsOf(s string) []critical.Alarm {
	var out []critical.Alarm
	_ = json.Unmarshal([]byte(s), &out) // we wrote it
	return out
}

func warningsOf(s string) []tracing.Warning {
	var out []tracing.Warning
	_ = json.Unmarshal([]byte(s), &out) // we wrote it
	return out
}
