// Groups: which specimen, note and row belongs to which order, and what to do with those that stand elsewhere.

package v2

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
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
