// Checking an order: every earlier result against every line, the best first.

package recognition

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

type (
	// CheckID names one check of an order.
	CheckID string
	// OrderID is the ordering system's own reference of a line.
	OrderID string
)

// OrderItem is one line of an order: a code of the catalogue, or a modality with a body part.
type OrderItem struct {
	Order    OrderID `json:"order"`
	Item     string  `json:"item,omitempty"`
	Modality string  `json:"modality,omitempty"`
	BodyPart string  `json:"body_part,omitempty"`
}

// Assessment is one earlier result with its verdict.
type Assessment struct {
	Result  record.Result
	Verdict Verdict
	Failed  []Condition
}

// ItemCheck is the answer for one line.
type ItemCheck struct {
	Order       OrderID
	Item        string // code of the catalogue, or as ordered when unlisted
	Name        Text
	Best        State        // NotEligible when nothing is known
	Assessments []Assessment // best first; of the results of another item none, of ineligible ones a few
	Counts      map[State]int
	Left        int // assessed and not listed
}

// Check is the answer for an order.
type Check struct {
	ID      CheckID
	Patient record.PatientID
	At      time.Time
	Version string
	Items   []ItemCheck
}

const (
	maxLines      = 100
	maxListed     = 50 // eligible results per line: more is noise to a doctor
	maxIneligible = 10
	lookBack      = 2 * 366 * 24 * time.Hour // a result older than any window and any use for a decision today
	wordMax       = 64
)

// CheckOrder assesses what is known of the patient, within the scope, against each line of an order, and keeps the
// answer. It never refuses an order: a line that nothing is known for is answered so.
func (d *Desk) CheckOrder(ctx context.Context, s record.Scope, patient record.PatientID, items []OrderItem, setting Setting) (Check, error) {
	if err := checkLines(items); err != nil {
		return Check{}, err
	}
	c, err := d.open(ctx, s, patient, setting)
	if err != nil {
		return Check{}, err
	}
	out := Check{ID: CheckID(record.NewID(c.ask.At)), Patient: patient, At: c.ask.At, Version: c.ed.Version()}
	for _, it := range items {
		out.Items = append(out.Items, c.line(it))
	}
	row, err := c.row(out, s, items)
	if err != nil {
		return Check{}, err
	}
	err = d.db.Tx(ctx, func(tx *store.Tx) error {
		if err := putCheck(ctx, tx, row); err != nil {
			return err
		}
		tx.Emit(record.Event{
			At: out.At, Act: "recognition.checked", Institution: s.Actor.Institution, Patient: patient,
			Kind: "recognition", Object: string(out.ID), Detail: out.counts(),
		}.By(s))
		return nil
	})
	return out, err
}

func checkLines(items []OrderItem) error {
	if len(items) == 0 || len(items) > maxLines {
		return record.Errorf(record.Invalid, "order: want 1 to %d lines", maxLines)
	}
	seen := make(map[OrderID]bool, len(items))
	for i, it := range items {
		switch {
		case !word(string(it.Order)) || it.Order == "":
			return record.Errorf(record.Invalid, "order line %d: want an order id of 1 to %d characters", i+1, wordMax)
		case seen[it.Order]:
			return record.Errorf(record.Invalid, "order line %d: the order id is there twice", i+1)
		case it.Item == "" && it.Modality == "":
			return record.Errorf(record.Invalid, "order line %d: want an item code, or a modality and a body part", i+1)
		case !word(it.Item) || !word(it.Modality) || !word(it.BodyPart):
			return record.Errorf(record.Invalid, "order line %d: a code is too long or not text", i+1)
		}
		seen[it.Order] = true
	}
	return nil
}

func word(s string) bool {
	return len(s) <= wordMax && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// assessor holds what is the same for every line.
type assessor struct {
	ed      edition
	ask     Ask
	results []record.Result
	priors  []Prior
	rules   []*rule // the catalogue item of each prior
	words   map[Mask][]Condition
}

func (d *Desk) open(ctx context.Context, s record.Scope, patient record.PatientID, setting Setting) (*assessor, error) {
	if !record.ValidID(string(patient)) {
		return nil, record.Errorf(record.Invalid, "recognition: no patient")
	}
	g, err := d.db.Graph(ctx)
	if err != nil {
		return nil, err
	}
	a := &assessor{words: make(map[Mask][]Condition)}
	at := d.db.Now().Truncate(time.Microsecond)
	if a.ask, err = ask(g, s, setting, at); err != nil {
		return nil, err
	}
	if a.ed, err = d.edition(ctx); err != nil {
		return nil, err
	}
	if a.results, err = d.db.ResultsOf(ctx, s, patient, at.Add(-lookBack)); err != nil {
		return nil, err
	}
	a.priors = priorsOf(g, a.ask.Institution, a.results)
	a.rules = make([]*rule, len(a.priors))
	packs, us := a.ed.packsFor(a.ask.Scopes), at.UnixMicro()
	for i := range a.priors {
		p := &a.priors[i]
		a.rules[i] = a.ed.resolve(packs, us, p.Item, p.Modality, p.BodyPart)
	}
	return a, nil
}

// line assesses every prior for one line of the order.
func (a *assessor) line(it OrderItem) ItemCheck {
	q := a.ask
	q.Item, q.Modality, q.BodyPart = it.Item, it.Modality, it.BodyPart
	v := a.ed.view(&q)
	out := ItemCheck{Order: it.Order, Item: it.Item, Best: NotEligible, Counts: make(map[State]int)}
	if v.rule != nil {
		out.Item, out.Name = v.rule.code, v.rule.item.Name
	}
	var found []judged
	for i := range a.priors {
		w := a.ed.decide(&v, a.rules[i], &a.priors[i])
		out.Counts[w.State]++
		if w.Failed&ItemMismatch == 0 {
			found = append(found, judged{w, i})
		}
	}
	slices.SortFunc(found, a.better)
	bad := 0
	for i, f := range found {
		if f.State == NotEligible {
			bad++
		}
		if i == maxListed || bad > maxIneligible {
			break
		}
		out.Assessments = append(out.Assessments, a.assessment(f))
	}
	if len(found) > 0 {
		out.Best = found[0].State
	}
	out.Left = len(a.priors) - len(out.Assessments)
	return out
}

type judged struct {
	Verdict
	i int
}

// better orders by state, the fewest failures, the newest examination, and the id so that the order is always the same.
func (a *assessor) better(x, y judged) int {
	p, q := &a.priors[x.i], &a.priors[y.i]
	failures := 0
	if x.State == NotEligible {
		failures = cmp.Compare(popcount(x.Failed), popcount(y.Failed))
	}
	return cmp.Or(cmp.Compare(x.State, y.State), failures, q.PerformedAt.Compare(p.PerformedAt), cmp.Compare(q.Result, p.Result))
}

func (a *assessor) assessment(f judged) Assessment {
	words, ok := a.words[f.Failed]
	if !ok {
		words = a.ed.Conditions(f.Failed)
		a.words[f.Failed] = words
	}
	return Assessment{Result: a.results[f.i], Verdict: f.Verdict, Failed: words}
}

// counts is what the event may tell: how many, never who.
func (c Check) counts() map[string]string {
	total := make(map[State]int)
	for _, it := range c.Items {
		total[it.Best]++
	}
	out := map[string]string{"lines": strconv.Itoa(len(c.Items)), "catalogue": c.Version}
	for s, n := range total {
		out[strings.ToLower(s.String())] = strconv.Itoa(n)
	}
	return out
}

// row is the check as it is kept: the pairs are the reminders, and each prior in them once with its facts.
func (a *assessor) row(c Check, s record.Scope, items []OrderItem) (checkRow, error) {
	out := checkRow{
		ID: c.ID, Patient: c.Patient, Institution: a.ask.Institution, Actor: s.Actor, At: c.At, Ask: a.ask,
		Version: c.Version, Packs: a.ed.packsHash, Marks: a.ed.marks,
	}
	byID := make(map[record.ResultID]int, len(a.priors))
	for i := range a.priors {
		byID[a.priors[i].Result] = i
	}
	kept := make(map[record.ResultID]bool)
	var priors []*Prior
	for i, it := range c.Items {
		line := lineRow{OrderItem: items[i], Code: it.Item, Best: it.Best, Counts: it.Counts}
		out.Lines = append(out.Lines, line)
		for rank, as := range it.Assessments {
			if as.Verdict.State == NotEligible && rank > 0 {
				break
			}
			out.Pairs = append(out.Pairs, pairRow{Order: it.Order, Result: as.Result.ID, Verdict: as.Verdict})
			if !kept[as.Result.ID] {
				kept[as.Result.ID] = true
				priors = append(priors, &a.priors[byID[as.Result.ID]])
			}
		}
	}
	var err error
	out.Priors, err = json.Marshal(priors)
	return out, err
}
