// Fsck and reindex: do rows and bytes agree, and what is needed to make the rows again from the bytes.

package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// FsckOptions say how thorough a check is.
type FsckOptions struct {
	Quick    bool          // sizes only, no SHA-256
	Sweep    bool          // delete bytes without rows
	SweepAge time.Duration // only those older than this; default 1 hour: an upload may be under way
}

// Fsck is what a check found. Bytes without rows are harmless leftovers of an interrupted upload; the others are damage.
type Fsck struct {
	Rows         int `json:"-"` // a centre says what its rows are
	Blobs        int
	Bytes        int64
	MissingBytes []string // rows whose bytes are missing or too short: id, key
	WrongSHA256  []string // rows whose bytes changed
	Unreferenced []string // keys no row points into
	Swept        int
}

// Damaged reports whether something that was acknowledged is not as it was.
func (f Fsck) Damaged() bool { return len(f.MissingBytes)+len(f.WrongSHA256) > 0 }

// Missing notes that the bytes of a row are not there.
func (f *Fsck) Missing(r Kept) { f.MissingBytes = append(f.MissingBytes, r.ID+" "+r.Key) }

// Changed notes that the bytes of a row are not those that were kept.
func (f *Fsck) Changed(r Kept) { f.WrongSHA256 = append(f.WrongSHA256, r.ID+" "+r.Key) }

// Kept is a row that points to bytes.
type Kept struct {
	ID, Key, SHA256 string
	Offset, Size    int64
}

// FsckPlan is what there is to check of a centre.
type FsckPlan struct {
	Kind record.CentreKind
	Rows string                // query of every row that points to bytes: id, blob_key, sha256, blob_offset, size
	Ours func(key string) bool // tells the centre's blobs from those that other rooms keep in the same bucket

	// Of a centre that needs them; nil otherwise. Row checks a row that is not simply bytes (false: it is). Owner names the query that counts the rows behind
	// a key where Rows does not tell. Swept follows a blob that was deleted.
	Row   func(ctx context.Context, r Kept, quick bool) (bool, error)
	Owner func(key string) (query, arg string)
	Swept func(ctx context.Context, key string) error
}

// Check compares every row with its bytes, and every blob with the rows.
func (f *Fsck) Check(ctx context.Context, db *DB, blobs Blobs, plan FsckPlan, opt FsckOptions) error {
	if opt.SweepAge == 0 {
		opt.SweepAge = time.Hour
	}
	if err := f.rows(ctx, db, blobs, plan, opt.Quick); err != nil {
		return err
	}
	for b, err := range BlobsOf(ctx, db, blobs, plan.Kind) {
		if err != nil {
			return err
		}
		if !plan.Ours(b.Key) {
			continue
		}
		f.Blobs++
		if err := f.blob(ctx, db, blobs, plan, opt, b.BlobInfo); err != nil {
			return err
		}
	}
	return nil
}

const fsckPage = 1000

func (f *Fsck) rows(ctx context.Context, db *DB, blobs Blobs, plan FsckPlan, quick bool) error {
	for last := (Kept{Offset: -1}); ; {
		page, err := List(ctx, db, `SELECT id, blob_key, sha256, blob_offset, size FROM (`+plan.Rows+`) AS kept
			WHERE (blob_key, blob_offset) > ($1, $2) ORDER BY blob_key, blob_offset LIMIT $3`, []any{last.Key, last.Offset, fsckPage},
			func(r *Kept) []any { return []any{&r.ID, &r.Key, &r.SHA256, &r.Offset, &r.Size} })
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			f.Rows++
			f.Bytes += r.Size
			done := false
			if plan.Row != nil {
				done, err = plan.Row(ctx, r, quick)
			}
			if err == nil && !done {
				err = f.row(ctx, blobs, r, quick)
			}
			if err != nil {
				return fmt.Errorf("check %s: %w", r.Key, err)
			}
		}
		last = page[len(page)-1]
	}
}

func (f *Fsck) row(ctx context.Context, blobs Blobs, r Kept, quick bool) error {
	if quick {
		return f.Stat(ctx, blobs, r, r.Offset+r.Size)
	}
	body, err := blobs.Range(ctx, r.Key, r.Offset, r.Size)
	if err != nil {
		if k := record.KindOf(err); k == record.NotFound || k == record.Invalid {
			f.Missing(r)
			return nil
		}
		return err
	}
	defer func() { _ = body.Close() }()
	sum := sha256.New()
	n, err := io.Copy(sum, body)
	switch {
	case err != nil && record.KindOf(err) == record.Unavailable:
		return err
	case err != nil || n < r.Size:
		f.Missing(r)
	case hex.EncodeToString(sum.Sum(nil)) != r.SHA256:
		f.Changed(r)
	}
	return nil
}

// Stat checks that the blob of a row is there and has at least so many bytes.
func (f *Fsck) Stat(ctx context.Context, blobs Blobs, r Kept, size int64) error {
	b, err := blobs.Stat(ctx, r.Key)
	switch {
	case record.KindOf(err) == record.NotFound, err == nil && b.Size < size:
		f.Missing(r)
		return nil
	}
	return err
}

func (f *Fsck) blob(ctx context.Context, db *DB, blobs Blobs, plan FsckPlan, opt FsckOptions, b BlobInfo) error {
	query, arg := `SELECT COUNT(*) FROM (`+plan.Rows+`) AS kept WHERE blob_key = $1`, b.Key
	if plan.Owner != nil {
		if q, a := plan.Owner(b.Key); q != "" {
			query, arg = q, a
		}
	}
	var n int
	if err := db.QueryRow(ctx, query, arg).Scan(&n); err != nil || n > 0 {
		return err
	}
	if !opt.Sweep || db.Now().Sub(b.ModifiedAt) <= opt.SweepAge {
		f.Unreferenced = append(f.Unreferenced, b.Key)
		return nil
	}
	if err := blobs.Delete(ctx, b.Key); err != nil {
		return fmt.Errorf("sweep %s: %w", b.Key, err)
	}
	f.Swept++
	if plan.Swept != nil {
		return plan.Swept(ctx, b.Key)
	}
	return nil
}

// CentreBlob is a blob in the bucket of a centre.
type CentreBlob struct {
	BlobInfo
	Centre Centre
}

// BlobsOf lists every blob in the buckets of the centres of a kind, by key. An error is the last that is told.
func BlobsOf(ctx context.Context, db *DB, blobs Blobs, kind record.CentreKind) iter.Seq2[CentreBlob, error] {
	return func(yield func(CentreBlob, error) bool) {
		centres, err := db.Centres(ctx)
		if err != nil {
			yield(CentreBlob{}, err)
			return
		}
		for _, centre := range centres {
			if centre.Kind != kind {
				continue
			}
			for b, err := range blobs.List(ctx, centre.Bucket+"/", "") {
				if err != nil {
					yield(CentreBlob{}, fmt.Errorf("list blobs: %w", err))
					return
				}
				if !yield(CentreBlob{b, centre}, nil) {
					return
				}
			}
		}
	}
}

// Reread hands every blob of a kind of centre to read, for an index that is made again. What cannot be read is a problem, told with its key; only a
// store that is not to be reached and a context that ended stop it.
func Reread(ctx context.Context, db *DB, blobs Blobs, kind record.CentreKind, read func(CentreBlob) error) (problems []string, err error) {
	for b, err := range BlobsOf(ctx, db, blobs, kind) {
		if err != nil {
			return problems, err
		}
		if err := read(b); err != nil {
			if ctx.Err() != nil || record.KindOf(err) == record.Unavailable {
				return problems, err
			}
			problems = append(problems, b.Key+": "+err.Error())
		}
	}
	return problems, nil
}

// Empty deletes every row of tables that are derived from blobs, in that order.
func (db *DB) Empty(ctx context.Context, tables ...string) error {
	return db.Tx(ctx, func(tx *Tx) error {
		for _, t := range tables {
			if _, err := tx.Exec(ctx, "DELETE FROM "+t); err != nil {
				return err
			}
		}
		return nil
	})
}

// Digest is the SHA-256, hexadecimal, and the size of a kept blob, read through.
func Digest(ctx context.Context, blobs Blobs, key string) (digest string, size int64, err error) {
	r, _, err := blobs.Open(ctx, key)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = r.Close() }()
	sum := sha256.New()
	size, err = io.Copy(sum, r)
	return hex.EncodeToString(sum.Sum(nil)), size, err
}
