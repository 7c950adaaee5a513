// Writing EDF+C.

package edf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

const (
	maxRecord  = 61440 // bytes of a record that EDF recommends not to exceed
	maxRecords = 99_999_999
	lowest     = math.MinInt16
)

// Write writes the rhythm of a tracing as EDF+C. Every sample and every size is kept exactly. A FormatError where that cannot be: samples of more
// than 16 bits, a size that has no decimal form of eight characters, missing samples that are not the end of all leads, texts that are too
// long for their fields.
func Write(w io.Writer, t *tracing.Tracing) error {
	p, err := plan(t)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 1<<16)
	if err := p.writeHeader(out); err != nil {
		return err
	}
	if err := p.writeRecords(out); err != nil {
		return err
	}
	return out.Flush()
}

func refuse(format string, args ...any) error { return bad(tracing.EDF, -1, format, args...) }

// planned is a file before it is written.
type planned struct {
	*tracing.Tracing
	group    *tracing.Group
	scales   []scale
	samples  int // of a lead, without missing ones at the end
	per      int // of a lead in a record
	duration string
	onsets   tracing.Ratio // seconds a record
	records  int
	lists    [][]byte // annotations of each record
	room     int      // bytes of annotations in a record
	start    time.Time
	fraction time.Duration // of the start, in the first annotation
}

type scale struct{ unit, pmin, pmax, dmin, dmax string }

func plan(t *tracing.Tracing) (*planned, error) {
	g := t.Rhythm()
	if g == nil || g.Len() == 0 {
		return nil, refuse("a tracing without samples")
	}
	if len(g.Leads) > tracing.MaxLeads {
		return nil, refuse("%d leads", len(g.Leads))
	}
	p := &planned{Tracing: t, group: g, samples: g.Len()}
	for p.samples > 0 && allMissing(g, p.samples-1) {
		p.samples--
	}
	if p.samples == 0 {
		return nil, refuse("a tracing whose samples are all missing")
	}
	for i := range g.Leads {
		s, err := fit(&g.Leads[i], p.samples)
		if err != nil {
			return nil, err
		}
		p.scales = append(p.scales, s)
	}
	if err := p.divide(); err != nil {
		return nil, err
	}
	p.start = t.RecordedAt.UTC().Truncate(time.Second)
	p.fraction = t.RecordedAt.UTC().Sub(p.start)
	return p, p.annotate()
}

func allMissing(g *tracing.Group, i int) bool {
	for k := range g.Leads {
		if g.Leads[k].Samples[i] != tracing.Missing {
			return false
		}
	}
	return true
}

// fit finds the decimal limits of a lead.
func fit(l *tracing.Lead, n int) (scale, error) {
	low, high := int32(0), int32(0)
	for _, v := range l.Samples[:n] {
		if v == tracing.Missing {
			return scale{}, refuse("EDF has no missing samples")
		}
		low, high = min(low, v), max(high, v)
	}
	if low < math.MinInt16 || high > math.MaxInt16 {
		return scale{}, refuse("samples of more than 16 bits")
	}
	if !l.Calibrated() {
		return scale{"", "-32768", "32767", "-32768", "32767"}, nil
	}
	for _, unit := range []struct {
		name string
		nv   int64
	}{{"uV", 1e3}, {"mV", 1e6}, {"nV", 1}, {"V", 1e9}} {
		per, offset := l.NVPerLSB.Div(tracing.Whole(unit.nv)), l.OffsetNV.Div(tracing.Whole(unit.nv))
		dmin, pmin, ok := edge(per, offset, math.MinInt16, low, 1)
		if !ok {
			continue
		}
		if dmax, pmax, ok := edge(per, offset, math.MaxInt16, high, -1); ok && dmin < dmax {
			return scale{unit.name, pmin, pmax, strconv.Itoa(int(dmin)), strconv.Itoa(int(dmax))}, nil
		}
	}
	return scale{}, refuse("the size of a sample has no form of eight characters")
}

// edge finds a digital limit, as far out as can be, whose physical value is a decimal of eight characters: the usual ones first, then the
// multiples of the denominator, then the others next to the end.
func edge(per, offset tracing.Ratio, from, to, step int32) (digital int32, physical string, ok bool) {
	try := func(d int32) bool {
		if (d-to)*step > 0 {
			return false
		}
		physical, ok = decimal(per.Mul(tracing.Whole(int64(d))).Add(offset))
		digital = d
		return ok
	}
	for _, d := range []int32{from, from + step, -step * 32767, -step * 32000, -step * 30000, -step * 25000, -step * 20000, -step * 10000} {
		if try(d) {
			return
		}
	}
	den := per.Den
	for _, f := range []int64{2, 5} {
		for den%f == 0 {
			den /= f
		}
	}
	if den <= math.MaxInt16 {
		for d := int64(from) / den * den; (d-int64(to))*int64(step) <= 0; d += int64(step) * den {
			if d != 0 && try(int32(d)) {
				return
			}
		}
	}
	for i := range int32(2000) {
		if try(from + i*step) {
			return
		}
	}
	return 0, "", false
}

// decimal writes a number in at most eight characters; false if it has none.
func decimal(r tracing.Ratio) (string, bool) {
	if r.Den == 0 {
		return "", false
	}
	whole := r
	digits := 0
	for ; whole.Den != 1 && digits < 7; digits++ {
		if whole = whole.Mul(tracing.Whole(10)); whole.Den == 0 {
			return "", false
		}
	}
	if whole.Den != 1 {
		return "", false
	}
	text := strconv.FormatInt(whole.Num, 10)
	if digits > 0 {
		sign := ""
		if text[0] == '-' {
			sign, text = "-", text[1:]
		}
		if len(text) <= digits {
			text = strings.Repeat("0", digits-len(text)+1) + text
		}
		text = sign + text[:len(text)-digits] + "." + text[len(text)-digits:]
	}
	return text, len(text) <= 8
}

// divide chooses the length of a record: one that divides the recording where there is a sensible one, else one second with padding.
func (p *planned) divide() error {
	rate := p.group.Rate
	if rate.Num <= 0 || rate.Den <= 0 {
		return refuse("a tracing without a sampling rate")
	}
	most := max(min(p.samples, (maxRecord-512)/2/len(p.group.Leads)), 1)
	best := 0
	for n := most; n > 0; n-- {
		if p.samples%n == 0 {
			if _, ok := decimal(tracing.Whole(int64(n)).Div(rate)); ok {
				best = n
				break
			}
		}
	}
	if float64(best) < rate.Float()/20 {
		best = 0
		for n := most; n > 0 && best == 0; n-- {
			if _, ok := decimal(tracing.Whole(int64(n)).Div(rate)); ok && float64(n) <= 10*rate.Float() {
				best = n
			}
		}
	}
	if best == 0 {
		return refuse("the sampling rate has no duration of eight characters")
	}
	p.per, p.onsets = best, tracing.Whole(int64(best)).Div(rate)
	p.duration, _ = decimal(p.onsets)
	p.records = (p.samples + best - 1) / best
	if p.records > maxRecords {
		return refuse("%d records", p.records)
	}
	return nil
}

// annotate spreads the annotations over the records.
func (p *planned) annotate() error {
	var marks [][]byte
	total, longest := 0, 0
	for _, a := range p.Annotations {
		if a.Group < 0 || a.Group >= len(p.Groups) || &p.Groups[a.Group] != p.group && p.Groups[a.Group].Kind != tracing.Rhythm {
			continue // of the median beat: it has no time in the recording
		}
		m := mark(a, p.fraction)
		total, longest = total+len(m), max(longest, len(m))
		marks = append(marks, m)
	}
	onset := len(p.onset(p.records))
	p.room = onset + total/p.records + longest + 1
	p.room += p.room % 2
	if p.room > 1<<20 {
		return refuse("annotations of %d bytes", p.room)
	}
	p.lists = make([][]byte, p.records)
	for i := range p.lists {
		list := append(make([]byte, 0, p.room), p.onset(i)...)
		for len(marks) > 0 && len(list)+len(marks[0]) <= p.room {
			list, marks = append(list, marks[0]...), marks[1:]
		}
		p.lists[i] = list[:p.room]
	}
	return nil
}

// onset is the annotation that says when a record began.
func (p *planned) onset(record int) []byte {
	return append(append([]byte{'+'}, clockText(p.fraction, p.onsets.Mul(tracing.Whole(int64(record))))...), 0x14, 0x14, 0)
}

func mark(a tracing.Annotation, fraction time.Duration) []byte {
	b := append([]byte{'+'}, clockText(fraction, tracing.NewRatio(int64(a.At), int64(time.Second)))...)
	if a.At+fraction < 0 {
		b = b[1:] // it has its own sign
	}
	if a.For > 0 {
		b = append(append(b, 0x15), clockText(0, tracing.NewRatio(int64(a.For), int64(time.Second)))...)
	}
	text := a.Text
	if text == "" {
		text = a.Code
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
	return append(append(append(b, 0x14), text...), 0x14, 0)
}

// clockText is seconds as a decimal, to the nanosecond.
func clockText(fraction time.Duration, r tracing.Ratio) string {
	r = r.Add(tracing.NewRatio(int64(fraction), int64(time.Second)))
	if r.Den == 1 {
		return strconv.FormatInt(r.Num, 10)
	}
	ns := r.Mul(tracing.Whole(int64(time.Second)))
	v, sign := int64(math.Round(ns.Float())), ""
	if v < 0 {
		v, sign = -v, "-"
	}
	return sign + strings.TrimRight(fmt.Sprintf("%d.%09d", v/int64(time.Second), v%int64(time.Second)), "0")
}

func (p *planned) writeRecords(w io.Writer) error {
	b := make([]byte, 0, 2*p.per*len(p.group.Leads)+p.room)
	for record := range p.records {
		b = b[:0]
		from := record * p.per
		for i := range p.group.Leads {
			samples := p.group.Leads[i].Samples
			for k := from; k < from+p.per; k++ {
				v := int32(lowest) // padding
				if k < p.samples {
					v = samples[k]
				}
				b = binary.LittleEndian.AppendUint16(b, uint16(int16(v)))
			}
		}
		if _, err := w.Write(append(b, p.lists[record]...)); err != nil {
			return err
		}
	}
	return nil
}
