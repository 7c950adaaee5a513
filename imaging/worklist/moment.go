// Dates and times as keys: a value of any precision, or a range of them (PS3.4 C.2.2.2.5).

package worklist

import (
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// span is the time from..to, to itself excluded. A zero end is open.
type span struct{ from, to time.Time }

func (s span) holds(t time.Time) bool {
	return (s.from.IsZero() || !t.Before(s.from)) && (s.to.IsZero() || t.Before(s.to))
}

// inSpan compares a value with a key of the same VR. What is no date or time is compared as text.
func (m matcher) inSpan(vr dicom.VR, want, v string) bool {
	at, ok := parseMoment(vr, v, m.zone)
	key, isKey := parseSpan(vr, want, m.zone)
	if !ok || !isKey {
		return want == v
	}
	return key.holds(at.from)
}

// parseSpan reads a key: a moment, "a-b", "a-" or "-b".
func parseSpan(vr dicom.VR, text string, zone *time.Location) (span, bool) {
	if one, ok := parseMoment(vr, text, zone); ok {
		return one, true
	}
	for i := range len(text) {
		if text[i] != '-' {
			continue
		}
		if s, ok := parseEnds(vr, text[:i], text[i+1:], zone); ok {
			return s, true
		}
	}
	return span{}, false
}

// parseEnds reads both ends of a range, of which one may be missing.
func parseEnds(vr dicom.VR, from, to string, zone *time.Location) (s span, ok bool) {
	from, to = strings.TrimSpace(from), strings.TrimSpace(to)
	if from == "" && to == "" {
		return s, false
	}
	if from != "" {
		one, ok := parseMoment(vr, from, zone)
		if !ok {
			return s, false
		}
		s.from = one.from
	}
	if to != "" {
		one, ok := parseMoment(vr, to, zone)
		if !ok {
			return s, false
		}
		s.to = one.to
	}
	return s, true
}

// parseMoment reads one DA, TM or DT as the time that its precision covers. A TM is a time of the day 1 January 2000.
func parseMoment(vr dicom.VR, text string, zone *time.Location) (span, bool) {
	text = strings.TrimSpace(text)
	switch vr {
	case dicom.DA:
		text = strings.ReplaceAll(text, ".", "") // ACR-NEMA wrote 1997.04.24
		if len(text) != 8 {
			return span{}, false
		}
		return parseDigits(text, zone)
	case dicom.TM:
		text = strings.ReplaceAll(text, ":", "") // and 10:02:03
		if len(text) < 2 || strings.ContainsAny(text, "+-") {
			return span{}, false
		}
		return parseDigits("20000101"+text, time.UTC)
	}
	if i := strings.LastIndexAny(text, "+-"); i >= 4 && len(text)-i == 5 {
		offset, ok := parseOffset(text[i:])
		if !ok {
			return span{}, false
		}
		text, zone = text[:i], time.FixedZone("", offset)
	}
	return parseDigits(text, zone)
}

// parseOffset reads &ZZXX in seconds; PS3.5 table 6.2-1 allows -1200 to +1400.
func parseOffset(s string) (int, bool) {
	n, err := strconv.Atoi(s[1:])
	if err != nil || n%100 > 59 || n > 1400 || s[0] == '-' && n > 1200 {
		return 0, false
	}
	seconds := n/100*3600 + n%100*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// precisions say how far a moment written with so many digits reaches.
var precisions = map[int]struct {
	layout string
	until  func(time.Time) time.Time
}{
	4:  {"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
	6:  {"200601", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
	8:  {"20060102", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
	10: {"2006010215", func(t time.Time) time.Time { return t.Add(time.Hour) }},
	12: {"200601021504", func(t time.Time) time.Time { return t.Add(time.Minute) }},
	14: {"20060102150405", func(t time.Time) time.Time { return t.Add(time.Second) }},
}

func parseDigits(text string, zone *time.Location) (span, bool) {
	whole, fraction, dotted := strings.Cut(text, ".")
	p, ok := precisions[len(whole)]
	if !ok || dotted && (len(whole) != 14 || fraction == "" || len(fraction) > 6) {
		return span{}, false
	}
	t, err := time.ParseInLocation(p.layout, whole, zone)
	if err != nil {
		return span{}, false
	}
	if !dotted {
		return span{t, p.until(t)}, true
	}
	n, err := strconv.ParseUint(fraction, 10, 32)
	if err != nil {
		return span{}, false
	}
	unit := time.Second
	for range fraction {
		unit /= 10
	}
	t = t.Add(time.Duration(n) * unit)
	return span{t, t.Add(unit)}, true
}
