package mfer_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/mfer"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
)

// writer makes a file of definitions.
type writer struct {
	bytes.Buffer
	order binary.AppendByteOrder
}

func big() *writer { return &writer{order: binary.BigEndian} }

func little() *writer {
	w := &writer{order: binary.LittleEndian}
	return w.put(0x01, 1)
}

func (w *writer) put(tag byte, value ...byte) *writer {
	w.WriteByte(tag)
	w.length(len(value))
	w.Write(value)
	return w
}

func (w *writer) length(n int) {
	switch {
	case n < 0x80:
		w.WriteByte(byte(n))
	case n < 0x10000:
		w.Write([]byte{0x82, byte(n >> 8), byte(n)})
	default:
		w.Write([]byte{0x84, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
}

func (w *writer) u16(v uint16) []byte { return w.order.AppendUint16(nil, v) }

func (w *writer) u32(v uint32) []byte { return w.order.AppendUint32(nil, v) }

// scaled is unit, exponent and a mantissa of two bytes.
func (w *writer) scaled(tag, unit byte, exponent int8, mantissa uint16) *writer {
	return w.put(tag, append([]byte{unit, byte(exponent)}, w.u16(mantissa)...)...)
}

// channel gives a channel definitions of its own.
func (w *writer) channel(n int, definitions func(in *writer)) *writer {
	in := &writer{order: w.order}
	definitions(in)
	w.WriteByte(0x3F)
	if n >= 0x80 {
		w.WriteByte(byte(n>>7) | 0x80)
	}
	w.WriteByte(byte(n & 0x7F))
	w.length(in.Len())
	w.Write(in.Bytes())
	return w
}

// standard is 500 Hz and 2.5 uV a unit, of leads with their codes.
func (w *writer) standard(block int, codes ...uint16) *writer {
	w.put(0x40, []byte("MFR Standard 12 leads ECG")...)
	w.put(0x02, 1, 2, 3).put(0x08, w.u16(1)...)
	w.scaled(0x0B, 1, -3, 2).scaled(0x0C, 0, -9, 2500)
	w.put(0x04, w.u32(uint32(block))...).put(0x05, byte(len(codes)))
	for i, c := range codes {
		w.channel(i, func(in *writer) { in.put(0x09, in.u16(c)...) })
	}
	return w
}

// frame writes n samples of each of several channels in blocks.
func (w *writer) frame(n, block, channels int, sample func(lead, i int) []byte) *writer {
	var b []byte
	for first := 0; first < n; first += block {
		for c := range channels {
			for i := first; i < first+block; i++ {
				b = append(b, sample(c, i)...)
			}
		}
	}
	return w.put(0x1E, b...)
}

func (w *writer) wave(lead, i int) []byte { return w.u16(uint16(tracingtest.Wave(lead, i))) }

func read(t *testing.T, w *writer) *tracing.Tracing {
	t.Helper()
	if !mfer.Sniff(w.Bytes()[:min(w.Len(), 4096)]) {
		t.Error("not sniffed")
	}
	got, err := mfer.Read(w.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

var eight = []uint16{1, 2, 3, 4, 5, 6, 7, 8}

func TestBothByteOrders(t *testing.T) {
	for _, w := range []*writer{big(), little()} {
		for _, block := range []int{1, 250, 3000} {
			v := &writer{order: w.order}
			v.Write(w.Bytes())
			v.standard(block, eight...).frame(3000, block, 8, v.wave)
			got := read(t, v)
			if len(got.Warnings) > 0 || got.Version != "1.2.3" || len(got.Rhythm().Leads) != 12 {
				t.Fatalf("%v", got.Warnings)
			}
			var stored tracing.Group
			stored.Rate = got.Rhythm().Rate
			for _, l := range got.Rhythm().Leads {
				if !l.Derived {
					stored.Leads = append(stored.Leads, l)
				}
			}
			tracingtest.Same(t, tracingtest.Rhythm(3000, tracing.Eight...).Rhythm(), &stored)
		}
	}
}

func TestOneLeadTwiceIsTold(t *testing.T) {
	v := big()
	v.standard(250, 1, 1, 3, 4, 5, 6, 7, 8).frame(500, 250, 8, v.wave)
	if got := read(t, v); len(got.Rhythm().Leads) != 8 || !tracingtest.Warned(got, tracing.Inconsistent) {
		t.Errorf("%d leads, %v", len(got.Rhythm().Leads), got.Warnings)
	}
}

func TestFramesGoOn(t *testing.T) {
	w := little().standard(500, 1, 2)
	for k := range 4 {
		w.frame(500, 500, 2, func(lead, i int) []byte { return w.wave(lead, 500*k+i) })
	}
	want := tracingtest.Rhythm(2000, tracing.LeadI, tracing.LeadII).Rhythm()
	want.Complete()
	tracingtest.Same(t, want, read(t, w).Rhythm())
}

func TestDataTypes(t *testing.T) {
	for kind, c := range map[byte]struct {
		sample func(w *writer, v int32) []byte
		values []int32
		uv     []float64
	}{
		0: {func(w *writer, v int32) []byte { return w.u16(uint16(v)) }, []int32{-32767, 5}, []float64{-81917.5, 12.5}},
		1: {func(w *writer, v int32) []byte { return w.u16(uint16(v)) }, []int32{65535, 5}, []float64{163837.5, 12.5}},
		2: {func(w *writer, v int32) []byte { return w.u32(uint32(v)) }, []int32{-1000000, 5}, []float64{-2.5e6, 12.5}},
		3: {func(_ *writer, v int32) []byte { return []byte{byte(v)} }, []int32{255, 5}, []float64{637.5, 12.5}},
		5: {func(_ *writer, v int32) []byte { return []byte{byte(v)} }, []int32{-127, 5}, []float64{-317.5, 12.5}},
		6: {func(w *writer, v int32) []byte { return w.u32(uint32(v)) }, []int32{-1, 5}, []float64{4294967295 * 2.5, 12.5}},
		7: {func(w *writer, v int32) []byte { return w.u32(math.Float32bits(float32(v) / 8)) }, []int32{-3, 5}, []float64{-0.9375, 1.5625}},
		8: {func(w *writer, v int32) []byte { return w.order.AppendUint64(nil, math.Float64bits(float64(v)/8)) }, []int32{-3, 5}, []float64{-0.9375, 1.5625}},
	} {
		for _, w := range []*writer{big(), little()} {
			t.Run(fmt.Sprint(kind, w.order), func(t *testing.T) {
				w.standard(2, 2).put(0x0A, kind)
				w.put(0x1E, append(c.sample(w, c.values[0]), c.sample(w, c.values[1])...)...)
				l := read(t, w).Rhythm().Lead(tracing.LeadII)
				if d := cmp.Diff(c.uv, []float64{l.UV(0), l.UV(1)}); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

func TestChannelsOfTheirOwn(t *testing.T) {
	w := little().standard(4, 1, 2, 2).put(0x12, 0x00, 0x80)
	w.channel(1, func(in *writer) { in.scaled(0x0C, 0, -6, 5).put(0x0D, in.u16(10)...).put(0x43, in.u32(500_000)...) })
	w.channel(2, func(in *writer) {
		in.put(0x04, 2).scaled(0x0B, 0, 0, 250).put(0x09, append(in.u16(4163), "Resp"...)...).scaled(0x0C, 11, 0, 1)
	})
	w.put(0x1E, append(append(append(w.u16(1), w.u16(0x8000)...), append(w.u16(3), w.u16(4)...)...),
		append(append(append(w.u16(5), w.u16(6)...), append(w.u16(7), w.u16(8)...)...), append(w.u16(9), w.u16(10)...)...)...)...)
	got := read(t, w)
	g := got.Rhythm()
	i, ii := g.Lead(tracing.LeadI), g.Lead(tracing.LeadII)
	if i.Samples[1] != tracing.Missing || i.Samples[3] != 4 || ii.UV(0) != 75 || ii.Skew != 500*time.Microsecond {
		t.Errorf("%v %v %v", i.Samples, ii.UV(0), ii.Skew)
	}
	if len(got.Groups) != 2 || got.Groups[1].Rate != tracing.Whole(250) || got.Groups[1].Leads[0].Label != "Resp" || got.Groups[1].Leads[0].Samples[1] != 10 {
		t.Errorf("%+v", got.Groups)
	}
}

func TestEndlessContainers(t *testing.T) {
	w := big().standard(2, 2)
	w.Write([]byte{0x3F, 0, 0x80, 0x09, 2, 0, 7, 0, 0})
	w.put(0x1E, 0, 1, 0, 2)
	if got := read(t, w); got.Rhythm().Lead(tracing.LeadV5) == nil {
		t.Error("no V5")
	}
}

func TestDescription(t *testing.T) {
	w := little().standard(10, 2).put(0x03, []byte("UTF-8")...)
	w.put(0x82, []byte("77^ward")...).put(0x81, []byte("王^wang^芳^fang")...).put(0x84, 2)
	w.put(0x83, append(append([]byte{60}, w.u16(30)...), append(w.u16(1960), 3, 2)...)...)
	w.put(0x85, append(append(append(w.u16(2020), 11, 16, 21, 44, 39), w.u16(250)...), w.u16(500)...)...)
	w.put(0x17, []byte("Maker^Model^1.0^S1")...).put(0x11, []byte("HPF=0.05")...).put(0x11, []byte("LPF=150^low")...).put(0x11, []byte("BEF=50")...)
	w.put(0x86, []byte("Sinus rhythm")...)
	w.frame(10, 10, 1, w.wave)
	w.put(0x41, append(append(append(w.u16(7), w.u32(500)...), w.u32(250)...), "pause"...)...)
	got := read(t, w)
	p := got.Patient
	if p.ID != "77" || p.Name != "王 芳" || p.Sex != "F" || p.BirthDate != "19600302" || p.AgeYears != 60 {
		t.Errorf("%q %q %q %q %v", p.ID, p.Name, p.Sex, p.BirthDate, p.AgeYears)
	}
	if !got.RecordedAt.Equal(time.Date(2020, 11, 16, 21, 44, 39, 250_500_000, time.UTC)) {
		t.Error(got.RecordedAt)
	}
	if d := cmp.Diff(tracing.Filters{HighPassHz: 0.05, LowPassHz: 150, NotchHz: 50}, got.Rhythm().Filters); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]tracing.Annotation{{At: time.Second, For: 500 * time.Millisecond, Code: "MFER:7", Text: "pause"}}, got.Annotations); d != "" {
		t.Error(d)
	}
	if got.Device.Manufacturer != "Maker" || got.Device.Serial != "S1" || got.Statements[0].Text != "Sinus rhythm" {
		t.Errorf("%+v", got.Device)
	}
}

func TestJapaneseTexts(t *testing.T) {
	w := big().standard(10, 2).put(0x03, []byte("JIS X 0201")...).put(0x81, 0x93, 0x63, 0x92, 0x86).frame(10, 10, 1, big().wave)
	if got := read(t, w); got.Patient.Name != "田中" {
		t.Errorf("%q", got.Patient.Name)
	}
}

func TestDominantBeatIsAMedian(t *testing.T) {
	w := big().standard(100, 2).frame(1000, 100, 1, big().wave)
	w.put(0x08, 0, 9).frame(300, 100, 1, big().wave)
	got := read(t, w)
	if m := got.MedianBeat(); m == nil || m.Len() != 300 || got.Rhythm().Len() != 1000 {
		t.Errorf("%d groups", len(got.Groups))
	}
}

func TestDefaultsAreSaid(t *testing.T) {
	w := big().put(0x40, []byte("MFR ")...).put(0x1E, 0, 1, 0, 2)
	got := read(t, w)
	if got.Rhythm().Rate != tracing.Whole(1000) || !tracingtest.Warned(got, tracing.Deviates) || !tracingtest.Warned(got, tracing.Uncalibrated) {
		t.Error(got.Warnings)
	}
}

func TestTruncated(t *testing.T) {
	w := little().standard(3000, eight...).frame(3000, 3000, 8, little().wave)
	tracingtest.Truncations(t, w.Bytes(), 200, mfer.Read)
	w = little().standard(10, eight...).frame(3000, 10, 8, little().wave)
	tracingtest.Truncations(t, w.Bytes(), 200, mfer.Read)
}

func TestHostile(t *testing.T) {
	for name, w := range map[string]*writer{
		"no channels":     big().standard(1, 2).put(0x05, 0).put(0x1E, 0, 1),
		"2^31 channels":   big().standard(1, 2).put(0x05, 0x80, 0, 0, 0).put(0x1E, 0, 1),
		"block of none":   big().standard(0, 2).put(0x1E, 0, 1),
		"block of 2^31":   big().standard(math.MaxInt32, 2).put(0x1E, 0, 1),
		"no rate":         big().standard(1, 2).scaled(0x0B, 1, -3, 0).put(0x1E, 0, 1),
		"rate of 1e15":    big().standard(1, 2).scaled(0x0B, 0, 15, 1).put(0x1E, 0, 1),
		"unknown type":    big().standard(1, 2).put(0x0A, 77).put(0x1E, 0, 1),
		"compressed":      big().standard(1, 2).put(0x0E, 0, 1).put(0x1E, 0, 1),
		"no samples":      big().standard(1, 2),
		"nested channels": big().standard(1, 2).channel(0, func(in *writer) { in.channel(0, func(*writer) {}) }).put(0x1E, 0, 1),
	} {
		if _, err := mfer.Read(w.Bytes()); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	w := big().standard(2, 2).put(0x0A, 8)
	w.put(0x1E, append(w.order.AppendUint64(nil, math.Float64bits(math.NaN())), w.order.AppendUint64(nil, math.Float64bits(math.Inf(1)))...)...)
	if l := read(t, w).Rhythm().Lead(tracing.LeadII); l.Samples[0] != tracing.Missing || l.Samples[1] != tracing.Missing {
		t.Errorf("%v", l.Samples)
	}
	damaged := big().standard(2, 2).frame(2, 2, 1, big().wave)
	damaged.Write([]byte{0x0C, 0xFF, 1, 2, 3, 4, 5})
	if got := read(t, damaged); !tracingtest.Warned(got, tracing.Truncated) || got.Rhythm().Len() != 2 {
		t.Error(got.Warnings)
	}
	deep := big().standard(1, 2)
	for range 100 {
		deep.Write([]byte{0x67, 0x80})
	}
	if _, err := mfer.Read(deep.put(0x1E, 0, 1).Bytes()); err == nil {
		t.Error("100 levels were read")
	}
}

func TestMemory(t *testing.T) {
	tracingtest.Memory(t, big().standard(10, 3, 4, 5).frame(200_000, 10, 3, big().wave).Bytes(), mfer.Read)
}

func FuzzRead(f *testing.F) {
	f.Add(big().standard(10, 1, 2).frame(20, 10, 2, big().wave).Bytes())
	f.Add(little().standard(10, 1, 2).put(0x12, 0, 0x80).put(0x08, 9, 0).frame(20, 10, 2, little().wave).Bytes())
	w := little().standard(2, 2).put(0x0A, 7).put(0x41, make([]byte, 12)...).put(0x83, make([]byte, 7)...).put(0x85, make([]byte, 11)...)
	f.Add(w.put(0x1E, make([]byte, 16)...).Bytes())
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = mfer.Read(b) })
}

func BenchmarkRead(b *testing.B) {
	w := little().standard(5000, eight...).frame(5000, 5000, 8, little().wave)
	b.SetBytes(int64(w.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mfer.Read(w.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}
