// Definitions that describe patient, time and device.

package mfer

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// event is one MWF_EVT.
type event struct {
	code        int
	start, span int64 // samples
	text        string
}

func (f *file) describe(e element) {
	v := e.value
	switch e.tag {
	case tagVersion:
		var parts []string
		for _, c := range v[:min(len(v), 4)] {
			parts = append(parts, strconv.Itoa(int(c)))
		}
		f.t.Version = strings.Join(parts, ".")
	case tagCharset:
		f.charset(strings.ToLower(tracing.Text(v)))
	case tagMaker:
		p := append(strings.Split(f.words(v), "^"), "", "", "")
		f.t.Device.Manufacturer, f.t.Device.Model, f.t.Device.Software, f.t.Device.Serial = p[0], p[1], p[2], p[3]
	case tagFilter:
		f.filter(f.words(v))
	case tagName:
		p := append(strings.Split(f.words(v), "^"), "", "")
		f.t.Patient.Name = strings.TrimSpace(p[0] + " " + p[2])
	case tagID:
		f.t.Patient.ID, _, _ = strings.Cut(f.words(v), "^")
	case tagAge:
		f.age(v)
	case tagSex:
		if len(v) > 0 {
			f.t.Patient.Sex = map[byte]string{1: "M", 2: "F"}[v[0]]
		}
	case tagTime:
		f.time(v)
	case tagMessage:
		if text := f.words(v); text != "" && len(f.t.Statements) < tracing.MaxTexts {
			f.t.Statements = append(f.t.Statements, tracing.Statement{Text: text, Source: tracing.Source{Kind: tracing.ByDevice}})
		}
	case tagEvent:
		f.event(v)
	case tagValue:
		f.t.Warn(tracing.Unsupported, "measured values were left out: their codes are not known")
	}
}

// charset: ISO 22077-1 names them as ISO and JIS do.
func (f *file) charset(name string) {
	var e encoding.Encoding
	switch {
	case strings.Contains(name, "x 0201"), strings.Contains(name, "x0201"), strings.Contains(name, "shift"):
		e = japanese.ShiftJIS
	case strings.Contains(name, "jis"), strings.Contains(name, "2022"), strings.Contains(name, "1468"):
		e = japanese.ISO2022JP
	default:
		f.text = tracing.Text
		return
	}
	f.text = func(b []byte) string {
		if len(b) > 4*tracing.MaxText {
			b = b[:4*tracing.MaxText]
		}
		s, err := e.NewDecoder().Bytes(b)
		if err != nil {
			f.t.Warn(tracing.BadText, "a text is not of its character set")
			return tracing.Text(b)
		}
		return tracing.Text(s)
	}
}

// age is years, days, and the date of birth.
func (f *file) age(v []byte) {
	if len(v) >= 7 {
		year, month, day := int(f.unsigned(v[3:5])), int(v[5]), int(v[6])
		d := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
		if year > 1850 && year < 2200 && int(d.Month()) == month && d.Day() == day {
			f.t.Patient.BirthDate = d.Format("20060102")
		} else if year != 0 {
			f.t.Warn(tracing.BadValue, "the date of birth is none")
		}
	}
	if len(v) >= 3 && v[0] <= 130 && (v[0] > 0 || f.unsigned(v[1:3]) > 0) {
		f.t.Patient.AgeYears = float64(v[0])
		if days := f.unsigned(v[1:3]); v[0] == 0 && days < 366 {
			f.t.Patient.AgeYears = float64(days) / 365.25
		}
	}
}

// time is year, month, day, hour, minute, second, milli- and microseconds.
func (f *file) time(v []byte) {
	if len(v) < 7 {
		return
	}
	year := int(f.unsigned(v[:2]))
	t := time.Date(year, time.Month(v[2]), int(v[3]), int(v[4]), int(v[5]), int(v[6]), 0, time.UTC)
	if year < 1900 || year > 2200 || int(t.Month()) != int(v[2]) || t.Day() != int(v[3]) || t.Hour() != int(v[4]) || t.Second() != int(v[6]) {
		f.t.Warn(tracing.BadValue, "the time of the recording is none")
		return
	}
	if len(v) >= 9 {
		t = t.Add(time.Duration(min(f.unsigned(v[7:9]), 999)) * time.Millisecond)
	}
	if len(v) >= 11 {
		t = t.Add(time.Duration(min(f.unsigned(v[9:11]), 999)) * time.Microsecond)
	}
	f.t.RecordedAt = t
}

// filter is "HPF=0.05", "LPF=150", "BEF=50^hum".
func (f *file) filter(text string) {
	kind, rest, _ := strings.Cut(text, "=")
	rest, _, _ = strings.Cut(rest, "^")
	hz, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "Hz")), 64)
	if err != nil || !(hz > 0 && hz < 1e6) {
		return
	}
	switch strings.ToUpper(strings.TrimSpace(kind)) {
	case "HPF":
		f.filters.HighPassHz = hz
	case "LPF":
		f.filters.LowPassHz = hz
	case "BEF":
		f.filters.NotchHz = hz
	}
}

func (f *file) event(v []byte) {
	if len(v) < 6 || len(f.events) >= tracing.MaxTexts {
		return
	}
	e := event{code: int(f.unsigned(v[:2])), start: f.signed(v[2:6])}
	if len(v) >= 10 {
		e.span = f.signed(v[6:10])
	}
	if len(v) > 10 {
		e.text = f.words(v[10:])
	}
	if e.start >= 0 && e.span >= 0 {
		f.events = append(f.events, e)
	}
}

// annotate gives events their time, which they count in samples.
func (f *file) annotate() {
	rate := f.t.Groups[0].Rate
	for _, e := range f.events {
		f.t.Annotations = append(f.t.Annotations, tracing.Annotation{
			At: rate.Duration(e.start), For: rate.Duration(e.span), Code: "MFER:" + strconv.Itoa(e.code), Text: e.text,
		})
	}
}
