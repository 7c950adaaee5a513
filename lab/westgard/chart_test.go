package westgard

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"
)

func dec(t testing.TB, s string) *apd.Decimal {
	t.Helper()
	d, _, err := apd.NewFromString(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// judge runs z scores, one text for each material, run by run, and gives all rules that were hit and the gravest decision.
func judge(t *testing.T, set Set, materials ...string) ([]Rule, Decision) {
	t.Helper()
	c := NewChart(set)
	hit := map[Rule]bool{}
	worst := Accept
	for run := 0; ; run++ {
		any := false
		for i, m := range materials {
			zs := strings.Fields(m)
			if run >= len(zs) {
				continue
			}
			any = true
			p := Point{ID: fmt.Sprintf("%d.%d", i, run), Level: fmt.Sprint(i), Run: fmt.Sprint(run), Mean: dec(t, "0"), SD: dec(t, "1")}
			if zs[run] == "nan" {
				p.Value, p.SD = dec(t, "1"), dec(t, "0")
			} else {
				p.Value = dec(t, zs[run])
			}
			j := c.Add(p)
			worst = Worse(worst, j.Decision)
			for _, h := range j.Hits {
				hit[h.Rule] = true
			}
		}
		if !any {
			break
		}
	}
	var rules []Rule
	for _, r := range append(Rules(), InvalidTarget) {
		if hit[r] {
			rules = append(rules, r)
		}
	}
	return rules, worst
}

var boundaries = []struct {
	name      string
	materials []string
	rules     []Rule
	decision  Decision
}{
	{"steady", []string{"0.2 -0.3 0.8 -1.1"}, nil, Accept},
	{"beyond 2s warns", []string{"2.001"}, []Rule{R12s}, Warning},
	{"exactly 2s is within", []string{"2.000 -2"}, nil, Accept},
	{"exactly 3s is a warning", []string{"-3.00"}, []Rule{R12s}, Warning},
	{"beyond 3s", []string{"-3.0000000000000000000000001"}, []Rule{R12s, R13s}, Reject},
	{"2_2s over runs", []string{"2.1 2.2"}, []Rule{R12s, R22s}, Reject},
	{"2_2s not with exactly 2s", []string{"2.1 2.0"}, []Rule{R12s}, Warning},
	{"2_2s over levels of a run", []string{"-2.1", "-2.2"}, []Rule{R12s, R22s}, Reject},
	{"2_2s not over levels of two runs", []string{"2.1 0.1", "0.1 2.2"}, []Rule{R12s}, Warning},
	{"R_4s in a run", []string{"2.1", "-2.1"}, []Rule{R12s, RR4s}, Reject},
	{"R_4s not over runs", []string{"2.1 -2.1"}, []Rule{R12s}, Warning},
	{"R_4s not by the difference alone", []string{"2.8", "-1.3"}, []Rule{R12s}, Warning},
	{"4_1s within", []string{"1.1 1.2 1.3 1.1"}, []Rule{R41s}, Reject},
	{"4_1s not with exactly 1s", []string{"1.1 1.2 1.0 1.1"}, nil, Accept},
	{"4_1s across two levels", []string{"1.1 1.2", "1.3 1.4"}, []Rule{R41s}, Reject},
	{"10_x across two levels", []string{"0.1 0.3 0.2 0.4 0.1", "0.3 0.1 0.2 0.1 0.5"}, []Rule{R10x}, Reject},
	{"10_x not over the mean", []string{"0.1 0.3 0.2 0.4 0 0.1 0.3 0.2 0.4 0.1"}, nil, Accept},
	{"7_T falls", []string{"0.9 0.5 0.2 0.1 -0.4 -0.8 -1.2"}, []Rule{R7T}, Reject},
	{"7_T not with two alike", []string{"0.9 0.5 0.2 0.2 -0.4 -0.8 -1.2 -1.3"}, nil, Accept},
	{"no SD", []string{"nan"}, []Rule{InvalidTarget}, Blocked},
}

func TestBoundaries(t *testing.T) {
	for _, x := range boundaries {
		t.Run(x.name, func(t *testing.T) {
			rules, decision := judge(t, Default, x.materials...)
			if diff := cmp.Diff(x.rules, rules); diff != "" || decision != x.decision {
				t.Errorf("%s, want %s\n%s", decision, x.decision, diff)
			}
		})
	}
}

// sample finds a file of the sample data beside the module, or skips.
func sample(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		path := filepath.Join(dir, "shared", "data", "lab", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skipf("no sample data: shared/data/lab/%s is not beside the module", name)
		}
		dir = up
	}
}

func TestSampleCases(t *testing.T) {
	f, err := os.Open(sample(t, "qc/westgard_cases.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		t.Run(row[0], func(t *testing.T) {
			rules, decision := judge(t, Default, strings.Split(row[2], "|")...)
			var got []string
			for _, r := range rules {
				got = append(got, string(r))
			}
			if diff := cmp.Diff(row[3], strings.Join(got, ";")); diff != "" || string(decision) != row[4] {
				t.Errorf("%s, want %s\n%s", decision, row[4], diff)
			}
		})
	}
	t.Logf("%d cases", len(rows)-1)
}

// plain is a point of the brute-force check: z in hundredths.
type plain struct {
	level, run, z int
}

// force judges the last of the points by the words of the rules, with nothing of the chart.
func force(ps []plain) map[Rule]bool {
	last := ps[len(ps)-1]
	var own, run []plain
	for _, p := range ps {
		if p.level == last.level {
			own = append(own, p)
		}
		if p.run == last.run {
			run = append(run, p)
		}
	}
	above := func(ps []plain, n, limit, sign int) bool { // the last n all beyond limit
		if len(ps) < n {
			return false
		}
		for i := len(ps) - n; i < len(ps); i++ {
			if ps[i].z*sign <= limit {
				return false
			}
		}
		return true
	}
	out := map[Rule]bool{}
	for _, sign := range []int{1, -1} {
		set := func(r Rule, yes bool) { out[r] = out[r] || yes }
		set(R12s, last.z*sign > 200)
		set(R13s, last.z*sign > 300)
		set(R22s, above(own, 2, 200, sign) || above(run, 2, 200, sign))
		for _, s := range [][]plain{own, run} {
			three := s[max(0, len(s)-3):]
			count := 0
			for _, p := range three {
				if p.z*sign > 200 {
					count++
				}
			}
			set(R2of32s, count >= 2 && last.z*sign > 200)
		}
		for _, p := range run {
			set(RR4s, last.z*sign > 200 && p.z*sign < -200)
		}
		for r, x := range map[Rule][2]int{R31s: {3, 100}, R41s: {4, 100}, R6x: {6, 0}, R8x: {8, 0}, R9x: {9, 0}, R10x: {10, 0}, R12x: {12, 0}} {
			set(r, above(own, x[0], x[1], sign) || above(ps, x[0], x[1], sign))
		}
		if len(own) >= 7 {
			rising := true
			for i := len(own) - 6; i < len(own); i++ {
				rising = rising && (own[i].z-own[i-1].z)*sign > 0
			}
			set(R7T, rising)
		}
	}
	return out
}

var every = mustSet(Rules()...)

func TestRandomSequencesEqualBruteForce(t *testing.T) {
	sequences := 100_000
	if testing.Short() {
		sequences = 5_000
	}
	rng := rand.New(rand.NewPCG(1, 2))
	hits := map[Rule]int{}
	for s := range sequences {
		levels, shift, drift := 1+rng.IntN(3), rng.IntN(400)-200, rng.IntN(80)-40
		sd := int64(1 + rng.IntN(900))
		chart := NewChart(every)
		var ps []plain
		for run := range 2 + rng.IntN(10) {
			for level := range levels {
				z := shift + drift*run + rng.IntN(500) - 250
				if rng.IntN(6) == 0 {
					z = (z / 100) * 100 // exactly at a limit
				}
				ps = append(ps, plain{level, run, z})
				mean := apd.New(int64(level)*1234567, -3)
				value := new(apd.Decimal)
				if _, err := exact.Add(value, mean, apd.New(int64(z)*sd, -4)); err != nil {
					t.Fatal(err)
				}
				j := chart.Add(Point{ID: fmt.Sprint(len(ps)), Level: fmt.Sprint(level), Run: fmt.Sprint(run), Value: value, Mean: mean, SD: apd.New(sd, -2)})
				want := force(ps)
				for _, r := range Rules() {
					hit := slices.ContainsFunc(j.Hits, func(h Hit) bool { return h.Rule == r })
					if hit != want[r] {
						t.Fatalf("sequence %d: %s: chart %v, brute force %v: %v", s, r, hit, want[r], ps)
					}
					if hit {
						hits[r]++
					}
				}
			}
		}
	}
	for _, r := range Rules() {
		if hits[r] == 0 {
			t.Errorf("%s was never hit", r)
		}
	}
	t.Logf("%d sequences, hits %v", sequences, hits)
}

func TestHitsNameTheirPoints(t *testing.T) {
	c := NewChart(Default)
	add := func(id, level, run, z string) Judgement {
		return c.Add(Point{ID: id, Level: level, Run: run, Value: dec(t, z), Mean: dec(t, "0"), SD: dec(t, "1")})
	}
	add("a", "1", "r1", "2.5")
	add("b", "2", "r1", "0.1")
	got := add("c", "1", "r2", "2.5")
	want := Judgement{Reject, []Hit{{Rule: R12s, Points: []string{"c"}}, {Rule: R22s, Points: []string{"a", "c"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = add("d", "2", "r2", "-2.5")
	want = Judgement{Reject, []Hit{{Rule: R12s, Points: []string{"d"}}, {Rule: RR4s, Across: true, Points: []string{"c", "d"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	c.Reset()
	if got := add("e", "2", "r2", "-2.5"); got.Decision != Warning {
		t.Errorf("after a reset: %v", got)
	}
}

func TestAcrossAChangeOfTarget(t *testing.T) {
	c := NewChart(Default)
	for i, p := range []struct{ v, mean, sd string }{
		{"5.01", "5", "0.1"}, {"5.02", "5", "0.1"}, {"5.03", "5", "0.1"}, {"5.04", "5", "0.1"}, // z 0.1 to 0.4
		{"80.5", "80", "1"}, {"80.6", "80", "1"}, // z 0.5, 0.6 of a new lot
	} {
		if j := c.Add(Point{ID: fmt.Sprint(i), Level: "1", Value: dec(t, p.v), Mean: dec(t, p.mean), SD: dec(t, p.sd)}); j.Decision != Accept {
			t.Fatalf("point %d: %v", i, j)
		}
	}
	if j := c.Add(Point{ID: "6", Level: "1", Value: dec(t, "80.7"), Mean: dec(t, "80"), SD: dec(t, "1")}); j.Decision != Reject || j.Hits[0].Rule != R7T {
		t.Errorf("%v", j)
	}
}

func TestSets(t *testing.T) {
	for _, bad := range [][]Rule{nil, {R12s}, {"1_4s", R13s}, {InvalidTarget}} {
		if _, err := NewSet(bad...); err == nil {
			t.Errorf("%v is a set", bad)
		}
	}
	s, err := NewSet(R7T, R13s)
	if err != nil || !slices.Equal(s.Rules(), []Rule{R13s, R7T}) {
		t.Errorf("%v %v", s.Rules(), err)
	}
	for _, r := range append(Rules(), InvalidTarget) {
		if d, ok := Describe(r); !ok || d.Name.ZH == "" || d.Name.EN == "" {
			t.Errorf("%s has no names", r)
		}
	}
}

func FuzzChart(f *testing.F) {
	f.Add("5.0", "5", "0.1", []byte{1, 2, 3})
	f.Add("1e99", "-1e-99", "1e-90", []byte{0})
	f.Add("NaN", "Infinity", "0", []byte{255, 7})
	f.Fuzz(func(t *testing.T, value, mean, sd string, order []byte) {
		if len(value)+len(mean)+len(sd) > 300 || len(order) > 200 {
			return
		}
		v, _, _ := apd.NewFromString(value)
		m, _, _ := apd.NewFromString(mean)
		s, _, _ := apd.NewFromString(sd)
		c := NewChart(every)
		for i, b := range order {
			p := Point{ID: fmt.Sprint(i), Level: fmt.Sprint(b % 32), Run: fmt.Sprint(b / 32), Value: v, Mean: m, SD: s}
			j := c.Add(p)
			if (j.Decision == Accept) != (len(j.Hits) == 0) {
				t.Fatalf("%v", j)
			}
			for _, h := range j.Hits {
				if h.Points[len(h.Points)-1] != p.ID {
					t.Fatalf("%v does not end in the point", h)
				}
			}
		}
		Z(v, m, s)
		_, _ = Summarise([]*apd.Decimal{v, m, s})
	})
}

func BenchmarkAdd(b *testing.B) {
	c := NewChart(every)
	mean, sd := dec(b, "5.20"), dec(b, "0.13")
	values := []*apd.Decimal{dec(b, "5.31"), dec(b, "5.22"), dec(b, "5.47"), dec(b, "5.11"), dec(b, "5.25"), dec(b, "5.00")}
	levels := []string{"1", "2"}
	for i := 0; b.Loop(); i++ {
		c.Add(Point{ID: "p", Level: levels[i%2], Run: "r", Value: values[i%len(values)], Mean: mean, SD: sd})
	}
}
