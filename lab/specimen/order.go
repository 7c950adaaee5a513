// Orders: what is asked of the laboratory for one patient, a line for each item.

package specimen

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

type (
	OrderID    string // a laboratory order
	LineID     string // one item of an order
	SpecimenID string // a tube
	BoxID      string // a transport box
	ScanID     string // one scan of one tube
)

// LineStatus is the life of one ordered item. Where its tube is stands in the specimen.
type LineStatus string

// The statuses of a line.
const (
	LineOpen      LineStatus = "open"
	LineAnalysis  LineStatus = "in_analysis"
	LineReported  LineStatus = "reported"
	LineCancelled LineStatus = "cancelled"
)

// Line is one ordered item.
type Line struct {
	ID           LineID
	Number       int // in its order, from 1
	Order        OrderID
	Placer       string             // number of the sender (ORC-2)
	Item         observation.Coding // as ordered
	Code         string             // of the catalogue, else of the sender
	Title        string
	Analytes     []string // to be measured; none: the item itself
	Done         []string // of these, reported
	Status       LineStatus
	Specimen     SpecimenID // none after a cancellation before the needle
	CancelReason string
	OrderedAt    time.Time
	ReportedAt   time.Time

	patient     record.PatientID
	institution record.InstitutionID
	need        Need
	saidAt      int64
}

// Open reports a line that still waits for results.
func (l *Line) Open() bool { return l.Status == LineOpen || l.Status == LineAnalysis }

// Missing are the analytes that have no result yet.
func (l *Line) Missing() []string {
	if !l.Open() {
		return nil
	}
	done := map[string]bool{}
	for _, a := range l.Done {
		done[a] = true
	}
	var out []string
	for _, a := range l.measured() {
		if !done[a] {
			out = append(out, a)
		}
	}
	return out
}

func (l *Line) measured() []string {
	if len(l.Analytes) == 0 {
		return []string{l.Code}
	}
	return l.Analytes
}

// Order is a request for one patient at one institution.
type Order struct {
	ID          OrderID
	Institution record.InstitutionID // which asks and collects; default the caller's own
	Laboratory  record.InstitutionID // which measures; default the host of the county's centre
	Who         record.Demographics
	Patient     record.PatientID
	Grade       record.Grade
	Number      string // group or placer number of the sender; ours where there is none
	Priority    record.Priority
	Visit       string
	Ward        string
	Orderer     record.Personal
	Clinical    string
	OrderedAt   time.Time // default now
	Lines       []Line
	Specimens   []Specimen

	// Preprinted: the tubes get labels of a reserved block at collection; no barcodes are given now.
	Preprinted bool

	CreatedAt time.Time
	ChangedAt time.Time
	Version   int64
}

// Etag names the version of the order as a caller saw it.
func (o *Order) Etag() string { return fmt.Sprint(o.Version) }

// Status is that of the order as a whole: of the least advanced line that was not cancelled.
func (o *Order) Status() LineStatus {
	ranks := map[LineStatus]int{LineOpen: 1, LineAnalysis: 2, LineReported: 3, LineCancelled: 4}
	least := LineCancelled
	begun := false
	for i := range o.Lines {
		st := o.Lines[i].Status
		begun = begun || st == LineAnalysis || st == LineReported
		if ranks[st] < ranks[least] {
			least = st
		}
	}
	if least == LineOpen && begun {
		return LineAnalysis
	}
	return least
}

const (
	maxLines  = 100
	longText  = 1000
	shortText = 64
)

// field is a text of a person or program with its longest form.
type field struct {
	name   string
	text   *string
	most   int
	needed bool
}

// tidy checks a text and takes the blanks from its ends.
func (f field) tidy() error {
	*f.text = strings.TrimSpace(*f.text)
	t := *f.text
	switch {
	case t == "" && f.needed:
		return record.Errorf(record.Invalid, "%s: is required", f.name)
	case !utf8.ValidString(t):
		return record.Errorf(record.Invalid, "%s: not valid UTF-8", f.name)
	case utf8.RuneCountInString(t) > f.most:
		return record.Errorf(record.Invalid, "%s: longer than %d characters", f.name, f.most)
	case strings.ContainsFunc(t, func(r rune) bool { return r == 0 || f.most < longText && unicode.IsControl(r) }):
		return record.Errorf(record.Invalid, "%s: control characters are not allowed", f.name)
	}
	return nil
}

func tidy(fields ...field) error {
	for _, f := range fields {
		if err := f.tidy(); err != nil {
			return err
		}
	}
	return nil
}

// check tidies an order and refuses what no laboratory could work by.
func (o *Order) check() error {
	o.Priority = cmp.Or(o.Priority, record.Routine)
	err := tidy(
		field{name: "number", text: &o.Number, most: shortText},
		field{name: "visit", text: &o.Visit, most: shortText},
		field{name: "ward", text: &o.Ward, most: shortText},
		field{name: "orderer", text: (*string)(&o.Orderer), most: shortText},
		field{name: "clinical", text: &o.Clinical, most: longText},
	)
	switch {
	case err != nil:
		return err
	case o.Priority != record.Stat && o.Priority != record.Urgent && o.Priority != record.Routine:
		return record.Errorf(record.Invalid, "priority: want STAT, URGENT or ROUTINE")
	case !o.OrderedAt.IsZero() && (o.OrderedAt.Year() < 1990 || o.OrderedAt.Year() > 9998):
		return record.Errorf(record.Invalid, "ordered_at: out of range")
	}
	return nil
}

// checkWho tidies the patient of a new order. One that is named by our id needs nothing else.
func (o *Order) checkWho() error {
	d := &o.Who
	err := tidy(
		field{name: "patient.local_number", text: (*string)(&d.LocalID), most: shortText},
		field{name: "patient.name", text: (*string)(&d.Name), most: shortText, needed: o.Patient == ""},
		field{name: "patient.latin_name", text: (*string)(&d.Latin), most: shortText},
	)
	if err == nil && record.ParseSex(string(d.Sex)) != d.Sex {
		err = record.Errorf(record.Invalid, "patient.sex: want M, F, O or nothing")
	}
	return err
}

// checkLines tidies the items of a new order. The same item twice has no two numbers of the sender to be told apart by.
func (o *Order) checkLines() error {
	if len(o.Lines) == 0 || len(o.Lines) > maxLines {
		return record.Errorf(record.Invalid, "items: want 1 to %d", maxLines)
	}
	seen := map[string]bool{}
	for i := range o.Lines {
		l := &o.Lines[i]
		l.Placer = cmp.Or(l.Placer, o.Number)
		if err := l.check(fmt.Sprintf("items[%d].", i)); err != nil {
			return err
		}
		key := l.Placer + "|" + itemOf(l.Item)
		if seen[key] && l.Placer != "" {
			return record.Errorf(record.Invalid, "items[%d]: ordered twice under one number", i)
		}
		seen[key] = true
	}
	return nil
}

func (l *Line) check(at string) error {
	err := tidy(
		field{name: at + "code", text: &l.Item.Code, most: shortText},
		field{name: at + "text", text: &l.Item.Text, most: 200},
		field{name: at + "system", text: &l.Item.System, most: shortText},
		field{name: at + "placer_number", text: &l.Placer, most: shortText},
	)
	if err == nil && l.Item.Empty() {
		err = record.Errorf(record.Invalid, "%scode: is required", at)
	}
	return err
}

// itemOf is what an item is told apart by when nobody knows its code.
func itemOf(c observation.Coding) string { return cmp.Or(c.Code, c.Text) }
