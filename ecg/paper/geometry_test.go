package paper

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/paper"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// peak is where an R peak must be on paper, computed from the samples and the millimetre grid alone.
type peak struct {
	lead string
	at   point
}

// expected are the R peaks of made tracings in rows and columns of a layout, 25 mm/s and 10 mm/mV; bases are the pulses' base lines.
func expected(t *testing.T, tr *tracing.Tracing, rows, columns int, bases []float64) []peak {
	t.Helper()
	g := tr.Rhythm()
	var out []peak
	add := func(k, row, column, columns int) {
		l := &g.Leads[k]
		uv := make([]float64, len(l.Samples))
		for i := range uv {
			uv[i] = l.UV(i)
		}
		sorted := slices.Clone(uv)
		slices.Sort(sorted)
		median := sorted[len(sorted)/2]
		span := 10 / float64(columns)
		for _, b := range beats {
			if b < float64(column)*span || b >= float64(column+1)*span {
				continue
			}
			i := int(math.Round(b * g.Rate.Float()))
			out = append(out, peak{l.Label, paper.XY(13.5+15+25*b, bases[row]-(uv[i]-median)/1000*10)})
		}
	}
	for k := range 12 {
		add(k, k%rows, k/rows, columns)
	}
	if len(bases) > rows {
		add(1, rows, 0, 1)
	}
	return out
}

// pulses are the calibration pulses from the top of the page, as lines of six points.
func pulses(t *testing.T, d drawing) []stroke {
	t.Helper()
	var out []stroke
	for _, l := range d.lines {
		if p := l.points; len(p) == 6 && l.slot == -1 && p[0].X < 13.5+15 && p[0].X > 13.5 {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b stroke) int { return int(1000 * (a.points[0].Y - b.points[0].Y)) })
	return out
}

func checkPulses(t *testing.T, d drawing, rows int) (bases []float64) {
	t.Helper()
	found := pulses(t, d)
	if len(found) != rows {
		t.Fatalf("%d pulses in %d rows", len(found), rows)
	}
	for _, l := range found {
		p := l.points
		if high, wide := p[1].Y-p[2].Y, p[3].X-p[2].X; abs(high-10) > 0.1 || abs(wide-5) > 0.1 || abs(p[4].Y-p[1].Y) > 0.01 {
			t.Errorf("a pulse of %.3f x %.3f mm", wide, high)
		}
		bases = append(bases, p[0].Y)
	}
	return bases
}

func checkPeaks(t *testing.T, d drawing, want []peak, tolerance float64) {
	t.Helper()
	for _, p := range want {
		best := math.Inf(1)
		for _, l := range d.lines {
			for _, q := range l.points {
				best = min(best, distance(p.at, q))
			}
		}
		if best > tolerance {
			t.Errorf("%s: the R peak at %.3f, %.3f mm is %.3f mm away", p.lead, p.at.X, p.at.Y, best)
		}
	}
}

var shapes = []struct {
	layout              Layout
	rows, columns, more int
}{
	{ThreeByFour1, 3, 4, 1},
	{ThreeByFour, 3, 4, 0},
	{ThreeByFour3, 3, 4, 3},
	{SixByTwo, 6, 2, 0},
	{SixByTwo1, 6, 2, 1},
	{TwelveByOne, 12, 1, 0},
}

func TestRPeaksLieWhereTheSamplesSay(t *testing.T) {
	for _, c := range shapes {
		t.Run(string(c.layout), func(t *testing.T) {
			s := &Sheet{Tracing: twelve(), Options: Options{Layout: c.layout}}
			pdf, svg := pdfOf(t, s), svgOf(t, s)
			for name, d := range map[string]drawing{"PDF": readPDF(t, pageContents(t, pdf)[0], 210), "SVG": readSVG(t, svg)} {
				t.Run(name, func(t *testing.T) {
					bases := checkPulses(t, d, c.rows+c.more)
					checkPeaks(t, d, expected(t, s.Tracing, c.rows, c.columns, bases[:c.rows+min(c.more, 1)]), 0.05)
				})
			}
		})
	}
}

func TestEverySampleLiesOnItsLine(t *testing.T) {
	tr := twelve()
	svg := svgOf(t, &Sheet{Tracing: tr, Options: Options{Layout: TwelveByOne}})
	d := readSVG(t, svg)
	bases := checkPulses(t, d, 12)
	for _, l := range d.lines {
		if l.slot < 0 {
			continue
		}
		lead := &tr.Rhythm().Leads[l.slot]
		median := level(values(lead, 0, len(lead.Samples)))
		k := 0
		for i := range lead.Samples {
			x, y := 13.5+15+float64(i)*0.05, bases[l.slot]-(lead.UV(i)-median)/100
			for k+2 < len(l.points) && l.points[k+1].X < x-1e-9 {
				k++
			}
			a, b := l.points[k], l.points[k+1]
			on := a.Y + (b.Y-a.Y)*(x-a.X)/(b.X-a.X)
			if abs(on-y) > tolerance+0.02 {
				t.Fatalf("%s, sample %d: %.3f mm off its line", lead.Label, i, abs(on-y))
			}
		}
	}
}

func TestPaperIsTrueToSize(t *testing.T) {
	pdf, svg := pdfOf(t, &Sheet{Tracing: twelve()}), svgOf(t, &Sheet{Tracing: twelve()})
	if !bytes.Contains(pdf, []byte("/MediaBox [0 0 841.890 595.276]")) {
		t.Error("the PDF page is not A4 landscape")
	}
	if !bytes.Contains(svg, []byte(`width="297mm" height="210mm" viewBox="0 0 297 210"`)) {
		t.Error("the SVG is not A4 landscape in millimetres")
	}
	var grid drawing
	for _, o := range objects(t, pdf) {
		if bytes.HasPrefix(o, []byte("1 0.84 0.84 RG")) {
			grid = readPDF(t, append([]byte("0.02834646 0 0 -0.02834646 0 595.2756 cm\n"), o...), 210)
		}
	}
	var upright, level []float64
	for _, l := range grid.lines {
		if a, b := l.points[0], l.points[1]; a.X == b.X {
			upright = append(upright, a.X)
		} else {
			level = append(level, a.Y)
		}
	}
	for _, lines := range [][]float64{upright, level} {
		slices.Sort(lines)
		for i := 1; i < len(lines); i++ {
			if d := lines[i] - lines[i-1]; abs(d-1) > 0.001 && d > 0.001 {
				t.Fatalf("grid lines %.4f mm apart", d)
			}
		}
	}
	if len(upright) != 271 || len(level) != 146 {
		t.Errorf("%d x %d grid lines", len(upright), len(level))
	}
}

func TestSpeedAndGainScaleThePulse(t *testing.T) {
	for _, speed := range []float64{12.5, 25, 50, 100} {
		for _, gain := range []float64{2.5, 5, 10, 20, 40} {
			t.Run(fmt.Sprintf("%gmm/s %gmm/mV", speed, gain), func(t *testing.T) {
				pdf := pdfOf(t, &Sheet{Tracing: twelve(), Options: Options{SpeedMMs: speed, GainMMmV: gain}})
				d := readPDF(t, pageContents(t, pdf)[0], 210)
				var found int
				for _, l := range d.lines {
					if p := l.points; len(p) == 6 && abs(p[3].X-p[2].X-0.2*speed) < 0.1 && abs(p[1].Y-p[2].Y-gain) < 0.1 && p[2].Y > field.Y {
						found++
					}
				}
				if found != 4 {
					t.Errorf("%d of 4 pulses are %g x %g mm and on the grid", found, 0.2*speed, gain)
				}
			})
		}
	}
}

func TestRPeaksOfPNGAt300DPI(t *testing.T) {
	if testing.Short() {
		t.Skip("large pictures")
	}
	s := &Sheet{Tracing: twelve()}
	var b, v bytes.Buffer
	if err := PNG(&b, s, 300); err != nil {
		t.Fatal(err)
	}
	if err := SVG(&v, s); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	const px = 300 / 25.4
	dark := func(x, y int) bool {
		r, g, b, _ := img.At(x, y).RGBA()
		return r < 0x8000 && g < 0x8000 && b < 0x8000
	}
	for _, p := range expected(t, s.Tracing, 3, 4, checkPulses(t, readSVG(t, v.Bytes()), 4)) {
		cx, cy := p.at.X*px, p.at.Y*px
		top, sum, n := math.MaxInt, 0.0, 0.0
		for y := int(cy - px); y <= int(cy+px) && n == 0; y++ {
			for x := int(cx - 0.6*px); x <= int(cx+0.6*px); x++ {
				if dark(x, y) {
					top, sum, n = y, sum+float64(x)+0.5, n+1
				}
			}
		}
		if n == 0 {
			t.Fatalf("%s: nothing is drawn at %.1f, %.1f mm", p.lead, p.at.X, p.at.Y)
		}
		if dx, dy := sum/n/px-p.at.X, (float64(top)/px+paper.CurveWidth/2)-p.at.Y; abs(dx) > 0.1 || abs(dy) > 0.1 {
			t.Errorf("%s: the R peak is drawn %.3f, %.3f mm off", p.lead, dx, dy)
		}
	}
}

func TestPulseOfPNGAt300DPI(t *testing.T) {
	if testing.Short() {
		t.Skip("large pictures")
	}
	var b bytes.Buffer
	if err := PNG(&b, &Sheet{Tracing: twelve(), Options: Options{Layout: TwelveByOne}}, 300); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	px := 300 / 25.4
	left, right, top := math.Inf(1), 0.0, math.Inf(1)
	box := image.Rect(int(17*px), int(55*px), int(26*px), int(68*px))
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			if r, _, _, _ := img.At(x, y).RGBA(); r < 0x8000 && float64(y) < 64*px {
				left, right, top = min(left, float64(x)), max(right, float64(x+1)), min(top, float64(y))
			}
		}
	}
	if wide := (right-left)/px - paper.CurveWidth; abs(wide-5) > 0.1 || top < 55*px {
		t.Errorf("a pulse %.3f mm wide that begins at %.2f mm", wide, top/px)
	}
}

func TestEveryLayoutShowsEveryLeadOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("many sheets")
	}
	more := append(append([]tracing.Code(nil), tracing.Twelve...), tracing.LeadV7, tracing.LeadV8, tracing.LeadV9, tracing.LeadV3R, tracing.LeadV4R, tracing.LeadV5R)
	for _, leads := range []int{12, 15, 18} {
		for _, c := range shapes {
			for _, byAngle := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d %s %v", leads, c.layout, byAngle), func(t *testing.T) {
					b := svgOf(t, &Sheet{Tracing: made(more[:leads], 250, 10), Options: Options{Layout: c.layout, Cabrera: byAngle}})
					d := readSVG(t, b)
					shown := map[string]int{}
					for _, text := range d.texts {
						shown[text]++
					}
					for _, code := range more[:leads] {
						label, want := code.Label(), 1
						switch {
						case c.more >= 1 && code == tracing.LeadII, c.more == 3 && (code == tracing.LeadV1 || code == tracing.LeadV5):
							want = 2
						case byAngle && code == tracing.LeadAVR:
							label = "-aVR"
						}
						if shown[label] != want {
							t.Errorf("%s stands there %d times, want %d", label, shown[label], want)
						}
					}
					drawnSlots := map[int]bool{}
					for _, l := range d.lines {
						if l.slot >= 0 {
							drawnSlots[l.slot] = true
						}
					}
					if len(drawnSlots) != leads+c.more {
						t.Errorf("%d curves for %d leads", len(drawnSlots), leads+c.more)
					}
				})
			}
		}
	}
}

func TestCabreraTurnsAVROver(t *testing.T) {
	tr := twelve()
	b := svgOf(t, &Sheet{Tracing: tr, Options: Options{Layout: TwelveByOne, Cabrera: true}})
	bases := checkPulses(t, readSVG(t, b), 12)
	for _, l := range readSVG(t, b).lines {
		if l.slot != 2 {
			continue
		}
		low := 0.0
		for _, p := range l.points {
			low = max(low, p.Y-bases[2])
		}
		if low < 10 { // R of aVR is 1.15 mV
			t.Errorf("the R wave of -aVR goes %.2f mm down", low)
		}
	}
}

func TestGapsStayGaps(t *testing.T) {
	tr := twelve()
	l := &tr.Rhythm().Leads[1]
	for i := 1000; i < 1500; i++ {
		l.Samples[i] = tracing.Missing
	}
	b := svgOf(t, &Sheet{Tracing: tr, Options: Options{Layout: TwelveByOne}})
	var parts []stroke
	for _, s := range readSVG(t, b).lines {
		if s.slot == 1 {
			parts = append(parts, s)
		}
	}
	if len(parts) != 2 {
		t.Fatalf("%d parts, want 2", len(parts))
	}
	if from, to := parts[0].points[len(parts[0].points)-1].X, parts[1].points[0].X; abs(from-28.5-999*0.05) > 0.02 || abs(to-28.5-1500*0.05) > 0.02 {
		t.Errorf("the gap goes from %.2f to %.2f mm", from, to)
	}
}

func TestShortRecordingsFillTheirColumns(t *testing.T) {
	b := svgOf(t, &Sheet{Tracing: made(tracing.Twelve, 500, 3), Language: English})
	d := readSVG(t, b)
	last := 0.0
	for _, l := range d.lines {
		if l.slot == 11 {
			last = l.points[len(l.points)-1].X - l.points[0].X
		}
	}
	if last < 60 {
		t.Errorf("V6 is %.1f mm long", last)
	}
	if !strings.Contains(strings.Join(d.texts, "\n"), "columns simultaneous") {
		t.Error("the foot does not say that the columns are simultaneous")
	}
}

func TestNoAmplitudeIsLostAtAnyRate(t *testing.T) {
	for _, rate := range []int64{100, 240, 1000, 8000, 100_000} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			l := tracing.Lead{Code: tracing.LeadII, NVPerLSB: tracing.Whole(1000), Samples: make([]int32, 4*rate)}
			l.Samples[rate] = 1500 // one sample of 1.5 mV
			l.Samples[2*rate] = -700
			tr := &tracing.Tracing{Groups: []tracing.Group{{Kind: tracing.Rhythm, Rate: tracing.Whole(rate), Leads: []tracing.Lead{l}}}}
			b := svgOf(t, &Sheet{Tracing: tr})
			high, low := math.Inf(1), 0.0
			for _, l := range readSVG(t, b).lines {
				if l.slot == 0 {
					for _, p := range l.points {
						high, low = min(high, p.Y), max(low, p.Y)
					}
				}
			}
			base := field.Y + field.H/2
			if abs(base-high-15) > 0.03 || abs(low-base-7) > 0.03 {
				t.Errorf("%.2f mm up and %.2f mm down, want 15 and 7", base-high, low-base)
			}
		})
	}
}
