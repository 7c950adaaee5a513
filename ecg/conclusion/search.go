// Finding statements by what a doctor types.

package conclusion

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/mozillazg/go-pinyin"
)

// readings are characters that are read otherwise here than a dictionary first says: 长 is long, 传 passes on.
var readings = map[rune]string{'长': "c", '传': "c", '重': "z", '率': "l", '差': "c", '降': "j", '行': "x", '血': "x", '调': "d", '大': "d", '脉': "m", 'Ⅰ': "1", 'Ⅱ': "2"}

// initials are, for each character that can be typed, the letters that may stand for it, the usual one first.
func initials(zh string) []string {
	args := pinyin.NewArgs()
	args.Heteronym, args.Style = true, pinyin.FirstLetter
	var out []string
	for _, r := range zh {
		switch {
		case unicode.Is(unicode.Han, r):
			set := readings[r]
			for _, p := range pinyin.SinglePinyin(r, args) {
				if p != "" && !strings.Contains(set, p) {
					set += p
				}
			}
			out = append(out, set)
		case readings[r] != "":
			out = append(out, readings[r])
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			out = append(out, strings.ToLower(string(r)))
		}
	}
	return out
}

func usual(sets []string) string {
	var b strings.Builder
	for _, s := range sets {
		if s != "" {
			b.WriteByte(s[0])
		}
	}
	return b.String()
}

// spelled reports whether q are the initials from the i-th character on.
func spelled(sets []string, i int, q string) bool {
	if i+len(q) > len(sets) {
		return false
	}
	for k := range len(q) {
		if strings.IndexByte(sets[i+k], q[k]) < 0 {
			return false
		}
	}
	return true
}

// maxQuery is more than anyone types.
const maxQuery = 60

// Search gives the statements for what was typed, the best first: a key (1 to 9), a code, a short code, pinyin initials, Chinese or English words, a
// SNOMED or Minnesota code. With lang "en" English comes before pinyin. All of them for an empty q, those with keys first.
func Search(q, lang string) []Statement {
	q = strings.ToLower(strings.TrimSpace(q))
	if len(q) > maxQuery {
		return nil
	}
	type hit struct {
		rank int
		s    *Statement
	}
	var hits []hit
	for i := range words().statements {
		s := &words().statements[i]
		if r := s.rank(q, english(lang)); r > 0 {
			hits = append(hits, hit{r, s})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(a.rank, b.rank) })
	out := make([]Statement, len(hits))
	for i, h := range hits {
		out[i] = *h.s
	}
	return out
}

// rank is how well a statement fits, 1 the best, 0 not at all.
func (s *Statement) rank(q string, english bool) int {
	en := strings.ToLower(s.EN)
	if q == "" {
		if s.Key != "" {
			return int(s.Key[0]-'0') + 1
		}
		return 20
	}
	letters := []int{4, 6, 8} // pinyin: whole, beginning, within
	if english {
		letters = []int{9, 10, 11}
	}
	switch {
	case q == s.Key:
		return 1
	case q == strings.ToLower(s.Code) || q == s.SNOMED || q == s.Minnesota:
		return 2
	case q == strings.ToLower(s.ZH) || q == en:
		return 3
	case slices.ContainsFunc(s.aliases, func(a alias) bool { return q == a.text }):
		return 3
	case q == s.Short || slices.ContainsFunc(s.aliases, func(a alias) bool { return len(q) == len(a.initials) && spelled(a.initials, 0, q) }) || len(q) == len(s.initials) && spelled(s.initials, 0, q):
		return letters[0]
	case slices.ContainsFunc(s.aliases, func(a alias) bool { return strings.HasPrefix(a.text, q) }) || strings.HasPrefix(s.ZH, q) || strings.HasPrefix(en, q):
		return 5
	case strings.HasPrefix(s.Short, q) || spelled(s.initials, 0, q):
		return letters[1]
	case strings.Contains(strings.ToLower(s.ZH), q) || hasWords(en, q):
		return 7
	}
	for i := range s.initials {
		if len(q) > 1 && spelled(s.initials, i, q) {
			return letters[2]
		}
	}
	return 0
}

// hasWords reports whether each word of q begins a word of the text.
func hasWords(text, q string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for _, w := range strings.Fields(q) {
		if !slices.ContainsFunc(words, func(x string) bool { return strings.HasPrefix(x, w) }) {
			return false
		}
	}
	return true
}
