// Our measurements of whole recordings beside those of the devices that made them.

package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/measure"
)

// globalLimits are how far ours may be from a device's.
var globalLimits = []struct {
	name, code string
	limit      float64
	angle      bool
}{
	{"HR", tracing.HeartRate, 1, false},
	{"PR", tracing.PRInterval, 8, false},
	{"QRS", tracing.QRSDuration, 8, false},
	{"QT", tracing.QTInterval, 12, false},
	{"QTcB", tracing.QTcBazett, 15, false},
	{"P axis", tracing.PAxis, 10, true},
	{"QRS axis", tracing.QRSAxis, 10, true},
	{"T axis", tracing.TAxis, 10, true},
}

// globals compares every sample file in which a device says what it measured. The same recording in another format is another line.
func globals(w io.Writer, data string) error {
	sums := make([]errorSum, len(globalLimits))
	within := make([]int, len(globalLimits))
	files := 0
	fmt.Fprint(w, "Global measurements, ours minus the device's (device's in brackets)\n")
	for _, folder := range []string{"muse", "philips", "dicom", "scp", "aecg", "contec", "edf", "derived", "ishne", "mfer"} {
		err := filepath.WalkDir(filepath.Join(data, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return skipAbsent(err)
			}
			t := readSample(path)
			if t == nil {
				return nil
			}
			if line := compareGlobals(t, sums, within); line != "" {
				files++
				fmt.Fprintf(w, "  %-36s%s\n", filepath.Join(folder, d.Name()), line)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(w, " %d files\n", files)
	for i, g := range globalLimits {
		fmt.Fprintf(w, "  %-9s n %2d  %s  within %g: %d\n", g.name, sums[i].n, &sums[i], g.limit, within[i])
	}
	return infarctions(w, data)
}

func skipAbsent(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// readSample is nil for what is no tracing.
func readSample(path string) *tracing.Tracing {
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return nil
	}
	if _, ok := formats.Sniff(bytes.Clone(b[:min(len(b), 4096)])); !ok {
		return nil
	}
	t, err := formats.Read(b)
	if err != nil {
		return nil
	}
	return t
}

func compareGlobals(t *tracing.Tracing, sums []errorSum, within []int) string {
	device := make([]float64, len(globalLimits))
	some := false
	for i, g := range globalLimits {
		m, ok := t.Measured(tracing.ByDevice, g.code)
		device[i] = math.NaN()
		if ok {
			device[i], some = m.Value, true
		}
	}
	if !some {
		return ""
	}
	r, err := measure.Analyse(t)
	if err != nil {
		return ""
	}
	ours := *t
	ours.Measurements = r.Measurements
	var line strings.Builder
	for i, g := range globalLimits {
		m, ok := ours.Measured(tracing.ByAlgorithm, g.code)
		switch {
		case math.IsNaN(device[i]):
			fmt.Fprintf(&line, " %s -", g.name)
			continue
		case !ok:
			fmt.Fprintf(&line, " %s none (%g)", g.name, device[i])
			continue
		}
		d := m.Value - device[i]
		if g.angle {
			d = math.Remainder(d, 360)
		}
		sums[i].add(d)
		mark := "!"
		if math.Abs(d) <= g.limit {
			within[i]++
			mark = ""
		}
		fmt.Fprintf(&line, " %s %+.0f%s (%g)", g.name, d, mark, device[i])
	}
	return line.String()
}

// infarctions counts ST elevation findings on LUDB: in records that its cardiologists call STEMI, and in those with sinus rhythm and normal
// conduction in which they see neither ischaemia nor a scar nor early repolarisation.
func infarctions(w io.Writer, data string) error {
	f, err := os.Open(filepath.Join(data, "ludb", "ludb.csv"))
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return fmt.Errorf("ludb.csv: %w", err)
	}
	folder := filepath.Join(data, "ludb", "data")
	var stemi, flagged, normal, alarms []string
	for _, row := range rows[1:] {
		name := row[0]
		if _, err := os.Stat(filepath.Join(folder, name+".hea")); err != nil || len(row) < 12 {
			continue
		}
		ischaemia := strings.Contains("\n"+strings.ToLower(row[9]), "\nstemi:")
		healthy := strings.HasPrefix(row[3], "Sinus") && strings.TrimSpace(row[5]+row[8]+row[9]+row[11]) == ""
		if !ischaemia && !healthy {
			continue
		}
		t, _, err := wfdbSignal(folder, name)
		if err != nil {
			return fmt.Errorf("ludb %s: %w", name, err)
		}
		t.Patient.Sex = strings.TrimSpace(row[1])
		t.Patient.AgeYears, _ = strconv.ParseFloat(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(row[2]), ">")), 64)
		r, err := measure.Analyse(t)
		if err != nil {
			return fmt.Errorf("ludb %s: %w", name, err)
		}
		elevated := slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return f.Code == finding.STElevation })
		switch {
		case ischaemia && elevated:
			flagged = append(flagged, name)
			fallthrough
		case ischaemia:
			stemi = append(stemi, name)
		case elevated:
			alarms = append(alarms, name)
			fallthrough
		default:
			normal = append(normal, name)
		}
	}
	fmt.Fprintf(w, " ST elevation on LUDB: flagged %d of %d STEMI (%s of %s); false alarms %d of %d without heart muscle or conduction disease %s\n",
		len(flagged), len(stemi), strings.Join(flagged, " "), strings.Join(stemi, " "), len(alarms), len(normal), strings.Join(alarms, " "))
	return nil
}
