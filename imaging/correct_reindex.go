// Corrections when the index is made again: their documents are read first, so that objects go where they lead.

package imaging

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// maxCorrectionDocument bounds a document that is read back: its lists are bounded, and so are the attributes of a study.
const maxCorrectionDocument = 4 << 20

// readCorrections makes rows of the documents, and those that undo in another pass behind it, since they may be met
// before what they undo. Rows that are there stay: they know more.
func (c *Centre) readCorrections(ctx context.Context, undoing bool, out *Rebuilt) error {
	problems, err := store.Reread(ctx, c.db, c.blobs, record.Imaging, func(b store.CentreBlob) error {
		if !strings.HasSuffix(b.Key, correctionSuffix) {
			return nil
		}
		if err := c.readCorrection(ctx, b.Key, undoing); err != nil {
			return err
		}
		if !undoing {
			out.Corrections++
		}
		return nil
	})
	out.Problems = append(out.Problems, problems...)
	return err
}

func (c *Centre) readCorrection(ctx context.Context, key string, undoing bool) error {
	r, _, err := c.blobs.Open(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	raw, err := io.ReadAll(io.LimitReader(r, maxCorrectionDocument))
	if err != nil {
		return err
	}
	var d correctionDocument
	if err := json.Unmarshal(raw, &d); err != nil || d.Format != correctionFormat || !record.ValidID(string(d.ID)) {
		return record.Errorf(record.Invalid, "not a correction document of format %s", correctionFormat)
	}
	if (d.Kind == undo) != undoing {
		return nil
	}
	p := strings.Split(key, "/")
	if len(p) != 4 || p[1] != string(d.Institution) || p[2] != string(d.StudyUID) {
		return record.Errorf(record.Invalid, "the document is not at its own place")
	}
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		var intended int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM correction_intents WHERE blob_key = $1`, key).Scan(&intended); err != nil || intended > 0 {
			return err // it was never made
		}
		if d.Kind == undo {
			return readUndo(ctx, tx, &d, key)
		}
		if _, err := newRule(raw); err != nil {
			return err
		}
		return insertCorrectionRow(ctx, tx, &d, key, 0, "{}")
	})
}

// readUndo marks the correction as undone.
func readUndo(ctx context.Context, tx *store.Tx, d *correctionDocument, key string) error {
	_, err := tx.Exec(ctx, `UPDATE corrections SET undone_at = $2, undone_by = $3, undo_reason = $4, undo_key = $5 WHERE id = $1 AND undone_at = 0`,
		string(d.ID), record.Micros(d.At), d.By, d.Reason, key)
	return err
}

// markCorrections moves the marks of all institutions that have corrections.
func (c *Centre) markCorrections(ctx context.Context) error {
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO correction_marks (institution_id, mark) SELECT DISTINCT institution_id, 1 FROM corrections WHERE 1 = 1
			ON CONFLICT (institution_id) DO UPDATE SET mark = correction_marks.mark + 1`)
		return err
	})
}

// remakeCorrected makes the rows of corrected studies as a correction makes them: in the order in which their objects came, not
// in that of the blobs' names.
func (c *Centre) remakeCorrected(ctx context.Context) error {
	type touched struct {
		study       record.ExamID
		institution record.InstitutionID
	}
	all, err := store.List(ctx, c.db, `SELECT study_id, institution_id FROM corrections UNION SELECT target_id, institution_id FROM corrections`, nil,
		func(t *touched) []any { return []any{&t.study, &t.institution} })
	if err != nil {
		return err
	}
	for _, t := range all {
		if err := c.remakeStudy(ctx, t.institution, t.study); err != nil {
			return fmt.Errorf("make corrected study %s again: %w", t.study, err)
		}
	}
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE corrections SET instance_count = (SELECT COUNT(*) FROM instances i WHERE i.corrections LIKE '%' || corrections.id || '%')
			WHERE instance_count = 0 AND undone_at = 0`)
		return err
	})
}

func (c *Centre) remakeStudy(ctx context.Context, i record.InstitutionID, id record.ExamID) error {
	place, err := c.placeOf(ctx, i)
	if err != nil {
		return err
	}
	rules, _, err := c.rulesOf(ctx, i)
	if err != nil {
		return err
	}
	members, err := c.prepare(ctx, place, []record.ExamID{id}, rules, map[InstanceID]*member{})
	if err != nil || len(members) == 0 {
		return err
	}
	ch := &change{place: place, source: id, target: id, undoes: &Correction{}, doc: &correctionDocument{Institution: i}}
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		r := &restudy{c: c, tx: tx, scope: system, ch: ch, members: members}
		st, err := stateOf(ctx, tx, id)
		if err != nil {
			return err
		}
		r.states = []*keptState{st}
		r.ch.undoes.states = []keptState{*st} // the patient as just found
		if err := emptyStudies(ctx, tx, []record.ExamID{id}); err != nil {
			return err
		}
		return r.remake(ctx, id)
	})
}

// fsckCorrections checks that the document of every correction, and of what undid it, is beside the objects.
func (c *Centre) fsckCorrections(ctx context.Context, out *Fsck) error {
	type kept struct{ id, key, undo string }
	rows, err := store.List(ctx, c.db, `SELECT id, blob_key, undo_key FROM corrections ORDER BY id`, nil, func(k *kept) []any {
		return []any{&k.id, &k.key, &k.undo}
	})
	if err != nil {
		return err
	}
	for _, k := range rows {
		for _, key := range []string{k.key, k.undo} {
			if key == "" {
				continue
			}
			switch _, err := c.blobs.Stat(ctx, key); {
			case record.KindOf(err) == record.NotFound:
				out.Missing(store.Kept{ID: k.id, Key: key})
			case err != nil:
				return fmt.Errorf("check %s: %w", key, err)
			}
		}
	}
	return nil
}
