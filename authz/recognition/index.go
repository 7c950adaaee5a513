// The SQL of this room.

package recognition

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// missing turns "no row" into NotFound: the same text for what is not there and what the caller may not see.
func missing(err error, format string, args ...any) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return record.Errorf(record.NotFound, format, args...)
	case err != nil:
		return fmt.Errorf(format+": %w", append(args, err)...)
	}
	return nil
}

// ---- rule packs

func putPacks(ctx context.Context, tx *store.Tx, rb *Rulebook) error {
	_, err := tx.Exec(ctx, `INSERT INTO recognition_packs (version, body, recorded_at) VALUES ($1, $2, $3)
		ON CONFLICT (version) DO NOTHING`, rb.packsHash, string(rb.text), record.Micros(tx.Now()))
	if err != nil {
		return fmt.Errorf("keep rule packs: %w", err)
	}
	return nil
}

func packsText(ctx context.Context, q store.Querier, version string) (text string, err error) {
	err = q.QueryRow(ctx, `SELECT body FROM recognition_packs WHERE version = $1`, version).Scan(&text)
	return text, missing(err, "rule packs %s", version)
}

// ---- marks

func marksVersion(ctx context.Context, q store.Querier) (v int64, err error) {
	err = q.QueryRow(ctx, `SELECT version FROM recognition_marks_version WHERE one = 1`).Scan(&v)
	if err != nil {
		return 0, fmt.Errorf("version of marks: %w", err)
	}
	return v, nil
}

func nextMarksVersion(ctx context.Context, tx *store.Tx) (v int64, err error) {
	err = tx.QueryRow(ctx, `UPDATE recognition_marks_version SET version = version + 1 WHERE one = 1 RETURNING version`).Scan(&v)
	if err != nil {
		return 0, fmt.Errorf("version of marks: %w", err)
	}
	return v, nil
}

const markColumns = `id, institution_id, item, item_group, kind, scope, from_at, to_at, source, revoked`

type markRow struct {
	Mark
	from, to int64
}

func (m *markRow) fields() []any {
	return []any{&m.ID, &m.Institution, &m.Item, &m.Group, &m.Kind, &m.Scope, &m.from, &m.to, &m.Source, &m.Revoked}
}

func queryMarks(ctx context.Context, q store.Querier, where string, args ...any) ([]Mark, error) {
	rows, err := store.List(ctx, q, `SELECT `+markColumns+` FROM recognition_marks WHERE `+where+` ORDER BY id`, args,
		func(m *markRow) []any { return m.fields() })
	if err != nil {
		return nil, fmt.Errorf("marks: %w", err)
	}
	out := make([]Mark, len(rows))
	for i, r := range rows {
		r.Mark.From, r.Mark.To = record.FromMicros(r.from), record.FromMicros(r.to)
		out[i] = r.Mark
	}
	return out, nil
}

// marksAt is what was believed at a version of the table.
func marksAt(ctx context.Context, q store.Querier, version int64) ([]Mark, error) {
	return queryMarks(ctx, q, `since_version <= $1 AND (until_version = 0 OR until_version > $1)`, version)
}

func putMark(ctx context.Context, tx *store.Tx, m Mark, by string, version int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO recognition_marks (row_id, id, institution_id, item, item_group, kind, scope, from_at, to_at,
		source, revoked, granted_by, recorded_at, since_version) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)`,
		record.NewID(tx.Now()), string(m.ID), string(m.Institution), m.Item, m.Group, string(m.Kind), m.Scope,
		record.Micros(m.From), record.Micros(m.To), m.Source, m.Revoked, by, record.Micros(tx.Now()), version)
	if err != nil {
		return fmt.Errorf("mark of %s: %w", m.Institution, err)
	}
	return nil
}

func retireMark(ctx context.Context, tx *store.Tx, id MarkID, version int64) error {
	_, err := tx.Exec(ctx, `UPDATE recognition_marks SET until_version = $1 WHERE id = $2 AND until_version = 0`, version, string(id))
	return err
}

// ---- checks

type lineRow struct {
	OrderItem
	Code   string        `json:"code,omitempty"`
	Best   State         `json:"best"`
	Counts map[State]int `json:"counts,omitempty"` // verdicts of all priors, those of other items among them
}

type pairRow struct {
	Order   OrderID
	Result  record.ResultID
	Verdict Verdict
}

type checkRow struct {
	ID          CheckID
	Patient     record.PatientID
	Institution record.InstitutionID
	Actor       record.Actor
	At          time.Time
	Ask         Ask
	Lines       []lineRow
	Pairs       []pairRow
	Priors      []byte
	Version     string
	Packs       string
	Marks       int64
}

func putCheck(ctx context.Context, tx *store.Tx, c checkRow) error {
	asked, err := json.Marshal(c.Ask)
	if err != nil {
		return err
	}
	lines, err := json.Marshal(c.Lines)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO recognition_checks (id, patient_id, institution_id, actor_kind, actor_id, asked_at, ask, items,
		priors, catalogue_version, packs_version, marks_version) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)`,
		string(c.ID), string(c.Patient), string(c.Institution), string(c.Actor.Kind), c.Actor.ID, record.Micros(c.At),
		string(asked), string(lines), string(c.Priors), c.Version, c.Packs, c.Marks)
	if err != nil {
		return fmt.Errorf("keep check: %w", err)
	}
	return putPairs(ctx, tx, c.ID, c.Pairs)
}

const (
	pairColumns = 9
	pairRows    = 50 // one statement each: few enough for a short text, many enough to save round trips
)

func putPairs(ctx context.Context, tx *store.Tx, id CheckID, pairs []pairRow) error {
	for len(pairs) > 0 {
		n := min(pairRows, len(pairs))
		args := make([]any, 0, n*pairColumns)
		for _, p := range pairs[:n] {
			v := p.Verdict
			args = append(args, string(id), string(p.Order), string(p.Result), int(v.State), int64(v.Failed), v.Item, v.RuleID,
				v.Mark, record.Micros(v.ValidUntil))
		}
		if _, err := tx.Exec(ctx, insertPairs(n), args...); err != nil {
			return fmt.Errorf("keep reminders: %w", err)
		}
		pairs = pairs[n:]
	}
	return nil
}

func insertPairs(n int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO recognition_pairs (check_id, order_id, result_id, verdict, failed, item, rule_id, mark, valid_until) VALUES `)
	for i := range n * pairColumns {
		switch {
		case i%pairColumns != 0:
			b.WriteByte(',')
		case i > 0:
			b.WriteString("),(")
		default:
			b.WriteByte('(')
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	b.WriteByte(')')
	return b.String()
}

// checkOf reads a check of an institution, without its pairs.
func checkOf(ctx context.Context, q store.Querier, id CheckID, by record.InstitutionID) (checkRow, error) {
	c := checkRow{ID: id}
	var at int64
	var asked, lines, priors string
	err := q.QueryRow(ctx, `SELECT patient_id, institution_id, actor_kind, actor_id, asked_at, ask, items, priors, catalogue_version,
		packs_version, marks_version FROM recognition_checks WHERE id = $1 AND institution_id = $2`, string(id), string(by)).
		Scan(&c.Patient, &c.Institution, &c.Actor.Kind, &c.Actor.ID, &at, &asked, &lines, &priors, &c.Version, &c.Packs, &c.Marks)
	if err != nil {
		return c, missing(err, "check %s", id)
	}
	c.At, c.Priors = record.FromMicros(at), []byte(priors)
	return c, errors.Join(json.Unmarshal([]byte(asked), &c.Ask), json.Unmarshal([]byte(lines), &c.Lines))
}

type pairScan struct {
	pairRow
	until int64
}

func queryPairs(ctx context.Context, q store.Querier, where string, args ...any) ([]pairRow, error) {
	rows, err := store.List(ctx, q, `SELECT order_id, result_id, verdict, failed, item, rule_id, mark, valid_until FROM recognition_pairs
		WHERE `+where+` ORDER BY order_id, result_id`, args, func(p *pairScan) []any {
		v := &p.Verdict
		return []any{&p.Order, &p.Result, &v.State, &v.Failed, &v.Item, &v.RuleID, &v.Mark, &p.until}
	})
	if err != nil {
		return nil, fmt.Errorf("reminders: %w", err)
	}
	out := make([]pairRow, len(rows))
	for i, r := range rows {
		r.Verdict.ValidUntil = record.FromMicros(r.until)
		out[i] = r.pairRow
	}
	return out, nil
}

// resultNow is where a result stands at this moment of the transaction.
func resultNow(ctx context.Context, tx *store.Tx, id record.ResultID) (status record.ResultStatus, source record.InstitutionID, err error) {
	err = tx.QueryRow(ctx, `SELECT status, institution_id FROM results WHERE id = $1`, string(id)).Scan(&status, &source)
	return status, source, missing(err, "result %s", id)
}

// ---- decisions

const decisionColumns = `id, check_id, order_id, result_id, patient_id, institution_id, source_id, choice, reason_code, explanation,
	verdict, item, rule_id, catalogue_version, actor_kind, actor_id, decided_at`

type decisionRow struct {
	Decision
	at int64
}

func (d *decisionRow) fields() []any {
	return []any{
		&d.ID, &d.Check, &d.Order, &d.Result, &d.Patient, &d.Institution, &d.Source, &d.Choice, &d.Reason, &d.Explanation,
		&d.Verdict, &d.Item, &d.RuleID, &d.Version, &d.Actor.Kind, &d.Actor.ID, &d.at,
	}
}

func queryDecisions(ctx context.Context, q store.Querier, where string, args ...any) ([]Decision, error) {
	rows, err := store.List(ctx, q, `SELECT `+decisionColumns+` FROM recognition_decisions WHERE `+where, args,
		func(d *decisionRow) []any { return d.fields() })
	if err != nil {
		return nil, fmt.Errorf("decisions: %w", err)
	}
	out := make([]Decision, len(rows))
	for i, r := range rows {
		r.Decision.At = record.FromMicros(r.at)
		r.Decision.Actor.Institution = r.Decision.Institution
		out[i] = r.Decision
	}
	return out, nil
}

func putDecision(ctx context.Context, tx *store.Tx, d Decision) error {
	_, err := tx.Exec(ctx, `INSERT INTO recognition_decisions (`+decisionColumns+`)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17)`,
		string(d.ID), string(d.Check), string(d.Order), string(d.Result), string(d.Patient), string(d.Institution), string(d.Source),
		string(d.Choice), d.Reason, d.Explanation, int(d.Verdict), d.Item, d.RuleID, d.Version, string(d.Actor.Kind), d.Actor.ID,
		record.Micros(d.At))
	if err != nil {
		return fmt.Errorf("keep decision: %w", err)
	}
	return nil
}
