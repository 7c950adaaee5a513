// Catalogues and rules as each county keeps them: the pack that came with the program until it keeps its own.

package catalogue

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/verify"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// History is results of the past for a dry run.
type History = iter.Seq2[verify.Past, error]

// Kept is a pack with its place in the history of a centre.
type Kept struct {
	Centre     record.CentreID
	Kind       PackKind
	Number     int // 0: the pack that came with the program
	Version    string
	From       time.Time
	YAML       string
	RecordedAt time.Time
	RecordedBy string
	Reason     string
}

// Update asks to replace a pack. Base is the number that the caller saw: a newer one is a Conflict. A dry run changes nothing.
type Update struct {
	Centre record.CentreID
	Kind   PackKind
	YAML   string
	Reason string
	Base   int
	DryRun bool
	Days   int // of the past that a dry run of rules is asked about
}

// Difference is what an update of a catalogue changes.
type Difference struct {
	Added, Removed, Changed []string // codes of analytes
	Units                   []string // of which the unit changes: trends and rules speak of another
}

// Updated is what became of an update.
type Updated struct {
	Kept
	Difference Difference
	Trial      verify.Trial // of a dry run of rules
}

// Newest gives the pack that was kept last of a centre that the scope reaches; an empty centre is that of the caller.
func (d *Desk) Newest(ctx context.Context, s record.Scope, centre record.CentreID, kind PackKind) (Kept, error) {
	centre, err := d.reachedCentre(ctx, s, centre)
	if err != nil {
		return Kept{}, err
	}
	return newest(ctx, d.db, centre, kind)
}

func newest(ctx context.Context, q store.Querier, centre record.CentreID, kind PackKind) (Kept, error) {
	k := Kept{Centre: centre, Kind: kind}
	var from, at int64
	err := q.QueryRow(ctx, `SELECT number, version, from_at, body, recorded_at, recorded_by, reason FROM lab_packs WHERE centre_id = $1 AND kind = $2
		ORDER BY number DESC LIMIT 1`, string(centre), string(kind)).Scan(&k.Number, &k.Version, &from, &k.YAML, &at, &k.RecordedBy, &k.Reason)
	if noRow(err) {
		if kind == RulesPack {
			k.Version, k.From, k.YAML = verify.Default().Version, verify.Default().From.Start(), string(verify.DefaultYAML())
		} else {
			k.Version, k.From, k.YAML = Default().Version, Default().From.Start(), string(DefaultYAML())
		}
		return k, nil
	}
	k.From, k.RecordedAt = record.FromMicros(from), record.FromMicros(at)
	return k, err
}

// Change replaces a pack, or tries it.
func (d *Desk) Change(ctx context.Context, s record.Scope, u Update) (Updated, error) {
	centre, err := d.reachedCentre(ctx, s, u.Centre)
	if err != nil {
		return Updated{}, err
	}
	u.Centre = centre
	snap, err := d.Snapshot(ctx, d.db)
	if err != nil {
		return Updated{}, err
	}
	out := Updated{Kept: Kept{Centre: centre, Kind: u.Kind, YAML: u.YAML, Reason: u.Reason}}
	if u.Kind == RulesPack {
		err = d.checkRules(ctx, snap, u, &out)
	} else {
		err = d.checkCatalogue(snap, u, &out)
	}
	if err != nil || u.DryRun {
		return out, err
	}
	if u.Reason == "" {
		return Updated{}, record.Errorf(record.Invalid, "reason: say why the pack changes")
	}
	return out, d.keep(ctx, s, u, &out.Kept)
}

func (d *Desk) checkCatalogue(snap *Snapshot, u Update, out *Updated) error {
	p, err := Parse([]byte(u.YAML))
	if err != nil {
		return record.Wrap(record.Invalid, nil, err.Error())
	}
	out.Version, out.From = p.Version, p.From.Start()
	out.Difference = difference(snap.Pack(u.Centre, time.Time{}), p)
	if lost := snap.mappedWithout(u.Centre, p); len(lost) > 0 {
		return record.Errorf(record.Precondition, "codes of senders are mapped to analytes that the catalogue no longer has: %s", brief(lost))
	}
	if lost := without(snap.Rules(u.Centre, time.Time{}).Analytes(), p); len(lost) > 0 && !u.DryRun {
		return record.Errorf(record.Precondition, "rules that count speak of analytes that the catalogue no longer has: %s", brief(lost))
	}
	return nil
}

// checkRules holds rules against the catalogue: analytes that there are, in units that are theirs.
func (d *Desk) checkRules(ctx context.Context, snap *Snapshot, u Update, out *Updated) error {
	rules, err := verify.Parse([]byte(u.YAML))
	if err != nil {
		return record.Wrap(record.Invalid, nil, err.Error())
	}
	out.Version, out.From = rules.Version, rules.From.Start()
	p := snap.Pack(u.Centre, time.Time{})
	if lost := without(rules.Analytes(), p); len(lost) > 0 {
		return record.Errorf(record.Invalid, "units: the catalogue has no %s", brief(lost))
	}
	if err := Agree(p, rules); err != nil {
		return err
	}
	if !u.DryRun || d.History == nil {
		return nil
	}
	since := d.db.Now().Add(-time.Duration(u.Days) * 24 * time.Hour)
	out.Trial, err = verify.DryRun(ctx, rules, d.History(ctx, u.Centre, since), p.Convert)
	return err
}

// Agree checks that the units of rules convert into those of a catalogue.
func Agree(p *Pack, rules *verify.Pack) error {
	for _, code := range rules.Analytes() {
		a, ok := p.Analyte(code)
		if ok && a.Unit != rules.Units[code] && !p.Convertible(a.Unit, rules.Units[code], code) {
			return record.Errorf(record.Invalid, "units: %s of %s does not convert into %s of the catalogue", rules.Units[code], code, a.Unit)
		}
	}
	return nil
}

func without(codes []string, p *Pack) []string {
	return slices.DeleteFunc(slices.Clone(codes), func(c string) bool { _, ok := p.Analyte(c); return ok })
}

func brief(codes []string) string {
	if len(codes) > 10 {
		return strings.Join(codes[:10], ", ") + " ..."
	}
	return strings.Join(codes, ", ")
}

func difference(old, now *Pack) Difference {
	var out Difference
	for i := range now.Analytes {
		a := &now.Analytes[i]
		b, ok := old.Analyte(a.Code)
		switch {
		case !ok:
			out.Added = append(out.Added, a.Code)
		case b.Unit != a.Unit:
			out.Units = append(out.Units, a.Code)
			out.Changed = append(out.Changed, a.Code)
		case !alike(&b, a) || !slices.EqualFunc(old.intervals[a.Code], now.intervals[a.Code], func(x, y *Interval) bool { return fmt.Sprint(*x) == fmt.Sprint(*y) }):
			out.Changed = append(out.Changed, a.Code)
		}
	}
	for i := range old.Analytes {
		if _, ok := now.Analyte(old.Analytes[i].Code); !ok {
			out.Removed = append(out.Removed, old.Analytes[i].Code)
		}
	}
	return out
}

func alike(a, b *Analyte) bool { return fmt.Sprint(*a) == fmt.Sprint(*b) }

// keep writes the pack behind the one that counts.
func (d *Desk) keep(ctx context.Context, s record.Scope, u Update, k *Kept) error {
	return d.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		if err := tx.Lock(ctx, "lab-packs:"+string(u.Centre)); err != nil {
			return err
		}
		now, err := newest(ctx, tx, u.Centre, u.Kind)
		if err != nil {
			return err
		}
		if now.Number != u.Base {
			return record.Errorf(record.Conflict, "the pack was changed by somebody else: number %d counts now", now.Number)
		}
		if now.Version == k.Version {
			return record.Errorf(record.Invalid, "version: %s is that of the pack that counts now; give the changed one a new version", k.Version)
		}
		k.Number, k.RecordedAt, k.RecordedBy = now.Number+1, tx.Now(), s.Actor.Display
		_, err = tx.Exec(ctx, `INSERT INTO lab_packs (centre_id, kind, number, version, from_at, body, recorded_at, recorded_by, reason)
			VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)`, string(u.Centre), string(u.Kind), k.Number, k.Version, record.Micros(k.From), k.YAML,
			record.Micros(k.RecordedAt), k.RecordedBy, k.Reason)
		if err != nil {
			return fmt.Errorf("keep pack: %w", err)
		}
		tx.Emit(record.Event{
			Act: "lab." + string(u.Kind) + ".changed", Institution: s.Actor.Institution, Kind: "rules", Object: string(u.Centre), Outcome: record.Success,
			Detail: map[string]string{"version": k.Version, "number": strconv.Itoa(k.Number)},
		}.By(s))
		return changed(ctx, tx)
	})
}
