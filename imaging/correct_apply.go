// Applying a correction: blob first, then one transaction in which its studies are made anew from their objects.

package imaging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// change is a correction, or an undoing, on its way.
type change struct {
	doc    *correctionDocument
	rule   *rule       // of a correction
	undoes *Correction // of an undoing
	dry    bool

	place          site
	source, target record.ExamID
	key            string
	out            Corrected
}

// studies lists what the change is about.
func (ch *change) studies() []record.ExamID {
	if ch.source == ch.target {
		return []record.ExamID{ch.source}
	}
	return []record.ExamID{ch.source, ch.target}
}

// rules are those that will stand.
func (ch *change) rules(now []*rule) []*rule {
	if ch.rule != nil {
		return append(slices.Clip(now), ch.rule)
	}
	return slices.DeleteFunc(slices.Clone(now), func(r *rule) bool { return r.ID == ch.undoes.ID })
}

// errDry ends the transaction of a dry run.
var errDry = errors.New("nothing is to be changed")

func (c *Centre) change(ctx context.Context, s record.Scope, ch *change) (Corrected, error) {
	var err error
	if ch.place, err = c.placeOf(ctx, ch.doc.Institution); err != nil {
		return Corrected{}, err
	}
	ch.source, ch.target = studyID(ch.doc.Institution, ch.doc.StudyUID), studyID(ch.doc.Institution, ch.doc.TargetUID)
	ch.key = ch.place.group(ch.doc.StudyUID) + "/" + record.NewID(c.db.Now()) + correctionSuffix
	err = c.changeFollowing(ctx, s, ch)
	switch {
	case ch.dry && errors.Is(err, errDry):
		return ch.out, nil
	case err != nil && !ch.dry:
		_ = c.forgetIntent(context.WithoutCancel(ctx), ch.key, time.Time{}) // what stays is forgotten by Tick
	}
	return ch.out, err
}

const correctionSuffix = ".correction.json"

// placeOf says where the objects of an institution are kept.
func (c *Centre) placeOf(ctx context.Context, i record.InstitutionID) (site, error) {
	g, err := c.db.Graph(ctx)
	if err != nil {
		return site{}, err
	}
	centre, ok := g.CentreFor(i, record.Imaging)
	if !ok {
		return site{}, record.Errorf(record.Precondition, "no imaging centre reads for institution %s", i)
	}
	return site{i, centre}, nil
}

func (c *Centre) changeFollowing(ctx context.Context, s record.Scope, ch *change) error {
	ready := map[InstanceID]*member{}
	kept, last := ch.dry, int64(0)
	for range overtakenTries {
		rules, mark, err := c.rulesOf(ctx, ch.doc.Institution)
		if err != nil {
			return err
		}
		if mark != last {
			clear(ready)
			last = mark
		}
		members, err := c.prepare(ctx, ch.place, ch.studies(), ch.rules(rules), ready)
		if err != nil {
			return err
		}
		if !kept {
			if err := c.intend(ctx, ch); err != nil {
				return err
			}
			kept = true
		}
		err = c.db.Tx(ctx, func(tx *store.Tx) error { return c.changeIn(ctx, tx, s, ch, mark, members) })
		if !errors.Is(err, errOvertaken) {
			return err
		}
	}
	return record.Errorf(record.Unavailable, "objects of the study arrive all the time: try again when they have come")
}

// intend keeps the document as a blob. The intent is noted before, so that a blob without its correction is known for one.
func (c *Centre) intend(ctx context.Context, ch *change) error {
	raw, err := ch.doc.bytes()
	if err != nil {
		return err
	}
	err = c.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO correction_intents (blob_key, at) VALUES ($1,$2)`, ch.key, record.Micros(tx.Now()))
		return err
	})
	if err != nil {
		return err
	}
	if _, err := c.blobs.Put(ctx, ch.key, bytes.NewReader(raw), int64(len(raw))); err != nil {
		return fmt.Errorf("keep correction: %w", err)
	}
	return nil
}

// intentKept is how long a correction may be under way.
const intentKept = 10 * time.Minute

// forgetIntent takes an intent back that did not become a correction, and its blob. Those from the given time on are left.
func (c *Centre) forgetIntent(ctx context.Context, key string, before time.Time) error {
	err := c.db.Tx(ctx, func(tx *store.Tx) error {
		where, args := "", []any{key}
		if !before.IsZero() {
			where, args = " AND at < $2", append(args, record.Micros(before))
		}
		res, err := tx.Exec(ctx, `DELETE FROM correction_intents WHERE blob_key = $1`+where, args...)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errOvertaken)
		}
		return c.blobs.Delete(ctx, key) // before the commit: an intent without its blob is harmless, the reverse is not
	})
	if errors.Is(err, errOvertaken) {
		return nil
	}
	return err
}

// forgetIntents takes back what a server left behind that died between the blob and the transaction.
func (c *Centre) forgetIntents(ctx context.Context) error {
	before := c.db.Now().Add(-intentKept)
	keys, err := store.List(ctx, c.db, `SELECT blob_key FROM correction_intents WHERE at < $1 LIMIT 100`, []any{record.Micros(before)},
		func(k *string) []any { return []any{k} })
	for _, k := range keys {
		err = errors.Join(err, c.forgetIntent(ctx, k, before))
	}
	return err
}

func (c *Centre) changeIn(ctx context.Context, tx *store.Tx, s record.Scope, ch *change, mark int64, members []*member) error {
	locks := []string{"corrections:" + string(ch.doc.Institution)}
	for _, id := range ch.studies() {
		locks = append(locks, "study:"+string(id))
	}
	if err := tx.Lock(ctx, locks...); err != nil {
		return err
	}
	tx.As(s)
	if err := c.unchanged(ctx, tx, ch, mark, members); err != nil {
		return err
	}
	if err := c.buildsOn(ctx, tx, ch); err != nil {
		return err
	}
	r := &restudy{c: c, tx: tx, scope: s, ch: ch, members: members}
	if err := r.run(ctx); err != nil {
		return err
	}
	ch.out = r.out
	if ch.dry {
		return errDry
	}
	return c.writeChange(ctx, tx, s, ch, r)
}

// unchanged: what was prepared is what there is.
func (c *Centre) unchanged(ctx context.Context, tx *store.Tx, ch *change, mark int64, members []*member) error {
	now, err := markOf(ctx, tx, ch.doc.Institution)
	if err != nil {
		return err
	}
	have, err := c.membersOf(ctx, tx, ch.studies())
	if err != nil {
		return err
	}
	same := now == mark && slices.EqualFunc(have, members, func(x, y *member) bool { return x.ID == y.ID && x.Instance.chain == y.Instance.chain })
	if !same {
		return errOvertaken
	}
	return nil
}

// buildsOn refuses to undo what a later correction stands on.
func (c *Centre) buildsOn(ctx context.Context, tx *store.Tx, ch *change) error {
	if ch.undoes == nil {
		var newer int
		err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM corrections WHERE institution_id = $1 AND id >= $2`, string(ch.doc.Institution), string(ch.doc.ID)).Scan(&newer)
		if err == nil && newer > 0 {
			err = record.Errorf(record.Unavailable, "another correction was made in the same moment: try again")
		}
		return err
	}
	b := &sqlText{}
	b.And("undone_at = 0 AND institution_id = " + b.Arg(string(ch.doc.Institution)))
	b.And("id > " + b.Arg(string(ch.undoes.ID)))
	b.And("(" + b.list("study_id", texts(ch.studies())) + " OR " + b.list("target_id", texts(ch.studies())) + ")")
	later, err := store.List(ctx, tx, "SELECT id FROM corrections WHERE "+b.String()+" ORDER BY id DESC LIMIT 1", b.Args, func(id *string) []any { return []any{id} })
	if err != nil || len(later) == 0 {
		return err
	}
	return record.Errorf(record.Precondition, "correction %s was made after it and builds on it: undo that first", later[0])
}

// writeChange writes the rows of the correction itself, and its events.
func (c *Centre) writeChange(ctx context.Context, tx *store.Tx, s record.Scope, ch *change, r *restudy) error {
	res, err := tx.Exec(ctx, `DELETE FROM correction_intents WHERE blob_key = $1`, ch.key)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, record.Errorf(record.Unavailable, "the correction took too long: try again"))
	}
	_, err = tx.Exec(ctx, `INSERT INTO correction_marks (institution_id, mark) VALUES ($1, 1)
		ON CONFLICT (institution_id) DO UPDATE SET mark = correction_marks.mark + 1`, string(ch.doc.Institution))
	if err != nil {
		return err
	}
	if ch.undoes != nil {
		_, err = tx.Exec(ctx, `UPDATE corrections SET undone_at = $2, undone_by = $3, undo_reason = $4, undo_key = $5 WHERE id = $1`,
			string(ch.undoes.ID), record.Micros(ch.doc.At), ch.doc.By, ch.doc.Reason, ch.key)
	} else {
		err = c.insertCorrection(ctx, tx, ch, r)
	}
	if err != nil {
		return err
	}
	act := "study.corrected"
	if ch.undoes != nil {
		act = "study.correction_undone"
	}
	for _, id := range ch.studies() {
		tx.Emit(record.Event{
			Act: act, Institution: ch.doc.Institution, Patient: r.patientOf(id), Kind: "study", Object: string(id), Outcome: record.Success,
			Detail: map[string]string{
				"correction": string(ch.out.ID), "kind": string(ch.out.Kind), "source": string(ch.source), "target": string(ch.target),
				"instances": fmt.Sprint(r.changed), "patient_before": string(r.before[id].Patient),
			},
		}.By(s))
	}
	return nil
}

func (c *Centre) insertCorrection(ctx context.Context, tx *store.Tx, ch *change, r *restudy) error {
	details := correctionDetails{}
	for _, st := range r.states {
		details.States = append(details.States, *st)
	}
	for _, i := range ch.out.After {
		details.After = append(details.After, i.kept())
	}
	more, err := json.Marshal(details)
	if err != nil {
		return err
	}
	return insertCorrectionRow(ctx, tx, ch.doc, ch.key, r.changed, string(more))
}

func insertCorrectionRow(ctx context.Context, tx *store.Tx, d *correctionDocument, key string, n int, details string) error {
	raw, err := d.bytes()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO corrections (id, institution_id, kind, study_id, target_id, study_uid, target_uid, instance_count, document,
		details, blob_key, by_id, by_name, at, reason) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15) ON CONFLICT DO NOTHING`,
		string(d.ID), string(d.Institution), string(d.Kind), string(studyID(d.Institution, d.StudyUID)), string(studyID(d.Institution, d.TargetUID)),
		string(d.StudyUID), string(d.TargetUID), n, string(raw), details, key, d.By, d.ByName, record.Micros(d.At), d.Reason)
	return err
}
