package hl7

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// largeORU is a report of 24 KB: six panels, Chinese names, references and notes.
func largeORU(size int) string {
	var b strings.Builder
	b.WriteString("MSH|^~\\&|TOWNLIS|T01|REGHUB|H01|20260105093000+0800||ORU^R01^ORU_R01|S0001|P|2.5.1|||AL|NE||UNICODE UTF-8\r")
	b.WriteString("PID|1||T01-0007^^^TOWN01^PI||张^涛^^^^^L~ZHANG^TAO^^^^^P||19900101|M\r")
	for i := 1; b.Len() < size; i++ {
		fmt.Fprintf(&b, "ORC|RE|P%d^HIS|F%d^LIS|||CM\rOBR|%d|P%d^HIS|F%d^LIS|24323-8^综合代谢组^LN|||20260105083000+0800|||||||||D001^李^珅||||||20260105092500+0800||CH|F\r", i, i, i, i, i)
		for j := 1; j <= 20 && b.Len() < size; j++ {
			fmt.Fprintf(&b, "OBX|%d|NM|2823-3^钾^LN^K%d^血钾^L||%d.%d|mmol/L^^UCUM|3.5-5.3|H|||F|||20260105083000+0800\r", j, j, j, i)
		}
		b.WriteString("NTE|1|L|危急值\\T\\已电话通知\\.br\\第二行\rSPM|1|S01&HIS^F01&LIS||SER^血清^HL70487|||||||||||||20260105083000+0800\r")
	}
	return b.String()
}

func BenchmarkParse24KB(b *testing.B) {
	raw := []byte(largeORU(24 << 10))
	for _, x := range []struct {
		name string
		raw  []byte
	}{
		{"UTF-8", raw},
		{"GB18030", inGB(b, strings.Replace(string(raw), "UNICODE UTF-8", "GB 18030-2000", 1))},
	} {
		b.Run(x.name, func(b *testing.B) {
			b.SetBytes(int64(len(x.raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(x.raw, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReadEveryResult(b *testing.B) {
	raw := []byte(largeORU(24 << 10))
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := Parse(raw, Options{})
		if err != nil {
			b.Fatal(err)
		}
		for s := range m.All("OBX") {
			if c := s.Field(3).CWE(); c.Code == "" {
				b.Fatal("no code")
			}
			if _, ok := s.Field(5).NM(); !ok {
				b.Fatal("no number")
			}
			if _, err := ParseDTM(s.Get(14), time.UTC); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func inGB(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := GB18030.Encode(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
