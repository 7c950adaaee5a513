// The outlines of letters: Go Regular and Go Bold for Latin, Greek and Cyrillic, Noto Sans SC for Chinese where the build embedded it.

package paper

import (
	"embed"
	"encoding/json"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"
)

// The folder has a README only unless the build put the Chinese outlines beside it.
//
//go:embed font
var embedded embed.FS

// glyph is one letter's outline in its face.
type glyph struct {
	face    *face
	index   sfnt.GlyphIndex
	advance float64 // ems
	rune    rune
}

// found reports whether there is an outline.
func (g glyph) found() bool { return g.face != nil }

// face is a TrueType font in memory, read when it is first needed.
type face struct {
	load   func() ([]byte, error)
	once   sync.Once
	tables tables
	font   *sfnt.Font
	glyphs sync.Map // rune to glyph
}

var (
	regular = &face{load: func() ([]byte, error) { return goregular.TTF, nil }}
	bold    = &face{load: func() ([]byte, error) { return gobold.TTF, nil }}
)

// open is false where the font cannot be read: then it has no letters.
func (f *face) open() bool {
	f.once.Do(func() {
		b, err := f.load()
		if err != nil {
			return
		}
		t, err := readTables(b)
		if err != nil {
			return
		}
		if font, err := sfnt.Parse(b); err == nil {
			f.tables, f.font = t, font
		}
	})
	return f.font != nil
}

// glyph finds a letter; not found where the face has none.
func (f *face) glyph(r rune) glyph {
	if g, ok := f.glyphs.Load(r); ok {
		return g.(glyph)
	}
	g := glyph{rune: r}
	if f.open() {
		if i, err := f.font.GlyphIndex(nil, r); err == nil && i != 0 {
			g = glyph{face: f, index: i, advance: f.tables.advance(int(i)), rune: r}
		}
	}
	if r < 0x1_0000 { // the many others are not worth remembering
		f.glyphs.Store(r, g)
	}
	return g
}

// hanSlice is a part of the Chinese font: a range of the characters that one file has.
type hanSlice struct {
	low, high rune
	face      *face
}

// han reads which slice has what; empty where nothing is embedded.
var han = sync.OnceValue(func() []hanSlice {
	b, err := embedded.ReadFile("font/ranges.json")
	if err != nil {
		return nil
	}
	var named map[string]string
	if json.Unmarshal(b, &named) != nil {
		return nil
	}
	var out []hanSlice
	for name, ranges := range named {
		file := "font/noto-sans-sc-" + strings.Trim(name, "[]") + "-400-normal.woff"
		if _, err := embedded.Open(file); err != nil {
			continue
		}
		f := &face{load: func() ([]byte, error) {
			b, err := embedded.ReadFile(file)
			if err != nil {
				return nil, err
			}
			return unwrapWOFF(b)
		}}
		for r := range strings.SplitSeq(ranges, ",") {
			if low, high, ok := unicodeRange(r); ok {
				out = append(out, hanSlice{low, high, f})
			}
		}
	}
	return out
})

// unicodeRange reads "U+4e00-4e05" or "U+4e07".
func unicodeRange(s string) (low, high rune, ok bool) {
	a, b, isRange := strings.Cut(strings.TrimPrefix(strings.TrimSpace(s), "U+"), "-")
	if !isRange {
		b = a
	}
	l, err1 := strconv.ParseInt(a, 16, 32)
	h, err2 := strconv.ParseInt(b, 16, 32)
	return rune(l), rune(h), err1 == nil && err2 == nil && l <= h
}

// HasChinese reports whether the build embedded Chinese outlines.
func HasChinese() bool { return len(han()) > 0 }

// firstHan is where the Chinese part of Unicode begins: radicals, marks, characters, wide forms.
const firstHan = 0x2e80

var hanGlyphs sync.Map // rune to glyph

func hanGlyph(r rune) glyph {
	if g, ok := hanGlyphs.Load(r); ok {
		return g.(glyph)
	}
	g := glyph{rune: r, advance: 1}
	for _, s := range han() {
		if r >= s.low && r <= s.high {
			if found := s.face.glyph(r); found.found() {
				g = found
				break
			}
		}
	}
	if r < 0x1_0000 {
		hanGlyphs.Store(r, g)
	}
	return g
}

// letter finds the outline of r. One without is as wide as an em, as it is in the font that viewers have.
func letter(r rune, heavy bool) glyph {
	f := regular
	if heavy {
		f = bold
	}
	if g := f.glyph(r); g.found() {
		return g
	}
	return hanGlyph(r)
}

// letters are those of a text: signs that no font has are replaced by their compatible ones where there are such ("Ⅱ" by "II").
func letters(s string, heavy bool) []glyph {
	out := make([]glyph, 0, len(s))
	for _, r := range s {
		g := letter(r, heavy)
		if g.found() || r >= firstHan {
			out = append(out, g)
			continue
		}
		plain := norm.NFKC.String(string(r))
		if plain == string(r) {
			out = append(out, g)
			continue
		}
		for _, r := range plain {
			out = append(out, letter(r, heavy))
		}
	}
	return out
}

// Width of a text, ems.
func Width(s string, heavy bool) float64 {
	w := 0.0
	for _, g := range letters(s, heavy) {
		w += g.advance
	}
	return w
}

// Wrap breaks a text into lines no wider than an amount of ems: at spaces, and before and after Chinese characters.
func Wrap(s string, ems float64, heavy bool) []string {
	var out []string
	for para := range strings.SplitSeq(s, "\n") {
		out = append(out, wrapLine(strings.TrimSpace(para), ems, heavy)...)
	}
	return out
}

// neverFirst are the marks that do not begin a line.
const neverFirst = "，。、；：！？）》」』”’%℃,.;:!?)"

// neverLast are those that do not end one.
const neverLast = "（《「『“‘"

func wrapLine(s string, ems float64, heavy bool) []string {
	var out []string
	runes := []rune(s)
	start, breakAt, w := 0, -1, 0.0
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		if i > start && (r == ' ' || r >= firstHan || runes[i-1] >= firstHan) && !strings.ContainsRune(neverFirst, r) && !strings.ContainsRune(neverLast, runes[i-1]) {
			breakAt = i
		}
		w += letter(r, heavy).advance
		if w <= ems || i == start {
			continue
		}
		if breakAt <= start {
			breakAt = i
		}
		out = append(out, strings.TrimSpace(string(runes[start:breakAt])))
		start, i, breakAt, w = breakAt, breakAt-1, -1, 0
	}
	return append(out, strings.TrimSpace(string(runes[start:])))
}
