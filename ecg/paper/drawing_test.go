package paper

import (
	"bytes"
	"compress/zlib"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/paper"
)

// drawing is what a reader of the file sees: lines in millimetres from the top left, and texts.
type drawing struct {
	lines  []stroke
	texts  []string
	images int
}

type stroke struct {
	points []point
	width  float64
	slot   int // SVG: of a lead; -1
}

// objects are the streams of a PDF by object number.
func objects(t *testing.T, pdf []byte) map[int][]byte {
	t.Helper()
	out := map[int][]byte{}
	for _, m := range regexp.MustCompile(`(\d+) 0 obj\n<<([^>]*)>>\nstream\n`).FindAllSubmatchIndex(pdf, -1) {
		n, _ := strconv.Atoi(string(pdf[m[2]:m[3]]))
		length := regexp.MustCompile(`/Length (\d+)`).FindSubmatch(pdf[m[4]:m[5]])
		size, _ := strconv.Atoi(string(length[1]))
		z, err := zlib.NewReader(bytes.NewReader(pdf[m[1] : m[1]+size]))
		if err != nil {
			t.Fatal(err)
		}
		if out[n], err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// pageContents are the content streams in the order of the pages.
func pageContents(t *testing.T, pdf []byte) [][]byte {
	t.Helper()
	streams := objects(t, pdf)
	var out [][]byte
	for _, m := range regexp.MustCompile(`/Type /Page /.*?/Contents (\d+) 0 R`).FindAllSubmatch(pdf, -1) {
		n, _ := strconv.Atoi(string(m[1]))
		out = append(out, streams[n])
	}
	return out
}

// readPDF interprets a page's content: the operators that paper writes, with their matrices. Parts of a line that touch are one line.
func readPDF(t *testing.T, content []byte, height float64) drawing {
	t.Helper()
	type state struct{ a, d, e, f, w float64 }
	var d drawing
	now, stack, args := state{a: 1, d: 1, w: 1}, []state(nil), []float64(nil)
	var path []point
	at := func(x, y float64) point {
		x, y = x*now.a+now.e, y*now.d+now.f
		return paper.XY(x*25.4/72, height-y*25.4/72)
	}
	for _, line := range strings.Split(string(content), "\n") {
		if strings.HasPrefix(line, "BT") || strings.Contains(line, " Tf") {
			d.texts = append(d.texts, line)
			args = nil
			continue
		}
		for _, tok := range strings.Fields(line) {
			if v, err := strconv.ParseFloat(tok, 64); err == nil {
				args = append(args, v)
				continue
			}
			switch tok {
			case "q":
				stack = append(stack, now)
			case "Q":
				if len(stack) == 0 {
					t.Fatal("Q without q")
				}
				now, stack = stack[len(stack)-1], stack[:len(stack)-1]
			case "cm":
				v := args[len(args)-6:]
				now.e, now.f = now.e+v[4]*now.a, now.f+v[5]*now.d
				now.a, now.d = now.a*v[0], now.d*v[3]
			case "w":
				now.w = args[len(args)-1]
			case "m":
				if p := at(args[len(args)-2], args[len(args)-1]); len(path) == 0 || distance(path[len(path)-1], p) > 1e-3 {
					d.flush(&path, now.w*now.a*25.4/72)
					path = append(path, p)
				}
			case "l":
				path = append(path, at(args[len(args)-2], args[len(args)-1]))
			case "re", "W", "n", "rg", "RG", "S", "J", "j", "f", "Do", "/G", "G":
			default:
				t.Fatalf("operator %q", tok)
			}
			args = nil
		}
		if strings.HasSuffix(line, "Q") {
			d.flush(&path, now.w*now.a*25.4/72)
		}
	}
	if len(stack) != 0 {
		t.Error("q without Q")
	}
	d.flush(&path, now.w*now.a*25.4/72)
	return d
}

func (d *drawing) flush(path *[]point, width float64) {
	if len(*path) > 1 {
		d.lines = append(d.lines, stroke{points: *path, width: width, slot: -1})
	}
	*path = nil
}

func distance(a, b point) float64 { return max(abs(a.X-b.X), abs(a.Y-b.Y)) }

func abs(v float64) float64 { return max(v, -v) }

// readSVG reads the lines of leads and pulses, and all texts.
func readSVG(t *testing.T, svg []byte) drawing {
	t.Helper()
	var d drawing
	dec := xml.NewDecoder(bytes.NewReader(svg))
	inText := false
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			return d
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := tok.(type) {
		case xml.StartElement:
			inText = e.Name.Local == "text"
			if inText {
				d.texts = append(d.texts, "")
			}
			if e.Name.Local == "script" || e.Name.Local == "image" {
				d.images++
			}
			attr := map[string]string{}
			for _, a := range e.Attr {
				attr[a.Name.Local] = a.Value
			}
			if c := attr["class"]; c == "lead" || c == "pulse" {
				d.lines = append(d.lines, paths(t, attr)...)
			}
		case xml.CharData:
			if inText {
				d.texts[len(d.texts)-1] += string(e)
			}
		case xml.EndElement:
			inText = false
		}
	}
}

func paths(t *testing.T, attr map[string]string) (out []stroke) {
	t.Helper()
	slot := -1
	if s, ok := attr["data-slot"]; ok {
		slot, _ = strconv.Atoi(s)
	}
	if attr["transform"] != "scale(.01)" {
		t.Fatalf("transform %q", attr["transform"])
	}
	for part := range strings.SplitSeq(attr["d"][1:], "M") {
		from, to, _ := strings.Cut(part, "l")
		var x, y int
		fmt.Sscanf(from, "%d %d", &x, &y)
		points := []point{paper.XY(float64(x)/100, float64(y)/100)}
		numbers := regexp.MustCompile(`-?\d+`).FindAllString(to, -1)
		for i := 0; i+1 < len(numbers); i += 2 {
			dx, _ := strconv.Atoi(numbers[i])
			dy, _ := strconv.Atoi(numbers[i+1])
			x, y = x+dx, y+dy
			points = append(points, paper.XY(float64(x)/100, float64(y)/100))
		}
		out = append(out, stroke{points: points, slot: slot, width: 0.25})
	}
	return out
}
