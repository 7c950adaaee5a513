package ucum_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/lianzhen/lianzhen/codec/ucum"
)

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, code string
		kind       ucum.Kind
		offset     int
	}{
		{"an operator at the end", "m/", ucum.Syntax, 2},
		{"two operators", "m//s", ucum.Syntax, 2},
		{"a point at the start", ".m", ucum.Syntax, 0},
		{"no unit of that code", "mg/iU", ucum.Unknown, 3},
		{"a prefix of a unit that takes none", "kmin", ucum.Unknown, 0},
		{"a prefix alone", "k", ucum.Unknown, 0},
		{"the number ten is 10*", "10+3/uL", ucum.Unknown, 0},
		{"a space", "mg /dL", ucum.Syntax, 2},
		{"not ASCII", "µmol/L", ucum.Syntax, 0},
		{"an annotation not ASCII", "rad2{錠}", ucum.Syntax, 5},
		{"an annotation before its unit", "{a}rad2{b}", ucum.Syntax, 3},
		{"an annotation without end", "m{a", ucum.Syntax, 3},
		{"an annotation in an annotation", "m{a{b}}", ucum.Syntax, 3},
		{"an empty annotation", "m{}", ucum.Syntax, 2},
		{"a parenthesis not closed", "(m", ucum.Syntax, 2},
		{"a parenthesis not opened", "m)", ucum.Syntax, 1},
		{"an empty parenthesis", "()", ucum.Syntax, 1},
		{"a power of a parenthesis", "(m)2", ucum.Syntax, 3},
		{"a bracket not closed", "m[H2O", ucum.Syntax, 5},
		{"a factor of zero", "0.m", ucum.Syntax, 0},
		{"a negative factor", "-2.m", ucum.Syntax, 0},
		{"a large exponent", "m1000", ucum.Limit, 1},
		{"a huge exponent", "m99999999999999999999", ucum.Limit, 1},
		{"exponents that add up", "m999.m999", ucum.Limit, 5},
		{"a huge magnitude", strings.Repeat("Gm99.", 40) + "Gm99/m", ucum.Limit, 20},
		{"long", strings.Repeat("m.", 128) + "m", ucum.Limit, 256},
		{"many units", strings.Repeat("m.", 32) + "m", ucum.Limit, 64},
		{"deep", strings.Repeat("(", 65) + "m" + strings.Repeat(")", 65), ucum.Limit, 64},
		{"a special unit in a product", "Cel.m", ucum.NonRatio, 4},
		{"a special unit that is divided by a unit", "Cel/h", ucum.NonRatio, 4},
		{"a special unit that divides", "1/Cel", ucum.NonRatio, 2},
		{"a power of a special unit", "Cel2", ucum.NonRatio, 0},
		{"two special units", "Cel.[pH]", ucum.NonRatio, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ucum.Parse(c.code)
			var f *ucum.FormatError
			if !errors.As(err, &f) {
				t.Fatal(err)
			}
			if f.Kind != c.kind || f.Kind != ucum.Limit && f.Offset != c.offset {
				t.Error(err)
			}
			if len(c.code) > 4 && strings.Contains(err.Error(), c.code) {
				t.Error("the error repeats the code")
			}
		})
	}
	if _, err := ucum.Parse(strings.Repeat("(", 64) + "m" + strings.Repeat(")", 64)); err != nil {
		t.Error(err)
	}
}

func TestUnit(t *testing.T) {
	for _, c := range []struct {
		code, factor, base string
		amount             int
	}{
		{"", "1", "1", 0},
		{"1", "1", "1", 0},
		{"{x}", "1", "1", 0},
		{"/m", "1", "m-1", 0},
		{"mg/dL", "10", "g.m-3", 0},
		{"10*9/L", "1000000000000", "m-3", 0},
		{"10^-3", "0.001", "1", 0},
		{"N", "1000", "g.m.s-2", 0},
		{"m/s/kg", "0.001", "g-1.m.s-1", 0},
		{"m/(s/kg)", "1000", "g.m.s-1", 0},
		{"2.m3{air}", "2", "m3", 0},
		{"[IU]/mL", "1000000", "[iU].m-3", 0},
		{"k[IU]/[IU]", "1000", "1", 0},
		{"%", "0.01", "1", 0},
		{"m0", "1", "1", 0},
		{"dm3", "0.001", "m3", 0},
		{"(mg)/(24.h)", "0.001", "g.s-1", 0},
		{"g/mol/g.mol", "1", "1", 0},
		{"g/g.s-2", "1", "s-2", 0},
		{"m+2", "1", "m2", 0},
	} {
		t.Run(c.code, func(t *testing.T) {
			u, err := ucum.Parse(c.code)
			if err != nil {
				t.Fatal(err)
			}
			f, base, err := u.Canonical()
			if err != nil {
				t.Fatal(err)
			}
			want := rat(t, c.factor)
			if c.code == "(mg)/(24.h)" {
				want.Quo(want, rat(t, "86400"))
			}
			if f.Cmp(want) != 0 || base != c.base || u.Code() != c.code || u.Amount() != c.amount {
				t.Errorf("%s %s, amount %d", f, base, u.Amount())
			}
		})
	}
	for code, want := range map[string]int{"mmol/L": 1, "g/mol": -1, "meq/L": 1, "mosm/kg": 1, "U/L": 1, "ukat/L": 1, "mmol/mol": 0, "10*9/L": 0, "mol2/L2": 2} {
		if u, err := ucum.Parse(code); err != nil || u.Amount() != want {
			t.Errorf("%s: %d %v", code, u.Amount(), err)
		}
	}
	var zero ucum.Unit
	if f, base, err := zero.Canonical(); err != nil || f.Cmp(big.NewRat(1, 1)) != 0 || base != "1" {
		t.Error(f, base, err)
	}
}

func TestSymbols(t *testing.T) {
	u, err := ucum.Parse("/(mg{FEU}/dL2).10*3{x}.{y}")
	if err != nil {
		t.Fatal(err)
	}
	want := []ucum.Symbol{
		{Prefix: "m", Code: "g", Exponent: -1, Annotation: "FEU"},
		{Prefix: "d", Code: "L", Exponent: 2},
		{Code: "10*", Exponent: 3, Annotation: "x"},
		{Exponent: 1, Annotation: "y"},
	}
	if diff := cmp.Diff(want, u.Symbols()); diff != "" {
		t.Error(diff)
	}
}

func TestParseInsensitive(t *testing.T) {
	table := ucum.Default()
	for _, c := range []struct{ upper, code string }{
		{"MG/DL", "mg/dL"},
		{"mg/dl", "mg/dL"},
		{"UMOL/L", "umol/L"},
		{"MM/HR", "mm/h"},
		{"10*9/L", "10*9/L"},
		{"MM[HG]", "mm[Hg]"},
		{"[IU]/ML", "[IU]/mL"},
		{"CEL", "Cel"},
		{"KPAL", "kPa"},
		{"ANN", "a"},
		{"MEQ/L", "meq/L"},
	} {
		u, err := table.ParseInsensitive(c.upper)
		if err != nil {
			t.Errorf("%s: %v", c.upper, err)
			continue
		}
		v, err := table.Parse(c.code)
		if err != nil {
			t.Fatal(err)
		}
		if !u.Dimension().Equal(v.Dimension()) || u.Scale().Cmp(v.Scale()) != 0 {
			t.Errorf("%s is not %s", c.upper, c.code)
		}
	}
	if _, err := table.ParseInsensitive(strings.Repeat("M", 257)); err == nil {
		t.Error("too long")
	}
}

func TestConvert(t *testing.T) {
	for _, c := range []struct{ value, from, to, want string }{
		{"1.10", "mmol/L", "umol/L", "1100"},
		{"1.10", "mmol/L", "mmol/L", "1.10"},
		{"0.10", "g/L", "mg/dL", "10.0"},
		{"250", "10*3/uL", "10*9/L", "250"},
		{"1", "mg/L", "ug/mL", "1"},
		{"7", "d", "wk", "1"},
		{"1", "m/s", "km/h", "3.6"},
		{"1", "s", "h", "0.0002777777777777777777777777777777778"},
		{"-40", "Cel", "[degF]", "-40"},
		{"37.5", "Cel", "[degF]", "99.5"},
		{"98.6", "[degF]", "Cel", "37"},
		{"0", "Cel", "K", "273.15"},
		{"300", "K", "Cel", "26.85"},
		{"2", "mCel", "K", "273.152"},
		{"7.4", "[pH]", "nmol/L", "39.8107170553497"},
		{"100", "nmol/L", "[pH]", "7"},
		{"7", "[pH]", "umol/L", "0.1"},
		{"1", "m[Hg]", "kPa", "133.322"},
		{"-1.5", "mmol", "umol", "-1500"},
		{"0", "g", "kg", "0"},
		{"0.00", "g", "mg", "0"},
	} {
		t.Run(c.value+" "+c.from+" "+c.to, func(t *testing.T) {
			conversion, err := ucum.Default().Conversion(c.from, c.to)
			if err != nil {
				t.Fatal(err)
			}
			got, err := conversion.Decimal(decimal(t, c.value))
			if err != nil {
				t.Fatal(err)
			}
			if got.Cmp(decimal(t, c.want)) != 0 {
				t.Errorf("%s, want %s", got.Text('f'), c.want)
			}
		})
	}
}

func TestConvertRefuses(t *testing.T) {
	for _, c := range []struct {
		name, value, from, to string
		kind                  ucum.Kind
	}{
		{"different things", "1", "g", "m", ucum.Incommensurate},
		{"an arbitrary unit and a number", "1", "[IU]", "1", ucum.Incommensurate},
		{"two arbitrary units", "1", "[IU]", "[arb'U]", ucum.Incommensurate},
		{"a logarithm of nothing", "0", "mol/L", "[pH]", ucum.NonRatio},
		{"a logarithm of less", "-1", "mol/L", "[pH]", ucum.NonRatio},
		{"beyond all scales", "-100000", "[pH]", "mol/L", ucum.NonRatio},
		{"not a number", "NaN", "g", "kg", ucum.Syntax},
		{"infinite", "Infinity", "g", "kg", ucum.Syntax},
		{"a hostile exponent", "1e100000", "g", "kg", ucum.Limit},
		{"a hostile negative exponent", "1e-100000", "g", "kg", ucum.Limit},
		{"many digits", strings.Repeat("9", 2000), "g", "kg", ucum.Limit},
		{"an unknown unit", "1", "gm", "kg", ucum.Unknown},
		{"an unknown target", "1", "g", "kgs", ucum.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := ucum.Convert(decimal(t, c.value), c.from, c.to)
			var f *ucum.FormatError
			if !errors.As(err, &f) || f.Kind != c.kind {
				t.Errorf("%v %v", r, err)
			}
		})
	}
}

func TestRounded(t *testing.T) {
	for _, c := range []struct {
		value  string
		digits uint32
		want   string
	}{
		{"6.9936", 3, "6.99"}, {"7", 3, "7.00"}, {"1249", 3, "1250"}, {"0.00125", 2, "0.0012"}, {"0.00135", 2, "0.0014"}, {"0", 3, "0"}, {"-9.996", 3, "-10.0"}, {"5", 0, "5"},
	} {
		got, err := ucum.Rounded(decimal(t, c.value), c.digits)
		if err != nil || got.Text('f') != c.want {
			t.Errorf("%s to %d: %s %v, want %s", c.value, c.digits, got.Text('f'), err, c.want)
		}
	}
}

// TestConversionsComeBack takes random products of units to random others of the same dimension and back: exact fractions lose nothing.
func TestConversionsComeBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	groups := [][]string{
		{"g", "mg", "ug", "kg", "t"},
		{"L", "mL", "dL", "uL", "m3", "dm3", "cm3"},
		{"s", "min", "h", "d", "wk", "ms"},
		{"mol", "mmol", "umol", "eq", "meq"},
		{"[IU]", "m[IU]", "k[iU]"},
		{"Pa", "kPa", "mm[Hg]", "bar", "cm[H2O]"},
		{"10*3", "10*9", "%", "[ppth]", "1"},
	}
	for range 20_000 {
		var from, to strings.Builder
		for i := range 1 + rng.IntN(4) {
			g := groups[rng.IntN(len(groups))]
			operator := [2]string{".", "/"}[rng.IntN(2)]
			if i > 0 || operator == "/" {
				from.WriteString(operator)
				to.WriteString(operator)
			}
			from.WriteString(g[rng.IntN(len(g))])
			to.WriteString(g[rng.IntN(len(g))])
		}
		value := fmt.Sprintf("%d.%03d", rng.IntN(1000), rng.IntN(1000))
		there, err := ucum.Convert(decimal(t, value), from.String(), to.String())
		if err != nil {
			t.Fatalf("%s to %s: %v", from.String(), to.String(), err)
		}
		back, err := ucum.Default().Conversion(to.String(), from.String())
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.Exact(there)
		if err != nil || again.Cmp(rat(t, value)) != 0 {
			t.Fatalf("%s %s to %s: came back as %v %v", value, from.String(), to.String(), again, err)
		}
	}
}

// TestDecimalIsExact holds the quick way through decimals to the fractions.
func TestDecimalIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, pair := range [][2]string{{"mg/dL", "g/L"}, {"min", "h"}, {"mm[Hg]", "kPa"}, {"10*3/uL", "10*9/L"}, {"km/h", "m/s"}, {"[degF]", "Cel"}} {
		c, err := ucum.Default().Conversion(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		for range 2000 {
			d := apd.New(rng.Int64N(2_000_000)-1_000_000, int32(rng.IntN(8)-6))
			got, err := c.Decimal(d)
			if err != nil {
				t.Fatal(err)
			}
			in, err := ucum.Fraction(d)
			if err != nil {
				t.Fatal(err)
			}
			exact, err := c.Exact(in)
			if err != nil {
				t.Fatal(err)
			}
			want, err := ucum.Decimal(exact, ucum.Digits)
			if err != nil || got.Cmp(want) != 0 {
				t.Fatalf("%s %s: %s, want %s", d, pair[0], got, want)
			}
		}
	}
}

// TestCommonUnits reads the codes that FHIR lists as common.
func TestCommonUnits(t *testing.T) {
	if ucum.Default().Edition() == "" {
		t.Skip("built without the table of UCUM: make ucum")
	}
	f, err := os.Open(filepath.Join(samples(t), "fhir-ucum-common.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		code, _, ok := strings.Cut(s.Text(), "\t")
		if !ok || strings.HasPrefix(code, "#") {
			continue
		}
		all++
		if _, err := ucum.Parse(code); err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
	t.Logf("%d common codes are read", all)
}

func TestNotice(t *testing.T) {
	if ucum.Default().Edition() == "" {
		t.Skip("built without the table of UCUM: make ucum")
	}
	for _, want := range []string{"Regenstrief Institute", "https://unitsofmeasure.org/license", "AS IS"} {
		if !strings.Contains(ucum.Notice(), want) {
			t.Errorf("the notice does not have %q", want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ name, file string }{
		{"nothing", ""},
		{"another document", "<x/>"},
		{"no units", `<root><prefix Code="k"><value value="1e3"/></prefix></root>`},
		{"not XML", "<root"},
		{"a circle", essence(`<unit Code="a"><value Unit="b" value="1"/></unit><unit Code="b"><value Unit="a" value="1"/></unit>`)},
		{"an unknown unit", essence(`<unit Code="a"><value Unit="q" value="1"/></unit>`)},
		{"no value", essence(`<unit Code="a"><value Unit="m"/></unit>`)},
		{"a value of zero", essence(`<unit Code="a"><value Unit="m" value="0"/></unit>`)},
		{"a hostile value", essence(`<unit Code="a"><value Unit="m" value="1e999999999"/></unit>`)},
		{"a long value", essence(`<unit Code="a"><value Unit="m" value="` + strings.Repeat("1", 101) + `"/></unit>`)},
		{"an unknown scale", essence(`<unit Code="a" isSpecial="yes"><value><function name="f" value="1" Unit="m"/></value></unit>`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ucum.Read(strings.NewReader(c.file)); err == nil {
				t.Error("read")
			}
		})
	}
	table, err := ucum.Read(strings.NewReader(essence(`<unit Code="a" isMetric="yes"><value Unit="m" value="2.5"/></unit>`)))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := table.Convert(decimal(t, "2"), "ka", "m"); err != nil || r.Cmp(big.NewRat(5000, 1)) != 0 {
		t.Error(r, err)
	}
}

// essence is a table of our own.
func essence(units string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="ascii"?><root version="test"><prefix Code="k" CODE="K"><value value="1e3"/></prefix>`)
	for _, base := range []string{"m", "s", "g", "rad", "K", "C", "cd"} {
		b.WriteString(`<base-unit Code="` + base + `"/>`)
	}
	return b.String() + units + "</root>"
}

func TestProducts(t *testing.T) {
	parse := func(code string) ucum.Unit {
		u, err := ucum.Parse(code)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for _, c := range []struct{ u, v, times, over string }{
		{"mg", "dL", "mg.dL", "mg/dL"}, {"g/L", "h/m", "(g/L).(h/m)", "(g/L)/(h/m)"}, {"/m", "s", "(1/m).s", "(1/m)/s"}, {"", "m", "1.m", "1/m"},
	} {
		times, err := parse(c.u).Times(parse(c.v))
		if err != nil {
			t.Fatal(err)
		}
		over, err := parse(c.u).Over(parse(c.v))
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range []struct {
			got  ucum.Unit
			code string
		}{{times, c.times}, {over, c.over}} {
			again := parse(u.code)
			if u.got.Code() != u.code || !again.Dimension().Equal(u.got.Dimension()) || again.Scale().Cmp(u.got.Scale()) != 0 {
				t.Errorf("%s is %s", u.got.Code(), u.code)
			}
			if diff := cmp.Diff(again.Symbols(), u.got.Symbols()); diff != "" {
				t.Errorf("%s: %s", u.code, diff)
			}
		}
	}
	if _, err := parse("Cel").Times(parse("m")); err == nil {
		t.Error("a product of a special unit")
	}
	if u, err := parse("Cel").Times(parse("10")); err != nil || !u.Special() {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"mg/dL", "10*9/L", "{x}", "/m", "(m)", "m2{a}", "Cel", "dB[10.nV]", "[m/s2/Hz^(1/2)]", "((((", "m999.m999", "Ym99.Ym99.Ym99", "\xff", "10^-3/uL",
		"4.[pi].10*-7.N/A2", "[in_i'H2O]", "k[IU]/[IU]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, code string) {
		u, err := ucum.Parse(code)
		if upper, err := ucum.Default().ParseInsensitive(code); err == nil && upper.Code() != code {
			t.Error("the code was changed")
		}
		if err != nil {
			return
		}
		u.DisplayName()
		u.Symbols()
		square, err := u.Times(u)
		if err != nil {
			return
		}
		if again, err := ucum.Parse(square.Code()); err == nil && (!again.Dimension().Equal(square.Dimension()) || again.Scale().Cmp(square.Scale()) != 0) {
			t.Errorf("%q is not its own code", square.Code())
		}
	})
}

func FuzzConvert(f *testing.F) {
	f.Add("1.10", "mg/dL", "g/L")
	f.Add("-40", "Cel", "[degF]")
	f.Add("1e400", "[pH]", "mol/L")
	f.Add("12", "dB", "Np")
	f.Fuzz(func(t *testing.T, value, from, to string) {
		d, _, err := apd.NewFromString(value)
		if err != nil {
			return
		}
		c, err := ucum.Default().Conversion(from, to)
		if err != nil {
			return
		}
		out, err := c.Decimal(d)
		if err == nil && (out.Form != apd.Finite || out.NumDigits() > ucum.Digits) {
			t.Errorf("%s", out)
		}
	})
}

func BenchmarkParseKnown(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ucum.Parse("mg/dL"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseNew parses codes that were never seen.
func BenchmarkParseNew(b *testing.B) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := ucum.Parse(fmt.Sprintf("mg/dL{%d}", i)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseHostile is the dearest code that is bounded.
func BenchmarkParseHostile(b *testing.B) {
	code := "[pi]4" + strings.Repeat("/[pi]4.[pi]4", 15) + "/no"
	for b.Loop() {
		if ucum.Valid(code) {
			b.Fatal("it is valid")
		}
	}
}

func BenchmarkConvertKnown(b *testing.B) {
	d := decimal(b, "126.5")
	b.ReportAllocs()
	for b.Loop() {
		c, err := ucum.Default().Conversion("mg/dL", "g/L")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Decimal(d); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead is the first use.
func BenchmarkRead(b *testing.B) {
	file, err := os.ReadFile("essence/ucum-essence.xml")
	if err != nil {
		b.Skip("built without the table of UCUM: make ucum")
	}
	for b.Loop() {
		if _, err := ucum.Read(strings.NewReader(string(file))); err != nil {
			b.Fatal(err)
		}
	}
}
