// Reindex: the index made again from the blobs alone.

package imaging

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Rebuilt counts what a reindex did.
type Rebuilt struct {
	Blobs, Instances, Repeated, Quarantined int
	Corrections                             int      // documents of corrections and of what undoes them
	Refused                                 int      // objects in packs that were not taken when they came
	Problems                                []string // blobs that could not be read, with the reason
}

// studyState is what the blobs do not tell of a study.
type studyState struct {
	open, expected  int
	priority, info  string
	caseID          string
	firstAt, lastAt int64
}

// Reindex empties the imaging index and fills it from every blob of the county's imaging buckets. What only rows knew
// (priority, clinical information, whether the case was told) is kept where the rows are still there. Run it while no
// server runs on the same database.
func (c *Centre) Reindex(ctx context.Context, progress func(Rebuilt)) (Rebuilt, error) {
	var out Rebuilt
	before, err := c.studyStates(ctx)
	if err != nil {
		return out, err
	}
	if err := c.db.Empty(ctx, derived...); err != nil {
		return out, err
	}
	for _, undoing := range []bool{false, true} {
		if err := c.readCorrections(ctx, undoing, &out); err != nil {
			return out, err
		}
	}
	if err := c.markCorrections(ctx); err != nil {
		return out, err
	}
	problems, err := store.Reread(ctx, c.db, c.blobs, record.Imaging, func(b store.CentreBlob) error {
		out.Blobs++
		err := c.reindexBlob(ctx, b, &out)
		if progress != nil {
			progress(out)
		}
		return err
	})
	out.Problems = append(out.Problems, problems...)
	if err != nil {
		return out, err
	}
	if err := c.remakeCorrected(ctx); err != nil {
		return out, err
	}
	return out, c.restoreStates(ctx, before)
}

func (c *Centre) studyStates(ctx context.Context) (map[record.ExamID]studyState, error) {
	rows, err := c.db.Query(ctx, `SELECT id, open, expected, priority, clinical_info, first_at, last_at, case_id FROM studies`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[record.ExamID]studyState{}
	for rows.Next() {
		var id record.ExamID
		var s studyState
		if err := rows.Scan(&id, &s.open, &s.expected, &s.priority, &s.info, &s.firstAt, &s.lastAt, &s.caseID); err != nil {
			return nil, err
		}
		out[id] = s
	}
	return out, rows.Err()
}

func (c *Centre) restoreStates(ctx context.Context, before map[record.ExamID]studyState) error {
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		for id, s := range before {
			_, err := tx.Exec(ctx, `UPDATE studies SET open = $2, expected = $3, priority = $4, clinical_info = $5, first_at = $6, last_at = $7, case_id = $8
				WHERE id = $1`, string(id), s.open, s.expected, s.priority, s.info, s.firstAt, s.lastAt, s.caseID)
			if err != nil {
				return err
			}
		}
		tx.Emit(record.Event{Act: "imaging.reindexed", Kind: "index", Object: "imaging", Outcome: record.Success}.By(system))
		return nil
	})
}

var derived = []string{"containers", "instance_forms", "instance_metadata", "instances", "series", "study_names", "study_modalities", "studies"}

// reindexBlob reads <bucket>/<institution>/<study>/<ulid>.{tar,dcm} or .../quarantine/<ulid>.bin.
func (c *Centre) reindexBlob(ctx context.Context, b store.CentreBlob, out *Rebuilt) error {
	p := strings.Split(b.Key, "/")
	if len(p) != 4 {
		return errors.New("not a key of the imaging centre")
	}
	place := site{record.InstitutionID(p[1]), b.Centre}
	if p[2] == "quarantine" {
		out.Quarantined++
		return c.waiting.Refind(ctx, place.institution, b.BlobInfo)
	}
	r, _, err := c.blobs.Open(ctx, b.Key)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	in := &offsetReader{r: r}
	switch {
	case path.Ext(p[3]) == ".dcm":
		a, err := c.arrivalOf(in, place, b.BlobInfo)
		if err != nil {
			return err
		}
		return c.recommit(ctx, []packed{{Item: a, Key: b.Key, Length: a.size}}, out)
	case path.Ext(p[3]) == containerPack:
		return c.reindexContainers(ctx, place, b.BlobInfo, in, out)
	case path.Ext(p[3]) == ".tar":
		return c.reindexPack(ctx, place, b.BlobInfo, in, out)
	}
	return nil // another room's blob
}

func (c *Centre) reindexPack(ctx context.Context, place site, b store.BlobInfo, in *offsetReader, out *Rebuilt) error {
	var items []packed
	t := tar.NewReader(in)
	for {
		_, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		at := in.n
		a, err := c.arrivalOf(t, place, b)
		if err != nil {
			return err
		}
		items = append(items, packed{Item: a, Key: b.Key, Offset: at, Length: a.size})
	}
	if len(items) == 0 {
		return nil
	}
	return c.recommit(ctx, items, out)
}

func (c *Centre) arrivalOf(r io.Reader, place site, b store.BlobInfo) (*arrival, error) {
	sum := sha256.New()
	in := &offsetReader{r: io.TeeReader(r, sum)}
	o, err := dicom.Scan(in, dicom.Options{Limits: c.opt.Limits})
	if err != nil {
		return nil, err
	}
	a := &arrival{scope: system, site: place, facts: c.factsOf(o, place.institution, b.ModifiedAt), header: &o.Header.DataSet, size: in.n, receivedAt: b.ModifiedAt}
	a.sha256 = hex.EncodeToString(sum.Sum(nil))
	a.id, a.study = instanceID(place.institution, a.facts.sop), studyID(place.institution, a.facts.study)
	a.frames = frameTable(o)
	a.meta, err = metadata(o)
	return a, err
}

func (c *Centre) recommit(ctx context.Context, items []packed, out *Rebuilt) error {
	for i, err := range c.commit(ctx, items) {
		switch {
		case record.KindOf(err) == record.Conflict: // refused when it came, and in quarantine
			out.Refused++
		case err != nil:
			return err
		case items[i].Item.already:
			out.Repeated++
		default:
			out.Instances++
		}
	}
	return nil
}

// offsetReader counts what was read. It is no Seeker, so that archive/tar reads no byte ahead of an entry.
type offsetReader struct {
	r io.Reader
	n int64
}

func (r *offsetReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.n += int64(n)
	return n, err
}
