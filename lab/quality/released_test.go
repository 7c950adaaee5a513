package quality

import (
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// What was released under a certificate says that it was revoked: of examinations since the instant from which it does not count.
func TestReleasedResultsSayThatTheirCertificateWasRevoked(t *testing.T) {
	each(t, func(t *testing.T, b *bay) {
		ctx := t.Context()
		c := must(b.Certify(ctx, bureau, Certificate{
			Laboratory: glucose.Laboratory, Number: "G-2026-17", Issuer: "甘肃省临床检验中心", Scope: "province:gansu", Analytes: []string{"GLU"},
			From: monday, Until: monday.AddDate(1, 0, 0),
		}))(t)
		release := func(id string, performed time.Time) {
			st := must(b.StateKnown(ctx, b.db, glucose, performed, b.db.Now()))(t)
			must(0, b.db.Tx(ctx, func(tx *store.Tx) error {
				return tx.PutResult(ctx, record.Result{
					ID: record.ResultID(id), Status: record.Final, Laboratory: glucose.Laboratory, Quality: st.Quality(performed),
					Exam: record.Exam{ID: record.ExamID(id), Kind: record.Lab, Institution: storetest.Suwu, Patient: "p", Procedure: "LAB.GLU", PerformedAt: performed},
				})
			}))(t)
		}
		release("before", monday.Add(time.Hour))
		release("since", monday.AddDate(0, 0, 7))
		must(b.Revoke(ctx, nurse, c.ID, monday.AddDate(0, 0, 3), "结果作假"))(t)
		for id, want := range map[record.ResultID]bool{"before": false, "since": true} {
			r := must(b.db.Result(ctx, record.Scope{All: true}, id))(t)
			if r.Quality.External != c.Number || r.Quality.RevokedAt.IsZero() == want {
				t.Errorf("%s: %+v", id, r.Quality)
			}
		}
	})
}
