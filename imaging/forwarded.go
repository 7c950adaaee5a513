// The same object from elsewhere: whoever forwards an object writes its own file meta information around the data set.

package imaging

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// forwarded tells whether a conflict is none: the object kept under the UID has the same transfer syntax and the same data
// set, byte for byte, and differs in preamble or group 2 alone (PS3.10 §7.1).
func (c *Centre) forwarded(ctx context.Context, a *arrival, part *store.Part, conflict error) (bool, error) {
	if record.KindOf(conflict) != record.Conflict {
		return false, nil
	}
	kept, err := scanInstance(c.db.QueryRow(ctx, "SELECT "+instanceColumns+" FROM instances i WHERE i.id = $1", string(a.id)).Scan)
	if errors.Is(err, sql.ErrNoRows) { // a conflict with the study, not with an object
		return false, nil
	}
	if err != nil || kept.Syntax != string(a.facts.syntax) {
		return false, err
	}
	old, err := c.stored(ctx, kept)(0, kept.bytes.Size)
	if err != nil {
		return false, err
	}
	defer func() { _ = old.Close() }()
	now, err := c.again(ctx, a, part)
	if err != nil {
		return false, err
	}
	defer func() { _ = now.Close() }()
	return sameDataSet(old, kept.bytes.Size, now, a.size)
}

// again opens an object that has arrived: its part, or the blob that the part has become.
func (c *Centre) again(ctx context.Context, a *arrival, part *store.Part) (io.ReadCloser, error) {
	if a.key != "" {
		return c.blobs.Range(ctx, a.key, 0, a.size)
	}
	return part.Reader()
}

func sameDataSet(a io.Reader, sizeA int64, b io.Reader, sizeB int64) (bool, error) {
	ra, bodyA, err := dicom.SkipMeta(a)
	if err != nil {
		return false, err
	}
	rb, bodyB, err := dicom.SkipMeta(b)
	if err != nil || sizeA-bodyA != sizeB-bodyB {
		return false, err
	}
	return sameBytes(ra, rb)
}

func sameBytes(a, b io.Reader) (bool, error) {
	const piece = 64 << 10
	x, y := make([]byte, piece), make([]byte, piece)
	for {
		n, errA := io.ReadFull(a, x)
		m, errB := io.ReadFull(b, y)
		if n != m || !bytes.Equal(x[:n], y[:m]) {
			return false, nil
		}
		switch {
		case errA == nil && errB == nil:
		case ended(errA) && ended(errB):
			return true, nil
		case !ended(errA):
			return false, errA
		default:
			return false, errB
		}
	}
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
