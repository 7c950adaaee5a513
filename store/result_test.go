package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestQualityStaysWithTheResult(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		ctx, all := t.Context(), record.Scope{All: true}
		storetest.County(t, db)
		patient := match(t, db, person(storetest.Suwu, "A1", "王小明", "19800101", record.Male)).Patient
		now := db.Now().UTC().Truncate(time.Microsecond)
		put := func(r record.Result) error {
			return db.Tx(ctx, func(tx *store.Tx) error { return tx.PutResult(ctx, r) })
		}
		want := func(step string, want ...record.Result) {
			t.Helper()
			got, err := db.ResultsOf(ctx, all, patient, time.Time{})
			must(t, err)
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%s: %s", step, d)
			}
		}
		plain := result("r1", patient, storetest.Suwu, now.Add(-2*time.Hour))
		r := result("r2", patient, storetest.Suwu, now.Add(-time.Hour))
		r.Laboratory, r.Quality = storetest.LeadHospital, record.Quality{
			Internal: record.QCWarning, InternalAt: now.Add(-3 * time.Hour), External: "EQA-7", ExternalScope: "province:gansu",
			ExternalFrom: now.AddDate(-1, 0, 0), ExternalUntil: now.AddDate(1, 0, 0), At: now,
		}
		own := result("r3", patient, storetest.LeadHospital, now.Add(-3*time.Hour))
		own.Quality = r.Quality
		for _, x := range []record.Result{plain, r, own} {
			must(t, put(x))
		}
		want("kept", r, plain, own) // one without quality between two with: nothing leaks from row to row

		silent := r
		silent.Status, silent.Laboratory, silent.Quality = record.Withdrawn, "", record.Quality{}
		must(t, put(silent))
		r.Status = record.Withdrawn
		want("who says nothing of quality changes nothing of it", r, plain, own)
		r.Status, r.Quality.Internal, r.Quality.At = record.Corrected, record.QCInControl, now.Add(time.Minute)
		must(t, put(r))
		want("a correction has the quality of its own release", r, plain, own)

		revoke := func(laboratory record.InstitutionID, certificate string, since, at time.Time) (n int64) {
			must(t, db.Tx(ctx, func(tx *store.Tx) (err error) {
				n, err = tx.RevokeCertificate(ctx, laboratory, certificate, since, at)
				return err
			}))
			return n
		}
		for _, x := range []struct {
			name, certificate string
			laboratory        record.InstitutionID
			since             time.Time
			want              int64
		}{
			{"another laboratory's", "EQA-7", storetest.Suwu, time.Time{}, 0},
			{"another certificate", "EQA-8", storetest.LeadHospital, time.Time{}, 0},
			{"no certificate", "", storetest.LeadHospital, time.Time{}, 0},
			{"from now on", "EQA-7", storetest.LeadHospital, now, 0},
			{"of two hours", "EQA-7", storetest.LeadHospital, now.Add(-2 * time.Hour), 1},
			{"from its beginning", "EQA-7", storetest.LeadHospital, now.AddDate(-1, 0, 0), 1},
			{"twice", "EQA-7", storetest.LeadHospital, time.Time{}, 0},
		} {
			if n := revoke(x.laboratory, x.certificate, x.since, now); n != x.want {
				t.Errorf("%s: %d results, want %d", x.name, n, x.want)
			}
		}
		r.Quality.RevokedAt, own.Quality.RevokedAt = now, now
		want("revoked", r, plain, own)
		again := r
		again.Quality.RevokedAt = time.Time{}
		must(t, put(again)) // its releaser does not know
		want("released again under the revoked certificate", r, plain, own)
		r.Quality.External, r.Quality.RevokedAt = "EQA-9", time.Time{}
		must(t, put(r))
		want("under another", r, plain, own)

		for name, q := range map[string]record.Quality{
			"an unknown verdict":         {Internal: "fine", At: now},
			"nobody says when it was so": {Internal: record.QCInControl},
		} {
			bad := result("r9", patient, storetest.Suwu, now)
			bad.Quality = q
			if err := put(bad); record.KindOf(err) != record.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
