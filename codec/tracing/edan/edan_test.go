package edan_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/edan"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
)

// file has a header of noise, eight leads and the device's median beats.
func file() []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 2031)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	for k := range 8 {
		for i := range 10_000 {
			b = binary.LittleEndian.AppendUint16(b, uint16(tracingtest.Wave(k, i)))
		}
	}
	return append(b, make([]byte, 20_000)...)
}

func TestRead(t *testing.T) {
	b := file()
	if !edan.Sniff(b[:4096]) {
		t.Error("not sniffed")
	}
	got, err := edan.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	g := got.Rhythm()
	if len(g.Leads) != 12 || g.Len() != 10_000 || g.Rate != tracing.Whole(1000) || tracingtest.Warned(got, tracing.Truncated) {
		t.Fatalf("%d leads of %d samples, %v", len(g.Leads), g.Len(), got.Warnings)
	}
	for k, c := range tracing.Eight {
		for i, v := range g.Lead(c).Samples {
			if v != tracingtest.Wave(k, i) {
				t.Fatalf("%s: sample %d is %d", c, i, v)
			}
		}
	}
	if uv := g.Lead(tracing.LeadII).NVPerLSB.Mul(tracing.Whole(397)); uv != tracing.Whole(1_000_000) {
		t.Error(uv)
	}
}

func TestTruncated(t *testing.T) { tracingtest.Truncations(t, file(), 4096, edan.Read) }

func TestOthersAreRefused(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, 182_031)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	interleaved := make([]byte, 0, 200_000)
	for i := range 12_000 {
		for k := range 8 {
			interleaved = binary.LittleEndian.AppendUint16(interleaved, uint16(tracingtest.Wave(k, i)+int32(k*1000)))
		}
	}
	for name, b := range map[string][]byte{
		"empty": nil, "zeros": make([]byte, 182_031), "text": bytes.Repeat([]byte("mV,I,II,III\n"), 15_000), "noise": noise,
		"interleaved": interleaved, "longer": append(file(), make([]byte, 1<<20)...),
	} {
		if _, err := edan.Read(b); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file()[:6000])
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = edan.Read(b) })
}
