// Files: what becomes of every sample file: rows, or the reason why it is refused. Shapes and codes only.

package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/codec/hl7/mllp"
	"github.com/lianzhen/lianzhen/lab/analyser"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/v2"
)

func files(w io.Writer, data string) error {
	if data == "" {
		return errNoData
	}
	read, refused := 0, 0
	for _, x := range []struct {
		folder string
		tell   func(path string, raw []byte) string
	}{{"hl7v2", tellHL7}, {"astm", tellASTM}} {
		err := filepath.WalkDir(filepath.Join(data, x.folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(data, path)
			if err != nil {
				return err
			}
			text := x.tell(name, raw)
			if strings.HasPrefix(text, "refused") {
				refused++
			} else {
				read++
			}
			fmt.Fprintf(w, "%-58s %s\n", filepath.ToSlash(name), text)
			return nil
		})
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "%d files: %d read, %d refused with a reason\n", read+refused, read, refused)
	return nil
}

// tellHL7 reads a file of one message or batch, or a stream of frames as the door does.
func tellHL7(name string, raw []byte) string {
	if filepath.Ext(name) != ".bin" {
		return tellMessages(raw)
	}
	stream := mllp.NewReader(played(raw), mllp.Options{})
	var out []string
	for {
		f, err := stream.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				out = append(out, "then the line ends")
			}
			break
		}
		text := tellMessages(f.Message)
		if f.Junk > 0 {
			text = fmt.Sprintf("(%d bytes between) %s", f.Junk, text)
		}
		out = append(out, text)
	}
	return fmt.Sprintf("%d frames: %s", len(out), strings.Join(out, " | "))
}

func tellMessages(raw []byte) string {
	profile, err := v2.ParseProfile(nil)
	if err != nil {
		return "refused: " + err.Error()
	}
	all, err := hl7.ParseBatch(raw, profile.Options())
	if err != nil {
		return "refused: " + reasonOf(err)
	}
	var out []string
	for _, m := range all {
		d, err := v2.Decode(m, profile)
		switch {
		case err != nil:
			out = append(out, "refused: "+reasonOf(err))
		default:
			out = append(out, tellDecoded(m, &d))
		}
	}
	return strings.Join(out, "; ")
}

func tellDecoded(m *hl7.Message, d *v2.Decoded) string {
	parts := []string{d.Type, string(m.Charset)}
	if len(d.Reports) > 0 {
		parts = append(parts, tellReports(d.Reports))
	}
	if n := len(d.Orders); n > 0 {
		parts = append(parts, fmt.Sprintf("%d orders", n))
	}
	if n := len(d.Patients) + len(d.Merges); n > 0 {
		parts = append(parts, fmt.Sprintf("%d persons", n))
	}
	if codes := warned(d.Warnings, d.Reports); codes != "" {
		parts = append(parts, "warned "+codes)
	}
	return strings.Join(parts, ", ")
}

func tellReports(all []observation.Report) string {
	rows, controls, kinds := 0, 0, map[string]int{}
	for i := range all {
		rows += len(all[i].Results)
		if all[i].Control {
			controls++
		}
		for j := range all[i].Results {
			kinds[cmp.Or(string(all[i].Results[j].Value.Kind), "empty")]++
		}
	}
	var of []string
	for k, n := range kinds {
		of = append(of, fmt.Sprintf("%d %s", n, k))
	}
	slices.Sort(of)
	text := fmt.Sprintf("%d reports, %d rows (%s)", len(all), rows, strings.Join(of, ", "))
	if controls > 0 {
		text += fmt.Sprintf(", %d of controls", controls)
	}
	return text
}

func warned(message []observation.Warning, reports []observation.Report) string {
	var codes []string
	add := func(all []observation.Warning) {
		for _, w := range all {
			codes = append(codes, w.Code)
		}
	}
	add(message)
	for i := range reports {
		add(reports[i].Warnings)
		for j := range reports[i].Results {
			add(reports[i].Results[j].Warnings)
		}
	}
	slices.Sort(codes)
	return strings.Join(slices.Compact(codes), " ")
}

func reasonOf(err error) string {
	var f *hl7.FormatError
	if errors.As(err, &f) {
		return fmt.Sprintf("%s %d %s", f.Place, f.Code, f.Reason)
	}
	return err.Error()
}

// profilesOf are the analysers of the captures, as an operator would register them.
var profilesOf = map[string]string{
	"abbott_afinion2": "abbott-afinion", "cobas_c311": "roche-cobas-c", "genexpert": "cepheid-genexpert", "pentra_xlr": "horiba-pentra", "sysmex_xn550": "sysmex-xn",
	"yumizen_h500": "horiba-yumizen", "chemistry-panel": "beckman-au", "horiba-micros60-cbc": "horiba-pentra", "horiba-pentra60-cbc": "horiba-pentra",
	"mindray-ba88a-result": "mindray-bs-astm", "stago-start4-coagulation": "stago-sta",
}

func tellASTM(name string, raw []byte) string {
	known, err := analyser.Builtin()
	if err != nil {
		return "refused: " + err.Error()
	}
	base := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	id := profilesOf[base]
	profile := known[id]
	if profile == nil {
		id, profile = "generic", known["generic"]
	}
	if bytes.ContainsAny(raw, "\x02\x05") {
		records, warnings, err := astm.Unframe(raw, profile.Line.Options())
		if err != nil {
			return "refused: " + err.Error()
		}
		if raw = records; len(warnings) > 0 {
			id += fmt.Sprintf(", %d frames mended", len(warnings))
		}
	} else {
		raw = uncommented(raw)
	}
	reports, queries, warnings, err := analyser.Read(raw, profile)
	if err != nil {
		return "refused: " + err.Error()
	}
	text := id + ", " + tellReports(reports)
	if len(queries) > 0 {
		text += fmt.Sprintf(", %d queries", len(queries))
	}
	if codes := warned(warnings, reports); codes != "" {
		text += ", warned " + codes
	}
	return text
}

// uncommented takes out the lines of hand-written files that explain them.
func uncommented(b []byte) []byte {
	var out []byte
	for line := range bytes.Lines(b) {
		if !bytes.HasPrefix(line, []byte("#")) {
			out = append(out, line...)
		}
	}
	return out
}
