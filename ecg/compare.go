// Serial comparison and drafts: beside the patient's ECG before, and what a doctor might write.

package ecg

import (
	"context"
	"strconv"
	"time"

	"github.com/lianzhen/lianzhen/ecg/conclusion"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Compared is a tracing beside another of the same person.
type Compared struct {
	Now, Before Kept
	conclusion.Comparison
}

// Compare sets a tracing beside another of the same person, or beside the last before it where none is named.
func (c *Centre) Compare(ctx context.Context, s record.Scope, id, with record.ExamID) (Compared, error) {
	now, err := c.Get(ctx, s, id)
	if err != nil {
		return Compared{}, err
	}
	before, err := c.before(ctx, s, now, with)
	if err != nil {
		return Compared{}, err
	}
	a, err := now.result()
	if err != nil {
		return Compared{}, err
	}
	b, err := before.result()
	if err != nil {
		return Compared{}, err
	}
	return Compared{now, before, conclusion.Compare(a, b, now.RecordedAt, before.RecordedAt)}, nil
}

// sameRecording is how near two files of a person may be the same recording in two formats.
const sameRecording = time.Minute

const samePerson = `t.patient_id IN (SELECT same.id FROM patients me JOIN patients same ON same.person = me.person WHERE me.id = $1)`

func (c *Centre) before(ctx context.Context, s record.Scope, now Kept, with record.ExamID) (Kept, error) {
	args := []any{string(now.Patient), string(now.ID)}
	where := samePerson + ` AND t.id <> $2 AND t.kind = 'resting' AND ` + c.db.ScopeSQL(s, "t.institution_id", "t.patient_id", &args)
	if with != "" {
		args = append(args, string(with))
		where += ` AND t.id = $` + strconv.Itoa(len(args))
	} else {
		args = append(args, record.Micros(now.RecordedAt.Add(-sameRecording)))
		where += ` AND t.analysis_state = 'done' AND t.recorded_at < $` + strconv.Itoa(len(args))
	}
	all, err := c.getWhere(ctx, where+` ORDER BY t.recorded_at DESC LIMIT 1`, args)
	if err != nil {
		return Kept{}, err
	}
	if len(all) == 0 {
		return Kept{}, record.Errorf(record.NotFound, "no other tracing of the same person to compare with")
	}
	return all[0], c.reads.Note(ctx, s, record.Event{
		Act: "tracing.read", Institution: all[0].Institution, Patient: all[0].Patient, Kind: "tracing", Object: string(all[0].ID),
	})
}

// Draft are conclusions that the findings and the device suggest, most urgent first.
func (c *Centre) Draft(ctx context.Context, s record.Scope, id record.ExamID, language string) ([]conclusion.Item, error) {
	t, err := c.Get(ctx, s, id)
	if err != nil {
		return nil, err
	}
	r, err := t.result()
	if err != nil {
		return nil, err
	}
	return conclusion.Draft(r, t.analysis.Device.Statements, language), nil
}

// previousAt is when the person's tracing before was recorded; zero if there is none.
func (c *Centre) previousAt(ctx context.Context, s record.Scope, t Kept) (string, error) {
	args := []any{string(t.Patient), string(t.ID), record.Micros(t.RecordedAt.Add(-sameRecording))}
	all, err := store.Collect(ctx, c.db, `SELECT `+keptColumns+` FROM tracings t WHERE `+samePerson+` AND t.id <> $2 AND t.recorded_at < $3 AND `+
		c.db.ScopeSQL(s, "t.institution_id", "t.patient_id", &args)+` ORDER BY t.recorded_at DESC LIMIT 1`, args, scanKept)
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0].RecordedAt.In(c.opt.Zone).Format("2006-01-02 15:04"), nil
}
