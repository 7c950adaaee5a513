// Conversion: a value from one unit to another.

package ucum

import (
	"math/big"

	"github.com/cockroachdb/apd/v3"
)

// Digits is how many significant digits a conversion to decimals keeps where the exact result has more.
const Digits = 34

// Conversion takes values from one unit to another. It never changes, and may be shared.
type Conversion struct {
	from, to Unit
	factor   *big.Rat // of a conversion without special units, else nil
	num, den apd.Decimal
	whole    bool // den is one
}

// Commensurable reports whether values of two codes can be converted into each other.
func (t *Table) Commensurable(a, b string) bool {
	_, err := t.Conversion(a, b)
	return err == nil
}

// Conversion prepares to convert between two codes. It is remembered.
func (t *Table) Conversion(from, to string) (*Conversion, error) {
	key := [2]string{from, to}
	if c, ok := t.exchanges.get(key); ok {
		return c, nil
	}
	u, err := t.Parse(from)
	if err != nil {
		return nil, err
	}
	v, err := t.Parse(to)
	if err != nil {
		return nil, err
	}
	c, err := NewConversion(u, v)
	if err != nil {
		return nil, err
	}
	t.exchanges.put([2]string{u.code, v.code}, c)
	return c, nil
}

// NewConversion prepares to convert from u to v. It fails where they measure different things.
func NewConversion(u, v Unit) (*Conversion, error) {
	if !u.dim.Equal(v.dim) {
		return nil, fail(Incommensurate, 0, "the units measure different things")
	}
	if u.special != nil || v.special != nil {
		return &Conversion{from: u, to: v}, nil
	}
	return linear(u, v, new(big.Rat).Quo(u.Scale(), v.Scale())), nil
}

func linear(u, v Unit, factor *big.Rat) *Conversion {
	c := &Conversion{from: u, to: v, factor: factor, whole: factor.IsInt()}
	c.num.Coeff.SetMathBigInt(factor.Num())
	c.den.Coeff.SetMathBigInt(factor.Denom())
	c.num.Reduce(&c.num)
	c.den.Reduce(&c.den)
	if c.den.Coeff.Cmp(one) == 0 { // a power of ten moves the point only
		c.num.Exponent -= c.den.Exponent
		c.whole = true
	}
	return c
}

var one = apd.NewBigInt(1)

// Factor is how many of the second unit one of the first is; false where either is special.
func (c *Conversion) Factor() (*big.Rat, bool) {
	if c.factor == nil {
		return nil, false
	}
	return new(big.Rat).Set(c.factor), true
}

// Scaled is the conversion with its factor multiplied, for what a substance adds to the units: its molar mass. It fails for special units.
func (c *Conversion) Scaled(by *big.Rat) (*Conversion, error) {
	if c.factor == nil {
		return nil, fail(NonRatio, 0, "a special unit is no multiple of base units")
	}
	return linear(c.from, c.to, new(big.Rat).Mul(c.factor, by)), nil
}

// Exact converts a fraction. It is exact, except through logarithms and tangents, which keep fifteen digits; those fail outside their scale.
func (c *Conversion) Exact(x *big.Rat) (*big.Rat, error) {
	if c.factor != nil {
		return new(big.Rat).Mul(x, c.factor), nil
	}
	base, ok := c.from.up(x)
	if !ok {
		return nil, fail(NonRatio, 0, "the value is outside the scale")
	}
	out, ok := c.to.down(base)
	if !ok {
		return nil, fail(NonRatio, 0, "the value is outside the scale")
	}
	return out, nil
}

// up is the value in base units.
func (u Unit) up(x *big.Rat) (*big.Rat, bool) {
	x = new(big.Rat).Mul(x, u.Scale())
	if u.special == nil {
		return x, true
	}
	x, ok := u.special.scaleOf.up(x)
	if !ok {
		return nil, false
	}
	return x.Mul(x, u.special.proper()), true
}

func (u Unit) down(x *big.Rat) (*big.Rat, bool) {
	if u.special != nil {
		var ok bool
		if x, ok = u.special.scaleOf.down(new(big.Rat).Quo(x, u.special.proper())); !ok {
			return nil, false
		}
	}
	return new(big.Rat).Quo(x, u.Scale()), true
}

// proper is the scale of the unit that a special scale counts.
func (a *atom) proper() *big.Rat {
	if a.scaleOf.angle {
		return big.NewRat(1, 1)
	}
	return a.scale
}

// Decimal converts a decimal. A result that has an end within [Digits] is exact and keeps the digits of the value; others are rounded half to even.
func (c *Conversion) Decimal(d *apd.Decimal) (*apd.Decimal, error) {
	if err := bounded(d); err != nil {
		return nil, err
	}
	if c.factor == nil {
		r, err := c.Exact(fraction(d))
		if err != nil {
			return nil, err
		}
		return Decimal(r, Digits)
	}
	out := new(apd.Decimal)
	if _, err := wide.Mul(out, d, &c.num); err != nil {
		return nil, fail(Limit, 0, "the value is too large")
	}
	if c.whole {
		return rounded(out, out, Digits)
	}
	if _, err := decimal34.Quo(out, out, &c.den); err != nil {
		return nil, fail(Limit, 0, "the value is too large")
	}
	return trimmed(out), nil
}

// Convert converts a decimal between two codes exactly; through a logarithm or tangent with fifteen digits.
func (t *Table) Convert(d *apd.Decimal, from, to string) (*big.Rat, error) {
	if err := bounded(d); err != nil {
		return nil, err
	}
	c, err := t.Conversion(from, to)
	if err != nil {
		return nil, err
	}
	return c.Exact(fraction(d))
}
