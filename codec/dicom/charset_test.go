package dicom

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The vectors are the examples of PS3.5 annexes H, I, J and K, PS3.3 C.12.1.1.2, and what Chinese devices really write.
func TestCharsets(t *testing.T) {
	for _, c := range []struct {
		name, charset, value string
		want                 PersonName
	}{
		{"ASCII", "", "Wang^XiaoDong", PersonName{Alphabetic: "Wang^XiaoDong"}},
		{"H.3.1", `\ISO 2022 IR 87`, "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B", PersonName{"Yamada^Tarou", "山田^太郎", "やまだ^たろう"}},
		{"H.3.2", `ISO 2022 IR 13\ISO 2022 IR 87`, "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J", PersonName{"ﾔﾏﾀﾞ^ﾀﾛｳ", "山田^太郎", "やまだ^たろう"}},
		{"I.2", `\ISO 2022 IR 149`, "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf", PersonName{"Hong^Gildong", "洪^吉洞", "홍^길동"}},
		{"J.1 UTF-8", "ISO_IR 192", "Wang^XiaoDong=王^小東=", PersonName{Alphabetic: "Wang^XiaoDong", Ideographic: "王^小東"}},
		{"J.2 GB18030", "GB18030", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", PersonName{Alphabetic: "Wang^XiaoDong", Ideographic: "王^小东"}},
		{"K.2", `\ISO 2022 IR 58`, "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", PersonName{Alphabetic: "Zhang^XiaoDong", Ideographic: "张^小东"}},
		{"IR 58 without escapes", "ISO 2022 IR 58", "\xd5\xc5^\xd0\xa1\xb6\xab", PersonName{Alphabetic: "张^小东"}},
		{"GBK with a backslash in it", "GBK", "\x8e\x5c^\x98\x5c=\xd0\xa1", PersonName{Alphabetic: "嶾^榎", Ideographic: "小"}},
		{"GB18030 four bytes", "GB18030", "\x81\x39\xee\x39^A", PersonName{Alphabetic: "㐀^A"}},
		{"GB2312 as a name", "GB2312", "\xcd\xf5", PersonName{Alphabetic: "王"}},
		{"Latin 1", "ISO_IR 100", "Buc^J\xe9r\xf4me", PersonName{Alphabetic: "Buc^Jérôme"}},
		{"Latin 2", "ISO_IR 101", "W\xb3adys\xb3aw", PersonName{Alphabetic: "Władysław"}},
		{"Latin 3", "ISO_IR 109", "\xa6\xb6", PersonName{Alphabetic: "Ĥĥ"}},
		{"Latin 4", "ISO_IR 110", "\xa2", PersonName{Alphabetic: "ĸ"}},
		{"Cyrillic", "ISO_IR 144", "\xbb\xee\xdace\xdc\xd1yp\xd3", PersonName{Alphabetic: "Люкceмбypг"}},
		{"Arabic", "ISO_IR 127", "\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", PersonName{Alphabetic: "قباني^لنزار"}},
		{"Greek", "ISO_IR 126", "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", PersonName{Alphabetic: "Διονυσιος"}},
		{"Hebrew", "ISO_IR 138", "\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", PersonName{Alphabetic: "שרון^דבורה"}},
		{"Latin 5", "ISO_IR 148", "\xddstanbul", PersonName{Alphabetic: "İstanbul"}},
		{"Thai", "ISO_IR 166", "\xa1", PersonName{Alphabetic: "ก"}},
		{"katakana", "ISO_IR 13", "\xd4\xcf\xc0\xde^\xc0\xdb\xb3", PersonName{Alphabetic: "ﾔﾏﾀﾞ^ﾀﾛｳ"}},
		{"several with escapes", `ISO 2022 IR 100\ISO 2022 IR 144\ISO 2022 IR 126`, "Dionysios \x1b-F\xc4\xe9^\x1b-L\xbb\xee^\xe9", PersonName{Alphabetic: "Dionysios Δι^Лю^é"}},
		{"spelt otherwise", "iso-ir_100", "J\xe9", PersonName{Alphabetic: "Jé"}},
		{"JIS X 0212", `\ISO 2022 IR 159`, "\x1b$(D\x30\x21\x1b(B", PersonName{Alphabetic: "丂"}},
		{"GBK under ISO_IR 100", "ISO_IR 100", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", PersonName{Alphabetic: "Wang^XiaoDong", Ideographic: "王^小东"}},
		{"GBK under nothing", "", "\xcd\xf5\xd0\xa1\xb6\xab", PersonName{Alphabetic: "王小东"}},
		{"GBK under UTF-8", "ISO_IR 192", "\xcd\xf5\xd0\xa1\xb6\xab", PersonName{Alphabetic: "王小东"}},
		{"UTF-8 under ISO_IR 100", "ISO_IR 100", "王小东", PersonName{Alphabetic: "王小东"}},
		{"UTF-8 under GB18030", "GB18030", "王小东", PersonName{Alphabetic: "王小东"}},
		{"unknown term", "KLINGON", "\xcd\xf5\xd0\xa1", PersonName{Alphabetic: "王小"}},
		{"German stays German", "ISO_IR 100", "Gr\xf6\xdfe^M\xfc\xdfig", PersonName{Alphabetic: "Größe^Müßig"}},
		{"broken UTF-8", "ISO_IR 192", "A\xff", PersonName{Alphabetic: "A\uFFFD"}},
		{"lone escape", "ISO_IR 100", "A\x1b", PersonName{Alphabetic: "A\uFFFD"}},
		{"cut double byte", `\ISO 2022 IR 58`, "\x1b$)A\xd5", PersonName{Alphabetic: "\uFFFD"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := named(t, c.charset, c.value)
			if diff := cmp.Diff(c.want, h.Person(PatientName)); diff != "" {
				t.Error(diff)
			}
			mislabelled := strings.Contains(c.name, " under ") || strings.Contains(c.name, "unknown")
			if mislabelled != (len(h.Warnings) > 0) && !strings.HasPrefix(c.name, "broken") {
				t.Error("warnings", h.Warnings)
			}
		})
	}
}

// named scans an object whose patient has the name given, in bytes.
func named(t *testing.T, charset, name string) *Header {
	t.Helper()
	b := build(t, ExplicitLE, func(e *Encoder) {
		if charset != "" {
			e.Text(SpecificCharacterSet, charset)
		}
		identity(e)
		e.Bytes(PatientName, PN, []byte(name))
		series(e)
	})
	return mustScan(t, b).Header
}

func TestItemsInheritTheCharset(t *testing.T) {
	b := build(t, ExplicitLE, func(e *Encoder) {
		e.Text(SpecificCharacterSet, "GB18030")
		identity(e)
		meaning := func(charset, v string) func(*Encoder) {
			return func(e *Encoder) {
				if charset != "" {
					e.Text(SpecificCharacterSet, charset)
				}
				e.Bytes(CodeMeaning, LO, []byte(v))
			}
		}
		e.Seq(ProcedureCodeSequence, meaning("", "\xd0\xd8\xb2\xbf"), meaning("ISO_IR 192", "胸部"))
		series(e)
	})
	h := mustScan(t, b).Header
	var got []string
	for _, it := range h.Items(ProcedureCodeSequence) {
		got = append(got, it.Str(CodeMeaning))
	}
	if diff := cmp.Diff([]string{"胸部", "胸部"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTextKeepsBackslashesListsPartThem(t *testing.T) {
	b := build(t, ExplicitLE, func(e *Encoder) {
		e.Text(SpecificCharacterSet, "GBK")
		identity(e)
		e.Bytes(PatientComments, LT, []byte(`a\b `))
		e.Bytes(ProtocolName, LO, []byte("\x8e\\\\ x"))
		series(e)
	})
	h := mustScan(t, b).Header
	if diff := cmp.Diff([]string{`a\b`}, h.Strs(PatientComments)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"嶾", "x"}, h.Strs(ProtocolName)); diff != "" {
		t.Error(diff)
	}
}
