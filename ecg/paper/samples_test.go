package paper

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

var errSamples = errors.New("not samples")

// unpacked reads what Samples writes, as a client does. It takes no more than maxUnpacked bytes.
func unpacked(b []byte) ([]tracing.Group, error) {
	if len(b) < len(samplesMagic) || string(b[:len(samplesMagic)]) != samplesMagic {
		return nil, errSamples
	}
	const maxUnpacked = 1 << 22
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b[len(samplesMagic):])), maxUnpacked))
	if err != nil {
		return nil, err
	}
	r := &unpacker{b: raw}
	groups := make([]tracing.Group, r.count(8))
	for i := range groups {
		groups[i] = r.group()
	}
	if r.bad || len(r.b) != 0 {
		return nil, errSamples
	}
	return groups, nil
}

type unpacker struct {
	b   []byte
	bad bool
}

func (r *unpacker) unsigned() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *unpacker) signed() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count is a number of things that are still to come, of which there cannot be more than limit.
func (r *unpacker) count(limit uint64) int {
	v := r.unsigned()
	if v > limit {
		r.bad, r.b = true, nil
		return 0
	}
	return int(v)
}

func (r *unpacker) bytes(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *unpacker) group() tracing.Group {
	g := tracing.Group{Kind: tracing.Rhythm}
	if r.unsigned() == 1 {
		g.Kind = tracing.Median
	}
	g.Rate = tracing.Ratio{Num: int64(r.unsigned()), Den: int64(r.unsigned())}
	g.Offset = time.Duration(r.signed())
	n := r.count(tracing.MaxSamples)
	for range r.count(tracing.MaxLeads) {
		if r.bad {
			break
		}
		g.Leads = append(g.Leads, r.lead(n))
	}
	return g
}

func (r *unpacker) ratio() tracing.Ratio {
	return tracing.Ratio{Num: r.signed(), Den: int64(r.unsigned())}
}

func (r *unpacker) lead(n int) tracing.Lead {
	l := tracing.Lead{Code: tracing.Code(r.bytes(r.count(64))), Label: string(r.bytes(r.count(64)))}
	flags := r.bytes(1)
	if r.bad {
		return l
	}
	l.Off, l.Derived = flags[0]&1 != 0, flags[0]&2 != 0
	l.NVPerLSB, l.OffsetNV, l.Skew = r.ratio(), r.ratio(), time.Duration(r.signed())
	gaps := make([]int, 0, 16)
	missing := 0
	for range 2 * r.count(tracing.MaxSamples) {
		gaps = append(gaps, r.count(uint64(n)))
		if len(gaps)%2 == 0 {
			missing += gaps[len(gaps)-1]
		}
		if r.bad {
			return l
		}
	}
	order := r.bytes(1)
	if r.bad || missing > n || n-missing > len(r.b) { // a sample is a byte at the least
		r.bad = true
		return l
	}
	l.Samples = make([]int32, 0, n)
	var one, two int64
	take := func(k int) {
		for range k {
			v := r.signed() + predicted(order[0], one, two)
			one, two = v, one
			l.Samples = append(l.Samples, int32(v))
		}
	}
	for i := 0; i < len(gaps); i += 2 {
		if gaps[i] > n-len(l.Samples) {
			r.bad = true
			return l
		}
		take(gaps[i])
		for range min(gaps[i+1], n-len(l.Samples)) {
			l.Samples = append(l.Samples, tracing.Missing)
		}
	}
	take(n - len(l.Samples))
	return l
}

// whole is what a client makes of it: with the limb leads.
func whole(t *testing.T, b []byte) []tracing.Group {
	t.Helper()
	groups, err := unpacked(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range groups {
		groups[i].DeriveLimb()
		groups[i].Sort()
	}
	return groups
}

// eight is a made tracing with derived limb leads.
func eight(seconds float64) *tracing.Tracing {
	t := made(tracing.Eight, 500, seconds)
	g := t.Rhythm()
	noise := rand.New(rand.NewPCG(1, 2))
	for i := range g.Leads {
		for k := range g.Leads[i].Samples {
			g.Leads[i].Samples[k] += int32(noise.NormFloat64() * 2)
		}
	}
	g.DeriveLimb()
	g.Sort()
	return t
}

func TestSamplesComeBackExactly(t *testing.T) {
	gaps := eight(10)
	for i := range gaps.Groups[0].Leads {
		l := &gaps.Groups[0].Leads[i]
		for k := 100; k < 200; k++ {
			l.Samples[k] = tracing.Missing
		}
		l.Samples[0], l.Samples[4999] = tracing.Missing, tracing.Missing
	}
	median := eight(10)
	median.Groups = append(median.Groups, tracing.Group{Kind: tracing.Median, Rate: tracing.NewRatio(1_000_000, 3), Offset: -time.Second, Leads: []tracing.Lead{
		{Code: tracing.LeadII, Label: "II", NVPerLSB: tracing.NewRatio(4880, 1), Samples: []int32{0, 5, math.MaxInt32, math.MinInt32 + 1, -7}, Skew: 4 * time.Millisecond, Off: true},
		{Label: "胸骨", Samples: []int32{tracing.Missing, tracing.Missing, tracing.Missing, tracing.Missing, tracing.Missing}},
	}})
	for _, c := range []struct {
		name string
		of   *tracing.Tracing
	}{{"eight leads", eight(10)}, {"with gaps", gaps}, {"with a median beat", median}, {"recorded limb leads", twelve()}} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Samples(c.of)
			if err != nil {
				t.Fatal(err)
			}
			want := append([]tracing.Group(nil), c.of.Groups...)
			for i := range want {
				want[i].Filters = tracing.Filters{}
			}
			if diff := cmp.Diff(want, whole(t, b)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSamplesOfTenSecondsAreSmall(t *testing.T) {
	b, err := Samples(eight(10))
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 30_000 {
		t.Errorf("%d bytes", len(b))
	}
}

func TestSamplesLeaveOutOnlyWhatFollows(t *testing.T) {
	tr := eight(2)
	tr.Rhythm().Leads[2].Samples[300] += 40 // III was recorded, and differs
	b, err := Samples(tr)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := unpacked(b)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, l := range groups[0].Leads {
		codes = append(codes, l.Code.Label())
	}
	if diff := cmp.Diff([]string{"I", "II", "III", "V1", "V2", "V3", "V4", "V5", "V6"}, codes); diff != "" {
		t.Error(diff)
	}
}

func TestSamplesOfAWindow(t *testing.T) {
	tr := eight(10)
	for _, c := range []struct {
		name        string
		first, n    int64
		from, until int
	}{
		{"inside", 1000, 500, 1000, 1500}, {"over the end", 4900, 500, 4900, 5000}, {"before the start", -50, 60, 0, 60}, {"more than there is", 0, math.MaxInt64, 0, 5000},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := SamplesOf(tracing.Loaded(tr), c.first, c.n)
			if err != nil {
				t.Fatal(err)
			}
			g := whole(t, b)[0]
			for i, l := range g.Leads {
				if diff := cmp.Diff(tr.Rhythm().Leads[i].Samples[c.from:c.until], l.Samples); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
	if _, err := SamplesOf(tracing.Loaded(tr), 5000, 10); err == nil {
		t.Error("a window without samples is packed")
	}
}

func TestNothingToPackIsInvalid(t *testing.T) {
	for _, tr := range []*tracing.Tracing{{}, {Groups: []tracing.Group{{Kind: tracing.Rhythm}}}, made(tracing.Twelve, 500, 0)} {
		if _, err := Samples(tr); err == nil {
			t.Error("it is packed")
		}
	}
}

func FuzzSamples(f *testing.F) {
	for _, tr := range []*tracing.Tracing{eight(0.2), twelve()} {
		b, err := Samples(tr)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		groups, err := unpacked(b)
		if err != nil {
			return
		}
		tr := &tracing.Tracing{Groups: groups}
		if again, err := Samples(tr); err == nil {
			if _, err := unpacked(again); err != nil {
				t.Error("what was read cannot be written and read again")
			}
		}
	})
}

// FuzzPack packs any samples.
func FuzzPack(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 0, 0, 0, 0x80, 5, 6, 7, 8}, int64(2500), int64(1))
	f.Fuzz(func(t *testing.T, b []byte, num, den int64) {
		l := tracing.Lead{Label: string(b[:min(len(b), 9)]), NVPerLSB: tracing.NewRatio(num, den)}
		for ; len(b) >= 4; b = b[4:] {
			l.Samples = append(l.Samples, int32(binary.LittleEndian.Uint32(b)))
		}
		if len(l.Samples) == 0 {
			return
		}
		packed, err := Samples(&tracing.Tracing{Groups: []tracing.Group{{Kind: tracing.Rhythm, Rate: tracing.Whole(500), Leads: []tracing.Lead{l}}}})
		if err != nil {
			t.Fatal(err)
		}
		groups, err := unpacked(packed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(l.Samples, groups[0].Leads[0].Samples); diff != "" {
			t.Error(diff)
		}
	})
}
