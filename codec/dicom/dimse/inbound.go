package dimse

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// inbound is the place in the stream of PDUs.
type inbound struct {
	wire    wire
	r       *bufio.Reader
	left    int // of the PDU, behind the PDV
	pdv     int // of the PDV
	context byte
	control byte
	command []byte // room for a command set
}

// violation is a fault of the peer's that is answered with A-ABORT and a reason.
type violation struct {
	reason uint8
	err    error
}

func (v *violation) Error() string { return v.err.Error() }
func (v *violation) Unwrap() error { return v.err }

func violate(reason uint8, kind dicom.Kind, format string, args ...any) error {
	return &violation{reason: reason, err: fault(kind, 0, format, args...)}
}

// Requests of the peer to release, at the end of a message and within one.
var (
	errReleaseAsked = errors.New("dimse: release asked for")
	errConnection   = errors.New("dimse: connection lost")
)

// header reads the header of a PDU and judges its length.
func (a *Association) header() (t pduType, n int, err error) {
	in := &a.in
	var h [pduHeader]byte
	if _, err := io.ReadFull(in.r, h[:]); err != nil {
		return 0, 0, err
	}
	t = pduType(h[0])
	length := binary.BigEndian.Uint32(h[2:])
	ok := length == 4
	switch t {
	case associateRQ, associateAC:
		ok = length >= fixedPart && length <= maxAssociate
	case dataTF:
		ok = length >= pdvHeader && length <= a.opts.MaxPDU+slack
	case associateRJ, releaseRQ, releaseRP, abortPDU:
	default:
		err = violate(ReasonUnrecognizedPDU, dicom.Structure, "PDU type %02X", h[0])
	}
	if err == nil && !ok {
		err = violate(ReasonInvalidParameter, dicom.Limit, "PDU type %02X with length %d", h[0], length)
	}
	in.left = int(min(int64(length), 1<<31-1))
	return t, in.left, err
}

// body reads the whole content of an association or control PDU. Memory grows with what comes.
func (a *Association) body() ([]byte, error) {
	b := make([]byte, 0, min(a.in.left, 4096))
	for a.in.left > 0 {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(2*cap(b), len(b)+a.in.left)), b...)
		}
		n, err := a.in.r.Read(b[len(b):min(cap(b), len(b)+a.in.left)])
		b = b[:len(b)+n]
		a.in.left -= n
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// nextPDV goes to the next PDV of an established association and takes control PDUs on the way.
func (a *Association) nextPDV() error {
	in := &a.in
	for in.left == 0 {
		t, _, err := a.header()
		if err != nil {
			return err
		}
		if t == dataTF {
			if act, _ := a.happen(evt10, nil, nil); act != dt2 && act != ar6 {
				return errOver
			}
			continue
		}
		if err := a.controlPDU(t); err != nil {
			return err
		}
	}
	if in.left < pdvHeader {
		return violate(ReasonInvalidParameter, dicom.Structure, "%d bytes behind the PDVs", in.left)
	}
	h, err := in.r.Peek(pdvHeader)
	if err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(h)
	if n < 2 || int64(n)+4 > int64(in.left) {
		return violate(ReasonInvalidParameter, dicom.Structure, "PDV of %d bytes where %d are left", n, in.left)
	}
	in.context, in.control = h[4], h[5]
	_, _ = in.r.Discard(pdvHeader) // is there, Peek saw it
	in.pdv = int(n) - 2
	in.left -= int(n) + 4
	return nil
}

// controlPDU takes a PDU that is not P-DATA-TF. Without an error reading goes on.
func (a *Association) controlPDU(t pduType) error {
	var cause error
	switch t {
	case associateRQ, associateAC, associateRJ:
		cause = fault(dicom.Structure, 0, "PDU type %02X within an association", uint8(t))
	case releaseRQ, releaseRP, abortPDU:
		b, err := a.body()
		if err != nil {
			return err
		}
		cause = fault(dicom.Structure, 0, "unexpected PDU type %02X", uint8(t))
		if t == abortPDU {
			cause = &AbortError{Source: Source(b[2]), Reason: b[3], Remote: true}
		}
	}
	act, err := a.happen(eventOf[t], nil, cause)
	if err != nil {
		return errOver
	}
	switch act {
	case ar2:
		return errReleaseAsked
	case ar8: // collision: the requester answers first, the acceptor waits for its own answer
		if a.machine.requester {
			_, err = a.happen(evt14, nil, nil)
		}
		return err
	case ar10:
		_, _ = a.happen(evt14, nil, nil)
	}
	return errOver
}

// receive reads the next message up to its data set.
func (a *Association) receive() (*Message, error) {
	in := &a.in
	in.wire.wait(forMessage)
	in.command = in.command[:0]
	var id byte
	for last := false; !last; {
		if err := a.nextPDV(); err != nil {
			if errors.Is(err, errReleaseAsked) && len(in.command) > 0 {
				err = violate(ReasonUnexpectedPDU, dicom.Structure, "release within a command set")
			}
			return nil, err
		}
		if len(in.command) == 0 {
			id = in.context
		}
		if in.control&commandFragment == 0 || in.context != id {
			return nil, violate(ReasonUnexpectedParameter, dicom.Structure, "data or another context where a command set belongs")
		}
		if err := a.commandFragment(); err != nil {
			return nil, err
		}
		last = in.control&lastFragment != 0
	}
	return a.message(id)
}

func (a *Association) commandFragment() error {
	in := &a.in
	if in.pdv == 0 || len(in.command)+in.pdv > maxCommand {
		return violate(ReasonInvalidParameter, dicom.Limit, "command fragment of %d bytes behind %d", in.pdv, len(in.command))
	}
	for in.pdv > 0 {
		if _, err := in.r.Peek(1); err != nil {
			return err
		}
		b, _ := in.r.Peek(min(in.pdv, in.r.Buffered()))
		in.command = append(in.command, b...)
		in.pdv -= len(b)
		_, _ = in.r.Discard(len(b))
	}
	return nil
}

func (a *Association) message(id byte) (*Message, error) {
	pc, ok := a.Context(id)
	if !ok {
		return nil, violate(ReasonInvalidParameter, dicom.Structure, "presentation context %d is not accepted", id)
	}
	c, err := ParseCommand(a.in.command)
	if err != nil {
		return nil, &violation{reason: ReasonInvalidParameter, err: err}
	}
	m := &Message{Command: c, Context: pc, a: a}
	if c.HasData {
		m.data = &dataReader{a: a, id: id, done: make(chan struct{})}
		m.Data = m.data
	}
	if cap(a.in.command) > 4<<10 {
		a.in.command = nil // a long one is not kept
	}
	a.mu.Lock()
	a.active = time.Now()
	a.mu.Unlock()
	return m, nil
}
