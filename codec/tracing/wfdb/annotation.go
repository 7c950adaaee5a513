// Annotation files: annot(5), the MIT format.

package wfdb

import (
	"bytes"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Annotation is one label of a beat, a rhythm or a wave.
type Annotation struct {
	Sample   int64  // number of the frame from the start of the record
	Code     byte   // anntyp of annot(5): 1 is a normal beat
	Mnemonic string // "N", "V", "+", "(", "p"
	Sub      int8
	Chan     int8
	Num      int8
	Aux      string // rhythm "(AFIB", note
}

// Codes of the words that change or extend an annotation.
const (
	skipCode = 59
	numCode  = 60
	subCode  = 61
	chnCode  = 62
	auxCode  = 63
	noteCode = 22
)

const maxAnnotationFile = 4 << 20

var mnemonics = [...]string{
	" ", "N", "L", "R", "a", "V", "F", "J", "A", "S", "E", "j", "/", "Q", "~", "[15]", "|", "[17]", "s", "T", "*", "D", "\"", "=", "p", "B",
	"^", "t", "+", "u", "?", "!", "[", "]", "e", "n", "@", "x", "f", "(", ")", "r",
}

func mnemonic(code byte, own map[byte]string) string {
	if m, ok := own[code]; ok {
		return m
	}
	if int(code) < len(mnemonics) {
		return mnemonics[code]
	}
	return "[" + string([]byte{'0' + code/10, '0' + code%10}) + "]"
}

// ReadAnnotations reads an annotation file of the MIT format: .atr, .qrs, .q1c and others. A file that ends early gives what it has. The
// definitions that newer files carry at their start (lines that begin with "##") are used and not given.
func ReadAnnotations(b []byte) ([]Annotation, error) {
	if len(b) > maxAnnotationFile {
		return nil, bad(-1, "an annotation file of %d bytes", len(b))
	}
	if len(b) < 2 {
		return nil, bad(0, "an annotation file of %d bytes", len(b))
	}
	l := list{out: make([]Annotation, 0, min(len(b)/4, 1<<14))}
	for len(b) >= 2 {
		word := uint16(b[0]) | uint16(b[1])<<8
		if word == 0 {
			break
		}
		b = b[2+l.word(byte(word>>10), word&0x3FF, b[2:]):]
	}
	return define(l.out), nil
}

// list is what was read so far.
type list struct {
	out          []Annotation
	at           int64
	num, channel int8
}

// word takes a word and gives the number of bytes that belong to it. Words of special codes change the annotation before them.
func (l *list) word(code byte, value uint16, rest []byte) int {
	last := &Annotation{} // nothing, where there is none before
	if len(l.out) > 0 {
		last = &l.out[len(l.out)-1]
	}
	switch code {
	case skipCode:
		if len(rest) < 4 {
			return len(rest)
		}
		l.at += int64(int32(uint32(rest[0])<<16 | uint32(rest[1])<<24 | uint32(rest[2]) | uint32(rest[3])<<8)) // high word first
		return 4
	case numCode:
		l.num = int8(value)
		last.Num = l.num
	case subCode:
		last.Sub = int8(value)
	case chnCode:
		l.channel = int8(value)
		last.Chan = l.channel
	case auxCode:
		last.Aux = tidy(rest[:min(int(value), len(rest))])
		return min(int(value)+int(value&1), len(rest))
	default:
		l.at += int64(value)
		l.out = append(l.out, Annotation{Sample: l.at, Code: code, Num: l.num, Chan: l.channel})
	}
	return 0
}

// tidy ends a text at its first zero.
func tidy(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return tracing.Text(b)
}

// define takes the definitions from the start of the list and names the rest.
func define(list []Annotation) []Annotation {
	var own map[byte]string
	defining, rest := false, list
	for len(rest) > 0 {
		a := rest[0]
		if a.Code != noteCode || a.Sample != 0 || (!defining && !strings.HasPrefix(a.Aux, "## ")) {
			break
		}
		switch {
		case strings.HasPrefix(a.Aux, "## annotation type definitions"):
			defining = true
		case strings.HasPrefix(a.Aux, "## "):
			defining = false
		default:
			if f := strings.Fields(a.Aux); len(f) > 1 {
				if code := whole(f[0], -1); code >= 0 && code < skipCode {
					if own == nil {
						own = map[byte]string{}
					}
					own[byte(code)] = f[1]
				}
			}
		}
		rest = rest[1:]
	}
	for i := range rest {
		rest[i].Mnemonic = mnemonic(rest[i].Code, own)
	}
	return rest
}
