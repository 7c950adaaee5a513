// Reading objects that are kept in containers. A pack of containers is a tar as any pack of a study, under a key of its
// own kind; what the rows of instances know of an object (size, SHA-256, frames) stays that of the object as it came.

package imaging

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/lianzhen/lianzhen/codec/dicom/compact"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// containerPack is how the key of a pack of containers ends.
const containerPack = ".lzt"

func inContainers(key string) bool { return path.Ext(key) == containerPack }

// container is where an object lies in a pack of containers.
type container struct {
	length int64
	pieces compact.Index
}

func (c *Centre) containerAt(ctx context.Context, key string, offset int64) (container, error) {
	var x container
	err := c.db.QueryRow(ctx, `SELECT length, pieces FROM containers WHERE blob_key = $1 AND blob_offset = $2`, key, offset).
		Scan(&x.length, (*[]byte)(&x.pieces))
	if errors.Is(err, sql.ErrNoRows) {
		return x, fmt.Errorf("container at byte %d of %s is not in the index", offset, key)
	}
	return x, err
}

func putContainer(ctx context.Context, tx *store.Tx, key string, offset int64, x container) error {
	_, err := tx.Exec(ctx, `INSERT INTO containers (blob_key, blob_offset, length, pieces) VALUES ($1,$2,$3,$4) ON CONFLICT DO NOTHING`,
		key, offset, x.length, []byte(x.pieces))
	return err
}

// rangeOf opens bytes of an instance as they came, wherever they are kept.
func (c *Centre) rangeOf(ctx context.Context, i Instance, offset, length int64) (io.ReadCloser, error) {
	r, err := c.rangeAt(ctx, i, offset, length)
	if record.KindOf(err) != record.NotFound {
		return r, err
	}
	// They may have been put into a container since the row was read.
	now := i
	err = c.db.QueryRow(ctx, `SELECT blob_key, blob_offset FROM instances WHERE id = $1`, string(i.ID)).Scan(&now.key, &now.offset)
	if err == nil && now.key != i.key {
		r, err = c.rangeAt(ctx, now, offset, length)
		if record.KindOf(err) != record.NotFound {
			return r, err
		}
	}
	// A row without its bytes is our fault, never the caller's.
	return nil, fmt.Errorf("bytes of instance %s are missing", i.ID)
}

func (c *Centre) rangeAt(ctx context.Context, i Instance, offset, length int64) (io.ReadCloser, error) {
	if !inContainers(i.key) {
		return c.blobs.Range(ctx, i.key, i.offset+offset, length)
	}
	x, err := c.containerAt(ctx, i.key, i.offset)
	if err != nil {
		return nil, err
	}
	span, err := x.pieces.Find(offset, length)
	if err != nil {
		return nil, fmt.Errorf("instance %s: %w", i.ID, err)
	}
	r, err := c.blobs.Range(ctx, i.key, i.offset+span.Offset, span.Length)
	if err != nil {
		return nil, err
	}
	return restored{compact.NewRangeReader(r, span, length), r}, nil
}

// restored reads what is restored and closes what it is restored from.
type restored struct {
	io.Reader
	io.Closer
}

// digestIn restores the container at a place of a pack and gives the size and the SHA-256 of the object, and where the
// pieces lie.
func (c *Centre) digestIn(ctx context.Context, key string, offset, length int64) (Digest, compact.Index, error) {
	body, err := c.blobs.Range(ctx, key, offset, length)
	if err != nil {
		return Digest{}, nil, err
	}
	defer func() { _ = body.Close() }()
	var pieces compact.Index
	r, sum := compact.NewReader(body), sha256.New()
	r.OnStep(pieces.Add)
	n, err := io.Copy(sum, r)
	return Digest{hex.EncodeToString(sum.Sum(nil)), n}, pieces, err
}

func containerHead(d Digest) (h compact.Head, err error) {
	h.Size = d.Size
	if n, err := hex.Decode(h.SHA256[:], []byte(d.SHA256)); err != nil || n != len(h.SHA256) {
		return h, fmt.Errorf("the row's SHA-256 is none")
	}
	return h, nil
}
