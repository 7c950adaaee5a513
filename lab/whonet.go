// Isolates of a period for an antibiogram: one line for each isolate and drug, in the words of WHONET, without persons.

package lab

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// IsolateQuery is what an antibiogram is made of.
type IsolateQuery struct {
	From, To    time.Time            // of the collection, From inclusive, To exclusive; at most 366 days
	Institution record.InstitutionID // who ordered; empty: all of the scope
	Laboratory  record.InstitutionID
	All         bool // every isolate; otherwise the first of each person and organism in the period (CLSI M39)
}

const (
	isolatePeriod = 366 * 24 * time.Hour
	isolatePage   = 200
	maxIsolates   = 100_000 // lines of one export
)

// isolateColumns are those of the export. RESULT keeps comparator and digits; ANTIBIOTIC and ORGANISM are the sender's codes, which BacLink translates.
var isolateColumns = []string{
	"LABORATORY", "INSTITUT", "PATIENT_ID", "SEX", "AGE", "WARD", "SPEC_NUM", "SPEC_DATE", "SPEC_TYPE", "ISOL_NUM", "ORGANISM", "ORG_NAME", "QUANTITY", "ANTIBIOTIC",
	"ANTIB_NAME", "METHOD", "RESULT", "UNIT", "INTERP", "BREAKPOINTS",
}

// Isolates writes the isolates of a period as CSV in UTF-8. Persons and specimens have numbers that are made for this export alone: nobody is named, and
// two exports cannot be joined. Only results that their laboratory stands for are in it.
func (c *Centre) Isolates(ctx context.Context, s record.Scope, q IsolateQuery) ([]byte, error) {
	if q.From.IsZero() || !q.To.After(q.From) || q.To.Sub(q.From) > isolatePeriod {
		return nil, record.Errorf(record.Invalid, "period: want from and to, at most %d days", int(isolatePeriod.Hours()/24))
	}
	x := isolateExport{zone: c.opt.Zone, all: q.All, seen: map[string]bool{}, key: make([]byte, 32)}
	_, _ = rand.Read(x.key) // it never fails
	x.w = csv.NewWriter(&x.out)
	_ = x.w.Write(isolateColumns) // to memory
	for at, id := record.Micros(q.From), ""; ; {
		page, err := c.cultures(ctx, s, q, at, id)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if err := c.exportCulture(ctx, s, &page[i].Kept, &x); err != nil {
				return nil, err
			}
		}
		if len(page) < isolatePage {
			break
		}
		last := &page[len(page)-1]
		at, id = record.Micros(last.CollectedAt), string(last.ID)
	}
	x.w.Flush()
	return x.out.Bytes(), c.db.NoteSoon(ctx, record.Event{
		Act: "lab.isolates.exported", Institution: q.Institution, Kind: "lab-isolates", Outcome: record.Success, Detail: map[string]string{"lines": strconv.Itoa(x.lines)},
	}.By(s))
}

// noProbe is a row that is no susceptibility, as it is kept.
var noProbe = `%"Probe":` + jsonText(observation.Parent{}) + `%`

// cultures are the next reports of a period, oldest first, that have an isolate or may have one.
func (c *Centre) cultures(ctx context.Context, s record.Scope, q IsolateQuery, at int64, id string) ([]reportRow, error) {
	args := []any{at, id, record.Micros(q.To), noProbe, string(q.Institution), string(q.Laboratory)}
	scope := c.db.ScopeSQL(s, "r.institution_id", "r.patient_id", &args)
	return c.reportRows(ctx, c.db, `(r.collected_at, r.id) > ($1, $2) AND r.collected_at < $3 AND r.parent = '' AND ($5 = '' OR r.institution_id = $5)
		AND ($6 = '' OR r.laboratory_id = $6) AND EXISTS (SELECT 1 FROM lab_results x WHERE x.report_id = r.id AND x.shown = 1
			AND (x.sub_id <> '' OR x.body NOT LIKE $4)) AND `+scope+` ORDER BY r.collected_at, r.id LIMIT `+strconv.Itoa(isolatePage), args)
}

func (c *Centre) exportCulture(ctx context.Context, s record.Scope, k *Kept, x *isolateExport) error {
	args := []any{string(k.ID)}
	found, err := c.reportRows(ctx, c.db, `r.parent = $1 AND `+c.db.ScopeSQL(s, "r.institution_id", "r.patient_id", &args)+
		` ORDER BY r.received_at, r.id LIMIT `+strconv.Itoa(maxBranches), args)
	if err != nil {
		return err
	}
	all := []Kept{*k}
	for i := range found {
		all = append(all, found[i].Kept)
	}
	for i := range all {
		if all[i].Rows, err = c.rows(ctx, c.db, `x.report_id = $1 AND x.shown = 1 ORDER BY x.number, x.id`, []any{string(all[i].ID)}); err != nil {
			return err
		}
	}
	for _, i := range isolatesOf(all, false) {
		if err := x.isolate(k, &i); err != nil {
			return err
		}
	}
	return nil
}

// isolateExport is an export under way.
type isolateExport struct {
	out   bytes.Buffer
	w     *csv.Writer
	zone  *time.Location
	key   []byte
	all   bool
	seen  map[string]bool
	lines int
}

func (x *isolateExport) isolate(k *Kept, i *Isolate) error {
	code, name := i.Organism.Coding.Code, i.Organism.String()
	if i.Status != "" && !i.Status.Settled() || name == "" {
		return nil
	}
	person := x.pseudonym("person", string(k.Patient))
	first := person + "|" + strings.ToLower(code+"|"+name)
	if x.seen[first] && !x.all {
		return nil
	}
	x.seen[first] = true
	age := ""
	if k.AgeDays >= 0 {
		age = strconv.Itoa(k.AgeDays * 100 / 36525)
	}
	head := []string{
		string(k.Laboratory), string(k.Institution), person, string(k.Sex), age, k.Ward, x.pseudonym("specimen", string(k.ID)), k.CollectedAt.In(x.zone).Format(time.DateOnly),
		k.Specimen.Type.Display(), i.Number, code, name, i.Quantity,
	}
	if len(i.Susceptibilities) == 0 {
		return x.line(head, make([]string, 7))
	}
	for _, d := range i.Susceptibilities {
		if !d.Status.Settled() {
			continue
		}
		if err := x.line(head, []string{d.Drug.Code, d.Drug.Display(), d.Method, d.Value, d.Unit, d.Interpretation, d.Breakpoints}); err != nil {
			return err
		}
	}
	return nil
}

func (x *isolateExport) line(head, drug []string) error {
	if x.lines++; x.lines > maxIsolates {
		return record.Errorf(record.Invalid, "more than %d lines: ask for a shorter period", maxIsolates)
	}
	fields := append(head[:len(head):len(head)], drug...)
	for i, f := range fields {
		if f != "" && strings.ContainsRune("=+-@\t\r", rune(f[0])) { // a program of tables takes it for a formula
			fields[i] = "'" + f
		}
	}
	return x.w.Write(fields)
}

// pseudonym is a number that stands for something in this export only.
func (x *isolateExport) pseudonym(kind, id string) string {
	h := hmac.New(sha256.New, x.key)
	_, _ = h.Write([]byte(kind + "|" + id)) // a hash takes all
	return hex.EncodeToString(h.Sum(nil)[:8])
}
