package recognition

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lianzhen/lianzhen/record"
)

func TestEmbeddedPacksHaveNoProblem(t *testing.T) {
	for _, p := range Lint(Embedded()) {
		t.Error(p)
	}
	if v := Default().Version(); len(v) != versionChars {
		t.Errorf("version %q", v)
	}
}

func national0(t testing.TB) string {
	t.Helper()
	b, err := fs.ReadFile(Embedded(), "national.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// localPack is a good pack of 30 lines; tests spoil one line of it.
const localPack = `pack: p1
title: {zh: 某省, en: A province}
applies_to: [province:p1]
citations:
  - {id: C1, text: {zh: 某省文件, en: A document}, status: verified}
  - {id: R1, text: {zh: 印象, en: Recollection}, status: recollection}
items:
  - {code: CT.CHEST, name: {zh: 胸部, en: Chest}, kind: imaging, group: ct, modalities: [CT], body_parts: [CHEST], from: 2022-01-01, to: 2023-01-01, window_days: 30, citation: C1}
  - {code: CT.CHEST, name: {zh: 胸部, en: Chest}, kind: imaging, group: ct, modalities: [CT], body_parts: [CHEST], from: 2023-01-01, window_days: 14, citation: C1}
  - {code: P.ONE, name: {zh: 一, en: One}, kind: lab, codes: [ONE-1], from: 2022-01-01, window_days: 3, citation: C1}
tiers:
  - {from: 2022-01-01, same: recognise, upward: recognise, downward: advise, citation: C1}
community:
  - {from: 2022-01-01, window_days: {lab: 3}, citation: C1}
exemptions:
  - {setting: EMERGENCY, exempt: false, from: 2022-01-01, citation: C1}
reasons:
  - {code: P1, text: {zh: 理由, en: Reason}, from: 2022-01-01, citation: C1}
marks:
  - {institution: h1, item: CT.CHEST, scope: province:p1, from: 2022-01-01, to: 2023-01-01, source: 质控}
  - {institution: h1, item: CT.CHEST, scope: province:p1, from: 2024-01-01, source: 质控}
`

func TestLoadNamesFileAndLineOfEveryMistake(t *testing.T) {
	tests := []struct {
		name     string
		old, new string
		line     int
		text     string
	}{
		{"unknown field", "kind: lab, codes", "kind: lab, windw: 3, codes", 10, "windw"},
		{"unknown section", "reasons:\n", "reasonz:\n", 17, "reasonz"},
		{"repeated key", "pack: p1\n", "pack: p1\npack: p2\n", 2, "already defined"},
		{"no YAML", "tiers:\n", "tiers: [\n", 0, ""},
		{"a second document", "marks:\n", "---\nmarks:\n", 19, "one document to a file"},
		{"overlap", "to: 2023-01-01, window_days: 30", "to: 2023-02-01, window_days: 30", 9, "overlap"},
		{"overlap with an open entry", "to: 2023-01-01, window_days: 30", "window_days: 30", 9, "overlap"},
		{"gap", "to: 2023-01-01, window_days: 30", "to: 2022-12-01, window_days: 30", 9, "gap from 2022-12-01 to 2023-01-01"},
		{"duplicate code", "from: 2023-01-01, window", "from: 2022-01-01, window", 9, "duplicate"},
		{"from after to", "from: 2022-01-01, to: 2023-01-01, window_days: 30", "from: 2023-01-01, to: 2023-01-01, window_days: 30", 8, "not after"},
		{"no from", "codes: [ONE-1], from: 2022-01-01", "codes: [ONE-1]", 10, "from"},
		{"no such day", "codes: [ONE-1], from: 2022-01-01", "codes: [ONE-1], from: 2022-02-30", 10, "no such day"},
		{"a date that is none", "codes: [ONE-1], from: 2022-01-01", "codes: [ONE-1], from: soon", 10, "YYYY-MM-DD"},
		{"unknown scope kind", "applies_to: [province:p1]", "applies_to: [planet:p1]", 3, "unknown scope"},
		{"unknown region", "scope: province:p1, from: 2024", "scope: region:far, from: 2024", 21, "unknown scope"},
		{"scope without a name", "scope: province:p1, from: 2024", "scope: province, from: 2024", 21, "unknown scope"},
		{"scopes of two kinds", "applies_to: [province:p1]", "applies_to: [province:p1, city:c]", 3, "one kind"},
		{"national twice", "applies_to: [province:p1]", "applies_to: [national]", 3, "already"},
		{"window of no day", "window_days: 14", "window_days: 0", 9, "window_days 0"},
		{"window of decades", "window_days: 14", "window_days: 99999", 9, "window_days"},
		{"window as text", "window_days: 14", "window_days: two weeks", 9, "cannot unmarshal"},
		{"unknown kind", "kind: lab", "kind: labb", 10, "unknown kind"},
		{"another kind than before", "group: ct, modalities: [CT], body_parts: [CHEST], from: 2023", "group: cts, modalities: [CT], body_parts: [CHEST], from: 2023", 9, "another kind"},
		{"reserved code", "code: P.ONE", "code: ALL", 10, "item code"},
		{"code with a colon", "code: P.ONE", `code: "P:ONE"`, 10, "item code"},
		{"no English name", "name: {zh: 一, en: One}", "name: {zh: 一}", 10, "en text"},
		{"alias of another item", "codes: [ONE-1]", "codes: [CT.CHEST]", 10, "another item"},
		{"alias of an item of another pack", "codes: [ONE-1]", `codes: ["2823-3"]`, 0, "another item"},
		{"basis", "window_days: 3, citation", "basis: guessed, window_days: 3, citation", 10, "basis"},
		{"unknown citation", "window_days: 3, citation: C1", "window_days: 3, citation: C9", 10, "C9"},
		{"recollection must say so", "window_days: 3, citation: C1", "window_days: 3, citation: R1", 10, "to_be_confirmed"},
		{"citation status", "status: verified", "status: sure", 5, "status"},
		{"body parts without modality", "codes: [ONE-1]", "body_parts: [X]", 10, "without modalities"},
		{"one part of two items", "codes: [ONE-1]", "modalities: [CT], body_parts: [Chest]", 10, "on CT CHEST"},
		{"one part twice", "codes: [ONE-1]", "modalities: [CT], body_parts: [A, a]", 10, "twice"},
		{"tier word", "downward: advise", "downward: maybe", 12, "tier"},
		{"community kind", "{lab: 3}", "{labb: 3}", 14, "unknown kind"},
		{"community certificate", "{lab: 3},", "{lab: 3}, lab: {certificate: maybe},", 14, "certificate"},
		{"setting", "setting: EMERGENCY", "setting: OUTPATIENT", 16, "setting"},
		{"reason code", "code: P1,", "code: 'P 1',", 18, "reason code"},
		{"other needs an explanation", "code: P1,", "code: OTHER,", 18, "explanation_required"},
		{"mark of an unknown item", "item: CT.CHEST, scope: province:p1, from: 2024", "item: CT.X, scope: province:p1, from: 2024", 21, "unknown item"},
		{"mark of two things", "item: CT.CHEST, scope: province:p1, from: 2024", "item: CT.CHEST, group: ct, scope: province:p1, from: 2024", 21, "one of"},
		{"mark of an unknown group", "item: CT.CHEST, scope: province:p1, from: 2024", "group: zz, scope: province:p1, from: 2024", 21, "unknown group"},
		{"mark without source", "from: 2024-01-01, source: 质控", "from: 2024-01-01", 21, "source"},
		{"marks overlap", "from: 2024-01-01, source", "from: 2022-06-01, source", 21, "overlap"},
		{"clock skew of a province", "tiers:\n", "clock_skew_s: 5\ntiers:\n", 11, "clock_skew_s"},
		{"conditions of a province", "tiers:\n", "conditions:\n  - {code: NOPE, text: {zh: a, en: b}, remedy: {zh: a, en: b}, citation: C1}\ntiers:\n", 12, "condition"},
		{"pack id", "pack: p1\n", "pack: P 1\n", 1, "pack"},
		{"pack id twice", "pack: p1\n", "pack: national\n", 1, "twice"},
	}
	nation := national0(t)
	load := func(local string) (*Rulebook, error) {
		return Load(fstest.MapFS{"national.yaml": {Data: []byte(nation)}, "p1.yaml": {Data: []byte(local)}})
	}
	if _, err := load(localPack); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bad := strings.Replace(localPack, tt.old, tt.new, 1)
			if bad == localPack {
				t.Fatal("nothing spoilt")
			}
			_, err := load(bad)
			if record.KindOf(err) != record.Invalid {
				t.Fatalf("got %v, want it refused", err)
			}
			where := fmt.Sprintf("p1.yaml:%d: ", tt.line)
			if tt.line == 0 {
				where = ".yaml:"
			}
			for line := range strings.Lines(err.Error()) {
				if strings.Contains(line, where) && strings.Contains(line, tt.text) {
					return
				}
			}
			t.Errorf("want %s...%s in\n%v", where, tt.text, err)
		})
	}
}

func TestNationalPackMustBeWhole(t *testing.T) {
	for _, cut := range []struct{ name, from, text string }{
		{"a condition", "  - code: OUT_OF_WINDOW", "OUT_OF_WINDOW is missing"},
		{"a reason", "  - code: S2", "S2 is missing"},
	} {
		t.Run(cut.name, func(t *testing.T) {
			n := national0(t)
			i := strings.Index(n, cut.from)
			j := i + 5 + strings.IndexAny(n[i+5:], "\n")
			for !strings.HasPrefix(n[j+1:], "  - ") && n[j+1] == ' ' {
				j += 1 + strings.Index(n[j+1:], "\n")
			}
			_, err := Load(fstest.MapFS{"n.yaml": {Data: []byte(n[:i] + n[j+1:])}})
			if err == nil || !strings.Contains(err.Error(), cut.text) {
				t.Errorf("got %v, want %q", err, cut.text)
			}
		})
	}
	if _, err := Load(fstest.MapFS{"p1.yaml": {Data: []byte(localPack)}}); err == nil || !strings.Contains(err.Error(), "no pack applies to national") {
		t.Errorf("got %v", err)
	}
	if _, err := Load(fstest.MapFS{}); err == nil {
		t.Error("no packs at all were taken")
	}
}

func TestAnAdministratorMayLoadHisOwnFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, Embedded()); err != nil {
		t.Fatal(err)
	}
	same, err := Load(os.DirFS(dir))
	if err != nil || same.Version() != Default().Version() {
		t.Fatalf("%v, %v", same, err)
	}
	if err := os.WriteFile(dir+"/p1.yaml", []byte(localPack), 0o600); err != nil {
		t.Fatal(err)
	}
	if other, err := Load(os.DirFS(dir)); err != nil || other.Version() == same.Version() {
		t.Errorf("%v, %v", other, err)
	}
}

func TestVersionNamesMeaningNotLayout(t *testing.T) {
	load := func(local string) string {
		rb, err := Load(fstest.MapFS{"national.yaml": {Data: []byte(national0(t))}, "any-name.yaml": {Data: []byte(local)}})
		if err != nil {
			t.Fatal(err)
		}
		return rb.Version()
	}
	v := load(localPack)
	if load("# a comment\n"+strings.ReplaceAll(localPack, ", ", ",  ")) != v {
		t.Error("layout changed the version")
	}
	for _, c := range [][2]string{{"window_days: 14", "window_days: 15"}, {"downward: advise", "downward: decline"}, {"zh: 理由", "zh: 原因"}} {
		if load(strings.Replace(localPack, c[0], c[1], 1)) == v {
			t.Errorf("%s did not change the version", c[1])
		}
	}
}

func TestCanonicalTextReadsBackTheSame(t *testing.T) {
	rb, err := Load(fstest.MapFS{"n.yaml": {Data: []byte(national0(t))}, "p.yaml": {Data: []byte(localPack)}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := parse(rb.text)
	if err != nil || again.Version() != rb.Version() || string(again.text) != string(rb.text) {
		t.Errorf("%v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(localPack))
	f.Add([]byte(national0(f)))
	for _, s := range []string{"", "pack: [", "items:\n  - {code: &a CT, name: *a}", "a: &a [*a]", "items: [{from: 0000-00-00}]", "pack: {}\n---\n", "items: [null]", "conditions: [~]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rb, err := Load(fstest.MapFS{"a.yaml": {Data: data}})
		for _, p := range Lint(fstest.MapFS{"a.yaml": {Data: data}}) {
			if p.Line < 1 || p.Text == "" {
				t.Errorf("problem without a place: %+v", p)
			}
		}
		if err != nil {
			return
		}
		again, err := parse(rb.text)
		if err != nil || again.Version() != rb.Version() {
			t.Errorf("what was taken does not read back: %v", err)
		}
	})
}
