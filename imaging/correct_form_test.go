package imaging

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// formSamples are real objects beside the checkout.
const formSamples = "../../shared/data/imaging"

// TestEverySampleIsCorrectedWithoutTouchingItsPixels corrects real objects and compares what is given out with what came.
func TestEverySampleIsCorrectedWithoutTouchingItsPixels(t *testing.T) {
	if _, err := os.Stat(formSamples); err != nil {
		t.Skip("no samples at " + formSamples)
	}
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	doc := &correctionDocument{Format: correctionFormat, ID: "01TEST", Institution: storetest.Suwu}
	if err := assign(doc, li); err != nil {
		t.Fatal(err)
	}
	raw, err := doc.bytes()
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRule(raw)
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	err = filepath.WalkDir(formSamples, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		was, err := dicom.Scan(bytes.NewReader(b), dicom.Options{})
		if err != nil {
			return nil
		}
		done++
		checkForm(t, l, filepath.Base(path), b, was, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(done, "objects")
}

func checkForm(t *testing.T, l *lab, name string, b []byte, was *dicom.Object, r *rule) {
	t.Helper()
	open := func(off, n int64) (io.ReadCloser, error) {
		if off < 0 || n < 0 || off+n > int64(len(b)) {
			return nil, errors.New("out of the object")
		}
		return io.NopCloser(bytes.NewReader(b[off : off+n])), nil
	}
	o, err := headerOf(open, int64(len(b)), dicom.Limits{})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	a := &arrival{site: site{institution: storetest.Suwu}, size: int64(len(b)), facts: l.factsOf(was, storetest.Suwu, l.db.Now())}
	w := a.facts.whereabouts()
	w.applied = []*rule{r}
	f, err := l.formed(a, w, o, open)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	packed, err := f.form.pieces.pack()
	if err != nil {
		t.Fatal(err)
	}
	all, err := unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(&piecesReader{open: open, left: all})
	if err != nil || digest(out) != f.form.sha256 || int64(len(out)) != f.form.size {
		t.Errorf("%s: the form is not what was measured: %v", name, err)
		return
	}
	is, err := dicom.Scan(bytes.NewReader(out), dicom.Options{})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if is.Header.Str(dicom.PatientID) != "P002" || is.Header.Person(dicom.PatientName).Ideographic != "李^华" {
		t.Errorf("%s: not the new patient", name)
	}
	if !bytes.Equal(table(was, b), table(is, out)) {
		t.Errorf("%s: other pixels", name)
	}
	fresh := 0
	for _, p := range all {
		fresh += len(p.fresh)
	}
	if !was.Deflated && fresh > len(b)/2+64<<10 && len(b) > 1<<20 {
		t.Errorf("%s: %d of %d bytes are kept anew", name, fresh, len(b))
	}
	same(t, name, &was.Header.DataSet, &is.Header.DataSet, r)
}

// table gives the bytes of all frames, or of the pixel data where frames cannot be told apart. Of a deflated object none.
func table(o *dicom.Object, b []byte) []byte {
	if o.Pixels == nil || o.Deflated {
		return nil
	}
	var out []byte
	if o.Pixels.Encapsulated {
		for _, e := range o.Pixels.Fragments() {
			out = append(out, b[e.Offset:e.Offset+e.Length]...)
		}
		return out
	}
	return b[o.Pixels.Offset : o.Pixels.Offset+o.Pixels.Length]
}

// same compares all attributes that the rule is not about.
func same(t *testing.T, name string, was, is *dicom.DataSet, r *rule) {
	t.Helper()
	replaced := map[dicom.Tag]bool{originalAttributes: true, dicom.SpecificCharacterSet: true}
	for _, tag := range r.replaces {
		replaced[tag] = true
	}
	for i := range was.Elements {
		el := &was.Elements[i]
		if replaced[el.Tag] || el.Tag.Element() == 0 || el.Tag.Group() == 2 || el.Tag == 0xFFFCFFFC {
			continue
		}
		now := is.Find(el.Tag)
		if now == nil {
			t.Errorf("%s: %v is gone", name, el.Tag)
			continue
		}
		if d := cmp.Diff(was.Strs(el.Tag), is.Strs(el.Tag)); d != "" || len(el.Items) != len(now.Items) {
			t.Errorf("%s: %v %v %s: %s", name, el.Tag, el.VR, el.Tag.Keyword(), d)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	for _, p := range []pieces{{}, {{fresh: []byte("DICM"), length: 4}, {offset: 10, length: 20}}, {{offset: 1 << 40, length: 1}}} {
		raw, err := p.pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(_ *testing.T, raw []byte) {
		all, err := unpack(raw)
		if err != nil {
			return
		}
		if n := all.size(); n < 0 {
			return
		}
		all.cut(3, 7)
	})
}

func TestCutGivesEveryRange(t *testing.T) {
	text := []byte("the stored bytes of an object")
	p := pieces{{fresh: []byte("new head "), length: 9}, {offset: 4, length: 6}, {fresh: []byte("!"), length: 1}, {offset: 11, length: 5}}
	open := func(off, n int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text[off : off+n])), nil
	}
	whole, err := io.ReadAll(&piecesReader{open: open, left: p})
	if err != nil || string(whole) != "new head stored!bytes" {
		t.Fatalf("%q, %v", whole, err)
	}
	for from := range len(whole) {
		for n := range len(whole) - from {
			got, err := io.ReadAll(&piecesReader{open: open, left: p.cut(int64(from), int64(n))})
			if err != nil || !bytes.Equal(got, whole[from:from+n]) {
				t.Fatalf("%d+%d: %q, %v", from, n, got, err)
			}
		}
	}
}
