package hl7

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func isCode(err error, c Code) bool {
	var f *FormatError
	return errors.As(err, &f) && f.Code == c
}

func parse(t testing.TB, text string) *Message {
	t.Helper()
	m, err := Parse([]byte(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const head = "MSH|^~\\&|LIS|T01|HUB|H01|20260105093000+0800||ORU^R01^ORU_R01|M1|P|2.5.1\r"

func TestReading(t *testing.T) {
	m := parse(t, head+"PID|1||A1^^^TOWN&2.16.1&ISO^PI~B2^^^^NNCHN||张^涛^^^^^L~ZHANG^TAO||\"\"|M\rOBX|1|SN|K^钾^LN^k^^L||>^1000|10\\S\\9/L||H~HH\rZQC|1|a|b\rOBX|2|NM|||+4.50\r")
	pid, _ := m.First("PID")
	obx, _ := m.First("OBX")
	got := []any{
		m.Get("MSH", 1), m.Get("MSH", 2), m.Get("MSH", 9, 2), m.Get("MSH", 12), m.Len(),
		pid.Field(3).Count(), pid.Field(3).Rep(2).CX().Type, pid.Field(3).CX(), pid.Field(5).Rep(1).XPN().Given, pid.Field(7).Null(), pid.Field(7).String(), pid.Field(6).Empty(), pid.Len(),
		obx.Field(5).SN(), obx.Get(6), obx.Field(3).CWE().Alternate, obx.Place(5), m.At(4).Place(0), m.At(4).Nth(), m.Get("ZQC", 3), m.Get("XXX", 1), obx.Get(99), m.At(3).Name(),
	}
	want := []any{
		"|", "^~\\&", "R01", "2.5.1", 5,
		2, "NNCHN",
		CX{"A1", HD{"TOWN", "2.16.1", "ISO"}, "PI"},
		"涛", true, "", true, 8,
		SN{">", "1000", "", ""},
		"10^9/L",
		[3]string{"k", "", "L"},
		"OBX[1]-5", "OBX[2]", 2, "b", "", "", "ZQC",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n, ok := m.At(4).Field(5).NM(); n != "4.50" || !ok {
		t.Errorf("%q %v", n, ok)
	}
	var flags []string
	for _, f := range obx.Field(8).Reps() {
		flags = append(flags, f.String())
	}
	if !slices.Equal(flags, []string{"H", "HH"}) {
		t.Error(flags)
	}
}

func TestLineEndsAndStrayLines(t *testing.T) {
	for _, x := range []struct {
		name, text string
		segments   int
		nte        string
		warnings   []Warning
	}{
		{"carriage returns", head + "NTE|1||a\r", 2, "a", nil},
		{"none at the end", head + "NTE|1||a", 2, "a", nil},
		{"line feeds", strings.ReplaceAll(head+"NTE|1||a\r", "\r", "\n"), 2, "a", []Warning{{"line-feeds", "MSH"}}},
		{"both", strings.ReplaceAll(head+"NTE|1||a\r", "\r", "\r\n"), 2, "a", []Warning{{"line-feeds", "MSH"}}},
		{"a break inside a field", head + "NTE|1||a\rb c|x\r", 2, "a\rb c", []Warning{{"joined-line", "NTE[1]"}}},
		{"a word that looks like a segment", head + "NTE|1||a\rNEG\r", 2, "a\rNEG", []Warning{{"joined-line", "NTE[1]"}}},
		{"a segment without fields", head + "NTE|1||a\rPV1\r", 3, "a", nil},
		{"lower case", head + "nte|1||a\r", 2, "a", []Warning{{"lower-case", "NTE"}}},
		{"control characters", head + "NTE|1||\x00a\x1c\r", 2, "a", []Warning{{"control-characters", "MSH"}}},
		{"space before", "\r\n " + head + "NTE|1||a\r", 2, "a", []Warning{{"leading-space", "MSH"}}},
	} {
		t.Run(x.name, func(t *testing.T) {
			m := parse(t, x.text)
			var mild []Warning
			for _, w := range m.Warnings {
				if w.Code != "line-feeds" || x.warnings != nil {
					mild = append(mild, w)
				}
			}
			if m.Len() != x.segments || m.Get("NTE", 3) != x.nte {
				t.Errorf("%d segments, %q", m.Len(), m.Get("NTE", 3))
			}
			if x.name != "space before" {
				if diff := cmp.Diff(x.warnings, mild); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestDelimiters(t *testing.T) {
	m := parse(t, "MSH$%*!@#$A$B$C$D$20260105$$ORU%R01$1$P$2.7\rPID$1$$X%%%Y@Z*W$$a!F!b!S!c!T!d!R!e!E!f!P!g|h\r")
	if m.Delims != (Delimiters{'$', '%', '*', '!', '@', '#'}) || m.Get("PID", 3, 4, 2) != "Z" || m.Get("PID", 5) != "a$b%c@d*e!f#g|h" {
		t.Errorf("%+v %q", m.Delims, m.Get("PID", 5))
	}
	for name, bad := range map[string]string{
		"none": "MSH", "ends": "MSH|", "the same twice": "MSH|^~^&|A\r", "letters": "MSHA^~\\&AB\r", "digits": "MSH|1~\\&|A\r",
		"too many": "MSH|^~\\&#!$|A\r", "no end": "MSH|^~\\&", "spaces": "MSH|^ \\&|A\r", "not ASCII": "MSH|^é\\&|A\r", "one": "MSH|^|A\r",
		"no MSH": "PID|1\r", "text before": "# comment\rMSH|^~\\&|A\r", "a second message": head + head,
	} {
		if _, err := Parse([]byte(bad), Options{}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestEscapes(t *testing.T) {
	for _, x := range []struct {
		in, want string
		unknown  int
	}{
		{`a\F\b\S\c\T\d\R\e\E\f`, `a|b^c&d~e\f`, 0},
		{`a\.br\b`, "a\nb", 0},
		{`a\.sp3\b`, "a\n\n\nb", 0},
		{`a\.sp999999999\b`, "a" + strings.Repeat("\n", 100) + "b", 0},
		{`a\.sp-3\b`, "a\nb", 0},
		{`a\.sk2\b\.in+4\c\.fi\d`, "a  bcd", 0},
		{`\H\bold\N\`, "bold", 0},
		{`\X41426D\`, "ABm", 0},
		{`\XE5BCA0\`, "张", 0},
		{`\XFFFE\`, `\XFFFE\`, 2},
		{`\X4\`, `\X4\`, 2},
		{`\Zfoo\`, `\Zfoo\`, 2},
		{`\C2842\`, `\C2842\`, 2},
		{`a \T b\.br\c`, "a \\T b\nc", 1},
		{`end\`, `end\`, 1},
		{`\\`, `\\`, 2},
		{`\.spx\`, `\.spx\`, 2},
		{`\P\`, "#", 0},
	} {
		got, unknown := unescape(x.in, Standard, UTF8)
		if got != x.want || unknown != x.unknown {
			t.Errorf("%s: %q %d, want %q %d", x.in, got, unknown, x.want, x.unknown)
		}
	}
	if got, _ := unescape(`\XD5C5\`, Standard, GB18030); got != "张" {
		t.Errorf("hexadecimal GB 18030: %q", got)
	}
	m := parse(t, head+"NTE|1||a\\Zx\\b\rNTE|2||fine \\T\\\r")
	if diff := cmp.Diff([]Warning{{"unknown-escape", "NTE[1]-3"}}, m.EscapeFaults()); diff != "" {
		t.Error(diff)
	}
}

func TestTimes(t *testing.T) {
	cst := time.FixedZone("CST", 8*3600)
	for _, x := range []struct {
		in        string
		want      string
		precision Precision
		zoned     bool
	}{
		{"2026", "2025-12-31T16:00:00Z", Year, false},
		{"202601", "2025-12-31T16:00:00Z", Month, false},
		{"20260105", "2026-01-04T16:00:00Z", Day, false},
		{"2026010509", "2026-01-05T01:00:00Z", Hour, false},
		{"202601050930", "2026-01-05T01:30:00Z", Minute, false},
		{"20260105093015", "2026-01-05T01:30:15Z", Second, false},
		{"20260105093015.1234", "2026-01-05T01:30:15.1234Z", Fraction, false},
		{"20260105093015.1234-0500", "2026-01-05T14:30:15.1234Z", Fraction, true},
		{"202601050930+0000", "2026-01-05T09:30:00Z", Minute, true},
		{"2026-01-05 09:30:15", "2026-01-05T01:30:15Z", Second, false},
		{"2026/01/05", "2026-01-04T16:00:00Z", Day, false},
	} {
		d, err := ParseDTM(x.in, cst)
		if err != nil || d.At.Format(time.RFC3339Nano) != x.want || d.Precision != x.precision || d.Zoned != x.zoned {
			t.Errorf("%s: %v %v", x.in, d, err)
		}
	}
	for _, empty := range []string{"", "00000000", `""`} {
		if d, err := ParseDTM(empty, cst); err != nil || !d.IsZero() {
			t.Errorf("%q: %v %v", empty, d, err)
		}
	}
	for _, bad := range []string{"20261345999999", "2026013", "20260230", "yesterday", "20260105093015.12345678901", "2026010509.5", "20260105+080", strings.Repeat("2", 50)} {
		if _, err := ParseDTM(bad, cst); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if got := FormatDTM(time.Date(2026, 1, 5, 1, 30, 0, 0, time.UTC), cst); got != "20260105093000+0800" {
		t.Error(got)
	}
}

func TestBuilding(t *testing.T) {
	b := NewBuilder(Header{
		SendingApplication: "我们|HUB", ReceivingApplication: "HIS", At: time.Date(2026, 1, 5, 1, 30, 0, 0, time.UTC), Type: [3]string{"ORU", "R01", "ORU_R01"},
		ControlID: "X1", AcceptAck: "AL", ApplicationAck: "NE", Charset: GB18030,
	})
	b.Add("PID").Set(3, "A^1", "", "", "TOWN").Again(3, "B", "", "", "").SetSub(5, 2, "x", "y&z").Set(7, Null)
	b.Add("NTE").Set(3, "a\r\nb\nc\x00\\d")
	m := parse(t, head+"ZZZ|a^b&c~d\r")
	z, _ := m.First("ZZZ")
	b.Copy(z)
	other := parse(t, "MSH$%*!@$A$$$$$$ORU%R01$1$P$2.5\rZYX$a|b%c@d*!S!$\"\"\r")
	z, _ = other.First("ZYX")
	b.Copy(z)
	raw, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(raw, Options{})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(got.Text, "\r"), "\r")
	want := []string{
		`MSH|^~\&|我们\F\HUB||HIS||20260105013000+0000||ORU^R01^ORU_R01|X1|P|2.5.1|||AL|NE||GB 18030-2000`,
		`PID|||A\S\1^^^TOWN~B||^x&y\T\z||""`, `NTE|||a\.br\b\.br\c\E\d`, `ZZZ|a^b&c~d`, `ZYX|a\F\b^c&d~%|""`,
	}
	want[4] = `ZYX|a\F\b^c&d~%|""` // % is no delimiter here
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if got.Charset != GB18030 || got.Get("MSH", 3) != "我们|HUB" || got.Get("NTE", 3) != "a\nb\nc\\d" {
		t.Errorf("%s %q", got.Charset, got.Get("NTE", 3))
	}
}

func TestAcknowledging(t *testing.T) {
	at := Reply{ControlID: "A9", At: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)}
	problem := Problem{Place: "OBX[3]-5", Code: ValueTooLong, Text: "too long"}
	for _, x := range []struct {
		name, version string
		ack           Ack
		want          []string
	}{
		{"original", "2.5.1", Ack{Code: AA}, []string{`MSH|^~\&|HUB|H01|LIS|T01|20260105000000+0000||ACK^R01^ACK|A9|P|2.5.1`, `MSA|AA|M1`}},
		{
			"an error", "2.5.1",
			Ack{Code: AE, Text: "no", Problems: []Problem{problem}},
			[]string{`MSH|^~\&|HUB|H01|LIS|T01|20260105000000+0000||ACK^R01^ACK|A9|P|2.5.1`, `MSA|AE|M1|no`, `ERR||OBX^3^5|104^Value too long^HL70357|E||||too long`},
		},
		{
			"an error of old", "2.3.1",
			Ack{Code: AE, Problems: []Problem{problem}},
			[]string{`MSH|^~\&|HUB|H01|LIS|T01|20260105000000+0000||ACK^R01|A9|P|2.3.1`, `MSA|AE|M1`, `ERR|OBX^3^5^104&Value too long&HL70357`},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			m := parse(t, strings.Replace(head, "2.5.1", x.version, 1))
			got := string(m.Header().Acknowledge(x.ack, at))
			if diff := cmp.Diff(x.want, strings.Split(strings.TrimSuffix(got, "\r"), "\r")); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, x := range []struct {
		accept, application string
		good, a, b          bool
	}{
		{"", "", true, false, true},
		{"AL", "NE", true, true, false},
		{"AL", "AL", false, true, true},
		{"NE", "AL", true, false, true},
		{"ER", "SU", true, false, true},
		{"ER", "SU", false, true, false},
		{"NE", "NE", true, false, false},
		{"AL", "", true, true, false},
	} {
		if a, b := (Header{AcceptAck: x.accept, ApplicationAck: x.application}).Modes(x.good); a != x.a || b != x.b {
			t.Errorf("%+v: %v %v", x, a, b)
		}
	}
}

func TestBatches(t *testing.T) {
	one, two := head+"NTE|1||a\r", strings.Replace(head, "|M1|", "|M2|", 1)+"NTE|1||b\r"
	for _, x := range []struct {
		name, text string
		want       []string
	}{
		{"one", one, []string{"M1"}},
		{"a batch", "FHS|^~\\&\rBHS|^~\\&\r" + one + two + "BTS|2\rFTS|1\r", []string{"M1", "M2"}},
		{"two without a batch", one + two, []string{"M1", "M2"}},
		{"by line feeds", "BHS|^~\\&\n" + strings.ReplaceAll(one+two, "\r", "\n") + "BTS|2\n", []string{"M1", "M2"}},
	} {
		got, err := ParseBatch([]byte(x.text), Options{})
		if err != nil {
			t.Fatal(x.name, err)
		}
		var ids []string
		for _, m := range got {
			ids = append(ids, m.Get("MSH", 10))
		}
		if diff := cmp.Diff(x.want, ids); diff != "" {
			t.Error(x.name, diff)
		}
	}
	if _, err := ParseBatch([]byte("FHS|^~\\&\rFTS\r"), Options{}); err == nil {
		t.Error("an empty batch was taken")
	}
}

// TestHostileMegabytes: whatever a megabyte says, it costs less than 64 MiB.
func TestHostileMegabytes(t *testing.T) {
	fill := func(s string) string { return head + strings.Repeat(s, (1<<20)/len(s)) }
	for name, text := range hostile(fill) {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			m, err := Parse([]byte(text), Options{})
			if err == nil {
				n := 0
				for s := range m.Segments() {
					for i := range min(s.Len(), 1000) {
						n += len(s.Field(i + 1).Whole())
					}
				}
				_ = m.EscapeFaults()
			}
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
				t.Errorf("%d MiB", used>>20)
			}
		})
	}
}

func hostile(fill func(string) string) map[string]string {
	return map[string]string{
		"separators": fill("|"), "components": fill("^"), "repetitions": fill("~"), "segments": fill("OBX|\r"), "bare lines": fill("A\r"), "line feeds": fill("\n"),
		"escapes": fill("\\"), "bombs": fill("\\.sp100\\"), "one bomb": head + "NTE|1||\\.sp300000000\\", "unended": fill("\\X41"), "high bytes": fill("\xff"),
		"notes": fill("NTE|1||" + strings.Repeat("\\.sp99\\", 50) + "\r"), "lower case": fill("obx|\r"), "NUL": fill("\x00"), "Chinese": fill("张"),
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range hostile(func(s string) string { return head + strings.Repeat(s, 20) }) {
		f.Add([]byte(s))
	}
	f.Add([]byte(largeORU(2000)))
	f.Add(inGB(f, strings.Replace(largeORU(2000), "UNICODE UTF-8", "GB 18030-2000", 1)))
	f.Add([]byte("MSH$%*!@#$A$B$C$D$$$ORU%R01$1$P$2.7\rPID$1$$X%%%Y@Z*W\r"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = Split(raw)
		if h, ok := Glimpse(raw, Options{}); ok {
			if _, err := Parse(h.Acknowledge(Ack{Code: AE, Text: "x", Problems: []Problem{{Place: "OBX[1]-5"}}}, Reply{ControlID: "1"}), Options{}); err != nil {
				t.Fatalf("our answer cannot be read: %v", err)
			}
		}
		m, err := Parse(raw, Options{})
		if err != nil {
			return
		}
		b := NewBuilder(Header{Type: [3]string{"ACK"}})
		for s := range m.Segments() {
			if s.Name() == "MSH" {
				continue
			}
			for i := range s.Len() {
				fd := s.Field(i + 1)
				_, _, _, _ = fd.CX(), fd.XPN(), fd.CWE(), fd.SN()
				for _, r := range fd.Reps() {
					_ = r.Whole()
				}
			}
			l := b.Add("ZZZ")
			l.Set(1, s.Field(1).String())
		}
		again, err := Parse([]byte(b.Text()), Options{Charset: UTF8})
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		i := 0
		for z := range again.All("ZZZ") {
			for i < m.Len() && m.At(i).Name() == "MSH" {
				i++
			}
			want := strings.Map(dropControl, m.At(i).Field(1).String())
			want = strings.ReplaceAll(strings.ReplaceAll(want, "\r\n", "\n"), "\r", "\n")
			if got := z.Get(1); got != want {
				t.Fatalf("%q was written, %q read", want, got)
			}
			i++
		}
	})
}
