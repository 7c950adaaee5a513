// Value: what was measured, in the digits it was sent in.

package observation

import (
	"errors"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Kind is the shape of a value.
type Kind string

// The kinds.
const (
	Empty      Kind = ""
	Quantity   Kind = "quantity"   // Comparator and Number
	Range      Kind = "range"      // Number to High
	Ratio      Kind = "ratio"      // Number : High, a titre is 1:128
	Coded      Kind = "coded"      // Coding, an organism or "Positive"
	Text       Kind = "text"       // Text, paragraphs by line feeds
	Time       Kind = "time"       // Text, as sent (HL7 DTM)
	Attachment Kind = "attachment" // Data of a media type
)

// Value is what was measured. Numbers are exact decimals that keep their digits ("1.10" stays "1.10"); no value is ever a float.
type Value struct {
	Kind       Kind
	Comparator string // "<" "<=" ">" ">=" "~" or nothing
	Number     *apd.Decimal
	High       *apd.Decimal
	Coding     Coding
	Text       string
	Media      string // media type of Data
	Data       []byte // of an attachment
	Pointer    string // RP: where it can be had
}

const maxDigits = 60

var errNumber = errors.New("not a decimal number")

// ParseNumber reads a decimal: optional sign, digits, optional point and digits; no exponent unless allowed by the sender's "e". It keeps every
// digit. At most 60 characters.
func ParseNumber(s string) (*apd.Decimal, error) {
	if s == "" || len(s) > maxDigits {
		return nil, errNumber
	}
	digits := 0
	point := false
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			digits++
		case (c == '+' || c == '-') && i == 0:
		case c == '.' && !point:
			point = true
		default:
			return nil, errNumber
		}
	}
	if digits == 0 {
		return nil, errNumber
	}
	d, _, err := apd.NewFromString(strings.TrimPrefix(s, "+"))
	if err != nil {
		return nil, errNumber
	}
	return d, nil
}

// Digits writes a decimal as it was sent, without exponent.
func Digits(d *apd.Decimal) string {
	if d == nil {
		return ""
	}
	return d.Text('f')
}

// String is the value as a person reads it. An attachment has none.
func (v Value) String() string {
	switch v.Kind {
	case Quantity:
		return v.Comparator + Digits(v.Number)
	case Range:
		return Digits(v.Number) + "-" + Digits(v.High)
	case Ratio:
		return v.Comparator + Digits(v.Number) + ":" + Digits(v.High)
	case Coded:
		return v.Coding.Display()
	case Text, Time:
		return v.Text
	}
	return ""
}

// Exact is the number of a quantity without comparator, nil for all else: what can be compared, trended and summed.
func (v Value) Exact() *apd.Decimal {
	if v.Kind != Quantity || v.Comparator != "" {
		return nil
	}
	return v.Number
}

// ParseValue reads what people and analysers type as a result: a number, "<0.01", ">=1000", "3-5", "1:128", else text. Full-width digits and signs
// count as their narrow forms, and "≤", "≥", "＜", "＞" as comparators.
func ParseValue(s string) Value {
	s = strings.TrimSpace(s)
	if s == "" {
		return Value{}
	}
	t := narrow(s)
	comparator, rest := cutComparator(t)
	if n, err := ParseNumber(rest); err == nil {
		return Value{Kind: Quantity, Comparator: comparator, Number: n}
	}
	for _, sep := range []struct {
		mark string
		kind Kind
	}{{":", Ratio}, {"-", Range}, {"~", Range}} {
		if v, ok := pair(comparator, rest, sep.mark, sep.kind); ok {
			return v
		}
	}
	return Value{Kind: Text, Text: s}
}

func pair(comparator, s, mark string, kind Kind) (Value, bool) {
	at := strings.Index(s[min(1, len(s)):], mark) // a sign in front is no separator
	if at < 0 || kind == Range && comparator != "" {
		return Value{}, false
	}
	at++
	low, err := ParseNumber(strings.TrimSpace(s[:at]))
	if err != nil {
		return Value{}, false
	}
	high, err := ParseNumber(strings.TrimSpace(s[at+1:]))
	if err != nil {
		return Value{}, false
	}
	return Value{Kind: kind, Comparator: comparator, Number: low, High: high}, true
}

var comparators = []string{"<=", ">=", "<", ">"}

func cutComparator(s string) (comparator, rest string) {
	for _, c := range comparators {
		if after, ok := strings.CutPrefix(s, c); ok {
			return c, strings.TrimSpace(after)
		}
	}
	return "", s
}

var narrowing = strings.NewReplacer("≤", "<=", "≥", ">=", "＜", "<", "＞", ">", "＝", "=", "：", ":", "－", "-", "—", "-", "–", "-", "～", "~", "．", ".", "＋", "+",
	"０", "0", "１", "1", "２", "2", "３", "3", "４", "4", "５", "5", "６", "6", "７", "7", "８", "8", "９", "9")

func narrow(s string) string { return strings.TrimSpace(narrowing.Replace(s)) }
