// Quarantine: what was not taken waits here for a person; nothing that was received whole is dropped.

package store

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// QuarantineID names what was not taken.
type QuarantineID string

// QuarantineExtension is that of its blobs: <bucket>/<institution>/quarantine/<id>.bin.
const QuarantineExtension = ".bin"

// QuarantineOptions say whose quarantine it is. The table has the columns id, institution_id, reason, blob_key, size, sha256, received_at,
// resolution, resolved_by and resolved_at, and is unique in (institution_id, sha256) with the Twins.
type QuarantineOptions struct {
	Table    string
	Extra    []string // text columns of the centre's own
	Twins    int      // so many of Extra, from the first, tell entries of the same bytes apart
	Noun     string   // of what it keeps, for refusals: "file"
	Act      string   // events are <Act>.refused and <Act>.resolved
	MaxBytes int64    // larger ones are noted only
	Quota    int      // unresolved ones whose bytes are kept for one institution
}

// Quarantine keeps what a centre refused: a row that says why, and the bytes as they came.
type Quarantine struct {
	db    *DB
	blobs Blobs
	reads *ReadNotes
	opt   QuarantineOptions
}

// NewQuarantine makes one over its stores.
func NewQuarantine(db *DB, blobs Blobs, reads *ReadNotes, opt QuarantineOptions) *Quarantine {
	return &Quarantine{db, blobs, reads, opt}
}

// Quarantined is something that was not taken.
type Quarantined struct {
	ID          QuarantineID
	Institution record.InstitutionID
	Reason      string
	Size        int64
	SHA256      string
	ReceivedAt  time.Time
	Resolution  string
	ResolvedBy  string
	Extra       []string
	key         string
}

// Refused is something whole that is not taken, and why.
type Refused struct {
	Institution record.InstitutionID
	Bucket      string
	Reason      error
	Size        int64
	SHA256      string
	Store       func(ctx context.Context, key string) (BlobInfo, error) // keeps the bytes: Part.Store
	Key         string                                                  // where they lie already
	Extra       []string                                                // values of the centre's own columns
	Detail      map[string]string                                       // of the event
}

// Keep keeps the bytes, unless they are too many or the institution has too many waiting, and a row that says why. The same bytes refused
// twice are one entry.
func (q *Quarantine) Keep(ctx context.Context, s record.Scope, r Refused) (QuarantineID, error) {
	twin, args := q.twin(r)
	var have string
	var waiting int
	err := q.db.QueryRow(ctx, `SELECT COALESCE((SELECT MIN(id) FROM `+q.opt.Table+twin+`), ''),
		(SELECT COUNT(*) FROM `+q.opt.Table+` WHERE institution_id = $1 AND resolved_at = 0)`, args...).Scan(&have, &waiting)
	if err != nil || have != "" {
		return QuarantineID(have), wrap(err, "look into quarantine")
	}
	id, key := record.NewID(q.db.Now()), r.Key
	if key == "" && r.Size <= q.opt.MaxBytes && waiting < q.opt.Quota {
		key = r.Bucket + "/" + string(r.Institution) + "/quarantine/" + id + QuarantineExtension
		if _, err := r.Store(ctx, key); err != nil {
			return "", fmt.Errorf("keep refused %s: %w", q.opt.Noun, err)
		}
	}
	detail := maps.Clone(r.Detail)
	if detail == nil {
		detail = map[string]string{}
	}
	detail["kept"] = strconv.FormatBool(key != "")
	err = q.db.Tx(ctx, func(tx *Tx) error {
		n, err := q.insert(ctx, tx, id, key, record.Public(r.Reason), r, tx.Now())
		if err != nil {
			return err
		}
		if n == 0 { // somebody sent the same bytes at the same time
			return tx.QueryRow(ctx, `SELECT id FROM `+q.opt.Table+twin, args...).Scan(&have)
		}
		tx.Emit(record.Event{
			Act: q.opt.Act + ".refused", Institution: r.Institution, Kind: "quarantine", Object: id, Outcome: record.Refused, Detail: detail,
		}.By(s))
		return nil
	})
	if err == nil && have != "" {
		if key != r.Key {
			_ = q.blobs.Delete(ctx, key) // what stays is swept
		}
		id = have
	}
	return QuarantineID(id), err
}

func wrap(err error, what string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// twin finds the entry of the same bytes.
func (q *Quarantine) twin(r Refused) (where string, args []any) {
	where, args = ` WHERE institution_id = $1 AND sha256 = $2`, []any{string(r.Institution), r.SHA256}
	for i, c := range q.opt.Extra[:q.opt.Twins] {
		args = append(args, r.Extra[i])
		where += fmt.Sprintf(` AND %s = $%d`, c, len(args))
	}
	return where, args
}

func (q *Quarantine) insert(ctx context.Context, tx *Tx, id, key, reason string, r Refused, at time.Time) (int64, error) {
	columns, values := `id, institution_id, reason, blob_key, size, sha256, received_at`, `$1,$2,$3,$4,$5,$6,$7`
	args := []any{id, string(r.Institution), reason, key, r.Size, r.SHA256, record.Micros(at)}
	for i, v := range r.Extra {
		args = append(args, v)
		columns += ", " + q.opt.Extra[i]
		values += ",$" + strconv.Itoa(len(args))
	}
	res, err := tx.Exec(ctx, `INSERT INTO `+q.opt.Table+` (`+columns+`) VALUES (`+values+`) ON CONFLICT DO NOTHING`, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Refind makes the row of a blob of the quarantine again when the index was lost.
func (q *Quarantine) Refind(ctx context.Context, institution record.InstitutionID, b BlobInfo) error {
	digest, size, err := Digest(ctx, q.blobs, b.Key)
	if err != nil {
		return err
	}
	return q.db.Tx(ctx, func(tx *Tx) error {
		_, err := q.insert(ctx, tx, strings.TrimSuffix(path.Base(b.Key), QuarantineExtension), b.Key, "found when the index was made again",
			Refused{Institution: institution, Size: size, SHA256: digest}, b.ModifiedAt)
		return err
	})
}

func (q *Quarantine) query(ctx context.Context, where string, args ...any) ([]Quarantined, error) {
	columns := append([]string{`id, institution_id, reason, size, sha256, received_at, resolution, resolved_by, blob_key`}, q.opt.Extra...)
	return Collect(ctx, q.db, `SELECT `+strings.Join(columns, ", ")+` FROM `+q.opt.Table+` WHERE `+where, args, func(scan func(...any) error) (Quarantined, error) {
		x := Quarantined{Extra: make([]string, len(q.opt.Extra))}
		var at int64
		to := []any{&x.ID, &x.Institution, &x.Reason, &x.Size, &x.SHA256, &at, &x.Resolution, &x.ResolvedBy, &x.key}
		for i := range x.Extra {
			to = append(to, &x.Extra[i])
		}
		err := scan(to...)
		x.ReceivedAt = record.FromMicros(at)
		return x, err
	})
}

// List is what waits for a person, oldest first, after the given id.
func (q *Quarantine) List(ctx context.Context, s record.Scope, after QuarantineID, limit int, resolved bool) ([]Quarantined, error) {
	args := []any{string(after), limit}
	where := "id > $1 AND " + q.db.ScopeSQL(s, "institution_id", "", &args)
	if !resolved {
		where += " AND resolved_at = 0"
	}
	return q.query(ctx, where+" ORDER BY id LIMIT $2", args...)
}

// Fetch opens the bytes as they came. They may be anything: never show them as a page.
func (q *Quarantine) Fetch(ctx context.Context, s record.Scope, id QuarantineID) (Quarantined, io.ReadCloser, error) {
	args := []any{string(id)}
	all, err := q.query(ctx, "id = $1 AND "+q.db.ScopeSQL(s, "institution_id", "", &args), args...)
	switch {
	case err != nil:
		return Quarantined{}, nil, err
	case len(all) == 0:
		return Quarantined{}, nil, record.Errorf(record.NotFound, "no quarantined %s %s", q.opt.Noun, id)
	case all[0].key == "":
		return all[0], nil, record.Errorf(record.NotFound, "the bytes of %s were too many to keep", id)
	}
	x := all[0]
	err = q.reads.Note(ctx, s, record.Event{Act: "quarantine.read", Institution: x.Institution, Kind: "quarantine", Object: string(id)})
	if err != nil || x.Size == 0 {
		return x, io.NopCloser(strings.NewReader("")), err
	}
	r, err := q.blobs.Range(ctx, x.key, 0, x.Size)
	return x, r, err
}

// Resolve notes what a person decided. The bytes stay.
func (q *Quarantine) Resolve(ctx context.Context, s record.Scope, id QuarantineID, note string) (Quarantined, error) {
	err := q.db.Tx(ctx, func(tx *Tx) error {
		args := []any{string(id), note, s.Actor.ID, record.Micros(tx.Now())}
		res, err := tx.Exec(ctx, `UPDATE `+q.opt.Table+` SET resolution = $2, resolved_by = $3, resolved_at = $4
			WHERE id = $1 AND resolved_at = 0 AND `+q.db.ScopeSQL(s, "institution_id", "", &args), args...)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return record.Errorf(record.NotFound, "no unresolved quarantined %s %s", q.opt.Noun, id)
		}
		tx.Emit(record.Event{Act: q.opt.Act + ".resolved", Institution: s.Actor.Institution, Kind: "quarantine", Object: string(id), Outcome: record.Success}.By(s))
		return nil
	})
	if err != nil {
		return Quarantined{}, err
	}
	all, err := q.query(ctx, "id = $1", string(id))
	return append(all, Quarantined{})[0], err
}
