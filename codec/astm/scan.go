// Bytes of a line to control characters and frames.

package astm

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"time"
)

// event is what can happen on a line.
type event uint8

const (
	gotENQ event = iota
	gotACK
	gotNAK
	gotEOT
	gotFrame // a good one
	gotBad   // a frame that cannot be taken
	gotBare  // a record outside of frames
	gotSTX   // of a link whose control characters are each acknowledged
	timedOut
	wanted // this side has something to send
	events
)

// token is an event of the line, or the error that ended it.
type token struct {
	event  event
	frame  Frame
	reason string // of a bad frame
	err    error
}

// scanner reads tokens. Deadlines of the reader are its own.
type scanner struct {
	r    *bufio.Reader
	dead interface{ SetReadDeadline(t time.Time) error } // nil: a file
	opt  *Options

	opened bool // STX has been told of, and its frame comes
}

func newScanner(r io.Reader, opt *Options) *scanner {
	s := &scanner{r: bufio.NewReaderSize(r, 4096), opt: opt}
	s.dead, _ = r.(interface{ SetReadDeadline(t time.Time) error })
	return s
}

// controls are the characters that mean something outside of frames.
var controls = map[byte]event{enq: gotENQ, ack: gotACK, nak: gotNAK, eot: gotEOT}

// next reads up to the next token. What is none is passed over.
func (s *scanner) next() token {
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			return token{err: err}
		}
		if e, ok := controls[b]; ok {
			return token{event: e}
		}
		switch {
		case b == stx && s.opt.Tokens && !s.opened:
			s.opened = true
			_ = s.r.UnreadByte()
			return token{event: gotSTX}
		case b == stx:
			s.opened = false
			return s.frame()
		case s.opt.Bare && b > ' ':
			_ = s.r.UnreadByte()
			return s.bare()
		}
	}
}

// inside are the characters that no text has (LIS1-A 6.2) and that therefore end a frame which did not end.
func inside(b byte) bool { return b != stx && b != eot && b != enq && b != ack && b != nak }

// frame reads after STX.
func (s *scanner) frame() token {
	text, over := make([]byte, 0, 256), false
	for {
		b, err := s.r.ReadByte()
		switch {
		case err != nil:
			return token{err: err}
		case b == stx: // the sender began again
			text, over = text[:0], false
			continue
		case !inside(b):
			_ = s.r.UnreadByte()
			return token{event: gotBad, reason: "unfinished"}
		}
		if len(text) > s.opt.MaxFrame { // what remains is passed over
			over = true
			text = text[:1]
		}
		text = append(text, b)
		if b == etx || b == etb {
			return s.trailer(text, over)
		}
	}
}

// trailer reads what stands after ETX or ETB.
func (s *scanner) trailer(text []byte, over bool) token {
	sum, err := s.checksum()
	if err != nil {
		return token{err: err}
	}
	if !s.opt.NoTrailer {
		s.skip(cr)
		s.skip(lf)
	}
	if over {
		return token{event: gotBad, reason: "too long"}
	}
	if s.opt.Checksum == ChecksumVerified {
		if want := Checksum(text); !bytes.EqualFold(want[:], sum) {
			return token{event: gotBad, reason: "checksum"}
		}
	}
	f := Frame{Number: -1, Last: text[len(text)-1] == etx, Text: text[:len(text)-1]}
	if n := f.Text; len(n) > 0 && n[0] >= '0' && n[0] <= '7' {
		f.Number, f.Text = int(n[0]-'0'), n[1:]
	} else if s.opt.Numbers == NumbersCounted {
		return token{event: gotBad, reason: "no frame number"}
	}
	return token{event: gotFrame, frame: f}
}

func (s *scanner) checksum() ([]byte, error) {
	switch s.opt.Checksum {
	case ChecksumAbsent:
		return nil, nil
	case ChecksumIgnored:
		if b := s.soon(2); len(b) == 2 && isHex(b[0]) && isHex(b[1]) {
			_, _ = s.r.Discard(2)
		}
		return nil, nil
	}
	sum := make([]byte, 2)
	for i := range sum {
		b, err := s.r.ReadByte()
		if err != nil {
			return nil, err
		}
		if !isHex(b) { // it belongs to what follows
			_ = s.r.UnreadByte()
			return sum[:i], nil
		}
		sum[i] = b
	}
	return sum, nil
}

func isHex(b byte) bool { return b >= '0' && b <= '9' || b >= 'A' && b <= 'F' || b >= 'a' && b <= 'f' }

func (s *scanner) skip(b byte) {
	if n := s.soon(1); len(n) == 1 && n[0] == b {
		_, _ = s.r.Discard(1)
	}
}

// trailing is how long CR and LF may lag behind their frame.
const trailing = 100 * time.Millisecond

// soon looks at the next n bytes, fewer where they do not come at once.
func (s *scanner) soon(n int) []byte {
	if s.r.Buffered() < n && s.dead != nil {
		_ = s.dead.SetReadDeadline(time.Now().Add(trailing))
		defer func() { _ = s.dead.SetReadDeadline(time.Time{}) }()
	}
	b, err := s.r.Peek(n)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return b // the next read meets the error again
	}
	return b
}

// bare reads a record outside of frames, up to its CR, LF or a control character.
func (s *scanner) bare() token {
	var text []byte
	for {
		b, err := s.r.ReadByte()
		switch {
		case err != nil && len(text) > 0:
			return token{event: gotBare, frame: Frame{Text: text}} // the error comes again
		case err != nil:
			return token{err: err}
		case b == cr || b == lf:
			return token{event: gotBare, frame: Frame{Text: text}}
		case !inside(b) || b == stx:
			_ = s.r.UnreadByte()
			return token{event: gotBare, frame: Frame{Text: text}}
		case len(text) >= s.opt.MaxFrame:
			return token{event: gotBad, reason: "too long"}
		}
		text = append(text, b)
	}
}
