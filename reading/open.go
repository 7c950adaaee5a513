// Opening: a centre says that an exam is there to be read, or that something of it changed.

package reading

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

const (
	maxClinicalInfo = 20000
	maxFact         = 1000
)

// Open makes the case of an exam, or tells the case there is that the exam changed. Centres call it inside their
// transaction when an exam becomes readable and each time that anything was added to it.
//
// The facts of the exam follow; the priority is only ever raised, and whose exam it is stays once a version is signed.
// When the text was submitted already, the case is also marked as having additions: case.addition says so, and a signed
// case comes back to the default worklist until somebody amends it. Every such call counts as an addition, so that late
// images are never silently missed.
func (r *Room) Open(ctx context.Context, tx *store.Tx, e record.Exam, clinicalInfo string) (record.CaseID, error) {
	if err := checkExam(&e); err != nil {
		return "", err
	}
	clinicalInfo = plainText(clinicalInfo, maxClinicalInfo)
	fresh := r.newCase(tx, e, clinicalInfo)
	made, err := insertCase(ctx, tx, &fresh)
	if err != nil {
		return "", err
	}
	s := record.Scope{All: true, Actor: system}
	if made {
		tx.Emit(fresh.event("case.opened").By(s))
		return fresh.ID, remember(ctx, tx, &fresh, system, "case.opened", "", fresh.OpenedAt)
	}
	for range casTries {
		id, err := r.reopen(ctx, tx, s, e, clinicalInfo)
		if !errors.Is(err, errLost) {
			return id, err
		}
	}
	return "", record.Errorf(record.Unavailable, "the case of exam %s is being changed; try again", e.ID)
}

// OpenSettled makes the case of an exam whose results their maker stands for: nobody is waited for, and critical values can be raised on it. A
// case that is there stays as it is.
func (r *Room) OpenSettled(ctx context.Context, tx *store.Tx, e record.Exam, clinicalInfo string) (record.CaseID, error) {
	if err := checkExam(&e); err != nil {
		return "", err
	}
	fresh := r.newCase(tx, e, plainText(clinicalInfo, maxClinicalInfo))
	fresh.State, fresh.rest = Signed, Signed
	made, err := insertCase(ctx, tx, &fresh)
	if err != nil {
		return "", err
	}
	if !made {
		c, found, err := r.caseOf(ctx, tx, e.ID)
		if err == nil && !found {
			err = fmt.Errorf("the case of exam %s is neither new nor there", e.ID)
		}
		return c.ID, err
	}
	s := record.Scope{All: true, Actor: system}
	tx.Emit(fresh.event("case.opened").By(s))
	return fresh.ID, remember(ctx, tx, &fresh, system, "case.opened", "", fresh.OpenedAt)
}

var system = record.Actor{Kind: record.ActorSystem, ID: "reading"}

func checkExam(e *record.Exam) error {
	for _, id := range []struct{ what, id string }{
		{"exam", string(e.ID)},
		{"institution", string(e.Institution)},
		{"centre", string(e.Centre)},
		{"patient", string(e.Patient)},
	} {
		if !record.ValidID(id.id) {
			return record.Errorf(record.Invalid, "open case: invalid %s id", id.what)
		}
	}
	if !validPriority(e.Priority) {
		e.Priority = record.Routine
	}
	for _, f := range []*string{&e.Modality, &e.BodyPart, &e.Procedure, &e.Accession, &e.Title} {
		*f = plainText(*f, maxFact)
	}
	return nil
}

// plainText makes a text from a device fit to be kept: a bad character must not stop an exam.
func plainText(text string, longest int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
	if r := []rune(text); len(r) > longest {
		text = string(r[:longest])
	}
	return text
}

func (r *Room) newCase(tx *store.Tx, e record.Exam, info string) Case {
	now := stamp(tx.Now())
	return Case{
		ID: record.CaseID(record.NewID(now)), Exam: e, ClinicalInfo: info, State: Waiting, rest: Waiting,
		OpenedAt: now, DueAt: now.Add(r.dueIn(e.Modality, e.Priority)), Version: 1,
	}
}

// reopen tells the case of an exam that the exam changed.
func (r *Room) reopen(ctx context.Context, tx *store.Tx, s record.Scope, e record.Exam, info string) (record.CaseID, error) {
	cs, err := r.listCases(ctx, tx, `WHERE c.exam_id = $1`, []any{string(e.ID)})
	if err != nil {
		return "", err
	}
	if len(cs) == 0 {
		return "", fmt.Errorf("the case of exam %s is neither new nor there", e.ID)
	}
	old := cs[0]
	if old.Exam.Institution != e.Institution {
		return "", record.Errorf(record.Conflict, "exam %s was opened by another institution", e.ID)
	}
	c, act := old, "case.updated"
	r.follow(&c, e, info, tx)
	if c.State == Signed && c.Report == "" { // nobody was waited for until now
		c.State, c.rest = Waiting, Waiting
	}
	if c.Report != "" || c.State == Submitted {
		c.Additions, act = true, "case.addition"
	} else if c == old {
		return c.ID, nil
	}
	c.Version++
	return c.ID, r.keep(ctx, tx, s, &old, &c, doing{asking: asking{actor: s.Actor, now: stamp(tx.Now())}, event: act})
}

// follow takes over the facts of the exam. Nothing that was known is replaced by nothing.
func (r *Room) follow(c *Case, e record.Exam, info string, tx *store.Tx) {
	was := c.Exam
	c.Exam = e
	c.Exam.Kind, c.Exam.Centre = was.Kind, was.Centre
	if c.Report != "" {
		c.Exam.Patient, c.Exam.Grade = was.Patient, was.Grade
	}
	c.Exam.Priority = was.Priority
	if e.Priority.Rank() < was.Priority.Rank() {
		r.prioritise(c, e.Priority, stamp(tx.Now()))
	}
	for _, f := range []struct{ to, was *string }{
		{&c.Exam.Modality, &was.Modality},
		{&c.Exam.BodyPart, &was.BodyPart},
		{&c.Exam.Procedure, &was.Procedure},
		{&c.Exam.Accession, &was.Accession},
		{&c.Exam.Title, &was.Title},
	} {
		if *f.to == "" {
			*f.to = *f.was
		}
	}
	c.Exam.PerformedAt, c.Exam.ReceivedAt = stamp(e.PerformedAt), stamp(e.ReceivedAt)
	if e.PerformedAt.IsZero() {
		c.Exam.PerformedAt = was.PerformedAt
	}
	c.Exam.FirstContactAt = stamp(e.FirstContactAt)
	if e.FirstContactAt.IsZero() {
		c.Exam.FirstContactAt = was.FirstContactAt
	}
	if e.ReceivedAt.IsZero() {
		c.Exam.ReceivedAt = was.ReceivedAt
	}
	if info != "" {
		c.ClinicalInfo = info
	}
}
