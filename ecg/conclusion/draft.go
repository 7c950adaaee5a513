// Draft conclusions from findings.

package conclusion

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/measure"
)

// Urgencies of a draft.
const (
	AtOnce    = 1
	Important = 2
	Abnormal  = 3
	Minor     = 4
	Normal    = 5
	technical = 6
)

// Item is one line of a draft. It is a suggestion until a doctor takes it.
type Item struct {
	Code    string // of a Statement; empty where the device's words are none of ours
	Text    string
	Urgency int // 1 the most urgent; 7 for what the device says
	Draft   bool
	Finding finding.Code // that it rests on; empty for overall conclusions and the device's
	Leads   []tracing.Code
	Source  tracing.Source
}

const ofDevice = 7

type draftRule struct {
	Finding   finding.Code
	With      []finding.Code
	Unless    []finding.Code
	Leads     []string
	Min       map[string]float64
	Max       map[string]float64
	Code      string
	Modifiers []string
	Say       []string
	Hides     []finding.Code
	HidesFrom float64 `yaml:"hides_from_s"`
	Urgency   int
}

// Draft gives draft conclusions in order of urgency, ours first, then an overall one, then what the device said and we did not. r may
// be nil. lang is "en" or anything else for Chinese.
func Draft(r *measure.Result, device []tracing.Statement, lang string) []Item {
	var out []Item
	if r != nil {
		out = drafted(r, lang)
		out = append(out, overall(r, out, lang)...)
	}
	for _, d := range device {
		s := statementOf(d)
		if strings.TrimSpace(d.Text) == "" || s != nil && slices.ContainsFunc(out, func(i Item) bool { return i.Code == s.Code }) {
			continue
		}
		item := Item{Text: d.Text, Urgency: ofDevice, Draft: true, Source: d.Source}
		if s != nil {
			item.Code = s.Code
		}
		out = append(out, item)
	}
	return out
}

func drafted(r *measure.Result, lang string) []Item {
	var out []Item
	taken := map[finding.Code]bool{}
	for i := range words().drafts {
		d := &words().drafts[i]
		if taken[d.Finding] {
			continue
		}
		if f := d.fits(r); f != nil {
			taken[d.Finding] = true
			for _, c := range d.hidden(r, f) {
				taken[c] = true
			}
			out = append(out, d.item(r, f, lang))
		}
	}
	slices.SortStableFunc(out, func(a, b Item) int { return a.Urgency - b.Urgency })
	return out
}

// hidden are the findings that mean nothing beside this one.
func (d *draftRule) hidden(r *measure.Result, f *finding.Finding) []finding.Code {
	if seconds, _ := value(r, f, "seconds"); seconds < d.HidesFrom {
		return nil
	}
	return d.Hides
}

func has(r *measure.Result, code finding.Code) bool {
	return slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return f.Code == code })
}

// fits is the first finding that the rule is about, nil if there is none.
func (d *draftRule) fits(r *measure.Result) *finding.Finding {
	for _, c := range d.With {
		if !has(r, c) {
			return nil
		}
	}
	for _, c := range d.Unless {
		if has(r, c) {
			return nil
		}
	}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Code == d.Finding && d.within(r, f) && d.placed(f) {
			return f
		}
	}
	return nil
}

func (d *draftRule) within(r *measure.Result, f *finding.Finding) bool {
	for k, limit := range d.Min {
		if v, ok := value(r, f, k); !ok || v < limit {
			return false
		}
	}
	for k, limit := range d.Max {
		if v, ok := value(r, f, k); !ok || v > limit {
			return false
		}
	}
	return true
}

func (d *draftRule) placed(f *finding.Finding) bool {
	if len(d.Leads) == 0 {
		return true
	}
	n := 0
	for _, l := range d.Leads {
		if slices.Contains(f.Leads, tracing.LeadNamed(l)) {
			n++
		}
	}
	return n >= 2
}

var globals = map[string]string{
	"heart_rate": tracing.HeartRate, "qrs": tracing.QRSDuration, "pr": tracing.PRInterval, "qt": tracing.QTInterval,
	"qtc_bazett": tracing.QTcBazett, "qrs_axis": tracing.QRSAxis,
}

// value is a number of the finding's evidence, or a global measurement.
func value(r *measure.Result, f *finding.Finding, name string) (float64, bool) {
	if f != nil {
		if v, ok := f.Evidence[name]; ok {
			return v, !math.IsNaN(v)
		}
		if v, ok := f.Evidence["duration_s"]; ok && name == "seconds" {
			return v, true
		}
		if name == "seconds" && f.To > f.From {
			return (f.To - f.From).Seconds(), true
		}
	}
	for _, m := range r.Measurements {
		if m.Code == globals[name] && m.Lead == "" && !math.IsNaN(m.Value) {
			return m.Value, true
		}
	}
	return 0, false
}

func (d *draftRule) item(r *measure.Result, f *finding.Finding, lang string) Item {
	s := words().byCode[d.Code]
	text := s.Text(lang)
	for _, m := range d.Modifiers {
		text = joined(text, words().byCode[m], lang)
	}
	var said []string
	for _, k := range d.Say {
		if t := say(r, f, k, lang); t != "" {
			said = append(said, t)
		}
	}
	if len(said) > 0 {
		text += pick(lang, "（"+strings.Join(said, "，")+"）", " ("+strings.Join(said, ", ")+")")
	}
	return Item{Code: s.Code, Text: text, Urgency: d.Urgency, Draft: true, Finding: f.Code, Leads: f.Leads, Source: measure.Algorithm}
}

// joined puts a modifier to a statement: 伴... behind it, others before it in Chinese; in English behind it.
func joined(text string, m *Statement, lang string) string {
	switch {
	case english(lang):
		if strings.HasPrefix(m.EN, "with ") {
			return text + " " + m.EN
		}
		return text + ", " + m.EN
	case strings.HasPrefix(m.ZH, "伴"):
		return text + m.ZH
	}
	return m.ZH + text
}

// sayings are the numbers in brackets: Chinese, English, and what they are multiplied by.
var sayings = map[string]struct {
	zh, en string
	times  float64
	digits int
}{
	"rate":       {"%s次/分", "%s/min", 1, 0},
	"heart_rate": {"%s次/分", "%s/min", 1, 0},
	"rr_ms":      {"RR %s秒", "RR %s s", .001, 2},
	"rr_min_ms":  {"最短RR %s秒", "shortest RR %s s", .001, 2},
	"st_uv":      {"%smV", "%s mV", .001, 2},
	"qtc_ms":     {"QTc %sms", "QTc %s ms", 1, 0},
	"pr_ms":      {"PR %sms", "PR %s ms", 1, 0},
	"count":      {"%s个", "%s", 1, 0},
}

func say(r *measure.Result, f *finding.Finding, name, lang string) string {
	if name == "leads" {
		var labels []string
		for _, l := range f.Leads {
			labels = append(labels, l.Label())
		}
		return strings.Join(labels, " ")
	}
	s := sayings[name]
	v, ok := value(r, f, name)
	if !ok {
		return ""
	}
	return fmt.Sprintf(pick(lang, s.zh, s.en), strconv.FormatFloat(v*s.times, 'f', s.digits, 64))
}

// overall is the last line of ours: normal, otherwise normal or abnormal. Nothing is said of a tracing without a rhythm, or with electrodes that are
// off or exchanged.
func overall(r *measure.Result, items []Item, lang string) []Item {
	worst, fault := Normal, false
	for _, i := range items {
		worst = min(worst, i.Urgency)
		fault = fault || i.Urgency == technical
	}
	code := map[int]string{Normal: "1", Minor: "2"}[worst]
	if worst < Minor {
		code = "3"
	}
	if len(items) == 0 || fault && worst >= Minor || worst == Normal && !has(r, finding.SinusRhythm) {
		return nil
	}
	return []Item{{Code: code, Text: words().byCode[code].Text(lang), Urgency: worst, Draft: true, Source: measure.Algorithm}}
}

// statementOf is the statement that says the same as the device, nil if there is none.
func statementOf(d tracing.Statement) *Statement {
	t := plain(d.Text)
	for i := range words().statements {
		s := &words().statements[i]
		if d.Code != "" && (d.Code == s.SNOMED || d.System == s.System && d.Code == s.Code) || t != "" && (t == plain(s.ZH) || t == plain(s.EN)) {
			return s
		}
	}
	return nil
}

// plain is a text without case, spaces and marks.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
