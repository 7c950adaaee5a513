// How well beats are found: the MIT-BIH Arrhythmia Database, the QT Database and LUDB, as many records as there are.
//
// A marked beat and a found one belong together within 150 ms, as in AAMI EC57 and WFDB's bxb. All of a record counts, from its first
// second (bxb -f 0). Within episodes of ventricular flutter or fibrillation, from "[" to "]", no beat is missed and none is wrong.

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing/wfdb"
)

const beatToleranceS = 0.150

// beatCodes are the annotations of beats: those of 1 to 13, B, ?, e, n, f and r.
var beatCodes = []string{"N", "L", "R", "a", "V", "F", "J", "A", "S", "E", "j", "/", "Q", "B", "?", "e", "n", "f", "r"}

// beatScore is one line of a table.
type beatScore struct {
	found, missed, wrong int
	rr                   errorSum // of intervals between two found beats that follow each other in the marks
}

func (s *beatScore) add(o beatScore) {
	s.found += o.found
	s.missed += o.missed
	s.wrong += o.wrong
	s.rr.n += o.rr.n
	s.rr.sum += o.rr.sum
	s.rr.sq += o.rr.sq
}

func (s *beatScore) print(w io.Writer, name string) {
	se := 100 * float64(s.found) / float64(max(1, s.found+s.missed))
	pp := 100 * float64(s.found) / float64(max(1, s.found+s.wrong))
	fmt.Fprintf(w, "  %-10s %7d beats  missed %4d  wrong %4d  Se %7.3f  +P %7.3f  RR error %5.1f ms\n",
		name, s.found+s.missed, s.missed, s.wrong, se, pp, math.Sqrt(s.rr.sq/float64(max(1, s.rr.n))))
}

// match compares found beats with marked ones, both in order of time. excused: where found beats are not wrong.
func match(marked, found []int, rateHz float64, excused func(int) bool) beatScore {
	near := int(beatToleranceS * rateHz)
	apart := func(i, j int) int {
		if i < 0 || j < 0 || i >= len(marked) || j >= len(found) {
			return math.MaxInt
		}
		return max(marked[i]-found[j], found[j]-marked[i])
	}
	var s beatScore
	lastMark, lastFound := -1, 0
	for i, j := 0, 0; i < len(marked) || j < len(found); {
		d := apart(i, j)
		switch {
		case d <= near && apart(i, j+1) < d && apart(i, j+1) < apart(i+1, j+1), d > near && (i >= len(marked) || j < len(found) && found[j] < marked[i]):
			if !excused(found[j]) {
				s.wrong++
			}
			j++
		case d <= near && apart(i+1, j) < d && apart(i+1, j) < apart(i+1, j+1), d > near:
			s.missed++
			i++
		default:
			s.found++
			if lastMark == i-1 && i > 0 {
				s.rr.add(1000 * float64((found[j]-lastFound)-(marked[i]-marked[i-1])) / rateHz)
			}
			lastMark, lastFound = i, found[j]
			i, j = i+1, j+1
		}
	}
	return s
}

// marksOf are the marked beats outside episodes of ventricular flutter, and those episodes.
func marksOf(as []wfdb.Annotation) (marked []int, episodes [][2]int) {
	open := -1
	for _, a := range as {
		switch {
		case a.Mnemonic == "[":
			open = int(a.Sample)
		case a.Mnemonic == "]" && open >= 0:
			episodes = append(episodes, [2]int{open, int(a.Sample)})
			open = -1
		case open < 0 && slices.Contains(beatCodes, a.Mnemonic):
			marked = append(marked, int(a.Sample))
		}
	}
	if open >= 0 {
		episodes = append(episodes, [2]int{open, math.MaxInt - 1000})
	}
	return marked, episodes
}

func qrs(w io.Writer, data string) error {
	if err := qrsRecords(w, filepath.Join(data, "mitdb"), "MIT-BIH Arrhythmia Database, both channels", true); err != nil {
		return err
	}
	if err := qrsRecords(w, filepath.Join(data, "qtdb"), "QT Database, both channels, records with all beats marked (.atr)", false); err != nil {
		return err
	}
	return qrsLUDB(w, filepath.Join(data, "ludb", "data"))
}

func qrsRecords(w io.Writer, folder, title string, each bool) error {
	names, err := recordNames(folder)
	if err != nil {
		return absent(w, title, err)
	}
	fmt.Fprintln(w, title)
	var all beatScore
	n := 0
	for _, name := range names {
		as, err := readMarks(filepath.Join(folder, name+".atr"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		marked, episodes := marksOf(as)
		if len(marked) < 50 { // a record of some marked beats says nothing about the others
			continue
		}
		_, s, err := wfdbSignal(folder, name)
		if err != nil {
			return err
		}
		near := int(beatToleranceS * s.RateHz)
		score := match(marked, beatPlaces(s), s.RateHz, func(at int) bool {
			return slices.ContainsFunc(episodes, func(e [2]int) bool { return at >= e[0]-near && at <= e[1]+near })
		})
		if each {
			score.print(w, name)
		}
		all.add(score)
		n++
	}
	all.print(w, fmt.Sprintf("%d records", n))
	return nil
}

// absent says that a database is not there, which is no error.
func absent(w io.Writer, title string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(w, "%s: not there\n", title)
		return nil
	}
	return err
}

// qrsLUDB takes as marked what at least half of the leads mark; found beats before the first and after the last of these do not count, as the
// ends of the records are not marked.
func qrsLUDB(w io.Writer, folder string) error {
	const title = "LUDB, twelve leads"
	names, err := recordNames(folder)
	if err != nil {
		return absent(w, title, err)
	}
	var all beatScore
	for _, name := range names {
		_, s, err := wfdbSignal(folder, name)
		if err != nil {
			return err
		}
		marked, err := ludbBeats(folder, name, s.RateHz)
		if err != nil {
			return err
		}
		if len(marked) == 0 {
			continue
		}
		near := int(beatToleranceS * s.RateHz)
		lo, hi := marked[0]-near, marked[len(marked)-1]+near
		all.add(match(marked, beatPlaces(s), s.RateHz, func(at int) bool { return at < lo || at > hi }))
	}
	fmt.Fprintln(w, title)
	all.print(w, fmt.Sprintf("%d records", len(names)))
	return nil
}

func ludbBeats(folder, name string, rateHz float64) ([]int, error) {
	var peaks []int
	leads := strings.Fields("i ii iii avr avl avf v1 v2 v3 v4 v5 v6")
	for _, lead := range leads {
		as, err := readMarks(filepath.Join(folder, name+"."+lead))
		if err != nil {
			return nil, err
		}
		for _, a := range as {
			if a.Mnemonic == "N" {
				peaks = append(peaks, int(a.Sample))
			}
		}
	}
	slices.Sort(peaks)
	var out []int
	for i := 0; i < len(peaks); {
		j, sum := i, 0
		for ; j < len(peaks) && float64(peaks[j]-peaks[i]) < beatToleranceS*rateHz; j++ {
			sum += peaks[j]
		}
		if 2*(j-i) >= len(leads) {
			out = append(out, sum/(j-i))
		}
		i = j
	}
	return out, nil
}
