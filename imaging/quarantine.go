// Quarantine: what was not taken waits here for a person; nothing that was received whole is dropped.

package imaging

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Quarantined is an object that was not taken.
type Quarantined struct {
	ID          QuarantineID
	Institution record.InstitutionID
	Reason      string
	SOPUID      string
	Instance    InstanceID // the one kept under the same UID
	Size        int64
	SHA256      string
	ReceivedAt  int64 // microseconds
	Resolution  string
	ResolvedBy  string
}

// conflict tells a clash from a bad object: which instance has the UID already.
type conflict struct {
	instance InstanceID
	sop      string
	error
}

func (e *conflict) Unwrap() error { return e.error }

func clash(instance InstanceID, sop dicom.UID, text string) error {
	return &conflict{instance, string(sop), record.Errorf(record.Conflict, "%s", text)}
}

// quarantine keeps the bytes of part and a row that says why. The same bytes refused twice are one entry.
func (c *Centre) quarantine(ctx context.Context, s record.Scope, place site, part refused, reason error) (QuarantineID, error) {
	var with *conflict
	if !errors.As(reason, &with) {
		with = &conflict{}
	}
	digest, size := part.SHA256(), part.Size()
	var have string
	var waiting int
	err := c.db.QueryRow(ctx, `SELECT
		COALESCE((SELECT MIN(id) FROM quarantine WHERE institution_id = $1 AND sha256 = $2 AND instance_id = $3), ''),
		(SELECT COUNT(*) FROM quarantine WHERE institution_id = $1 AND resolved_at = 0)`,
		string(place.institution), digest, string(with.instance)).Scan(&have, &waiting)
	if err != nil {
		return "", fmt.Errorf("look into quarantine: %w", err)
	}
	if have != "" {
		return QuarantineID(have), nil
	}
	id, key := record.NewID(c.db.Now()), part.key
	if key == "" && size <= c.opt.MaxQuarantine && waiting < c.opt.QuarantineQuota {
		key = place.centre.Bucket + "/" + string(place.institution) + "/quarantine/" + id + ".bin"
		if _, err := part.Store(ctx, key); err != nil {
			return "", fmt.Errorf("keep refused object: %w", err)
		}
	}
	err = c.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO quarantine
			(id, institution_id, reason, sop_uid, instance_id, blob_key, size, sha256, received_at)
			VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9) ON CONFLICT DO NOTHING`,
			id, string(place.institution), record.Public(reason), with.sop, string(with.instance), key, size, digest,
			record.Micros(tx.Now()))
		tx.Emit(record.Event{
			Act: "imaging.refused", Institution: place.institution, Kind: "quarantine", Object: id, Outcome: record.Refused,
			Detail: map[string]string{"kind": record.KindOf(reason).String(), "kept": fmt.Sprint(key != "")},
		}.By(s))
		return err
	})
	return QuarantineID(id), err
}

const quarantineColumns = "id, institution_id, reason, sop_uid, instance_id, size, sha256, received_at, resolution, resolved_by"

func scanQuarantined(scan func(...any) error) (q Quarantined, err error) {
	err = scan(&q.ID, &q.Institution, &q.Reason, &q.SOPUID, &q.Instance, &q.Size, &q.SHA256, &q.ReceivedAt, &q.Resolution, &q.ResolvedBy)
	return q, err
}

// Quarantine lists what waits for a person, oldest first, after the given id.
func (c *Centre) Quarantine(ctx context.Context, s record.Scope, after QuarantineID, limit int, resolved bool) ([]Quarantined, error) {
	args := []any{string(after)}
	where := "id > $1 AND " + c.db.ScopeSQL(s, "institution_id", "", &args)
	if !resolved {
		where += " AND resolved_at = 0"
	}
	args = append(args, limit)
	return store.Collect(ctx, c.db, fmt.Sprintf(`SELECT %s FROM quarantine WHERE %s ORDER BY id LIMIT $%d`, quarantineColumns, where, len(args)),
		args, scanQuarantined)
}

// FetchQuarantined opens the bytes of a refused object as they came. They may be anything: never show them as a page.
func (c *Centre) FetchQuarantined(ctx context.Context, s record.Scope, id QuarantineID) (Quarantined, io.ReadCloser, error) {
	args := []any{string(id)}
	var key string
	var offset int64
	where := "id = $1 AND " + c.db.ScopeSQL(s, "institution_id", "", &args)
	q, err := scanQuarantined(func(to ...any) error {
		return c.db.QueryRow(ctx, `SELECT `+quarantineColumns+`, blob_key, blob_offset FROM quarantine WHERE `+where, args...).
			Scan(append(to, &key, &offset)...)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return q, nil, record.Errorf(record.NotFound, "no quarantined object %s", id)
	case err != nil:
		return q, nil, err
	case key == "":
		return q, nil, record.Errorf(record.NotFound, "the bytes of %s were too many to keep", id)
	}
	err = c.reads.Note(ctx, s, record.Event{Act: "quarantine.read", Institution: q.Institution, Kind: "quarantine", Object: string(id)})
	if err != nil || q.Size == 0 {
		return q, io.NopCloser(strings.NewReader("")), err
	}
	r, err := c.blobs.Range(ctx, key, offset, q.Size)
	return q, r, err
}

// ResolveQuarantine notes what a person decided. The bytes stay.
func (c *Centre) ResolveQuarantine(ctx context.Context, s record.Scope, id QuarantineID, note string) (Quarantined, error) {
	err := c.db.Tx(ctx, func(tx *store.Tx) error {
		args := []any{string(id), note, s.Actor.ID, record.Micros(tx.Now())}
		where := c.db.ScopeSQL(s, "institution_id", "", &args)
		res, err := tx.Exec(ctx, `UPDATE quarantine SET resolution = $2, resolved_by = $3, resolved_at = $4
			WHERE id = $1 AND resolved_at = 0 AND `+where, args...)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return record.Errorf(record.NotFound, "no unresolved quarantined object %s", id)
		}
		tx.Emit(record.Event{Act: "imaging.resolved", Institution: s.Actor.Institution, Kind: "quarantine", Object: string(id), Outcome: record.Success}.By(s))
		return nil
	})
	if err != nil {
		return Quarantined{}, err
	}
	return scanQuarantined(c.db.QueryRow(ctx, `SELECT `+quarantineColumns+` FROM quarantine WHERE id = $1`, string(id)).Scan)
}
