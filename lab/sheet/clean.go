// Texts made fit for the page.

package sheet

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/paper"
	"github.com/lianzhen/lianzhen/record"
)

// settled is the sheet with texts that are fit for a page; an error where there is more than a sheet holds.
func (s Sheet) settled() (Sheet, error) {
	for _, list := range []struct{ n, most int }{
		{len(s.Rows), maxRows}, {len(s.Isolates), maxItems}, {len(s.Quality), maxItems}, {len(s.Corrections), maxItems}, {len(s.Notes), maxItems},
	} {
		if list.n > list.most {
			return s, tooLong()
		}
	}
	clean := cleaner{}
	clean.line(&s.Institution, &s.Laboratory, &s.Title, &s.Number, &s.Mark, &s.Verification, &s.SHA256, &s.Software)
	clean.line(&s.Patient.Name, &s.Patient.Sex, &s.Patient.Age, &s.Patient.Number)
	clean.line(&s.Order.Number, &s.Order.Department, &s.Order.Ward, &s.Order.Bed, &s.Order.Visit, &s.Order.Orderer)
	clean.line(&s.Specimen.Type, &s.Specimen.Site, &s.Specimen.Barcode, &s.Specimen.Condition)
	clean.line(&s.Technical.Name, &s.Technical.Rule, &s.Medical.Name, &s.Medical.Rule, &s.Withdrawal.By)
	clean.text(&s.Order.Clinical, &s.Withdrawal.Reason)
	s.Order.Clinical = strings.ReplaceAll(s.Order.Clinical, "\n", " ")
	s.Notes = clean.list(s.Notes)
	s.Rows = clean.rows(s.Rows)
	s.Isolates = clean.isolates(s.Isolates)
	s.Quality = append([]Quality(nil), s.Quality...)
	for i := range s.Quality {
		q := &s.Quality[i]
		clean.line(&q.Items, &q.Scheme, &q.Certificate)
	}
	s.Corrections = append([]Correction(nil), s.Corrections...)
	for i := range s.Corrections {
		c := &s.Corrections[i]
		clean.line(&c.Item, &c.By)
		clean.text(&c.Was, &c.Now, &c.Reason)
	}
	if clean.over {
		return s, tooLong()
	}
	return s, nil
}

func tooLong() error { return record.Errorf(record.Invalid, "a report of more than a sheet holds") }

// cleaner remembers whether a text or list, or all of them together, were longer than is taken.
type cleaner struct {
	over  bool
	total int // bytes
}

func (c *cleaner) line(texts ...*string) {
	for _, t := range texts {
		*t = paper.Line(*t, maxLine)
	}
}

// text keeps its lines and is refused, not cut, beyond what a result may have.
func (c *cleaner) text(texts ...*string) {
	for _, t := range texts {
		if c.total += len(*t); len(*t) > maxText || c.total > maxTotal {
			c.over = true
			*t = ""
		}
		*t = strings.TrimSpace(paper.Clean(*t, maxText))
	}
}

func (c *cleaner) list(in []string) []string {
	if len(in) > maxItems {
		c.over = true
		return nil
	}
	var out []string
	for _, s := range in {
		if c.text(&s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (c *cleaner) rows(in []Row) []Row {
	out := append([]Row(nil), in...)
	for i := range out {
		r := &out[i]
		c.line(&r.Heading, &r.Number, &r.Code, &r.Ours, &r.Sender, &r.Auto, &r.Quality)
		c.text(&r.Name, &r.English, &r.Result, &r.Unit, &r.Range, &r.Method)
		if r.Was != nil {
			was := *r.Was
			c.text(&was.Result, &was.Unit, &was.Range)
			r.Was = &was
		}
		r.Notes = c.list(r.Notes)
	}
	return out
}

func (c *cleaner) isolates(in []Isolate) []Isolate {
	out := append([]Isolate(nil), in...)
	for i := range out {
		b := &out[i]
		c.line(&b.Number)
		c.text(&b.Organism, &b.English, &b.Quantity)
		b.Phenotypes, b.Notes = c.list(b.Phenotypes), c.list(b.Notes)
		if len(b.Drugs) > maxDrugs {
			c.over = true
			b.Drugs = nil
		}
		b.Drugs = append([]Drug(nil), b.Drugs...)
		for k := range b.Drugs {
			d := &b.Drugs[k]
			c.text(&d.Code, &d.Name, &d.English, &d.Method, &d.Measured, &d.Unit, &d.Breakpoints, &d.Interpretation, &d.Was)
		}
	}
	return out
}
