// A message to reports.

package analyser

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// Decode reads a message by the profile of its sender: a report for each order record with results, and what it asks. Warnings of
// the message are returned, those of a report or a row stand in it. Errors are of kind Invalid.
func Decode(m astm.Message, p *Profile) ([]observation.Report, []Query, []observation.Warning, error) {
	d := decoder{p: p, m: m}
	d.m.Warnings = slices.Clone(m.Warnings)
	root := d.m.Tree()
	d.head(root)
	for _, w := range d.m.Warnings {
		d.warnings = append(d.warnings, observation.Warning{Code: w.Code, Place: fmt.Sprintf("record %d", w.Record), Note: w.Note})
	}
	if len(d.reports) > observation.MaxReports {
		d.errs = append(d.errs, record.Errorf(record.Invalid, "message: more than %d reports", observation.MaxReports))
	}
	if err := errors.Join(d.errs...); err != nil {
		return nil, nil, d.warnings, record.Wrap(record.Invalid, err, "message")
	}
	return d.reports, d.queries, d.warnings, nil
}

// Read reads the messages of a body with a profile: records as a door hands them over, or the capture of a line with its frames.
func Read(body []byte, p *Profile) ([]observation.Report, []Query, []observation.Warning, error) {
	var reports []observation.Report
	var queries []Query
	var warnings []observation.Warning
	if bytes.IndexByte(body, 0x02) >= 0 { // STX, which no text has (LIS1-A 6.2)
		records, bad, err := astm.Unframe(body, p.Line.Options())
		if err != nil {
			return nil, nil, nil, record.Wrap(record.Invalid, err, err.Error())
		}
		for _, w := range bad {
			warnings = append(warnings, observation.Warning{Code: w.Code, Place: fmt.Sprintf("frame %d", w.Record), Note: w.Note})
		}
		body = records
	}
	messages, err := astm.Parse(body, p.Charset)
	if err != nil {
		return nil, nil, warnings, record.Wrap(record.Invalid, err, err.Error())
	}
	for _, m := range messages {
		r, q, w, err := Decode(m, p)
		warnings = append(warnings, w...)
		if err != nil {
			return nil, nil, warnings, err
		}
		reports, queries = append(reports, r...), append(queries, q...)
	}
	return reports, queries, warnings, nil
}

type decoder struct {
	p        *Profile
	m        astm.Message
	reports  []observation.Report
	queries  []Query
	warnings []observation.Warning
	errs     []error
}

func (d *decoder) head(root *astm.Node) {
	in := records{"H": root.Record}
	for _, n := range root.Children {
		if len(d.errs) > 0 || len(d.reports) > observation.MaxReports {
			return
		}
		switch {
		case d.p.ControlRows != nil && n.Record.Type == d.p.ControlRows.Record:
			d.controlRow(in.with(n.Record.Type, n.Record))
		case n.Record.Type == "P":
			d.patient(in.with("P", n.Record), n)
		case n.Record.Type == "Q" && !isQuery(n.Record):
			d.warn("query-unread", n.Record, "a query that asks nothing: kept in the message only")
		case n.Record.Type == "Q":
			d.queries = append(d.queries, d.p.queriesOf(in.with("Q", n.Record))...)
		case n.Record.Type == "H" || n.Record.Type == "L":
		case n.Record.Type == "M" || n.Record.Type == "S":
			d.warn("manufacturer-record", n.Record, "outside of an order: kept in the message only")
		}
	}
}

func (d *decoder) warn(code string, r astm.Record, note string) {
	d.warnings = append(d.warnings, observation.Warning{Code: code, Place: fmt.Sprintf("record %d", r.Number), Note: note})
}

func (d *decoder) patient(in records, n *astm.Node) {
	who, warnings := d.p.demographics(in)
	ward, visit := clip(d.p.Patient.Ward.get(in), 64), clip(d.p.Patient.Visit.get(in), 64)
	var notes []string
	for _, c := range n.Children {
		if c.Record.Type == "C" {
			notes = d.p.note(notes, c.Record)
		}
	}
	for _, o := range n.Children {
		if o.Record.Type != "O" {
			continue
		}
		if len(d.errs) > 0 || len(d.reports) > observation.MaxReports {
			return
		}
		for _, r := range d.order(in.with("O", o.Record), o) {
			r.Patient, r.Ward, r.Visit = who, ward, visit
			r.Notes = append(slices.Clone(notes), r.Notes...)
			r.Warnings = append(r.Warnings, warnings...)
			d.reports = append(d.reports, r)
		}
	}
}

// order reads an order record with what hangs on it: one report, and one for the susceptibilities of each isolate. An order without
// any result gives none.
func (d *decoder) order(in records, n *astm.Node) []observation.Report {
	p := d.p
	r := observation.Report{
		Filler: clip(p.Order.Filler.get(in), 64), Orderer: clip(p.Order.Orderer.get(in), 128),
		Service: p.service(in), Priority: priorities[strings.ToUpper(p.Order.Priority.get(in))], Final: p.Verified,
		Specimen: observation.Specimen{ID: clip(p.Order.Barcode.get(in), 64)},
	}
	if kind := clip(p.Order.Specimen.get(in), 64); kind != "" {
		r.Specimen.Type = observation.Coding{Code: kind, System: "L"}
	}
	r.Control = p.Control.is(in)
	if r.Control {
		r.Lot, r.Level = clip(p.Control.Lot.get(in), 64), clip(p.Control.Level.get(in), 64)
	}
	p.times(&r, in)
	rows := reader{p: p, report: &r}
	for _, c := range n.Children {
		if err := rows.child(in, c); err != nil {
			d.errs = append(d.errs, err)
			return nil
		}
	}
	if r.Specimen.ID == "" && !r.Control {
		r.Warnings = append(r.Warnings, observation.Warning{Code: "no-barcode", Place: fmt.Sprintf("record %d", n.Record.Number), Note: "no number of the specimen"})
	}
	all := rows.finish()
	if len(all) == 0 && !n.Implied {
		d.warn("no-results", n.Record, "an order without results")
	}
	return all
}

// service is what was ordered, where the order names one thing; several are the codes of the rows themselves.
func (p *Profile) service(in records) observation.Coding {
	if !p.Order.Service.empty() {
		return p.coding(clip(p.Order.Service.get(in), 64), "")
	}
	f := in["O"].Field(5)
	if f.Several() {
		return observation.Coding{}
	}
	parts := f.Components()
	if len(parts) < 4 { // a code, and perhaps a name, without the three empty components of LIS2-A2 6.6.1
		parts = append([]string{"", "", ""}, parts...)
	}
	code, name := "", ""
	for _, s := range parts[3:] {
		if s != "" && code == "" {
			code = s
		} else if s != "" && name == "" {
			name = s
		}
	}
	return p.coding(clip(code, 64), clip(name, 128))
}

// priorities are those of O-6 (LIS2-A2 9.4.6).
var priorities = map[string]record.Priority{"S": record.Stat, "A": record.Urgent, "P": record.Urgent, "C": record.Urgent, "R": record.Routine}

// is tells control material.
func (c Control) is(in records) bool {
	for _, when := range c.When {
		s := when.Path.get(in)
		if s == "" {
			continue
		}
		if slices.ContainsFunc(when.Is, func(x string) bool { return strings.EqualFold(x, s) }) ||
			slices.ContainsFunc(when.Like, func(x string) bool { return like(x, s) }) {
			return true
		}
	}
	return false
}

// clip makes a text of a device fit to be kept; longer ones are cut.
func clip(s string, n int) string { return record.Clip(s, n) }
