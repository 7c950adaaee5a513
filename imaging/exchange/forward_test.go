package exchange

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestObjectsArriveAsTheyAreKept(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
	dir := s.storescp("STORE", "+B", "+xa")
	s.run(s.Exchange)
	objects := study(1, 7)
	got := s.ended(s.forward(s.keep(objects...), "STORE").ID)
	if got.State != Done || got.Sent != 7 || got.Total != 7 {
		t.Fatalf("%+v", got)
	}
	have := dataSets(t, dir)
	for _, b := range objects {
		if uid, body := split(t, b); !bytes.Equal(have[uid], body) {
			t.Errorf("%s is another there", uid)
		}
	}
	events, err := s.db.Events(t.Context(), store.EventFilter{Acts: []string{"study.sent"}})
	must(t, err)
	if len(events) != 1 || events[0].Detail["ae_title"] != "STORE" || events[0].Detail["instances"] != "7" || events[0].Actor.ID != s.scope.Actor.ID {
		t.Errorf("%+v", events)
	}
}

const corpus = "../../../shared/data/imaging/pydicom_pydicom/src/pydicom/data/test_files"

// compress writes an object in JPEG-LS lossless by DCMTK.
func compress(t testing.TB, b []byte) []byte {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	must(t, os.WriteFile(in, b, 0o600))
	if text, err := exec.Command(tool(t, "dcmcjpls"), "+un", in, out).CombinedOutput(); err != nil {
		t.Fatalf("dcmcjpls: %v\n%s", err, text)
	}
	b, err := os.ReadFile(out)
	must(t, err)
	return b
}

func TestAPeerOfImplicitLittleEndianGetsPixelsDecoded(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
	dir := s.storescp("OLD", "+B", "+xi")
	s.run(s.Exchange)
	plainObject := study(2, 1)[0]
	got := s.ended(s.forward(s.keep(compress(t, plainObject)), "OLD").ID)
	if got.State != Done || got.Sent != 1 {
		t.Fatalf("%+v", got)
	}
	uid, _ := split(t, plainObject)
	ds, err := dicom.ReadDataSet(dataSets(t, dir)[uid], dicom.ImplicitLE, dicom.Limits{})
	must(t, err)
	if !bytes.HasSuffix(plainObject, ds.Find(0x7FE00010).Value) || len(ds.Find(0x7FE00010).Value) != 64*64*2 {
		t.Error("other pixels than before they were compressed")
	}
}

func TestWhatCannotBeWrittenForThePeerFailsAlone(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(corpus, "JPEG2000.dcm"))
	if err != nil {
		t.Skip("no corpus")
	}
	s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
	all := newSink(t).serve()
	s.know("ALL", all.addr)
	s.storescp("OLD", "+xi")
	s.run(s.Exchange)
	uid := s.keep(b)
	if got := s.ended(s.forward(uid, "ALL").ID); got.State != Done {
		t.Errorf("to a peer that takes it: %+v", got)
	}
	if got := s.ended(s.forward(uid, "OLD").ID); got.State != Failed && got.State != Done || got.Sent+got.Failed != 1 {
		t.Errorf("to one that does not: %+v", got) // Done once JPEG 2000 is decoded
	}
}

func TestADestinationThatIsDownGetsItLater(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
	address, _ := freePort(t)
	s.know("LATER", address)
	s.run(s.Exchange)
	id := s.forward(s.keep(study(3, 3)...), "LATER").ID
	waits := s.until(id, func(t Transfer) bool { return t.Tries >= 3 })
	if waits.Reason != "nothing listens at the address" || waits.Sent != 0 {
		t.Errorf("%+v", waits)
	}
	l, err := net.Listen("tcp", address)
	must(t, err)
	k := newSink(t).serveOn(l)
	if got := s.ended(id); got.State != Done || got.Sent != 3 || got.Reason != "" {
		t.Errorf("%+v", got)
	}
	if objects, stores := k.counts(); objects != 3 || stores != 3 {
		t.Errorf("%d objects in %d stores", objects, stores)
	}
}

func TestRefusalsAreTriedAgainOnlyWhenTheyMayPass(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
	objects := study(4, 4)
	never, _ := split(t, objects[1])
	later, _ := split(t, objects[2])
	k := newSink(t)
	k.answer = func(uid dicom.UID, before int) dimse.Status {
		switch {
		case uid == never:
			return dimse.SOPClassNotSupported
		case uid == later && before < 2:
			return dimse.OutOfResources
		}
		return dimse.Success
	}
	s.know("PICKY", k.serve().addr)
	s.run(s.Exchange)
	id := s.forward(s.keep(objects...), "PICKY").ID
	got := s.ended(id)
	if got.State != Failed || got.Sent != 3 || got.Refused != 1 || got.Failed != 0 {
		t.Errorf("%+v", got)
	}
	if k.got[later] != 3 || k.got[never] != 1 {
		t.Errorf("later %d times, never %d times", k.got[later], k.got[never])
	}
	k.answer = nil
	_, err := s.Retry(t.Context(), s.scope, id)
	must(t, err)
	if got := s.ended(id); got.State != Done || got.Sent != 4 || got.Refused != 0 {
		t.Errorf("after another try: %+v", got)
	}
	if _, stores := k.counts(); stores != 7 { // 1 + 1 + 3 + 1, and the one
		t.Errorf("%d stores", stores)
	}
}

func TestAnObjectThatBreaksTheAssociationDoesNotHoldUpTheOthers(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
	objects := study(5, 5)
	poison, _ := split(t, objects[1])
	k := newSink(t)
	s.know("FRAGILE", k.serve().addr)
	var broken sync.Map
	k.answer = func(uid dicom.UID, _ int) dimse.Status {
		if uid == poison {
			broken.Store(uid, true)
			panic("an application that cannot bear the object")
		}
		return dimse.Success
	}
	s.run(s.Exchange)
	got := s.ended(s.forward(s.keep(objects...), "FRAGILE").ID)
	if got.State != Failed || got.Sent != 4 || got.Failed != 1 {
		t.Errorf("%+v", got)
	}
	if k.got[poison] != brokenTries {
		t.Errorf("%d tries", k.got[poison])
	}
}

func TestWhatWasAcknowledgedIsNotSentAgainByTheNextRun(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		s := newSite(t, db, blobs)
		k := newSink(t)
		half := make(chan struct{})
		var once sync.Once
		k.answer = func(dicom.UID, int) dimse.Status {
			if _, n := k.counts(); n >= 20 {
				once.Do(func() { close(half) })
				time.Sleep(20 * time.Millisecond) // so that the rest is still to be sent when the run ends
			}
			return dimse.Success
		}
		s.know("SLOW", k.serve().addr)
		stop := s.run(s.Exchange)
		id := s.forward(s.keep(study(6, 40)...), "SLOW").ID
		<-half
		stop()
		middle, err := s.Transfer(t.Context(), s.scope, id)
		must(t, err)
		if middle.Ended() || middle.Sent < 19 || middle.Sent > 39 {
			t.Fatalf("not in the middle: %+v", middle)
		}
		s.Exchange = s.another(db)
		s.run(s.Exchange)
		if got := s.ended(id); got.State != Done || got.Sent != 40 {
			t.Errorf("%+v", got)
		}
		if objects, stores := k.counts(); objects != 40 || stores > 41 { // the one on the line may come twice
			t.Errorf("%d objects in %d stores", objects, stores)
		}
	})
}

func TestServersShareTheQueueAndSendNothingTwice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		s := newSite(t, db, blobs)
		k := newSink(t)
		k.answer = func(dicom.UID, int) dimse.Status { time.Sleep(time.Millisecond); return dimse.Success }
		s.know("SHARED", k.serve().addr)
		s.run(s.Exchange)
		s.run(s.another(db))
		var ids []TransferID
		for i := range 12 {
			ids = append(ids, s.forward(s.keep(study(uint64(100+i), 10)...), "SHARED").ID)
		}
		for _, id := range ids {
			if got := s.ended(id); got.State != Done || got.Sent != 10 {
				t.Errorf("%+v", got)
			}
		}
		objects, stores := k.counts()
		if objects != 120 || stores != 120 || len(k.twice) > 0 {
			t.Errorf("%d objects in %d stores, %d at the same time", objects, stores, len(k.twice))
		}
	})
}

func TestADeadRunIsTakenOver(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		s := newSite(t, db, storetest.Dir(t))
		k := newSink(t).serve()
		s.know("DEST", k.addr)
		id := s.forward(s.keep(study(7, 3)...), "DEST").ID
		r, err := s.claim(t.Context()) // and never does anything with it
		if err != nil || r == nil {
			t.Fatal(err)
		}
		if other, err := s.claim(t.Context()); err != nil || other != nil {
			t.Fatalf("two runs have it: %v", err)
		}
		s.run(s.another(db))
		if got := s.ended(id); got.State != Done {
			t.Errorf("%+v", got)
		}
		if err := r.held(t.Context()); err == nil {
			t.Error("the dead run thinks that it lives")
		}
	})
}

func TestCancelledTransfersEnd(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
	k := newSink(t)
	begun := make(chan struct{})
	var once sync.Once
	k.answer = func(dicom.UID, int) dimse.Status {
		once.Do(func() { close(begun) })
		time.Sleep(5 * time.Millisecond)
		return dimse.Success
	}
	s.know("DEST", k.serve().addr)
	s.run(s.Exchange)
	id := s.forward(s.keep(study(8, 100)...), "DEST").ID
	<-begun
	got, err := s.Cancel(t.Context(), s.scope, id)
	must(t, err)
	if got.State != Cancelled || got.EndedAt.IsZero() {
		t.Errorf("%+v", got)
	}
	if _, err := s.Cancel(t.Context(), s.scope, id); record.KindOf(err) != record.Precondition {
		t.Errorf("twice: %v", err)
	}
	if _, err := s.Retry(t.Context(), s.scope, id); err != nil {
		t.Fatal(err)
	}
	if got := s.ended(id); got.State != Done || got.Sent != 100 {
		t.Errorf("%+v", got)
	}
}

func TestWhoMayForwardWhatWhere(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
	uid := s.keep(study(9, 1)...)
	s.know("DEST", "127.0.0.1:1")
	s.know("BARE", "127.0.0.1")
	s.know("BLIND", "127.0.0.1:1")
	blind := s.devices["BLIND"]
	blind.Read = scopeOf(storetest.Dongba)
	s.devices["BLIND"] = blind
	all := []imaging.UIDs{{Study: uid}}
	for _, tt := range []struct {
		name  string
		scope record.Scope
		ask   ForwardRequest
		kind  record.Kind
	}{
		{"another institution's study", scopeOf(storetest.Dongba), ForwardRequest{Objects: all, To: "DEST"}, record.NotFound},
		{"no such study", s.scope, ForwardRequest{Objects: []imaging.UIDs{{Study: "1.2.3"}}, To: "DEST"}, record.NotFound},
		{"nothing named", s.scope, ForwardRequest{Objects: []imaging.UIDs{{}}, To: "DEST"}, record.Invalid},
		{"no such device", s.scope, ForwardRequest{Objects: all, To: "NOBODY"}, record.NotFound},
		{"a device without a port", s.scope, ForwardRequest{Objects: all, To: "BARE"}, record.Precondition},
		{"a device that might not read it", s.scope, ForwardRequest{Objects: all, To: "BLIND"}, record.Precondition},
	} {
		if _, err := s.Forward(t.Context(), tt.scope, tt.ask); record.KindOf(err) != tt.kind {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.kind)
		}
	}
	id := s.forward(uid, "DEST").ID
	for name, err := range map[string]error{
		"get":    second(s.Transfer(t.Context(), scopeOf(storetest.Dongba), id)),
		"cancel": second(s.Cancel(t.Context(), scopeOf(storetest.Dongba), id)),
		"retry":  second(s.Retry(t.Context(), scopeOf(storetest.Dongba), id)),
	} {
		if record.KindOf(err) != record.NotFound {
			t.Errorf("%s by another institution: %v", name, err)
		}
	}
	if list, err := s.Transfers(t.Context(), scopeOf(storetest.Dongba), TransferFilter{Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("list of another institution: %d, %v", len(list), err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestTransfersAreListedByWhatIsAsked(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		s := newSite(t, db, storetest.Dir(t))
		s.know("A", "127.0.0.1:1")
		s.know("B", "127.0.0.1:1")
		uid := s.keep(study(10, 1)...)
		one, two := s.forward(uid, "A"), s.forward(uid, "B", func(r *ForwardRequest) { r.Priority = record.Stat })
		for _, tt := range []struct {
			name string
			f    TransferFilter
			want []TransferID
		}{
			{"all, the newest first", TransferFilter{Limit: 10}, []TransferID{two.ID, one.ID}},
			{"one", TransferFilter{Limit: 1}, []TransferID{two.ID}},
			{"the next", TransferFilter{Limit: 1, Before: two.ID}, []TransferID{one.ID}},
			{"to a device", TransferFilter{Limit: 10, AETitle: "A"}, []TransferID{one.ID}},
			{"of a study", TransferFilter{Limit: 10, Study: one.Study, States: []State{Queued, Running}}, []TransferID{two.ID, one.ID}},
			{"none that ended", TransferFilter{Limit: 10, States: []State{Done}}, nil},
		} {
			list, err := s.Transfers(t.Context(), s.scope, tt.f)
			must(t, err)
			if got := each(list, func(t Transfer) TransferID { return t.ID }); fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
		if r, err := s.claim(t.Context()); err != nil || r == nil || r.t.ID != two.ID {
			t.Errorf("the urgent one does not go first: %v", err)
		}
		must(t, s.Sweep(context.Background()))
	})
}
