// Package edan reads the .dat files of Edan's SE-601C 理邦: eight leads, one after the other, 10 s at 1000 Hz. The format is not published and has
// no mark of its own; its layout was found from files by others, so that it is recognised by what its samples look like and always read with
// a warning.
package edan

import (
	"encoding/binary"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// The layout.
const (
	headerSize = 2031  // bytes
	length     = 10000 // samples of a lead
	rate       = 1000
	perMV      = 397
	tail       = 1 << 16 // bytes behind the samples: the device's median beats
)

// What samples of an electrocardiogram do not exceed.
const (
	largest = 8000 // 20 mV
	jump    = 800  // 2 mV in a millisecond
)

func bad(offset int64, format string, args ...any) error {
	return tracing.Errorf(tracing.Edan, offset, format, args...)
}

// Sniff reports whether a file can be one of Edan's. It is the weakest of all: ask every other format first.
func Sniff(head []byte) bool {
	if len(head) < headerSize+512 || text(head[:64]) {
		return false
	}
	return smooth(head[headerSize:])
}

// text reports whether bytes are printable ASCII: the header is not.
func text(b []byte) bool {
	for _, c := range b {
		if (c < 0x20 || c > 0x7E) && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return true
}

// smooth reports whether samples are those of one lead: small, without leaps, and not a line.
func smooth(b []byte) bool {
	last, moves := sample(b, 0), 0
	for i := 1; 2*i+2 <= len(b); i++ {
		v := sample(b, i)
		if v > largest || v < -largest || v-last > jump || last-v > jump {
			return false
		}
		if v != last {
			moves++
		}
		last = v
	}
	return moves > len(b)/64
}

func sample(b []byte, i int) int32 { return int32(int16(binary.LittleEndian.Uint16(b[2*i:]))) }

// Read reads a file, with derived limb leads.
func Read(b []byte) (*tracing.Tracing, error) {
	if !Sniff(b) || len(b) > headerSize+2*8*length+tail {
		return nil, bad(0, "not a recording of Edan")
	}
	t := &tracing.Tracing{Format: tracing.Edan, Device: tracing.Device{Manufacturer: "Edan"}}
	t.Warn(tracing.Deviates, "the layout of this format is not published: patient and time are not read")
	g := tracing.Group{Kind: tracing.Rhythm, Rate: tracing.Whole(rate)}
	body := b[headerSize:]
	for i, c := range tracing.Eight {
		l := tracing.Lead{Code: c, Label: c.Label(), NVPerLSB: tracing.NewRatio(1_000_000, perMV), Samples: make([]int32, length)}
		piece := body[min(2*length*i, len(body)):min(2*length*(i+1), len(body))]
		if len(piece) >= 512 && !smooth(piece) && wild(piece) {
			return nil, bad(int64(headerSize+2*length*i), "the samples of lead %d are not those of a lead", i+1)
		}
		for k := range l.Samples {
			l.Samples[k] = tracing.Missing
			if 2*k+2 <= len(piece) {
				l.Samples[k] = sample(piece, k)
			}
		}
		if len(piece) < 2*length {
			t.Warn(tracing.Truncated, "the file ends in its samples")
		}
		g.Leads = append(g.Leads, l)
	}
	g.Complete()
	t.Groups = []tracing.Group{g}
	return t, nil
}

// wild reports whether more than one sample in a hundred leaps: noise of a loose electrode does not.
func wild(b []byte) bool {
	leaps, n := 0, len(b)/2
	for i := 1; i < n; i++ {
		if d := sample(b, i) - sample(b, i-1); d > jump || d < -jump {
			leaps++
		}
	}
	return leaps*100 > n
}
