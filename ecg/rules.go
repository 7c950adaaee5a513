// The rules of critical values as each county keeps them: the pack that came with the program until it keeps its own.

package ecg

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/ecg/critical"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Rules is a pack with its place in the history of a centre.
type Rules struct {
	Centre     record.CentreID
	Number     int // 0: the pack that came with the program
	Version    string
	YAML       string
	RecordedAt time.Time
	RecordedBy string
	Reason     string
}

// ruleBook remembers the packs that were read.
type ruleBook struct {
	mu     sync.Mutex
	parsed map[string]*critical.Pack // by centre and number
}

// of is the pack that counts for a centre now.
func (b *ruleBook) of(ctx context.Context, q querier, centre record.CentreID) (*critical.Pack, error) {
	var number int
	err := q.QueryRow(ctx, `SELECT COALESCE(MAX(number), 0) FROM ecg_rule_packs WHERE centre_id = $1`, string(centre)).Scan(&number)
	if err != nil {
		return nil, fmt.Errorf("critical rules: %w", err)
	}
	if number == 0 {
		return critical.Default(), nil
	}
	key := string(centre) + "/" + strconv.Itoa(number)
	b.mu.Lock()
	known := b.parsed[key]
	b.mu.Unlock() // never held while a database is asked: a transaction may wait for it
	if known != nil {
		return known, nil
	}
	var body string
	if err := q.QueryRow(ctx, `SELECT body FROM ecg_rule_packs WHERE centre_id = $1 AND number = $2`, string(centre), number).Scan(&body); err != nil {
		return nil, fmt.Errorf("critical rules: %w", err)
	}
	p, err := critical.Parse([]byte(body))
	if err != nil {
		return nil, fmt.Errorf("critical rules %s: %w", key, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.parsed == nil {
		b.parsed = map[string]*critical.Pack{}
	}
	b.parsed[key] = p
	return p, nil
}

// querier is a *store.DB or a *store.Tx.
type querier interface {
	QueryRow(ctx context.Context, query string, args ...any) *store.Row
}

// CriticalRules gives the pack of a centre that the scope reaches; an empty centre is that of the caller.
func (c *Centre) CriticalRules(ctx context.Context, s record.Scope, centre record.CentreID) (Rules, error) {
	centre, err := c.reachedCentre(ctx, s, centre)
	if err != nil {
		return Rules{}, err
	}
	return c.newestRules(ctx, c.db, centre)
}

func (c *Centre) newestRules(ctx context.Context, q querier, centre record.CentreID) (Rules, error) {
	r := Rules{Centre: centre}
	var at int64
	err := q.QueryRow(ctx, `SELECT number, version, body, recorded_at, recorded_by, reason FROM ecg_rule_packs WHERE centre_id = $1
		ORDER BY number DESC LIMIT 1`, string(centre)).Scan(&r.Number, &r.Version, &r.YAML, &at, &r.RecordedBy, &r.Reason)
	if errors.Is(err, sql.ErrNoRows) {
		p := critical.Default()
		r.Version, r.YAML = p.Version, string(critical.DefaultYAML())
		return r, nil
	}
	r.RecordedAt = record.FromMicros(at)
	return r, err
}

// reachedCentre is an ECG centre whose host the scope reaches.
func (c *Centre) reachedCentre(ctx context.Context, s record.Scope, id record.CentreID) (record.CentreID, error) {
	all, err := c.db.Centres(ctx)
	if err != nil {
		return "", err
	}
	for _, x := range all {
		if x.Kind == record.ECG && s.Reaches(x.Host) && (x.ID == id || id == "" && x.Host == s.Actor.Institution) {
			return x.ID, nil
		}
	}
	return "", record.Errorf(record.NotFound, "no ECG centre %s", id)
}

// Buttons are the critical values of a tracing that only a doctor raises, by the county's rules; those that the numbers suggest have evidence.
func (c *Centre) Buttons(ctx context.Context, t Kept) ([]critical.Alarm, error) {
	pack, err := c.rules.of(ctx, c.db, t.Centre)
	if err != nil {
		return nil, err
	}
	var out []critical.Alarm
	if t.analysis != nil {
		if r := t.analysis.asked(); r != nil {
			out = pack.Suggest(factsFor(r, t.patient(), nil, t.RecordedAt, t.Duration))
		}
	}
	for _, r := range pack.Buttons(t.RecordedAt) {
		if !slices.ContainsFunc(out, func(a critical.Alarm) bool { return a.Rule == r.ID }) {
			if a, ok := pack.Raise(r.ID, t.RecordedAt, ""); ok {
				out = append(out, a)
			}
		}
	}
	return out, nil
}

// Trial is how often a rule would have raised an alarm in the past, and did.
type Trial struct {
	Rule                    string
	Tracings, Would, Raised int
}

// UpdateRules replaces the pack of a centre. base is the number that the caller saw; a newer one is a Conflict. A dry run changes nothing and asks
// the pack about the tracings of the past days.
func (c *Centre) UpdateRules(ctx context.Context, s record.Scope, r Rules, base int, dryRun bool, days int) (Rules, []Trial, error) {
	centre, err := c.reachedCentre(ctx, s, r.Centre)
	if err != nil {
		return Rules{}, nil, err
	}
	pack, err := critical.Parse([]byte(r.YAML))
	if err != nil {
		return Rules{}, nil, record.Wrap(record.Invalid, nil, err.Error())
	}
	r.Centre, r.Version = centre, pack.Version
	if dryRun {
		trials, err := c.tryRules(ctx, centre, pack, days)
		return r, trials, err
	}
	if r.Reason == "" {
		return Rules{}, nil, record.Errorf(record.Invalid, "reason: say why the rules change")
	}
	err = c.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		if err := tx.Lock(ctx, "ecg-rules:"+string(centre)); err != nil {
			return err
		}
		now, err := c.newestRules(ctx, tx, centre)
		if err != nil {
			return err
		}
		if now.Number != base {
			return record.Errorf(record.Conflict, "the rules were changed by somebody else: number %d counts now", now.Number)
		}
		if now.Version == pack.Version {
			return record.Errorf(record.Invalid, "version: %s is that of the rules that count now; give the changed rules a new one", pack.Version)
		}
		r.Number, r.RecordedAt, r.RecordedBy = now.Number+1, tx.Now(), s.Actor.Display
		_, err = tx.Exec(ctx, `INSERT INTO ecg_rule_packs (centre_id, number, version, body, recorded_at, recorded_by, reason) VALUES ($1,$2,$3,$4,$5,$6,$7)`,
			string(centre), r.Number, r.Version, r.YAML, record.Micros(r.RecordedAt), r.RecordedBy, r.Reason)
		if err != nil {
			return fmt.Errorf("keep rules: %w", err)
		}
		tx.Emit(record.Event{
			Act: "ecg.rules.changed", Institution: s.Actor.Institution, Kind: "rules", Object: string(centre), Outcome: record.Success,
			Detail: map[string]string{"version": r.Version, "number": strconv.Itoa(r.Number)},
		}.By(s))
		return nil
	})
	return r, nil, err
}

const trialPage = 200

// tryRules asks a pack about the past. What was before each tracing counts as it would have.
func (c *Centre) tryRules(ctx context.Context, centre record.CentreID, pack *critical.Pack, days int) ([]Trial, error) {
	since := c.db.Now().Add(-time.Duration(days) * 24 * time.Hour)
	count := map[string]*Trial{}
	var order []string
	of := func(rule string) *Trial {
		if count[rule] == nil {
			count[rule] = &Trial{Rule: rule}
			order = append(order, rule)
		}
		return count[rule]
	}
	for _, r := range pack.Rules {
		of(r.ID)
	}
	tracings := 0
	for last := ""; ; {
		all, err := c.getWhere(ctx, `t.centre_id = $1 AND t.received_at >= $2 AND t.id > $3 AND t.analysis_state = 'done' ORDER BY t.id LIMIT `+strconv.Itoa(trialPage),
			[]any{string(centre), record.Micros(since), last})
		if err != nil {
			return nil, fmt.Errorf("try rules: %w", err)
		}
		for _, t := range all {
			tracings++
			last = string(t.ID)
			if t.analysis == nil {
				continue
			}
			r := t.analysis.asked()
			if r == nil {
				continue
			}
			before, err := c.previousResult(ctx, c.db, t)
			if err != nil {
				return nil, err
			}
			for _, x := range pack.Evaluate(factsFor(r, t.patient(), before, t.RecordedAt, t.Duration)) {
				of(x.Rule).Would++
			}
			for _, x := range t.Alarms {
				of(x.Rule).Raised++
			}
		}
		if len(all) < trialPage {
			break
		}
	}
	out := make([]Trial, len(order))
	for i, rule := range order {
		out[i] = *count[rule]
		out[i].Tracings = tracings
	}
	return out, nil
}
