// What is on a sheet. All texts are handed in by the caller: this package knows no patient, no finding and no report.

package paper

import (
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/paper"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Sheet is one tracing on paper. Empty texts leave no trace but where a form needs the place.
type Sheet struct {
	Tracing   *tracing.Tracing // its first rhythm group is drawn; nil draws the texts only
	From, For time.Duration    // the part that is drawn; zero For: as much as one page takes
	Language  Language
	Options   Options

	Institution string // whose sheet it is; over the title
	Title       string // empty: "12-lead electrocardiogram" with the true number of leads
	Header      Header
	Rows        []Row
	Statements  []string // what our algorithms or the doctor's draft say
	OfDevice    []string // what the device said
	Warnings    []string // electrodes off or exchanged, poor signal, damaged file
	Critical    string   // of a critical value: a red banner
	Clock       string   // of the chest pain centre: "FMC to ECG 6 min"
	Previous    string   // when the tracing before this one was taken
	Report      *Report  // nil: not reported
	Algorithm   string   // name and version of what measured
	Software    string   // name and version of this program, and of its rules
}

// Header is who and when.
type Header struct{ Name, Sex, Age, ID, Clinic, Time, Device, Order, Indication string }

// Row is one measurement as text: "QT/QTc", "400/420 ms", "403/419 ms".
type Row struct{ Label, Ours, Device string }

// Report is what a doctor signed.
type Report struct {
	Findings    string // 心电图所见
	Impression  string // 诊断意见
	Reporter    string // 报告医师
	Reviewer    string // 审核医师
	SignedAt    string
	ExaminedBy  string // 检查单位
	DiagnosedBy string // 诊断单位
	Recognised  string // 互认标识: the mark's text, empty if the result is not recognised elsewhere
}

// Language of what this package writes itself.
type Language string

// The languages.
const (
	Chinese Language = "zh" // the default
	English Language = "en"
)

// Layout says where leads stand.
type Layout string

// The layouts. Leads beside the twelve follow in further rows; a tracing without most of the twelve has a row for each lead.
const (
	ThreeByFour1 Layout = "3x4+1R" // the default
	ThreeByFour  Layout = "3x4"
	ThreeByFour3 Layout = "3x4+3R"
	SixByTwo     Layout = "6x2"
	SixByTwo1    Layout = "6x2+1R"
	TwelveByOne  Layout = "12x1"
)

// Layouts are all of them.
var Layouts = []Layout{ThreeByFour1, ThreeByFour, ThreeByFour3, SixByTwo, SixByTwo1, TwelveByOne}

// Options say how it is drawn. Zero fields are the defaults.
type Options struct {
	SpeedMMs   float64 // paper speed, 12.5 to 100; 25
	GainMMmV   float64 // 2.5 to 40; 10
	Layout     Layout
	Cabrera    bool         // limb leads as aVL I -aVR II aVF III
	RhythmLead tracing.Code // of the layouts with one rhythm row; II
	Filter     Filter       // for display only
	Page       int          // of SVG and PNG, which have one; the first is 0
}

func (o Options) settled() Options {
	o.SpeedMMs = within(o.SpeedMMs, 25, 12.5, 100)
	o.GainMMmV = within(o.GainMMmV, 10, 2.5, 40)
	if _, ok := grids[o.Layout]; !ok {
		o.Layout = ThreeByFour1
	}
	if o.RhythmLead == "" {
		o.RhythmLead = tracing.LeadII
	}
	return o
}

// within is v between low and high, or usual where v says nothing.
func within(v, usual, low, high float64) float64 {
	if !(v > 0) { // zero, negative, NaN
		return usual
	}
	return min(max(v, low), high)
}

// String tells nothing: a sheet is full of personal data.
func (Sheet) String() string { return "(sheet)" }

// GoString tells nothing.
func (Sheet) GoString() string { return "paper.Sheet{}" }

// Limits of what is taken of the caller's texts, in characters and items: far over what a page of any use has.
const (
	maxLine = 300
	maxText = 20_000
	maxList = 100
	maxItem = 1_000
	maxRows = 60
)

// settled is the sheet with texts that are fit for a page.
func (s *Sheet) settled() *Sheet {
	c := *s
	for _, text := range []*string{
		&c.Institution, &c.Title, &c.Critical, &c.Clock, &c.Previous, &c.Algorithm, &c.Software,
		&c.Header.Name, &c.Header.Sex, &c.Header.Age, &c.Header.ID, &c.Header.Clinic, &c.Header.Time, &c.Header.Device, &c.Header.Order, &c.Header.Indication,
	} {
		*text = line(*text)
	}
	c.Statements, c.OfDevice, c.Warnings = lines(s.Statements), lines(s.OfDevice), lines(s.Warnings)
	c.Rows = make([]Row, min(len(s.Rows), maxRows))
	for i := range c.Rows {
		c.Rows[i] = Row{line(s.Rows[i].Label), line(s.Rows[i].Ours), line(s.Rows[i].Device)}
	}
	if s.Report != nil {
		r := *s.Report
		for _, text := range []*string{&r.Reporter, &r.Reviewer, &r.SignedAt, &r.ExaminedBy, &r.DiagnosedBy, &r.Recognised} {
			*text = line(*text)
		}
		r.Findings, r.Impression = strings.TrimSpace(paper.Clean(r.Findings, maxText)), strings.TrimSpace(paper.Clean(r.Impression, maxText))
		c.Report = &r
	}
	return &c
}

// line is clean on one line.
func line(s string) string {
	return paper.Line(s, maxLine)
}

// lines cleans a list and leaves out what is empty.
func lines(list []string) []string {
	var out []string
	for _, s := range list[:min(len(list), maxList)] {
		for l := range strings.SplitSeq(paper.Clean(s, maxItem), "\n") {
			if l = strings.TrimSpace(l); l != "" {
				out = append(out, l)
			}
		}
	}
	return out[:min(len(out), maxList)]
}
