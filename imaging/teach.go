// Teaching: a study without its patient, as a zip file.

package imaging

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/deid"
	"github.com/lianzhen/lianzhen/codec/dicom/dicomdir"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// TeachOptions say what of a study may stay beside its images (PS3.15 annex E).
type TeachOptions struct {
	ModifiedDates bool // dates are moved by an offset of the patient's, instead of being removed
	RetainPatient bool // sex, age, size, weight
	RetainDevice  bool
	Descriptors   bool // keep descriptions; what is known of the patient is taken out of them all the same
	OneOff        bool // a pseudonym of this file only; else a patient has the same one in all files of the institution
	IncludeBurned bool // also objects whose pixels may show whom they are about: the caller has looked at them
}

// Teaching is a zip file ready to be written.
type Teaching struct {
	c       *Centre
	ctx     context.Context
	study   Study
	profile deid.Profile
	burned  bool

	dir      *dicomdir.Directory
	manifest bytes.Buffer
	left     []int // numbers of the objects that were left out
	n        int
}

// Teach prepares a de-identified zip file of a study inside the scope. It is noted before it returns.
func (c *Centre) Teach(ctx context.Context, s record.Scope, id record.ExamID, opt TeachOptions) (*Teaching, error) {
	s.RelatedAt = ""
	st, err := c.study(ctx, s, id)
	if err != nil {
		return nil, err
	}
	key := []byte(rand.Text())
	if !opt.OneOff {
		if key, err = c.teachingKey(ctx, st.Institution); err != nil {
			return nil, err
		}
	}
	t := &Teaching{c: c, ctx: ctx, study: st, dir: newDirectory(), burned: opt.IncludeBurned, profile: deid.Profile{
		Key: key, ModifiedDates: opt.ModifiedDates, RetainPatient: opt.RetainPatient, RetainDevice: opt.RetainDevice, CleanDescriptor: !opt.Descriptors,
	}}
	return t, c.db.Note(ctx, record.Event{
		Act: "study.taught", Institution: st.Institution, Patient: st.Patient, Kind: "study", Object: string(st.ID), Outcome: record.Success,
		Detail: map[string]string{
			"modified_dates": fmt.Sprint(opt.ModifiedDates), "patient": fmt.Sprint(opt.RetainPatient), "device": fmt.Sprint(opt.RetainDevice),
			"descriptors": fmt.Sprint(opt.Descriptors), "one_off": fmt.Sprint(opt.OneOff), "burned": fmt.Sprint(opt.IncludeBurned),
		},
	}.By(s))
}

// teachingKey is the secret of an institution's pseudonyms, made when it is first needed.
func (c *Centre) teachingKey(ctx context.Context, i record.InstitutionID) ([]byte, error) {
	keys := c.db.Keys()
	if keys == nil {
		return nil, record.Errorf(record.Precondition, "pseudonyms that stay need a master key; without one they are of one file only")
	}
	about := "teaching:" + string(i)
	var sealed string
	err := c.db.Tx(ctx, func(tx *store.Tx) error {
		err := tx.QueryRow(ctx, `SELECT sealed FROM teaching_keys WHERE institution_id = $1`, string(i)).Scan(&sealed)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO teaching_keys (institution_id, sealed, created_at) VALUES ($1,$2,$3) ON CONFLICT DO NOTHING`,
			string(i), keys.Seal([]byte(rand.Text()), about), record.Micros(tx.Now()))
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT sealed FROM teaching_keys WHERE institution_id = $1`, string(i)).Scan(&sealed)
	})
	if err != nil {
		return nil, err
	}
	return keys.Open(sealed, about)
}

// WriteTo implements io.WriterTo. The objects come first, then DICOMDIR, manifest and README.
func (t *Teaching) WriteTo(w io.Writer) (int64, error) {
	n := &counter{}
	z := zip.NewWriter(io.MultiWriter(w, n))
	page := ""
	for {
		some, err := t.c.instances(t.ctx, t.study.ID, "", fetchPage, page)
		if err != nil {
			return n.n, err
		}
		for _, i := range some {
			if err := t.write(z, i); err != nil {
				return n.n, err
			}
		}
		if len(some) < fetchPage {
			break
		}
		page = instancePage(some[len(some)-1])
	}
	err := t.finish(z)
	return n.n, err
}

// write adds one object without its patient, or leaves it out.
func (t *Teaching) write(z *zip.Writer, i Instance) error {
	t.n++
	o, err := t.c.Scan(t.ctx, i)
	if err != nil {
		return fmt.Errorf("teach instance %s: %w", i.ID, err)
	}
	d := o.Header.Clone()
	if deid.Burned(d) && !t.burned {
		t.left = append(t.left, t.n)
		return nil
	}
	if err := t.profile.Apply(d); err != nil {
		return fmt.Errorf("teach instance %s: %w", i.ID, err)
	}
	id, err := t.dir.Add(d, o.TransferSyntax)
	if err != nil {
		return fmt.Errorf("teach instance %s: %w", i.ID, err)
	}
	sum := sha256.New()
	w, err := z.CreateHeader(&zip.FileHeader{Name: strings.Join(id, "/"), Method: zip.Store})
	if err != nil {
		return err
	}
	open := func(off, n int64) (io.ReadCloser, error) {
		if n < 0 {
			n = i.Size - off
		}
		return t.c.open(t.ctx, i, off, n)
	}
	if _, err := (&dicom.Copy{Object: o, Open: open, DataSet: d}).WriteTo(io.MultiWriter(w, sum)); err != nil {
		return fmt.Errorf("teach instance %s: %w", i.ID, err)
	}
	fmt.Fprintf(&t.manifest, "%s  %s\n", hex.EncodeToString(sum.Sum(nil)), strings.Join(id, "/"))
	return nil
}

func (t *Teaching) finish(z *zip.Writer) error {
	fmt.Fprintf(&t.manifest, "\n%d objects, %d left out because their pixels may show whom they are about", t.n, len(t.left))
	for k, n := range t.left {
		sep := ", "
		if k == 0 {
			sep = ": "
		}
		fmt.Fprintf(&t.manifest, "%s%d", sep, n)
	}
	t.manifest.WriteByte('\n')
	files := []exportFile{{name: "MANIFEST.TXT", content: t.manifest.Bytes()}, {name: "README.TXT", content: []byte(teachingReadme)}}
	if len(t.left) < t.n {
		dir, err := directoryBytes(t.dir)
		if err != nil {
			return err
		}
		files = append(files, exportFile{name: "DICOMDIR", content: dir})
	}
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Store})
		if err != nil {
			return err
		}
		if _, err := w.Write(f.content); err != nil {
			return err
		}
	}
	return z.Close()
}

// LeftOut are the numbers of the objects that were left out, by series and number from 1, once all is written.
func (t *Teaching) LeftOut() []int { return t.left }
