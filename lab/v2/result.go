// Rows: OBX (HL7 v2.5.1 7.4.2), and the report that they are in.

package v2

import (
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// report reads one order with its rows.
func (w *walk) report(x *group) observation.Report {
	r := observation.Report{
		Patient: w.who, Visit: w.visit, Ward: w.ward, Service: w.coding(x.obr.Field(4)), Specimen: w.specimenOf(x), Priority: x.priority(),
		Orderer: firstOf(staff(x.obr.Field(16)), staff(x.orc.Field(12))), Clinical: w.clinicalOf(x), Final: w.p.Final,
		Notes: append(append([]string(nil), w.about...), x.notes...), Warnings: x.warnings, Parent: w.parent(x.obr),
		Performer: firstOf(nameOf(x.obr.Field(32)), nameOf(x.obr.Field(34))),
	}
	r.Placer, r.Filler, r.Group = w.orderNumbers(x)
	if t := w.time(x.obr, 7); t.Precision >= hl7.Day {
		r.ObservedAt = t.At
		if r.Specimen.CollectedAt.IsZero() {
			r.Specimen.CollectedAt = t.At
		}
	}
	if t := w.time(x.obr, 22); t.Precision >= hl7.Day {
		r.ReportedAt = t.At
	}
	w.control(x, &r)
	if len(x.rows) > observation.MaxResults {
		w.refuse(x.first.Place(0), hl7.ValueTooLong, "more rows than are taken in one report")
		return r
	}
	r.Results = w.rows(x.rows)
	r.Status = w.whole(x, &r)
	return r
}

// nameOf reads NDL (OBR-32): a person in the subcomponents of the first component; XCN where a sender wrote that.
func nameOf(f hl7.Field) string {
	c := f.Component(1)
	if c.Sub(2).Said() || c.Sub(3).Said() {
		family, given := c.Sub(2).String(), c.Sub(3).String()
		own := strings.ContainsFunc(family+given, func(r rune) bool { return r >= 0x2E80 })
		return clip(joinName(hl7.XPN{Family: family, Given: given}, own), 128)
	}
	return staff(f)
}

// parent reads OBR-26 (code, sub-id and text of the parent row) and OBR-29 (its order).
func (w *walk) parent(obr hl7.Segment) observation.Parent {
	link, order := obr.Field(26), obr.Field(29)
	return observation.Parent{
		Placer: clip(order.Component(1).SubEI().ID, 64), Filler: clip(order.Component(2).SubEI().ID, 64),
		Code: clip(link.Component(1).Sub(1).String(), 200), SubID: clip(link.Component(2).String(), 20), Text: clip(link.Component(3).Whole(), 500),
	}
}

// control tells reports of control materials: SPM-11 or OBR-11 is Q, or a rule of the profile.
func (w *walk) control(x *group, r *observation.Report) {
	r.Control = strings.EqualFold(x.obr.Get(11), "Q") || x.tube != nil && x.tube.control
	segs := []hl7.Segment{x.obr, x.orc}
	if x.tube != nil {
		segs = append(segs, x.tube.segs...)
	}
	if pid, ok := w.m.First("PID"); ok {
		segs = append(segs, pid)
	}
	if msh, ok := w.m.First("MSH"); ok {
		segs = append(segs, msh)
	}
	for i := range w.p.Control {
		for _, s := range segs {
			r.Control = r.Control || w.p.Control[i].holds(s)
		}
	}
	if !r.Control {
		return
	}
	for _, row := range x.rows {
		segs = append(segs, row.s)
	}
	r.Lot, r.Level = clip(first(w.p.Fields.Lot, segs...), 64), clip(first(w.p.Fields.Level, segs...), 64)
	r.Patient, r.Visit, r.Ward = record.Demographics{}, "", "" // what stands in PID is the material
}

// rows reads all rows; lines of text that follow each other under one code are one result of several paragraphs.
func (w *walk) rows(list []row) []observation.Result {
	var out []observation.Result
	for i, x := range list {
		if w.err != nil {
			return nil
		}
		r := w.result(x)
		if n := len(out); i > 0 && w.continues(list[i-1].s, x.s) && len(out[n-1].Notes) == 0 {
			last := &out[n-1]
			last.Value = joined(last.Value, r.Value)
			last.Notes = append(last.Notes, r.Notes...)
			if len(last.Value.Text) > observation.MaxText {
				w.refuse(x.s.Place(5), hl7.ValueTooLong, "the text is longer than is taken")
			}
			continue
		}
		w.numbered(&r, out, x.s)
		out = append(out, r)
	}
	return out
}

// numbered gives a row a number of its own: that of OBX-1, unless it is none or another row has it.
func (w *walk) numbered(r *observation.Result, before []observation.Result, s hl7.Segment) {
	last := 0
	if n := len(before); n > 0 {
		last = before[n-1].Number
	}
	if r.Number > last {
		return
	}
	r.Number = last + 1
	r.Warnings = append(r.Warnings, observation.Warning{Code: "row-number", Place: s.Place(1)})
}

// continues tells whether a row of text is the next paragraph of the row before it.
func (w *walk) continues(before, s hl7.Segment) bool {
	kind := strings.ToUpper(s.Get(2))
	return w.p.Lines == "join" && (kind == "TX" || kind == "FT") && strings.EqualFold(before.Get(2), kind) &&
		s.Field(3).Raw() == before.Field(3).Raw() && s.Field(4).Raw() == before.Field(4).Raw() && s.Get(11) == before.Get(11)
}

func joined(a, b observation.Value) observation.Value {
	switch {
	case a.Kind == observation.Empty:
		return b
	case b.Kind == observation.Empty:
		a.Text += "\n"
		return a
	}
	a.Text += "\n" + b.Text
	return a
}

// result reads one row.
func (w *walk) result(x row) observation.Result {
	s := x.s
	r := observation.Result{
		Code: w.coding(s.Field(3)), SubID: clip(s.Field(4).Whole(), 64), Range: clip(s.Field(7).Whole(), 200), Nature: clip(s.Get(10), 8),
		Method: w.coding(s.Field(17)), Device: w.device(s), Responsible: staff(s.Field(16)), Laboratory: w.laboratory(s), Notes: x.notes,
	}
	warn := func(code string, field int) {
		r.Warnings = append(r.Warnings, observation.Warning{Code: code, Place: s.Place(field)})
	}
	r.Number, _ = strconv.Atoi(strings.TrimSpace(s.Get(1)))
	if r.Code.Empty() {
		warn("code-missing", 3)
	}
	r.Unit = w.unit(s.Field(6))
	for n, rep := range s.Field(8).Reps() {
		if n > maxRepetitions {
			warn("too-many-repetitions", 8)
			break
		}
		if f := clip(rep.String(), 20); f != "" {
			r.Flags = append(r.Flags, f)
		}
	}
	r.Value = w.value(s, &r, warn)
	r.Status = w.status(s, warn)
	if t := w.time(s, 14); t.Precision >= hl7.Day {
		r.ObservedAt = t.At
	}
	if t := w.time(s, 19); t.Precision >= hl7.Day {
		r.AnalysedAt = t.At
	}
	return r
}

func (w *walk) device(s hl7.Segment) string {
	return clip(firstOf(strings.TrimSpace(s.Get(18)), first(w.p.Fields.Device, s)), 64)
}

// laboratory is OBX-23, else OBX-15.
func (w *walk) laboratory(s hl7.Segment) string {
	return clip(firstOf(s.Get(23), w.coding(s.Field(15)).Display()), 128)
}

// unit reads OBX-6. "10^9/L" is a unit whose sender forgot that ^ parts components.
func (w *walk) unit(f hl7.Field) observation.Coding {
	c := f.CWE()
	if c.Code == "10" && c.Text != "" && c.System == "" && strings.Contains(c.Text, "/") {
		return observation.Coding{Text: clip("10^"+c.Text, 64)}
	}
	if c.System == "" && c.Code != "" && c.Text == "" && c.Alternate == [3]string{} {
		return observation.Coding{Text: clip(f.Rep(1).Component(1).Whole(), 64)}
	}
	u := w.codingOf(c)
	if c.System == "" {
		u.System = ""
	}
	return u
}

// status reads OBX-11.
func (w *walk) status(s hl7.Segment, warn func(string, int)) observation.Status {
	letter := strings.ToUpper(strings.TrimSpace(s.Get(11)))
	if mapped, ok := w.p.Status.Letters[letter]; ok {
		letter = mapped
	}
	if letter == "" {
		letter = w.p.Status.Missing
		warn("status-missing", 11)
	}
	st, ok := observation.StatusOf(letter)
	if !ok {
		warn("status-unknown", 11)
		return observation.Unverified // never shown until somebody looks
	}
	return st
}

// wholes are the letters of OBR-25 (table 0123); D and W are not in it but sent.
var wholes = map[string]observation.Status{
	"O": observation.Registered, "I": observation.Registered, "S": observation.Registered, "N": observation.Registered,
	"A": observation.Preliminary, "P": observation.Preliminary, "M": observation.Preliminary, "R": observation.Unverified, "F": observation.Final, "C": observation.Corrected,
	"X": observation.Cancelled, "D": observation.Withdrawn, "W": observation.Withdrawn,
}

// whole is the worst status that OBR-25 and the rows allow: what is not settled counts before what is, else what says more.
func (w *walk) whole(x *group, r *observation.Report) observation.Status {
	said, ok := wholes[strings.ToUpper(strings.TrimSpace(x.obr.Get(25)))]
	if x.obr.Field(25).Said() && !ok && !contains([]string{"Y", "Z"}, strings.ToUpper(x.obr.Get(25))) {
		r.Warnings = append(r.Warnings, observation.Warning{Code: "status-unknown", Place: x.obr.Place(25)})
	}
	var rows observation.Status
	for i := range r.Results {
		rows = worse(rows, r.Results[i].Status)
	}
	switch {
	case rows == "":
		if said == "" {
			return observation.Registered
		}
		return said
	case said == "":
		return rows
	}
	conflict := said != rows && (said.Settled() && !rows.Settled() && rows != observation.Cancelled && !gone(rows) || gone(said) != gone(rows) && said != observation.Corrected)
	if conflict {
		r.Warnings = append(r.Warnings, observation.Warning{Code: "status-conflict", Place: x.obr.Place(25)})
	}
	return worse(said, rows)
}

func gone(s observation.Status) bool { return s == observation.Withdrawn }

// worse of two: below 3 in rank is not settled and counts before all else; then the higher rank. A cancelled row beside others says nothing
// of the whole.
func worse(a, b observation.Status) observation.Status {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	case a == observation.Cancelled:
		return b
	case b == observation.Cancelled:
		return a
	}
	lowA, lowB := a.Rank() < 3, b.Rank() < 3
	switch {
	case lowA && lowB:
		if a.Rank() <= b.Rank() {
			return a
		}
		return b
	case lowA:
		return a
	case lowB:
		return b
	case a.Rank() >= b.Rank():
		return a
	}
	return b
}
