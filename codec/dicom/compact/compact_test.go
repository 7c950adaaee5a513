package compact

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/lianzhen/lianzhen/codec/codectest"
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

func layoutOf(b []byte) Layout {
	o, err := dicom.ScanHeader(bytes.NewReader(b), dicom.Options{HeaderOnly: true})
	if err != nil {
		return Layout{Size: int64(len(b))}
	}
	return LayoutOf(o, int64(len(b)))
}

// pack makes a container of b from an offset on, with the index of its pieces.
func pack(t testing.TB, b []byte, from int64, workers int) ([]byte, Index) {
	t.Helper()
	var out bytes.Buffer
	var x Index
	h := Head{Size: int64(len(b)), From: from, SHA256: sha256.Sum256(b)}
	n, err := Pack(&out, bytes.NewReader(b[from:]), h, layoutOf(b), Options{Workers: workers, OnStep: x.Add})
	if err != nil || n != int64(out.Len()) {
		t.Fatalf("pack: %d of %d bytes, %v", n, out.Len(), err)
	}
	return out.Bytes(), x
}

// exact checks that b comes back whole, from the middle, and range by range.
func exact(t *testing.T, b []byte) (packed int) {
	t.Helper()
	c, x := pack(t, b, 0, 2)
	got, err := io.ReadAll(NewReader(bytes.NewReader(c)))
	if err != nil || !bytes.Equal(got, b) {
		t.Fatalf("restored %d of %d bytes: %v", len(got), len(b), err)
	}
	l, rnd := layoutOf(b), rand.New(rand.NewPCG(1, uint64(len(b))))
	for range 4 {
		at := rnd.Int64N(int64(len(b)))
		from := l.Floor(at)
		rest, _ := pack(t, b, from, 1)
		in, err := NewReader(bytes.NewReader(rest)).Skip(at)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(in); err != nil || !bytes.Equal(got, b[at:]) {
			t.Fatalf("from %d: %d of %d bytes, %v", at, len(got), int64(len(b))-at, err)
		}
		n := 1 + rnd.Int64N(int64(len(b))-at)
		s, err := x.Find(at, n)
		if err != nil {
			t.Fatal(err)
		}
		part := bytes.NewReader(c[s.Offset : s.Offset+s.Length])
		if got, err := io.ReadAll(NewRangeReader(part, s, n)); err != nil || !bytes.Equal(got, b[at:at+n]) {
			t.Fatalf("range %d+%d: %d bytes, %v", at, n, len(got), err)
		}
	}
	return len(c)
}

// corpus is where sample objects lie beside the checkout.
const corpus = "../../../../shared/data/imaging"

func TestEverySampleComesBack(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("no corpus at " + corpus)
	}
	files, pixels := 0, 0
	var size, packed int64
	err := filepath.WalkDir(corpus, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || len(b) == 0 {
			return err
		}
		t.Run(d.Name(), func(t *testing.T) {
			n := exact(t, b)
			files++
			if layoutOf(b).Pixels() > 0 {
				pixels++
				size += int64(len(b))
				packed += int64(n)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files, %d with frames for JPEG-LS: %d bytes became %d", files, pixels, size, packed)
	if pixels < 50 {
		t.Errorf("only %d files of %d have frames", pixels, files)
	}
}

func phantoms(t testing.TB, s phantom.Spec) (out [][]byte) {
	t.Helper()
	for _, write := range phantom.Study(s) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		out = append(out, b.Bytes())
	}
	return out
}

func TestPhantomsShrink(t *testing.T) {
	for _, c := range []struct {
		name string
		spec phantom.Spec
		want float64 // ratio
	}{
		{"CT", phantom.Spec{Kind: phantom.CTChest, Seed: 1, Count: 2}, 2.2},
		{"MR", phantom.Spec{Kind: phantom.MRBrain, Seed: 1, Count: 2}, 2.2},
		{"DR", phantom.Spec{Kind: phantom.DRChest, Seed: 1}, 1.8},
		{"US", phantom.Spec{Kind: phantom.USHeart, Seed: 1, Count: 3}, 2},
		{"US grey", phantom.Spec{Kind: phantom.USHeart, Seed: 1, Count: 3, Gray: true}, 1.5},
		{"tiny", phantom.Spec{Kind: phantom.CTChest, Seed: 1, Count: 1, Rows: 16, Columns: 16}, 1.2},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, b := range phantoms(t, c.spec) {
				n := exact(t, b)
				if ratio := float64(len(b)) / float64(n); ratio < c.want {
					t.Errorf("%d bytes became %d: %.2f, want %.2f", len(b), n, ratio, c.want)
				} else {
					t.Logf("%d bytes became %d: %.2f", len(b), n, ratio)
				}
			}
		})
	}
}

// TestEveryWordComesBack tries words that no device writes: bits above Bits Stored, signs, paddings, shifted values, and
// big endian.
func TestEveryWordComesBack(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	contents := map[string]func(i int) uint16{
		"noise":    func(int) uint16 { return uint16(rnd.Uint32()) },
		"zero":     func(int) uint16 { return 0 },
		"top":      func(int) uint16 { return 0xFFFF },
		"signed":   func(i int) uint16 { return uint16(int16(i%400 - 200)) },
		"padding":  func(i int) uint16 { return uint16(int16([]int{-2000, i % 1000}[i/64%2])) },
		"around":   func(i int) uint16 { return uint16(0x8000 + i%300 - 150) },
		"shifted":  func(i int) uint16 { return uint16(i%4096) << 4 },
		"overlay":  func(i int) uint16 { return uint16(i%4096) | uint16(rnd.Uint32()&1)<<15 },
		"bytes":    func(i int) uint16 { return uint16(i % 250) },
		"two":      func(i int) uint16 { return uint16(i % 2) },
		"far":      func(i int) uint16 { return uint16(40000 + i%5) },
		"extremes": func(i int) uint16 { return []uint16{0, 0x7FFF, 0x8000, 0xFFFF}[rnd.IntN(4)] },
	}
	for name, word := range contents {
		for _, syntax := range []dicom.UID{dicom.ExplicitLE, dicom.ExplicitBE, dicom.ImplicitLE} {
			t.Run(fmt.Sprintf("%s %s", name, syntax), func(t *testing.T) {
				var pix []byte
				for i := range 64 * 65 {
					v := word(i)
					if syntax == dicom.ExplicitBE {
						v = v>>8 | v<<8
					}
					pix = append(pix, byte(v), byte(v>>8))
				}
				m := codectest.Image{Name: name, Width: 64, Height: 65, Components: 1, Bits: 16, Pix: pix}
				b := m.Native(t)
				if i := bytes.Index(b, []byte(dicom.ExplicitLE)); syntax != dicom.ExplicitLE {
					l := layoutOf(b) // as if the object were written so: only the words matter here
					l.shape.big = syntax == dicom.ExplicitBE && i > 0
					words(t, b, l)
					return
				}
				exact(t, b)
			})
		}
	}
}

// words packs b by a given layout.
func words(t *testing.T, b []byte, l Layout) {
	t.Helper()
	var out bytes.Buffer
	if _, err := Pack(&out, bytes.NewReader(b), Head{Size: int64(len(b)), SHA256: sha256.Sum256(b)}, l, Options{}); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(NewReader(&out)); err != nil || !bytes.Equal(got, b) {
		t.Fatalf("restored %d of %d bytes: %v", len(got), len(b), err)
	}
}

func TestACutContainerIsRefused(t *testing.T) {
	b := phantoms(t, phantom.Spec{Kind: phantom.CTChest, Seed: 2, Count: 1, Rows: 48, Columns: 48})[0]
	c, _ := pack(t, b, 0, 1)
	for n := range c {
		for _, r := range []io.Reader{bytes.NewReader(c[:n]), iotest.DataErrReader(bytes.NewReader(c[:n]))} {
			_, err := io.ReadAll(NewReader(r))
			var format *FormatError
			if !errors.As(err, &format) || format.Kind != Truncated {
				t.Fatalf("%d of %d bytes: %v", n, len(c), err)
			}
		}
	}
	if _, err := io.ReadAll(NewReader(bytes.NewReader(append(bytes.Clone(c), 0)))); err == nil {
		t.Error("a byte behind the end is not noticed")
	}
	broken := errors.New("broken")
	if _, err := io.ReadAll(NewReader(io.MultiReader(bytes.NewReader(c[:len(c)/2]), iotest.ErrReader(broken)))); !errors.Is(err, broken) {
		t.Errorf("a broken line is told as %v", err)
	}
}

func TestAChangedByteIsNoticed(t *testing.T) {
	b := phantoms(t, phantom.Spec{Kind: phantom.CTChest, Seed: 2, Count: 1, Rows: 48, Columns: 48})[0]
	c, _ := pack(t, b, 0, 1)
	for i := range c {
		bad := bytes.Clone(c)
		bad[i] ^= 1 << (i % 8)
		got, err := io.ReadAll(NewReader(bytes.NewReader(bad)))
		if err == nil && !bytes.Equal(got, b) {
			t.Fatalf("byte %d changed: other bytes came back", i)
		}
	}
}

func TestHostileContainersAreBounded(t *testing.T) {
	whole := Head{Size: 1 << 50}
	piece := func(h pieceHead, body []byte) []byte {
		b := make([]byte, pieceBytes)
		h.put(b)
		return append(b, body...)
	}
	bomb := func(n int) []byte {
		e, _ := zippers()
		return e.EncodeAll(make([]byte, n), nil)
	}
	for _, c := range []struct {
		name  string
		bytes []byte
		kind  Kind
	}{
		{"no container", bytes.Repeat([]byte("DICM"), 20), Structure},
		{"another version", append([]byte("LZC\x02"), make([]byte, 52)...), Unsupported},
		{"negative size", Head{Size: -5}.append(nil), Structure},
		{"begins behind its end", Head{Size: 5, From: 6}.append(nil), Structure},
		{"a large piece", append(whole.append(nil), piece(pieceHead{kind: kindZstd, original: MaxPiece + 1, coded: 9}, nil)...), Limit},
		{"more coded than original", append(whole.append(nil), piece(pieceHead{kind: kindZstd, original: 8, coded: 9}, nil)...), Structure},
		{"an empty piece", append(whole.append(nil), piece(pieceHead{kind: kindStored}, nil)...), Structure},
		{"beyond the object", append(Head{Size: 3}.append(nil), piece(pieceHead{kind: kindStored, original: 4, coded: 4}, []byte("1234"))...), Structure},
		{"a bomb", append(whole.append(nil), piece(pieceHead{kind: kindZstd, original: 5000, coded: len(bomb(MaxPiece * 8))}, bomb(MaxPiece*8))...), Structure},
		{"a huge image", append(whole.append(nil), piece(pieceHead{kind: kindJPEGLS, original: MaxPiece, coded: 30}, append([]byte{
			0xFF, 0xD8, 0xFF, 0xF7, 0, 11, 8, 0xFF, 0xFF, 0xFF, 0xFF, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0,
		}, make([]byte, 5)...))...), Structure},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := io.ReadAll(NewReader(bytes.NewReader(c.bytes)))
			var format *FormatError
			if !errors.As(err, &format) || format.Kind != c.kind {
				t.Errorf("%v, want %v", err, c.kind)
			}
		})
	}
}

func TestPackTellsASourceThatEndsEarly(t *testing.T) {
	b := phantoms(t, phantom.Spec{Kind: phantom.CTChest, Seed: 2, Count: 1})[0]
	_, err := Pack(io.Discard, bytes.NewReader(b[:len(b)-1]), Head{Size: int64(len(b))}, layoutOf(b), Options{Workers: 2})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	if _, err := Pack(io.Discard, bytes.NewReader(b), Head{Size: int64(len(b)), From: 5}, layoutOf(b), Options{}); err == nil {
		t.Error("an offset that is no cut is taken")
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range []phantom.Spec{
		{Kind: phantom.CTChest, Seed: 3, Count: 1, Rows: 48, Columns: 48},
		{Kind: phantom.USHeart, Seed: 3, Count: 1, Rows: 48, Columns: 48},
	} {
		for _, b := range phantoms(f, s) {
			c, _ := pack(f, b, 0, 1)
			f.Add(c)
		}
	}
	f.Fuzz(func(t *testing.T, c []byte) {
		r := NewReader(bytes.NewReader(c))
		n, err := io.Copy(io.Discard, r)
		h, _ := r.Head()
		if err == nil && n != h.Size-h.From {
			t.Fatalf("%d bytes restored of %d", n, h.Size-h.From)
		}
		var format *FormatError
		if err != nil && !errors.As(err, &format) {
			t.Fatalf("untyped: %v", err)
		}
	})
}

func FuzzPack(f *testing.F) {
	for _, b := range phantoms(f, phantom.Spec{Kind: phantom.CTChest, Seed: 3, Count: 1, Rows: 48, Columns: 48}) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		c, _ := pack(t, b, 0, 2)
		if got, err := io.ReadAll(NewReader(bytes.NewReader(c))); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("restored %d of %d bytes: %v", len(got), len(b), err)
		}
	})
}

func BenchmarkCompact(b *testing.B) {
	for _, c := range []struct {
		name string
		spec phantom.Spec
	}{
		{"CT", phantom.Spec{Kind: phantom.CTChest, Seed: 1, Count: 1}},
		{"DR", phantom.Spec{Kind: phantom.DRChest, Seed: 1, Rows: 3000, Columns: 3000}},
		{"US", phantom.Spec{Kind: phantom.USHeart, Seed: 1, Count: 20}},
	} {
		raw := phantoms(b, c.spec)[0]
		l, h := layoutOf(raw), Head{Size: int64(len(raw)), SHA256: sha256.Sum256(raw)}
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/pack-%d", c.name, workers), func(b *testing.B) {
				b.SetBytes(h.Size)
				b.ReportAllocs()
				var n int64
				for b.Loop() {
					n, _ = Pack(io.Discard, bytes.NewReader(raw), h, l, Options{Workers: workers})
				}
				b.ReportMetric(float64(h.Size)/float64(n), "ratio")
			})
		}
		packed, _ := pack(b, raw, 0, 1)
		b.Run(c.name+"/restore", func(b *testing.B) {
			b.SetBytes(h.Size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := io.Copy(io.Discard, NewReader(bytes.NewReader(packed))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
