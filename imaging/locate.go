// Locate: objects by the UIDs that viewers and archives name, and their bytes.

package imaging

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"sync"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// UIDs name a study, a series of it or an instance of that; the lower ones may be empty.
type UIDs struct{ Study, Series, SOP dicom.UID }

// Located is an instance with the UIDs above it.
type Located struct {
	Instance
	StudyUID, SeriesUID dicom.UID
}

// Locate lists the instances under UIDs inside the scope, by series and number; NotFound when there are none. Two
// institutions may keep the same study: an object that both have is given once, of the one that had it first. The reading
// is noted before it returns.
func (c *Centre) Locate(ctx context.Context, s record.Scope, u UIDs) ([]Located, error) {
	b := &sqlText{}
	b.Equal("st.study_uid", string(u.Study))
	b.Equal("se.series_uid", string(u.Series))
	if u.Study == "" || u.SOP != "" {
		ids, err := c.idsOf(ctx, s, u.SOP)
		if err != nil {
			return nil, err
		}
		if u.Study == "" || len(ids) <= fewPlaces { // found by its id, however many are beside it
			b.And(b.list("i.id", ids))
		}
	}
	b.Equal("i.sop_uid", string(u.SOP))
	b.And(c.db.ScopeSQL(s, "st.institution_id", "st.patient_id", &b.Args))
	all, err := store.Collect(ctx, c.db, `SELECT `+instanceColumns+`, st.study_uid, se.series_uid
		FROM studies st JOIN series se ON se.study_id = st.id JOIN instances i ON i.study_id = st.id AND i.series_id = se.id
		WHERE `+b.String()+` ORDER BY se.number, se.series_uid, i.number, i.sop_uid, i.received_at, i.id`, b.Args, scanLocated)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, record.Errorf(record.NotFound, "nothing is kept under these UIDs")
	}
	return once(all), c.noteLocated(ctx, s, all)
}

// fewPlaces is how many ids of an instance are quicker looked up than its series is walked.
const fewPlaces = 200

// idsOf gives the ids that an instance can have in the places of the scope.
func (c *Centre) idsOf(ctx context.Context, s record.Scope, sop dicom.UID) ([]string, error) {
	places, err := c.placesOf(ctx, s)
	if err != nil || sop == "" {
		return nil, err
	}
	ids := []string{""}
	for _, p := range places {
		ids = append(ids, string(instanceID(p, sop)))
	}
	return ids, nil
}

func scanLocated(scan func(...any) error) (l Located, err error) {
	l.Instance, err = scanInstance(func(to ...any) error { return scan(append(to, &l.StudyUID, &l.SeriesUID)...) })
	return l, err
}

func once(all []Located) []Located {
	seen := make(map[string]bool, len(all))
	out := all[:0]
	for _, l := range all {
		if !seen[l.SOPUID] {
			seen[l.SOPUID] = true
			out = append(out, l)
		}
	}
	return out
}

func (c *Centre) noteLocated(ctx context.Context, s record.Scope, all []Located) error {
	noted := map[record.ExamID]bool{}
	for _, l := range all {
		if noted[l.Study] {
			continue
		}
		noted[l.Study] = true
		if err := c.noteRead(ctx, s, Study{ID: l.Study, Institution: l.Institution, Patient: l.Patient}); err != nil {
			return err
		}
	}
	return nil
}

// Read opens bytes [offset, offset+length) of an instance that was located or found: who may was asked then.
func (c *Centre) Read(ctx context.Context, i Instance, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 || length < 0 || offset+length > i.Size {
		return nil, record.Errorf(record.Invalid, "the instance has %d bytes", i.Size)
	}
	return c.open(ctx, i, offset, length)
}

// FrameTable opens the table of an instance's frames.
func (c *Centre) FrameTable(ctx context.Context, i Instance) (FrameTable, error) {
	var t FrameTable
	err := c.db.QueryRow(ctx, `SELECT frames FROM instance_metadata WHERE instance_id = $1`, string(i.ID)).Scan((*[]byte)(&t))
	return t, err
}

// FrameTable says where each frame of an instance lies.
type FrameTable []byte

// Frame gives the ranges of the object that make up a frame, counted from 1; Invalid where it has none.
func (t FrameTable) Frame(n int) ([]dicom.Extent, error) {
	e, err := frameExtents(t, n-1)
	if err != nil || n < 1 {
		return nil, record.Errorf(record.Invalid, "the instance has no frame %d that can be told apart", n)
	}
	return e, nil
}

// ReadFrame opens the bytes of a frame, counted from 1, as they are encoded in the object, and tells how many they are.
func (c *Centre) ReadFrame(ctx context.Context, i Instance, t FrameTable, n int) (io.ReadCloser, int64, error) {
	extents, err := t.Frame(n)
	if err != nil {
		return nil, 0, err
	}
	size := int64(0)
	for _, e := range extents {
		size += e.Length
	}
	return &extentsReader{ctx: ctx, centre: c, instance: i, left: extents}, size, nil
}

// MetadataOf is the DICOM JSON of an instance that was located or found (PS3.18 F.2).
func (c *Centre) MetadataOf(ctx context.Context, id InstanceID) ([]byte, error) {
	var gz []byte
	if err := c.db.QueryRow(ctx, `SELECT json_gz FROM instance_metadata WHERE instance_id = $1`, string(id)).Scan(&gz); err != nil {
		return nil, err
	}
	return unzip(gz)
}

var unzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// unzip makes nothing anew but the text, and that in its size, which gzip tells at its end.
func unzip(gz []byte) ([]byte, error) {
	z := unzippers.Get().(*gzip.Reader)
	defer unzippers.Put(z)
	if err := z.Reset(bytes.NewReader(gz)); err != nil {
		return nil, err
	}
	const most = 1032 // times as long as what it was made of
	size := binary.LittleEndian.Uint32(gz[len(gz)-4:])
	out := bytes.NewBuffer(make([]byte, 0, min(int(size), most*len(gz))+bytes.MinRead))
	_, err := out.ReadFrom(z)
	return out.Bytes(), err
}

// attributesOf are the attributes of an instance, long values left out.
func (c *Centre) attributesOf(ctx context.Context, id InstanceID) (*dicom.DataSet, error) {
	js, err := c.MetadataOf(ctx, id)
	if err != nil {
		return nil, err
	}
	return dicom.ParseJSON(js, dicom.Limits{})
}
