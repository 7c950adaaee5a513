// What the laboratory's centre asks when results arrive: whose tube is it, and what of it is done.

package specimen

import (
	"context"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// ByBarcode finds the tube of a barcode at a laboratory, with its patient, institution and lines; false when nobody knows it there. It asks
// for no scope: it is for the centre, which has settled who measures. Several tubes of one barcode are ErrAmbiguous.
func (d *Desk) ByBarcode(ctx context.Context, q store.Querier, laboratory record.InstitutionID, barcode string) (Specimen, bool, error) {
	if barcode = tidyBarcode(barcode); barcode == "" {
		return Specimen{}, false, nil
	}
	found, err := store.List(ctx, q, `SELECT p.id, p.state, c.retired_at FROM specimen_barcodes c JOIN specimens p ON p.id = c.specimen_id
		WHERE c.barcode = $1 AND (p.laboratory_id = $2 OR p.institution_id = $2) LIMIT 20`, []any{barcode, string(laboratory)},
		func(f *foundTube) []any { return []any{&f.id, &f.state, &f.retired} })
	if err != nil {
		return Specimen{}, false, err
	}
	id, err := oneTube(found)
	if record.KindOf(err) == record.NotFound {
		return Specimen{}, false, nil
	}
	if err != nil {
		return Specimen{}, false, err
	}
	sp, err := specimenOf(ctx, q, id)
	return sp, err == nil, err
}

// OrderOf reads the order of a tube for the centre: the patient as the orderer said, clinical information, who ordered.
func (d *Desk) OrderOf(ctx context.Context, q store.Querier, id OrderID) (Order, error) {
	return orderByID(ctx, q, id)
}

// Reported notes that analytes of a tube have their results, inside the centre's transaction; none named: all of them. A line is reported
// when nothing of it is missing, and the tube when no line waits. What was not ordered is no fault: a laboratory may measure more.
func (d *Desk) Reported(ctx context.Context, tx *store.Tx, id SpecimenID, analytes ...string) error {
	return d.report(ctx, tx, id, func(_ *Line, analyte string) bool { return len(analytes) == 0 || slices.Contains(analytes, analyte) })
}

// Completed notes that no more results will come of items, by the code of the catalogue or of the orderer; none named: of every line of which
// something was reported. Analysers leave out members of a panel that they do not measure.
func (d *Desk) Completed(ctx context.Context, tx *store.Tx, id SpecimenID, items ...string) error {
	return d.report(ctx, tx, id, func(l *Line, _ string) bool {
		if len(items) == 0 {
			return len(l.Done) > 0
		}
		return slices.Contains(items, l.Code) || slices.Contains(items, itemOf(l.Item))
	})
}

// report marks what is done of the open lines of a tube, and brings the tube to where they are. Nothing counts of a tube that was sent back.
func (d *Desk) report(ctx context.Context, tx *store.Tx, id SpecimenID, isDone func(l *Line, analyte string) bool) error {
	if err := tx.Lock(ctx, specimenLock(id)); err != nil {
		return err
	}
	sp, err := specimenOf(ctx, tx, id)
	if err != nil {
		return err
	}
	if sp.State == Rejected || sp.State == Discarded || sp.State == Cancelled {
		return nil
	}
	now := stamp(tx.Now())
	for _, l := range openLines(sp.Lines) {
		if !l.finish(isDone, now) {
			continue
		}
		if err := saveLine(ctx, tx, l); err != nil {
			return err
		}
	}
	return d.advance(ctx, tx, &sp)
}

// finish moves what is done out of what is missing, and reports whether the line changed.
func (l *Line) finish(isDone func(l *Line, analyte string) bool, now time.Time) bool {
	var fresh []string
	left := 0
	for _, a := range l.Missing() {
		if isDone(l, a) {
			fresh = append(fresh, a)
		} else {
			left++
		}
	}
	if len(fresh) == 0 {
		return false
	}
	l.Done, l.Status = append(l.Done, fresh...), LineAnalysis
	if left == 0 {
		l.Status, l.ReportedAt = LineReported, now
	}
	return true
}

// advance brings the tube to where its lines are.
func (d *Desk) advance(ctx context.Context, tx *store.Tx, sp *Specimen) error {
	act := Start
	if allReported(sp.Lines) {
		act = Report
	}
	if sp.State == Reported || sp.State == Stored || sp.State == Analysis && act == Start {
		return d.saveDeadline(ctx, tx, sp)
	}
	_, err := d.apply(ctx, tx, sp, Scan{Act: act}, program(sp))
	return err
}

// Reopened notes that results of a tube were withdrawn or are measured again: their lines wait anew.
func (d *Desk) Reopened(ctx context.Context, tx *store.Tx, id SpecimenID, analytes ...string) error {
	if err := tx.Lock(ctx, specimenLock(id)); err != nil {
		return err
	}
	sp, err := specimenOf(ctx, tx, id)
	if err != nil {
		return err
	}
	changed := false
	for i := range sp.Lines {
		l := &sp.Lines[i]
		left := slices.DeleteFunc(slices.Clone(l.Done), func(a string) bool { return len(analytes) == 0 || slices.Contains(analytes, a) })
		if l.Status == LineCancelled || len(left) == len(l.Done) {
			continue
		}
		l.Done, l.Status, changed = left, LineAnalysis, true
		l.ReportedAt = record.FromMicros(0)
		if err := saveLine(ctx, tx, l); err != nil {
			return err
		}
	}
	if _, ok := moveOf[moveKey{sp.State, Start}]; !ok || !changed {
		return nil
	}
	_, err = d.apply(ctx, tx, &sp, Scan{Act: Start}, program(&sp))
	return err
}
