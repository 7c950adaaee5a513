package raster

import (
	"bytes"
	"image"
	"slices"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// FuzzDecode holds that no description with no frame panics in decoding, encoding or rendering, and that what is decoded has
// the length its description says and comes back from every lossless encoding.
func FuzzDecode(f *testing.F) {
	syntaxes := slices.Concat(losslessSyntaxes, []dicom.UID{dicom.JPEGBaseline, JPEGExtended, JPEGLSNear, dicom.JPEG2000})
	for i, s := range syntaxes {
		for _, d := range []Desc{grey(5, 4, 16, 12), grey(7, 3, 8, 8), colour(4, 4)} {
			b := ramp(d)
			if frame, _, err := Encode(s, d, b); err == nil {
				f.Add(byte(i), header(d), frame)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which byte, head, frame []byte) {
		set, err := dicom.ReadDataSet(head, dicom.ExplicitLE, dicom.Limits{})
		if err != nil {
			return
		}
		d, err := DescOf(set)
		if err != nil || d.NativeBytes() > 1<<20 {
			return
		}
		syntax := syntaxes[int(which)%len(syntaxes)]
		native, out, err := Decode(syntax, d, frame)
		if err != nil {
			return
		}
		if int64(len(native)) != out.NativeBytes() {
			t.Fatalf("%d bytes, not %d", len(native), out.NativeBytes())
		}
		if img, err := Render(out, native, 0, View{Width: 16, Height: 16, Overlays: true}); err == nil {
			if !img.Bounds().In(image.Rect(0, 0, 16, 16)) {
				t.Fatal(img.Bounds())
			}
		}
		for _, to := range losslessSyntaxes {
			coded, od, err := Encode(to, out, native)
			if err != nil {
				continue
			}
			back, _, err := Decode(to, od, coded)
			if err != nil || !bytes.Equal(back, native) {
				t.Fatalf("%s: %v", to, err)
			}
		}
	})
}

// FuzzState holds that no presentation state panics or keeps a picture from being made.
func FuzzState(f *testing.F) {
	f.Add(written(f, stateSet()))
	f.Fuzz(func(t *testing.T, head []byte) {
		set, err := dicom.ReadDataSet(head, dicom.ExplicitLE, dicom.Limits{})
		if err != nil {
			return
		}
		s, err := StateOf(set)
		if err != nil {
			return
		}
		d := grey(8, 8, 16, 12)
		if img, err := Render(d, ramp(d), 0, View{Width: 32, Height: 32, Presentation: s}); err == nil && img.Bounds().Empty() {
			t.Fatal("an empty picture")
		}
	})
}
