package ishne_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/ishne"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
)

// crc is CRC-CCITT by division of polynomials, another way than the reader's.
func crc(b []byte) uint16 {
	var r uint32 = 0xFFFF
	for _, x := range b {
		r ^= uint32(x) << 8
		for range 8 {
			r <<= 1
			if r&0x10000 != 0 {
				r ^= 0x11021
			}
		}
	}
	return uint16(r)
}

// header of leads with the codes of the format, and a variable block.
func header(count int32, rate uint16, variable string, specs ...int16) []byte {
	h := make([]byte, 522)
	copy(h, "ISHNE1.0")
	put := func(at int, v int16) { binary.LittleEndian.PutUint16(h[at:], uint16(v)) }
	binary.LittleEndian.PutUint32(h[10:], uint32(len(variable)))
	binary.LittleEndian.PutUint32(h[14:], uint32(count))
	binary.LittleEndian.PutUint32(h[18:], 522)
	binary.LittleEndian.PutUint32(h[22:], uint32(522+len(variable)))
	put(26, 1)
	copy(h[28:], "Fang")
	copy(h[68:], "\xcd\xf5") // GBK
	copy(h[108:], "H-77")
	put(128, 2)
	put(130, 3)
	for i, v := range []int16{2, 3, 1960, 16, 11, 2020, 17, 11, 2020, 21, 44, 39} {
		put(132+2*i, v)
	}
	put(156, int16(len(specs)))
	for i := range 12 {
		put(158+2*i, -9)
		put(182+2*i, -9)
		put(206+2*i, -9)
	}
	for i, s := range specs {
		put(158+2*i, s)
		put(182+2*i, 1)
		put(206+2*i, 2500)
	}
	put(230, 2)
	copy(h[232:], "analog")
	put(272, int16(rate))
	h = append(h, variable...)
	binary.LittleEndian.PutUint16(h[8:], crc(h[10:]))
	return h
}

func file(n int, specs ...int16) []byte {
	b := header(int32(n), 500, "a variable block", specs...)
	for i := range n {
		for k := range specs {
			b = binary.LittleEndian.AppendUint16(b, uint16(tracingtest.Wave(k, i)))
		}
	}
	return b
}

func TestRead(t *testing.T) {
	b := file(3000, 5, 6, 11, 12)
	if !ishne.Sniff(b[:100]) {
		t.Error("not sniffed")
	}
	got, err := ishne.Read(b)
	if err != nil || len(got.Warnings) > 0 {
		t.Fatal(err, got)
	}
	g := got.Rhythm()
	if len(g.Leads) != 8 || g.Leads[0].Code != tracing.LeadI || g.Leads[5].Code != tracing.LeadAVF || !g.Leads[5].Derived || g.Rate != tracing.Whole(500) {
		t.Fatalf("%d leads", len(g.Leads))
	}
	want := tracingtest.Rhythm(3000, tracing.LeadI, tracing.LeadII, tracing.LeadV1, tracing.LeadV2)
	stored := *g
	stored.Leads = append(append([]tracing.Lead(nil), g.Leads[:2]...), g.Leads[6:]...)
	tracingtest.Same(t, want.Rhythm(), &stored)
	p := got.Patient
	if p.Name != "王 Fang" || p.ID != "H-77" || p.Sex != "F" || p.BirthDate != "19600302" || !p.Pacemaker || p.Race != "Oriental" {
		t.Errorf("%q %q %q %q", p.Name, p.ID, p.Sex, p.BirthDate)
	}
	if !got.RecordedAt.Equal(time.Date(2020, 11, 16, 21, 44, 39, 0, time.UTC)) || got.Version != "1" || got.Device.Model != "analog" {
		t.Error(got.RecordedAt)
	}
}

func TestWarnings(t *testing.T) {
	total := file(100, 5, 6)
	binary.LittleEndian.PutUint32(total[14:], 200)
	binary.LittleEndian.PutUint16(total[8:], crc(total[10:522+16]))
	wrong := file(100, 5, 6)
	wrong[300] ^= 1
	bare := file(100, 5, 6)
	binary.LittleEndian.PutUint16(bare[206:], 0)
	away := file(100, 5, 6)
	binary.LittleEndian.PutUint32(away[22:], 0x7FFFFFFF)
	dates := file(100, 5, 6)
	binary.LittleEndian.PutUint16(dates[132:], 31)
	binary.LittleEndian.PutUint16(dates[134:], 4)
	for name, c := range map[string]struct {
		b    []byte
		want tracing.WarningCode
	}{
		"count of all leads": {total, ""}, "checksum": {wrong, tracing.BadChecksum}, "no resolution": {bare, tracing.Uncalibrated},
		"place of the samples": {away, tracing.Inconsistent}, "31 April": {dates, tracing.BadValue}, "too long": {append(file(100, 5, 6), 0, 0, 0, 0), tracing.Inconsistent},
	} {
		got, err := ishne.Read(c.b)
		if err != nil || got.Rhythm().Len() < 100 || c.want != "" && !tracingtest.Warned(got, c.want) {
			t.Errorf("%s: %v", name, err)
		} else if c.want == "" && tracingtest.Warned(got, tracing.Truncated) {
			t.Errorf("%s: %v", name, got.Warnings)
		}
	}
}

func TestOneLeadTwiceIsTold(t *testing.T) {
	got, err := ishne.Read(file(10, 6, 6, 11))
	if err != nil {
		t.Fatal(err)
	}
	twice := 0
	for _, l := range got.Rhythm().Leads {
		if l.Code == tracing.LeadII {
			twice++
		}
	}
	if twice != 1 || len(got.Rhythm().Leads) != 3 || !tracingtest.Warned(got, tracing.Inconsistent) {
		t.Errorf("%d leads II of %d leads, %v", twice, len(got.Rhythm().Leads), got.Warnings)
	}
}

func TestTroubleOfTheStorageIsNoFaultOfTheFile(t *testing.T) {
	tracingtest.Trouble(t, file(100_000, 5, 6), ishne.Open)
}

func TestHostile(t *testing.T) {
	for name, change := range map[string]func(b []byte){
		"no leads":  func(b []byte) { binary.LittleEndian.PutUint16(b[156:], 0) },
		"32767":     func(b []byte) { binary.LittleEndian.PutUint16(b[156:], 32767) },
		"-1 leads":  func(b []byte) { binary.LittleEndian.PutUint16(b[156:], 0xFFFF) },
		"no rate":   func(b []byte) { binary.LittleEndian.PutUint16(b[272:], 0) },
		"not ISHNE": func(b []byte) { b[0] = 'X' },
	} {
		b := file(100, 5, 6)
		change(b)
		if _, err := ishne.Read(b); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	b := file(100, 5, 6)
	for _, at := range []int{10, 14, 18, 22} {
		for _, v := range []uint32{0x7FFFFFFF, 0x80000000, 0xFFFFFFFF} {
			c := bytes.Clone(b)
			binary.LittleEndian.PutUint32(c[at:], v)
			if _, err := ishne.Read(c); err != nil {
				t.Errorf("%x at %d: %v", v, at, err)
			}
		}
	}
}

func TestTruncated(t *testing.T) { tracingtest.Truncations(t, file(3000, 5, 6, 11), 560, ishne.Read) }

func TestSeveralReadAtOnce(t *testing.T) {
	b := file(20_000, 5, 6)
	r, err := ishne.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for k := range 8 {
		group.Go(func() {
			out := [][]int32{make([]int32, 1000), make([]int32, 1000)}
			for first := k * 100; first+1000 < 20_000; first += 777 {
				if err := r.Read(int64(first), out); err != nil {
					t.Error(err)
					return
				}
				for i := range out[1] {
					if out[1][i] != tracingtest.Wave(1, first+i) {
						t.Errorf("sample %d", first+i)
						return
					}
				}
			}
		})
	}
	group.Wait()
}

func TestRealFiles(t *testing.T) {
	b := tracingtest.Bytes(t, "derived/Example.ishne")
	got, err := ishne.Read(b)
	if err != nil || len(got.Warnings) > 0 {
		t.Fatal(err, got.Warnings)
	}
	ii := got.Rhythm().Lead(tracing.LeadII)
	var first []float64
	for i := range 10 {
		first = append(first, ii.UV(i))
	}
	if d := cmp.Diff([]float64{-17.5, -17.5, -17.5, -17.5, -17.5, -17.5, -17.5, -17.5, -17.5, -22.5}, first); d != "" || ii.Samples[4999] == tracing.Missing || len(got.Rhythm().Leads) != 12 {
		t.Error(d)
	}
	tracingtest.Truncations(t, b, 560, ishne.Read)
}

func TestGolden(t *testing.T) {
	takes := func(name string) bool {
		return strings.HasSuffix(name, ".ishne") || strings.HasSuffix(name, ".ecg") && strings.Contains(name, "ishne")
	}
	tracingtest.Golden(t, takes, func(t *testing.T, name string) *tracing.Tracing {
		got, err := ishne.Read(tracingtest.Bytes(t, name))
		if err != nil {
			t.Fatal(err)
		}
		return got
	})
}

// holter is a recording of any length that is nowhere: its samples are made when they are read.
type holter struct {
	head []byte
	size int64
}

func (h *holter) ReadAt(b []byte, at int64) (int, error) {
	n := 0
	if at < int64(len(h.head)) {
		n = copy(b, h.head[at:])
	}
	for ; n < len(b); n++ {
		place := at + int64(n)
		if place >= h.size {
			return n, io.EOF
		}
		b[n] = byte(place >> (8 * (place & 1)) & 0x0F)
	}
	return n, nil
}

// day is 24 hours of 12 leads at 500 Hz: a gigabyte.
func day() *holter {
	const n = 24 * 3600 * 500
	h := header(n, 500, "", 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
	return &holter{h, int64(len(h)) + 2*12*n}
}

func TestDayIsReadInBoundedMemory(t *testing.T) {
	h := day()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := ishne.Open(h, h.size)
	if err != nil || r.Count != 24*3600*500 {
		t.Fatal(err)
	}
	blocks := 0
	for b, err := range r.Blocks(context.Background(), 10_000) {
		if err != nil || len(b) != 12 {
			t.Fatal(err)
		}
		if blocks++; blocks == 200 {
			break
		}
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d bytes for %d blocks", used, blocks)
	}
	if _, err := r.Load(); err == nil {
		t.Error("a gigabyte was loaded whole")
	}
}

func TestMemory(t *testing.T) { tracingtest.Memory(t, file(200_000, 11, 12, 13), ishne.Read) }

func FuzzRead(f *testing.F) {
	f.Add(file(20, 5, 6))
	f.Add(file(1, 2))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = ishne.Read(b) })
}

func BenchmarkDay(b *testing.B) {
	h := day()
	b.SetBytes(h.size)
	b.ReportAllocs()
	for b.Loop() {
		r, err := ishne.Open(h, h.size)
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range r.Blocks(context.Background(), 5000) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkRead(b *testing.B) {
	f := file(5000, 5, 6, 11, 12, 13, 14, 15, 16)
	b.SetBytes(int64(len(f)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ishne.Read(f); err != nil {
			b.Fatal(err)
		}
	}
}
