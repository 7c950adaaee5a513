// Blocks of barcodes: numbers are given once, whichever server gives them, and never again.

package specimen

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Block is a run of numbers that an institution prints without asking again.
type Block struct {
	ID          string
	Institution record.InstitutionID
	Prefix      int
	First, Last int64
	Device      string // printer or program that holds it
	ReservedAt  time.Time
	ReservedBy  string
}

// Len is how many labels it has.
func (b Block) Len() int64 { return b.Last - b.First + 1 }

// Barcodes are those of the block, in order.
func (b Block) Barcodes() []string {
	out := make([]string, 0, b.Len())
	for n := b.First; n <= b.Last; n++ {
		out = append(out, TubeBarcode(b.Prefix, n))
	}
	return out
}

const maxBlock = 10_000

// The two kinds of prefixes.
const (
	tubes = "tube"
	boxes = "box"
)

// Reserve gives an institution count numbers for labels that are printed without a line and stuck on at collection. They are durable when
// it returns.
func (d *Desk) Reserve(ctx context.Context, s record.Scope, at record.InstitutionID, count int, device string) (Block, error) {
	at = cmp.Or(at, s.Actor.Institution)
	if err := writesAt(s, at); err != nil {
		return Block{}, err
	}
	if count < 1 || count > maxBlock {
		return Block{}, record.Errorf(record.Invalid, "count: want 1 to %d", maxBlock)
	}
	if err := tidy(field{name: "device", text: &device, most: shortText}); err != nil {
		return Block{}, err
	}
	var b Block
	err := d.change(ctx, s, []string{"barcodes:" + string(at)}, func(tx *store.Tx) (err error) {
		now := stamp(tx.Now())
		b = Block{ID: record.NewID(now), Institution: at, Device: device, ReservedAt: now, ReservedBy: s.Actor.ID}
		if b.Prefix, b.First, err = d.numbers(ctx, tx, at, tubes, int64(count)); err != nil {
			return err
		}
		b.Last = b.First + int64(count) - 1
		tx.Emit(record.Event{
			Act: "barcodes.reserved", Institution: at, Kind: "barcodes", Object: b.ID,
			Detail: map[string]string{"prefix": fmt.Sprint(b.Prefix), "first": fmt.Sprint(b.First), "count": fmt.Sprint(count)},
		})
		_, err = tx.Exec(ctx, `INSERT INTO barcode_blocks (id, institution_id, prefix, first_number, last_number, reserved_at, reserved_by, device)
			VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`, b.ID, string(at), b.Prefix, b.First, b.Last, record.Micros(now), b.ReservedBy, device)
		return err
	})
	return b, err
}

// Blocks lists what was reserved for institutions of the scope, the newest first.
func (d *Desk) Blocks(ctx context.Context, s record.Scope, at record.InstitutionID, limit int) ([]Block, error) {
	b := &sqlText{}
	b.And(d.db.ScopeSQL(s, "b.institution_id", "", &b.Args))
	b.Equal("b.institution_id", string(at))
	return store.Collect(ctx, d.db, `SELECT b.id, b.institution_id, b.prefix, b.first_number, b.last_number, b.device, b.reserved_at, b.reserved_by
		FROM barcode_blocks b WHERE `+b.String()+` ORDER BY b.id DESC LIMIT `+b.Arg(min(max(limit, 1), 1000)), b.Args,
		func(scan func(...any) error) (b Block, err error) {
			var at int64
			err = scan(&b.ID, &b.Institution, &b.Prefix, &b.First, &b.Last, &b.Device, &at, &b.ReservedBy)
			b.ReservedAt = record.FromMicros(at)
			return b, err
		})
}

// numbers takes count numbers in a row from the newest prefix of an institution, and a new prefix when that is used up.
func (d *Desk) numbers(ctx context.Context, tx *store.Tx, at record.InstitutionID, kind string, count int64) (prefix int, first int64, err error) {
	if prefix, first, err = nextNumbers(ctx, tx, at, kind, count); !errors.Is(err, sql.ErrNoRows) {
		return prefix, first, err
	}
	if err := tx.Lock(ctx, "barcode-prefixes"); err != nil {
		return 0, 0, err
	}
	if prefix, first, err = nextNumbers(ctx, tx, at, kind, count); !errors.Is(err, sql.ErrNoRows) { // somebody else made one meanwhile
		return prefix, first, err
	}
	prefix, err = d.newPrefix(ctx, tx, at, kind, count)
	return prefix, 0, err
}

func nextNumbers(ctx context.Context, tx *store.Tx, at record.InstitutionID, kind string, count int64) (prefix int, first int64, err error) {
	last := map[string]int64{tubes: lastTubeNumber, boxes: lastBoxNumber}[kind]
	err = tx.QueryRow(ctx, `UPDATE barcode_prefixes SET next = next + $3 WHERE prefix = (SELECT MAX(b.prefix) FROM barcode_prefixes b
		WHERE b.institution_id = $1 AND b.kind = $2) AND next + $3 - 1 <= $4 RETURNING prefix, next - $3`,
		string(at), kind, count, last).Scan(&prefix, &first)
	return prefix, first, err
}

// newPrefix gives an institution a prefix that nobody had, with count numbers of it taken.
func (d *Desk) newPrefix(ctx context.Context, tx *store.Tx, at record.InstitutionID, kind string, count int64) (prefix int, err error) {
	var top int
	if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(prefix), 0) FROM barcode_prefixes WHERE prefix BETWEEN $1 AND $2`,
		d.opt.FirstPrefix, d.opt.LastPrefix).Scan(&top); err != nil {
		return 0, err
	}
	prefix = max(top+1, d.opt.FirstPrefix)
	if prefix > d.opt.LastPrefix {
		return 0, record.Errorf(record.Unavailable, "no prefix of barcodes is left; give this exchange more")
	}
	_, err = tx.Exec(ctx, `INSERT INTO barcode_prefixes (prefix, institution_id, kind, next) VALUES ($1,$2,$3,$4)`, prefix, string(at), kind, count)
	return prefix, err
}

// ours reports whether one of our prefixes of this institution gave the number, and whether it was reserved for printing.
func ours(ctx context.Context, q store.Querier, barcode string) (at record.InstitutionID, preprinted bool, err error) {
	prefix, n, ok := ParseTube(barcode)
	if !ok {
		return "", false, nil
	}
	var block string
	err = q.QueryRow(ctx, `SELECT f.institution_id, COALESCE((SELECT b.id FROM barcode_blocks b WHERE b.prefix = f.prefix AND b.first_number <= $2
		AND b.last_number >= $2 LIMIT 1), '') FROM barcode_prefixes f WHERE f.prefix = $1 AND f.kind = 'tube' AND f.next > $2`, prefix, n).Scan(&at, &block)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return at, block != "", err
}

// claim makes a barcode that of a tube. Ours are unique in the region, others at their issuer.
func claim(ctx context.Context, tx *store.Tx, sp *Specimen, barcode string, issuer record.InstitutionID) error {
	res, err := tx.Exec(ctx, `INSERT INTO specimen_barcodes (barcode, issuer, specimen_id) VALUES ($1,$2,$3) ON CONFLICT DO NOTHING`,
		barcode, string(issuer), string(sp.ID))
	switch err := exactlyOne(res, err); {
	case errors.Is(err, errLost):
		return record.Errorf(record.Conflict, "barcode %s is on another tube already", barcode)
	case err != nil:
		return err
	}
	if sp.Barcode != "" {
		if _, err := tx.Exec(ctx, `UPDATE specimen_barcodes SET retired_at = $3 WHERE barcode = $1 AND issuer = $2`,
			sp.Barcode, string(sp.Issuer), record.Micros(tx.Now())); err != nil {
			return err
		}
	}
	sp.Barcode, sp.Issuer = barcode, issuer
	return nil
}

// label gives a tube a barcode of ours.
func (d *Desk) label(ctx context.Context, tx *store.Tx, sp *Specimen, at record.InstitutionID) error {
	prefix, n, err := d.numbers(ctx, tx, at, tubes, 1)
	if err != nil {
		return err
	}
	return claim(ctx, tx, sp, TubeBarcode(prefix, n), "")
}

// activate sticks a label on a tube: one that was printed before for this institution, or the sender's own.
func activate(ctx context.Context, tx *store.Tx, sp *Specimen, barcode string) error {
	if barcode = tidyBarcode(barcode); barcode == "" {
		return record.Errorf(record.Invalid, "barcode: want 1 to %d printable characters", maxBarcode)
	}
	if barcode == sp.Barcode {
		return nil
	}
	at, preprinted, err := ours(ctx, tx, barcode)
	switch {
	case err != nil:
		return err
	case at == "":
		return claim(ctx, tx, sp, barcode, sp.Institution)
	case !preprinted, at != sp.Institution && at != sp.Laboratory:
		return record.Errorf(record.Conflict, "barcode %s was not reserved for %s", barcode, sp.Institution)
	}
	return claim(ctx, tx, sp, barcode, "")
}
