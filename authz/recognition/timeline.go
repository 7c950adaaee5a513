// Entries that must follow each other in time without overlap, and for most without a gap.

package recognition

import (
	"cmp"
	"slices"
)

// series is entries that must follow each other in time, by key.
type series struct {
	gaps    bool // holes are allowed
	entries []timed
}

type timed struct {
	key   string
	span  Span
	index int
	what  string
}

func (t *series) add(key string, d Span, index int, what string) {
	t.entries = append(t.entries, timed{key, d, index, what})
}

// timelines finds overlaps and gaps between the entries of one key.
func (l *linter) timelines(s source, section string, t series) {
	es := slices.Clone(t.entries)
	slices.SortStableFunc(es, func(a, b timed) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.span.From.at(0), b.span.From.at(0)))
	})
	for i := 1; i < len(es); i++ {
		a, b := es[i-1], es[i]
		if a.key != b.key {
			continue
		}
		end, next := a.span.To.at(forever), b.span.From.at(0)
		switch {
		case a.span.From == b.span.From:
			l.at(s, section, b.index, "%s: duplicate from %s (also line %d)", b.what, b.span.From, s.line(section, a.index))
		case end > next:
			l.at(s, section, b.index, "%s: overlap with that from %s (line %d)", b.what, a.span.From, s.line(section, a.index))
		case end < next && !t.gaps:
			l.at(s, section, b.index, "%s: gap from %s to %s", b.what, a.span.To, b.span.From)
		}
	}
}
