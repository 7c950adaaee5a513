package quality

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// MaterialID names a control material of one laboratory.
type MaterialID string

// LotID names a lot of a control material.
type LotID string

// Material is a control material.
type Material struct {
	ID           MaterialID
	Laboratory   record.InstitutionID
	Name         string
	Manufacturer string
	Matrix       string // serum, urine, whole blood ...
	CreatedAt    time.Time
}

// Lot is one lot of a material. A lot without a material was named by an analyser and waits for a person to register it.
type Lot struct {
	ID         LotID
	Laboratory record.InstitutionID
	Material   MaterialID
	Number     string // of the manufacturer
	Levels     []string
	ExpiresOn  record.Date // the last day; zero: not told
	OpenedAt   time.Time
	OpenDays   int // stable so long after it was opened; 0: until it expires
	ClosedAt   time.Time
	CreatedAt  time.Time
}

// usable reports whether a control of the lot proves anything at t.
func (l Lot) usable(t time.Time, zone *time.Location) bool {
	if e := l.ExpiresOn; !e.IsZero() && !t.Before(time.Date(e.Year, e.Month, e.Day+1, 0, 0, 0, 0, zone)) {
		return false
	}
	return l.OpenDays == 0 || l.OpenedAt.IsZero() || t.Before(l.OpenedAt.AddDate(0, 0, l.OpenDays))
}

// AddMaterial registers a control material.
func (d *Desk) AddMaterial(ctx context.Context, s record.Scope, m Material) (Material, error) {
	for _, err := range []error{word("name", m.Name, 1, 128), word("manufacturer", m.Manufacturer, 0, 128), word("matrix", m.Matrix, 0, 64)} {
		if err != nil {
			return m, err
		}
	}
	err := d.act(ctx, s, m.Laboratory, func(tx *store.Tx) error {
		m.CreatedAt = stamp(tx.Now())
		m.ID = MaterialID(record.NewID(m.CreatedAt))
		tx.Emit(record.Event{Act: "qc.material", Institution: m.Laboratory, Kind: "qc_material", Object: string(m.ID)})
		_, err := tx.Exec(ctx, `INSERT INTO qc_materials (id, institution_id, name, manufacturer, matrix, created_at, created_by) VALUES ($1,$2,$3,$4,$5,$6,$7)`,
			string(m.ID), string(m.Laboratory), m.Name, m.Manufacturer, m.Matrix, record.Micros(m.CreatedAt), s.Actor.ID)
		return err
	})
	return m, err
}

// Materials lists the control materials of a laboratory, of all in the scope when it is empty.
func (d *Desk) Materials(ctx context.Context, s record.Scope, laboratory record.InstitutionID, page store.Page) ([]Material, error) {
	b := d.within(s, "institution_id", laboratory)
	b.after("id", page)
	query := `SELECT id, institution_id, name, manufacturer, matrix, created_at FROM qc_materials WHERE ` + b.String() + ` ORDER BY id LIMIT ` + b.Arg(limit(page))
	return store.Collect(ctx, d.db, query, b.Args, func(scan func(...any) error) (m Material, err error) {
		var at int64
		err = scan(&m.ID, &m.Laboratory, &m.Name, &m.Manufacturer, &m.Matrix, &at)
		m.CreatedAt = record.FromMicros(at)
		return m, err
	})
}

func (l Lot) check() error {
	if l.OpenDays < 0 || l.OpenDays > 3660 {
		return record.Errorf(record.Invalid, "open_days: out of range")
	}
	if err := checkLevels(l.Levels); err != nil {
		return err
	}
	return word("number", l.Number, 1, 64)
}

// AddLot registers a lot. A lot that an analyser named before is taken over with its points.
func (d *Desk) AddLot(ctx context.Context, s record.Scope, l Lot) (Lot, error) {
	if err := l.check(); err != nil {
		return l, err
	}
	err := d.act(ctx, s, l.Laboratory, func(tx *store.Tx) error {
		if err := tx.Lock(ctx, "qc-lot-"+string(l.Laboratory)); err != nil {
			return err
		}
		var owner record.InstitutionID
		err := tx.QueryRow(ctx, `SELECT institution_id FROM qc_materials WHERE id = $1`, string(l.Material)).Scan(&owner)
		if errors.Is(err, sql.ErrNoRows) || err == nil && owner != l.Laboratory {
			return record.Errorf(record.NotFound, "no such control material at this laboratory")
		}
		if err != nil {
			return err
		}
		named, err := lots(ctx, tx, `institution_id = $1 AND number = $2 AND material_id = ''`, string(l.Laboratory), l.Number)
		if err != nil {
			return err
		}
		l.CreatedAt, l.ID = stamp(tx.Now()), ""
		if len(named) > 0 {
			l.ID, l.CreatedAt = named[0].ID, named[0].CreatedAt
		}
		return putLot(ctx, tx, s, &l)
	})
	return l, err
}

// putLot writes a new lot, or all of one that has an id.
func putLot(ctx context.Context, tx *store.Tx, s record.Scope, l *Lot) error {
	if l.ID == "" {
		l.ID = LotID(record.NewID(tx.Now()))
	}
	tx.Emit(record.Event{Act: "qc.lot", Institution: l.Laboratory, Kind: "qc_lot", Object: string(l.ID)})
	_, err := tx.Exec(ctx, `INSERT INTO qc_lots (id, institution_id, material_id, number, levels, expires_on, opened_at, open_days, closed_at, created_at, created_by)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)
		ON CONFLICT (id) DO UPDATE SET material_id = excluded.material_id, levels = excluded.levels, expires_on = excluded.expires_on,
		opened_at = excluded.opened_at, open_days = excluded.open_days, closed_at = excluded.closed_at`,
		string(l.ID), string(l.Laboratory), string(l.Material), l.Number, strings.Join(l.Levels, ","), l.ExpiresOn, record.Micros(l.OpenedAt), l.OpenDays,
		record.Micros(l.ClosedAt), record.Micros(l.CreatedAt), s.Actor.ID)
	return err
}

// UpdateLot changes when a lot was opened and for how long it is stable, and ends its use. Points judged before keep their verdicts.
func (d *Desk) UpdateLot(ctx context.Context, s record.Scope, id LotID, change func(*Lot)) (Lot, error) {
	l, err := d.Lot(ctx, s, id)
	if err != nil {
		return l, err
	}
	err = d.act(ctx, s, l.Laboratory, func(tx *store.Tx) error {
		if err := tx.Lock(ctx, "qc-lot-"+string(l.Laboratory)); err != nil {
			return err
		}
		now, err := lots(ctx, tx, `id = $1`, string(id))
		if err != nil || len(now) == 0 {
			return err
		}
		edited := now[0]
		change(&edited)
		l = now[0] // what a change may touch
		l.Levels, l.ExpiresOn, l.OpenedAt, l.OpenDays, l.ClosedAt = edited.Levels, edited.ExpiresOn, edited.OpenedAt, edited.OpenDays, edited.ClosedAt
		if err := l.check(); err != nil {
			return err
		}
		return putLot(ctx, tx, s, &l)
	})
	return l, err
}

// Lot gives one lot.
func (d *Desk) Lot(ctx context.Context, s record.Scope, id LotID) (Lot, error) {
	found, err := lots(ctx, d.db, `id = $1`, string(id))
	if err == nil && (len(found) == 0 || !s.Reaches(found[0].Laboratory)) {
		err = record.Errorf(record.NotFound, "no lot %s", id)
	}
	if err != nil {
		return Lot{}, err
	}
	return found[0], nil
}

// Lots lists the lots of a laboratory, of all in the scope when it is empty; open leaves out those no longer used.
func (d *Desk) Lots(ctx context.Context, s record.Scope, laboratory record.InstitutionID, open bool, page store.Page) ([]Lot, error) {
	b := d.within(s, "institution_id", laboratory)
	b.after("id", page)
	if open {
		b.And("closed_at = 0")
	}
	cond := b.String() + ` ORDER BY id LIMIT ` + b.Arg(limit(page))
	return lots(ctx, d.db, cond, b.Args...)
}

func lots(ctx context.Context, q store.Querier, cond string, args ...any) ([]Lot, error) {
	return store.Collect(ctx, q, `SELECT id, institution_id, material_id, number, levels, expires_on, opened_at, open_days, closed_at, created_at
		FROM qc_lots WHERE `+cond, args, func(scan func(...any) error) (l Lot, err error) {
		var levels, expires string
		var opened, closed, created int64
		if err = scan(&l.ID, &l.Laboratory, &l.Material, &l.Number, &levels, &expires, &opened, &l.OpenDays, &closed, &created); err != nil {
			return l, err
		}
		l.Levels, l.OpenedAt, l.ClosedAt, l.CreatedAt = list(levels), record.FromMicros(opened), record.FromMicros(closed), record.FromMicros(created)
		l.ExpiresOn, err = record.ParseDate(expires)
		return l, err
	})
}
