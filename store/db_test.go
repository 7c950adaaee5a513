package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func event(act, object string) record.Event {
	return record.Event{
		At: time.Date(2026, 5, 6, 7, 8, 9, 123456000, time.UTC), Act: act, Kind: "study", Object: object,
		Actor:   record.Actor{Kind: record.ActorUser, ID: "u1", Institution: "minqin-suwu", Display: "测试医生"},
		Purpose: record.Treatment, Institution: "minqin-suwu", Patient: "p1", Outcome: record.Success, Rule: "r1",
		Detail: map[string]string{"count": "3", "reason": "<&> 理由"},
	}
}

func emit(t *testing.T, db *store.DB, events ...record.Event) {
	t.Helper()
	must(t, db.Tx(t.Context(), func(tx *store.Tx) error {
		for _, e := range events {
			tx.Emit(e)
		}
		return nil
	}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, k record.Kind) {
	t.Helper()
	if err == nil || record.KindOf(err) != k {
		t.Fatalf("got error %v of kind %v, want kind %v", err, record.KindOf(err), k)
	}
}

func TestEventsComeBackAsTheyWereAndVerify(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		want := []record.Event{event("study.received", "s1"), event("case.opened", "c1"), event("case.signed", "c1")}
		emit(t, db, want...)
		for i := range want {
			want[i].Seq = int64(i + 1)
		}
		got, err := db.Events(t.Context(), store.EventFilter{})
		must(t, err)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		bad := event("x", "nul\x00 and \xff")
		must(t, db.Note(t.Context(), bad))
		proof, err := db.VerifyEvents(t.Context())
		must(t, err)
		if proof.Count != 4 || len(proof.Head) != 64 {
			t.Fatalf("proof %+v", proof)
		}
	})
}

func TestEventFilter(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		for i, act := range []string{"study.received", "case.opened", "case.signed", "casework"} {
			e := event(act, fmt.Sprint("o", i))
			e.At = e.At.Add(time.Duration(i) * time.Hour)
			if i == 3 {
				e.Institution, e.Patient = "minqin-dongba", "p2"
				e.Actor.ID = "u2"
			}
			emit(t, db, e)
		}
		at := event("", "").At
		for _, c := range []struct {
			name string
			f    store.EventFilter
			want []int64
		}{
			{"all", store.EventFilter{}, []int64{1, 2, 3, 4}},
			{"after", store.EventFilter{After: 2}, []int64{3, 4}},
			{"limit", store.EventFilter{Limit: 2}, []int64{1, 2}},
			{"newest first", store.EventFilter{Desc: true, Limit: 2}, []int64{4, 3}},
			{"newest first, before", store.EventFilter{Desc: true, After: 3}, []int64{2, 1}},
			{"prefix", store.EventFilter{Acts: []string{"case."}}, []int64{2, 3}},
			{"prefix and exact", store.EventFilter{Acts: []string{"case.", "casework"}}, []int64{2, 3, 4}},
			{"institution", store.EventFilter{Institution: "minqin-dongba"}, []int64{4}},
			{"patient", store.EventFilter{Patient: "p1"}, []int64{1, 2, 3}},
			{"object", store.EventFilter{Object: "o2"}, []int64{3}},
			{"actor", store.EventFilter{Actor: "u2"}, []int64{4}},
			{"from to", store.EventFilter{From: at.Add(time.Hour), To: at.Add(3 * time.Hour)}, []int64{2, 3}},
			{"scope", store.EventFilter{Scope: &record.Scope{Institutions: []record.InstitutionID{"minqin-suwu"}}}, []int64{1, 2, 3}},
			{"zero scope", store.EventFilter{Scope: &record.Scope{}}, nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				events, err := db.Events(t.Context(), c.f)
				must(t, err)
				var got []int64
				for _, e := range events {
					got = append(got, e.Seq)
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Fatal(d)
				}
			})
		}
	})
}

func TestEventNumbersAreGaplessUnderConcurrency(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		const writers, each = 8, 15
		refused := errors.New("rolled back")
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					err := db.Tx(t.Context(), func(tx *store.Tx) error {
						tx.Emit(event("a", fmt.Sprint(w, i)))
						tx.Emit(event("b", fmt.Sprint(w, i)))
						if i%5 == 4 {
							return refused
						}
						return nil
					})
					if err != nil && !errors.Is(err, refused) {
						t.Error(err)
					}
					if err := db.Note(t.Context(), event("n", "")); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		const want = writers * (each*3 - each/5*2)
		proof, err := db.VerifyEvents(t.Context())
		must(t, err)
		head, err := db.Head(t.Context())
		must(t, err)
		if proof.Count != want || head != want {
			t.Fatalf("verified %d, head %d, want %d", proof.Count, head, want)
		}
	})
}

func TestManyEventsInOneTransaction(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		emit(t, db, slices.Repeat([]record.Event{event("many", "")}, 1001)...)
		proof, err := db.VerifyEvents(t.Context())
		must(t, err)
		if proof.Count != 1001 {
			t.Fatal(proof)
		}
	})
}

func TestVerifyFindsTampering(t *testing.T) {
	for _, c := range []struct{ name, sql, want string }{
		{"changed", `UPDATE events SET object_id = 'other' WHERE seq = 5`, "event 5 was changed, or the one before it"},
		{"changed time", `UPDATE events SET at = at + 1 WHERE seq = 1`, "event 1 was changed, or the one before it"},
		{"changed detail", `UPDATE events SET detail = '{}' WHERE seq = 10`, "event 10 was changed, or the one before it"},
		{"deleted", `DELETE FROM events WHERE seq = 4`, "event 4 is missing"},
		{"deleted first", `DELETE FROM events WHERE seq = 1`, "event 1 is missing"},
		{"cut off", `DELETE FROM events WHERE seq > 7`, "event 8 and what follows is missing"},
		{"all gone", `DELETE FROM events`, "event 1 and what follows is missing"},
		{"reordered", `UPDATE events SET seq = CASE seq WHEN 2 THEN 100 ELSE 2 END WHERE seq IN (2, 3)`, "event 100"},
		{"appended", `INSERT INTO events SELECT 11, at, act, actor_kind, actor_id, actor_org, actor_name, purpose, institution_id,
			patient_id, kind, object_id, outcome, rule, detail, hash FROM events WHERE seq = 10`, "event 11 is beyond the head"},
		{"other head", `UPDATE event_head SET hash = 'x'`, "event 10 does not agree with the head"},
		{"swapped", `UPDATE events SET object_id = CASE seq WHEN 2 THEN 'o3' ELSE 'o2' END WHERE seq IN (2, 3)`, "event 2 was changed, or the one before it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			storetest.EachDB(t, func(t *testing.T, db *store.DB) {
				if c.name == "reordered" {
					t.Skip("a primary key cannot be exchanged in one statement; see swapped")
				}
				for i := range 10 {
					emit(t, db, event("act", fmt.Sprint("o", i+1)))
				}
				must(t, db.Tx(t.Context(), func(tx *store.Tx) error {
					_, err := tx.Exec(t.Context(), c.sql)
					return err
				}))
				_, err := db.VerifyEvents(t.Context())
				wantKind(t, err, record.Precondition)
				if err.Error() != c.want {
					t.Fatalf("got %q, want %q", err, c.want)
				}
			})
		})
	}
}

func TestWaitLosesNoWakeup(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		const n = 60
		done := make(chan error, 1)
		go func() {
			var seen int64
			for seen < n {
				if err := db.Wait(t.Context(), seen); err != nil {
					done <- err
					return
				}
				head, err := db.Head(t.Context())
				if err != nil || head <= seen {
					done <- fmt.Errorf("woken at %d, head %d: %w", seen, head, err)
					return
				}
				seen = head
			}
			done <- nil
		}()
		begun := time.Now()
		for range n {
			must(t, db.Note(t.Context(), event("tick", "")))
		}
		must(t, <-done)
		if d := time.Since(begun); d > 10*time.Second {
			t.Errorf("took %v: it was the poll that woke", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := db.Wait(ctx, n); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	})
}

func TestOtherProcessWakesThroughPostgres(t *testing.T) {
	url := storetest.PostgresURL(t)
	a, b := storetest.Open(t, url), storetest.Open(t, url)
	time.Sleep(200 * time.Millisecond) // b listens
	for i := range 5 {
		woken := make(chan error, 1)
		go func() { woken <- b.Wait(t.Context(), int64(i)) }()
		time.Sleep(20 * time.Millisecond)
		begun := time.Now()
		must(t, a.Note(t.Context(), event("x", "")))
		must(t, <-woken)
		if d := time.Since(begun); d > 500*time.Millisecond {
			t.Errorf("woken after %v", d)
		}
	}
	// The listener comes back when its connection is cut.
	_, err := a.Query(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`)
	must(t, err)
	time.Sleep(600 * time.Millisecond)
	woken := make(chan error, 1)
	go func() { woken <- b.Wait(t.Context(), 5) }()
	must(t, a.Note(t.Context(), event("x", "")))
	must(t, <-woken)
}

func TestCloseAnswersWaitersAndNotes(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		waited := make(chan error, 1)
		go func() { waited <- db.Wait(t.Context(), 1<<40) }()
		time.Sleep(20 * time.Millisecond)
		must(t, db.Close())
		if err := <-waited; err == nil {
			t.Fatal("Wait returned without an event")
		}
		wantKind(t, db.Note(t.Context(), event("late", "")), record.Unavailable)
	})
}

func TestTransactionRollsBackAsAWhole(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		err := db.Tx(t.Context(), func(tx *store.Tx) error {
			tx.Emit(event("x", ""))
			must(t, tx.PutInstitution(t.Context(), store.Institution{ID: "a", Name: "甲", Kind: store.Township}))
			return record.Errorf(record.Invalid, "no")
		})
		wantKind(t, err, record.Invalid)
		head, err := db.Head(t.Context())
		must(t, err)
		if head != 0 {
			t.Fatal("an event of a rolled back transaction was kept")
		}
		_, err = db.Institution(t.Context(), "a")
		wantKind(t, err, record.NotFound)
	})
}

func TestArgumentsThatDriversDisagreeOn(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		for _, arg := range []any{record.Personal("王小明"), record.IDNumber("x"), time.Now()} {
			if _, err := db.Query(t.Context(), `SELECT id FROM patients WHERE name = $1`, arg); err == nil {
				t.Errorf("%T was taken as an argument", arg)
			}
		}
		err := db.QueryRow(t.Context(), `SELECT id FROM patients WHERE id = $1`, "none").Scan(new(string))
		if !errors.Is(err, sql.ErrNoRows) {
			t.Fatal(err)
		}
	})
}

func TestConstraintFaultsHaveKinds(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		wantKind(t, db.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.PutRelation(t.Context(), store.Relation{Child: "no", Parent: "where", Kind: store.MemberOf})
		}), record.Precondition)
		wantKind(t, db.Tx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO event_head (one, seq, hash) VALUES (1, 1, '')`)
			return err
		}), record.Conflict)
	})
}

func TestDeadlockedTransactionsAreTriedAgain(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		var wg sync.WaitGroup
		for _, names := range [][2]string{{"a", "b"}, {"b", "a"}} {
			wg.Go(func() {
				err := db.Tx(t.Context(), func(tx *store.Tx) error {
					if err := tx.Lock(t.Context(), names[0]); err != nil {
						return err
					}
					time.Sleep(50 * time.Millisecond)
					tx.Emit(event("x", names[0]))
					return tx.Lock(t.Context(), names[1])
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		head, err := db.Head(t.Context())
		must(t, err)
		if head != 2 {
			t.Errorf("%d events, want 2: a second try must not keep those of the first", head)
		}
	})
}

func TestCutConnectionIsUnavailable(t *testing.T) {
	db := storetest.Postgres(t)
	err := db.Tx(t.Context(), func(tx *store.Tx) error {
		var pid int
		if err := tx.QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
			return err
		}
		if err := db.QueryRow(t.Context(), `SELECT CASE WHEN pg_terminate_backend($1) THEN 1 ELSE 0 END`, pid).Scan(new(int)); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), `UPDATE event_head SET seq = seq`)
		return err
	})
	wantKind(t, err, record.Unavailable)
	must(t, db.Note(t.Context(), event("x", "")))
}

func TestReopenKeepsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "with space ?#%", "index.sqlite")
	for i := range 3 {
		db, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
		must(t, err)
		must(t, db.Note(t.Context(), event("x", "")))
		head, err := db.Head(t.Context())
		must(t, err)
		if head != int64(i+1) {
			t.Fatal(head)
		}
		must(t, db.Close())
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
}

func TestBackupIsAUsableCopy(t *testing.T) {
	db := storetest.SQLite(t)
	storetest.County(t, db)
	path := filepath.Join(t.TempDir(), "copy.sqlite")
	must(t, db.Backup(t.Context(), path))
	wantKind(t, db.Backup(t.Context(), path), record.Conflict)
	copied := storetest.Open(t, "sqlite:"+path)
	want, err := db.VerifyEvents(t.Context())
	must(t, err)
	got, err := copied.VerifyEvents(t.Context())
	must(t, err)
	if got != want {
		t.Fatalf("copy has %+v, want %+v", got, want)
	}
}

func TestFullDiskIsUnavailable(t *testing.T) {
	db := storetest.SQLite(t)
	var pages int
	must(t, db.QueryRow(t.Context(), `PRAGMA page_count`).Scan(&pages))
	must(t, db.Tx(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+2)).Scan(&pages)
	}))
	e := event("x", "")
	e.Detail = map[string]string{"fill": string(slices.Repeat([]byte("x"), 100<<10))}
	wantKind(t, db.Note(t.Context(), e), record.Unavailable)
}

func TestUnreachablePostgresIsUnavailable(t *testing.T) {
	_, err := store.Open(t.Context(), "postgres://nobody@127.0.0.1:1/none", store.Options{})
	wantKind(t, err, record.Unavailable)
	_, err = store.Open(t.Context(), "mysql://x", store.Options{})
	wantKind(t, err, record.Invalid)
}

func TestPostgresMigratesOnceForManyGateways(t *testing.T) {
	url := storetest.PostgresURL(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			db, err := store.Open(t.Context(), url, store.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestNoteSoonLeavesOtherCommitsDurable(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		var before string
		ask := map[string]string{"sqlite": `PRAGMA synchronous`, "postgres": `SHOW synchronous_commit`}[db.Dialect()]
		setting := func() (v string) {
			must(t, db.Tx(ctx, func(tx *store.Tx) error { return tx.QueryRow(ctx, ask).Scan(&v) }))
			return v
		}
		before = setting()
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				note := db.NoteSoon
				if i%4 == 0 {
					note = db.Note
				}
				if err := note(ctx, event("soon", "")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if after := setting(); after != before {
			t.Errorf("commits wait for the disk: %q, before %q", after, before)
		}
		found, err := db.Events(ctx, store.EventFilter{Acts: []string{"soon"}})
		must(t, err)
		if len(found) != 40 {
			t.Errorf("%d events", len(found))
		}
		_, err = db.VerifyEvents(ctx)
		must(t, err)
	})
}
