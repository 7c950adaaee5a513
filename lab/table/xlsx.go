// XLSX: the parts of the package that a table needs (ECMA-376 part 1, 18; part 2, OPC).

package table

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
)

// Bounds of a workbook.
const (
	maxParts    = 2000
	maxUnpacked = 128 << 20 // bytes of all parts that are read
	maxRatio    = 200       // of a part, beyond its first MiB: sheets of real tables pack to a tenth
	maxStrings  = 1_000_000
	maxStyles   = 20_000
	maxSheets   = 200
	maxMerged   = 20_000
	maxXMLDepth = 40
)

// workbook is an open package.
type workbook struct {
	parts   map[string]*zip.File
	left    int64 // bytes that may still be unpacked
	sheets  []sheetPart
	strings []string
	dates   []bool // of each cell style: it shows dates
	from04  bool   // days count from 1904
}

type sheetPart struct {
	name, path string
	hidden     bool
}

func openWorkbook(r io.ReaderAt, size int64) (*workbook, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, refuse("not a workbook: the package is damaged")
	}
	if len(z.File) > maxParts {
		return nil, refuse("not a workbook: too many parts")
	}
	w := &workbook{parts: map[string]*zip.File{}, left: maxUnpacked}
	for _, f := range z.File {
		w.parts[strings.ToLower(strings.TrimPrefix(path.Clean("/"+f.Name), "/"))] = f
	}
	if w.parts["encryptedpackage"] != nil {
		return nil, refuse("the workbook is protected by a password")
	}
	main := w.mainPart()
	if err := w.readBook(main); err != nil {
		return nil, err
	}
	dir := path.Dir(main)
	if err := w.readStyles(path.Join(dir, "styles.xml")); err != nil {
		return nil, err
	}
	if err := w.readStrings(path.Join(dir, "sharedstrings.xml")); err != nil {
		return nil, err
	}
	return w, nil
}

// mainPart is where the workbook is.
func (w *workbook) mainPart() string {
	out := "xl/workbook.xml"
	_ = w.relations("_rels/.rels", func(_, kind, target string) { // without it the usual place
		if strings.HasSuffix(kind, "/officeDocument") {
			out = strings.ToLower(strings.TrimPrefix(path.Clean("/"+target), "/"))
		}
	})
	return out
}

// errConsumed says that the end of the element was read too.
var errConsumed = errors.New("consumed")

// walk reads a part as XML; a part that is not there is empty. DTDs are refused: nothing that makes workbooks writes them.
func (w *workbook) walk(name string, each func(d *xml.Decoder, t xml.StartElement) error) error {
	f := w.parts[strings.ToLower(name)]
	if f == nil {
		return nil
	}
	r, err := w.open(f)
	if err != nil {
		return err
	}
	defer r.Close()
	d := xml.NewDecoder(r)
	depth := 0
	for {
		t, err := d.RawToken()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return r.fault("a part of the workbook is damaged")
		}
		switch e := t.(type) {
		case xml.Directive:
			return refuse("a part of the workbook has a document type")
		case xml.StartElement:
			if depth++; depth > maxXMLDepth {
				return refuse("a part of the workbook is nested too deep")
			}
			err := each(d, e)
			switch {
			case errors.Is(err, errConsumed):
				depth--
			case errors.Is(err, errDamaged):
				return r.fault("a part of the workbook is damaged")
			case err != nil:
				return err
			}
		case xml.EndElement:
			depth--
		}
	}
}

// errDamaged is what a reader of an element says where the part ends within it.
var errDamaged = errors.New("damaged")

// partReader is bounded by what the part says, by its ratio, and by what may be unpacked of the package.
type partReader struct {
	io.ReadCloser
	w      *workbook
	seen   int64
	packed int64
	over   bool
}

func (w *workbook) open(f *zip.File) (*partReader, error) {
	r, err := f.Open()
	if err != nil {
		return nil, refuse("a part of the workbook is packed in a way that is not read")
	}
	return &partReader{ReadCloser: r, w: w, packed: int64(f.CompressedSize64)}, nil
}

func (r *partReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	r.seen += int64(n)
	r.w.left -= int64(n)
	if r.w.left < 0 || r.seen > 1<<20 && r.seen/maxRatio > r.packed {
		r.over = true
		return 0, errDamaged
	}
	return n, err
}

func (r *partReader) fault(reason string) error {
	if r.over {
		return refuse("the workbook unpacks to more than a table may have")
	}
	return refuse(reason)
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// relations are those of a part (OPC 9.3).
func (w *workbook) relations(name string, each func(id, kind, target string)) error {
	return w.walk(name, func(_ *xml.Decoder, e xml.StartElement) error {
		if e.Name.Local == "Relationship" && attr(e, "TargetMode") != "External" {
			each(attr(e, "Id"), attr(e, "Type"), attr(e, "Target"))
		}
		return nil
	})
}

// readBook finds the sheets and the first day.
func (w *workbook) readBook(main string) error {
	if w.parts[main] == nil {
		return refuse("not a workbook: want CSV or XLSX")
	}
	targets := map[string]string{}
	dir := path.Dir(main)
	err := w.relations(path.Join(dir, "_rels", path.Base(main)+".rels"), func(id, _, target string) {
		if strings.HasPrefix(target, "/") {
			targets[id] = strings.TrimPrefix(path.Clean(target), "/")
		} else {
			targets[id] = path.Join(dir, target)
		}
	})
	if err != nil {
		return err
	}
	err = w.walk(main, func(_ *xml.Decoder, e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			v := attr(e, "date1904")
			w.from04 = v == "1" || v == "true"
		case "sheet":
			if len(w.sheets) >= maxSheets {
				return refuse("more than 200 sheets")
			}
			if to := targets[attr(e, "id")]; to != "" {
				w.sheets = append(w.sheets, sheetPart{attr(e, "name"), to, attr(e, "state") != "" && attr(e, "state") != "visible"})
			}
		}
		return nil
	})
	if err == nil && len(w.sheets) == 0 {
		return refuse("not a workbook: it has no sheets")
	}
	return err
}

// readStrings reads the texts that cells share (18.4).
func (w *workbook) readStrings(name string) error {
	total := 0
	return w.walk(name, func(d *xml.Decoder, e xml.StartElement) error {
		if e.Name.Local != "si" {
			return nil
		}
		s, err := richText(d, "si")
		if err != nil {
			return err
		}
		if total += len(s); len(w.strings) >= maxStrings || total > maxText {
			return refuse("more text than a table may have")
		}
		w.strings = append(w.strings, s)
		return errConsumed
	})
}

// richText is the text of runs, without what is said about how to pronounce it, up to the end of the element.
func richText(d *xml.Decoder, end string) (string, error) {
	var b strings.Builder
	inText, phonetic := false, 0
	for depth := 1; ; {
		t, err := d.RawToken()
		if err != nil {
			return "", errDamaged
		}
		switch e := t.(type) {
		case xml.StartElement:
			if depth++; depth > maxXMLDepth {
				return "", errDamaged
			}
			inText = e.Name.Local == "t"
			if e.Name.Local == "rPh" {
				phonetic++
			}
		case xml.EndElement:
			inText = false
			if e.Name.Local == "rPh" {
				phonetic--
			}
			if depth--; depth == 0 {
				return unescaped(b.String()), nil
			}
		case xml.CharData:
			if inText && phonetic <= 0 {
				if b.Len()+len(e) > 4*maxCell {
					return "", refuse("a text of more than 65,536 bytes")
				}
				b.Write(e)
			}
		}
	}
}

// unescaped replaces _x000D_ by what it stands for (22.9.2.19).
func unescaped(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	var b strings.Builder
	for {
		at := strings.Index(s, "_x")
		if at < 0 || at+7 > len(s) {
			b.WriteString(s)
			return b.String()
		}
		v, err := strconv.ParseUint(s[at+2:at+6], 16, 16)
		if err != nil || s[at+6] != '_' || v >= 0xd800 && v < 0xe000 {
			b.WriteString(s[:at+2])
			s = s[at+2:]
			continue
		}
		b.WriteString(s[:at])
		if v >= ' ' || v == '\n' || v == '\t' {
			b.WriteRune(rune(v))
		}
		s = s[at+7:]
	}
}

// readStyles finds which cell styles show dates (18.8.10, 18.8.30).
func (w *workbook) readStyles(name string) error {
	formats := map[string]bool{}
	inCells := false
	return w.walk(name, func(_ *xml.Decoder, e xml.StartElement) error {
		switch e.Name.Local {
		case "numFmt":
			if len(formats) < maxStyles {
				formats[attr(e, "numFmtId")] = showsDate(attr(e, "formatCode"))
			}
		case "cellXfs":
			inCells = true
		case "cellStyleXfs", "cellStyles", "dxfs":
			inCells = false
		case "xf":
			if inCells && len(w.dates) < maxStyles {
				id := attr(e, "numFmtId")
				custom, ok := formats[id]
				w.dates = append(w.dates, ok && custom || !ok && builtinDate(id))
			}
		}
		return nil
	})
}

// builtinDate are the formats that need not be written, with those of East Asia.
func builtinDate(id string) bool {
	n, err := strconv.Atoi(id)
	return err == nil && (n >= 14 && n <= 22 || n >= 27 && n <= 36 || n >= 45 && n <= 47 || n >= 50 && n <= 58)
}

// showsDate looks for the letters of dates outside of quotes, brackets and what follows a backslash.
func showsDate(code string) bool {
	quoted, bracket := false, false
	for i := 0; i < len(code); i++ {
		switch c := code[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\\' || c == '_' || c == '*':
			i++
		case c == '[':
			bracket = true
		case c == ']':
			bracket = false
		case bracket:
		case strings.IndexByte("yYmMdDhHsS", c) >= 0:
			return true
		case c == ';':
			return false
		}
	}
	return false
}
