package analyser

import (
	"fmt"
	"strings"
	"testing"
)

// filled repeats a text until it is a megabyte.
func filled(head, s string) []byte {
	return []byte(head + strings.Repeat(s, (1<<20-len(head))/len(s)))
}

// hostile are megabytes that were made to hurt.
func hostile() map[string][]byte {
	const order = "H|\\^&\rP|1\rO|1|B1\rR|1|^^^A|"
	return map[string][]byte{
		"fields":     filled("H|\\^&\rR", "|"),
		"records":    filled("H|\\^&\r", "R\r"),
		"unknown":    filled("H|\\^&\r", "X|1\r"),
		"repeats":    filled(order+"1|x|y|", "\\"),
		"components": filled(order, "^"),
		"escapes":    filled(order, "&"),
		"openings":   filled(order, "&X41"),
		"headers":    filled("", "H|\\^&\r"),
		"orders":     filled("H|\\^&\rP|1\r", "O|1|B\rR|1|^^^A|1\r"),
		"queries":    filled("H|\\^&\r", "Q|1|^B\r"),
		"barcodes":   filled("H|\\^&\rQ|1|", "^B\\"),
		"frames":     filled("\x05", "\x021\x03"),
		"pictures":   filled("H|\\^&\rP|1\rO|1|B\rM|1|", "AAAA"),
		"halves":     filled("H|\\^&|||", "\x81"),
		"comments":   filled("H|\\^&\rP|1\rO|1|B\rR|1|^^^A|1\r", "C|1|I|x\r"),
	}
}

func TestHostileMegabytesAreReadOrRefused(t *testing.T) {
	for name, b := range hostile() {
		t.Run(name, func(t *testing.T) {
			_, _, _, _ = Read(b, builtin(t, Generic)) // comes back, and the benchmark says how soon
		})
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, body := range hostile() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, _, _ = Read(body, builtin(b, Generic))
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	var text strings.Builder
	text.WriteString("H|\\^&|||XN-1000^00-24\rP|1|||100|^王^二||19800101|M\rO|1||^^100234^M|^^^^WBC\r")
	for i := range 40 {
		fmt.Fprintf(&text, "R|%d|^^^^WBC^1|%d.1|10*3/uL||N||F||||20260627135407\r", i+1, i)
	}
	text.WriteString("L|1|N\r")
	p := builtin(b, "sysmex-xn")
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := Read([]byte(text.String()), p); err != nil {
			b.Fatal(err)
		}
	}
}
