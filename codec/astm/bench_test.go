package astm

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func bigMessage(rows int) []byte {
	var b strings.Builder
	b.WriteString("H|\\^&|||XN-1000^00-24^22723^^^^BD634545||||||||E1394-97\rP|1|||100|^王^二||19800101|M\rO|1||^^100234^M|^^^^WBC\r")
	for i := range rows {
		fmt.Fprintf(&b, "R|%d|^^^^WBC^1|%d.1|10*3/uL||N||F||||20260627135407\r", i+1, i)
	}
	b.WriteString("L|1|N\r")
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	m := bigMessage(400)
	b.SetBytes(int64(len(m)))
	b.ReportAllocs()
	for b.Loop() {
		all, err := Parse(m, Unknown)
		if err != nil {
			b.Fatal(err)
		}
		all[0].Tree()
	}
}

func BenchmarkLink(b *testing.B) {
	ours, theirs := pipe(b)
	m := bigMessage(40)
	host := NewLink(ours, Options{}, func(context.Context, []byte) error { return nil })
	instrument := NewLink(theirs, Options{Role: Instrument}, func(context.Context, []byte) error { return nil })
	for _, l := range []*Link{host, instrument} {
		go func() { _ = l.Run(b.Context()) }()
	}
	b.SetBytes(int64(len(m)))
	for b.Loop() {
		if err := instrument.Send(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}
