// Rule packs: the YAML that a centre decides by, every version it ever had.

package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// RulePacks is the history of the packs of every centre in one table with the columns centre_id, number, version, body, recorded_at,
// recorded_by, reason and the key (centre_id, number); a table for packs of several kinds has kind behind centre_id, in the key too. A pack
// is never changed but followed by a newer number; number 0 is the pack that came with the program and has no row.
type RulePacks struct {
	Table   string
	Kind    string                        // which packs of the table; empty where it has no such column
	Default func() (version, yaml string) // the pack that came with the program
}

// RulePack is a pack with its place in the history of a centre.
type RulePack struct {
	Centre     record.CentreID
	Number     int    // 0: the pack that came with the program
	Version    string // as the pack says
	YAML       string
	RecordedAt time.Time
	RecordedBy string
	Reason     string
}

const rulePackColumns = `centre_id, number, version, body, recorded_at, recorded_by, reason`

// of is the rows of a centre among the arguments.
func (p RulePacks) of(centre record.CentreID, args *[]any) string {
	*args = append(*args, string(centre))
	where := fmt.Sprintf(`centre_id = $%d`, len(*args))
	if p.Kind != "" {
		*args = append(*args, p.Kind)
		where += fmt.Sprintf(` AND kind = $%d`, len(*args))
	}
	return where
}

func (p RulePacks) query(ctx context.Context, q Querier, centre record.CentreID, where, order string, args ...any) ([]RulePack, error) {
	where += p.of(centre, &args)
	out, err := Collect(ctx, q, `SELECT `+rulePackColumns+` FROM `+p.Table+` WHERE `+where+order, args, func(scan func(...any) error) (r RulePack, err error) {
		var at int64
		err = scan(&r.Centre, &r.Number, &r.Version, &r.YAML, &at, &r.RecordedBy, &r.Reason)
		r.RecordedAt = record.FromMicros(at)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("rule packs of %s: %w", centre, err)
	}
	return out, nil
}

func (p RulePacks) first(centre record.CentreID) RulePack {
	r := RulePack{Centre: centre}
	r.Version, r.YAML = p.Default()
	return r
}

// Newest is the pack that counts for a centre now.
func (p RulePacks) Newest(ctx context.Context, q Querier, centre record.CentreID) (RulePack, error) {
	all, err := p.query(ctx, q, centre, ``, ` ORDER BY number DESC LIMIT 1`)
	if err == nil && len(all) == 0 {
		return p.first(centre), nil
	}
	return append(all, RulePack{})[0], err
}

// At is one pack of the history; a number that never was is NotFound.
func (p RulePacks) At(ctx context.Context, q Querier, centre record.CentreID, number int) (RulePack, error) {
	if number == 0 {
		return p.first(centre), nil
	}
	all, err := p.query(ctx, q, centre, `number = $1 AND `, ``, number)
	if err == nil && len(all) == 0 {
		err = record.Errorf(record.NotFound, "no rules number %d of centre %s", number, centre)
	}
	return append(all, RulePack{})[0], err
}

// History lists the packs that a centre kept, the newest first, those before a number if it is not 0.
func (p RulePacks) History(ctx context.Context, q Querier, centre record.CentreID, before, limit int) ([]RulePack, error) {
	return p.query(ctx, q, centre, `(number < $1 OR $1 = 0) AND `, ` ORDER BY number DESC LIMIT $2`, before, limit)
}

// Put keeps a pack that was parsed already as the newest of its centre and answers it with number and time. base is the number that its writer
// saw: a newer one is a Conflict. A pack needs a version of its own and a reason. The room emits the event.
func (p RulePacks) Put(ctx context.Context, tx *Tx, r RulePack, base int) (RulePack, error) {
	if r.Reason == "" {
		return RulePack{}, record.Errorf(record.Invalid, "reason: say why the rules change")
	}
	if err := tx.Lock(ctx, p.Table+":"+p.Kind+":"+string(r.Centre)); err != nil {
		return RulePack{}, err
	}
	now, err := p.Newest(ctx, tx, r.Centre)
	switch {
	case err != nil:
		return RulePack{}, err
	case now.Number != base:
		return RulePack{}, record.Errorf(record.Conflict, "the rules were changed by somebody else: number %d counts now", now.Number)
	case now.Version == r.Version:
		return RulePack{}, record.Errorf(record.Invalid, "version: %s is that of the rules that count now; give the changed rules a new one", r.Version)
	}
	r.Number, r.RecordedAt = now.Number+1, tx.Now()
	columns, args := rulePackColumns, []any{string(r.Centre), r.Number, r.Version, r.YAML, record.Micros(r.RecordedAt), r.RecordedBy, r.Reason}
	values := `$1,$2,$3,$4,$5,$6,$7`
	if p.Kind != "" {
		columns, values, args = columns+", kind", values+",$8", append(args, p.Kind)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO `+p.Table+` (`+columns+`) VALUES (`+values+`)`, args...); err != nil {
		return RulePack{}, fmt.Errorf("keep rules: %w", err)
	}
	return r, nil
}

// RuleBook is rule packs as a room reads them: each is parsed once. It is safe for any number of readers.
type RuleBook[P any] struct {
	Packs RulePacks
	Parse func(yaml []byte) (*P, error)

	mu     sync.Mutex
	parsed map[place]*P
}

type place struct {
	centre record.CentreID
	number int
}

// Of is the pack that counts for a centre now, and its number.
func (b *RuleBook[P]) Of(ctx context.Context, q Querier, centre record.CentreID) (*P, int, error) {
	k := place{centre: centre}
	var args []any
	where := b.Packs.of(centre, &args)
	err := q.QueryRow(ctx, `SELECT COALESCE(MAX(number), 0) FROM `+b.Packs.Table+` WHERE `+where, args...).Scan(&k.number)
	if err != nil {
		return nil, 0, fmt.Errorf("rules of %s: %w", centre, err)
	}
	p, err := b.read(ctx, q, k)
	return p, k.number, err
}

// At is one pack of the history.
func (b *RuleBook[P]) At(ctx context.Context, q Querier, centre record.CentreID, number int) (*P, error) {
	return b.read(ctx, q, place{centre, number})
}

func (b *RuleBook[P]) read(ctx context.Context, q Querier, k place) (*P, error) {
	if k.number == 0 {
		k.centre = "" // the pack of the program is one for all
	}
	b.mu.Lock()
	known := b.parsed[k]
	b.mu.Unlock() // never held while a database is asked: a transaction may wait for it
	if known != nil {
		return known, nil
	}
	r, err := b.Packs.At(ctx, q, k.centre, k.number)
	if err != nil {
		return nil, err
	}
	p, err := b.Parse([]byte(r.YAML))
	if err != nil {
		return nil, fmt.Errorf("rules %s of %s, number %d: %w", r.Version, k.centre, k.number, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.parsed == nil {
		b.parsed = map[place]*P{}
	}
	b.parsed[k] = p
	return p, nil
}
