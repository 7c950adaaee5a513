package v2

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
)

var update = flag.Bool("update", false, "rewrite golden files")

// samples is the folder of sample messages, found upwards.
func samples(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		at := filepath.Join(dir, "shared", "data", "lab")
		if i, err := os.Stat(at); err == nil && i.IsDir() {
			return at
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no sample messages: shared/data/lab is not there")
		}
		dir = up
	}
}

// outcome is one line about a file: what was read of it, or why it is refused. Shapes and codes only.
func outcome(t *testing.T, raw []byte) string {
	t.Helper()
	p := profile(t, "")
	all, err := hl7.ParseBatch(raw, p.Options())
	if err != nil {
		return "refused " + reasonOf(err)
	}
	var out []string
	for _, m := range all {
		d, err := Decode(m, p)
		if err != nil {
			out = append(out, "refused "+reasonOf(err))
			continue
		}
		out = append(out, summary(m, &d))
	}
	return strings.Join(out, " ; ")
}

func reasonOf(err error) string {
	var f *hl7.FormatError
	if !errors.As(err, &f) {
		return "without a reason: " + err.Error()
	}
	return fmt.Sprintf("%s %d %s", f.Place, f.Code, f.Reason)
}

func summary(m *hl7.Message, d *Decoded) string {
	s := fmt.Sprintf("%s %s by %s", d.Type, m.Charset, m.Reason)
	codes := map[string]bool{}
	add := func(list []observation.Warning) {
		for _, w := range list {
			codes[w.Code] = true
		}
	}
	add(d.Warnings)
	for i := range d.Reports {
		r := &d.Reports[i]
		add(r.Warnings)
		kinds := map[observation.Kind]int{}
		for j := range r.Results {
			kinds[r.Results[j].Value.Kind]++
			add(r.Results[j].Warnings)
		}
		s += fmt.Sprintf("; report %s", r.Status)
		for _, k := range []observation.Kind{observation.Quantity, observation.Range, observation.Ratio, observation.Coded, observation.Text, observation.Time, observation.Attachment, observation.Empty} {
			if kinds[k] > 0 {
				s += fmt.Sprintf(" %d %s", kinds[k], firstOf(string(k), "empty"))
			}
		}
	}
	if n := len(d.Orders); n > 0 {
		s += fmt.Sprintf("; %d orders", n)
	}
	if n := len(d.Patients) + len(d.Merges); n > 0 {
		s += fmt.Sprintf("; %d persons", n)
	}
	if len(codes) > 0 {
		var list []string
		for c := range codes {
			list = append(list, c)
		}
		slices.Sort(list)
		s += "; warned " + strings.Join(list, " ")
	}
	return s
}

// TestSamples holds what becomes of every sample message: the right result, or the right refusal.
func TestSamples(t *testing.T) {
	dir := samples(t)
	var got []string
	for _, folder := range []string{"hl7v2", "pairs_v2_fhir"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".hl7") {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(dir, path)
			got = append(got, filepath.ToSlash(rel)+": "+outcome(t, raw))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	golden := filepath.Join("testdata", "samples.golden")
	text := strings.Join(got, "\n") + "\n"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text, "\n")); diff != "" {
		t.Error(diff)
	}
}

// otherwise are pairs whose FHIR side says something else than we do, with the reason.
var otherwise = map[string]struct{ ours, why string }{
	"obx_OBX-to-Observation-sn-as-range-value":       {"-1-3", "- is no comparator: kept as text"},
	"obx_OBX-to-Observation-sn-as-ratio-value-colon": {`"1:3`, `" is no comparator: kept as text`},
	"obx_OBX-to-Observation-sn-as-string-value":      {"-1+3", "kept as sent, without signs in between"},
	"obx_OBX-to-Observation-vr-value":                {"First^Second", "the type is no longer in the standard: kept as sent"},
	"obx_OBX-to-Observation-dr-value":                {"20230501102531-0400^20230501112531-0400", "kept as sent"},
	"obx_OBX-to-Observation-dt-value":                {"2023050110", "no minutes are invented"},
	"obx_OBX-to-Observation-ed-value":                {"", "no base64"},
}

// TestSamplePairs compares values, persons and statuses with the FHIR side of the pairs.
func TestSamplePairs(t *testing.T) {
	dir := filepath.Join(samples(t), "pairs_v2_fhir")
	p := profile(t, "")
	files, err := filepath.Glob(filepath.Join(dir, "*.hl7"))
	if err != nil || len(files) == 0 {
		t.Fatal("no pairs", err)
	}
	compared := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".hl7")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(file, ".hl7") + ".fhir")
		if err != nil {
			continue
		}
		m, err := hl7.Parse(raw, p.Options())
		if err != nil {
			continue
		}
		d, err := Decode(m, p)
		if err != nil || len(d.Reports) == 0 {
			continue
		}
		want := fhirOf(t, text)
		var got []string
		for i := range d.Reports {
			for j := range d.Reports[i].Results {
				got = append(got, d.Reports[i].Results[j].Value.String())
			}
		}
		if o, ok := otherwise[name]; ok {
			want.values = []string{o.ours}
		}
		if diff := cmp.Diff(want.values, got); diff != "" && !(len(want.values) == 0 && strings.Join(got, "") == "") {
			t.Errorf("%s: %s", name, diff)
		}
		if who := d.Reports[0].Patient; want.birth != "" && who.BirthDate.String() != want.birth {
			t.Errorf("%s: born %s, want %s", name, who.BirthDate, want.birth)
		}
		compared++
	}
	t.Logf("%d pairs compared", compared)
}

type fhirSide struct {
	values []string
	birth  string
}

func fhirOf(t *testing.T, text []byte) (out fhirSide) {
	t.Helper()
	type number struct{ Value json.Number }
	var bundle struct {
		Entry []struct {
			Resource struct {
				ResourceType, BirthDate, ValueString, ValueTime, ValueDateTime string
				ValueQuantity                                                  *number
				ValueRange                                                     *struct{ Low, High number }
				ValueRatio                                                     *struct{ Numerator, Denominator number }
				ValueCodeableConcept                                           *struct {
					Text   string
					Coding []struct{ Code, Display string }
				}
			}
		}
	}
	if err := json.Unmarshal(text, &bundle); err != nil {
		t.Fatal(err)
	}
	for _, e := range bundle.Entry {
		r := e.Resource
		switch r.ResourceType {
		case "Patient":
			if len(r.BirthDate) == 10 {
				out.birth = r.BirthDate
			}
		case "Observation":
			v := r.ValueString + r.ValueTime + r.ValueDateTime
			switch {
			case r.ValueQuantity != nil:
				v = r.ValueQuantity.Value.String()
			case r.ValueRange != nil:
				v = r.ValueRange.Low.Value.String() + "-" + r.ValueRange.High.Value.String()
			case r.ValueRatio != nil:
				v = r.ValueRatio.Numerator.Value.String() + ":" + r.ValueRatio.Denominator.Value.String()
			case r.ValueCodeableConcept != nil && len(r.ValueCodeableConcept.Coding) > 0:
				v = firstOf(r.ValueCodeableConcept.Coding[0].Display, r.ValueCodeableConcept.Coding[0].Code)
			}
			out.values = append(out.values, v)
		}
	}
	return out
}
