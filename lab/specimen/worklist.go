// Where every tube is now: each stands in exactly one list.

package specimen

import (
	"context"
	"strconv"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// List is a worklist of tubes. Every tube is in exactly one.
type List string

// The lists.
const (
	ToCollect    List = "to_collect"
	AtClinic     List = "at_clinic" // collected, or packed and not away yet
	OnTheWay     List = "on_the_way"
	AtLaboratory List = "at_laboratory" // received, nothing begun
	InAnalysis   List = "in_analysis"
	AllReported  List = "reported"
	AllRejected  List = "rejected"
	InStore      List = "stored"
	AllDiscarded List = "discarded"
	AllLost      List = "lost" // said to be lost, missing from its box, or not scanned for too long
	AllCancelled List = "cancelled"
)

// Lists are all of them, in the order of a tube's life.
var Lists = []List{
	ToCollect, AtClinic, OnTheWay, AtLaboratory, InAnalysis, AllReported, AllRejected, InStore, AllDiscarded, AllLost, AllCancelled,
}

// statesOf says which states a list holds; stuck divides those on their way.
var statesOf = map[List][]State{
	ToCollect: {Planned}, AtClinic: {Collected, Packed}, OnTheWay: {Transport}, AtLaboratory: {Received}, InAnalysis: {Analysis},
	AllReported: {Reported}, AllRejected: {Rejected}, InStore: {Stored}, AllDiscarded: {Discarded}, AllLost: {Lost}, AllCancelled: {Cancelled},
}

// stuck is the condition of a tube that should have been scanned again by now.
func (d *Desk) stuck(b *sqlText) string {
	return "(p.state IN ('collected', 'packed', 'transport') AND (p.state_at < " + b.Arg(record.Micros(d.db.Now().Add(-d.opt.LostAfter))) +
		" OR p.marks LIKE '% " + FlagMissing + " %'))"
}

func (d *Desk) listed(b *sqlText, l List) error {
	states, ok := statesOf[l]
	if !ok {
		return record.Errorf(record.Invalid, "list: not one of ours")
	}
	c := &sqlText{Args: b.Args}
	store.In(c, "p.state", states)
	cond := c.String()
	switch l {
	case AllLost:
		cond = "(" + cond + " OR " + d.stuck(c) + ")"
	case AtClinic, OnTheWay:
		cond = "(" + cond + " AND NOT " + d.stuck(c) + ")"
	}
	b.Args = c.Args
	b.And(cond)
	return nil
}

// Filter selects tubes; empty fields select nothing out.
type Filter struct {
	List         List
	Institution  record.InstitutionID
	Laboratory   record.InstitutionID
	Patient      record.PatientID
	Order        OrderID
	ReceivedFrom time.Time // From <= t < To
	ReceivedTo   time.Time
	Expiring     bool // its deadline is near or behind, and something is open
	Recollect    bool // is collected in place of another
	Limit        int  // default 50, at most 500
	Page         string
}

// Find lists tubes, those that have been where they are the longest first, and the token of the next page, empty at the end.
func (d *Desk) Find(ctx context.Context, s record.Scope, f Filter) ([]Specimen, string, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 500)
	b := &sqlText{}
	b.And(d.reach(b, s, "p", true))
	if err := d.filter(b, f); err != nil {
		return nil, "", err
	}
	found, err := specimensWhere(ctx, d.db, b, `ORDER BY p.state_at, p.id LIMIT `+b.Arg(f.Limit+1))
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(found) > f.Limit {
		found = found[:f.Limit]
		last := found[len(found)-1]
		next = pageAt(record.Micros(last.Since), string(last.ID))
	}
	e := record.Event{
		Act: "specimen.list", Kind: "search", Institution: f.Institution, Patient: f.Patient,
		Detail: map[string]string{"count": strconv.Itoa(len(found)), "list": string(f.List)},
	}
	return found, next, d.db.NoteSoon(ctx, e.By(s))
}

func (d *Desk) filter(b *sqlText, f Filter) error {
	if f.List != "" {
		if err := d.listed(b, f.List); err != nil {
			return err
		}
	}
	b.Equal("p.institution_id", string(f.Institution))
	b.Equal("p.laboratory_id", string(f.Laboratory))
	b.Equal("p.patient_id", string(f.Patient))
	b.Equal("p.order_id", string(f.Order))
	if !f.ReceivedFrom.IsZero() {
		b.And("p.received_at >= " + b.Arg(record.Micros(f.ReceivedFrom)))
	}
	if !f.ReceivedTo.IsZero() {
		b.And("p.received_at > 0 AND p.received_at < " + b.Arg(record.Micros(f.ReceivedTo)))
	}
	if f.Expiring {
		b.And("p.deadline_at > 0 AND p.deadline_at < " + b.Arg(record.Micros(d.db.Now().Add(d.opt.ExpiringIn))))
		b.And("p.state IN ('collected', 'packed', 'transport', 'received', 'analysis', 'stored')")
	}
	if f.Recollect {
		b.And("p.replaces_id <> ''")
	}
	if f.Page != "" {
		at, id, err := openPage(f.Page)
		if err != nil {
			return err
		}
		b.And("(p.state_at, p.id) > (" + b.Arg(at) + ", " + b.Arg(id) + ")")
	}
	return nil
}

// countedFor is how long a tube that is done with is counted: its list has all of them.
const countedFor = 90 * 24 * time.Hour

// Count is how many tubes of the scope stand in each list; of those that are done with, the ones of the last ninety days.
func (d *Desk) Count(ctx context.Context, s record.Scope, f Filter) (map[List]int, error) {
	f.List, f.Page = "", ""
	b := &sqlText{}
	b.And("(p.state IN ('planned', 'collected', 'packed', 'transport', 'received', 'analysis', 'lost') OR p.state IN ('reported', 'rejected', 'stored', " +
		"'discarded', 'cancelled') AND p.state_at >= " + b.Arg(record.Micros(d.db.Now().Add(-countedFor))) + ")")
	b.And(d.reach(b, s, "p", true))
	if err := d.filter(b, f); err != nil {
		return nil, err
	}
	type count struct {
		state State
		stuck bool
		n     int
	}
	stuck := "CASE WHEN " + d.stuck(b) + " THEN 1 ELSE 0 END"
	rows, err := store.List(ctx, d.db, `SELECT q.state, q.stuck, COUNT(*) FROM (SELECT p.state, `+stuck+` AS stuck FROM specimens p WHERE `+b.String()+
		`) q GROUP BY q.state, q.stuck`, b.Args, func(c *count) []any { return []any{&c.state, &c.stuck, &c.n} })
	if err != nil {
		return nil, err
	}
	out := map[List]int{}
	for _, r := range rows {
		out[listOf(r.state, r.stuck)] += r.n
	}
	return out, nil
}

func listOf(st State, stuck bool) List {
	if stuck {
		return AllLost
	}
	for _, l := range Lists {
		for _, x := range statesOf[l] {
			if x == st {
				return l
			}
		}
	}
	return ""
}

// ListOf is the list in which a tube stands now.
func (d *Desk) ListOf(sp *Specimen) List {
	onWay := sp.State == Collected || sp.State == Packed || sp.State == Transport
	return listOf(sp.State, onWay && (sp.Has(FlagMissing) || sp.Since.Before(d.db.Now().Add(-d.opt.LostAfter))))
}

// Get gives one tube with all that was scanned of it.
func (d *Desk) Get(ctx context.Context, s record.Scope, id SpecimenID) (Specimen, []Past, error) {
	sp, err := d.specimenIn(ctx, d.db, s, id, false)
	if err != nil {
		return Specimen{}, nil, err
	}
	past, err := pastOf(ctx, d.db, id)
	if err != nil {
		return Specimen{}, nil, err
	}
	return sp, past, d.notes.Note(ctx, s, sp.event("read"))
}

// Lookup finds the tube of a barcode in the scope.
func (d *Desk) Lookup(ctx context.Context, s record.Scope, barcode string) (Specimen, []Past, error) {
	id, err := d.reached(ctx, d.db, s, barcode)
	if err != nil {
		return Specimen{}, nil, err
	}
	return d.Get(ctx, s, id)
}

// Past is one scan as it is shown.
type Past struct {
	ID          ScanID
	Act         Act
	At          time.Time
	RecordedAt  time.Time
	Actor       string
	Institution record.InstitutionID
	ClientID    string
	Outcome     Outcome // applied, waiting, conflict or settled
	Flags       []string
	Device      string
	Place       string
	Reason      string
	Note        string
	Box         BoxID
}

func pastOf(ctx context.Context, q store.Querier, id SpecimenID) ([]Past, error) {
	return store.Collect(ctx, q, `SELECT c.id, c.act, c.at, c.recorded_at, c.actor_id, c.institution_id, c.client_id, c.applied, c.conflict, c.settled_at <> 0, c.flags, c.device,
		c.place, c.reason, c.note, c.box_id FROM specimen_scans c WHERE c.specimen_id = $1 ORDER BY c.at, c.number`, []any{string(id)},
		func(scan func(...any) error) (p Past, err error) {
			var at, recorded int64
			var applied, conflict, settled bool
			var flags string
			err = scan(&p.ID, &p.Act, &at, &recorded, &p.Actor, &p.Institution, &p.ClientID, &applied, &conflict, &settled, &flags, &p.Device, &p.Place,
				&p.Reason, &p.Note, &p.Box)
			p.At, p.RecordedAt, p.Flags, p.Outcome = record.FromMicros(at), record.FromMicros(recorded), splitWords(flags), Waiting
			switch {
			case settled:
				p.Outcome = Settled
			case conflict:
				p.Outcome = Conflict
			case applied:
				p.Outcome = Applied
			}
			return p, err
		})
}
