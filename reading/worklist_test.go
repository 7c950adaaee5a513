package reading

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestWorklistOrderAndPages(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		h := newHall(t, db, Options{})
		ctx := t.Context()
		pri := []record.Priority{record.Routine, record.Stat, record.Urgent}
		for i := range 23 {
			h.open(storetest.Suwu, func(e *record.Exam) { e.Priority = pri[i%3] })
		}
		all, token, err := h.room.Cases(ctx, doctor("li"), CaseFilter{})
		if err != nil || token != "" || len(all) != 23 {
			t.Fatalf("%d %q %v", len(all), token, err)
		}
		if !slices.IsSortedFunc(all, func(a, b Case) int {
			if d := a.Exam.Priority.Rank() - b.Exam.Priority.Rank(); d != 0 {
				return d
			}
			return a.DueAt.Compare(b.DueAt)
		}) {
			t.Fatal("not in order")
		}
		var paged []Case
		f := CaseFilter{PageSize: 4}
		for {
			page, next, err := h.room.Cases(ctx, doctor("li"), f)
			if err != nil || len(page) > 4 {
				t.Fatalf("%d %v", len(page), err)
			}
			paged = append(paged, page...)
			if next == "" {
				break
			}
			f.PageToken = next
		}
		ids := func(cs []Case) (out []string) {
			for _, c := range cs {
				out = append(out, string(c.ID))
			}
			return out
		}
		if d := cmp.Diff(ids(all), ids(paged)); d != "" {
			t.Fatal(d)
		}
	})
}

func TestWorklistFilters(t *testing.T) {
	h, clock := clocked(t, Options{DueBy: map[string]Due{"ECG": {Routine: 10 * time.Minute}}})
	ctx := t.Context()
	li := doctor("li")
	ct := h.open(storetest.Suwu, nil)
	dr := h.open(storetest.Dongba, func(e *record.Exam) { e.Modality, e.Priority = "DX", record.Urgent })
	ecg := h.open(storetest.Dongba, func(e *record.Exam) { e.Kind, e.Modality, e.Centre = record.ECG, "ECG", "minqin-ecg" })
	done := h.open(storetest.Suwu, nil)
	h.signed(done, li, doctor("wang"))
	mine := h.open(storetest.Suwu, nil)
	must(h.room.Claim(ctx, li, mine, false, ""))(t)
	must(0, h.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE patients SET name = '欧阳_明', latin = 'Ouyang^Ming' WHERE id = $1`, string(h.get(ct).Exam.Patient))
		return err
	}))(t)
	clock.move(15 * time.Minute)
	for _, tt := range []struct {
		name string
		f    CaseFilter
		want []record.CaseID
	}{
		{"default: open", CaseFilter{}, []record.CaseID{ct, dr, ecg, mine}},
		{"kind", CaseFilter{Kind: record.ECG}, []record.CaseID{ecg}},
		{"centre", CaseFilter{Centre: centre}, []record.CaseID{ct, dr, mine}},
		{"states", CaseFilter{States: []State{Signed}}, []record.CaseID{done}},
		{"open states", CaseFilter{States: []State{Waiting}}, []record.CaseID{ct, dr, ecg}},
		{"two states", CaseFilter{States: []State{Signed, Claimed}}, []record.CaseID{done, mine}},
		{"priorities", CaseFilter{Priorities: []record.Priority{record.Urgent, record.Stat}}, []record.CaseID{dr}},
		{"modalities", CaseFilter{Modalities: []string{"DX", "ECG"}}, []record.CaseID{dr, ecg}},
		{"institution", CaseFilter{Institution: storetest.Dongba}, []record.CaseID{dr, ecg}},
		{"me", CaseFilter{Holder: "me"}, []record.CaseID{mine}},
		{"holder", CaseFilter{Holder: "wang"}, nil},
		{"patient", CaseFilter{Patient: h.get(dr).Exam.Patient}, []record.CaseID{dr}},
		{"overdue", CaseFilter{OverdueOnly: true}, []record.CaseID{ecg}},
		{"name: part", CaseFilter{PatientName: "阳_"}, []record.CaseID{ct}},
		{"name: no wildcard", CaseFilter{PatientName: "张%"}, nil},
		{"name: pinyin", CaseFilter{PatientName: "ouyang"}, []record.CaseID{ct}},
		{"quote", CaseFilter{PatientName: `' OR 1=1 --`}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cs, _, err := h.room.Cases(ctx, li, tt.f)
			if err != nil {
				t.Fatal(err)
			}
			var got []record.CaseID
			for _, c := range cs {
				got = append(got, c.ID)
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Fatal(d)
			}
		})
	}
	if c := h.get(ecg); !c.Overdue || c.DueAt.Sub(c.OpenedAt) != 10*time.Minute {
		t.Fatalf("%+v", c)
	}
}

func TestForeignPageTokens(t *testing.T) {
	h, _ := clocked(t, Options{})
	for _, tt := range []string{"x", "!!!", enc(" "), enc("1 2"), enc("3 1 a"), enc("-1 1 a"), enc("0 -5 a"), enc("0 1 a b"), enc("0 1 ../x"), enc("0 x a")} {
		_, _, err := h.room.Cases(t.Context(), doctor("li"), CaseFilter{PageToken: tt})
		wantKind(t, err, record.Invalid)
	}
	_, _, err := h.room.Criticals(t.Context(), doctor("li"), CriticalFilter{PageToken: "' OR"})
	wantKind(t, err, record.Invalid)
}

func enc(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestDueFollowsPriority(t *testing.T) {
	h, clock := clocked(t, Options{})
	ctx := t.Context()
	id := h.open(storetest.Suwu, nil)
	opened := h.get(id).OpenedAt
	clock.move(time.Hour)
	if c := must(h.room.SetPriority(ctx, doctor("li"), id, record.Stat))(t); !c.DueAt.Equal(opened.Add(90 * time.Minute)) {
		t.Fatalf("raised: %v", c.DueAt)
	}
	if c := must(h.room.SetPriority(ctx, doctor("li"), id, record.Urgent))(t); !c.DueAt.Equal(opened.Add(2 * time.Hour)) {
		t.Fatalf("lowered: %v", c.DueAt)
	}
	clock.move(61 * time.Minute)
	if !h.get(id).Overdue {
		t.Fatal("not overdue")
	}
	_, err := h.room.SetPriority(ctx, doctor("li"), id, "NOW")
	wantKind(t, err, record.Invalid)
}

func TestPriorsCountOtherResultsOfThePerson(t *testing.T) {
	h, _ := clocked(t, Options{})
	first := h.open(storetest.Suwu, nil)
	patient := h.get(first).Exam.Patient
	h.signed(first, doctor("li"), doctor("wang"))
	second := h.open(storetest.Dongba, func(e *record.Exam) { e.Patient = patient })
	if h.get(first).Priors != 0 || h.get(second).Priors != 1 {
		t.Fatalf("%d %d", h.get(first).Priors, h.get(second).Priors)
	}
	must(h.room.Withdraw(t.Context(), doctor("li"), first, "r"))(t)
	if h.get(second).Priors != 0 {
		t.Fatal("a withdrawn result counts")
	}
}

// crowd makes n open cases among ten times as many signed ones in three statements.
func crowd(b testing.TB, h *hall, n int) {
	b.Helper()
	ctx := context.Background()
	now := record.Micros(h.db.Now())
	err := h.db.Tx(ctx, func(tx *store.Tx) error {
		for i := range 11 * n {
			pid, open := fmt.Sprintf("p%d", i), i%11 == 0
			state, listed := Signed, 0
			if open {
				state, listed = Waiting, 1
			}
			if _, err := tx.Exec(ctx, `INSERT INTO patients (id, person, name, latin, birth_date, sex, name_key, created_at)
				VALUES ($1, $1, $2, 'Zhang^San', '1960-01-01', 'M', '', 1)`, pid, fmt.Sprintf("张%d", i)); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO cases (id, exam_id, kind, centre_id, institution_id, patient_id, modality, title, priority,
				state, rest, listed, urgency, opened_at, due_at, version) VALUES ($1,$2,'imaging','minqin-imaging',$3,$4,$5,'CT','ROUTINE',$6,$6,$7,$8,$9,$10,1)`,
				record.NewID(h.db.Now()), fmt.Sprintf("e%d", i), string([]record.InstitutionID{storetest.Suwu, storetest.Dongba, storetest.Hongshagang}[i%3]),
				pid, []string{"CT", "DX", "MR"}[i%3], string(state), listed, i%3, now, now+int64(i)*1000); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkWorklist(b *testing.B) {
	h := newHall(b, storetest.SQLite(b), Options{})
	crowd(b, h, 5000)
	for _, bb := range []struct {
		name string
		f    CaseFilter
	}{
		{"first page", CaseFilter{PageSize: 50}},
		{"one modality", CaseFilter{PageSize: 50, Modalities: []string{"MR"}}},
		{"name", CaseFilter{PageSize: 50, PatientName: "张549"}},
		{"open states", CaseFilter{PageSize: 50, States: []State{Waiting, Claimed, Submitted, Returned}}},
		{"signed", CaseFilter{PageSize: 50, States: []State{Signed}}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				if _, _, err := h.room.Cases(context.Background(), doctor("li"), bb.f); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
	b.Run("deep page", func(b *testing.B) {
		deep := CaseFilter{PageSize: 50}
		for range 80 {
			_, next, err := h.room.Cases(context.Background(), doctor("li"), deep)
			if err != nil {
				b.Fatal(err)
			}
			deep.PageToken = next
		}
		var took []time.Duration
		for b.Loop() {
			begun := time.Now()
			if _, _, err := h.room.Cases(context.Background(), doctor("li"), deep); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(begun))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	})
}
