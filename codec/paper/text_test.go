package paper

import (
	"fmt"
	"testing"
)

func TestCleanTakesAnyText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "Sinus rhythm", "Sinus rhythm"},
		{"Chinese", "窦性心律", "窦性心律"},
		{"control characters", "a\x00b\x1b[31m\tc\u0085", "ab[31m c"},
		{"line breaks stay", "a\r\nb", "a\nb"},
		{"direction overrides", "abc\u202egnp\u2066x\u200fy", "abcgnpxy"},
		{"invalid UTF-8", "a\xff\xfeb", "a��b"},
		{"zero width", "a\u200bb\ufeffc", "abc"},
		{"not characters", "a\uffffb\ue000c", "abc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Clean(c.in, 100); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		name, in string
		ems      float64
		want     []string
	}{
		{"fits", "Sinus rhythm", 50, []string{"Sinus rhythm"}},
		{"at spaces", "Left anterior fascicular block", 8, []string{"Left anterior", "fascicular block"}},
		{"between Chinese characters", "窦性心律不齐", 4, []string{"窦性心律", "不齐"}},
		{"no mark begins a line", "窦性心律，不齐", 4, []string{"窦性心", "律，不齐"}},
		{"a word too long", "aaaaaaaaaaaa", 3, nil},
		{"lines stay", "a\nb", 9, []string{"a", "b"}},
		{"narrower than a letter", "窦性", 0.1, []string{"窦", "性"}},
		{"empty", "", 5, []string{""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Wrap(c.in, c.ems, false)
			if c.want != nil && fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
			for _, l := range got {
				if len([]rune(l)) > 1 && Width(l, false) > c.ems {
					t.Errorf("%q is wider than %g ems", l, c.ems)
				}
			}
		})
	}
}
