package paper

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

func TestSubsetsKeepTheirOutlines(t *testing.T) {
	for _, c := range []struct{ name, text string }{{"Latin", "QTc Äé ½ µ°"}, {"Chinese", "窦性心律危急值"}} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "Chinese" && !HasChinese() {
				t.Skip("no Chinese outlines are embedded")
			}
			s := newSubset()
			var gs []glyph
			for _, r := range c.text {
				if g := letter(r, false); g.found() {
					s.add(g)
					gs = append(gs, g)
				}
			}
			font, err := sfnt.Parse(cmapped(t, s))
			if err != nil {
				t.Fatal(err)
			}
			var a, b sfnt.Buffer
			for _, g := range gs {
				want, err1 := g.face.font.LoadGlyph(&a, g.index, fixed.I(1000), nil)
				got, err2 := font.LoadGlyph(&b, sfnt.GlyphIndex(s.add(g)), fixed.I(1000), nil)
				if err1 != nil || err2 != nil || fmt.Sprint(want) != fmt.Sprint(got) {
					t.Errorf("%q is not what it was: %v %v", g.rune, err1, err2)
				}
			}
		})
	}
}

// cmapped adds the tables to a subset that a PDF does not need.
func cmapped(t *testing.T, s *subset) []byte {
	t.Helper()
	tb, err := readTables(s.font())
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"cmap", "name", "OS/2", "post"} {
		tb[tag] = s.pending[1].face.tables[tag]
	}
	return tb.font()
}

func TestWOFFIsNotTrusted(t *testing.T) {
	for _, b := range []string{"", "wOFF", "wOFF" + strings.Repeat("\x00", 40), "wOFF" + strings.Repeat("\xff", 400), strings.Repeat("x", 400)} {
		if font, err := unwrapWOFF([]byte(b)); err == nil {
			if _, err := readTables(font); err == nil {
				t.Errorf("%.10q is a font", b)
			}
		}
	}
}
