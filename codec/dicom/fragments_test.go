package dicom

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFramesAreFound(t *testing.T) {
	five := [][]byte{[]byte("aa"), []byte("bbbb"), []byte("cc"), []byte("dddd"), []byte("ee")}
	for _, c := range []struct {
		name   string
		raw    []byte
		want   []string
		warned bool
	}{
		{"native", native(t, ExplicitLE, 2, 8, 24), []string{"\a\a\a\a\a\a\a\a\a\a\a\a", "\a\a\a\a\a\a\a\a\a\a\a\a"}, false},
		{"packed bits share a byte", native(t, ExplicitLE, 2, 1, 3), []string{"\a\a", "\a\a"}, false},
		{"basic offset table", encapsulated(t, JPEGBaseline, 5, five...), []string{"aa", "bbbb", "cc", "dddd", "ee"}, false},
		{"basic offset table, many fragments", pieces(t, 2, []uint32{0, 22}, five), []string{"aabbbb", "ccddddee"}, false},
		{"no table, one each", pieces(t, 5, nil, five), []string{"aa", "bbbb", "cc", "dddd", "ee"}, false},
		{"no table, one frame", pieces(t, 1, nil, five), []string{"aabbbbccddddee"}, false},
		{"no table, not to be told", pieces(t, 2, nil, five), nil, false},
		{"wrong table", pieces(t, 2, []uint32{0, 23}, five), nil, true},
		{"table not from 0", pieces(t, 2, []uint32{22, 0}, five), nil, true},
		{"table of another number", pieces(t, 5, []uint32{0}, five), []string{"aa", "bbbb", "cc", "dddd", "ee"}, true},
		{"extended table", extended(t, 2, []uint64{0, 22}, five), []string{"aabbbb", "ccddddee"}, false},
		{"video", encapsulated(t, "1.2.840.10008.1.2.4.102", 9, []byte("stream")), nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			obj := mustScan(t, c.raw)
			var got []string
			for _, frame := range obj.Pixels.Frames() {
				var b []byte
				for _, e := range frame {
					b = append(b, c.raw[e.Offset:e.Offset+e.Length]...)
				}
				got = append(got, string(b))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if obj.Pixels.Addressable() != (c.want != nil) || (len(obj.Header.Warnings) > 0) != c.warned {
				t.Error(obj.Pixels.Addressable(), obj.Header.Warnings)
			}
			if obj.Pixels.Frame(-1) != nil || obj.Pixels.Frame(obj.Pixels.NumFrames) != nil {
				t.Error("frames out of range")
			}
		})
	}
}

// pieces makes encapsulated pixel data with the offset table given.
func pieces(t *testing.T, frames int, table []uint32, fragments [][]byte) []byte {
	t.Helper()
	raw := build(t, JPEGBaseline, func(e *Encoder) { grid(e, frames, 8) })
	return append(raw, encapsulation(table, fragments)...)
}

func encapsulation(table []uint32, fragments [][]byte) []byte {
	b := append(explicit(PixelDataTag, "OB", undefined), bare(item, uint32(4*len(table)))...)
	for _, off := range table {
		b = binary.LittleEndian.AppendUint32(b, off)
	}
	for _, f := range fragments {
		b = append(append(b, bare(item, uint32(len(f)))...), f...)
	}
	return append(b, bare(sequenceDelimitation, 0)...)
}

func extended(t *testing.T, frames int, table []uint64, fragments [][]byte) []byte {
	t.Helper()
	var b []byte
	for _, off := range table {
		b = binary.LittleEndian.AppendUint64(b, off)
	}
	raw := build(t, JPEGBaseline, func(e *Encoder) {
		grid(e, frames, 8)
		e.Bytes(ExtendedOffsetTable, OV, b)
	})
	return append(raw, encapsulation(nil, fragments)...)
}

func TestFloatPixels(t *testing.T) {
	for tag, vr := range map[Tag]string{FloatPixelData: "OF", DoubleFloatPixelData: "OD"} {
		size := uint32(4 * 3 * int(tag.VR().traits().unit))
		raw := build(t, ExplicitLE, func(e *Encoder) { grid(e, 1, 32) })
		raw = slices.Concat(raw, explicit(tag, vr, size), make([]byte, size))
		if p := mustScan(t, raw).Pixels; p.Tag != tag || p.Length != int64(size) {
			t.Error(p)
		}
		if _, err := Scan(bytes.NewReader(raw[:len(raw)-1]), Options{}); err == nil {
			t.Error("truncated", vr)
		}
	}
}
