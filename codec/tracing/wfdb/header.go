// The header file: header(5).

package wfdb

import (
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// header is a .hea file as it stands.
type header struct {
	name     string
	rate     tracing.Ratio // frames a second
	frames   int64         // 0: not said
	start    time.Time
	leads    int // as the record line says
	signals  []signal
	segments []segmentLine // of a multi-segment record, instead of signals
	multi    bool
	comments []string
	odd      []string // what was not understood, for warnings
}

// signal is one signal line.
type signal struct {
	file      string
	format    int
	perFrame  int
	skew      int64 // frames
	start     int64 // byte offset of the first sample
	gain      tracing.Ratio
	gainSaid  bool
	baseline  int64
	units     string
	initial   int64
	checksum  uint16
	checkable bool
	name      string
}

type segmentLine struct {
	name   string
	frames int64
}

// parseHeader reads a header. The record line is the first that is neither empty nor a comment.
func parseHeader(b []byte) (*header, error) {
	if len(b) > maxHeader {
		return nil, bad(-1, "a header of %d bytes", len(b))
	}
	var h *header
	lines := strings.Split(strings.ReplaceAll(string(b), "\r", "\n"), "\n")
	var comments []string
	for _, line := range lines {
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if line == "" {
			continue
		}
		if line[0] == '#' {
			comments = append(comments, strings.TrimSpace(line[1:]))
			continue
		}
		if h == nil {
			var err error
			if h, err = parseRecordLine(line); err != nil {
				return nil, err
			}
			continue
		}
		if err := h.line(line); err != nil {
			return nil, err
		}
	}
	if h == nil {
		return nil, bad(0, "no record line")
	}
	h.comments = comments
	if len(h.signals) < h.leads && !h.multi {
		h.odd = append(h.odd, "the header has fewer signal lines than it says")
	}
	return h, nil
}

func (h *header) line(line string) error {
	if h.multi {
		f := strings.Fields(line)
		if len(h.segments) >= maxSegments {
			return bad(-1, "more than %d segments", maxSegments)
		}
		s := segmentLine{name: f[0]}
		if len(f) > 1 {
			s.frames = max(whole(f[1], 0), 0)
		}
		h.segments = append(h.segments, s)
		return nil
	}
	if len(h.signals) >= h.leads {
		return nil // header(5): further lines are not read
	}
	s, ok := parseSignalLine(line)
	if !ok {
		return bad(-1, "signal line %d is not one", len(h.signals)+1)
	}
	h.signals = append(h.signals, s)
	return nil
}

// parseRecordLine reads "name[/segments] signals [rate[/counter[(base)]] [frames [time [date]]]]".
func parseRecordLine(line string) (*header, error) {
	f := strings.Fields(line)
	if len(f) < 2 {
		return nil, bad(0, "the record line is too short")
	}
	h := &header{name: f[0], rate: tracing.Whole(250)} // header(5): 250 if not said
	if name, n, ok := strings.Cut(f[0], "/"); ok {
		h.name, h.multi = name, true
		if whole(n, 0) < 1 || whole(n, 0) > maxSegments {
			return nil, bad(0, "the number of segments is none")
		}
	}
	n := whole(f[1], -1)
	if n < 0 || n > tracing.MaxLeads {
		return nil, bad(0, "the number of signals is not between 0 and %d", tracing.MaxLeads)
	}
	h.leads = int(n)
	if len(f) > 2 {
		text, _, _ := strings.Cut(f[2], "/")
		text, _, _ = strings.Cut(text, "(")
		r, ok := tracing.ParseRatio(text)
		if !ok || r.Num <= 0 || r.Float() > 1e6 {
			return nil, bad(0, "the sampling rate is not one")
		}
		h.rate = r
	}
	if len(f) > 3 {
		h.frames = max(whole(f[3], 0), 0)
	}
	if len(f) > 5 {
		h.start = parseStart(f[4], f[5])
		if h.start.IsZero() {
			h.odd = append(h.odd, "the time of the recording is not one")
		}
	}
	return h, nil
}

// parseStart reads "13:05:00.25" and "24/12/2009".
func parseStart(clock, date string) time.Time {
	for _, layout := range []string{"2/1/2006 15:4:5", "2/1/2006 15:4"} {
		if t, err := time.Parse(layout, date+" "+clock); err == nil {
			return t
		}
	}
	return time.Time{}
}

// parseSignalLine reads "file format[xN][:skew][+offset] [gain[(baseline)][/units] [bits [zero [initial [checksum [block [name]]]]]]]".
func parseSignalLine(line string) (signal, bool) {
	rest := line
	next := func() string {
		rest = strings.TrimLeft(rest, " \t")
		i := strings.IndexAny(rest, " \t")
		if i < 0 {
			i = len(rest)
		}
		word := rest[:i]
		rest = rest[i:]
		return word
	}
	s := signal{file: next(), perFrame: 1, units: "mV", gain: tracing.Whole(200)}
	if !s.parseFormat(next()) {
		return s, false
	}
	based := s.parseGain(next())
	next() // bits
	zero := whole(next(), 0)
	if !based {
		s.baseline = zero
	}
	s.initial = whole(next(), zero)
	if word := next(); word != "" {
		if n, err := strconv.ParseInt(word, 10, 64); err == nil {
			s.checksum, s.checkable = uint16(n), true
		}
	}
	next() // block size
	s.name = strings.TrimSpace(rest)
	return s, true
}

// parseFormat reads "16x2:3+24": its parts stand in this order, each may be left out but the first.
func (s *signal) parseFormat(text string) bool {
	i := strings.IndexAny(text, "x:+")
	if i < 0 {
		i = len(text)
	}
	n := whole(text[:i], -1)
	if n < 0 || n > 10_000 {
		return false
	}
	s.format = int(n)
	for i < len(text) {
		mark := text[i]
		j := strings.IndexAny(text[i+1:], "x:+")
		if j < 0 {
			j = len(text) - i - 1
		}
		v := whole(text[i+1:i+1+j], -1)
		if v < 0 {
			return false
		}
		switch mark {
		case 'x':
			s.perFrame = int(min(max(v, 1), maxFrame+1))
		case ':':
			s.skew = v
		case '+':
			s.start = v
		}
		i += j + 1
	}
	return s.perFrame <= maxFrame
}

// parseGain reads "200(1024)/mV"; it reports whether there is a baseline. A gain of 0 says that the signal is not calibrated.
func (s *signal) parseGain(text string) bool {
	text, units, ok := strings.Cut(text, "/")
	if ok {
		s.units = units
	}
	text, base, based := strings.Cut(text, "(")
	if based {
		s.baseline = whole(strings.TrimSuffix(base, ")"), 0)
	}
	g, ok := tracing.ParseRatio(text)
	if !ok {
		v, err := strconv.ParseFloat(text, 64)
		g, ok = nearest(v)
		ok = ok && err == nil
	}
	if ok && g.Num != 0 {
		s.gain, s.gainSaid = g, true
	}
	return based
}

// nearest is a number to twelve digits: for those that writers give more digits than they have.
func nearest(v float64) (tracing.Ratio, bool) {
	return tracing.ParseRatio(strconv.FormatFloat(v, 'e', 11, 64))
}

// whole reads an integer, other if it is none or beyond 48 bits.
func whole(text string, other int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > 1<<47 || n < -1<<47 {
		return other
	}
	return n
}
