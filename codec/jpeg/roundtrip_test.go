package jpeg

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/codectest"
)

// roundTrip encodes and decodes; what the point transform drops must be all that is lost.
func roundTrip(t *testing.T, m codectest.Image, predictor, shift, every int) {
	t.Helper()
	info := form(m, predictor, shift)
	b := encodeEvery(t, m, info, every)
	got, back, err := Decode(b)
	if err != nil {
		t.Fatalf("%s: %+v: %v", m.Name, info, err)
	}
	info.Process, info.ColorTransform = 3, -1
	for c := range m.Components {
		info.H, info.V, info.ComponentIDs = append(info.H, 1), append(info.V, 1), append(info.ComponentIDs, byte(c+1))
	}
	if d := cmp.Diff(info, back); d != "" {
		t.Fatalf("%s: %s", m.Name, d)
	}
	if want := dropped(m, shift); !bytes.Equal(got, want) {
		t.Fatalf("%s: %+v: another picture", m.Name, info)
	}
}

// encodeEvery is EncodeLossless with restart intervals of so many lines.
func encodeEvery(t testing.TB, m codectest.Image, info Info, every int) []byte {
	t.Helper()
	if every == 0 {
		b, err := EncodeLossless(nil, m.Pix, info)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	e := encoder{Info: info, pix: m.Pix, every: every}
	return e.image()
}

// dropped are the samples without their low bits.
func dropped(m codectest.Image, shift int) []byte {
	pix := bytes.Clone(m.Pix)
	for i := range pix {
		switch {
		case m.Bits <= 8:
			pix[i] = pix[i] >> shift << shift
		case i%2 == 0:
			binary.LittleEndian.PutUint16(pix[i:], binary.LittleEndian.Uint16(pix[i:])>>shift<<shift)
		}
	}
	return pix
}

func TestRoundTrip(t *testing.T) {
	for components := 1; components <= 4; components++ {
		for _, m := range images(components, 2, 7, 8, 9, 12, 15, 16) {
			for i := range m.Frames {
				for predictor := 1; predictor <= 7; predictor++ {
					roundTrip(t, m.Frame(i), predictor, 0, 0)
				}
				roundTrip(t, m.Frame(i), 1, 1, 0)
			}
		}
	}
}

func TestRestartIntervals(t *testing.T) {
	for _, content := range []string{"smooth", "noise", "runs"} {
		for _, components := range []int{1, 3} {
			for predictor := 1; predictor <= 7; predictor++ {
				roundTrip(t, codectest.Make(content, 37, 41, components, 12, 9), predictor, 0, 3)
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
		roundTrip(t, m, 1+r.IntN(7), r.IntN(m.Bits), r.IntN(4))
	}
}

// TestRareClasses has differences so unequally frequent that codes of more than 16 bits would be best (K.2 figure K.3).
func TestRareClasses(t *testing.T) {
	var freq [classes]int
	for i, n := 0, 1; i < classes; i, n = i+1, n*2 {
		freq[i] = n
	}
	o := newOptimal(freq)
	total, room := 0, 0
	for i, n := range o.count {
		total += int(n)
		room += int(n) << (15 - i)
	}
	if total != classes || len(o.symbol) != classes || room >= 1<<16 {
		t.Errorf("%d codes of %d symbols fill %d of 65536", total, len(o.symbol), room)
	}
	var h huffman
	h.read(codes{o.count[:], o.symbol})
	for s := range classes {
		own := s % 16
		n := int(o.total[s]) - own
		r := reader{cache: uint64(o.lead[s]>>own) << (64 - n), n: 64}
		if got := r.code(&h); got != s || r.bad {
			t.Errorf("class %d of %d bits is read as %d", s, n, got)
		}
	}
}
