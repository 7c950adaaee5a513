package phantom

import (
	"io"
	"math"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

const drSpacing = 0.2

func drHead(h *header) {
	h.Int(dicom.KVP, 125)
	h.Text(dicom.DeviceSerialNumber, "LZ-DR-0001")
	h.Int(dicom.ExposureTime, 8)
	h.Int(dicom.XRayTubeCurrent, 320)
	spacing := drSpacing * 2022 / float64(h.Columns)
	h.Float(dicom.ImagerPixelSpacing, spacing, spacing)
	h.Text(dicom.ViewPosition, "PA")
	h.place()
	h.Text(dicom.PatientOrientation, "L", "F")
	h.Text(dicom.ImageLaterality, "U")
	h.image(spacing, 14, false)
	h.Text(dicom.BurnedInAnnotation, "NO")
	h.Text(dicom.PixelIntensityRelationship, "LOG")
	h.Int(dicom.PixelIntensityRelationshipSign, -1)
	h.window(8000, 12000, "US")
	h.Text(dicom.LossyImageCompression, "00")
	h.Seq(dicom.ViewCodeSequence, code("399348003", "SCT", "postero-anterior"))
	h.Text(dicom.PresentationLUTShape, "IDENTITY")
}

// drMax is the brightest value of 14 bits.
const drMax = 1<<14 - 1

// drPixels adds up what the ray passes through: trunk, heart, spine and ribs, less the air of the lungs.
func drPixels(s Spec, n int, w io.Writer) error {
	z := newNoise(s.Seed, n)
	row, buf := make([]int16, s.Columns), make([]byte, 2*s.Columns)
	for y := range s.Rows {
		v := (float64(y) + .5) / float64(s.Rows)
		shoulders := .30 + .16*math.Sqrt(min(1, max(0, (v-.03)*3)))
		for i := range row {
			row[i] = 900
		}
		add(row, .5, shoulders, 5200)
		add(row, .5, .055, 2600) // spine and mediastinum
		add(row, .3, half(v, .47, .36)*.165, -3600)
		add(row, .7, half(v, .45, .35)*.16, -3600)
		add(row, .57, half(v, .60, .20)*.17, 2300) // heart
		if v > .72 {                               // domes of the diaphragm
			add(row, .3, math.Sqrt(min(1, (v-.72)*4))*.2, 4300)
			add(row, .7, math.Sqrt(max(0, min(1, (v-.76)*4)))*.2, 4000)
		}
		add(row, .27, half(v, .12, .02)*.2, 1500) // clavicles
		add(row, .73, half(v, .12, .02)*.2, 1500)
		ribs(row, v)
		for i, d := range z.row(len(row)) {
			row[i] = min(drMax, max(0, row[i]+4*d))
		}
		if err := words(w, row, buf); err != nil {
			return err
		}
	}
	return nil
}

// half is the half width at height v of an ellipse of half width 1.
func half(v, centre, height float64) float64 {
	d := (v - centre) / height
	return math.Sqrt(max(0, 1-d*d))
}

// add lays a body of round cross section over the row.
func add(row []int16, x, a, value float64) {
	width := float64(len(row))
	from, to := max(0, int((x-a)*width)), min(len(row), int((x+a)*width))
	for i := from; i < to; i++ {
		d := ((float64(i)+.5)/width - x) / a
		row[i] += int16(value * math.Sqrt(max(0, 1-d*d)))
	}
}

// ribs draws nine arcs on either side that fall outwards.
func ribs(row []int16, v float64) {
	width := float64(len(row))
	for i := int(.12 * width); i < int(.88*width); i++ {
		d := math.Abs(float64(i)/width - .5)
		phase := (v - .15 - 1.1*(d-.2)*(d-.2)*3) * 13
		if d < .07 || phase < 0 || phase > 9 {
			continue
		}
		if f := phase - math.Floor(phase); f < .3 {
			row[i] += 900
		}
	}
}
