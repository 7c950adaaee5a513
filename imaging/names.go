// Names as people look them up: 王小明, 王, 小明, wang, wang xiao, wxm, and the patterns of PS3.4 C.2.2.2.4.

package imaging

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/store"
)

// Short beginnings of Latin names, and single Chinese characters, have a token of their own: they are what is typed
// most and what matches most, and an exact token is answered in order of date without a sort.
const shortPrefix = 5

// nameTokens lists what a study is found under by its patient's name.
func nameTokens(name, latin string) []string {
	var out []string
	n := []rune(store.Fold(name))
	if isChinese(n) {
		for i := range n {
			out = append(out, exact(string(n[i:i+1])), ranged(string(n[i:])))
		}
		if p := store.Pinyin(name); p != "" {
			out = append(out, latinTokens(p)...)
			out = append(out, latinTokens(store.PinyinInitials(name))...)
		}
	} else {
		out = append(out, latinTokens(string(n))...)
	}
	if l := store.Fold(latin); l != "" {
		out = append(out, latinTokens(l)...)
		out = append(out, ranged(strings.ReplaceAll(l, " ", "")))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// latinTokens of a name and of each of its parts behind the first.
func latinTokens(s string) []string {
	var out []string
	parts := strings.Fields(s)
	for i := range parts {
		part := parts[i]
		if i == 0 {
			part = s
		}
		out = append(out, ranged(part))
		r := []rune(part)
		for n := 1; n <= min(shortPrefix, len(r)); n++ {
			out = append(out, exact(string(r[:n])))
		}
	}
	return out
}

// Tokens are hexadecimal UTF-8 behind one letter for their sort.
func exact(s string) string  { return "e" + hex.EncodeToString([]byte(s)) }
func ranged(s string) string { return "r" + hex.EncodeToString([]byte(s)) }

// nameQuery is a pattern made ready for the index: the range [lo, hi) of tokens that can match, and where the tokens do
// not say all, a LIKE pattern over nameKey. like is empty when the tokens decide.
type nameQuery struct{ lo, hi, like string }

// parseName reads a pattern: * any text, ? one character; without them it is a prefix of the name or one of its parts.
func parseName(pattern string) nameQuery {
	p := strings.TrimRight(store.Fold(strings.TrimSpace(pattern)), "*")
	p = strings.Join(strings.FieldsFunc(p, func(r rune) bool { return r == '^' || r == ' ' || r == '=' }), " ")
	lead := strings.HasPrefix(p, "*")
	literal, _, wild := strings.Cut(strings.TrimLeft(p, "*"), "*")
	if i := strings.IndexByte(literal, '?'); i >= 0 {
		literal, wild = literal[:i], true
	}
	var q nameQuery
	r := []rune(literal)
	switch {
	case literal == "":
	case isChinese(r) && len(r) == 1, !isChinese(r) && len(r) <= shortPrefix && !lead:
		q.lo = exact(literal)
		q.hi = q.lo
	case lead && !isChinese(r): // the tails of Latin names have no tokens
	default:
		q.lo = ranged(literal)
		q.hi = q.lo + "g" // behind every continuation: hexadecimal digits end with f
	}
	if wild || lead || q.lo == "" && p != "" {
		q.like = "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`, "*", "%", "?", "_").Replace(p) + "%"
	}
	return q
}

func isChinese(r []rune) bool { return len(r) > 0 && r[0] >= 0x2E80 }
