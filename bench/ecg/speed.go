// Speed: how long a file takes to be read, to be measured and drafted, and to be drawn; how many a machine does in a second; and what a day
// of twelve leads takes.

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/ecg/conclusion"
	"github.com/lianzhen/lianzhen/ecg/holter"
	"github.com/lianzhen/lianzhen/ecg/measure"
	"github.com/lianzhen/lianzhen/ecg/paper"
)

func speed(w io.Writer, data string) error {
	if err := parsing(w, data); err != nil {
		return err
	}
	if err := drafting(w); err != nil {
		return err
	}
	return oneDay(w)
}

// quantiles are of times, which they sort.
func quantiles(times []time.Duration) (p50, p99 time.Duration) {
	slices.Sort(times)
	return times[len(times)/2], times[min(len(times)-1, len(times)*99/100)]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// repeated times f at least ten times and for 300 ms.
func repeated(f func() error) ([]time.Duration, error) {
	var times []time.Duration
	for began := time.Now(); len(times) < 10 || time.Since(began) < 300*time.Millisecond; {
		at := time.Now()
		if err := f(); err != nil {
			return nil, err
		}
		times = append(times, time.Since(at))
	}
	return times, nil
}

// parsing times the largest sample file of each format that one page of paper holds.
func parsing(w io.Writer, data string) error {
	files := map[string][]byte{}
	err := eachFile(data, func(_ string, f tracing.Format, b []byte) {
		if len(b) <= len(files[string(f)]) {
			return
		}
		if t, err := formats.Read(b); err == nil && t.Rhythm() != nil {
			files[string(f)] = b
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "speed: reading the largest sample file of each format, one core")
	fmt.Fprintf(w, "  %-22s %9s %6s %8s %8s %8s %8s\n", "format", "bytes", "leads", "samples", "p50 ms", "p99 ms", "MB/s")
	for _, name := range sorted(files) {
		b := files[name]
		var t *tracing.Tracing
		times, err := repeated(func() (err error) {
			t, err = formats.Read(b)
			return err
		})
		if err != nil {
			return err
		}
		p50, p99 := quantiles(times)
		g := t.Rhythm()
		fmt.Fprintf(w, "  %-22s %9d %6d %8d %8.3f %8.3f %8.1f\n", name, len(b), len(g.Leads), g.Len(), ms(p50), ms(p99), float64(len(b))/1e6/p50.Seconds())
	}
	fmt.Fprintln(w)
	return nil
}

// invented are tracings of ten seconds as files, of all kinds and of three formats.
func invented() ([][]byte, error) {
	var files [][]byte
	for i := range 4 * len(synth.Kinds) {
		t := synth.Make(synth.Spec{Kind: synth.Kinds[i%len(synth.Kinds)], Seed: uint64(i)})
		var b bytes.Buffer
		if err := formats.Write(&b, []string{"dicom", "scp", "aecg"}[i%3], t); err != nil {
			return nil, err
		}
		files = append(files, b.Bytes())
	}
	return files, nil
}

// stages of one tracing on its way from a file to a draft.
type stages struct{ read, analysed, drafted, drawn []time.Duration }

func (s *stages) all() []time.Duration {
	all := make([]time.Duration, len(s.read))
	for i := range all {
		all[i] = s.read[i] + s.analysed[i] + s.drafted[i]
	}
	return all
}

func (s *stages) run(b []byte) error {
	began := time.Now()
	t, err := formats.Read(b)
	if err != nil {
		return err
	}
	read := time.Now()
	r, err := measure.Analyse(t)
	if err != nil {
		return err
	}
	analysed := time.Now()
	items := conclusion.Draft(r, t.Statements, "zh")
	drafted := time.Now()
	sheet := &paper.Sheet{Tracing: t}
	for _, item := range items {
		sheet.Statements = append(sheet.Statements, item.Text)
	}
	if err := paper.PDF(io.Discard, sheet); err != nil {
		return err
	}
	s.read, s.analysed = append(s.read, read.Sub(began)), append(s.analysed, analysed.Sub(read))
	s.drafted, s.drawn = append(s.drafted, drafted.Sub(analysed)), append(s.drawn, time.Since(drafted))
	return nil
}

func drafting(w io.Writer) error {
	files, err := invented()
	if err != nil {
		return err
	}
	var s stages
	for range 3 {
		for _, b := range files {
			if err := s.run(b); err != nil {
				return err
			}
		}
	}
	fmt.Fprintln(w, "one ECG of ten seconds, 12 leads at 500 Hz, from the file's bytes")
	fmt.Fprintf(w, "  %d invented ones of all kinds, as DICOM, SCP-ECG and aECG\n", len(files))
	for _, row := range []struct {
		name  string
		times []time.Duration
	}{{"read", s.read}, {"analysed", s.analysed}, {"drafted", s.drafted}, {"all three", s.all()}, {"PDF drawn", s.drawn}} {
		p50, p99 := quantiles(row.times)
		fmt.Fprintf(w, "  %-12s p50 %7.2f ms  p99 %7.2f ms\n", row.name, ms(p50), ms(p99))
	}
	before := processorTime()
	n, took, err := manyAtOnce(files)
	if err != nil {
		return err
	}
	cores := runtime.GOMAXPROCS(0)
	fmt.Fprintf(w, "  from bytes to draft on %d cores: %.0f a second; by processor time, as if the machine did nothing else, %.0f\n\n",
		cores, float64(n)/took.Seconds(), float64(n)*float64(cores)/(processorTime()-before).Seconds())
	return nil
}

// processorTime is what this program has used of the processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// manyAtOnce drafts files on all cores for three seconds.
func manyAtOnce(files [][]byte) (n int64, took time.Duration, err error) {
	var next, failed atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for time.Since(began) < 3*time.Second && failed.Load() == 0 {
				t, err := formats.Read(files[int(next.Add(1))%len(files)])
				if err == nil {
					var r *measure.Result
					if r, err = measure.Analyse(t); err == nil {
						conclusion.Draft(r, t.Statements, "zh")
					}
				}
				if err != nil {
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if failed.Load() > 0 {
		return 0, 0, fmt.Errorf("%d of the invented ECGs failed", failed.Load())
	}
	return next.Load(), time.Since(began), nil
}

// endless is a file that repeats a block of samples behind a header. It takes no disk, and no more memory than the block.
type endless struct {
	header, block []byte
	size          int64
}

// ReadAt is that of the file.
func (e *endless) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) && off < e.size {
		from := e.header
		at := off
		if off >= int64(len(e.header)) {
			from, at = e.block, (off-int64(len(e.header)))%int64(len(e.block))
		}
		k := copy(p[n:min(int64(len(p)), int64(n)+e.size-off)], from[at:])
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// dayRateHz is what ambulatory recorders of twelve leads take.
const dayRateHz = 500

// day is an ISHNE file of 24 hours that repeats ten minutes.
func day() *endless {
	t := synth.Make(synth.Spec{Kind: synth.PVCs, Seconds: 600, RateHz: dayRateHz})
	g := t.Rhythm()
	e := &endless{header: make([]byte, 522), block: make([]byte, 0, 2*g.Len()*len(g.Leads))}
	for k := range g.Len() {
		for i := range g.Leads {
			e.block = binary.LittleEndian.AppendUint16(e.block, uint16(g.Leads[i].Samples[k]))
		}
	}
	put := func(at int, v int) { binary.LittleEndian.PutUint16(e.header[at:], uint16(v)) }
	copy(e.header, "ISHNE1.0")
	samples := 24 * 3600 * dayRateHz
	binary.LittleEndian.PutUint32(e.header[14:], uint32(samples))
	binary.LittleEndian.PutUint32(e.header[18:], 522)
	binary.LittleEndian.PutUint32(e.header[22:], 522)
	put(26, 1)
	for i, v := range []int{1, 6, 2026, 8, 0, 0} {
		put(138+2*i, v)
	}
	put(156, len(g.Leads))
	for i := range g.Leads {
		put(158+2*i, 5+i) // I, II, III, aVR, aVL, aVF, V1 to V6
		put(206+2*i, int(g.Leads[i].NVPerLSB.Float()))
	}
	put(272, dayRateHz)
	e.size = int64(len(e.header)) + int64(samples)*int64(len(g.Leads))*2
	return e
}

func oneDay(w io.Writer) error {
	file := day()
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	base, peak := mem.HeapAlloc, mem.HeapAlloc
	began := time.Now()
	rec, err := formats.Open(file, file.size)
	if err != nil {
		return err
	}
	s, err := holter.Summarise(context.Background(), rec, func(int64, int64) {
		runtime.ReadMemStats(&mem)
		peak = max(peak, mem.HeapAlloc)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "a day of 12 leads at %d Hz as ISHNE, %.2f GB: summed up in %.1f s with at most %.0f MB; %d beats, %d ventricular\n\n",
		dayRateHz, float64(file.size)/1e9, time.Since(began).Seconds(), float64(peak-base)/1e6, s.Beats, s.Ventricular)
	return nil
}
