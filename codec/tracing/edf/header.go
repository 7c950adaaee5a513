// The header: fixed fields of ASCII.

package edf

import (
	"bytes"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// header is what the file says, checked as far as it must be to read samples.
type header struct {
	format    tracing.Format
	version   string // "EDF+C"; empty for plain EDF
	patient   string
	recording string
	start     time.Time
	size      int64 // of the header
	records   int64 // as said; -1: not said
	duration  tracing.Ratio
	signals   []signal
	record    int64 // bytes of a data record
	bytes     int   // of a sample: 2, BDF 3
	comma     bool  // a decimal comma was read
	mismatch  bool  // the size of the header is not that of its signals
}

// signal is one channel.
type signal struct {
	label, unit, filter    string
	pmin, pmax, dmin, dmax string
	samples                int64 // in a record
	at                     int64 // byte in a record
	annotations            bool
}

var (
	edfMagic = []byte("0       ")
	bdfMagic = []byte("\xffBIOSEMI")
)

// Sniff reports whether a file begins as EDF, BDF or one of their plus variants.
func Sniff(head []byte) bool {
	if bytes.HasPrefix(head, bdfMagic) {
		return true
	}
	if !bytes.HasPrefix(head, edfMagic) || len(head) < fixedSize {
		return false
	}
	_, ok := number(head[252:256])
	_, ok2 := number(head[184:192])
	return ok && ok2
}

// readHeader reads the header of a file of a size.
func readHeader(r io.ReaderAt, size int64) (*header, error) {
	h := &header{format: tracing.EDF, bytes: 2}
	if size < fixedSize {
		return nil, bad(h.format, size, "the file is shorter than its header")
	}
	b := make([]byte, fixedSize)
	if err := readFull(r, b, 0); err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(b, bdfMagic):
		h.format, h.bytes = tracing.BDF, 3
	case !bytes.HasPrefix(b, edfMagic):
		return nil, bad(h.format, 0, "neither EDF nor BDF")
	}
	h.patient, h.recording = tracing.Text(b[8:88]), tracing.Text(b[88:168])
	h.start = startOf(string(b[168:176]), string(b[176:184]), h.recording)
	if v := strings.Fields(string(b[192:236])); len(v) > 0 && (strings.HasPrefix(v[0], "EDF+") || strings.HasPrefix(v[0], "BDF+")) {
		h.version = v[0][:min(len(v[0]), 5)]
	}
	var ok bool
	if h.records, ok = number(b[236:244]); !ok {
		h.records = -1
	}
	if h.duration, ok = h.decimal(string(b[244:252])); !ok {
		return nil, bad(h.format, 244, "the duration of a record is no number")
	}
	n, ok := number(b[252:256])
	if !ok || n < 1 || n > maxSignals {
		return nil, bad(h.format, 252, "the number of signals is not between 1 and %d", maxSignals)
	}
	said, _ := number(b[184:192])
	h.mismatch = said != fixedSize*(n+1)
	err := h.loadSignals(r, size, n, said)
	if room := said/fixedSize - 1; err != nil && room > 0 && room < n { // the length of the header is right, the number of signals is not
		if h.loadSignals(r, size, room, said) == nil {
			return h, nil
		}
	}
	return h, err
}

// loadSignals reads the headers of n signals of a file whose header has a length, as it says.
func (h *header) loadSignals(r io.ReaderAt, size, n, said int64) error {
	h.size, h.record, h.signals = fixedSize*(n+1), 0, nil
	if said > h.size && said%fixedSize == 0 && said <= fixedSize*(maxSignals+1) {
		h.size = said // more room than signals: samples begin where the header says
	}
	if h.size > size {
		return bad(h.format, size, "the file ends in its header")
	}
	all := make([]byte, fixedSize*n)
	if err := readFull(r, all, fixedSize); err != nil {
		return err
	}
	return h.readSignals(all, int(n))
}

func (h *header) readSignals(b []byte, n int) error {
	column := func(at, width, i int) []byte { return b[at*n+width*i:][:width] }
	for i := range n {
		s := signal{
			label: tracing.Text(column(0, 16, i)), unit: tracing.Text(column(96, 8, i)), filter: tracing.Text(column(136, 80, i)),
			pmin: string(column(104, 8, i)), pmax: string(column(112, 8, i)), dmin: string(column(120, 8, i)), dmax: string(column(128, 8, i)),
			at: h.record,
		}
		var ok bool
		if s.samples, ok = number(column(216, 8, i)); !ok || s.samples < 0 || s.samples > 1<<24 {
			return bad(h.format, int64(fixedSize+216*n+8*i), "the number of samples of signal %d is none", i+1)
		}
		s.annotations = s.label == "EDF Annotations" || s.label == "BDF Annotations"
		h.record += s.samples * int64(h.bytes)
		h.signals = append(h.signals, s)
	}
	if h.record == 0 {
		return bad(h.format, fixedSize, "the records are empty")
	}
	return nil
}

// decimal reads a number of a fixed field; a comma stands for a point.
func (h *header) decimal(text string) (tracing.Ratio, bool) {
	text = strings.Trim(text, " \x00")
	if strings.Count(text, ",") == 1 && !strings.Contains(text, ".") {
		text = strings.Replace(text, ",", ".", 1)
		h.comma = true
	}
	return tracing.ParseRatio(text)
}

func number(b []byte) (int64, bool) {
	n, err := strconv.ParseInt(strings.Trim(string(b), " \x00"), 10, 64)
	return n, err == nil
}

// startOf is the start by the fixed fields "dd.mm.yy" and "hh.mm.ss"; the year in full is in the recording field of EDF+.
func startOf(date, clock, recording string) time.Time {
	point := strings.NewReplacer("-", ".", "/", ".", ":", ".", " ", "0")
	t, err := time.Parse("02.01.06 15.04.05", point.Replace(date)+" "+point.Replace(clock))
	if err != nil {
		if t, err = time.Parse("15.04.05", point.Replace(clock)); err != nil {
			return time.Time{}
		}
		t = t.AddDate(-t.Year(), 0, 0)
	}
	if f := strings.Fields(recording); len(f) > 1 && f[0] == "Startdate" {
		if d, ok := day(f[1]); ok {
			return time.Date(d.Year(), d.Month(), d.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
		}
	}
	if err != nil || t.Year() < 1 {
		return time.Time{}
	}
	if t.Year() < 1985 { // EDF: 85 to 99 are of the last century, 00 to 84 of this one
		t = t.AddDate(100, 0, 0)
	} else if t.Year() >= 2085 {
		t = t.AddDate(-100, 0, 0)
	}
	return t
}

// day reads "02-MAR-2002".
func day(text string) (time.Time, bool) {
	if len(text) != 11 {
		return time.Time{}, false
	}
	t, err := time.Parse("02-Jan-2006", text[:3]+strings.ToUpper(text[3:4])+strings.ToLower(text[4:]))
	return t, err == nil
}

// size is what a unit of sample and the sample 0 of a signal are, in nanovolts; zero where they cannot be known.
func (h *header) sizeOf(s *signal) (perUnit, offset tracing.Ratio) {
	pmin, ok1 := h.decimal(s.pmin)
	pmax, ok2 := h.decimal(s.pmax)
	dmin, ok3 := h.decimal(s.dmin)
	dmax, ok4 := h.decimal(s.dmax)
	unit, ok5 := nanovolts[strings.ToLower(s.unit)]
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || dmin == dmax || pmin == pmax {
		return tracing.Ratio{}, tracing.Ratio{}
	}
	minus := tracing.Whole(-1)
	per := pmax.Add(pmin.Mul(minus)).Div(dmax.Add(dmin.Mul(minus)))
	perUnit = per.Mul(tracing.Whole(unit))
	offset = pmin.Add(dmin.Mul(per).Mul(minus)).Mul(tracing.Whole(unit))
	size := (pmax.Float() - pmin.Float()) / (dmax.Float() - dmin.Float()) * float64(unit)
	return near(perUnit, size), near(offset, pmin.Float()*float64(unit)-dmin.Float()*size)
}

// near is a ratio that is what it must be, or the nearest of twelve digits where it became more than 64 bits on the way.
func near(r tracing.Ratio, want float64) tracing.Ratio {
	if math.Abs(r.Float()-want) <= 1e-6*math.Max(1, math.Abs(want)) && r.Den != 0 {
		return r
	}
	out, _ := tracing.ParseRatio(strconv.FormatFloat(want, 'e', 11, 64))
	return out
}

var nanovolts = map[string]int64{"nv": 1, "uv": 1e3, "\u00b5v": 1e3, "\u03bcv": 1e3, "mv": 1e6, "v": 1e9}

func readFull(r io.ReaderAt, b []byte, at int64) error {
	return tracing.ReadFull(tracing.EDF, r, b, at)
}
