// The grid with its traces: rows, calibration pulses, lead labels, marks of columns and seconds.

package paper

import (
	"fmt"
	"math"
	"time"

	"github.com/lianzhen/lianzhen/codec/paper"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// The grid lies where bold lines meet the pulse, the start of the traces and their end: 250 mm, ten seconds at 25 mm/s.
var field = rect{X: 13.5, Y: 55, W: 270, H: 145}

const (
	traceEnd = 265.0 // mm from the grid's left edge
	maxPages = 64    // of one recording
)

// strip is one recording laid out.
type strip struct {
	o        Options
	w        *words
	group    *tracing.Group
	rate     float64
	from, to float64 // seconds: what is drawn
	length   float64 // seconds of the recording
	slots    []slot
	rows     int
	together bool // all columns begin at the same time: the recording is shorter than a page
	columns  int
	margin   float64 // mm from the grid's left edge to the traces: room for the pulse
	span     float64 // mm of traces
	filter   Filter
}

// newStrip is nil where there is nothing to draw.
func newStrip(s *Sheet, o Options) *strip {
	if s.Tracing == nil {
		return nil
	}
	g := s.Tracing.Rhythm()
	if g == nil || len(g.Leads) == 0 {
		return nil
	}
	rate := g.Rate.Float()
	if !(rate > 0) || math.IsInf(rate, 0) {
		return nil
	}
	t := &strip{o: o, w: s.words(), group: g, rate: rate, filter: o.Filter.settled(rate), margin: 15}
	if o.SpeedMMs > 50 {
		t.margin = 25
	}
	t.span = traceEnd - t.margin
	t.length = float64(longest(g)) / rate
	t.from = min(max(s.From.Seconds(), 0), t.length)
	t.to = min(t.from+t.page(), t.length)
	if s.For > 0 {
		t.to = min(t.from+s.For.Seconds(), t.length)
	}
	t.slots, t.rows = arrange(g, o)
	t.columns = 1
	for _, p := range t.slots {
		t.columns = max(t.columns, p.columns)
	}
	t.together = t.columns > 1 && t.to-t.from < t.page()*(1-0.5/float64(t.columns))
	return t
}

// page is the seconds that one takes.
func (t *strip) page() float64 { return t.span / t.o.SpeedMMs }

func longest(g *tracing.Group) int {
	n := 0
	for i := range g.Leads {
		n = max(n, len(g.Leads[i].Samples))
	}
	return n
}

// pages are first those of more rows, then those of later times.
func (t *strip) pages() int { return min(t.rowPages()*t.timePages(), maxPages) }

func (t *strip) rowPages() int { return max(1, (t.rows+rowsAPage-1)/rowsAPage) }

func (t *strip) timePages() int {
	n := math.Ceil((t.to - t.from) / t.page() * 0.999999)
	return int(min(max(n, 1), maxPages))
}

// start is the time where a page begins.
func (t *strip) start(page int) float64 {
	return t.from + float64(page/t.rowPages())*t.page()
}

// draw draws one page's grid and traces.
func (t *strip) draw(p pen, page int) {
	p.Grid(field)
	first := page % t.rowPages() * rowsAPage
	rows := min(t.rows-first, rowsAPage)
	height := field.H / float64(max(rows, 1))
	for r := range rows {
		base := t.base(r, rows)
		t.pulse(p, base)
		for i, s := range t.slots {
			if s.row == first+r {
				t.lead(p, i, s, base, height, t.start(page))
			}
		}
	}
	t.seconds(p, t.start(page), rows)
}

// base is the base line of a row. The first has room for the pulse and a tall R wave above it, the last for a deep S wave below it.
func (t *strip) base(row, rows int) float64 {
	height := field.H / float64(rows)
	if rows == 1 {
		return field.Y + field.H/2
	}
	top := min(max(0.55*height, 1.6*t.o.GainMMmV), 0.6*field.H)
	bottom := field.H - max(0.45*height, min(0.8*t.o.GainMMmV, 0.2*field.H))
	return field.Y + top + (bottom-top)*float64(row)/float64(rows-1)
}

// pulse is 1 mV for 200 ms, as wide as 200 ms are on this paper.
func (t *strip) pulse(p pen, base float64) {
	wide, high := 0.2*t.o.SpeedMMs, t.o.GainMMmV
	a := field.X + (t.margin-wide)/2
	b := a + wide
	p.Curve(field, [][]point{{
		paper.XY(a-2.5, base), paper.XY(a, base), paper.XY(a, base-high), paper.XY(b, base-high), paper.XY(b, base), paper.XY(b+2.5, base),
	}}, paper.Name{Class: "pulse", Slot: -1})
}

// lead draws one lead in its slot.
func (t *strip) lead(p pen, id int, s slot, base, height, start float64) {
	span := t.span / float64(s.columns)
	x := field.X + t.margin + float64(s.column)*span
	seconds := span / t.o.SpeedMMs
	if !t.together {
		start += float64(s.column) * seconds
	}
	top := max(base-height*0.45, field.Y)
	if s.column > 0 {
		p.Rule(paper.XY(x, top+0.6), paper.XY(x, top+2.6), ruleWidth*1.5)
	}
	note := t.curve(p, id, s, x, base, start, seconds)
	size := min(3.4, max(height*0.5, 1.6))
	label := s.label(t.group)
	p.Text(paper.XY(x+1, top+2.9), style{MM: size, Bold: true}, label)
	if note != "" {
		p.Text(paper.XY(x+2+paper.Width(label, true)*size, top+2.9), style{MM: min(2.4, size), Ink: grey}, note)
	}
}

// curve draws the samples of [start, start+seconds) and says what is wrong with them.
func (t *strip) curve(p pen, id int, s slot, x, base, start, seconds float64) (note string) {
	if s.lead < 0 {
		return t.w.absent
	}
	l := &t.group.Leads[s.lead]
	c := scale{rate: t.rate, speed: t.o.SpeedMMs, gain: t.o.GainMMmV / 1000, skew: l.Skew.Seconds(), upright: 1}
	if !(math.Abs(c.skew) < seconds) {
		c.skew = 0
	}
	if s.inverted {
		c.upright = -1
	}
	from, to := t.index(start-c.skew, len(l.Samples)), t.index(min(start+seconds, t.to)-c.skew, len(l.Samples))
	around, offset := t.around(l, from, to)
	c.level = level(around)
	shown := around[from-offset : to-offset]
	if !l.Calibrated() {
		c.gain, note = fit(shown), t.w.uncalibrated
	}
	if l.Off {
		note = t.w.off
	}
	runs := c.runs(shown, from, start, paper.XY(x, base))
	switch {
	case len(runs) > 0:
	case l.Off:
		return t.w.off
	default:
		return t.w.absent
	}
	if beyond(runs) {
		note = t.w.clipped
	}
	p.Curve(field, runs, paper.Name{Class: "lead", Slot: id})
	return note
}

// index is the first sample at or after a time.
func (t *strip) index(at float64, n int) int {
	return int(min(max(math.Ceil(at*t.rate-1e-6), 0), float64(n)))
}

// around are the values of the page's stretch, so that the level of a lead is the same in all its rows; filtered for display with a margin for the
// filters to settle. offset is the sample of the first value.
func (t *strip) around(l *tracing.Lead, from, to int) (uv []float64, offset int) {
	margin := int(min(t.rate*10, 1<<20))
	n := len(l.Samples)
	a, b := max(min(from, t.index(t.from, n))-1, from-margin, 0), min(to+margin, n)
	uv = values(l, a, b)
	if !t.filter.none() {
		t.filter.apply(uv, t.rate)
	}
	return uv, a
}

func beyond(runs [][]point) bool {
	for _, run := range runs {
		for _, q := range run {
			if q.Y < field.Y || q.Y > field.Bottom() {
				return true
			}
		}
	}
	return false
}

// seconds marks whole seconds at the foot of the grid. Columns that begin together have no common time but in rhythm rows.
func (t *strip) seconds(p pen, start float64, rows int) {
	if t.together && !t.slots[len(t.slots)-1].rhythm || rows == 0 {
		return
	}
	end := min(start+t.page(), t.to) + 1e-6
	for at := math.Ceil(start - 1e-6); at <= end; at++ {
		x := field.X + t.margin + (at-start)*t.o.SpeedMMs
		p.Rule(paper.XY(x, field.Bottom()-2), paper.XY(x, field.Bottom()), ruleWidth*1.5)
		p.Text(paper.XY(x+0.5, field.Bottom()-0.6), style{MM: 2, Ink: grey}, clock(at))
	}
}

// clock writes seconds as "7s", and those of long recordings as "1:02:07".
func clock(at float64) string {
	d := time.Duration(at * float64(time.Second)).Round(100 * time.Millisecond)
	if d < time.Minute {
		return number(d.Seconds()) + "s"
	}
	h, m, s := int(d.Hours()), int(d.Minutes())%60, math.Mod(d.Seconds(), 60)
	if s == math.Trunc(s) {
		return fmt.Sprintf("%d:%02d:%02.0f", h, m, s)
	}
	return fmt.Sprintf("%d:%02d:%04.1f", h, m, s)
}

// terms are the paper's: "25mm/s 10mm/mV 0.05-150Hz AC50Hz", with what the screen's filters did, which part it is, and other things to know.
func (t *strip) terms(page int) string {
	s := fmt.Sprintf("%smm/s %smm/mV", number(t.o.SpeedMMs), number(t.o.GainMMmV))
	if b := recordedBand(t.group.Filters); b != "" {
		s += "  " + b
	}
	if !t.filter.none() {
		s += "  " + t.w.displayFilter + t.w.colon + t.filter.String()
	}
	start := t.start(page)
	end := min(start+t.page(), t.to)
	s += "  " + fmt.Sprintf(t.w.part, clock(start), clock(end), clock(t.length))
	if t.together {
		s += "  " + t.w.simultaneous
	}
	return s
}
