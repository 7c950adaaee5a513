// Checking containers, and finding them again when the index is lost.

package imaging

import (
	"archive/tar"
	"context"
	"errors"
	"io"

	"github.com/lianzhen/lianzhen/codec/dicom/compact"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// fsckContainer compares one row with its container: that it is there, or what it restores.
func (c *Centre) fsckContainer(ctx context.Context, r store.Kept, quick bool, out *Fsck) error {
	x, err := c.containerAt(ctx, r.Key, r.Offset)
	if err != nil {
		out.Missing(r)
		return ctx.Err()
	}
	if quick {
		return out.Stat(ctx, c.blobs, r, r.Offset+x.length)
	}
	got, pieces, err := c.digestIn(ctx, r.Key, r.Offset, x.length)
	var format *compact.FormatError
	switch kind := record.KindOf(err); {
	case errors.As(err, &format) && format.Kind == compact.Truncated, kind == record.NotFound, kind == record.Invalid:
		out.Missing(r)
	case errors.As(err, &format):
		out.Changed(r)
	case err != nil:
		return err
	case got != Digest{r.SHA256, r.Size}, string(pieces) != string(x.pieces):
		out.Changed(r)
	}
	return nil
}

// forgetContainers takes a pack that was swept off the index.
func (c *Centre) forgetContainers(ctx context.Context, key string) error {
	if !inContainers(key) {
		return nil
	}
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM containers WHERE blob_key = $1`, key)
		return err
	})
}

// reindexContainers reads a pack of containers.
func (c *Centre) reindexContainers(ctx context.Context, place site, b store.BlobInfo, in *offsetReader, out *Rebuilt) error {
	var items []packed
	var all []container
	t := tar.NewReader(in)
	for {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		x, at := container{length: h.Size}, in.n
		r := compact.NewReader(t)
		r.OnStep(x.pieces.Add)
		a, err := c.arrivalOf(r, place, b)
		if err != nil {
			return err
		}
		items, all = append(items, packed{Item: a, Key: b.Key, Offset: at, Length: a.size}), append(all, x)
	}
	if len(items) == 0 {
		return nil
	}
	err := c.db.Tx(ctx, func(tx *store.Tx) error {
		for n, i := range items {
			if err := putContainer(ctx, tx, b.Key, i.Offset, all[n]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.recommit(ctx, items, out)
}
