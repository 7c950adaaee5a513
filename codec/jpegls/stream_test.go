package jpegls

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/codectest"
)

// TestExampleOfTheStandard is T.87 H.3: 4×4 samples of 8 bits and the stream they must make.
func TestExampleOfTheStandard(t *testing.T) {
	pix := []byte{0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145}
	want, err := hex.DecodeString(strings.ReplaceAll("FFD8 FFF7 000B 08 0004 0004 01 01 11 00 FFDA 0008 01 01 00 00 00 00 "+
		"C0 00 00 6C 80 20 8E 01 C0 00 00 57 40 00 00 6E E6 00 00 01 BC 18 00 00 05 D8 00 00 91 60 FFD9", " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Encode(nil, pix, Info{Width: 4, Height: 4, Components: 1, Bits: 8})
	got = bytes.Replace(got, []byte{0xFF, 0xFF, markEOI}, []byte{0xFF, markEOI}, 1) // ours ends on an even byte
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("encoded %x, %v", got, err)
	}
	back, _, err := Decode(want)
	if err != nil || !bytes.Equal(back, pix) {
		t.Errorf("decoded %v, %v", back, err)
	}
}

func TestDefaultPresetsOfTheStandard(t *testing.T) {
	tests := []struct { // C.2.4.1.1.1
		name       string
		bits, near int
		want       preset
	}{
		{"8 bits", 8, 0, preset{255, 3, 7, 21, 64}},
		{"12 bits", 12, 0, preset{4095, 18, 67, 276, 64}},
		{"16 bits", 16, 0, preset{65535, 18, 67, 276, 64}},
		{"8 bits near 3", 8, 3, preset{255, 12, 22, 42, 64}},
		{"2 bits", 2, 0, preset{3, 2, 3, 3, 64}},
		{"4 bits", 4, 0, preset{15, 2, 3, 4, 64}},
	}
	for _, tt := range tests {
		if got := (preset{}).orDefault(tt.bits, tt.near); got != tt.want || !got.valid(tt.bits, tt.near) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestEveryDifferenceHasItsRegion(t *testing.T) {
	var s state
	s.begin(newModel(preset{}.orDefault(12, 2), 2))
	for d := -65535; d <= 65535; d++ {
		want := 0
		for i, limit := range []int{s.near + 1, s.t1, s.t2, s.t3} {
			if d >= limit {
				want = i + 1
			}
			if d <= -limit {
				want = -i - 1
			}
		}
		if got := int(s.quantum[d&(gradients-1)]); got != want {
			t.Fatalf("difference %d is in region %d, want %d", d, got, want)
		}
	}
}

// parts cuts a stream of ours of one scan: up to the scan header, the scan header, the coded bytes.
func parts(t testing.TB, m codectest.Image, info Info) (frame, scan, coded []byte) {
	t.Helper()
	b, err := Encode(nil, m.Pix, info)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte{0xFF, markSOS})
	begin := at + 2 + int(b[at+3])
	return b[:at], b[at:begin], b[begin:entropyEnd(b, begin)]
}

// strips encodes an image with restart intervals of n lines: each is an image by itself (A.8).
func strips(t testing.TB, m codectest.Image, info Info, n int) []byte {
	t.Helper()
	frame, scan, _ := parts(t, m, info)
	b := append([]byte{}, frame...)
	b = append(append(b, 0xFF, markDRI, 0, 4, 0, byte(n)), scan...)
	for y := 0; y < m.Height; y += n {
		if y > 0 {
			b = append(b, 0xFF, byte(markRST0+(y/n-1)%8))
		}
		strip := m
		strip.Height = min(n, m.Height-y)
		strip.Pix = m.Pix[y*info.stride():][:strip.Height*info.stride()]
		_, _, coded := parts(t, strip, form(strip, info.Near, info.Interleave))
		b = append(b, coded...)
	}
	return append(b, 0xFF, markEOI)
}

func TestRestartIntervals(t *testing.T) {
	for _, content := range []string{"smooth", "runs", "noise"} {
		for mode, components := range []int{1, 3, 3} {
			m := codectest.Make(content, 37, 41, components, 12, 9)
			got, _, err := Decode(strips(t, m, form(m, 0, mode), 4))
			if err != nil || !bytes.Equal(got, m.Pix) {
				t.Errorf("%s, mode %d: %v", content, mode, err)
			}
		}
	}
}

func TestHeightOfDNL(t *testing.T) {
	m := codectest.Make("smooth", 37, 41, 1, 12, 9)
	for name, stream := range map[string][]byte{"plain": strips(t, m, form(m, 0, 0), 255), "restart": strips(t, m, form(m, 0, 0), 5)} {
		stream[7], stream[8] = 0, 0 // lines of the frame header
		stream = append(stream[:len(stream)-2], 0xFF, 0xFF, markDNL, 0, 4, 0, 41, 0xFF, markEOI)
		info, err := DecodeConfig(stream)
		if err != nil || info.Height != 41 {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
		if got, _, err := Decode(stream); err != nil || !bytes.Equal(got, m.Pix) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFillBytesCommentsAndWhatFollows(t *testing.T) {
	m := codectest.Make("smooth", 37, 11, 1, 16, 9)
	frame, scan, coded := parts(t, m, form(m, 0, 0))
	b := append([]byte{}, frame[:2]...)
	b = append(b, 0xFF, 0xFF, 0xFF, 0xFE, 0, 5, 'a', 0xFF, 'c', 0xFF, 0xE8, 0, 2)
	b = append(append(b, frame[2:]...), 0xFF, 0xFF)
	b = append(append(b, scan...), coded...)
	for name, tail := range map[string][]byte{"EOI and more": {0xFF, 0xFF, 0xFF, markEOI, 0, 0, 7}, "no EOI": {}, "zeros": {0, 0, 0}} {
		got, _, err := Decode(append(bytes.Clone(b), tail...))
		if err != nil || !bytes.Equal(got, m.Pix) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPartOfTheRange has MAXVAL below what the bits hold, and thresholds of its own.
func TestPartOfTheRange(t *testing.T) {
	for _, near := range []int{0, 2} {
		m := codectest.Make("smooth", 60, 40, 1, 12, 9)
		for i := 0; i < len(m.Pix); i += 2 {
			v := value(m.Pix, 12, i/2) % 3001
			m.Pix[i], m.Pix[i+1] = byte(v), byte(v>>8)
		}
		p := preset{maxVal: 3000, t1: 9, t2: 50, t3: 200, reset: 20}
		var e encoder
		e.info, e.pix, e.asked = form(m, near, 0), m.Pix, p
		e.image()
		got, _, err := Decode(e.out)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(got) / 2 {
			if d := value(got, 12, i) - value(m.Pix, 12, i); d > near || d < -near {
				t.Fatalf("near %d: sample %d differs by %d", near, i, d)
			}
		}
	}
}

func TestCutIsRefused(t *testing.T) {
	for mode := range 3 {
		for _, content := range []string{"smooth", "constant", "noise"} {
			m := codectest.Make(content, 33, 9, 3, 8, 1)
			b, err := Encode(nil, m.Pix, form(m, 0, mode))
			if err != nil {
				t.Fatal(err)
			}
			end := entropyEnd(b, bytes.LastIndex(b, []byte{0xFF, markSOS})+2)
			if b[end-1] == 0 && b[end-2] == 0xFF {
				end-- // the zero behind a last byte of ones says nothing
			}
			for n := range end {
				_, _, err := Decode(b[:n])
				var f *FormatError
				if !errors.As(err, &f) || f.Kind != Truncated && n > 1 {
					t.Fatalf("mode %d, %s: %d of %d bytes: %v", mode, content, n, end, err)
				}
			}
		}
	}
}

func TestRefused(t *testing.T) {
	m := codectest.Make("smooth", 37, 11, 1, 8, 9)
	frame, scan, coded := parts(t, m, form(m, 0, 0))
	stream := func(change func(frame, scan []byte) []byte) []byte {
		f, s := bytes.Clone(frame), bytes.Clone(scan)
		extra := change(f, s)
		b := append(append(append(f, extra...), s...), coded...)
		return append(b, 0xFF, markEOI)
	}
	tests := []struct {
		name string
		b    []byte
		kind Kind
	}{
		{"nothing", nil, Structure},
		{"baseline JPEG", []byte{0xFF, 0xD8, 0xFF, 0xC0, 0, 2}, Unsupported},
		{"no frame", append([]byte{0xFF, 0xD8}, scan...), Structure},
		{"mapping table", stream(func(_, _ []byte) []byte { return []byte{0xFF, markLSE, 0, 6, 2, 1, 1, 0} }), Unsupported},
		{"HP colour transform", stream(func(_, _ []byte) []byte { return []byte{0xFF, 0xE8, 0, 7, 'm', 'r', 'f', 'x', 1} }), Unsupported},
		{"mapping table of the scan", stream(func(_, s []byte) []byte { s[6] = 1; return nil }), Unsupported},
		{"sides beyond 65535", stream(func(_, _ []byte) []byte { return []byte{0xFF, markLSE, 0, 6, 4, 1, 1, 0} }), Unsupported},
		{"thresholds out of order", stream(func(_, _ []byte) []byte {
			return []byte{0xFF, markLSE, 0, 13, 1, 0, 255, 0, 9, 0, 8, 0, 7, 0, 64}
		}), Structure},
		{"point transform", stream(func(_, s []byte) []byte { s[len(s)-1] = 1; return nil }), Unsupported},
		{"NEAR beyond the range", stream(func(_, s []byte) []byte { s[len(s)-3] = 200; return nil }), Structure},
		{"17 bits", stream(func(f, _ []byte) []byte { f[6] = 17; return nil }), Structure},
		{"no width", stream(func(f, _ []byte) []byte { f[9], f[10] = 0, 0; return nil }), Unsupported},
		{"no height anywhere", stream(func(f, _ []byte) []byte { f[7], f[8] = 0, 0; return nil }), Structure},
		{"65535×65535", stream(func(f, _ []byte) []byte { f[7], f[8], f[9], f[10] = 255, 255, 255, 255; return nil }), Limit},
		{"more lines than bits", stream(func(f, _ []byte) []byte { f[7], f[8] = 255, 255; return nil }), Truncated},
		{"more lines than there are", stream(func(f, _ []byte) []byte { f[8]++; return nil }), Truncated},
	}
	for _, tt := range tests {
		_, _, err := Decode(tt.b)
		var f *FormatError
		if !errors.As(err, &f) || f.Kind != tt.kind {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for _, info := range []Info{{}, {Width: 1, Height: 1, Components: 5, Bits: 8}, {Width: 1, Height: 1, Components: 1, Bits: 17}, {Width: 9, Height: 9, Components: 1, Bits: 8}, {Width: 1, Height: 1, Components: 1, Bits: 8, Near: 128}} {
		if _, err := Encode(nil, []byte{1, 2}, info); err == nil {
			t.Errorf("%+v: accepted", info)
		}
	}
}
