package phantom

import (
	"io"
	"math"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

const usFrameMS = 33.3

func usHead(h *header) {
	h.Text(dicom.DeviceSerialNumber, "LZ-US-0001")
	h.Float(dicom.FrameTime, usFrameMS)
	h.place()
	h.Text(dicom.PatientOrientation)
	samples, photometric := 3, "RGB"
	if h.Gray {
		samples, photometric = 1, "MONOCHROME2"
	}
	h.Int(dicom.SamplesPerPixel, samples)
	h.Text(dicom.PhotometricInterpretation, photometric)
	if samples == 3 {
		h.Int(dicom.PlanarConfiguration, 0)
	}
	h.Int(dicom.NumberOfFrames, h.Count)
	h.Bytes(dicom.FrameIncrementPointer, dicom.AT, []byte{0x18, 0x00, 0x63, 0x10})
	h.Int(dicom.Rows, h.Rows)
	h.Int(dicom.Columns, h.Columns)
	h.Int(dicom.BitsAllocated, 8)
	h.Int(dicom.BitsStored, 8)
	h.Int(dicom.HighBit, 7)
	h.Int(dicom.PixelRepresentation, 0)
	h.Text(dicom.LossyImageCompression, "00")
}

// usPoint is a pixel of the sector in polar form, computed once for all frames.
type usPoint struct {
	at    int32
	angle float32 // from the middle
	depth float32 // 0 at the probe, 1 at the far end
}

const (
	usHalfAngle = .72
	usNear      = .06
)

func sector(rows, columns int) []usPoint {
	points := make([]usPoint, 0, rows*columns/2)
	reach := float64(rows) * .94
	for y := range rows {
		for x := range columns {
			dx, dy := float64(x)-float64(columns)/2, float64(y)-float64(rows)*.03
			r, a := math.Hypot(dx, dy)/reach, math.Atan2(dx, dy)
			if r > usNear && r < 1 && math.Abs(a) < usHalfAngle {
				points = append(points, usPoint{int32(y*columns + x), float32(a), float32(r)})
			}
		}
	}
	return points
}

// chamber is a cavity of the heart in polar form; beat is how far it shrinks in systole.
type chamber struct{ angle, depth, a, d, beat float32 }

var chambers = []chamber{
	{-.17, .45, .13, .17, .30}, // left ventricle
	{.17, .45, .12, .15, .22},
	{-.13, .77, .10, .10, -.15}, // atria fill while the ventricles empty
	{.13, .77, .10, .10, -.15},
}

// usPixels writes a loop of a beating four-chamber view with speckle, one frame in memory at a time.
func usPixels(s Spec, _ int, w io.Writer) error {
	points := sector(s.Rows, s.Columns)
	samples := 3
	if s.Gray {
		samples = 1
	}
	frame := make([]byte, s.Rows*s.Columns*samples)
	for f := range s.Count {
		usFrame(frame, points, newNoise(s.Seed, f), 2*math.Pi*float64(f)/24, samples)
		if _, err := w.Write(frame); err != nil {
			return err
		}
	}
	return nil
}

func usFrame(frame []byte, points []usPoint, z *noise, phase float64, samples int) {
	beat := float32(.5 - .5*math.Cos(phase))
	speckle := z.row(noiseLen / 2)
	flow := beat > .35 && samples == 3
	for i, p := range points {
		v := int(150-90*p.depth) + int(speckle[i&(len(speckle)-1)])*3
		wall, inside, blood := heart(p, beat)
		switch {
		case inside:
			v = 6 + int(speckle[i&(len(speckle)-1)])/3
		case wall:
			v += 50
		}
		grey := byte(min(255, max(0, v)))
		at := int(p.at) * samples
		for c := range samples {
			frame[at+c] = grey
		}
		if flow && blood { // colour Doppler in the left ventricle
			frame[at], frame[at+1], frame[at+2] = byte(120+100*beat), byte(40*beat), 20
		}
	}
}

// heart tells where the point lies: in a wall, in a cavity, in the stream of the left ventricle.
func heart(p usPoint, beat float32) (wall, inside, blood bool) {
	for i, c := range chambers {
		k := 1 - c.beat*beat
		x, y := (p.angle-c.angle)/(c.a*k), (p.depth-c.depth)/(c.d*k)
		switch d := x*x + y*y; {
		case d < 1:
			return false, true, i == 0 && d < .45
		case d < 1.5:
			wall = true
		}
	}
	return wall, false, false
}
