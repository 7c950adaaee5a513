// Fsck: do rows and bytes agree?

package ecg

import (
	"context"
	"path"
	"strings"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// FsckOptions say how thorough a check is.
type FsckOptions = store.FsckOptions

// Fsck is what a check found.
type Fsck struct {
	Tracings int // and quarantined files
	store.Fsck
}

// Fsck checks every tracing and quarantined file against its bytes, and every blob against the rows.
func (c *Centre) Fsck(ctx context.Context, opt FsckOptions) (Fsck, error) {
	var out Fsck
	err := out.Check(ctx, c.db, c.blobs, store.FsckPlan{
		Kind: record.ECG,
		Rows: `SELECT id, blob_key, sha256, 0 AS blob_offset, size FROM tracings
			UNION ALL SELECT id, blob_key, sha256, 0, size FROM ecg_quarantine WHERE blob_key <> ''`,
		Ours: ours,
		Owner: func(key string) (query, arg string) {
			if !strings.HasSuffix(key, saidExtension) {
				return "", ""
			}
			return `SELECT COUNT(*) FROM tracings WHERE id = $1`, path.Base(path.Dir(key)) // the words before the last are history of their tracing
		},
	}, opt)
	out.Tracings = out.Rows
	return out, err
}

// ours tells this centre's blobs from reports, which the reading room keeps in the same bucket.
func ours(key string) bool {
	return path.Ext(key) == fileExtension || path.Ext(key) == store.QuarantineExtension || strings.HasSuffix(key, saidExtension)
}
