// Command peers measures public parsers of HL7 v2 over one message, for the table of `make bench-lab`. It is a module of its own: none of them is part
// of the product.
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"time"

	simhospital "github.com/google/simhospital/pkg/hl7"
	lenaten "github.com/lenaten/hl7"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: peers FILE")
		os.Exit(2)
	}
	raw, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := simhospital.TimezoneAndLocation("Asia/Shanghai"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, p := range []struct {
		name  string
		parse func() error
	}{
		{"google/simhospital parse", func() error { _, err := simhospital.ParseMessage(raw); return err }},
		{"google/simhospital parse + typed segments", func() error {
			m, err := simhospital.ParseMessage(raw)
			if err == nil {
				_, err = m.All()
			}
			return err
		}},
		{"lenaten/hl7 parse", func() error { _, err := lenaten.NewDecoder(bytes.NewReader(raw)).Messages(); return err }},
	} {
		if err := p.parse(); err != nil {
			fmt.Printf("%s\t0\t0\t0\trefuses: %.60v\n", p.name, err)
			continue
		}
		took, allocs, size := timed(p.parse)
		fmt.Printf("%s\t%.1f\t%d\t%d\t\n", p.name, took, allocs, size)
	}
}

// timed is the best of some rounds: microseconds, allocations and bytes of one call.
func timed(f func() error) (us float64, allocs, size uint64) {
	for range 7 {
		n := 0
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begun := time.Now()
		for time.Since(begun) < 200*time.Millisecond {
			_ = f()
			n++
		}
		t := float64(time.Since(begun).Microseconds()) / float64(n)
		runtime.ReadMemStats(&after)
		if us == 0 || t < us {
			us, allocs, size = t, (after.Mallocs-before.Mallocs)/uint64(n), (after.TotalAlloc-before.TotalAlloc)/uint64(n)
		}
	}
	return us, allocs, size
}
