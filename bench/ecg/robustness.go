// Robustness: every sample file cut off after every hundredth of its length. A reader may refuse what is left, or show it with a warning;
// it must not fail, show it as if it were whole, or take more memory than four times the file.

package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
)

// cutScore is what became of the pieces of one file, or of all files of a format.
type cutScore struct {
	files, pieces, shown, refused, silent, panics int
	kept, used                                    float64 // memory of what was read, and all that was allocated for it, in lengths of the file
}

func (s *cutScore) add(o cutScore) {
	s.files += o.files
	s.pieces += o.pieces
	s.shown += o.shown
	s.refused += o.refused
	s.silent += o.silent
	s.panics += o.panics
	s.kept, s.used = max(s.kept, o.kept), max(s.used, o.used)
}

func (s *cutScore) print(w io.Writer, name string) {
	fmt.Fprintf(w, "  %-22s %5d %7d %7d %6.1f %8d %7d %7d %7.1f %7.1f\n",
		name, s.files, s.pieces, s.shown, 100*float64(s.shown)/float64(max(1, s.pieces)), s.refused, s.silent, s.panics, s.kept, s.used)
}

// cutFolders are those of single files; the records of databases are sets of files.
var cutFolders = []string{"aecg", "beneheart", "contec", "derived", "dicom", "edan", "edf", "ishne", "mfer", "muse", "philips", "scp", "zoncare"}

// leastCut is less than a strip of waveform takes in any format: smaller files are examples of structure, and their pieces have nothing to
// show.
const leastCut = 4 << 10

// eachFile calls do with every sample file of a known format.
func eachFile(data string, do func(path string, f tracing.Format, b []byte)) error {
	for _, folder := range cutFolders {
		err := filepath.WalkDir(filepath.Join(data, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil // a folder that is not there has no files
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if f, ok := formats.Sniff(b); ok {
				do(path, f, b)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func robustness(w io.Writer, data string) error {
	fmt.Fprintln(w, "robustness: every file cut off after 0 to 99 % of its length")
	fmt.Fprintf(w, "  %-22s %5s %7s %7s %6s %8s %7s %7s %7s %7s\n",
		"format", "files", "pieces", "warned", "%", "refused", "silent", "panics", "kept x", "used x")
	by := map[string]cutScore{}
	err := eachFile(data, func(path string, f tracing.Format, b []byte) {
		if len(b) < leastCut {
			return
		}
		s := by[string(f)]
		s.add(cutFile(w, strings.TrimPrefix(path, data), b))
		by[string(f)] = s
	})
	if err != nil {
		return err
	}
	var total cutScore
	for _, name := range sorted(by) {
		s := by[name]
		s.print(w, name)
		total.add(s)
	}
	total.print(w, "total")
	fmt.Fprintln(w, "  warned: shown with a warning; silent: shown without one; kept: memory of the tracing read, and used: all that was allocated")
	fmt.Fprintln(w, "  on the way, the most of any file, in lengths of it: a sample takes four bytes, in a file of SCP-ECG or aECG often less than one")
	fmt.Fprintln(w)
	return nil
}

// cutFile reads a file that is whole, if it can be read, and then its pieces. A file that is refused whole is not cut.
func cutFile(w io.Writer, name string, b []byte) cutScore {
	var s cutScore
	kept, used, t, err := memory(b)
	if err != nil || t.Rhythm() == nil {
		fmt.Fprintf(w, "  %s has no waveform, or is refused whole, and is not cut\n", name)
		return s
	}
	s.files, s.kept, s.used = 1, kept/float64(len(b)), used/float64(len(b))
	whole := len(t.Warnings)
	for percent := range 100 {
		s.pieces++
		switch t, err := formats.Read(b[:len(b)*percent/100]); {
		case err != nil:
			s.refused++
			if strings.Contains(err.Error(), "the reader failed") {
				s.panics++
				fmt.Fprintf(w, "  %s at %d %%: %v\n", name, percent, err)
			}
		case warnsOfCut(t, whole):
			s.shown++
		default:
			s.silent++
			fmt.Fprintf(w, "  %s at %d %% is shown as if it were whole\n", name, percent)
		}
	}
	return s
}

// warnsOfCut tells whether the tracing has a warning beside those of the whole file.
func warnsOfCut(t *tracing.Tracing, whole int) bool {
	for _, x := range t.Warnings {
		if x.Code == tracing.Truncated || x.Code == tracing.Inconsistent || x.Code == tracing.BadChecksum {
			return true
		}
	}
	return len(t.Warnings) > whole
}

// memory reads a file and tells how much the tracing takes, and how much was allocated to read it, of which most is free again.
func memory(b []byte) (kept, used float64, t *tracing.Tracing, err error) {
	var before, after, settled runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	t, err = formats.Read(b)
	runtime.ReadMemStats(&after)
	runtime.GC()
	runtime.ReadMemStats(&settled)
	return max(0, float64(settled.HeapAlloc)-float64(before.HeapAlloc)), float64(after.TotalAlloc - before.TotalAlloc), t, err
}
