// Values: OBX-5 by the type that OBX-2 names. Digits stay as sent; what is not of its type is kept as text with a warning.

package v2

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
)

// reader reads OBX-5.
type reader func(w *walk, s hl7.Segment, r *observation.Result, warn func(string, int)) observation.Value

// readers by OBX-2 (table 0125). What is not here is read as text, with a warning.
var readers = map[string]reader{
	"NM": number, "SN": structured, "ST": plain, "TX": paragraphs, "FT": paragraphs, "CE": coded, "CWE": coded, "CF": coded, "CNE": coded,
	"IS": plain, "ID": plain, "DT": moment, "TM": moment, "TS": moment, "DTM": moment, "ED": encapsulated, "RP": pointer, "NA": text, "MA": text,
	"CX": text, "XPN": text, "XCN": text, "PN": text, "XTN": text, "AD": text, "XAD": text, "CQ": text, "DR": text, "EI": text, "SI": number, "NR": span, "CD": text,
}

// value reads OBX-5.
func (w *walk) value(s hl7.Segment, r *observation.Result, warn func(string, int)) observation.Value {
	f := s.Field(5)
	if f.Null() {
		warn("value-null", 5)
		return observation.Value{}
	}
	if strings.Trim(f.Raw(), "^~& ") == "" && !w.delimited(f) {
		return observation.Value{}
	}
	kind := strings.ToUpper(strings.TrimSpace(s.Get(2)))
	read := readers[kind]
	switch {
	case kind == "":
		warn("type-missing", 2)
		read = plain
	case read == nil:
		warn("type-unknown", 2)
		read = text
	}
	v := read(w, s, r, warn)
	if len(v.Text) > observation.MaxText {
		w.refuse(s.Place(5), hl7.ValueTooLong, "the text is longer than is taken")
	}
	return v
}

// delimited: the characters of the check above are not this message's delimiters, so that they are text.
func (w *walk) delimited(f hl7.Field) bool { return !f.Empty() && w.m.Delims != hl7.Standard }

// number reads NM. "<0.01" is common and is what it says, with a warning; other text is kept as text.
func number(w *walk, s hl7.Segment, r *observation.Result, warn func(string, int)) observation.Value {
	f := s.Field(5)
	if f.Count() > 1 {
		warn("value-repeated", 5)
		return textOf(f)
	}
	whole := strings.TrimSpace(f.Whole())
	if n, err := observation.ParseNumber(whole); err == nil {
		return observation.Value{Kind: observation.Quantity, Number: n}
	}
	v := observation.ParseValue(whole)
	switch v.Kind {
	case observation.Quantity, observation.Range, observation.Ratio:
		warn("comparator-in-number", 5)
	case observation.Text:
		warn("number-as-text", 5)
	}
	return v
}

var comparators = map[string]string{"": "", "=": "", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "=<": "<=", "=>": ">=", "≤": "<=", "≥": ">=", "~": "~"}

// structured reads SN: comparator, number, separator or suffix, number (HL7 v2.5.1 2.A.71).
func structured(w *walk, s hl7.Segment, r *observation.Result, warn func(string, int)) observation.Value {
	f := s.Field(5)
	x := f.SN()
	comparator, known := comparators[x.Comparator]
	low, err := observation.ParseNumber(x.Num1)
	high, errHigh := observation.ParseNumber(x.Num2)
	v := observation.Value{Comparator: comparator, Number: low, High: high}
	switch {
	case f.Count() > 1, !known || err != nil:
	case x.Separator == "" && x.Num2 == "":
		v.Kind = observation.Quantity
		return v
	case errHigh == nil && (x.Separator == ":" || x.Separator == "/"):
		v.Kind = observation.Ratio
		return v
	case errHigh == nil && x.Separator == "-" && comparator == "":
		v.Kind = observation.Range
		return v
	case x.Num2 == "" && x.Comparator == "" && x.Separator == "+": // 3+ is a grade, no number
		return observation.Value{Kind: observation.Text, Text: x.Num1 + "+"}
	}
	if whole := strings.TrimSpace(f.Whole()); f.Components() == 1 {
		if v := observation.ParseValue(whole); v.Kind != observation.Text {
			warn("structure-missing", 5)
			return v
		}
	}
	warn("number-as-text", 5)
	return observation.Value{Kind: observation.Text, Text: strings.TrimSpace(x.Comparator + x.Num1 + x.Separator + x.Num2)}
}

// span reads NR, a range of two numbers.
func span(w *walk, s hl7.Segment, r *observation.Result, warn func(string, int)) observation.Value {
	low, err := observation.ParseNumber(s.Get(5, 1))
	high, err2 := observation.ParseNumber(s.Get(5, 2))
	if err != nil || err2 != nil {
		return text(w, s, r, warn)
	}
	return observation.Value{Kind: observation.Range, Number: low, High: high}
}

// plain reads ST. A number with a unit or a range is a number: many systems send every result as ST.
func plain(w *walk, s hl7.Segment, r *observation.Result, warn func(string, int)) observation.Value {
	f := s.Field(5)
	if w.p.Numbers != "keep" && f.Count() == 1 && (s.Field(6).Said() || s.Field(7).Said()) {
		if v := observation.ParseValue(f.Whole()); v.Kind == observation.Quantity {
			warn("text-as-number", 5)
			return v
		}
	}
	return textOf(f)
}

func text(_ *walk, s hl7.Segment, _ *observation.Result, _ func(string, int)) observation.Value {
	return textOf(s.Field(5))
}

func textOf(f hl7.Field) observation.Value {
	v := observation.Value{Kind: observation.Text, Text: strings.TrimSpace(lines(f.Whole()))}
	if v.Text == "" {
		v.Kind = observation.Empty
	}
	return v
}

// lines makes all line ends line feeds.
func lines(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// paragraphs reads TX and FT: repetitions are paragraphs.
func paragraphs(_ *walk, s hl7.Segment, _ *observation.Result, _ func(string, int)) observation.Value {
	var all []string
	for _, rep := range s.Field(5).Reps() {
		all = append(all, strings.TrimRight(lines(rep.Whole()), " "))
	}
	v := observation.Value{Kind: observation.Text, Text: strings.Trim(strings.Join(all, "\n"), " ")}
	if strings.TrimSpace(v.Text) == "" {
		return observation.Value{}
	}
	return v
}

// coded reads CE, CWE and their kin; several are a list of what they are called.
func coded(w *walk, s hl7.Segment, _ *observation.Result, warn func(string, int)) observation.Value {
	all := w.codings(s.Field(5))
	switch len(all) {
	case 0:
		return textOf(s.Field(5))
	case 1:
		return observation.Value{Kind: observation.Coded, Coding: all[0]}
	}
	warn("value-repeated", 5)
	var names []string
	for _, c := range all {
		names = append(names, c.Display())
	}
	return observation.Value{Kind: observation.Text, Text: strings.Join(names, "; ")}
}

// moment reads DT, TM, TS, DTM: as it was sent.
func moment(w *walk, s hl7.Segment, _ *observation.Result, warn func(string, int)) observation.Value {
	v := observation.Value{Kind: observation.Time, Text: clip(s.Get(5), 40)}
	if _, err := hl7.ParseDTM(v.Text, nil); err != nil && !strings.EqualFold(s.Get(2), "TM") {
		warn("time-unread", 5)
	}
	return v
}

// media types by the subtype or type of ED and RP (tables 0191, 0291).
var media = map[string]string{
	"PDF": "application/pdf", "JPEG": "image/jpeg", "JPG": "image/jpeg", "PNG": "image/png", "TIFF": "image/tiff", "TIF": "image/tiff", "GIF": "image/gif",
	"BMP": "image/bmp", "DICOM": "application/dicom", "HTML": "text/html", "RTF": "application/rtf", "XML": "application/xml", "PLAIN": "text/plain", "TXT": "text/plain",
	"OCTET-STREAM": "application/octet-stream",
}

func mediaOf(kind, sub string) string {
	if m, ok := media[strings.ToUpper(strings.TrimPrefix(strings.ToLower(sub), "x-hl7-"))]; ok {
		return m
	}
	if m, ok := media[strings.ToUpper(kind)]; ok {
		return m
	}
	switch kind = strings.ToLower(kind); {
	case strings.Contains(sub, "/"):
		return clip(strings.ToLower(sub), 100)
	case sub != "" && contains([]string{"application", "image", "text", "audio", "video", "multipart"}, kind):
		return clip(kind+"/"+strings.ToLower(sub), 100)
	case kind == "tx" || kind == "text" || kind == "ft":
		return "text/plain"
	}
	return "application/octet-stream"
}

// encapsulated reads ED: source, type, subtype, encoding, data (HL7 v2.5.1 2.A.24).
func encapsulated(w *walk, s hl7.Segment, _ *observation.Result, warn func(string, int)) observation.Value {
	f := s.Field(5)
	v := observation.Value{Kind: observation.Attachment, Media: mediaOf(f.Component(2).String(), f.Component(3).String())}
	raw := f.Component(5).Raw()
	if len(raw) > observation.MaxAttachment*4/3+1024 {
		w.refuse(s.Place(5), hl7.ValueTooLong, "the attachment is larger than is taken")
		return v
	}
	var err error
	switch strings.ToUpper(f.Component(4).String()) {
	case "BASE64":
		v.Data, err = decode64(f.Component(5).Whole())
	case "HEX":
		v.Data, err = hex.DecodeString(strings.TrimSpace(raw))
	default:
		v.Data = []byte(f.Component(5).Whole())
	}
	if err != nil { // the other rows are not its fault; the message is kept
		warn("attachment-unread", 5)
		return observation.Value{}
	}
	if len(v.Data) == 0 {
		warn("attachment-empty", 5)
		return observation.Value{}
	}
	return v
}

// decode64 reads base64 with line breaks and with or without padding.
func decode64(s string) ([]byte, error) {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, s)
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
}

// pointer reads RP: where something can be had (HL7 v2.5.1 2.A.65).
func pointer(_ *walk, s hl7.Segment, _ *observation.Result, _ func(string, int)) observation.Value {
	f := s.Field(5)
	return observation.Value{
		Kind: observation.Attachment, Pointer: clip(f.Component(1).Whole(), 2000), Media: mediaOf(f.Component(3).String(), f.Component(4).String()),
	}
}
