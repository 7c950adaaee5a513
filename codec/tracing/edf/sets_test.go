package edf_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/edf"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
	"github.com/lianzhen/lianzhen/codec/tracing/wfdb"
)

// Sets D and E: the same recordings as EDF and as WFDB.
func TestSameRecordingAsWFDB(t *testing.T) {
	root := tracingtest.Data(t)
	for _, c := range []struct {
		record, file string
		raw          bool // the samples themselves are the same
	}{
		{"100", "derived/100.edf", false},
		{"100", "edf/100.edf", false},
		{"s0010_re", "derived/s0010_re.edf", false},
		{"s0010_re", "edf/s0010_re.edf", false},
		{"test_generator_2", "edf/test_generator_2.edf", true},
	} {
		t.Run(c.file, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(root, c.file))
			if err != nil {
				t.Skip(c.file + " is not here")
			}
			got, err := edf.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			want, err := wfdb.ReadFS(os.DirFS(root), "wfdb/"+c.record)
			if err != nil {
				t.Skip(c.record + " is not here")
			}
			same(t, want.Rhythm(), got.Rhythm(), c.raw)
		})
	}
}

func same(t *testing.T, want, got *tracing.Group, raw bool) {
	t.Helper()
	if want.Rate != got.Rate || len(want.Leads) != len(got.Leads) || got.Len() < want.Len() {
		t.Fatalf("%v Hz, %d leads, %d samples: want %v, %d, %d", got.Rate, len(got.Leads), got.Len(), want.Rate, len(want.Leads), want.Len())
	}
	for i := range want.Leads {
		a, b := &want.Leads[i], &got.Leads[i]
		for k := range a.Samples {
			if raw && a.Samples[k] != b.Samples[k] || !raw && math.Abs(a.UV(k)-b.UV(k)) > math.Abs(a.NVPerLSB.Float())/2000 {
				t.Errorf("%s: sample %d is %v uV, want %v", b.Label, k, b.UV(k), a.UV(k))
				break
			}
		}
		for k := want.Len(); k < got.Len(); k++ {
			if b.Samples[k] != tracing.Missing {
				t.Errorf("%s: padding is %d", b.Label, b.Samples[k])
				break
			}
		}
	}
}

// A recording of the databases, written as EDF+ and read again, is the same.
func TestRealRecordsAreWrittenExactly(t *testing.T) {
	root := tracingtest.Data(t)
	for _, record := range []string{"wfdb/100", "wfdb/s0010_re", "ludb/data/1", "cinc2021/JS20000", "mitdb/231"} {
		want, err := wfdb.ReadFS(os.DirFS(root), record)
		if err != nil {
			t.Log(record + " is not here")
			continue
		}
		if err := writable(want.Rhythm()); err != "" {
			t.Log(record + ": " + err)
			continue
		}
		t.Run(record, func(t *testing.T) { same(t, want.Rhythm(), rewritten(t, want).Rhythm(), true) })
	}
}

func writable(g *tracing.Group) string {
	for _, l := range g.Leads {
		for _, v := range l.Samples {
			if v == tracing.Missing {
				return "it has missing samples"
			}
		}
	}
	return ""
}
