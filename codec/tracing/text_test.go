package tracing_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

func TestTextOfUnknownCharacterSet(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"ascii", "SMITH^JOHN", "SMITH^JOHN"},
		{"utf-8", "张三", "张三"},
		{"gbk", "\xd5\xc5\xc8\xfd", "张三"},
		{"gb18030 four bytes", "\xd5\xc5\x82\x35\x8f\x33", ""},
		{"latin-1", "M\xfcller", "Müller"},
		{"control characters", "a\x00b\x07\tc\r\n d\x7f ", "a b c d"},
		{"nothing", "\x00\x00", ""},
		{"c1 controls", "a\u0085b", "a b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := tracing.Text([]byte(c.in))
			if c.name == "gb18030 four bytes" {
				if !strings.HasPrefix(got, "张") || utf8.RuneCountInString(got) != 2 {
					t.Fatalf("got %q", got)
				}
				return
			}
			if got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTextIsBounded(t *testing.T) {
	for _, c := range []struct{ name, unit string }{
		{"ascii", "x"}, {"utf-8", "张"}, {"gbk", "\xd5\xc5"}, {"spaces between", "a \x00 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := tracing.Text([]byte(strings.Repeat(c.unit, 50_000)))
			if n := utf8.RuneCountInString(got); n == 0 || n > tracing.MaxText || !utf8.ValidString(got) {
				t.Fatalf("%d characters", n)
			}
		})
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("张三"))
	f.Add([]byte("\xd5\xc5\xc8\xfd M\xfcller"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s := tracing.Text(b); !utf8.ValidString(s) || utf8.RuneCountInString(s) > tracing.MaxText || strings.ContainsAny(s, "\x00\x1b\n") {
			t.Fatal("not clean")
		}
	})
}
