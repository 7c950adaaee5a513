// The patient record, and control material that stands in records of its own.

package analyser

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// demographics reads the P record (LIS2-A2 8). Analysers know little of patients: the specimen's barcode says who it is.
func (p *Profile) demographics(in records) (record.Demographics, []observation.Warning) {
	var who record.Demographics
	var warnings []observation.Warning
	id := clip(p.Patient.ID.get(in), 64)
	if n, err := record.ParseIDNumber(id); err == nil {
		who.IDNumber = n
	} else {
		who.LocalID = record.Personal(id)
	}
	who.Name = record.Personal(nameOf(p.Patient.Name.get(in)))
	who.Sex = record.ParseSex(p.Patient.Sex.get(in))
	if s := p.Patient.Birth.get(in); s != "" {
		date, err := record.ParseDate(s[:min(8, len(s))])
		if err != nil {
			warnings = append(warnings, observation.Warning{
				Code: "date-unread", Place: fmt.Sprintf("record %d", in["P"].Number), Note: "the date of birth is none",
			})
		}
		who.BirthDate = date
	}
	return who, warnings
}

// nameOf joins the components of a name: family and given name without a space where they are Chinese.
func nameOf(s string) string {
	var parts []string
	for _, x := range strings.Split(s, "^") {
		if x = strings.TrimSpace(x); x != "" {
			parts = append(parts, x)
		}
	}
	between := " "
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		between = ""
	}
	return clip(strings.Join(parts, between), 128)
}

// controlRow reads a result of control material that is a record of its own: a report for each material and level.
func (d *decoder) controlRow(in records) {
	c := d.p.ControlRows
	lot, level := clip(c.Lot.get(in), 64), clip(c.Level.get(in), 64)
	r := observation.Result{
		Code:  d.p.coding(clip(c.Code.get(in), 128), ""),
		Value: observation.ParseValue(clip(c.Value.get(in), 1000)),
		Unit:  observation.Coding{Text: clip(c.Unit.get(in), 64)}, Flags: flags(in, c.Flags), Status: observation.Final,
		Device: clip(in["H"].Field(5).String(), 128),
	}
	var ok bool
	if r.AnalysedAt, ok = d.p.time(c.Analysed.get(in)); !ok {
		r.Warnings = append(r.Warnings, observation.Warning{
			Code: "time-unread", Place: fmt.Sprintf("record %d", in[c.Record].Number), Note: "the time of the analysis is none",
		})
	}
	for i := range d.reports {
		if x := &d.reports[i]; x.Control && x.Lot == lot && x.Level == level && len(x.Results) < observation.MaxResults {
			r.Number = len(x.Results) + 1
			x.Results = append(x.Results, r)
			return
		}
	}
	r.Number = 1
	d.reports = append(d.reports, observation.Report{
		Control: true, Lot: lot, Level: level, Status: observation.Final, Results: []observation.Result{r},
		Specimen: observation.Specimen{ID: lot},
	})
}
