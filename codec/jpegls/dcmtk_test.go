package jpegls

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/lianzhen/lianzhen/codec/codectest"
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

var sizes = [][2]int{{1, 1}, {5, 1}, {1, 7}, {61, 43}}

// images are pictures of every content, size and form.
func images(components int, bits ...int) []codectest.Image {
	var all []codectest.Image
	for _, size := range sizes {
		for _, n := range bits {
			all = append(all, codectest.Series(size[0], size[1], components, n))
		}
	}
	return all
}

// form is how an image is to be encoded.
func form(m codectest.Image, near, interleave int) Info {
	return Info{Width: m.Width, Height: m.Height, Components: m.Components, Bits: m.Bits, Near: near, Interleave: interleave}
}

func TestWeReadDCMTKs(t *testing.T) {
	codectest.Need(t, "dcmcjpls", "dcmdjpls")
	tests := []struct {
		name       string
		components int
		bits       []int
		args       []string
	}{
		{"grey", 1, []int{8, 12, 16}, []string{"+el"}},
		{"grey cooked", 1, []int{8, 10, 12, 15, 16}, []string{"+el", "+pc"}},
		{"grey near", 1, []int{8, 12, 16}, []string{"+en", "+md", "3"}},
		{"grey presets", 1, []int{8, 12}, []string{"+el", "+t1", "5", "+t2", "9", "+t3", "40", "+rs", "31"}},
		{"colour by line", 3, []int{8}, []string{"+el", "+il"}},
		{"colour by sample", 3, []int{8, 16}, []string{"+el", "+is"}},
		{"colour by plane", 3, []int{8, 16}, []string{"+el", "+in"}},
		{"colour near", 3, []int{8}, []string{"+en", "+md", "2", "+is"}},
		{"colour by line near", 3, []int{8}, []string{"+en", "+md", "5", "+il"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, m := range images(tt.components, tt.bits...) {
				if packed, err := codectest.Convert(t, m.Native(t), "dcmcjpls", tt.args...); err == nil {
					same(t, m, packed)
					continue
				}
				for i := range m.Frames { // it refuses some tiny or noisy pictures
					one := m.Frame(i)
					if packed, err := codectest.Convert(t, one.Native(t), "dcmcjpls", tt.args...); err == nil {
						same(t, one, packed)
					} else {
						t.Logf("dcmcjpls refuses %s", one.Name)
					}
				}
			}
		})
	}
}

// TestSignedSamples has CT numbers with their sign in all 16 bits: codecs know nothing of it.
func TestSignedSamples(t *testing.T) {
	codectest.Need(t, "dcmcjpls", "dcmdjpls")
	m := codectest.Series(61, 43, 1, 12).Sign()
	same(t, m, codectest.Must(t, m.Native(t), "dcmcjpls"))
	var frames [][]byte
	for i := range m.Frames {
		b, err := Encode(nil, m.Frame(i).Pix, form(m, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, b)
	}
	judged(t, m, m.Encapsulated(t, dicom.JPEGLSLossless, frames...), m.Pix, "dcmdjpls")
}

// TestPhantoms has pictures as equipment sends them, both ways.
func TestPhantoms(t *testing.T) {
	codectest.Need(t, "dcmcjpls", "dcmdjpls")
	for name, m := range map[string]codectest.Image{
		"CT": codectest.Phantom(t, phantom.CTChest, 512, 512),
		"DR": codectest.Phantom(t, phantom.DRChest, 1000, 811),
		"MR": codectest.Phantom(t, phantom.MRBrain, 256, 256),
		"US": codectest.Phantom(t, phantom.USHeart, 480, 640),
	} {
		t.Run(name, func(t *testing.T) {
			same(t, m, codectest.Must(t, m.Native(t), "dcmcjpls"))
			b, err := Encode(nil, m.Pix, form(m, 0, InterleaveSample))
			if err != nil {
				t.Fatal(err)
			}
			judged(t, m, m.Encapsulated(t, dicom.JPEGLSLossless, b), m.Pix, "dcmdjpls")
		})
	}
}

// same holds what we make of a file against the original, and a lossy one against what DCMTK makes of it. A file that DCMTK
// wrote but does not read back (3.6.7: +pc with noise breaks its own stream) judges nobody.
func same(t *testing.T, m codectest.Image, packed []byte) {
	t.Helper()
	_, frames := codectest.Read(t, packed)
	for i, frame := range frames {
		got, info, err := Decode(frame)
		want := m.Frame(i).Pix
		if info.Near > 0 || err != nil {
			truth, refused := codectest.Convert(t, packed, "dcmdjpls")
			if refused != nil {
				t.Logf("dcmdjpls refuses %s", m.Name)
				return
			}
			_, frames := codectest.Read(t, truth)
			want = frames[i]
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %+v: %v, equal %v", m.Frame(i).Name, info, err, bytes.Equal(got, want))
		}
	}
}

// TestOthersReadOurs has DCMTK and GDCM judge our streams. Both are built on CharLS; each gets what it takes.
func TestOthersReadOurs(t *testing.T) {
	codectest.Need(t, "dcmdjpls")
	tests := []struct {
		name             string
		components, mode int
		near             int
		bits             []int
	}{
		{"grey", 1, InterleaveNone, 0, []int{8, 10, 12, 16}},
		{"grey near", 1, InterleaveNone, 3, []int{8, 12, 16}},
		{"colour by line", 3, InterleaveLine, 0, []int{8}},
		{"colour by sample", 3, InterleaveSample, 0, []int{8}},
		{"colour by plane", 3, InterleaveNone, 0, []int{8}},
		{"colour by sample near", 3, InterleaveSample, 2, []int{8}},
		{"colour by line near", 3, InterleaveLine, 2, []int{8}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, m := range images(tt.components, tt.bits...) {
				var frames [][]byte
				var want []byte
				for i := range m.Frames {
					b, err := Encode(nil, m.Frame(i).Pix, form(m, tt.near, tt.mode))
					if err != nil {
						t.Fatal(err)
					}
					pix, _, err := Decode(b)
					if err != nil {
						t.Fatal(err)
					}
					frames, want = append(frames, b), append(want, pix...)
				}
				if tt.near == 0 && !bytes.Equal(want, m.Pix) {
					t.Errorf("%s: another picture", m.Name)
				}
				syntax := dicom.JPEGLSLossless
				if tt.near > 0 {
					syntax = "1.2.840.10008.1.2.4.81"
				}
				file := m.Encapsulated(t, syntax, frames...)
				judged(t, m, file, want, "dcmdjpls", "+px")
				if _, err := exec.LookPath("gdcmconv"); err != nil {
					continue
				}
				if tt.name == "colour by plane" { // GDCM 3.0.21 mixes up frames of such planes
					m, want = m.Frame(1), m.Frame(1).Pix
					file = m.Encapsulated(t, syntax, frames[1])
				}
				judged(t, m, file, want, "gdcmconv", "--raw")
			}
		})
	}
}

// judged compares our samples with those that a program makes of the file.
func judged(t *testing.T, m codectest.Image, file, want []byte, program string, args ...string) {
	t.Helper()
	back, err := codectest.Convert(t, file, program, args...)
	if err != nil {
		t.Logf("%s refuses %s", program, m.Name)
		return
	}
	if _, frames := codectest.Read(t, back); !bytes.Equal(bytes.Join(frames, nil), want) {
		t.Errorf("%s makes another picture of %s", program, m.Name)
	}
}

func TestSamplesAsDCMTKReadsThem(t *testing.T) {
	codectest.Need(t, "dcmdjpls")
	codectest.EachSample(t, func(t *testing.T, obj *dicom.Object, file []byte) {
		truth, err := codectest.Convert(t, file, "dcmdjpls", "+px")
		if err != nil {
			t.Skip("dcmdjpls refuses it")
		}
		native, err := dicom.Scan(bytes.NewReader(truth), dicom.Options{})
		if err != nil {
			t.Skip("dcmdjpls makes no object of it")
		}
		want := codectest.Frames(native, truth)
		for i, frame := range codectest.Frames(obj, file) {
			got, info, err := Decode(frame)
			if err != nil || !bytes.Equal(got, want[i]) {
				t.Errorf("frame %d: %+v: %v", i, info, err)
			}
		}
	}, dicom.JPEGLSLossless, "1.2.840.10008.1.2.4.81")
}
