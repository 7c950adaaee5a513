package specimen

import (
	"math/rand/v2"
	"testing"
)

func TestEveryErrorOfAHandIsSeen(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := r.Int64N(lastTubeNumber + 1)
		prefix := lowestPrefix + r.IntN(highestPrefix-lowestPrefix+1)
		tube, box := TubeBarcode(prefix, n), BoxBarcode(prefix, n%(lastBoxNumber+1))
		p, number, ok := ParseTube(tube)
		if !ok || p != prefix || number != n || !validBox(box) {
			t.Fatalf("%s or %s is not read back: %d %d %v", tube, box, p, number, ok)
		}
		wrongs(tube, "0123456789", func(bad string) {
			if _, _, ok := ParseTube(bad); ok {
				t.Fatalf("%s is taken for %s", bad, tube)
			}
		})
		wrongs(box, iso37, func(bad string) {
			if validBox(bad) {
				t.Fatalf("%s is taken for %s", bad, box)
			}
		})
	}
}

// wrongs makes every text that differs in one character, or by a swap of neighbours.
func wrongs(s, alphabet string, try func(string)) {
	for i := range s {
		for _, c := range alphabet {
			if byte(c) != s[i] {
				try(s[:i] + string(c) + s[i+1:])
			}
		}
		if i > 0 && s[i-1] != s[i] {
			try(s[:i-1] + s[i:i+1] + s[i-1:i] + s[i+1:])
		}
	}
}

func TestCheckCharactersAsPublished(t *testing.T) {
	for _, x := range []struct{ name, body, check string }{
		{"Damm's own example", "572", "4"},
		{"zeros", "000", "0"},
	} {
		if got := string(dammDigit(x.body)); got != x.check {
			t.Errorf("%s: %s, want %s", x.name, got, x.check)
		}
	}
	if got := mod37("G123498654321"); got != 'H' { // a donation number as ISBT 128 shows it
		t.Errorf("mod 37-2: %c, want H", got)
	}
}

func FuzzParseTube(f *testing.F) {
	for _, s := range []string{"", "100000000000", TubeBarcode(123, 456), "１００", "0000000000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, n, ok := ParseTube(s); ok && TubeBarcode(p, n) != s {
			t.Fatalf("%q is %d %d", s, p, n)
		}
		_ = validBox(s)
	})
}
