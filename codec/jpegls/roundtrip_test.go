package jpegls

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/lianzhen/lianzhen/codec/codectest"
)

// value is sample i of pix.
func value(pix []byte, bits, i int) int {
	if bits <= 8 {
		return int(pix[i])
	}
	return int(binary.LittleEndian.Uint16(pix[2*i:]))
}

// roundTrip encodes and decodes, and holds the samples to NEAR.
func roundTrip(t *testing.T, m codectest.Image, info Info) {
	t.Helper()
	b, err := Encode(nil, m.Pix, info)
	if err != nil {
		t.Fatalf("%s: %+v: %v", m.Name, info, err)
	}
	got, back, err := Decode(b)
	if info.Components == 1 {
		info.Interleave = 0
	}
	if err != nil || back != info || len(got) != len(m.Pix) {
		t.Fatalf("%s: %+v: %+v, %v", m.Name, info, back, err)
	}
	for i := range len(got) / info.bytes() {
		if d := value(got, m.Bits, i) - value(m.Pix, m.Bits, i); d > info.Near || d < -info.Near {
			t.Fatalf("%s: %+v: sample %d differs by %d", m.Name, info, i, d)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for components := 1; components <= 4; components++ {
		for _, m := range images(components, 2, 3, 7, 8, 9, 10, 12, 15, 16) {
			for mode := range 3 {
				for _, near := range []int{0, 1, 3, 11} {
					if near <= (1<<m.Bits-1)/2 {
						for i := range m.Frames {
							roundTrip(t, m.Frame(i), form(m, near, mode))
						}
					}
				}
			}
		}
	}
}

func TestRoundTripOfAnySize(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var names []string
	for name := range codectest.Contents {
		names = append(names, name)
	}
	for range 300 {
		m := codectest.Make(names[r.IntN(len(names))], 1+r.IntN(90), 1+r.IntN(20), 1+r.IntN(4), 2+r.IntN(15), r.Uint64())
		roundTrip(t, m, form(m, r.IntN(min(256, 1<<(m.Bits-1))), r.IntN(3)))
	}
}

func TestWideRuns(t *testing.T) {
	for _, content := range []string{"zero", "sparse", "runs"} {
		m := codectest.Make(content, 65535, 3, 1, 16, 2)
		roundTrip(t, m, form(m, 0, 0))
		roundTrip(t, m, form(m, 2, 0))
	}
}

func TestStreamsAreOfEvenLengthAndAppended(t *testing.T) {
	for w := range 30 {
		m := codectest.Make("noise", w+1, 3, 1, 8, 1)
		b, err := Encode([]byte("before"), m.Pix, form(m, 0, 0))
		if err != nil || !bytes.HasPrefix(b, []byte("before\xFF\xD8")) || len(b)%2 == 1 {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
	}
}
