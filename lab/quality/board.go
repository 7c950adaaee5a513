package quality

import (
	"context"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/lab/westgard"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// worse is the graver of two decisions; any verdict is graver than none.
func worse(a, b Decision) Decision {
	switch {
	case a == Establishing:
		return b
	case b == Establishing:
		return a
	}
	return westgard.Worse(a, b)
}

// BoardFilter selects the series of a board; empty fields select nothing out.
type BoardFilter struct {
	Laboratory record.InstitutionID
	Device     string
	Analyte    string
	Internal   []record.QCVerdict
	At         time.Time // now when zero
	Page       store.Page
}

// Line is one series on the status board of a laboratory.
type Line struct {
	ID      SeriesID
	Of      Series
	State   State
	Plan    Plan
	Waiting int // holds nobody has ruled on
	LastAt  time.Time
}

// Board lists series with their states, as they are known now. next is the id behind which to ask on, empty at the end; a page that selects by
// state may be shorter than its limit and still have a next.
func (d *Desk) Board(ctx context.Context, s record.Scope, f BoardFilter) (lines []Line, next string, err error) {
	now := d.db.Now()
	if f.At.IsZero() {
		f.At = now
	}
	b := d.within(s, "s.institution_id", f.Laboratory)
	b.Equal("s.device", f.Device)
	b.Equal("s.analyte", f.Analyte)
	b.after("s.id", f.Page)
	n := min(limit(f.Page), mostPage)
	query := `SELECT s.id, s.institution_id, s.device, s.analyte, (SELECT COUNT(*) FROM qc_holds h WHERE h.series_id = s.id AND h.decision = ''),
		(SELECT COALESCE(MAX(p.at), 0) FROM qc_points p WHERE p.series_id = s.id) FROM qc_series s WHERE ` + b.String() + ` ORDER BY s.id LIMIT ` + b.Arg(n+1)
	all, err := store.Collect(ctx, d.db, query, b.Args, func(scan func(...any) error) (l Line, err error) {
		var last int64
		err = scan(&l.ID, &l.Of.Laboratory, &l.Of.Device, &l.Of.Analyte, &l.Waiting, &last)
		l.LastAt = record.FromMicros(last)
		return l, err
	})
	if err != nil {
		return nil, "", err
	}
	if len(all) > n {
		all, next = all[:n], string(all[n-1].ID)
	}
	for _, l := range all {
		if l.State, err = d.StateKnown(ctx, d.db, l.Of, f.At, now); err != nil {
			return nil, "", err
		}
		if l.Plan, err = planAt(ctx, d.db, l.ID, now); err != nil {
			return nil, "", err
		}
		if len(f.Internal) == 0 || slices.Contains(f.Internal, l.State.Internal) {
			lines = append(lines, l)
		}
	}
	return lines, next, nil
}
