// Writing a workbook: every cell is text (ECMA-376 part 1, 18.3.1.4: inline strings).

package table

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/lianzhen/lianzhen/record"
)

// writtenSheet is one sheet; its first rows are headings and stay in sight.
type writtenSheet struct {
	name    string
	rows    [][]string
	columns int
	head    int
}

const (
	xmlHead     = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	nsMain      = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	nsRelations = `http://schemas.openxmlformats.org/officeDocument/2006/relationships`
	nsPackage   = `xmlns="http://schemas.openxmlformats.org/package/2006/relationships"`
)

// Cell styles: text, heading, and text that a spreadsheet must not take for a formula.
const (
	styleText    = 1
	styleHeading = 2
	styleQuoted  = 3
)

const styles = xmlHead + `<styleSheet ` + nsMain + `><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
	`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders>` +
	`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
	`<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1" applyNumberFormat="1"/></cellXfs>` +
	`<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`

func writeWorkbook(w io.Writer, sheets []writtenSheet) error {
	z := zip.NewWriter(w)
	var types, list, relations strings.Builder
	for i, s := range sheets {
		n := i + 1
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>`, n)
		fmt.Fprintf(&list, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, escaped(s.name), n, n)
		fmt.Fprintf(&relations, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, n, nsRelations, n)
	}
	parts := []struct{ name, text string }{
		{"[Content_Types].xml", xmlHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>` + types.String() + `</Types>`},
		{"_rels/.rels", xmlHead + `<Relationships ` + nsPackage + `><Relationship Id="rId1" Type="` + nsRelations + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", xmlHead + `<workbook ` + nsMain + ` xmlns:r="` + nsRelations + `"><sheets>` + list.String() + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", xmlHead + `<Relationships ` + nsPackage + `>` + relations.String() + fmt.Sprintf(`<Relationship Id="rId%d" Type="%s/styles" Target="styles.xml"/>`, len(sheets)+1, nsRelations) + `</Relationships>`},
		{"xl/styles.xml", styles},
	}
	for _, p := range parts {
		if err := writePart(z, p.name, func(w io.Writer) error { _, err := io.WriteString(w, p.text); return err }); err != nil {
			return err
		}
	}
	for i, s := range sheets {
		if err := writePart(z, fmt.Sprintf("xl/worksheets/sheet%d.xml", i+1), s.write); err != nil {
			return err
		}
	}
	return z.Close()
}

func writePart(z *zip.Writer, name string, write func(io.Writer) error) error {
	w, err := z.Create(name)
	if err != nil {
		return err
	}
	return write(w)
}

func (s *writtenSheet) write(w io.Writer) error {
	if len(s.rows) > 1<<20 {
		return record.Errorf(record.Invalid, "more rows than a sheet has")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, xmlHead+`<worksheet %s><sheetViews><sheetView workbookViewId="0"><pane ySplit="%d" topLeftCell="A%d" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>`, nsMain, s.head, s.head+1)
	fmt.Fprintf(&b, `<cols><col min="1" max="%d" width="16" style="%d" customWidth="1"/></cols><sheetData>`, s.columns, styleText)
	for i, row := range s.rows {
		fmt.Fprintf(&b, `<row r="%d">`, i+1)
		for k, text := range row {
			if text == "" {
				continue
			}
			style := styleText
			switch {
			case i < s.head:
				style = styleHeading
			case tempting(text):
				style = styleQuoted
			}
			fmt.Fprintf(&b, `<c r="%s%d" s="%d" t="inlineStr"><is><t xml:space="preserve">%s</t></is></c>`, columnName(k+1), i+1, style, escaped(text))
		}
		b.WriteString("</row>")
		if b.Len() > 1<<16 {
			if _, err := b.WriteTo(w); err != nil {
				return err
			}
		}
	}
	b.WriteString("</sheetData></worksheet>")
	_, err := b.WriteTo(w)
	return err
}

// escaped is a text as XML has it; an underscore that would begin an escape of control characters is escaped itself.
func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(strings.ReplaceAll(s, "_x", "_x005F_x"))) // to memory
	return b.String()
}
