// What goes out: an object as it came, one of its frames, its attributes as DICOM JSON.

package imaging

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"iter"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
)

// Instance describes one instance.
func (c *Centre) Instance(ctx context.Context, s record.Scope, id InstanceID) (Instance, error) {
	args := []any{string(id)}
	i, err := c.instance(ctx, id, c.db.ScopeSQL(s, "i.institution_id", "i.patient_id", &args), args[1:]...)
	if err != nil {
		return Instance{}, err
	}
	return i, c.noteRead(ctx, s, Study{ID: i.Study, Institution: i.Institution, Patient: i.Patient})
}

// instance reads one row, under conditions whose arguments begin with $2.
func (c *Centre) instance(ctx context.Context, id InstanceID, conditions string, args ...any) (Instance, error) {
	i, err := scanInstance(c.db.QueryRow(ctx, "SELECT "+instanceColumns+" FROM instances i WHERE i.id = $1 AND "+conditions,
		append([]any{string(id)}, args...)...).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Instance{}, record.Errorf(record.NotFound, "no instance %s", id)
	}
	return i, err
}

// Fetch opens the bytes [offset, offset+length) of an instance; a negative length means to its end.
func (c *Centre) Fetch(ctx context.Context, s record.Scope, id InstanceID, offset, length int64) (Instance, io.ReadCloser, error) {
	i, err := c.Instance(ctx, s, id)
	if err != nil {
		return Instance{}, nil, err
	}
	if length < 0 {
		length = i.Size - offset
	}
	if offset < 0 || offset > i.Size || offset+length > i.Size {
		return Instance{}, nil, record.Errorf(record.Invalid, "the instance has %d bytes", i.Size)
	}
	r, err := c.open(ctx, i, offset, length)
	return i, r, err
}

func (c *Centre) open(ctx context.Context, i Instance, offset, length int64) (io.ReadCloser, error) {
	if i.chain == "" {
		return c.stored(ctx, i)(offset, length)
	}
	return c.openForm(ctx, i, offset, length)
}

// FetchFrame opens the bytes of one frame, counted from 1, as they are encoded in the object.
func (c *Centre) FetchFrame(ctx context.Context, s record.Scope, id InstanceID, frame int) (Instance, io.ReadCloser, error) {
	i, err := c.Instance(ctx, s, id)
	if err != nil {
		return Instance{}, nil, err
	}
	table, err := c.FrameTable(ctx, i)
	if err != nil {
		return Instance{}, nil, err
	}
	r, _, err := c.ReadFrame(ctx, i, table, frame)
	return i, r, err
}

// extentsReader reads one range after the other.
type extentsReader struct {
	ctx      context.Context
	centre   *Centre
	instance Instance
	left     []dicom.Extent
	now      io.ReadCloser
}

func (r *extentsReader) Read(b []byte) (int, error) {
	for {
		if r.now == nil {
			if len(r.left) == 0 {
				return 0, io.EOF
			}
			var err error
			if r.now, err = r.centre.open(r.ctx, r.instance, r.left[0].Offset, r.left[0].Length); err != nil {
				return 0, err
			}
			r.left = r.left[1:]
		}
		n, err := r.now.Read(b)
		if err == io.EOF {
			err = r.Close()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (r *extentsReader) Close() error {
	if r.now == nil {
		return nil
	}
	err := r.now.Close()
	r.now = nil
	return err
}

// FetchStudy opens every instance of a study, one after the other, by series and number. The reader of each is closed
// before the next is opened.
func (c *Centre) FetchStudy(ctx context.Context, s record.Scope, id record.ExamID) (iter.Seq2[Instance, io.Reader], func() error, error) {
	st, err := c.Study(ctx, s, id)
	if err != nil {
		return nil, nil, err
	}
	var failed error
	seq := func(yield func(Instance, io.Reader) bool) {
		page := ""
		for {
			all, err := c.instances(ctx, st.ID, "", fetchPage, page)
			if err != nil {
				failed = err
				return
			}
			for _, i := range all {
				r, err := c.open(ctx, i, 0, i.Size)
				if err != nil {
					failed = err
					return
				}
				more := yield(i, r)
				if err := r.Close(); err != nil && failed == nil {
					failed = err
				}
				if !more || failed != nil {
					return
				}
			}
			if len(all) < fetchPage {
				return
			}
			page = instancePage(all[len(all)-1])
		}
	}
	return seq, func() error { return failed }, nil
}

const fetchPage = 500

// Metadata is the DICOM JSON of an instance (PS3.18 F.2): an object, without bulk data.
func (c *Centre) Metadata(ctx context.Context, s record.Scope, id InstanceID) ([]byte, error) {
	i, err := c.Instance(ctx, s, id)
	if err != nil {
		return nil, err
	}
	return c.MetadataOf(ctx, i.ID)
}
