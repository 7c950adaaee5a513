package analyser

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// captures is the folder of published captures, which are not part of the project.
func captures(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		at := filepath.Join(dir, "shared", "data", "lab", "astm")
		if _, err := os.Stat(at); err == nil {
			return at
		}
		dir = filepath.Dir(dir)
	}
	t.Skip("the folder shared/data/lab/astm is not beside the module: real captures are not read")
	return ""
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

func TestRealCaptures(t *testing.T) {
	dir := captures(t)
	for _, x := range []struct {
		file, profile string
		tubes         []string // barcode, or lot of a control
		rows          int
		controls      int
		queries       int
		some          []string // rows that must be among them
		warned        string   // a warning of the message that must be there
	}{
		{
			file: "senaite/abbott_afinion2.txt", profile: "abbott-afinion", tubes: []string{"3643"}, rows: 1,
			some: []string{"HbA1c# | quantity 5.9 | % |  |  | final"},
		},
		{
			file: "senaite/cobas_c311.txt", profile: "roche-cobas-c", tubes: []string{"CL-PL-24-0370"}, rows: 7,
			some: []string{"685# | quantity 22.4 | U/l |  | A | final", "717# | quantity 5.85 | mmol/l |  | N | final"},
		},
		{
			file: "senaite/genexpert.txt", profile: "cepheid-genexpert", tubes: []string{"PR25A137"}, rows: 84,
			some: []string{"MTB-RIF/Xpert/MTB# | text NOT DETECTED |  |  |  | final", "MTB-RIF/Xpert/SPC/Ct# | quantity 24.7 |  |  |  | final"},
		},
		{
			file: "senaite/pentra_xlr.txt", profile: "horiba-pentra", tubes: []string{"S1234"}, rows: 21,
			some: []string{"HGB# | quantity 14.0 |  |  |  | final", "BAS## | text ----- |  |  | HH | cancelled"},
		},
		{
			file: "senaite/sysmex_xn550.txt", profile: "sysmex-xn", tubes: []string{"27"}, rows: 41,
			some: []string{
				"HGB# | quantity 8.0 | g/dL |  | N | final", "Blasts/Abn_Lympho?# | quantity 40 |  |  |  | final",
				`DIST_RBC# | attachment PNG\20240628\2024_06_27_13_54_27_RBC.PNG0 |  |  | N | final`,
			},
		},
		{
			file: "senaite/yumizen_h500.txt", profile: "horiba-yumizen", tubes: []string{"PX440N"}, rows: 25, controls: 1,
			some: []string{"PLT# | quantity 308 | 10E3/uL | 231 - 291 | N | final"},
		},
		{
			file: "openelis/chemistry-panel.astm", profile: "beckman-au", tubes: []string{"SAMPLE-2025-0002"}, rows: 16,
			some: []string{"LDL# | quantity 106 | mg/dL | <100 | H | final"},
		},
		{
			file: "openelis/hematology-cbc.astm", profile: "generic", tubes: []string{"SAMPLE-2025-0001"}, rows: 10,
			some: []string{"WBC# | quantity 5.8 | 10^3/μL | 4.5-11.0 | N | final"},
		},
		{
			file: "openelis/horiba-micros60-cbc.astm", profile: "horiba-pentra", tubes: []string{"SAMPLE-2026-0002"}, rows: 16,
			some: []string{"MXD%# | quantity 8.5 | % | 5-15 | N | final"},
		},
		{
			file: "openelis/horiba-pentra60-cbc.astm", profile: "horiba-pentra", tubes: []string{"SAMPLE-2026-0001"}, rows: 20,
			some: []string{"BAS## | quantity 0.04 | 10^3/uL | 0-0.1 | N | final"},
		},
		{
			file: "openelis/immunology-screening.astm", profile: "generic", tubes: []string{"SAMPLE-2025-0003", "SAMPLE-2025-0004"}, rows: 12,
			some: []string{"SYPHILIS# | text WEAKLY REACTIVE |  | Weak Positive | P | final"},
		},
		{
			file: "openelis/mindray-ba88a-result.txt", profile: "mindray-bs-astm", tubes: []string{"ACC-2026-001"}, rows: 10,
			some: []string{"T-Bil# | quantity 0.9 | mg/dL | 0.1-1.2 | N | final"},
		},
		{
			file: "openelis/qc-control-results.astm", profile: "quality-in-q", rows: 24, controls: 8,
			tubes: []string{"QC-CHEM-2025A", "QC-CHEM-2025A", "QC-CHEM-2025A", "QC-HEMA-2025B", "QC-HEMA-2025B", "QC-HEMA-2025B", "QC-SCREEN-NEG", "QC-SCREEN-POS"},
			some:  []string{"CREATININE# | quantity 8.2 | mg/dL |  | N | final"},
		},
		{file: "openelis/qc-control-results.astm", profile: "generic", warned: "query-unread"},
		{
			file: "openelis/stago-start4-coagulation.astm", profile: "stago-sta", tubes: []string{"SAMPLE-2026-0002"}, rows: 5,
			some: []string{"INR# | quantity 1.05 |  | 0.9-1.2 | N | final"},
		},
		{
			file: "openelis/unit-mismatch.astm", profile: "generic", tubes: []string{"SAMPLE-2025-0007", "SAMPLE-2025-0008"}, rows: 9,
			some: []string{"WBC# | quantity 6500 | /mm3 | 4500-11000 | N | final"},
		},
		{
			file: "openelis/unmapped-fields.astm", profile: "generic", tubes: []string{"SAMPLE-2025-0005", "SAMPLE-2025-0006"}, rows: 13,
			some: []string{"UNKNOWN_FIELD# | quantity 999 |  | Unknown | X | final"},
		},
	} {
		t.Run(x.file+" as "+x.profile, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join(dir, x.file))
			if err != nil {
				t.Fatal(err)
			}
			reports, queries, warnings, err := Read(uncommented(body), builtin(t, x.profile))
			if err != nil {
				t.Fatal(err)
			}
			var tubes []string
			rows, controls := 0, 0
			for _, r := range reports {
				tubes = append(tubes, r.Specimen.ID)
				rows += len(r.Results)
				if r.Control {
					controls++
				}
			}
			if diff := cmp.Diff(x.tubes, tubes); diff != "" {
				t.Error(diff)
			}
			if rows != x.rows || controls != x.controls || len(queries) != x.queries {
				t.Errorf("%d rows, %d controls, %d queries; want %d, %d, %d", rows, controls, len(queries), x.rows, x.controls, x.queries)
			}
			all := "\n" + strings.Join(lines(reports), "\n") + "\n"
			for _, want := range x.some {
				if !strings.Contains(all, "\n"+want) {
					t.Errorf("no row %q in %s", want, all)
				}
			}
			if x.warned != "" && !warnedOf(warnings, x.warned) {
				t.Errorf("warnings %v", warnings)
			}
		})
	}
}

func warnedOf(all []observation.Warning, code string) bool {
	for _, w := range all {
		if w.Code == code {
			return true
		}
	}
	return false
}

// TestMalformed reads the scenarios of a published file of faults, one by one: the right rows, or the right refusal.
func TestMalformed(t *testing.T) {
	for _, x := range []struct {
		name, text string
		refused    string
		want       []string
		warned     string
	}{
		{name: "no header", text: "P|1||X\nO|1|S1\nR|1|^^^WBC|5.5\nL|1|N", refused: "a record before the header"},
		{
			name: "an unknown record for the order", text: "H|\\^&|||T\nP|1\nX|1|INVALID\nR|1|^^^HGB|14.0|g/dL|N||F\nL|1|N", warned: "missing-record",
			want: []string{"tube final", "HGB# | quantity 14.0 | g/dL | N |  | final"},
		},
		{
			name: "no delimiters named", text: "H|||||||||||\nP|1||X\nO|1|SAMPLE||\nR|1|^^^GLUCOSE|100\nL|1", warned: "no-delimiters",
			want: []string{"tube SAMPLE final", "GLUCOSE# | quantity 100 |  |  |  | final"},
		},
		{name: "other delimiters, too few", text: "H;^&;;;Test;Analyzer\nP;1;;X\nR;1;;;WBC;6.0\nL;1;N", refused: "fewer than three delimiters"},
		{
			name: "cut off", text: "H|\\^&|||T\nP|1\nO|1|S5\nR|1|^^^WBC|5.2|10^3/", warned: "no-terminator",
			want: []string{"tube S5 final", "WBC# | quantity 5.2 | 10^3/ |  |  | final"},
		},
		{name: "garbage", text: "\\x00\\x01GARBAGE", refused: "a record before the header"},
		{
			name: "no terminator", text: "H|\\^&|||T\nP|1\nO|1|S6\nR|1|^^^GLU|95|mg/dL\nR|2|^^^CRE|0.8|mg/dL", warned: "no-terminator",
			want: []string{"tube S6 final", "GLU# | quantity 95 | mg/dL |  |  | final", "CRE# | quantity 0.8 | mg/dL |  |  | final"},
		},
		{
			name: "no values", text: "H|\\^&|||T\nP|1\nO|1|S7\nR|1|^^^WBC||10^3/µL|N||F\nR|3|^^^HGB|NULL|g/dL\nL|1|N",
			want: []string{"tube S7 final", "WBC# |   | 10^3/µL | N |  | final", "HGB# | text NULL | g/dL |  |  | final"},
		},
		{name: "nothing", text: "  \n \n", refused: "no header record"},
		{name: "only a patient", text: "H|\\^&|||" + strings.Repeat("Long", 500) + "\nP|1||" + strings.Repeat("9", 5000) + "\nL|1|N"},
		{
			name: "a time that is none", text: "H|\\^&|||T\nP|1||||||20261345\nO|1|S8||||yesterday|yesterday\nR|1|^^^A|1||||||||||tomorrow\nL|1|N",
			want: []string{"tube S8 final", "A# | quantity 1 |  |  |  | final"},
		},
		{name: "a value without end", text: "H|\\^&\nP|1\nO|1|S9\nR|1|^^^A|" + strings.Repeat("x", observation.MaxText+1) + "\nL|1", refused: "value of more than"},
		{name: "rows without end", text: "H|\\^&\nP|1\nO|1|S9\n" + strings.Repeat("R|1|^^^A|1\n", observation.MaxResults+1) + "L|1", refused: "more than 5000 results"},
		{name: "reports without end", text: "H|\\^&\n" + strings.Repeat("P|1\nO|1|S9\nR|1|^^^A|1\n", observation.MaxReports+1) + "L|1", refused: "more than 500 reports"},
	} {
		t.Run(x.name, func(t *testing.T) {
			reports, _, warnings, err := Read([]byte(x.text), builtin(t, Generic))
			if x.refused != "" {
				if record.KindOf(err) != record.Invalid || !strings.Contains(record.Public(err)+err.Error(), x.refused) {
					t.Fatalf("%v, want %s", err, x.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(x.want, lines(reports)); diff != "" {
				t.Error(diff)
			}
			if x.warned != "" && !warnedOf(warnings, x.warned) {
				t.Errorf("warnings %v", warnings)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	all, err := Builtin()
	if err != nil {
		f.Fatal(err)
	}
	var ids []string
	for _, x := range captured {
		ids = append(ids, x.profile)
		f.Add([]byte(strings.ReplaceAll(x.text, "\n", "\r")), byte(len(ids)-1))
	}
	f.Add([]byte("\x05\x021H|\\^&\rL|1\r\x03"), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, which byte) {
		p := all[ids[int(which)%len(ids)]]
		reports, queries, _, err := Read(b, p)
		if err != nil {
			if record.KindOf(err) != record.Invalid {
				t.Fatal(err)
			}
			return
		}
		for _, r := range reports {
			if len(r.Results) == 0 || len(r.Results) > observation.MaxResults || r.Status == "" {
				t.Fatalf("a report of %d rows, %q", len(r.Results), r.Status)
			}
			for i, x := range r.Results {
				if x.Number != i+1 || x.Status == "" || len(x.Value.Text) > observation.MaxText {
					t.Fatalf("row %d: %+v", i, x.Number)
				}
			}
		}
		for _, q := range queries {
			m := p.Answer(q, nil, fixed)
			if _, err := astm.Parse(m.Bytes(astm.UTF8), astm.UTF8); err != nil {
				t.Fatal(err)
			}
		}
	})
}
