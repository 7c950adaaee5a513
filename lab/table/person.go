// Who a row is of, and when.

package table

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

func itoa(n int) string { return strconv.Itoa(n) }

// text is what a column of a row says; bytes that are of no character set, and faults of formulas, are faults here.
func (b *builder) text(r *gridRow, f field) string {
	i, ok := b.fields[f]
	if !ok {
		return ""
	}
	return b.at(r, i, title(f))
}

func (b *builder) at(r *gridRow, column int, name string) string {
	c := r.at(column)
	switch {
	case c.kind == faultCell:
		b.f.fault(r.number, column+1, name, "the cell shows an error of the spreadsheet")
		return ""
	case c.formula && c.text == "":
		b.f.fault(r.number, column+1, name, "a formula without a value: open the file, let it be computed, and save it")
		return ""
	case strings.ContainsRune(c.text, utf8.RuneError):
		b.f.fault(r.number, column+1, name, "characters that cannot be read: save the file as UTF-8 or as XLSX")
		return ""
	case c.formula:
		b.f.warn(r.number, column+1, "formula", "the value that was saved with the formula was taken")
	}
	return c.text
}

// number is a text that names something. A spreadsheet that took it for a number may have lost its end or its leading zeros.
func (b *builder) number(r *gridRow, f field) string {
	s := b.text(r, f)
	if s == "" {
		return ""
	}
	i := b.fields[f]
	c := r.at(i)
	switch {
	case c.inexact || exponent(s):
		b.f.fault(r.number, i+1, title(f), "the spreadsheet took this for a number and lost its last digits: format the column as text and write it again")
	case c.kind == dateCell:
		b.f.fault(r.number, i+1, title(f), "the spreadsheet took this for a date: format the column as text and write it again")
	}
	return norm.NFKC.String(s)
}

// exponent finds "6.20921E+17", what a spreadsheet writes into CSV for a long number.
func exponent(s string) bool {
	at := strings.IndexAny(s, "Ee")
	if at <= 0 || !strings.Contains(s[:at], ".") || at+2 >= len(s) || s[at+1] != '+' {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// report is what a row says of its report.
func (b *builder) report(r *gridRow) observation.Report {
	before := len(b.f.faults)
	out := observation.Report{
		Patient: b.patient(r), Visit: b.number(r, fVisit), Ward: b.text(r, fWard), Placer: b.number(r, fOrder), Filler: b.number(r, fReport),
		Orderer: b.text(r, fOrderer), Clinical: b.text(r, fClinical), ReportedAt: b.time(r, fReported),
	}
	if s := b.text(r, fService); s != "" {
		out.Service = observation.Coding{Text: s, System: b.p.Local}
	}
	out.Specimen = observation.Specimen{ID: b.number(r, fBarcode), CollectedAt: b.time(r, fCollected), ReceivedAt: b.time(r, fReceived)}
	if s := orElse(b.text(r, fSpecimen), b.p.Specimen); s != "" {
		out.Specimen.Type = observation.Coding{Text: s}
	}
	if s := b.text(r, fSite); s != "" {
		out.Specimen.Site = observation.Coding{Text: s}
	}
	out.ObservedAt = out.Specimen.CollectedAt
	technical, verifier := b.text(r, fTechnical), b.text(r, fVerifier)
	out.Performer = orElse(verifier, technical)
	out.Final = b.p.Final && verifier != ""
	switch s := strings.ToLower(b.text(r, fPriority)); s {
	case "是", "急诊", "急", "加急", "stat", "s", "y", "yes", "urgent", "1":
		out.Priority = record.Stat
	}
	if age := b.text(r, fAge); age != "" && out.Patient.BirthDate.IsZero() {
		out.Notes = append(out.Notes, "年龄："+age)
		b.f.warn(r.number, b.fields[fAge]+1, "age-without-birth-date", "ranges by age need the date of birth")
	}
	if out.Patient.Name == "" && out.Specimen.ID == "" && out.Placer == "" && len(b.f.faults) == before {
		b.f.fault(r.number, 0, "", "neither "+title(fName)+" nor "+title(fBarcode)+": whose result is it?")
	}
	return out
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (b *builder) patient(r *gridRow) record.Demographics {
	out := record.Demographics{Name: record.Personal(b.text(r, fName)), LocalID: record.Personal(b.number(r, fPatient))}
	if s := b.text(r, fSex); s != "" {
		sex, ok := sexes[strings.ToLower(norm.NFKC.String(s))]
		if !ok {
			b.f.fault(r.number, b.fields[fSex]+1, title(fSex), "want 男 or 女")
		}
		out.Sex = sex
	}
	if at := b.time(r, fBirth); !at.IsZero() {
		at = at.In(b.p.zone)
		out.BirthDate = record.Date{Year: at.Year(), Month: at.Month(), Day: at.Day()}
	}
	s := b.number(r, fIdentity)
	if s == "" || r.at(b.fields[fIdentity]).inexact || exponent(s) {
		return out
	}
	n, err := record.ParseIDNumber(s)
	if err != nil {
		b.f.fault(r.number, b.fields[fIdentity]+1, title(fIdentity), "is not an identity number: "+record.Public(err))
		return out
	}
	return b.identified(r, out, n)
}

// identified compares the identity number with the date of birth and the sex, and fills in what is not said.
func (b *builder) identified(r *gridRow, out record.Demographics, n record.IDNumber) record.Demographics {
	out.IDNumber = n
	switch {
	case out.BirthDate.IsZero():
		out.BirthDate = n.BirthDate()
	case out.BirthDate != n.BirthDate():
		b.f.fault(r.number, b.fields[fBirth]+1, title(fBirth), "is another than that of the identity number")
	}
	switch {
	case out.Sex == record.SexUnknown:
		out.Sex = n.Sex()
	case out.Sex != n.Sex():
		b.f.fault(r.number, b.fields[fSex]+1, title(fSex), "is another than that of the identity number")
	}
	return out
}

// sexes by what people and GB/T 2261.1 write.
var sexes = map[string]record.Sex{
	"男": record.Male, "男性": record.Male, "m": record.Male, "male": record.Male, "1": record.Male,
	"女": record.Female, "女性": record.Female, "f": record.Female, "female": record.Female, "2": record.Female,
	"未知": record.SexUnknown, "未说明": record.SexUnknown, "不详": record.SexUnknown, "0": record.SexUnknown, "9": record.SexUnknown, "u": record.SexUnknown, "unknown": record.SexUnknown,
	"其他": record.OtherSex, "o": record.OtherSex, "other": record.OtherSex,
}

// layouts of times as people write them, after full-width characters and Chinese words were replaced.
var layouts = []string{
	"2006-1-2 15:4:5", "2006-1-2 15:4", "2006-1-2T15:4:5", "2006-1-2T15:4:5Z07:00", "2006-1-2", "20060102150405", "200601021504", "20060102",
}

var timeWords = strings.NewReplacer("年", "-", "月", "-", "日", " ", "时", ":", "点", ":", "分", ":", "秒", "", "/", "-", ".", "-", "  ", " ")

// time reads an instant or a day of the sender's zone; zero where there is none.
func (b *builder) time(r *gridRow, f field) time.Time {
	s := b.text(r, f)
	if s == "" {
		return time.Time{}
	}
	at, ok := parseTime(s, b.p.zone)
	if !ok || at.Year() < 1880 || at.Year() > 2200 {
		b.f.fault(r.number, b.fields[f]+1, title(f), "is not a date or time: want 2026-11-22 08:30")
		return time.Time{}
	}
	if f == fBirth {
		return at
	}
	return at.UTC()
}

func parseTime(s string, zone *time.Location) (time.Time, bool) {
	s = norm.NFKC.String(s)
	if head, fraction, ok := strings.Cut(s, "."); ok && strings.Contains(head, ":") && len(fraction) > 0 && len(fraction) <= 9 && digitsOnly(fraction) {
		s = head
	}
	s = strings.TrimRight(strings.TrimSpace(timeWords.Replace(s)), ":")
	for _, l := range layouts {
		if at, err := time.ParseInLocation(l, s, zone); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func digitsOnly(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
