package scp

import (
	"io"
	"math"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

const (
	writtenVersion = 20 // 2.0: the last version that every reader knows
	maxStatements  = 255
)

// writer collects the bodies of the sections.
type writer struct {
	t       *tracing.Tracing
	chinese bool // texts are GB18030; else ASCII
	leads   []stored
	bodies  [sections][]byte
	median  *tracing.Group
}

// Write writes t as an SCP-ECG record of version 2.0 with the default Huffman table: rhythm, median beat, patient, device, measurements and
// statements. Leads that derive from I and II exactly are left out, as readers derive them. It is a tracing.FormatError where the
// format cannot hold the samples: sizes that are no whole numbers of nanovolts, intervals that are no whole microseconds,
// amplitudes of more than 16 bits, gaps inside a lead, more than 65535 bytes of a lead, a median beat of another rate.
func Write(w io.Writer, t *tracing.Tracing) error {
	x := &writer{t: t, chinese: !plain(t)}
	steps := []func() error{x.signals, x.header, x.global, x.perLead, x.statements}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	_, err := w.Write(x.record())
	return err
}

func refuse(format string, args ...any) error {
	return tracing.Errorf(tracing.SCP, -1, format, args...)
}

// record joins the sections: the pointer section, then those that have a body.
func (x *writer) record() []byte {
	out := make([]byte, recordHeader)
	pointers := make([]byte, sections*pointerSize)
	at := recordHeader + sectionHeader + len(pointers)
	for id := range sections {
		size := sectionHeader + len(x.bodies[id]) + len(x.bodies[id])&1
		p := pointers[id*pointerSize:]
		le.PutUint16(p, uint16(id))
		switch {
		case id == secPointers:
			le.PutUint32(p[2:], uint32(sectionHeader+len(pointers)))
			le.PutUint32(p[6:], recordHeader+1)
		case len(x.bodies[id]) > 0:
			le.PutUint32(p[2:], uint32(size))
			le.PutUint32(p[6:], uint32(at+1))
			at += size
		}
	}
	out = appendSection(out, secPointers, pointers)
	for id, body := range x.bodies {
		if len(body) > 0 {
			out = appendSection(out, id, body)
		}
	}
	le.PutUint32(out[2:], uint32(len(out)))
	le.PutUint16(out, crc(out[2:]))
	return out
}

// appendSection puts a section behind its header; its length is made even.
func appendSection(out []byte, id int, body []byte) []byte {
	at := len(out)
	out = append(out, make([]byte, sectionHeader)...)
	out = append(out, body...)
	if len(body)&1 != 0 {
		out = append(out, 0)
	}
	s := out[at:]
	le.PutUint16(s[2:], uint16(id))
	le.PutUint32(s[4:], uint32(len(s)))
	s[8], s[9] = writtenVersion, writtenVersion
	if id == secPointers {
		copy(s[10:], "SCPECG")
	}
	le.PutUint16(s, crc(s[2:]))
	return out
}

// u16 appends numbers of 16 bits.
func u16(b []byte, values ...int) []byte {
	for _, v := range values {
		b = le.AppendUint16(b, uint16(v))
	}
	return b
}

// date and clock append an instant in UTC or an unknown zone; zeros if there is none.
func appendDate(b []byte, at time.Time) []byte {
	if at.IsZero() {
		return append(b, 0, 0, 0, 0)
	}
	return append(le.AppendUint16(b, uint16(at.Year())), byte(at.Month()), byte(at.Day()))
}

func appendClock(b []byte, at time.Time) []byte {
	return append(b, byte(at.Hour()), byte(at.Minute()), byte(at.Second()))
}

// whole is the nearest whole number, false where 16 bits do not hold it.
func whole(v float64) (int, bool) {
	n := math.Round(v)
	return int(n), n >= math.MinInt16 && n <= math.MaxInt16
}
