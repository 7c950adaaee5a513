package phantom

import (
	"io"
	"math"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

const (
	mrSpacing   = 0.9
	mrThickness = 6.0
)

func mrHead(h *header) {
	h.Text(dicom.ScanningSequence, "SE")
	h.Text(dicom.SequenceVariant, "SK")
	h.Text(dicom.ScanOptions)
	h.Text(dicom.MRAcquisitionType, "2D")
	h.Float(dicom.SliceThickness, mrThickness)
	h.Int(dicom.RepetitionTime, 4200)
	h.Int(dicom.EchoTime, 98)
	h.Int(dicom.EchoTrainLength, 15)
	h.Text(dicom.DeviceSerialNumber, "LZ-MR-0001")
	h.Text(dicom.ProtocolName, "T2 TRA")
	h.Text(dicom.PatientPosition, "HFS")
	h.place()
	spacing := mrSpacing * 256 / float64(h.Columns)
	h.plane(spacing, mrThickness)
	h.image(spacing, 12, false)
	h.window(700, 1400, "")
}

// mrPixels draws a T2 weighted head: bright fluid, grey bark, darker marrow. Noise is Rician: it never falls below zero.
func mrPixels(s Spec, n int, w io.Writer) error {
	t := float64(n) / float64(max(1, s.Count-1))
	size := .55 + .45*math.Sin(math.Pi*(.12+.8*t))
	vent := max(0, 1-math.Abs(t-.55)/.25)
	ovals := []oval{
		{.5, .5, .40 * size, .47 * size, 700}, // scalp
		{.5, .5, .38 * size, .45 * size, 60},  // skull
		{.5, .5, .355 * size, .42 * size, 1300},
		{.5, .5, .34 * size, .405 * size, 620}, // bark
	}
	for i := range 26 { // folds
		a := float64(i) * math.Pi / 13
		ovals = append(ovals, oval{.5 + .31*size*math.Cos(a), .5 + .375*size*math.Sin(a), .012 * size, .02 * size, 1250})
	}
	ovals = append(
		ovals,
		oval{.42, .5, .18 * size, .30 * size, 430}, // marrow
		oval{.58, .5, .18 * size, .30 * size, 430},
		oval{.5, .5, .006, .40 * size, 900}, // falx
		oval{.45, .46, .035 * vent, .12 * vent, 1400},
		oval{.55, .46, .035 * vent, .12 * vent, 1400},
		oval{.42, .56, .05 * vent, .06 * vent, 560}, // thalami
		oval{.58, .56, .05 * vent, .06 * vent, 560},
	)
	return paint(s, n, w, 0, ovals, func(row, noise []int16) {
		for i, z := range noise {
			if v := row[i] + z; v >= 0 {
				row[i] = v
			} else {
				row[i] = -v
			}
		}
	})
}
