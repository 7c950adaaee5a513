// Delivery of promises: N-EVENT-REPORT over the association that asked, or over one of ours, until it was heard.

package exchange

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

const promiseColumns = `c.id, c.ae_title, c.institution_id, c.transaction_uid, c.event_type, c.report, c.tries, c.created_at`

func scanPromise(scan func(...any) error) (p promise, err error) {
	var event int
	var created int64
	err = scan(&p.id, &p.ae, &p.institution, &p.transaction, &event, &p.report, &p.tries, &created)
	p.event, p.createdAt = uint16(event), record.FromMicros(created)
	return p, err
}

// reportFor is how long one delivery may take.
const reportFor = 2 * time.Minute

// own makes a waiting promise this run's; nil when it waits no more.
func (x *Exchange) own(ctx context.Context, where string, arg any) (*promise, error) {
	var out *promise
	err := x.db.Tx(ctx, func(tx *store.Tx) error {
		out = nil
		p, err := scanPromise(tx.QueryRow(ctx, `SELECT `+promiseColumns+` FROM commitments c WHERE c.state = 'waiting' AND `+where+tx.SkipLocked(), arg).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		p.owner = record.NewID(tx.Now())
		_, err = tx.Exec(ctx, `UPDATE commitments SET owner = $2, next_at = $3 WHERE id = $1`, string(p.id), p.owner, record.Micros(tx.Now().Add(reportFor+holdBack)))
		out = &p
		return err
	})
	return out, err
}

// claimReport takes a promise that is due.
func (x *Exchange) claimReport(ctx context.Context) (*promise, error) {
	now := record.Micros(x.db.Now())
	var one int
	err := x.db.QueryRow(ctx, `SELECT 1 FROM commitments WHERE state = 'waiting' AND next_at <= $1 LIMIT 1`, now).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return x.own(ctx, `c.next_at <= $1 ORDER BY c.next_at LIMIT 1`, now)
}

// Report tells a promise over the association on which it was asked for, which may wait for that. When it is gone, or
// does not take the report, Run tells it over another.
func (x *Exchange) Report(ctx context.Context, a *dimse.Association, id CommitmentID) {
	p, err := x.own(ctx, `c.id = $1`, string(id))
	if err != nil || p == nil {
		nudge(x.reports)
		return
	}
	pc, err := a.ContextFor(dimse.StorageCommitmentPush)
	if err == nil {
		err = p.send(ctx, a, pc)
	}
	x.settleReport(context.WithoutCancel(ctx), p, err, 0)
}

// send sends one N-EVENT-REPORT (PS3.4 J.3.3).
func (p *promise) send(ctx context.Context, a *dimse.Association, pc dimse.Context) error {
	ds, err := dicom.ReadDataSet(p.report, dicom.ExplicitLE, dicom.Limits{})
	if err != nil {
		return err
	}
	b, err := dicom.AppendDataSet(nil, ds, pc.TransferSyntax, "")
	if err != nil {
		return err
	}
	_, err = a.NEventReport(ctx, pc, dimse.StorageCommitmentInstance, p.event, b)
	return err
}

// deliver tells a promise over an association of ours.
func (x *Exchange) deliver(ctx context.Context, p promise) {
	limited, cancel := context.WithTimeout(ctx, reportFor)
	defer cancel()
	err := x.reportAnew(limited, p)
	late, done := context.WithTimeout(context.WithoutCancel(ctx), settleFor)
	defer done()
	if ctx.Err() != nil && err != nil {
		x.settleReport(late, &p, err, time.Millisecond) // the server stops: no try in vain
		return
	}
	x.settleReport(late, &p, err, x.pause(p.tries))
}

// reportAnew opens an association on which we, its requester, are the SCP (PS3.4 J.3.3, PS3.7 §D.3.3.4). Devices that do
// not answer the role selection are taken at their word of the context alone.
func (x *Exchange) reportAnew(ctx context.Context, p promise) error {
	d, err := x.Destination(ctx, p.ae)
	if err != nil {
		return err
	}
	if d.Institution != p.institution {
		return record.Errorf(record.Precondition, "the AE title is another institution's now")
	}
	a, err := x.dial(ctx, d.Peer, []dimse.Proposal{
		{AbstractSyntax: dimse.StorageCommitmentPush, TransferSyntaxes: plain, Roles: &dimse.Roles{SCP: true}},
	}, nil)
	if err != nil {
		return err
	}
	defer a.Abort() // after a release it does nothing
	pc, err := a.ContextFor(dimse.StorageCommitmentPush)
	if err != nil {
		return err
	}
	if err := p.send(ctx, a, pc); err != nil {
		return err
	}
	_ = a.Release(ctx) // it was heard, however they part
	return nil
}

// settleReport writes whether a promise was heard, or when it is told again.
func (x *Exchange) settleReport(ctx context.Context, p *promise, err error, pause time.Duration) {
	failed := err
	_, why := troubleOf(err)
	err = x.db.Tx(ctx, func(tx *store.Tx) error {
		now := tx.Now()
		event := record.Event{
			Act: "commitment.reported", Institution: p.institution, Kind: "commitment", Object: string(p.id), Outcome: record.Success,
			Detail: map[string]string{"ae_title": p.ae},
		}
		state, next, reported := "reported", now, record.Micros(now)
		switch {
		case failed == nil:
		case now.Sub(p.createdAt) > x.opt.GiveUp:
			state, reported, event.Outcome = "given_up", 0, record.Failed
			event.Detail["reason"] = why
		default:
			_, err := tx.Exec(ctx, `UPDATE commitments SET owner = '', tries = tries + 1, next_at = $3, reason = $4 WHERE id = $1 AND owner = $2`,
				string(p.id), p.owner, record.Micros(now.Add(pause)), why)
			return err
		}
		tx.Emit(event)
		_, err := tx.Exec(ctx, `UPDATE commitments SET state = $2, owner = '', next_at = $3, reported_at = $4 WHERE id = $1`,
			string(p.id), state, record.Micros(next), reported)
		return err
	})
	if err != nil {
		x.opt.Log.ErrorContext(ctx, "exchange: settle a report", "commitment", string(p.id), "error", err)
	}
	if failed != nil {
		x.opt.Log.WarnContext(ctx, "exchange: commitment not reported yet", "ae_title", p.ae, "error", why)
		nudge(x.reports)
	}
}
