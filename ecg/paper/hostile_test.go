package paper

import (
	"bytes"
	"fmt"
	"image/png"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// one is a tracing of one group.
func one(rate tracing.Ratio, leads ...tracing.Lead) *tracing.Tracing {
	return &tracing.Tracing{Groups: []tracing.Group{{Kind: tracing.Rhythm, Rate: rate, Leads: leads}}}
}

func flat(code tracing.Code, n int, v int32) tracing.Lead {
	l := tracing.Lead{Code: code, NVPerLSB: tracing.Whole(1000), Samples: make([]int32, n)}
	for i := range l.Samples {
		l.Samples[i] = v
	}
	return l
}

// hostiles are tracings that no device should make.
func hostiles() map[string]*tracing.Tracing {
	many := make([]tracing.Lead, 200)
	for i := range many {
		many[i] = flat("", 500, int32(i))
		many[i].Label = strings.Repeat("长", i)
	}
	twice := []tracing.Lead{flat(tracing.LeadII, 500, 1), flat(tracing.LeadII, 900, 2)}
	uneven := make([]tracing.Lead, 12)
	for i, c := range tracing.Twelve {
		uneven[i] = flat(c, i*700, 100)
	}
	wild := flat(tracing.LeadI, 5000, 0)
	for i := range wild.Samples {
		wild.Samples[i] = int32(i%2*2-1) * 1_000_000 // 1e6 uV
	}
	extreme := flat(tracing.LeadI, 1000, math.MaxInt32)
	extreme.Samples[500] = math.MinInt32 + 1
	raw := flat(tracing.LeadI, 1000, 7)
	raw.NVPerLSB, raw.Samples[500] = tracing.Ratio{}, 4000
	skewed := flat(tracing.LeadI, 1000, 7)
	skewed.Skew = math.MaxInt64
	huge := flat(tracing.LeadI, 1000, math.MaxInt32)
	huge.NVPerLSB, huge.OffsetNV = tracing.Whole(math.MaxInt64), tracing.Whole(math.MinInt64+1)
	return map[string]*tracing.Tracing{
		"nothing":                  nil,
		"no groups":                {},
		"no leads":                 one(tracing.Whole(500)),
		"no samples":               one(tracing.Whole(500), tracing.Lead{Code: tracing.LeadI}, tracing.Lead{Code: tracing.LeadII}),
		"one sample":               one(tracing.Whole(500), flat(tracing.LeadI, 1, 5)),
		"all missing":              one(tracing.Whole(500), flat(tracing.LeadI, 5000, tracing.Missing)),
		"every second missing":     one(tracing.Whole(500), everySecond(5000)),
		"no rate":                  one(tracing.Ratio{}, flat(tracing.LeadI, 500, 1)),
		"negative rate":            one(tracing.Whole(-500), flat(tracing.LeadI, 500, 1)),
		"rate without denominator": one(tracing.Ratio{Num: 500}, flat(tracing.LeadI, 500, 1)),
		"huge rate":                one(tracing.Whole(math.MaxInt64), flat(tracing.LeadI, 500, 1)),
		"tiny rate":                one(tracing.NewRatio(1, math.MaxInt64), flat(tracing.LeadI, 500, 1)),
		"two hundred leads":        one(tracing.Whole(500), many...),
		"one lead twice":           one(tracing.Whole(500), twice...),
		"uneven leads":             one(tracing.Whole(500), uneven...),
		"a million microvolts":     one(tracing.Whole(500), wild),
		"extreme samples":          one(tracing.Whole(500), extreme),
		"not calibrated":           one(tracing.Whole(500), raw),
		"skewed out of the page":   one(tracing.Whole(500), skewed),
		"huge samples":             one(tracing.Whole(500), huge),
	}
}

func everySecond(n int) tracing.Lead {
	l := flat(tracing.LeadI, n, 3)
	for i := 0; i < n; i += 2 {
		l.Samples[i] = tracing.Missing
	}
	return l
}

func TestHostileTracingsAreDrawn(t *testing.T) {
	if testing.Short() {
		t.Skip("many pictures")
	}
	for name, tr := range hostiles() {
		for _, o := range []Options{
			{},
			{Layout: TwelveByOne, Cabrera: true, Filter: Filter{HighPassHz: 0.67, LowPassHz: 40, NotchHz: 50}},
			{Layout: "no such layout", RhythmLead: "no such lead", SpeedMMs: math.Inf(-1), GainMMmV: math.NaN(), Filter: Filter{math.NaN(), math.Inf(1), -1}, Page: -3},
			{Page: math.MaxInt},
		} {
			t.Run(fmt.Sprintf("%s %s", name, o.Layout), func(t *testing.T) {
				s := &Sheet{Tracing: tr, Options: o, From: -time.Hour, For: math.MaxInt64}
				check(t, s)
			})
		}
	}
}

// check draws a sheet by all back ends and reads the files again.
func check(t *testing.T, s *Sheet) {
	t.Helper()
	pdf, svg, picture := drawn(t, s)
	contents := pageContents(t, pdf)
	if len(contents) == 0 || len(contents) > maxPages+maxTexts {
		t.Errorf("%d pages", len(contents))
	}
	for _, c := range contents {
		for _, l := range readPDF(t, c, 210).lines {
			for _, p := range l.points {
				if !(abs(p.X) < 1e5 && abs(p.Y) < 1e5) {
					t.Fatalf("a point at %g, %g mm", p.X, p.Y)
				}
			}
		}
	}
	if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) || readSVG(t, svg).images > 0 {
		t.Error("not a drawing")
	}
	if _, err := png.DecodeConfig(bytes.NewReader(picture)); err != nil {
		t.Error(err)
	}
}

func TestHostileTextsAreDrawn(t *testing.T) {
	if testing.Short() {
		t.Skip("many pictures")
	}
	for _, c := range []struct{ name, text string }{
		{"long", strings.Repeat("窦性心律不齐，", 20_000)},
		{"long without a space", strings.Repeat("x", 100_000)},
		{"invalid UTF-8", "\xff\xfe\x80abc\xc3"},
		{"control characters", "a\x00\x01\x1b]0;b\x07\r\n\t\u0085\u2028c"},
		{"right to left", "مرحبا \u202egnihtemos\u202c שלום"},
		{"markup", `</text><script>alert(1)</script>&<![CDATA[ ]]> " ' ) Tj ET Q \ (`},
		{"beyond the basic plane", "𠮷野家 😀 𝔸"},
		{"combining", strings.Repeat("a\u0301\u0302\u0303", 300)},
		{"empty lines", strings.Repeat("\n", 50_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			many := make([]string, 600)
			rows := make([]Row, 600)
			for i := range many {
				many[i], rows[i] = c.text[:min(len(c.text), 2_000)], Row{c.text, c.text, c.text}
			}
			many[0] = c.text
			check(t, &Sheet{
				Tracing: twelve(), Institution: c.text, Title: c.text, Header: Header{c.text, c.text, c.text, c.text, c.text, c.text, c.text, c.text, c.text},
				Rows: rows[:20], Statements: many, OfDevice: many[:3], Warnings: many, Critical: c.text, Clock: c.text, Previous: c.text, Algorithm: c.text, Software: c.text,
				Report: &Report{c.text, c.text, c.text, c.text, c.text, c.text, c.text, c.text},
			})
			check(t, &Sheet{Rows: rows, Language: "tlh"})
		})
	}
}

func TestMarkupInTextsStaysText(t *testing.T) {
	b := svgOf(t, &Sheet{Header: Header{Name: `<script>alert("1")</script>`}})
	d := readSVG(t, b)
	if d.images > 0 || !strings.Contains(strings.Join(d.texts, "\n"), `<script>alert("1")</script>`) {
		t.Error("a name became markup")
	}
}

func TestPicturesAreBounded(t *testing.T) {
	for _, dpi := range []int{math.MinInt, -1, 0, MinDPI - 1, MaxDPI + 1, math.MaxInt} {
		if err := PNG(&bytes.Buffer{}, &Sheet{}, dpi); err == nil {
			t.Errorf("%d dpi are drawn", dpi)
		}
	}
}

func FuzzSheet(f *testing.F) {
	f.Add("窦性", int64(500), int64(1), 25.0, 10.0, []byte{1, 2, 3, 0, 0, 0x80})
	f.Fuzz(func(t *testing.T, text string, num, den int64, speed, gain float64, b []byte) {
		l := tracing.Lead{Code: tracing.Code(text), Label: text, NVPerLSB: tracing.NewRatio(num, den)}
		for _, v := range b {
			l.Samples = append(l.Samples, int32(int8(v))<<(v%25))
		}
		s := &Sheet{Tracing: one(tracing.NewRatio(num, den), l, l), Header: Header{Name: text}, Statements: []string{text}, Options: Options{SpeedMMs: speed, GainMMmV: gain, Filter: Filter{speed, gain, 50}}}
		var a, c bytes.Buffer
		if err := PDF(&a, s); err != nil {
			t.Fatal(err)
		}
		if err := SVG(&c, s); err != nil {
			t.Fatal(err)
		}
		readSVG(t, c.Bytes())
		for _, p := range pageContents(t, a.Bytes()) {
			readPDF(t, p, 210)
		}
	})
}
