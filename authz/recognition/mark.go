// HR marks: who is trusted with what, in which scope, between which instants.

package recognition

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// MarkID names a mark that was granted at run time.
type MarkID string

// Mark says that results made by an institution are to be recognised within a scope when the examination was made in
// [From, To). Exactly one of Item, Group and Kind says what it covers.
type Mark struct {
	ID          MarkID // empty for a mark of a pack
	Institution record.InstitutionID
	Item        string
	Group       string
	Kind        record.CentreKind
	Scope       string    // national, region:x, province:x, city:x, county:x, community:x
	From, To    time.Time // To zero: open
	Source      string    // which evaluation it rests on
	Revoked     bool      // it was wrong from the start and covers nothing
}

// What a mark covers, as a key.
const (
	byItem  = 'i'
	byGroup = 'g'
	byKind  = 'k'
)

type markKey struct {
	institution record.InstitutionID
	by          byte
	subject     string
}

func (m Mark) subject() (byte, string) {
	switch {
	case m.Item != "":
		return byItem, strings.ToUpper(m.Item)
	case m.Group != "":
		return byGroup, m.Group
	}
	return byKind, string(m.Kind)
}

// mark is compiled: the scope and, for a region, what it is made of.
type mark struct {
	scope    string
	members  []string
	rank     int
	from, to int64
}

func (m PackMark) mark(pack string) Mark {
	out := Mark{
		Institution: m.Institution, Item: m.Item, Group: m.Group, Kind: m.Kind, Scope: m.Scope, Source: pack + ": " + m.Source,
		From: time.UnixMicro(m.From.at(0)).UTC(),
	}
	if !m.To.IsZero() {
		out.To = time.UnixMicro(m.To.at(0)).UTC()
	}
	return out
}

// WithMarks is the same rules with the marks of the packs and these, under its own version.
func (rb *Rulebook) WithMarks(granted []Mark) *Rulebook {
	out := *rb
	out.version = rb.packsHash
	out.marks = make(map[markKey][]mark)
	for _, m := range rb.packMarks {
		out.addMark(m)
	}
	lines := make([]string, 0, len(granted))
	for _, m := range granted {
		if m.Revoked {
			continue
		}
		out.addMark(m)
		by, subject := m.subject()
		lines = append(lines, fmt.Sprintf("%s %c:%s %s %d %d", m.Institution, by, subject, m.Scope, record.Micros(m.From), record.Micros(m.To)))
	}
	for _, ms := range out.marks {
		slices.SortFunc(ms, func(a, b mark) int {
			return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.scope, b.scope), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
		})
	}
	if len(lines) > 0 {
		slices.Sort(lines)
		out.version = short([]byte(rb.packsHash + "\n" + strings.Join(lines, "\n")))
	}
	return &out
}

func (rb *Rulebook) addMark(m Mark) {
	by, subject := m.subject()
	k := markKey{m.Institution, by, subject}
	to := int64(forever)
	if !m.To.IsZero() {
		to = m.To.UnixMicro()
	}
	rb.marks[k] = append(rb.marks[k], mark{m.Scope, rb.regions[m.Scope], scopeRank(m.Scope), record.Micros(m.From), to})
}

// covers lists the scopes whose members a scope holds: itself and, for a region, what it is made of.
func (rb *Rulebook) covers(scope string) []string {
	return append([]string{scope}, rb.regions[scope]...)
}

// scopeRank is narrow to wide, and -1 for a text that is no scope.
func scopeRank(scope string) int { return record.AreaRank(scope) }

// rank is the rank of the scopes of a pack, which are of one kind.
func (p Pack) rank() int {
	if len(p.AppliesTo) == 0 {
		return -1
	}
	return scopeRank(p.AppliesTo[0])
}

// markFor answers the scope of the widest mark that held when the examination was made, and whether one exists that
// did not hold then.
func (rb *Rulebook) markFor(v *view, own *rule, r *Prior) (scope string, lapsed bool) {
	at := r.PerformedAt.UnixMicro()
	best := -1
	look := func(ms []mark) {
		for i := range ms {
			m := &ms[i]
			switch {
			case !reaches(m.scope, m.members, v.Scopes):
			case at < m.from || at >= m.to:
				lapsed = true
			case m.rank > best || m.rank == best && m.scope < scope:
				best, scope = m.rank, m.scope
			}
		}
	}
	maker, group, kind := r.maker(), "", r.Kind
	if own != nil {
		group, kind = own.group, own.kind
		look(rb.marks[markKey{maker, byItem, own.family.upper}])
	} else if len(r.Item) <= foldMax {
		var buf [foldMax]byte
		look(rb.marks[markKey{maker, byItem, string(fold(&buf, r.Item))}])
	}
	if group != "" {
		look(rb.marks[markKey{maker, byGroup, group}])
	}
	look(rb.marks[markKey{maker, byKind, string(kind)}])
	return scope, lapsed
}

// reaches reports whether a scope, with the members of a region, holds one who is in these scopes.
func reaches(scope string, members, scopes []string) bool {
	if scope == national {
		return true
	}
	for _, s := range scopes {
		if s == scope || slices.Contains(members, s) {
			return true
		}
	}
	return false
}
