// The desk: the catalogues and rules of all counties, and what senders' codes mean, as rows with a picture of them in memory.

package catalogue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lianzhen/lianzhen/lab/packfile"
	"github.com/lianzhen/lianzhen/lab/verify"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Desk keeps catalogues, rules and code maps.
type Desk struct {
	db      *store.DB
	current atomic.Pointer[Snapshot]
	counts  counts

	mu     sync.Mutex
	parsed map[string]any // packs by the digest of their text: *Pack and *verify.Pack

	// OnMapped is called in the transaction in which a code gets a meaning, another one, or none: the centre reads the rows that it holds again.
	OnMapped func(ctx context.Context, tx *store.Tx, m Mapping) error
	// History gives the results of a centre since an instant, with what was decided on them, for dry runs of rules; nil: there are none.
	History func(ctx context.Context, centre record.CentreID, since time.Time) History
}

// New makes a desk.
func New(db *store.DB) *Desk { return &Desk{db: db, parsed: map[string]any{}} }

// PackKind says what a pack is.
type PackKind string

// The kinds of packs.
const (
	CataloguePack PackKind = "catalogue"
	RulesPack     PackKind = "rules"
)

// Snapshot is all packs and maps as they were at one moment. It is not changed and may be used by several goroutines.
type Snapshot struct {
	token   string
	packs   map[record.CentreID][]packVersion // the newest first
	rules   map[record.CentreID][]rulesVersion
	maps    map[mapKey][]Mapping
	centres func(record.InstitutionID) record.CentreID
	now     record.Clock
	counts  *counts
}

type packVersion struct {
	number int
	fromAt int64
	pack   *Pack
}

type rulesVersion struct {
	number int
	fromAt int64
	pack   *verify.Pack
}

// Snapshot gives the picture that counts now. Inside a transaction it has what the transaction changed.
func (d *Desk) Snapshot(ctx context.Context, q store.Querier) (*Snapshot, error) {
	var token string
	if err := q.QueryRow(ctx, `SELECT token FROM lab_catalogue_token WHERE one = 1`).Scan(&token); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if s := d.current.Load(); s != nil && s.token == token {
		return s.at(ctx, d)
	}
	// The token is read first: rows that are newer than it only mean that the next look loads them again.
	s, err := d.load(ctx, q, token)
	if err != nil {
		return nil, err
	}
	d.current.Store(s)
	return s.at(ctx, d)
}

// at gives a picture the institutions of now.
func (s *Snapshot) at(ctx context.Context, d *Desk) (*Snapshot, error) {
	g, err := d.db.Graph(ctx)
	if err != nil {
		return nil, err
	}
	out := *s
	out.now, out.counts = d.db.Now, &d.counts
	out.centres = func(i record.InstitutionID) record.CentreID {
		c, _ := g.CentreFor(i, record.Lab)
		return c.ID
	}
	return &out, nil
}

func (d *Desk) load(ctx context.Context, q store.Querier, token string) (*Snapshot, error) {
	s := &Snapshot{token: token, packs: map[record.CentreID][]packVersion{}, rules: map[record.CentreID][]rulesVersion{}, maps: map[mapKey][]Mapping{}}
	type row struct {
		centre record.CentreID
		kind   PackKind
		number int
		fromAt int64
		body   string
	}
	rows, err := store.List(ctx, q, `SELECT centre_id, kind, number, from_at, body FROM lab_packs ORDER BY centre_id, kind, number DESC`, nil,
		func(r *row) []any { return []any{&r.centre, &r.kind, &r.number, &r.fromAt, &r.body} })
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	for _, r := range rows {
		if r.kind == RulesPack {
			p, err := parsed(d, r.body, verify.Parse)
			if err != nil {
				return nil, fmt.Errorf("rules %s/%d: %w", r.centre, r.number, err)
			}
			s.rules[r.centre] = append(s.rules[r.centre], rulesVersion{r.number, r.fromAt, p})
			continue
		}
		p, err := parsed(d, r.body, Parse)
		if err != nil {
			return nil, fmt.Errorf("catalogue %s/%d: %w", r.centre, r.number, err)
		}
		s.packs[r.centre] = append(s.packs[r.centre], packVersion{r.number, r.fromAt, p})
	}
	return s, d.loadMaps(ctx, q, s)
}

// parsed reads a pack once: packs do not change.
func parsed[P any](d *Desk, body string, parse func([]byte) (*P, error)) (*P, error) {
	key := packfile.Digest([]byte(body))
	d.mu.Lock()
	known, ok := d.parsed[key].(*P)
	d.mu.Unlock()
	if ok {
		return known, nil
	}
	p, err := parse([]byte(body))
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.parsed[key] = p
	return p, nil
}

// changed gives the picture another token.
func changed(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE lab_catalogue_token SET token = $1 WHERE one = 1`, record.NewID(tx.Now()))
	return err
}

// Centre is the laboratory centre of an institution, empty if none measures for it.
func (s *Snapshot) Centre(of record.InstitutionID) record.CentreID { return s.centres(of) }

// Pack is the catalogue of a centre that counts at an instant; the zero instant is now. Without one of its own it is the default.
func (s *Snapshot) Pack(centre record.CentreID, at time.Time) *Pack {
	us := s.instant(at)
	for _, v := range s.packs[centre] {
		if v.fromAt <= us {
			return v.pack
		}
	}
	return Default()
}

// Rules are the rules of a centre that count at an instant; the zero instant is now. Without ones of its own they are the default.
func (s *Snapshot) Rules(centre record.CentreID, at time.Time) *verify.Pack {
	us := s.instant(at)
	for _, v := range s.rules[centre] {
		if v.fromAt <= us {
			return v.pack
		}
	}
	return verify.Default()
}

func (s *Snapshot) instant(at time.Time) int64 {
	if at.IsZero() {
		at = s.now()
	}
	return record.Micros(at)
}

// Pack is the catalogue of a centre that counts now.
func (d *Desk) Pack(ctx context.Context, q store.Querier, centre record.CentreID) (*Pack, error) {
	s, err := d.Snapshot(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.Pack(centre, time.Time{}), nil
}

// Rules are the rules of a centre that count now.
func (d *Desk) Rules(ctx context.Context, q store.Querier, centre record.CentreID) (*verify.Pack, error) {
	s, err := d.Snapshot(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.Rules(centre, time.Time{}), nil
}

// RulesBy finds the pack of rules that a verdict was made by, for a replay.
func (d *Desk) RulesBy(ctx context.Context, q store.Querier, digest string) (*verify.Pack, error) {
	if verify.Default().Digest() == digest {
		return verify.Default(), nil
	}
	s, err := d.Snapshot(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, all := range s.rules {
		for _, v := range all {
			if v.pack.Digest() == digest {
				return v.pack, nil
			}
		}
	}
	var body string
	err = q.QueryRow(ctx, `SELECT body FROM lab_rule_texts WHERE digest = $1`, digest).Scan(&body)
	if noRow(err) {
		return nil, record.Errorf(record.NotFound, "no such pack of rules")
	}
	if err != nil {
		return nil, fmt.Errorf("rules of a verdict: %w", err)
	}
	return parsed(d, body, verify.Parse)
}

// keepText keeps the rules of this program for verdicts that are asked about when it has others.
func (d *Desk) keepText(ctx context.Context) error {
	return d.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO lab_rule_texts (digest, body, recorded_at) VALUES ($1,$2,$3) ON CONFLICT (digest) DO NOTHING`,
			verify.Default().Digest(), string(verify.DefaultYAML()), record.Micros(tx.Now()))
		return err
	})
}

// For is the catalogue that an institution reads: that of its laboratory centre.
func (d *Desk) For(ctx context.Context, i record.InstitutionID) (*Pack, error) {
	return d.packOf(ctx, d.db, i)
}

// reachedCentre is a laboratory centre whose host the scope reaches; an empty one is that of the caller.
func (d *Desk) reachedCentre(ctx context.Context, s record.Scope, id record.CentreID) (record.CentreID, error) {
	all, err := d.db.Centres(ctx)
	if err != nil {
		return "", err
	}
	for _, x := range all {
		if x.Kind == record.Lab && s.Reaches(x.Host) && (x.ID == id || id == "" && x.Host == s.Actor.Institution) {
			return x.ID, nil
		}
	}
	return "", record.Errorf(record.NotFound, "no laboratory centre %s", id)
}

func noRow(err error) bool { return errors.Is(err, sql.ErrNoRows) }
