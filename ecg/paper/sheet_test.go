package paper

import (
	"bytes"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// beats are the seconds of the R peaks of made tracings: on whole samples at 500 Hz.
var beats = []float64{0.5, 1.344, 2.2, 3.062, 3.9, 4.758, 5.6, 6.442, 7.3, 8.154, 9.0, 9.84}

// made is a tracing of n leads with a P wave, a QRS complex and a T wave for each beat; R is 1 mV in the first lead and 0.05 mV higher in every
// other one. Samples are 2.5 uV.
func made(codes []tracing.Code, rate float64, seconds float64) *tracing.Tracing {
	g := tracing.Group{Kind: tracing.Rhythm, Rate: tracing.Whole(int64(rate)), Filters: tracing.Filters{HighPassHz: 0.05, LowPassHz: 150, NotchHz: 50}}
	for k, c := range codes {
		l := tracing.Lead{Code: c, Label: c.Label(), NVPerLSB: tracing.Whole(2500), OffsetNV: tracing.Whole(12_500)}
		for i := range int(rate * seconds) {
			l.Samples = append(l.Samples, int32(math.Round(wave(float64(i)/rate, 1000+50*float64(k))/2.5)))
		}
		g.Leads = append(g.Leads, l)
	}
	return &tracing.Tracing{Groups: []tracing.Group{g}, RecordedAt: time.Unix(1_700_000_000, 0)}
}

// wave is microvolts at a time, with an R wave of so many.
func wave(at, r float64) float64 {
	v := 4 * math.Sin(2*math.Pi*50*at)
	for _, b := range beats {
		for _, g := range []struct{ at, uv, s float64 }{{-0.16, 120, 0.02}, {-0.03, -90, 0.008}, {0, r, 0.01}, {0.03, -200, 0.01}, {0.28, 250, 0.04}} {
			d := (at - b - g.at) / g.s
			v += g.uv * math.Exp(-d*d/2)
		}
	}
	return v
}

func twelve() *tracing.Tracing { return made(tracing.Twelve, 500, 10) }

// filled has something everywhere.
func filled() *Sheet {
	return &Sheet{
		Tracing: twelve(), Institution: "某县人民医院", Critical: "疑似急性ST段抬高型心肌梗死", Clock: "FMC→ECG 6 min", Previous: "2026-03-01",
		Header:     Header{Name: "张某", Sex: "男", Age: "61岁", ID: "P0001", Clinic: "某镇卫生院", Time: "2026-11-22 14:03", Device: "ECG-1200", Order: "EX01", Indication: "胸痛"},
		Rows:       []Row{{"心率", "62 bpm", "61 bpm"}, {"QT/QTcB", "420/443 ms", "418/440 ms"}},
		Statements: []string{"窦性心律", "前间壁导联ST段抬高"}, OfDevice: []string{"Sinus rhythm"}, Warnings: []string{"V3 电极接触不良"},
		Report:    &Report{Findings: "窦性心律，心率62次/分。", Impression: "1. 窦性心律\n2. 急性前间壁心肌梗死待排", Reporter: "李医生", Reviewer: "王主任", SignedAt: "2026-11-22 14:09", ExaminedBy: "某镇卫生院", DiagnosedBy: "某县心电诊断中心", Recognised: "互认"},
		Algorithm: "lianzhen-ecg 1.0", Software: "lianzhen 0.9",
	}
}

// drawn is a sheet by the three back ends.
func drawn(t *testing.T, s *Sheet) (pdf, svg, png []byte) {
	t.Helper()
	var a, b, c bytes.Buffer
	for _, err := range []error{PDF(&a, s), SVG(&b, s), PNG(&c, s, 72)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return a.Bytes(), b.Bytes(), c.Bytes()
}

func pdfOf(t *testing.T, s *Sheet) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := PDF(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func svgOf(t *testing.T, s *Sheet) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := SVG(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSheetTellsNothingWhenPrinted(t *testing.T) {
	s := filled()
	for _, text := range []string{fmt.Sprint(*s), fmt.Sprintf("%v %+v %#v", *s, *s, *s)} {
		if bytes.Contains([]byte(text), []byte("张某")) {
			t.Error("a printed sheet shows the patient")
		}
	}
}

func TestOptionsKeepToPaper(t *testing.T) {
	for _, c := range []struct {
		name        string
		in          Options
		speed, gain float64
	}{
		{"defaults", Options{}, 25, 10},
		{"as they are", Options{SpeedMMs: 50, GainMMmV: 20}, 50, 20},
		{"bounds", Options{SpeedMMs: 1e9, GainMMmV: 0.1}, 100, 2.5},
		{"no numbers", Options{SpeedMMs: math.NaN(), GainMMmV: math.Inf(1)}, 25, 40},
		{"negative", Options{SpeedMMs: -1, GainMMmV: -1}, 25, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := c.in.settled()
			if o.SpeedMMs != c.speed || o.GainMMmV != c.gain || o.Layout != ThreeByFour1 || o.RhythmLead != tracing.LeadII {
				t.Errorf("%+v", o)
			}
		})
	}
}

func TestSheetsAreDrawnAtTheSameTime(t *testing.T) {
	want := pdfOf(t, filled())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			var got bytes.Buffer
			if err := PDF(&got, filled()); err != nil || !bytes.Equal(want, got.Bytes()) {
				t.Error("they disturb each other")
			}
		})
	}
	all.Wait()
}

func TestPagesAreCounted(t *testing.T) {
	for _, c := range []struct {
		name  string
		sheet *Sheet
		want  int
	}{
		{"empty", &Sheet{}, 1},
		{"a tracing", &Sheet{Tracing: twelve()}, 1},
		{"with a report", filled(), 2},
		{"half a minute", &Sheet{Tracing: made(tracing.Twelve, 100, 30), For: time.Minute}, 3},
		{"half a minute at 50 mm/s", &Sheet{Tracing: made(tracing.Twelve, 100, 30), For: time.Minute, Options: Options{SpeedMMs: 50}}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			drawn := len(pageContents(t, pdfOf(t, c.sheet)))
			if got := c.sheet.Pages(); got != c.want || drawn != c.want {
				t.Errorf("%d pages are counted and %d drawn, want %d", got, drawn, c.want)
			}
		})
	}
}
