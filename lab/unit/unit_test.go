package unit_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/lianzhen/lianzhen/codec/ucum"
	"github.com/lianzhen/lianzhen/lab/unit"
)

func TestResolve(t *testing.T) {
	for _, c := range []struct{ sent, code string }{
		{"mmol/L", "mmol/L"},
		{"umol/L", "umol/L"},
		{"µmol/L", "umol/L"},
		{"μmol/L", "umol/L"},
		{"μmol/l", "umol/l"},
		{"UMOL/L", "umol/L"},
		{"×10⁹/L", "10*9/L"},
		{"x10^9/L", "10*9/L"},
		{"X10^9/L", "10*9/L"},
		{"10^9/L", "10*9/L"},
		{"10*9/L", "10*9/L"},
		{"10E9/L", "10*9/L"},
		{"10e9/L", "10*9/L"},
		{"*10^9/L", "10*9/L"},
		{"10**9/L", "10*9/L"},
		{"x10E12/L", "10*12/L"},
		{"×10¹²/L", "10*12/L"},
		{"E9/L", "10*9/L"},
		{"x 10^9 / L", "10*9/L"},
		{"×10^12/L", "10*12/L"},
		{"x109/L", "10*9/L"},
		{"10^3/uL", "10*3/uL"},
		{"10³/μL", "10*3/uL"},
		{"IU/L", "[IU]/L"},
		{"mIU/mL", "m[IU]/mL"},
		{"mIU/L", "m[IU]/L"},
		{"uIU/ml", "u[IU]/mL"},
		{"μIU/mL", "u[IU]/mL"},
		{"KIU/L", "k[IU]/L"},
		{"iu/ml", "[IU]/mL"},
		{"U/L", "U/L"},
		{"u/l", ""},
		{"KU/L", "kU/L"},
		{"kU/L", "kU/L"},
		{"U/ml", "U/ml"},
		{"个/HP", "/[HPF]"},
		{"/HPF", "/[HPF]"},
		{"/HP", "/[HPF]"},
		{"/hpf", "/[HPF]"},
		{"个/LP", "/[LPF]"},
		{"个/高倍视野", "/[HPF]"},
		{"/ul", "/ul"},
		{"个/μL", "/uL"},
		{"个/ul", "/ul"},
		{"万/ul", "10*4/ul"},
		{"万/μL", "10*4/uL"},
		{"百万/ml", "10*6/ml"},
		{"gm/dL", "g/dL"},
		{"mg/dl", "mg/dl"},
		{"MG/DL", "mg/dL"},
		{"g/l", "g/l"},
		{"G/DL", "g/dL"},
		{"gm/dl", "g/dL"},
		{"g%", "g%"},
		{"gm%", "g/dL"},
		{"%", "%"},
		{"％", "%"},
		{"‰", "[ppth]"},
		{"S/CO", "{s_co_ratio}"},
		{"s/co", "{s_co_ratio}"},
		{"COI", "{COI}"},
		{"INR", "{INR}"},
		{"fL", "fL"},
		{"fl", "fl"},
		{"FL", "fL"},
		{"pg", "pg"},
		{"PG/ML", ""},
		{"pg/ml", "pg/ml"},
		{"ng/mL", "ng/mL"},
		{"NG/ML", "ng/mL"},
		{"NG/mL", "ng/mL"},
		{"mcg/mL", "ug/mL"},
		{"mEq/L", "meq/L"},
		{"meq/L", "meq/L"},
		{"mOsm/kg", "mosm/kg"},
		{"mOsm/kgH2O", "mosm/kg"},
		{"mOsm/kg·H₂O", "mosm/kg"},
		{"mmHg", "mm[Hg]"},
		{"mm Hg", "mm[Hg]"},
		{"mm[Hg]", "mm[Hg]"},
		{"kPa", "kPa"},
		{"KPA", "kPa"},
		{"℃", "Cel"},
		{"°C", "Cel"},
		{"Cel", "Cel"},
		{"sec", "s"},
		{"Sec", "s"},
		{"秒", "s"},
		{"s", "s"},
		{"mm/h", "mm/h"},
		{"mm/1h", "mm/h"},
		{"mm/hr", "mm/h"},
		{"次/分", "/min"},
		{"ml/min/1.73m2", "ml/min/{1.73_m2}"},
		{"mL/min/1.73m²", "mL/min/{1.73_m2}"},
		{"mL/min/1.73 m^2", "mL/min/{1.73_m2}"},
		{"ml/(min·1.73m2)", "ml/(min.{1.73_m2})"},
		{"mg/24h", "mg/(24.h)"},
		{"g/24hr", "g/(24.h)"},
		{"mmol/24小时", "mmol/(24.h)"},
		{"mg/g Cr", "mg/g{creat}"},
		{"mg/gCr", "mg/g{creat}"},
		{"mg/mmol Cr", "mg/mmol{creat}"},
		{"U/gHb", "U/g{Hb}"},
		{"mg/L FEU", "mg{FEU}/L"},
		{"ug/mL(FEU)", "ug{FEU}/mL"},
		{"ng/mL DDU", "ng{DDU}/mL"},
		{"μg/ml FEU", "ug{FEU}/ml"},
		{"copies/mL", "{copies}/mL"},
		{"拷贝/mL", "{copies}/mL"},
		{"Copies/ml", "{copies}/mL"},
		{"RU/mL", "{RU}/mL"},
		{"毫摩尔/升", "mmol/L"},
		{"克/升", "g/L"},
		{"毫克/分升", "mg/dL"},
		{"国际单位/升", "[IU]/L"},
		{"㎎/㎗", "mg/dl"},
		{"μg/L", "ug/L"},
		{"cc", "mL"},
		{"cm²", "cm2"},
		{"/mm³", "/mm3"},
		{"cells/uL", "{cells}/uL"},
		{"mmol／L", "mmol/L"},
		{"mg/d", "mg/d"},
		{"Kg", "kg"},
		{"ratio", "{ratio}"},
		{"AU/ml", ""},
		{"AU/ML", ""},
		{"ug/dl", "ug/dl"},
		{"nmol/L", "nmol/L"},
		{"nM", "nmol/L"},
		{"M/uL", "10*6/uL"},
		{"K/UL", "10*3/uL"},
		{" mmol/L ", "mmol/L"},
		{"", ""},
		{"阴性", ""},
		{"rubbish", ""},
		{"mmol//L", ""},
		{"mg/dL)", ""},
		{"\x00", ""},
	} {
		t.Run(c.sent, func(t *testing.T) {
			r, ok := unit.Resolve(c.sent, nil)
			if r.Code != c.code || ok != (c.code != "") || ok && r.Alias != (c.sent != c.code) {
				t.Errorf("%+v %v, want %q", r, ok, c.code)
			}
			if ok && !ucum.Valid(r.Code) {
				t.Errorf("%q is not UCUM", r.Code)
			}
		})
	}
}

func TestResolveSuspicious(t *testing.T) {
	for _, c := range []struct{ sent, meant string }{
		{"K/uL", "10*3/uL"},
		{"K/mm3", "10*3/mm3"},
		{"u/L", "U/L"},
		{"mu/mL", "mU/mL"},
		{"ku/L", "kU/L"},
		{"au/mL", "[arb'U]/mL"},
		{"nu/L", "nU/L"},
		{"G/L", "10*9/L"},
		{"T/L", "10*12/L"},
		{"G/dL", "g/dL"},
		{"MG", "mg"},
		{"MG/ML", "mg/mL"},
		{"PG", "pg"},
		{"Mmol/L", "mmol/L"},
		{"Pmol/L", "pmol/L"},
		{"Mg/dL", "mg/dL"},
		{"ML", "mL"},
		{"S", "s"},
		{"mm/H", "mm/h"},
		{"C", "Cel"},
		{"F", "[degF]"},
		{"pH", "[pH]"},
		{"PH", "[pH]"},
		{"ph", "[pH]"},
		{"AU/mL", "[arb'U]/mL"},
		{"g/1", "g/L"},
		{"mmol/1", "mmol/L"},
		{"mg/d1", "mg/dL"},
		{"ng/m1", "ng/mL"},
		{"109/L", "10*9/L"},
		{"1012/L", "10*12/L"},
		{"103/uL", "10*3/uL"},
		{"M[IU]/L", "m[IU]/L"},
		{"10 9/L", "10*9/L"},
		{"Gmol/L", "?"},
	} {
		t.Run(c.sent, func(t *testing.T) {
			if c.sent == "ph" && ucum.Default().Edition() == "" {
				t.Skip("built without the table of UCUM: make ucum") // which has the phot
			}
			got, ok := unit.Resolve(c.sent, nil)
			if diff := cmp.Diff(unit.Resolved{Suspicious: c.meant}, got); diff != "" || ok {
				t.Error(ok, diff)
			}
			if got.Warning() != unit.Warning {
				t.Error("no warning")
			}
			if c.meant != "?" && !ucum.Valid(c.meant) {
				t.Errorf("%q is not UCUM", c.meant)
			}
		})
	}
	for _, honest := range []string{"K", "mmol/L", "kg", "g/mol", "mS/cm", "10*9/L", "[pH]", "1/uL", "g/d", "100", "mg/kg", "pmol/L", "mm[Hg]"} {
		if got, ok := unit.Resolve(honest, nil); !ok && honest != "K" {
			t.Errorf("%s: %+v", honest, got)
		}
	}
}

func TestResolveSender(t *testing.T) {
	sender := map[string]string{"K/uL": "10*3/uL", "单位": "k[IU]/L", "wrong": "no such unit", "g/l": "mg/L", "10*9/L": "10*12/L"}
	for _, c := range []struct {
		name, sent, code string
		ok               bool
	}{
		{"the sender decides what is suspicious", "K/uL", "10*3/uL", true},
		{"an own word", "单位", "k[IU]/L", true},
		{"against UCUM", "g/l", "mg/L", true},
		{"by the folded form", "×10⁹/L", "10*12/L", true},
		{"a mapping that is no UCUM", "wrong", "", false},
		{"not in the table", "mg/dl", "mg/dl", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r, ok := unit.Resolve(c.sent, sender); r.Code != c.code || ok != c.ok {
				t.Errorf("%+v %v", r, ok)
			}
		})
	}
}

func number(t testing.TB, s string) *apd.Decimal {
	t.Helper()
	d, _, err := apd.NewFromString(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConvert(t *testing.T) {
	for _, c := range []struct{ substance, value, from, to, want string }{
		{"glucose", "126", "mg/dL", "mmol/L", "6.99"},
		{"glucose", "7.0", "mmol/L", "mg/dL", "126"},
		{"glucose", "5.5", "mmol/L", "mg/dl", "99.1"},
		{"creatinine", "1.0", "mg/dL", "umol/L", "88.4"},
		{"crea", "100", "umol/L", "mg/dL", "1.13"},
		{"bun", "14", "mg/dL", "mmol/L", "5.00"},
		{"urea", "6.0", "mg/dL", "mmol/L", "0.999"},
		{"urate", "7", "mg/dL", "umol/L", "416"},
		{"cholesterol", "200", "mg/dL", "mmol/L", "5.17"},
		{"triglyceride", "150", "mg/dL", "mmol/L", "1.69"},
		{"bilirubin", "1", "mg/dL", "umol/L", "17.1"},
		{"calcium", "10", "mg/dL", "mmol/L", "2.50"},
		{"calcium", "5.0", "meq/L", "mmol/L", "2.50"},
		{"calcium", "5.0", "meq/L", "mg/dL", "10.0"},
		{"magnesium", "2", "mmol/L", "meq/L", "4.00"},
		{"sodium", "140", "meq/L", "mmol/L", "140"},
		{"potassium", "4.1", "mmol/L", "meq/L", "4.10"},
		{"phosphate", "3.5", "mg/dL", "mmol/L", "1.13"},
		{"iron", "100", "ug/dL", "umol/L", "17.9"},
		{"thyroxine.free", "1.2", "ng/dL", "pmol/L", "15.4"},
		{"ft3", "3.1", "pg/mL", "pmol/L", "4.76"},
		{"cortisol", "10", "ug/dL", "nmol/L", "276"},
		{"testosterone", "500", "ng/dL", "nmol/L", "17.3"},
		{"e2", "100", "pg/mL", "pmol/L", "367"},
		{"vitd", "30", "ng/mL", "nmol/L", "74.9"},
		{"b12", "300", "pg/mL", "pmol/L", "221"},
		{"folate", "5", "ng/mL", "nmol/L", "11.3"},
		{"lactate", "2", "mmol/L", "mg/dL", "18.0"},
		{"hcy", "10", "umol/L", "mg/L", "1.35"},
		{"digoxin", "1", "ng/mL", "nmol/L", "1.28"},
		{"hgb", "14", "g/dL", "mmol/L", "8.69"},
		{"insulin", "10", "u[IU]/mL", "pmol/L", "60.0"},
		{"insulin", "10", "mU/L", "pmol/L", "60.0"},
		{"insulin", "60", "pmol/L", "m[IU]/L", "10.0"},
		{"insulin", "1", "m[IU]/L", "pg/mL", "34.8"},
		{"afp", "10", "[IU]/mL", "ng/mL", "12.1"},
		{"pth", "50", "pg/mL", "pmol/L", "5.31"},
		{"bnp", "100", "pg/mL", "pmol/L", "28.9"},
		{"nt-probnp", "125", "pg/mL", "pmol/L", "14.8"},
		{"acth", "46", "pg/mL", "pmol/L", "10.1"},
		{"", "0.5", "mg/L{FEU}", "ng{FEU}/mL", "500"},
		{"afp", "12.1", "ng/mL", "U/mL", "10.0"},
		{"hba1c", "6.5", "%", "mmol/mol", "47.5"},
		{"hba1c", "48", "mmol/mol", "%", "6.54"},
		{"a1c", "48", "mmol/mol", "%{NGSP}", "6.54"},
		{"hba1c", "6.5", "%", "%", "6.50"},
		{"alt", "40", "[IU]/L", "U/L", "40.0"},
		{"alt", "60", "U/L", "ukat/L", "1.00"},
		{"alt", "60", "[IU]/L", "ukat/L", "1.00"},
		{"ca125", "35", "U/mL", "k[IU]/L", "35.0"},
		{"tsh", "2.5", "u[IU]/mL", "mU/L", "2.50"},
		{"tpoab", "9", "[arb'U]/mL", "[IU]/mL", "9.00"},
		{"", "250", "10*3/uL", "10*9/L", "250"},
		{"", "5", "mg/L", "mg/dL", "0.500"},
		{"", "37.0", "Cel", "[degF]", "98.6"},
		{"", "0.45", "L/L", "%", "45.0"},
		{"", "25", "10*4/uL", "10*9/L", "250"},
		{"", "0.5", "ug{FEU}/mL", "ng{FEU}/mL", "500"},
		{"", "40", "mm[Hg]", "kPa", "5.33"},
		{"creatinine", "30", "mg/g{creat}", "mg/mmol{creat}", "3.39"},
		{"creatinine", "3", "mg/mmol", "mg/g", "26.5"},
	} {
		t.Run(c.substance+" "+c.from+" "+c.to, func(t *testing.T) {
			s, ok := unit.Find(c.substance)
			if !ok && c.substance != "" {
				t.Fatal("unknown substance")
			}
			got, err := unit.Convert(number(t, c.value), c.from, c.to, s)
			if err != nil {
				t.Fatal(err)
			}
			if !unit.Convertible(c.from, c.to, s) {
				t.Error("not convertible")
			}
			three, err := ucum.Rounded(got, 3)
			if err != nil {
				t.Fatal(err)
			}
			if three.Text('f') != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestConvertByFormula(t *testing.T) {
	for _, c := range []struct{ formula, value, from, to, want string }{
		{"Na", "140", "meq/L", "mmol/L", "140"}, {"Ca", "5", "meq/L", "mmol/L", "2.50"}, {"C6H12O6", "126", "mg/dL", "mmol/L", "6.99"},
	} {
		got, err := unit.Convert(number(t, c.value), c.from, c.to, unit.Substance{Formula: c.formula})
		if err != nil {
			t.Fatal(err)
		}
		if three, err := ucum.Rounded(got, 3); err != nil || three.Text('f') != c.want {
			t.Errorf("%s: %s %v", c.formula, got, err)
		}
	}
}

func TestConvertRefuses(t *testing.T) {
	for _, c := range []struct {
		name, substance, from, to string
		want                      error
	}{
		{"moles are not a count", "", "mmol/L", "10*9/L", unit.ErrDifferent},
		{"moles are not a count, of a known substance", "glucose", "mmol/L", "10*9/L", unit.ErrDifferent},
		{"no molar mass", "", "mg/dL", "mmol/L", unit.ErrUnknown},
		{"a protein without mass", "cystatin c", "mg/L", "nmol/L", unit.ErrUnknown},
		{"equivalents need the valence", "glucose", "meq/L", "mmol/L", unit.ErrUnknown},
		{"osmoles are not moles", "sodium", "mosm/kg", "mmol/kg", unit.ErrDifferent},
		{"an enzyme unit is not international", "", "U/L", "[IU]/L", unit.ErrUnknown},
		{"a hormone's unit is not a mass", "tsh", "m[IU]/L", "ng/mL", unit.ErrDifferent},
		{"two units of D-dimer", "", "ug{FEU}/mL", "ug{DDU}/mL", unit.ErrDifferent},
		{"two magnifications", "", "/[HPF]", "/[LPF]", unit.ErrDifferent},
		{"length and volume", "glucose", "mm", "L", unit.ErrDifferent},
		{"not UCUM", "glucose", "gm/dL", "mmol/L", unit.ErrUnit},
		{"many moles", "glucose", "mol9/L", "g9/L", unit.ErrDifferent},
		{"a special unit", "glucose", "Cel", "mmol", unit.ErrDifferent},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := unit.Find(c.substance)
			if got, err := unit.Convert(number(t, "1"), c.from, c.to, s); err != c.want {
				t.Errorf("%v %v, want %v", got, err, c.want)
			}
		})
	}
	if _, err := unit.Convert(nil, "mg", "g", unit.Substance{}); err != unit.ErrValue {
		t.Error(err)
	}
	if _, err := unit.Convert(&apd.Decimal{Exponent: 1 << 30}, "mg", "g", unit.Substance{}); err != unit.ErrValue {
		t.Error(err)
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"mg/L", "ug/mL", true},
		{"10*3/uL", "10*9/L", true},
		{"mmol/l", "mmol/L", true},
		{"mg/dL", "mg/L", false},
		{"%", "%", true},
		{"[IU]/L", "[iU]/L", true},
		{"meq/L", "mmol/L", false},
		{"ug{FEU}/mL", "ug{DDU}/mL", false},
		{"Cel", "Cel", true},
		{"Cel", "K", false},
		{"?", "?", false},
		{"U/L", "umol/min/L", true},
	} {
		if got := unit.Same(c.a, c.b); got != c.want {
			t.Errorf("%s %s: %v", c.a, c.b, got)
		}
	}
}

func TestCompare(t *testing.T) {
	glucose, _ := unit.Find("glucose")
	for _, c := range []struct {
		a, unitA, b, unitB string
		want               int
	}{
		{"1", "g", "1000", "mg", 0}, {"126", "mg/dL", "7.0", "mmol/L", -1}, {"127", "mg/dL", "7.0", "mmol/L", 1}, {"3", "mmol/L", "54", "mg/dL", 1},
	} {
		got, err := unit.Compare(number(t, c.a), c.unitA, number(t, c.b), c.unitB, glucose)
		if err != nil || got != c.want {
			t.Errorf("%s %s, %s %s: %d %v", c.a, c.unitA, c.b, c.unitB, got, err)
		}
	}
	if _, err := unit.Compare(number(t, "1"), "g", nil, "g", glucose); err != unit.ErrValue {
		t.Error(err)
	}
}

func TestMolarMass(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"glucose", "180.156"},
		{"creatinine", "113.12"},
		{"urea nitrogen", "28.014"},
		{"cholesterol", "386.664"},
		{"bilirubin", "584.673"},
		{"thyroxine", "776.872"},
		{"urate", "168.112"},
		{"hgb", "16114.5"},
		{"digoxin", "780.949"},
		{"b12", "1355.388"},
	} {
		s, ok := unit.Find(c.name)
		m, known := s.MolarMass()
		if !ok || !known {
			t.Errorf("%s: unknown", c.name)
			continue
		}
		d, err := ucum.Decimal(m, 34)
		if err != nil || d.Text('f') != c.want {
			t.Errorf("%s: %s %v, want %s", c.name, d, err, c.want)
		}
	}
	for _, formula := range []string{"", "6", "c6", "Xx", "C0", "C99999999999999999999", "CO 2", "\xff"} {
		if m, ok := (unit.Substance{Formula: formula}).MolarMass(); ok {
			t.Errorf("%q: %s", formula, m)
		}
	}
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"×10⁹/L", "mg/dL", "K/uL", "个/HP", "ml/min/1.73m2", "mg/24h", "ug/mL(FEU)", "S/CO", "{", "}", "[", "10^", "⁻", "\x00⁹", "((", "/", "1e+09/L"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		r, ok := unit.Resolve(sent, nil)
		if ok != (r.Code != "") || ok && !ucum.Valid(r.Code) || ok && r.Suspicious != "" {
			t.Errorf("%+v %v", r, ok)
		}
		if !ok {
			return
		}
		if again, ok := unit.Resolve(r.Code, nil); !ok || !unit.Same(again.Code, r.Code) {
			t.Errorf("%q became %+v", r.Code, again)
		}
	})
}

func FuzzConvert(f *testing.F) {
	f.Add("5.5", "mmol/L", "mg/dL", "glucose")
	f.Add("6.5", "%", "mmol/mol", "hba1c")
	f.Add("10", "u[IU]/mL", "pmol/L", "insulin")
	f.Add("1e300", "Cel", "[degF]", "")
	f.Fuzz(func(t *testing.T, value, from, to, substance string) {
		d, _, err := apd.NewFromString(value)
		if err != nil {
			return
		}
		s, _ := unit.Find(substance)
		if out, err := unit.Convert(d, from, to, s); err == nil && out.Form != apd.Finite {
			t.Errorf("%s %s", out, err)
		}
	})
}

func BenchmarkResolveAlias(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		unit.Resolve("×10⁹/L", nil)
	}
}

// BenchmarkResolveNew resolves spellings that were never seen.
func BenchmarkResolveNew(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		unit.Resolve("×10⁹/L{"+strconv.Itoa(i)+"}", nil)
	}
}

// BenchmarkResolveHostile resolves long nonsense.
func BenchmarkResolveHostile(b *testing.B) {
	nonsense := strings.Repeat("⁹μ(", 18)
	for i := 0; b.Loop(); i++ {
		unit.Resolve(nonsense+strconv.Itoa(i), nil)
	}
}

func BenchmarkResolveSender(b *testing.B) {
	sender := map[string]string{"K/uL": "10*3/uL"}
	b.ReportAllocs()
	for b.Loop() {
		unit.Resolve("K/uL", sender)
	}
}

func BenchmarkConvertMolar(b *testing.B) {
	glucose, _ := unit.Find("glucose")
	d := number(b, "126")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := unit.Convert(d, "mg/dL", "mmol/L", glucose); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConvertCount(b *testing.B) {
	d := number(b, "250")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := unit.Convert(d, "10*3/uL", "10*9/L", unit.Substance{}); err != nil {
			b.Fatal(err)
		}
	}
}
