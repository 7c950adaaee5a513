// Bridge: from one unit to another by what is known of the substance.

package unit

import (
	"math/big"
	"strings"

	"github.com/cockroachdb/apd/v3"
	"github.com/lianzhen/lianzhen/codec/ucum"
)

// bridge rewrites two units until they measure the same thing, and gathers the factor of the steps.
type bridge struct {
	u, v   ucum.Unit
	a, b   tally
	s      Substance
	factor *big.Rat
}

const maxSteps = 3 // of one kind: a unit has a mole or two, not ten

// swap replaces one thing in a unit by so many of another, n times; a negative n goes back.
func swap(u ucum.Unit, thing, other string, n int) (ucum.Unit, error) {
	if n > maxSteps || n < -maxSteps {
		return u, ErrDifferent
	}
	out, in := thing, other
	if n < 0 {
		out, in, n = other, thing, -n
	}
	gone, err := ucum.Parse(out)
	if err != nil {
		return u, ErrDifferent
	}
	come, err := ucum.Parse(in)
	if err != nil {
		return u, ErrDifferent
	}
	for range n {
		if u, err = u.Over(gone); err != nil {
			return u, ErrDifferent
		}
		if u, err = u.Times(come); err != nil {
			return u, ErrDifferent
		}
	}
	return u, nil
}

// scale multiplies the factor by x to the power n.
func (x *bridge) scale(by *big.Rat, n int) {
	for range max(n, -n) {
		if n > 0 {
			x.factor.Mul(x.factor, by)
		} else {
			x.factor.Quo(x.factor, by)
		}
	}
}

func (x *bridge) cross() (*ucum.Conversion, error) {
	if x.a.osmoles != x.b.osmoles || x.a.high != x.b.high || x.a.low != x.b.low {
		return nil, ErrDifferent
	}
	for _, step := range []func() error{x.alike, x.international, x.charged, x.massive} {
		if err := step(); err != nil {
			return nil, err
		}
		x.a, x.b = tallyOf(x.u), tallyOf(x.v)
	}
	return prepared(x.u, x.v, x.factor)
}

// alike gives the units of activity one name.
func (x *bridge) alike() error {
	if !x.s.Alike {
		return nil
	}
	names := []string{"[iU]", "[arb'U]"}
	to := "U"
	if x.s.IU != "" {
		names, to = []string{"U", "[arb'U]"}, "[iU]"
	}
	var err error
	for _, side := range []struct {
		u *ucum.Unit
		t tally
	}{{&x.u, x.a}, {&x.v, x.b}} {
		of := map[string]int{"U": side.t.activity, "[iU]": side.t.international, "[arb'U]": side.t.arbitrary}
		for _, name := range names {
			if *side.u, err = swap(*side.u, name, to, of[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// international replaces international units by what one of them is.
func (x *bridge) international() error {
	n := x.a.international - x.b.international
	if n == 0 {
		return nil
	}
	number, of, ok := strings.Cut(x.s.IU, " ")
	is, good := new(big.Rat).SetString(number)
	if !ok || !good {
		return ErrUnknown
	}
	var err error
	x.u, err = swap(x.u, "[iU]", of, n)
	x.scale(is, n)
	return err
}

// charged replaces equivalents by moles.
func (x *bridge) charged() error {
	n := x.a.equivalents - x.b.equivalents
	if n == 0 {
		return nil
	}
	charges := x.s.charges()
	if charges <= 0 {
		return ErrUnknown
	}
	var err error
	x.u, err = swap(x.u, "eq", "mol", n)
	x.scale(big.NewRat(1, int64(charges)), n)
	return err
}

// massive replaces moles by grams.
func (x *bridge) massive() error {
	n := x.a.moles - x.b.moles
	if n == 0 {
		return nil
	}
	u, err := swap(x.u, "mol", "g", n)
	if err != nil || !u.Dimension().Equal(x.v.Dimension()) {
		return ErrDifferent
	}
	m, ok := x.s.MolarMass()
	if !ok {
		return ErrUnknown
	}
	x.u = u
	x.scale(m, n)
	return nil
}

// The master equation of HbA1c (Hoelzel 2004): NGSP in % is 0.09148 times IFCC in mmol/mol plus 2.152.
var (
	ngspSlope = big.NewRat(9148, 100_000)
	ngspStart = big.NewRat(2152, 1000)
)

// mixed reports one NGSP and one IFCC unit.
func mixed(from, to string) bool {
	a, b := percent(from), percent(to)
	return a != "" && b != "" && a != b
}

// percent is the plain unit of an HbA1c: "%" of NGSP, "mmol/mol" of IFCC, empty for others.
func percent(code string) string {
	u, err := ucum.Parse(code)
	if err != nil || !u.Dimension().None() || u.Amount() != 0 {
		return ""
	}
	for _, s := range u.Symbols() {
		switch s.Code {
		case "%":
			return "%"
		case "mol":
			return "mmol/mol"
		}
	}
	return ""
}

// glycated converts HbA1c between NGSP and IFCC; false where both units are of one kind.
func glycated(d *apd.Decimal, from, to string) (*apd.Decimal, bool, error) {
	if !mixed(from, to) {
		return nil, false, nil
	}
	x, err := ucum.Convert(d, from, percent(from))
	if err != nil {
		return nil, false, ErrValue
	}
	if percent(from) == "%" {
		x.Quo(x.Sub(x, ngspStart), ngspSlope)
	} else {
		x.Add(x.Mul(x, ngspSlope), ngspStart)
	}
	c, err := ucum.Default().Conversion(percent(to), to)
	if err != nil {
		return nil, false, ErrUnit
	}
	if x, err = c.Exact(x); err != nil {
		return nil, false, ErrValue
	}
	out, err := ucum.Decimal(x, ucum.Digits)
	if err != nil {
		return nil, false, ErrValue
	}
	return out, true, nil
}
