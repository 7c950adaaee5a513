// Values as the dialects write them: dates, sexes, names, numbers.

package xmlin

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Number reads a finite decimal number; false for anything else ("Failed", "NaN", "").
func Number(s string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > 1e12 || strings.ContainsAny(s, "xXpP_") {
		return 0, false
	}
	return v, true
}

// Sex makes a DICOM letter of what a file says; empty where it says nothing, as 0 and 9 of GB/T 2261.1 and SCP-ECG do.
func Sex(s string) string {
	switch strings.ToUpper(strings.TrimSpace(s)) {
	case "M", "MALE", "1", "男":
		return "M"
	case "F", "FEMALE", "2", "女":
		return "F"
	case "O", "OTHER", "UN", "UNDIFFERENTIATED":
		return "O"
	}
	return ""
}

// Name joins family and given names: without a space in Chinese.
func Name(parts ...string) string {
	out := ""
	for _, p := range parts {
		p = strings.TrimSpace(p)
		switch {
		case p == "":
		case out == "", han(out) && han(p):
			out += p
		default:
			out += " " + p
		}
	}
	return out
}

func han(s string) bool {
	for _, r := range s {
		if !unicode.Is(unicode.Han, r) {
			return false
		}
	}
	return s != ""
}

// Date finds year, month and day in "1953-05-08", "05/08/1953" (month first, unless that is impossible), "19530508" and their relatives;
// false where there is no such day.
func Date(s string) (time.Time, bool) {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "T")
	s, _, _ = strings.Cut(s, " ")
	f := strings.FieldsFunc(s, func(r rune) bool { return r == '-' || r == '/' || r == '.' || r == '年' || r == '月' || r == '日' })
	if len(f) == 1 && len(f[0]) >= 8 {
		f = []string{f[0][:4], f[0][4:6], f[0][6:8]}
	}
	if len(f) != 3 {
		return time.Time{}, false
	}
	if len(f[0]) != 4 {
		f[0], f[1], f[2] = f[2], f[0], f[1]
		if m, err := strconv.Atoi(f[1]); err == nil && m > 12 {
			f[1], f[2] = f[2], f[1]
		}
	}
	d, err := time.Parse("2006-1-2", strings.Join(f, "-"))
	if err != nil || d.Year() < 1800 || d.Year() > 2200 {
		return time.Time{}, false
	}
	return d, true
}

// Clock reads "09:10:00", "9:10", "091000.5" and "9:10 PM" as the time since midnight; false for anything else.
func Clock(s string) (time.Duration, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	pm := strings.HasSuffix(s, "PM")
	am := strings.HasSuffix(s, "AM")
	if pm || am {
		s = strings.TrimSpace(s[:len(s)-2])
	}
	if len(s) >= 6 && !strings.Contains(s, ":") {
		s = s[:2] + ":" + s[2:4] + ":" + s[4:]
	}
	for _, layout := range []string{"15:4:5.999999999", "15:4"} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		h := t.Hour()
		if pm && h < 12 {
			h += 12
		} else if am && h == 12 {
			h = 0
		}
		return time.Duration(h)*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond()), true
	}
	return 0, false
}

// At is a day and a clock as the wall clock of a place unknown; zero if the day is none. The clock may stand behind the day, without
// anything between them: "20240308091000".
func At(date, clock string) time.Time {
	if date = strings.TrimSpace(date); clock == "" && len(date) >= 12 && strings.Trim(date, "0123456789") == "" {
		date, clock = date[:8], date[8:min(len(date), 14)]
		if len(clock) == 4 {
			clock = clock[:2] + ":" + clock[2:]
		}
	}
	d, ok := Date(date)
	if !ok {
		return time.Time{}
	}
	c, _ := Clock(clock)
	return d.Add(c)
}

// BirthDate is YYYYMMDD, empty if s is no date.
func BirthDate(s string) string {
	d, ok := Date(s)
	if !ok {
		return ""
	}
	return d.Format("20060102")
}

// Measure adds a measurement unless the file says by its value that there is none: 0 for a rate, an interval or a duration, 29999 (the
// mark of SCP-ECG, which travels into other formats), an angle beyond the circle.
func Measure(t *tracing.Tracing, m tracing.Measurement) {
	bad := math.Abs(m.Value) >= 29_999
	switch m.Unit {
	case "ms", "/min":
		bad = bad || m.Value <= 0
	case "deg":
		bad = bad || math.Abs(m.Value) > 360
	}
	if bad {
		t.Warn(tracing.BadValue, "a measurement whose value says that it was not made was left out")
		return
	}
	if len(t.Measurements) >= tracing.MaxTexts {
		t.Warn(tracing.Unsupported, "measurements beyond the number that can be kept were left out")
		return
	}
	t.Measurements = append(t.Measurements, m)
}

const maxStatements = 300 // more than any report has

// State adds a statement, once.
func State(t *tracing.Tracing, s tracing.Statement) {
	if s.Text == "" && s.Code == "" {
		return
	}
	if len(t.Statements) >= maxStatements {
		t.Warn(tracing.Unsupported, "statements beyond the number that can be kept were left out")
		return
	}
	for _, x := range t.Statements {
		if x == s {
			return
		}
	}
	t.Statements = append(t.Statements, s)
}

// Mark adds an annotation.
func Mark(t *tracing.Tracing, a tracing.Annotation) {
	if a.At < 0 || a.For < 0 || a.At > 1000*time.Hour || a.For > 1000*time.Hour {
		t.Warn(tracing.BadValue, "a mark outside of the recording was left out")
		return
	}
	if len(t.Annotations) >= tracing.MaxTexts {
		t.Warn(tracing.Unsupported, "annotations beyond the number that can be kept were left out")
		return
	}
	t.Annotations = append(t.Annotations, a)
}
