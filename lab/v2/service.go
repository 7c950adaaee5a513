// Orders and their groups: ORC, OBR, TQ1, and which specimen, note and row belongs to which.

package v2

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// group is one order with what belongs to it.
type group struct {
	orc, obr, tq1 hl7.Segment
	tube          *tube
	rows          []row
	notes         []string
	clinical      []string
	first         hl7.Segment // that made the group, for places
	warnings      []observation.Warning
}

// row is OBX with its notes.
type row struct {
	s     hl7.Segment
	notes []string
}

func has(s hl7.Segment) bool { return s.Name() != "" }

// results reads ORU and OUL: persons, specimens, orders, rows.
func (w *walk) results() {
	late := w.out.Type == "OUL^R22" || w.out.Type == "OUL^R23" || w.out.Type == "OUL^R24" // there ORC follows its OBR
	w.groups(late)
	if w.err == nil && len(w.out.Reports) == 0 {
		w.refuse("OBX", hl7.SegmentSequence, "the message has neither an order nor a result")
	}
}

// orders reads OML and ORM.
func (w *walk) orders() {
	w.groups(false)
	if w.err == nil && len(w.out.Orders) == 0 {
		w.refuse("ORC", hl7.SegmentSequence, "the message has no order")
	}
}

// anchor is what a note would belong to.
type anchor int

const (
	ofNothing anchor = iota
	ofPerson
	ofOrder
	ofRow
	ofSpecimen
)

// groups walks the segments once. It keeps the group that is open and the one before it, by what may follow what.
func (w *walk) groups(lateORC bool) {
	g := grouper{walk: w, lateORC: lateORC}
	for s := range w.m.Segments() {
		if w.err != nil {
			return
		}
		g.take(s)
	}
	g.endPerson()
}

// grouper is the state of the walk over groups.
type grouper struct {
	*walk
	lateORC bool
	count   int // of rows
	at      anchor
	orphans []row // rows before any order
	open    []*group
	orc     hl7.Segment // that waits for its OBR, with what stands between
	tq1     hl7.Segment
	before  []string
	shared  *tube // a specimen that came before its orders (OUL^R22, OML^O33)
}

func (g *grouper) take(s hl7.Segment) {
	switch s.Name() {
	case "PID":
		g.endPerson()
		g.who, g.visit, g.ward, g.about = g.person(s), "", "", nil
		g.at = ofPerson
	case "PV1":
		g.visit, g.ward = g.visitOf(s)
	case "ORC":
		g.takeORC(s)
	case "OBR":
		g.takeOBR(s)
	case "TQ1":
		if has(g.orc) {
			g.tq1 = s
		} else if g.group != nil && !has(g.group.tq1) {
			g.group.tq1 = s
		}
	case "OBX":
		g.takeOBX(s)
	case "NTE":
		g.takeNTE(s)
	case "SPM":
		g.takeSPM(s)
	case "SAC":
		g.takeSAC(s)
	case "INV":
		if t := g.current(); t != nil {
			t.segs = append(t.segs, s)
		}
	case "DG1":
		if g.group != nil {
			g.group.clinical = append(g.group.clinical, g.coding(s.Field(3)).Display())
		}
	}
}

func (g *grouper) takeORC(s hl7.Segment) {
	g.at = ofOrder
	if g.lateORC && g.group != nil && !has(g.group.orc) && len(g.group.rows) == 0 {
		g.group.orc = s
		return
	}
	if g.ordering() {
		g.endORC()
	}
	g.orc = s
}

// endORC makes an order of an ORC that had no OBR: a cancellation.
func (g *grouper) endORC() {
	if has(g.orc) {
		x := g.begin(g.orc)
		x.orc, x.tq1, x.notes = g.orc, g.tq1, g.before
		g.orc, g.tq1, g.before = hl7.Segment{}, hl7.Segment{}, nil
	}
}

// begin opens a group.
func (g *grouper) begin(s hl7.Segment) *group {
	g.group = &group{first: s, tube: g.shared}
	if len(g.open) >= observation.MaxReports {
		g.refuse(s.Place(0), hl7.ValueTooLong, "more orders than are taken in one message")
		return g.group
	}
	g.open = append(g.open, g.group)
	return g.group
}

func (g *grouper) takeOBR(s hl7.Segment) {
	g.adopt()
	x := g.begin(s)
	x.obr, x.orc, x.tq1, x.notes = s, g.orc, g.tq1, g.before
	g.orc, g.tq1, g.before = hl7.Segment{}, hl7.Segment{}, nil
	g.at = ofOrder
}

// adopt gives rows that stood before their order to the group that has just ended without any, else to a group of their own.
func (g *grouper) adopt() {
	if len(g.orphans) == 0 || g.group == nil || len(g.group.rows) > 0 {
		return
	}
	g.group.rows, g.orphans = g.orphans, nil
	g.group.warnings = append(g.group.warnings, observation.Warning{Code: "rows-before-order", Place: g.group.first.Place(0)})
}

// maxRows of one message, whatever their orders are.
const maxRows = 4 * observation.MaxResults

func (g *grouper) takeOBX(s hl7.Segment) {
	for i := range g.p.Skip {
		if g.p.Skip[i].holds(s) {
			g.warn("row-skipped", s.Place(0))
			g.at = ofNothing
			return
		}
	}
	if t := g.current(); g.at == ofSpecimen && t != nil && !t.box {
		if g.group == nil || len(g.group.rows) > 0 {
			t.s.Notes = append(t.s.Notes, g.specimenNote(s))
			return
		}
		g.warn("row-after-specimen", s.Place(0)) // an order without any row: the sender wrote them behind the specimen
	}
	g.at = ofRow
	if g.count++; g.count > maxRows {
		g.refuse(s.Place(0), hl7.ValueTooLong, "more rows than are taken in one message")
		return
	}
	if g.group == nil {
		g.orphans = append(g.orphans, row{s: s})
		g.warn("row-before-order", s.Place(0))
		return
	}
	g.group.rows = append(g.group.rows, row{s: s})
}

// specimenNote is an observation about the specimen itself, as a person reads it.
func (g *grouper) specimenNote(s hl7.Segment) string {
	r := g.result(row{s: s})
	return clip(strings.TrimSpace(r.Code.Display()+" "+r.Value.String()+" "+r.Unit.Display()), 1000)
}

func (g *grouper) takeNTE(s hl7.Segment) {
	var text []string
	for _, rep := range s.Field(3).Reps() {
		text = append(text, strings.TrimSpace(rep.Whole()))
	}
	note := strings.TrimSpace(strings.Join(text, "\n"))
	if note == "" {
		return
	}
	if len(note) > observation.MaxText {
		g.refuse(s.Place(3), hl7.ValueTooLong, "the text is longer than is taken")
		return
	}
	switch {
	case has(g.orc):
		g.before = append(g.before, note)
	case g.at == ofPerson:
		g.about = append(g.about, note)
	case g.at == ofSpecimen && g.current() != nil:
		g.current().s.Notes = append(g.current().s.Notes, note)
	case g.at == ofRow && g.group != nil && len(g.group.rows) > 0:
		last := &g.group.rows[len(g.group.rows)-1]
		last.notes = append(last.notes, note)
	case g.at == ofRow && len(g.orphans) > 0:
		last := &g.orphans[len(g.orphans)-1]
		last.notes = append(last.notes, note)
	case g.group != nil:
		g.group.notes = append(g.group.notes, note)
	default:
		g.warn("note-without-place", s.Place(0))
	}
}

// takeSPM gives a specimen to the order before it, or, where specimens come first, to the orders behind it.
func (g *grouper) takeSPM(s hl7.Segment) {
	g.at = ofSpecimen
	t := g.specimen(s)
	leads := g.out.Type == "OUL^R22" || g.out.Type == "OUL^R23" || g.out.Type == "OML^O33" || g.out.Type == "OML^O35" || g.group == nil ||
		g.shared != nil && g.group.tube == g.shared
	switch {
	case leads:
		g.adopt()
		g.shared, g.group = t, nil
	case g.group.tube == nil:
		g.group.tube = t
	default:
		g.warn("several-specimens", s.Place(0))
		g.group.warnings = append(g.group.warnings, observation.Warning{Code: "several-specimens", Place: s.Place(0)})
	}
}

func (g *grouper) takeSAC(s hl7.Segment) {
	t := g.current()
	if t == nil {
		t = &tube{}
		if g.group != nil {
			g.group.tube = t
		} else {
			g.shared = t
		}
	}
	g.container(t, s)
	g.at = ofSpecimen
}

func (g *grouper) current() *tube {
	if g.group != nil && g.group.tube != nil {
		return g.group.tube
	}
	return g.shared
}

// endPerson closes the orders of a person.
func (g *grouper) endPerson() {
	if g.ordering() {
		g.endORC()
	}
	g.orc, g.tq1, g.before = hl7.Segment{}, hl7.Segment{}, nil
	g.adopt()
	if len(g.orphans) > 0 {
		x := g.begin(g.orphans[0].s)
		x.rows, g.orphans = g.orphans, nil
		x.warnings = append(x.warnings, observation.Warning{Code: "rows-without-order", Place: x.first.Place(0)})
	}
	for _, x := range g.open {
		if g.err != nil {
			break
		}
		if g.ordering() {
			g.out.Orders = append(g.out.Orders, g.order(x))
			continue
		}
		g.out.Reports = append(g.out.Reports, g.report(x))
		if len(g.out.Reports) > observation.MaxReports {
			g.refuse(x.first.Place(0), hl7.ValueTooLong, "more orders than are taken in one message")
		}
	}
	g.open, g.group, g.shared, g.at = nil, nil, nil, ofNothing
}

func (g *grouper) ordering() bool {
	return !strings.HasPrefix(g.out.Type, "ORU") && !strings.HasPrefix(g.out.Type, "OUL")
}

// priority reads TQ1-9, OBR-27.6 or OBR-5 (table 0027, 0485).
func (x *group) priority() record.Priority {
	for _, v := range []string{x.tq1.Get(9), x.obr.Get(27, 6), x.obr.Get(5), x.orc.Get(7, 6)} {
		switch strings.ToUpper(strings.TrimSpace(v)) {
		case "S", "STAT":
			return record.Stat
		case "A", "ASAP", "U", "URGENT", "P", "C", "急":
			return record.Urgent
		case "R", "ROUTINE":
			return record.Routine
		}
	}
	return record.Routine
}

// staff is a person as one reads them: XCN, else the identifier.
func staff(f hl7.Field) string {
	x := f.XCN()
	name := joinName(hl7.XPN{Family: x.Family, Given: x.Given, Middle: x.Middle}, strings.ContainsFunc(x.Family+x.Given, func(r rune) bool { return r >= 0x2E80 }))
	if name == "" {
		name = x.ID
	}
	return clip(name, 128)
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// specimenOf is the specimen of an order with what OBR says of it.
func (w *walk) specimenOf(x *group) observation.Specimen {
	var s observation.Specimen
	var segs []hl7.Segment
	if x.tube != nil {
		s, segs = x.tube.s, x.tube.segs
	}
	if id := first(w.p.Fields.Barcode, append(segs, x.obr, x.orc)...); id != "" {
		s.ID = clip(id, 64)
	}
	if has(x.obr) {
		w.older(&s, x.obr)
	}
	if kind := first(w.p.Fields.Specimen, append(segs, x.obr, x.orc)...); kind != "" {
		s.Type = observation.Coding{Code: clip(kind, 200), System: w.p.Local}
	}
	return s
}

// numbers of an order: whose they are decides the profile.
func (w *walk) orderNumbers(x *group) (placer, filler, groupNumber string) {
	return clip(first(w.p.Fields.Placer, x.obr, x.orc), 64), clip(first(w.p.Fields.Filler, x.obr, x.orc), 64), clip(x.orc.Get(4), 64)
}

// clinicalOf is what the orderer says of the patient: OBR-13, OBR-31, DG1.
func (w *walk) clinicalOf(x *group) string {
	parts := []string{x.obr.Field(13).Whole()}
	for _, c := range w.codings(x.obr.Field(31)) {
		parts = append(parts, c.Display())
	}
	parts = append(parts, x.clinical...)
	var said []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			said = append(said, p)
		}
	}
	return clip(strings.Join(said, "; "), 2000)
}

// controls are ORC-1 as we say them (table 0119).
var controls = map[string]observation.Control{
	"NW": observation.NewOrder, "SN": observation.NewOrder, "NA": observation.NewOrder, "CA": observation.CancelOrder, "OC": observation.CancelOrder,
	"DC": observation.CancelOrder, "OD": observation.CancelOrder, "XO": observation.ChangeOrder, "RP": observation.ChangeOrder,
	"RU": observation.ChangeOrder, "HD": observation.HoldOrder,
}

// order reads one order of OML or ORM.
func (w *walk) order(x *group) observation.Order {
	o := observation.Order{
		Patient: w.who, Visit: w.visit, Ward: w.ward, Service: w.coding(x.obr.Field(4)), Specimen: w.specimenOf(x), Priority: x.priority(),
		Orderer: firstOf(staff(x.obr.Field(16)), staff(x.orc.Field(12))), Clinical: w.clinicalOf(x),
		Notes: append(append([]string(nil), w.about...), x.notes...), Warnings: x.warnings,
	}
	o.Placer, o.Filler, o.Group = w.orderNumbers(x)
	letter := strings.ToUpper(strings.TrimSpace(x.orc.Get(1)))
	control, known := controls[letter]
	switch {
	case letter == "":
		control = observation.NewOrder
		o.Warnings = append(o.Warnings, observation.Warning{Code: "order-control-missing", Place: x.first.Place(0)})
	case !known:
		w.refuse(x.orc.Place(1), hl7.ValueNotFound, "the order control is not taken: want NW, CA, XO or HD")
	}
	o.Control = control
	for _, at := range []struct {
		s hl7.Segment
		n int
	}{{x.orc, 9}, {x.obr, 6}} {
		if t := w.time(at.s, at.n); t.Precision >= hl7.Day && o.OrderedAt.IsZero() {
			o.OrderedAt = t.At
		}
	}
	if t := w.time(x.obr, 7); t.Precision >= hl7.Day && o.Specimen.CollectedAt.IsZero() {
		o.Specimen.CollectedAt = t.At
	}
	for _, r := range x.rows { // questions at the order: height, fasting
		o.Notes = append(o.Notes, (&grouper{walk: w}).specimenNote(r.s))
	}
	if o.Placer == "" && o.Filler == "" {
		w.refuse(x.first.Place(2), hl7.RequiredMissing, "the order has no number")
	}
	if o.Control == observation.NewOrder && o.Service.Empty() {
		w.refuse(firstOf(x.obr.Place(4), x.first.Place(0)), hl7.RequiredMissing, "the order does not say what is to be measured")
	}
	return o
}
