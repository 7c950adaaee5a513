package jpegls

import (
	"bytes"
	"testing"

	"github.com/lianzhen/lianzhen/codec/codectest"
)

func FuzzDecode(f *testing.F) {
	for _, content := range []string{"smooth", "runs", "noise", "constant"} {
		for mode := range 3 {
			for _, bits := range []int{8, 16} {
				m := codectest.Make(content, 19, 7, 1+mode, bits, 1)
				for near := range 2 {
					b, err := Encode(nil, m.Pix, form(m, near, mode))
					if err != nil {
						f.Fatal(err)
					}
					f.Add(b)
				}
				if mode == 0 {
					f.Add(strips(f, m, form(m, 0, 0), 3))
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
		info.Near = 0
		again, err := Encode(nil, pix, info)
		if err != nil {
			t.Fatal(err)
		}
		if back, _, err := Decode(again); err != nil || !bytes.Equal(back, pix) {
			t.Fatalf("does not come back: %v", err)
		}
	})
}
