// How well the limits of waves are found: every lead of LUDB, and the QT database, against what cardiologists marked.

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/wfdb"
	"github.com/lianzhen/lianzhen/ecg/beats"
	"github.com/lianzhen/lianzhen/ecg/delineate"
)

// The waves in the order of the tables, with the codes of their peaks in annotation files (WFDB annot(5)).
var (
	waveNames = [3]string{"P", "QRS", "T"}
	waveCodes = [3][]byte{{24}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, {27}}
)

const (
	annotationOpen  = 39 // "("
	annotationClose = 40 // ")"
	waveToleranceS  = 0.150
)

// span is a wave as it was marked or found; -1 where a limit is not said.
type span struct{ on, peak, off int }

// errorSum gathers differences, found minus marked, in ms.
type errorSum struct {
	n       int
	sum, sq float64
}

func (e *errorSum) add(ms float64) {
	e.n++
	e.sum += ms
	e.sq += ms * ms
}

func (e *errorSum) String() string {
	if e.n == 0 {
		return "      -      "
	}
	m := e.sum / float64(e.n)
	return fmt.Sprintf("%6.1f ± %4.1f", m, math.Sqrt(max(0, e.sq/float64(e.n)-m*m)))
}

// waveScore is one line of a table.
type waveScore struct {
	found, missed, wrong int
	on, peak, off        errorSum
}

func (s *waveScore) print(w io.Writer, name string, predictive bool) {
	pp := "     -"
	if predictive {
		pp = fmt.Sprintf("%6.2f", 100*float64(s.found)/float64(max(1, s.found+s.wrong)))
	}
	fmt.Fprintf(w, "  %-4s %6d  Se %6.2f  +P %s   on %s   peak %s   off %s\n", name, s.found+s.missed,
		100*float64(s.found)/float64(max(1, s.found+s.missed)), pp, &s.on, &s.peak, &s.off)
}

// score compares marked waves with found ones: each marked with the nearest found one within 150 ms. Found waves that have no partner are
// wrong, if they are within what the cardiologist looked at.
func (s *waveScore) score(marked, found []span, said span, rateHz float64) {
	used := make([]bool, len(found))
	for _, m := range marked {
		best := -1
		for i, f := range found {
			if d := distance(f, m); !used[i] && float64(d) <= waveToleranceS*rateHz && (best < 0 || d < distance(found[best], m)) {
				best = i
			}
		}
		if best < 0 {
			s.missed++
			continue
		}
		used[best] = true
		s.found++
		s.compare(m, found[best], rateHz)
	}
	for i, f := range found {
		if !used[i] && f.peak >= said.on && f.peak <= said.off {
			s.wrong++
		}
	}
}

func (s *waveScore) compare(marked, found span, rateHz float64) {
	ms := 1000 / rateHz
	s.peak.add(float64(found.peak-marked.peak) * ms)
	if marked.on >= 0 {
		s.on.add(float64(found.on-marked.on) * ms)
	}
	if marked.off >= 0 {
		s.off.add(float64(found.off-marked.off) * ms)
	}
}

func distance(a, b span) int { return max(a.peak-b.peak, b.peak-a.peak) }

func delineation(w io.Writer, data string) error {
	if err := delineationLUDB(w, filepath.Join(data, "ludb", "data")); err != nil {
		return err
	}
	return delineationQT(w, filepath.Join(data, "qtdb"))
}

func delineationLUDB(w io.Writer, folder string) error {
	var all, two, single [3]waveScore
	records, err := recordNames(folder)
	if err != nil {
		return err
	}
	for _, name := range records {
		t, signal, err := wfdbSignal(folder, name)
		if err != nil {
			return fmt.Errorf("ludb %s: %w", name, err)
		}
		qrs := beatPlaces(signal)
		waves := delineate.Leads(signal.Leads, signal.RateHz, qrs)
		for l := range signal.Leads {
			label := strings.ToLower(t.Rhythm().Leads[l].Code.Label())
			marks, err := readMarks(filepath.Join(folder, name+"."+label))
			if err != nil {
				return fmt.Errorf("ludb %s: %w", name, err)
			}
			if len(marks) == 0 {
				continue
			}
			alone := delineate.Lead(signal.Leads[l], signal.RateHz, qrs)
			for k := range waveNames {
				marked := spansOf(marks, waveCodes[k])
				said := span{on: int(marks[0].Sample), off: int(marks[len(marks)-1].Sample)}
				all[k].score(marked, foundSpans(waves[l], k), said, signal.RateHz)
				single[k].score(marked, foundSpans(alone, k), said, signal.RateHz)
				if label == "ii" {
					two[k].score(marked, foundSpans(waves[l], k), said, signal.RateHz)
				}
			}
		}
	}
	fmt.Fprintf(w, "Delineation, LUDB, %d records, beats found by ecg/beats (found minus marked, mean ± SD ms)\n", len(records))
	for _, table := range []struct {
		name  string
		score *[3]waveScore
	}{{"all leads, with support of the others", &all}, {"lead II of them", &two}, {"all leads, each by itself", &single}} {
		fmt.Fprintf(w, " %s\n", table.name)
		for k := range waveNames {
			table.score[k].print(w, waveNames[k], true)
		}
	}
	fmt.Fprintln(w, " goal: P Se 98 +P 96, on/off SD 13/12; QRS on/off SD 8/9; T Se 99 +P 99, off SD 18")
	return nil
}

// delineationQT scores the beats that the first cardiologist marked (q1c); of the two leads the better one counts for each wave, as in
// Martinez et al. 2004.
func delineationQT(w io.Writer, folder string) error {
	var total [3]waveScore
	records, err := recordNames(folder)
	if err != nil {
		return err
	}
	for _, name := range records {
		marks, err := readMarks(filepath.Join(folder, name+".q1c"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("qtdb %s: %w", name, err)
		}
		_, signal, err := wfdbSignal(folder, name)
		if err != nil {
			return fmt.Errorf("qtdb %s: %w", name, err)
		}
		qrs := beatPlaces(signal)
		leads := make([][]delineate.Waves, len(signal.Leads))
		for l, x := range signal.Leads {
			leads[l] = delineate.Lead(x, signal.RateHz, qrs)
		}
		for k := range waveNames {
			for _, m := range spansOf(marks, waveCodes[k]) {
				if f, ok := nearest(m, leads, k, signal.RateHz); ok {
					total[k].found++
					total[k].compare(m, f, signal.RateHz)
				} else {
					total[k].missed++
				}
			}
		}
	}
	fmt.Fprintf(w, "Delineation, QT database, %d records, beats marked by the first cardiologist, better of two leads\n", len(records))
	for k := range waveNames {
		total[k].print(w, waveNames[k], false)
	}
	fmt.Fprintln(w, " Martinez 2004: P Se 98.87, on 2.0 ± 14.8, off 1.9 ± 12.8; QRS on 4.6 ± 7.7, off 0.8 ± 8.7; T Se 99.77, off -1.6 ± 18.1")
	return nil
}

// nearest is the found wave of any lead that fits a mark best over all its limits.
func nearest(m span, leads [][]delineate.Waves, k int, rateHz float64) (best span, ok bool) {
	least := math.MaxInt
	for _, waves := range leads {
		for _, f := range foundSpans(waves, k) {
			if float64(distance(f, m)) > waveToleranceS*rateHz {
				continue
			}
			cost := distance(f, m)
			if m.on >= 0 || m.off >= 0 {
				cost = 0
			}
			if m.on >= 0 {
				cost += max(f.on-m.on, m.on-f.on)
			}
			if m.off >= 0 {
				cost += max(f.off-m.off, m.off-f.off)
			}
			if cost < least {
				least, best, ok = cost, f, true
			}
		}
	}
	return best, ok
}

func foundSpans(waves []delineate.Waves, k int) []span {
	var out []span
	for _, w := range waves {
		if v := [3]delineate.Wave{w.P, w.QRS, w.T}[k]; v.OK {
			out = append(out, span{v.On, v.Peak, v.Off})
		}
	}
	return out
}

// spansOf gives the marked waves of some codes. The marks of limits stand around the peak; LUDB has some peaks before their onset.
func spansOf(marks []wfdb.Annotation, codes []byte) []span {
	var out []span
	is := func(i int, code byte) bool { return i >= 0 && i < len(marks) && marks[i].Code == code }
	for i, m := range marks {
		if !slices.Contains(codes, m.Code) {
			continue
		}
		s := span{-1, int(m.Sample), -1}
		switch {
		case is(i-1, annotationOpen):
			s.on = int(marks[i-1].Sample)
		case is(i+1, annotationOpen) && is(i+2, annotationClose):
			s.on, s.off = int(marks[i+1].Sample), int(marks[i+2].Sample)
		}
		if is(i+1, annotationClose) {
			s.off = int(marks[i+1].Sample)
		}
		out = append(out, s)
	}
	return out
}

func readMarks(path string) ([]wfdb.Annotation, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return wfdb.ReadAnnotations(b)
}

func recordNames(folder string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.hea"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%w: no records in %s", fs.ErrNotExist, filepath.Base(folder))
	}
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = strings.TrimSuffix(filepath.Base(p), ".hea")
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return out, nil
}

// wfdbSignal reads a record; missing samples repeat the one before.
func wfdbSignal(folder, name string) (*tracing.Tracing, beats.Signal, error) {
	t, err := wfdb.ReadFS(os.DirFS(folder), name)
	if err != nil {
		return nil, beats.Signal{}, err
	}
	g := t.Rhythm()
	if filepath.Base(filepath.Dir(folder)) == "ludb" {
		microvoltsOfLUDB(g)
	}
	s := beats.Signal{RateHz: g.Rate.Float()}
	for l := range g.Leads {
		x := make([]float64, g.Len())
		last := 0.0
		for i := range x {
			if v := g.Leads[l].UV(i); !math.IsNaN(v) {
				last = v
			}
			x[i] = last
		}
		s.Leads = append(s.Leads, x)
	}
	return t, s, nil
}

// microvoltsOfLUDB replaces the sizes of samples. The headers of LUDB scale every lead by itself to one millivolt from lowest to highest, so that
// no lead fits to another; the samples themselves obey Einthoven's law and are microvolts.
func microvoltsOfLUDB(g *tracing.Group) {
	for l := range g.Leads {
		g.Leads[l].NVPerLSB, g.Leads[l].OffsetNV = tracing.Whole(1000), tracing.Whole(0)
	}
}

func beatPlaces(s beats.Signal) []int {
	var out []int
	for _, b := range beats.Detect(s) {
		out = append(out, b.At)
	}
	return out
}
