package jpeg

import (
	"bytes"
	"image"
	stdjpeg "image/jpeg"
	"testing"

	"github.com/lianzhen/lianzhen/codec/codectest"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

// measured are frames as equipment sends them.
func measured(b *testing.B) []codectest.Image {
	ct := codectest.Phantom(b, phantom.CTChest, 512, 512)
	dr := codectest.Phantom(b, phantom.DRChest, 3000, 3000)
	mr := codectest.Phantom(b, phantom.MRBrain, 256, 256)
	us := codectest.Phantom(b, phantom.USHeart, 480, 640)
	ct.Name, dr.Name, mr.Name, us.Name = "CT", "DR", "MR", "US"
	return []codectest.Image{ct, dr, mr, us}
}

func BenchmarkDecodeLossless(b *testing.B) {
	for _, m := range measured(b) {
		for _, predictor := range []int{1, 7} {
			b.Run(m.Name+map[int]string{1: "", 7: "-predictor-7"}[predictor], func(b *testing.B) {
				in, err := EncodeLossless(nil, m.Pix, form(m, predictor, 0))
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
}

func BenchmarkEncodeLossless(b *testing.B) {
	for _, m := range measured(b) {
		b.Run(m.Name, func(b *testing.B) {
			var out []byte
			b.SetBytes(int64(len(m.Pix)))
			for b.Loop() {
				out, _ = EncodeLossless(out[:0], m.Pix, form(m, 1, 0))
			}
		})
	}
}

// baseline is a picture as image/jpeg writes it: 4:2:0 when in colour.
func baseline(t testing.TB, m codectest.Image, quality int) []byte {
	t.Helper()
	var src image.Image
	if m.Components == 1 {
		src = &image.Gray{Pix: m.Pix, Stride: m.Width, Rect: image.Rect(0, 0, m.Width, m.Height)}
	} else {
		rgba := image.NewRGBA(image.Rect(0, 0, m.Width, m.Height))
		for i := range m.Width * m.Height {
			copy(rgba.Pix[4*i:], m.Pix[3*i:3*i+3])
			rgba.Pix[4*i+3] = 255
		}
		src = rgba
	}
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, src, &stdjpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func BenchmarkDecodeBaseline(b *testing.B) {
	us := codectest.Phantom(b, phantom.USHeart, 480, 640)
	in := baseline(b, us, 85)
	var out []byte
	b.SetBytes(int64(len(us.Pix)))
	for b.Loop() {
		out, _, _ = DecodeInto(out, in)
	}
}
