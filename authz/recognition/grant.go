// Marks at run time: a bureau grants, ends and revokes them; nothing that decided once is forgotten.

package recognition

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// PutMark grants a mark. The scope must reach the institution, and unless it reaches everything, the mark's scope must
// be an area or community that it reaches too: a county grants nothing national. The same mark again is the same mark.
func (d *Desk) PutMark(ctx context.Context, s record.Scope, m Mark) (Mark, error) {
	m.From, m.To = m.From.UTC().Truncate(time.Microsecond), m.To.UTC().Truncate(time.Microsecond)
	if err := d.checkMark(ctx, s, m); err != nil {
		return Mark{}, err
	}
	if fam := d.rb.byCode[strings.ToUpper(m.Item)]; fam != nil {
		m.Item = fam.rules[0].code // as the catalogue writes it
	}
	err := d.db.Tx(ctx, func(tx *store.Tx) error {
		version, err := nextMarksVersion(ctx, tx) // also makes grants follow each other
		if err != nil {
			return err
		}
		twin, err := twinOf(ctx, tx, m)
		if err != nil || twin != nil {
			if twin != nil {
				m = *twin
			}
			return err
		}
		m.ID = MarkID(record.NewID(tx.Now()))
		if err := putMark(ctx, tx, m, s.Actor.ID, version); err != nil {
			return err
		}
		tx.Emit(m.event("granted", s))
		return nil
	})
	if err != nil {
		return Mark{}, err
	}
	return m, nil
}

func (d *Desk) checkMark(ctx context.Context, s record.Scope, m Mark) error {
	g, err := d.db.Graph(ctx)
	if err != nil {
		return err
	}
	if _, ok := g.Institution(m.Institution); !ok || !s.Reaches(m.Institution) {
		return record.Errorf(record.NotFound, "institution %s", m.Institution)
	}
	_, area, _ := strings.Cut(m.Scope, ":")
	known := d.rb.byScope[m.Scope] != 0 || d.rb.regions[m.Scope] != nil
	if _, ok := g.Institution(record.InstitutionID(area)); ok {
		known = true
	}
	switch {
	case scopeRank(m.Scope) < 0 || !known:
		return record.Errorf(record.Invalid, "mark: unknown scope")
	case !s.All && !s.Reaches(record.InstitutionID(area)):
		return record.Errorf(record.Denied, "mark: its scope is wider than what the caller administers")
	case m.From.IsZero() || (!m.To.IsZero() && !m.To.After(m.From)):
		return record.Errorf(record.Invalid, "mark: want a beginning, and an end after it or none")
	case m.ID != "" || m.Revoked:
		return record.Errorf(record.Invalid, "mark: a granted one is ended or revoked, not changed")
	}
	return d.rb.coverage(m)
}

// coverage checks what a mark covers against the packs.
func (rb *Rulebook) coverage(m Mark) error {
	l := linter{codes: map[string]*Item{}, groups: map[string]bool{}}
	for i := range rb.packs {
		for k := range rb.packs[i].Items {
			it := &rb.packs[i].Items[k]
			l.codes[strings.ToUpper(it.Code)] = it
			l.groups[it.Group] = it.Group != ""
		}
	}
	p := PackMark{Institution: m.Institution, Item: m.Item, Group: m.Group, Kind: m.Kind, Source: m.Source}
	if text := l.coverage(p); text != "" {
		return record.Errorf(record.Invalid, "mark: %s", text)
	}
	return nil
}

// twinOf finds the same mark, or refuses one that overlaps another of the same scope and subject.
func twinOf(ctx context.Context, tx *store.Tx, m Mark) (*Mark, error) {
	have, err := queryMarks(ctx, tx, `until_version = 0 AND revoked = 0 AND institution_id = $1 AND scope = $2 AND item = $3
		AND item_group = $4 AND kind = $5`, string(m.Institution), m.Scope, m.Item, m.Group, string(m.Kind))
	if err != nil {
		return nil, err
	}
	for i := range have {
		h := &have[i]
		switch {
		case h.From.Equal(m.From) && h.To.Equal(m.To):
			return h, nil
		case (h.To.IsZero() || m.From.Before(h.To)) && (m.To.IsZero() || h.From.Before(m.To)):
			return nil, record.Errorf(record.Conflict, "mark: %s covers part of that time already: end it first", h.ID)
		}
	}
	return nil, nil
}

// EndMark ends a mark at an instant: later examinations are not covered, earlier ones stay so. An end at or before its
// beginning revokes it.
func (d *Desk) EndMark(ctx context.Context, s record.Scope, id MarkID, at time.Time) (Mark, error) {
	var m Mark
	err := d.db.Tx(ctx, func(tx *store.Tx) error {
		version, err := nextMarksVersion(ctx, tx)
		if err != nil {
			return err
		}
		have, err := queryMarks(ctx, tx, `until_version = 0 AND id = $1`, string(id))
		if err != nil {
			return err
		}
		_, area, _ := strings.Cut(firstScope(have), ":")
		if len(have) == 0 || !s.Reaches(have[0].Institution) || !(s.All || s.Reaches(record.InstitutionID(area))) {
			return record.Errorf(record.NotFound, "mark %s", id)
		}
		m = have[0]
		if m.Revoked || (!m.To.IsZero() && !at.Before(m.To)) {
			return nil // it has ended by then
		}
		m.To = at.UTC().Truncate(time.Microsecond)
		if m.Revoked = !m.To.After(m.From); m.Revoked {
			m.To = m.From
		}
		if err := retireMark(ctx, tx, id, version); err != nil {
			return err
		}
		if err := putMark(ctx, tx, m, s.Actor.ID, version); err != nil {
			return err
		}
		tx.Emit(m.event("ended", s))
		return nil
	})
	return m, err
}

func firstScope(ms []Mark) string {
	if len(ms) == 0 {
		return ""
	}
	return ms[0].Scope
}

func (m Mark) event(what string, s record.Scope) record.Event {
	by, subject := m.subject()
	return record.Event{Act: "recognition.mark." + what, Institution: m.Institution, Kind: "mark", Object: string(m.ID), Detail: map[string]string{
		"covers": string(rune(by)) + ":" + subject, "scope": m.Scope, "revoked": strconv.FormatBool(m.Revoked),
		"from": m.From.Format(time.RFC3339), "to": m.To.Format(time.RFC3339),
	}}.By(s)
}

// Marks lists the marks believed now of the institutions in scope: granted ones and those of the packs.
func (d *Desk) Marks(ctx context.Context, s record.Scope) ([]Mark, error) {
	version, err := marksVersion(ctx, d.db)
	if err != nil {
		return nil, err
	}
	granted, err := marksAt(ctx, d.db, version)
	if err != nil {
		return nil, err
	}
	var out []Mark
	for _, m := range append(append([]Mark(nil), d.rb.packMarks...), granted...) {
		if s.Reaches(m.Institution) {
			out = append(out, m)
		}
	}
	return out, nil
}
