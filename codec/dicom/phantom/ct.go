package phantom

import (
	"io"
	"math"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

const (
	ctSpacing   = 0.7 // mm at 512 columns
	ctThickness = 5.0
)

func ctHead(h *header) {
	h.Text(dicom.ScanOptions, "HELIX")
	h.Float(dicom.SliceThickness, ctThickness)
	h.Int(dicom.KVP, 120)
	h.Text(dicom.DeviceSerialNumber, "LZ-CT-0001")
	h.Text(dicom.SoftwareVersions, "1.0")
	h.Text(dicom.ProtocolName, "Chest")
	h.Int(dicom.ExposureTime, 500)
	h.Int(dicom.XRayTubeCurrent, 180)
	h.Text(dicom.ConvolutionKernel, "B60f")
	h.Text(dicom.PatientPosition, "HFS")
	h.place()
	spacing := ctSpacing * 512 / float64(h.Columns)
	h.plane(spacing, ctThickness)
	h.image(spacing, 16, true)
	h.window(40, 400, "HU")
}

// oval is an ellipse in shares of the image: centre, half axes, and the value it is filled with.
type oval struct {
	x, y, a, b float64
	value      int16
}

// fill paints the row's part of the ellipse.
func (o oval) fill(row []int16, y float64) {
	d := (y - o.y) / o.b
	if d <= -1 || d >= 1 {
		return
	}
	half := o.a * math.Sqrt(1-d*d)
	width := float64(len(row))
	from, to := max(0, int((o.x-half)*width)), min(len(row), int((o.x+half)*width))
	for i := from; i < to; i++ {
		row[i] = o.value
	}
}

// paint draws the ellipses one over the other, adds noise and writes the pixels row by row.
func paint(s Spec, n int, w io.Writer, ground int16, ovals []oval, finish func(row, noise []int16)) error {
	z := newNoise(s.Seed, n)
	row, buf := make([]int16, s.Columns), make([]byte, 2*s.Columns)
	for y := range s.Rows {
		for i := range row {
			row[i] = ground
		}
		at := (float64(y) + 0.5) / float64(s.Rows)
		for _, o := range ovals {
			o.fill(row, at)
		}
		finish(row, z.row(s.Columns))
		if err := words(w, row, buf); err != nil {
			return err
		}
	}
	return nil
}

const airHU = -1000

// ctPixels draws a chest in Hounsfield units: the lungs swell towards the middle of the stack and a nodule passes through
// the right one.
func ctPixels(s Spec, n int, w io.Writer) error {
	t := float64(n) / float64(max(1, s.Count-1)) // 0 at the feet's end, 1 at the head's
	lung := 0.6 + 0.4*math.Sin(math.Pi*t)
	beat := 0.01 * math.Sin(float64(s.Seed%7)+t*9)
	ovals := []oval{
		{.5, .52, .43, .31, -90}, // fat under the skin
		{.5, .52, .41, .29, 55},  // muscle
		{.31, .50, .14 * lung, .20 * lung, -860},
		{.69, .50, .14 * lung, .20 * lung, -850},
		{.55 + beat, .47, .09, .10, 40}, // heart
		{.50, .60, .025, .025, 180},     // aorta
		{.50, .68, .045, .045, 420},     // vertebra
		{.50, .73, .018, .015, 15},      // spinal canal
		{.50, .79, .02, .03, 350},       // spinous process
		{.50, .25, .05, .012, 300},      // sternum
	}
	for i := range 6 { // ribs stand where the chest wall is, a little further on each slice
		a := float64(i)*math.Pi/3 + t*2
		ovals = append(ovals, oval{.5 + .385*math.Cos(a), .52 + .265*math.Sin(a), .022, .012, 500})
	}
	for i := range 14 { // vessels of the lungs
		a := float64(i)*2.4 + t
		r := .03 + .008*float64(i)
		side := .31 + .38*float64(i%2)
		ovals = append(ovals, oval{side + r*lung*math.Cos(a), .5 + 1.3*r*lung*math.Sin(a), .004, .004, 30})
	}
	if d := math.Abs(t-.55) / .08; d < 1 {
		r := .02 * math.Sqrt(1-d*d)
		ovals = append(ovals, oval{.29, .44, r, r, 35})
	}
	return paint(s, n, w, airHU, ovals, func(row, noise []int16) {
		for i, z := range noise {
			row[i] += z
		}
	})
}
