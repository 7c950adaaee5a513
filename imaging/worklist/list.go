package worklist

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// OrderFilter selects orders by their steps; empty fields select nothing out. An order is in when one of its steps is.
type OrderFilter struct {
	From, To    record.Date // days on which a step begins, both included
	Modalities  []string
	Station     string // AE title
	Statuses    []StepStatus
	Accession   string
	Study       string
	LocalNumber string          // exact
	Name        record.Personal // PS3.4 C.2.2.2.4: * and ?; without them the beginning
	Patient     record.PatientID
	Institution record.InstitutionID
	Limit       int // default 50, at most 1000
	Page        string
}

// Order gives one order.
func (w *Worklist) Order(ctx context.Context, s record.Scope, id OrderID) (Order, error) {
	o, err := w.orderIn(ctx, w.db, s, id)
	if err != nil {
		return Order{}, err
	}
	return o, w.db.Note(ctx, o.event("order.read").By(s))
}

// Orders lists orders by the time of the first step that the filter lets in, and the token of the next page, empty at the
// end. A page costs as much as all that the filter lets in: ask for days.
func (w *Worklist) Orders(ctx context.Context, s record.Scope, f OrderFilter) ([]Order, string, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 1000)
	b, err := w.ordersQuery(s, f)
	if err != nil {
		return nil, "", err
	}
	type firstStep struct {
		Order OrderID
		Start int64
	}
	found, err := store.List(ctx, w.db, `SELECT s.order_id, MIN(s.start_at) FROM scheduled_steps s JOIN imaging_orders o ON o.id = s.order_id
		WHERE `+b.String()+` GROUP BY s.order_id`+w.after(b, f.Page)+` ORDER BY MIN(s.start_at), s.order_id LIMIT `+b.Arg(f.Limit+1), b.Args,
		func(r *firstStep) []any { return []any{&r.Order, &r.Start} })
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(found) > f.Limit {
		found = found[:f.Limit]
		last := found[len(found)-1]
		next = orderPage(last.Start, string(last.Order))
	}
	ids := make([]OrderID, len(found))
	for i, r := range found {
		ids[i] = r.Order
	}
	out, err := w.ordersOf(ctx, ids)
	if err != nil {
		return nil, "", err
	}
	e := record.Event{
		Act: "order.list", Kind: "search", Institution: f.Institution, Patient: f.Patient,
		Detail: map[string]string{"count": strconv.Itoa(len(out))},
	}
	return out, next, w.db.NoteSoon(ctx, e.By(s))
}

func (w *Worklist) ordersQuery(s record.Scope, f OrderFilter) (*sqlText, error) {
	b := &sqlText{}
	b.And(w.db.ScopeSQL(s, "s.institution_id", "s.patient_id", &b.Args))
	if !f.From.IsZero() {
		b.And("s.start_at >= " + b.Arg(record.Micros(w.midnight(f.From))))
	}
	if !f.To.IsZero() {
		b.And("s.start_at < " + b.Arg(record.Micros(w.midnight(f.To).AddDate(0, 0, 1))))
	}
	if len(f.Modalities) > 0 {
		store.In(&b.Where, "s.modality", f.Modalities)
	}
	if f.Station != "" {
		b.contains("s.stations", `\`+f.Station+`\`)
	}
	if len(f.Statuses) > 0 {
		store.In(&b.Where, "s.status", f.Statuses)
		if !slices.ContainsFunc(f.Statuses, StepStatus.Ended) {
			b.And("s.ended = 0")
		}
	}
	b.Equal("o.accession", f.Accession)
	b.Equal("o.study_uid", f.Study)
	b.Equal("o.local_number", f.LocalNumber)
	b.Equal("o.patient_id", string(f.Patient))
	b.Equal("s.institution_id", string(f.Institution))
	if name := strings.TrimSpace(f.Name.Reveal()); name != "" {
		if !strings.ContainsAny(name, "*?") {
			name += "*"
		}
		like := strings.NewReplacer("!", "!!", "%", "!%", "_", "!_", "*", "%", "?", "_").Replace(strings.ToLower(name))
		b.And(fmt.Sprintf("(LOWER(o.name) LIKE %s ESCAPE '!' OR LOWER(o.latin) LIKE %s ESCAPE '!')", b.Arg(like), b.Arg(like)))
	}
	if f.Page != "" {
		if _, _, err := parseOrderPage(f.Page); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (w *Worklist) midnight(d record.Date) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, w.opt.Zone)
}

// after is the condition that goes on behind a page.
func (w *Worklist) after(b *sqlText, page string) string {
	start, id, err := parseOrderPage(page)
	if page == "" || err != nil {
		return ""
	}
	return " HAVING (MIN(s.start_at), s.order_id) > (" + b.Arg(start) + ", " + b.Arg(id) + ")"
}

func orderPage(start int64, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(start, 10) + "|" + id))
}

func parseOrderPage(token string) (start int64, id string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	first, id, ok := strings.Cut(string(raw), "|")
	start, numberErr := strconv.ParseInt(first, 10, 64)
	if err != nil || !ok || numberErr != nil || !record.ValidID(id) {
		return 0, "", record.Errorf(record.Invalid, "page_token: not one of ours")
	}
	return start, id, nil
}

// ordersOf reads whole orders, in the order of their ids as given.
func (w *Worklist) ordersOf(ctx context.Context, ids []OrderID) ([]Order, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	b := &sqlText{}
	store.In(&b.Where, "o.id", ids)
	all, err := store.Collect(ctx, w.db, `SELECT `+orderColumns+` FROM imaging_orders o WHERE `+b.String(), b.Args, scanOrder)
	if err != nil {
		return nil, err
	}
	steps, err := stepsOf(ctx, w.db, ids...)
	if err != nil {
		return nil, err
	}
	at := make(map[OrderID]int, len(ids))
	for i, id := range ids {
		at[id] = i
	}
	slices.SortFunc(all, func(a, b Order) int { return at[a.ID] - at[b.ID] })
	for i := range all {
		all[i].Steps = steps[all[i].ID]
	}
	return all, nil
}
