// Export: studies as a zip file that is written while it is sent: the objects, a directory for viewers, a list of digests.

package imaging

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dicomdir"
	"github.com/lianzhen/lianzhen/record"
)

// ExportForm is how a zip file is laid out.
type ExportForm string

// The forms. Both have the objects below DICOM/ under names of eight characters, a README and a MANIFEST of SHA-256.
const (
	ExportZip      ExportForm = "zip"
	ExportDICOMDIR ExportForm = "dicomdir" // and a DICOMDIR, by which viewers open it as they open a disc (PS3.10 §8)
)

// maxExport bounds what is exported at once: of every object some hundred bytes are held.
const maxExport = 50_000

// Export is a zip file that is ready to be written.
type Export struct {
	Size int64 // bytes that WriteTo will write

	c     *Centre
	ctx   context.Context
	files []exportFile
}

// exportFile is one file: an instance, or bytes.
type exportFile struct {
	name     string
	instance Instance
	content  []byte
}

func (f *exportFile) size() int64 {
	if f.content != nil {
		return int64(len(f.content))
	}
	return f.instance.Size
}

// Export prepares a zip file of studies inside the scope; the reading is noted before it returns.
func (c *Centre) Export(ctx context.Context, s record.Scope, form ExportForm, studies ...record.ExamID) (*Export, error) {
	if form != ExportZip && form != ExportDICOMDIR {
		return nil, record.Errorf(record.Invalid, "form: want zip or dicomdir")
	}
	if len(studies) == 0 || len(studies) > 100 {
		return nil, record.Errorf(record.Invalid, "export: want 1 to 100 studies")
	}
	x := &exporting{c: c, dir: newDirectory(), form: form}
	seen := map[record.ExamID]bool{}
	for _, id := range studies {
		if seen[id] {
			continue
		}
		seen[id] = true
		st, err := c.study(ctx, s, id)
		if err != nil {
			return nil, err
		}
		if err := x.addStudy(ctx, st); err != nil {
			return nil, err
		}
		err = c.db.Note(ctx, record.Event{
			Act: "study.exported", Institution: st.Institution, Patient: st.Patient, Kind: "study", Object: string(st.ID), Outcome: record.Success,
			Detail: map[string]string{"form": string(form), "instances": fmt.Sprint(st.Instances)},
		}.By(s))
		if err != nil {
			return nil, err
		}
	}
	return x.finish(ctx)
}

func newDirectory() *dicomdir.Directory {
	return &dicomdir.Directory{UID: derivedUID("fileset|" + rand.Text()), FileSetID: "LIANZHEN"}
}

// exporting gathers what an export has.
type exporting struct {
	c        *Centre
	dir      *dicomdir.Directory
	form     ExportForm
	files    []exportFile
	manifest bytes.Buffer
	others   int // objects that no directory takes
}

func (x *exporting) addStudy(ctx context.Context, st Study) error {
	page := ""
	for {
		some, err := x.c.instances(ctx, st.ID, "", fetchPage, page)
		if err != nil {
			return err
		}
		for _, i := range some {
			if len(x.files) >= maxExport {
				return record.Errorf(record.Invalid, "export: more than %d objects", maxExport)
			}
			d, err := x.c.attributesOf(ctx, i.ID)
			if err != nil {
				return err
			}
			name := x.name(d, dicom.UID(i.Syntax))
			x.files = append(x.files, exportFile{name: name, instance: i})
			fmt.Fprintf(&x.manifest, "%s  %s\n", i.SHA256, name)
		}
		if len(some) < fetchPage {
			return nil
		}
		page = instancePage(some[len(some)-1])
	}
}

// name takes the object into the directory and gives its path.
func (x *exporting) name(d *dicom.DataSet, syntax dicom.UID) string {
	id, err := x.dir.Add(d, syntax)
	if err != nil { // a UID that is no right one, or the same object from two institutions
		x.others++
		return fmt.Sprintf("DICOM/OTHER/IM%06d", x.others)
	}
	return strings.Join(id, "/")
}

func (x *exporting) finish(ctx context.Context) (*Export, error) {
	if x.form == ExportDICOMDIR {
		dir, err := directoryBytes(x.dir)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(dir)
		fmt.Fprintf(&x.manifest, "%s  DICOMDIR\n", hex.EncodeToString(sum[:]))
		x.files = append(x.files, exportFile{name: "DICOMDIR", content: dir})
	}
	x.files = append(x.files, exportFile{name: "MANIFEST.SHA256", content: x.manifest.Bytes()}, exportFile{name: "README.TXT", content: []byte(readme)})
	e := &Export{c: x.c, ctx: ctx, files: x.files}
	var err error
	e.Size, err = e.measure()
	return e, err
}

func directoryBytes(d *dicomdir.Directory) ([]byte, error) {
	var b bytes.Buffer
	if _, err := d.WriteTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// zipHeader is how every file stands in the zip: stored as it is, its CRC behind it. Images hardly get smaller, and so the
// length is known before.
func (f *exportFile) zipHeader() *zip.FileHeader {
	const behind, utf8Names = 0x8, 0x800
	return &zip.FileHeader{
		Name: f.name, Method: zip.Store, Flags: behind | utf8Names,
		CompressedSize64: uint64(f.size()), UncompressedSize64: uint64(f.size()),
	}
}

// measure writes the zip without its contents.
func (e *Export) measure() (int64, error) {
	n := &counter{}
	z := zip.NewWriter(n)
	for i := range e.files {
		w, err := z.CreateRaw(e.files[i].zipHeader())
		if err != nil {
			return 0, err
		}
		if _, err := io.CopyN(w, zeros{}, e.files[i].size()); err != nil {
			return 0, err
		}
	}
	err := z.Close()
	return n.n, err
}

type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

// zeros are bytes that nobody looks at.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// WriteTo implements io.WriterTo. An error after the first byte leaves a file that no program takes for a whole one.
func (e *Export) WriteTo(w io.Writer) (int64, error) {
	n := &counter{}
	z := zip.NewWriter(io.MultiWriter(w, n))
	for i := range e.files {
		if err := e.write(z, &e.files[i]); err != nil {
			return n.n, err
		}
	}
	err := z.Close()
	return n.n, err
}

var errExportChanged = errors.New("an object is not what the manifest says")

func (e *Export) write(z *zip.Writer, f *exportFile) error {
	h := f.zipHeader()
	w, err := z.CreateRaw(h)
	if err != nil {
		return err
	}
	crc, sum := crc32.NewIEEE(), sha256.New()
	body := io.NopCloser(bytes.NewReader(f.content))
	if f.content == nil {
		if body, err = e.c.open(e.ctx, f.instance, 0, f.instance.Size); err != nil {
			return err
		}
	}
	defer func() { _ = body.Close() }()
	n, err := io.Copy(io.MultiWriter(w, crc, sum), body)
	if err != nil {
		return err
	}
	if n != f.size() || f.content == nil && hex.EncodeToString(sum.Sum(nil)) != f.instance.SHA256 {
		return fmt.Errorf("export instance %s: %w", f.instance.ID, errExportChanged)
	}
	h.CRC32 = crc.Sum32() // written behind the file, when the next begins
	return nil
}
