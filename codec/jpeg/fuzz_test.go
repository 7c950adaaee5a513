package jpeg

import (
	"bytes"
	"testing"

	"github.com/lianzhen/lianzhen/codec/codectest"
)

func FuzzDecode(f *testing.F) {
	for _, content := range []string{"smooth", "noise", "constant"} {
		for _, bits := range []int{8, 16} {
			for _, components := range []int{1, 3} {
				m := codectest.Make(content, 19, 7, components, bits, 1)
				for predictor := 1; predictor <= 7; predictor += 3 {
					f.Add(encodeEvery(f, m, form(m, predictor, 0), 0))
				}
				f.Add(encodeEvery(f, m, form(m, 1, 0), 2))
				if bits == 8 {
					f.Add(baseline(f, m, 70))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if info, err := DecodeConfig(b); err != nil || info.size() > 1<<24 {
			return
		}
		pix, info, err := Decode(b)
		if err != nil {
			return
		}
		if len(pix) != info.size() {
			t.Fatalf("%+v has %d bytes", info, len(pix))
		}
		if info.bytes() == 2 { // samples may have more bits than declared
			info.Bits = 16
		} else {
			info.Bits = 8
		}
		again, err := EncodeLossless(nil, pix, Info{Width: info.Width, Height: info.Height, Components: info.Components, Bits: info.Bits})
		if err != nil {
			t.Fatal(err)
		}
		if back, _, err := Decode(again); err != nil || !bytes.Equal(back, pix) {
			t.Fatalf("does not come back: %v", err)
		}
	})
}
