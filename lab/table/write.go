// The template that is filled in, and results as a table.

package table

import (
	"encoding/csv"
	"io"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// Format is the kind of file.
type Format string

// The formats. CSV is UTF-8 with its mark, as spreadsheets want it.
const (
	CSV  Format = "csv"
	XLSX Format = "xlsx"
)

// Language of the headings.
type Language string

// The languages.
const (
	Chinese Language = "zh" // the default
	English Language = "en"
)

// WriteTemplate writes an empty table with the headings that Read knows; as a workbook its columns are text, so that nothing that is typed
// becomes a date or loses its digits, and a second sheet explains them.
func WriteTemplate(w io.Writer, f Format, lang Language) error {
	headings := templateHeadings(lang)
	switch f {
	case CSV:
		return writeCSV(w, [][]string{headings})
	case XLSX:
		return writeWorkbook(w, []writtenSheet{
			{name: pick(lang, "检验结果", "Results"), rows: [][]string{headings}, columns: len(headings), head: 1},
			{name: pick(lang, "填写说明", "Instructions"), rows: instructions(lang), columns: 3, head: 1},
		})
	}
	return record.Errorf(record.Invalid, "format: want %s or %s", CSV, XLSX)
}

func pick(lang Language, zh, en string) string {
	if lang == English {
		return en
	}
	return zh
}

func templateHeadings(lang Language) []string {
	var out []string
	for _, c := range columns {
		if c.written {
			out = append(out, pick(lang, c.zh[0], c.en[0]))
		}
	}
	return out
}

// instructions explain each column, with an example of an invented person.
func instructions(lang Language) [][]string {
	out := [][]string{{pick(lang, "列", "Column"), pick(lang, "说明", "Meaning"), pick(lang, "示例", "Example")}}
	for _, c := range columns {
		if !c.written {
			continue
		}
		e := explained[c.field]
		out = append(out, []string{pick(lang, c.zh[0], c.en[0]), pick(lang, e[0], e[1]), e[2]})
	}
	return out
}

var explained = map[field][3]string{
	fName: {"必填（有条码号时可空）", "needed unless there is a barcode", "张某"}, fSex: {"男、女", "M, F", "男"}, fBirth: {"年-月-日", "YYYY-MM-DD", "1963-05-02"},
	fIdentity: {"18位，文本格式", "18 characters, as text", ""}, fPatient: {"门诊号、住院号或病历号", "number of the patient at the sender", "M000123"}, fWard: {"送检科室或机构", "who sent the specimen", "内科"},
	fBarcode: {"同一标本的各行填同一条码", "the same in all rows of a specimen", "620921000123456"}, fSpecimen: {"血清、全血、尿……", "serum, blood, urine ...", "血清"}, fOrder: {"可空", "may be empty", ""},
	fCollected: {"年-月-日 时:分", "YYYY-MM-DD HH:MM", "2026-11-22 07:40"}, fReceived: {"年-月-日 时:分", "YYYY-MM-DD HH:MM", "2026-11-22 08:10"}, fReported: {"年-月-日 时:分", "YYYY-MM-DD HH:MM", "2026-11-22 09:30"},
	fCode: {"本单位项目代码；代码与名称至少填一项", "your code; code or name is needed", "GLU"}, fItem: {"项目中文名称", "name", "葡萄糖"}, fResult: {"必填，原样填写，保留末尾的0", "needed; the digits as they were measured, with zeros at the end", "5.60"},
	fUnit: {"原样填写", "as measured", "mmol/L"}, fRange: {"原样填写", "as it applied", "3.9-6.1"}, fFlag: {"↑、↓、N，可空", "H, L, N; may be empty", ""}, fDevice: {"可空", "may be empty", ""}, fMethod: {"可空", "may be empty", "己糖激酶法"},
	fTechnical: {"检验者姓名", "who measured", ""}, fVerifier: {"审核者姓名", "who verified", ""}, fOrderer: {"可空", "may be empty", ""}, fClinical: {"可空", "may be empty", ""}, fNote: {"可空", "may be empty", ""},
}

// WriteResults writes reports as a table with a row for each result, which Read takes again. Results that are not shown to who ordered are
// left out. What a spreadsheet would take for a formula is kept from it.
func WriteResults(w io.Writer, f Format, lang Language, reports []observation.Report) error {
	rows := [][]string{exportHeadings(lang)}
	for i := range reports {
		r := &reports[i]
		for k := range r.Results {
			if x := &r.Results[k]; x.Status.Shown() {
				rows = append(rows, exportRow(r, x))
			}
		}
	}
	switch f {
	case CSV:
		return writeCSV(w, rows)
	case XLSX:
		return writeWorkbook(w, []writtenSheet{{name: pick(lang, "检验结果", "Results"), rows: rows, columns: len(rows[0]), head: 1}})
	}
	return record.Errorf(record.Invalid, "format: want %s or %s", CSV, XLSX)
}

// exported are the fields of a result as a row, in the order of exportRow.
var exported = []field{
	fName, fSex, fBirth, fIdentity, fPatient, fVisit, fWard, fOrder, fReport, fBarcode, fSpecimen, fCollected, fReceived, fReported,
	fCode, fItem, fResult, fUnit, fRange, fFlag, fStatus, fDevice, fMethod, fVerifier, fLaboratory, fNote,
}

func exportHeadings(lang Language) []string {
	var out []string
	for _, f := range exported {
		for _, c := range columns {
			if c.field == f {
				out = append(out, pick(lang, c.zh[0], c.en[0]))
			}
		}
	}
	return out
}

var sexWords = map[record.Sex]string{record.Male: "男", record.Female: "女", record.OtherSex: "其他"}

var statusWords = map[observation.Status]string{
	observation.Final: "最终", observation.Preliminary: "初步", observation.Corrected: "更正", observation.Amended: "更正",
}

func exportRow(r *observation.Report, x *observation.Result) []string {
	p := &r.Patient
	return []string{
		p.Name.Reveal(), sexWords[p.Sex], p.BirthDate.String(), p.IDNumber.Reveal(), p.LocalID.Reveal(), r.Visit, r.Ward, r.Placer, r.Filler,
		r.Specimen.ID, r.Specimen.Type.Display(), moment(r.Specimen.CollectedAt), moment(r.Specimen.ReceivedAt), moment(r.ReportedAt),
		x.Code.Code, x.Code.Text, x.Value.String(), x.Unit.Display(), x.Range, strings.Join(x.Flags, " "), statusWords[x.Status], x.Device, x.Method.Display(),
		orElse(x.Responsible, r.Performer), x.Laboratory, strings.Join(x.Notes, "\n"),
	}
}

// moment writes an instant in the zone of China.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(china).Format(time.DateTime)
}

// tempting reports a text that a spreadsheet would take for a formula or a command. Numbers are none.
func tempting(s string) bool {
	if s == "" || !strings.ContainsRune("=+-@\t\r＝＋－＠", []rune(s)[0]) {
		return s != "" && s[0] == '\'' // so that reading back takes away only what was put there
	}
	_, err := observation.ParseNumber(s)
	return err != nil
}

func writeCSV(w io.Writer, rows [][]string) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	c := csv.NewWriter(w)
	c.UseCRLF = true
	for _, row := range rows {
		out := make([]string, len(row))
		for i, s := range row {
			if tempting(s) {
				s = "'" + s
			}
			out[i] = s
		}
		if err := c.Write(out); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
