// Checking containers, and finding them again when the index is lost.

package imaging

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lianzhen/lianzhen/codec/dicom/compact"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// fsckContainer compares one row with its container: that it is there, or what it restores.
func (c *Centre) fsckContainer(ctx context.Context, r keptRow, opt FsckOptions, out *Fsck) error {
	missing := func() { out.MissingBytes = append(out.MissingBytes, r.id+" "+r.key) }
	x, err := c.containerAt(ctx, r.key, r.offset)
	if err != nil {
		missing()
		return ctx.Err()
	}
	if opt.Quick {
		b, err := c.blobs.Stat(ctx, r.key)
		switch {
		case record.KindOf(err) == record.NotFound, err == nil && b.Size < r.offset+x.length:
			missing()
		case err != nil:
			return fmt.Errorf("check %s: %w", r.key, err)
		}
		return nil
	}
	got, pieces, err := c.digestIn(ctx, r.key, r.offset, x.length)
	var format *compact.FormatError
	switch kind := record.KindOf(err); {
	case errors.As(err, &format) && format.Kind == compact.Truncated, kind == record.NotFound, kind == record.Invalid:
		missing()
	case errors.As(err, &format):
		out.WrongSHA256 = append(out.WrongSHA256, r.id+" "+r.key)
	case err != nil:
		return fmt.Errorf("check %s: %w", r.key, err)
	case got != Digest{r.sha256, r.size}, string(pieces) != string(x.pieces):
		out.WrongSHA256 = append(out.WrongSHA256, r.id+" "+r.key)
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
