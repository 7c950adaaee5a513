// Everything shared of a patient, each result judged for its own item.

package recognition

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

func popcount(m Mask) int { return bits.OnesCount32(uint32(m)) }

// ListShared pages through what is known of a patient within the scope, the newest examination first. The page token
// is that of the page before.
func (d *Desk) ListShared(ctx context.Context, s record.Scope, patient record.PatientID, p store.Page) (list []Assessment, next, version string, err error) {
	after, err := parseToken(p.After)
	if err != nil {
		return nil, "", "", err
	}
	a, err := d.open(ctx, s, patient, Outpatient)
	if err != nil {
		return nil, "", "", err
	}
	for _, i := range a.newestFirst() {
		pr := &a.priors[i]
		if !after.before(pr) {
			continue
		}
		if len(list) == limitOf(p) {
			next = tokenOf(&list[len(list)-1].Result)
			break
		}
		list = append(list, a.assessment(judged{a.alone(i), i}))
	}
	if err := d.note(ctx, s, patient, len(list)); err != nil {
		return nil, "", "", err
	}
	return list, next, a.ed.Version(), nil
}

// note keeps that patient data were read; without it nothing is answered.
func (d *Desk) note(ctx context.Context, s record.Scope, patient record.PatientID, count int) error {
	return d.db.Note(ctx, record.Event{
		Act: "recognition.read", Institution: s.Actor.Institution, Patient: patient, Kind: "search",
		Detail: map[string]string{"count": strconv.Itoa(count)},
	}.By(s))
}

// alone judges a result as if its own item had been ordered.
func (a *assessor) alone(i int) Verdict {
	p := &a.priors[i]
	q := a.ask
	q.Item, q.Modality, q.BodyPart = p.Item, p.Modality, p.BodyPart
	v := a.ed.view(&q)
	return a.ed.decide(&v, a.rules[i], p)
}

func (a *assessor) newestFirst() []int {
	out := make([]int, len(a.priors))
	for i := range out {
		out[i] = i
	}
	slices.SortFunc(out, func(i, j int) int {
		return cmp.Or(a.priors[j].PerformedAt.Compare(a.priors[i].PerformedAt), cmp.Compare(a.priors[j].Result, a.priors[i].Result))
	})
	return out
}

func limitOf(p store.Page) int {
	if p.Limit <= 0 {
		return 100
	}
	return min(p.Limit, 1000)
}

// place is where a page ended.
type place struct {
	at     time.Time
	result record.ResultID
}

// before reports whether a prior comes after the place in the list, that is, is older.
func (p place) before(r *Prior) bool {
	return p.result == "" || r.PerformedAt.Before(p.at) || (r.PerformedAt.Equal(p.at) && r.Result < p.result)
}

func tokenOf(r *record.Result) string {
	return strconv.FormatInt(record.Micros(r.Exam.PerformedAt), 10) + "~" + string(r.ID)
}

func parseToken(s string) (place, error) {
	if s == "" {
		return place{}, nil
	}
	at, id, _ := strings.Cut(s, "~")
	us, err := strconv.ParseInt(at, 10, 64)
	if err != nil || !record.ValidID(id) {
		return place{}, record.Errorf(record.Invalid, "page token: not one of ours")
	}
	return place{record.FromMicros(us), record.ResultID(id)}, nil
}
