// Ambulatory recordings 动态心电图: analysed after they were stored, streamed from where they are kept.

package ecg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/holter"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// poke wakes the worker.
func (c *Centre) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// afterError is how long a store is left alone that could not be read.
const afterError = 15 * time.Second

// Run analyses what waits until ctx ends. Several servers may run: the first to finish one writes it.
func (c *Centre) Run(ctx context.Context) {
	every := time.NewTicker(c.opt.TickEvery)
	defer every.Stop()
	for {
		if err := c.Tick(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "ecg: analyse ambulatory recordings", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(afterError):
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		case <-c.wake:
		}
	}
}

// Tick analyses all that waits. One that cannot be analysed now waits for the next tick and holds up no other.
func (c *Centre) Tick(ctx context.Context) error {
	var errs []error
	var last Kept
	for {
		all, err := c.getWhere(ctx, `t.analysis_state = 'pending' AND (t.received_at, t.id) > ($1, $2) ORDER BY t.received_at, t.id LIMIT 1`,
			[]any{record.Micros(last.ReceivedAt), string(last.ID)})
		if err != nil || len(all) == 0 {
			return errors.Join(append(errs, err)...)
		}
		last = all[0]
		if err := c.summarise(ctx, last); err != nil {
			if ctx.Err() != nil {
				return err
			}
			errs = append(errs, fmt.Errorf("tracing %s: %w", last.ID, err))
		}
	}
}

// summarise analyses one recording and tells its case. A fault of the recording is its result; one of the stores is tried again.
func (c *Centre) summarise(ctx context.Context, t Kept) error {
	out, st := t.analysis, done
	if out == nil {
		out = &analysis{}
	}
	rec, err := c.recording(ctx, t)
	if err == nil {
		out.Summary, err = guarded(func() (*holter.Summary, error) { return holter.Summarise(ctx, rec, nil) })
	}
	if err != nil {
		if ctx.Err() != nil || !ofRecording(err) {
			return err
		}
		st, out.Failure = failed, "the recording could not be analysed"
		slog.ErrorContext(ctx, "ecg: ambulatory recording not analysed", "tracing", string(t.ID), "err", err)
	}
	return c.finish(ctx, t, st, out)
}

// ofRecording tells a fault of the recording from one of the stores, which may be gone the next time.
func ofRecording(err error) bool {
	var format *tracing.FormatError
	return errors.As(err, &format) || errors.Is(err, errFault) || errors.Is(err, io.ErrUnexpectedEOF) || record.KindOf(err) == record.NotFound
}

func (c *Centre) finish(ctx context.Context, t Kept, st state, out *analysis) error {
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.Lock(ctx, "tracing:"+string(t.ID)); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `UPDATE tracings SET analysis_state = $2 WHERE id = $1 AND analysis_state = 'pending'`, string(t.ID), string(st))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err // another server was first
		}
		now, err := store.Collect(ctx, tx, `SELECT `+keptColumns+` FROM tracings t WHERE t.id = $1`, []any{string(t.ID)}, scanKept)
		if err != nil {
			return err
		}
		t = now[0] // it may have been assigned to another while it was analysed
		a := &arrival{id: t.ID, analysis: out, state: st, site: site{t.Institution, store.Centre{ID: t.Centre}}, facts: facts{
			who: record.Demographics{Sex: t.Sex}, ageYears: t.AgeYears, pacemaker: t.Pacemaker, recordedAt: t.RecordedAt, duration: t.Duration,
		}}
		if _, err := c.alarm(ctx, tx, a, t.Patient, t.Case); err != nil {
			return err
		}
		if err := putAnalysis(ctx, tx, a); err != nil {
			return err
		}
		tx.Emit(record.Event{
			Act: "tracing.analysed", Institution: t.Institution, Patient: t.Patient, Kind: "tracing", Object: string(t.ID), Outcome: outcomeOf(st),
		}.By(system))
		return nil
	})
}

func outcomeOf(st state) record.Outcome {
	if st == failed {
		return record.Failed
	}
	return record.Success
}

// Summary of an ambulatory recording: Unavailable while it is being made.
func (c *Centre) Summary(ctx context.Context, s record.Scope, id record.ExamID) (Kept, *holter.Summary, error) {
	t, err := c.Get(ctx, s, id)
	switch {
	case err != nil:
		return Kept{}, nil, err
	case !t.Ambulatory:
		return Kept{}, nil, record.Errorf(record.Precondition, "tracing %s is not an ambulatory recording", id)
	case t.State == pending:
		return Kept{}, nil, record.Errorf(record.Unavailable, "tracing %s is being analysed; ask again", id)
	case t.analysis == nil || t.analysis.Summary == nil:
		return Kept{}, nil, record.Errorf(record.Precondition, "tracing %s could not be analysed", id)
	}
	return t, t.analysis.Summary, nil
}
