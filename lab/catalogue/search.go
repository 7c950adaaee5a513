// Searching the catalogue by code, LOINC, name, and the pinyin or initials of a Chinese name.

package catalogue

import (
	"strings"

	"github.com/lianzhen/lianzhen/store"
)

// searchKey is what a search looks in: all names folded, with the pinyin and initials of those in Chinese, each behind a '^'.
func searchKey(names []string) string {
	var b strings.Builder
	for _, n := range names {
		if n == "" {
			continue
		}
		b.WriteString("^" + store.Fold(n))
		if p := store.Pinyin(n); p != "" {
			b.WriteString("^" + p + "^" + store.PinyinInitials(n))
		}
	}
	return b.String()
}

// rank is how well a search fits: 0 not at all, more for the beginning of a name than for its middle, most for a whole name.
func rank(key, want string) int {
	switch {
	case want == "":
		return 1
	case strings.Contains(key+"^", "^"+want+"^"):
		return 3
	case strings.Contains(key, "^"+want):
		return 2
	case strings.Contains(key, want):
		return 1
	}
	return 0
}

// Search lists the analytes that fit a text, best first and in the order of the pack; all of them for an empty one. group may be empty.
func (p *Pack) Search(text, group string) []Analyte {
	want := store.Fold(strings.TrimSpace(text))
	var out []Analyte
	for r := 3; r > 0; r-- {
		for i := range p.Analytes {
			if a := &p.Analytes[i]; (group == "" || a.Group == group) && rank(a.key, want) == r {
				out = append(out, *a)
			}
		}
	}
	return out
}

// SearchPanels is Search for panels.
func (p *Pack) SearchPanels(text, group string) []Panel {
	want := store.Fold(strings.TrimSpace(text))
	var out []Panel
	for r := 3; r > 0; r-- {
		for i := range p.Panels {
			if x := &p.Panels[i]; (group == "" || x.Group == group) && rank(x.key, want) == r {
				out = append(out, *x)
			}
		}
	}
	return out
}
