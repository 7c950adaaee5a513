// The worklist: STAT, URGENT, ROUTINE, then by due time; a page at a time.

package reading

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/record"
)

// CaseFilter says which cases to list. The zero filter lists what is still to be done: the open cases and signed ones
// of which more arrived.
type CaseFilter struct {
	Kind        record.CentreKind
	Centre      record.CentreID
	States      []State
	Priorities  []record.Priority
	Modalities  []string
	Institution record.InstitutionID
	Holder      record.UserID // "me" for the caller
	Patient     record.PatientID
	OverdueOnly bool
	PatientName record.Personal // a part of the name, or of its alphabetic form
	PageSize    int             // default 100, at most 1000
	PageToken   string          // as given with the page before
}

func pageSize(n int) int {
	if n <= 0 {
		return 100
	}
	return min(n, 1000)
}

// query collects conditions with their arguments, numbered in the order in which they stand.
type query struct {
	conds []string
	args  []any
}

// and adds a condition with one %s for the number of each value.
func (q *query) and(format string, values ...any) {
	ns := make([]any, len(values))
	for i, v := range values {
		q.args = append(q.args, v)
		ns[i] = "$" + strconv.Itoa(len(q.args))
	}
	q.conds = append(q.conds, fmt.Sprintf(format, ns...))
}

func (q *query) equal(column, value string) {
	if value != "" {
		q.and(column+" = %s", value)
	}
}

func in[S ~string](q *query, column string, values []S) {
	if len(values) > 0 {
		q.conds = append(q.conds, column+" IN ("+marks(values, &q.args)+")")
	}
}

// Cases lists one page of the worklist and the token of the next, empty at the end.
func (r *Room) Cases(ctx context.Context, s record.Scope, f CaseFilter) ([]Case, string, error) {
	q, err := r.casesQuery(s, f)
	if err != nil {
		return nil, "", err
	}
	size := pageSize(f.PageSize)
	q.args = append(q.args, size+1)
	tail := fmt.Sprintf("WHERE %s ORDER BY c.urgency, c.due_at, c.id LIMIT $%d", strings.Join(q.conds, " AND "), len(q.args))
	out, err := r.listCases(ctx, r.db, tail, q.args)
	if err != nil {
		return nil, "", err
	}
	token := ""
	if len(out) > size {
		out = out[:size]
		token = pageToken(&out[size-1])
	}
	e := record.Event{
		Act: "case.list", Kind: "search", Institution: f.Institution, Patient: f.Patient,
		Detail: map[string]string{"count": strconv.Itoa(len(out))},
	}
	out, err = noted(ctx, r.db, out, e.By(s))
	return out, token, err
}

func (r *Room) casesQuery(s record.Scope, f CaseFilter) (*query, error) {
	q := &query{}
	state := "c.state"
	if allOpen(f.States) {
		q.and("c.listed = 1")
		state = "c.state || ''" // keeps planners on the index of the worklist, which is in order
	}
	if f.PageToken != "" {
		urgency, due, id, err := parseToken(f.PageToken)
		if err != nil {
			return nil, err
		}
		q.and("(c.urgency, c.due_at, c.id) > (%s, %s, %s)", urgency, due, id)
	}
	for _, p := range f.Priorities {
		if !validPriority(p) {
			return nil, record.Errorf(record.Invalid, "priority: want STAT, URGENT or ROUTINE")
		}
	}
	q.conds = append(q.conds, r.db.ScopeSQL(s, "c.institution_id", "c.patient_id", &q.args))
	in(q, state, f.States)
	in(q, "c.priority", f.Priorities)
	if f.Holder == "me" {
		f.Holder = record.UserID(s.Actor.ID)
	}
	q.equal("c.holder_id", string(f.Holder))
	r.steady(q, f)
	if f.OverdueOnly {
		q.and("c.due_at < %s AND c.state NOT IN ('signed', 'withdrawn')", record.Micros(r.db.Now()))
	}
	if name := f.PatientName.Reveal(); name != "" {
		like := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(name) + "%"
		q.and(`(p.name LIKE %s ESCAPE '\' OR LOWER(p.latin) LIKE LOWER(%s) ESCAPE '\')`, like, like)
	}
	return q, nil
}

// steady adds the conditions on what does not change while a case is worked on.
func (r *Room) steady(q *query, f CaseFilter) {
	q.equal("c.kind", string(f.Kind))
	q.equal("c.centre_id", string(f.Centre))
	in(q, "c.modality", f.Modalities)
	q.equal("c.institution_id", string(f.Institution))
	q.equal("c.patient_id", string(f.Patient))
}

// allOpen reports whether the states are some of those that the default worklist holds anyway.
func allOpen(states []State) bool {
	return !slices.ContainsFunc(states, func(s State) bool { return s == Signed || s == Withdrawn })
}

func pageToken(c *Case) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d %s", c.Exam.Priority.Rank(), record.Micros(c.DueAt), c.ID))
}

func parseToken(token string) (urgency, due int64, id string, err error) {
	bad := record.Errorf(record.Invalid, "page token: not one of ours")
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, 0, "", bad
	}
	parts := strings.Split(string(text), " ")
	if len(parts) != 3 || !record.ValidID(parts[2]) {
		return 0, 0, "", bad
	}
	urgency, err1 := strconv.ParseInt(parts[0], 10, 64)
	due, err2 := strconv.ParseInt(parts[1], 10, 64)
	if err1 != nil || err2 != nil || urgency < 0 || urgency > 2 || due < 0 {
		return 0, 0, "", bad
	}
	return urgency, due, parts[2], nil
}
