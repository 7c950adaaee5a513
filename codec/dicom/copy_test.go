package dicom

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// from opens ranges of an object in memory.
func from(raw []byte) func(off, n int64) (io.ReadCloser, error) {
	return func(off, n int64) (io.ReadCloser, error) {
		if n < 0 {
			n = int64(len(raw)) - off
		}
		return io.NopCloser(bytes.NewReader(raw[off : off+n])), nil
	}
}

func copied(t testing.TB, c *Copy) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := c.WriteTo(&b)
	if err != nil {
		t.Fatal(err)
	}
	if size, ok := c.Size(); n != int64(b.Len()) || ok && size != n {
		t.Error("wrote", b.Len(), "said", n, "before", size)
	}
	return b.Bytes()
}

// pixelBytes are the bytes of all frames, without offset table and padding.
func pixelBytes(obj *Object, raw []byte) []byte {
	p := obj.Pixels
	switch {
	case p == nil:
		return nil
	case !p.Encapsulated:
		return raw[p.Offset : p.Offset+p.Length]
	}
	var b []byte
	for _, f := range p.Fragments() {
		b = append(b, raw[f.Offset:f.Offset+f.Length]...)
	}
	return b
}

// TestSamplesAreCopied holds that a copy of each sample scans to the same attributes, frames and pixel bytes, whether all of
// the original was scanned or its header only.
func TestSamplesAreCopied(t *testing.T) {
	files := 0
	eachSample(t, func(name string, raw []byte) {
		obj, err := Scan(bytes.NewReader(raw), Options{})
		if err != nil {
			return
		}
		brief, err := ScanHeader(bytes.NewReader(raw), Options{})
		if err != nil {
			t.Fatal(name, err)
		}
		files++
		for _, o := range []*Object{obj, brief} {
			out := copied(t, &Copy{Object: o, Open: from(raw)})
			back, err := Scan(bytes.NewReader(out), Options{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			sameObject(t, name, obj, back)
			if !obj.Deflated && !bytes.Equal(pixelBytes(obj, raw), pixelBytes(back, out)) {
				t.Errorf("%s: pixels differ", name)
			}
			if obj.Header.SourceAE != back.Header.SourceAE || back.Header.ImplementationClass != ImplementationUID {
				t.Errorf("%s: group 2 %+v", name, back.Header.Meta)
			}
		}
	})
	t.Log(files, "files")
}

func sameObject(t *testing.T, name string, a, b *Object) {
	t.Helper()
	x, y := a.Header.DataSet.Clone(), b.Header.DataSet.Clone()
	x.dropGroupLengths()
	y.dropGroupLengths()
	x.Delete(PixelDataTag) // whose length an offset table may change
	y.Delete(PixelDataTag)
	if !x.Equal(y) {
		t.Errorf("%s: attributes differ", name)
		differ(t, x, y)
	}
	if (a.Pixels == nil) != (b.Pixels == nil) {
		t.Fatalf("%s: pixels", name)
	}
	if p, q := a.Pixels, b.Pixels; p != nil && (p.NumFrames != q.NumFrames || p.Addressable() != q.Addressable() || len(p.fragments) != len(q.fragments) || !slices.Equal(p.first, q.first)) {
		t.Errorf("%s: frames %+v %+v", name, p, q)
	}
}

// TestNativeSamplesChangeTransferSyntax goes round through all native transfer syntaxes and comes back to the same bytes; on
// the way dcmconv must agree about the pixels.
func TestNativeSamplesChangeTransferSyntax(t *testing.T) {
	tool, _ := exec.LookPath("dcmconv")
	files, compared := 0, 0
	eachSample(t, func(name string, raw []byte) {
		obj, err := Scan(bytes.NewReader(raw), Options{})
		if err != nil || !obj.TransferSyntax.Native() || obj.TransferSyntax == "1.2.840.113619.5.2" {
			return
		}
		if slices.ContainsFunc(obj.Header.Elements, func(e Element) bool { return e.Fragmented() || e.Tag.Private() && !e.Kept() }) {
			return
		}
		files++
		now, at := raw, obj
		for _, ts := range []UID{ImplicitLE, ExplicitBE, DeflatedLE, ExplicitLE, ExplicitBE, ImplicitLE, ExplicitLE} {
			now = copied(t, &Copy{Object: at, Open: from(now), Syntax: ts})
			if at, err = Scan(bytes.NewReader(now), Options{}); err != nil {
				t.Fatal(name, ts, err)
			}
			if tool == "" || testing.Short() || compared > 60 || ts != ExplicitBE || obj.TransferSyntax != ExplicitLE {
				continue
			}
			compared++
			theirs := converted(t, tool, raw, "+tb")
			they, err := Scan(bytes.NewReader(theirs), Options{})
			if err != nil {
				t.Fatal(name, err)
			}
			if !bytes.Equal(pixelBytes(at, now), pixelBytes(they, theirs)) {
				t.Errorf("%s: dcmconv has other pixels", name)
			}
		}
		if !obj.Deflated && !codings[obj.TransferSyntax].big && !bytes.Equal(pixelBytes(obj, raw), pixelBytes(at, now)) {
			t.Errorf("%s: pixels differ", name)
		}
	})
	t.Log(files, "files,", compared, "compared with dcmconv")
}

func converted(t *testing.T, tool string, raw []byte, flag string) []byte {
	t.Helper()
	in, out := filepath.Join(t.TempDir(), "in.dcm"), filepath.Join(t.TempDir(), "out.dcm")
	if err := os.WriteFile(in, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command(tool, "-q", flag, in, out).CombinedOutput(); err != nil {
		t.Fatal(string(b), err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDCMTKReadsOurCopies dumps a copy with other attributes of each sample.
func TestDCMTKReadsOurCopies(t *testing.T) {
	tool, err := exec.LookPath("dcmdump")
	if err != nil || testing.Short() {
		t.Skip("no dcmdump, or short")
	}
	files := 0
	eachSample(t, func(name string, raw []byte) {
		obj, err := Scan(bytes.NewReader(raw), Options{})
		if err != nil {
			return
		}
		files++
		d := obj.Header.DataSet.Clone()
		d.SetText(PatientName, "Wang^Xiaoming=王^小明")
		d.SetText(PatientID, "47")
		path := filepath.Join(t.TempDir(), "x.dcm")
		out := copied(t, &Copy{Object: obj, Open: from(raw), DataSet: d})
		if err := os.WriteFile(path, out, 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := exec.Command(tool, "+E", "-q", "-s", "+P", "PatientName", path).CombinedOutput(); err != nil || !strings.Contains(string(b), "王^小明") {
			if exec.Command(tool, "-q", filepath.Join(corpus, name)).Run() == nil {
				t.Errorf("%s: %v %s", name, err, b)
			}
		}
	})
	t.Log(files, "files")
}

func frames(list ...[]byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, f := range list {
			if !yield(f, nil) {
				return
			}
		}
	}
}

func TestCopyWithFrames(t *testing.T) {
	raw := native(t, ExplicitLE, 2, 8, 24)
	obj := mustScan(t, raw)
	twelve, odd := make([]byte, 12), []byte("compressed!")
	for _, c := range []struct {
		name   string
		copy   Copy
		frames int
		ok     bool
	}{
		{"encapsulated", Copy{Syntax: RLELossless, Frames: frames(odd, odd)}, 2, true},
		{"with lengths", Copy{Syntax: RLELossless, Frames: frames(odd, odd), Lengths: []int64{11, 11}}, 2, true},
		{"other lengths", Copy{Syntax: RLELossless, Frames: frames(odd, odd), Lengths: []int64{11, 12}}, 0, false},
		{"fewer", Copy{Syntax: RLELossless, Frames: frames(odd), Lengths: []int64{11, 11}}, 0, false},
		{"native", Copy{Syntax: ImplicitLE, Frames: frames(twelve, twelve)}, 2, true},
		{"native short", Copy{Syntax: ImplicitLE, Frames: frames(twelve)}, 0, false},
		{"native long", Copy{Syntax: ImplicitLE, Frames: frames(twelve, twelve, twelve)}, 0, false},
		{"deflated", Copy{Syntax: DeflatedLE, Frames: frames(twelve, twelve)}, 2, true},
		{"to encapsulated without frames", Copy{Syntax: RLELossless}, 0, false},
	} {
		var b bytes.Buffer
		c.copy.Object, c.copy.Open = obj, from(raw)
		size, known := c.copy.Size()
		n, err := c.copy.WriteTo(&b)
		if (err == nil) != c.ok || err == nil && known && n != size || n != int64(b.Len()) {
			t.Error(c.name, n, size, err)
		}
		if err != nil {
			continue
		}
		back := mustScan(t, b.Bytes())
		if back.Pixels.NumFrames != c.frames || !back.Pixels.Addressable() || back.TransferSyntax != c.copy.Syntax {
			t.Error(c.name, back.Pixels)
		}
	}
	broken := errors.New("broken")
	c := Copy{Object: obj, Open: from(raw), Syntax: RLELossless, Frames: func(yield func([]byte, error) bool) { yield(nil, broken) }}
	if _, err := c.WriteTo(io.Discard); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestNewObjectFromDataSet(t *testing.T) {
	raw := native(t, ExplicitLE, 1, 8, 12)
	d := mustScan(t, raw).Header.DataSet.Clone()
	d.Delete(PixelDataTag)
	out := copied(t, &Copy{DataSet: d, Syntax: ExplicitLE, Frames: frames(make([]byte, 12))})
	if back := mustScan(t, out); back.Pixels.Length != 12 || back.Header.Str(PatientName) != "Li^Si=李^四" {
		t.Error(back)
	}
	d.Delete(SOPInstanceUID)
	if _, err := (&Copy{DataSet: d, Syntax: ExplicitLE}).WriteTo(io.Discard); err == nil {
		t.Error("an object without identity was written")
	}
}

// TestFramesBeyondABasicOffsetTable writes 5 GiB of frames to nowhere and looks at the attributes before them.
func TestFramesBeyondABasicOffsetTable(t *testing.T) {
	const n = 5
	big := make([]byte, 1<<30)
	lengths := slices.Repeat([]int64{1 << 30}, n)
	d := mustScan(t, native(t, ExplicitLE, n, 8, 12*n)).Header.DataSet.Clone()
	c := &Copy{DataSet: d, Syntax: RLELossless, Frames: frames(slices.Repeat([][]byte{big}, n)...), Lengths: lengths}
	var head prefix
	wrote, err := c.WriteTo(&head)
	if size, ok := c.Size(); err != nil || !ok || size != wrote || wrote < n<<30 || wrote > n<<30+math.MaxUint16 {
		t.Fatal(wrote, size, err)
	}
	obj, err := ScanHeader(bytes.NewReader(head), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if el := obj.Header.Find(ExtendedOffsetTable); el == nil || el.Length != 8*n || u32(el.Value[8:]) != 1<<30+itemHeader {
		t.Error(el)
	}
	if el := obj.Header.Find(ExtendedOffsetTableLengths); el == nil || el.Length != 8*n {
		t.Error(el)
	}
}

// prefix keeps the beginning of what is written.
type prefix []byte

func (p *prefix) Write(b []byte) (int, error) {
	if len(*p) < 1<<16 {
		*p = append(*p, b[:min(len(b), 1<<16)]...)
	}
	return len(b), nil
}

func TestLocatedValuesAreCopied(t *testing.T) {
	long := bytes.Repeat([]byte{1, 2, 3, 4}, 100_000)
	for _, ts := range []UID{ImplicitLE, ExplicitLE, ExplicitBE} {
		raw := build(t, ts, func(e *Encoder) {
			identity(e)
			series(e)
			e.Bytes(0x00281201, OW, long)
			e.Seq(WaveformSequence, func(e *Encoder) { e.Bytes(WaveformData, OW, long) })
		})
		for _, to := range []UID{ImplicitLE, ExplicitLE, ExplicitBE, DeflatedLE} {
			out := copied(t, &Copy{Object: mustScan(t, raw), Open: from(raw), Syntax: to})
			obj, err := Scan(bytes.NewReader(out), Options{Limits: Limits{ValueBytes: 1 << 20}})
			if err != nil {
				t.Fatal(ts, to, err)
			}
			if !bytes.Equal(obj.Header.Find(0x00281201).Value, long) || !bytes.Equal(obj.Header.Items(WaveformSequence)[0].Find(WaveformData).Value, long) {
				t.Error(ts, to, "values differ")
			}
		}
	}
}

// TestScanHeaderStopsAtThePixels holds that no more than a window is read behind the header, and what is known then.
func TestScanHeaderStopsAtThePixels(t *testing.T) {
	raw := native(t, ExplicitLE, 1, 8, 12)
	head := raw[:len(raw)-12]
	broken := errors.New("read on")
	r := io.MultiReader(bytes.NewReader(head), iotest.ErrReader(broken))
	obj, err := ScanHeader(r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p := obj.Pixels; p.Offset != int64(len(head)) || p.Length != 12 || p.FrameBits != 96 || obj.Header.Str(PatientName) != "Li^Si=李^四" {
		t.Errorf("%+v", p)
	}
	fragments, err := ScanHeader(bytes.NewReader(encapsulated(t, RLELossless, 2, []byte("ab"), []byte("cd"))), Options{})
	if err != nil || fragments.Pixels.Length != -1 || fragments.Pixels.NumFrames != 2 || !fragments.Pixels.Encapsulated {
		t.Error(fragments, err)
	}
	if _, err := (&Copy{Object: obj, Open: from(raw), Syntax: ImplicitLE}).WriteTo(io.Discard); err == nil {
		t.Error("what is behind the pixel data was made up")
	}
}

func TestCopyTellsOfAShortOriginal(t *testing.T) {
	raw := native(t, ExplicitLE, 1, 8, 12)
	short := func(int64, int64) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("abc")), nil }
	var refused *FormatError
	if _, err := (&Copy{Object: mustScan(t, raw), Open: short}).WriteTo(io.Discard); !errors.As(err, &refused) || refused.Kind != Truncated {
		t.Error(err)
	}
}

// TestPrivatePixelsMakeAnImage holds that an image whose maker keeps the pixels elsewhere is whole without pixel data.
func TestPrivatePixelsMakeAnImage(t *testing.T) {
	for _, c := range []struct {
		name, creator string
		ok            bool
	}{{"Elscint", "ELSCINT1", true}, {"another", "OTHER", false}} {
		raw := build(t, ExplicitLE, func(e *Encoder) {
			identity(e)
			series(e)
			e.Int(Rows, 1)
			e.Bytes(0x07A10010, LO, []byte(c.creator))
			e.Bytes(0x07A1100A, OB, []byte{1, 2, 3, 4})
		})
		if _, err := Scan(bytes.NewReader(raw), Options{}); (err == nil) != c.ok {
			t.Error(c.name, err)
		}
	}
}

// TestCleanedCopiesKeepNothingUnseen holds that group 2 and what is behind the pixel data do not give away who was removed.
func TestCleanedCopiesKeepNothingUnseen(t *testing.T) {
	raw := native(t, ExplicitLE, 1, 8, 12)
	raw = appendLead(raw, coding{}, 0xFFFAFFFA, OB, 6)
	raw = append(raw, "secret"...)
	obj, err := ScanHeader(bytes.NewReader(raw), Options{})
	if err != nil {
		t.Fatal(err)
	}
	obj.Header.SourceAE = "secret"
	d := obj.Header.DataSet.Clone()
	d.SetText(patientIdentityRemoved, "YES")
	if out := copied(t, &Copy{Object: obj, Open: from(raw), DataSet: d}); bytes.Contains(out, []byte("secret")) {
		t.Error("it is still there")
	}
	if out := copied(t, &Copy{Object: obj, Open: from(raw)}); !bytes.Contains(out, []byte("secret")) {
		t.Error("it is lost")
	}
}
