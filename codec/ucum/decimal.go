// Decimals and fractions: between what is sent and what is calculated with.

package ucum

import (
	"math/big"

	"github.com/cockroachdb/apd/v3"
)

const (
	maxExponent10 = 400  // of a value
	maxValueBits  = 2048 // of its digits
	wideDigits    = 4000
)

// Contexts that calculate without traps but that of a lost value.
var (
	wide      = contextOf(wideDigits)
	decimal34 = contextOf(Digits)
)

func contextOf(digits uint32) *apd.Context {
	c := apd.BaseContext.WithPrecision(digits)
	c.Rounding = apd.RoundHalfEven
	return c
}

func bounded(d *apd.Decimal) error {
	if d == nil || d.Form != apd.Finite {
		return fail(Syntax, 0, "the value is not a number")
	}
	if d.Exponent > maxExponent10 || d.Exponent < -maxExponent10 || d.Coeff.BitLen() > maxValueBits {
		return fail(Limit, 0, "the value is too large")
	}
	return nil
}

// Fraction is a decimal as an exact fraction. It fails for what is no number, and beyond 10 to the power of 400.
func Fraction(d *apd.Decimal) (*big.Rat, error) {
	if err := bounded(d); err != nil {
		return nil, err
	}
	return fraction(d), nil
}

func fraction(d *apd.Decimal) *big.Rat {
	c := d.Coeff.MathBigInt()
	if d.Negative {
		c.Neg(c)
	}
	p := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.Exponent, -d.Exponent))), nil)
	if d.Exponent < 0 {
		return new(big.Rat).SetFrac(c, p)
	}
	return new(big.Rat).SetInt(c.Mul(c, p))
}

// Decimal is a fraction as a decimal of at most so many significant digits (1 to 1,000), rounded half to even; without zeros at its end where it is exact.
func Decimal(r *big.Rat, digits uint32) (*apd.Decimal, error) {
	var num, den apd.Decimal
	num.Coeff.SetMathBigInt(new(big.Int).Abs(r.Num()))
	num.Negative = r.Sign() < 0
	den.Coeff.SetMathBigInt(r.Denom())
	out := new(apd.Decimal)
	if _, err := contextOf(min(max(digits, 1), 1000)).Quo(out, &num, &den); err != nil {
		return nil, fail(Limit, 0, "the value is too large")
	}
	return trimmed(out), nil
}

// Rounded is a decimal with so many significant digits, zeros at the end included.
func Rounded(d *apd.Decimal, digits uint32) (*apd.Decimal, error) {
	if err := bounded(d); err != nil {
		return nil, err
	}
	digits = min(max(digits, 1), 1000)
	out, err := rounded(new(apd.Decimal), d, digits)
	if err != nil || out.IsZero() {
		return out, err
	}
	if missing := int64(digits) - out.NumDigits(); missing > 0 {
		_, err = wide.Quantize(out, out, out.Exponent-int32(missing))
	}
	return out, err
}

func rounded(to, d *apd.Decimal, digits uint32) (*apd.Decimal, error) {
	c := decimal34
	if digits != Digits {
		c = contextOf(digits)
	}
	if _, err := c.Round(to, d); err != nil {
		return nil, fail(Limit, 0, "the value is too large")
	}
	return to, nil
}

// trimmed takes zeros off the end of a fraction, and writes a whole number whole.
func trimmed(d *apd.Decimal) *apd.Decimal {
	d.Reduce(d)
	if d.Exponent > 0 && d.Exponent < Digits {
		_, _ = wide.Quantize(d, d, 0)
	}
	return d
}
