// Exact ratios: sampling rates and sizes of a sample are given by files as decimals, and stay what they were given as.

package tracing

import (
	"math"
	"math/big"
	"strings"
	"time"
)

// Ratio is Num/Den in lowest terms, Den positive. The zero Ratio stands for "not said".
type Ratio struct{ Num, Den int64 }

// NewRatio makes a ratio in lowest terms; zero if den is zero.
func NewRatio(num, den int64) Ratio {
	if den == 0 || num == math.MinInt64 || den == math.MinInt64 {
		return Ratio{}
	}
	return fromRat(big.NewRat(num, den))
}

// Whole is n/1.
func Whole(n int64) Ratio { return Ratio{n, 1} }

// ParseRatio reads a decimal number ("4.88", "-1e3", ".05") exactly; false where it is none or needs more than 64 bits.
func ParseRatio(decimal string) (Ratio, bool) {
	decimal = strings.TrimSpace(decimal)
	if len(decimal) == 0 || len(decimal) > 40 || strings.ContainsAny(decimal, "/_xXpPbBoO") {
		return Ratio{}, false
	}
	if i := strings.IndexAny(decimal, "eE"); i >= 0 && len(decimal)-i > 4 { // an exponent of more than two digits is no measure
		return Ratio{}, false
	}
	r, ok := new(big.Rat).SetString(decimal)
	if !ok || !r.Num().IsInt64() || !r.Denom().IsInt64() {
		return Ratio{}, false
	}
	return fromRat(r), true
}

func fromRat(r *big.Rat) Ratio {
	if !r.Num().IsInt64() || !r.Denom().IsInt64() {
		return Ratio{}
	}
	return Ratio{r.Num().Int64(), r.Denom().Int64()}
}

func (r Ratio) rat() *big.Rat {
	if r.Den == 0 {
		return new(big.Rat)
	}
	return big.NewRat(r.Num, r.Den)
}

// Float is the nearest float64; 0 for the zero Ratio.
func (r Ratio) Float() float64 {
	if r.Den == 0 {
		return 0
	}
	return float64(r.Num) / float64(r.Den)
}

// Mul and Div are exact; zero where the result needs more than 64 bits.
func (r Ratio) Mul(o Ratio) Ratio { return fromRat(new(big.Rat).Mul(r.rat(), o.rat())) }

// Div is r/o; zero if o is zero.
func (r Ratio) Div(o Ratio) Ratio {
	if o.Num == 0 {
		return Ratio{}
	}
	return fromRat(new(big.Rat).Quo(r.rat(), o.rat()))
}

// Add is r+o.
func (r Ratio) Add(o Ratio) Ratio { return fromRat(new(big.Rat).Add(r.rat(), o.rat())) }

// Duration of n samples at a rate of r a second, to the nanosecond below; 0 where r is no rate.
func (r Ratio) Duration(n int64) time.Duration {
	if r.Num <= 0 || r.Den <= 0 {
		return 0
	}
	ns := new(big.Int).Mul(big.NewInt(n), big.NewInt(r.Den))
	ns.Mul(ns, big.NewInt(int64(time.Second))).Quo(ns, big.NewInt(r.Num))
	if !ns.IsInt64() {
		return math.MaxInt64
	}
	return time.Duration(ns.Int64())
}

// String is "500" or "1000000/3".
func (r Ratio) String() string {
	if r.Den == 0 {
		return "0"
	}
	return r.rat().RatString()
}
