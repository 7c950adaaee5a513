// The index: rows of studies, series and instances. This file holds the centre's writing SQL.

package imaging

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

type packed = store.Packed[*arrival]

// known looks whether the object is kept already: true for the same bytes, Conflict for others.
func (c *Centre) known(ctx context.Context, a *arrival) (bool, error) {
	var digest string
	err := c.db.QueryRow(ctx, `SELECT sha256 FROM instances WHERE id = $1`, string(a.id)).Scan(&digest)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for instance: %w", err)
	}
	return a.meets(digest)
}

// meets compares an object with the one kept under its UID.
func (a *arrival) meets(digest string) (same bool, err error) {
	if digest != a.sha256 {
		return false, clash(a.id, a.facts.sop, "other bytes are kept under this SOP Instance UID; the first version stays")
	}
	a.already = true
	return true, nil
}

func (c *Centre) commitPack(ctx context.Context, items []packed) []error { return c.commit(ctx, items) }

// commit indexes objects sent as one study whose bytes are durable, in one transaction. One error for each. Where objects of
// the institution were corrected, they go where the corrections lead them.
func (c *Centre) commit(ctx context.Context, items []packed) []error {
	errs, err := c.commitFollowing(ctx, items)
	if err != nil {
		err = fmt.Errorf("index study: %w", err)
		errs = slices.Repeat([]error{err}, len(items))
	}
	return errs
}

// index adds objects of one study, whose lock is held.
func (c *Centre) index(ctx context.Context, tx *store.Tx, items []packed, errs []error) error {
	first := items[0].Item
	tx.As(first.scope)
	st, err := c.openStudy(ctx, tx, first)
	if err != nil {
		return err
	}
	have, err := digests(ctx, tx, items)
	if err != nil {
		return err
	}
	var added []packed
	for i, p := range items {
		a := p.Item
		a.already = false
		if d, ok := have[a.id]; ok {
			_, errs[i] = a.meets(d)
			continue
		}
		if errs[i] = st.takes(a); errs[i] != nil {
			continue
		}
		have[a.id] = a.sha256
		st.add(a)
		added = append(added, p)
	}
	if len(added) == 0 {
		if st.fresh {
			return record.Errorf(record.Conflict, "no object of the study could be taken")
		}
		return nil
	}
	if err := st.addAll(ctx, tx, added); err != nil {
		return err
	}
	tx.Emit(record.Event{
		Act: "study.received", Institution: st.institution, Patient: st.patient, Kind: "study", Object: string(st.id),
		Outcome: record.Success, Detail: map[string]string{"instances": fmt.Sprint(len(added))},
	}.By(first.scope))
	return nil
}

// digests gives the SHA-256 of those instances that are kept already.
func digests(ctx context.Context, tx *store.Tx, items []packed) (map[InstanceID]string, error) {
	have := make(map[InstanceID]string, len(items))
	for part := range slices.Chunk(items, 200) {
		marks, args := make([]string, len(part)), make([]any, len(part))
		for i, p := range part {
			marks[i], args[i] = fmt.Sprintf("$%d", i+1), string(p.Item.id)
		}
		type kept struct {
			id     InstanceID
			sha256 string
		}
		all, err := store.List(ctx, tx, `SELECT id, sha256 FROM instances WHERE id IN (`+strings.Join(marks, ",")+`)`, args,
			func(k *kept) []any { return []any{&k.id, &k.sha256} })
		if err != nil {
			return nil, err
		}
		for _, k := range all {
			have[k.id] = k.sha256
		}
	}
	return have, nil
}

// openStudyRow is a study while objects are added to it.
type openStudyRow struct {
	id          record.ExamID
	institution record.InstitutionID
	patient     record.PatientID
	local       string
	date        string
	modalities  []string
	bodyPart    string
	description string
	procedure   string
	instances   int
	bytes       int64
	fresh       bool
	last        *arrival
	newSeries   int
	newModality []string
}

// openStudy reads the study's row, or makes it with its patient.
func (c *Centre) openStudy(ctx context.Context, tx *store.Tx, a *arrival) (*openStudyRow, error) {
	st := &openStudyRow{id: a.study, institution: a.site.institution}
	var modalities string
	err := tx.QueryRow(ctx, `SELECT patient_id, local_number, study_date, modalities, body_part, description, procedure_code, instance_count, bytes
		FROM studies WHERE id = $1`, string(a.study)).
		Scan(&st.patient, &st.local, &st.date, &modalities, &st.bodyPart, &st.description, &st.procedure, &st.instances, &st.bytes)
	if err == nil {
		st.modalities = splitList(modalities)
		return st, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	m, err := tx.MatchPatient(ctx, a.facts.who)
	if err != nil {
		return nil, fmt.Errorf("match patient: %w", err)
	}
	return st, st.make(ctx, tx, a, m)
}

// make writes the row of a study as its first object says.
func (st *openStudyRow) make(ctx context.Context, tx *store.Tx, a *arrival, m store.Match) error {
	f := a.facts
	st.fresh, st.patient, st.local, st.date = true, m.Patient, f.who.LocalID.Reveal(), f.studyDate
	now := record.Micros(a.at(tx))
	name, latin := f.who.Name.Reveal(), f.who.Latin.Reveal()
	_, err := tx.Exec(ctx, `INSERT INTO studies (id, institution_id, centre_id, study_uid, patient_id, grade, local_number, name, name_key,
		birth_date, sex, accession, study_date, study_time, referring, performed_at, first_at, last_at, attributes)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$17,$18)`,
		string(st.id), string(st.institution), string(a.site.centre.ID), string(f.study), string(m.Patient), string(m.Grade), st.local,
		name, store.NameKey(name, latin), f.who.BirthDate.String(), string(f.who.Sex), f.accession, f.studyDate, f.studyTime,
		f.referring.Reveal(), record.Micros(f.performedAt), now, a.studyAttributes())
	if err != nil {
		return err
	}
	return insertRows(ctx, tx, `INSERT INTO study_names (token, study_date, study_id)`, nameTokens(name, latin), func(token string) []any {
		return []any{token, st.date, string(st.id)}
	})
}

// takes refuses an object of another patient under the same study: one of the two is wrong, and a person must say which.
func (st *openStudyRow) takes(a *arrival) error {
	if a.facts.who.LocalID.Reveal() != st.local {
		return clash("", a.facts.sop, "the patient number is not that of the study's other objects")
	}
	return nil
}

// addAll writes the rows of new objects, many in a statement: what a statement costs is paid once for a pack.
func (st *openStudyRow) addAll(ctx context.Context, tx *store.Tx, added []packed) error {
	if err := st.addSeries(ctx, tx, added); err != nil {
		return err
	}
	now := record.Micros(tx.Now())
	err := insertRows(ctx, tx, `INSERT INTO instances (id, study_id, series_id, institution_id, patient_id, sop_uid, sop_class,
		transfer_syntax, number, pixel_rows, pixel_cols, frames, blob_key, blob_offset, size, sha256, received_at, sent_study_id, corrections,
		form_size, form_sha256)`, added,
		func(p packed) []any {
			a, f, at := p.Item, p.Item.facts, now
			if !a.receivedAt.IsZero() {
				at = record.Micros(a.receivedAt)
			}
			return []any{
				string(a.id), string(st.id), string(seriesID(st.id, f.series)), string(st.institution), string(st.patient),
				string(f.sop), string(f.sopClass), string(f.syntax), f.number, f.rows, f.cols, f.frames, p.Key, p.Offset, a.size,
				a.sha256, at, string(a.sent), a.formOr().chain, a.formOr().size, a.formOr().sha256,
			}
		})
	if err != nil {
		return err
	}
	err = insertRows(ctx, tx, `INSERT INTO instance_metadata (instance_id, json_gz, frames)`, added, func(p packed) []any {
		return []any{string(p.Item.id), p.Item.meta, p.Item.frames}
	})
	if err != nil {
		return err
	}
	if err := addForms(ctx, tx, added); err != nil {
		return err
	}
	return st.save(ctx, tx)
}

// addSeries makes the series that are new and counts the new objects of each.
func (st *openStudyRow) addSeries(ctx context.Context, tx *store.Tx, added []packed) error {
	counts := map[SeriesID]int{}
	for _, p := range added {
		counts[seriesID(st.id, p.Item.facts.series)]++
	}
	for _, p := range added {
		f := p.Item.facts
		id := seriesID(st.id, f.series)
		n, todo := counts[id]
		if !todo {
			continue
		}
		delete(counts, id)
		res, err := tx.Exec(ctx, `UPDATE series SET instance_count = instance_count + $2 WHERE id = $1`, string(id), n)
		if err != nil {
			return err
		}
		if had, err := res.RowsAffected(); err != nil || had > 0 {
			continue
		}
		st.newSeries++
		_, err = tx.Exec(ctx, `INSERT INTO series (id, study_id, series_uid, modality, number, description, body_part, instance_count, attributes)
			VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)`, string(id), string(st.id), string(f.series), f.modality, f.seriesNumber,
			f.seriesDescription, f.bodyPart, n, p.Item.seriesAttributes())
		if err != nil {
			return err
		}
	}
	return nil
}

// insertRows writes rows of one shape, some dozens in a statement.
func insertRows[T any](ctx context.Context, tx *store.Tx, insert string, all []T, row func(T) []any) error {
	const atOnce = 50
	for part := range slices.Chunk(all, atOnce) {
		var args []any
		rows := make([]string, len(part))
		for i, one := range part {
			values := row(one)
			marks := make([]string, len(values))
			for k := range values {
				marks[k] = fmt.Sprintf("$%d", len(args)+k+1)
			}
			rows[i] = "(" + strings.Join(marks, ",") + ")"
			args = append(args, values...)
		}
		if _, err := tx.Exec(ctx, insert+" VALUES "+strings.Join(rows, ","), args...); err != nil {
			return err
		}
	}
	return nil
}

// at is when the object came.
func (a *arrival) at(tx *store.Tx) time.Time {
	if a.receivedAt.IsZero() {
		return tx.Now()
	}
	return a.receivedAt
}

// add counts an object in; the first text that says something stays.
func (st *openStudyRow) add(a *arrival) {
	f := a.facts
	st.instances++
	st.last = a
	st.bytes += a.size
	if f.modality != "" && !slices.Contains(st.modalities, f.modality) {
		st.modalities = append(st.modalities, f.modality)
		slices.Sort(st.modalities)
		st.newModality = append(st.newModality, f.modality)
	}
	for _, p := range []struct {
		to   *string
		from string
	}{{&st.bodyPart, f.bodyPart}, {&st.description, f.description}, {&st.procedure, f.procedure}} {
		if *p.to == "" {
			*p.to = p.from
		}
	}
}

func (st *openStudyRow) save(ctx context.Context, tx *store.Tx) error {
	for _, m := range st.newModality {
		if _, err := tx.Exec(ctx, `INSERT INTO study_modalities (modality, study_date, study_id) VALUES ($1,$2,$3) ON CONFLICT DO NOTHING`,
			m, st.date, string(st.id)); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `UPDATE studies SET modalities = $2, body_part = $3, description = $4, procedure_code = $5,
		series_count = series_count + $6, instance_count = $7, bytes = $8, last_at = $9, open = 1 WHERE id = $1`,
		string(st.id), strings.Join(st.modalities, ","), st.bodyPart, st.description, st.procedure, st.newSeries, st.instances,
		st.bytes, record.Micros(st.last.at(tx)))
	return err
}

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
