package dicomweb

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// onePart is what a test sees of a part.
type onePart struct {
	Type, Body, Fault string
	Empty             bool
}

func readParts(r io.Reader, boundary string) (out []onePart, err error) {
	p, err := newParts(r, boundary, make([]byte, multipartWindow))
	if err != nil {
		return nil, err
	}
	for {
		one, err := p.next()
		if err == io.EOF {
			return out, nil
		}
		if one == nil {
			return out, err
		}
		o := onePart{Type: one.header["content-type"], Empty: one.empty}
		if one.fault != nil {
			o.Fault = one.fault.Error()
		}
		if err == nil && one.fault == nil {
			var b []byte
			b, err = io.ReadAll(one)
			o.Body = string(b)
		}
		if out = append(out, o); err != nil {
			return out, err
		}
	}
}

func TestPartsAreReadAsTheyWereWritten(t *testing.T) {
	long := strings.Repeat("x", 3*multipartWindow)
	almost := "a\r\n--B\r\nb\r\n--Bx\r\n--b\r\n-" // begins like the boundary "Bo", and is none
	for _, c := range []struct {
		name, body string
		want       []onePart
		err        error
	}{
		{"one", "--Bo\r\nContent-Type: a/b\r\n\r\nhello\r\n--Bo--\r\n", []onePart{{Type: "a/b", Body: "hello"}}, nil},
		{"no line behind the end", "--Bo\r\nContent-Type: a/b\r\n\r\nhello\r\n--Bo--", []onePart{{Type: "a/b", Body: "hello"}}, nil},
		{"line before, preamble and epilogue", "pre\r\n\r\n--Bo\r\n\r\nx\r\n--Bo--\r\nepi\r\n--Bo\r\n\r\n", []onePart{{Body: "x"}}, nil},
		{"padding behind the boundary", "--Bo \t\r\n\r\nx\r\n--Bo  \r\n\r\ny\r\n--Bo--", []onePart{{Body: "x"}, {Body: "y"}}, nil},
		{"almost boundaries", "--Bo\r\n\r\n" + almost + "\r\n--Bo--", []onePart{{Body: almost}}, nil},
		{"long", "--Bo\r\n\r\n" + long + "\r\n--Bo\r\n\r\n" + long + "\r\n--Bo--", []onePart{{Body: long}, {Body: long}}, nil},
		{"empty", "--Bo\r\nA: b\r\n\r\n\r\n--Bo--", []onePart{{Empty: true}}, nil},
		{"empty, its line is the boundary's", "--Bo\r\nA: b\r\n\r\n--Bo--", []onePart{{Empty: true}}, nil},
		{"no headers, empty", "--Bo\r\n\r\n--Bo\r\n\r\n\r\n--Bo--", []onePart{{Empty: true}, {Empty: true}}, nil},
		{"folded header", "--Bo\r\nContent-Type: a/b;\r\n c=d\r\n\r\nx\r\n--Bo--", []onePart{{Type: "a/b; c=d", Body: "x"}}, nil},
		{"headers that do not end", "--Bo\r\nA: b\r\n--Bo\r\n\r\nx\r\n--Bo--", []onePart{{Fault: errPartHeader.Error()}, {Body: "x"}}, nil},
		{"giant header", "--Bo\r\nA: " + long + "\r\n\r\nx\r\n--Bo\r\n\r\ny\r\n--Bo--", []onePart{{Fault: errPartHeader.Error()}, {Body: "y"}}, nil},
		{"no colon", "--Bo\r\nnonsense\r\n\r\nx\r\n--Bo--", []onePart{{Fault: errPartHeader.Error()}}, nil},
		{"a header twice", "--Bo\r\nA: b\r\na: c\r\n\r\nx\r\n--Bo--", []onePart{{Fault: errPartHeader.Error()}}, nil},
		{"NUL in a header", "--Bo\r\nA: b\x00\r\n\r\nx\r\n--Bo--", []onePart{{Fault: errPartHeader.Error()}}, nil},
		{"nested", "--Bo\r\nContent-Type: multipart/mixed; boundary=In\r\n\r\n--In\r\n\r\nx\r\n--In--\r\n--Bo--", []onePart{{Type: "multipart/mixed; boundary=In", Body: "--In\r\n\r\nx\r\n--In--"}}, nil},
		{"no end", "--Bo\r\n\r\nx\r\n--Bo\r\n\r\nyy", []onePart{{Body: "x"}, {Body: ""}}, errUnended},
		{"no end, long", "--Bo\r\n\r\n" + long, []onePart{{Body: long[:len(long)-5]}}, errUnended},
		{"cut within the boundary", "--Bo\r\n\r\nx\r\n--Bo", []onePart{{Body: "x"}}, errUnended},
		{"another boundary", "--Bx\r\n\r\nx\r\n--Bx--", nil, errNoParts},
		{"another boundary, long", "--Bx\r\n\r\n" + long, nil, errNoParts},
		{"nothing", "", nil, errNoParts},
		{"only the end", "--Bo--", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []io.Reader{
				strings.NewReader(c.body), iotest.OneByteReader(strings.NewReader(c.body)), iotest.DataErrReader(strings.NewReader(c.body)),
			} {
				got, err := readParts(r, "Bo")
				if err != c.err {
					t.Fatalf("error %v, want %v", err, c.err)
				}
				want := c.want
				if err == errUnended { // how much of a part without an end was seen is nobody's business
					got[len(got)-1].Body, want[len(want)-1].Body = "", ""
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestBoundariesAreBounded(t *testing.T) {
	for _, b := range []string{"", strings.Repeat("b", maxBoundary+1), "a\r\nb", "Ä"} {
		if _, err := newParts(strings.NewReader(""), b, make([]byte, multipartWindow)); err != errBoundary {
			t.Errorf("%q: %v", b, err)
		}
	}
}

func TestMediaTypesAreReadAsClientsWriteThem(t *testing.T) {
	for _, c := range []struct {
		name, header, media, kind, boundary string
	}{
		{"quoted", `multipart/related; type="application/dicom"; boundary="a b"`, "multipart/related", "application/dicom", "a b"},
		{"without quotes", `multipart/related;type=application/dicom;boundary=ab`, "multipart/related", "application/dicom", "ab"},
		{"capitals and blanks", ` Multipart/Related ; Type=application/dicom+json ; BOUNDARY=x `, "multipart/related", "application/dicom+json", "x"},
		{"with a start", `multipart/related; start="<a;b>"; boundary=x; type=a/b`, "multipart/related", "a/b", "x"},
		{"nothing", "", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			media, params := mediaType(c.header)
			if media != c.media || params["type"] != c.kind || params["boundary"] != c.boundary {
				t.Errorf("%q %v", media, params)
			}
		})
	}
}

// FuzzParts holds that nothing panics or spins, and that what our own writing makes is read back.
func FuzzParts(f *testing.F) {
	f.Add([]byte("--Bo\r\nContent-Type: a/b\r\n\r\nhello\r\n--Bo--\r\n"), []byte("x\r\n--B"), uint8(3))
	f.Add([]byte("--Bo\r\n\r\n--Bo\r\n\r\n"), []byte("\r\n--Bo-"), uint8(1))
	f.Add([]byte("\r\n--Bo \r\nA:b\r\n c\r\n\r\n\r\n--Bo--"), []byte{}, uint8(0))
	f.Fuzz(func(t *testing.T, raw, body []byte, step uint8) {
		got, _ := readParts(bytes.NewReader(raw), "Bo")
		if again, _ := readParts(&stepReader{raw, int(step) + 1}, "Bo"); len(got) > 0 && len(again) != len(got) {
			t.Fatalf("%d parts in one piece, %d in steps", len(got), len(again))
		}
		if bytes.Contains(append([]byte("\r\n"), body...), []byte("\r\n--Bo")) || len(body) == 0 {
			return
		}
		text := fmt.Appendf(nil, "--Bo\r\nContent-Type: a/b\r\n\r\n%s\r\n--Bo--\r\n", body)
		if bytes.HasSuffix(body, []byte("\r\n--Bo")) {
			return
		}
		back, err := readParts(&stepReader{text, int(step) + 1}, "Bo")
		if err != nil || len(back) != 1 || back[0].Body != string(body) {
			t.Fatalf("%q came back as %+v: %v", body, back, err)
		}
	})
}

type stepReader struct {
	b    []byte
	step int
}

func (s *stepReader) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.b[:min(s.step, len(s.b))])
	s.b = s.b[n:]
	return n, nil
}

func BenchmarkParts(b *testing.B) {
	body := make([]byte, 64<<20)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(body)
	for _, boundary := range []string{"B", strings.Repeat("b", 40)} {
		text := fmt.Appendf(nil, "--%s\r\nContent-Type: a/b\r\n\r\n%s\r\n--%s--\r\n", boundary, body, boundary)
		b.Run(fmt.Sprint(len(boundary)), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			window := make([]byte, multipartWindow)
			for b.Loop() {
				p, _ := newParts(bytes.NewReader(text), boundary, window)
				one, err := p.next()
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, struct{ io.Reader }{one}); err != nil || n != int64(len(body)) {
					b.Fatal(n, err)
				}
			}
		})
	}
}
