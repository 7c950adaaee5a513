// Parse: a report of 24 KB through our parser and through public ones, in one run.

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/v2"
)

const reportSize = 24 << 10

func parse(w io.Writer, _ string) error {
	raw := []byte(largeReport(reportSize))
	gb, err := hl7.GB18030.Encode(strings.Replace(string(raw), "UNICODE UTF-8", "GB 18030-2000", 1))
	if err != nil {
		return err
	}
	profile, err := v2.ParseProfile([]byte("final: true\n"))
	if err != nil {
		return err
	}
	parsed := func(raw []byte) (*hl7.Message, error) { return hl7.Parse(raw, hl7.Options{}) }
	fmt.Fprintf(w, "ORU^R01 of %d bytes, %d segments, one core, best of 7 rounds\n", len(raw), bytes.Count(raw, []byte("\r")))
	fmt.Fprintf(w, "%-44s %10s %12s %10s %8s\n", "parser", "us", "allocations", "KB", "ratio")
	ours := 0.0
	for _, x := range []struct {
		name string
		do   func() error
	}{
		{"codec/hl7 Parse", func() error { _, err := parsed(raw); return err }},
		{"codec/hl7 Parse, GB 18030", func() error { _, err := parsed(gb); return err }},
		{"codec/hl7 Parse + every leaf", func() error {
			m, err := parsed(raw)
			if err == nil {
				leaves(m)
			}
			return err
		}},
		{"codec/hl7 Parse + lab/v2 Decode", func() error {
			m, err := parsed(raw)
			if err == nil {
				_, err = v2.Decode(m, profile)
			}
			return err
		}},
	} {
		if err := x.do(); err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		us, allocs, size := timed(x.do)
		if ours == 0 {
			ours = us
		}
		fmt.Fprintf(w, "%-44s %10.1f %12d %10.1f %8.2f\n", x.name, us, allocs, float64(size)/1e3, us/ours)
	}
	return peers(w, raw, ours)
}

// leaves walks all that a message says, unescaped.
func leaves(m *hl7.Message) int {
	n := 0
	for s := range m.Segments() {
		for f := 1; f <= s.Len(); f++ {
			for _, rep := range s.Field(f).Reps() {
				for c := 1; c <= rep.Components(); c++ {
					n += len(rep.Component(c).String())
				}
			}
		}
	}
	return n
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

// peers runs the public parsers, whose module is beside this program.
func peers(w io.Writer, raw []byte, ours float64) error {
	_, here, _, ok := runtime.Caller(0)
	folder := filepath.Join(filepath.Dir(here), "peers")
	if _, err := os.Stat(folder); !ok || err != nil {
		folder = filepath.Join("bench", "lab", "peers")
	}
	file, err := os.CreateTemp("", "lianzhen-bench-*.hl7")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	if _, err := file.Write(raw); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, "go", "run", ".", file.Name())
	run.Dir = folder
	out, err := run.Output()
	if err != nil {
		fmt.Fprintf(w, "public parsers: left out, their modules cannot be had here (%v)\n", err)
		return nil
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		f := strings.Split(lines.Text(), "\t")
		if len(f) < 5 || f[4] != "" {
			fmt.Fprintln(w, strings.Join(f, " "))
			continue
		}
		us, _ := strconv.ParseFloat(f[1], 64)
		size, _ := strconv.ParseFloat(f[3], 64)
		fmt.Fprintf(w, "%-44s %10.1f %12s %10.1f %8.2f\n", f[0], us, f[2], size/1e3, us/ours)
	}
	return nil
}

// largeReport is a message of panels with Chinese names, references and notes.
func largeReport(size int) string {
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
