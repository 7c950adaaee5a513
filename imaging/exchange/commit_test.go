package exchange

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// promised reads what is kept as the answer of a request.
func (s *site) promised(id CommitmentID) (event uint16, kept int, reasons []int) {
	s.t.Helper()
	p, err := scanPromise(s.db.QueryRow(s.t.Context(), `SELECT `+promiseColumns+` FROM commitments c WHERE c.id = $1`, string(id)).Scan)
	must(s.t, err)
	ds, err := dicom.ReadDataSet(p.report, dicom.ExplicitLE, dicom.Limits{})
	must(s.t, err)
	for _, item := range ds.Items(failedSOPSequence) {
		n, _ := item.Int(failureReason)
		reasons = append(reasons, n)
	}
	return p.event, len(ds.Items(referencedSOPSequence)), reasons
}

func (s *site) refs(objects [][]byte) []imaging.Reference {
	return each(objects, func(b []byte) imaging.Reference {
		uid, _ := split(s.t, b)
		return imaging.Reference{SOPClass: "1.2.840.10008.5.1.4.1.1.2", SOPInstance: uid}
	})
}

func TestCommitmentIsGivenForWhatIsReallyKept(t *testing.T) {
	db, blobs := storetest.SQLite(t), storetest.Dir(t)
	s := newSite(t, db, blobs)
	objects := study(41, 3)
	s.keep(objects...)
	refs := s.refs(objects)
	other := slices.Clone(refs)
	other[1].SOPClass = "1.2.840.10008.5.1.4.1.1.4"
	unknown := append(slices.Clone(refs), imaging.Reference{SOPClass: refs[0].SOPClass, SOPInstance: "1.2.3.4"})
	used := worklist.NewUID()
	for _, tt := range []struct {
		name    string
		scope   record.Scope
		request *dicom.DataSet
		event   uint16
		kept    int
		reasons []int
	}{
		{"all", s.scope, actionInformation(used, refs), allCommitted, 3, nil},
		{"the same again", s.scope, actionInformation(used, refs), allCommitted, 3, nil},
		{"another request under the same UID", s.scope, actionInformation(used, refs[:1]), someFailed, 0, []int{0x0131}},
		{"another class", s.scope, actionInformation(worklist.NewUID(), other), someFailed, 2, []int{0x0119}},
		{"an object that never came", s.scope, actionInformation(worklist.NewUID(), unknown), someFailed, 3, []int{0x0112}},
		{"objects of others", scopeOf(storetest.Dongba), actionInformation(worklist.NewUID(), refs), someFailed, 0, []int{0x0112, 0x0112, 0x0112}},
	} {
		id, err := s.TakeCommitment(t.Context(), tt.scope, "CT", tt.request)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		event, kept, reasons := s.promised(id)
		if event != tt.event || kept != tt.kept || !slices.Equal(reasons, tt.reasons) {
			t.Errorf("%s: event %d, %d kept, reasons %x", tt.name, event, kept, reasons)
		}
	}
	for name, bad := range map[string]*dicom.DataSet{
		"no transaction": actionInformation("", refs), "no objects": actionInformation(worklist.NewUID(), nil),
		"no UIDs": actionInformation(worklist.NewUID(), []imaging.Reference{{}}),
	} {
		if _, err := s.TakeCommitment(t.Context(), s.scope, "CT", bad); record.KindOf(err) != record.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCommitmentIsNotGivenForAnIndexWithoutBytes(t *testing.T) {
	blobs := storetest.Dir(t)
	s := newSite(t, storetest.SQLite(t), blobs)
	objects := study(42, 2)
	s.keep(objects...)
	for b, err := range blobs.List(t.Context(), "", "") {
		must(t, err)
		must(t, blobs.Delete(t.Context(), b.Key))
	}
	id, err := s.TakeCommitment(t.Context(), s.scope, "CT", actionInformation(worklist.NewUID(), s.refs(objects)))
	must(t, err)
	if event, kept, reasons := s.promised(id); event != someFailed || kept != 0 || !slices.Equal(reasons, []int{0x0112, 0x0112}) {
		t.Errorf("event %d, %d kept, reasons %x", event, kept, reasons)
	}
}

// modality asks for commitment and hears reports at a port of its own.
type modality struct {
	mu    sync.Mutex
	heard []uint16
	roles []dimse.Roles
	ds    *dicom.DataSet
}

func (m *modality) handle(ctx context.Context, _ *dimse.Association, msg *dimse.Message) error {
	ds, err := readDataSet(msg)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.heard, m.roles, m.ds = append(m.heard, msg.EventType), append(m.roles, msg.Context.Roles), ds
	m.mu.Unlock()
	return msg.Reply(ctx, dimse.Success)
}

func (m *modality) reports() []uint16 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.heard)
}

func TestPromisesAreToldUntilTheyAreHeard(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		s := newSite(t, db, storetest.Dir(t))
		address, _ := freePort(t)
		s.know("CT", address)
		objects := study(43, 2)
		s.keep(objects...)
		id, err := s.TakeCommitment(t.Context(), s.scope, "CT", actionInformation(worklist.NewUID(), s.refs(objects)))
		must(t, err)
		err = s.db.Tx(t.Context(), func(tx *store.Tx) error { // as when the association that asked is gone
			_, err := tx.Exec(t.Context(), `UPDATE commitments SET next_at = 0 WHERE id = $1`, string(id))
			return err
		})
		must(t, err)
		stop := s.run(s.Exchange)
		s.promise(id, func(state string, tries int) bool { return tries >= 2 })
		stop()
		m := &modality{}
		l := listenAt(t, address)
		serveOn(t, l, m.handle)
		s.Exchange = s.another(db) // the next start of the program
		s.run(s.Exchange)
		s.promise(id, func(state string, tries int) bool { return state == "reported" })
		if got := m.reports(); !slices.Equal(got, []uint16{allCommitted}) || len(m.ds.Items(referencedSOPSequence)) != 2 {
			t.Errorf("%v", got)
		}
		if m.roles[0] != (dimse.Roles{SCP: true}) {
			t.Errorf("roles %+v", m.roles[0])
		}
	})
}

// promise waits until the row of a promise is as it should be.
func (s *site) promise(id CommitmentID, is func(state string, tries int) bool) {
	s.t.Helper()
	for range 3000 {
		var state string
		var tries int
		must(s.t, s.db.QueryRow(s.t.Context(), `SELECT state, tries FROM commitments WHERE id = $1`, string(id)).Scan(&state, &tries))
		if is(state, tries) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatal("the promise does not come so far")
}

// committer is a destination that answers requests for commitment.
func committer(t testing.TB, over func(a *dimse.Association, ds *dicom.DataSet)) *sink {
	k := newSink(t)
	k.event = func(ctx context.Context, a *dimse.Association, m *dimse.Message) error {
		ds, err := readDataSet(m)
		if err != nil {
			return err
		}
		if err := m.Reply(ctx, dimse.Success); err != nil {
			return err
		}
		go over(a, ds)
		return nil
	}
	return k.serve()
}

// report is the event information for a request, with some objects as failures.
func report(t testing.TB, request *dicom.DataSet, failures int) (uint16, []byte, *dicom.DataSet) {
	refs, err := references(request, referencedSOPSequence)
	must(t, err)
	p := promise{transaction: request.UID(transactionUID)}
	reasons := make([]uint16, len(refs))
	for i := range failures {
		reasons[i] = 0x0110
	}
	must(t, p.answer("DEST", refs, reasons))
	ds, err := dicom.ReadDataSet(p.report, dicom.ExplicitLE, dicom.Limits{})
	must(t, err)
	return p.event, p.report, ds
}

func TestDeliveredMeansCommittedWhereThatIsAskedFor(t *testing.T) {
	commit := func(r *ForwardRequest) { r.Commit = true }
	for _, tt := range []struct {
		name      string
		failures  int
		elsewhere bool // the answer comes over another association
		state     State
		committed int
	}{
		{"over the same association", 0, false, Done, 3},
		{"over another", 0, true, Done, 3},
		{"with failures", 2, false, Failed, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
			s.opt.Answer = 200 * time.Millisecond
			k := committer(t, func(a *dimse.Association, ds *dicom.DataSet) {
				event, b, again := report(t, ds, tt.failures)
				if tt.elsewhere {
					<-a.Done()
					if err := s.Committed(context.Background(), "DEST", again); err != nil {
						t.Error(err)
					}
					return
				}
				pc, err := a.ContextFor(dimse.StorageCommitmentPush)
				if err == nil {
					_, err = a.NEventReport(context.Background(), pc, dimse.StorageCommitmentInstance, event, b)
				}
				if err != nil {
					t.Error(err)
				}
			})
			s.know("DEST", k.addr)
			s.run(s.Exchange)
			got := s.ended(s.forward(s.keep(study(44, 3)...), "DEST", commit).ID)
			if got.State != tt.state || got.Committed != tt.committed || got.Failed != tt.failures {
				t.Errorf("%+v", got)
			}
			if err := s.Committed(t.Context(), "DEST", actionInformation(worklist.NewUID(), nil)); record.KindOf(err) != record.NotFound {
				t.Errorf("a transaction that is none of ours: %v", err)
			}
		})
	}
	t.Run("a device without storage commitment", func(t *testing.T) {
		s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
		s.storescp("STORE")
		s.run(s.Exchange)
		got := s.ended(s.forward(s.keep(study(45, 2)...), "STORE", commit).ID)
		if got.State != Failed || got.Sent != 0 || got.Failed != 2 || got.Reason == "" {
			t.Errorf("%+v", got)
		}
	})
}

func TestRoutesSendCompleteStudiesOnce(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		s := newSite(t, db, storetest.Dir(t))
		k := newSink(t).serve()
		s.know("PACS", k.addr)
		s.run(s.Exchange)
		s.run(s.another(db))
		for _, r := range []Route{{AETitle: "PACS", Modality: "CT"}, {AETitle: "PACS", Modality: "MR"}} {
			_, err := s.CreateRoute(t.Context(), s.scope, r)
			must(t, err)
		}
		if _, err := s.CreateRoute(t.Context(), s.scope, Route{AETitle: "PACS", Modality: "CT"}); record.KindOf(err) != record.Conflict {
			t.Errorf("twice: %v", err)
		}
		if _, err := s.CreateRoute(t.Context(), s.scope, Route{AETitle: "PACS", Institution: storetest.Dongba}); record.KindOf(err) != record.NotFound {
			t.Errorf("for another institution: %v", err)
		}
		objects := study(46, 5)
		uid := s.keep(objects[:3]...)
		for n, more := range [][][]byte{objects[3:4], objects[4:], nil} { // complete, and complete again when more has come
			_, err := s.centre.Finish(t.Context(), s.scope, imaging.Finish{Study: uid, Priority: []record.Priority{record.Routine, record.Urgent, record.Stat}[n]})
			must(t, err)
			s.arrived(k, 3+n)
			s.keep(more...)
		}
		list, err := s.Transfers(t.Context(), s.scope, TransferFilter{Limit: 10})
		must(t, err)
		if objects, stores := k.counts(); objects != 5 || stores != 5 || len(list) != 3 {
			t.Errorf("%d objects in %d stores by %d transfers", objects, stores, len(list))
		}
		routes, err := s.Routes(t.Context(), s.scope, "", 10)
		must(t, err)
		for _, r := range routes {
			if _, err := s.DeleteRoute(t.Context(), scopeOf(storetest.Dongba), r.ID); record.KindOf(err) != record.NotFound {
				t.Errorf("another institution deletes: %v", err)
			}
			_, err := s.DeleteRoute(t.Context(), s.scope, r.ID)
			must(t, err)
		}
	})
}

// arrived waits until a destination has so many objects.
func (s *site) arrived(k *sink, n int) {
	s.t.Helper()
	for range 3000 {
		if objects, _ := k.counts(); objects >= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatalf("%d objects did not arrive", n)
}

func listenAt(t testing.TB, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	must(t, err)
	return l
}

// serveOn answers everything that comes to a listener with a handler; it takes the roles that are asked for.
func serveOn(t testing.TB, l net.Listener, h dimse.Handler) {
	t.Helper()
	srv := &dimse.Server{Grace: time.Second, Options: dimse.Options{Handler: h}, Accept: func(_ *dimse.Request, p *dimse.Proposal) dimse.Answer {
		a := dimse.Choose(p, p.TransferSyntaxes...)
		a.Roles = p.Roles
		return a
	}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done })
}
