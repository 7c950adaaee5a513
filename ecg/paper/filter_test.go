package paper

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

func sine(hz, rate, seconds float64) []float64 {
	out := make([]float64, int(rate*seconds))
	for i := range out {
		out[i] = 1000 * math.Sin(2*math.Pi*hz*float64(i)/rate)
	}
	return out
}

// height is half of peak to peak in the middle.
func height(v []float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, x := range v[len(v)/3 : 2*len(v)/3] {
		low, high = min(low, x), max(high, x)
	}
	return (high - low) / 2
}

func TestFiltersPassAndStop(t *testing.T) {
	for _, c := range []struct {
		name      string
		f         Filter
		hz        float64
		low, high float64
	}{
		{"high pass takes wander", Filter{HighPassHz: 0.67}, 0.1, 0, 30},
		{"high pass leaves QRS", Filter{HighPassHz: 0.67}, 10, 990, 1010},
		{"low pass leaves QRS", Filter{LowPassHz: 40}, 10, 970, 1010},
		{"low pass takes noise", Filter{LowPassHz: 40}, 150, 0, 30},
		{"notch takes mains", Filter{NotchHz: 50}, 50, 0, 10},
		{"notch leaves its neighbours", Filter{NotchHz: 50}, 40, 950, 1010},
		{"a corner over half the rate does nothing", Filter{LowPassHz: 490}, 20, 990, 1010},
	} {
		for _, rate := range []float64{500, 1000} {
			t.Run(fmt.Sprint(c.name, " at ", rate), func(t *testing.T) {
				v := sine(c.hz, rate, 30)
				c.f.settled(rate).apply(v, rate)
				if h := height(v); h < c.low || h > c.high {
					t.Errorf("1000 became %.1f", h)
				}
			})
		}
	}
}

func TestFiltersMoveNothing(t *testing.T) {
	uv := values(&twelve().Rhythm().Leads[1], 0, 5000)
	Filter{HighPassHz: 0.67, LowPassHz: 40, NotchHz: 50}.apply(uv, 500)
	for _, b := range beats {
		at := int(math.Round(b * 500))
		best := at
		for i := max(at-20, 0); i < min(at+20, len(uv)); i++ {
			if uv[i] > uv[best] {
				best = i
			}
		}
		if best != at {
			t.Errorf("the R peak at sample %d moved to %d", at, best)
		}
	}
}

func TestFiltersTouchNoSample(t *testing.T) {
	tr := twelve()
	before := append([]int32(nil), tr.Rhythm().Leads[0].Samples...)
	drawn(t, &Sheet{Tracing: tr, Options: Options{Filter: Filter{LowPassHz: 40}}})
	for i, v := range tr.Rhythm().Leads[0].Samples {
		if v != before[i] {
			t.Fatal("drawing changed a sample")
		}
	}
}

func TestFootNamesTheFilters(t *testing.T) {
	for _, c := range []struct {
		name string
		f    Filter
		want string
	}{
		{"none", Filter{}, "25mm/s 10mm/mV  0.05-150Hz AC50Hz  0s"},
		{"all", Filter{0.67, 40, 50}, "display filter: 0.67-40Hz AC50Hz"},
		{"low pass", Filter{LowPassHz: 100}, "display filter: ≤100Hz"},
		{"high pass", Filter{HighPassHz: 0.05}, "display filter: ≥0.05Hz"},
		{"no such corners", Filter{-1, 1e9, 3}, "AC50Hz  0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := svgOf(t, &Sheet{Tracing: twelve(), Language: English, Options: Options{Filter: c.f}})
			if !strings.Contains(strings.Join(readSVG(t, b).texts, "\n"), c.want) {
				t.Errorf("the foot does not say %q", c.want)
			}
		})
	}
}

func TestLongRecordingsGoOnOverPages(t *testing.T) {
	s := &Sheet{Tracing: made([]tracing.Code{tracing.LeadII, tracing.LeadV1, tracing.LeadV5}, 250, 65), From: 5e9, For: 45e9, Language: English}
	if n := len(pageContents(t, pdfOf(t, s))); n != 5 {
		t.Errorf("%d pages of 10 s for 45 s", n)
	}
	s.Options.Page = 4
	if texts := strings.Join(readSVG(t, svgOf(t, s)).texts, "\n"); !strings.Contains(texts, "45s–50s of 0:01:05") {
		t.Errorf("the last page does not say where it is: %s", texts)
	}
}
