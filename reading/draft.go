// Drafts: every save is a numbered version, and none is ever lost.

package reading

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Text is what a doctor writes, kept exactly as typed.
type Text struct {
	Findings       string `json:"findings"`   // 检查所见
	Impression     string `json:"impression"` // 诊断意见
	Positive       bool   `json:"positive"`
	Recommendation string `json:"recommendation"` // advice for the clinic that treats

	Conclusions []Conclusion `json:"conclusions,omitempty"` // the same, coded
}

// Equal reports whether nothing differs.
func (t Text) Equal(o Text) bool {
	return t.Findings == o.Findings && t.Impression == o.Impression && t.Positive == o.Positive && t.Recommendation == o.Recommendation &&
		slices.Equal(t.Conclusions, o.Conclusions)
}

// Conclusion is a statement of a report with its code, as it was shown to the doctor.
type Conclusion struct {
	Code   string `json:"code"`
	System string `json:"system"` // whose code: "AHA-2007", "SNOMED-CT"
	Text   string `json:"text"`
}

const maxConclusions = 100

func (t Text) check() error {
	return errors.Join(typed("findings", t.Findings, 20000, false), typed("impression", t.Impression, 8000, false),
		typed("recommendation", t.Recommendation, 4000, false), t.checkConclusions())
}

func (t Text) checkConclusions() error {
	if len(t.Conclusions) > maxConclusions {
		return record.Errorf(record.Invalid, "conclusions: more than %d", maxConclusions)
	}
	for _, c := range t.Conclusions {
		if err := errors.Join(typed("conclusions.code", c.Code, 64, true), typed("conclusions.system", c.System, 64, true),
			typed("conclusions.text", c.Text, 1000, true)); err != nil {
			return err
		}
	}
	return nil
}

// Draft is one saved version of a text.
type Draft struct {
	Case       record.CaseID
	Number     int
	Text       Text
	Author     record.UserID
	AuthorName string
	SavedAt    time.Time
}

// SaveDraft keeps a version and prolongs the claim. base is the number of the draft it was written over, 0 when none was
// seen; a newer one by somebody else is a Conflict.
func (r *Room) SaveDraft(ctx context.Context, s record.Scope, id record.CaseID, t Text, base int) (Draft, error) {
	if err := t.check(); err != nil {
		return Draft{}, err
	}
	var saved Draft
	d := doing{asking: asking{act: ActDraft, actor: s.Actor}, event: "case.drafted", quiet: true}
	d.do = func(ctx context.Context, tx *store.Tx, c *Case) error {
		newest, err := checkBase(ctx, tx, c, s.Actor, base)
		if err != nil {
			return err
		}
		c.hold(s.Actor, r.claimUntil(tx))
		saved = newDraft(c, newest+1, t, s.Actor, stamp(tx.Now()))
		return insertDraft(ctx, tx, saved)
	}
	_, err := r.act(ctx, s, id, d)
	if err != nil {
		return Draft{}, err
	}
	return saved, nil
}

// checkBase returns the number of the newest draft when nobody else saved one after base.
func checkBase(ctx context.Context, tx *store.Tx, c *Case, a record.Actor, base int) (int, error) {
	var newest, others int
	err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(number), 0), COALESCE(MAX(CASE WHEN author_id <> $1 THEN number ELSE 0 END), 0)
		FROM drafts WHERE case_id = $2`, a.ID, string(c.ID)).Scan(&newest, &others)
	switch {
	case err != nil:
		return 0, fmt.Errorf("drafts of case %s: %w", c.ID, err)
	case base < 0 || base > newest:
		return 0, record.Errorf(record.Invalid, "case %s has no draft %d", c.ID, base)
	case others > base:
		return 0, record.Errorf(record.Conflict, "draft %d of case %s is newer and by another doctor; look at it first", others, c.ID)
	}
	return newest, nil
}

func newDraft(c *Case, number int, t Text, a record.Actor, now time.Time) Draft {
	return Draft{Case: c.ID, Number: number, Text: t, Author: record.UserID(a.ID), AuthorName: a.Display, SavedAt: now}
}

func insertDraft(ctx context.Context, tx *store.Tx, d Draft) error {
	body, err := plainJSON(d.Text)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO drafts (case_id, number, body, author_id, author_name, saved_at) VALUES ($1,$2,$3,$4,$5,$6)`,
		string(d.Case), d.Number, string(body), string(d.Author), d.AuthorName, record.Micros(d.SavedAt))
	return err
}

// plainJSON encodes v in one line with <, > and & as they are.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Drafts lists the drafts of a case, newest first, at most the newest 1,000.
func (r *Room) Drafts(ctx context.Context, s record.Scope, id record.CaseID) ([]Draft, error) {
	c, err := r.caseIn(ctx, r.db, s, id)
	if err != nil {
		return nil, err
	}
	out, err := draftsOf(ctx, r.db, `case_id = $1`, string(id))
	if err != nil {
		return nil, err
	}
	return noted(ctx, r.db, out, c.event("draft.list").By(s))
}

// draftsOf reads drafts under a condition, newest first.
func draftsOf(ctx context.Context, q store.Querier, where string, args ...any) ([]Draft, error) {
	type row struct {
		Draft
		body  string
		saved int64
	}
	rows, err := store.List(ctx, q, `SELECT case_id, number, body, author_id, author_name, saved_at FROM drafts
		WHERE `+where+` ORDER BY number DESC LIMIT 1000`, args, func(d *row) []any {
		return []any{&d.Case, &d.Number, &d.body, &d.Author, &d.AuthorName, &d.saved}
	})
	if err != nil {
		return nil, fmt.Errorf("drafts: %w", err)
	}
	out := make([]Draft, len(rows))
	for i, d := range rows {
		d.SavedAt = record.FromMicros(d.saved)
		if err := json.Unmarshal([]byte(d.body), &d.Text); err != nil {
			return nil, fmt.Errorf("draft %d of case %s: %w", d.Number, d.Case, err)
		}
		out[i] = d.Draft
	}
	return out, nil
}

// newestDraft returns the newest draft of a case, or one with number 0.
func newestDraft(ctx context.Context, tx *store.Tx, id record.CaseID) (Draft, error) {
	ds, err := draftsOf(ctx, tx, `case_id = $1 AND number = (SELECT MAX(number) FROM drafts WHERE case_id = $1)`, string(id))
	if err != nil || len(ds) == 0 {
		return Draft{}, err
	}
	return ds[0], nil
}
