// What a row or a cell says was measured.

package table

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/lianzhen/lianzhen/lab/observation"
)

// longResult is the one result of a row of a long table.
func (b *builder) longResult(r *gridRow, head *observation.Report) []observation.Result {
	out := b.common(r, head)
	out.Code = observation.Coding{Code: b.number(r, fCode), Text: b.text(r, fItem), System: b.p.Local}
	if loinc := b.number(r, fLOINC); loinc != "" {
		if out.Code.Code == "" {
			out.Code.Code, out.Code.System = loinc, observation.LOINC
		} else {
			out.Code.Alternates = []observation.Coding{{Code: loinc, System: observation.LOINC}}
		}
	}
	if out.Code.Empty() {
		b.f.fault(r.number, 0, "", "a result without "+title(fItem)+" or "+title(fCode))
		return nil
	}
	if !b.value(r, b.fields[fResult], &out) {
		if out.Status != observation.Withdrawn && out.Status != observation.Cancelled {
			b.f.warn(r.number, b.fields[fResult]+1, "no-result", "a row without a result was left out")
			return nil
		}
	}
	if s := b.text(r, fUnit); s != "" {
		out.Unit = observation.Coding{Text: s}
	}
	out.Range = b.interval(r)
	if s := b.text(r, fFlag); s != "" {
		b.flag(r, s, &out)
	}
	return []observation.Result{out}
}

// analyteResults are the cells of a row of a wide table.
func (b *builder) analyteResults(r *gridRow) []observation.Result {
	var out []observation.Result
	for _, a := range b.analytes {
		x := b.common(r, nil)
		x.Code = observation.Coding{Code: a.Code, Text: a.Name, System: b.p.Local}
		if !b.value(r, a.column, &x) {
			continue
		}
		if a.Unit != "" {
			x.Unit = observation.Coding{Text: a.Unit}
		}
		x.Range = a.Range
		out = append(out, x)
	}
	if len(out) == 0 {
		b.f.warn(r.number, 0, "no-result", "a row without a result was left out")
	}
	return out
}

// common is what all results of a row share. head is nil for a wide table.
func (b *builder) common(r *gridRow, head *observation.Report) observation.Result {
	out := observation.Result{
		Device: orElse(b.text(r, fDevice), b.p.Device), Reagent: b.text(r, fReagent), Laboratory: orElse(b.text(r, fLaboratory), b.p.Laboratory),
		AnalysedAt: b.time(r, fAnalysed), Responsible: orElse(b.text(r, fVerifier), b.text(r, fTechnical)), Status: b.status(r),
	}
	if s := b.text(r, fMethod); s != "" {
		out.Method = observation.Coding{Text: s}
	}
	if head != nil {
		out.ObservedAt = head.ObservedAt
	}
	if s := b.text(r, fNote); s != "" {
		out.Notes = append(out.Notes, s)
	}
	for _, i := range b.notes {
		if s := b.at(r, i, title(fNote)); s != "" {
			out.Notes = append(out.Notes, s)
		}
	}
	return out
}

// statuses by what people write.
var statuses = map[string]observation.Status{
	"最终": observation.Final, "终审": observation.Final, "已审核": observation.Final, "正式": observation.Final, "final": observation.Final, "f": observation.Final,
	"初步": observation.Preliminary, "preliminary": observation.Preliminary, "p": observation.Preliminary,
	"更正": observation.Corrected, "corrected": observation.Corrected, "c": observation.Corrected,
	"未审核": observation.Unverified, "待审": observation.Unverified, "未审": observation.Unverified, "r": observation.Unverified,
	"撤回": observation.Withdrawn, "作废": observation.Withdrawn, "withdrawn": observation.Withdrawn, "w": observation.Withdrawn, "d": observation.Withdrawn,
	"取消": observation.Cancelled, "cancelled": observation.Cancelled, "x": observation.Cancelled,
}

// status is what the row says; without a word, final where the sender verifies and a verifier is named, else not verified.
func (b *builder) status(r *gridRow) observation.Status {
	if s := b.text(r, fStatus); s != "" {
		if st, ok := statuses[strings.ToLower(norm.NFKC.String(s))]; ok {
			if st.Settled() && !b.p.Final {
				return observation.Unverified
			}
			return st
		}
		b.f.fault(r.number, b.fields[fStatus]+1, title(fStatus), "want 最终, 初步, 更正, 未审核, 撤回 or 取消")
	}
	if b.p.Final && b.text(r, fVerifier) != "" {
		return observation.Final
	}
	return observation.Unverified
}

// value reads a result; false where there is none.
func (b *builder) value(r *gridRow, column int, out *observation.Result) bool {
	s := b.at(r, column, title(fResult))
	if s == "" {
		return false
	}
	c := r.at(column)
	switch {
	case c.spread:
		b.f.fault(r.number, column+1, title(fResult), "one cell was merged over several results")
	case c.kind == dateCell:
		b.f.fault(r.number, column+1, title(fResult), "the spreadsheet made a date of this result (1-2, 3/4): format the column as text and write it again")
	case c.kind == boolCell:
		b.warnResult(r, column, out, "not-text", "the cell is TRUE or FALSE")
	case c.inexact:
		b.f.fault(r.number, column+1, title(fResult), "the spreadsheet cannot hold all digits of this number: format the column as text and write it again")
	case c.kind == numberCell:
		b.warnResult(r, column, out, "number-from-float", "the cell holds a binary number: zeros at its end are lost")
	}
	out.Value = observation.ParseValue(s)
	return true
}

func (b *builder) warnResult(r *gridRow, column int, out *observation.Result, code, note string) {
	w := observation.Warning{Code: code, Place: FormatError{Sheet: b.f.sheet, Row: r.number, Column: column + 1}.Place(), Note: note}
	out.Warnings = append(out.Warnings, w)
	b.f.warn(r.number, column+1, code, note)
}

// interval is the range as it is written, or of its two limits.
func (b *builder) interval(r *gridRow) string {
	if i, ok := b.fields[fRange]; ok {
		if r.at(i).kind == dateCell {
			b.f.fault(r.number, i+1, title(fRange), "the spreadsheet made a date of this range (3-5): format the column as text and write it again")
		}
	}
	if s := b.text(r, fRange); s != "" {
		return s
	}
	low, high := b.text(r, fLow), b.text(r, fHigh)
	switch {
	case low != "" && high != "":
		return low + "-" + high
	case low != "":
		return ">=" + low
	case high != "":
		return "<=" + high
	}
	return ""
}

// flags by what people and analysers write (HL7 table 0078).
var flags = map[string]string{
	"↑": "H", "h": "H", "高": "H", "偏高": "H", "升高": "H", "high": "H", "↑↑": "HH", "hh": "HH", "危急高": "HH",
	"↓": "L", "l": "L", "低": "L", "偏低": "L", "降低": "L", "low": "L", "↓↓": "LL", "ll": "LL", "危急低": "LL",
	"n": "N", "正常": "N", "normal": "N", "-": "N", "a": "A", "异常": "A", "*": "A", "阳性": "A", "+": "A", "abnormal": "A", "aa": "AA", "危急值": "AA", "危急": "AA",
	"s": "S", "i": "I", "r": "R",
}

// flag reads one; what is not known is kept as it stands.
func (b *builder) flag(r *gridRow, s string, out *observation.Result) {
	f, ok := flags[strings.ToLower(norm.NFKC.String(s))]
	if !ok {
		b.warnResult(r, b.fields[fFlag], out, "unknown-flag", "the flag was kept as it stands")
		f = clip(s, 20)
	}
	out.Flags = append(out.Flags, f)
}
