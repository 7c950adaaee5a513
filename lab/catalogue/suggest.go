// Suggestions: what an unmapped code may mean, for a person to decide.

package catalogue

import (
	"context"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Suggestion is an analyte that a code may mean, with the reasons. It is never taken by itself.
type Suggestion struct {
	Analyte Analyte
	Score   int // 0 to 100
	Reasons []string
}

// Suggest lists what an unmapped code may mean, best first, at most five.
func (d *Desk) Suggest(ctx context.Context, s record.Scope, id UnmappedID) ([]Suggestion, error) {
	u, err := d.UnmappedCode(ctx, s, id)
	if err != nil {
		return nil, err
	}
	p, err := d.packOf(ctx, d.db, u.Sender)
	if err != nil {
		return nil, err
	}
	return p.Suggest(u), nil
}

const (
	maxSuggestions = 5
	leastScore     = 40
)

// Suggest compares a code with all analytes: by LOINC, by names in Chinese, English and pinyin, by unit and specimen.
func (p *Pack) Suggest(u UnmappedCode) []Suggestion {
	var out []Suggestion
	for i := range p.Analytes {
		if s := p.suggestion(&p.Analytes[i], u); s.Score >= leastScore {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b Suggestion) int { return b.Score - a.Score })
	return out[:min(len(out), maxSuggestions)]
}

func (p *Pack) suggestion(a *Analyte, u UnmappedCode) Suggestion {
	out := Suggestion{Analyte: *a}
	if u.LOINC != "" && (a.LOINC == u.LOINC || slices.Contains(a.LOINCs, u.LOINC)) {
		out.Score = 70
		out.Reasons = append(out.Reasons, "loinc")
	}
	if n := likeness(a, u.Text, u.Code); n > 0 {
		out.Score = max(out.Score, n)
		out.Reasons = append(out.Reasons, "name")
	}
	if out.Score == 0 {
		return out
	}
	switch {
	case u.Unit == "" || a.Kind != Quantity:
	case p.unitFits(a, u.Unit):
		out.Score += 20
		out.Reasons = append(out.Reasons, "unit")
	case p.unitClashes(a, u.Unit):
		out.Score -= 40
	}
	switch {
	case u.Specimen == "":
	case slices.Contains(a.Specimens, u.Specimen):
		out.Score += 10
		out.Reasons = append(out.Reasons, "specimen")
	default:
		out.Score -= 30
	}
	out.Score = min(out.Score, 100)
	return out
}

// likeness is how much a name or code of a sender looks like one of an analyte, 0 to 70.
func likeness(a *Analyte, words ...string) int {
	best := 0
	names := append([]string{a.Code, a.Short, a.Name.ZH, a.Name.EN}, a.Aliases...)
	for _, w := range words {
		w = plain(w)
		if w == "" {
			continue
		}
		for _, n := range names {
			n := plain(n)
			switch {
			case n == w:
				return 70
			case n == "":
			case strings.Contains(n, w) || strings.Contains(w, n):
				short, long := min(len(n), len(w)), max(len(n), len(w))
				if short >= 2 {
					best = max(best, 30+30*short/long)
				}
			default:
				best = max(best, 60*shared(n, w)/100)
			}
		}
		if p := store.Pinyin(a.Name.ZH); p != "" && (p == w || len(w) >= 2 && store.PinyinInitials(a.Name.ZH) == w) {
			best = max(best, 60)
		}
	}
	return best
}

var noise = strings.NewReplacer(" ", "", "-", "", "_", "", "(", "", ")", "", "[", "", "]", "", ",", "", ".", "", "、", "", "测定", "", "检测", "", "血清", "", "定量", "")

func plain(s string) string { return noise.Replace(store.Fold(s)) }

// shared is how many pairs of neighbouring characters two names share, in percent (Dice).
func shared(a, b string) int {
	x, y := pairs(a), pairs(b)
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	n := 0
	for p := range x {
		if y[p] {
			n++
		}
	}
	return 200 * n / (len(x) + len(y))
}

func pairs(s string) map[[2]rune]bool {
	out := map[[2]rune]bool{}
	r := []rune(s)
	for i := 0; i+1 < len(r); i++ {
		out[[2]rune{r[i], r[i+1]}] = true
	}
	return out
}
