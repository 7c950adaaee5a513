// The units of a laboratory, for a build without the official table. They are what the SI Brochure, its accepted units and clinical chemistry define.

package ucum

var plainPrefixes = []prefix{
	{code: "P", upper: "PT", name: "peta"},
	{code: "T", upper: "TR", name: "tera"},
	{code: "G", upper: "GA", name: "giga"},
	{code: "M", upper: "MA", name: "mega"},
	{code: "k", upper: "K", name: "kilo"},
	{code: "h", upper: "H", name: "hecto"},
	{code: "d", upper: "D", name: "deci"},
	{code: "c", upper: "C", name: "centi"},
	{code: "m", upper: "M", name: "milli"},
	{code: "u", upper: "U", name: "micro"},
	{code: "n", upper: "N", name: "nano"},
	{code: "p", upper: "P", name: "pico"},
	{code: "f", upper: "F", name: "femto"},
	{code: "a", upper: "A", name: "atto"},
}

var plainPowers = map[string]string{
	"P": "1e15", "T": "1e12", "G": "1e9", "M": "1e6", "k": "1e3", "h": "1e2", "d": "1e-1", "c": "1e-2", "m": "1e-3", "u": "1e-6", "n": "1e-9", "p": "1e-12",
	"f": "1e-15", "a": "1e-18",
}

var plainBases = []atom{
	{code: "m", name: "meter"},
	{code: "s", name: "second"},
	{code: "g", name: "gram"},
	{code: "rad", name: "radian"},
	{code: "K", name: "kelvin"},
	{code: "C", name: "coulomb"},
	{code: "cd", name: "candela"},
}

var plainUnits = []atom{
	{code: "10*", name: "ten", value: "10", in: "1"},
	{code: "10^", name: "ten", value: "10", in: "1"},
	{code: "%", name: "percent", value: "1", in: "10*-2"},
	{code: "[ppth]", name: "parts per thousand", value: "1", in: "10*-3"},
	{code: "[ppm]", name: "parts per million", value: "1", in: "10*-6"},
	{code: "mol", name: "mole", metric: true, value: "6.02214076", in: "10*23"},
	{code: "l", name: "liter", metric: true, value: "1", in: "dm3"},
	{code: "L", name: "liter", metric: true, value: "1", in: "l"},
	{code: "min", name: "minute", value: "60", in: "s"},
	{code: "h", upper: "HR", name: "hour", value: "60", in: "min"},
	{code: "d", name: "day", value: "24", in: "h"},
	{code: "wk", name: "week", value: "7", in: "d"},
	{code: "a", upper: "ANN", name: "year", value: "365.25", in: "d"},
	{code: "mo", name: "month", value: "1", in: "a/12"},
	{code: "Hz", name: "hertz", metric: true, value: "1", in: "s-1"},
	{code: "N", name: "newton", metric: true, value: "1", in: "kg.m/s2"},
	{code: "Pa", upper: "PAL", name: "pascal", metric: true, value: "1", in: "N/m2"},
	{code: "J", name: "joule", metric: true, value: "1", in: "N.m"},
	{code: "A", name: "ampere", metric: true, value: "1", in: "C/s"},
	{code: "V", name: "volt", metric: true, value: "1", in: "J/C"},
	{code: "Ohm", name: "ohm", metric: true, value: "1", in: "V/A"},
	{code: "S", upper: "SIE", name: "siemens", metric: true, value: "1", in: "Ohm-1"},
	{code: "T", name: "tesla", metric: true, value: "1", in: "V.s/m2"},
	{code: "G", upper: "GS", name: "gauss", metric: true, value: "1", in: "10*-4.T"},
	{code: "F", name: "farad", metric: true, value: "1", in: "C/V"},
	{code: "H", name: "henry", metric: true, value: "1", in: "V.s/A"},
	{code: "u", upper: "AMU", name: "dalton", metric: true, value: "1.66053906660e-24", in: "g"},
	{code: "Cel", name: "degree Celsius", metric: true, special: true, function: "Cel", value: "1", in: "K"},
	{code: "[degF]", name: "degree Fahrenheit", special: true, function: "degF", value: "5", in: "K/9"},
	{code: "[pH]", name: "pH", special: true, function: "pH", value: "1", in: "mol/l"},
	{code: "bar", name: "bar", metric: true, value: "100000", in: "Pa"},
	{code: "m[Hg]", name: "meter of mercury", metric: true, value: "133.3220", in: "kPa"},
	{code: "m[H2O]", name: "meter of water", metric: true, value: "9.80665", in: "kPa"},
	{code: "t", upper: "TNE", name: "tonne", metric: true, value: "1", in: "Mg"},
	{code: "g%", name: "gram percent", metric: true, value: "1", in: "g/dl"},
	{code: "AU", upper: "ASU", name: "astronomic unit", value: "149597.870691", in: "Mm"},
	{code: "cal", name: "calorie", metric: true, value: "4.184", in: "J"},
	{code: "eq", name: "equivalent", metric: true, value: "1", in: "mol"},
	{code: "osm", name: "osmole", metric: true, value: "1", in: "mol"},
	{code: "kat", name: "katal", metric: true, value: "1", in: "mol/s"},
	{code: "U", name: "enzyme unit", metric: true, value: "1", in: "umol/min"},
	{code: "[iU]", name: "international unit", metric: true, arbitrary: true, value: "1", in: "1"},
	{code: "[IU]", name: "international unit", metric: true, arbitrary: true, value: "1", in: "[iU]"},
	{code: "[arb'U]", name: "arbitrary unit", arbitrary: true, value: "1", in: "1"},
	{code: "[CFU]", name: "colony forming units", arbitrary: true, value: "1", in: "1"},
	{code: "[HPF]", name: "high power field", value: "1", in: "1"},
	{code: "[LPF]", name: "low power field", value: "100", in: "1"},
}

// plainTable cannot fail: TestPlainTable settles it.
func plainTable() *Table {
	t := newTable()
	for _, p := range plainPrefixes {
		p.value, _ = number(plainPowers[p.code])
		t.addPrefix(&p)
	}
	for i, a := range plainBases {
		a.base, a.metric, a.upper = i, true, upperOf(a.upper, a.code)
		t.bases = append(t.bases, a.code)
		t.add(&a)
	}
	for _, a := range plainUnits {
		a.base, a.upper = -1, upperOf(a.upper, a.code)
		t.add(&a)
	}
	_ = t.settle()
	return t
}
