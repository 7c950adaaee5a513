package unit

import (
	"errors"
	"math/big"
	"strings"

	"github.com/cockroachdb/apd/v3"
	"github.com/lianzhen/lianzhen/codec/ucum"
)

// Why a conversion is refused.
var (
	ErrUnit      = errors.New("the unit is not UCUM")
	ErrDifferent = errors.New("the units measure different things")
	ErrUnknown   = errors.New("the analyte has no molar mass, valence or international unit for this conversion")
	ErrValue     = errors.New("the value cannot be converted")
)

// Convert takes a value of a substance from one UCUM code to another, exactly where the result ends within [ucum.Digits] digits, else rounded half to
// even there. Units are compared more strictly than UCUM does: moles, equivalents, osmoles and counts are different things unless the substance says
// otherwise, as are fibrinogen equivalent units and D-dimer units. The error is one of the four above. Not for what is shown as the result.
func Convert(d *apd.Decimal, from, to string, s Substance) (*apd.Decimal, error) {
	if s.NGSP {
		if r, ok, err := glycated(d, from, to); ok || err != nil {
			return r, err
		}
	}
	c, err := conversion(from, to, s)
	if err != nil {
		return nil, err
	}
	out, err := c.Decimal(d)
	if err != nil {
		return nil, ErrValue
	}
	return out, nil
}

// Convertible reports whether [Convert] knows a way between two codes.
func Convertible(from, to string, s Substance) bool {
	if s.NGSP && mixed(from, to) {
		return true
	}
	_, err := conversion(from, to, s)
	return err == nil
}

// Same reports whether two codes are one unit: no value changes between them (mg/L and ug/mL, 10*3/uL and 10*9/L).
func Same(a, b string) bool {
	if a == b {
		return ucum.Valid(a)
	}
	c, err := conversion(a, b, Substance{})
	if err != nil {
		return false
	}
	f, ok := c.Factor()
	return ok && f.IsInt() && f.Num().IsInt64() && f.Num().Int64() == 1
}

// Compare orders two values of a substance, in any units that convert: -1, 0 or 1.
func Compare(a *apd.Decimal, unitA string, b *apd.Decimal, unitB string, s Substance) (int, error) {
	in, err := Convert(a, unitA, unitB, s)
	if err != nil {
		return 0, err
	}
	if b == nil || b.Form != apd.Finite {
		return 0, ErrValue
	}
	return in.Cmp(b), nil
}

// way is what a conversion is remembered by.
type way struct {
	from, to string
	s        Substance
}

var ways memory[way, *ucum.Conversion]

func conversion(from, to string, s Substance) (*ucum.Conversion, error) {
	key := way{from, to, s}
	if c, ok := ways.get(key); ok {
		return c, nil
	}
	c, err := seek(from, to, s)
	if err != nil {
		return nil, err
	}
	key.from, key.to = strings.Clone(from), strings.Clone(to)
	ways.put(key, c)
	return c, nil
}

func seek(from, to string, s Substance) (*ucum.Conversion, error) {
	u, err := ucum.Parse(from)
	if err != nil {
		return nil, ErrUnit
	}
	v, err := ucum.Parse(to)
	if err != nil {
		return nil, ErrUnit
	}
	a, b := tallyOf(u), tallyOf(v)
	if a.fibrin != b.fibrin {
		return nil, ErrDifferent
	}
	if a.alike(b) && u.Dimension().Equal(v.Dimension()) {
		return prepared(u, v, big.NewRat(1, 1))
	}
	return (&bridge{u: u, v: v, a: a, b: b, s: s, factor: big.NewRat(1, 1)}).cross()
}

func prepared(u, v ucum.Unit, factor *big.Rat) (*ucum.Conversion, error) {
	c, err := ucum.NewConversion(u, v)
	if err != nil {
		return nil, ErrDifferent
	}
	if factor.Cmp(big.NewRat(1, 1)) == 0 {
		return c, nil
	}
	if c, err = c.Scaled(factor); err != nil {
		return nil, ErrDifferent
	}
	return c, nil
}

// tally is what UCUM takes as numbers and a laboratory does not: exponents of each, over the whole unit.
type tally struct {
	moles         int // without those of equivalents and osmoles
	equivalents   int
	osmoles       int
	activity      int // U, which is a mole per time to UCUM
	international int
	arbitrary     int
	high, low     int    // fields of a microscope
	fibrin        string // FEU or DDU
}

// alike reports that only UCUM need be asked.
func (t tally) alike(o tally) bool {
	t.activity, o.activity = 0, 0
	return t == o
}

func tallyOf(u ucum.Unit) tally {
	t := tally{moles: u.Amount()}
	counts := map[string]*int{
		"eq": &t.equivalents, "osm": &t.osmoles, "U": &t.activity, "[iU]": &t.international, "[IU]": &t.international, "[arb'U]": &t.arbitrary,
		"[HPF]": &t.high, "[LPF]": &t.low,
	}
	for _, s := range u.Symbols() {
		if n := counts[s.Code]; n != nil {
			*n += s.Exponent
		}
		if n := strings.ToUpper(s.Annotation); n == "FEU" || n == "DDU" {
			t.fibrin = n
		}
	}
	t.moles -= t.equivalents + t.osmoles
	return t
}
