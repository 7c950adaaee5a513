package ucum_test

import (
	"encoding/xml"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/lianzhen/lianzhen/codec/ucum"
)

// samples is the folder of laboratory samples beside the module, or skips.
func samples(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if at := filepath.Join(dir, "shared", "data", "lab", "ucum"); isFolder(at) {
			return at
		}
		if dir == filepath.Dir(dir) {
			t.Skip("shared/data/lab is not beside the module: the functional tests of UCUM are not run")
		}
	}
}

func isFolder(path string) bool {
	i, err := os.Stat(path)
	return err == nil && i.IsDir()
}

// functional is the form of UcumFunctionalTests.xml.
type functional struct {
	Validation []validCase `xml:"validation>case"`
	Display    []struct {
		ID      string `xml:"id,attr"`
		Unit    string `xml:"unit,attr"`
		Display string `xml:"display,attr"`
	} `xml:"displayNameGeneration>case"`
	Conversion []struct {
		ID      string `xml:"id,attr"`
		Value   string `xml:"value,attr"`
		From    string `xml:"srcUnit,attr"`
		To      string `xml:"dstUnit,attr"`
		Outcome string `xml:"outcome,attr"`
	} `xml:"conversion>case"`
	Multiplication []product `xml:"multiplication>case"`
	Division       []product `xml:"division>case"`
}

type validCase struct {
	ID    string `xml:"id,attr"`
	Unit  string `xml:"unit,attr"`
	Valid string `xml:"valid,attr"`
}

type product struct {
	ID     string `xml:"id,attr"`
	V1     string `xml:"v1,attr"`
	U1     string `xml:"u1,attr"`
	V2     string `xml:"v2,attr"`
	U2     string `xml:"u2,attr"`
	Result string `xml:"vRes,attr"`
	Unit   string `xml:"uRes,attr"`
}

// superseded are cases of the edition of 2014 that the edition of 2021 corrects: a/b/c was read as a/(b/c), an annotation stood before its unit, and
// names of units were written with capitals.
var superseded = map[string]bool{
	"UcumFunctionalTests.2.xml k=1=049 g.m/{hb}m2":      true,
	"UcumFunctionalTests.2.xml 2-108 4.[pi].10*-7.N/A2": true,
	"UcumFunctionalTests.2.xml 3-111 s/m/mg s.m-1.g-1":  true,
	"UcumFunctionalTests.2.xml 3-115 s/4.m s/m":         true,
}

// tally counts the cases of a file, and refuses both a wrong case and a superseded one that suddenly is right.
type tally struct {
	t                   *testing.T
	file                string
	right, wrong, other int
}

func (c *tally) check(ok bool, name string) {
	c.t.Helper()
	old := superseded[c.file+" "+name]
	switch {
	case ok && !old:
		c.right++
	case old && !ok:
		c.other++
	default:
		c.wrong++
		c.t.Errorf("%s: %s: right %v, superseded %v", c.file, name, ok, old)
	}
}

func TestFunctionalTests(t *testing.T) {
	dir := samples(t)
	table := ucum.Default()
	if table.Edition() == "" {
		t.Skip("built without the table of UCUM: make ucum")
	}
	for _, table := range []*ucum.Table{table, newest(t)} {
		for _, file := range []string{"UcumFunctionalTests.xml", "UcumFunctionalTests.2.xml"} {
			b, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			var f functional
			if err := xml.Unmarshal(b, &f); err != nil {
				t.Fatal(err)
			}
			c := &tally{t: t, file: file}
			f.run(c, table)
			t.Logf("table %s, %s: %d right, %d superseded, %d wrong", table.Edition(), file, c.right, c.other, c.wrong)
		}
	}
}

// newest is edition 2.2 of the table.
func newest(t *testing.T) *ucum.Table {
	t.Helper()
	f, err := os.Open(filepath.Join(samples(t), "ucum-essence-2.2.xml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := ucum.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func (f *functional) run(c *tally, table *ucum.Table) {
	c.t.Helper()
	for _, v := range f.Validation {
		c.check(table.Valid(v.Unit) == (v.Valid == "true"), v.ID+" "+v.Unit)
	}
	for _, v := range f.Display {
		u, err := table.Parse(v.Unit)
		c.check(err == nil && u.DisplayName() == v.Display, v.ID+" "+v.Unit)
	}
	for _, v := range f.Conversion {
		r, err := table.Convert(decimal(c.t, v.Value), v.From, v.To)
		c.check(err == nil && agrees(c.t, r, v.Outcome), v.ID+" "+v.From+" "+v.To)
	}
	for _, p := range f.Multiplication {
		c.check(p.right(c.t, table, ucum.Unit.Times, (*big.Rat).Mul), p.ID+" "+p.U1+" "+p.U2)
	}
	for _, p := range f.Division {
		c.check(p.right(c.t, table, ucum.Unit.Over, (*big.Rat).Quo), p.ID+" "+p.U1+" "+p.U2)
	}
}

func (p product) right(t *testing.T, table *ucum.Table, units func(u, v ucum.Unit) (ucum.Unit, error), values func(z, x, y *big.Rat) *big.Rat) bool {
	t.Helper()
	u, err := table.Parse(p.U1)
	if err != nil {
		return false
	}
	v, err := table.Parse(p.U2)
	if err != nil {
		return false
	}
	w, err := units(u, v)
	if err != nil {
		return false
	}
	want, err := table.Parse(p.Unit)
	if err != nil {
		return false
	}
	c, err := ucum.NewConversion(w, want)
	if err != nil {
		return false
	}
	got, err := c.Exact(values(new(big.Rat), rat(t, p.V1), rat(t, p.V2)))
	return err == nil && agrees(t, got, p.Result)
}

func decimal(t testing.TB, s string) *apd.Decimal {
	t.Helper()
	d, _, err := apd.NewFromString(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func rat(t testing.TB, s string) *big.Rat {
	t.Helper()
	r, err := ucum.Fraction(decimal(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// agrees rounds to the digits of the outcome, as the functional tests ask.
func agrees(t *testing.T, got *big.Rat, outcome string) bool {
	t.Helper()
	digits, _, _ := strings.Cut(strings.ToLower(outcome), "e")
	n := len(strings.TrimLeft(strings.ReplaceAll(digits, ".", ""), "0"))
	d, err := ucum.Decimal(got, uint32(n))
	if err != nil {
		t.Fatal(err)
	}
	return d.Cmp(decimal(t, outcome)) == 0
}
