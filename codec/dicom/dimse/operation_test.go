package dimse

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

func TestShutdownLetsOperationsEnd(t *testing.T) {
	var ar archive
	begun, goOn := make(chan struct{}), make(chan struct{})
	stop := ar.serve(t, func(s *Server) {
		s.Options.Handler = func(ctx context.Context, _ *Association, m *Message) error {
			close(begun)
			<-goOn
			return m.Reply(ctx, Success)
		}
	})
	idle := dial(t, ar.addr, proposal(Verification), Options{})
	silent := rawDial(t, ar.addr)
	a := dial(t, ar.addr, proposal(Verification), Options{})
	outcome := make(chan error)
	go func() { outcome <- a.Echo(context.Background()) }()
	<-begun
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	<-idle.Done()
	silent.expect(nil)
	close(goOn)
	if err := <-outcome; err != nil {
		t.Errorf("the open operation: %v", err)
	}
	<-a.Done()
	<-stopped
}

func TestHandlersThatMisbehave(t *testing.T) {
	var ar archive
	ar.serve(t, func(s *Server) {
		s.Options.Handler = func(_ context.Context, _ *Association, m *Message) error {
			switch m.MessageID {
			case 1:
				return nil // no answer, and data unread
			case 2:
				panic("name of a patient")
			}
			return nil
		}
	})
	a := dial(t, ar.addr, proposal(ctClass), Options{})
	o := Object{SOPClass: ctClass, SOPInstance: "1.2", TransferSyntax: dicom.ImplicitLE, Data: bytes.NewReader(object(3<<20, 1))}
	if s, err := a.Store(t.Context(), o); s != ProcessingFailure || err != nil {
		t.Error(s, err)
	}
	var abort *AbortError
	if _, err := a.Store(t.Context(), o); !errors.As(err, &abort) || !abort.Remote {
		t.Error(err)
	}
	if err := ar.waitEnd(); err == nil || strings.Contains(err.Error(), "patient") || !strings.Contains(err.Error(), "panics") {
		t.Error(err)
	}
}

func TestUnknownAndDuplicateOperations(t *testing.T) {
	var ar archive
	gate := make(chan struct{})
	ar.serve(t, func(s *Server) {
		s.Options.Window = 2
		s.Options.Handler = func(ctx context.Context, _ *Association, m *Message) error {
			<-gate
			return m.Reply(ctx, Success)
		}
	})
	p := rawDial(t, ar.addr)
	q := proposal(Verification)
	q.Window = &Window{Invoked: 2, Performed: 2}
	p.send(requestPDU(t, q))
	p.pdu()
	status := func() (uint16, Status) {
		b := p.pdu()
		c, err := ParseCommand(b[12:])
		if err != nil {
			t.Fatal(err)
		}
		return c.RespondedTo, c.Status
	}
	c := Command{Field: 0x0777, MessageID: 5, SOPClass: Verification}
	p.send(dataPDU(1, 3, c.Append(nil)))
	if id, s := status(); id != 5 || s != UnrecognizedOperation {
		t.Error(id, s)
	}
	p.send(join(echoPDU(6), echoPDU(6)))
	if id, s := status(); id != 6 || s != DuplicateInvocation {
		t.Error(id, s)
	}
	close(gate)
}

func TestReleaseCollision(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Run("requester", func(t *testing.T) {
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p := &rawPeer{t, c}
			q, _ := parseRequest(p.pdu()[6:])
			ac := &acceptance{contexts: []answered{{id: 1, syntax: dicom.ImplicitLE}}, user: userItems{maxPDU: 16384}}
			b, _ := ac.pdu(q)
			p.send(b)
			p.pdu() // A-RELEASE-RQ, and ours crosses it
			p.send(short(releaseRQ, 0, 0))
			p.expect(short(releaseRP, 0, 0))
			p.send(short(releaseRP, 0, 0))
			p.expect(nil)
		}()
		a := dial(t, l.Addr().String(), proposal(Verification), Options{})
		if err := a.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("acceptor", func(t *testing.T) {
		var ar archive
		release := make(chan error, 1)
		ar.serve(t, func(s *Server) {
			s.Options.Handler = func(ctx context.Context, a *Association, m *Message) error {
				if err := m.Reply(ctx, Success); err != nil {
					return err
				}
				go func() { release <- a.Release(context.Background()) }()
				return nil
			}
		})
		p := rawDial(t, ar.addr)
		p.associate()
		p.send(echoPDU(1))
		p.pdu()
		p.expect(short(releaseRQ, 0, 0))
		p.send(short(releaseRQ, 0, 0))
		p.send(short(releaseRP, 0, 0))
		p.expect(short(releaseRP, 0, 0))
		_ = p.Close()
		if err := <-release; err != nil {
			t.Error(err)
		}
	})
}

func TestContextEndsACall(t *testing.T) {
	var ar archive
	ar.serve(t, func(s *Server) {
		s.Options.Handler = func(ctx context.Context, _ *Association, _ *Message) error {
			<-ctx.Done() // the association's end
			return nil
		}
	})
	a := dial(t, ar.addr, proposal(Verification), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := a.Echo(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	a = dial(t, ar.addr, proposal(Verification), Options{Response: 50 * time.Millisecond})
	if err := a.Echo(t.Context()); !errors.Is(err, ErrResponse) {
		t.Error(err)
	}
	if _, err := Dial(ctx, ar.addr, proposal(Verification), Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
