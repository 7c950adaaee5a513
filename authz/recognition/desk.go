// The Desk: rules and marks of this moment joined with what the store knows of a patient.

package recognition

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Desk answers doctors and keeps what they decided.
type Desk struct {
	db *store.DB
	rb *Rulebook

	mu       sync.Mutex
	recorded bool // the text of the packs is in the database
	current  edition
}

// edition is the rules with the marks believed at a version of the marks table.
type edition struct {
	*Rulebook
	marks int64
}

// NewDesk joins a database with the packs of rb.
func NewDesk(db *store.DB, rb *Rulebook) *Desk { return &Desk{db: db, rb: rb} }

// edition is as new as the marks table, whoever wrote it: one small read per call.
func (d *Desk) edition(ctx context.Context) (edition, error) {
	version, err := marksVersion(ctx, d.db)
	if err != nil {
		return edition{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current.Rulebook == nil || d.current.marks < version {
		marks, err := marksAt(ctx, d.db, version)
		if err != nil {
			return edition{}, err
		}
		d.current = edition{d.rb.WithMarks(marks), version}
	}
	if !d.recorded {
		if err := d.db.Tx(ctx, func(tx *store.Tx) error { return putPacks(ctx, tx, d.rb) }); err != nil {
			return edition{}, err
		}
		d.recorded = true
	}
	return d.current, nil
}

// editionAt rebuilds the rules that an earlier decision was made by.
func (d *Desk) editionAt(ctx context.Context, packs string, marks int64) (edition, error) {
	rb := d.rb
	if packs != rb.packsHash {
		text, err := packsText(ctx, d.db, packs)
		if err != nil {
			return edition{}, err
		}
		if rb, err = parse([]byte(text)); err != nil {
			return edition{}, fmt.Errorf("packs %s: %w", packs, err)
		}
	}
	ms, err := marksAt(ctx, d.db, marks)
	if err != nil {
		return edition{}, err
	}
	return edition{rb.WithMarks(ms), marks}, nil
}

// Reasons lists why a doctor of the caller's institution may repeat an examination.
func (d *Desk) Reasons(ctx context.Context, s record.Scope) ([]Reason, error) {
	g, err := d.db.Graph(ctx)
	if err != nil {
		return nil, err
	}
	return d.rb.Reasons(g.ScopesOf(s.Actor.Institution), d.db.Now()), nil
}

// Items is the catalogue for the caller's institution on a day; the zero date is today.
func (d *Desk) Items(ctx context.Context, s record.Scope, on record.Date) (items []Item, version string, err error) {
	g, err := d.db.Graph(ctx)
	if err != nil {
		return nil, "", err
	}
	ed, err := d.edition(ctx)
	if err != nil {
		return nil, "", err
	}
	at := d.db.Now()
	if !on.IsZero() {
		at = time.UnixMicro(Day{on}.at(0))
	}
	return ed.Items(g.ScopesOf(s.Actor.Institution), at), ed.Version(), nil
}

// ask says who asks, from the directory.
func ask(g *store.Graph, s record.Scope, setting Setting, at time.Time) (Ask, error) {
	in := s.Actor.Institution
	if in == "" {
		return Ask{}, record.Errorf(record.Invalid, "recognition: the caller acts for no institution")
	}
	if setting >= settings {
		return Ask{}, record.Errorf(record.Invalid, "recognition: unknown setting")
	}
	i, _ := g.Institution(in)
	return Ask{Institution: in, Level: i.Level, Scopes: g.ScopesOf(in), Setting: setting, At: at}, nil
}

// priorsOf turns results into what the engine judges; each maker is looked up once.
func priorsOf(g *store.Graph, receiver record.InstitutionID, results []record.Result) []Prior {
	type maker struct {
		level int
		same  bool
	}
	makers := make(map[record.InstitutionID]maker)
	out := make([]Prior, len(results))
	for i := range results {
		r := &results[i]
		e := &r.Exam
		by := r.Maker()
		m, ok := makers[by]
		if !ok {
			in, _ := g.Institution(by)
			m = maker{in.Level, g.SameCommunity(receiver, by)}
			makers[by] = m
		}
		out[i] = Prior{
			Result: r.ID, Institution: e.Institution, Laboratory: r.Laboratory, Level: m.level, SameCommunity: m.same, Kind: e.Kind,
			Item: e.Procedure, Modality: e.Modality, BodyPart: e.BodyPart, Status: r.Status, Grade: e.Grade,
			Complete: e.Complete, PerformedAt: e.PerformedAt, ReportedAt: r.SignedAt,
		}
		if !r.Quality.At.IsZero() {
			out[i].Quality = &r.Quality
		}
	}
	return out
}
