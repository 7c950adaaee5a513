package dimse

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func FuzzParseCommand(f *testing.F) {
	for _, c := range commands() {
		f.Add(c.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCommand(b)
		if err != nil || !c.Field.Known() {
			return
		}
		// What was understood is written so that it is understood again in the same way.
		once, err := ParseCommand(c.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		twice, err := ParseCommand(once.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(once, twice); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	full, small := fullRequest(), proposal(Verification, ctClass)
	for _, q := range []*Request{&full, &small} {
		if err := q.complete(Options{}.orDefault()); err != nil {
			f.Fatal(err)
		}
		b, err := q.pdu()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[pduHeader:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := parseRequest(b)
		if err != nil || q.ApplicationContext == "" { // which is refused later
			return
		}
		if len(q.Contexts) > maxContexts {
			t.Fatal(len(q.Contexts))
		}
		pdu, err := q.pdu()
		if err != nil {
			return // items that fit only with the items we pass over gone
		}
		again, err := parseRequest(pdu[pduHeader:])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(q, again, cmpopts.IgnoreUnexported(Request{}), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzParseAcceptance(f *testing.F) {
	q := proposal(Verification)
	ac := &acceptance{
		contexts: []answered{{id: 1, syntax: "1.2.840.10008.1.2"}, {id: 3, result: 4}},
		user:     userItems{maxPDU: 16384, class: "1.2", version: "X", window: &Window{1, 1}, identityResponse: []byte("x")},
	}
	b, err := ac.pdu(&q)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[pduHeader:])
	f.Fuzz(func(_ *testing.T, b []byte) {
		if ac, err := parseAcceptance(b); err == nil {
			_, _ = ac.pdu(&q)
		}
	})
}

// FuzzAcceptor feeds a stream of bytes to an acceptor, which must come to an end whatever they are.
func FuzzAcceptor(f *testing.F) {
	q := proposal(Verification, ctClass)
	if err := q.complete(Options{}.orDefault()); err != nil {
		f.Fatal(err)
	}
	request, err := q.pdu()
	if err != nil {
		f.Fatal(err)
	}
	store := dataPDU(3, 3, storeCommand(7))
	for _, stream := range [][]byte{
		join(request, echoPDU(1), short(releaseRQ, 0, 0)),
		join(request, store, dataPDU(3, 0, []byte("data")), dataPDU(3, 2, []byte("end")), short(abortPDU, 0, 0)),
		join(request, store, rawPDU(dataTF, join(pdv(3, 0, []byte("a")), pdv(3, 2, []byte("b"))))),
		join(request, dataPDU(1, 3, (&Command{Field: CCancelRQ, RespondedTo: 4}).Append(nil)), rawPDU(0x99, nil)),
		[]byte("GET / HTTP/1.1\r\n\r\n"),
	} {
		f.Add(stream)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		here, there := net.Pipe()
		s := &Server{
			Options: Options{ARTIM: 5 * time.Second, Handler: sink}.orDefault(),
			Accept:  func(_ *Request, p *Proposal) Answer { return Choose(p, everySyntax...) },
		}
		go func() {
			_, _ = io.Copy(there, bytes.NewReader(stream))
			_ = there.Close()
		}()
		go func() { _, _ = io.Copy(io.Discard, there) }()
		a := newAssociation(here, s.Options, false)
		_ = a.accept(context.Background(), s)
		ended := time.AfterFunc(30*time.Second, func() { panic("the association does not end") })
		a.run()
		ended.Stop()
	})
}
