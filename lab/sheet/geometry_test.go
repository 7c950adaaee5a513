package sheet

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/paper"
	"github.com/lianzhen/lianzhen/lab/observation"
)

// recorder is a pen that remembers where things are.
type recorder struct{ pages []drawing }

type drawing struct {
	texts []textAt
	fills []paper.Rect
}

type textAt struct {
	text  string
	box   paper.Rect
	style paper.Style
}

func (r *recorder) Page() { r.pages = append(r.pages, drawing{}) }

func (r *recorder) Grid(paper.Rect) {}

func (r *recorder) Curve(paper.Rect, [][]paper.Point, paper.Name) {}

func (r *recorder) Rule(a, b paper.Point, _ float64) {
	r.Fill(paper.Box(a.X, a.Y, b.X-a.X, b.Y-a.Y), paper.Black)
}

func (r *recorder) Fill(b paper.Rect, _ paper.Colour) {
	d := &r.pages[len(r.pages)-1]
	d.fills = append(d.fills, b)
}

func (r *recorder) Text(at paper.Point, st paper.Style, s string) {
	if s == "" {
		return
	}
	d := &r.pages[len(r.pages)-1]
	d.texts = append(d.texts, textAt{s, paper.Box(at.X, at.Y-0.75*st.MM, paper.Width(s, st.Bold)*st.MM, 0.85*st.MM), st})
}

func recorded(t testing.TB, s Sheet, o Options) (*layout, []drawing) {
	t.Helper()
	l, err := newLayout(s, o)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	l.draw(r, 0, l.pages)
	return l, r.pages
}

func (d drawing) text() string {
	var out []string
	for _, x := range d.texts {
		out = append(out, x.text)
	}
	return strings.Join(out, "\n")
}

func texts(pages []drawing) string {
	var out []string
	for _, d := range pages {
		out = append(out, d.text())
	}
	return strings.Join(out, "\n")
}

func everySheet() map[string]Sheet {
	out := map[string]Sheet{
		"chemistry": chemistry(), "60 rows": panel(60), "100 rows": panel(100), "1 row": panel(1), "corrected": corrected(), "withdrawn": withdrawn(),
		"preliminary": preliminary(), "culture": culture(), "strange": strange(), "empty": {},
	}
	long := chemistry()
	long.Rows[2].Result = strings.Repeat("一段很长的文字结果。", 1500)
	long.Rows[2].Unit, long.Rows[2].Range, long.Rows[2].Method = "", "", ""
	out["long text"] = long
	all := strange()
	for _, p := range []*string{&all.Title, &all.Number, &all.Order.Number, &all.Order.Ward, &all.Order.Bed, &all.Order.Visit, &all.Order.Orderer, &all.Specimen.Type, &all.Specimen.Site, &all.Specimen.Condition, &all.Mark, &all.Patient.Sex, &all.Patient.Age, &all.Patient.Number, &all.Technical.Name, &all.Medical.Name, &all.Verification, &all.SHA256, &all.Software, &all.Specimen.Barcode} {
		*p = strings.Repeat("长文 x", 60)
	}
	all.Status = observation.Corrected
	out["all long"] = all
	return out
}

func everyOption() []Options {
	var out []Options
	for _, l := range []Language{Chinese, English, Bilingual} {
		for _, f := range []Format{A4, A5} {
			for c := range 3 {
				out = append(out, Options{Language: l, Format: f, Columns: c})
			}
		}
	}
	return out
}

func TestNothingOverlapsAndNothingLeavesThePage(t *testing.T) {
	for name, s := range everySheet() {
		for _, o := range everyOption() {
			t.Run(fmt.Sprintf("%s %s %s %d", name, o.Language, o.Format, o.Columns), func(t *testing.T) {
				l, pages := recorded(t, s, o)
				for i, d := range pages {
					checkPage(t, l, i, d)
				}
			})
		}
	}
}

func checkPage(t *testing.T, l *layout, page int, d drawing) {
	t.Helper()
	inside := paper.Box(8, 3.5, l.size.W-16, l.size.H-5)
	within := func(b paper.Rect) bool {
		return b.X >= inside.X && b.Y >= inside.Y && b.Right() <= inside.Right()+0.01 && b.Bottom() <= inside.Bottom()
	}
	for _, f := range d.fills {
		if !within(f) {
			t.Errorf("page %d: a mark at %v", page+1, f)
		}
	}
	for i, a := range d.texts {
		if a.style.Turn != 0 {
			continue
		}
		if !within(a.box) {
			t.Errorf("page %d: %.30q at %v", page+1, a.text, a.box)
		}
		for _, b := range d.texts[:i] {
			if b.style.Turn == 0 && overlap(a.box, b.box) {
				t.Errorf("page %d: %.30q lies on %.30q: %v %v", page+1, a.text, b.text, a.box, b.box)
			}
		}
	}
}

func overlap(a, b paper.Rect) bool {
	const touch = 0.05
	return a.X+touch < b.Right() && b.X+touch < a.Right() && a.Y+touch < b.Bottom() && b.Y+touch < a.Bottom()
}
