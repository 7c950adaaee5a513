// Find: tracings inside a scope.

package ecg

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/critical"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/measure"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Kept is a tracing as the index knows it.
type Kept struct {
	ID              record.ExamID
	Institution     record.InstitutionID
	Centre          record.CentreID
	Patient         record.PatientID
	Grade           record.Grade
	LocalNumber     record.Personal
	Name            record.Personal
	BirthDate       string
	Sex             record.Sex
	AgeYears        int // -1: not known
	Pacemaker       bool
	Ambulatory      bool
	Format, Version string
	DeviceName      string
	Accession       string
	Title           string
	Priority        record.Priority
	ClinicalInfo    string
	RecordedAt      time.Time
	ReceivedAt      time.Time
	Duration        time.Duration
	Rate            tracing.Ratio
	Leads           []string
	Findings        []finding.Code
	Warnings        []tracing.Warning
	State           state
	Algorithm       string // name and version of ours
	RulesVersion    string
	Alarms          []critical.Alarm
	SOPUID          string
	Size            int64
	SHA256          string
	Case            record.CaseID
	FirstContactAt  time.Time
	Pathway         Pathway

	key      string
	said     string
	analysis *analysis // where it was asked for
}

const keptColumns = `t.id, t.institution_id, t.centre_id, t.patient_id, t.grade, t.local_number, t.name, t.birth_date, t.sex, t.age_years, t.pacemaker,
	t.kind, t.format, t.format_version, t.device, t.accession, t.title, t.priority, t.clinical_info, t.recorded_at, t.received_at, t.duration_ms,
	t.rate_num, t.rate_den, t.leads, t.findings, t.warnings, t.analysis_state, t.analysis_version, t.rules_version, t.alarms, t.sop_uid, t.size, t.sha256,
	t.case_id, t.first_contact_at, t.pathway, t.blob_key, t.said_key`

func scanKept(scan func(...any) error) (Kept, error) {
	var t Kept
	var kind, local, name, leads, codes, warnings, alarms, pathway string
	var recorded, received, ms, contact int64
	err := scan(&t.ID, &t.Institution, &t.Centre, &t.Patient, &t.Grade, &local, &name, &t.BirthDate, &t.Sex, &t.AgeYears, &t.Pacemaker,
		&kind, &t.Format, &t.Version, &t.DeviceName, &t.Accession, &t.Title, &t.Priority, &t.ClinicalInfo, &recorded, &received, &ms,
		&t.Rate.Num, &t.Rate.Den, &leads, &codes, &warnings, &t.State, &t.Algorithm, &t.RulesVersion, &alarms, &t.SOPUID, &t.Size, &t.SHA256,
		&t.Case, &contact, &pathway, &t.key, &t.said)
	t.LocalNumber, t.Name, t.Ambulatory = record.Personal(local), record.Personal(name), kind == "ambulatory"
	t.RecordedAt, t.ReceivedAt, t.FirstContactAt = record.FromMicros(recorded), record.FromMicros(received), record.FromMicros(contact)
	t.Duration, t.Findings, t.Warnings = time.Duration(ms)*time.Millisecond, splitCodes(codes), warningsOf(warnings)
	if leads != "" {
		t.Leads = strings.Split(leads, ",")
	}
	t.Pathway = pathwayOf(pathway)
	t.Alarms = alarmsOf(alarms)
	return t, err
}

// Query selects tracings; empty fields select nothing out. Newest first.
type Query struct {
	Patient     record.PatientID
	LocalNumber string // exact
	Name        string // beginning with any of its characters or words, Chinese, pinyin or initials
	Institution record.InstitutionID
	Accession   string
	From, To    time.Time // of the recording, both inclusive
	Finding     finding.Code
	Kind        string // "resting", "ambulatory"
	Limit       int
	Page        string // token of the page before
}

// Find answers a page and the token of the next one, empty at the end.
func (c *Centre) Find(ctx context.Context, s record.Scope, q Query) ([]Kept, string, error) {
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	where := []string{c.db.ScopeSQL(s, "t.institution_id", "t.patient_id", &args)}
	equal := func(column, v string) {
		if v != "" {
			where = append(where, column+" = "+arg(v))
		}
	}
	equal("t.patient_id", string(q.Patient))
	equal("t.local_number", q.LocalNumber)
	equal("t.institution_id", string(q.Institution))
	equal("t.accession", q.Accession)
	equal("t.kind", q.Kind)
	if lo, hi := nameRange(q.Name); lo != "" {
		where = append(where, "t.id IN (SELECT tracing_id FROM tracing_terms WHERE term >= "+arg(lo)+" AND term < "+arg(hi)+")")
	}
	from, at, key := "tracings t", "t.recorded_at", "t.id"
	if q.Finding != "" { // its rows lie in order of time
		from, at, key = "tracing_terms x CROSS JOIN tracings t", "x.recorded_at", "x.tracing_id"
		where = append(where, "x.term = "+arg(findingTerm+string(q.Finding))+" AND t.id = x.tracing_id")
	}
	if !q.From.IsZero() {
		where = append(where, at+" >= "+arg(record.Micros(q.From)))
	}
	if !q.To.IsZero() {
		where = append(where, at+" <= "+arg(record.Micros(q.To)))
	}
	if q.Page != "" {
		last, id, err := parsePage(q.Page)
		if err != nil {
			return nil, "", err
		}
		where = append(where, "("+at+", "+key+") < ("+arg(last)+", "+arg(id)+")")
	}
	out, err := store.Collect(ctx, c.db, `SELECT `+keptColumns+` FROM `+from+` WHERE `+strings.Join(where, " AND ")+
		` ORDER BY `+at+` DESC, `+key+` DESC LIMIT `+arg(q.Limit+1), args, scanKept)
	if err != nil {
		return nil, "", fmt.Errorf("find tracings: %w", err)
	}
	next := ""
	if len(out) > q.Limit {
		out = out[:q.Limit]
		next = pageOf(out[q.Limit-1])
	}
	return out, next, c.db.NoteSoon(ctx, record.Event{
		Act: "tracing.searched", Institution: q.Institution, Patient: q.Patient, Kind: "search", Outcome: record.Success,
		Detail: map[string]string{"count": strconv.Itoa(len(out))},
	}.By(s))
}

func pageOf(t Kept) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", record.Micros(t.RecordedAt), t.ID))
}

func parsePage(page string) (at int64, id string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(page)
	if err == nil {
		_, err = fmt.Sscanf(string(b), "%d %s", &at, &id)
	}
	if err != nil || !record.ValidID(id) {
		return 0, "", record.Errorf(record.Invalid, "page token: not one of ours")
	}
	return at, id, nil
}

// Get reads one tracing with its analysis.
func (c *Centre) Get(ctx context.Context, s record.Scope, id record.ExamID) (Kept, error) {
	args := []any{string(id)}
	t, err := c.getWhere(ctx, "t.id = $1 AND "+c.db.ScopeSQL(s, "t.institution_id", "t.patient_id", &args), args)
	if err != nil {
		return Kept{}, err
	}
	if len(t) == 0 {
		return Kept{}, record.Errorf(record.NotFound, "no tracing %s", id)
	}
	return t[0], c.reads.Note(ctx, s, record.Event{
		Act: "tracing.read", Institution: t[0].Institution, Patient: t[0].Patient, Kind: "tracing", Object: string(id),
	})
}

// Reads reports whether one of the DICOM objects of an institution is a tracing here.
func (c *Centre) Reads(ctx context.Context, q store.Querier, institution record.InstitutionID, sopUIDs []string) (bool, error) {
	for part := range slices.Chunk(sopUIDs, 200) {
		args := []any{string(institution)}
		marks := make([]string, len(part))
		for i, uid := range part {
			args = append(args, uid)
			marks[i] = "$" + strconv.Itoa(len(args))
		}
		var n int
		err := q.QueryRow(ctx, `SELECT COUNT(*) FROM tracings WHERE institution_id = $1 AND sop_uid IN (`+strings.Join(marks, ",")+`)`, args...).Scan(&n)
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

func (c *Centre) getWhere(ctx context.Context, where string, args []any) ([]Kept, error) {
	return store.Collect(ctx, c.db, `SELECT `+keptColumns+`, x.body FROM tracings t LEFT JOIN tracing_analyses x ON x.tracing_id = t.id WHERE `+where, args,
		func(scan func(...any) error) (Kept, error) {
			var body []byte
			t, err := scanKept(func(to ...any) error { return scan(append(to, &body)...) })
			if err == nil && body != nil {
				t.analysis, err = unpackAnalysis(body)
			}
			return t, err
		})
}

// patient is the person as limits and rules want to know him.
func (t *Kept) patient() tracing.Patient {
	return patientOf(facts{who: record.Demographics{Sex: t.Sex}, ageYears: t.AgeYears, pacemaker: t.Pacemaker})
}

// Result is what our algorithms measured, nil if they did not.
func (t *Kept) Result() *measure.Result {
	if t.analysis == nil {
		return nil
	}
	return t.analysis.Result
}

// Device is what the cart measured and said, untouched.
func (t *Kept) Device() ([]tracing.Measurement, []tracing.Statement) {
	if t.analysis == nil {
		return nil, nil
	}
	return t.analysis.Device.Measurements, t.analysis.Device.Statements
}

// Described are the findings of our algorithms with their evidence.
func (t *Kept) Described() []finding.Finding {
	if t.analysis == nil {
		return nil
	}
	return t.analysis.findings()
}

// Pending reports whether an ambulatory recording waits for its analysis; Failed whether it could not be analysed.
func (t *Kept) Pending() bool { return t.State == pending }

// Failed reports whether it could not be analysed.
func (t *Kept) Failed() bool { return t.State == failed }
