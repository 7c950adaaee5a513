// Interval: reading a reference interval as senders write it (OBX-7).

package lab

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/packfile"
	"github.com/lianzhen/lianzhen/lab/verify"
	"github.com/lianzhen/lianzhen/record"
)

// rangeOf reads "3.5-5.3", "3.5--5.3", "(3.5～5.3)", "<5.0", ">=60", "0-40 U/L" with one of the row's own units, "男:130-175 女:115-150" of the person's
// sex, "阴性". What cannot be read for certain is no interval: it is shown as sent, and compared with nothing.
func rangeOf(text, sex string, units ...string) (verify.Interval, bool) {
	text = strings.TrimSpace(text)
	if strings.ContainsAny(text, "男女") {
		text = ofSex(text, sex)
	}
	if verify.Ordinal(text) == verify.Negative && strings.IndexFunc(text, unicode.IsLetter) >= 0 {
		return verify.Interval{Expect: verify.Negative}, true
	}
	v := observation.ParseValue(bare(text, units))
	switch {
	case v.Kind == observation.Range:
		return limitsOf(v.Number, v.High)
	case v.Kind == observation.Quantity && strings.HasPrefix(v.Comparator, "<"):
		return verify.Interval{High: packfile.Decimal{Decimal: v.Number}, HighOpen: v.Comparator == "<"}, true
	case v.Kind == observation.Quantity && strings.HasPrefix(v.Comparator, ">"):
		return verify.Interval{Low: packfile.Decimal{Decimal: v.Number}, LowOpen: v.Comparator == ">"}, true
	}
	return verify.Interval{}, false
}

// limitsOf is an interval of two limits. Of "3.5--5.3" the second is no negative number: two hyphens are one dash. What is upside down is no interval.
func limitsOf(low, high *apd.Decimal) (verify.Interval, bool) {
	if low.Cmp(high) > 0 && high.Negative && !low.Negative {
		high = new(apd.Decimal).Neg(high)
	}
	if low.Cmp(high) > 0 {
		return verify.Interval{}, false
	}
	return verify.Interval{Low: packfile.Decimal{Decimal: low}, High: packfile.Decimal{Decimal: high}}, true
}

// bare takes brackets and the row's own unit off a text.
func bare(text string, units []string) string {
	for _, pair := range [][2]string{{"(", ")"}, {"[", "]"}, {"（", "）"}} {
		if in, ok := strings.CutPrefix(text, pair[0]); ok && strings.HasSuffix(in, pair[1]) {
			text = strings.TrimSpace(strings.TrimSuffix(in, pair[1]))
		}
	}
	for _, u := range units {
		if in, ok := strings.CutSuffix(text, u); ok && u != "" && strings.IndexFunc(u, unicode.IsDigit) != 0 {
			return strings.TrimSpace(in)
		}
	}
	return text
}

// sexed are the parts of an interval of both sexes.
var sexed = regexp.MustCompile(`([男女])性?\s*[:：]?\s*([^男女;；,，]+)`)

// ofSex is the one part for a person's sex; nothing where there is none, or more.
func ofSex(text, sex string) string {
	want := sexWords[record.Sex(sex)]
	out, n := "", 0
	for _, m := range sexed.FindAllStringSubmatch(text, -1) {
		if m[1] == want {
			out, n = strings.TrimSpace(m[2]), n+1
		}
	}
	if n != 1 {
		return ""
	}
	return out
}
