package sheet

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/lianzhen/lianzhen/codec/paper"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// compact leaves out where lines were broken.
func compact(s string) string { return strings.NewReplacer("\n", "", " ", "").Replace(s) }

func TestWhatASheetSays(t *testing.T) {
	for _, c := range []struct {
		name      string
		sheet     Sheet
		options   Options
		want, not []string
	}{
		{"results as sent", chemistry(), Options{}, []string{"检验报告单", "某县人民医院", "张某某", "11.40", "45.10", "<0.50", "µmol/L", "41-81（60岁以上女性）", "己糖激酶法", "↑*/↑", "-/↓", "甲为本平台", "本报告仅对所检标本负责", "第1页/共1页", "7K3M-92QF", "0123456789abcdef", "2026-11-22 06:30"}, []string{"更正", "初步", "撤回"}},
		{"quality control", chemistry(), Options{}, []string{"室内质控：在控 2026-11-22 08:00", "证书号：GSCCL-2026-0117", "有效期至 2027-06-30", "HR", "带 ◆ 的项目", "自动审核（autoverify 2026.2）：第 1-3、5-8 项"}, nil},
		{"English", chemistry(), Options{Language: English}, []string{"Laboratory Report", "Glucose", "Name: ", "in control", "items 1-3, 5-8", "page 1 of 1"}, []string{"葡萄糖", "在控"}},
		{"bilingual", chemistry(), Options{Language: Bilingual}, []string{"检验报告单", "Laboratory Report", "葡萄糖 Glucose", "姓名 Name："}, nil},
		{"corrected", corrected(), Options{}, []string{"更正报告 第2版", "原 4.60 mmol/L 3.5-5.5", "6.80", "更正内容：", "4.60 mmol/L → 6.80 mmol/L", "原结果取自他人标本", "已撤回", "未做"}, []string{"45.10", "<0.50"}},
		{"withdrawn", withdrawn(), Options{}, []string{"已撤回 第3版", "不得使用", "标本张冠李戴", "葡萄糖"}, []string{"11.40", "3.9-6.1", "↑", "偏高", "在控"}},
		{"withdrawn culture", func() Sheet { s := culture(); s.Status = observation.Withdrawn; return s }(), Options{}, []string{"已撤回"}, []string{"大肠", "coli", "亚胺培南", "查见"}},
		{"preliminary", preliminary(), Options{}, []string{"初步报告", "未审核"}, []string{"HR"}},
		{"culture", culture(), Options{}, []string{"分离菌 1：大肠埃希菌 Escherichia coli", ">10^5 CFU/mL", "ESBL 阳性", "<=0.25 mg/L", "22 mm", "≤8 ≥32", "SDD", "原 S 2 mg/L", "分离菌 2：粪肠球菌", "万古霉素"}, nil},
		{"rules alone", Sheet{Technical: Signature{Name: "甲"}, Medical: Signature{Rule: "autoverify 2026.2"}}, Options{}, []string{"自动审核 autoverify 2026.2", "（无结果）"}, nil},
		{"out of control", Sheet{Rows: []Row{{Name: "x", Result: "1"}}, Quality: []Quality{{Items: "x", Internal: OutControl}}}, Options{}, []string{"[x] 室内质控：失控", "室间质评：未提供"}, nil},
		{"methods of two columns", panel(100), Options{Columns: 2}, []string{"检测方法：第 1-2、8-10", "第5组"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, pages := recorded(t, c.sheet, c.options)
			text := compact(texts(pages))
			for _, w := range c.want {
				if !strings.Contains(text, compact(w)) {
					t.Errorf("%q is missing", w)
				}
			}
			for _, w := range c.not {
				if strings.Contains(text, compact(w)) {
					t.Errorf("%q is there", w)
				}
			}
		})
	}
}

// Whatever is too wide goes on below, in its column, and every line comes to stand on some page.
func TestNoResultIsEverCut(t *testing.T) {
	for name, s := range everySheet() {
		if s.Status == observation.Withdrawn {
			continue
		}
		for _, o := range everyOption() {
			l, err := newLayout(s, o)
			if err != nil {
				t.Fatal(err)
			}
			columns := l.columns()
			table := l.results(columns)
			for i, r := range table.rows {
				text := cellTexts(table.lines(r))
				for _, want := range []string{l.s.Rows[i].Result, l.s.Rows[i].Unit, l.s.Rows[i].Range} {
					if !hiddenRow(&l.s.Rows[i]) && !strings.Contains(text, compact(want)) {
						t.Errorf("%s, %+v: %.40q is not there", name, o, want)
					}
				}
			}
			want, placed := 0, 0
			for _, s := range l.segments(columns) {
				for _, b := range s.bands {
					if b.draw != nil {
						want++
					}
				}
			}
			headers := 0
			for _, p := range l.body {
				placed += len(p)
				headers += 2 * (1 + len(s.Isolates))
			}
			if placed < want || placed > want+headers {
				t.Errorf("%s, %+v: %d bands, %d stand on pages", name, o, want, placed)
			}
		}
	}
}

// cellTexts joins the lines of each cell.
func cellTexts(lines [][]textLine) string {
	var order []float64
	cells := map[float64]*strings.Builder{}
	for _, l := range lines {
		for _, x := range l {
			if cells[x.x] == nil {
				cells[x.x] = &strings.Builder{}
				order = append(order, x.x)
			}
			cells[x.x].WriteString(compact(x.text))
		}
	}
	var out []string
	for _, x := range order {
		out = append(out, cells[x].String())
	}
	return strings.Join(out, "\n")
}

func TestEveryPageHasItsHeadAndFoot(t *testing.T) {
	l, pages := recorded(t, panel(100), Options{Columns: 1})
	if len(pages) < 3 {
		t.Fatalf("%d pages", len(pages))
	}
	for i, d := range pages {
		text := d.text()
		for _, want := range []string{"张某某", "检验报告单", "审核者：", fmt.Sprintf("第%d页/共%d页", i+1, l.pages), "参考区间"} {
			if !strings.Contains(text, want) && !(want == "参考区间" && i == len(pages)-1) {
				t.Errorf("page %d has no %q", i+1, want)
			}
		}
	}
}

func TestTwoColumnsSaveAPage(t *testing.T) {
	one, err1 := Pages(panel(100), Options{Columns: 1})
	auto, err2 := Pages(panel(100), Options{})
	if err1 != nil || err2 != nil || auto >= one {
		t.Errorf("%d pages in one column, %d as chosen", one, auto)
	}
}

func TestOldValuesAreStruck(t *testing.T) {
	s := corrected()
	s.Rows[3].Was = &Was{Result: "4.60"}
	_, pages := recorded(t, s, Options{})
	for _, x := range pages[0].texts {
		if x.text != "原 4.60" {
			continue
		}
		for _, f := range pages[0].fills {
			if f.Y > x.box.Y && f.Bottom() < x.box.Bottom() && f.X == x.box.X && f.W > 0.9*x.box.W {
				return
			}
		}
	}
	t.Error("no line through the old value")
}

func TestBarcodesAreDrawn(t *testing.T) {
	s := Sheet{Specimen: Specimen{Barcode: "620921000123456"}}
	_, with := recorded(t, s, Options{})
	s.Specimen.Barcode = "条码" // cannot be
	_, without := recorded(t, s, Options{})
	widths, err := paper.Code128("620921000123456")
	if err != nil {
		t.Fatal(err)
	}
	if bars := len(with[0].fills) - len(without[0].fills); bars != (len(widths)+1)/2 {
		t.Errorf("%d bars", bars)
	}
}

func TestTooMuchIsRefusedNotCut(t *testing.T) {
	long := chemistry()
	long.Rows[0].Result = strings.Repeat("x", observation.MaxText+1)
	many := chemistry()
	many.Rows = make([]Row, observation.MaxResults+1)
	pages := chemistry()
	for range 400 {
		pages.Rows = append(pages.Rows, Row{Result: strings.Repeat("很长", 10_000)})
	}
	for name, s := range map[string]Sheet{"a text": long, "rows": many, "pages": pages} {
		if err := Draw(&bytes.Buffer{}, s, Options{}); record.KindOf(err) != record.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASheetTellsNothingWhenPrinted(t *testing.T) {
	s := chemistry()
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v", s, s, s)} {
		if strings.Contains(text, "张某某") || strings.Contains(text, "11.40") {
			t.Error("a printed sheet shows the patient")
		}
	}
}

func TestEqualSheetsGiveEqualBytes(t *testing.T) {
	want := drawn(t, strange(), Options{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if !bytes.Equal(want, drawn(t, strange(), Options{})) {
				t.Error("they differ")
			}
		})
	}
	all.Wait()
}

func TestDrawLeavesTheSheetAsItWas(t *testing.T) {
	s := corrected()
	s.Rows[0].Name = " a\x00b "
	before := fmt.Sprintf("%v %v %v", s.Rows[0].Name, *s.Rows[3].Was, s.Notes)
	drawn(t, s, Options{})
	if after := fmt.Sprintf("%v %v %v", s.Rows[0].Name, *s.Rows[3].Was, s.Notes); after != before {
		t.Errorf("%s", after)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestAWriterThatFailsIsHeard(t *testing.T) {
	if err := Draw(failing{}, chemistry(), Options{}); err == nil {
		t.Error("no error")
	}
}

func TestPDFIsSmall(t *testing.T) {
	for name, s := range map[string]Sheet{"60 rows": panel(60), "culture": culture()} {
		if n := len(drawn(t, s, Options{})); n > 60<<10 {
			t.Errorf("%s: %d bytes", name, n)
		}
	}
}

// Poppler finds every text, complains of nothing, and draws as many pages.
func TestPoppler(t *testing.T) {
	for _, tool := range []string{"pdftotext", "pdftoppm", "pdfinfo"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	for name, s := range everySheet() {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "sheet.pdf")
			if err := os.WriteFile(file, drawn(t, s, Options{Format: A5}), 0o600); err != nil {
				t.Fatal(err)
			}
			text := compact(norm.NFKC.String(run(t, "pdftotext", "-raw", file, "-"))) // signs without an outline are drawn as what they are compatible with
			l, pages := recorded(t, s, Options{Format: A5})
			for i := range pages {
				for _, x := range pages[i].texts {
					if x.style.Turn == 0 && !strings.Contains(text, compact(norm.NFKC.String(x.text))) && !beyond.MatchString(x.text) {
						t.Errorf("pdftotext does not show %.60q", x.text)
					}
				}
			}
			if info := run(t, "pdfinfo", file); !regexp.MustCompile(fmt.Sprintf(`Pages: +%d\n`, l.pages)).MatchString(info) || !strings.Contains(info, "595.276 x 419.528") {
				t.Errorf("pdfinfo: %s", info)
			}
			if picture := run(t, "pdftoppm", "-r", "50", "-png", "-f", "1", "-l", "1", file); len(picture) < 5_000 {
				t.Errorf("pdftoppm draws %d bytes", len(picture))
			}
		})
	}
}

// Poppler turns the one round and has no codes for the other.
var beyond = regexp.MustCompile(`\p{Hebrew}|\p{Arabic}|[\x{10000}-\x{10ffff}]`)

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	var out, complaints bytes.Buffer
	c := exec.CommandContext(t.Context(), name, args...)
	c.Stdout, c.Stderr = &out, &complaints
	if err := c.Run(); err != nil || complaints.Len() > 0 {
		t.Errorf("%s: %v %s", name, err, complaints.String())
	}
	return out.String()
}

func TestPreviewsArePictures(t *testing.T) {
	var b bytes.Buffer
	if err := Preview(&b, chemistry(), Options{}, 0, 72); err != nil || !bytes.HasPrefix(b.Bytes(), []byte("\x89PNG")) {
		t.Errorf("%v", err)
	}
	for _, page := range []int{-1, 1} {
		if err := Preview(&b, chemistry(), Options{}, page, 72); record.KindOf(err) != record.NotFound {
			t.Errorf("page %d: %v", page, err)
		}
	}
}

func FuzzDraw(f *testing.F) {
	for _, s := range everySheet() {
		if len(s.Rows) > 0 {
			r := s.Rows[len(s.Rows)-1]
			f.Add(r.Name, r.Result, r.Unit, r.Range, r.Ours, string(s.Status), uint8(len(s.Rows)))
		}
	}
	f.Fuzz(func(t *testing.T, name, result, unit, interval, flag, status string, n uint8) {
		r := Row{Heading: flag, Code: unit, Name: name, Result: result, Unit: unit, Range: interval, Ours: flag, Sender: status, Method: name, Status: observation.Status(status), Was: &Was{result, unit, interval}, Notes: []string{name, result}, Auto: flag, Recognised: n%2 == 0}
		s := Sheet{Institution: name, Number: unit, Mark: flag, Status: observation.Status(status), Patient: Patient{name, flag, unit, result}, Order: Order{Clinical: result}, Specimen: Specimen{Barcode: unit}, Notes: []string{result}}
		for range n % 70 {
			s.Rows = append(s.Rows, r)
		}
		s.Isolates = []Isolate{{Organism: name, English: result, Phenotypes: []string{unit}, Drugs: make([]Drug, n%20)}}
		for i := range s.Isolates[0].Drugs {
			s.Isolates[0].Drugs[i] = Drug{unit, name, result, flag, result, unit, interval, flag, interval}
		}
		for _, o := range []Options{{}, {Language: Bilingual, Format: A5, Columns: 2}} {
			l, err := newLayout(s, o)
			if err != nil {
				return
			}
			rec := &recorder{}
			l.draw(rec, 0, l.pages)
			for i, d := range rec.pages {
				checkPage(t, l, i, d)
			}
		}
	})
}

func BenchmarkDraw60Rows(b *testing.B) {
	s := panel(60)
	drawn(b, s, Options{})
	b.ReportAllocs()
	for b.Loop() {
		drawn(b, s, Options{})
	}
}
