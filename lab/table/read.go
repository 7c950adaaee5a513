// Read: from a file to the one model.

package table

import (
	"io"
	"strings"

	"github.com/lianzhen/lianzhen/lab/observation"
)

// Read takes a table of results: CSV in UTF-8, GB18030 or UTF-16, or XLSX. Rows of one specimen, or of one person, visit and time of collection, are one
// report. The error is record.Invalid and holds Errors, with the row and the column of all that is to be put right; then nothing was taken. Warnings
// are of what was taken as it stands.
func Read(r io.ReaderAt, size int64, p Profile) ([]observation.Report, []observation.Warning, error) {
	p, err := p.settled()
	if err != nil {
		return nil, nil, err
	}
	t, f, err := open(r, size, &p)
	if err != nil {
		return nil, nil, err
	}
	b := &builder{form: t, f: f, byKey: map[string]int{}}
	if len(f.faults) == 0 {
		for i := t.first; i < len(t.g.rows); i++ {
			b.row(&t.g.rows[i])
			if len(f.faults) >= maxErrors {
				break
			}
		}
		b.close()
	}
	if len(f.faults) > 0 {
		return nil, f.warnings, f.faults.wrapped()
	}
	return b.reports, f.warnings, nil
}

// open reads the file and finds the table in it.
func open(r io.ReaderAt, size int64, p *Profile) (*form, *findings, error) {
	if size <= 0 {
		return nil, nil, refuse("an empty file")
	}
	if size > MaxBytes {
		return nil, nil, refuse("a file of more than 32 MiB")
	}
	magic := make([]byte, min(size, 8))
	if _, err := r.ReadAt(magic, 0); err != nil && err != io.EOF {
		return nil, nil, err
	}
	switch {
	case strings.HasPrefix(string(magic), "PK\x03\x04"):
		return openSheets(r, size, p)
	case strings.HasPrefix(string(magic), "\xd0\xcf\x11\xe0"):
		return nil, nil, refuse("a workbook of the old form (.xls) or with a password: save it as .xlsx")
	}
	b := make([]byte, size)
	if n, err := r.ReadAt(b, 0); err != nil && err != io.EOF || int64(n) != size {
		return nil, nil, refuse("the file ends early")
	}
	g, err := readCSV(b, p)
	if err != nil {
		return nil, nil, err
	}
	f := &findings{}
	if t := understood(g, p, f); t != nil {
		return t, f, nil
	}
	return nil, nil, refuse("no heading was recognised in the first 30 rows: use the template")
}

// openSheets takes the sheet of the profile, or the first that has a heading.
func openSheets(r io.ReaderAt, size int64, p *Profile) (*form, *findings, error) {
	w, err := openWorkbook(r, size)
	if err != nil {
		return nil, nil, err
	}
	for i, s := range w.sheets {
		if s.hidden && p.Sheet == "" || p.Sheet != "" && s.name != p.Sheet {
			continue
		}
		g, err := w.readSheet(s)
		if err != nil {
			return nil, nil, err
		}
		f := &findings{}
		if len(w.sheets) > 1 {
			f.sheet = "sheet" + itoa(i+1) // its name may be a person's
		}
		if t := understood(g, p, f); t != nil {
			return t, f, nil
		}
	}
	return nil, nil, refuse("no heading was recognised in the first 30 rows of any sheet: use the template")
}

// clip cuts a text by characters.
func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

// builder puts rows together to reports.
type builder struct {
	*form
	f       *findings
	byKey   map[string]int
	reports []observation.Report
	firsts  []int // the row where each report began
	seen    []map[string]int
}

// row reads one row of data. Blank ones, and headings that come again on each page, are passed over.
func (b *builder) row(r *gridRow) {
	if r.blank() || b.repeated(r) {
		return
	}
	before := len(b.f.faults)
	head := b.report(r)
	if len(b.f.faults) > before {
		return
	}
	var results []observation.Result
	if b.wide() {
		results = b.analyteResults(r)
	} else {
		results = b.longResult(r, &head)
	}
	if len(b.f.faults) > before || len(results) == 0 {
		return
	}
	b.join(r, head, results)
}

// repeated reports a row that says what the heading says.
func (b *builder) repeated(r *gridRow) bool {
	same := 0
	head := &b.g.rows[b.head]
	for i, c := range r.cells {
		if c.text == "" {
			continue
		}
		if c.text != head.at(i).text {
			return false
		}
		same++
	}
	return same > 1
}

// join adds results to the report that they belong to.
func (b *builder) join(r *gridRow, head observation.Report, results []observation.Result) {
	k := key(&head)
	n, ok := b.byKey[k]
	if !ok {
		if len(b.reports) >= observation.MaxReports {
			b.f.fault(r.number, 0, "", "more than 500 reports: split the table")
			return
		}
		n = len(b.reports)
		b.byKey[k] = n
		b.reports, b.firsts, b.seen = append(b.reports, head), append(b.firsts, r.number), append(b.seen, map[string]int{})
	} else if !b.agrees(r, n, &head) {
		return
	}
	rep := &b.reports[n]
	for _, x := range results {
		id := x.Code.Code + "|" + x.Code.Text
		if first, twice := b.seen[n][id]; twice {
			b.f.fault(r.number, 0, "", "the same item of the same specimen as in row "+itoa(first))
			return
		}
		if len(rep.Results) >= observation.MaxResults {
			b.f.fault(r.number, 0, "", "more than 5,000 results of one report")
			return
		}
		b.seen[n][id] = r.number
		x.Number = len(rep.Results) + 1
		rep.Results = append(rep.Results, x)
	}
}

// agrees compares what a row says of the person with what the first row of the report said: two persons under one number are a fault.
func (b *builder) agrees(r *gridRow, n int, head *observation.Report) bool {
	kept := &b.reports[n]
	a, z := &kept.Patient, &head.Patient
	for _, c := range []struct {
		field    field
		was, now string
	}{
		{fName, a.Name.Reveal(), z.Name.Reveal()},
		{fSex, string(a.Sex), string(z.Sex)},
		{fBirth, a.BirthDate.String(), z.BirthDate.String()},
		{fIdentity, a.IDNumber.Reveal(), z.IDNumber.Reveal()},
		{fPatient, a.LocalID.Reveal(), z.LocalID.Reveal()},
		{fBarcode, kept.Specimen.ID, head.Specimen.ID},
		{fSpecimen, kept.Specimen.Type.Text, head.Specimen.Type.Text},
	} {
		if c.was != "" && c.now != "" && c.was != c.now {
			b.f.fault(r.number, b.fields[c.field]+1, title(c.field), "is another than in row "+itoa(b.firsts[n])+", which has the same number")
			return false
		}
	}
	if head.ReportedAt.After(kept.ReportedAt) {
		kept.ReportedAt = head.ReportedAt
	}
	kept.Final = kept.Final && head.Final
	return true
}

// key is what rows of one report share.
func key(r *observation.Report) string {
	switch {
	case r.Specimen.ID != "":
		return "s\x00" + r.Specimen.ID + "\x00" + r.Filler
	case r.Filler != "":
		return "f\x00" + r.Filler
	}
	p := &r.Patient
	return strings.Join([]string{"p", r.Placer, p.IDNumber.Reveal(), p.LocalID.Reveal(), p.Name.Reveal(), p.BirthDate.String(), string(p.Sex), r.Visit, r.Specimen.Type.Text, r.Specimen.CollectedAt.String(), r.Service.Text}, "\x00")
}

// close settles the status of each report by its rows.
func (b *builder) close() {
	for i := range b.reports {
		r := &b.reports[i]
		r.Status = observation.Final
		for k := range r.Results {
			if s := r.Results[k].Status; k == 0 || s.Rank() < r.Status.Rank() {
				r.Status = s
			}
		}
		r.Final = r.Final && r.Status.Settled()
	}
	if len(b.reports) == 0 && len(b.f.faults) == 0 {
		b.f.fault(0, 0, "", "no results below the heading")
	}
}
