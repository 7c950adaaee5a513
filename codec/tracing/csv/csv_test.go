package csv_test

import (
	"bytes"
	stdcsv "encoding/csv"
	"math"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/csv"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
)

func TestTable(t *testing.T) {
	tr := &tracing.Tracing{Groups: []tracing.Group{{Kind: tracing.Rhythm, Rate: tracing.NewRatio(1000, 3), Leads: []tracing.Lead{
		{Label: "II", NVPerLSB: tracing.Whole(2500), Samples: []int32{-7, tracing.Missing, 3}},
		{Label: "aVR", NVPerLSB: tracing.NewRatio(2500, 2), OffsetNV: tracing.Whole(-1), Samples: []int32{1, 2, -1}},
		{Label: "V1", NVPerLSB: tracing.NewRatio(1_000_000, 397), Samples: []int32{397, 1, 0}},
		{Label: `=cmd|"x",`, Samples: []int32{5, 6, -7}},
		{NVPerLSB: tracing.Whole(1), Samples: []int32{-5, 1000, 0}},
	}}}}
	var out bytes.Buffer
	if err := csv.Write(&out, tr); err != nil {
		t.Fatal(err)
	}
	want := "time (s),II (uV),aVR (uV),V1 (uV),cmd| x (units),lead 5 (uV)\r\n" +
		"0,-17.5,1.249,1000,5,-0.005\r\n" +
		"0.003,,2.499,2.518892,6,1\r\n" +
		"0.006,7.5,-1.251,0,-7,0\r\n"
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}

func TestEveryValueIsKept(t *testing.T) {
	for _, size := range []tracing.Ratio{tracing.Whole(2500), tracing.Whole(183), tracing.NewRatio(4880, 2), tracing.NewRatio(1_000_000, 397)} {
		tr := tracingtest.Rhythm(1000, tracing.Twelve...)
		for i := range tr.Groups[0].Leads {
			tr.Groups[0].Leads[i].NVPerLSB = size
		}
		var out bytes.Buffer
		if err := csv.Write(&out, tr); err != nil {
			t.Fatal(err)
		}
		rows, err := stdcsv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 1001 {
			t.Fatal(err, len(rows))
		}
		for i, row := range rows[1:] {
			for k := range tr.Groups[0].Leads {
				v, err := strconv.ParseFloat(row[k+1], 64)
				if l := &tr.Groups[0].Leads[k]; err != nil || math.Abs(v-l.UV(i)) > 6e-7 {
					t.Fatalf("%s is %v", row[k+1], l.UV(i))
				}
			}
		}
	}
}

func TestNoRhythm(t *testing.T) {
	var out bytes.Buffer
	if err := csv.Write(&out, &tracing.Tracing{}); err != nil || out.String() != "time (s)\r\n" {
		t.Errorf("%q %v", out.String(), err)
	}
}

func BenchmarkWrite(b *testing.B) {
	tr := tracingtest.Rhythm(5000, tracing.Twelve...)
	var out bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := csv.Write(&out, tr); err != nil {
			b.Fatal(err)
		}
	}
}
