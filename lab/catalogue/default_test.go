package catalogue

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/ucum"
	"github.com/lianzhen/lianzhen/lab/packfile"
	"github.com/lianzhen/lianzhen/lab/verify"
)

func TestTheDefaultCatalogueIsWholeAndHonest(t *testing.T) {
	p := Default()
	if len(p.Analytes) < 200 || len(p.Panels) < 20 || len(p.Intervals) < 150 {
		t.Errorf("%d analytes, %d panels, %d intervals", len(p.Analytes), len(p.Panels), len(p.Intervals))
	}
	for _, a := range p.Analytes {
		if a.Unit != "" && !ucum.Valid(a.Unit) {
			t.Errorf("%s: %s is no UCUM", a.Code, a.Unit)
		}
	}
	for _, x := range p.Intervals {
		s, _ := packfile.SourceOf(p.Sources, x.Source)
		if x.Source == "practice" && x.Expect == "" && !x.ToBeConfirmed || s.Status == packfile.Verified {
			t.Errorf("%s: says more than we know", x.ID)
		}
	}
	if !strings.Contains(p.Notice, "LOINC is copyright") {
		t.Error("no notice of LOINC")
	}
	for loinc, all := range p.byLOINC {
		for _, a := range all[1:] {
			if slices.Equal(a.Specimens, all[0].Specimens) {
				t.Errorf("%s means %s and %s in one specimen", loinc, all[0].Code, a.Code)
			}
		}
	}
}

func TestTheRulesAgreeWithTheCatalogue(t *testing.T) {
	p, rules := Default(), verify.Default()
	if lost := without(rules.Analytes(), p); len(lost) > 0 {
		t.Errorf("the catalogue has no %s", lost)
	}
	if err := Agree(p, rules); err != nil {
		t.Error(err)
	}
	for _, code := range rules.Analytes() {
		if a, _ := p.Analyte(code); a.Unit != rules.Units[code] {
			t.Errorf("%s: %s in the catalogue, %s in the rules", code, a.Unit, rules.Units[code])
		}
	}
}

// Items of recognition are those that the packs of recognition have.
func TestRecognitionItemsExist(t *testing.T) {
	const folder = "../../authz/recognition/rules"
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, f := range files {
		b, err := os.ReadFile(folder + "/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`code: (LAB\.[A-Z0-9]+)`).FindAllSubmatch(b, -1) {
			known[string(m[1])] = true
		}
	}
	for _, a := range Default().Analytes {
		for _, x := range a.Items {
			if !known[x] {
				t.Errorf("%s: no item %s", a.Code, x)
			}
		}
	}
}

func TestIntervals(t *testing.T) {
	p := Default()
	year := 365*30 + 8
	for _, tt := range []struct {
		name, analyte string
		who           Subject
		want          string
	}{
		{"a man", "HGB", Subject{AgeDays: year, Sex: "M"}, "130-175"},
		{"a woman", "HGB", Subject{AgeDays: year, Sex: "F"}, "115-150"},
		{"a pregnant woman", "HGB", Subject{AgeDays: year, Sex: "F", Pregnant: true}, "110-150"},
		{"nobody known", "HGB", Subject{AgeDays: year}, ""},
		{"of unknown age", "HGB", Subject{AgeDays: -1, Sex: "M"}, ""},
		{"a child", "HGB", Subject{AgeDays: 6573, Sex: "M"}, ""},
		{"the first day of an adult", "HGB", Subject{AgeDays: 6574, Sex: "M"}, "130-175"},
		{"a man before sixty", "CREA", Subject{AgeDays: 21914, Sex: "M"}, "57-97"},
		{"a man of sixty", "CREA", Subject{AgeDays: 21915, Sex: "M"}, "57-111"},
		{"both sexes", "K", Subject{AgeDays: year}, "3.5-5.3"},
		{"an open limit", "CHOL", Subject{AgeDays: year, Sex: "M"}, "<5.2"},
		{"a limit that is inside", "BASON", Subject{AgeDays: year, Sex: "M"}, "≤0.06"},
		{"a lower limit", "HDL", Subject{AgeDays: year, Sex: "M"}, "≥1.0"},
		{"a qualitative analyte of anybody", "HBSAG", Subject{AgeDays: -1}, "阴性"},
		{"none", "BCULT", Subject{AgeDays: year, Sex: "M"}, ""},
	} {
		got, ok := p.Interval(tt.analyte, tt.who)
		if ok != (tt.want != "") || got.Text != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got.Text, tt.want)
		}
		if ok && (got.Source.ZH == "" || got.ID == "" || got.Status == "") {
			t.Errorf("%s: an interval without its source: %+v", tt.name, got)
		}
	}
}

func TestSearch(t *testing.T) {
	p := Default()
	for _, tt := range []struct{ query, first string }{
		{"K", "K"},
		{"k", "K"},
		{"钾", "K"},
		{"血钾", "K"},
		{"2823-3", "K"},
		{"potassium", "K"},
		{"jia", "K"},
		{"zongdanguchun", "CHOL"},
		{"zdgc", "CHOL"},
		{"谷丙转氨酶", "ALT"},
		{"gbzam", "ALT"},
		{"ＷＢＣ", "WBC"},
	} {
		got := p.Search(tt.query, "")
		if len(got) == 0 || got[0].Code != tt.first {
			t.Errorf("%s: %d found", tt.query, len(got))
		}
	}
	if got := p.Search("", "electrolyte"); len(got) != 11 || got[0].Code != "K" {
		t.Errorf("%d electrolytes", len(got))
	}
	if got := p.Search("no such thing", ""); len(got) != 0 {
		t.Error(got)
	}
	if got := p.SearchPanels("xuechanggui", ""); len(got) != 1 || got[0].Code != "CBC" {
		t.Error(got)
	}
}

func TestWordsOfSpecimensMethodsAndStability(t *testing.T) {
	p := Default()
	for word, want := range map[string]string{"SER": "SER", "ser": "SER", "血清": "SER", "Serum": "SER", "静脉血": "BLD", "大便": "ST", "汗": "", "": ""} {
		if got := p.Specimen(word); got != want {
			t.Errorf("%s: %s", word, got)
		}
	}
	if got := p.Method("CREA", "", "肌氨酸氧化酶法"); got != "enzymatic" {
		t.Error(got)
	}
	if got := p.Method("K", "肌氨酸氧化酶法"); got != "" {
		t.Error(got)
	}
	if d, ok := p.StableFor("K", "SER", Fridge); !ok || d.Hours() != 72 {
		t.Error(d, ok)
	}
	if _, ok := p.StableFor("NH3", "PLAS", Room); ok {
		t.Error("ammonia keeps at room temperature")
	}
}

func TestConversionByMolarMass(t *testing.T) {
	p := Default()
	for _, tt := range []struct{ analyte, value, from, to, want string }{
		{"GLU", "90", "mg/dL", "mmol/L", "4.9956"},
		{"CHOL", "200", "mg/dL", "mmol/L", "5.1724"},
		{"CREA", "1.0", "mg/dL", "umol/L", "88.401"},
		{"CA", "10", "mg/dL", "mmol/L", "2.4951"},
		{"HGB", "12.5", "g/dL", "g/L", "125"},
	} {
		v, err := packfile.ParseDecimal(tt.value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Convert(v, tt.from, tt.to, tt.analyte)
		if err != nil || !strings.HasPrefix(got.String(), tt.want) {
			t.Errorf("%s: %s %v, want %s", tt.analyte, got, err, tt.want)
		}
	}
	if p.Convertible("mg/L{FEU}", "mg/L{DDU}", "DD") {
		t.Error("FEU converts into DDU")
	}
}
