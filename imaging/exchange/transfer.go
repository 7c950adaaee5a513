// Transfers: objects on their way to another application entity, or from it, as rows.

package exchange

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

type (
	TransferID string // of a transfer
	Kind       string // which way objects go
	State      string // how far a transfer has come
)

// Which way.
const (
	Forwards Kind = "forward" // to the device
	Fetches  Kind = "fetch"   // from it
)

// States of a transfer.
const (
	Queued     State = "queued"     // waits, for its turn or for the next try
	Running    State = "running"    // objects go
	Committing State = "committing" // all are sent; the other side is to promise that it keeps them
	Done       State = "done"       // every object is there
	Failed     State = "failed"     // it has ended, and some are not
	Cancelled  State = "cancelled"
)

// Transfer is one job. Of its objects so many were sent (received, when it fetches), of these committed; refused by the
// other side for good; failed on ours or in the commitment. The rest waits.
type Transfer struct {
	ID          TransferID
	Kind        Kind
	State       State
	Institution record.InstitutionID // whose objects they are
	Study       record.ExamID        // empty: of several, or not known
	AETitle     string               // the other side
	Route       RouteID              // empty: somebody asked
	Priority    record.Priority
	Commit      bool

	Total, Sent, Committed, Refused, Failed int

	Tries     int       // since something was last sent
	Reason    string    // of the last trouble; no personal data
	NextAt    time.Time // of a queued one
	CreatedAt time.Time
	ChangedAt time.Time
	EndedAt   time.Time // zero: not yet

	transaction dicom.UID
	by          asker
	request     string
	movedAt     time.Time
	owner       string
}

// Ended tells whether nothing more happens by itself.
func (t Transfer) Ended() bool { return t.State == Done || t.State == Failed || t.State == Cancelled }

// asker is who wanted a transfer, for the events that tell of it.
type asker struct {
	Actor   record.Actor
	Purpose record.Purpose
	Rule    string
}

func askerOf(s record.Scope) asker { return asker{s.Actor, s.Purpose, s.Rule} }

func (a asker) scope() record.Scope {
	return record.Scope{Actor: a.Actor, Purpose: a.Purpose, Rule: a.Rule}
}

// priorityRanks are the order in which transfers begin, and how it is kept.
var priorityRanks = []record.Priority{record.Stat, record.Urgent, record.Routine}

func rankOf(p record.Priority) int {
	for i, r := range priorityRanks {
		if r == p {
			return i
		}
	}
	return len(priorityRanks) - 1
}

const transferColumns = `t.id, t.kind, t.state, t.institution_id, t.study_id, t.ae_title, t.route_id, t.priority, t.commitment,
	t.transaction_uid, t.asked_by, t.request, t.total, t.sent, t.committed, t.refused, t.failed, t.tries, t.reason, t.owner, t.next_at,
	t.moved_at, t.created_at, t.changed_at, t.ended_at`

func scanTransfer(scan func(...any) error) (t Transfer, err error) {
	var rank int
	var by string
	var next, moved, created, changed, ended int64
	err = scan(&t.ID, &t.Kind, &t.State, &t.Institution, &t.Study, &t.AETitle, &t.Route, &rank, &t.Commit, &t.transaction, &by, &t.request,
		&t.Total, &t.Sent, &t.Committed, &t.Refused, &t.Failed, &t.Tries, &t.Reason, &t.owner, &next, &moved, &created, &changed, &ended)
	if err != nil {
		return t, err
	}
	t.Priority = priorityRanks[min(max(rank, 0), len(priorityRanks)-1)]
	t.NextAt, t.movedAt, t.CreatedAt, t.ChangedAt = record.FromMicros(next), record.FromMicros(moved), record.FromMicros(created), record.FromMicros(changed)
	if ended > 0 {
		t.EndedAt = record.FromMicros(ended)
	}
	return t, json.Unmarshal([]byte(by), &t.by)
}

// insert writes a new transfer that is due at once.
func (t *Transfer) insert(ctx context.Context, tx *store.Tx) error {
	by, err := json.Marshal(t.by)
	if err != nil {
		return err
	}
	now := record.Micros(tx.Now())
	t.ID, t.State = TransferID(record.NewID(tx.Now())), Queued
	t.CreatedAt = record.FromMicros(now)
	t.ChangedAt, t.NextAt = t.CreatedAt, t.CreatedAt
	_, err = tx.Exec(ctx, `INSERT INTO transfers (id, kind, state, institution_id, study_id, ae_title, route_id, priority, commitment, asked_by,
			request, total, next_at, moved_at, created_at, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $13, $13)`,
		string(t.ID), string(t.Kind), string(t.State), string(t.Institution), string(t.Study), t.AETitle, string(t.Route), rankOf(t.Priority),
		t.Commit, string(by), t.request, t.Total, now)
	if err != nil {
		return err
	}
	tx.Emit(record.Event{
		Act: "transfer.queued", Institution: t.Institution, Kind: "transfer", Object: string(t.ID), Outcome: record.Success,
		Detail: map[string]string{"ae_title": t.AETitle, "kind": string(t.Kind), "objects": strconv.Itoa(t.Total)},
	}.By(t.by.scope()))
	return nil
}

// TransferFilter selects transfers; empty fields select nothing out. The newest comes first.
type TransferFilter struct {
	States      []State
	Kind        Kind
	AETitle     string
	Study       record.ExamID
	Institution record.InstitutionID
	Before      TransferID // the last one of the page before
	Limit       int
}

// Transfers lists the transfers of objects inside the scope.
func (x *Exchange) Transfers(ctx context.Context, s record.Scope, f TransferFilter) ([]Transfer, error) {
	var args []any
	conds := []string{x.db.ScopeSQL(s, "t.institution_id", "", &args)}
	add := func(format string, v string) {
		if v != "" {
			args = append(args, v)
			conds = append(conds, fmt.Sprintf(format, len(args)))
		}
	}
	add("t.kind = $%d", string(f.Kind))
	add("t.ae_title = $%d", f.AETitle)
	add("t.study_id = $%d", string(f.Study))
	add("t.institution_id = $%d", string(f.Institution))
	add("t.id < $%d", string(f.Before))
	if len(f.States) > 0 {
		var marks []string
		for _, st := range f.States {
			args = append(args, string(st))
			marks = append(marks, fmt.Sprintf("$%d", len(args)))
		}
		conds = append(conds, "t.state IN ("+strings.Join(marks, ",")+")")
	}
	args = append(args, min(max(f.Limit, 1), 1001))
	return store.Collect(ctx, x.db, fmt.Sprintf(`SELECT %s FROM transfers t WHERE %s ORDER BY t.id DESC LIMIT $%d`,
		transferColumns, strings.Join(conds, " AND "), len(args)), args, scanTransfer)
}

// Transfer gives one; NotFound outside the scope.
func (x *Exchange) Transfer(ctx context.Context, s record.Scope, id TransferID) (Transfer, error) {
	return transferIn(ctx, x.db, s, id, "")
}

func transferIn(ctx context.Context, q store.Querier, s record.Scope, id TransferID, lock string) (Transfer, error) {
	t, err := scanTransfer(q.QueryRow(ctx, `SELECT `+transferColumns+` FROM transfers t WHERE t.id = $1`+lock, string(id)).Scan)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Transfer{}, err
	}
	if err != nil || !s.Reaches(t.Institution) {
		return Transfer{}, record.Errorf(record.NotFound, "transfer %s", id)
	}
	return t, nil
}

var errCancelled = record.Errorf(record.Precondition, "the transfer was cancelled")

// Cancel ends a transfer. What was sent stays sent; an object that is on the line may still arrive.
func (x *Exchange) Cancel(ctx context.Context, s record.Scope, id TransferID) (Transfer, error) {
	err := x.change(ctx, s, id, func(tx *store.Tx, t Transfer) error {
		if t.Ended() {
			return record.Errorf(record.Precondition, "the transfer has ended")
		}
		t.State, t.Reason = Cancelled, "cancelled"
		return x.end(ctx, tx, t)
	})
	if err != nil {
		return Transfer{}, err
	}
	x.mu.Lock()
	if stop := x.runs[id]; stop != nil {
		stop(errCancelled)
	}
	x.mu.Unlock()
	return x.Transfer(ctx, s, id)
}

// Retry begins a transfer again with what has not arrived: one that has ended, or one that waits for its next try.
func (x *Exchange) Retry(ctx context.Context, s record.Scope, id TransferID) (Transfer, error) {
	err := x.change(ctx, s, id, func(tx *store.Tx, t Transfer) error {
		if t.State == Running || t.State == Committing || t.State == Done {
			return record.Errorf(record.Precondition, "the transfer is %s", t.State)
		}
		if _, err := tx.Exec(ctx, `UPDATE transfer_objects SET state = 'queued', status = 0, tries = 0
			WHERE transfer_id = $1 AND state IN ('refused', 'failed')`, string(id)); err != nil {
			return err
		}
		now := record.Micros(tx.Now())
		_, err := tx.Exec(ctx, `UPDATE transfers SET state = 'queued', refused = 0, failed = 0, tries = 0, reason = '', owner = '', next_at = $2,
			moved_at = $2, changed_at = $2, ended_at = 0, transaction_uid = '' WHERE id = $1`, string(id), now)
		return err
	})
	if err != nil {
		return Transfer{}, err
	}
	nudge(x.due)
	return x.Transfer(ctx, s, id)
}

func (x *Exchange) change(ctx context.Context, s record.Scope, id TransferID, act func(tx *store.Tx, t Transfer) error) error {
	return x.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		if err := tx.Lock(ctx, "transfer:"+string(id)); err != nil {
			return err
		}
		t, err := transferIn(ctx, tx, s, id, "")
		if err != nil {
			return err
		}
		return act(tx, t)
	})
}

// end writes that a transfer has ended, and what of each study has gone.
func (x *Exchange) end(ctx context.Context, tx *store.Tx, t Transfer) error {
	now := record.Micros(tx.Now())
	if _, err := tx.Exec(ctx, `UPDATE transfers SET state = $2, reason = $3, owner = '', changed_at = $4, ended_at = $4, transaction_uid = ''
		WHERE id = $1`, string(t.ID), string(t.State), t.Reason, now); err != nil {
		return err
	}
	return x.tell(ctx, tx, t)
}

// acts are the events that tell what a transfer did.
var acts = map[Kind]string{Forwards: "study.sent", Fetches: "study.fetched"}

// tell notes for each study what went where: counts and the AE title, nothing about the patient but the id.
func (x *Exchange) tell(ctx context.Context, tx *store.Tx, t Transfer) error {
	type part struct {
		study   record.ExamID
		patient record.PatientID
		gone, n int
	}
	parts, err := store.List(ctx, tx, `SELECT i.study_id, i.patient_id,
			SUM(CASE WHEN o.state IN ('sent', 'committed', 'received') THEN 1 ELSE 0 END), COUNT(*)
		FROM transfer_objects o JOIN instances i ON i.id = o.instance_id WHERE o.transfer_id = $1
		GROUP BY i.study_id, i.patient_id ORDER BY i.study_id LIMIT 1000`, []any{string(t.ID)},
		func(p *part) []any { return []any{&p.study, &p.patient, &p.gone, &p.n} })
	if err != nil {
		return err
	}
	for _, p := range parts {
		outcome := record.Success
		if p.gone < p.n {
			outcome = record.Failed
		}
		tx.Emit(record.Event{
			Act: acts[t.Kind], Institution: t.Institution, Patient: p.patient, Kind: "study", Object: string(p.study), Outcome: outcome,
			Detail: map[string]string{
				"ae_title": t.AETitle, "transfer": string(t.ID), "instances": strconv.Itoa(p.gone), "of": strconv.Itoa(p.n), "state": string(t.State),
			},
		}.By(t.by.scope()))
	}
	return nil
}
