package scp_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/scp"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
)

// wfdb_test.scp has a test of its own: its reference is smoothed.
func TestSampleFilesEqualIndependentReaders(t *testing.T) {
	takes := func(name string) bool {
		kind := strings.ToLower(filepath.Ext(name))
		return (kind == ".scp" || kind == ".scp-ecg") && filepath.Base(name) != "wfdb_test.scp"
	}
	tracingtest.Golden(t, takes, func(t *testing.T, name string) *tracing.Tracing { return mustRead(t, tracingtest.Bytes(t, name)) })
}

// The decoder that made this reference smooths what it finds outside the zones of the reference beat by a mean of three. With the same
// smoothing, every sample must be equal; inside the zones without it.
func TestReferenceBeatFileEqualsItsDecoding(t *testing.T) {
	file, want := tracingtest.Bytes(t, "scp/wfdb_test.scp"), tracingtest.Bytes(t, "scp/wfdb_test.dat")
	got := mustRead(t, file)
	zones, fiducial := zonesOf(file)
	column := map[tracing.Code]int{
		tracing.LeadI: 0, tracing.LeadII: 1, tracing.LeadV1: 6, tracing.LeadV2: 7, tracing.LeadV3: 8, tracing.LeadV4: 9, tracing.LeadV5: 10,
		tracing.LeadV6: 11,
	}
	for code, c := range column {
		x := got.Rhythm().Lead(code).Samples
		beat := got.MedianBeat().Lead(code).Samples
		rest, inside, within := slices.Clone(x), make([]bool, len(x)), make([]int32, len(x))
		for _, z := range zones {
			for k := z[0]; k <= z[2]; k++ {
				if j := k - z[1] + fiducial - 1; j >= 0 && j < len(beat) {
					within[k-1] = beat[j]
					rest[k-1] -= beat[j]
				}
			}
			for k := z[0] - 1; k <= z[2]+1; k++ {
				inside[k] = true
			}
		}
		for i := range x {
			v := rest[i]
			if i > 0 && i < len(x)-1 && !inside[i] {
				v = mean3(rest[i-1] + rest[i] + rest[i+1])
			}
			ref := int32(int16(le.Uint16(want[(12*i+c)*2:])))
			if v+within[i] != ref {
				t.Fatalf("%s: sample %d is %d, want %d", code, i, v+within[i], ref)
			}
		}
	}
}

func mean3(sum int32) int32 {
	switch {
	case sum > 0:
		return (sum + 2) / 3
	case sum < 0:
		return (sum - 2) / 3
	}
	return 0
}

// zonesOf reads start, fiducial and end of the zones of section 4, and the fiducial of the reference beat.
func zonesOf(file []byte) (zones [][3]int, fiducial int) {
	s := file[le.Uint32(file[22+4*10+6:])-1:]
	fiducial = int(le.Uint16(s[18:]))
	for i := range int(le.Uint16(s[20:])) {
		z := s[22+14*i:]
		if le.Uint16(z) == 0 {
			zones = append(zones, [3]int{int(le.Uint32(z[2:])), int(le.Uint32(z[6:])), int(le.Uint32(z[10:]))})
		}
	}
	return zones, fiducial
}

func TestConvertedCartFileEqualsItsOrigin(t *testing.T) {
	file, origin := tracingtest.Bytes(t, "contec/0000050.ECG.scp"), tracingtest.Bytes(t, "contec/0000050.ECG")
	got := mustRead(t, file)
	if got.Rhythm().Len() != 32767 || !warned(got, tracing.Truncated) { // of 37855: a length of 16 bits has no room for more
		t.Error(got.Rhythm().Len(), got.Warnings)
	}
	const head, zero, none = 43, 2048, 0x6800
	for k, code := range []tracing.Code{tracing.LeadII, tracing.LeadIII, tracing.LeadV1, tracing.LeadV2, tracing.LeadV3} {
		l := got.Rhythm().Lead(code)
		for i, v := range l.Samples {
			raw := int32(le.Uint16(origin[head+(8*i+k)*2:]))
			if raw != none && v != raw-zero {
				t.Fatalf("%s: sample %d is %d, want %d", code, i, v, raw-zero)
			}
		}
	}
}

func TestSampleFilesSurviveARoundTrip(t *testing.T) {
	for _, name := range []string{"scp/ecgtoolkit_Example.scp", "scp/wfdb_test.scp", "scp/rigacci_demo.scp", "derived/Example.scp-ecg"} {
		t.Run(name, func(t *testing.T) {
			want := mustRead(t, tracingtest.Bytes(t, name))
			got := mustRead(t, write(t, want))
			want.Warnings, want.Version = nil, "2.0"
			if d := cmp.Diff(want, got, sameSet); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTruncatedSampleFiles(t *testing.T) {
	for _, name := range []string{"scp/ecgtoolkit_Example.scp", "scp/wfdb_test.scp", "contec/0000050.ECG.scp"} {
		t.Run(name, func(t *testing.T) {
			b := tracingtest.Bytes(t, name)
			good := 0
			for percent := 1; percent < 100; percent++ {
				if got, err := scp.Read(b[:len(b)*percent/100]); err == nil && shown(got) && warned(got, tracing.Truncated) {
					good++
				}
			}
			if good < 94 { // a header of 5 % in one of them
				t.Errorf("%d of 99 cuts were shown with a warning", good)
			}
			t.Logf("%d of 99 cuts were shown with a warning", good)
		})
	}
}
