package specimen

import (
	"context"
	"slices"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Settle notes that a person has looked at a scan that waits or contradicts others: it stays in the history and counts no more. What was acted
// on cannot be settled away.
func (d *Desk) Settle(ctx context.Context, s record.Scope, id SpecimenID, scan ScanID, note string) (Specimen, error) {
	if err := tidy(field{name: "note", text: &note, most: longText, needed: true}); err != nil {
		return Specimen{}, err
	}
	var sp Specimen
	err := d.change(ctx, s, []string{specimenLock(id)}, func(tx *store.Tx) (err error) {
		if sp, err = d.specimenIn(ctx, tx, s, id, false); err != nil {
			return err
		}
		if sp.placeOf(s) == 0 {
			return record.Errorf(record.Denied, "not permitted for this tube")
		}
		scans, err := scansOf(ctx, tx, id)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(scans, func(x scanned) bool { return x.id == scan })
		switch {
		case i < 0:
			return record.Errorf(record.NotFound, "no scan %s of this tube", scan)
		case scans[i].applied:
			return record.Errorf(record.Precondition, "scan %s was acted on", scan)
		case scans[i].settled:
			return nil
		}
		scans[i].settled = true
		if _, err := tx.Exec(ctx, `UPDATE specimen_scans SET settled_at = $2, settled_by = $3, settled_note = $4 WHERE id = $1`,
			string(scan), record.Micros(tx.Now()), s.Actor.ID, note); err != nil {
			return err
		}
		e := sp.event("settled")
		e.Detail["scan"] = string(scan)
		tx.Emit(e)
		return d.refold(ctx, tx, &sp, scans)
	})
	return sp, err
}
