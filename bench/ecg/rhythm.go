// How well rhythms are told: the diagnoses of LUDB and of the records of the PhysioNet/CinC Challenge 2021 that are there, and the episodes
// of ventricular tachycardia and flutter of the MIT-BIH Arrhythmia Database. All are counts of few records, with their 95 % intervals.

package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing/wfdb"
	"github.com/lianzhen/lianzhen/ecg/beats"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/rhythm"
)

// flag2x2 counts one finding over many records.
type flag2x2 struct{ hit, missed, wrong, quiet int }

func (f *flag2x2) add(said, found bool) {
	switch {
	case said && found:
		f.hit++
	case said:
		f.missed++
	case found:
		f.wrong++
	default:
		f.quiet++
	}
}

func (f *flag2x2) print(w io.Writer, name string) {
	fmt.Fprintf(w, "  %-22s found %s   right %s   quiet %s\n", name,
		share(f.hit, f.hit+f.missed), share(f.hit, f.hit+f.wrong), share(f.quiet, f.quiet+f.wrong))
}

// share is "7/8 88 % (53-98)": with Wilson's 95 % interval.
func share(k, n int) string {
	if n == 0 {
		return fmt.Sprintf("%4d/%-4d %16s", k, n, "-")
	}
	const z = 1.96
	p, m := float64(k)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return fmt.Sprintf("%4d/%-4d %5.1f %% (%2.0f-%3.0f)", k, n, 100*p, 100*max(mid-half, 0), 100*min(mid+half, 1))
}

// alarms are the findings that must not be given for a normal record.
var alarms = []finding.Code{
	finding.AtrialFibrillation, finding.AtrialFlutter, finding.SupraventricularT, finding.VentricularT, finding.VentricularFlutter,
	finding.Pause, finding.AVBlock3, finding.AVBlock2, finding.Paced, finding.PreexcitedAF,
}

func rhythms(w io.Writer, data string) error {
	for _, f := range []func(io.Writer, string) error{rhythmsLUDB, rhythmsChallenge, rhythmsMIT} {
		if err := f(w, data); err != nil {
			return err
		}
	}
	return nil
}

func findRhythm(folder, name string) (map[finding.Code]bool, error) {
	_, s, err := wfdbSignal(folder, name)
	if err != nil {
		return nil, err
	}
	out := map[finding.Code]bool{}
	for _, f := range rhythm.Find(rhythm.Input{Signal: s, Beats: beats.Detect(s)}) {
		out[f.Code] = true
	}
	return out, nil
}

func rhythmsLUDB(w io.Writer, data string) error {
	const title = "LUDB, twelve leads of 10 s"
	folder := filepath.Join(data, "ludb")
	names, err := recordNames(filepath.Join(folder, "data"))
	if err != nil {
		return absent(w, title, err)
	}
	said, err := ludbDiagnoses(filepath.Join(folder, "ludb.csv"))
	if err != nil {
		return err
	}
	words := map[finding.Code]string{
		finding.AtrialFibrillation: "atrial fibrillation", finding.AtrialFlutter: "atrial flutter", finding.AVBlock3: "iii degree av",
		finding.SinusRhythm: "sinus", finding.Paced: "ventricular pacing", finding.PVC: "ventricular extrasystole",
	}
	table := map[finding.Code]*flag2x2{}
	var normal flag2x2
	for _, name := range names {
		found, err := findRhythm(filepath.Join(folder, "data"), name)
		if err != nil {
			return err
		}
		d := strings.ToLower(said[name])
		for c, word := range words {
			if table[c] == nil {
				table[c] = &flag2x2{}
			}
			table[c].add(strings.Contains(d, word) || c == finding.Paced && strings.Contains(d, "biventricular"), found[c])
		}
		if plain(d) {
			normal.add(false, slices.ContainsFunc(alarms, func(c finding.Code) bool { return found[c] }))
		}
	}
	fmt.Fprintln(w, title)
	for _, c := range []finding.Code{finding.AtrialFibrillation, finding.AtrialFlutter, finding.AVBlock3, finding.SinusRhythm, finding.Paced, finding.PVC} {
		table[c].print(w, string(c))
	}
	fmt.Fprintf(w, "  %-22s %s\n", "sinus, alarmed", share(normal.wrong, normal.wrong+normal.quiet))
	return nil
}

// plain is a record in sinus rhythm without pacing, block of the AV node or extrasystoles.
func plain(d string) bool {
	for _, word := range []string{"fibrillation", "flutter", "degree av", "pac", "extrasystole", "sinoatrial"} {
		if strings.Contains(d, word) {
			return false
		}
	}
	return strings.Contains(d, "sinus")
}

// ludbDiagnoses are the columns of rhythm, conduction, extrasystoles and pacing of each record.
func ludbDiagnoses(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, r := range rows {
		if len(r) > 8 {
			out[strings.TrimSpace(r[0])] = strings.Join([]string{r[3], r[5], r[6], r[8]}, "; ")
		}
	}
	return out, nil
}

// challengeCodes are the SNOMED CT codes of the challenge's headers.
var challengeCodes = map[finding.Code][]string{
	finding.AtrialFibrillation: {"164889003"},
	finding.AtrialFlutter:      {"164890007"},
	finding.Bradycardia:        {"426177001"},
	finding.Tachycardia:        {"427084000"},
	finding.PVC:                {"427172004", "17338001", "164884008"},
}

func rhythmsChallenge(w io.Writer, data string) error {
	const title = "PhysioNet/CinC Challenge 2021, twelve leads of 10 s"
	folder := filepath.Join(data, "cinc2021")
	names, err := recordNames(folder)
	if err != nil {
		return absent(w, title, err)
	}
	table := map[finding.Code]*flag2x2{}
	for _, name := range names {
		header, err := os.ReadFile(filepath.Join(folder, name+".hea"))
		if err != nil {
			return err
		}
		found, err := findRhythm(folder, name)
		if err != nil {
			return err
		}
		for c, codes := range challengeCodes {
			if table[c] == nil {
				table[c] = &flag2x2{}
			}
			table[c].add(slices.ContainsFunc(codes, func(code string) bool { return strings.Contains(string(header), code) }), found[c])
		}
	}
	fmt.Fprintln(w, title)
	for _, c := range []finding.Code{finding.AtrialFibrillation, finding.AtrialFlutter, finding.Bradycardia, finding.Tachycardia, finding.PVC} {
		table[c].print(w, string(c))
	}
	return nil
}

// episode is a stretch of a rhythm as the annotators marked it.
type episode struct {
	from, to time.Duration
}

func (e episode) meets(f finding.Finding) bool {
	const slack = time.Second
	return f.From <= e.to+slack && f.To >= e.from-slack
}

// rhythmsMIT takes the annotated rhythms "(VT" and "(VFL"; a VT finding outside of them is wrong unless three marked beats in a row within it are
// ventricular.
func rhythmsMIT(w io.Writer, data string) error {
	const title = "MIT-BIH Arrhythmia Database, episodes"
	folder := filepath.Join(data, "mitdb")
	names, err := recordNames(folder)
	if err != nil {
		return absent(w, title, err)
	}
	var vt, vf, vtFound, vfFound, vtWrong, vfWrong int
	var length time.Duration
	for _, name := range names {
		as, err := readMarks(filepath.Join(folder, name+".atr"))
		if err != nil {
			return err
		}
		_, s, err := wfdbSignal(folder, name)
		if err != nil {
			return err
		}
		length += time.Duration(float64(s.Len()) / s.RateHz * float64(time.Second))
		fs := slices.Concat(rhythm.Undulations(s), rhythm.Runs(beats.Detect(s), s.RateHz))
		tachycardias, flutters, runs := mitEpisodes(as, s.RateHz)
		met := func(es []episode, codes ...finding.Code) (n int) {
			for _, e := range es {
				if slices.ContainsFunc(fs, func(f finding.Finding) bool { return slices.Contains(codes, f.Code) && e.meets(f) }) {
					n++
				}
			}
			return n
		}
		vt += len(tachycardias)
		vf += len(flutters)
		vtFound += met(tachycardias, finding.VentricularT, finding.VentricularFlutter)
		vfFound += met(flutters, finding.VentricularFlutter)
		for _, f := range fs {
			in := func(es []episode) bool { return slices.ContainsFunc(es, func(e episode) bool { return e.meets(f) }) }
			switch {
			case f.Code == finding.VentricularT && !in(tachycardias) && !in(flutters) && !in(runs):
				vtWrong++
			case f.Code == finding.VentricularFlutter && !in(flutters) && !in(tachycardias):
				vfWrong++
			}
		}
	}
	fmt.Fprintf(w, "%s, %.1f h\n", title, length.Hours())
	fmt.Fprintf(w, "  %-22s found %s   wrong %.2f an hour\n", "VT", share(vtFound, vt), float64(vtWrong)/length.Hours())
	fmt.Fprintf(w, "  %-22s found %s   wrong %.2f an hour\n", "VF, flutter", share(vfFound, vf), float64(vfWrong)/length.Hours())
	return nil
}

// mitEpisodes are the marked ventricular tachycardias and flutters, and runs of three or more beats that are marked ventricular.
func mitEpisodes(as []wfdb.Annotation, rateHz float64) (tachycardias, flutters, runs []episode) {
	at := func(sample int64) time.Duration {
		return time.Duration(float64(sample) / rateHz * float64(time.Second))
	}
	var open string
	var from, first, last time.Duration
	n := 0
	endRun := func() {
		if n >= 3 {
			runs = append(runs, episode{first, last})
		}
		n = 0
	}
	end := func(to time.Duration) {
		switch {
		case strings.HasPrefix(open, "(VT"):
			tachycardias = append(tachycardias, episode{from, to})
		case strings.HasPrefix(open, "(VFL"):
			flutters = append(flutters, episode{from, to})
		}
		open = ""
	}
	for _, a := range as {
		t := at(a.Sample)
		switch {
		case a.Mnemonic == "+":
			end(t)
			open, from = a.Aux, t
		case a.Mnemonic == "V" || a.Mnemonic == "E" || a.Mnemonic == "!" || a.Mnemonic == "F":
			if n == 0 {
				first = t
			}
			n++
			last = t
		case slices.Contains(beatCodes, a.Mnemonic):
			endRun()
		}
	}
	endRun()
	end(at(math.MaxInt32))
	return tachycardias, flutters, runs
}
