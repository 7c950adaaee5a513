package westgard

import (
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
)

func TestStatistics(t *testing.T) {
	for _, x := range []struct{ name, values, mean, sd, cv string }{
		{"two", "1 3", "2", "1.41421356237", "70.7106781187"},
		{"exact decimals", "0.1 0.2 0.3", "0.2", "0.1", "50"},
		{"alike", "5.0 5.0 5.0", "5", "0", "0"},
		{"negative mean", "-1 -3", "-2", "1.41421356237", "70.7106781187"},
		{"close to each other, far from zero", "1000000000.1 1000000000.2 1000000000.3", "1000000000.2", "0.1", "0.00000000999999999800"},
		{"zero mean", "-1 1", "0", "1.41421356237", ""},
		{"one", "7", "7", "", ""},
	} {
		var vs []*apd.Decimal
		for _, f := range strings.Fields(x.values) {
			vs = append(vs, dec(t, f))
		}
		s, err := Summarise(vs)
		if err != nil || text(s.Mean) != x.mean || text(s.SD) != x.sd || !sameNumber(t, s.CV, x.cv) {
			t.Errorf("%s: %s %s %s %v", x.name, text(s.Mean), text(s.SD), text(s.CV), err)
		}
	}
}

func text(d *apd.Decimal) string {
	if d == nil {
		return ""
	}
	return d.Text('f')
}

func sameNumber(t *testing.T, d *apd.Decimal, s string) bool {
	t.Helper()
	return d == nil && s == "" || d != nil && s != "" && d.Cmp(dec(t, s)) == 0
}

func TestSigma(t *testing.T) {
	for _, x := range []struct{ tea, mean, target, sd, want string }{
		{"10", "102", "100", "2.04", "4"},
		{"10", "98", "100", "1.96", "4"},
		{"5", "110", "100", "1.1", "-5"},
		{"5", "100", "0", "1", ""},
	} {
		mean, target := dec(t, x.mean), dec(t, x.target)
		if got := Sigma(dec(t, x.tea), Bias(mean, target), CV(mean, dec(t, x.sd))); text(got) != x.want {
			t.Errorf("%v: %s", x, text(got))
		}
	}
	if z := Z(dec(t, "5.2"), dec(t, "5"), dec(t, "0.3")); text(z) != "0.667" {
		t.Error(text(z))
	}
}
