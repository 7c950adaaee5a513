// CSV: character set and separator by what is there (RFC 4180).

package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/lianzhen/lianzhen/record"
)

var decoders = map[string]encoding.Encoding{
	"UTF-8":    unicode.UTF8,
	"GB18030":  simplifiedchinese.GB18030,
	"GBK":      simplifiedchinese.GB18030,
	"GB2312":   simplifiedchinese.GB18030,
	"UTF-16LE": unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	"UTF-16BE": unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
}

// charsetOf says what a file is written in, and how long its mark is.
func charsetOf(b []byte) (name string, mark int) {
	switch {
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		return "UTF-8", 3
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		return "UTF-16LE", 2
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return "UTF-16BE", 2
	}
	zeros := [2]int{} // of Latin letters and separators in UTF-16
	head := b[:min(len(b), 4096)&^1]
	for i, c := range head {
		if c == 0 {
			zeros[i%2]++
		}
	}
	switch {
	case len(head) > 8 && zeros[1] > len(head)/16 && zeros[0] == 0:
		return "UTF-16LE", 0
	case len(head) > 8 && zeros[0] > len(head)/16 && zeros[1] == 0:
		return "UTF-16BE", 0
	case utf8.Valid(b):
		return "UTF-8", 0
	}
	return "GB18030", 0
}

// decoded is a file as UTF-8. Bytes that are none of its character set become U+FFFD, which is a fault of their cell.
func decoded(b []byte, charset string) (string, error) {
	name, mark := charsetOf(b)
	if charset != "" {
		name = charset
	}
	out, err := decoders[name].NewDecoder().Bytes(b[mark:])
	if err != nil {
		return "", refuse("the text is not of the character set " + name)
	}
	return string(out), nil
}

// separatorOf reads that of a profile; 0: by what is there.
func separatorOf(s string) (rune, error) {
	switch {
	case s == "":
		return 0, nil
	case s == "tab" || s == "\t":
		return '\t', nil
	}
	r, n := utf8.DecodeRuneInString(s)
	if n != len(s) || r == '"' || r == '\n' || r == '\r' || r == utf8.RuneError {
		return 0, record.Errorf(record.Invalid, "profile: separator: want one character or tab")
	}
	return r, nil
}

// sniffed is the separator that divides most of the first lines into the same number of fields.
func sniffed(text string) rune {
	lines := strings.SplitN(text, "\n", 21)
	best, most := ',', 0
	for _, sep := range []rune{',', '\t', ';', '|'} {
		counts := map[int]int{}
		for _, l := range lines[:min(len(lines), 20)] {
			if n := outside(l, sep); n > 0 {
				counts[n]++
			}
		}
		for n, times := range counts {
			if score := times*8 + min(n, 7); score > most {
				best, most = sep, score
			}
		}
	}
	return best
}

// outside counts separators that are not quoted.
func outside(line string, sep rune) (n int) {
	quoted := false
	for _, r := range line {
		switch {
		case r == '"':
			quoted = !quoted
		case r == sep && !quoted:
			n++
		}
	}
	return n
}

func readCSV(b []byte, p *Profile) (*grid, error) {
	text, err := decoded(b, p.Charset)
	if err != nil {
		return nil, err
	}
	if strings.ContainsRune(text, 0) {
		return nil, refuse("not a table: it has zero bytes")
	}
	sep, _ := separatorOf(p.Separator) // was checked
	skipped := 0
	if first, rest, _ := strings.Cut(text, "\n"); len(first) <= 8 && strings.HasPrefix(strings.ToLower(first), "sep=") {
		if r, n := utf8.DecodeRuneInString(first[4:]); n > 0 && r != '\r' && r != '"' && r != utf8.RuneError && sep == 0 {
			sep = r
		}
		text, skipped = rest, 1
	}
	if sep == 0 {
		sep = sniffed(text)
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = sep, -1, true
	return collected(r, skipped)
}

func collected(r *csv.Reader, skipped int) (*grid, error) {
	g := &grid{}
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return g, nil
		}
		if err != nil {
			return nil, quoteFault(err, skipped)
		}
		line, _ := r.FieldPos(0)
		row := gridRow{number: line + skipped, cells: make([]cell, len(fields))}
		for i, f := range fields {
			row.cells[i] = cell{text: unquoted(strings.Clone(f))}
		}
		if err := g.add(row); err != nil {
			return nil, err
		}
	}
}

func quoteFault(err error, skipped int) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return Errors{{Row: p.Line + skipped, Reason: "a quotation mark that does not close or stands within a field"}}.wrapped()
	}
	return refuse("not a table")
}

// unquoted undoes what keeps spreadsheets from reading a text as something else: ="0012" of Excel, and the apostrophe of our own export.
func unquoted(s string) string {
	t := strings.TrimSpace(s)
	if strings.HasPrefix(t, `="`) && strings.HasSuffix(t, `"`) && len(t) > 3 {
		return t[2 : len(t)-1]
	}
	if len(t) > 1 && t[0] == '\'' && strings.ContainsRune("=+-@\t\r'", rune(t[1])) {
		return t[1:]
	}
	return s
}
