package astm

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"
)

func parseOne(t testing.TB, text string, c Charset) Message {
	t.Helper()
	all, err := Parse([]byte(text), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 {
		t.Fatalf("%d messages", len(all))
	}
	return all[0]
}

func TestFields(t *testing.T) {
	for _, x := range []struct {
		name, text string
		field      int
		component  int
		want       string
	}{
		{"a component", "H|\\^&\rR|1|^^^WBC^White", 3, 4, "WBC"},
		{"none so far", "H|\\^&\rR|1|^^^WBC", 3, 9, ""},
		{"the whole", "H|\\^&\rR|1|a^b\\c", 3, 0, "a^b\\c"},
		{"spaces around", "H|\\^&\rR|1|   12 ^x", 3, 1, "12"},
		{"other delimiters", "H|@^\\\rR|1|a@b^c", 3, 1, "a"},
		{"another field delimiter", "H!@^\\\rR!1!a^b", 3, 2, "b"},
		{"field", "H|\\^&\rR|1|a&F&b", 3, 1, "a|b"},
		{"component delimiter", "H|\\^&\rR|1|a&S&b", 3, 1, "a^b"},
		{"repeat", "H|\\^&\rR|1|PNG&R&x", 3, 1, "PNG\\x"},
		{"escape", "H|\\^&\rR|1|a&E&b", 3, 1, "a&b"},
		{"escape of other delimiters", "H|@^\\\rR|1|a\\F\\b\\R\\", 3, 1, "a|b@"},
		{"highlighting", "H|\\^&\rR|1|&H&big&N&", 3, 1, "big"},
		{"hexadecimal", "H|\\^&\rR|1|&X4142&c", 3, 1, "ABc"},
		{"hexadecimal of no character", "H|\\^&\rR|1|&XFF&", 3, 1, "&XFF&"},
		{"not hexadecimal", "H|\\^&\rR|1|&X4&", 3, 1, "&X4&"},
		{"no escape", "H|\\^&\rR|1|Tom & Jerry", 3, 1, "Tom & Jerry"},
		{"no escape, then one", "H|\\^&\rR|1|Tom & Jerry &F& Co", 3, 1, "Tom & Jerry | Co"},
		{"an escape far too long", "H|\\^&\rR|1|&X" + strings.Repeat("41", 500) + "&", 3, 1, "&X" + strings.Repeat("41", 500) + "&"},
		{"escaped delimiters do not split", "H|\\^&\rR|1|a&S&b^c", 3, 2, "c"},
	} {
		t.Run(x.name, func(t *testing.T) {
			m := parseOne(t, x.text, UTF8)
			f := m.Records[1].Field(x.field)
			got := f.String()
			if x.component > 0 {
				got = f.Component(x.component)
			}
			if got != x.want {
				t.Errorf("%q, want %q", got, x.want)
			}
		})
	}
}

func TestWhatIsNoMessage(t *testing.T) {
	for _, x := range []struct {
		name, text string
		record     int
		reason     string
	}{
		{"nothing", "", 0, "no header record"},
		{"blank lines", "\r\n \r\n", 0, "no header record"},
		{"a record before the header", "P|1\rH|\\^&\r", 1, "a record before the header"},
		{"two delimiters", "H;^&;;x\r", 1, "the header names fewer than three delimiters"},
		{"one twice", "H|\\^^\r", 1, "the header names delimiters that cannot be ones"},
		{"a letter", "H|\\^Q\r", 1, "the header names delimiters that cannot be ones"},
		{"garbage", "\x00\x01\xff\xfe", 1, "a record before the header"},
		{"too many fields", "H|\\^&\rR" + strings.Repeat("|", MaxFields) + "\r", 2, "too many fields"},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := Parse([]byte(x.text), Unknown)
			var fault *FormatError
			if !errors.As(err, &fault) || fault.Reason != x.reason || fault.Record != x.record {
				t.Errorf("%v, want record %d: %s", err, x.record, x.reason)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for _, x := range []struct {
		name, text string
		want       []string
	}{
		{"a good one", "H|\\^&\rP|1\rO|1\rR|1\rL|1|N\r", nil},
		{"no delimiters", "H||||\rL|1\r", []string{"no-delimiters"}},
		{"no terminator", "H|\\^&\rP|1\r", []string{"no-terminator"}},
		{"unknown and lower case", "H|\\^&\rX|1\rp|1\rl|1\r", []string{"unknown-record", "lower-case", "lower-case"}},
		{"a result alone", "H|\\^&\rR|1\rL|1\r", []string{"missing-record", "missing-record"}},
		{"an order after a query", "H|\\^&\rQ|1\rO|1\rL|1\r", []string{"missing-record"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			m := parseOne(t, x.text, UTF8)
			m.Tree()
			var got []string
			for _, w := range m.Warnings {
				got = append(got, w.Code)
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// shape writes a tree as text: types, with brackets around what belongs to one.
func shape(n *Node) string {
	s := n.Record.Type
	if n.Implied {
		s = "(" + s + ")"
	}
	if len(n.Children) == 0 {
		return s
	}
	s += "["
	for _, c := range n.Children {
		s += shape(c)
	}
	return s + "]"
}

func TestTree(t *testing.T) {
	for _, x := range []struct{ name, text, want string }{
		{"two patients", "H P O R C R P O R L", "H[P[O[R[C]R]]P[O[R]]L]"},
		{"comments where they stand", "H C P C O C R C L", "H[CP[CO[CR[C]]]L]"},
		{"histograms of an order", "H P O M M R L", "H[P[O[MMR]]L]"},
		{"a result without order", "H P R L", "H[P[(O)[R]]L]"},
		{"an order without patient", "H O R L", "H[(P)[O[R]]L]"},
		{"a query", "H Q L", "H[QL]"},
		{"unknown ones stay", "H P X O R X L", "H[P[XO[R[X]]]L]"},
		{"after the terminator", "H P O R L P O", "H[P[O[R]]LP[O]]"},
	} {
		t.Run(x.name, func(t *testing.T) {
			m := parseOne(t, "H|\\^&"+strings.ReplaceAll(x.text[1:], " ", "\r"), UTF8)
			if got := shape(m.Tree()); got != x.want {
				t.Errorf("%s, want %s", got, x.want)
			}
		})
	}
}

// trailBytes are all characters of GB18030 whose second byte is a delimiter of the standard or of GeneXpert.
func trailBytes(t *testing.T) []rune {
	t.Helper()
	var all []rune
	for lead := byte(0x81); lead < 0xff; lead++ {
		for _, trail := range []byte("|\\^@~") {
			s, err := simplifiedchinese.GB18030.NewDecoder().Bytes([]byte{lead, trail})
			if r := []rune(string(s)); err == nil && len(r) == 1 && r[0] != '\uFFFD' {
				all = append(all, r[0])
			}
		}
	}
	return all
}

func TestCharactersThatCarryDelimiters(t *testing.T) {
	all := trailBytes(t)
	if len(all) < 464 {
		t.Fatalf("only %d characters", len(all))
	}
	for _, set := range []struct {
		name   string
		agreed Charset
		kept   Charset
		bytes  Charset
	}{
		{"GB18030 agreed", GB18030, GB18030, GB18030},
		{"GB18030 not agreed", Unknown, GB18030, GB18030},
		{"UTF-8 agreed, GB18030 sent", UTF8, GB18030, GB18030},
		{"UTF-8 not agreed", Unknown, UTF8, UTF8},
		{"GB18030 agreed, UTF-8 sent", UTF8, UTF8, UTF8},
	} {
		t.Run(set.name, func(t *testing.T) {
			for _, r := range all {
				name := "王" + string(r) + "弢"
				text := set.bytes.encode("H|\\^&|||X\rP|1||||" + name + "^二||19800101|M\rL|1|N\r")
				m := parseOne(t, string(text), set.agreed)
				p := m.Records[1]
				if p.Fields() != 9 || p.Field(6).Component(1) != name || p.Field(6).Component(2) != "二" || m.Charset != set.kept {
					t.Fatalf("%U: %d fields in %s", r, p.Fields(), m.Charset)
				}
			}
		})
	}
}

func TestCharsets(t *testing.T) {
	for _, x := range []struct {
		name   string
		agreed Charset
		bytes  string
		want   string
		set    Charset
	}{
		{"a byte order mark", Unknown, "\xEF\xBB\xBFH|\\^&|||µ", "µ", UTF8},
		{"Latin-1 agreed", Latin1, "H|\\^&|||\xB5mol/L", "µmol/L", Latin1},
		{"neither UTF-8 nor GB18030", Unknown, "H|\\^&|||\xFF\xFF", "ÿÿ", Latin1},
	} {
		t.Run(x.name, func(t *testing.T) {
			m := parseOne(t, x.bytes, x.agreed)
			if got := m.Header().Field(5).String(); got != x.want || m.Charset != x.set {
				t.Errorf("%q in %s", got, m.Charset)
			}
		})
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, d := range []Delimiters{Standard, {'|', '@', '^', '\\'}, {'!', '~', '$', '%'}} {
		text := "a|b\\c^d&e@f~g 东弢 !$%"
		w := NewWriter(d)
		w.Header(nil, nil, Text("LIANZHEN"))
		w.Record("O", Sequence(1), Components(text, "2"), nil, Repeat(Components("", "", "", "WBC"), Components("", "", "", text)))
		w.Terminator("N")
		for _, c := range []Charset{UTF8, GB18030} {
			m := parseOne(t, string(w.Bytes(c)), c)
			o := m.Records[1]
			if got := o.Field(3).Components(); !cmp.Equal(got, []string{text, "2"}) {
				t.Errorf("%v in %s: %q", d, c, got)
			}
			if got := o.Field(5).Repeats()[1].Component(4); got != text {
				t.Errorf("%v in %s: %q", d, c, got)
			}
			if again := string(m.Bytes(c)); again != string(w.Bytes(c)) || !m.Terminated || len(m.Warnings) > 0 {
				t.Errorf("%v in %s: written again as %q", d, c, again)
			}
		}
	}
}

func TestFramesOfAMessage(t *testing.T) {
	long := strings.Repeat("x", 600)
	for _, x := range []struct {
		name   string
		text   string
		packed bool
		want   string
	}{
		{"records", "H|\\^&\rL|1\r", false, "1:6. 2:4."},
		{"no CR at the end", "H|\\^&\rL|1", false, "1:6. 2:3."},
		{"a long one", "H\r" + long + "\rL\r", false, "1:2. 2:240+ 3:240+ 4:121. 5:2."},
		{"packed", "H\r" + long + "\rL\r", true, "1:240+ 2:240+ 3:125."},
		{"nothing", "", false, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			var got []string
			for _, f := range Frames([]byte(x.text), 0, x.packed) {
				s := string(rune('0'+f.Number)) + ":" + itoa(len(f.Text)) + "+"
				if f.Last {
					s = s[:len(s)-1] + "."
				}
				got = append(got, s)
			}
			if s := strings.Join(got, " "); s != x.want {
				t.Errorf("%s, want %s", s, x.want)
			}
		})
	}
}

func itoa(n int) string { return Sequence(n)[0][0] }
