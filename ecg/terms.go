// Terms: what a search looks for, each beside the tracing it is in, in order of time.

package ecg

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Sorts of terms, by their first letter. A name is hexadecimal UTF-8 behind it, so that every database sorts it alike.
const (
	findingTerm = "f"
	nameTerm    = "n"
)

// nameTerms are the tails of a name that a search may begin with: 王秀英, 秀英, 英, wangxiuying, xiuying, ying, wxy.
func nameTerms(name, latin string) []string {
	var out []string
	add := func(s string) {
		if s = store.Fold(strings.Join(strings.Fields(s), "")); s != "" {
			out = append(out, nameTerm+hex.EncodeToString([]byte(s)))
		}
	}
	for _, text := range []string{name, latin} {
		words := strings.Fields(text)
		for i := range words {
			add(strings.Join(words[i:], ""))
		}
	}
	runes := []rune(name)
	for i, r := range runes {
		if r >= 0x2E80 { // Chinese: every character begins a word
			tail := string(runes[i:])
			add(tail)
			add(store.Pinyin(tail))
		}
	}
	add(store.PinyinInitials(name))
	slices.Sort(out)
	return slices.Compact(out)
}

// nameRange are the terms [lo, hi) of the names that have a word which begins with text; empty for no text.
func nameRange(text string) (lo, hi string) {
	text = store.Fold(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '^' || r == ' ' || r == '　' }), ""))
	if text == "" {
		return "", ""
	}
	lo = nameTerm + hex.EncodeToString([]byte(text))
	return lo, lo + "g" // behind every continuation: hexadecimal digits end with f
}

// putTerms replaces the terms of one sort of a tracing.
func putTerms(ctx context.Context, tx *store.Tx, id record.ExamID, sort string, terms []string) error {
	_, err := tx.Exec(ctx, `DELETE FROM tracing_terms WHERE tracing_id = $1 AND term >= $2 AND term < $3`, string(id), sort, sort+"~")
	if err != nil || len(terms) == 0 {
		return err
	}
	args := []any{string(id)}
	rows := make([]string, len(terms))
	for i, term := range terms {
		args = append(args, term)
		rows[i] = fmt.Sprintf("SELECT $%d AS term", len(args))
	}
	_, err = tx.Exec(ctx, `INSERT INTO tracing_terms (term, recorded_at, tracing_id)
		SELECT x.term, t.recorded_at, t.id FROM tracings t CROSS JOIN (`+strings.Join(rows, " UNION ALL ")+`) x WHERE t.id = $1`, args...)
	if err != nil {
		return fmt.Errorf("keep terms: %w", err)
	}
	return nil
}

func findingTerms(codes []finding.Code) []string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = findingTerm + string(c)
	}
	return out
}
