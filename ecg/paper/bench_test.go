package paper

import (
	"io"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// written counts what is written.
type written int

func (w *written) Write(b []byte) (int, error) {
	*w += written(len(b))
	return len(b), nil
}

func benchmark(b *testing.B, s *Sheet, draw func(io.Writer, *Sheet) error) {
	b.ReportAllocs()
	var n written
	for b.Loop() {
		n = 0
		if err := draw(&n, s); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n), "bytes")
}

// tenSeconds is a sheet of 12 leads of 5000 samples with some noise; its header is Chinese.
func tenSeconds(l Layout) *Sheet {
	s := filled()
	s.Tracing, s.Report, s.Options.Layout = eight(10), nil, l
	return s
}

func BenchmarkPDF(b *testing.B) {
	for _, l := range Layouts {
		b.Run(string(l), func(b *testing.B) { benchmark(b, tenSeconds(l), PDF) })
	}
}

func BenchmarkPDFWithReport(b *testing.B) {
	s := filled()
	s.Tracing = eight(10)
	benchmark(b, s, PDF)
}

func BenchmarkSVG(b *testing.B) { benchmark(b, tenSeconds(ThreeByFour1), SVG) }

func BenchmarkPNG150(b *testing.B) {
	benchmark(b, tenSeconds(ThreeByFour1), func(w io.Writer, s *Sheet) error { return PNG(w, s, 150) })
}

func BenchmarkPNG300(b *testing.B) {
	benchmark(b, tenSeconds(ThreeByFour1), func(w io.Writer, s *Sheet) error { return PNG(w, s, 300) })
}

func BenchmarkSamples(b *testing.B) {
	tr := eight(10)
	benchmark(b, nil, func(w io.Writer, _ *Sheet) error {
		p, err := Samples(tr)
		if err != nil {
			return err
		}
		_, err = w.Write(p)
		return err
	})
}

func BenchmarkFilters(b *testing.B) {
	lead := &made([]tracing.Code{tracing.LeadII}, 500, 10).Rhythm().Leads[0]
	f := Filter{HighPassHz: 0.67, LowPassHz: 40, NotchHz: 50}
	for b.Loop() {
		f.apply(values(lead, 0, 5000), 500)
	}
}
