package raster

import (
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// TestRenderAgreesWithDCMTK compares pictures of decodable samples of every kind with dcm2pnm's, by the data set's first window and by
// a window of our own. Greys may differ by 2 of 255: DCMTK rounds values of interest down and keeps fewer bits between steps.
func TestRenderAgreesWithDCMTK(t *testing.T) {
	if testing.Short() {
		t.Skip("runs DCMTK on the whole corpus")
	}
	tool(t, "dcm2pnm")
	dir := t.TempDir()
	count, seen := map[string]int{}, kinds{}
	eachSample(t, func(name string, raw []byte, src Source) {
		if seen.enough(src) {
			return
		}
		d, err := DescOf(&src.Object.Header.DataSet)
		if err != nil {
			count["no description"]++
			return
		}
		b, out, err := src.Native(d, 0)
		if err != nil {
			count["not decoded"]++
			return
		}
		out.Padding, out.Aspect = Range{}, 1 // dcm2pnm -S knows neither
		for _, c := range viewsOf(out, b) {
			got, err := Render(out, b, 0, c.view)
			if err != nil {
				t.Logf("%s: %v", short80(name), err)
				count["not rendered"]++
				return
			}
			want, ok := pnm(t, dir, raw, append(c.args, "-O", "-S"))
			if !ok {
				count["DCMTK fails"]++
				continue
			}
			worst, mean := distance(got, want)
			lossy := src.Object.TransferSyntax == dicom.JPEGBaseline
			if worst > 2 && !(lossy && mean < 3) {
				t.Errorf("%s %s %s: worst %d, mean %.2f, %s %v", short80(name), d.Photometric, c.name, worst, mean, src.Object.TransferSyntax, out.Values)
				continue
			}
			count["agree"]++
		}
	})
	t.Log(count)
}

type viewCase struct {
	name string
	view View
	args []string
}

func viewsOf(d Desc, b []byte) []viewCase {
	if d.Samples == 3 || d.Photometric == PaletteColor {
		return []viewCase{{name: "colour"}}
	}
	all := []viewCase{{"window 200/300", View{Window: &Window{Center: 200, Width: 300}}, []string{"+Ww", "200", "300"}}}
	if v := d.ValuesOf(0); len(v.Windows) > 0 {
		all = append(all, viewCase{"first window", View{}, []string{"+Wi", "1"}})
	} else if len(v.VOILUTs) > 0 {
		all = append(all, viewCase{"VOI LUT", View{}, []string{"+Wl", "1"}})
	} else if d.BitsStored > 8 {
		all = append(all, viewCase{"min-max", View{}, []string{"+Wm"}})
	}
	return all
}

// pnm renders an object with dcm2pnm.
func pnm(t *testing.T, dir string, raw []byte, args []string) (image.Image, bool) {
	t.Helper()
	in, to := filepath.Join(dir, "in.dcm"), filepath.Join(dir, "out.png")
	os.Remove(to)
	if err := os.WriteFile(in, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if run(t, "dcmj2pnm", append(append([]string{"-q", "+on"}, args...), in, to)...) != nil {
		return nil, false
	}
	f, err := os.Open(to)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	img, err := png.Decode(f)
	return img, err == nil
}

// distance is the greatest and the mean difference of two pictures in levels.
func distance(a, b image.Image) (worst int, mean float64) {
	if a.Bounds().Size() != b.Bounds().Size() {
		return 255, 255
	}
	size := a.Bounds().Size()
	for y := range size.Y {
		for x := range size.X {
			ar, ag, ab, _ := a.At(a.Bounds().Min.X+x, a.Bounds().Min.Y+y).RGBA()
			br, bg, bb, _ := b.At(b.Bounds().Min.X+x, b.Bounds().Min.Y+y).RGBA()
			for _, p := range [3][2]uint32{{ar, br}, {ag, bg}, {ab, bb}} {
				n := int(p[0]>>8) - int(p[1]>>8)
				worst = max(worst, n, -n)
				mean += math.Abs(float64(n))
			}
		}
	}
	return worst, mean / float64(3*size.X*size.Y)
}

// TestRenderScalesLikeDCMTK compares smaller pictures by their means over blocks: filters differ, places must not.
func TestRenderScalesLikeDCMTK(t *testing.T) {
	tool(t, "dcm2pnm")
	dir := t.TempDir()
	n := 0
	eachSample(t, func(name string, raw []byte, src Source) {
		d, err := DescOf(&src.Object.Header.DataSet)
		if err != nil || d.Columns < 256 || d.Aspect != 1 || len(d.Values.Windows) == 0 || n >= 20 {
			return
		}
		b, out, err := src.Native(d, 0)
		if err != nil || src.Object.TransferSyntax.Native() == false && src.Object.TransferSyntax != dicom.RLELossless {
			return
		}
		got, err := Render(out, b, 0, View{Width: 200})
		if err != nil {
			t.Fatal(err)
		}
		want, ok := pnm(t, dir, raw, []string{"+Wi", "1", "-O", "+Sxv", strconv.Itoa(200)})
		if !ok {
			return
		}
		n++
		if _, mean := distance(got, want); mean > 6 {
			t.Errorf("%s: mean difference %.2f", short80(name), mean)
		}
	})
	t.Log(n, "pictures")
}

// TestRenderLayout checks size, place and black borders of what is shown.
func TestRenderLayout(t *testing.T) {
	d := grey(40, 20, 8, 8)
	b := make([]byte, 800)
	b[5*40+10] = 255
	tall := d
	tall.Aspect = 2
	for _, c := range []struct {
		name string
		d    Desc
		view View
		w, h int
		x, y int // of the bright pixel
	}{
		{"as it is", d, View{}, 40, 20, 10, 5},
		{"by width", d, View{Width: 80}, 80, 40, 20, 10},
		{"into a square", d, View{Width: 20, Height: 20}, 20, 10, 5, 2},
		{"a region", d, View{Region: [4]float64{10, 5, 4, 4}}, 4, 4, 0, 0},
		{"a region beyond", d, View{Region: [4]float64{8, -5, 10, 20}}, 10, 20, 2, 10},
		{"tall pixels", tall, View{}, 40, 40, 10, 10},
		{"tall pixels by height", tall, View{Height: 20}, 20, 20, 5, 5},
		{"turned", d, View{Rotate: 90, Height: 40}, 20, 40, 14, 10},
		{"flipped", d, View{FlipH: true}, 40, 20, 29, 5},
		{"upside down", d, View{FlipV: true}, 40, 20, 10, 14},
	} {
		t.Run(c.name, func(t *testing.T) {
			img, err := Render(c.d, b, 0, c.view)
			if err != nil {
				t.Fatal(err)
			}
			if s := img.Bounds().Size(); s.X != c.w || s.Y != c.h {
				t.Errorf("%v, not %d×%d", s, c.w, c.h)
			}
			if greyAt(img, c.x, c.y) < 60 {
				t.Errorf("nothing at %d, %d: %v", c.x, c.y, img.(*image.Gray).Pix)
			}
		})
	}
	for name, v := range map[string]View{
		"too large": {Width: 1 << 20}, "negative": {Width: -1}, "region of nothing": {Region: [4]float64{1, 1, 0, 5}},
		"region of no number": {Region: [4]float64{1, math.NaN(), 1, 5}},
	} {
		if _, err := Render(d, b, 0, v); err == nil {
			t.Error(name)
		}
	}
}

// TestRenderValues checks polarity, padding and the range that is taken without a window.
func TestRenderValues(t *testing.T) {
	words := func(d Desc, v ...int) []byte {
		var b []byte
		for _, w := range v {
			b = append(b, byte(w), byte(w>>8))
		}
		return b
	}
	d := grey(4, 1, 16, 16)
	d.Signed = true
	padded, first, inverse := d, d, d
	padded.Padding = Range{-2000, -1900, true}
	first.Values.Windows = []Window{{Center: 0.5, Width: 256}}
	inverse.Photometric = Monochrome1
	float := grey(2, 1, 32, 32)
	float.Float = true
	for _, c := range []struct {
		name string
		d    Desc
		b    []byte
		want []byte
	}{
		{"least to greatest", d, words(d, -100, 0, 100, 155), []byte{0, 100, 200, 255}},
		{"without padding", padded, words(d, -2000, 0, 100, 200), []byte{0, 0, 128, 255}},
		{"first window", first, words(d, -1000, -127, 0, 1000), []byte{0, 0, 127, 255}},
		{"MONOCHROME1", inverse, words(d, -100, 0, 100, 155), []byte{255, 155, 55, 0}},
		{"all alike", d, words(d, 7, 7, 7, 7), []byte{0, 0, 0, 0}},
		{"eight bits", grey(4, 1, 8, 8), []byte{1, 2, 3, 4}, []byte{1, 2, 3, 4}},
		{"single bits", grey(4, 1, 1, 1), []byte{0b0110}, []byte{0, 255, 255, 0}},
		{"floating point", float, []byte{0, 0, 0x80, 0x3F, 0, 0, 0, 0x40}, []byte{0, 255}},
	} {
		t.Run(c.name, func(t *testing.T) {
			img, err := Render(c.d, c.b, 0, View{})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range c.want {
				if got := greyAt(img, i, 0); max(got, want)-min(got, want) > 1 {
					t.Errorf("pixel %d is %d, not %d", i, got, want)
				}
			}
		})
	}
}

func TestNotes(t *testing.T) {
	s := dicom.NewDataSet()
	s.SetText(dicom.PatientName, "=李^四")
	s.SetText(dicom.PatientID, "X1")
	if n := PatientNote(s); len(n.Lines) != 2 || n.Lines[0] != "Li Si" || n.Lines[1] != "X1" {
		t.Error(n)
	}
	d := grey(200, 100, 8, 8)
	img, err := Render(d, make([]byte, 20000), 0, View{Notes: []Note{{BottomRight, []string{"Ag"}}, {TopLeft, []string{"\xff"}}}})
	if err != nil {
		t.Fatal(err)
	}
	bright := 0
	for y := 85; y < 100; y++ {
		for x := 180; x < 200; x++ {
			if greyAt(img, x, y) == 255 {
				bright++
			}
		}
	}
	if bright < 20 {
		t.Error("no text in the corner", bright)
	}
}
