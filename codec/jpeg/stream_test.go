package jpeg

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lianzhen/lianzhen/codec/codectest"
)

// kind is the kind of refusal, 0 for none.
func kind(err error) Kind {
	var f *FormatError
	if errors.As(err, &f) {
		return f.Kind
	}
	return 0
}

func TestHeightOfDNL(t *testing.T) {
	for _, every := range []int{0, 4} {
		m := codectest.Make("smooth", 37, 41, 1, 12, 9)
		b := encodeEvery(t, m, form(m, 1, 0), every)
		b[7], b[8] = 0, 0 // lines of the frame header
		b = append(bytes.TrimRight(b[:len(b)-2], "\xFF"), 0xFF, 0xFF, markDNL, 0, 4, 0, 41, 0xFF, markEOI)
		info, err := DecodeConfig(b)
		if err != nil || info.Height != 41 {
			t.Errorf("%+v, %v", info, err)
		}
		if got, _, err := Decode(b); err != nil || !bytes.Equal(got, m.Pix) {
			t.Errorf("restart %d: %v", every, err)
		}
	}
}

// coded cuts a stream: what stands before the scan header, the scan header, the coded bytes.
func coded(b []byte) (head, scan, data []byte) {
	at := bytes.LastIndex(b, []byte{0xFF, markSOS})
	begin := at + 2 + int(b[at+3])
	return b[:at], b[at:begin], b[begin:entropyEnd(b, begin)]
}

func TestFillBytesCommentsAndWhatFollows(t *testing.T) {
	m := codectest.Make("smooth", 37, 11, 1, 16, 9)
	head, scan, data := coded(encodeEvery(t, m, form(m, 1, 0), 0))
	b := append([]byte{}, head[:2]...)
	b = append(b, 0xFF, 0xFF, 0xFF, 0xFE, 0, 5, 'a', 0xFF, 'c', 0xFF, 0xEE, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 2)
	b = append(append(b, head[2:]...), 0xFF, 0xFF)
	b = append(append(b, scan...), data...)
	for name, tail := range map[string][]byte{"EOI and more": {0xFF, 0xFF, 0xFF, markEOI, 0, 0, 7}, "no EOI": {}} {
		got, info, err := Decode(append(bytes.Clone(b), tail...))
		if err != nil || !bytes.Equal(got, m.Pix) || info.ColorTransform != 2 {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
}

// TestScanForEachComponent has the planes of a colour image in three scans, each with tables of its own.
func TestScanForEachComponent(t *testing.T) {
	m := codectest.Make("smooth", 37, 41, 3, 8, 9)
	var head, b []byte
	for c := range 3 {
		one := codectest.Image{Width: m.Width, Height: m.Height, Components: 1, Bits: 8}
		for i := c; i < len(m.Pix); i += 3 {
			one.Pix = append(one.Pix, m.Pix[i])
		}
		h, scan, data := coded(encodeEvery(t, one, form(one, c+1, 0), 0))
		frame := 2 + 2 + int(h[5])
		if c == 0 {
			head = append(bytes.Clone(h[:5]), 17, 8, 0, 41, 0, 37, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0)
		}
		b = append(b, h[frame:]...) // the table
		scan = bytes.Clone(scan)
		scan[5] = byte(c + 1)
		b = append(append(b, scan...), data...)
	}
	got, _, err := Decode(append(head, b...))
	if err != nil || !bytes.Equal(got, m.Pix) {
		t.Error(err)
	}
}

// TestOverfullTable has a Huffman table as some old 16-bit encoders write it: one code more than fits its length.
func TestOverfullTable(t *testing.T) {
	m := codectest.Make("smooth", 37, 41, 1, 16, 9)
	// Sixteen codes of four bits are a full table; the class of 32768 gets a seventeenth.
	table := []byte{0, 0, 0, 17}
	table = append(append(table, make([]byte, 12)...), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
	e := encoder{Info: form(m, 1, 0), pix: m.Pix}
	e.lines = [2][]uint16{make([]uint16, 38), make([]uint16, 38)}
	o := &optimal{count: [16]byte(table[:16]), symbol: table[16:]}
	for s := range 16 {
		o.lead[s], o.own[s], o.total[s] = uint32(s)<<s, 1<<s-1, uint8(4+s)
	}
	e.header([]*optimal{o})
	for y := range m.Height {
		e.differences(y, 0)
		e.code([]*optimal{o})
	}
	e.finish()
	if got, _, err := Decode(e.out); err != nil || !bytes.Equal(got, m.Pix) {
		t.Error(err)
	}
}

func TestDifferenceOf32768(t *testing.T) {
	m := codectest.Image{Width: 4, Height: 2, Components: 1, Bits: 16, Pix: []byte{
		0, 0, 0, 0x80, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0, 0x80, 0, 0,
	}}
	for predictor := 1; predictor <= 7; predictor++ {
		roundTrip(t, m, predictor, 0, 0)
	}
}

func TestCutIsRefused(t *testing.T) {
	us := codectest.Make("smooth", 33, 17, 3, 8, 1)
	streams := map[string][]byte{
		"lossless": encodeEvery(t, us, form(us, 1, 0), 0),
		"restart":  encodeEvery(t, us, form(us, 4, 0), 4),
		"baseline": baseline(t, us, 90),
	}
	for name, b := range streams {
		_, _, data := coded(b)
		end := bytes.Index(b, data) + len(data)
		if name == "restart" {
			end = bytes.LastIndexByte(b[:len(b)-4], 0xFF) - 1
		}
		for n := range end - 1 { // the last byte may be all fill
			if _, _, err := Decode(b[:n]); n > 1 && kind(err) != Truncated && n > 2 {
				t.Fatalf("%s: %d of %d bytes: %v", name, n, end, err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	m := codectest.Make("smooth", 37, 11, 3, 8, 9)
	lossless, lossy := encodeEvery(t, m, form(m, 1, 0), 0), baseline(t, m, 80)
	frame := bytes.Index(lossy, []byte{0xFF, markSOF0})
	// with changes one byte of a stream.
	with := func(b []byte, at int, v ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], v)
		return b
	}
	scan := bytes.Index(lossless, []byte{0xFF, markSOS})
	tests := []struct {
		name string
		b    []byte
		kind Kind
	}{
		{"nothing", nil, Structure},
		{"no frame", []byte{0xFF, 0xD8, 0xFF, markSOS, 0, 8, 1, 1, 0, 1, 0, 0}, Structure},
		{"end at once", []byte{0xFF, 0xD8, 0xFF, markEOI}, Truncated},
		{"JPEG-LS", []byte{0xFF, 0xD8, 0xFF, 0xF7, 0, 2}, Unsupported},
		{"progressive", with(lossy, frame+1, 0xC2), Unsupported},
		{"arithmetic", with(lossless, 3, 0xCB), Unsupported},
		{"17 bits", with(lossless, 6, 17), Structure},
		{"no width", with(lossless, 9, 0, 0), Structure},
		{"no height", with(lossless, 7, 0, 0), Structure},
		{"65535×65535", with(lossless, 7, 255, 255, 255, 255), Limit},
		{"more lines than bits", with(lossless, 7, 255), Truncated},
		{"more lines than there are", with(lossless, 8, 12), Truncated},
		{"subsampled lossless", with(lossless, 13, 0x21), Unsupported},
		{"sampling 3 of 2", with(with(lossy, frame+11, 0x31), frame+14, 0x21), Unsupported},
		{"predictor 0", with(lossless, scan+11, 0), Structure},
		{"point transform of all bits", with(lossless, scan+13, 8), Structure},
		{"no such table", with(lossless, scan+6, 0x30), Structure},
		{"the same component twice", with(lossless, scan+7, 1), Structure},
		{"9 bits baseline", with(lossy, frame+4, 9), Structure},
		{"restart interval within a line", append([]byte{0xFF, 0xD8, 0xFF, markDRI, 0, 4, 0, 5}, lossless[2:]...), Unsupported},
		{"a restart marker is missing", append([]byte{0xFF, 0xD8, 0xFF, markDRI, 0, 4, 0, 37}, lossless[2:]...), Structure},
	}
	for _, tt := range tests {
		if _, _, err := Decode(tt.b); kind(err) != tt.kind {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for _, info := range []Info{{}, {Width: 1, Height: 1, Components: 5, Bits: 8}, {Width: 1, Height: 1, Components: 1, Bits: 17}, {Width: 9, Height: 9, Components: 1, Bits: 8}, {Width: 1, Height: 1, Components: 1, Bits: 8, Predictor: 8}, {Width: 1, Height: 1, Components: 1, Bits: 8, PointTransform: 8}} {
		if _, err := EncodeLossless(nil, []byte{1, 2}, info); err == nil {
			t.Errorf("%+v: accepted", info)
		}
	}
}

// TestBaselineAsLibjpegReadsIt covers what DCMTK does not write: restart markers, and subsampling of every kind.
func TestBaselineAsLibjpegReadsIt(t *testing.T) {
	codectest.Need(t, "cjpeg", "djpeg")
	dir := t.TempDir()
	ppm, jpg := filepath.Join(dir, "a.ppm"), filepath.Join(dir, "a.jpg")
	for _, size := range []string{"1 1", "3 2", "7 9", "16 16", "33 17", "200 67"} {
		var w, h int
		for i, f := range bytes.Fields([]byte(size)) {
			n := 0
			for _, c := range f {
				n = n*10 + int(c-'0')
			}
			*[]*int{&w, &h}[i] = n
		}
		m := codectest.Make("smooth", w, h, 3, 8, 7)
		if err := os.WriteFile(ppm, append([]byte("P6 "+size+" 255\n"), m.Pix...), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"-sample", "1x1"},
			{"-sample", "2x1"},
			{"-sample", "2x2"},
			{"-sample", "4x1"},
			{"-sample", "4x2,1x1,1x1"},
			{"-sample", "2x2", "-restart", "1B"},
			{"-sample", "2x1", "-restart", "1"},
			{"-quality", "20"},
			{"-grayscale", "-restart", "3B"},
		} {
			// RGB as it is: a file without colour transform, so that djpeg undoes none.
			all := append(append([]string{"-rgb"}, args...), "-outfile", jpg, ppm)
			if args[0] == "-grayscale" {
				all = all[1:]
			}
			if said, err := exec.Command("cjpeg", all...).CombinedOutput(); err != nil {
				t.Fatalf("cjpeg: %s", said)
			}
			out, err := exec.Command("djpeg", "-dct", "int", "-pnm", jpg).Output()
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(jpg)
			if err != nil {
				t.Fatal(err)
			}
			got, info, err := Decode(b)
			if err != nil {
				t.Errorf("%s %v: %v", size, args, err)
				continue
			}
			if n, far := differ(got, out[len(out)-len(got):]); n > 0 {
				t.Errorf("%s %v: %+v: %d of %d differ, by up to %d", size, args, info, n, len(got), far)
			}
		}
	}
}
