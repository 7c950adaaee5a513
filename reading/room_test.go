// What the tests of the room share: a county, three doctors, two clinics, exams, a clock.

package reading

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

const centre = record.CentreID("minqin-imaging")

// hall is a room with what stands around it.
type hall struct {
	t     testing.TB
	db    *store.DB
	blobs store.Blobs
	room  *Room
	n     atomic.Int64
}

func newHall(t testing.TB, db *store.DB, opt Options) *hall {
	t.Helper()
	storetest.County(t, db)
	blobs := storetest.Dir(t)
	return &hall{t: t, db: db, blobs: blobs, room: NewRoom(db, blobs, opt)}
}

// hand is a clock that tests move.
type hand struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hand) Now() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now }

func (h *hand) move(d time.Duration) { h.mu.Lock(); defer h.mu.Unlock(); h.now = h.now.Add(d) }

// clocked is a hall on SQLite whose clock stands still.
func clocked(t testing.TB, opt Options) (*hall, *hand) {
	t.Helper()
	clock := &hand{now: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "index.sqlite"), store.Options{Now: clock.Now, Keys: storetest.Keys(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return newHall(t, db, opt), clock
}

// doctor reads for all townships of Minqin.
func doctor(id string) record.Scope {
	return record.Scope{
		Actor:   record.Actor{Kind: record.ActorUser, ID: id, Institution: storetest.LeadHospital, Display: "Dr " + id},
		Purpose: record.Treatment, Institutions: []record.InstitutionID{storetest.Dongba, storetest.Hongshagang, storetest.Suwu},
	}
}

// clinic is a user of a township who sees what it sent.
func clinic(id string, at record.InstitutionID) record.Scope {
	return record.Scope{
		Actor:   record.Actor{Kind: record.ActorUser, ID: id, Institution: at, Display: "N " + id},
		Purpose: record.Treatment, Institutions: []record.InstitutionID{at},
	}
}

func (h *hall) patient(tx *store.Tx, name string) record.PatientID {
	h.t.Helper()
	n := h.n.Add(1)
	m, err := tx.MatchPatient(context.Background(), record.Demographics{
		Issuer: storetest.Suwu, LocalID: record.Personal(fmt.Sprintf("L%d", n)),
		Name: record.Personal(name), Latin: "Zhang^San", BirthDate: record.Date{Year: 1960, Month: 2, Day: 3}, Sex: record.Male,
	})
	if err != nil {
		h.t.Error(err)
	}
	return m.Patient
}

func exam(id string, at record.InstitutionID, patient record.PatientID) record.Exam {
	t := time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)
	return record.Exam{
		ID: record.ExamID(id), Kind: record.Imaging, Centre: centre, Institution: at, Patient: patient, Grade: record.Certain,
		Modality: "CT", BodyPart: "CHEST", Procedure: "CT-CHEST", Accession: "A" + id, Title: "胸部CT平扫", Priority: record.Routine,
		PerformedAt: t, ReceivedAt: t.Add(time.Minute), Complete: true,
	}
}

// open opens the case of a new exam; change may change the exam first.
func (h *hall) open(at record.InstitutionID, change func(*record.Exam)) record.CaseID {
	h.t.Helper()
	var id record.CaseID
	n := h.n.Add(1)
	err := h.db.Tx(context.Background(), func(tx *store.Tx) error {
		e := exam(fmt.Sprintf("exam-%d", n), at, h.patient(tx, "张三"))
		if change != nil {
			change(&e)
		}
		var err error
		id, err = h.room.Open(context.Background(), tx, e, "咳嗽三天")
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

func (h *hall) reopen(e record.Exam, info string) record.CaseID {
	h.t.Helper()
	var id record.CaseID
	err := h.db.Tx(context.Background(), func(tx *store.Tx) error {
		var err error
		id, err = h.room.Open(context.Background(), tx, e, info)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

func (h *hall) get(id record.CaseID) Case {
	h.t.Helper()
	return must(h.room.caseIn(context.Background(), h.db, record.Scope{All: true}, id))(h.t)
}

// signed takes a case all the way.
func (h *hall) signed(id record.CaseID, author, reviewer record.Scope) Report {
	h.t.Helper()
	ctx := context.Background()
	must(h.room.Claim(ctx, author, id, false, ""))(h.t)
	must(h.room.Submit(ctx, author, id, text("右肺结节"), ""))(h.t)
	return must(h.room.Sign(ctx, reviewer, id, ""))(h.t)
}

func text(impression string) *Text {
	return &Text{Findings: "所见 " + impression, Impression: impression, Positive: true}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatalf("unexpected: %v (%v)", err, record.KindOf(err))
		}
		return v
	}
}

func wantKind(t testing.TB, err error, k record.Kind) {
	t.Helper()
	if err == nil || record.KindOf(err) != k {
		t.Fatalf("want %v, got %v (%v)", k, err, record.KindOf(err))
	}
}

// acts lists the acts of all events that begin with one of the prefixes.
func (h *hall) acts(prefix ...string) []string {
	h.t.Helper()
	evs := must(h.db.Events(context.Background(), store.EventFilter{Acts: prefix, Limit: 10000}))(h.t)
	out := make([]string, len(evs))
	for i, e := range evs {
		out[i] = e.Act
	}
	return out
}
