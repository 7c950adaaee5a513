package dicom

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"
)

// JSONOptions say what becomes of large values.
type JSONOptions struct {
	// BulkBytes is the length above which a value is only referred to; default 1024. Sequences and names never are.
	BulkBytes int64

	// BulkURI gives the address for a value. path is the attribute's eight hexadecimal digits, after those of the sequences
	// around it and the number of the item, from 1: "54000100/1/54001010". off and n locate the value in the scanned stream.
	// Without BulkURI such attributes keep only their VR.
	BulkURI func(path string, off, n int64) string
}

const defaultBulk = 1024

// AppendJSON appends the data set in the DICOM JSON model (PS3.18 annex F): in order, in UTF-8, without group 2 and group
// lengths. Specific Character Set says ISO_IR 192 wherever the data set has one.
func (d *DataSet) AppendJSON(to []byte, opt JSONOptions) []byte {
	if opt.BulkBytes <= 0 {
		opt.BulkBytes = defaultBulk
	}
	j := jsonWriter{b: to, opt: opt}
	j.dataSet(d)
	return j.b
}

type jsonWriter struct {
	b    []byte
	opt  JSONOptions
	path []byte
}

func (j *jsonWriter) dataSet(d *DataSet) {
	j.b = append(j.b, '{')
	first := true
	for i := range d.Elements {
		el := &d.Elements[i]
		if len(j.path) == 0 && el.Tag.Group() <= 2 || el.Tag.Element() == 0 || el.Tag == DataSetTrailingPadding {
			continue
		}
		if !first {
			j.b = append(j.b, ',')
		}
		first = false
		j.element(d, el)
	}
	j.b = append(j.b, '}')
}

func (j *jsonWriter) element(d *DataSet, el *Element) {
	j.b = append(j.b, '"')
	j.b = appendHex(j.b, el.Tag)
	j.b = append(j.b, `":{"vr":"`...)
	j.b = append(j.b, byte(el.VR>>8), byte(el.VR), '"')
	outer := len(j.path)
	j.path = appendHex(j.path, el.Tag)
	j.content(d, el)
	j.path = j.path[:outer]
	j.b = append(j.b, '}')
}

func (j *jsonWriter) content(d *DataSet, el *Element) {
	shape := el.VR.traits().shape
	switch {
	case el.form == reference:
		j.b = append(j.b, `,"BulkDataURI":`...)
		j.b = appendString(j.b, el.Value)
	case shape == sequence && len(el.Items) == 0:
	case shape == sequence:
		j.items(el)
	case el.Length == 0:
	case !el.Kept(), el.form == fragments, el.Length > j.opt.BulkBytes && shape != names:
		j.bulk(el)
	case el.Tag == SpecificCharacterSet:
		j.b = append(j.b, `,"Value":["ISO_IR 192"]`...)
	case shape == opaque:
		j.b = append(j.b, `,"InlineBinary":"`...)
		j.b = base64.StdEncoding.AppendEncode(j.b, el.Value)
		j.b = append(j.b, '"')
	case shape == numbers, shape == tags:
		j.binary(el)
	default:
		j.values(d, el, shape)
	}
}

func (j *jsonWriter) bulk(el *Element) {
	if j.opt.BulkURI == nil {
		return
	}
	j.b = append(j.b, `,"BulkDataURI":`...)
	j.b = appendString(j.b, j.opt.BulkURI(string(j.path), el.Offset, el.Length))
}

func (j *jsonWriter) items(el *Element) {
	j.b = append(j.b, `,"Value":[`...)
	outer := len(j.path)
	for i := range el.Items {
		if i > 0 {
			j.b = append(j.b, ',')
		}
		j.path = append(j.path[:outer], '/')
		j.path = strconv.AppendInt(j.path, int64(i+1), 10)
		j.path = append(j.path, '/')
		j.dataSet(&el.Items[i])
	}
	j.b = append(j.b, ']')
}

// binary writes numbers and attribute tags. A 64-bit whole number beyond what a JSON reader keeps exactly is a string
// (PS3.18 table F.2.3-1), and so is what JSON has no number for.
func (j *jsonWriter) binary(el *Element) {
	size := int(el.VR.traits().unit)
	if el.VR == AT {
		size = 4
	}
	if len(el.Value) < size {
		return
	}
	j.b = append(j.b, `,"Value":[`...)
	for v := el.Value; len(v) >= size; v = v[size:] {
		if len(v) != len(el.Value) {
			j.b = append(j.b, ',')
		}
		switch {
		case el.VR == AT:
			j.b = append(j.b, '"')
			j.b = appendHex(j.b, Tag(u16(v))<<16|Tag(u16(v[2:])))
			j.b = append(j.b, '"')
		case inexact(el.VR, v):
			j.b = append(j.b, '"')
			j.b = appendNumber(j.b, el.VR, v)
			j.b = append(j.b, '"')
		default:
			j.b = appendNumber(j.b, el.VR, v)
		}
	}
	j.b = append(j.b, ']')
}

const exactBits = 53

func inexact(vr VR, v []byte) bool {
	switch vr {
	case FL:
		f := float64(math.Float32frombits(u32(v)))
		return math.IsNaN(f) || math.IsInf(f, 0)
	case FD:
		f := math.Float64frombits(binary.LittleEndian.Uint64(v))
		return math.IsNaN(f) || math.IsInf(f, 0)
	case UV:
		return binary.LittleEndian.Uint64(v) > 1<<exactBits
	case SV:
		n := int64(binary.LittleEndian.Uint64(v))
		return n > 1<<exactBits || n < -1<<exactBits
	}
	return false
}

// values writes text, parted at backslashes after decoding.
func (j *jsonWriter) values(d *DataSet, el *Element, shape shape) {
	var text []byte
	if simple(el.Value) {
		text = el.Value
	} else {
		text = []byte(d.decode(el))
	}
	if empty(text, shape) {
		return
	}
	j.b = append(j.b, `,"Value":[`...)
	for more := true; more; {
		var v []byte
		if shape == texts || shape == strings8 || shape == names || shape == decimals {
			v, text, more = bytes.Cut(text, []byte{'\\'})
			v = bytes.Trim(v, " \x00")
		} else {
			v, more = bytes.TrimRight(text, " \x00"), false
		}
		j.value(v, shape)
		if more {
			j.b = append(j.b, ',')
		}
	}
	j.b = append(j.b, ']')
}

// empty tells whether there is nothing but padding, which has no Value in JSON.
func empty(text []byte, shape shape) bool {
	pads := " \x00"
	if shape == names {
		pads = " \x00=^"
	}
	return len(bytes.Trim(text, pads)) == 0
}

func (j *jsonWriter) value(v []byte, shape shape) {
	if shape == names {
		v = bytes.TrimRight(v, " =^")
	}
	switch {
	case len(v) == 0:
		j.b = append(j.b, "null"...)
	case shape == names:
		j.name(v)
	case shape == decimals:
		j.b = appendDecimal(j.b, v)
	default:
		j.b = appendString(j.b, v)
	}
}

func (j *jsonWriter) name(v []byte) {
	j.b = append(j.b, '{')
	start := len(j.b)
	for _, group := range []string{"Alphabetic", "Ideographic", "Phonetic"} {
		var part []byte
		part, v, _ = bytes.Cut(v, []byte{'='})
		if len(part) == 0 {
			continue
		}
		if len(j.b) > start {
			j.b = append(j.b, ',')
		}
		j.b = append(j.b, '"')
		j.b = append(j.b, group...)
		j.b = append(j.b, `":`...)
		j.b = appendString(j.b, bytes.TrimRight(part, " ^"))
	}
	j.b = append(j.b, '}')
}

// appendDecimal writes a DS or IS as a JSON number with the digits it came with, or as a string if it is no number.
func appendDecimal(to, v []byte) []byte {
	mark := len(to)
	rest := v
	if len(rest) > 0 && (rest[0] == '-' || rest[0] == '+') {
		if rest[0] == '-' {
			to = append(to, '-')
		}
		rest = rest[1:]
	}
	whole, rest := digits(rest)
	fraction, point := []byte(nil), len(rest) > 0 && rest[0] == '.'
	if point {
		fraction, rest = digits(rest[1:])
	}
	if len(whole)+len(fraction) == 0 {
		return appendString(to[:mark], v)
	}
	if whole = bytes.TrimLeft(whole, "0"); len(whole) == 0 {
		whole = []byte{'0'}
	}
	to = append(to, whole...)
	if len(fraction) > 0 {
		to = append(append(to, '.'), fraction...)
	}
	if len(rest) > 0 {
		exp := rest[1:]
		if len(exp) > 0 && (exp[0] == '-' || exp[0] == '+') {
			exp = exp[1:]
		}
		power, tail := digits(exp)
		if rest[0]|0x20 != 'e' || len(power) == 0 || len(tail) > 0 {
			return appendString(to[:mark], v)
		}
		to = append(to, rest...)
	}
	return to
}

func digits(b []byte) (run, rest []byte) {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return b[:n], b[n:]
}

// appendString writes a JSON string; what is not UTF-8 becomes U+FFFD.
func appendString[S string | []byte](to []byte, s S) []byte {
	to = append(to, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			to = append(to, s[start:i]...)
			to = appendEscape(to, c)
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && n == 1 || r == '\u2028' || r == '\u2029' {
			to = append(to, s[start:i]...)
			to = append(to, `\u`...)
			to = append(to, hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
			start = i + n
		}
		i += n
	}
	to = append(to, s[start:]...)
	return append(to, '"')
}

func appendEscape(to []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(to, '\\', c)
	case '\n':
		return append(to, '\\', 'n')
	case '\r':
		return append(to, '\\', 'r')
	case '\t':
		return append(to, '\\', 't')
	}
	return append(to, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
