package table

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

func results() []observation.Report {
	at := time.Date(2026, 11, 22, 0, 40, 0, 0, time.UTC)
	r := observation.Report{
		Patient:  record.Demographics{Name: "张某", Sex: record.Female, BirthDate: record.Date{Year: 1949, Month: 12, Day: 31}, IDNumber: "11010519491231002X", LocalID: "M001"},
		Specimen: observation.Specimen{ID: "620921000001", Type: observation.Coding{Text: "血清"}, CollectedAt: at}, ReportedAt: at.Add(time.Hour), Performer: "乙",
	}
	for i, v := range []string{"5.60", "-0.50", "<0.5", "=1+1", "+阳性", "@SUM(A1)", "-cmd|' /C calc'!A0", "1:128", "a\nb", "'quoted", "_x0041_ <&>\"", "阴性(-)"} {
		r.Results = append(r.Results, observation.Result{Number: i + 1, Code: observation.Coding{Code: fmt.Sprint("C", i), Text: "项目" + fmt.Sprint(i)}, Value: observation.ParseValue(v), Unit: observation.Coding{Text: "mmol/L"}, Range: "-1-5", Status: observation.Final})
	}
	r.Results = append(r.Results, observation.Result{Code: observation.Coding{Code: "HIDDEN"}, Value: observation.ParseValue("999"), Status: observation.Withdrawn})
	return []observation.Report{r}
}

func values(all []observation.Report) []string {
	var out []string
	for _, r := range all {
		for _, x := range r.Results {
			if x.Code.Code != "HIDDEN" {
				out = append(out, x.Code.Code+" "+x.Value.String()+" "+x.Range)
			}
		}
	}
	return out
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, f := range []Format{CSV, XLSX} {
		for _, lang := range []Language{Chinese, English} {
			t.Run(string(f)+" "+string(lang), func(t *testing.T) {
				var b bytes.Buffer
				if err := WriteResults(&b, f, lang, results()); err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(b.Bytes(), []byte("HIDDEN")) {
					t.Error("a withdrawn result was written")
				}
				got, warnings, err := read(t, b.Bytes(), Profile{Final: true})
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(values(results()), values(got)); d != "" {
					t.Error(d)
				}
				if len(warnings) > 0 || got[0].Patient != results()[0].Patient || !got[0].Specimen.CollectedAt.Equal(results()[0].Specimen.CollectedAt) {
					t.Errorf("%v: not the same", codes(warnings))
				}
			})
		}
	}
}

func TestNoFormulaIsWritten(t *testing.T) {
	var b bytes.Buffer
	if err := WriteResults(&b, CSV, Chinese, results()); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{",'=1+1,", ",'+阳性,", ",'@SUM(A1),", ",'-cmd|' /C calc'!A0,", ",-0.50,"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not there", want)
		}
	}
	b.Reset()
	if err := WriteResults(&b, XLSX, Chinese, results()); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		part, err := io.ReadAll(r)
		if err != nil || xml.Unmarshal(part, new(struct{})) != nil {
			t.Errorf("%s is not XML: %v", f.Name, err)
		}
		if bytes.Contains(part, []byte("<f>")) {
			t.Error("a formula")
		}
	}
}

func TestTemplates(t *testing.T) {
	for _, f := range []Format{CSV, XLSX} {
		for _, lang := range []Language{Chinese, English} {
			var b bytes.Buffer
			if err := WriteTemplate(&b, f, lang); err != nil {
				t.Fatal(err)
			}
			_, _, err := read(t, b.Bytes(), Profile{})
			var all Errors
			if !errors.As(err, &all) || len(all) != 1 || all[0].Reason != "no results below the heading" {
				t.Errorf("%s %s: %v", f, lang, err)
			}
		}
	}
	for _, c := range columns {
		if c.written && explained[c.field] == [3]string{} {
			t.Errorf("%s is not explained", c.field)
		}
	}
	if err := WriteTemplate(io.Discard, "ods", Chinese); record.KindOf(err) != record.Invalid {
		t.Error(err)
	}
}

// What LibreOffice makes of our files, and we of its.
func TestLibreOffice(t *testing.T) {
	office, err := exec.LookPath("soffice")
	if err != nil {
		t.Skip("soffice is not installed")
	}
	if testing.Short() {
		t.Skip("a slow program")
	}
	dir := t.TempDir()
	convert := func(in, to string, more ...string) []byte {
		out := filepath.Join(dir, "out")
		args := append([]string{"-env:UserInstallation=file://" + filepath.Join(dir, "profile"), "--headless"}, more...)
		c := exec.CommandContext(t.Context(), office, append(args, "--convert-to", to, "--outdir", out, in)...)
		if text, err := c.CombinedOutput(); err != nil {
			t.Skipf("soffice does not run here: %v %s", err, text)
		}
		ext, _, _ := strings.Cut(to, ":")
		b, err := os.ReadFile(filepath.Join(out, strings.TrimSuffix(filepath.Base(in), filepath.Ext(in))+"."+ext))
		if err != nil {
			t.Skipf("soffice wrote nothing: %v", err)
		}
		return b
	}
	ours := filepath.Join(dir, "ours.xlsx")
	var b bytes.Buffer
	if err := WriteResults(&b, XLSX, Chinese, results()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ours, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"xlsx", "csv:Text - txt - csv (StarCalc):44,34,76"} {
		got, _, err := read(t, convert(ours, to), Profile{Final: true})
		if err != nil {
			t.Errorf("%s: %v", to, err)
			continue
		}
		if d := cmp.Diff(values(results()), values(got)); d != "" {
			t.Errorf("%s: %s", to, d)
		}
	}
	typed := filepath.Join(dir, "typed.csv")
	if err := os.WriteFile(typed, []byte("姓名,条码号,采样时间,项目名称,结果,参考范围\n张某,62092100001,2026-11-22 07:40,钾,4.1,3.5-5.3\n张某,62092100001,2026-11-22 07:40,尿蛋白,阴性,阴性\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, warnings, err := read(t, convert(typed, "xlsx", "--infilter=CSV:44,34,76"), Profile{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"张某|||||62092100001||unverified", "  1 |钾|quantity|4.1||3.5-5.3|", "  2 |尿蛋白|text|阴性||阴性|"}
	if d := cmp.Diff(want, said(got)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"E2 number-from-float"}, codes(warnings)); d != "" {
		t.Error(d)
	}
	if at := got[0].Specimen.CollectedAt.In(china).Format(time.DateTime); at != "2026-11-22 07:40:00" {
		t.Errorf("collected %s", at)
	}
}

// Another writer of workbooks: numbers, dates, merged cells and formulas as openpyxl puts them.
func TestOpenpyxl(t *testing.T) {
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import openpyxl").Run(); err != nil {
		t.Skip("openpyxl is not installed")
	}
	file := filepath.Join(t.TempDir(), "made.xlsx")
	script := `
import openpyxl, datetime, sys
w = openpyxl.Workbook()
s = w.active
s.append(["某镇卫生院"]); s.merge_cells("A1:F1")
s.append(["姓名", "条码号", "采样时间", "项目名称", "结果", "单位"])
s.append(["张某", "620921000001", datetime.datetime(2026, 11, 22, 7, 40), "钾", 4.1, "mmol/L"])
s.append([None, None, None, "钠", "140.0", "mmol/L"])
s.append([None, None, None, "尿酸碱度", "<5.0", None])
for c in "ABC": s.merge_cells(c + "3:" + c + "5")
w.save(sys.argv[1])`
	if out, err := exec.CommandContext(t.Context(), "python3", "-c", script, file).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, warnings, err := read(t, b, Profile{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"张某|||||620921000001||unverified", "  1 |钾|quantity|4.1|mmol/L||", "  2 |钠|quantity|140.0|mmol/L||", "  3 |尿酸碱度|quantity|<5.0|||"}
	if d := cmp.Diff(want, said(got)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"E3 number-from-float"}, codes(warnings)); d != "" {
		t.Error(d)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(long))
	f.Add([]byte("姓名\t性别\t葡萄糖(mmol/L)\n张某\t男\t5.6\n"))
	f.Add([]byte("\xff\xfea\x00,\x00"))
	f.Add(packed(f, book(f, `<row r="3"><c r="A3" t="s"><v>5</v></c><c r="B3" t="s"><v>6</v></c><c r="C3"><v>4.1</v></c></row>`)))
	var b bytes.Buffer
	if err := WriteResults(&b, XLSX, Chinese, results()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		got, warnings, err := Read(bytes.NewReader(b), int64(len(b)), Profile{Final: true})
		if err != nil {
			if record.KindOf(err) != record.Invalid || got != nil {
				t.Fatalf("%v", err)
			}
			return
		}
		if len(got) == 0 || len(got) > observation.MaxReports || len(warnings) > maxWarnings {
			t.Fatalf("%d reports, %d warnings", len(got), len(warnings))
		}
		var again bytes.Buffer
		if err := WriteResults(&again, CSV, Chinese, got); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzSheet is of the XML of a sheet alone, which packing hides from FuzzRead.
func FuzzSheet(f *testing.F) {
	f.Add(`<row r="3"><c r="A3" t="s"><v>5</v></c><c r="B3" t="s"><v>6</v></c><c r="C3" t="inlineStr"><is><t>x</t></is></c></row>`)
	f.Add(`<row><c><f>1</f></c></row></sheetData><mergeCells><mergeCell ref="A1:B9"/></mergeCells>`)
	f.Fuzz(func(t *testing.T, rows string) {
		if _, _, err := read(t, packed(t, book(t, rows)), Profile{}); err != nil && record.KindOf(err) != record.Invalid {
			t.Fatal(err)
		}
	})
}

func BenchmarkReadXLSX(b *testing.B) {
	r := results()[0]
	r.Results = r.Results[:1]
	var all []observation.Report
	for i := range 500 {
		one := r
		one.Specimen.ID = fmt.Sprint("S", i)
		one.Results = nil
		for k := range 20 {
			x := r.Results[0]
			x.Code.Code = fmt.Sprint("C", k)
			one.Results = append(one.Results, x)
		}
		all = append(all, one)
	}
	var file bytes.Buffer
	if err := WriteResults(&file, XLSX, Chinese, all); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(file.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Read(bytes.NewReader(file.Bytes()), int64(file.Len()), Profile{}); err != nil {
			b.Fatal(err)
		}
	}
}
