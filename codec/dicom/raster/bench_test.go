package raster

import (
	"bytes"
	"io"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

// phantomSource makes the first object of a study of people who do not exist.
func phantomSource(t testing.TB, spec phantom.Spec) Source {
	t.Helper()
	for _, write := range phantom.Study(spec) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		obj, err := dicom.Scan(bytes.NewReader(b.Bytes()), dicom.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return Source{Object: obj, Open: opener(b.Bytes())}
	}
	t.Fatal("no object")
	return Source{}
}

func phantomFrame(b *testing.B, spec phantom.Spec) (Source, Desc, []byte) {
	b.Helper()
	src := phantomSource(b, spec)
	d, err := DescOf(&src.Object.Header.DataSet)
	if err != nil {
		b.Fatal(err)
	}
	native, out, err := src.Native(d, 0)
	if err != nil {
		b.Fatal(err)
	}
	return src, out, native
}

var (
	ct = phantom.Spec{Kind: phantom.CTChest, Count: 1}
	dr = phantom.Spec{Kind: phantom.DRChest, Rows: 3000, Columns: 3000}
	us = phantom.Spec{Kind: phantom.USHeart, Count: 8}
)

func BenchmarkRender(b *testing.B) {
	for _, c := range []struct {
		name string
		spec phantom.Spec
		view View
	}{
		{"CT full size", ct, View{}},
		{"CT thumbnail", ct, View{Width: 128, Height: 128}},
		{"CT sigmoid", ct, View{Window: &Window{Center: 40, Width: 400, Function: Sigmoid}}},
		{"CT twice as large", ct, View{Width: 1024, Height: 1024}},
		{"DR to 750", dr, View{Width: 750, Height: 750}},
		{"DR to 1500", dr, View{Width: 1500, Height: 1500}},
		{"DR full size", dr, View{}},
		{"US colour", us, View{}},
		{"US colour to 320", us, View{Width: 320}},
	} {
		b.Run(c.name, func(b *testing.B) {
			_, d, native := phantomFrame(b, c.spec)
			b.SetBytes(int64(len(native)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Render(d, native, 0, c.view); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRenderToJPEG(b *testing.B) {
	_, d, native := phantomFrame(b, dr)
	b.SetBytes(int64(len(native)))
	for b.Loop() {
		img, err := Render(d, native, 0, View{Width: 750, Height: 750})
		if err != nil {
			b.Fatal(err)
		}
		if err := WriteJPEG(io.Discard, img, 85); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDescOf(b *testing.B) {
	src := phantomSource(b, ct)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DescOf(&src.Object.Header.DataSet); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTranscode(b *testing.B) {
	for _, c := range []struct {
		name string
		spec phantom.Spec
		to   dicom.UID
	}{
		{"CT to JPEG-LS", ct, dicom.JPEGLSLossless},
		{"CT to JPEG lossless", ct, dicom.JPEGLossless},
		{"CT to RLE", ct, dicom.RLELossless},
		{"CT to implicit", ct, dicom.ImplicitLE},
		{"DR to JPEG-LS", dr, dicom.JPEGLSLossless},
		{"US to JPEG baseline", us, dicom.JPEGBaseline},
		{"US to JPEG-LS", us, dicom.JPEGLSLossless},
	} {
		b.Run(c.name, func(b *testing.B) {
			src := phantomSource(b, c.spec)
			b.SetBytes(src.Object.Pixels.Length)
			b.ReportAllocs()
			for b.Loop() {
				copied, err := Transcode{Source: src, Syntax: c.to}.Copy()
				if err != nil {
					b.Fatal(err)
				}
				if _, err := copied.WriteTo(io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
