// Quarantine: what could not be read waits here for a person; nothing that was received whole is dropped.

package ecg

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Quarantined is a file that was not taken.
type Quarantined struct {
	ID          QuarantineID
	Institution record.InstitutionID
	Reason      string
	Size        int64
	SHA256      string
	ReceivedAt  time.Time
	Resolution  string
	ResolvedBy  string
	key         string
}

const quarantineExtension = ".bin"

// quarantine keeps the bytes of part and a row that says why. The same bytes refused twice are one entry.
func (c *Centre) quarantine(ctx context.Context, s record.Scope, place site, part *store.Part, reason error) (QuarantineID, error) {
	digest, size := part.SHA256(), part.Size()
	var have string
	var waiting int
	err := c.db.QueryRow(ctx, `SELECT
		COALESCE((SELECT MIN(id) FROM ecg_quarantine WHERE institution_id = $1 AND sha256 = $2), ''),
		(SELECT COUNT(*) FROM ecg_quarantine WHERE institution_id = $1 AND resolved_at = 0)`,
		string(place.institution), digest).Scan(&have, &waiting)
	if err != nil {
		return "", fmt.Errorf("look into quarantine: %w", err)
	}
	if have != "" {
		return QuarantineID(have), nil
	}
	id, key := record.NewID(c.db.Now()), ""
	if size <= c.opt.MaxQuarantine && waiting < c.opt.QuarantineQuota {
		key = place.centre.Bucket + "/" + string(place.institution) + "/quarantine/" + id + quarantineExtension
		if _, err := part.Store(ctx, key); err != nil {
			return "", fmt.Errorf("keep refused file: %w", err)
		}
	}
	err = c.db.Tx(ctx, func(tx *store.Tx) error {
		res, err := tx.Exec(ctx, `INSERT INTO ecg_quarantine (id, institution_id, reason, blob_key, size, sha256, received_at)
			VALUES ($1,$2,$3,$4,$5,$6,$7) ON CONFLICT DO NOTHING`,
			id, string(place.institution), record.Public(reason), key, size, digest, record.Micros(tx.Now()))
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 { // somebody sent the same bytes at the same time
			return tx.QueryRow(ctx, `SELECT id FROM ecg_quarantine WHERE institution_id = $1 AND sha256 = $2`, string(place.institution), digest).Scan(&have)
		}
		tx.Emit(record.Event{
			Act: "tracing.refused", Institution: place.institution, Kind: "quarantine", Object: id, Outcome: record.Refused,
			Detail: map[string]string{"kept": strconv.FormatBool(key != "")},
		}.By(s))
		return nil
	})
	if err == nil && have != "" {
		if key != "" {
			_ = c.blobs.Delete(ctx, key) // what stays is swept
		}
		id = have
	}
	return QuarantineID(id), err
}

const quarantineColumns = "id, institution_id, reason, size, sha256, received_at, resolution, resolved_by, blob_key"

func scanQuarantined(scan func(...any) error) (q Quarantined, err error) {
	var at int64
	err = scan(&q.ID, &q.Institution, &q.Reason, &q.Size, &q.SHA256, &at, &q.Resolution, &q.ResolvedBy, &q.key)
	q.ReceivedAt = record.FromMicros(at)
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
	return store.Collect(ctx, c.db, fmt.Sprintf(`SELECT %s FROM ecg_quarantine WHERE %s ORDER BY id LIMIT $%d`, quarantineColumns, where, len(args)),
		args, scanQuarantined)
}

// FetchQuarantined opens the bytes of a refused file as they came. They may be anything: never show them as a page.
func (c *Centre) FetchQuarantined(ctx context.Context, s record.Scope, id QuarantineID) (Quarantined, io.ReadCloser, error) {
	args := []any{string(id)}
	all, err := store.Collect(ctx, c.db, `SELECT `+quarantineColumns+` FROM ecg_quarantine WHERE id = $1 AND `+
		c.db.ScopeSQL(s, "institution_id", "", &args), args, scanQuarantined)
	switch {
	case err != nil:
		return Quarantined{}, nil, err
	case len(all) == 0:
		return Quarantined{}, nil, record.Errorf(record.NotFound, "no quarantined file %s", id)
	case all[0].key == "":
		return all[0], nil, record.Errorf(record.NotFound, "the bytes of %s were too many to keep", id)
	}
	q := all[0]
	err = c.reads.Note(ctx, s, record.Event{Act: "quarantine.read", Institution: q.Institution, Kind: "quarantine", Object: string(id)})
	if err != nil || q.Size == 0 {
		return q, io.NopCloser(strings.NewReader("")), err
	}
	r, err := c.blobs.Range(ctx, q.key, 0, q.Size)
	return q, r, err
}

// ResolveQuarantine notes what a person decided. The bytes stay.
func (c *Centre) ResolveQuarantine(ctx context.Context, s record.Scope, id QuarantineID, note string) (Quarantined, error) {
	err := c.db.Tx(ctx, func(tx *store.Tx) error {
		args := []any{string(id), note, s.Actor.ID, record.Micros(tx.Now())}
		res, err := tx.Exec(ctx, `UPDATE ecg_quarantine SET resolution = $2, resolved_by = $3, resolved_at = $4
			WHERE id = $1 AND resolved_at = 0 AND `+c.db.ScopeSQL(s, "institution_id", "", &args), args...)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return record.Errorf(record.NotFound, "no unresolved quarantined file %s", id)
		}
		tx.Emit(record.Event{Act: "tracing.resolved", Institution: s.Actor.Institution, Kind: "quarantine", Object: string(id), Outcome: record.Success}.By(s))
		return nil
	})
	if err != nil {
		return Quarantined{}, err
	}
	return scanQuarantined(c.db.QueryRow(ctx, `SELECT `+quarantineColumns+` FROM ecg_quarantine WHERE id = $1`, string(id)).Scan)
}
