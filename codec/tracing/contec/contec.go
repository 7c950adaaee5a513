// Package contec reads the native .ECG files of Contec's ECG90A 康泰 and its relatives: a header of 43 bytes, samples of eight leads at 800 Hz,
// a footer of 37 bytes. The format is not published; what is known of it comes from files and their conversions.
package contec

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// The layout, in bytes.
const (
	headerSize = 43
	footerSize = 37
	frameSize  = 16
)

// A sample is 5 uV a unit above 2048; an electrode that is off is 0x6800.
const (
	zero = 2048
	off  = 0x6800
	top  = 4095
	step = 5000 // nV
	rate = 800
)

var stored = []tracing.Code{
	tracing.LeadII, tracing.LeadIII, tracing.LeadV1, tracing.LeadV2, tracing.LeadV3, tracing.LeadV4, tracing.LeadV5, tracing.LeadV6,
}

var start = regexp.MustCompile(`^\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{1,2}:\d{1,2}$`)

func bad(offset int64, format string, args ...any) error {
	return tracing.Errorf(tracing.Contec, offset, format, args...)
}

// Sniff reports whether a file begins as Contec's: a number of digits, a date with a time at byte 10, and samples that can be such.
func Sniff(head []byte) bool {
	if len(head) < headerSize+frameSize || !start.Match(field(head[10:40])) {
		return false
	}
	for _, c := range field(head[:10]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	frames := head[headerSize:]
	for i := 0; i+2 <= min(len(frames), 8*frameSize); i += 2 {
		if v := binary.LittleEndian.Uint16(frames[i:]); v > top && v != off {
			return false
		}
	}
	return true
}

// field ends a text at its first zero.
func field(b []byte) []byte {
	b, _, _ = bytes.Cut(b, []byte{0})
	return bytes.TrimSpace(b)
}

// Read reads a file. Lead I is not stored: it is II - III, and the augmented leads follow from it.
func Read(b []byte) (*tracing.Tracing, error) {
	if len(b) > tracing.MaxFile {
		return nil, bad(-1, "a file of %d bytes", len(b))
	}
	if !Sniff(b) {
		return nil, bad(0, "not a recording of Contec")
	}
	t := &tracing.Tracing{Format: tracing.Contec, Device: tracing.Device{Manufacturer: "Contec"}}
	t.Patient.ID = tracing.Text(field(b[:10]))
	if at, err := time.Parse("2006-1-2 15:4:5", string(field(b[10:40]))); err == nil {
		t.RecordedAt = at
	} else {
		t.Warn(tracing.BadValue, "the time of the recording is none")
	}
	n := count(t, b)
	if n == 0 {
		return nil, bad(int64(len(b)), "the file has no samples")
	}
	if n > tracing.MaxSamples || n*12 > tracing.MaxLeadTotal {
		return nil, bad(-1, "%d samples of each lead are too many", n)
	}
	g := tracing.Group{Kind: tracing.Rhythm, Rate: tracing.Whole(rate)}
	for i, c := range stored {
		g.Leads = append(g.Leads, lead(t, b, n, i, c))
	}
	g.Leads = append(g.Leads, leadI(&g.Leads[0], &g.Leads[1]))
	g.Complete()
	t.Groups = []tracing.Group{g}
	return t, nil
}

// count is the number of frames. A file that was cut has no footer: all of it behind the header is samples.
func count(t *tracing.Tracing, b []byte) int {
	body := len(b) - headerSize
	if n := body - footerSize; n >= 0 && n%frameSize == 0 && footer(b[headerSize+n:]) {
		return n / frameSize
	}
	t.Warn(tracing.Truncated, "the file has no footer")
	n := body / frameSize
	for n > 0 && !plausible(b[headerSize+(n-1)*frameSize:][:frameSize]) {
		n--
	}
	return n
}

// footer reports whether the last bytes are a footer: nearly all of them zero, or what no sample can be.
func footer(b []byte) bool {
	return bytes.Count(b, []byte{0}) > len(b)*2/3 || !plausible(b[:frameSize])
}

// plausible reports whether a frame can be samples and not the zeros of a footer.
func plausible(frame []byte) bool {
	zeros := true
	for i := 0; i < frameSize; i += 2 {
		v := binary.LittleEndian.Uint16(frame[i:])
		if v > top && v != off {
			return false
		}
		zeros = zeros && v == 0
	}
	return !zeros
}

func lead(t *tracing.Tracing, b []byte, n, place int, c tracing.Code) tracing.Lead {
	l := tracing.Lead{Code: c, Label: c.Label(), NVPerLSB: tracing.Whole(step), Samples: make([]int32, n), Off: true}
	for i := range l.Samples {
		v := binary.LittleEndian.Uint16(b[headerSize+i*frameSize+2*place:])
		if v == off || v > top {
			l.Samples[i] = tracing.Missing
			continue
		}
		l.Samples[i], l.Off = int32(v)-zero, false
	}
	if l.Off {
		t.Warn(tracing.LeadsOff, "an electrode was off for the whole recording")
	}
	return l
}

// leadI is II - III, Einthoven's equation.
func leadI(ii, iii *tracing.Lead) tracing.Lead {
	l := tracing.Lead{
		Code: tracing.LeadI, Label: "I", NVPerLSB: ii.NVPerLSB, Samples: make([]int32, len(ii.Samples)), Derived: true, Off: ii.Off || iii.Off,
	}
	for i := range l.Samples {
		if ii.Samples[i] == tracing.Missing || iii.Samples[i] == tracing.Missing {
			l.Samples[i] = tracing.Missing
			continue
		}
		l.Samples[i] = ii.Samples[i] - iii.Samples[i]
	}
	return l
}
