// Package csv writes the rhythm of a tracing as a table for spreadsheets and statistics: one row a sample, time in seconds, leads in microvolts.
package csv

import (
	"bufio"
	"io"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

const decimals = 6

// Write writes a header row "time (s),I (uV),..." and a row for each sample. A missing sample is an empty cell; a lead without a known size is
// written in units of its samples, as its header says. Numbers are rounded to six decimals. It carries nothing of the patient.
func Write(w io.Writer, t *tracing.Tracing) error {
	out := bufio.NewWriterSize(w, 1<<16)
	row := []byte("time (s)")
	g := t.Rhythm()
	if g == nil {
		g = &tracing.Group{}
	}
	for i := range g.Leads {
		row = append(append(row, ','), title(&g.Leads[i], i)...)
	}
	for i := -1; i < g.Len(); i++ {
		if i >= 0 {
			row = appendTime(row[:0], g.Rate, i)
			for k := range g.Leads {
				row = appendValue(append(row, ','), &g.Leads[k], i)
			}
		}
		if _, err := out.Write(append(row, '\r', '\n')); err != nil { // RFC 4180
			return err
		}
	}
	return out.Flush()
}

// title is the head of a column. A label cannot be a formula for the spreadsheet that opens it.
func title(l *tracing.Lead, i int) string {
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == ',' || r == 0x7F {
			return ' '
		}
		return r
	}, l.Label)
	if name = strings.TrimLeft(strings.TrimSpace(name), "=+-@"); name == "" {
		name = "lead " + strconv.Itoa(i+1)
	}
	if l.Calibrated() {
		return name + " (uV)"
	}
	return name + " (units)"
}

func appendTime(b []byte, rate tracing.Ratio, i int) []byte {
	if rate.Num <= 0 || rate.Den <= 0 {
		return b
	}
	if rate.Den > 1<<20 || rate.Num > 1<<40 {
		return trim(strconv.AppendFloat(b, float64(i)/rate.Float(), 'f', decimals, 64), len(b))
	}
	us := (int64(i)*rate.Den*2_000_000/rate.Num + 1) / 2
	b = strconv.AppendInt(b, us/1_000_000, 10)
	at := len(b)
	b = strconv.AppendInt(b, 1_000_000+us%1_000_000, 10)
	b[at] = '.'
	return trim(b, at)
}

func appendValue(b []byte, l *tracing.Lead, i int) []byte {
	v := l.Samples[i]
	if v == tracing.Missing {
		return b
	}
	if !l.Calibrated() {
		return strconv.AppendInt(b, int64(v), 10)
	}
	if l.NVPerLSB.Den == 1 && l.OffsetNV.Den <= 1 && small(l.NVPerLSB.Num, 1<<30) && small(l.OffsetNV.Num, 1<<60) {
		return appendNanovolts(b, int64(v)*l.NVPerLSB.Num+l.OffsetNV.Num)
	}
	return trim(strconv.AppendFloat(b, l.UV(i), 'f', decimals, 64), len(b))
}

func small(n, limit int64) bool { return n < limit && n > -limit }

// appendNanovolts writes whole nanovolts as microvolts, exactly.
func appendNanovolts(b []byte, nv int64) []byte {
	if nv < 0 {
		b, nv = append(b, '-'), -nv
	}
	b = strconv.AppendInt(b, nv/1000, 10)
	if rest := nv % 1000; rest != 0 {
		b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b
}

// trim takes zeros behind the point away from what was appended from a place on.
func trim(b []byte, from int) []byte {
	for len(b) > from && b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	if b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	if string(b[min(from, len(b)):]) == "-0" {
		b = append(b[:from], '0')
	}
	return b
}
