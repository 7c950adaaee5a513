// Frames (LIS1-A 6.3): STX n text ETX|ETB checksum CR LF.

package astm

import "bytes"

// The control characters of the link (LIS1-A 6.1).
const (
	stx = 0x02
	etx = 0x03
	eot = 0x04
	enq = 0x05
	ack = 0x06
	nak = 0x15
	etb = 0x17
	cr  = '\r'
	lf  = '\n'
)

// MaxStandardText is how many characters of text one frame has by the standard: 247 with what stands around (LIS1-A 6.3.1.1).
const MaxStandardText = 240

// Frame is one piece of a message.
type Frame struct {
	Number int // 0 to 7; -1: it had none
	Text   []byte
	Last   bool // ETX: a record or the message ends; ETB: it goes on in the next frame
}

// Append writes the frame with checksum, CR and LF.
func (f Frame) Append(b []byte) []byte {
	from := len(b) + 1
	b = append(b, stx, byte('0'+f.Number&7))
	b = append(b, f.Text...)
	if f.Last {
		b = append(b, etx)
	} else {
		b = append(b, etb)
	}
	sum := Checksum(b[from:])
	return append(b, sum[0], sum[1], cr, lf)
}

const hexDigits = "0123456789ABCDEF"

// Checksum is the sum of the bytes from the frame number to ETX or ETB, modulo 256, as two hexadecimal digits (LIS1-A 6.3.1.2).
func Checksum(b []byte) [2]byte {
	var sum byte
	for _, c := range b {
		sum += c
	}
	return [2]byte{hexDigits[sum>>4], hexDigits[sum&15]}
}

// Frames cuts the records of a message into frames, each with at most most bytes of text (0: the standard's 240). packed puts
// records one after the other into frames, as some models want it; otherwise a record begins a frame. The first number is 1.
func Frames(message []byte, most int, packed bool) []Frame {
	if most <= 0 {
		most = MaxStandardText
	}
	var frames []Frame
	cut := func(text []byte) {
		for len(text) > most {
			frames = append(frames, Frame{Number: (len(frames) + 1) & 7, Text: text[:most]})
			text = text[most:]
		}
		frames = append(frames, Frame{Number: (len(frames) + 1) & 7, Text: text, Last: true})
	}
	if packed {
		if len(message) > 0 {
			cut(message)
		}
		return frames
	}
	for rest := message; len(rest) > 0; {
		at := bytes.IndexByte(rest, cr)
		if at < 0 {
			at = len(rest) - 1
		}
		cut(rest[:at+1])
		rest = rest[at+1:]
	}
	return frames
}
