package scp_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/scp"
)

// corpus is a record of every kind that these tests make, of n samples a lead.
func corpus(n int) map[string][]byte {
	rng := rand.New(rand.NewPCG(23, 24))
	out := map[string][]byte{}
	for _, v := range variants {
		out[v.name] = record{sections: v.sections(eightLeads(n, rng), rng), protocol: 20}.bytes()
	}
	v := variant{tables: [][]symbol{defaultSymbols}, difference: 2}
	zones := [][4]int{{0, 20, 100, 250}, {1, 1, 500, 1}, {0, 881, 1000, 1180}}
	s := v.sections(eightLeads(n, rng), rng)
	s[3][1] |= 1
	s[4] = subtraction(600, 120, zones, [][2]int{{90, 110}, {490, 510}, {990, 1010}})
	beat := v.code(ecg(300, 0, rng), rng)
	s[5] = samples(2500, 2000, 2, 0, beat, beat, beat, beat, beat, beat, beat, beat)
	out["reference beat"] = record{sections: s, unmarked: true}.bytes()
	b := v.sections(eightLeads(n, rng), rng)
	b[3], b[4], b[6][5] = leads(twelveFlags, 1, 4*n-200, eight...), s[4], 1
	out["bimodal"] = record{sections: b, protocol: 13}.bytes()
	var w bytes.Buffer
	_ = scp.Write(&w, full(n, rng))
	out["written"] = w.Bytes()
	return out
}

// shown reports whether any sample of a tracing is there.
func shown(t *tracing.Tracing) bool {
	for _, g := range t.Groups {
		for _, l := range g.Leads {
			if slices.ContainsFunc(l.Samples, func(v int32) bool { return v != tracing.Missing }) {
				return true
			}
		}
	}
	return false
}

func TestTruncatedFilesShowWhatIsThere(t *testing.T) {
	for name, b := range corpus(5000) {
		t.Run(name, func(t *testing.T) {
			wholeFile := mustRead(t, b)
			good := 0
			for percent := 1; percent < 100; percent++ {
				got, err := scp.Read(b[:len(b)*percent/100])
				if err != nil || !shown(got) || !warned(got, tracing.Truncated) {
					continue
				}
				good++
				sound(t, got)
				if g, w := got.Rhythm(), wholeFile.Rhythm(); g != nil { // what is there is right
					for _, l := range w.Leads {
						part := g.Lead(l.Code)
						for i := range min(len(part.Samples), len(l.Samples)) {
							if part.Samples[i] != tracing.Missing && part.Samples[i] != l.Samples[i] {
								t.Fatalf("%d %%: sample %d of %s is wrong", percent, i, l.Code)
							}
						}
					}
				}
			}
			if good < 95 {
				t.Errorf("%d of 99 cuts were shown with a warning", good)
			}
		})
	}
}

// sound checks what every reader promises.
func sound(t *testing.T, x *tracing.Tracing) {
	t.Helper()
	samples := 0
	for _, g := range x.Groups {
		for _, l := range g.Leads {
			if len(l.Samples) != g.Len() {
				t.Fatal("leads of a group differ in length")
			}
			samples += len(l.Samples)
		}
	}
	for _, a := range x.Annotations {
		if a.Group < 0 || a.Group >= len(x.Groups) {
			t.Fatal("an annotation of no group")
		}
	}
}

func TestASmallFileCannotFillTheMemory(t *testing.T) {
	s := map[int][]byte{2: le.AppendUint16(nil, 19999), 3: {255, 4}, 6: {136, 19, 208, 7, 2, 0}}
	for range 255 {
		s[3] = append(append(s[3], leads(0, 1, 500_000, 1)[2:10]...), 1)
		s[6] = le.AppendUint16(s[6], 65535)
	}
	s[6] = append(s[6], make([]byte, 255*65535)...)
	b := record{sections: s, protocol: 20}.bytes()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	got := mustRead(t, b)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > int64(4*len(b)+24<<20) {
		t.Errorf("%d bytes for a file of %d", used, len(b))
	}
	runtime.KeepAlive(b)
	if !warned(got, tracing.Truncated) {
		t.Error(got.Warnings)
	}
}

func FuzzRead(f *testing.F) {
	for _, b := range corpus(200) {
		f.Add(b)
		f.Add(b[:len(b)*2/3])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := scp.Read(b)
		if err != nil {
			return
		}
		sound(t, x)
		var w bytes.Buffer
		if scp.Write(&w, x) != nil {
			return
		}
		again, err := scp.Read(w.Bytes())
		if err != nil {
			t.Fatalf("what was written is not read: %v", err)
		}
		sound(t, again)
	})
}

func BenchmarkRead(b *testing.B) {
	rng := rand.New(rand.NewPCG(25, 26))
	for _, name := range []string{"default table, difference 2", "raw, difference 0"} {
		i := slices.IndexFunc(variants, func(v variant) bool { return v.name == name })
		file := record{sections: variants[i].sections(eightLeads(5000, rng), rng), protocol: 20}.bytes()
		b.Run(fmt.Sprintf("8x5000, %s", name), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				if _, err := scp.Read(file); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestLeadsThatFillUpDoNotFillTheMemory: leads of a few samples that claim to begin hours apart, and one lead of many samples among empty ones.
func TestLeadsThatFillUpDoNotFillTheMemory(t *testing.T) {
	const claimed = 4 << 20
	apart := leads(4, 1, claimed, make([]byte, 64)...)
	last := apart[2+63*9:]
	le.PutUint32(last, claimed)
	le.PutUint32(last[4:], 2*claimed-1)
	one := make([][]byte, 64)
	for i := range one {
		one[i] = []byte{1, 0}
	}
	flat := make([][]byte, 64)
	flat[63] = make([]byte, 60_000)
	for _, c := range []struct {
		name string
		file record
	}{
		{"hours apart", record{sections: map[int][]byte{1: {255, 0, 0}, 3: apart, 6: samples(1000, 2000, 0, 0, one...)}, protocol: 20}},
		{"one long", record{sections: map[int][]byte{
			1: {255, 0, 0}, 2: le.AppendUint16(nil, 19999), 3: leads(4, 1, claimed, make([]byte, 64)...), 6: samples(1000, 2000, 0, 0, flat...),
		}, protocol: 20}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := c.file.bytes()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := mustRead(t, b)
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
				t.Errorf("%d bytes of a file are read into %d MB", len(b), used>>20)
			}
			if !shown(got) || !warned(got, tracing.Truncated) {
				t.Errorf("warnings %v", got.Warnings)
			}
		})
	}
}

func TestOneLeadTwiceIsTold(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	v := variant{tables: [][]symbol{defaultSymbols}, difference: 2}
	s := v.sections(eightLeads(500, rng), rng)
	s[3][2+9+8] = 1 // the second lead says that it is I too
	got := mustRead(t, record{sections: s, protocol: 20}.bytes())
	if g := got.Rhythm(); len(g.Leads) != 8 || g.Leads[0].Code != tracing.LeadI || !warned(got, tracing.Inconsistent) {
		t.Errorf("%d leads, %v", len(got.Rhythm().Leads), got.Warnings)
	}
}

func TestWrongLengthOfTheRecordHidesNothing(t *testing.T) {
	b := corpus(5000)["written"]
	want := mustRead(t, b)
	for _, n := range []int{40, len(b) / 2, len(b) - 100} {
		c := bytes.Clone(b)
		le.PutUint32(c[2:], uint32(n))
		got := mustRead(t, c)
		if !warned(got, tracing.BadChecksum) || got.Rhythm().Len() != want.Rhythm().Len() || len(got.Groups) != len(want.Groups) ||
			!slices.Equal(got.Rhythm().Leads[11].Samples, want.Rhythm().Leads[11].Samples) {
			t.Errorf("length %d: %d groups of %d, warnings %v", n, len(got.Groups), got.Rhythm().Len(), got.Warnings)
		}
	}
}
