// Time-stamped annotation lists of EDF+: 2.2.2 of its specification.

package edf

import (
	"bytes"
	"math/big"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

const (
	maxRuns  = 100_000
	maxGap   = 7 * 24 * time.Hour
	maxSpan  = 31 * 24 * time.Hour // of a recording with its gaps
	maxTAL   = 1 << 16             // bytes of annotations that are read of a record
	maxNotes = 64 << 20            // bytes of annotations that are read of a file
)

// annotate reads the annotations, and from them when each record began.
func (f *file) annotate() error {
	f.runs = []run{{0, 0, f.there}}
	f.samples = f.there * f.per
	var lists []signal
	for _, s := range f.signals {
		if s.annotations && s.samples > 0 {
			lists = append(lists, s)
		}
	}
	if len(lists) == 0 {
		if strings.HasSuffix(f.version, "+C") || strings.HasSuffix(f.version, "+D") {
			f.head.Warn(tracing.Deviates, "a plus file without a signal of annotations")
		}
		return nil
	}
	c := &clock{file: f, gaps: strings.HasSuffix(f.version, "+D")}
	c.runs, c.next = nil, 0
	room := make([]byte, 0, 1024)
	budget := int64(maxNotes)
	for record := range f.there {
		for i, s := range lists {
			n := min(s.samples*int64(f.bytes), maxTAL)
			if budget -= max(n, 64); budget < 0 {
				f.head.Warn(tracing.Unsupported, "annotations of later records were left out")
				return c.finish(f.there)
			}
			if cap(room) < int(n) {
				room = make([]byte, n)
			}
			b := room[:n]
			clear(b)
			if err := f.fetch(b, f.header.size+record*f.record+s.at); err != nil {
				return err
			}
			c.list(b, record, i == 0)
		}
		if !c.gaps && len(lists) == 1 && f.per > 0 && len(f.head.Annotations) >= tracing.MaxTexts {
			break // nothing more is taken
		}
	}
	return c.finish(f.there)
}

// clock turns onsets into places.
type clock struct {
	*file
	gaps   bool // EDF+D
	known  bool // origin was read
	origin time.Duration
	next   int64 // sample that follows the last run
	odd    bool
}

// list reads the annotations of one record; the first of the first list has no text and says when the record began.
func (c *clock) list(b []byte, record int64, keeper bool) {
	for len(b) > 0 {
		tal, rest, ok := bytes.Cut(b, []byte{0})
		b = rest
		if len(tal) == 0 {
			if len(b) > 0 && b[0] == 0 {
				return
			}
			continue
		}
		if !ok {
			return // cut
		}
		c.tal(tal, record, keeper)
		keeper = false
	}
}

func (c *clock) tal(tal []byte, record int64, keeper bool) {
	parts := bytes.Split(tal, []byte{0x14})
	onset, length, _ := strings.Cut(string(parts[0]), "\x15")
	at, ok := seconds(onset)
	if !ok {
		c.head.Warn(tracing.BadValue, "an annotation without a time")
		return
	}
	if keeper {
		c.began(record, at)
		if len(parts) > 1 && len(parts[1]) == 0 {
			parts = parts[1:]
		}
	}
	span, _ := seconds(length)
	for _, p := range parts[1:] {
		text := tracing.Text(p)
		if text == "" {
			continue
		}
		if len(c.head.Annotations) >= tracing.MaxTexts {
			c.head.Warn(tracing.Unsupported, "more annotations than are taken")
			return
		}
		c.head.Annotations = append(c.head.Annotations, tracing.Annotation{At: at - c.origin, For: max(span, 0), Text: text})
	}
}

// began notes when a record began: a new run where it does not follow the one before it.
func (c *clock) began(record int64, at time.Duration) {
	if !c.known {
		c.known, c.origin = true, at
		if !c.head.RecordedAt.IsZero() {
			c.head.RecordedAt = c.head.RecordedAt.Add(at)
		}
	}
	if !c.gaps || c.per == 0 {
		return
	}
	if len(c.runs) == 0 {
		c.runs = append(c.runs, run{0, 0, 0})
	}
	last := &c.runs[len(c.runs)-1]
	follows := last.first + (record-last.record)*c.per
	place := c.sample(at - c.origin)
	gap := place - follows
	switch rate := c.head.Rhythm().Rate; {
	case gap == 0 || gap == 1 || gap == -1: // rounding
	case gap < 0 || rate.Duration(gap) > maxGap || rate.Duration(place) > maxSpan || len(c.runs) >= maxRuns:
		c.odd = true
	default:
		last.records = record - last.record
		c.runs = append(c.runs, run{place, record, 0})
	}
}

// sample is the sample nearest to a time after the first.
func (c *clock) sample(at time.Duration) int64 {
	rate := c.head.Rhythm().Rate
	n := new(big.Int).Mul(big.NewInt(int64(at)), big.NewInt(rate.Num))
	d := new(big.Int).Mul(big.NewInt(rate.Den), big.NewInt(int64(time.Second)))
	n.Mul(n, big.NewInt(2)).Add(n, d)
	n.Div(n, d.Mul(d, big.NewInt(2)))
	if !n.IsInt64() {
		return -1
	}
	return n.Int64()
}

func (c *clock) finish(there int64) error {
	if len(c.runs) == 0 {
		c.runs = []run{{0, 0, there}}
	}
	last := &c.runs[len(c.runs)-1]
	last.records = there - last.record
	c.samples = last.first + last.records*c.per
	if c.odd {
		c.head.Warn(tracing.Inconsistent, "records whose times go back or leap were put one after the other")
	}
	if !c.known {
		c.head.Warn(tracing.Deviates, "records without their time")
	}
	return nil
}

// seconds reads "+567.25".
func seconds(text string) (time.Duration, bool) {
	if text == "" {
		return 0, false
	}
	r, ok := tracing.ParseRatio(strings.TrimPrefix(text, "+"))
	if !ok || r.Float() > 1e8 || r.Float() < -1e8 {
		return 0, false
	}
	neg := r.Num < 0
	if neg {
		r.Num = -r.Num
	}
	d := tracing.Ratio{Num: r.Den, Den: r.Num}
	if r.Num == 0 {
		return 0, true
	}
	v := d.Duration(1) // one sample at a rate of Den/Num is Num/Den seconds
	if neg {
		v = -v
	}
	return v, true
}
