package contec_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/contec"
	"github.com/lianzhen/lianzhen/codec/tracing/edf"
	"github.com/lianzhen/lianzhen/codec/tracing/scp"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
)

// file has samples of n frames; the electrode of V6 is off.
func file(n int) []byte {
	b := make([]byte, 43)
	copy(b, "0000050")
	copy(b[10:], "2020-11-16 21:44:39")
	b[40] = 0xFF
	for i := range n {
		for k := range 7 {
			b = binary.LittleEndian.AppendUint16(b, uint16(2048+tracingtest.Wave(k, i)/4))
		}
		b = binary.LittleEndian.AppendUint16(b, 0x6800)
	}
	footer := make([]byte, 37)
	footer[27] = 0x16
	return append(b, footer...)
}

func TestRead(t *testing.T) {
	b := file(2000)
	if !contec.Sniff(b[:200]) {
		t.Error("not sniffed")
	}
	got, err := contec.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	g := got.Rhythm()
	if len(g.Leads) != 12 || g.Len() != 2000 || g.Rate != tracing.Whole(800) || tracingtest.Warned(got, tracing.Truncated) {
		t.Fatalf("%d leads of %d samples, %v", len(g.Leads), g.Len(), got.Warnings)
	}
	for i := range 2000 {
		ii, iii := tracingtest.Wave(0, i)/4, tracingtest.Wave(1, i)/4
		if g.Lead(tracing.LeadII).Samples[i] != ii || g.Lead(tracing.LeadI).Samples[i] != ii-iii || g.Lead(tracing.LeadV5).Samples[i] != tracingtest.Wave(6, i)/4 {
			t.Fatalf("sample %d", i)
		}
	}
	v6 := g.Lead(tracing.LeadV6)
	if !v6.Off || v6.Samples[5] != tracing.Missing || !tracingtest.Warned(got, tracing.LeadsOff) || g.Lead(tracing.LeadV5).Off {
		t.Error("an electrode that is off")
	}
	if got.Patient.ID != "0000050" || !got.RecordedAt.Equal(time.Date(2020, 11, 16, 21, 44, 39, 0, time.UTC)) || !g.Lead(tracing.LeadI).Derived {
		t.Error(got.RecordedAt)
	}
}

func TestFooterIsNoSample(t *testing.T) {
	b := file(100)
	copy(b[len(b)-37:], []byte{72, 0, 160, 0}) // what a device may write there
	if got, err := contec.Read(b); err != nil || got.Rhythm().Len() != 100 || tracingtest.Warned(got, tracing.Truncated) {
		t.Error(err)
	}
}

func TestTruncated(t *testing.T) { tracingtest.Truncations(t, file(3000), 80, contec.Read) }

func TestOthersAreRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty": nil, "zeros": make([]byte, 5000), "text": bytes.Repeat([]byte("2020-11-16 21:44:39 "), 50), "no frames": file(0)[:43],
	} {
		if _, err := contec.Read(b); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func TestGolden(t *testing.T) {
	takes := func(name string) bool { return strings.HasPrefix(name, "contec/") && strings.HasSuffix(name, ".ECG") }
	tracingtest.Golden(t, takes, func(t *testing.T, name string) *tracing.Tracing {
		b := tracingtest.Bytes(t, name)
		got, err := contec.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		tracingtest.Truncations(t, b, 80, contec.Read)
		return got
	})
}

// Set C: the native file and its conversions to EDF and SCP-ECG are one recording. That to SCP-ECG was cut by its writer.
func TestConversionsAreTheNativeFile(t *testing.T) {
	native, err := contec.Read(tracingtest.Bytes(t, "contec/0000050.ECG"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file    string
		read    func(b []byte) (*tracing.Tracing, error)
		samples int
	}{{"contec/0000050.ECG.edf", edf.Read, 37_855}, {"contec/0000050.ECG.scp", scp.Read, 32_767}} {
		converted, err := c.read(tracingtest.Bytes(t, c.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range []tracing.Code{tracing.LeadI, tracing.LeadII, tracing.LeadIII} {
			a, b := native.Rhythm().Lead(code), converted.Rhythm().Lead(code)
			if b == nil || len(b.Samples) < c.samples {
				t.Fatalf("%s: %s is short", c.file, code)
			}
			for i := range c.samples {
				if a.UV(i) != b.UV(i) {
					t.Fatalf("%s: %s: sample %d is %v and %v uV", c.file, code, i, a.UV(i), b.UV(i))
				}
			}
		}
	}
}

func TestMemory(t *testing.T) { tracingtest.Memory(t, file(60_000), contec.Read) }

func FuzzRead(f *testing.F) {
	f.Add(file(20))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = contec.Read(b) })
}

func BenchmarkRead(b *testing.B) {
	f := file(8000)
	b.SetBytes(int64(len(f)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := contec.Read(f); err != nil {
			b.Fatal(err)
		}
	}
}
