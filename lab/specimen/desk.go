// Package specimen is the laboratory's desk in front of the analysers: what is ordered, which tubes that needs, where each tube is, and
// what of it is still to be measured.
//
// Where things are:
//
//	order.go create.go take.go change.go list.go  orders, from people and from other systems (HL7 OML^O21, ORM^O01)
//	recent.go                                     the same item ordered or reported a few days ago
//	barcode.go block.go code128.go label.go       barcodes, blocks of them for clinics without a line, labels
//	state.go scan.go follow.go settle.go split.go the life of a tube: one table, and scans in the order of their own time
//	box.go boxmove.go manifest.go temperature.go  transport
//	stability.go catalogued.go                    what the catalogue says of tubes; until when an analyte can be measured
//	query.go arrive.go                            host query of analysers; the tube of an arriving result
//	worklist.go changes.go turnaround.go          where every tube is now, and how long it took
//
// A clinic works without a line for hours. Its scans arrive late and in any order, so the state of a tube is never set: it is folded from
// all scans of the tube in the order of their own time. A scan that does not fit yet waits for the ones that must have been before it.
//
// Events of this desk; ids only:
//
//	lab_order.created changed cancelled parked read list    object: the order
//	specimen.planned labelled collected packed ... lost     object: the specimen; one for every act of state.go
//	specimen.recollect                                      object: the new planned specimen; detail "replaces", "reason"
//	specimen.overdue expired                                object: the specimen
//	specimen_box.created sealed handed arrived closed temperature
package specimen

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Need is what an ordered item asks of the person with the needle.
type Need struct {
	Item        string // code of the catalogue; empty: that of the order
	Title       string // what a person reads
	Type        observation.Coding
	Container   observation.Coding // the tube
	Volume      string             // "2 mL"
	Labels      int                // labels for each tube, 0: one
	Temperature string             // how it travels: "room", "fridge", "frozen"; the word that Stability is asked with
	Analytes    []string           // what is measured; empty: the item itself
	Alone       bool               // its tube is not shared with other items
}

// Tested is an earlier order or result of the same item.
type Tested struct {
	Item        string
	Title       string
	Institution record.InstitutionID
	At          time.Time
	Reported    bool // there is a result
}

// Keeps says how long an analyte keeps in a material at a temperature ("room", "fridge", "frozen"); false where nothing is known.
type Keeps func(analyte, specimenType, temperature string) (time.Duration, bool)

// Options of a Desk; a zero field takes its default. The functions may be set until the first call.
type Options struct {
	Zone *time.Location // of days and labels; default China Standard Time

	// Prefixes of the barcodes that this exchange gives, both included: 100 to 999 is all there are. Two exchanges that send tubes to each
	// other share them out.
	FirstPrefix, LastPrefix int

	LostAfter    time.Duration // a tube on its way that nobody scanned for so long is listed as lost; default 24 h
	ExpiringIn   time.Duration // a tube is listed as expiring so long before its deadline; default 2 h
	RecentDays   int           // default 7
	DefaultNeeds Need          // of an item that Needs does not know

	// Needs asks the catalogue what an item needs at a laboratory; nil: every item is one tube of DefaultNeeds.
	Needs func(ctx context.Context, laboratory record.InstitutionID, item observation.Coding) (Need, bool)
	// Recent asks for results of a person in the region since an instant; nil: only orders are looked at.
	Recent func(ctx context.Context, s record.Scope, patient record.PatientID, items []string, since time.Time) ([]Tested, error)
	// Stability says how long analytes keep by the book of a laboratory; nil: nothing is known.
	Stability func(ctx context.Context, laboratory record.InstitutionID) Keeps
}

func (o Options) withDefaults() Options {
	if o.Zone == nil {
		o.Zone = time.FixedZone("CST", 8*60*60)
	}
	o.FirstPrefix = min(max(o.FirstPrefix, lowestPrefix), highestPrefix)
	o.LastPrefix = min(cmp.Or(o.LastPrefix, highestPrefix), highestPrefix)
	o.LostAfter = cmp.Or(o.LostAfter, 24*time.Hour)
	o.ExpiringIn = cmp.Or(o.ExpiringIn, 2*time.Hour)
	o.RecentDays = cmp.Or(o.RecentDays, 7)
	o.DefaultNeeds.Labels = max(o.DefaultNeeds.Labels, 1)
	return o
}

// Desk is the room of orders and specimens.
type Desk struct {
	db    *store.DB
	opt   Options
	notes *store.ReadNotes
}

// New makes the desk over its database.
func New(db *store.DB, opt Options) *Desk {
	return &Desk{db: db, opt: opt.withDefaults(), notes: store.NewReadNotes(db)}
}

const sweepEvery = 5 * time.Minute

// Run tells of overdue and expired tubes by the clock until ctx ends. report hears what went wrong.
func (d *Desk) Run(ctx context.Context, report func(error)) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := d.Sweep(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// errLost: somebody else changed the row between our reading and writing it.
var errLost = errors.New("changed by others meanwhile")

const casTries = 8

// change runs one act: the locks make those who act on the same things follow each other, the compare-and-set on the version makes it right.
func (d *Desk) change(ctx context.Context, s record.Scope, things []string, act func(tx *store.Tx) error) error {
	var err error
	for range casTries {
		err = d.db.Tx(ctx, func(tx *store.Tx) error {
			tx.As(s)
			if err := tx.Lock(ctx, things...); err != nil {
				return err
			}
			return act(tx)
		})
		if !errors.Is(err, errLost) {
			return err
		}
	}
	return record.Errorf(record.Conflict, "is being changed by others; try again")
}

// exactlyOne turns an update that found no row of the expected version into errLost.
func exactlyOne(res interface{ RowsAffected() (int64, error) }, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = errLost
	}
	return err
}

// writesAt refuses scopes that do not hold the institution for which something is written.
func writesAt(s record.Scope, i record.InstitutionID) error {
	if i == "" || !s.Reaches(i) {
		return record.Errorf(record.Denied, "not permitted for institution %s", i)
	}
	return nil
}

// reach is the condition that a row is of the scope's institutions, or is for its laboratory: a tube is work of two houses. Who reads what is
// said of the patient needs the first.
func (d *Desk) reach(b *sqlText, s record.Scope, table string, patient bool) string {
	column := ""
	if patient {
		column = table + ".patient_id"
	}
	made := d.db.ScopeSQL(s, table+".institution_id", column, &b.Args)
	mine := record.Scope{Institutions: atWork(s)}
	return "(" + made + " OR " + d.db.ScopeSQL(mine, table+".laboratory_id", "", &b.Args) + ")"
}

// atWork is the institution where the caller works, if its scope holds it.
func atWork(s record.Scope) []record.InstitutionID {
	if at := s.Actor.Institution; at != "" && s.Reaches(at) {
		return []record.InstitutionID{at}
	}
	return nil
}

// stamp is the time of the clock as it will be kept.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
