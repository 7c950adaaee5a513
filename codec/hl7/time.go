// Dates and times: as precise as they were sent (HL7 v2.5.1 2.A.21 DT, 2.A.22 DTM, 2.A.77 TS).

package hl7

import (
	"strings"
	"time"
)

// Precision is how much of an instant was said.
type Precision int

// The precisions.
const (
	Year Precision = iota + 1
	Month
	Day
	Hour
	Minute
	Second
	Fraction
)

// DTM is an instant as it was sent. The zero DTM was not sent.
type DTM struct {
	At        time.Time // in UTC; what was not said is the beginning
	Precision Precision
	Zoned     bool // the sender named its zone
}

// IsZero reports that nothing was said.
func (d DTM) IsZero() bool { return d.Precision == 0 }

var stamps = []struct {
	layout    string
	precision Precision
}{
	{"2006", Year},
	{"200601", Month},
	{"20060102", Day},
	{"2006010215", Hour},
	{"200601021504", Minute},
	{"20060102150405", Second},
}

// ParseDTM reads YYYY[MM[DD[HH[MM[SS[.S..]]]]]][+-ZZZZ]; a time without zone is of the zone given. "2026-01-05 08:30:00" is read too, and a
// number of zeros is no time. The error holds no value.
func ParseDTM(s string, zone *time.Location) (DTM, error) {
	s = strings.TrimSpace(s)
	if strings.Trim(s, "0") == "" || s == `""` {
		return DTM{}, nil
	}
	if len(s) > 40 {
		return DTM{}, errTime
	}
	var d DTM
	if i := strings.LastIndexAny(s, "+-"); i >= 4 && len(s)-i == 5 && !strings.Contains(s[:i], "-") {
		at, err := time.Parse("-0700", s[i:])
		if err != nil {
			return DTM{}, errTime
		}
		zone, d.Zoned, s = at.Location(), true, s[:i]
	}
	if zone == nil {
		zone = time.UTC
	}
	s = compact(s)
	digits, fraction, _ := strings.Cut(s, ".")
	for _, p := range stamps {
		if len(p.layout) != len(digits) {
			continue
		}
		at, err := time.ParseInLocation(p.layout, digits, zone)
		if err != nil || at.Year() < 1000 {
			return DTM{}, errTime
		}
		d.At, d.Precision = at.UTC(), p.precision
		return d.plus(fraction)
	}
	return DTM{}, errTime
}

func (d DTM) plus(fraction string) (DTM, error) {
	if fraction == "" {
		return d, nil
	}
	if d.Precision != Second || len(fraction) > 9 {
		return DTM{}, errTime
	}
	n := time.Duration(0)
	for i := range 9 {
		n *= 10
		if i < len(fraction) {
			if fraction[i] < '0' || fraction[i] > '9' {
				return DTM{}, errTime
			}
			n += time.Duration(fraction[i] - '0')
		}
	}
	d.At, d.Precision = d.At.Add(n), Fraction
	return d, nil
}

var errTime = formatError(-1, "DTM", WrongDataType, "no date or time")

// compact takes out the marks of ISO 8601.
func compact(s string) string {
	if len(s) < 8 || s[4] != '-' && s[4] != '/' {
		return s
	}
	return strings.NewReplacer("-", "", "/", "", ":", "", " ", "", "T", "").Replace(s)
}

// FormatDTM writes an instant to the second with its zone; nothing for the zero time.
func FormatDTM(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	if zone == nil {
		zone = time.UTC
	}
	layout := "20060102150405-0700"
	if t.Nanosecond()/1e6 != 0 {
		layout = "20060102150405.000-0700"
	}
	return t.In(zone).Format(layout)
}
