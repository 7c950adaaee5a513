// What a hostile or broken device may do to the DIMSE door, at the real listener: the server answers as it should, goes on
// serving others, and its memory stays bounded.

package gateway

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/dicom"
	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

const ctImage dicom.UID = "1.2.840.10008.5.1.4.1.1.2"

// mostHeap is by how much the heap may grow under abuse.
const mostHeap = 64 << 20

// heapDuring holds the heap to mostHeap.
func heapDuring(t testing.TB, abuse func()) {
	t.Helper()
	heapWithin(t, mostHeap, abuse)
}

// heapWithin holds the heap to a growth, garbage included, which is collected early here.
func heapWithin(t testing.TB, most int64, abuse func()) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	runtime.GC()
	read := func() uint64 {
		s := []runtimemetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		runtimemetrics.Read(s)
		return s[0].Value.Uint64()
	}
	before, peak := read(), uint64(0)
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for {
			peak = max(peak, read())
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	abuse()
	close(done)
	<-over
	grown := int64(peak) - int64(before)
	t.Logf("the heap grew by %.1f MiB", float64(grown)/(1<<20))
	if grown > most && !testing.Short() { // the race detector, which goes with -short, has garbage of its own
		t.Errorf("that is more than %d MiB", most>>20)
	}
}

// from dials the DIMSE door from one of the addresses of the loopback.
func (h *house) from(host string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}, Timeout: 10 * time.Second}
	return d.Dial("tcp", h.dimse)
}

func verification(ae string) ul.Request {
	return ul.Request{CalledAE: "LIANZHEN", CallingAE: ae, Contexts: []ul.Proposal{
		{AbstractSyntax: ul.Verification, TransferSyntaxes: []dicom.UID{dicom.ImplicitLE}},
	}}
}

// alive asks for an association and an answer, as an honest device does.
func (h *house) alive(t testing.TB) {
	t.Helper()
	a, err := ul.Dial(t.Context(), h.dimse, verification("SUWU_CT"), ul.Options{})
	if err == nil {
		err = a.Echo(t.Context())
		_ = a.Release(t.Context())
	}
	if err != nil {
		t.Errorf("an honest device is not served: %v", err)
	}
}

// TestAFloodFromOneAddressHurtsNoOther fills all places that one address may have, in all ways that cost little.
func TestAFloodFromOneAddressHurtsNoOther(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	another, err := h.from("127.0.0.2")
	if err != nil {
		t.Skipf("no second address of the loopback: %v", err)
	}
	open = append(open, another)
	begun := []byte{1, 0, 0, 0, 0, 200, 0, 1} // of an A-ASSOCIATE-RQ
	heapDuring(t, func() {
		for i := range 300 {
			c, err := h.from("127.0.0.2")
			must(t, err)
			switch i % 3 {
			case 1:
				_, _ = c.Write(begun)
			case 2:
				_, _ = c.Write([]byte{1, 0, 0xFF, 0xFF, 0xFF, 0xFF})
			}
			open = append(open, c)
			if i%50 == 0 {
				h.alive(t)
			}
		}
		for i := range 200 { // one byte at a time
			for _, c := range open[:20] {
				_, _ = c.Write([]byte{0})
			}
			if i%50 == 0 {
				h.alive(t)
			}
		}
	})
	c, err := h.from("127.0.0.2")
	must(t, err)
	if _, err := ul.Connect(t.Context(), c, verification("SUWU_CT"), ul.Options{}); err == nil {
		t.Error("an address has more places than its own")
	}
}

// TestLengthsThatLie announces what does not come.
func TestLengthsThatLie(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	command := (&ul.Command{Field: ul.CStoreRQ, MessageID: 7, SOPClass: ctImage, SOPInstance: "1.2.3", HasData: true}).Append(nil)
	for _, tt := range []struct {
		name string
		raw  []byte
	}{
		{"PDU of 4 GB", []byte{4, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}},
		{"PDV of 4 GB", []byte{4, 0, 0, 0, 0, 6, 0xFF, 0xFF, 0xFF, 0xFF, 1, 3}},
		{"command set that lies", dataPDU(1, 3, append([]byte{0, 0, 0, 0, 4, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF}, command[12:]...))},
		{"element of 4 GB in a command", dataPDU(1, 3, []byte{0, 0, 2, 0, 0xF0, 0xFF, 0xFF, 0xFF})},
		{"C-STORE on the context of C-ECHO", append(dataPDU(1, 3, command), dataPDU(1, 2, make([]byte, 100))...)},
		{"data set without a command", dataPDU(1, 2, make([]byte, 100))},
		{"HTTP", []byte("GET /dicomweb/studies HTTP/1.1\r\nHost: x\r\n\r\n")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			heapDuring(t, func() {
				for range 10 {
					c, err := h.from("127.0.0.1")
					must(t, err)
					_, err = ul.Connect(t.Context(), c, verification("SUWU_CT"), ul.Options{})
					must(t, err)
					_, _ = c.Write(tt.raw)
					defer func() { _ = c.Close() }()
				}
			})
			h.alive(t)
		})
	}
}

func dataPDU(context, control byte, v []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{4, 0}, uint32(len(v)+6))
	b = binary.BigEndian.AppendUint32(b, uint32(len(v)+2))
	return append(append(b, context, control), v...)
}

// TestTheLargestRequest proposes all that one may: 128 contexts with 64 transfer syntaxes each.
func TestTheLargestRequest(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	q := ul.Request{CalledAE: "LIANZHEN", CallingAE: "SUWU_CT"}
	for i := range 128 {
		p := ul.Proposal{AbstractSyntax: ul.StorageClasses[i%len(ul.StorageClasses)]}
		for j := range 64 {
			p.TransferSyntaxes = append(p.TransferSyntaxes, dicom.UID(fmt.Sprintf("1.2.826.0.1.3680043.9.7777.%d", j+1)))
		}
		q.Contexts = append(q.Contexts, p)
	}
	heapDuring(t, func() {
		for range 20 {
			a, err := ul.Dial(t.Context(), h.dimse, q, ul.Options{})
			if err != nil {
				t.Fatal(err)
			}
			must(t, a.Release(t.Context()))
		}
	})
	h.alive(t)
}

// watched counts what comes back.
type watched struct {
	net.Conn
	came atomic.Int64
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.came.Add(int64(n))
	return n, err
}

// endless is data that goes on until something comes back.
type endless struct {
	line *watched
	from int64
	sent int64
	most int64
}

func (e *endless) Read(b []byte) (int, error) {
	if e.line.came.Load() > e.from {
		return 0, io.EOF
	}
	if e.sent > e.most {
		return 0, errors.New("nobody stops it")
	}
	clear(b)
	e.sent += int64(len(b))
	return len(b), nil
}

// TestAnObjectThatNeverEndsIsStopped is answered A700 once it is larger than what is taken, not when it ends.
func TestAnObjectThatNeverEndsIsStopped(t *testing.T) {
	h := newHouse(t, func(d *Deps) {
		spool, err := store.NewSpool(t.TempDir(), d.Blobs, store.SpoolOptions{})
		must(t, err)
		d.Imaging = imaging.New(d.DB, d.Blobs, spool, d.Room, imaging.Options{Quiet: time.Hour, MaxObject: 4 << 20, MaxQuarantine: 1 << 20})
	})
	h.device(storetest.Suwu, "SUWU_CT")
	object := study(40, 1)[0]
	o := headerOf(t, object)
	head := bytes.Clone(object[o.DataSetOffset():o.Pixels.Offset])
	binary.LittleEndian.PutUint32(head[len(head)-4:], 0xFFFFFFF0)
	heapDuring(t, func() {
		c, err := h.from("127.0.0.1")
		must(t, err)
		line := &watched{Conn: c}
		a, err := ul.Connect(t.Context(), line, ul.Request{CalledAE: "LIANZHEN", CallingAE: "SUWU_CT", Contexts: []ul.Proposal{
			{AbstractSyntax: ctImage, TransferSyntaxes: []dicom.UID{dicom.ExplicitLE}},
		}}, ul.Options{})
		must(t, err)
		rest := &endless{line: line, from: line.came.Load(), most: 1 << 30}
		st, err := a.Store(t.Context(), ul.Object{
			SOPClass: ctImage, SOPInstance: o.Header.SOPInstanceUID, TransferSyntax: dicom.ExplicitLE,
			Data: io.MultiReader(bytes.NewReader(head), rest),
		})
		if err != nil || st != ul.OutOfResources {
			t.Errorf("%v, %v after %d MiB", st, err, rest.sent>>20)
		}
		if st, err := storeOver(t, a, object); err != nil || st != ul.Success {
			t.Errorf("the next object: %v, %v", st, err)
		}
		_ = a.Release(t.Context())
		t.Logf("stopped after %.1f MiB", float64(rest.sent)/(1<<20))
	})
}

// hostileKeys are identifiers as no device would send them.
func hostileKeys(study dicom.UID) map[string]func() []byte {
	level := func() []byte { return explicit(nil, 0x00080052, "CS", []byte("STUDY ")) }
	return map[string]func() []byte{
		"100 000 keys": func() []byte {
			b := level()
			for i := range 100_000 {
				b = explicit(b, dicom.Tag(0x00110000+(i/60_000)<<17+i%60_000+0x10), "LO", nil)
			}
			return b
		},
		"100 000 UIDs": func() []byte {
			var uids []string
			for i := range 100_000 {
				uids = append(uids, fmt.Sprintf("1.%d", 100_000+i))
			}
			return longUI(level(), dicom.StudyInstanceUID, strings.Join(uids, `\`))
		},
		"7 000 UIDs": func() []byte {
			var uids []string
			for i := range 7_000 {
				uids = append(uids, fmt.Sprintf("1.%d", 100_000+i))
			}
			return longUI(level(), dicom.StudyInstanceUID, strings.Join(uids, `\`))
		},
		"one study 10 000 times": func() []byte {
			return longUI(level(), dicom.StudyInstanceUID, strings.TrimSuffix(strings.Repeat(string(study)+`\`, 10_000), `\`))
		},
		"sequences in sequences": func() []byte { return append(level(), nestedSequences(20_000)...) },
		"30 deep":                func() []byte { return append(level(), nestedSequences(30)...) },
		"wildcards": func() []byte {
			return explicit(level(), dicom.PatientName, "PN", []byte(strings.Repeat("*?", 8000)))
		},
		"nothing at all":     func() []byte { return []byte{} },
		"4 GB of one key":    func() []byte { return append(level(), 0x10, 0, 0x10, 0, 'U', 'T', 0, 0, 0xF0, 0xFF, 0xFF, 0xFF) },
		"2 MiB of blanks":    func() []byte { return bytes.Repeat([]byte{' '}, 2<<20) },
		"64 000 names":       func() []byte { return explicit(level(), dicom.PatientName, "PN", []byte(strings.Repeat(`a\`, 30_000))) },
		"dates of all kinds": func() []byte { return explicit(level(), dicom.StudyDate, "DA", []byte("--------99999999-00000000")) },
	}
}

// explicit appends an element in explicit little endian.
func explicit(b []byte, t dicom.Tag, vr string, v []byte) []byte {
	if len(v)%2 == 1 {
		v = append(bytes.Clone(v), ' ')
	}
	b = binary.LittleEndian.AppendUint16(b, t.Group())
	b = binary.LittleEndian.AppendUint16(b, t.Element())
	b = append(b, vr...)
	if vr == "UN" || vr == "SQ" || vr == "OB" || vr == "UT" {
		b = binary.LittleEndian.AppendUint32(append(b, 0, 0), uint32(len(v)))
	} else {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(v)))
	}
	return append(b, v...)
}

// longUI is a list of UIDs that may be too long for its VR's length, and is then UN.
func longUI(b []byte, t dicom.Tag, v string) []byte {
	if len(v) > 0xFFFE {
		return explicit(b, t, "UN", []byte(v))
	}
	return explicit(b, t, "UI", []byte(v))
}

// nestedSequences are n sequences, each in the one item of the other, of undefined length.
func nestedSequences(n int) []byte {
	open := []byte{0x40, 0, 0, 1, 'S', 'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF}
	shut := []byte{0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0}
	return append(bytes.Repeat(open, n), bytes.Repeat(shut, n)...)
}

func TestHostileIdentifiers(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	a := h.associate("SUWU_CT", ctImage)
	objects := study(41, 3)
	for _, b := range objects {
		if st, err := storeOver(t, a, b); err != nil || st != ul.Success {
			t.Fatal(st, err)
		}
	}
	for name, keys := range hostileKeys(studyUIDOf(t, objects[0])) {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && strings.HasPrefix(name, "100 000") {
				t.Skip("takes a minute under the race detector")
			}
			identifier := keys()
			heapDuring(t, func() {
				for _, class := range []dicom.UID{ul.StudyRootFind, ul.ModalityWorklistFind, ul.StudyRootGet, ul.StudyRootMove} {
					q := h.associate("SUWU_CT", class)
					st, n := finalOf(t, q, class, identifier)
					if st == ul.ProcessingFailure {
						t.Errorf("%s: %v after %d answers: that is taken for our own fault", class, st, n)
					}
					_ = q.Release(t.Context())
				}
			})
			h.alive(t)
		})
	}
	if said := h.log.String(); strings.Contains(said, "level=ERROR") {
		t.Errorf("something is taken for our own fault: %.500s", said[strings.Index(said, "level=ERROR"):])
	}
}

// finalOf asks with an identifier and gives the final status, and how many responses were pending.
func finalOf(t testing.TB, a *ul.Association, class dicom.UID, identifier []byte) (last ul.Status, pending int) {
	t.Helper()
	pc, err := a.ContextFor(class)
	must(t, err)
	field := map[dicom.UID]ul.Field{ul.StudyRootGet: ul.CGetRQ, ul.StudyRootMove: ul.CMoveRQ}[class]
	if field == 0 {
		field = ul.CFindRQ
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := ul.Command{Field: field, SOPClass: class, MoveDestination: "NOWHERE"}
	for m, err := range a.Invoke(ctx, pc.ID, c, bytes.NewReader(identifier)) {
		if err != nil {
			t.Errorf("%s: %v", class, err)
			return 0, pending
		}
		if last = m.Status; last.Category() == ul.Continuing {
			pending++
		}
	}
	return last, pending
}

// TestMovesToTheServerItselfEnd: what comes back is what is kept.
func TestMovesToTheServerItselfEnd(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	h.device(storetest.Suwu, "LIANZHEN", func(d *authz.Device) { d.Address = h.dimse })
	objects := study(42, 4)
	a := h.associate("SUWU_CT", ctImage)
	for _, b := range objects {
		if st, err := storeOver(t, a, b); err != nil || st != ul.Success {
			t.Fatal(st, err)
		}
	}
	keys := dicom.NewDataSet()
	keys.SetText(0x00080052, "STUDY")
	keys.SetText(dicom.StudyInstanceUID, string(studyUIDOf(t, objects[0])))
	identifier, err := dicom.AppendDataSet(nil, keys, dicom.ExplicitLE, "")
	must(t, err)
	var g sync.WaitGroup
	for range 4 {
		g.Go(func() {
			q := h.associate("SUWU_CT", ul.StudyRootMove)
			pc, err := q.ContextFor(ul.StudyRootMove)
			if err != nil {
				t.Error(err)
				return
			}
			for range 5 {
				r, err := q.Move(t.Context(), pc, "LIANZHEN", identifier, nil)
				if err != nil || r.Sub == nil || r.Sub.Completed != 4 {
					t.Errorf("%+v, %v", r, err)
					return
				}
			}
		})
	}
	g.Wait()
	all, err := h.Imaging.Locate(t.Context(), imagingScope(storetest.Suwu), imaging.UIDs{Study: studyUIDOf(t, objects[0])})
	if err != nil || len(all) != 4 {
		t.Errorf("%d instances, %v", len(all), err)
	}
}

// TestStoppingEndsAssociations: silent ones, half ones and ones in the middle of an object do not hold the server up.
func TestStoppingEndsAssociations(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	silent := h.associate("SUWU_CT", ul.Verification)
	half, err := h.from("127.0.0.1")
	must(t, err)
	defer func() { _ = half.Close() }()
	_, _ = half.Write([]byte{1, 0, 0, 0, 0, 200})
	middle := h.associate("SUWU_CT", ctImage)
	r, w := io.Pipe()
	go func() {
		_, _ = middle.Store(context.Background(), ul.Object{SOPClass: ctImage, SOPInstance: "1.2.3", TransferSyntax: dicom.ExplicitLE, Data: r})
	}()
	_, _ = w.Write(study(43, 1)[0][400:4000])
	h.stop()
	select {
	case <-h.stopped:
	case <-time.After(2 * time.Minute):
		t.Fatal("the server does not stop")
	}
	_ = w.CloseWithError(io.ErrClosedPipe)
	<-silent.Done()
	if a, err := ul.Dial(t.Context(), h.dimse, verification("SUWU_CT"), ul.Options{}); err == nil {
		a.Abort()
		t.Error("an association after the server has stopped")
	}
}
