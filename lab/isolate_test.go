package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/v2"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// cultureMessage makes an ORU of segments behind MSH and PID.
func cultureMessage(control string, segments ...string) []byte {
	head := []string{
		"MSH|^~\\&|LIS|SUWU|LIANZHEN|YONGJING|20261122093000+0800||ORU^R01^ORU_R01|" + control + "|P|2.5.1||||||UNICODE UTF-8",
		"PID|1||E1^^^SUWU^PI||赵^秀英||19550304|F",
	}
	return []byte(strings.Join(append(head, segments...), "\r") + "\r")
}

// obr is the order of a culture: number, service, OBR-22, OBR-25, then OBR-26 and OBR-29 of a susceptibility.
func obr(filler, service, reported, status string, parent ...string) string {
	f := make([]string, 30)
	f[0], f[3], f[4], f[7], f[22], f[25] = "OBR", filler, service, "20261122083000+0800", reported, status
	if len(parent) > 0 {
		f[26], f[29] = parent[0], parent[1]
	}
	return strings.Join(f, "|")
}

// obx is a row: code, OBX-4, type, value, unit, range, flag, status, method.
func obx(n int, code, sub, kind, value, unit, limits, flag, status string, method ...string) string {
	f := make([]string, 18)
	f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[11] = "OBX", fmt.Sprint(n), kind, code, sub, value, unit, limits, flag, status
	f[17] = strings.Join(method, "")
	return strings.Join(f, "|")
}

const (
	urineCulture = "630-4^尿培养^LN"
	coli         = "112283007^大肠埃希菌^SCT"
	faecalis     = "78065002^粪肠球菌^SCT"
	cipro        = "18906-8^环丙沙星^LN"
	imipenem     = "18932-4^亚胺培南^LN"
	bloodTube    = "SPM|1|||BLD^全血^HL70487"
)

// tree writes isolates for a comparison.
func tree(k Kept) string {
	var out []string
	for _, i := range k.Isolates {
		line := i.Number + " " + i.Organism.String() + " (" + string(i.Status) + ")"
		if i.Quantity != "" {
			line += " " + i.Quantity
		}
		for _, n := range i.Notes {
			line += " [" + n + "]"
		}
		out = append(out, line)
		for _, d := range i.Susceptibilities {
			out = append(out, "  "+strings.Join([]string{d.Drug.Display(), d.Method, d.Value, d.Unit, d.Breakpoints, d.Interpretation, string(d.Status)}, " | "))
		}
	}
	return strings.Join(out, "\n")
}

var (
	parentOnly = []string{
		obr("C1", urineCulture, early, "P"), obx(1, urineCulture, "1", "CWE", coli, "", "", "", "F"),
		obx(2, "564-5^菌落计数^LN", "1", "NM", "100000", "{CFU}/mL^^UCUM", "", "", "F"), obx(3, urineCulture, "2", "CWE", faecalis, "", "", "", "F"),
	}
	childOne = []string{
		obr("A1", "29576-6^药敏^LN", early, "F", "630-4&尿培养&LN^1^大肠埃希菌", "^C1"), obx(1, cipro, "", "SN", ">=^4", "ug/mL^^UCUM", "S<=0.25 R>=1", "R^^HL70078", "F"),
		obx(2, imipenem, "", "SN", "<=^0.25", "ug/mL^^UCUM", "", "S", "F", "MIC^微量稀释^L"), obx(3, "ESBL^ESBL^L", "", "ST", "阳性", "", "", "", "F"),
	}
	childTwo = []string{
		obr("A2", "29576-6^药敏^LN", early, "F", "630-4&尿培养&LN^2^粪肠球菌", "^C1"), obx(1, cipro, "", "NM", "22", "mm", "", "SDD", "F"),
	}
)

const bothIsolates = `1 大肠埃希菌 (final) 100000 {CFU}/mL [ESBL：阳性]
  环丙沙星 | MIC | >=4 | ug/mL | S<=0.25 R>=1 | R | final
  亚胺培南 | 微量稀释 | <=0.25 | ug/mL |  | S | final
2 粪肠球菌 (final)
  环丙沙星 | KB | 22 | mm |  | SDD | final`

func all(parts ...[]string) []string {
	var out []string
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// TestACultureIsOneTree: whatever shape its sender gives it, and in whatever order its parts come.
func TestACultureIsOneTree(t *testing.T) {
	for _, x := range []struct {
		name     string
		messages [][]byte
		reports  int
		want     string
	}{
		{"one message", [][]byte{cultureMessage("M1", all(parentOnly, childOne, childTwo)...)}, 3, bothIsolates},
		{"the culture first", [][]byte{cultureMessage("M1", parentOnly...), cultureMessage("M2", childOne...), cultureMessage("M3", childTwo...)}, 3, bothIsolates},
		{"the susceptibilities first", [][]byte{cultureMessage("M2", childTwo...), cultureMessage("M3", childOne...), cultureMessage("M1", parentOnly...)}, 3, bothIsolates},
		{
			"all under one number, without OBR-29",
			[][]byte{cultureMessage("M1", all(parentOnly, []string{
				obr("C1", "AST^药敏^L", early, "F", "630-4^1", ""), obx(1, "AMP^氨苄西林^L", "", "ST", "R", "", "", "", "F"),
				obr("C1", "AST^药敏^L", early, "F", "630-4^2", ""), obx(1, "AMP^氨苄西林^L", "", "ST", "敏感", "", "", "", "F"),
			})...)},
			3,
			"1 大肠埃希菌 (final) 100000 {CFU}/mL\n  氨苄西林 |  |  |  |  | R | final\n2 粪肠球菌 (final)\n  氨苄西林 |  |  |  |  | S | final",
		},
		{
			"flat, rows of a group",
			[][]byte{cultureMessage("M1", obr("C1", urineCulture, early, "F"), obx(1, urineCulture, "1", "CWE", coli, "", "", "", "F"),
				obx(2, "CC^菌落计数^L", "1", "ST", ">10^5 CFU/mL", "", "", "", "F"), obx(3, "AMP^氨苄西林^L", "1", "ST", ">=32", "ug/mL", "", "R", "F"),
				obx(4, "NIT^呋喃妥因^L", "1", "NM", "16", "ug/mL", "", "", "F"), obx(5, "CAZ^头孢他啶^L", "1", "NM", "25", "mm", "", "S", "F"))},
			1,
			"1 大肠埃希菌 (final) >10^5 CFU/mL\n  氨苄西林 | MIC | >=32 | ug/mL |  | R | final\n  呋喃妥因 | MIC | 16 | ug/mL |  |  | final\n  头孢他啶 | KB | 25 | mm |  | S | final",
		},
		{
			"flat, nested numbers, concentration and letter in two rows",
			[][]byte{cultureMessage("M1", obr("C1", urineCulture, early, "F"),
				obx(1, urineCulture, "1", "CWE", coli, "", "", "", "F"), obx(2, "28-1^氨苄西林 MIC^LN", "1.1", "SN", ">=^32", "ug/mL", "", "", "F"),
				obx(3, "18864-9^氨苄西林^LN", "1.1", "CWE", "R^耐药^L", "", "", "", "F"), obx(4, imipenem, "1.2", "SN", "<=^0.25", "ug/mL", "", "S", "F"))},
			1,
			"1 大肠埃希菌 (final)\n  氨苄西林 MIC | MIC | >=32 | ug/mL |  | R | final\n  亚胺培南 | MIC | <=0.25 | ug/mL |  | S | final",
		},
		{
			"flat, without OBX-4",
			[][]byte{cultureMessage("M1", obr("C1", "XJPY^细菌培养及鉴定^L", early, "F"), obx(1, "JD^鉴定^L", "", "ST", "肺炎克雷伯菌", "", "", "", "F"),
				obx(2, "AMP^氨苄西林^L", "", "ST", "≥32", "", "", "耐药", "F"), obx(3, "AMK^阿米卡星^L", "", "ST", "<=2", "", "", "S", "F"))},
			1,
			" 肺炎克雷伯菌 (final)\n  氨苄西林 |  | ≥32 |  |  | R | final\n  阿米卡星 |  | <=2 |  |  | S | final",
		},
		{
			"nothing grew", [][]byte{cultureMessage("M1", obr("C1", urineCulture, early, "F"), obx(1, urineCulture, "1", "CWE", "264868006^无细菌生长^SCT", "", "", "", "F"))}, 1, "",
		},
		{
			"a culture that never comes",
			[][]byte{cultureMessage("M3", childOne...)},
			1,
			"1 大肠埃希菌 () [ESBL：阳性]\n  环丙沙星 | MIC | >=4 | ug/mL | S<=0.25 R>=1 | R | final\n  亚胺培南 | 微量稀释 | <=0.25 | ug/mL |  | S | final",
		},
		{
			"a reflex test is no susceptibility", [][]byte{cultureMessage("M1", obr("T1", "TSH^促甲状腺激素^L", early, "F"), obx(1, "TSH^促甲状腺激素^L", "", "NM", "9.1", "mIU/L", "", "H", "F"),
				obr("T2", "FT4^游离甲状腺素^L", early, "F", "TSH&&L", "^T1"), obx(1, "FT4^游离甲状腺素^L", "", "NM", "8.0", "pmol/L", "", "L", "F"))}, 2, "",
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			storetest.EachDB(t, func(t *testing.T, db *store.DB) {
				b := newBench(t, db, storetest.Dir(t))
				reports := map[record.ExamID]bool{}
				for _, m := range x.messages {
					for _, r := range b.send(t, b.lis, finalLink, m).Reports {
						reports[r.Report] = true
					}
				}
				if len(reports) != x.reports {
					t.Fatalf("%d reports, want %d", len(reports), x.reports)
				}
				trees := 0
				for id := range reports {
					k := b.get(t, b.lis, id, Shown)
					if diff := cmp.Diff(x.want, tree(k)); diff != "" {
						t.Errorf("%s", diff)
					}
					if k.Abnormal > 0 && x.want != "" {
						t.Errorf("%d rows count as abnormal", k.Abnormal)
					}
					trees += len(k.Children)
				}
				found, _, err := b.Find(t.Context(), b.lis, Query{Name: "赵", Limit: 10})
				if err != nil || len(found) != x.reports-trees {
					t.Errorf("found %d of %d, %v", len(found), x.reports, err)
				}
			})
		})
	}
}

// TestWhatGrewIsCorrected: renamed, its susceptibilities stay; withdrawn, they go, also those that come late.
func TestWhatGrewIsCorrected(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		st := b.send(t, b.lis, finalLink, cultureMessage("M1", all(parentOnly, childOne)...))
		culture, child := st.Reports[0].Report, st.Reports[1].Report
		_ = b.get(t, b.tech, culture, Shown) // somebody looks at the tree
		b.send(t, b.lis, finalLink, cultureMessage("M2", obr("C1", urineCulture, later, "C"), obx(1, urineCulture, "1", "CWE", "56415008^肺炎克雷伯菌^SCT", "", "", "", "C")))
		if got := tree(b.get(t, b.lis, child, Shown)); !strings.HasPrefix(got, "1 肺炎克雷伯菌 (corrected) 100000") || !strings.Contains(got, "| R | final") {
			t.Errorf("renamed:\n%s", got)
		}
		b.send(t, b.lis, finalLink, cultureMessage("M3", obr("C1", urineCulture, "20261122110000+0800", "C"), obx(1, urineCulture, "1", "CWE", "", "", "", "", "W")))
		if got := tree(b.get(t, b.lis, culture, Shown)); got != "2 粪肠球菌 (final)" {
			t.Errorf("withdrawn:\n%s", got)
		}
		k := b.get(t, b.lis, child, Working)
		if k.Status != observation.Withdrawn || strings.Contains(values(k), "0.25") {
			t.Errorf("susceptibilities: %s %s", k.Status, values(k))
		}
		recalls, err := b.Recalls(t.Context(), b.tech, false, "", 10)
		told := map[string]int{}
		for _, r := range recalls {
			told[string(r.Report)+" "+r.Reason]++
		}
		if err != nil || told[string(child)+" withdrawn"] == 0 || told[string(culture)+" withdrawn"] == 0 {
			t.Errorf("recalls %v %v", told, err)
		}
		late := b.send(t, b.lis, finalLink, cultureMessage("M4", obr("A9", "29576-6^药敏^LN", "20261122120000+0800", "F", "630-4^1", "^C1"),
			obx(1, cipro, "", "NM", "4", "ug/mL", "", "R", "F"))).Reports[0].Report
		if k := b.get(t, b.lis, late, Shown); len(k.Rows) != 0 || k.Parent != culture {
			t.Errorf("late: %s of %q", values(k), k.Parent)
		}
	})
}

// TestABloodCultureGrows: a stain, a preliminary name, the final name with susceptibilities; who ordered is told at once.
func TestABloodCultureGrows(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		const blood, stain = "600-7^血培养^LN", "664-3^革兰染色^LN"
		st := b.send(t, b.lis, finalLink, cultureMessage("M1", obr("B1", blood, early, "P"), obx(1, stain, "", "ST", "查见革兰阴性杆菌", "", "", "", "P"), bloodTube))
		id := st.Reports[0].Report
		if got := st.Reports[0].Alarms; len(got) != 1 || got[0] != "gram-stain" {
			t.Errorf("alarms %v", got)
		}
		st = b.send(t, b.lis, finalLink, cultureMessage("M2", obr("B1", blood, later, "P"), obx(1, stain, "", "ST", "查见革兰阴性杆菌", "", "", "", "F"),
			obx(2, blood, "1", "CWE", coli, "", "70-80", "", "P"), bloodTube))
		if got := st.Reports[0].Alarms; len(got) == 0 || got[len(got)-1] != "positive-culture" {
			t.Errorf("alarms %v", got)
		}
		k := b.get(t, b.lis, id, Shown)
		if got := tree(k); got != "1 大肠埃希菌 (preliminary)" || k.Status != observation.Preliminary {
			t.Errorf("preliminary: %s %s", got, k.Status)
		}
		for _, r := range k.Rows {
			if len(r.Judged.Flags) > 0 && r.Judged.Flags[0] != "A" && r.Judged.Flags[0] != "AA" {
				t.Errorf("%s is flagged %v", r.Analyte, r.Judged.Flags)
			}
		}
		b.send(t, b.lis, finalLink, cultureMessage("M3", obr("B1", blood, "20261122110000+0800", "F"), obx(1, blood, "1", "CWE", coli, "", "", "", "F"),
			obx(2, "AMP^氨苄西林^L", "1", "SN", ">=^32", "ug/mL", "", "R", "F"), bloodTube))
		k = b.get(t, b.lis, id, Shown)
		if got := tree(k); got != "1 大肠埃希菌 (final)\n  氨苄西林 | MIC | >=32 | ug/mL |  | R | final" || k.Status != observation.Final || k.Unmapped != 0 {
			t.Errorf("final: %s %s, %d unmapped", got, k.Status, k.Unmapped)
		}
	})
}

// TestAVitekSpeaks: two isolates of one tube by ASTM, the same drug on both.
func TestAVitekSpeaks(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		text := strings.Join([]string{
			`H|\^&|||VITEK2`, "P|1||E1||赵^秀英||19550304|F", "O|1|U77||^^^UCULT", "R|1|^^^ORG^1|112283007^Escherichia coli||||||F", "R|2|^^^AST^1^AMP^Ampicillin|>=32^R||||||F",
			"R|3|^^^ORG^2|78065002^Enterococcus faecalis||||||F", "R|4|^^^AST^2^AMP^Ampicillin|<=2^S||||||F", "L|1|N", "",
		}, "\r")
		st, err := b.Accept(t.Context(), b.lis, Source{Format: ASTM, Body: []byte(text), Link: Link{ID: "vitek", Name: "VITEK", Profile: "based_on: biomerieux-vitek\nverified: true"}})
		if err != nil || len(st.Reports) != 3 {
			t.Fatalf("%+v %v", st, err)
		}
		want := "1 Escherichia coli (final)\n  Ampicillin |  | >=32 |  |  | R | final\n2 Enterococcus faecalis (final)\n  Ampicillin |  | <=2 |  |  | S | final"
		for _, r := range st.Reports {
			if diff := cmp.Diff(want, tree(b.get(t, b.lis, r.Report, Shown))); diff != "" {
				t.Error(diff)
			}
		}
	})
}

// TestACultureLeavesAsItCame: the message that we write has the tree that we read, under the name that the organism has now.
func TestACultureLeavesAsItCame(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		st := b.send(t, b.lis, finalLink, cultureMessage("M1", all(parentOnly, childOne, childTwo)...))
		body, _, err := b.Export(t.Context(), b.lis, st.Reports[0].Report, "hl7v2")
		if err != nil {
			t.Fatal(err)
		}
		m, err := hl7.Parse(body, hl7.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, _ := v2.ParseProfile(nil)
		got, err := v2.Decode(m, p)
		if err != nil || len(got.Reports) != 3 {
			t.Fatalf("%d reports, %v", len(got.Reports), err)
		}
		want := observation.Parent{Filler: "C1", Code: "630-4", SubID: "2", Text: "粪肠球菌"}
		if diff := cmp.Diff(want, got.Reports[2].Parent); diff != "" {
			t.Error(diff)
		}
		again := takenElsewhere(t, b, body)
		if diff := cmp.Diff(bothIsolates, again); diff != "" {
			t.Error(diff)
		}
		sheet, err := b.Sheet(t.Context(), b.lis, st.Reports[1].Report, "zh", "A4")
		if err != nil || len(sheet) < 1000 {
			t.Fatalf("sheet of %d bytes, %v", len(sheet), err)
		}
	})
}

// takenElsewhere takes an exported message as another laboratory's and gives its tree.
func takenElsewhere(t *testing.T, b *bench, body []byte) string {
	t.Helper()
	st, err := b.Accept(t.Context(), b.other, Source{Format: HL7, Body: body, Link: Link{ID: "elsewhere", Name: "HIS", Profile: "final: true\n"}})
	if err != nil {
		t.Fatal(err)
	}
	return tree(b.get(t, b.other, st.Reports[0].Report, Shown))
}

// TestTheSampleCulture is a message of the shared samples.
func TestTheSampleCulture(t *testing.T) {
	body := sampleOf(t, "hl7v2/synthetic/oru_micro.hl7")
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		st := b.send(t, b.lis, finalLink, body)
		want := `1 Escherichia coli (final) 100000 {CFU}/mL
  Ciprofloxacin [Susceptibility] | MIC | >=4 | ug/mL |  | R | final
  Imipenem | MIC | <=0.25 | ug/mL |  | S | final`
		if diff := cmp.Diff(want, tree(b.get(t, b.lis, st.Reports[0].Report, Shown))); diff != "" {
			t.Error(diff)
		}
	})
}

// sampleOf reads a file of the shared samples; the test is skipped where they are absent.
func sampleOf(t *testing.T, name string) []byte {
	t.Helper()
	at, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; at != filepath.Dir(at); at = filepath.Dir(at) {
		if b, err := os.ReadFile(filepath.Join(at, "shared", "data", "lab", name)); err == nil {
			return b
		}
	}
	t.Skip("no sample " + name)
	return nil
}

// FuzzBranch: no rows make it fail, and a susceptibility always says what it hangs on.
func FuzzBranch(f *testing.F) {
	f.Add("1", "Escherichia coli", "1.1", "R")
	f.Add("", "肺炎克雷伯菌", "", "敏感")
	f.Add(".", "无菌生长", "..", "S")
	f.Fuzz(func(t *testing.T, sub, organism, below, letter string) {
		rows := []observation.Result{
			{Code: observation.Coding{Code: "O"}, SubID: sub, Value: observation.Value{Kind: observation.Text, Text: organism}},
			{Code: observation.Coding{Code: "D"}, SubID: below, Value: observation.ParseValue(letter), Flags: []string{letter}},
		}
		growTree([]observation.Report{{Filler: "F", Results: rows}})
		if p := rows[1].Probe; tied(p) && (p.Code != "O" || rootOf(below) != p.SubID || tied(rows[0].Probe)) {
			t.Fatalf("%+v", rows)
		}
	})
}

// TestWhatWasWrittenAtOneMomentIsTied: two servers that did not see each other's report.
func TestWhatWasWrittenAtOneMomentIsTied(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		st := b.send(t, b.lis, finalLink, cultureMessage("M1", all(parentOnly, childOne)...))
		err := db.Tx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE lab_reports SET parent = '' WHERE id = $1`, string(st.Reports[1].Report))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if k := b.get(t, b.lis, st.Reports[1].Report, Shown); k.Parent != "" {
			t.Fatal("it is tied already")
		}
		if _, err := b.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		if k := b.get(t, b.lis, st.Reports[1].Report, Shown); k.Parent != st.Reports[0].Report || len(k.Isolates) != 2 {
			t.Errorf("parent %q", k.Parent)
		}
	})
}
