package paper

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestCrossReferencesAreTrue(t *testing.T) {
	pdf := pdfOf(t, filled())
	start, err := strconv.Atoi(string(regexp.MustCompile(`startxref\n(\d+)\n%%EOF`).FindSubmatch(pdf)[1]))
	if err != nil || !bytes.HasPrefix(pdf[start:], []byte("xref\n")) {
		t.Fatal("startxref does not lead to the table")
	}
	for i, m := range regexp.MustCompile(`(\d{10}) 00000 n `).FindAllSubmatch(pdf[start:], -1) {
		at, _ := strconv.Atoi(string(m[1]))
		if !bytes.HasPrefix(pdf[at:], []byte(fmt.Sprintf("%d 0 obj\n", i+1))) {
			t.Errorf("object %d is not where the table says", i+1)
		}
	}
	for _, m := range regexp.MustCompile(`(\d+) 0 R`).FindAllSubmatch(pdf[:start], -1) {
		if !bytes.Contains(pdf, []byte("\n"+string(m[1])+" 0 obj\n")) {
			t.Errorf("object %s is named and not there", m[1])
		}
	}
}

func TestEqualSheetsGiveEqualFiles(t *testing.T) {
	a, b, c := drawn(t, filled())
	d, e, f := drawn(t, filled())
	if !bytes.Equal(a, d) || !bytes.Equal(b, e) || !bytes.Equal(c, f) {
		t.Error("they differ")
	}
}

// The letters of a text, through the codes and the way back that the file has for them.
func TestTextsCanBeFound(t *testing.T) {
	pdf := pdfOf(t, filled())
	text := extracted(t, pdf)
	for _, want := range []string{"张某", "疑似急性ST段抬高型心肌梗死", "420/443 ms", "报告医师：李医生", "25mm/s 10mm/mV  0.05-150Hz AC50Hz", "自动测量与提示仅供医师参考"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the file", want)
		}
	}
}

// extracted reads the texts of all pages by ToUnicode alone.
func extracted(t *testing.T, pdf []byte) string {
	t.Helper()
	streams := objects(t, pdf)
	fonts := map[string]map[string]string{}
	for _, m := range regexp.MustCompile(`/([RBHS]) (\d+) 0 R `).FindAllSubmatch(pdf, -1) {
		font := regexp.MustCompile(`\n` + string(m[2]) + ` 0 obj\n.*/ToUnicode (\d+) 0 R`).FindSubmatch(pdf)
		n, _ := strconv.Atoi(string(font[1]))
		table := map[string]string{}
		for _, pair := range regexp.MustCompile(`<(\w+)> <(\w+)>\n`).FindAllSubmatch(streams[n], -1) {
			code, _ := strconv.ParseUint(string(pair[2]), 16, 32)
			table[string(pair[1])] = string(rune(code))
		}
		fonts[string(m[1])] = table
	}
	var out strings.Builder
	for _, c := range pageContents(t, pdf) {
		for _, m := range regexp.MustCompile(`/([RBHS]) \d+ Tf[^<]*<([0-9A-F]*)> Tj( 0 Tr ET)?`).FindAllSubmatch(c, -1) {
			for hex := string(m[2]); len(hex) >= 4; hex = hex[4:] {
				out.WriteString(fonts[string(m[1])][hex[:4]])
			}
			if len(m[3]) > 0 {
				out.WriteByte('\n')
			}
		}
	}
	return out.String()
}

func TestLongTextsGoOnOverPages(t *testing.T) {
	s := filled()
	s.Report.Findings = strings.Repeat("窦性心律，各导联未见明显异常。", 300)
	s.Report.Impression = "最后一句话"
	pdf := pdfOf(t, s)
	pages := pageContents(t, pdf)
	text := extracted(t, pdf)
	if len(pages) < 3 || !strings.Contains(text, fmt.Sprintf("第%d页 共%d页", len(pages), len(pages))) {
		t.Errorf("%d pages", len(pages))
	}
	if !strings.Contains(strings.ReplaceAll(text, "\n", ""), "最后一句话") || strings.Count(text, "审核医师：") != 2 {
		t.Error("the report does not end as it should")
	}
}

func TestStatementsThatDoNotFitAreOnThePageAfter(t *testing.T) {
	s := filled()
	s.Report = nil
	for i := range 40 {
		s.Statements = append(s.Statements, fmt.Sprintf("提示第%d条", i))
	}
	pdf := pdfOf(t, s)
	if text := extracted(t, pdf); len(pageContents(t, pdf)) < 2 || !strings.Contains(text, "（续后页）") || !strings.Contains(text, "提示第39条") {
		t.Error("statements are lost")
	}
}

// Without Chinese outlines the letters are named in a font of every viewer, and can be found all the same.
func TestChineseIsNeverLost(t *testing.T) {
	s := &Sheet{Header: Header{Name: "䶮某"}} // a character that the embedded font has not
	pdf := pdfOf(t, s)
	if !bytes.Contains(pdf, []byte("/Encoding /UniGB-UTF16-H")) || !strings.Contains(extracted(t, pdf), "䶮") {
		t.Error("a character without an outline is lost")
	}
}

func TestPoppler(t *testing.T) {
	for _, tool := range []string{"pdftotext", "pdftoppm", "pdfinfo"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	pdf := pdfOf(t, filled())
	file := filepath.Join(t.TempDir(), "sheet.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		var out, complaints bytes.Buffer
		c := exec.CommandContext(t.Context(), name, args...)
		c.Stdout, c.Stderr = &out, &complaints
		if err := c.Run(); err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v %s", name, err, complaints.String())
		}
		return out.String()
	}
	text := run("pdftotext", "-layout", file, "-")
	for _, want := range []string{"张某", "危急值：疑似急性ST段抬高型心肌梗死", "李医生", "aVR"} {
		if !strings.Contains(text, want) {
			t.Errorf("pdftotext does not show %q", want)
		}
	}
	if info := run("pdfinfo", file); !strings.Contains(info, "841.89 x 595.276 pts (A4)") || !strings.Contains(info, "Pages:           2") {
		t.Errorf("pdfinfo: %s", info)
	}
	if picture := run("pdftoppm", "-r", "60", "-png", "-f", "1", "-l", "1", file); len(picture) < 10_000 {
		t.Errorf("pdftoppm draws %d bytes", len(picture))
	}
}

func TestPDFIsSmall(t *testing.T) {
	s := filled()
	s.Tracing, s.Report = eight(10), nil
	pdf := pdfOf(t, s)
	if len(pdf) > 60<<10 {
		t.Errorf("%d bytes", len(pdf))
	}
}
