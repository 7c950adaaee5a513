// The policy in the database: the program's own to begin with, and every version that people made of it.

package authz

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// policySeed counts the released versions of policy.csv.
const policySeed = 4

// seedAuthor wrote what nobody has edited.
const seedAuthor = "lianzhen"

// policyLock makes changes of the policy follow each other.
const policyLock = "authz.policy"

// Change is the answer of Update.
type Change struct {
	Problems       []string // where there is one, nothing was changed
	Added, Removed []string // rows
	Version        string   // in force now; with validateOnly, what it would be
}

// versionOf names a policy by its text: hex SHA-256 of model and rows.
func versionOf(rows string) string {
	sum := sha256.Sum256([]byte(modelText + "\x00" + rows))
	return hex.EncodeToString(sum[:])
}

// seed puts the program's own policy in force where there is none, or an older one that nobody has edited.
func seed(ctx context.Context, db *store.DB) error {
	return db.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.Lock(ctx, policyLock); err != nil {
			return err
		}
		var have int
		err := tx.QueryRow(ctx, `SELECT seed FROM policy_versions WHERE active = 1`).Scan(&have)
		if errors.Is(err, sql.ErrNoRows) {
			return putPolicy(ctx, tx, policyText, seedAuthor, policySeed)
		}
		if err != nil || have == 0 || have >= policySeed {
			return err
		}
		return putPolicy(ctx, tx, policyText, seedAuthor, policySeed)
	})
}

// putPolicy makes rows the policy in force.
func putPolicy(ctx context.Context, tx *store.Tx, rows, author string, seed int) error {
	if _, err := tx.Exec(ctx, `UPDATE policy_versions SET active = 0 WHERE active = 1`); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO policy_versions (number, version, rows, author, seed, at, active)
		VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM policy_versions), $1, $2, $3, $4, $5, 1)`,
		versionOf(rows), rows, author, seed, record.Micros(tx.Now()))
	return err
}

func activeVersion(ctx context.Context, db *store.DB) (version string, number int64, err error) {
	err = db.QueryRow(ctx, `SELECT version, number FROM policy_versions WHERE active = 1`).Scan(&version, &number)
	return version, number, err
}

// activePolicy reads and compiles the policy in force. A row that this program does not understand is an error: an
// older program must not answer by half a policy.
func activePolicy(ctx context.Context, db *store.DB) (*policy, error) {
	var version, text string
	var number int64
	err := db.QueryRow(ctx, `SELECT version, rows, number FROM policy_versions WHERE active = 1`).Scan(&version, &text, &number)
	if err != nil {
		return nil, err
	}
	rows, problems := parseRows(text)
	if problems = append(problems, lint(rows)...); len(problems) > 0 {
		return nil, record.Errorf(record.Precondition, "the policy in force is not understood: %s", problems[0])
	}
	return compile(version, text, number, rows), nil
}

// Policy is the model, the rows in force and their version.
func (g *Guard) Policy() (model, rows, version string) {
	s := g.current.Load()
	return modelText, s.text, s.version
}

// Update puts rows in force, made from the version base. The text is linted and compared with casbin first; with
// validateOnly nothing is kept. The other gateways follow by the event, or a second later.
func (g *Guard) Update(ctx context.Context, s record.Scope, rows, base string, validateOnly bool) (Change, error) {
	if !s.All {
		return Change{}, record.Errorf(record.Denied, "not permitted: the policy belongs to the whole platform")
	}
	now, err := g.snapshot()
	if err != nil {
		return Change{}, err
	}
	parsed, problems := g.problems(now, rows)
	if len(problems) > 0 {
		return Change{Problems: problems, Version: now.version}, nil
	}
	change := Change{Version: versionOf(rows)}
	change.Added, change.Removed = difference(now.rows, parsed)
	if validateOnly {
		return change, nil
	}
	err = g.db.Tx(ctx, func(tx *store.Tx) error { return replacePolicy(ctx, tx, s, rows, base) })
	if err != nil {
		return Change{}, err
	}
	return change, g.load(ctx)
}

func replacePolicy(ctx context.Context, tx *store.Tx, s record.Scope, rows, base string) error {
	if err := tx.Lock(ctx, policyLock); err != nil {
		return err
	}
	var active string
	if err := tx.QueryRow(ctx, `SELECT version FROM policy_versions WHERE active = 1`).Scan(&active); err != nil {
		return err
	}
	if active != base {
		return record.Errorf(record.Conflict, "the policy was changed meanwhile: version %s is in force", active)
	}
	if err := putPolicy(ctx, tx, rows, s.Actor.ID, 0); err != nil {
		return err
	}
	tx.Emit(record.Event{
		Act: "policy.changed", Kind: "policy", Object: versionOf(rows),
		Detail: map[string]string{"from": active},
	}.By(s))
	return nil
}

const (
	dryRuns    = 2000
	dryRunOrgs = 40
)

// problems are all reasons not to take rows.
func (g *Guard) problems(now *snapshot, text string) ([]row, []string) {
	rows, problems := parseRows(text)
	problems = append(append(problems, lint(rows)...), unreachable(rows)...)
	if len(problems) > 0 {
		return nil, problems
	}
	next := &snapshot{policy: compile(versionOf(text), text, 0, rows), graph: now.graph}
	orgs, err := g.sample(now)
	if err == nil {
		_, err = dryRun(next, orgs, 1, dryRuns)
	}
	if err != nil {
		return nil, []string{err.Error()}
	}
	return rows, nil
}

// sample picks institutions for a dry run, those that host a centre first: most relations meet there.
func (g *Guard) sample(now *snapshot) ([]record.InstitutionID, error) {
	centres, err := g.db.Centres(g.ctx)
	if err != nil {
		return nil, err
	}
	var orgs []record.InstitutionID
	for _, c := range centres[:min(dryRunOrgs/4, len(centres))] {
		orgs = append(append(orgs, c.Host), now.graph.Ancestors(c.Host)...)
		members := now.graph.Members(c.County)
		orgs = append(orgs, members[:min(dryRunOrgs/4, len(members))]...)
	}
	some, err := g.db.Institutions(g.ctx, store.InstitutionFilter{}, store.Page{Limit: dryRunOrgs})
	for _, i := range some {
		orgs = append(orgs, i.ID)
	}
	slices.Sort(orgs)
	if orgs = slices.Compact(orgs); len(orgs) == 0 {
		orgs = []record.InstitutionID{Root}
	}
	return orgs, err
}

// difference says which rows are new and which are gone.
func difference(old, next []row) (added, removed []string) {
	gone := make(map[string]bool, len(old))
	for _, r := range old {
		gone[r.String()] = true
	}
	for _, r := range next {
		if t := r.String(); gone[t] {
			delete(gone, t)
		} else {
			added = append(added, t)
		}
	}
	for t := range gone {
		removed = append(removed, t)
	}
	slices.SortFunc(removed, strings.Compare)
	return added, removed
}
