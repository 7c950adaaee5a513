package ucum

import "testing"

// TestPlainTable holds that a build without the official table still has the units of a laboratory, with the values of the official one.
func TestPlainTable(t *testing.T) {
	plain := plainTable()
	for _, a := range plain.units {
		if a.state != defined {
			t.Errorf("%s is not defined", a.code)
		}
	}
	if plain.Edition() != "" {
		t.Error("it has an edition")
	}
	official := embeddedTable()
	if official == nil {
		t.Skip("built without the table of UCUM: make ucum")
	}
	for _, a := range plain.units {
		p, err := plain.Parse(a.code)
		if err != nil {
			t.Errorf("%s: %v", a.code, err)
			continue
		}
		o, err := official.Parse(a.code)
		if err != nil {
			t.Errorf("%s: %v", a.code, err)
			continue
		}
		if !p.dim.Equal(o.dim) || p.amount != o.amount {
			t.Errorf("%s measures something else", a.code)
		}
		if moles := a.code == "u" || p.amount != 0; !moles && p.Scale().Cmp(o.Scale()) != 0 { // the mole and the dalton changed in 2019
			t.Errorf("%s is %s, officially %s", a.code, p.Scale(), o.Scale())
		}
		if a.upper != official.atoms[a.code].upper {
			t.Errorf("%s: %s in capitals, officially %s", a.code, a.upper, official.atoms[a.code].upper)
		}
	}
}
