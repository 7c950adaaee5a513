package dimse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// TestPeersThatStall holds that every way to do nothing ends the association.
func TestPeersThatStall(t *testing.T) {
	impatient := func(s *Server) {
		s.Options.ARTIM, s.Options.Idle, s.Options.Stall = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
	}
	t.Run("no request", func(t *testing.T) {
		var ar archive
		refused := make(chan error, 1)
		ar.serve(t, func(s *Server) { impatient(s); s.Refused = func(_ net.Addr, err error) { refused <- err } })
		p := rawDial(t, ar.addr)
		p.expect(nil)
		if err := <-refused; !errors.Is(err, ErrARTIM) {
			t.Error(err)
		}
	})
	t.Run("request byte by byte", func(t *testing.T) {
		var ar archive
		refused := make(chan error, 1)
		ar.serve(t, func(s *Server) { impatient(s); s.Refused = func(_ net.Addr, err error) { refused <- err } })
		p := rawDial(t, ar.addr)
		dribble(p, requestPDU(t, proposal(Verification, ctClass)))
		if err := <-refused; !errors.Is(err, ErrARTIM) {
			t.Error(err)
		}
	})
	t.Run("idle", func(t *testing.T) {
		var ar archive
		ar.serve(t, impatient)
		p := rawDial(t, ar.addr)
		p.associate()
		p.expect(short(abortPDU, AbortByUser, 0))
		if err := ar.waitEnd(); !errors.Is(err, ErrIdle) {
			t.Error(err)
		}
	})
	for name, b := range map[string][]byte{"command": echoPDU(1), "data set": join(dataPDU(3, 3, storeCommand(1)), dataPDU(3, 0, make([]byte, 2000)))} {
		t.Run(name+" byte by byte", func(t *testing.T) {
			var ar archive
			ar.serve(t, impatient)
			p := rawDial(t, ar.addr)
			p.associate()
			dribble(p, b)
			if err := ar.waitEnd(); !errors.Is(err, ErrStalled) {
				t.Error(err)
			}
		})
	}
	t.Run("responses are not read", func(t *testing.T) {
		ar := archive{matches: 1_000_000}
		ar.serve(t, impatient)
		p := rawDial(t, ar.addr)
		p.send(requestPDU(t, proposal(StudyRootFind)))
		if b := p.pdu(); b == nil {
			t.Fatal("no association")
		}
		c := Command{Field: CFindRQ, MessageID: 1, SOPClass: StudyRootFind, HasData: true}
		p.send(join(dataPDU(1, 3, c.Append(nil)), dataPDU(1, 2, attribute(nil, dicom.StudyDescription, strings.Repeat("x", 500)))))
		if err := ar.waitEnd(); err == nil {
			t.Error("ended in order")
		}
	})
	t.Run("gone", func(t *testing.T) {
		var ar archive
		ar.serve(t, nil)
		p := rawDial(t, ar.addr)
		p.associate()
		p.send(dataPDU(3, 3, storeCommand(1)))
		_ = p.Close()
		if err := ar.waitEnd(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
	})
	t.Run("a handler's time is not the peer's", func(t *testing.T) {
		var ar archive
		ar.serve(t, func(s *Server) {
			s.Options.Stall, s.Options.Idle = time.Second, 2*time.Second
			s.Options.Handler = func(ctx context.Context, _ *Association, m *Message) error {
				time.Sleep(2500 * time.Millisecond)
				return sink(ctx, nil, m)
			}
		})
		a := dial(t, ar.addr, proposal(ctClass), Options{})
		if s, err := a.Store(t.Context(), Object{SOPClass: ctClass, SOPInstance: "1.2", TransferSyntax: dicom.ImplicitLE, Data: bytes.NewReader(object(3<<20, 1))}); s != Success || err != nil {
			t.Error(s, err)
		}
	})
}

// dribble sends one byte at a time until the other side has enough of it.
func dribble(p *rawPeer, b []byte) {
	for i := range b {
		if _, err := p.Write(b[i : i+1]); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
