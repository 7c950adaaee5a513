package specimen

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestTheCatalogueSaysWhatItemsNeed(t *testing.T) {
	db := storetest.SQLite(t)
	storetest.County(t, db)
	d := New(db, Catalogued(catalogue.New(db), Options{}))
	ctx := context.Background()
	for _, x := range []struct {
		name string
		item observation.Coding
		code string
		tube string
	}{
		{"a panel", observation.Coding{Code: "CBC"}, "CBC", "edta"},
		{"an analyte", observation.Coding{Code: "K"}, "K", "sst"},
		{"by LOINC", observation.Coding{Code: "24325-3", System: observation.LOINC}, "LIVER", "sst"},
		{"by the other code", observation.Coding{Code: "XYZ", Alternates: []observation.Coding{{Code: "LIPID"}}}, "LIPID", "sst"},
	} {
		n, ok := d.opt.Needs(ctx, storetest.LeadHospital, x.item)
		if !ok || n.Item != x.code || n.Container.Code != x.tube || n.Title == "" || len(n.Analytes) == 0 {
			t.Errorf("%s: %+v %v", x.name, n, ok)
		}
	}
	if n, ok := d.opt.Needs(ctx, storetest.LeadHospital, observation.Coding{Code: "no such thing"}); ok {
		t.Errorf("%+v", n)
	}
	o, _, err := d.Create(ctx, suwu, order("P1", "LIVER", "K", "CBC", "something of the sender"))
	must(t, err)
	got := map[string][]string{}
	for _, sp := range o.Specimens {
		for _, l := range sp.Lines {
			got[sp.Container.Code] = append(got[sp.Container.Code], l.Code)
		}
	}
	if d := cmp.Diff(map[string][]string{"sst": {"LIVER", "K"}, "edta": {"CBC"}, "": {"something of the sender"}}, got); d != "" {
		t.Error(d)
	}
	out, err := d.Record(ctx, suwu, []Scan{{Specimen: o.Specimens[0].ID, Act: Collect}})
	must(t, err)
	if out[0].Outcome != Applied {
		t.Fatalf("%+v", out)
	}
	sp, err := specimenOf(ctx, db, o.Specimens[0].ID)
	must(t, err)
	if sp.Temperature != "fridge" || sp.DeadlineAt.Sub(sp.CollectedAt) != 72*time.Hour {
		t.Errorf("%+v", sp)
	}
}
