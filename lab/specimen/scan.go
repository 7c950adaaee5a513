// Scans: what people do to tubes, told now or hours later, once or again, in any order.

package specimen

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Scan is one act on one tube as the scanner tells it. With At it may come late: one that does not fit yet is kept and waits for those that
// must have been before it. Without At it happens now, and is refused where it does not fit.
type Scan struct {
	ClientID string     // of the scanner, unique at its institution; the same again is the same scan
	Specimen SpecimenID // or Barcode; both at collection stick the label on the tube
	Barcode  string
	Act      Act
	At       time.Time
	Device   string
	Place    string
	Reason   string // code of a rejection
	Note     string
	Box      string // id or barcode of a box, to pack into or taken out of
}

// Outcome says what became of a scan.
type Outcome string

// The outcomes.
const (
	Applied  Outcome = "applied"
	Waiting  Outcome = "waiting"  // kept; it waits for an earlier one
	Conflict Outcome = "conflict" // kept; it contradicts later ones that were acted on, and a person looks
	Already  Outcome = "already"  // the same scan had come before
	Refused  Outcome = "refused"
	Settled  Outcome = "settled" // a person has looked at one that waited or contradicted: it counts no more
)

// Scanned is the answer to one scan.
type Scanned struct {
	ClientID string
	Specimen SpecimenID
	Barcode  string
	Outcome  Outcome
	State    State    // of the tube now
	Flags    []string // of the tube now
	Err      error    // of a refused scan
}

// MaxScans is how many scans come at once.
const MaxScans = 500

// Record takes scans, each for itself: one that is refused does not hold up the others. They are taken in the order of their own time.
func (d *Desk) Record(ctx context.Context, s record.Scope, scans []Scan) ([]Scanned, error) {
	if len(scans) == 0 || len(scans) > MaxScans {
		return nil, record.Errorf(record.Invalid, "scans: want 1 to %d", MaxScans)
	}
	order := make([]int, len(scans))
	for i := range scans {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(record.Micros(scans[a].At), record.Micros(scans[b].At)) })
	slices.SortStableFunc(order, func(a, b int) int { return compareZeroLast(scans[a].At, scans[b].At) })
	ids := d.resolve(ctx, s, scans)
	locks := make([]string, 0, len(scans))
	for _, r := range ids {
		if r.err == nil {
			locks = append(locks, specimenLock(r.id))
		}
	}
	out := make([]Scanned, len(scans))
	err := d.change(ctx, s, locks, func(tx *store.Tx) error {
		for _, i := range order {
			r, err := d.recordOne(ctx, tx, s, scans[i], ids[i])
			if err != nil {
				return err
			}
			out[i] = r
		}
		return nil
	})
	return out, err
}

// compareZeroLast puts what happens now behind what happened.
func compareZeroLast(a, b time.Time) int {
	switch {
	case a.IsZero() == b.IsZero():
		return 0
	case a.IsZero():
		return 1
	}
	return -1
}

// resolved is the tube of a scan.
type resolved struct {
	id  SpecimenID
	err error
}

// resolve finds the tubes before anything is locked: a barcode never moves to another tube.
func (d *Desk) resolve(ctx context.Context, s record.Scope, scans []Scan) []resolved {
	out := make([]resolved, len(scans))
	for i, sc := range scans {
		if sc.Specimen != "" {
			out[i].id = sc.Specimen
			continue
		}
		out[i].id, out[i].err = d.reached(ctx, d.db, s, sc.Barcode)
	}
	return out
}

// reached finds the tube of a barcode inside the scope.
func (d *Desk) reached(ctx context.Context, q store.Querier, s record.Scope, barcode string) (SpecimenID, error) {
	barcode = tidyBarcode(barcode)
	if barcode == "" {
		return "", record.Errorf(record.Invalid, "barcode: want 1 to %d printable characters", maxBarcode)
	}
	b := &sqlText{}
	b.And("c.barcode = " + b.Arg(barcode))
	b.And(d.reach(b, s, "p", false))
	found, err := store.List(ctx, q, `SELECT p.id, p.state, c.retired_at FROM specimen_barcodes c JOIN specimens p ON p.id = c.specimen_id WHERE `+b.String()+
		` LIMIT 20`, b.Args, func(f *foundTube) []any { return []any{&f.id, &f.state, &f.retired} })
	if err != nil {
		return "", err
	}
	return oneTube(found)
}

type foundTube struct {
	id      SpecimenID
	state   State
	retired int64
}

// ErrAmbiguous: several institutions use the barcode, and their tubes are at one laboratory.
var ErrAmbiguous = record.Errorf(record.Conflict, "several tubes have this barcode: name the specimen")

// oneTube chooses among tubes of one barcode: those that are under way before those that are done with.
func oneTube(found []foundTube) (SpecimenID, error) {
	live := slices.DeleteFunc(slices.Clone(found), func(f foundTube) bool {
		return f.retired != 0 || f.state == Discarded || f.state == Cancelled || f.state == Stored || f.state == Reported
	})
	switch {
	case len(live) == 1:
		return live[0].id, nil
	case len(live) > 1:
		return "", ErrAmbiguous
	}
	found = slices.DeleteFunc(found, func(f foundTube) bool { return f.retired != 0 })
	switch len(found) {
	case 0:
		return "", record.Errorf(record.NotFound, "no tube with this barcode")
	case 1:
		return found[0].id, nil
	}
	return "", ErrAmbiguous
}

// recordOne takes one scan. Only what is no fault of the scan is an error.
func (d *Desk) recordOne(ctx context.Context, tx *store.Tx, s record.Scope, sc Scan, r resolved) (Scanned, error) {
	out := Scanned{ClientID: sc.ClientID, Barcode: sc.Barcode, Specimen: r.id, Outcome: Refused, Err: r.err}
	if r.err == nil {
		out.Err = sc.check()
	}
	if out.Err != nil {
		return out, faultOnly(out.Err)
	}
	sp, err := d.specimenIn(ctx, tx, s, r.id, false)
	if err == nil {
		out.Barcode, out.State, out.Flags = sp.Barcode, sp.State, sp.Flags
		by := sp.placeOf(s)
		if mayDo(sc.Act)&by == 0 {
			err = record.Errorf(record.Denied, "not permitted to %s this tube", sc.Act)
		} else {
			out.Outcome, err = d.apply(ctx, tx, &sp, sc, deed{s.Actor, by})
		}
		out.State, out.Flags, out.Barcode = sp.State, sp.Flags, sp.Barcode
	}
	if err != nil {
		out.Outcome, out.Err = Refused, err
	}
	return out, faultOnly(err)
}

// faultOnly keeps what the caller cannot help: it ends the transaction.
func faultOnly(err error) error {
	switch record.KindOf(err) {
	case record.Invalid, record.Denied, record.NotFound, record.Conflict, record.Precondition:
		return nil
	}
	return err
}

func (sc *Scan) check() error {
	if _, ok := done[sc.Act]; !ok {
		return record.Errorf(record.Invalid, "act: not one of ours")
	}
	err := tidy(
		field{name: "client_id", text: &sc.ClientID, most: shortText},
		field{name: "device", text: &sc.Device, most: shortText},
		field{name: "place", text: &sc.Place, most: shortText},
		field{name: "reason", text: &sc.Reason, most: shortText, needed: sc.Act == Reject},
		field{name: "note", text: &sc.Note, most: longText},
	)
	switch {
	case err != nil:
		return err
	case sc.Act == Reject && !rejectReasons[sc.Reason]:
		return record.Errorf(record.Invalid, "reason: want a code of rejection")
	case !sc.At.IsZero() && (sc.At.Year() < 2000 || sc.At.Year() > 9998):
		return record.Errorf(record.Invalid, "at: out of range")
	}
	return nil
}

// rejectReasons are why a laboratory sends a tube back (HL7 table 0490, and what clinics meet beside it).
var rejectReasons = map[string]bool{
	"EX": true, // expired
	"QS": true, // quantity not sufficient
	"RA": true, // missing patient identification
	"RB": true, // broken container
	"RC": true, // clotting
	"RD": true, // missing collection date
	"RE": true, // missing patient name or number
	"RH": true, // haemolysis
	"RI": true, // identification problem
	"RM": true, // labelling
	"RN": true, // contamination
	"RP": true, // missing phlebotomist
	"RR": true, // improper storage
	"RS": true, // name misspelling

	"TUBE": true, // wrong container or additive
	"LIPA": true, // lipaemia
	"TEMP": true, // temperature of the transport
	"LATE": true, // too late
	"OTHR": true, // as the note says
}

// digest tells a repetition from another scan under the same number.
func (sc *Scan) digest() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		string(sc.Specimen), sc.Barcode, string(sc.Act), fmt.Sprint(record.Micros(sc.At)), sc.Reason, sc.Note, sc.Box,
	}, "\x1f")))
	return hex.EncodeToString(sum[:16])
}

// said reports whether a scan of this number came before; one that differs is a Conflict.
func (sc *Scan) said(ctx context.Context, tx *store.Tx, at record.InstitutionID, id SpecimenID) (bool, error) {
	if sc.ClientID == "" {
		return false, nil
	}
	var kept SpecimenID
	var digest string
	err := tx.QueryRow(ctx, `SELECT specimen_id, digest FROM specimen_scans WHERE institution_id = $1 AND client_id = $2`, string(at), sc.ClientID).
		Scan(&kept, &digest)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case kept != id || digest != sc.digest():
		return false, record.Errorf(record.Conflict, "client_id: another scan has this number")
	}
	return true, nil
}

// specimenIn reads one tube of the scope; patient asks for a scope that holds what is said of the patient too.
func (d *Desk) specimenIn(ctx context.Context, q store.Querier, s record.Scope, id SpecimenID, patient bool) (Specimen, error) {
	b := &sqlText{}
	b.And("p.id = " + b.Arg(string(id)))
	if patient {
		b.And(d.db.ScopeSQL(s, "p.institution_id", "p.patient_id", &b.Args))
	} else {
		b.And(d.reach(b, s, "p", false))
	}
	found, err := specimensWhere(ctx, q, b, "")
	if err != nil {
		return Specimen{}, err
	}
	if len(found) == 0 {
		return Specimen{}, record.Errorf(record.NotFound, "no specimen %s", id)
	}
	return found[0], nil
}
