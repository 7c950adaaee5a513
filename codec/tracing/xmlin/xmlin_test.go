package xmlin_test

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

// outline writes what a document has: elements, attributes asked for, texts.
func outline(r *xmlin.Reader) string {
	var out strings.Builder
	var visit func(name string)
	visit = func(name string) {
		out.WriteString("<" + name)
		if v := r.Attr("a"); v != "" {
			out.WriteString(" " + v)
		}
		out.WriteString(">")
		if name == "t" {
			out.WriteString(r.Text())
		} else {
			r.Children(visit)
		}
		out.WriteString("</>")
	}
	if name := r.Root(); name != "" {
		visit(name)
	}
	return out.String()
}

func utf16Bytes(s string, order binary.ByteOrder, mark bool) []byte {
	var out []byte
	u := utf16.Encode([]rune(s))
	if mark {
		u = append([]uint16{0xFEFF}, u...)
	}
	for _, c := range u {
		out = append(out, 0, 0)
		order.PutUint16(out[len(out)-2:], c)
	}
	return out
}

func gbk(t *testing.T, s string) []byte {
	t.Helper()
	b, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCharacterSets(t *testing.T) {
	const doc = `<r><t a="李四">张三 𠮷 心电图</t></r>`
	const want = "<r><t 李四>张三 𠮷 心电图</></>"
	for _, c := range []struct {
		name string
		b    []byte
		warn tracing.WarningCode
	}{
		{"utf-8", []byte(doc), ""},
		{"utf-8 with mark", []byte("\xEF\xBB\xBF" + `<?xml version="1.0" encoding="utf-8"?>` + doc), ""},
		{"utf-16le with mark", utf16Bytes(`<?xml version="1.0" encoding="utf-16"?>`+doc, binary.LittleEndian, true), ""},
		{"utf-16be with mark", utf16Bytes(doc, binary.BigEndian, true), ""},
		{"utf-16le without mark", utf16Bytes(doc, binary.LittleEndian, false), ""},
		{"utf-16be without mark", utf16Bytes(doc, binary.BigEndian, false), ""},
		{"gbk declared", gbk(t, `<?xml version="1.0" encoding="GBK"?>`+doc), ""},
		{"gb2312 declared", gbk(t, `<?xml version='1.0' encoding='gb2312'?>`+doc), ""},
		{"gb18030 declared", gbk(t, `<?xml version="1.0" encoding="GB18030"?>`+doc), ""},
		{"gbk not declared", gbk(t, doc), ""},
		{"gbk declared as utf-8", gbk(t, `<?xml version="1.0" encoding="UTF-8"?>`+doc), tracing.BadText},
		{"gbk declared as latin-1", gbk(t, `<?xml version="1.0" encoding="ISO-8859-1"?>`+doc), ""},
		{"utf-8 declared as latin-1", []byte(`<?xml version="1.0" encoding="ISO-8859-1"?>` + doc), tracing.BadText},
		{"utf-8 declared as gbk", []byte(`<?xml version="1.0" encoding="GBK"?><r><t a="李四">张三 𠮷 心电图</t></r>`), tracing.BadText},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := xmlin.New(tracing.AECG, c.b)
			got := outline(r)
			if c.name == "utf-8 declared as gbk" { // whole characters of one set are sometimes those of the other
				if !strings.HasPrefix(got, "<r><t ") {
					t.Fatal(got)
				}
				return
			}
			if got != want {
				t.Errorf("got %s", got)
			}
			var tr tracing.Tracing
			if err := r.Finish(&tr); err != nil {
				t.Fatal(err)
			}
			if c.warn == "" && len(tr.Warnings) > 0 || c.warn != "" && (len(tr.Warnings) == 0 || tr.Warnings[0].Code != c.warn) {
				t.Errorf("warnings %v", tr.Warnings)
			}
		})
	}
}

func TestMarkup(t *testing.T) {
	for _, c := range []struct{ name, doc, want string }{
		{"prefixes", `<h:r xmlns:h="urn:x"><h:t h:a="1">x</h:t></h:r>`, "<r><t 1>x</></>"},
		{"comments and instructions", "<!-- a > b --><?pi x?><r><!-- <t>no</t> --><t>a<!-- b -->c</t></r>", "<r><t>a c</></>"},
		{"external document type", `<!DOCTYPE r SYSTEM "r.dtd"><r><t>x</t></r>`, "<r><t>x</></>"},
		{"empty internal document type", `<!DOCTYPE r SYSTEM "r>.dtd"[ ]><r><t>x</t></r>`, "<r><t>x</></>"},
		{"character data", "<r><t><![CDATA[a < b & c]]></t></r>", "<r><t>a < b & c</></>"},
		{"references", "<r><t a='&quot;&#x5F20;&apos;'>&lt;a&amp;b&gt; &#24352;</t></r>", `<r><t "张'><a&b> 张</></>`},
		{"unknown references", "<r><t>A&B &foo; &#xFFFFFFFF; &</t></r>", "<r><t>A&B &foo; &#xFFFFFFFF; &</></>"},
		{"empty elements", "<r><a/><b /><t/><t></t></r>", "<r><a></><b></><t></><t></></>"},
		{"unquoted attribute", "<r><t a=5 b>x</t></r>", "<r><t 5>x</></>"},
		{"missing end tag", "<r><b><t>x</b><t>y</t></r>", "<r><b><t>x</></><t>y</></>"},
		{"end tag too many", "<r></b><t>y</t></r>", "<r><t>y</></>"},
		{"bare less-than", "<r><t>rate < 50</t></r>", "<r><t>rate 50</></>"},
		{"after the root", "<r><t>x</t></r><r><t>y</t></r>", "<r><t>x</></>"},
		{"nested text", "<r><t>a<b>b</b>c</t></r>", "<r><t>a b c</></>"},
		{"white space", "<r>\n\t<t>\r\n a \t\tb </t>\n</r>\n", "<r><t>a b</></>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := outline(xmlin.New(tracing.AECG, []byte(c.doc))); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestRawIsTheFileItself(t *testing.T) {
	r := xmlin.New(tracing.AECG, []byte("<r><d>1 2 3</d><d>4<!-- x -->5</d><d>6 7"))
	r.Root()
	var got []string
	var cuts []bool
	r.Children(func(string) {
		b, cut := r.Raw()
		got, cuts = append(got, string(b)), append(cuts, cut)
	})
	if diff := cmp.Diff([]string{"1 2 3", "45", "6 7"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bool{false, false, true}, cuts); diff != "" || !r.Truncated() {
		t.Error(diff)
	}
}

func TestRootName(t *testing.T) {
	for _, c := range []struct{ name, head, want string }{
		{"plain", "<RestingECG>", "RestingECG"},
		{"after a comment", "<!-- x --><a:AnnotatedECG xmlns:a='b'>", "AnnotatedECG"},
		{"cut in the name", "<AnnotatedE", ""},
		{"cut in the attributes", "<AnnotatedECG xmlns=", ""},
		{"no xml", "SCPECG", ""},
		{"nothing", "", ""},
		{"hostile", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := xmlin.RootName([]byte(c.head)); got != c.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestBase64(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		clean          bool
	}{
		{"whole", "aGVsbG8=", "hello", true},
		{"lines", " aGVs\r\n bG8=\n", "hello", true},
		{"cut", "aGVsb", "hel", true},
		{"wrong", "aGVs*bG8=", "hel", false},
		{"nothing", "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, clean := xmlin.Base64([]byte(c.in))
			if string(got) != c.want || clean != c.clean {
				t.Errorf("got %q, %t", got, clean)
			}
		})
	}
}

func TestIntegers(t *testing.T) {
	const m = tracing.Missing
	for _, c := range []struct {
		name, in string
		cut      bool
		want     []int32
		clean    bool
	}{
		{"plain", " 1 -2\t+3\n004,5;6", false, []int32{1, -2, 3, 4, 5, 6}, true},
		{"cut in a number", "1 2 34", true, []int32{1, 2}, true},
		{"cut behind a number", "1 2 34 ", true, []int32{1, 2, 34}, true},
		{"no numbers", "1 NaN 2 - 3e5 4.5", false, []int32{1, m, 2, m, m, m}, false},
		{"large", "2147483647 -2147483647 2147483648 -2147483648 99999999999999999999", false, []int32{2147483647, -2147483647, m, m, m}, false},
		{"nothing", "", false, []int32{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, clean := xmlin.Integers([]byte(c.in), c.cut)
			if diff := cmp.Diff(c.want, got); diff != "" || clean != c.clean {
				t.Errorf("%s clean %t", diff, clean)
			}
		})
	}
}

func TestValues(t *testing.T) {
	for in, want := range map[string]string{
		"1953-05-08": "19530508", "05/08/1953": "19530508", "05-08-1953": "19530508", "25/12/1953": "19531225", "19530508": "19530508",
		"1953年5月8日": "19530508", "1953-05-08T10:00:00": "19530508", "": "", "31/31/1999": "", "1953-02-30": "",
	} {
		if got := xmlin.BirthDate(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]time.Duration{
		"09:10:00": 9*time.Hour + 10*time.Minute, "9:10 PM": 21*time.Hour + 10*time.Minute, "12:00 am": 0, "091000.5": 9*time.Hour + 10*time.Minute + time.Second/2,
	} {
		if got, ok := xmlin.Clock(in); !ok || got != want {
			t.Errorf("%s: %v, want %v", in, got, want)
		}
	}
	for in, want := range map[string]string{"M": "M", " female ": "F", "男": "M", "2": "F", "O": "O", "9": "", "0": "", "U": ""} {
		if got := xmlin.Sex(in); got != want {
			t.Errorf("sex %q: %q, want %q", in, got, want)
		}
	}
	if got, want := xmlin.At("202403080910", ""), time.Date(2024, 3, 8, 9, 10, 0, 0, time.UTC); !got.Equal(want) {
		t.Error(got)
	}
	if got := xmlin.Name("张", "三"); got != "张三" {
		t.Error(got)
	}
	if got := xmlin.Name("Smith", "", "John"); got != "Smith John" {
		t.Error(got)
	}
}

// standard is the outline by encoding/xml; false where that refuses the document.
func standard(doc []byte) (string, bool) {
	d := xml.NewDecoder(bytes.NewReader(doc))
	var out strings.Builder
	for depth := 0; ; {
		tok, err := d.Token()
		if err == io.EOF {
			return out.String(), depth == 0
		}
		if err != nil {
			return "", false
		}
		switch e := tok.(type) {
		case xml.StartElement:
			depth++
			out.WriteString("<" + e.Name.Local)
			for _, a := range e.Attr {
				if a.Name.Local == "a" && a.Name.Space == "" && tracing.CleanText(a.Value) != "" {
					out.WriteString(" " + tracing.CleanText(a.Value))
					break
				}
			}
			out.WriteString(">")
		case xml.EndElement:
			out.WriteString("</>")
			if depth--; depth == 0 {
				return out.String(), true
			}
		case xml.Directive:
			return "", false
		}
	}
}

// elements is outline without texts.
func elements(r *xmlin.Reader) string {
	var out strings.Builder
	var visit func(name string)
	visit = func(name string) {
		out.WriteString("<" + name)
		if v := r.Attr("a"); v != "" {
			out.WriteString(" " + v)
		}
		out.WriteString(">")
		r.Children(visit)
		out.WriteString("</>")
	}
	if name := r.Root(); name != "" {
		visit(name)
	}
	return out.String()
}

// FuzzRead compares the reader with encoding/xml on documents that both accept.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`<r><t a="1">x</t></r>`, `<?xml version="1.0" encoding="UTF-8"?><!-- c --><x:r xmlns:x="b"><c/><d a='&lt;&#65;'/></a:r>`,
		`<r><![CDATA[<x>]]><t>`, "\xff\xfe<\x00r\x00>\x00", `<!DOCTYPE r SYSTEM "x"><r/>`, "<r>\xd5\xc5&foo;</r>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := xmlin.New(tracing.AECG, b)
		got := elements(r)
		want, ok := standard(b)
		err := r.Finish(&tracing.Tracing{})
		if !ok || err != nil || bytes.IndexByte(b, 0) >= 0 || bytes.IndexByte(b, ':') >= 0 { // names with a colon at an end
			return
		}
		if got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}
