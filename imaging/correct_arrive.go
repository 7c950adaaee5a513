// Arrivals under correction: what comes later goes where the corrections lead it.

package imaging

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// errOvertaken: a correction was made between looking at the rules and the transaction.
var errOvertaken = errors.New("a correction came between")

// overtakenTries bounds how often an arrival or a correction begins anew.
const overtakenTries = 8

func (c *Centre) commitFollowing(ctx context.Context, items []packed) ([]error, error) {
	for range overtakenTries {
		errs, err := c.commitOnce(ctx, items)
		if !errors.Is(err, errOvertaken) {
			return errs, err
		}
	}
	return nil, record.Errorf(record.Unavailable, "studies of the institution are being corrected: send again")
}

func (c *Centre) commitOnce(ctx context.Context, items []packed) ([]error, error) {
	place := items[0].Item.site.institution
	rules, mark, err := c.rulesOf(ctx, place)
	if err != nil {
		return nil, err
	}
	led := slices.Clone(items) // what was led by rules is another arrival; the first is kept for another try
	errs := make([]error, len(items))
	if len(rules) > 0 {
		if err := items[0].Durable(); err != nil { // they are read again
			return nil, err
		}
		for i := range led {
			led[i].Item, errs[i] = c.lead(ctx, items[i], rules)
		}
	}
	refused := slices.Clone(errs)
	err = c.commits.Tx(ctx, string(items[0].Item.study), func(tx *store.Tx) error {
		copy(errs, refused)
		if err := c.indexAll(ctx, tx, place, mark, led, errs); err != nil {
			return err
		}
		return items[0].Durable() // bytes first: nothing is committed before
	})
	if err != nil {
		return nil, err
	}
	for i := range items {
		if errs[i] == nil && led[i].Item != items[i].Item {
			*items[i].Item = *led[i].Item
		}
	}
	return errs, nil
}

// indexAll adds objects to the studies that they belong to. An object whose error is set already is left out.
func (c *Centre) indexAll(ctx context.Context, tx *store.Tx, place record.InstitutionID, mark int64, items []packed, errs []error) error {
	var studies []record.ExamID
	var locks []string
	for i, p := range items {
		for _, id := range []record.ExamID{p.Item.study, p.Item.sent} {
			if name := "study:" + string(id); id != "" && !slices.Contains(locks, name) {
				locks = append(locks, name)
			}
		}
		if errs[i] == nil && !slices.Contains(studies, p.Item.study) {
			studies = append(studies, p.Item.study)
		}
	}
	if err := tx.Lock(ctx, locks...); err != nil {
		return err
	}
	now, err := markOf(ctx, tx, place)
	if err != nil {
		return err
	}
	if now != mark {
		return errOvertaken
	}
	for _, id := range studies {
		var some []packed
		var of []int
		for i, p := range items {
			if errs[i] == nil && p.Item.study == id {
				some, of = append(some, p), append(of, i)
			}
		}
		told := make([]error, len(some))
		if err := c.index(ctx, tx, some, told); err != nil {
			return err
		}
		for k, i := range of {
			errs[i] = told[k]
		}
	}
	return nil
}

// lead gives the arrival as the rules make it: the same where none is about it.
func (c *Centre) lead(ctx context.Context, p packed, rules []*rule) (*arrival, error) {
	a := p.Item
	w, err := follow(rules, a.facts.whereabouts())
	if err != nil || len(w.applied) == 0 {
		return a, err
	}
	var have int
	if err := c.db.QueryRow(ctx, `SELECT COUNT(*) FROM instances WHERE id = $1`, string(a.id)).Scan(&have); err != nil || have > 0 {
		return a.sentTo(a.study, studyID(a.site.institution, w.study)), err // only its digest will be looked at
	}
	open := c.stored(ctx, Instance{ID: a.id, key: p.Key, offset: p.Offset})
	o, err := headerOf(open, a.size, c.opt.Limits)
	if err != nil {
		return a, err
	}
	b, err := c.formed(a, w, o, open)
	if err != nil {
		return a, err
	}
	return b.sentTo(a.study, b.study), nil
}

// sentTo is the arrival as one of another study.
func (a *arrival) sentTo(sent, study record.ExamID) *arrival {
	b := *a
	b.study, b.sent = study, ""
	if sent != study {
		b.sent = sent
	}
	return &b
}

func headerOf(open opener, size int64, lim dicom.Limits) (*dicom.Object, error) {
	r, err := open(0, size)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	o, err := dicom.ScanHeader(r, dicom.Options{Limits: lim})
	if err != nil && errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, record.Wrap(record.Unavailable, err, "the stored object ended early")
	}
	return o, err
}

var noForm form

func (a *arrival) formOr() *form {
	if a.form == nil {
		return &noForm
	}
	return a.form
}

// addForms keeps how the forms of corrected objects are put together.
func addForms(ctx context.Context, tx *store.Tx, added []packed) error {
	for _, p := range added {
		if p.Item.form == nil {
			continue
		}
		if err := addForm(ctx, tx, p.Item.id, p.Item.form); err != nil {
			return err
		}
	}
	return nil
}

func addForm(ctx context.Context, tx *store.Tx, id InstanceID, f *form) error {
	raw, err := f.pieces.pack()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO instance_forms (instance_id, pieces) VALUES ($1,$2)
		ON CONFLICT (instance_id) DO UPDATE SET pieces = excluded.pieces`, string(id), raw)
	return err
}

// sentElsewhere counts the objects that were sent as the study and are now of another.
func sentElsewhere(ctx context.Context, tx *store.Tx, id record.ExamID) (n int, err error) {
	err = tx.QueryRow(ctx, `SELECT COUNT(*) FROM instances WHERE sent_study_id = $1`, string(id)).Scan(&n)
	return n, err
}

// finishCorrected answers a sender who has sent all of a study that is no study here any more: what it has become part of has
// its own case.
func (c *Centre) finishCorrected(ctx context.Context, tx *store.Tx, place site, f Finish, out *Finished) error {
	sent := studyID(place.institution, f.Study)
	n, err := sentElsewhere(ctx, tx, sent)
	if err != nil {
		return err
	}
	if n == 0 {
		return record.Errorf(record.NotFound, "nothing of study %s is here", f.Study)
	}
	if n < f.Expected {
		return record.Errorf(record.Precondition, "%d of %d instances of the study are here", n, f.Expected)
	}
	out.Instances = n
	return tx.QueryRow(ctx, `SELECT st.id, st.case_id FROM studies st WHERE st.id = (SELECT MIN(study_id) FROM instances WHERE sent_study_id = $1)`,
		string(sent)).Scan(&out.Study, &out.Case)
}
