package paper

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// page draws one of everything.
func page(p Pen) {
	p.Page()
	p.Grid(Box(10, 10, 50, 30))
	p.Fill(Box(70, 10, 20, 5), Red)
	p.Rule(XY(10, 50), XY(60, 50), RuleWidth)
	p.Curve(Box(10, 10, 50, 30), [][]Point{{XY(10, 20), XY(30, 12), XY(60, 39)}, {XY(5, 5)}}, Name{Class: "lead", Slot: 2})
	p.Curve(Box(0, 0, 90, 90), [][]Point{{XY(1, 1), XY(2, 2)}}, Name{Class: "mark", Slot: -1})
	p.Text(XY(10, 60), Style{MM: 4}, "Sodium 钠 140 mmol/L")
	p.Text(XY(50, 100), Style{MM: 8, Bold: true, Ink: Grey, Turn: 35}, "作废 VOID")
}

func TestThreePensDrawOnePage(t *testing.T) {
	size := A5
	var a, b, c bytes.Buffer
	pdf, svg, picture := NewPDF(size, "zh-CN"), NewSVG(size), NewPNG(size, 72)
	for _, p := range []struct {
		pen    Pen
		encode func() error
	}{
		{pdf, func() error { return pdf.Encode(&a) }},
		{svg, func() error { return svg.Encode(&b) }},
		{picture, func() error { return picture.Encode(&c) }},
	} {
		page(p.pen)
		if err := p.encode(); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{`width="148mm" height="210mm"`, `class="lead" data-slot="2"`, `class="mark"`, `rotate(-35 50 100)`, `clipPath id="f1"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the SVG has no %s", want)
		}
	}
	if !bytes.Contains(a.Bytes(), []byte("/MediaBox [0 0 419.528 595.276]")) {
		t.Error("the PDF page is not A5")
	}
	img, err := png.Decode(&c)
	if err != nil {
		t.Fatal(err)
	}
	if got := img.Bounds().Size(); got.X != 420 || got.Y != 596 {
		t.Errorf("the picture has %v", got)
	}
	dark := 0 // along the turned text: it goes up to the right
	for x := 142; x < 300; x++ {
		for y := 180; y < 283; y++ {
			if r, _, _, _ := img.At(x, y).RGBA(); r < 0xc000 {
				dark++
			}
		}
	}
	if dark < 200 {
		t.Errorf("%d pixels of the turned text", dark)
	}
	poppler(t, a.Bytes())
}

// poppler reads the PDF and complains of nothing.
func poppler(t *testing.T, pdf []byte) {
	t.Helper()
	if _, err := exec.LookPath("pdftotext"); err != nil {
		t.Log("pdftotext is not installed")
		return
	}
	file := filepath.Join(t.TempDir(), "page.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "pdftotext", "-raw", file, "-").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Sodium 钠 140 mmol/L") || strings.Contains(string(out), "Error") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestEqualDrawingsGiveEqualBytes(t *testing.T) {
	var a, b bytes.Buffer
	for _, w := range []*bytes.Buffer{&a, &b} {
		p := NewPDF(A4, "en")
		page(p)
		page(p)
		if err := p.Encode(w); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("they differ")
	}
	if n := strings.Count(a.String(), "/Type /XObject"); n != 1 {
		t.Errorf("%d grids of one size", n)
	}
}

func TestAPageWithoutAGridNamesNone(t *testing.T) {
	p := NewPDF(A4, "zh-CN")
	p.Page()
	p.Text(XY(10, 10), Style{MM: 4}, "x")
	var b bytes.Buffer
	if err := p.Encode(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "XObject") {
		t.Error("it does")
	}
}

func TestPicturesKeepToTheirBounds(t *testing.T) {
	for _, dpi := range []int{-1, 0, 1 << 30} {
		if got := NewPNG(Size{25.4, 25.4}, dpi).img.Rect.Dx(); got < MinDPI || got > MaxDPI {
			t.Errorf("%d dpi: %d pixels", dpi, got)
		}
	}
}

func ExampleWidth() {
	fmt.Println(Width("标本", false))
	// Output: 2
}
