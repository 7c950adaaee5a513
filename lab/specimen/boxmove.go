// A box on its way: packed, sealed, handed over, taken in, emptied and reconciled.

package specimen

import (
	"cmp"
	"context"
	"slices"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// intoBox checks a scan that names a box. What was packed before the seal may be told after it.
func (d *Desk) intoBox(ctx context.Context, tx *store.Tx, sp *Specimen, sc Scan, x Box, w deed) error {
	switch {
	case sc.Act == Receive:
		if x.Laboratory != w.actor.Institution && w.by&desk == 0 {
			return record.Errorf(record.NotFound, "no box %s", record.Clip(sc.Box, maxBarcode))
		}
		return unexpected(ctx, tx, sp, &x)
	case sc.Act != Pack:
		return record.Errorf(record.Invalid, "box: only packing and receiving name one")
	case x.Institution != sp.Institution:
		return record.Errorf(record.NotFound, "no box %s", record.Clip(sc.Box, maxBarcode))
	case x.Laboratory != sp.Laboratory:
		return record.Errorf(record.Conflict, "box %s goes to another laboratory", x.Barcode)
	case x.State != BoxOpen && (sc.At.IsZero() || sc.At.After(x.SealedAt)):
		return record.Errorf(record.Precondition, "box %s is %s", x.Barcode, x.State)
	}
	return nil
}

// unexpected notes a tube that came in a box on whose manifest it was not.
func unexpected(ctx context.Context, tx *store.Tx, sp *Specimen, x *Box) error {
	res, err := tx.Exec(ctx, `INSERT INTO specimen_box_tubes (box_id, barcode, specimen_id, expected, came_at) VALUES ($1,$2,$3,0,$4)
		ON CONFLICT DO NOTHING`, string(x.ID), sp.Barcode, string(sp.ID), record.Micros(tx.Now()))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	sp.mark(FlagOtherBox)
	return nil
}

// boxFollows keeps the manifest in step with where a tube is.
func boxFollows(ctx context.Context, tx *store.Tx, sp *Specimen, wasBox BoxID) error {
	if wasBox != "" && wasBox != sp.Box {
		if _, err := tx.Exec(ctx, `DELETE FROM specimen_box_tubes WHERE box_id = $1 AND specimen_id = $2 AND came_at = 0`, string(wasBox), string(sp.ID)); err != nil {
			return err
		}
	}
	if sp.Box == "" {
		return nil
	}
	came := record.Micros(sp.ReceivedAt)
	if came == 0 && !slices.Contains([]State{Packed, Transport, Lost}, sp.State) {
		came = record.Micros(tx.Now()) // rejected in the box, or seen on an analyser first
	}
	_, err := tx.Exec(ctx, `INSERT INTO specimen_box_tubes (box_id, barcode, specimen_id, expected, came_at, rejected) VALUES ($1,$2,$3,1,$4,$5)
		ON CONFLICT (box_id, barcode) DO UPDATE SET specimen_id = excluded.specimen_id, expected = 1, came_at = excluded.came_at, rejected = excluded.rejected`,
		string(sp.Box), sp.Barcode, string(sp.ID), came, sp.State == Rejected)
	return err
}

// moving runs one act on a box of the scope and, in the same transaction, on its tubes. ok are the states from which it can be done; the
// same act again changes nothing.
func (d *Desk) moving(ctx context.Context, s record.Scope, name string, to BoxState, ok []BoxState, do func(tx *store.Tx, x *Box) error) (Box, error) {
	x, err := d.boxIn(ctx, d.db, s, name)
	if err != nil {
		return Box{}, err
	}
	id := x.ID
	locks := []string{boxLock(id)}
	for _, t := range x.Tubes {
		if t.Specimen != "" {
			locks = append(locks, specimenLock(t.Specimen))
		}
	}
	err = d.change(ctx, s, locks, func(tx *store.Tx) (err error) {
		if x, err = d.boxIn(ctx, tx, s, string(id)); err != nil || x.State == to {
			return err
		}
		if !slices.Contains(ok, x.State) {
			return record.Errorf(record.Precondition, "box %s is %s", x.Barcode, x.State)
		}
		x.State = to
		if err := do(tx, &x); err != nil {
			return err
		}
		tx.Emit(x.event(string(to)))
		return saveBox(ctx, tx, &x)
	})
	if err != nil {
		return Box{}, err
	}
	return d.boxIn(ctx, d.db, s, string(id))
}

// Seal closes a box: its manifest is fixed.
func (d *Desk) Seal(ctx context.Context, s record.Scope, name, seal string) (Box, error) {
	if err := tidy(field{name: "seal", text: &seal, most: shortText}); err != nil {
		return Box{}, err
	}
	return d.moving(ctx, s, name, BoxSealed, []BoxState{BoxOpen}, func(tx *store.Tx, x *Box) error {
		if err := writesAt(s, x.Institution); err != nil {
			return err
		}
		if len(x.Tubes) == 0 {
			return record.Errorf(record.Precondition, "box %s is empty", x.Barcode)
		}
		x.Seal, x.SealedAt = seal, stamp(tx.Now())
		return nil
	})
}

// HandOver gives a box to a courier: every tube in it is on its way. A box that nobody sealed is handed over as it is.
func (d *Desk) HandOver(ctx context.Context, s record.Scope, name, courier string) (Box, error) {
	if err := tidy(field{name: "courier", text: &courier, most: shortText}); err != nil {
		return Box{}, err
	}
	return d.moving(ctx, s, name, BoxHanded, []BoxState{BoxOpen, BoxSealed}, func(tx *store.Tx, x *Box) error {
		if err := writesAt(s, x.Institution); err != nil {
			return err
		}
		now := stamp(tx.Now())
		x.Courier, x.HandedAt, x.HandedBy = courier, now, s.Actor.ID
		if x.SealedAt.IsZero() {
			x.SealedAt = now
		}
		return d.dispatch(ctx, tx, s, x)
	})
}

func (d *Desk) dispatch(ctx context.Context, tx *store.Tx, s record.Scope, x *Box) error {
	return d.eachTube(ctx, tx, x, func(sp *Specimen) error {
		if sp.State != Packed || sp.Box != x.ID {
			return nil
		}
		_, err := d.apply(ctx, tx, sp, Scan{Act: Dispatch, ClientID: string(x.ID) + "/" + string(sp.ID)}, deed{s.Actor, clinic})
		return err
	})
}

func (d *Desk) eachTube(ctx context.Context, tx *store.Tx, x *Box, do func(sp *Specimen) error) error {
	for _, t := range x.Tubes {
		if t.Specimen == "" {
			continue
		}
		sp, err := specimenOf(ctx, tx, t.Specimen)
		if err == nil {
			err = do(&sp)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Arrive takes a box in at the laboratory. What nobody handed over came too, and its tubes were on their way.
func (d *Desk) Arrive(ctx context.Context, s record.Scope, name string) (Box, error) {
	return d.moving(ctx, s, name, BoxArrived, []BoxState{BoxOpen, BoxSealed, BoxHanded}, func(tx *store.Tx, x *Box) error {
		if !s.Reaches(x.Laboratory) && !s.Reaches(x.Institution) {
			return record.Errorf(record.Denied, "not permitted for institution %s", x.Laboratory)
		}
		now := stamp(tx.Now())
		x.ArrivedAt, x.TakenBy = now, s.Actor.ID
		if x.SealedAt.IsZero() {
			x.SealedAt = now
		}
		if x.HandedAt.IsZero() {
			x.HandedAt = now
		}
		return d.dispatch(ctx, tx, s, x)
	})
}

// Unload scans tubes out of a box that arrived: those on the manifest and others. A barcode that nobody knows is kept as unexpected.
func (d *Desk) Unload(ctx context.Context, s record.Scope, name string, scans []Scan) ([]Scanned, error) {
	x, err := d.boxIn(ctx, d.db, s, name)
	if err != nil {
		return nil, err
	}
	if x.State != BoxArrived {
		return nil, record.Errorf(record.Precondition, "box %s is %s: take it in first", x.Barcode, x.State)
	}
	scans = slices.Clone(scans)
	for i := range scans {
		scans[i].Act, scans[i].Box = cmp.Or(scans[i].Act, Receive), ""
		if scans[i].Act == Receive {
			scans[i].Box = string(x.ID)
		}
	}
	out, err := d.Record(ctx, s, scans)
	if err != nil {
		return nil, err
	}
	return out, d.strangers(ctx, s, &x, out)
}

// strangers keeps the barcodes that nobody knows.
func (d *Desk) strangers(ctx context.Context, s record.Scope, x *Box, out []Scanned) error {
	var codes []string
	for _, r := range out {
		if code := tidyBarcode(r.Barcode); r.Outcome == Refused && record.KindOf(r.Err) == record.NotFound && code != "" {
			codes = append(codes, code)
		}
	}
	if len(codes) == 0 {
		return nil
	}
	return d.change(ctx, s, []string{boxLock(x.ID)}, func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM specimen_box_tubes WHERE box_id = $1 AND specimen_id = ''`, string(x.ID)).Scan(&n); err != nil {
			return err
		}
		for _, c := range codes[:min(len(codes), max(MaxScans-n, 0))] {
			if _, err := tx.Exec(ctx, `INSERT INTO specimen_box_tubes (box_id, barcode, specimen_id, expected, came_at) VALUES ($1,$2,'',0,$3)
				ON CONFLICT DO NOTHING`, string(x.ID), c, record.Micros(tx.Now())); err != nil {
				return err
			}
		}
		return nil
	})
}

// Close ends the unloading: what was on the manifest and did not come is missing, and stands on that list until it is found or given up.
func (d *Desk) Close(ctx context.Context, s record.Scope, name string) (Box, error) {
	return d.moving(ctx, s, name, BoxClosed, []BoxState{BoxArrived}, func(tx *store.Tx, x *Box) error {
		x.ClosedAt = stamp(tx.Now())
		return d.eachTube(ctx, tx, x, func(sp *Specimen) error {
			if sp.State != Packed && sp.State != Transport || sp.Box != x.ID {
				return nil
			}
			sp.mark(FlagMissing)
			tx.Emit(sp.event("missing"))
			return d.saveMarks(ctx, tx, sp)
		})
	})
}

func (d *Desk) saveMarks(ctx context.Context, tx *store.Tx, sp *Specimen) error {
	d.dated(ctx, sp)
	_, err := tx.Exec(ctx, `UPDATE specimens SET marks = $2, deadline_at = $3, deadline_analyte = $4 WHERE id = $1`,
		string(sp.ID), joinWords(sp.marks), record.Micros(sp.DeadlineAt), sp.DeadlineAnalyte)
	return err
}
