package dimse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// archive is a small server for the tests: it keeps objects in memory, finds all of them, and sends them by C-MOVE and C-GET.
type archive struct {
	t       testing.TB
	addr    string
	peers   map[string]string // AE title to address, for C-MOVE
	matches int               // that C-FIND answers with
	gate    chan struct{}     // if set, C-FIND waits for it before every match

	mu      sync.Mutex
	objects []kept
	order   []dicom.UID // in which C-STOREs were answered
	events  []Command
	ends    []error
	ended   chan struct{} // one token for each end
}

type kept struct {
	class, instance, syntax dicom.UID
	data                    []byte
}

var everySyntax = []dicom.UID{
	dicom.ImplicitLE, dicom.ExplicitLE, dicom.JPEGBaseline, dicom.JPEGLossless, dicom.JPEGLSLossless, dicom.JPEG2000,
	dicom.RLELossless, dicom.DeflatedLE,
}

// serve starts the archive on a port of its own; stop ends it and waits.
func (ar *archive) serve(t testing.TB, change func(*Server)) (stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ar.serveOn(t, l, change)
}

func (ar *archive) serveOn(t testing.TB, l net.Listener, change func(*Server)) (stop func()) {
	t.Helper()
	ar.t, ar.addr = t, l.Addr().String()
	ar.ended = make(chan struct{}, 1000)
	s := &Server{
		Options: Options{Handler: ar.handle},
		Accept: func(_ *Request, p *Proposal) Answer {
			answer := Choose(p, everySyntax...)
			if p.Roles != nil {
				answer.Roles = p.Roles
			}
			return answer
		},
		Ended: func(_ *Association, err error) {
			ar.mu.Lock()
			ar.ends = append(ar.ends, err)
			ar.mu.Unlock()
			ar.ended <- struct{}{}
		},
		Grace: 5 * time.Second,
	}
	if change != nil {
		change(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (ar *archive) handle(ctx context.Context, a *Association, m *Message) error {
	switch m.Field {
	case CEchoRQ:
		return m.Reply(ctx, Success)
	case CStoreRQ:
		return ar.store(ctx, m)
	case CFindRQ:
		return ar.find(ctx, m)
	case CMoveRQ, CGetRQ:
		return ar.retrieve(ctx, a, m)
	}
	data, err := m.hold()
	if err != nil {
		return err
	}
	ar.mu.Lock()
	ar.events = append(ar.events, m.Command)
	ar.mu.Unlock()
	c := m.Response(Success)
	if data == nil {
		return m.Respond(ctx, c, nil)
	}
	return m.Respond(ctx, c, bytes.NewReader(data)) // the echo of what was sent
}

func (ar *archive) store(ctx context.Context, m *Message) error {
	data, err := io.ReadAll(m.Data)
	if err != nil {
		return err
	}
	ar.mu.Lock()
	ar.objects = append(ar.objects, kept{m.SOPClass, m.SOPInstance, m.Context.TransferSyntax, data})
	ar.order = append(ar.order, m.SOPInstance)
	ar.mu.Unlock()
	return m.Reply(ctx, Success)
}

func (ar *archive) find(ctx context.Context, m *Message) error {
	query, err := m.hold()
	if err != nil {
		return err
	}
	ar.mu.Lock()
	matches, gate := ar.matches, ar.gate
	ar.mu.Unlock()
	for range matches {
		if gate != nil {
			select {
			case <-gate:
			case <-ctx.Done():
			}
		}
		if errors.Is(context.Cause(ctx), ErrCancelled) {
			return m.Reply(ctx, Cancelled)
		}
		if err := m.Respond(ctx, m.Response(Pending), bytes.NewReader(query)); err != nil {
			return err
		}
	}
	return m.Reply(ctx, Success)
}

func (ar *archive) retrieve(ctx context.Context, a *Association, m *Message) error {
	destination := m.MoveDestination
	m.Skip()
	ar.mu.Lock()
	objects, peers := slices.Clone(ar.objects), ar.peers
	ar.mu.Unlock()
	to, originator := a, ""
	if m.Field == CMoveRQ {
		addr, ok := peers[destination]
		if !ok {
			return m.Reply(ctx, MoveDestinationUnknown)
		}
		q := Request{CallingAE: "ARCHIVE", CalledAE: destination}
		for _, o := range objects {
			if !slices.ContainsFunc(q.Contexts, func(p Proposal) bool { return p.AbstractSyntax == o.class }) {
				q.Contexts = append(q.Contexts, Proposal{AbstractSyntax: o.class, TransferSyntaxes: []dicom.UID{o.syntax}})
			}
		}
		var err error
		if to, err = Dial(ctx, addr, q, Options{}); err != nil {
			return m.Reply(ctx, OutOfResourcesSuboperate)
		}
		defer func() { _ = to.Release(context.WithoutCancel(ctx)) }()
		originator = a.CallingAE()
	}
	sub := SubOperations{Remaining: uint16(len(objects))}
	for _, o := range objects {
		if errors.Is(context.Cause(ctx), ErrCancelled) {
			break
		}
		status, err := to.Store(ctx, Object{
			SOPClass: o.class, SOPInstance: o.instance, TransferSyntax: o.syntax, Data: bytes.NewReader(o.data),
			MoveOriginator: originator, MoveOriginatorID: m.MessageID,
		})
		sub.Remaining--
		if err != nil || status != Success {
			sub.Failed++
		} else {
			sub.Completed++
		}
		c := m.Response(Pending)
		c.Sub = &sub
		if err := m.Respond(ctx, c, nil); err != nil {
			return err
		}
	}
	c := m.Response(Success)
	if sub.Failed > 0 {
		c.Status = SomeSuboperationsFailed
	}
	if sub.Remaining > 0 {
		c.Status = Cancelled
	}
	c.Sub = &sub
	return m.Respond(ctx, c, nil)
}

// set changes the archive while it serves.
func (ar *archive) set(change func()) {
	ar.mu.Lock()
	defer ar.mu.Unlock()
	change()
}

func (ar *archive) sums() map[dicom.UID][32]byte {
	ar.mu.Lock()
	defer ar.mu.Unlock()
	sums := map[dicom.UID][32]byte{}
	for _, o := range ar.objects {
		sums[o.instance] = sha256.Sum256(o.data)
	}
	return sums
}

func (ar *archive) waitEnd() error {
	ar.t.Helper()
	select {
	case <-ar.ended:
	case <-time.After(30 * time.Second):
		ar.t.Fatal("the association does not end")
	}
	ar.mu.Lock()
	defer ar.mu.Unlock()
	return ar.ends[len(ar.ends)-1]
}

// proposal asks for the classes with one syntax each.
func proposal(classes ...dicom.UID) Request {
	q := Request{CallingAE: "TESTER", CalledAE: "ARCHIVE"}
	for _, class := range classes {
		q.Contexts = append(q.Contexts, Proposal{AbstractSyntax: class, TransferSyntaxes: []dicom.UID{dicom.ImplicitLE}})
	}
	return q
}

func dial(t testing.TB, addr string, q Request, opts Options) *Association {
	t.Helper()
	a, err := Dial(t.Context(), addr, q, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Abort)
	return a
}

// attribute is one of implicit little endian.
func attribute(b []byte, tag dicom.Tag, v string) []byte {
	if len(v)&1 == 1 {
		v += " "
	}
	b = binary.LittleEndian.AppendUint16(b, tag.Group())
	b = binary.LittleEndian.AppendUint16(b, tag.Element())
	b = binary.LittleEndian.AppendUint32(b, uint32(len(v)))
	return append(b, v...)
}

const ctClass dicom.UID = "1.2.840.10008.5.1.4.1.1.2"

// object is a data set of about n bytes that differs from others of another seed.
func object(n int, seed byte) []byte {
	b := attribute(nil, dicom.SOPClassUID, string(ctClass)+"\x00")
	pixels := make([]byte, n)
	for i := range pixels {
		pixels[i] = byte(i*7) ^ seed ^ byte(i>>8)
	}
	b = attribute(b, dicom.PixelDataTag, string(pixels))
	return b
}
