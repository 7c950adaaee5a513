// Package mllp frames messages on a stream: the Minimal Lower Layer Protocol of HL7 (Transport Specification: MLLP, Release 1). A frame is 0B,
// the message, 1C 0D. What hospitals' interfaces do besides is taken as it is meant: bytes between frames, a missing 0D, a stray 1C. Every wait
// has a bound, and so has a frame.
package mllp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// The bytes of the frame.
const (
	Start = 0x0B
	End   = 0x1C
	Tail  = 0x0D
)

// Options of a Reader; a zero field takes its default.
type Options struct {
	MaxFrame  int           // bytes of one message; default 16 MiB
	MaxJunk   int           // bytes between two frames before the stream counts as none of ours; default 64 KiB
	First     time.Duration // to the first byte of the stream; default 1 minute
	Idle      time.Duration // between frames; default 10 minutes
	InterByte time.Duration // between bytes of a frame; default 30 seconds
	Whole     time.Duration // from the first to the last byte of a frame; default 5 minutes
	Tail      time.Duration // for the 0D behind 1C, which some leave out; default 200 milliseconds
}

func (o Options) filled() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	if o.MaxFrame <= 0 {
		o.MaxFrame = 16 << 20
	}
	if o.MaxJunk <= 0 {
		o.MaxJunk = 64 << 10
	}
	def(&o.First, time.Minute)
	def(&o.Idle, 10*time.Minute)
	def(&o.InterByte, 30*time.Second)
	def(&o.Whole, 5*time.Minute)
	def(&o.Tail, 200*time.Millisecond)
	return o
}

// The ends of a stream that are not io.EOF between frames.
var (
	ErrIdle    = errors.New("mllp: nothing came for too long")
	ErrSlow    = errors.New("mllp: a frame did not end in its time")
	ErrJunk    = errors.New("mllp: the stream has no frames")
	ErrPartial = errors.New("mllp: the stream ended inside a frame")
)

// TooLargeError is a frame beyond the bound. Head is how it began, for an answer; the stream cannot be used any more.
type TooLargeError struct {
	Max  int
	Head []byte
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("mllp: a frame is larger than %d bytes", e.Max)
}

// Frame is one message as it came.
type Frame struct {
	Message   []byte
	Junk      int  // bytes before the frame that belong to none
	Unended   bool // the 0D was missing
	Restarted bool // the sender began anew inside a frame; what stood before is in Junk
}

// Reader reads frames from a connection.
type Reader struct {
	conn  net.Conn
	r     *bufio.Reader
	o     Options
	began bool
	limit time.Time // of the frame that is being read
	wait  time.Duration
}

// NewReader reads frames from c.
func NewReader(c net.Conn, o Options) *Reader {
	r := &Reader{conn: c, o: o.filled()}
	r.r = bufio.NewReaderSize((*timed)(r), 16<<10)
	return r
}

// timed sets the deadline of every read of the connection.
type timed Reader

func (t *timed) Read(p []byte) (int, error) {
	until := time.Now().Add(t.wait)
	if !t.limit.IsZero() && t.limit.Before(until) {
		until = t.limit
	}
	if err := t.conn.SetReadDeadline(until); err != nil {
		return 0, err
	}
	return t.conn.Read(p)
}

// Next reads one frame. io.EOF is the clean end between frames.
func (r *Reader) Next() (Frame, error) {
	var f Frame
	r.limit, r.wait = time.Time{}, r.o.Idle
	if !r.began {
		r.wait = r.o.First
	}
	if err := r.seek(&f); err != nil {
		return f, err
	}
	r.began = true
	r.limit, r.wait = time.Now().Add(r.o.Whole), r.o.InterByte
	for {
		done, err := r.piece(&f)
		if err != nil {
			return f, insideError(err)
		}
		if done {
			return f, nil
		}
	}
}

// seek finds the start of a frame. White space between frames is no junk.
func (r *Reader) seek(f *Frame) error {
	for seen := 0; ; seen++ {
		c, err := r.r.ReadByte()
		switch {
		case isTimeout(err):
			return ErrIdle
		case err != nil:
			return err
		case c == Start:
			return nil
		case c != '\r' && c != '\n' && c != ' ' && c != 0:
			f.Junk++
		}
		if seen >= r.o.MaxJunk {
			return ErrJunk
		}
	}
}

// piece reads to the next 1C and decides whether it ends the frame.
func (r *Reader) piece(f *Frame) (done bool, err error) {
	from := len(f.Message)
	for {
		part, err := r.r.ReadSlice(End)
		if len(f.Message)+len(part) > r.o.MaxFrame+1 {
			head := append(f.Message, part...)
			return false, &TooLargeError{Max: r.o.MaxFrame, Head: head[:min(len(head), 16<<10)]}
		}
		f.Message = append(f.Message, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return false, err
		}
	}
	f.Message = f.Message[:len(f.Message)-1]
	if at := bytes.LastIndexByte(f.Message[from:], Start); at >= 0 { // it began anew: nothing of what stood before was complete
		f.Junk += from + at
		f.Restarted = true
		f.Message = append([]byte(nil), f.Message[from+at+1:]...)
	}
	return r.ended(f)
}

// ended looks behind a 1C.
func (r *Reader) ended(f *Frame) (bool, error) {
	wait, limit := r.wait, r.limit
	r.wait = r.o.Tail
	defer func() { r.wait, r.limit = wait, limit }()
	next, err := r.r.Peek(1)
	switch {
	case err != nil && (isTimeout(err) || errors.Is(err, io.EOF)):
		f.Unended = true
		return true, nil
	case err != nil:
		return false, err
	case next[0] == Start:
		f.Unended = true
		return true, nil
	case next[0] != Tail:
		f.Message = append(f.Message, End) // a stray byte of the message
		return false, nil
	}
	_, _ = r.r.Discard(1)
	if r.stray(f) {
		f.Message = append(f.Message, End, Tail)
		return false, nil
	}
	return true, nil
}

// stray tells a 1C 0D that stands inside a message: the last segment before it has no end, and what follows is neither a frame nor nothing.
func (r *Reader) stray(f *Frame) bool {
	if n := len(f.Message); n == 0 || f.Message[n-1] == '\r' || f.Message[n-1] == '\n' || r.r.Buffered() == 0 {
		return false
	}
	next, err := r.r.Peek(1)
	return err == nil && next[0] != Start && next[0] != '\r' && next[0] != '\n'
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

func insideError(err error) error {
	switch {
	case isTimeout(err):
		return ErrSlow
	case errors.Is(err, io.EOF):
		return ErrPartial
	}
	return err
}

// Write sends one message as a frame, within the time given. A message with 0B or 1C inside cannot be framed.
func Write(c net.Conn, message []byte, within time.Duration) error {
	if bytes.IndexByte(message, Start) >= 0 || bytes.IndexByte(message, End) >= 0 {
		return errors.New("mllp: the message has bytes of the frame inside")
	}
	frame := make([]byte, 0, len(message)+3)
	frame = append(append(append(frame, Start), message...), End, Tail)
	if err := c.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	_, err := c.Write(frame)
	return err
}
