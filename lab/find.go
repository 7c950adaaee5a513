// Find: reports inside a scope.

package lab

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Query is what a caller looks for. Zero fields do not count.
type Query struct {
	Patient     record.PatientID
	LocalNumber string
	Name        string // from any word of the name on
	Institution record.InstitutionID
	Laboratory  record.InstitutionID
	Barcode     string
	Filler      string
	Placer      string
	Status      observation.Status
	Analyte     string // with a row of it
	Waiting     bool   // a person must validate something
	Unmapped    bool
	Critical    bool
	From, To    time.Time // of the collection, both inclusive
	Limit       int
	Page        string
}

// Find answers a page without rows, newest first, and the token of the next one, empty at the end.
func (c *Centre) Find(ctx context.Context, s record.Scope, q Query) ([]Kept, string, error) {
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	where := []string{c.db.ScopeSQL(s, "r.institution_id", "r.patient_id", &args)}
	for _, e := range []struct{ column, v string }{
		{"r.patient_id", string(q.Patient)},
		{"r.local_number", q.LocalNumber},
		{"r.institution_id", string(q.Institution)},
		{"r.laboratory_id", string(q.Laboratory)},
		{"r.barcode", q.Barcode},
		{"r.filler", q.Filler},
		{"r.placer", q.Placer},
		{"r.status", string(q.Status)},
	} {
		if e.v != "" {
			where = append(where, e.column+" = "+arg(e.v))
		}
	}
	for _, f := range []struct {
		on   bool
		text string
	}{{q.Waiting, "r.waiting > 0"}, {q.Unmapped, "r.unmapped > 0"}, {q.Critical, "r.critical > 0"}} {
		if f.on {
			where = append(where, f.text)
		}
	}
	if !q.Waiting && q.Filler == "" && q.Placer == "" { // a susceptibility report is shown with its culture
		where = append(where, "r.parent = ''")
	}
	if key := store.Fold(strings.Join(strings.Fields(q.Name), "")); key != "" {
		where = append(where, `r.name_key LIKE `+arg("%"+store.LikeText(key)+"%")+` ESCAPE '\'`)
	}
	if q.Analyte != "" {
		where = append(where, `EXISTS (SELECT 1 FROM lab_results x WHERE x.report_id = r.id AND x.shown = 1 AND x.analyte = `+arg(q.Analyte)+`)`)
	}
	const at = "COALESCE(NULLIF(r.collected_at, 0), r.received_at)"
	if !q.From.IsZero() {
		where = append(where, at+" >= "+arg(record.Micros(q.From)))
	}
	if !q.To.IsZero() {
		where = append(where, at+" <= "+arg(record.Micros(q.To)))
	}
	if q.Page != "" {
		last, id, err := parsePage(q.Page)
		if err != nil {
			return nil, "", err
		}
		where = append(where, "(r.received_at, r.id) < ("+arg(last)+", "+arg(id)+")")
	}
	found, err := c.reportRows(ctx, c.db, strings.Join(where, " AND ")+` ORDER BY r.received_at DESC, r.id DESC LIMIT `+arg(q.Limit+1), args)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(found) > q.Limit {
		found = found[:q.Limit]
		next = pageOf(found[q.Limit-1].Kept)
	}
	out := make([]Kept, len(found))
	for i := range found {
		out[i] = found[i].Kept
	}
	return out, next, c.db.NoteSoon(ctx, record.Event{
		Act: "lab.searched", Institution: q.Institution, Patient: q.Patient, Kind: "search", Outcome: record.Success,
		Detail: map[string]string{"count": strconv.Itoa(len(out))},
	}.By(s))
}

func pageOf(k Kept) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", record.Micros(k.ReceivedAt), k.ID))
}

func parsePage(page string) (at int64, id string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(page)
	if err == nil {
		_, err = fmt.Sscanf(string(b), "%d %s", &at, &id)
	}
	if err != nil || !record.ValidID(id) {
		return 0, "", record.Errorf(record.Invalid, "page token: not one of ours")
	}
	return at, id, nil
}

// View says which rows of a report somebody may see.
type View int

// The views.
const (
	Shown   View = iota // what who ordered sees
	Working             // and what waits for validation: for who works in the laboratory
	History             // and every version there was: for the law
)

// Get reads one report with its rows. Withdrawn values are only in History.
func (c *Centre) Get(ctx context.Context, s record.Scope, id record.ExamID, v View) (Kept, error) {
	args := []any{string(id)}
	found, err := c.reportRows(ctx, c.db, `r.id = $1 AND `+c.db.ScopeSQL(s, "r.institution_id", "r.patient_id", &args), args)
	if err != nil {
		return Kept{}, err
	}
	if len(found) == 0 {
		return Kept{}, record.Errorf(record.NotFound, "no laboratory report %s", id)
	}
	k := found[0].Kept
	err = c.noteFirst(ctx, s, record.Event{
		Act: reportRead, Institution: k.Institution, Patient: k.Patient, Kind: "lab-report", Object: string(id),
		Detail: map[string]string{"version": strconv.Itoa(k.Version)},
	}, id)
	if err != nil {
		return Kept{}, err
	}
	if k.Rows, err = c.rows(ctx, c.db, `x.report_id = $1`+viewSQL[v]+` ORDER BY x.number, x.id, x.version`, []any{string(id)}); err != nil {
		return Kept{}, err
	}
	if v != History {
		k.hideWithdrawn()
	}
	return k, c.grow(ctx, s, &k, v)
}

// noteFirst notes a reading before its values are read: whoever takes one of them out of view afterwards finds the reader, and what was taken out before is
// not read. A change of the reports under way elsewhere has looked for readers already: it is waited for.
func (c *Centre) noteFirst(ctx context.Context, s record.Scope, e record.Event, reports ...record.ExamID) error {
	fresh, err := c.reads.Noted(ctx, s, e)
	if err != nil || !fresh { // within the minute: no change has looked for readers without finding this one
		return err
	}
	names := make([]string, len(reports))
	for i, id := range reports {
		names[i] = "lab-report:" + string(id)
	}
	return c.db.Tx(ctx, func(tx *store.Tx) error { return tx.Lock(ctx, names...) })
}

// hideWithdrawn takes the values out of rows that are withdrawn: that something was there may be known, what it was may not.
func (k *Kept) hideWithdrawn() {
	for i := range k.Rows {
		if k.Rows[i].Result.Status == observation.Withdrawn {
			k.Rows[i].Result.Value, k.Rows[i].Result.Notes, k.Rows[i].Result.Flags = observation.Value{}, nil, nil
			k.Rows[i].Judged = Judged{}
		}
	}
}

// Readers lists who has opened a report in the last 90 days; who did so last comes first.
func (c *Centre) Readers(ctx context.Context, s record.Scope, id record.ExamID) ([]reading.Reader, error) {
	args := []any{string(id)}
	found, err := c.reportRows(ctx, c.db, `r.id = $1 AND `+c.db.ScopeSQL(s, "r.institution_id", "r.patient_id", &args), args)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, record.Errorf(record.NotFound, "no laboratory report %s", id)
	}
	return c.room.Readers(ctx, id, seeing...)
}
