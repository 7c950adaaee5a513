package raster

import (
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// grey describes unsigned samples.
func grey(columns, rows, allocated, stored int) Desc {
	return Desc{
		Rows: rows, Columns: columns, Samples: 1, BitsAllocated: allocated, BitsStored: stored, HighBit: stored - 1,
		Photometric: Monochrome2, Frames: 1, VR: dicom.OW, Aspect: 1, Values: Values{Slope: 1},
	}
}

func colour(columns, rows int) Desc {
	d := grey(columns, rows, 8, 8)
	d.Samples, d.Photometric, d.VR = 3, RGB, dicom.OB
	return d
}

// ramp makes a native frame whose samples rise and wrap within Bits Stored.
func ramp(d Desc) []byte {
	b := make([]byte, d.NativeBytes())
	size := max(1, d.BitsAllocated/8)
	for i := 0; i+size <= len(b); i += size {
		v := uint64(i/size) * 37
		if d.BitsStored < 64 && d.BitsAllocated > 1 {
			v &= 1<<d.BitsStored - 1
		}
		for k := range size {
			b[i+k] = byte(v >> (8 * k))
		}
	}
	return b
}

// dataSet writes the description's image pixel module.
func dataSet(d Desc) *dicom.DataSet {
	s := dicom.NewDataSet()
	s.SetInt(dicom.SamplesPerPixel, d.Samples)
	s.SetText(dicom.PhotometricInterpretation, d.Photometric)
	if d.Samples == 3 {
		s.SetInt(dicom.PlanarConfiguration, d.Planar)
	}
	s.SetInt(dicom.NumberOfFrames, d.Frames)
	s.SetInt(dicom.Rows, d.Rows)
	s.SetInt(dicom.Columns, d.Columns)
	s.SetInt(dicom.BitsAllocated, d.BitsAllocated)
	s.SetInt(dicom.BitsStored, d.BitsStored)
	s.SetInt(dicom.HighBit, d.HighBit)
	signed := 0
	if d.Signed {
		signed = 1
	}
	s.SetInt(dicom.PixelRepresentation, signed)
	return s
}

func written(t testing.TB, s *dicom.DataSet) []byte {
	t.Helper()
	b, err := dicom.AppendDataSet(nil, s, dicom.ExplicitLE, "")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func header(d Desc) []byte {
	b, _ := dicom.AppendDataSet(nil, dataSet(d), dicom.ExplicitLE, "")
	return b
}

// item makes a sequence item.
func item(set func(*dicom.DataSet)) *dicom.DataSet {
	s := dicom.NewDataSet()
	set(s)
	return s
}
