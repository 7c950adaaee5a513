package raster

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Function says how a window maps values (PS3.3 C.11.2.1.3).
type Function uint8

// The functions of VOI LUT Function (0028,1056).
const (
	Linear      Function = iota // from center-0.5-(width-1)/2 to center-0.5+(width-1)/2
	LinearExact                 // from center-width/2 to center+width/2
	Sigmoid                     // 1/(1+exp(-4(x-center)/width))
)

var functions = map[string]Function{"LINEAR": Linear, "LINEAR_EXACT": LinearExact, "SIGMOID": Sigmoid}

// FunctionOf reads LINEAR, LINEAR_EXACT or SIGMOID, in capitals or as PS3.18 §8.3.5.1.4 writes them; false for others.
func FunctionOf(s string) (Function, bool) {
	switch s {
	case "linear":
		return Linear, true
	case "linear-exact":
		return LinearExact, true
	case "sigmoid":
		return Sigmoid, true
	}
	f, ok := functions[s]
	return f, ok
}

// Window selects the values of interest, in the unit that the modality transformation gives.
type Window struct {
	Center, Width float64
	Function      Function
	Explanation   string
}

// Valid tells whether the width is one that the function allows.
func (w Window) Valid() bool {
	ok := !math.IsNaN(w.Center) && !math.IsInf(w.Center, 0) && !math.IsInf(w.Width, 0)
	return ok && (w.Width >= 1 || w.Function != Linear && w.Width > 0)
}

// Map gives the display value of x, 0 to 1.
func (w Window) Map(x float64) float64 {
	switch w.Function {
	case LinearExact:
		return clamp((x-w.Center)/w.Width + 0.5)
	case Sigmoid:
		return 1 / (1 + math.Exp(-4*(x-w.Center)/w.Width))
	}
	c, width := w.Center-0.5, w.Width-1
	switch {
	case x <= c-width/2:
		return 0
	case x > c+width/2:
		return 1
	}
	return (x-c)/width + 0.5
}

func clamp(v float64) float64 { return max(0, min(1, v)) }

// LUT is a look-up table: Data[0] is for First and all below, the last for all above (PS3.3 C.11.1.1.1).
type LUT struct {
	First       int
	Bits        int // of an entry
	Data        []uint16
	Explanation string
}

// At gives the entry for x.
func (l *LUT) At(x float64) float64 {
	i := math.Round(x) - float64(l.First)
	return float64(l.Data[int(max(0, min(i, float64(len(l.Data)-1))))])
}

// Map gives the entry for x as display value, 0 to 1.
func (l *LUT) Map(x float64) float64 { return clamp(l.At(x) / float64(uint32(1)<<l.Bits-1)) }

// Values are the transformations of a frame up to where presentation begins (PS3.4 §N.2): modality, then values of interest.
type Values struct {
	Slope, Intercept float64
	Modality         *LUT // instead of slope and intercept
	Windows          []Window
	VOILUTs          []*LUT
}

// Rescale gives what a stored value means, for instance Hounsfield units.
func (v *Values) Rescale(stored float64) float64 {
	if v.Modality != nil {
		return v.Modality.At(stored)
	}
	return stored*v.Slope + v.Intercept
}

// ValuesOf gives the transformations of frame i, counted from 0: its functional groups', or the object's.
func (d *Desc) ValuesOf(i int) Values {
	if i < 0 || i >= len(d.groups) {
		return d.Values
	}
	return d.Values.override(&d.groups[i], d.Signed)
}

// override takes what a functional group item brings (PS3.3 C.7.6.16.2.9 and C.7.6.16.2.10) over what was known.
func (v Values) override(group *dicom.DataSet, signed bool) Values {
	if it := group.Items(pixelTransformSequence); len(it) > 0 {
		v.rescale(&it[0])
	}
	if it := group.Items(frameVOILUTSequence); len(it) > 0 {
		v.interest(&it[0], signed)
	}
	return v
}

// valuesOf reads the Modality LUT and VOI LUT modules.
func valuesOf(d *dicom.DataSet, signed bool) Values {
	v := Values{Slope: 1}
	v.modality(d, signed)
	v.interest(d, signed)
	return v
}

func (v *Values) modality(d *dicom.DataSet, signed bool) {
	v.rescale(d)
	for i := range d.Items(modalityLUTSequence) {
		if l := lutOf(&d.Items(modalityLUTSequence)[i], signed); l != nil {
			v.Modality = l
			return
		}
	}
}

// rescale reads slope and intercept; a slope of zero would make a picture of nothing.
func (v *Values) rescale(d *dicom.DataSet) {
	slope, ok := d.Float(dicom.RescaleSlope)
	if !ok || slope == 0 {
		return
	}
	v.Slope, v.Modality = slope, nil
	v.Intercept, _ = d.Float(dicom.RescaleIntercept)
}

// interest reads windows and look-up tables of one data set; they replace those known before if there are any.
func (v *Values) interest(d *dicom.DataSet, signed bool) {
	windows, luts := windowsOf(d), []*LUT(nil)
	for i := range d.Items(voiLUTSequence) {
		// The input of a VOI LUT is signed when the modality's output may be (PS3.3 C.11.2.1.1).
		if l := lutOf(&d.Items(voiLUTSequence)[i], signed && v.Modality == nil || v.Intercept < 0); l != nil {
			luts = append(luts, l)
		}
	}
	if len(windows)+len(luts) > 0 {
		v.Windows, v.VOILUTs = windows, luts
	}
}

// windowsOf gives all windows that can be used.
func windowsOf(d *dicom.DataSet) []Window {
	centers, widths := floats(d, dicom.WindowCenter), floats(d, dicom.WindowWidth)
	names, f := d.Strs(windowExplanation), functions[d.Str(voiLUTFunction)]
	var out []Window
	for i := range min(len(centers), len(widths)) {
		w := Window{Center: centers[i], Width: widths[i], Function: f}
		if i < len(names) {
			w.Explanation = names[i]
		}
		if w.Valid() {
			out = append(out, w)
		}
	}
	return out
}

// lutOf reads one table; nil if it is damaged.
func lutOf(d *dicom.DataSet, signed bool) *LUT {
	n, first, bits, ok := descriptor(d, lutDescriptor, signed)
	el := d.Find(lutData)
	if !ok || el == nil || bits > 16 {
		return nil
	}
	data := entries(el.Value, n, bits)
	if data == nil {
		return nil
	}
	l := &LUT{First: first, Bits: bits, Data: data, Explanation: d.Str(lutExplanation)}
	l.widen()
	return l
}

// widen corrects tables whose entries have more bits than their descriptor admits, which devices write.
func (l *LUT) widen() {
	for _, v := range l.Data {
		for l.Bits < 16 && int(v)>>l.Bits > 0 {
			l.Bits++
		}
	}
}

// descriptor reads number of entries, first value mapped and bits of an entry (PS3.3 C.11.1.1.1).
func descriptor(d *dicom.DataSet, t dicom.Tag, signed bool) (n, first, bits int, ok bool) {
	el := d.Find(t)
	if el == nil || len(el.Value) < 6 {
		return 0, 0, 0, false
	}
	n = int(binary.LittleEndian.Uint16(el.Value))
	first = int(binary.LittleEndian.Uint16(el.Value[2:]))
	bits = int(binary.LittleEndian.Uint16(el.Value[4:]))
	if n == 0 {
		n = 1 << 16
	}
	if signed {
		first = int(int16(first))
	}
	return n, first, bits, bits >= 1 && bits <= 16
}

// entries reads n entries of a table: two bytes each, or one where the table is that short and its entries are.
func entries(b []byte, n, bits int) []uint16 {
	out := make([]uint16, n)
	switch {
	case len(b) >= 2*n:
		for i := range out {
			out[i] = binary.LittleEndian.Uint16(b[2*i:])
		}
	case bits <= 8 && len(b) >= n:
		for i := range out {
			out[i] = uint16(b[i])
		}
	default:
		return nil
	}
	return out
}

// xRayIntensity tells projection images whose modality transformation leads back to the beam and not to what is shown
// (PS3.3 C.8.7.1.1.2).
func xRayIntensity(d *dicom.DataSet) bool {
	switch d.UID(dicom.SOPClassUID) {
	case "1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.2":
		r := d.Str(dicom.PixelIntensityRelationship)
		return r == "LOG" || r == "DISP"
	}
	return false
}

// floats gives all values of a numeric attribute, none if one of them is no number.
func floats(d *dicom.DataSet, t dicom.Tag) []float64 {
	var out []float64
	for _, s := range d.Strs(t) {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil
		}
		out = append(out, f)
	}
	return out
}
