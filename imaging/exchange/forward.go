// Forward: objects on their way to a registered device (C-STORE).

package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// ForwardRequest says what goes where.
type ForwardRequest struct {
	Objects     []imaging.UIDs       // studies, series or instances
	Institution record.InstitutionID // only objects of this one; empty: all that the scope holds
	To          string               // AE title of a registered device
	Priority    record.Priority      // default Routine
	Commit      bool                 // delivered means: the device has committed to keep them (PS3.4 J)

	route RouteID
}

const maxForwarded = 200_000

// Forward queues the sending of objects inside the scope, as one transfer for each institution that keeps some. NotFound
// for objects or a device that are not there; Precondition for a device that might not read them itself, since nobody
// sends to another what that one may not see.
func (x *Exchange) Forward(ctx context.Context, s record.Scope, r ForwardRequest) ([]Transfer, error) {
	objects, err := x.located(ctx, s, r)
	if err != nil {
		return nil, err
	}
	var order []record.InstitutionID
	parts := map[record.InstitutionID][]imaging.Located{}
	for _, o := range objects {
		if parts[o.Institution] == nil {
			order = append(order, o.Institution)
		}
		parts[o.Institution] = append(parts[o.Institution], o)
	}
	d, err := x.destinationFor(ctx, s, r.To, order...)
	if err != nil {
		return nil, err
	}
	var out []Transfer
	err = x.db.Tx(ctx, func(tx *store.Tx) error {
		out = nil
		for _, i := range order {
			t, err := x.enqueue(ctx, tx, s, d, r, i, parts[i])
			if err != nil {
				return err
			}
			out = append(out, t)
		}
		return nil
	})
	nudge(x.due)
	return out, err
}

func (x *Exchange) located(ctx context.Context, s record.Scope, r ForwardRequest) ([]imaging.Located, error) {
	var out []imaging.Located
	seen := map[imaging.InstanceID]bool{}
	for _, u := range r.Objects {
		if u == (imaging.UIDs{}) {
			return nil, record.Errorf(record.Invalid, "forward: a study, series or instance is to be named")
		}
		found, err := x.centre.Locate(ctx, s, u)
		if err != nil {
			return nil, err
		}
		for _, o := range found {
			if !seen[o.ID] && (r.Institution == "" || o.Institution == r.Institution) {
				seen[o.ID] = true
				out = append(out, o)
			}
		}
	}
	switch {
	case len(out) == 0:
		return nil, record.Errorf(record.NotFound, "nothing is kept under these UIDs")
	case len(out) > maxForwarded:
		return nil, record.Errorf(record.Invalid, "forward: more than %d objects at once", maxForwarded)
	}
	return out, nil
}

func (x *Exchange) enqueue(ctx context.Context, tx *store.Tx, s record.Scope, d Device, r ForwardRequest, i record.InstitutionID, objects []imaging.Located) (Transfer, error) {
	t := Transfer{
		Kind: Forwards, Institution: i, AETitle: d.AETitle, Route: r.route, Priority: r.Priority, Commit: r.Commit, Total: len(objects), by: askerOf(s),
	}
	t.Priority = priorityRanks[rankOf(r.Priority)]
	t.Study = objects[0].Study
	if slices.ContainsFunc(objects, func(o imaging.Located) bool { return o.Study != t.Study }) {
		t.Study = ""
	}
	if err := t.insert(ctx, tx); err != nil {
		return t, err
	}
	return t, t.putObjects(ctx, tx, 0, each(objects, func(o imaging.Located) imaging.InstanceID { return o.ID }), "queued")
}

// rowsAtOnce bounds one INSERT.
const rowsAtOnce = 200

// putObjects adds the objects of a transfer from a position on.
func (t *Transfer) putObjects(ctx context.Context, tx *store.Tx, from int, ids []imaging.InstanceID, state string) error {
	for some := range slices.Chunk(ids, rowsAtOnce) {
		args := []any{string(t.ID), state}
		var marks []string
		for _, id := range some {
			args = append(args, from, string(id))
			marks = append(marks, fmt.Sprintf("($1, $2, $%d, $%d)", len(args)-1, len(args)))
			from++
		}
		if _, err := tx.Exec(ctx, `INSERT INTO transfer_objects (transfer_id, state, position, instance_id) VALUES `+strings.Join(marks, ","), args...); err != nil {
			return err
		}
	}
	return nil
}

func each[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = f(a)
	}
	return out
}

// atOnce is how many objects a run takes in hand; they go over one association where its contexts allow.
const atOnce = 1000

// brokenTries is how often an association may break at one object before that is given up.
const brokenTries = 4

type todo struct {
	position, tries int
	instance        imaging.InstanceID
}

// forward sends what is queued, each object once; those that a former run stumbled over come last. An error is the reason
// to try again later.
func (r *run) forward(ctx context.Context) error {
	ctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	all, err := store.List(ctx, r.x.db, `SELECT position, tries, instance_id FROM transfer_objects
		WHERE transfer_id = $1 AND state = 'queued' ORDER BY tries, position`, []any{string(r.t.ID)},
		func(t *todo) []any { return []any{&t.position, &t.tries, &t.instance} })
	if err != nil {
		return err
	}
	for some := range slices.Chunk(all, atOnce) {
		if err := r.send(ctx, lost, some); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return r.left(ctx)
}

// left is the trouble of objects that the device could not take now.
func (r *run) left(ctx context.Context) error {
	var n, status int
	err := r.x.db.QueryRow(ctx, `SELECT COUNT(*), COALESCE(MAX(status), 0) FROM transfer_objects WHERE transfer_id = $1 AND state = 'queued'`,
		string(r.t.ID)).Scan(&n, &status)
	if err != nil || n == 0 {
		return err
	}
	return record.Errorf(record.Unavailable, "the device could not take %d objects for now (status %v)", n, dimse.Status(status))
}

// send sends some objects and enters what becomes of each.
func (r *run) send(ctx context.Context, lost context.CancelCauseFunc, some []todo) error {
	objects, err := r.x.centre.Relocate(ctx, each(some, func(t todo) imaging.InstanceID { return t.instance }))
	if err != nil {
		return err
	}
	l := r.open(ctx, lost)
	defer l.close()
	places := make(map[imaging.InstanceID]todo, len(some))
	for _, t := range some {
		places[t.instance] = t
	}
	here := map[imaging.InstanceID]bool{}
	objects = slices.DeleteFunc(objects, func(o imaging.Located) bool {
		here[o.ID] = r.d.Read.Reaches(o.Institution) // asked again: much may have changed since it was queued
		return !here[o.ID]
	})
	for _, t := range some {
		if !here[t.instance] { // gone, or no longer for the device
			l.add(entry{position: t.position, state: "failed", status: imaging.StatusNoSuchObject})
		}
	}
	err = r.x.SendTo(ctx, r.d.Peer, objects, Originator{}, func(o Outcome) bool {
		l.add(entryOf(places[o.Object.ID], o))
		return ctx.Err() == nil
	})
	var at *BrokenOff
	if errors.As(err, &at) && ctx.Err() == nil {
		t := places[at.Object.ID]
		state := "queued"
		if t.tries+1 >= brokenTries {
			state = "failed"
		}
		l.add(entry{position: t.position, state: state, status: uint16(dimse.ProcessingFailure)})
	}
	return err
}

// entryOf says what an outcome means: refused for good, or to be tried again.
func entryOf(t todo, o Outcome) entry {
	e := entry{position: t.position, state: "sent", status: uint16(o.Status)}
	kind := record.KindOf(o.Err)
	switch {
	case o.Sent():
	case o.Err != nil && (kind == record.Unavailable || kind == record.Internal && t.tries+1 < brokenTries):
		e.state = "queued"
	case o.Err != nil:
		e.state = "failed"
	case o.Status>>8 == dimse.OutOfResources>>8, o.Status == dimse.ResourceLimitation:
		e.state = "queued"
	default:
		e.state = "refused"
	}
	return e
}
