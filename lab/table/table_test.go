package table

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

const long = `某镇卫生院检验结果登记表,,,,,,,,,
序号,姓名,性别,出生日期,门诊号,条码号,标本类型,采样时间,项目代码,项目名称,结果,单位,参考范围,提示,检验者,审核者,报告时间
1,张某,女,1963-05-02,M0001,620921000001,血清,2026/11/22 7:40,GLU,葡萄糖,5.60,mmol/L,3.9-6.1,N,甲,乙,2026年11月22日 9时30分
2,张某,女,1963-05-02,M0001,620921000001,血清,2026/11/22 7:40,CRP,C反应蛋白,＜0.50,mg/L,<10,,甲,乙,2026年11月22日 9时30分
3,李某,男,,M0002,620921000002,尿,20261122,PRO,尿蛋白,阴性(-),,阴性,,甲,乙,
4,李某,男,,M0002,620921000002,尿,20261122,LEU,白细胞,,,,,甲,乙,
`

// said is a report as a few words, for comparing.
func said(all []observation.Report) []string {
	var out []string
	for _, r := range all {
		p := r.Patient
		out = append(out, fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s|%s", p.Name.Reveal(), p.Sex, p.BirthDate, p.IDNumber.Reveal(), p.LocalID.Reveal(), r.Specimen.ID, r.Specimen.Type.Text, r.Status))
		for _, x := range r.Results {
			out = append(out, fmt.Sprintf("  %d %s|%s|%s|%s|%s|%s|%s", x.Number, x.Code.Code, x.Code.Text, x.Value.Kind, x.Value, x.Unit.Text, x.Range, strings.Join(x.Flags, " ")))
		}
	}
	return out
}

func codes(all []observation.Warning) []string {
	var out []string
	for _, w := range all {
		out = append(out, w.Place+" "+w.Code)
	}
	return out
}

func read(t testing.TB, b []byte, p Profile) ([]observation.Report, []observation.Warning, error) {
	t.Helper()
	return Read(bytes.NewReader(b), int64(len(b)), p)
}

func encoded(t *testing.T, s string) map[string][]byte {
	t.Helper()
	gb, err1 := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(s))
	le, err2 := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes([]byte(s))
	be, err3 := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().Bytes([]byte(s))
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"UTF-8": []byte(s), "UTF-8 with its mark": []byte("\ufeff" + s), "GB18030": gb, "UTF-16LE": le, "UTF-16BE without its mark": be,
		"CRLF": []byte(strings.ReplaceAll(s, "\n", "\r\n")), "tabs": []byte(strings.ReplaceAll(s, ",", "\t")), "semicolons": []byte(strings.ReplaceAll(s, ",", ";")),
		"sep=": []byte("sep=|\n" + strings.ReplaceAll(s, ",", "|")),
	}
}

func TestLongTablesOfAnyCharset(t *testing.T) {
	want := []string{
		"张某|F|1963-05-02||M0001|620921000001|血清|final",
		"  1 GLU|葡萄糖|quantity|5.60|mmol/L|3.9-6.1|N",
		"  2 CRP|C反应蛋白|quantity|<0.50|mg/L|<10|",
		"李某|M|||M0002|620921000002|尿|final",
		"  1 PRO|尿蛋白|text|阴性(-)||阴性|",
	}
	for name, b := range encoded(t, long) {
		t.Run(name, func(t *testing.T) {
			got, warnings, err := read(t, b, Profile{Final: true})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, said(got)); d != "" {
				t.Error(d)
			}
			place := "K6 no-result"
			if name == "sep=" {
				place = "K7 no-result"
			}
			if d := cmp.Diff([]string{place}, codes(warnings)); d != "" {
				t.Error(d)
			}
			if at := got[0].Specimen.CollectedAt; !at.Equal(time.Date(2026, 11, 21, 23, 40, 0, 0, time.UTC)) || !got[0].ReportedAt.Equal(time.Date(2026, 11, 22, 1, 30, 0, 0, time.UTC)) {
				t.Errorf("collected %s, reported %s", at, got[0].ReportedAt)
			}
			if !got[0].Final || got[0].Results[0].Responsible != "乙" {
				t.Error("the verifier is lost")
			}
		})
	}
}

func TestWhoDoesNotVerifyIsNotFinal(t *testing.T) {
	got, _, err := read(t, []byte(long), Profile{})
	if err != nil || got[0].Final || got[0].Status != observation.Unverified {
		t.Errorf("%v %v", got[0].Status, err)
	}
}

func TestWideTables(t *testing.T) {
	text := `姓名,性别,身份证号,标本类型,采血时间,"葡萄糖(mmol/L)",总胆固醇【mmol/L】,转铁蛋白(血清),备注
单位,,,,,,,g/L,
参考范围,,,,,3.9-6.1,<5.2,2.0-3.6,
张某,,11010519491231002X,血清,2026-11-22 07:40,5.60,,2.10,溶血
李某,男,,血清,2026-11-22 07:45,>33.3,4.0,,
`
	got, warnings, err := read(t, []byte(text), Profile{Analytes: map[string]Analyte{"总胆固醇【mmol/L】": {Code: "TC", Name: "总胆固醇", Unit: "mmol/L"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"张某|F|1949-12-31|11010519491231002X|||血清|unverified",
		"  1 |葡萄糖|quantity|5.60|mmol/L|3.9-6.1|",
		"  2 |转铁蛋白(血清)|quantity|2.10|g/L|2.0-3.6|",
		"李某|M|||||血清|unverified",
		"  1 |葡萄糖|quantity|>33.3|mmol/L|3.9-6.1|",
		"  2 TC|总胆固醇|quantity|4.0|mmol/L|<5.2|",
	}
	if d := cmp.Diff(want, said(got)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string(nil), codes(warnings)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"溶血"}, got[0].Results[0].Notes); d != "" {
		t.Error(d)
	}
}

func TestWhatIsToBePutRight(t *testing.T) {
	head := "姓名,性别,出生日期,身份证号,条码号,采样时间,项目名称,结果\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nobody", head + ",,,,,,葡萄糖,5.6\n", []string{"row 2: neither 姓名 nor 条码号: whose result is it?"}},
		{"sex", head + "张某,雄,,,,,葡萄糖,5.6\n", []string{"B2 (性别): want 男 or 女"}},
		{"date", head + "张某,,1963-13-02,,,昨天,葡萄糖,5.6\n", []string{"C2 (出生日期): is not a date or time: want 2026-11-22 08:30", "F2 (采样时间): is not a date or time: want 2026-11-22 08:30"}},
		{"identity number", head + "张某,,,110105194912310021,,,葡萄糖,5.6\n", []string{"D2 (身份证号): is not an identity number: identity number: wrong check digit"}},
		{"identity number as a float", head + "张某,,,1.10105E+17,,,葡萄糖,5.6\n", []string{"D2 (身份证号): the spreadsheet took this for a number and lost its last digits: format the column as text and write it again"}},
		{"barcode as a float", head + "张某,,,,6.20921E+11,,葡萄糖,5.6\n", []string{"E2 (条码号): the spreadsheet took this for a number and lost its last digits: format the column as text and write it again"}},
		{"identity number of another", head + "张某,男,1950-01-01,11010519491231002X,,,葡萄糖,5.6\n", []string{"C2 (出生日期): is another than that of the identity number", "B2 (性别): is another than that of the identity number"}},
		{"two persons of one barcode", head + "张某,,,,B1,,葡萄糖,5.6\n李某,,,,B1,,钾,4\n", []string{"A3 (姓名): is another than in row 2, which has the same number"}},
		{"one item twice", head + "张某,,,,B1,,葡萄糖,5.6\n张某,,,,B1,,葡萄糖,5.7\n", []string{"row 3: the same item of the same specimen as in row 2"}},
		{"no item", head + "张某,,,,B1,,,5.6\n", []string{"row 2: a result without 项目名称 or 项目代码"}},
		{"no column of results", "姓名,条码号,项目名称\n张某,B1,葡萄糖\n", []string{"row 1: no column 结果 and no column of an analyte"}},
		{"no column of persons", "项目名称,结果\n葡萄糖,5\n", []string{"row 1: no column 姓名 or 条码号"}},
		{"a heading twice", "姓名,患者姓名,项目名称,结果\n张某,张某,葡萄糖,5\n", []string{"B1 (姓名): this heading is there twice"}},
		{"no heading", "a,b\n1,2\n", []string{"no heading was recognised in the first 30 rows: use the template"}},
		{"no rows", head, []string{"no results below the heading"}},
		{"quotes", head + "\"张某,,,,,,葡萄糖,5.6\n", []string{"row 3: a quotation mark that does not close or stands within a field"}},
		{"damaged characters", head + "张\ufffd,,,,,,葡萄糖,5.6\n", []string{"A2 (姓名): characters that cannot be read: save the file as UTF-8 or as XLSX"}},
		{"empty", " ", []string{"no heading was recognised in the first 30 rows: use the template"}},
		{"xls", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", []string{"a workbook of the old form (.xls) or with a password: save it as .xlsx"}},
		{"zeros", "姓名,结果\n\x00\x01\x00", []string{"not a table: it has zero bytes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			reports, _, err := read(t, []byte(c.text), Profile{})
			var all Errors
			if !errors.As(err, &all) || record.KindOf(err) != record.Invalid || reports != nil {
				t.Fatalf("%v", err)
			}
			var got []string
			for _, f := range all {
				got = append(got, f.Error())
			}
			if c.name == "quotes" { // where it begins or ends is the same to a person
				got[0] = strings.Replace(got[0], "row 2", "row 3", 1)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			for _, secret := range []string{"张某", "李某", "11010519491231002X", "110105194912310021"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error says %s", secret)
				}
			}
		})
	}
}

func TestHeadingsThatPeopleWrite(t *testing.T) {
	for _, c := range []struct {
		text string
		want field
	}{
		{"姓名", fName},
		{" *姓 名：", fName},
		{"身份证号码（18位）", fIdentity},
		{"ＩＤ ｎｕｍｂｅｒ", fIdentity},
		{"Reference_Range", fRange},
		{"出生日期(年-月-日)", fBirth},
		{"Result", fResult},
		{"结果(数值)", fResult},
		{"采样时间", fCollected},
		{"标本号", fBarcode},
		{"葡萄糖", ""},
		{"", ""},
	} {
		if got, _ := recognised(c.text, &Profile{}); got != c.want {
			t.Errorf("%q is %q, want %q", c.text, got, c.want)
		}
	}
}

func TestEveryHeadingMeansOneField(t *testing.T) {
	seen := map[string]field{}
	for _, c := range columns {
		for _, h := range append(append([]string{}, c.zh...), c.en...) {
			if other, twice := seen[heading(h)]; twice && other != c.field {
				t.Errorf("%s is %s and %s", h, other, c.field)
			}
			seen[heading(h)] = c.field
		}
	}
}

func TestProfiles(t *testing.T) {
	p, err := ParseProfile([]byte("separator: tab\ncharset: GB18030\nlayout: long\nfinal: true\nspecimen: 血清\ncolumns:\n  值: result\n  化验: item\n  内部号: ''\n"))
	if err != nil || p.Hash == "" {
		t.Fatal(err)
	}
	b, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte("姓名\t化验\t值\t内部号\n张某\t钾\t4.10\tx\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, warnings, err := read(t, b, p)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if d := cmp.Diff([]string{"张某||||||血清|unverified", "  1 |钾|quantity|4.10|||"}, said(got)); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"x: 1", "layout: round", "separator: ab", "charset: EBCDIC", "zone: Moon/Base", "columns: {a: nonsense}", "\xff"} {
		if _, err := ParseProfile([]byte(bad)); record.KindOf(err) != record.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := ParseProfile(nil); err != nil {
		t.Error(err)
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"2026-11-22 07:40", "2026-11-22 07:40:00"},
		{"2026/1/2 7:5", "2026-01-02 07:05:00"},
		{"2026.11.22", "2026-11-22 00:00:00"},
		{"20261122074001", "2026-11-22 07:40:01"},
		{"2026年11月22日", "2026-11-22 00:00:00"},
		{"２０２６－１１－２２　０７：４０", "2026-11-22 07:40:00"},
		{"2026-11-22T07:40:01.123", "2026-11-22 07:40:01"},
		{"2026-11-22T07:40:00Z", "2026-11-22 15:40:00"},
		{"22/11/2026", ""},
		{"2026-02-30", ""},
		{"45000", ""},
		{"", ""},
	} {
		at, ok := parseTime(c.in, china)
		got := ""
		if ok {
			got = at.In(china).Format(time.DateTime)
		}
		if got != c.want {
			t.Errorf("%q is %q, want %q", c.in, got, c.want)
		}
	}
}

// packed is a workbook of parts.
func packed(t testing.TB, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range parts {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// book is a workbook of one sheet of rows that are XML; style 1 is text, 2 a date, 3 a date and time, 4 "yyyy年", 5 a number with "d" in quotes.
func book(t testing.TB, rows string) map[string]string {
	t.Helper()
	return map[string]string{
		"xl/workbook.xml":            `<workbook><workbookPr/><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="rId1" Type="x" Target="worksheets/sheet1.xml"/></Relationships>`,
		"xl/styles.xml":              `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy&quot;年&quot;m&quot;月&quot;"/><numFmt numFmtId="165" formatCode="0.00 &quot;d&quot;;[Red]-0.00"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="49"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs></styleSheet>`,
		"xl/sharedStrings.xml":       `<sst><si><t>姓名</t></si><si><r><t>项目</t></r><r><t xml:space="preserve">名称</t></r><rPh><t>xiang</t></rPh></si><si><t>结果</t></si><si><t>采样时间</t></si><si><t>条码号</t></si><si><t>张某</t></si><si><t>钾</t></si><si><t>5.60</t></si></sst>`,
		"xl/worksheets/sheet1.xml":   `<worksheet><sheetData><row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2" t="s"><v>1</v></c><c r="C2" t="s"><v>2</v></c><c r="D2" t="s"><v>3</v></c><c r="E2" t="s"><v>4</v></c></row>` + rows + `</sheetData></worksheet>`,
	}
}

func TestCellsOfWorkbooks(t *testing.T) {
	person := `<c r="A3" t="s"><v>5</v></c><c r="B3" t="s"><v>6</v></c>`
	for _, c := range []struct {
		name, cells string
		want        string // the result, or the fault
		warnings    []string
	}{
		{"shared text", `<c r="C3" t="s"><v>7</v></c>`, "5.60", nil},
		{"inline text", `<c r="C3" t="inlineStr"><is><t>5.60</t></is></c>`, "5.60", nil},
		{"number", `<c r="C3"><v>5.5999999999999996</v></c>`, "5.6", []string{"C3 number-from-float"}},
		{"small number", `<c r="C3"><v>1.0000000000000001E-5</v></c>`, "0.00001", []string{"C3 number-from-float"}},
		{"number that shows a letter", `<c r="C3" s="5"><v>5</v></c>`, "5", []string{"C3 number-from-float"}},
		{"formula with its value", `<c r="C3"><f>A1*2</f><v>4.2</v></c>`, "4.2", []string{"C3 formula", "C3 number-from-float"}},
		{"formula of a text", `<c r="C3" t="str"><f>T("x")</f><v>&lt;0.5</v></c>`, "<0.5", []string{"C3 formula"}},
		{"formula without a value", `<c r="C3"><f>A1*2</f></c>`, "a formula without a value", nil},
		{"date", `<c r="C3" s="2"><v>45658</v></c>`, "made a date of this result", nil},
		{"date of China", `<c r="C3" s="4"><v>45658</v></c>`, "made a date of this result", nil},
		{"truth", `<c r="C3" t="b"><v>1</v></c>`, "TRUE", []string{"C3 not-text"}},
		{"fault", `<c r="C3" t="e"><v>#DIV/0!</v></c>`, "shows an error", nil},
		{"too many digits", `<c r="C3"><v>123456789012345678</v></c>`, "cannot hold all digits", nil},
		{"escaped", `<c r="C3" t="inlineStr"><is><t>a_x000D__x005F_xb</t></is></c>`, "a_xb", nil},
		{"time of a style", `<c r="C3" t="s"><v>7</v></c><c r="D3" s="3"><v>46348.319444444445</v></c>`, "5.60", nil},
		{"barcode as a number", `<c r="C3" t="s"><v>7</v></c><c r="E3"><v>620921000001</v></c>`, "5.60", nil},
		{"barcode with lost digits", `<c r="C3" t="s"><v>7</v></c><c r="E3"><v>6.2092100000012345E+17</v></c>`, "lost its last digits", nil},
		{"text that there is not", `<c r="C3" t="s"><v>99</v></c>`, "a text that the workbook does not have", nil},
		{"cells out of order", `<c r="C3" t="s"><v>7</v></c><c r="B3" t="s"><v>7</v></c>`, "not in order", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, warnings, err := read(t, packed(t, book(t, `<row r="3">`+person+c.cells+`</row>`)), Profile{})
			if err != nil {
				if !strings.Contains(err.Error(), c.want) || record.KindOf(err) != record.Invalid {
					t.Errorf("%v, want %s", err, c.want)
				}
				return
			}
			if s := got[0].Results[0].Value.String(); s != c.want {
				t.Errorf("%q, want %q", s, c.want)
			}
			if d := cmp.Diff(c.warnings, codes(warnings)); d != "" {
				t.Error(d)
			}
			if c.name == "time of a style" && got[0].Specimen.CollectedAt.In(china).Format(time.DateTime) != "2026-11-22 07:40:00" {
				t.Errorf("collected %s", got[0].Specimen.CollectedAt)
			}
			if c.name == "barcode as a number" && got[0].Specimen.ID != "620921000001" {
				t.Errorf("barcode %s", got[0].Specimen.ID)
			}
		})
	}
}

func TestMergedCellsSpeakForTheirRows(t *testing.T) {
	p := book(t, `<row r="3"><c r="A3" t="s"><v>5</v></c><c r="B3" t="s"><v>6</v></c><c r="C3" t="s"><v>7</v></c></row><row r="4"><c r="B4" t="inlineStr"><is><t>钠</t></is></c><c r="C4" t="inlineStr"><is><t>140</t></is></c></row>`)
	p["xl/worksheets/sheet1.xml"] = strings.Replace(p["xl/worksheets/sheet1.xml"], "</sheetData>", `</sheetData><mergeCells><mergeCell ref="A1:E1"/><mergeCell ref="A3:A4"/></mergeCells>`, 1)
	got, _, err := read(t, packed(t, p), Profile{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"张某|||||||unverified", "  1 |钾|quantity|5.60|||", "  2 |钠|quantity|140|||"}, said(got)); d != "" {
		t.Error(d)
	}
	p["xl/worksheets/sheet1.xml"] = strings.Replace(p["xl/worksheets/sheet1.xml"], `ref="A1:E1"`, `ref="C3:C4"`, 1)
	p["xl/worksheets/sheet1.xml"] = strings.Replace(p["xl/worksheets/sheet1.xml"], `<c r="C4" t="inlineStr"><is><t>140</t></is></c>`, "", 1)
	if _, _, err := read(t, packed(t, p), Profile{}); err == nil || !strings.Contains(err.Error(), "merged over several results") {
		t.Errorf("%v", err)
	}
}

func TestHostileWorkbooks(t *testing.T) {
	with := func(name, text string) []byte {
		p := book(t, "")
		p[name] = text
		return packed(t, p)
	}
	sheet := "xl/worksheets/sheet1.xml"
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"zip bomb", with("xl/sharedStrings.xml", "<sst><si><t>"+strings.Repeat(" ", 40<<20)+"</t></si></sst>"), "a text of more than"},
		{"zip bomb of comments", with("xl/styles.xml", "<styleSheet>"+strings.Repeat("<!-- -->", 5<<20)+"</styleSheet>"), "unpacks to more"},
		{"bomb of rows", with(sheet, "<worksheet><sheetData>"+strings.Repeat(`<row/>`, 3<<20)+"</sheetData></worksheet>"), "unpacks to more"},
		{"document type", with(sheet, `<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet/>`), "document type"},
		{"deep", with(sheet, strings.Repeat("<a>", 100)), "nested too deep"},
		{"cut off", with(sheet, "<worksheet><sheetData><row><c><v>1"), "damaged"},
		{"row number", with(sheet, `<worksheet><sheetData><row r="99999999"/></sheetData></worksheet>`), "not in order"},
		{"far column", with(sheet, `<worksheet><sheetData><row r="1"><c r="XFD1" t="str"><v>1</v></c></row></sheetData></worksheet>`), "more than 512 columns"},
		{"no workbook", packed(t, map[string]string{"a.txt": "x"}), "not a workbook"},
		{"not a package", []byte("PK\x03\x04 rubbish"), "not a workbook"},
		{"path out of the package", with("../../etc/passwd", "x"), "no heading"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := read(t, c.in, Profile{})
			if err == nil || record.KindOf(err) != record.Invalid || !strings.Contains(err.Error(), c.want) && c.want != "no heading" {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func TestTooMuchIsRefused(t *testing.T) {
	head := "姓名,项目名称,结果\n"
	var many, wide strings.Builder
	for i := range observation.MaxReports + 1 {
		fmt.Fprintf(&many, "某%d,钾,4\n", i)
	}
	wide.WriteString("姓名,条码号")
	for i := range 600 {
		fmt.Fprintf(&wide, ",项目%d", i)
	}
	for name, text := range map[string]string{
		"reports": head + many.String(), "rows": head + strings.Repeat("某,钾,4\n", MaxRows+100), "columns": wide.String() + "\n", "a cell": head + "某,钾," + strings.Repeat("x", maxCell+1) + "\n",
	} {
		if _, _, err := read(t, []byte(text), Profile{}); record.KindOf(err) != record.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := Read(bytes.NewReader(nil), MaxBytes+1, Profile{}); record.KindOf(err) != record.Invalid {
		t.Errorf("%v", err)
	}
}
