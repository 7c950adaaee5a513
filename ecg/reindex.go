// Reindex: the index made again from the blobs alone.

package ecg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Rebuilt counts what a reindex did.
type Rebuilt struct {
	Blobs, Tracings, Repeated, Quarantined int
	Problems                               []string // blobs that could not be read, with the reason
}

// lost is what the blobs do not tell of a tracing.
type lost struct {
	caseID, pathway, priority, info, alarms, rules, said, sop string
	contact, received                                         int64
}

// Reindex empties the ECG index and fills it from every blob of the ECG buckets: every file is read and measured again. What only rows knew (the
// case, the pathway) is kept where the rows are still there; cases and alarms are not raised again. Run it while no server runs on the
// same database.
func (c *Centre) Reindex(ctx context.Context, progress func(Rebuilt)) (Rebuilt, error) {
	var out Rebuilt
	before, err := c.lostStates(ctx)
	if err != nil {
		return out, err
	}
	if err := c.db.Empty(ctx, "tracing_analyses", "tracing_terms", "tracings"); err != nil {
		return out, err
	}
	out.Problems, err = store.Reread(ctx, c.db, c.blobs, record.ECG, func(b store.CentreBlob) error {
		out.Blobs++
		err := c.reindexBlob(ctx, b, before, &out)
		if progress != nil {
			progress(out)
		}
		return err
	})
	if err != nil {
		return out, err
	}
	return out, c.db.Tx(ctx, func(tx *store.Tx) error {
		tx.Emit(record.Event{Act: "ecg.reindexed", Kind: "index", Object: "ecg", Outcome: record.Success}.By(system))
		return nil
	})
}

func (c *Centre) lostStates(ctx context.Context) (map[record.ExamID]lost, error) {
	type row struct {
		lost
		id record.ExamID
	}
	rows, err := store.List(ctx, c.db, `SELECT id, case_id, pathway, priority, clinical_info, alarms, rules_version, said_key, sop_uid, first_contact_at,
		received_at FROM tracings`, nil, func(r *row) []any {
		return []any{&r.id, &r.caseID, &r.pathway, &r.priority, &r.info, &r.alarms, &r.rules, &r.said, &r.sop, &r.contact, &r.received}
	})
	out := make(map[record.ExamID]lost, len(rows))
	for _, r := range rows {
		out[r.id] = r.lost
	}
	return out, err
}

// reindexBlob reads <bucket>/<institution>/<tracing>/<ulid>.ecg or .../quarantine/<ulid>.bin.
func (c *Centre) reindexBlob(ctx context.Context, b store.CentreBlob, before map[record.ExamID]lost, out *Rebuilt) error {
	p := strings.Split(b.Key, "/")
	if len(p) != 4 {
		return errors.New("not a key of the ECG centre")
	}
	place := site{record.InstitutionID(p[1]), b.Centre}
	switch {
	case p[2] == "quarantine":
		out.Quarantined++
		return c.refused.Refind(ctx, place.institution, b.BlobInfo)
	case path.Ext(p[3]) == fileExtension:
		return c.reindexFile(ctx, place, b.BlobInfo, before, out)
	}
	return nil // what a sender said, or another room's blob
}

func (c *Centre) reindexFile(ctx context.Context, place site, b store.BlobInfo, before map[record.ExamID]lost, out *Rebuilt) error {
	digest, _, err := store.Digest(ctx, c.blobs, b.Key)
	if err != nil {
		return err
	}
	in := &blobReader{ctx: ctx, blobs: c.blobs, key: b.Key, size: b.Size}
	id, err := tracingID(place.institution, in, b.Size, digest)
	if err != nil {
		return err
	}
	a := &arrival{
		scope: system, site: place, id: id, key: b.Key, size: b.Size, sha256: digest, receivedAt: b.ModifiedAt,
	}
	was, known := before[a.id]
	saidKey := was.said // what the row believed; what was said and not believed, because two spoke at once, may lie beside it
	if known {
		a.receivedAt, a.sopUID = record.FromMicros(was.received), was.sop
	} else if saidKey, err = c.newestSaid(ctx, path.Dir(b.Key)); err != nil {
		return err
	}
	said, sop, err := c.readSaid(ctx, saidKey)
	if err != nil {
		return err
	}
	if a.said, a.sopUID = said, cmp.Or(sop, a.sopUID); a.said != (Said{}) || a.sopUID != "" {
		a.saidKey = saidKey
	}
	rec, err := formats.Open(in, b.Size)
	if err != nil {
		return err
	}
	if err := c.readRecording(a, rec); err != nil {
		return err
	}
	return c.reindexRow(ctx, a, was, out)
}

// newestSaid is the key of what was said last of a tracing, empty if nothing was.
func (c *Centre) newestSaid(ctx context.Context, group string) (key string, err error) {
	for b, err := range c.blobs.List(ctx, group+"/", "") {
		if err != nil {
			return "", err
		}
		if strings.HasSuffix(b.Key, saidExtension) && b.Key > key {
			key = b.Key
		}
	}
	return key, nil
}

func (c *Centre) reindexRow(ctx context.Context, a *arrival, was lost, out *Rebuilt) error {
	a.caseID = record.CaseID(was.caseID)
	if a.facts.priority == "" {
		a.facts.priority = record.Priority(was.priority)
	}
	if a.facts.clinicalInfo == "" {
		a.facts.clinicalInfo = was.info
	}
	if was.contact != 0 { // a person may have entered it since
		a.facts.firstContactAt = record.FromMicros(was.contact)
	}
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		m, err := tx.MatchPatient(ctx, a.facts.who)
		if err != nil {
			return fmt.Errorf("match patient: %w", err)
		}
		made, err := c.insert(ctx, tx, a, m)
		if err != nil {
			return err
		}
		if !made {
			out.Repeated++
			return nil
		}
		out.Tracings++
		if was.pathway != "" {
			if _, err := tx.Exec(ctx, `UPDATE tracings SET pathway = $2, alarms = $3, rules_version = $4 WHERE id = $1`,
				string(a.id), was.pathway, was.alarms, was.rules); err != nil {
				return err
			}
		}
		return putAnalysis(ctx, tx, a)
	})
}
