package jpegls

import (
	"testing"

	"github.com/lianzhen/lianzhen/codec/codectest"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

// measured are frames as equipment sends them, and how they are encoded.
func measured(b *testing.B) (images []codectest.Image, infos []Info) {
	ct := codectest.Phantom(b, phantom.CTChest, 512, 512)
	dr := codectest.Phantom(b, phantom.DRChest, 3000, 3000)
	mr := codectest.Phantom(b, phantom.MRBrain, 256, 256)
	us := codectest.Phantom(b, phantom.USHeart, 480, 640)
	drawn := codectest.Make("smooth", 1024, 1024, 1, 12, 1)
	noise := codectest.Make("noise", 1024, 1024, 1, 16, 1)
	ct.Name, dr.Name, mr.Name, us.Name, drawn.Name, noise.Name = "CT", "DR", "MR", "US", "smooth", "noise"
	images = []codectest.Image{ct, dr, mr, us, drawn, noise}
	for _, m := range images {
		infos = append(infos, form(m, 0, InterleaveLine))
	}
	near, pixel := us, ct
	near.Name, pixel.Name = "US-by-sample", "CT-near"
	return append(images, near, pixel), append(infos, form(near, 0, InterleaveSample), form(pixel, 2, 0))
}

func BenchmarkDecode(b *testing.B) {
	images, infos := measured(b)
	for i, m := range images {
		b.Run(m.Name, func(b *testing.B) {
			in, err := Encode(nil, m.Pix, infos[i])
			if err != nil {
				b.Fatal(err)
			}
			var out []byte
			b.SetBytes(int64(len(m.Pix)))
			for b.Loop() {
				out, _, _ = DecodeInto(out, in)
			}
			b.ReportMetric(float64(len(m.Pix))/float64(len(in)), "ratio")
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	images, infos := measured(b)
	for i, m := range images {
		b.Run(m.Name, func(b *testing.B) {
			var out []byte
			b.SetBytes(int64(len(m.Pix)))
			for b.Loop() {
				out, _ = Encode(out[:0], m.Pix, infos[i])
			}
		})
	}
}
