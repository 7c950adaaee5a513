// Fsck: do rows and bytes agree?

package lab

import (
	"context"
	"path"
	"strings"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Fsck is what a check found.
type Fsck struct {
	Messages int
	store.Fsck
}

// Fsck checks every message and every quarantined one against its bytes, and every blob against the rows.
func (c *Centre) Fsck(ctx context.Context, opt store.FsckOptions) (Fsck, error) {
	var out Fsck
	err := out.Check(ctx, c.db, c.blobs, store.FsckPlan{
		Kind: record.Lab,
		Rows: `SELECT id, blob_key, sha256, blob_offset, size FROM lab_messages
			UNION ALL SELECT id, blob_key, sha256, 0 AS blob_offset, size FROM lab_quarantine WHERE blob_key <> ''`,
		Ours: ours,
	}, opt)
	out.Messages = out.Rows
	return out, err
}

// ours tells this centre's blobs from reports, which the reading room keeps in the same bucket.
func ours(key string) bool {
	return path.Ext(key) == packExtension || path.Ext(key) == store.QuarantineExtension && strings.Contains(key, "/quarantine/")
}
