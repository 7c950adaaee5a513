package lab

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// TestIsolatesOfAPeriodNameNobody: the first isolate of a person and organism, each drug a line.
func TestIsolatesOfAPeriodNameNobody(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		b.send(t, b.lis, finalLink, cultureMessage("M1", all(parentOnly, childOne, childTwo)...))
		again := strings.ReplaceAll(string(cultureMessage("M2", all(parentOnly, childOne)...)), "C1", "C7")
		b.send(t, b.lis, finalLink, []byte(strings.ReplaceAll(again, "|A1|", "|A7|")))
		b.send(t, b.lis, finalLink, oru("M3", "F1", early, potassium))
		q := IsolateQuery{From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
		lines := func(s record.Scope, q IsolateQuery) [][]string {
			out, err := b.Isolates(t.Context(), s, q)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(out), "赵") || strings.Contains(string(out), "E1,") {
				t.Errorf("a person is named: %s", out)
			}
			rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			return rows[1:]
		}
		var got []string
		for _, l := range lines(b.lis, q) {
			got = append(got, strings.Join(append(l[3:5:5], l[7:]...), "|"))
		}
		want := []string{
			"F|71|2026-11-22||1|112283007|大肠埃希菌|100000 {CFU}/mL|18906-8|环丙沙星|MIC|>=4|ug/mL|R|S<=0.25 R>=1",
			"F|71|2026-11-22||1|112283007|大肠埃希菌|100000 {CFU}/mL|18932-4|亚胺培南|微量稀释|<=0.25|ug/mL|S|",
			"F|71|2026-11-22||2|78065002|粪肠球菌||18906-8|环丙沙星|KB|22|mm|SDD|",
		}
		// Either culture may be the first: both were taken at one time. The second has no susceptibility of its enterococcus.
		if diff := cmp.Diff(want[:2], got[:2]); diff != "" || len(got) != 3 {
			t.Errorf("%s %q", diff, got)
		}
		q.All = true
		if n := len(lines(b.lis, q)); n != 6 {
			t.Errorf("%d lines of all isolates", n)
		}
		if n := len(lines(b.other, q)); n != 0 {
			t.Errorf("another institution gets %d lines", n)
		}
		_, err := b.Isolates(t.Context(), b.lis, IsolateQuery{From: q.From, To: q.From.AddDate(2, 0, 0)})
		wantKind(t, err, record.Invalid)
	})
}
