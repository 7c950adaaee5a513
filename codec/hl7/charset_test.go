package hl7

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// trailing lists the Chinese characters of GB 18030 whose second byte is a delimiter.
func trailing(t testing.TB) []rune {
	t.Helper()
	var out []rune
	for lead := 0x81; lead <= 0xFE; lead++ {
		for _, trail := range []byte{'|', '^', '~', '\\'} {
			s, err := simplifiedchinese.GB18030.NewDecoder().Bytes([]byte{byte(lead), trail})
			if err != nil {
				t.Fatal(err)
			}
			if r := []rune(string(s)); len(r) == 1 && r[0] >= 0x4E00 && r[0] <= 0x9FFF { // the rest are symbols and private use
				out = append(out, r[0])
			}
		}
	}
	return out
}

// TestCharactersWithDelimitersInside: every character, in a name, in a note, in the header; whatever says how it is written.
func TestCharactersWithDelimitersInside(t *testing.T) {
	all := trailing(t)
	if len(all) != 464 {
		t.Errorf("%d characters, want the 464 that are known", len(all))
	}
	for _, v := range []struct {
		name, set, sender string
		options           Options
		utf8              bool
		reason            Reason
	}{
		{"the link's setting", "", "LIS", Options{Charset: GB18030}, false, BySetting},
		{"MSH-18", "GB 18030-2000", "LIS", Options{}, false, ByHeader},
		{"nothing said", "", "LIS", Options{}, false, ByFallback},
		{"in MSH-3 to 6", "GB 18030-2000", "", Options{}, false, ByHeader},
		{"UTF-8", "UNICODE UTF-8", "LIS", Options{}, true, ByHeader},
	} {
		t.Run(v.name, func(t *testing.T) {
			for _, r := range all {
				c := string(r)
				sender := v.sender
				if sender == "" {
					sender = c + "院" + c
				}
				text := fmt.Sprintf("MSH|^~\\&|%s|%s|%s|%s|20260105||ORU^R01|7|P|2.5.1||||||%s\rPID|1||%s1^^^A^PI||%s^%s%s|||M\rNTE|1||%s\\T\\%s\r",
					sender, sender, sender, sender, v.set, c, c, c, c, c, c)
				raw := []byte(text)
				if !v.utf8 {
					raw = inGB(t, text)
				}
				m, err := Parse(raw, v.options)
				if err != nil {
					t.Fatalf("%c: %v", r, err)
				}
				got := []string{m.Get("MSH", 3), m.Get("MSH", 6), m.Get("MSH", 10), m.Get("PID", 3, 1), m.Get("PID", 5, 1), m.Get("PID", 5, 2), m.Get("PID", 8), m.Get("NTE", 3)}
				want := []string{sender, sender, "7", c + "1", c, c + c, "M", c + "&" + c}
				if strings.Join(got, "\n") != strings.Join(want, "\n") || m.Reason != v.reason || m.Len() != 3 {
					t.Fatalf("%c: %q, want %q; %s", r, got, want, m.Reason)
				}
				h, ok := Glimpse(raw, v.options)
				if !ok || h.SendingApplication != sender || h.ControlID != "7" {
					t.Fatalf("%c: glimpse %+v", r, h)
				}
				ack, err := Parse(h.Acknowledge(Ack{Code: AA}, Reply{ControlID: "9"}), v.options)
				if err != nil || ack.Get("MSH", 5) != sender || ack.Get("MSA", 2) != "7" || v.options.Charset == "" && sender != "LIS" && ack.Charset != m.Charset {
					t.Fatalf("%c: acknowledgement %v, %s", r, err, ack.Text)
				}
			}
		})
	}
}

func TestCharsets(t *testing.T) {
	const name = "张涛"
	message := func(set string) string {
		return "MSH|^~\\&|A|B|C|D|||ORU^R01|1|P|2.4||||||" + set + "\rPID|||1||" + name + "\r"
	}
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes([]byte(message("UNICODE UTF-16")))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name    string
		raw     []byte
		options Options
		want    Charset
		reason  Reason
		text    string
		warning string
	}{
		{"declared UTF-8", []byte(message("UNICODE UTF-8")), Options{}, UTF8, ByHeader, name, ""},
		{"as analysers write it", []byte(message("UNICODE")), Options{}, UTF8, ByHeader, name, ""},
		{"alternates", inGB(t, message("GB 18030-2000~ASCII")), Options{}, GB18030, ByHeader, name, ""},
		{"a byte order mark", append([]byte{0xEF, 0xBB, 0xBF}, message("")...), Options{}, UTF8, ByMark, name, ""},
		{"nothing said, UTF-8", []byte(message("")), Options{}, UTF8, ByBytes, name, ""},
		{"nothing said, GBK", inGB(t, message("")), Options{}, GB18030, ByFallback, name, ""},
		{"ASCII that is GBK", inGB(t, message("ASCII")), Options{}, GB18030, ByFallback, name, "charset-conflict"},
		{"a set of nobody", inGB(t, message("KLINGON")), Options{}, GB18030, ByFallback, name, "charset-unknown"},
		{"the setting overrules", inGB(t, message("UNICODE UTF-8")), Options{Charset: GB18030}, GB18030, BySetting, name, ""},
		{"Latin 1", []byte("MSH|^~\\&|\xC9|B|C|D|||ORU^R01|1|P|2.4||||||8859/1\rPID|||1||M\xFCller\r"), Options{}, Latin1, ByHeader, "Müller", ""},
		{"UTF-16", wide, Options{}, UTF16, ByMark, name, ""},
		{"damaged, taken", []byte("MSH|^~\\&|A||||||ORU^R01|1|P|2.4||||||UNICODE UTF-8\rPID|||1||A\xff\xfeB\r"), Options{Lenient: true}, UTF8, ByHeader, "A\uFFFDB", "charset-damaged"},
	} {
		t.Run(x.name, func(t *testing.T) {
			m, err := Parse(x.raw, x.options)
			if err != nil {
				t.Fatal(err)
			}
			if m.Charset != x.want || m.Reason != x.reason || m.Get("PID", 5) != x.text || !bytes.Equal(m.Raw, x.raw) {
				t.Errorf("%s %s %q", m.Charset, m.Reason, m.Get("PID", 5))
			}
			if got := len(m.Warnings) > 0; got != (x.warning != "") || got && m.Warnings[0].Code != x.warning {
				t.Errorf("warnings %v", m.Warnings)
			}
		})
	}
	for name, raw := range map[string][]byte{
		"GBK under the name of UTF-8": inGB(t, message("UNICODE UTF-8")),
		"no GB 18030":                 []byte("MSH|^~\\&|A||||||ORU^R01|1|P|2.4||||||GB 18030-2000\rPID|||1||\xff\xff\r"),
	} {
		if _, err := Parse(raw, Options{}); !isCode(err, WrongDataType) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEncodingWhatASetHasNot(t *testing.T) {
	if _, err := Latin1.Encode("张"); err == nil {
		t.Error("Latin 1 wrote Chinese")
	}
	h := Header{SendingApplication: "张", Charset: Latin1, Version: "2.3"}
	if got := string(h.Acknowledge(Ack{Code: AE}, Reply{})); !strings.Contains(got, "|?|") {
		t.Errorf("%q", got)
	}
}
