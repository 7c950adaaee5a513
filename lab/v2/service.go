// What an order says: ORC, OBR, TQ1 (HL7 v2.5.1 4.5.1, 4.5.3, 4.5.4).

package v2

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

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
