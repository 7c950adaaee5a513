// One recording in several formats: the readers must agree.

package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
)

// sameSets are files of one recording, by patterns of their paths; within is what the worse of the formats loses, in microvolts.
var sameSets = []struct {
	name, a, b string
	within     float64
}{
	{"A: SCP = DICOM", "scp/ecgtoolkit_Example.scp", "dicom/ecgtoolkit_Example.dcm", 0},
	{"A: SCP = aECG", "scp/ecgtoolkit_Example.scp", "aecg/ecgtoolkit_Example.xml", 0},
	{"A: SCP = ISHNE", "scp/ecgtoolkit_Example.scp", "derived/Example.ishne", 0},
	{"A: SCP = SCP again", "scp/ecgtoolkit_Example.scp", "derived/Example.scp-ecg", 0},
	{"A: SCP = DICOM again", "scp/ecgtoolkit_Example.scp", "derived/Example.dicom", 0},
	{"A: SCP = aECG again", "scp/ecgtoolkit_Example.scp", "derived/Example.aecg", 0},
	{"A: SCP ~ MUSE in steps of 4.88", "scp/ecgtoolkit_Example.scp", "derived/Example.muse-xml", 2 * 4.88},
	{"A: SCP ~ EDF", "scp/ecgtoolkit_Example.scp", "derived/Example_biosig.edf", 0.045},
	{"B: Philips XLI ~ its aECG, filtered", "philips/ad4d3d80*", "*/ad4d3d80*", 20},
	{"C: Contec ~ its SCP", "contec/0000050.ECG", "contec/0000050.ECG.scp", 2.5},
	{"SCP ~ WFDB's parsescp, smoothed", "scp/wfdb_test.scp", "scp/wfdb_test.hea", math.Inf(1)},
	{"D: WFDB = EDF, mitdb 100", "wfdb/100.hea", "*/100.edf", 1},
	{"D: WFDB = EDF, PTB s0010_re", "wfdb/s0010_re.hea", "*/s0010_re.edf", 1},
	{"E: WFDB = EDF+, generator", "wfdb/test_generator_2.hea", "edf/test_generator_2.edf", 1},
}

func sameRecordings(w io.Writer, data string) {
	fmt.Fprintln(w, "one recording in two formats: how many samples are equal, and the largest difference of any")
	fmt.Fprintf(w, "  %-40s %5s %9s %8s %10s %8s\n", "set", "leads", "samples", "equal %", "worst uV", "allowed")
	for _, set := range sameSets {
		a := firstFile(data, set.a, "")
		b := firstFile(data, set.b, a)
		if a == "" || b == "" {
			fmt.Fprintf(w, "  %-40s not there\n", set.name)
			continue
		}
		ta, errA := readAny(data, a)
		tb, errB := readAny(data, b)
		if err := errors.Join(errA, errB); err != nil {
			fmt.Fprintf(w, "  %-40s %v\n", set.name, err)
			continue
		}
		leads, samples, equal, worst := largestApart(ta, tb)
		verdict := ""
		if worst > set.within || leads == 0 {
			verdict = "  TOO FAR"
		}
		fmt.Fprintf(w, "  %-40s %5d %9d %8.2f %10.4g %8.4g%s\n",
			set.name, leads, samples, 100*float64(equal)/float64(max(1, samples)), worst, set.within, verdict)
	}
	fmt.Fprintln(w)
}

// firstFile is the first file of a pattern, as a path in the folder, that is of another format than the file beside.
func firstFile(data, pattern, beside string) string {
	found, _ := filepath.Glob(filepath.Join(data, pattern))
	for _, path := range found {
		name, err := filepath.Rel(data, path)
		if err == nil && (beside == "" || name != beside && (formatOf(data, name) != formatOf(data, beside) || !strings.Contains(pattern, "*"))) {
			return name
		}
	}
	return ""
}

// formatOf is what a file's first bytes say.
func formatOf(data, name string) tracing.Format {
	f, err := os.Open(filepath.Join(data, name))
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := io.ReadFull(f, head)
	format, _ := formats.Sniff(head[:n])
	return format
}

// largestApart compares the leads that two tracings have in common, but for those of an electrode that was off. A sample that only one of
// them has differs without bound.
func largestApart(a, b *tracing.Tracing) (leads, samples, equal int, worst float64) {
	ga, gb := a.Rhythm(), b.Rhythm()
	if ga == nil || gb == nil {
		return 0, 0, 0, 0
	}
	for i := range ga.Leads {
		la := &ga.Leads[i]
		lb := leadLike(gb, la.Label)
		if la.Code != "" {
			lb = gb.Lead(la.Code)
		}
		if lb == nil || la.Off || lb.Off {
			continue
		}
		leads++
		n := min(len(la.Samples), len(lb.Samples))
		samples += n
		for k := range n {
			x, y := la.UV(k), lb.UV(k)
			switch {
			case x == y, math.IsNaN(x) && math.IsNaN(y):
				equal++
			case math.IsNaN(x) || math.IsNaN(y):
				worst = math.Inf(1)
			default:
				worst = max(worst, math.Round(math.Abs(x-y)*1e6)/1e6)
			}
		}
	}
	return leads, samples, equal, worst
}
