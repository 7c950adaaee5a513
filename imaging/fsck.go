// Fsck: do rows and bytes agree?

package imaging

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// FsckOptions say how thorough a check is.
type FsckOptions struct {
	Quick    bool          // sizes only, no SHA-256
	Sweep    bool          // delete bytes without rows
	SweepAge time.Duration // only those older than this; default 1 hour: an upload may be under way
	Progress func(Fsck)
}

// Fsck is what a check found. Bytes without rows are harmless leftovers of an interrupted upload; the others are damage.
type Fsck struct {
	Instances, Blobs int
	Bytes            int64
	MissingBytes     []string // rows whose bytes are missing or too short: instance id, key
	WrongSHA256      []string // rows whose bytes changed
	Unreferenced     []string // keys no row points into
	Swept            int
}

// Damaged reports whether something that was acknowledged is not as it was.
func (f Fsck) Damaged() bool { return len(f.MissingBytes)+len(f.WrongSHA256) > 0 }

// Fsck checks every instance and quarantined object against its bytes, and every blob against the rows.
func (c *Centre) Fsck(ctx context.Context, opt FsckOptions) (Fsck, error) {
	var out Fsck
	if opt.SweepAge == 0 {
		opt.SweepAge = time.Hour
	}
	if err := c.fsckRows(ctx, opt, &out); err != nil {
		return out, err
	}
	if err := c.fsckCorrections(ctx, &out); err != nil {
		return out, err
	}
	return out, c.fsckBlobs(ctx, opt, &out)
}

type keptRow struct {
	id, key, sha256 string
	offset, size    int64
}

func (c *Centre) fsckRows(ctx context.Context, opt FsckOptions, out *Fsck) error {
	last := keptRow{offset: -1}
	for {
		rows, err := c.keptRows(ctx, last)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, r := range rows {
			if err := c.fsckRow(ctx, r, opt, out); err != nil {
				return err
			}
		}
		last = rows[len(rows)-1]
		if opt.Progress != nil {
			opt.Progress(*out)
		}
	}
}

func (c *Centre) keptRows(ctx context.Context, after keptRow) ([]keptRow, error) {
	return store.List(ctx, c.db, `SELECT id, blob_key, sha256, blob_offset, size FROM (
			SELECT id, blob_key, sha256, blob_offset, size FROM instances
			UNION ALL SELECT id, blob_key, sha256, blob_offset, size FROM quarantine WHERE blob_key <> '') AS kept
		WHERE (blob_key, blob_offset) > ($1, $2) ORDER BY blob_key, blob_offset LIMIT 1000`, []any{after.key, after.offset},
		func(r *keptRow) []any { return []any{&r.id, &r.key, &r.sha256, &r.offset, &r.size} })
}

func (c *Centre) fsckRow(ctx context.Context, r keptRow, opt FsckOptions, out *Fsck) error {
	out.Instances++
	out.Bytes += r.size
	if inContainers(r.key) {
		return c.fsckContainer(ctx, r, opt, out)
	}
	missing := func() { out.MissingBytes = append(out.MissingBytes, r.id+" "+r.key) }
	if opt.Quick {
		b, err := c.blobs.Stat(ctx, r.key)
		switch {
		case record.KindOf(err) == record.NotFound:
			missing()
		case err != nil:
			return fmt.Errorf("check %s: %w", r.key, err)
		case b.Size < r.offset+r.size:
			missing()
		}
		return nil
	}
	body, err := c.blobs.Range(ctx, r.key, r.offset, r.size)
	if err != nil {
		if k := record.KindOf(err); k == record.NotFound || k == record.Invalid {
			missing()
			return nil
		}
		return fmt.Errorf("check %s: %w", r.key, err)
	}
	defer func() { _ = body.Close() }()
	sum := sha256.New()
	n, err := io.Copy(sum, body)
	switch {
	case err != nil && record.KindOf(err) == record.Unavailable:
		return fmt.Errorf("check %s: %w", r.key, err)
	case err != nil || n < r.size:
		missing()
	case hex.EncodeToString(sum.Sum(nil)) != r.sha256:
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
		if centre.Kind != record.Imaging {
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

// ours tells the imaging centre's blobs from reports, which the reading room keeps in the same bucket.
func ours(key string) bool {
	switch path.Ext(key) {
	case ".tar", ".dcm", ".bin", containerPack:
		return true
	}
	return false
}

func (c *Centre) fsckBlob(ctx context.Context, b store.BlobInfo, opt FsckOptions, out *Fsck) error {
	var n int
	err := c.db.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM instances WHERE blob_key = $1) + (SELECT COUNT(*) FROM quarantine WHERE blob_key = $1)`,
		b.Key).Scan(&n)
	if err != nil || n > 0 {
		return err
	}
	if opt.Sweep && c.db.Now().Sub(b.ModifiedAt) > opt.SweepAge {
		if err := c.blobs.Delete(ctx, b.Key); err != nil {
			return fmt.Errorf("sweep %s: %w", b.Key, err)
		}
		out.Swept++
		return c.forgetContainers(ctx, b.Key)
	}
	out.Unreferenced = append(out.Unreferenced, b.Key)
	return nil
}
