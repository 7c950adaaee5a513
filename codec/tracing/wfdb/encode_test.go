package wfdb_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// bits of the formats; 8 has differences.
var bits = map[int]int{8: 8, 16: 16, 24: 24, 32: 32, 61: 16, 80: 8, 160: 16, 212: 12, 310: 10, 311: 10, 508: 8, 516: 16, 524: 24}

// pack encodes a stream of samples in a format.
func pack(t testing.TB, format int, samples []int32, channels int) []byte {
	t.Helper()
	switch format {
	case 212:
		return pack212(samples)
	case 310, 311:
		return packTen(format, samples)
	case 508, 516, 524:
		return packFLAC(t, format-500, samples, channels)
	}
	var b []byte
	last := make([]int32, channels)
	for i, v := range samples {
		switch format {
		case 8:
			b = append(b, byte(v-last[i%channels]))
			last[i%channels] = v
		case 16:
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		case 24:
			b = append(b, byte(v), byte(v>>8), byte(v>>16))
		case 32:
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		case 61:
			b = binary.BigEndian.AppendUint16(b, uint16(v))
		case 80:
			b = append(b, byte(v+128))
		case 160:
			b = binary.LittleEndian.AppendUint16(b, uint16(v+32768))
		}
	}
	return b
}

func pack212(samples []int32) []byte {
	var b []byte
	for i := 0; i < len(samples); i += 2 {
		b = append(b, byte(samples[i]), byte(samples[i]>>8&0x0F))
		if i+1 < len(samples) {
			b[len(b)-1] |= byte(samples[i+1] >> 8 << 4)
			b = append(b, byte(samples[i+1]))
		}
	}
	return b
}

func packTen(format int, samples []int32) []byte {
	var b []byte
	for i := 0; i < len(samples); i += 3 {
		s := [3]uint32{}
		n := copy32(s[:], samples[i:])
		v := s[0] | s[1]<<10 | s[2]<<20
		if format == 310 {
			v = s[0]<<1 | s[2]&0x1F<<11 | s[1]<<17 | s[2]>>5<<27
		}
		whole := binary.LittleEndian.AppendUint32(nil, v)
		b = append(b, whole[:map[int]int{1: 2, 2: 4, 3: 4}[n]]...)
	}
	return b
}

func copy32(dst []uint32, src []int32) int {
	n := min(len(dst), len(src))
	for i := range n {
		dst[i] = uint32(src[i]) & 0x3FF
	}
	return n
}

func packFLAC(t testing.TB, bits int, samples []int32, channels int) []byte {
	t.Helper()
	var out bytes.Buffer
	const block = 256
	enc, err := flac.NewEncoder(&out, &meta.StreamInfo{
		BlockSizeMin: 16, BlockSizeMax: block, SampleRate: 96000, NChannels: uint8(channels), BitsPerSample: uint8(bits),
	})
	if err != nil {
		t.Fatal(err)
	}
	n := len(samples) / channels
	for first := 0; first < n; first += block {
		size := min(block, n-first)
		f := &frame.Frame{Header: frame.Header{
			HasFixedBlockSize: false, BlockSize: uint16(size), SampleRate: 96000, Channels: frame.Channels(channels - 1), BitsPerSample: uint8(bits), Num: uint64(first),
		}}
		for c := range channels {
			s := &frame.Subframe{SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, NSamples: size}
			for i := range size {
				s.Samples = append(s.Samples, samples[(first+i)*channels+c])
			}
			f.Subframes = append(f.Subframes, s)
		}
		if err := enc.WriteFrame(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// signals invents samples that the format can hold, with one missing.
func signals(format, channels, n int) [][]int32 {
	r := rand.New(rand.NewPCG(uint64(format), uint64(n)))
	top := int32(1)<<(bits[format]-1) - 1
	out := make([][]int32, channels)
	for c := range out {
		out[c] = make([]int32, n)
		v := int32(0)
		for i := range out[c] {
			if format == 8 {
				v += r.Int32N(200) - 100
				out[c][i] = v
			} else {
				out[c][i] = int32(r.Int64N(2*int64(top)+1) - int64(top))
			}
		}
	}
	return out
}

// interleave puts signals of one sample a frame together, marking missing ones as the format does.
func interleave(format int, s [][]int32) []int32 {
	var out []int32
	for i := range s[0] {
		for c := range s {
			v := s[c][i]
			if v == tracing.Missing {
				v = -1 << (bits[format] - 1)
			}
			out = append(out, v)
		}
	}
	return out
}

func sum(s []int32, missing int32) int16 {
	var n int32
	for _, v := range s {
		if v == tracing.Missing {
			v = missing
		}
		n += v
	}
	return int16(n)
}

// written is a record of one file in a format.
func written(t testing.TB, format, channels, n int) (fstest.MapFS, [][]int32) {
	t.Helper()
	s := signals(format, channels, n)
	if format != 8 {
		s[0][n/2] = tracing.Missing
	}
	head := fmt.Sprintf("r %d 500 %d\n", channels, n)
	for c := range s {
		head += fmt.Sprintf("r.dat %d 400(7)/mV 12 0 %d %d 0 %s\n", format, map[bool]int32{true: 0, false: s[c][0]}[format == 8],
			sum(s[c], -1<<(bits[format]-1)), tracing.Twelve[c].Label())
	}
	return fstest.MapFS{
		"r.hea": {Data: []byte(head)}, "r.dat": {Data: pack(t, format, interleave(format, s), channels)},
	}, s
}

func zipped(t testing.TB, files fstest.MapFS, method uint16) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	names := slices.Sorted(maps.Keys(files))
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	for _, name := range names {
		f, err := w.CreateHeader(&zip.FileHeader{Name: "some/" + name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(files[name].Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// rank puts headers first and samples last, so that an archive that is cut has lost samples.
func rank(name string) int { return strings.Index(".hea.atr.dat", path.Ext(name)) }

func tarred(t testing.TB, files fstest.MapFS) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range []string{"r.hea", "r.atr", "r.dat"} {
		if files[name] == nil {
			continue
		}
		if err := w.WriteHeader(&tar.Header{Name: "some/" + name, Mode: 0o600, Size: int64(len(files[name].Data)), Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[name].Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// word is a word of an annotation file.
func word(code byte, value int) []byte {
	return binary.LittleEndian.AppendUint16(nil, uint16(code)<<10|uint16(value)&0x3FF)
}

func words(parts ...[]byte) []byte { return append(bytes.Join(parts, nil), 0, 0) }

func skip(n int32) []byte {
	b := word(59, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(uint32(n)>>16))
	return binary.LittleEndian.AppendUint16(b, uint16(n))
}

func aux(text string) []byte {
	b := append(word(63, len(text)), text...)
	if len(text)%2 == 1 {
		b = append(b, 0)
	}
	return b
}
