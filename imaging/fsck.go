// Fsck: do rows and bytes agree?

package imaging

import (
	"context"
	"path"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// FsckOptions say how thorough a check is.
type FsckOptions = store.FsckOptions

// Fsck is what a check found.
type Fsck struct {
	Instances int // and quarantined objects
	store.Fsck
}

// Fsck checks every instance and quarantined object against its bytes, and every blob against the rows.
func (c *Centre) Fsck(ctx context.Context, opt FsckOptions) (Fsck, error) {
	var out Fsck
	err := out.Check(ctx, c.db, c.blobs, store.FsckPlan{
		Kind: record.Imaging,
		Rows: `SELECT id, blob_key, sha256, blob_offset, size FROM instances
			UNION ALL SELECT id, blob_key, sha256, blob_offset, size FROM quarantine WHERE blob_key <> ''`,
		Ours: ours,
		Row: func(ctx context.Context, r store.Kept, quick bool) (bool, error) {
			if !inContainers(r.Key) {
				return false, nil
			}
			return true, c.fsckContainer(ctx, r, quick, &out)
		},
		Swept: c.forgetContainers,
	}, opt)
	out.Instances = out.Rows
	if err != nil {
		return out, err
	}
	return out, c.fsckCorrections(ctx, &out)
}

// ours tells the imaging centre's blobs from reports, which the reading room keeps in the same bucket.
func ours(key string) bool {
	switch path.Ext(key) {
	case ".tar", ".dcm", store.QuarantineExtension, containerPack:
		return true
	}
	return false
}
