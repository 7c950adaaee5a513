// Reference intervals: which one counts for a person, specimen and method.

package catalogue

import (
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/lab/packfile"
	"github.com/lianzhen/lianzhen/lab/verify"
)

// Interval is one reference interval of an analyte, in the unit of the analyte. Low and High are inside, Above and Below outside. Expect is for
// qualitative results: negative.
type Interval struct {
	ID            string           `yaml:"id" json:"id"`
	Of            string           `yaml:"of" json:"of"`
	Low           packfile.Decimal `yaml:"low" json:"low"`
	High          packfile.Decimal `yaml:"high" json:"high"`
	Above         packfile.Decimal `yaml:"above" json:"above"`
	Below         packfile.Decimal `yaml:"below" json:"below"`
	Expect        string           `yaml:"expect" json:"expect,omitempty"`
	Ages          packfile.Ages    `yaml:"age" json:"age,omitzero"` // [from, to) in days
	Sex           string           `yaml:"sex" json:"sex,omitempty"`
	Specimens     []string         `yaml:"specimens" json:"specimens,omitempty"`
	Method        string           `yaml:"method" json:"method,omitempty"`
	Pregnant      bool             `yaml:"pregnant" json:"pregnant,omitempty"` // counts for pregnant women only, before all others
	From          packfile.Day     `yaml:"from" json:"from,omitzero"`
	To            packfile.Day     `yaml:"to" json:"to,omitzero"`
	Source        string           `yaml:"source" json:"source"`
	ToBeConfirmed bool             `yaml:"to_be_confirmed" json:"to_be_confirmed,omitempty"`
}

// Subject is whom and what a result is of.
type Subject struct {
	AgeDays  int    // below zero: unknown
	Sex      string // M, F; others: unknown
	Pregnant bool
	Specimen string // code of the catalogue
	Method   string // comparability group
	At       time.Time
}

// Interval is the reference interval that counts: of those that fit, the one that says most of whom it is for. An unknown age or sex fits only an
// interval that does not ask. It is in the form that travels with the result.
func (p *Pack) Interval(analyte string, s Subject) (verify.Interval, bool) {
	var best *Interval
	for _, x := range p.intervals[analyte] {
		if x.fits(s) && (best == nil || x.weight() > best.weight()) {
			best = x
		}
	}
	if best == nil {
		return verify.Interval{}, false
	}
	return p.travelling(best), true
}

func (x *Interval) fits(s Subject) bool {
	return packfile.InForce(x.From, x.To, s.At) && x.Ages.Hold(s.AgeDays) && (x.Sex == "" || x.Sex == s.Sex) && (!x.Pregnant || s.Pregnant) &&
		(len(x.Specimens) == 0 || slices.Contains(x.Specimens, s.Specimen)) && (x.Method == "" || x.Method == s.Method)
}

// weight orders intervals that fit: pregnancy says more than method, method more than specimen, specimen more than sex.
func (x *Interval) weight() int {
	w := 0
	for _, said := range []bool{x.Pregnant, x.Method != "", len(x.Specimens) > 0, x.Sex != ""} {
		w <<= 1
		if said {
			w++
		}
	}
	return w
}

// clash reports whether two intervals of one analyte may both count and neither says more.
func (x *Interval) clash(y *Interval) bool {
	if x.Of != y.Of || x.weight() != y.weight() || x.Sex != y.Sex || x.Method != y.Method {
		return false
	}
	if len(x.Specimens) > 0 && !slices.ContainsFunc(x.Specimens, func(c string) bool { return slices.Contains(y.Specimens, c) }) {
		return false
	}
	ages := (x.Ages.To == 0 || y.Ages.From < x.Ages.To) && (y.Ages.To == 0 || x.Ages.From < y.Ages.To)
	days := (x.To.IsZero() || y.From.Start().Before(x.To.Start())) && (y.To.IsZero() || x.From.Start().Before(y.To.Start()))
	return ages && days
}

func (p *Pack) travelling(x *Interval) verify.Interval {
	s, _ := packfile.SourceOf(p.Sources, x.Source)
	out := verify.Interval{ID: x.ID, Expect: x.Expect, Text: x.Text(), Source: s.Text, Status: s.Status}
	if a := p.byCode[x.Of]; a != nil && x.Expect == "" {
		out.Unit = a.Unit
	}
	out.Low, out.LowOpen = x.Low, false
	if x.Above.Some() {
		out.Low, out.LowOpen = x.Above, true
	}
	out.High, out.HighOpen = x.High, false
	if x.Below.Some() {
		out.High, out.HighOpen = x.Below, true
	}
	return out
}

var expected = map[string]string{verify.Negative: "阴性", verify.Positive: "阳性"}

// Text is the interval as it is printed: "3.5-5.3", "<5.0", "≥90", "阴性".
func (x *Interval) Text() string {
	if x.Expect != "" {
		return expected[x.Expect]
	}
	low, high := "", ""
	switch {
	case x.Low.Some():
		low = x.Low.String()
	case x.Above.Some():
		low = x.Above.String()
	}
	switch {
	case x.High.Some():
		high = x.High.String()
	case x.Below.Some():
		high = x.Below.String()
	}
	switch {
	case low != "" && high != "":
		return low + "-" + high
	case x.Below.Some():
		return "<" + high
	case high != "":
		return "≤" + high
	case x.Above.Some():
		return ">" + low
	}
	return "≥" + low
}
