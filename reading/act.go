// One act on a case: read it, ask the table, change it, write it by compare-and-set, remember who, say what happened.

package reading

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// doing is an asking with what it changes.
type doing struct {
	asking
	event string
	etag  string // of the case as the caller saw it; empty: any
	quiet bool   // leaves the version as it is
	do    func(ctx context.Context, tx *store.Tx, c *Case) error
}

// casTries: an act that lost against another is asked again of the case as it has become.
const casTries = 8

func (r *Room) act(ctx context.Context, s record.Scope, id record.CaseID, d doing) (Case, error) {
	var c Case
	var err error
	for range casTries {
		err = r.db.Tx(ctx, func(tx *store.Tx) error {
			// The lock makes those who act on one case follow each other; what makes it right is the compare-and-set.
			if err := tx.Lock(ctx, "case:"+string(id)); err != nil {
				return err
			}
			var err error
			c, err = r.actIn(ctx, tx, s, id, d)
			return err
		})
		if !errors.Is(err, errLost) {
			break
		}
	}
	if errors.Is(err, errLost) {
		err = record.Errorf(record.Conflict, "case %s is being changed by others; try again", id)
	}
	if err != nil {
		return Case{}, err
	}
	return c, nil
}

func (r *Room) actIn(ctx context.Context, tx *store.Tx, s record.Scope, id record.CaseID, d doing) (Case, error) {
	c, err := r.caseIn(ctx, tx, s, id)
	if err != nil {
		return Case{}, err
	}
	d.now = stamp(tx.Now())
	to, err := r.may(&c, d)
	if err != nil {
		return Case{}, err
	}
	if d.event == "case.claimed" && c.held(d.now) && !c.mine(d.actor) {
		d.event = "case.taken_over"
	}
	old := c
	c.State = to
	if !d.quiet {
		c.Version++
	}
	if d.do != nil {
		if err := d.do(ctx, tx, &c); err != nil {
			return Case{}, err
		}
	}
	c.Overdue = c.open() && d.now.After(c.DueAt)
	return c, r.keep(ctx, tx, s, &old, &c, d)
}

// may checks the etag and the table.
func (r *Room) may(c *Case, d doing) (State, error) {
	if d.etag != "" && d.etag != c.Etag() {
		return "", record.Errorf(record.Conflict, "case %s was changed by somebody else; look again", c.ID)
	}
	return next(c, d.asking)
}

// keep writes the case, the line in its history and the event.
func (r *Room) keep(ctx context.Context, tx *store.Tx, s record.Scope, old, c *Case, d doing) error {
	if err := saveCase(ctx, tx, old, c); err != nil {
		return err
	}
	e := c.event(d.event)
	e.Detail = map[string]string{"from": string(old.State), "to": string(c.State), "version": c.Etag()}
	if old.Holder != "" && old.Holder != c.Holder {
		e.Detail["holder_before"] = string(old.Holder)
	}
	tx.Emit(e.By(s))
	if d.quiet {
		return nil
	}
	return remember(ctx, tx, c, s.Actor, d.event, d.reason, d.now)
}

func remember(ctx context.Context, tx *store.Tx, c *Case, a record.Actor, act, reason string, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO case_acts (case_id, version, act, state, actor_id, actor_name, at, reason)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`, string(c.ID), c.Version, act, string(c.State), a.ID, a.Display, record.Micros(now), reason)
	return err
}

// emit adds an event about a thing of the case: a report, a critical value.
func emit(tx *store.Tx, s record.Scope, c *Case, act, kind, object string, detail map[string]string) {
	e := c.event(act)
	e.Kind, e.Object = kind, object
	e.Detail = map[string]string{"case": string(c.ID)}
	maps.Copy(e.Detail, detail)
	tx.Emit(e.By(s))
}

// typed checks a text that a person typed: it is kept exactly, so it must be UTF-8 and bounded.
func typed(what, text string, longest int, needed bool) error {
	switch {
	case !utf8.ValidString(text):
		return record.Errorf(record.Invalid, "%s: not valid UTF-8", what)
	case utf8.RuneCountInString(text) > longest:
		return record.Errorf(record.Invalid, "%s: longer than %d characters", what, longest)
	case needed && blank(text):
		return record.Errorf(record.Invalid, "%s: empty", what)
	}
	return nil
}

// remark checks a short text that is kept in a column of its own: PostgreSQL cannot keep U+0000 there.
func remark(what, text string, longest int, needed bool) error {
	if strings.ContainsRune(text, 0) {
		return record.Errorf(record.Invalid, "%s: contains U+0000", what)
	}
	return typed(what, text, longest, needed)
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }
