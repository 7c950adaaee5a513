// The cold chain: what a logger in the box saw.

package specimen

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Reading is one temperature inside a box.
type Reading struct {
	At     time.Time
	MilliC int    // thousandths of a degree Celsius
	Source string // number of the logger
}

// Bounds of the series of one box: five days at half a minute.
const (
	MaxReadings  = 15_000
	readingsOnce = 100
)

// Climate is what is known of the temperature in a box.
type Climate struct {
	Count            int
	MinMilliC        int
	MaxMilliC        int
	FirstAt, LastAt  time.Time
	OutOfRange       int // readings outside the range
	LowMilliC        int
	HighMilliC       int
	OutFrom, OutTill time.Time // first and last of these
}

// Temperatures keeps readings of a box; those that came before are harmless. One outside its range marks the box and every tube that was in
// it: their analytes keep as in the open room.
func (d *Desk) Temperatures(ctx context.Context, s record.Scope, name string, readings []Reading) (Climate, error) {
	if err := checkReadings(readings); err != nil {
		return Climate{}, err
	}
	x, err := d.boxIn(ctx, d.db, s, name)
	if err != nil {
		return Climate{}, err
	}
	locks := []string{boxLock(x.ID)}
	for _, t := range x.Tubes {
		if t.Specimen != "" {
			locks = append(locks, specimenLock(t.Specimen))
		}
	}
	var c Climate
	err = d.change(ctx, s, locks, func(tx *store.Tx) (err error) {
		if x, err = d.boxIn(ctx, tx, s, string(x.ID)); err != nil {
			return err
		}
		for at := 0; at < len(readings); at += readingsOnce {
			if err := insertReadings(ctx, tx, x.ID, readings[at:min(at+readingsOnce, len(readings))]); err != nil {
				return err
			}
		}
		if c, err = climateOf(ctx, tx, &x); err != nil {
			return err
		}
		if c.Count > MaxReadings {
			return record.Errorf(record.Invalid, "readings: at most %d of a box", MaxReadings)
		}
		if c.OutOfRange == 0 || x.OutOfRange {
			return nil
		}
		return d.warmed(ctx, tx, &x)
	})
	return c, err
}

// warmed marks a box and its tubes.
func (d *Desk) warmed(ctx context.Context, tx *store.Tx, x *Box) error {
	x.OutOfRange = true
	if err := saveBox(ctx, tx, x); err != nil {
		return err
	}
	tx.Emit(x.event("temperature"))
	return d.eachTube(ctx, tx, x, func(sp *Specimen) error {
		if sp.Box != x.ID {
			return nil
		}
		sp.mark(FlagTemperature)
		tx.Emit(sp.event("temperature"))
		return d.saveMarks(ctx, tx, sp)
	})
}

func checkReadings(readings []Reading) error {
	if len(readings) == 0 || len(readings) > MaxReadings {
		return record.Errorf(record.Invalid, "readings: want 1 to %d", MaxReadings)
	}
	for i := range readings {
		r := &readings[i]
		if err := tidy(field{name: "readings.source", text: &r.Source, most: shortText}); err != nil {
			return err
		}
		if r.At.IsZero() || r.At.Year() < 2000 || r.At.Year() > 9998 || r.MilliC < coldest || r.MilliC > hottest {
			return record.Errorf(record.Invalid, "readings[%d]: want a time and a temperature between %d and %d thousandths of a degree", i, coldest, hottest)
		}
	}
	return nil
}

func insertReadings(ctx context.Context, tx *store.Tx, id BoxID, some []Reading) error {
	b := &sqlText{}
	box := b.Arg(string(id))
	rows := make([]string, len(some))
	for i, r := range some {
		rows[i] = fmt.Sprintf("(%s,%s,%s,%s)", box, b.Arg(record.Micros(r.At)), b.Arg(r.Source), b.Arg(r.MilliC))
	}
	_, err := tx.Exec(ctx, `INSERT INTO specimen_box_readings (box_id, at, source, mc) VALUES `+strings.Join(rows, ",")+` ON CONFLICT DO NOTHING`, b.Args...)
	return err
}

func climateOf(ctx context.Context, q store.Querier, x *Box) (Climate, error) {
	c := Climate{LowMilliC: x.LowMilliC, HighMilliC: x.HighMilliC}
	var first, last, from, till int64
	err := q.QueryRow(ctx, `SELECT COUNT(*), COALESCE(MIN(mc), 0), COALESCE(MAX(mc), 0), COALESCE(MIN(at), 0), COALESCE(MAX(at), 0),
		COALESCE(SUM(CASE WHEN mc < $2 OR mc > $3 THEN 1 ELSE 0 END), 0), COALESCE(MIN(CASE WHEN mc < $2 OR mc > $3 THEN at END), 0),
		COALESCE(MAX(CASE WHEN mc < $2 OR mc > $3 THEN at END), 0) FROM specimen_box_readings WHERE box_id = $1`,
		string(x.ID), x.LowMilliC, x.HighMilliC).Scan(&c.Count, &c.MinMilliC, &c.MaxMilliC, &first, &last, &c.OutOfRange, &from, &till)
	c.FirstAt, c.LastAt, c.OutFrom, c.OutTill = record.FromMicros(first), record.FromMicros(last), record.FromMicros(from), record.FromMicros(till)
	return c, err
}

// Readings gives the series of a box, in order.
func (d *Desk) Readings(ctx context.Context, s record.Scope, name string) (Climate, []Reading, error) {
	x, err := d.boxIn(ctx, d.db, s, name)
	if err != nil {
		return Climate{}, nil, err
	}
	c, err := climateOf(ctx, d.db, &x)
	if err != nil {
		return c, nil, err
	}
	all, err := store.Collect(ctx, d.db, `SELECT r.at, r.mc, r.source FROM specimen_box_readings r WHERE r.box_id = $1 ORDER BY r.at LIMIT `+itoa(MaxReadings),
		[]any{string(x.ID)}, func(scan func(...any) error) (r Reading, err error) {
			var at int64
			err = scan(&at, &r.MilliC, &r.Source)
			r.At = record.FromMicros(at)
			return r, err
		})
	return c, all, err
}
