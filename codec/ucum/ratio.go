package ucum

import "math/big"

// ratio is a fraction that is not reduced until it is asked for: reducing at every step is what a hostile code would have us do. The zero ratio is one.
type ratio struct {
	num, den *big.Int // never changed
}

func ratioOf(r *big.Rat) ratio { return ratio{r.Num(), r.Denom()} }

var unity = ratio{big.NewInt(1), big.NewInt(1)}

// rat is the reduced fraction, a new one.
func (r ratio) rat() *big.Rat {
	if r.num == nil {
		return big.NewRat(1, 1)
	}
	return new(big.Rat).SetFrac(r.num, r.den)
}

func (r ratio) reduced() ratio { return ratioOf(r.rat()) }

const maxBits = 4096 // of a ratio that is not reduced; 10 to the power of about 600 both ways

// times is r multiplied by o to the power n.
func (r ratio) times(o ratio, n, offset int) (ratio, error) {
	num, den := o.num, o.den
	if n < 0 {
		num, den, n = den, num, -n
	}
	if (num.BitLen()+den.BitLen())*n > maxBits {
		return r, fail(Limit, offset, "a magnitude is too large")
	}
	if n != 1 {
		e := big.NewInt(int64(n))
		num, den = new(big.Int).Exp(num, e, nil), new(big.Int).Exp(den, e, nil)
	}
	out := ratio{new(big.Int).Mul(r.num, num), new(big.Int).Mul(r.den, den)}
	if out.num.BitLen()+out.den.BitLen() > maxBits {
		return r, fail(Limit, offset, "a magnitude is too large")
	}
	return out, nil
}
