package dimse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

func TestEchoStoreRelease(t *testing.T) {
	var ar archive
	ar.serve(t, nil)
	a := dial(t, ar.addr, proposal(Verification, ctClass), Options{})
	if err := a.Echo(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[dicom.UID][32]byte{}
	for i, n := range []int{0, 2, 4000, 128<<10 - 6 - 54, 128 << 10, 700_000, 3 << 20} {
		data := object(n, byte(i))
		uid := dicom.UID(fmt.Sprintf("1.2.3.%d", i))
		want[uid] = sha256.Sum256(data)
		status, err := a.Store(t.Context(), Object{SOPClass: ctClass, SOPInstance: uid, TransferSyntax: dicom.ImplicitLE, Data: bytes.NewReader(data)})
		if err != nil || status != Success {
			t.Fatal(status, err)
		}
	}
	if diff := cmp.Diff(want, ar.sums()); diff != "" {
		t.Error(diff)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if err := ar.waitEnd(); err != nil {
		t.Error(err)
	}
	if err := a.Echo(t.Context()); !errors.Is(err, ErrReleased) {
		t.Error(err)
	}
}

// TestFragments sends objects of every length around the peer's PDU length, with readers of every temper.
func TestFragments(t *testing.T) {
	for _, size := range []uint32{128, 129, 16384, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			var ar archive
			ar.serve(t, func(s *Server) { s.Options.MaxPDU = size })
			a := dial(t, ar.addr, proposal(ctClass), Options{})
			want := map[dicom.UID][32]byte{}
			base := min(int(size)-6, 128<<10-6)
			for i, n := range []int{0, 1, base - 2, base - 1, base, base + 1, 2 * base, 2*base + 1, 5*base - 1, 5 * base} {
				data := make([]byte, n)
				for j := range data {
					data[j] = byte(j * (i + 3))
				}
				uid := dicom.UID(fmt.Sprintf("1.2.%d", i))
				want[uid] = sha256.Sum256(data)
				for _, r := range []io.Reader{bytes.NewReader(data), iotest.DataErrReader(bytes.NewReader(data)), iotest.HalfReader(bytes.NewReader(data))} {
					if s, err := a.Store(t.Context(), Object{SOPClass: ctClass, SOPInstance: uid, TransferSyntax: dicom.ImplicitLE, Data: r}); err != nil || s != Success {
						t.Fatal(s, err)
					}
				}
			}
			if diff := cmp.Diff(want, ar.sums()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFindYieldsCancels(t *testing.T) {
	ar := archive{matches: 5}
	ar.serve(t, nil)
	a := dial(t, ar.addr, proposal(StudyRootFind, Verification), Options{})
	pc, err := a.ContextFor(StudyRootFind)
	if err != nil {
		t.Fatal(err)
	}
	query := attribute(nil, dicom.StudyID, "7")
	n := 0
	for match, err := range a.Find(t.Context(), pc, query) {
		if err != nil || !bytes.Equal(match, query) {
			t.Fatal(match, err)
		}
		n++
	}
	if n != 5 {
		t.Errorf("%d matches", n)
	}
	gate := make(chan struct{}, 1)
	gate <- struct{}{}
	ar.set(func() { ar.matches, ar.gate = 1000, gate })
	for range a.Find(t.Context(), pc, query) {
		break // the archive waits at its gate until the C-CANCEL arrives
	}
	if err := a.Echo(t.Context()); err == nil {
		t.Log("usable after a cancelled query")
	} else {
		t.Error(err)
	}
}

func TestGetAndMove(t *testing.T) {
	var target, ar archive
	target.serve(t, nil)
	ar.peers = map[string]string{"TARGET": target.addr}
	ar.serve(t, nil)
	for i := range 5 {
		ar.objects = append(ar.objects, kept{ctClass, dicom.UID(fmt.Sprintf("1.2.%d", i)), dicom.ImplicitLE, object(300_000, byte(i))})
	}
	q := proposal(StudyRootGet, StudyRootMove, ctClass)
	q.Contexts[2].Roles = &Roles{SCP: true}
	var mine archive
	a := dial(t, ar.addr, q, Options{Handler: mine.handle})
	if r := a.Contexts()[2].Roles; r != (Roles{SCP: true}) {
		t.Errorf("roles %+v", r)
	}
	get, _ := a.ContextFor(StudyRootGet)
	move, _ := a.ContextFor(StudyRootMove)
	var seen []uint16
	reply, err := a.Get(t.Context(), get, attribute(nil, dicom.StudyID, "1"), func(s SubOperations) { seen = append(seen, s.Remaining) })
	if err != nil || reply.Sub.Completed != 5 {
		t.Fatal(reply, err)
	}
	if diff := cmp.Diff([]uint16{4, 3, 2, 1, 0}, seen); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(ar.sums(), mine.sums()); diff != "" {
		t.Error(diff)
	}
	if reply, err = a.Move(t.Context(), move, "TARGET", attribute(nil, dicom.StudyID, "1"), nil); err != nil || reply.Sub.Completed != 5 {
		t.Fatal(reply, err)
	}
	if diff := cmp.Diff(ar.sums(), target.sums()); diff != "" {
		t.Error(diff)
	}
	var failed *StatusError
	if _, err = a.Move(t.Context(), move, "NOBODY", nil, nil); !errors.As(err, &failed) || failed.Status != MoveDestinationUnknown {
		t.Error(err)
	}
}

func TestNormalized(t *testing.T) {
	var ar archive
	ar.serve(t, nil)
	a := dial(t, ar.addr, proposal(ModalityPerformedProcedureStep, StorageCommitmentPush), Options{})
	mpps, _ := a.ContextFor(ModalityPerformedProcedureStep)
	commitment, _ := a.ContextFor(StorageCommitmentPush)
	data := attribute(nil, dicom.PerformedProcedureStepID, "P1")
	for name, send := range map[string]func() (*Reply, error){
		"N-CREATE": func() (*Reply, error) { return a.NCreate(t.Context(), mpps, "1.2.3", data) },
		"N-SET":    func() (*Reply, error) { return a.NSet(t.Context(), mpps, "1.2.3", data) },
		"N-GET":    func() (*Reply, error) { return a.NGet(t.Context(), mpps, "1.2.3", dicom.StudyID, dicom.Modality) },
		"N-ACTION": func() (*Reply, error) { return a.NAction(t.Context(), commitment, StorageCommitmentInstance, 1, data) },
		"N-EVENT-REPORT": func() (*Reply, error) {
			return a.NEventReport(t.Context(), commitment, StorageCommitmentInstance, 2, data)
		},
		"N-DELETE": func() (*Reply, error) { return a.NDelete(t.Context(), mpps, "1.2.3") },
	} {
		reply, err := send()
		if err != nil {
			t.Fatal(name, err)
		}
		var got Command
		ar.set(func() { got = ar.events[len(ar.events)-1] })
		if got.Field.String() != name+"-RQ" || reply.Field != got.Field.Response() || reply.SOPInstance != got.SOPInstance {
			t.Errorf("%s: %+v %+v", name, got, reply.Command)
		}
		if name != "N-GET" && name != "N-DELETE" && !bytes.Equal(reply.Data, data) {
			t.Errorf("%s: data %d bytes", name, len(reply.Data))
		}
	}
}

// TestWindow has several operations open at once and answers them in reverse.
func TestWindow(t *testing.T) {
	const n = 4
	var mu sync.Mutex
	waiting := map[uint16]chan struct{}{}
	var order []uint16
	arrived := make(chan uint16, n)
	handler := func(ctx context.Context, _ *Association, m *Message) error {
		if _, err := io.Copy(io.Discard, m.Data); err != nil {
			return err
		}
		mu.Lock()
		turn := make(chan struct{})
		waiting[m.MessageID] = turn
		mu.Unlock()
		arrived <- m.MessageID
		<-turn
		return m.Reply(ctx, Success)
	}
	var ar archive
	ar.serve(t, func(s *Server) { s.Options.Handler, s.Options.Window = handler, n })
	a := dial(t, ar.addr, proposal(ctClass), Options{Window: n})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			s, err := a.Store(t.Context(), Object{SOPClass: ctClass, SOPInstance: dicom.UID(fmt.Sprintf("1.2.%d", i)), TransferSyntax: dicom.ImplicitLE, Data: bytes.NewReader(object(200_000, byte(i)))})
			if s != Success || err != nil {
				t.Error(s, err)
			}
		})
	}
	for range n {
		order = append(order, <-arrived)
	}
	for i := n - 1; i >= 0; i-- {
		close(waiting[order[i]])
	}
	wg.Wait()
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStoreSourceFailsBeforeAnythingIsSent(t *testing.T) {
	var ar archive
	ar.serve(t, nil)
	a := dial(t, ar.addr, proposal(ctClass, Verification), Options{})
	broken := errors.New("broken disk")
	_, err := a.Store(t.Context(), Object{SOPClass: ctClass, SOPInstance: "1.2", TransferSyntax: dicom.ImplicitLE, Data: iotest.ErrReader(broken)})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := a.Echo(t.Context()); err != nil {
		t.Errorf("association is not usable: %v", err)
	}
	late := io.MultiReader(bytes.NewReader(object(5<<20, 1)), iotest.ErrReader(broken))
	if _, err = a.Store(t.Context(), Object{SOPClass: ctClass, SOPInstance: "1.2", TransferSyntax: dicom.ImplicitLE, Data: late}); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := ar.waitEnd(); err == nil {
		t.Error("the peer must see an abort")
	}
	if len(ar.sums()) != 0 {
		t.Error("half an object was kept")
	}
}
