// What is known of a result when it is judged.

package verify

import (
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/packfile"
)

// Facts are what a result is judged by. All of it travels with the verdict.
type Facts struct {
	At          time.Time `json:"at"` // when it was measured: rules of that day count
	Analyte     string    `json:"analyte"`
	Value       Value     `json:"value"`
	Unit        string    `json:"unit"`     // UCUM
	AgeDays     int       `json:"age_days"` // when the specimen was taken; below zero: unknown
	Sex         string    `json:"sex"`      // M, F, O; empty: unknown
	Pregnant    bool      `json:"pregnant,omitempty"`
	Specimen    string    `json:"specimen,omitempty"` // code of the catalogue
	Method      string    `json:"method,omitempty"`   // comparability group of the catalogue
	Department  string    `json:"department,omitempty"`
	Laboratory  string    `json:"laboratory,omitempty"`
	Institution string    `json:"institution,omitempty"` // who ordered

	Previous []Previous `json:"previous,omitempty"` // of the same analyte and person, any clinic
	Beside   []Beside   `json:"beside,omitempty"`   // other analytes of the same specimen
	QC       QC         `json:"qc"`
	HIL      HIL        `json:"hil"`

	SenderFlags     []string  `json:"sender_flags,omitempty"`     // OBX-8 as sent
	InstrumentFlags []string  `json:"instrument_flags,omitempty"` // what the analyser says of the measurement
	Conditions      []string  `json:"conditions,omitempty"`       // of the specimen: haemolysed, clotted ... (SPM-24)
	Interval        *Interval `json:"interval,omitempty"`
}

// Value is a number with an optional comparator, or a text.
type Value struct {
	Comparator string           `json:"comparator,omitempty"`
	Number     packfile.Decimal `json:"number"`
	Text       string           `json:"text,omitempty"`
}

// ValueOf takes what can be judged from a value of a result.
func ValueOf(v observation.Value) Value {
	if v.Kind == observation.Quantity && v.Number != nil {
		return Value{Comparator: v.Comparator, Number: packfile.Decimal{Decimal: v.Number}}
	}
	return Value{Text: v.String()}
}

// String is the value as a person reads it.
func (v Value) String() string {
	if v.Number.Some() {
		return v.Comparator + v.Number.String()
	}
	return v.Text
}

// exact is the number without comparator, none for all else.
func (v Value) exact() packfile.Decimal {
	if v.Comparator != "" {
		return packfile.Decimal{}
	}
	return v.Number
}

// Previous is an earlier result of the same person and analyte.
type Previous struct {
	Value       Value     `json:"value"`
	Unit        string    `json:"unit"`
	At          time.Time `json:"at"`
	Laboratory  string    `json:"laboratory,omitempty"`
	Institution string    `json:"institution,omitempty"`
	Method      string    `json:"method,omitempty"`
	Report      string    `json:"report,omitempty"`
	Untold      bool      `json:"untold,omitempty"` // no alarm of it stands: it was dismissed as false, or never raised
}

// Beside is another analyte of the same specimen.
type Beside struct {
	Analyte string `json:"analyte"`
	Value   Value  `json:"value"`
	Unit    string `json:"unit"`
}

// QC is the state of internal quality control of (laboratory, analyte, device) when the result was measured.
type QC string

// The states.
const (
	QCUnknown QC = ""        // nothing is known: never released without a person
	QCIn      QC = "in"      // in control
	QCWarning QC = "warning" // a warning rule, no rejection
	QCOut     QC = "out"     // out of control
	QCNone    QC = "none"    // no control was run in the time that counts
)

// HIL are the serum indices in the units of the analyser; none: not measured.
type HIL struct {
	Haemolysis packfile.Decimal `json:"haemolysis" yaml:"haemolysis"`
	Icterus    packfile.Decimal `json:"icterus" yaml:"icterus"`
	Lipaemia   packfile.Decimal `json:"lipaemia" yaml:"lipaemia"`
}

// Interval is the reference interval 参考区间 that counts for this result. It travels with the result and is never computed again.
type Interval struct {
	ID       string           `json:"id"`
	Low      packfile.Decimal `json:"low"` // none: open
	High     packfile.Decimal `json:"high"`
	LowOpen  bool             `json:"low_open,omitempty"` // the limit itself is outside
	HighOpen bool             `json:"high_open,omitempty"`
	Expect   string           `json:"expect,omitempty"` // of a qualitative result: "negative"
	Unit     string           `json:"unit,omitempty"`
	Text     string           `json:"text"` // as printed: "3.5-5.3"
	Source   packfile.Text    `json:"source"`
	Status   packfile.Status  `json:"status"` // how sure we are of the source
}

// Convert gives a number of one unit in another; the analyte is for what only its molar mass can convert.
type Convert func(value packfile.Decimal, from, to, analyte string) (packfile.Decimal, error)

// Prepare brings facts into the one form that is judged: numbers in the units of the pack (of the interval, where the pack has none), times in
// UTC microseconds, lists in order. What cannot be converted keeps its unit, and Judge holds it. convert may be nil: only equal units count.
func (p *Pack) Prepare(f Facts, convert Convert) Facts {
	f.At = f.At.UTC().Truncate(time.Microsecond)
	to := p.unitOf(f)
	c := converter{convert: convert, analyte: f.Analyte}
	f.Value, f.Unit = c.value(f.Value, f.Unit, to)
	f.Interval = c.interval(f.Interval, to)
	f.Previous = c.previous(f.Previous, to)
	f.Beside = p.beside(f.Beside, convert)
	f.SenderFlags, f.InstrumentFlags, f.Conditions = some(f.SenderFlags), some(f.InstrumentFlags), some(f.Conditions)
	return f
}

func some(list []string) []string {
	var out []string
	for _, x := range list {
		if x != "" {
			out = append(out, x)
		}
	}
	return out
}

func (p *Pack) unitOf(f Facts) string {
	if u, ok := p.Units[f.Analyte]; ok {
		return u
	}
	if f.Interval != nil && f.Interval.Unit != "" {
		return f.Interval.Unit
	}
	return f.Unit
}

type converter struct {
	convert Convert
	analyte string
}

func (c converter) value(v Value, from, to string) (Value, string) {
	if !v.Number.Some() || from == to {
		return v, to
	}
	if n, ok := c.number(v.Number, from, to); ok {
		v.Number = n
		return v, to
	}
	return v, from
}

func (c converter) number(n packfile.Decimal, from, to string) (packfile.Decimal, bool) {
	if !n.Some() || from == to || from == "" && Bare(to) {
		return n, true
	}
	if c.convert == nil || from == "" {
		return n, false
	}
	out, err := c.convert(n, from, to, c.analyte)
	return out, err == nil && out.Some()
}

// Bare reports a unit that people leave out, since a value has no other: pure numbers, INR and other counts of nothing, pH.
func Bare(unit string) bool {
	return unit == "1" || unit == "[pH]" || strings.HasPrefix(unit, "{") && strings.IndexByte(unit, '}') == len(unit)-1
}

// interval converts the limits; its text stays as printed. One that cannot be converted does not count.
func (c converter) interval(i *Interval, to string) *Interval {
	if i == nil || i.Unit == to || i.Expect != "" {
		return i
	}
	out := *i
	var low, high bool
	out.Low, low = c.number(i.Low, i.Unit, to)
	out.High, high = c.number(i.High, i.Unit, to)
	if !low || !high {
		return nil
	}
	out.Unit = to
	return &out
}

func (c converter) previous(all []Previous, to string) []Previous {
	var out []Previous
	for _, x := range all {
		x.At = x.At.UTC().Truncate(time.Microsecond)
		x.Value, x.Unit = c.value(x.Value, x.Unit, to)
		if x.Unit == to {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b Previous) int { return b.At.Compare(a.At) }) // the newest first
	return out
}

func (p *Pack) beside(all []Beside, convert Convert) []Beside {
	var out []Beside
	for _, x := range all {
		to, ok := p.Units[x.Analyte]
		if !ok {
			continue // no rule speaks of it
		}
		if x.Value, x.Unit = (converter{convert, x.Analyte}).value(x.Value, x.Unit, to); x.Unit == to {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b Beside) int {
		if a.Analyte != b.Analyte {
			if a.Analyte < b.Analyte {
				return -1
			}
			return 1
		}
		return 0
	})
	return out
}

// AgeDays is the age in whole days of a person born on one civil day at an instant, by the calendar of China; -1 if it is unknown or before birth.
func AgeDays(bornYear int, bornMonth time.Month, bornDay int, at time.Time) int {
	if bornYear == 0 || at.IsZero() {
		return -1
	}
	y, m, d := at.In(chinaTime).Date()
	born := time.Date(bornYear, bornMonth, bornDay, 0, 0, 0, 0, time.UTC)
	days := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(born) / (24 * time.Hour))
	return max(days, -1)
}

var chinaTime = time.FixedZone("CST", 8*3600)
