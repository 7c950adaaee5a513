package dimse

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// rawPeer speaks PDUs by hand.
type rawPeer struct {
	t testing.TB
	net.Conn
}

func rawDial(t testing.TB, addr string) *rawPeer {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &rawPeer{t, c}
}

// send writes; that the other side may have closed is for expect to find.
func (p *rawPeer) send(b []byte) { _, _ = p.Write(b) }

// pdu reads one PDU, nil when the connection is closed.
func (p *rawPeer) pdu() []byte {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(20 * time.Second))
	h := make([]byte, pduHeader)
	if _, err := io.ReadFull(p, h); err != nil {
		if errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "timeout") {
			p.t.Fatal("nothing comes")
		}
		return nil
	}
	b := make([]byte, binary.BigEndian.Uint32(h[2:]))
	if _, err := io.ReadFull(p, b); err != nil {
		p.t.Fatal(err)
	}
	return append(h, b...)
}

func (p *rawPeer) expect(want []byte) {
	p.t.Helper()
	if diff := cmp.Diff(want, p.pdu()); diff != "" {
		p.t.Error(diff)
	}
}

// associate gets an association for Verification (context 1) and CT (context 3).
func (p *rawPeer) associate() {
	p.t.Helper()
	p.send(requestPDU(p.t, proposal(Verification, ctClass)))
	if b := p.pdu(); len(b) == 0 || b[0] != byte(associateAC) {
		p.t.Fatalf("no association: % X", b)
	}
}

func requestPDU(t testing.TB, q Request) []byte {
	t.Helper()
	if err := q.complete(Options{}.orDefault()); err != nil {
		t.Fatal(err)
	}
	b, err := q.pdu()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rawPDU is a PDU with the length that its content has.
func rawPDU(t pduType, body []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{byte(t), 0}, uint32(len(body)))
	return append(b, body...)
}

func pdv(context, control byte, v []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(v)+2))
	return append(append(b, context, control), v...)
}

func dataPDU(context, control byte, v []byte) []byte { return rawPDU(dataTF, pdv(context, control, v)) }

func echoPDU(id uint16) []byte {
	c := Command{Field: CEchoRQ, MessageID: id, SOPClass: Verification}
	return dataPDU(1, 3, c.Append(nil))
}

func storeCommand(id uint16) []byte {
	c := Command{Field: CStoreRQ, MessageID: id, SOPClass: ctClass, SOPInstance: "1.2.3", HasData: true}
	return c.Append(nil)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestGarbageInsteadOfARequest(t *testing.T) {
	var ar archive
	ar.serve(t, nil)
	good := requestPDU(t, proposal(Verification, ctClass))
	user := func(items []byte) []byte {
		q := proposal(Verification)
		b := requestPDU(t, q)
		at := bytes.Index(b, []byte{itemMaxLength, 0, 0, 4}) - 4
		return finish(append(b[:at:at], appendItem(nil, itemUser, items)...))
	}
	edit := func(change func(b []byte)) []byte {
		b := append([]byte{}, good...)
		change(b)
		return b
	}
	context2 := bytes.LastIndex(good, []byte{itemContextRQ, 0})
	many := proposal(Verification)
	for len(many.Contexts) < maxContexts {
		many.Contexts = append(many.Contexts, many.Contexts[0])
	}
	tooMany := requestPDU(t, many)
	extra := appendItem(nil, itemContextRQ, append([]byte{1, 0, 0, 0}, appendUID(appendUID(nil, itemAbstractSyntax, Verification), itemTransferSyntax, dicom.ImplicitLE)...))
	aborted := short(abortPDU, AbortByUser, 0)
	for _, tc := range []struct {
		name string
		b    []byte
		want []byte
	}{
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), aborted},
		{"TLS", []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), aborted},
		{"request of 4 GiB", []byte{1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 1}, aborted},
		{"request beyond 512 KiB", []byte{1, 0, 0, 8, 0, 1, 0, 1}, aborted},
		{"request without content", rawPDU(associateRQ, nil), aborted},
		{"data", echoPDU(1), aborted},
		{"release", short(releaseRQ, 0, 0), aborted},
		{"answer", rawPDU(associateAC, good[6:]), aborted},
		{"abort", short(abortPDU, 0, 0), nil},
		{"only the fixed part", rawPDU(associateRQ, good[6:6+fixedPart]), aborted},
		{"AE title of control characters", edit(func(b []byte) { b[11] = 7 }), aborted},
		{"even context", edit(func(b []byte) { b[context2+4] = 2 }), aborted},
		{"context twice", edit(func(b []byte) { b[context2+4] = 1 }), aborted},
		{"item beyond the end", edit(func(b []byte) { b[len(b)-9] = 0xFF }), aborted},
		{"129 contexts", finish(append(append([]byte{}, tooMany...), extra...)), aborted},
		{"role selection lies", user(appendItem(nil, itemRoles, []byte{0, 200, '1'})), aborted},
		{"maximum length of two bytes", user(appendItem(nil, itemMaxLength, []byte{1, 2})), aborted},
		{"identity lies", user(appendItem(nil, itemIdentity, []byte{2, 1, 0xFF, 0xFF, 'x'})), aborted},
		{"common extended lies", user(appendItem(nil, itemCommonExtended, []byte{0, 3, '1', '.', '2', 0, 3, '1', '.', '2', 0, 9, 0, 3})), aborted},
		{"nested garbage", user(bytes.Repeat([]byte{itemUser, 0, 0, 3, itemUser, 0, 9}, 60)), nil},
		{"1000 user items", user(bytes.Repeat([]byte{0x99, 0, 0, 0}, 1000)), aborted},
		{"protocol version 2", edit(func(b []byte) { b[7] = 2 }), UnsupportedProtocolVersion.pdu()},
		{"another application context", bytes.Replace(good, []byte(ApplicationContext), []byte("1.2.840.10008.3.1.1.9"), 1), UnknownApplicationContext.pdu()},
		{"PDUs of 100 bytes", user(appendItem(nil, itemMaxLength, []byte{0, 0, 0, 100})), LocalLimitExceededForGood.pdu()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := rawDial(t, ar.addr)
			p.send(tc.b)
			if tc.name == "nested garbage" { // unknown items are passed over
				if b := p.pdu(); b[0] != byte(associateAC) {
					t.Errorf("% X", b)
				}
				return
			}
			p.expect(tc.want)
		})
	}
	if a := dial(t, ar.addr, proposal(Verification), Options{}); a.Echo(t.Context()) != nil {
		t.Error("the server is hurt")
	}
}

func TestGarbageWithinAnAssociation(t *testing.T) {
	var ar archive
	ar.serve(t, nil)
	echo := (&Command{Field: CEchoRQ, MessageID: 1, SOPClass: Verification}).Append(nil)
	store := storeCommand(1)
	abort := func(reason uint8) []byte { return short(abortPDU, AbortByProvider, reason) }
	for _, tc := range []struct {
		name string
		b    []byte
		want []byte
	}{
		{"unknown PDU", rawPDU(0x99, []byte("what")), abort(ReasonUnrecognizedPDU)},
		{"unknown PDU of 4 GiB", []byte{0x99, 0, 0xFF, 0xFF, 0xFF, 0xFF}, abort(ReasonUnrecognizedPDU)},
		{"second request", requestPDU(t, proposal(Verification)), abort(ReasonUnexpectedPDU)},
		{"rejection", NoReason.pdu(), abort(ReasonUnexpectedPDU)},
		{"release answer without release", short(releaseRP, 0, 0), abort(ReasonUnexpectedPDU)},
		{"release of 5 bytes", rawPDU(releaseRQ, make([]byte, 5)), abort(ReasonInvalidParameter)},
		{"empty P-DATA", rawPDU(dataTF, nil), abort(ReasonInvalidParameter)},
		{"P-DATA of 4 GiB", []byte{4, 0, 0xFF, 0xFF, 0xFF, 0xFF}, abort(ReasonInvalidParameter)},
		{"P-DATA beyond the maximum", []byte{4, 0, 0, 3, 0, 0}, abort(ReasonInvalidParameter)},
		{"PDV of 4 GiB", rawPDU(dataTF, []byte{0xFF, 0xFF, 0xFF, 0xFF, 1, 3, 0, 0}), abort(ReasonInvalidParameter)},
		{"PDV of one byte", rawPDU(dataTF, []byte{0, 0, 0, 1, 1, 3, 0, 0}), abort(ReasonInvalidParameter)},
		{"PDV beyond its PDU", rawPDU(dataTF, []byte{0, 0, 0, 9, 1, 3, 0, 0}), abort(ReasonInvalidParameter)},
		{"bytes behind the PDV", rawPDU(dataTF, append(pdv(1, 1, echo[:20]), 1, 2, 3)), abort(ReasonInvalidParameter)},
		{"data first", dataPDU(1, 2, []byte("data")), abort(ReasonUnexpectedParameter)},
		{"context that was not accepted", dataPDU(77, 3, echo), abort(ReasonInvalidParameter)},
		{"command on two contexts", join(dataPDU(1, 1, echo[:20]), dataPDU(3, 3, echo[20:])), abort(ReasonUnexpectedParameter)},
		{"command that is cut", dataPDU(1, 3, echo[:30]), abort(ReasonInvalidParameter)},
		{"command of empty fragments", dataPDU(1, 1, nil), abort(ReasonInvalidParameter)},
		{"command without end", bytes.Repeat(dataPDU(1, 1, make([]byte, 30_000)), 3), abort(ReasonInvalidParameter)},
		{"release within a command", join(dataPDU(1, 1, echo[:20]), short(releaseRQ, 0, 0)), abort(ReasonUnexpectedPDU)},
		{"release within data", join(dataPDU(3, 3, store), dataPDU(3, 0, []byte("data")), short(releaseRQ, 0, 0)), abort(ReasonUnexpectedPDU)},
		{"command within data", join(dataPDU(3, 3, store), dataPDU(3, 0, []byte("data")), echoPDU(3)), abort(ReasonUnexpectedParameter)},
		{"data on another context", join(dataPDU(3, 3, store), dataPDU(1, 2, []byte("data"))), abort(ReasonUnexpectedParameter)},
		{"abort", short(abortPDU, 0, 0), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := rawDial(t, ar.addr)
			p.associate()
			p.send(tc.b)
			p.expect(tc.want)
			_ = p.Close()
			var abort *AbortError
			if err := ar.waitEnd(); !errors.As(err, &abort) {
				t.Errorf("ended with %v", err)
			}
		})
	}
	if n := len(ar.sums()); n != 0 {
		t.Errorf("%d objects were kept", n)
	}
}

// TestMemoryIsBounded streams 256 MiB through both sides, and asks for memory by lengths that lie.
func TestMemoryIsBounded(t *testing.T) {
	var ar archive
	ar.serve(t, func(s *Server) { s.Options.Handler = sink })
	a := dial(t, ar.addr, proposal(ctClass), Options{})
	send := func(n int64) {
		o := Object{SOPClass: ctClass, SOPInstance: "1.2", TransferSyntax: dicom.ImplicitLE, Data: io.LimitReader(zeros{}, n)}
		if s, err := a.Store(t.Context(), o); s != Success || err != nil {
			t.Fatal(s, err)
		}
	}
	send(1 << 20)
	before := allocated()
	send(256 << 20)
	if n := allocated() - before; n > 4<<20 {
		t.Errorf("256 MiB of data allocate %d bytes", n)
	}
	before = allocated()
	for range 50 {
		p := rawDial(t, ar.addr)
		p.send([]byte{1, 0, 0, 7, 0xFF, 0xFF, 0, 1}) // 512 KiB are announced and never come
		_ = p.Close()
	}
	if n := allocated() - before; n > 24<<20 {
		t.Errorf("50 announcements allocate %d bytes", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestLimitsOfTheServer(t *testing.T) {
	var ar archive
	ar.serve(t, func(s *Server) { s.MaxAssociations, s.MaxPerAddress = 5, 3 })
	var open []*Association
	for range 3 {
		open = append(open, dial(t, ar.addr, proposal(Verification), Options{}))
	}
	_, err := Dial(t.Context(), ar.addr, proposal(Verification), Options{})
	var r Rejection
	if !errors.As(err, &r) || r != LocalLimitExceeded {
		t.Errorf("beyond the limit: %v", err)
	}
	for range 100 { // a flood of silent connections from the same address
		rawDial(t, ar.addr)
	}
	if err := open[0].Echo(t.Context()); err != nil {
		t.Errorf("within the limit: %v", err)
	}
}
