// Recall 召回: who saw a value that no longer stands is told, and says that they know.

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Recall is one reader of a value that was corrected or withdrawn afterwards.
type Recall struct {
	ID             string
	Report         record.ExamID
	Institution    record.InstitutionID // of the reader
	Patient        record.PatientID
	Reader         record.Actor
	SeenAt         time.Time
	RaisedAt       time.Time
	Reason         string // corrected withdrawn
	Rows           []seen // that no longer stand
	AcknowledgedAt time.Time
	AcknowledgedBy string
}

// reportRead is the act of our events that says that somebody saw a report.
const reportRead = "lab.read"

// seeing are the acts that say that somebody saw values of a report.
var seeing = []string{reportRead, "lab.printed", delivered}

// trended is the act of a reading of many reports at once: its object is a person with an analyte, or with wholeTable.
const (
	trended    = "lab.trended"
	wholeTable = "cumulative"
)

// recall tells everybody who looked at the report since what no longer stands came. What follows and says the same recalls nobody.
func (ch *change) recall(ctx context.Context, rows []Row) error {
	var gone []seen
	reason := "corrected"
	for _, h := range ch.hid {
		if h.Reason == "confirmed" {
			continue
		}
		if gone = append(gone, h); h.Reason == "withdrawn" {
			reason = h.Reason
		}
	}
	if len(gone) == 0 {
		return nil
	}
	readers, err := ch.readers(ctx, gone, rows)
	if err != nil {
		return err
	}
	since := slices.MinFunc(gone, func(a, b seen) int { return a.since.Compare(b.since) }).since.Add(-readAgainWithin)
	for _, r := range readers {
		if r.Kind == record.ActorSystem || r.Kind == record.ActorDevice || r.Last.Before(since) {
			continue
		}
		if err := ch.recallReader(ctx, r, reason, gone); err != nil {
			return err
		}
	}
	return nil
}

// readAgainWithin is how much earlier than its last reading a reader may have been noted: readings within a minute are one, and clocks differ.
const readAgainWithin = 5 * time.Minute

// readers are who opened the report, and who saw one of its values among those of other reports: in a trend or a table of the person.
func (ch *change) readers(ctx context.Context, gone []seen, rows []Row) ([]reading.Reader, error) {
	out, err := ch.centre.room.Readers(ctx, ch.rep.ID, seeing...)
	if err != nil {
		return nil, err
	}
	same, err := store.List(ctx, ch.tx, `SELECT CAST($1 AS TEXT) UNION SELECT same.id FROM patients me JOIN patients same ON same.person = me.person WHERE me.id = $1`,
		[]any{string(ch.rep.Patient)}, func(id *string) []any { return []any{id} })
	if err != nil {
		return nil, err
	}
	told := map[string]int{}
	for i, r := range out {
		told[string(r.Kind)+r.ID+"@"+string(r.Institution)] = i
	}
	for _, object := range trendsOf(same, gone, rows) {
		more, err := ch.centre.room.Readers(ctx, record.ExamID(object), trended)
		if err != nil {
			return nil, err
		}
		for _, r := range more {
			key := string(r.Kind) + r.ID + "@" + string(r.Institution)
			if i, known := told[key]; known {
				out[i].Last = latest(out[i].Last, r.Last)
				continue
			}
			told[key] = len(out)
			out = append(out, r)
		}
	}
	return out, nil
}

// trendsOf names the trends and tables that values are in, as readings of them are noted.
func trendsOf(patients []string, gone []seen, rows []Row) []string {
	of := []string{wholeTable}
	for i := range rows {
		if r := &rows[i]; r.Analyte != "" && !slices.Contains(of, r.Analyte) && slices.ContainsFunc(gone, func(s seen) bool { return s.Row == r.ID }) {
			of = append(of, r.Analyte)
		}
	}
	var out []string
	for _, p := range patients {
		for _, name := range of {
			out = append(out, p+":"+name)
		}
	}
	return out
}

func (ch *change) recallReader(ctx context.Context, r reading.Reader, reason string, gone []seen) error {
	k, now := &ch.rep.Kept, ch.tx.Now()
	id := record.NewID(now)
	_, err := ch.tx.Exec(ctx, `INSERT INTO lab_recalls (id, report_id, institution_id, patient_id, reader_kind, reader_id, reader_name, seen_at, raised_at,
		reason, rows) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)`, id, string(k.ID), string(r.Institution), string(k.Patient), string(r.Kind), r.ID, r.Name,
		record.Micros(r.Last), record.Micros(now), reason, jsonText(gone))
	if err != nil {
		return fmt.Errorf("recall: %w", err)
	}
	ch.tx.Emit(record.Event{
		Act: "lab.recalled", Institution: r.Institution, Patient: k.Patient, Kind: "lab-recall", Object: id, Outcome: record.Success,
		Detail: map[string]string{"report": string(k.ID), "reader": r.ID, "reason": reason},
	}.By(ch.scope))
	return nil
}

// Recalls lists the recalls of the readers of the scope's institutions, those that nobody has acknowledged or all, newest first.
func (c *Centre) Recalls(ctx context.Context, s record.Scope, all bool, before string, limit int) ([]Recall, error) {
	s.RelatedAt = ""
	var args []any
	where := []string{c.db.ScopeSQL(s, "v.institution_id", "v.patient_id", &args)}
	if !all {
		where = append(where, "v.acknowledged_at = 0")
	}
	if before != "" {
		args = append(args, before)
		where = append(where, fmt.Sprintf("v.id < $%d", len(args)))
	}
	args = append(args, limit)
	return c.recallRows(ctx, c.db, strings.Join(where, " AND ")+fmt.Sprintf(" ORDER BY v.id DESC LIMIT $%d", len(args)), args)
}

func (c *Centre) recallRows(ctx context.Context, q store.Querier, where string, args []any) ([]Recall, error) {
	out, err := store.Collect(ctx, q, `SELECT v.id, v.report_id, v.institution_id, v.patient_id, v.reader_kind, v.reader_id, v.reader_name, v.seen_at,
		v.raised_at, v.reason, v.rows, v.acknowledged_at, v.acknowledged_by FROM lab_recalls v WHERE `+where, args,
		func(scan func(...any) error) (Recall, error) {
			var r Recall
			var saw, raised, known int64
			var rows string
			err := scan(&r.ID, &r.Report, &r.Institution, &r.Patient, &r.Reader.Kind, &r.Reader.ID, &r.Reader.Display, &saw, &raised, &r.Reason, &rows,
				&known, &r.AcknowledgedBy)
			r.Reader.Institution = r.Institution
			r.SeenAt, r.RaisedAt, r.AcknowledgedAt = record.FromMicros(saw), record.FromMicros(raised), record.FromMicros(known)
			_ = json.Unmarshal([]byte(rows), &r.Rows) // we wrote it
			return r, err
		})
	if err != nil {
		return nil, fmt.Errorf("recalls: %w", err)
	}
	return out, nil
}

// AcknowledgeRecall notes that a person of the reader's institution knows. Saying it again changes nothing.
func (c *Centre) AcknowledgeRecall(ctx context.Context, s record.Scope, id string) (Recall, error) {
	s.RelatedAt = ""
	var out Recall
	err := c.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		args := []any{id}
		found, err := c.recallRows(ctx, tx, `v.id = $1 AND `+c.db.ScopeSQL(s, "v.institution_id", "v.patient_id", &args), args)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return record.Errorf(record.NotFound, "no recall %s", id)
		}
		if out = found[0]; !out.AcknowledgedAt.IsZero() {
			return nil
		}
		out.AcknowledgedAt, out.AcknowledgedBy = tx.Now().Truncate(time.Microsecond), s.Actor.ID // as it is kept
		_, err = tx.Exec(ctx, `UPDATE lab_recalls SET acknowledged_at = $2, acknowledged_by = $3 WHERE id = $1`, id, record.Micros(out.AcknowledgedAt), s.Actor.ID)
		tx.Emit(record.Event{
			Act: "lab.recall.acknowledged", Institution: out.Institution, Patient: out.Patient, Kind: "lab-recall", Object: id, Outcome: record.Success,
			Detail: map[string]string{"report": string(out.Report)},
		}.By(s))
		return err
	})
	return out, err
}
