package jpeg

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/lianzhen/lianzhen/codec/codectest"
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

const (
	jpegExtended dicom.UID = "1.2.840.10008.1.2.4.51"
	jpegProcess  dicom.UID = "1.2.840.10008.1.2.4.57"
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

func form(m codectest.Image, predictor, shift int) Info {
	return Info{Width: m.Width, Height: m.Height, Components: m.Components, Bits: m.Bits, Predictor: predictor, PointTransform: shift}
}

func TestWeReadDCMTKs(t *testing.T) {
	codectest.Need(t, "dcmcjpeg", "dcmdjpeg")
	tests := []struct {
		name       string
		components int
		bits       []int
		args       []string
	}{
		{"first order", 1, []int{8, 12, 16}, []string{"+e1"}},
		{"first order colour", 3, []int{8}, []string{"+e1"}},
		{"predictor 2", 1, []int{16}, []string{"+el", "+sv", "2"}},
		{"predictor 3", 1, []int{16}, []string{"+el", "+sv", "3"}},
		{"predictor 4", 1, []int{16}, []string{"+el", "+sv", "4"}},
		{"predictor 5", 1, []int{16}, []string{"+el", "+sv", "5"}},
		{"predictor 6", 1, []int{8, 16}, []string{"+el", "+sv", "6"}},
		{"predictor 7", 1, []int{12, 16}, []string{"+el", "+sv", "7"}},
		{"predictor 7 colour", 3, []int{8}, []string{"+el", "+sv", "7"}},
		{"point transform", 1, []int{8, 16}, []string{"+el", "+sv", "1", "+pt", "3"}},
		{"baseline", 1, []int{8}, []string{"+eb"}},
		{"baseline rough", 1, []int{8}, []string{"+eb", "+q", "10", "-ho"}},
		{"extended 12", 1, []int{12}, []string{"+ee", "+bt"}},
		{"extended 12 rough", 1, []int{12}, []string{"+ee", "+bt", "+q", "20"}},
		{"extended 8", 1, []int{8}, []string{"+ee"}},
		{"colour 4:4:4", 3, []int{8}, []string{"+eb", "+s4"}},
		{"colour 4:2:2", 3, []int{8}, []string{"+eb", "+s2"}},
		{"colour 4:1:1", 3, []int{8}, []string{"+eb", "+n1"}},
		{"colour RGB", 3, []int{8}, []string{"+eb", "+cr"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, m := range images(tt.components, tt.bits...) {
				packed, err := codectest.Convert(t, m.Native(t), "dcmcjpeg", tt.args...)
				if err != nil {
					t.Logf("dcmcjpeg refuses %s", m.Name)
					continue
				}
				same(t, m.Name, packed)
			}
		})
	}
}

// TestSignedSamples has CT numbers with their sign in all 16 bits: codecs know nothing of it.
func TestSignedSamples(t *testing.T) {
	codectest.Need(t, "dcmcjpeg", "dcmdjpeg")
	m := codectest.Series(61, 43, 1, 12).Sign()
	same(t, m.Name, codectest.Must(t, m.Native(t), "dcmcjpeg"))
	var frames [][]byte
	for i := range m.Frames {
		frames = append(frames, encodeEvery(t, m.Frame(i), form(m, 1, 0), 0))
	}
	judged(t, m, m.Encapsulated(t, dicom.JPEGLossless, frames...), m.Pix, "dcmdjpeg")
}

// TestPhantoms has pictures as equipment sends them, both ways.
func TestPhantoms(t *testing.T) {
	codectest.Need(t, "dcmcjpeg", "dcmdjpeg")
	for name, m := range map[string]codectest.Image{
		"CT": codectest.Phantom(t, phantom.CTChest, 512, 512),
		"DR": codectest.Phantom(t, phantom.DRChest, 1000, 811),
		"MR": codectest.Phantom(t, phantom.MRBrain, 256, 256),
		"US": codectest.Phantom(t, phantom.USHeart, 480, 640),
	} {
		t.Run(name, func(t *testing.T) {
			same(t, name, codectest.Must(t, m.Native(t), "dcmcjpeg"))
			if m.Bits == 8 {
				same(t, name, codectest.Must(t, m.Native(t), "dcmcjpeg", "+eb"))
			}
			b := encodeEvery(t, m, form(m, 1, 0), 0)
			judged(t, m, m.Encapsulated(t, dicom.JPEGLossless, b), m.Pix, "dcmdjpeg")
		})
	}
}

// same compares what we and DCMTK make of each frame of a file, colours as they are stored.
func same(t *testing.T, name string, packed []byte) {
	t.Helper()
	obj, err := dicom.Scan(bytes.NewReader(packed), dicom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	truth, err := codectest.Convert(t, packed, "dcmdjpeg", "+cn", "+px")
	if err != nil {
		t.Logf("dcmdjpeg refuses %s", name)
		return
	}
	native, err := dicom.Scan(bytes.NewReader(truth), dicom.Options{})
	if err != nil {
		t.Skip("dcmdjpeg makes no object of it")
	}
	want := codectest.Frames(native, truth)
	for i, frame := range codectest.Frames(obj, packed) {
		got, info, err := Decode(frame)
		if err != nil {
			t.Errorf("%s frame %d: %v", name, i, err)
			continue
		}
		if n, far := differ(got, want[i]); n > 0 {
			t.Errorf("%s frame %d: %+v: %d of %d bytes differ, by up to %d", name, i, info, n, len(want[i]), far)
		}
	}
}

func differ(a, b []byte) (n, far int) {
	if len(a) != len(b) {
		return max(len(a), len(b)), 255
	}
	for i := range a {
		if d := int(a[i]) - int(b[i]); d != 0 {
			n++
			far = max(far, d, -d)
		}
	}
	return n, far
}

func TestOthersReadOurs(t *testing.T) {
	codectest.Need(t, "dcmdjpeg")
	for _, tt := range []struct {
		name                         string
		components, predictor, shift int
		bits                         []int
	}{
		{"grey", 1, 0, 0, []int{8, 10, 12, 16}},
		{"colour", 3, 1, 0, []int{8}},
		{"predictor 4", 1, 4, 0, []int{8, 16}},
		{"predictor 6", 1, 6, 0, []int{12, 16}},
		{"predictor 7 colour", 3, 7, 0, []int{8}},
		{"point transform", 1, 2, 2, []int{8, 16}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, m := range images(tt.components, tt.bits...) {
				var frames [][]byte
				var want []byte
				for i := range m.Frames {
					one := m.Frame(i)
					frames = append(frames, encodeEvery(t, one, form(m, tt.predictor, tt.shift), 0))
					want = append(want, dropped(one, tt.shift)...)
				}
				syntax := dicom.JPEGLossless
				if tt.predictor > 1 {
					syntax = jpegProcess
				}
				file := m.Encapsulated(t, syntax, frames...)
				judged(t, m, file, want, "dcmdjpeg", "+cn", "+px")
				if _, err := exec.LookPath("gdcmconv"); err == nil {
					judged(t, m, file, want, "gdcmconv", "--raw")
				}
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
	codectest.Need(t, "dcmdjpeg")
	codectest.EachSample(t, func(t *testing.T, _ *dicom.Object, file []byte) {
		same(t, "sample", file)
	}, dicom.JPEGBaseline, jpegExtended, jpegProcess, dicom.JPEGLossless)
}
