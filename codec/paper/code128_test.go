package paper

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestSymbolsOfCode128AreSound(t *testing.T) {
	seen := map[string]bool{}
	for i, s := range code128Widths {
		sum, bars := 0, 0
		for k, w := range s {
			sum += int(w - '0')
			if k%2 == 0 {
				bars += int(w - '0')
			}
		}
		want := 11
		if i == code128Stop {
			want = 13
		}
		if sum != want || bars%2 != 0 && i != code128Stop || seen[s] {
			t.Errorf("symbol %d is %s", i, s)
		}
		seen[s] = true
	}
	if len(code128Widths) != 107 {
		t.Errorf("%d symbols", len(code128Widths))
	}
}

// read128 reads bars back.
func read128(t *testing.T, widths []int) string {
	t.Helper()
	var symbols []int
	for at := 0; at < len(widths); at += 6 {
		n := min(6, len(widths)-at)
		if len(widths)-at == 7 {
			n = 7
		}
		var b strings.Builder
		for _, w := range widths[at : at+n] {
			b.WriteByte(byte('0' + w))
		}
		found := -1
		for i, s := range code128Widths {
			if s == b.String() {
				found = i
			}
		}
		symbols = append(symbols, found)
		if n == 7 {
			break
		}
	}
	last := len(symbols) - 2
	sum := symbols[0]
	for i, s := range symbols[1:last] {
		sum += (i + 1) * s
	}
	if symbols[last+1] != code128Stop || symbols[last] != sum%103 {
		t.Fatalf("check symbol or stop of %v", symbols)
	}
	var out strings.Builder
	pairs := symbols[0] == code128StartC
	for _, s := range symbols[1:last] {
		switch {
		case s == code128C && !pairs, s == code128B && pairs:
			pairs = !pairs
		case pairs:
			out.WriteByte(byte('0' + s/10))
			out.WriteByte(byte('0' + s%10))
		default:
			out.WriteByte(byte(' ' + s))
		}
	}
	return out.String()
}

func TestCode128ReadsBack(t *testing.T) {
	for _, c := range []struct {
		text    string
		modules int
	}{
		{"LZ1234567890", 0},
		{"620921000012345678", 11*(1+9+1) + 13},
		{"12", 11*3 + 13},
		{"7", 11*3 + 13},
		{"1234567", 0},
		{"AB12345CD", 0},
		{" ~!#%", 0},
		{strings.Repeat("9", 48), 11*(1+24+1) + 13},
	} {
		t.Run(c.text, func(t *testing.T) {
			widths, err := Code128(c.text)
			if err != nil {
				t.Fatal(err)
			}
			sum := 0
			for _, w := range widths {
				sum += w
			}
			if got := read128(t, widths); got != c.text || c.modules > 0 && sum != c.modules {
				t.Errorf("reads %q, %d modules", got, sum)
			}
		})
	}
}

func TestCode128RefusesWhatItCannotSay(t *testing.T) {
	for _, s := range []string{"", "条码", "a\nb", "\x7f", strings.Repeat("1", 49)} {
		if _, err := Code128(s); !errors.Is(err, ErrBarcodeText) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if err := Barcode(Nothing{}, Box(0, 0, 10, 10), "12345678"); !errors.Is(err, ErrBarcodeWidth) {
		t.Errorf("%v", err)
	}
}

func FuzzCode128(f *testing.F) {
	f.Add("LZ123456")
	f.Add("00112233x9")
	f.Fuzz(func(t *testing.T, s string) {
		widths, err := Code128(s)
		if err != nil {
			return
		}
		if got := read128(t, widths); got != s {
			t.Fatalf("%q reads %q", s, got)
		}
	})
}

// A scanner of other hands reads the picture, where it is installed.
func TestScannersReadBarcodes(t *testing.T) {
	if _, err := exec.LookPath("zbarimg"); err != nil {
		t.Skip("zbarimg is not installed")
	}
	for _, text := range []string{"620921000012345678", "LZ-0042/x7"} {
		p := NewPNG(Size{80, 30}, 300)
		if err := Barcode(p, Box(5, 5, 70, 15), text); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := p.Encode(&b); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "code.png")
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "zbarimg", "-q", "--raw", file).Output()
		if err != nil || strings.TrimSpace(string(out)) != text {
			t.Errorf("%q is read as %q: %v", text, out, err)
		}
	}
}
