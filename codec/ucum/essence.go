// The official table, ucum-essence.xml, as the UCUM organisation publishes it.

package ucum

import (
	"bytes"
	"embed"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The folder has a README only unless the build put the table beside it.
//
//go:embed essence
var embedded embed.FS

func embeddedTable() *Table {
	b, err := embedded.ReadFile("essence/ucum-essence.xml")
	if err != nil {
		return nil
	}
	t, err := Read(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	return t
}

// Notice is the copyright notice of the embedded table, for the page or command that shows licences; empty in a build without the table. The UCUM
// licence (§3b) asks that it goes wherever the table goes.
func Notice() string {
	b, err := embedded.ReadFile("essence/NOTICE.txt")
	if err != nil {
		return ""
	}
	return string(b)
}

type essence struct {
	Version  string          `xml:"version,attr"`
	Revised  string          `xml:"revision-date,attr"`
	Prefixes []essencePrefix `xml:"prefix"`
	Bases    []essenceUnit   `xml:"base-unit"`
	Units    []essenceUnit   `xml:"unit"`
}

type essencePrefix struct {
	Code  string       `xml:"Code,attr"`
	Upper string       `xml:"CODE,attr"`
	Names []string     `xml:"name"`
	Value essenceValue `xml:"value"`
}

type essenceUnit struct {
	Code      string       `xml:"Code,attr"`
	Upper     string       `xml:"CODE,attr"`
	Class     string       `xml:"class,attr"`
	Metric    string       `xml:"isMetric,attr"`
	Special   string       `xml:"isSpecial,attr"`
	Arbitrary string       `xml:"isArbitrary,attr"`
	Names     []string     `xml:"name"`
	Value     essenceValue `xml:"value"`
}

type essenceValue struct {
	Unit     string `xml:"Unit,attr"`
	Value    string `xml:"value,attr"`
	Function *struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
		Unit  string `xml:"Unit,attr"`
	} `xml:"function"`
}

const maxEssence = 4 << 20 // bytes; the official file has 85 kB

// Read reads an edition of ucum-essence.xml. The file is the operator's: it is bounded, and refused as a whole where a definition is broken.
func Read(r io.Reader) (*Table, error) {
	d := xml.NewDecoder(io.LimitReader(r, maxEssence))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // it says "ascii", and is
	var e essence
	if err := d.Decode(&e); err != nil {
		return nil, fmt.Errorf("ucum: table: %w", err)
	}
	if len(e.Bases) != bases || len(e.Prefixes) == 0 || len(e.Units) == 0 {
		return nil, fail(Syntax, 0, "not a table of UCUM")
	}
	t := newTable()
	t.edition, t.revised = e.Version, strings.TrimSuffix(strings.TrimPrefix(e.Revised, "$Date: "), " $")
	if err := t.fill(&e); err != nil {
		return nil, err
	}
	return t, t.settle()
}

func (t *Table) fill(e *essence) error {
	for _, p := range e.Prefixes {
		v, err := number(p.Value.Value)
		if err != nil {
			return err
		}
		t.addPrefix(&prefix{code: p.Code, upper: upperOf(p.Upper, p.Code), name: first(p.Names), value: v})
	}
	for i, u := range e.Bases {
		a := u.atom(i)
		a.metric = true
		t.bases = append(t.bases, a.code)
		t.add(a)
	}
	for _, u := range e.Units {
		t.add(u.atom(-1))
	}
	return nil
}

func (u *essenceUnit) atom(base int) *atom {
	name := first(u.Names)
	if base >= 0 || u.Class == "si" {
		name = small(name)
	}
	a := &atom{
		code: u.Code, upper: upperOf(u.Upper, u.Code), name: name, base: base,
		metric: u.Metric == "yes", special: u.Special == "yes", arbitrary: u.Arbitrary == "yes",
		value: u.Value.Value, in: u.Value.Unit,
	}
	if f := u.Value.Function; f != nil && a.special {
		a.function, a.value, a.in = f.Name, f.Value, f.Unit
	}
	return a
}

// upperOf is the c/i code; edition 1.9 forgets that of L, and 2.2 writes one in small letters.
func upperOf(upper, code string) string {
	if upper == "" {
		upper = code
	}
	return strings.ToUpper(upper)
}

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// small is the name of an SI unit as the SI Brochure (5.3) writes it and later editions of the table do: newton, not Newton.
func small(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(r)) + name[n:]
}
