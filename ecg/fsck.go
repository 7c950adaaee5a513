// Fsck: do rows and bytes agree?

package ecg

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// FsckOptions say how thorough a check is.
type FsckOptions struct {
	Quick    bool          // sizes only, no SHA-256
	Sweep    bool          // delete bytes without rows
	SweepAge time.Duration // only those older than this; default 1 hour: an upload may be under way
}

// Fsck is what a check found. Bytes without rows are harmless leftovers of an interrupted upload; the others are damage.
type Fsck struct {
	Tracings, Blobs int
	Bytes           int64
	MissingBytes    []string // rows whose bytes are missing or too short: id, key
	WrongSHA256     []string // rows whose bytes changed
	Unreferenced    []string // keys no row points to
	Swept           int
}

// Damaged reports whether something that was acknowledged is not as it was.
func (f Fsck) Damaged() bool { return len(f.MissingBytes)+len(f.WrongSHA256) > 0 }

type keptBlob struct {
	id, key, sha256 string
	size            int64
}

// Fsck checks every tracing and quarantined file against its bytes, and every blob against the rows.
func (c *Centre) Fsck(ctx context.Context, opt FsckOptions) (Fsck, error) {
	var out Fsck
	if opt.SweepAge == 0 {
		opt.SweepAge = time.Hour
	}
	for last := ""; ; {
		rows, err := store.List(ctx, c.db, `SELECT id, blob_key, sha256, size FROM (
			SELECT id, blob_key, sha256, size FROM tracings
			UNION ALL SELECT id, blob_key, sha256, size FROM ecg_quarantine WHERE blob_key <> '') AS kept
			WHERE blob_key > $1 ORDER BY blob_key LIMIT 1000`, []any{last},
			func(r *keptBlob) []any { return []any{&r.id, &r.key, &r.sha256, &r.size} })
		if err != nil {
			return out, err
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			if err := c.fsckRow(ctx, r, opt, &out); err != nil {
				return out, err
			}
		}
		last = rows[len(rows)-1].key
	}
	return out, c.fsckBlobs(ctx, opt, &out)
}

func (c *Centre) fsckRow(ctx context.Context, r keptBlob, opt FsckOptions, out *Fsck) error {
	out.Tracings++
	out.Bytes += r.size
	b, err := c.blobs.Stat(ctx, r.key)
	switch {
	case record.KindOf(err) == record.NotFound, err == nil && b.Size < r.size:
		out.MissingBytes = append(out.MissingBytes, r.id+" "+r.key)
		return nil
	case err != nil:
		return fmt.Errorf("check %s: %w", r.key, err)
	case opt.Quick:
		return nil
	}
	sum, err := c.digest(ctx, r.key)
	if err != nil {
		return fmt.Errorf("check %s: %w", r.key, err)
	}
	if sum != r.sha256 {
		out.WrongSHA256 = append(out.WrongSHA256, r.id+" "+r.key)
	}
	return nil
}

func (c *Centre) fsckBlobs(ctx context.Context, opt FsckOptions, out *Fsck) error {
	centres, err := c.db.Centres(ctx)
	if err != nil {
		return err
	}
	for _, centre := range centres {
		if centre.Kind != record.ECG {
			continue
		}
		for b, err := range c.blobs.List(ctx, centre.Bucket+"/", "") {
			if err != nil {
				return fmt.Errorf("list blobs: %w", err)
			}
			if !ours(b.Key) {
				continue
			}
			out.Blobs++
			if err := c.fsckBlob(ctx, b, opt, out); err != nil {
				return err
			}
		}
	}
	return nil
}

// ours tells this centre's blobs from reports, which the reading room keeps in the same bucket.
func ours(key string) bool {
	return path.Ext(key) == fileExtension || path.Ext(key) == quarantineExtension || strings.HasSuffix(key, saidExtension)
}

func (c *Centre) fsckBlob(ctx context.Context, b store.BlobInfo, opt FsckOptions, out *Fsck) error {
	query, arg := `SELECT (SELECT COUNT(*) FROM tracings WHERE blob_key = $1) + (SELECT COUNT(*) FROM ecg_quarantine WHERE blob_key = $1)`, b.Key
	if strings.HasSuffix(b.Key, saidExtension) { // the words before the last are history of their tracing
		query, arg = `SELECT COUNT(*) FROM tracings WHERE id = $1`, path.Base(path.Dir(b.Key))
	}
	var n int
	err := c.db.QueryRow(ctx, query, arg).Scan(&n)
	if err != nil || n > 0 {
		return err
	}
	if opt.Sweep && c.db.Now().Sub(b.ModifiedAt) > opt.SweepAge {
		if err := c.blobs.Delete(ctx, b.Key); err != nil {
			return fmt.Errorf("sweep %s: %w", b.Key, err)
		}
		out.Swept++
		return nil
	}
	out.Unreferenced = append(out.Unreferenced, b.Key)
	return nil
}
