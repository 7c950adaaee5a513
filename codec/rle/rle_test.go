package rle

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/lianzhen/lianzhen/codec/codectest"
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

// images are frames of every form.
func images() []codectest.Image {
	var all []codectest.Image
	for _, size := range [][2]int{{1, 1}, {7, 1}, {1, 9}, {129, 3}, {257, 31}} {
		for _, form := range [][2]int{{1, 8}, {1, 12}, {1, 16}, {3, 8}, {3, 16}} {
			all = append(all, codectest.Series(size[0], size[1], form[0], form[1]))
		}
	}
	return all
}

func encode(t testing.TB, m codectest.Image) []byte {
	t.Helper()
	b, err := Encode(nil, m.Pix, m.Width, m.Height, m.Components, m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, series := range images() {
		for i := range series.Frames {
			m := series.Frame(i)
			got, err := Decode(nil, encode(t, m), m.Width, m.Height, m.Components, m.Bytes())
			if err != nil || !bytes.Equal(got, m.Pix) {
				t.Errorf("%s: %v, equal %v", m.Name, err, bytes.Equal(got, m.Pix))
			}
		}
	}
}

func TestRoundTripOfAnySize(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var b, back []byte
	for range 2000 {
		w, h, n, by := 1+r.IntN(300), 1+r.IntN(5), 1+r.IntN(3), 1+r.IntN(4)
		pix := make([]byte, w*h*n*by)
		few := 1 + r.IntN(256)
		for i := range pix {
			if pix[i] = byte(r.IntN(few)); i > 0 && r.IntN(3) > 0 {
				pix[i] = pix[i-1]
			}
		}
		var err error
		if b, err = Encode(b[:0], pix, w, h, n, by); err != nil {
			t.Fatal(err)
		}
		if back, err = Decode(back, b, w, h, n, by); err != nil || !bytes.Equal(back, pix) {
			t.Fatalf("%d×%d×%d of %d bytes: %v", w, h, n, by, err)
		}
	}
}

func TestOthersReadOurs(t *testing.T) {
	codectest.Need(t, "dcmdrle")
	_, err := exec.LookPath("gdcmconv")
	gdcm := err == nil
	for _, m := range images() {
		var frames [][]byte
		for i := range m.Frames {
			frames = append(frames, encode(t, m.Frame(i)))
		}
		file := m.Encapsulated(t, dicom.RLELossless, frames...)
		if _, got := codectest.Read(t, codectest.Must(t, file, "dcmdrle")); !bytes.Equal(bytes.Join(got, nil), m.Pix) {
			t.Errorf("%s: another picture for DCMTK", m.Name)
		}
		if !gdcm || m.Components == 3 && m.Bits == 16 { // which GDCM does not know
			continue
		}
		if _, got := codectest.Read(t, codectest.Must(t, file, "gdcmconv", "--raw")); !bytes.Equal(bytes.Join(got, nil), m.Pix) {
			t.Errorf("%s: another picture for GDCM", m.Name)
		}
	}
}

func TestWeReadDCMTKs(t *testing.T) {
	codectest.Need(t, "dcmcrle")
	for _, m := range images() {
		_, frames := codectest.Read(t, codectest.Must(t, m.Native(t), "dcmcrle"))
		for i, frame := range frames {
			got, err := Decode(nil, frame, m.Width, m.Height, m.Components, m.Bytes())
			if err != nil || !bytes.Equal(got, m.Frame(i).Pix) {
				t.Errorf("%s: %v", m.Frame(i).Name, err)
			}
		}
	}
}

func TestSamplesAsDCMTKReadsThem(t *testing.T) {
	codectest.Need(t, "dcmdrle")
	codectest.EachSample(t, func(t *testing.T, obj *dicom.Object, file []byte) {
		m := codectest.Geometry(obj)
		truth, err := codectest.Convert(t, file, "dcmdrle")
		if err != nil {
			t.Skip("dcmdrle refuses it")
		}
		whole, want := codectest.Read(t, truth)
		obj2, err := dicom.Scan(bytes.NewReader(truth), dicom.Options{})
		if err != nil {
			t.Fatal(err)
		}
		planar, _ := obj2.Header.Int(dicom.PlanarConfiguration)
		for i, frame := range codectest.Frames(obj, file) {
			got, err := Decode(nil, frame, m.Width, m.Height, m.Components, m.Bytes())
			if planar == 1 {
				want[i] = whole.Planar(want[i])
			}
			if err != nil || !bytes.Equal(got, want[i]) {
				t.Errorf("frame %d: %v, %d of %d bytes", i, err, len(got), len(want[i]))
			}
		}
	}, dicom.RLELossless)
}

func TestCutIsRefused(t *testing.T) {
	m := codectest.Make("smooth", 33, 9, 3, 16, 1)
	b := encode(t, m)
	for n := range len(b) - 1 { // the last byte may be padding
		if _, err := Decode(nil, b[:n], m.Width, m.Height, m.Components, m.Bytes()); err == nil {
			t.Fatalf("%d of %d bytes are accepted", n, len(b))
		}
	}
}

func TestRefused(t *testing.T) {
	good := encode(t, codectest.Make("noise", 8, 8, 1, 8, 1))
	tests := []struct {
		name           string
		b              []byte
		w, h, n, bytes int
	}{
		{"no pixels", good, 0, 8, 1, 1},
		{"too wide", good, 65536, 8, 1, 1},
		{"too many planes", good, 8, 8, 4, 4},
		{"huge components", good, 8, 8, 1 << 40, 1 << 40},
		{"beyond 2 GiB", good, 65535, 65535, 1, 1},
		{"another number of segments", good, 8, 8, 3, 1},
		{"more pixels than bytes can make", good, 8192, 8192, 1, 1},
		{"segment in the header", append([]byte{1, 0, 0, 0, 8, 0, 0, 0}, good[8:]...), 8, 8, 1, 1},
		{"segment beyond the end", append([]byte{1, 0, 0, 0, 8, 0, 255, 0}, good[8:]...), 8, 8, 1, 1},
	}
	for _, tt := range tests {
		if _, err := Decode(nil, tt.b, tt.w, tt.h, tt.n, tt.bytes); err == nil {
			t.Errorf("%s: accepted", tt.name)
		}
	}
	if _, err := Encode(nil, make([]byte, 63), 8, 8, 1, 1); err == nil {
		t.Error("too few samples: accepted")
	}
}

func FuzzDecode(f *testing.F) {
	for _, content := range []string{"smooth", "runs", "constant"} {
		for _, form := range [][2]int{{1, 8}, {1, 16}, {3, 8}} {
			m := codectest.Make(content, 31, 7, form[0], form[1], 1)
			f.Add(encode(f, m), 31, 7, form[0], m.Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, w, h, n, by int) {
		pix, err := Decode(nil, b, w, h, n, by)
		if err != nil {
			return
		}
		again, err := Encode(nil, pix, w, h, n, by)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Decode(nil, again, w, h, n, by); err != nil || !bytes.Equal(back, pix) {
			t.Fatalf("does not come back: %v", err)
		}
	})
}

// frames for measuring: what equipment sends.
func measured(b *testing.B) []codectest.Image {
	ct := codectest.Phantom(b, phantom.CTChest, 512, 512)
	dr := codectest.Phantom(b, phantom.DRChest, 3000, 3000)
	us := codectest.Phantom(b, phantom.USHeart, 480, 640)
	ct.Name, dr.Name, us.Name = "CT", "DR", "US"
	return []codectest.Image{ct, dr, us}
}

func BenchmarkDecode(b *testing.B) {
	for _, m := range measured(b) {
		b.Run(m.Name, func(b *testing.B) {
			in := encode(b, m)
			var out []byte
			b.SetBytes(int64(len(m.Pix)))
			b.ReportMetric(float64(len(m.Pix))/float64(len(in)), "ratio")
			for b.Loop() {
				out, _ = Decode(out, in, m.Width, m.Height, m.Components, m.Bytes())
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, m := range measured(b) {
		b.Run(m.Name, func(b *testing.B) {
			var out []byte
			b.SetBytes(int64(len(m.Pix)))
			for b.Loop() {
				out, _ = Encode(out[:0], m.Pix, m.Width, m.Height, m.Components, m.Bytes())
			}
		})
	}
}
