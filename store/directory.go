// The institutions, how they belong together, and the county's centres: rows. The picture of them is in graph.go.

package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// The kinds of institution.
const (
	Village        = "village"
	Township       = "township"
	CountyHospital = "county_hospital"
	Hospital       = "hospital"
	Private        = "private"
	Community      = "community"
	County         = "county"
	City           = "city"
	Province       = "province"
	Bureau         = "bureau"
)

// The kinds of relation.
const (
	MemberOf = "member_of"
	Leads    = "leads"
)

// Institution is a node of the graph: a provider, a community, or an area.
type Institution struct {
	ID       record.InstitutionID
	Name     string
	NameEN   string
	Kind     string
	Division string // GB/T 2260
	Level    int
	Active   bool
}

// Relation is an edge: child is a member of parent, or leads it.
type Relation struct {
	Child, Parent record.InstitutionID
	Kind          string
	From, To      time.Time // To zero: open
}

// Centre is one diagnostic centre of a county and the hospital whose doctors read there.
type Centre struct {
	ID     record.CentreID
	County record.InstitutionID
	Kind   record.CentreKind
	Host   record.InstitutionID
	Bucket string
	Name   string
}

// InstitutionFilter says which institutions to list. The zero filter lists all.
type InstitutionFilter struct {
	Kind       string
	Division   string // prefix
	Text       string // part of the name
	ActiveOnly bool
}

// Page is a keyset page: rows after the id, at most Limit (default 100, at most 1000).
type Page struct {
	After string
	Limit int
}

func (p Page) limit() int {
	if p.Limit <= 0 {
		return 100
	}
	return min(p.Limit, 1000)
}

var institutionKinds = map[string]bool{
	Village: true, Township: true, CountyHospital: true, Hospital: true, Private: true,
	Community: true, County: true, City: true, Province: true, Bureau: true,
}

// changed notes a change of the directory: the event, and that pictures of the graph are old.
func (tx *Tx) changed(act, object string, about record.InstitutionID) {
	tx.directory = true
	tx.Emit(record.Event{Act: "directory." + act, Kind: "institution", Object: object, Institution: about})
}

// PutInstitution adds or changes an institution.
func (tx *Tx) PutInstitution(ctx context.Context, i Institution) error {
	if !record.ValidID(string(i.ID)) {
		return record.Errorf(record.Invalid, "institution id: want letters, digits, . _ - or :, at most 64")
	}
	if !institutionKinds[i.Kind] {
		return record.Errorf(record.Invalid, "institution %s: unknown kind", i.ID)
	}
	if i.Name == "" {
		return record.Errorf(record.Invalid, "institution %s: no name", i.ID)
	}
	_, err := tx.Exec(ctx, `INSERT INTO institutions (id, name, name_en, kind, division, level, active, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_en = excluded.name_en, kind = excluded.kind,
		division = excluded.division, level = excluded.level, active = excluded.active`,
		string(i.ID), i.Name, i.NameEN, i.Kind, i.Division, i.Level, i.Active, record.Micros(tx.Now()))
	if err != nil {
		return fmt.Errorf("institution %s: %w", i.ID, err)
	}
	tx.changed("institution", string(i.ID), i.ID)
	return nil
}

// PutRelation adds an edge; the same edge with the same From is kept once and takes the new To.
func (tx *Tx) PutRelation(ctx context.Context, r Relation) error {
	if r.Kind != MemberOf && r.Kind != Leads {
		return record.Errorf(record.Invalid, "relation of %s: unknown kind", r.Child)
	}
	if r.Child == r.Parent {
		return record.Errorf(record.Invalid, "relation of %s with itself", r.Child)
	}
	if r.From.IsZero() {
		r.From = tx.Now()
	}
	_, err := tx.Exec(ctx, `INSERT INTO relations (child, parent, kind, from_at, to_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (child, parent, kind, from_at) DO UPDATE SET to_at = excluded.to_at`,
		string(r.Child), string(r.Parent), r.Kind, record.Micros(r.From), record.Micros(r.To))
	if err != nil {
		return fmt.Errorf("relation of %s: %w", r.Child, err)
	}
	tx.changed("relation", string(r.Child), r.Child)
	return nil
}

// EndRelation closes the open edges between child and parent at the given instant.
func (tx *Tx) EndRelation(ctx context.Context, child, parent record.InstitutionID, kind string, at time.Time) error {
	res, err := tx.Exec(ctx, `UPDATE relations SET to_at = $1 WHERE child = $2 AND parent = $3 AND kind = $4 AND to_at = 0`,
		record.Micros(at), string(child), string(parent), kind)
	if err != nil {
		return fmt.Errorf("end relation of %s: %w", child, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return record.Errorf(record.NotFound, "no open relation of %s to %s", child, parent)
	}
	tx.changed("relation_ended", string(child), child)
	return nil
}

// PutCentre adds or changes a centre. Without an id or a bucket it gets the usual ones.
func (tx *Tx) PutCentre(ctx context.Context, c Centre) error {
	if c.ID == "" {
		c.ID = record.CentreID(string(c.County) + "-" + string(c.Kind))
	}
	if c.Bucket == "" {
		var division string
		if err := tx.QueryRow(ctx, `SELECT division FROM institutions WHERE id = $1`, string(c.County)).Scan(&division); err != nil {
			return record.Wrap(record.Precondition, err, "centre: unknown county")
		}
		c.Bucket = division + "-" + string(c.Kind)
	}
	if !record.ValidID(string(c.ID)) || !validBucket(c.Bucket) {
		return record.Errorf(record.Invalid, "centre %s: invalid id or bucket", c.ID)
	}
	_, err := tx.Exec(ctx, `INSERT INTO centres (id, county, kind, host, bucket, name) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET host = excluded.host, bucket = excluded.bucket, name = excluded.name`,
		string(c.ID), string(c.County), string(c.Kind), string(c.Host), c.Bucket, c.Name)
	if err != nil {
		return fmt.Errorf("centre %s: %w", c.ID, err)
	}
	tx.changed("centre", string(c.ID), c.County)
	return nil
}

const institutionColumns = `id, name, name_en, kind, division, level, active`

func (i *Institution) fields() []any {
	return []any{&i.ID, &i.Name, &i.NameEN, &i.Kind, &i.Division, &i.Level, &i.Active}
}

// Institution reads one institution.
func (db *DB) Institution(ctx context.Context, id record.InstitutionID) (Institution, error) {
	var i Institution
	err := db.QueryRow(ctx, `SELECT `+institutionColumns+` FROM institutions WHERE id = $1`, string(id)).Scan(i.fields()...)
	return i, missing(err, "institution %s", id)
}

// Institutions lists institutions by id.
func (db *DB) Institutions(ctx context.Context, f InstitutionFilter, p Page) ([]Institution, error) {
	args := []any{p.After}
	conds := []string{"id > $1"}
	add := func(format string, vs ...any) {
		marks := make([]any, len(vs))
		for i, v := range vs {
			args = append(args, v)
			marks[i] = len(args)
		}
		conds = append(conds, fmt.Sprintf(format, marks...))
	}
	if f.Kind != "" {
		add("kind = $%d", f.Kind)
	}
	if f.Division != "" {
		add("substr(division, 1, $%d) = $%d", len(f.Division), f.Division)
	}
	if f.Text != "" {
		add(`name || ' ' || name_en LIKE $%d ESCAPE '\'`, "%"+LikeText(f.Text)+"%")
	}
	if f.ActiveOnly {
		conds = append(conds, "active = 1")
	}
	args = append(args, p.limit())
	query := fmt.Sprintf(`SELECT %s FROM institutions WHERE %s ORDER BY id LIMIT $%d`,
		institutionColumns, strings.Join(conds, " AND "), len(args))
	return List(ctx, db, query, args, func(i *Institution) []any { return i.fields() })
}

// Relations lists all edges, ended ones too.
func (db *DB) Relations(ctx context.Context) ([]Relation, error) {
	type row struct {
		Relation
		from, to int64
	}
	rows, err := List(ctx, db, `SELECT child, parent, kind, from_at, to_at FROM relations ORDER BY child, parent, kind, from_at`,
		nil, func(r *row) []any { return []any{&r.Child, &r.Parent, &r.Kind, &r.from, &r.to} })
	out := make([]Relation, len(rows))
	for i, r := range rows {
		r.From, r.To = record.FromMicros(r.from), record.FromMicros(r.to)
		out[i] = r.Relation
	}
	return out, err
}

// Centres lists all centres.
func (db *DB) Centres(ctx context.Context) ([]Centre, error) {
	return List(ctx, db, `SELECT id, county, kind, host, bucket, name FROM centres ORDER BY id`,
		nil, func(c *Centre) []any { return []any{&c.ID, &c.County, &c.Kind, &c.Host, &c.Bucket, &c.Name} })
}
