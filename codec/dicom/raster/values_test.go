package raster

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

func words(v ...uint16) []byte {
	var b []byte
	for _, w := range v {
		b = binary.LittleEndian.AppendUint16(b, w)
	}
	return b
}

// TestWindow checks the equations of PS3.3 C.11.2.1.2 and C.11.2.1.3 at the values that their text gives.
func TestWindow(t *testing.T) {
	for _, c := range []struct {
		name string
		w    Window
		x    []float64
		want []float64
	}{
		{"linear 2048/4096", Window{Center: 2048, Width: 4096}, []float64{-1, 0, 2047.5, 4095, 5000}, []float64{0, 0, 0.5, 1, 1}},
		{"linear 2048/1", Window{Center: 2048, Width: 1}, []float64{2047, 2047.5, 2048}, []float64{0, 0, 1}},
		{"linear 0/100", Window{Center: 0, Width: 100}, []float64{-50, 49, -0.5}, []float64{0, 1, 0.5}},
		{"exact 2048/4096", Window{Center: 2048, Width: 4096, Function: LinearExact}, []float64{0, 2048, 4096}, []float64{0, 0.5, 1}},
		{"sigmoid", Window{Center: 10, Width: 20, Function: Sigmoid}, []float64{10, 20}, []float64{0.5, 1 / (1 + math.Exp(-2))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, x := range c.x {
				if got := c.w.Map(x); math.Abs(got-c.want[i]) > 1e-9 {
					t.Errorf("%g becomes %g, not %g", x, got, c.want[i])
				}
			}
		})
	}
}

func TestDescOfValues(t *testing.T) {
	s := dataSet(grey(4, 4, 16, 12))
	s.SetText(dicom.WindowCenter, "40", "400", "7")
	s.SetText(dicom.WindowWidth, "300", "1500", "0")
	s.SetText(windowExplanation, "SOFT", "BONE")
	s.SetText(voiLUTFunction, "SIGMOID")
	s.SetText(dicom.RescaleSlope, "2")
	s.SetText(dicom.RescaleIntercept, "-1024")
	s.SetText(dicom.PixelAspectRatio, "4", "3")
	s.SetBytes(pixelPaddingValue, dicom.US, words(4000))
	s.SetBytes(pixelPaddingRangeLimit, dicom.US, words(0x0FFF))
	d, err := DescOf(s)
	if err != nil {
		t.Fatal(err)
	}
	want := Values{Slope: 2, Intercept: -1024, Windows: []Window{{40, 300, Sigmoid, "SOFT"}, {400, 1500, Sigmoid, "BONE"}}}
	if diff := cmp.Diff(want, d.Values); diff != "" {
		t.Error(diff)
	}
	if d.Padding != (Range{4000, 4095, true}) || math.Abs(d.Aspect-4.0/3) > 1e-9 {
		t.Error(d.Padding, d.Aspect)
	}
}

func TestDescOfRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*dicom.DataSet)
		kind   dicom.Kind
	}{
		{"no rows", func(s *dicom.DataSet) { s.Delete(dicom.Rows) }, dicom.Missing},
		{"no columns", func(s *dicom.DataSet) { s.SetInt(dicom.Columns, 0) }, dicom.Structure},
		{"too large", func(s *dicom.DataSet) { s.SetInt(dicom.Columns, 65535); s.SetInt(dicom.Rows, 65535) }, dicom.Limit},
		{"two samples", func(s *dicom.DataSet) { s.SetInt(dicom.SamplesPerPixel, 2) }, 0},
		{"twelve bits", func(s *dicom.DataSet) { s.SetInt(dicom.BitsAllocated, 12) }, 0},
		{"palette without tables", func(s *dicom.DataSet) { s.SetText(dicom.PhotometricInterpretation, PaletteColor) }, dicom.Missing},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := dataSet(grey(4, 4, 16, 12))
			c.change(s)
			_, err := DescOf(s)
			var refusal *dicom.FormatError
			var u *Unsupported
			switch {
			case c.kind == 0 && !errors.As(err, &u):
				t.Error(err)
			case c.kind != 0 && (!errors.As(err, &refusal) || refusal.Kind != c.kind):
				t.Error(err)
			}
		})
	}
}

func TestFunctionalGroupsOverride(t *testing.T) {
	s := dataSet(grey(2, 2, 16, 16))
	s.SetInt(dicom.NumberOfFrames, 3)
	window := func(center string) *dicom.DataSet {
		return item(func(g *dicom.DataSet) {
			g.SetItems(frameVOILUTSequence, item(func(v *dicom.DataSet) {
				v.SetText(dicom.WindowCenter, center)
				v.SetText(dicom.WindowWidth, "10")
			}))
		})
	}
	shared := item(func(g *dicom.DataSet) {
		g.SetItems(pixelTransformSequence, item(func(v *dicom.DataSet) {
			v.SetText(dicom.RescaleSlope, "3")
			v.SetText(dicom.RescaleIntercept, "1")
		}))
	})
	s.SetItems(sharedFunctionalGroups, shared)
	s.SetItems(perFrameFunctionalGroups, window("1"), window("2"))
	d, err := DescOf(s)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]Window{{{Center: 1, Width: 10}}, {{Center: 2, Width: 10}}, nil} {
		v := d.ValuesOf(i)
		if v.Slope != 3 || v.Intercept != 1 || !slices.Equal(v.Windows, want) {
			t.Errorf("frame %d: %v", i, v)
		}
	}
}

func TestLUTs(t *testing.T) {
	lut := func(desc []byte, data []byte) *dicom.DataSet {
		return item(func(l *dicom.DataSet) {
			l.SetBytes(lutDescriptor, dicom.US, desc)
			l.SetBytes(lutData, dicom.OW, data)
		})
	}
	s := dataSet(grey(2, 2, 16, 16))
	s.SetItems(modalityLUTSequence, lut(words(3, 10, 16), words(100, 200, 300)))
	s.SetItems(voiLUTSequence, lut(words(2, 5, 8), []byte{1, 9}), lut(words(4, 0, 16), words(1)))
	d, err := DescOf(s)
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range map[float64]float64{-5: 100, 10: 100, 11: 200, 12: 300, 4000: 300} {
		if got := d.Values.Rescale(x); got != want {
			t.Errorf("%g becomes %g, not %g", x, got, want)
		}
	}
	if len(d.Values.VOILUTs) != 1 || !slices.Equal(d.Values.VOILUTs[0].Data, []uint16{1, 9}) {
		t.Error(d.Values.VOILUTs)
	}
}

// TestSegmentedPalette expands the kinds of segments of PS3.3 C.7.9.2.
func TestSegmentedPalette(t *testing.T) {
	for _, c := range []struct {
		name  string
		words []uint16
		n     int
		want  []uint16
	}{
		{"discrete", []uint16{0, 3, 7, 8, 9}, 3, []uint16{7, 8, 9}},
		{"line", []uint16{0, 1, 0, 1, 4, 400}, 5, []uint16{0, 100, 200, 300, 400}},
		{"again", []uint16{0, 1, 0, 1, 2, 10, 2, 2, 0, 0}, 6, []uint16{0, 5, 10, 0, 5, 10}},
		{"again within again", []uint16{0, 1, 5, 2, 1, 6, 0}, 6, nil},
		{"line from nothing", []uint16{1, 2, 5}, 2, nil},
		{"too short", []uint16{0, 3, 7}, 3, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := segmented(words(c.words...), c.n, 16); !slices.Equal(got, c.want) {
				t.Error(got)
			}
		})
	}
	if got := segmented([]byte{0, 1, 0, 1, 2, 10, 2, 2, 0, 0, 0, 0}, 6, 8); !slices.Equal(got, []uint16{0, 5, 10, 0, 5, 10}) {
		t.Error("of bytes:", got)
	}
}
