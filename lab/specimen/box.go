// Boxes: what travels together, from the clinic's refrigerator to the laboratory's hatch.

package specimen

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// BoxState is where a box is.
type BoxState string

// The states of a box, in their order.
const (
	BoxOpen    BoxState = "open"
	BoxSealed  BoxState = "sealed"
	BoxHanded  BoxState = "handed" // with the courier
	BoxArrived BoxState = "arrived"
	BoxClosed  BoxState = "closed" // emptied and reconciled
)

// Box is a transport box.
type Box struct {
	ID          BoxID
	Barcode     string
	Institution record.InstitutionID
	Laboratory  record.InstitutionID
	State       BoxState
	Seal        string // number of the seal
	Courier     string // who carries it: a company, a plate; no person
	HandedBy    string // id of who handed it over
	TakenBy     string // id of who took it in
	LowMilliC   int    // range of temperature, thousandths of a degree Celsius
	HighMilliC  int
	OutOfRange  bool
	CreatedAt   time.Time
	SealedAt    time.Time
	HandedAt    time.Time
	ArrivedAt   time.Time
	ClosedAt    time.Time
	Version     int64

	Tubes []BoxTube
}

// BoxTube is one line of the manifest.
type BoxTube struct {
	Barcode  string
	Specimen SpecimenID // empty: nobody knows this barcode
	Expected bool       // was packed
	CameAt   time.Time
	Rejected bool
}

// Finding is what the reconciliation says of a tube.
type Finding string

// The findings.
const (
	FoundReceived   Finding = "received"
	FoundMissing    Finding = "missing"
	FoundUnexpected Finding = "unexpected" // came and was not on the manifest
	FoundRejected   Finding = "rejected"
)

// Finding of a line; the tube that has not come yet is missing from the moment of arrival on.
func (t BoxTube) Finding() Finding {
	switch {
	case t.Rejected:
		return FoundRejected
	case !t.Expected:
		return FoundUnexpected
	case t.CameAt.IsZero():
		return FoundMissing
	}
	return FoundReceived
}

type boxDetails struct {
	Seal     string `json:"seal,omitempty"`
	Courier  string `json:"courier,omitempty"`
	HandedBy string `json:"handed_by,omitempty"`
	TakenBy  string `json:"taken_by,omitempty"`
}

const boxColumns = `x.id, x.barcode, x.institution_id, x.laboratory_id, x.state, x.details, x.low_mc, x.high_mc, x.out_of_range, x.created_at, x.sealed_at,
	x.handed_at, x.arrived_at, x.closed_at, x.version`

func scanBox(scan func(...any) error) (Box, error) {
	var x Box
	var details string
	var at [5]int64
	err := scan(&x.ID, &x.Barcode, &x.Institution, &x.Laboratory, &x.State, &details, &x.LowMilliC, &x.HighMilliC, &x.OutOfRange,
		&at[0], &at[1], &at[2], &at[3], &at[4], &x.Version)
	if err != nil {
		return x, err
	}
	var d boxDetails
	if err := json.Unmarshal([]byte(details), &d); err != nil {
		return x, err
	}
	x.Seal, x.Courier, x.HandedBy, x.TakenBy = d.Seal, d.Courier, d.HandedBy, d.TakenBy
	for i, to := range []*time.Time{&x.CreatedAt, &x.SealedAt, &x.HandedAt, &x.ArrivedAt, &x.ClosedAt} {
		*to = record.FromMicros(at[i])
	}
	return x, nil
}

func (x *Box) event(act string) record.Event {
	return record.Event{
		Act: "specimen_box." + act, Institution: x.Institution, Kind: "specimen_box", Object: string(x.ID),
		Detail: map[string]string{"laboratory": string(x.Laboratory), "state": string(x.State)},
	}
}

func boxLock(id BoxID) string { return "specimen-box:" + string(id) }

// boxNamed finds a box by its id or barcode, without asking for a scope.
func boxNamed(ctx context.Context, q store.Querier, name string) (Box, error) {
	x, err := scanBox(q.QueryRow(ctx, `SELECT `+boxColumns+` FROM specimen_boxes x WHERE x.id = $1 OR x.barcode = $1`, name).Scan)
	return x, missing(err, "no box %s", record.Clip(name, maxBarcode))
}

// boxIn finds a box of the scope with its manifest.
func (d *Desk) boxIn(ctx context.Context, q store.Querier, s record.Scope, name string) (Box, error) {
	b := &sqlText{}
	n := b.Arg(name)
	b.And("(x.id = " + n + " OR x.barcode = " + n + ")")
	b.And(d.reach(b, s, "x", false))
	x, err := scanBox(q.QueryRow(ctx, `SELECT `+boxColumns+` FROM specimen_boxes x WHERE `+b.String(), b.Args...).Scan)
	if err != nil {
		return x, missing(err, "no box %s", record.Clip(name, maxBarcode))
	}
	x.Tubes, err = tubesOf(ctx, q, x.ID)
	return x, err
}

func tubesOf(ctx context.Context, q store.Querier, id BoxID) ([]BoxTube, error) {
	return store.Collect(ctx, q, `SELECT t.barcode, t.specimen_id, t.expected, t.came_at, t.rejected FROM specimen_box_tubes t WHERE t.box_id = $1
		ORDER BY t.barcode`, []any{string(id)}, func(scan func(...any) error) (t BoxTube, err error) {
		var came int64
		err = scan(&t.Barcode, &t.Specimen, &t.Expected, &came, &t.Rejected)
		t.CameAt = record.FromMicros(came)
		return t, err
	})
}

func saveBox(ctx context.Context, tx *store.Tx, x *Box) error {
	details, err := json.Marshal(boxDetails{x.Seal, x.Courier, x.HandedBy, x.TakenBy})
	if err != nil {
		return err
	}
	res, err := tx.Exec(ctx, `UPDATE specimen_boxes SET state = $3, details = $4, out_of_range = $5, sealed_at = $6, handed_at = $7, arrived_at = $8,
		closed_at = $9, version = version + 1 WHERE id = $1 AND version = $2`, string(x.ID), x.Version, string(x.State), string(details), x.OutOfRange,
		record.Micros(x.SealedAt), record.Micros(x.HandedAt), record.Micros(x.ArrivedAt), record.Micros(x.ClosedAt))
	x.Version++
	return exactlyOne(res, err)
}

// The range of a box that says none: 2 to 8 degrees.
const (
	coldLow  = 2000
	coldHigh = 8000
	coldest  = -200_000
	hottest  = 60_000
)

// CreateBox opens a box of the caller's institution towards a laboratory; its barcode is made where none is on it.
func (d *Desk) CreateBox(ctx context.Context, s record.Scope, x Box) (Box, error) {
	x.Institution = cmp.Or(x.Institution, s.Actor.Institution)
	if err := writesAt(s, x.Institution); err != nil {
		return Box{}, err
	}
	if x.LowMilliC == 0 && x.HighMilliC == 0 {
		x.LowMilliC, x.HighMilliC = coldLow, coldHigh
	}
	if x.LowMilliC >= x.HighMilliC || x.LowMilliC < coldest || x.HighMilliC > hottest {
		return Box{}, record.Errorf(record.Invalid, "range of temperature: want low below high, %d to %d thousandths of a degree", coldest, hottest)
	}
	switch ours := len(x.Barcode) == boxLength && strings.HasPrefix(x.Barcode, boxMark); {
	case tidyBarcode(x.Barcode) != x.Barcode:
		return Box{}, record.Errorf(record.Invalid, "barcode: want 1 to %d printable characters", maxBarcode)
	case ours && !validBox(x.Barcode):
		return Box{}, record.Errorf(record.Invalid, "barcode: its check character is wrong")
	case isTube(x.Barcode):
		return Box{}, record.Errorf(record.Invalid, "barcode: that is one of a tube")
	}
	o := Order{Institution: x.Institution, Laboratory: x.Laboratory}
	if err := d.sendTo(ctx, &o); err != nil {
		return Box{}, err
	}
	x.Laboratory = o.Laboratory
	sent := x
	err := d.change(ctx, s, []string{"boxes:" + string(x.Institution)}, func(tx *store.Tx) error {
		x = sent
		return d.createBox(ctx, tx, &x)
	})
	return x, err
}

func (d *Desk) createBox(ctx context.Context, tx *store.Tx, x *Box) error {
	x.CreatedAt = stamp(tx.Now())
	x.ID, x.State, x.Version = BoxID(record.NewID(x.CreatedAt)), BoxOpen, 1
	if x.Barcode == "" {
		prefix, n, err := d.numbers(ctx, tx, x.Institution, boxes, 1)
		if err != nil {
			return err
		}
		x.Barcode = BoxBarcode(prefix, n)
	}
	res, err := tx.Exec(ctx, `INSERT INTO specimen_boxes (id, barcode, institution_id, laboratory_id, state, details, low_mc, high_mc, created_at, version)
		VALUES ($1,$2,$3,$4,$5,'{}',$6,$7,$8,1) ON CONFLICT DO NOTHING`, string(x.ID), x.Barcode, string(x.Institution), string(x.Laboratory),
		string(x.State), x.LowMilliC, x.HighMilliC, record.Micros(x.CreatedAt))
	switch err := exactlyOne(res, err); {
	case errors.Is(err, errLost):
		return record.Errorf(record.Conflict, "another box has this barcode; a box that came back gets a new label")
	case err != nil:
		return err
	}
	tx.Emit(x.event("created"))
	return nil
}

// Box gives a box with its manifest.
func (d *Desk) Box(ctx context.Context, s record.Scope, name string) (Box, error) {
	x, err := d.boxIn(ctx, d.db, s, name)
	if err != nil {
		return Box{}, err
	}
	return x, d.notes.Note(ctx, s, x.event("read"))
}

// Boxes lists boxes of the scope without their manifests, the newest first; state is one or all. page goes on behind one's end.
func (d *Desk) Boxes(ctx context.Context, s record.Scope, state BoxState, limit int, page string) ([]Box, string, error) {
	b := &sqlText{}
	b.And(d.reach(b, s, "x", false))
	b.Equal("x.state", string(state))
	if page != "" {
		at, id, err := openPage(page)
		if err != nil {
			return nil, "", err
		}
		b.And("(x.created_at, x.id) < (" + b.Arg(at) + ", " + b.Arg(id) + ")")
	}
	limit = min(max(limit, 1), 500)
	found, err := store.Collect(ctx, d.db, `SELECT `+boxColumns+` FROM specimen_boxes x WHERE `+b.String()+` ORDER BY x.created_at DESC, x.id DESC LIMIT `+
		b.Arg(limit+1), b.Args, scanBox)
	if err != nil || len(found) <= limit {
		return found, "", err
	}
	last := found[limit-1]
	return found[:limit], pageAt(record.Micros(last.CreatedAt), string(last.ID)), nil
}
