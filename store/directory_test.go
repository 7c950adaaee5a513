package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

type inst = []record.InstitutionID

func TestGraph(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		storetest.County(t, db)
		g, err := db.Graph(t.Context())
		must(t, err)
		centre, ok := g.CentreFor(storetest.SuwuVillage, record.ECG)
		if !ok {
			t.Fatal("no ECG centre for the village")
		}
		_, elsewhere := g.CentreFor(storetest.LiangzhouHospital, record.ECG)
		for _, c := range []struct {
			name      string
			want, got any
		}{
			{"ancestors of a village", inst{"minqin-suwu", "minqin-community", "minqin", "wuwei", "gansu"}, g.Ancestors(storetest.SuwuVillage)},
			{"members of a community", inst{"minqin-dongba", "minqin-hongshagang", "minqin-hospital", "minqin-suwu", "minqin-suwu-v1"}, g.Members(storetest.MinqinCommunity)},
			{"communities", inst{"minqin-community"}, g.Communities(storetest.SuwuVillage)},
			{"county", storetest.Minqin, g.County(storetest.SuwuVillage)},
			{"county of a county", storetest.Minqin, g.County(storetest.Minqin)},
			{"county of a city", record.InstitutionID(""), g.County(storetest.Wuwei)},
			{"same community", true, g.SameCommunity(storetest.SuwuVillage, storetest.LeadHospital)},
			{"not the same community", false, g.SameCommunity(storetest.SuwuVillage, storetest.LiangzhouHospital)},
			{"leads", inst{"minqin-community"}, g.Leads(storetest.LeadHospital)},
			{"leads nothing", inst(nil), g.Leads(storetest.Suwu)},
			{"centre", store.Centre{ID: "minqin-ecg", County: "minqin", Kind: record.ECG, Host: "minqin-hospital", Bucket: "620621-ecg", Name: "民勤县ecg诊断中心"}, centre},
			{"no centre in the other county", false, elsewhere},
			{"served", inst{"minqin-community", "minqin-dongba", "minqin-hongshagang", "minqin-hospital", "minqin-suwu", "minqin-suwu-v1"}, g.Served(storetest.LeadHospital)},
			{"scopes", []string{"community:minqin-community", "county:minqin", "city:wuwei", "province:gansu", "national"}, g.ScopesOf(storetest.Suwu)},
			{"scopes of a stranger", []string{"national"}, g.ScopesOf("nobody")},
		} {
			if d := cmp.Diff(c.want, c.got); d != "" {
				t.Errorf("%s: %s", c.name, d)
			}
		}
	})
}

func TestGraphFollowsChanges(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		storetest.County(t, db)
		g, err := db.Graph(t.Context())
		must(t, err)
		if again, _ := db.Graph(t.Context()); again != g {
			t.Error("the picture was read again without a change")
		}
		must(t, db.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.EndRelation(t.Context(), storetest.Suwu, storetest.MinqinCommunity, store.MemberOf, tx.Now().Add(-time.Second))
		}))
		g, err = db.Graph(t.Context())
		must(t, err)
		if c := g.County(storetest.SuwuVillage); c != "" {
			t.Errorf("the village still belongs to %s", c)
		}
		// A cycle does no harm.
		must(t, db.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.PutRelation(t.Context(), store.Relation{Child: storetest.Gansu, Parent: storetest.Wuwei, Kind: store.MemberOf})
		}))
		g, err = db.Graph(t.Context())
		must(t, err)
		if got := g.Ancestors(storetest.Gansu); len(got) != 1 {
			t.Error(got)
		}
	})
}

func TestInstitutionsList(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		storetest.County(t, db)
		for _, c := range []struct {
			f    store.InstitutionFilter
			p    store.Page
			want inst
		}{
			{store.InstitutionFilter{Kind: store.County}, store.Page{}, inst{"liangzhou", "minqin"}},
			{store.InstitutionFilter{Kind: store.County}, store.Page{After: "liangzhou"}, inst{"minqin"}},
			{store.InstitutionFilter{Division: "620602", Text: "医院"}, store.Page{}, inst{"liangzhou-hospital"}},
			{store.InstitutionFilter{ActiveOnly: true}, store.Page{Limit: 1}, inst{"gansu"}},
		} {
			found, err := db.Institutions(t.Context(), c.f, c.p)
			must(t, err)
			var got inst
			for _, i := range found {
				got = append(got, i.ID)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%+v: %s", c.f, d)
			}
		}
	})
}

func TestScopeSQL(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		args := []any{"before"}
		if got := store.ScopeSQL(record.Scope{}, "i", "p", &args); got != "(1=0)" || len(args) != 1 {
			t.Fatal(got)
		}
		if got := store.ScopeSQL(record.Scope{RelatedAt: "x"}, "i", "", &args); got != "(1=0)" {
			t.Fatal(got)
		}
		storetest.County(t, db)
		must(t, db.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.PutResult(t.Context(), result("r1", "p", storetest.Suwu, time.Now()))
		}))
		many := record.Scope{}
		for i := range 450 {
			many.Institutions = append(many.Institutions, record.InstitutionID(fmt.Sprint("i", i)))
		}
		many.Institutions = append(many.Institutions, storetest.Suwu)
		many.RelatedAt, many.Own, many.HideWithdrawn = "x", "y", true
		args = nil
		var n int
		must(t, db.QueryRow(t.Context(), `SELECT COUNT(*) FROM results r WHERE `+store.ScopeSQL(many, "r.institution_id", "r.patient_id", &args), args...).Scan(&n))
		if n != 1 {
			t.Fatal(n)
		}
	})
}

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	a, err := store.OpenKeys(dir)
	must(t, err)
	b, err := store.OpenKeys(dir)
	must(t, err)
	sealed := a.Seal([]byte("secret"), "row 1")
	if plain, err := b.Open(sealed, "row 1"); err != nil || string(plain) != "secret" {
		t.Fatal(plain, err)
	}
	if sealed == a.Seal([]byte("secret"), "row 1") {
		t.Error("sealing twice gives the same text")
	}
	_, err = a.Open(sealed, "row 2")
	wantKind(t, err, record.Precondition)
	_, err = storetest.Keys(t).Open(sealed, "row 1")
	wantKind(t, err, record.Precondition)
	if a.Index("cn-id", "x") != b.Index("cn-id", "x") || a.Index("cn-id", "x") == a.Index("other", "x") {
		t.Error("index")
	}
	if len(a.MAC([]byte("m"))) != 32 {
		t.Error("mac")
	}
}
