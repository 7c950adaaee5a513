// Fidelity: what our readers make of real files against what independent readers made of them, and files of one recording in several
// formats against each other.
//
// reference.json has for each file, by its path in the folder, the first ten samples, minimum, maximum and mean of each lead in
// microvolts. An error counts in units of the file's own samples (LSB), too: one that is less than a hundredth of a unit is the
// reference's rounding.

package main

import (
	"encoding/json"
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
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	"github.com/lianzhen/lianzhen/codec/tracing/wfdb"
)

// reference is one file of reference.json.
type reference struct {
	Format string                   `json:"format"`
	Tool   string                   `json:"tool"`
	FS     float64                  `json:"fs"`
	Leads  map[string]leadReference `json:"leads"`
}

type leadReference struct {
	N     int       `json:"n"`
	First []float64 `json:"first10_uV"`
	Min   *float64  `json:"min_uV"`
	Max   *float64  `json:"max_uV"`
	Mean  *float64  `json:"mean_uV"`
}

// fidelityScore is one line, or the total.
type fidelityScore struct {
	leads, missing, exact, lengths int
	worstUV, worstLSB              float64
}

func (s *fidelityScore) add(o fidelityScore) {
	s.leads += o.leads
	s.missing += o.missing
	s.exact += o.exact
	s.lengths += o.lengths
	s.worstUV, s.worstLSB = max(s.worstUV, o.worstUV), max(s.worstLSB, o.worstLSB)
}

func fidelity(w io.Writer, data string) error {
	b, err := os.ReadFile(filepath.Join(data, "reference.json"))
	if err != nil {
		return err
	}
	var all map[string]reference
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("reference.json: %w", err)
	}
	fmt.Fprintln(w, "fidelity: first samples, minimum, maximum and mean of each lead against other readers")
	fmt.Fprintf(w, "  %-40s %-20s %5s %5s %7s %7s %10s %8s\n",
		"file", "format", "leads", "exact", "missing", "rate", "worst uV", "LSB")
	var total fidelityScore
	files, refused, absent, smoothed := 0, 0, 0, 0
	for _, name := range sorted(all) {
		t, err := readAny(data, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			absent++
			continue
		case err != nil:
			refused++
			fmt.Fprintf(w, "  %-40s refused: %v\n", name, err)
			continue
		}
		files++
		if s := fileFidelity(w, name, all[name], t); all[name].smoothed() {
			smoothed++
		} else {
			total.add(s)
		}
	}
	fmt.Fprintf(w, "  total: %d files, %d refused, %d not there; ", files, refused, absent)
	fmt.Fprintf(w, "%d of %d leads exact, %d of another length, %d missing; worst %.4g uV, %.3g LSB\n",
		total.exact, total.leads, total.lengths, total.missing, total.worstUV, total.worstLSB)
	if smoothed > 0 {
		fmt.Fprintf(w, "  %d with a reference by parsescp are not in the total: it smooths what lies outside the beats\n", smoothed)
	}
	fmt.Fprintln(w)
	sameRecordings(w, data)
	return nil
}

// smoothed tells a reference that is no one's samples: WFDB's parsescp takes a running mean of SCP-ECG's residual.
func (r reference) smoothed() bool { return strings.Contains(r.Tool, "parsescp") }

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// readAny reads a file by its content; a record of WFDB by its header, which stands beside its signals.
func readAny(data, name string) (*tracing.Tracing, error) {
	for _, record := range []string{strings.TrimSuffix(name, ".hea"), strings.TrimSuffix(strings.TrimSuffix(name, ".dat"), ".mat")} {
		if _, err := os.Stat(filepath.Join(data, record+".hea")); err == nil {
			folder, base := filepath.Split(record)
			return wfdb.ReadFS(renamed{os.DirFS(filepath.Join(data, folder)), base}, base)
		}
	}
	b, err := os.ReadFile(filepath.Join(data, name))
	if err != nil {
		return nil, err
	}
	return formats.Read(b)
}

// renamed finds the files of a record whose header names them otherwise, because the record was renamed.
type renamed struct {
	fs.FS
	record string
}

// Open opens the file of a name, else that of the record with the name's extension.
func (r renamed) Open(name string) (fs.File, error) {
	f, err := r.FS.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return r.FS.Open(r.record + filepath.Ext(name))
	}
	return f, err
}

func fileFidelity(w io.Writer, name string, ref reference, t *tracing.Tracing) fidelityScore {
	var s fidelityScore
	g := t.Rhythm()
	if g == nil {
		fmt.Fprintf(w, "  %-40s %-20s no rhythm\n", name, t.Format)
		s.missing = len(ref.Leads)
		return s
	}
	for _, label := range sorted(ref.Leads) {
		l := leadLike(g, label)
		if l == nil {
			s.missing++
			continue
		}
		s.add(leadFidelity(ref.Leads[label], l))
	}
	rate := "same"
	if math.Abs(g.Rate.Float()-ref.FS) > 1e-6*ref.FS {
		rate = g.Rate.String()
	}
	fmt.Fprintf(w, "  %-40s %-20s %5d %5d %7d %7s %10.4g %8.3g\n", name, t.Format, s.leads, s.exact, s.missing, rate, s.worstUV, s.worstLSB)
	return s
}

// leadLike finds a lead as another reader calls it: "Lead I (Einthoven)", "aVR, augmented voltage, right".
func leadLike(g *tracing.Group, label string) *tracing.Lead {
	name, _, _ := strings.Cut(label, "(")
	name, _, _ = strings.Cut(name, ",")
	if code := tracing.LeadNamed(name); code != "" {
		return g.Lead(code)
	}
	for i := range g.Leads {
		if strings.EqualFold(g.Leads[i].Label, label) {
			return &g.Leads[i]
		}
	}
	return nil
}

func leadFidelity(ref leadReference, l *tracing.Lead) fidelityScore {
	s := fidelityScore{leads: 1}
	if len(l.Samples) != ref.N {
		s.lengths++
	}
	low, high, sum, n := math.Inf(1), math.Inf(-1), 0.0, 0
	for k := range l.Samples {
		if v := l.UV(k); !math.IsNaN(v) {
			low, high, sum, n = min(low, v), max(high, v), sum+v, n+1
		}
	}
	for k, v := range ref.First {
		if k < len(l.Samples) {
			s.worstUV = max(s.worstUV, apartUV(l.UV(k), v))
		}
	}
	for _, f := range []struct {
		ref  *float64
		ours float64
	}{{ref.Min, low}, {ref.Max, high}, {ref.Mean, sum / float64(max(1, n))}} {
		if f.ref != nil && n > 0 {
			s.worstUV = max(s.worstUV, apartUV(f.ours, *f.ref))
		}
	}
	if size := math.Abs(l.NVPerLSB.Float()) / 1000; size > 0 {
		s.worstLSB = s.worstUV / size
	}
	if s.worstLSB < 0.01 && s.lengths == 0 {
		s.exact = 1
	}
	return s
}

func apartUV(a, b float64) float64 {
	if math.IsNaN(a) {
		return 0 // missing: counted by minimum and maximum, if it matters
	}
	return math.Abs(a - b)
}
