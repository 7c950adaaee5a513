// Special scales (UCUM §21 to §22): units whose values are not multiples of one thing.

package ucum

import (
	"math"
	"math/big"
	"strconv"
)

// scale takes a value on a special scale to the number of its proper units, and back. Temperatures stay exact; logarithms and tangents are
// floating point of fifteen digits.
type scale struct {
	up    func(*big.Rat) (*big.Rat, bool) // from the scale; false where it has no such value
	down  func(*big.Rat) (*big.Rat, bool)
	angle bool // the proper unit is the radian, whatever the table says
}

var scales = map[string]*scale{
	"Cel":         offset("273.15"),
	"degF":        offset("459.67"),
	"degRe":       offset("218.52"),
	"pH":          level(func(x float64) float64 { return math.Pow(10, -x) }, func(x float64) float64 { return -math.Log10(x) }),
	"ln":          level(math.Exp, math.Log),
	"lg":          level(func(x float64) float64 { return math.Pow(10, x) }, math.Log10),
	"lgTimes2":    level(func(x float64) float64 { return math.Pow(10, x/2) }, func(x float64) float64 { return 2 * math.Log10(x) }),
	"ld":          level(math.Exp2, math.Log2),
	"hpX":         potency(10),
	"hpC":         potency(100),
	"hpM":         potency(1000),
	"hpQ":         potency(50_000),
	"sqrt":        {up: square, down: floating(math.Sqrt)},
	"tanTimes100": slope,
	"100tan":      slope,
}

var slope = &scale{
	up:    floating(func(x float64) float64 { return math.Atan(x / 100) }),
	down:  floating(func(x float64) float64 { return 100 * math.Tan(x) }),
	angle: true,
}

// offset is a scale that begins at zero degrees below which proper units are counted.
func offset(zero string) *scale {
	z, _ := new(big.Rat).SetString(zero)
	return &scale{
		up:   func(x *big.Rat) (*big.Rat, bool) { return new(big.Rat).Add(x, z), true },
		down: func(x *big.Rat) (*big.Rat, bool) { return new(big.Rat).Sub(x, z), true },
	}
}

func potency(base float64) *scale {
	return level(func(x float64) float64 { return math.Pow(base, -x) }, func(x float64) float64 { return -math.Log(x) / math.Log(base) })
}

func level(up, down func(float64) float64) *scale {
	return &scale{up: floating(up), down: floating(down)}
}

func square(x *big.Rat) (*big.Rat, bool) { return new(big.Rat).Mul(x, x), true }

const floatDigits = 15

// floating calculates in floating point and keeps the digits that are certain. What is no number has no value.
func floating(f func(float64) float64) func(*big.Rat) (*big.Rat, bool) {
	return func(x *big.Rat) (*big.Rat, bool) {
		in, _ := x.Float64()
		out := f(in)
		if math.IsNaN(out) || math.IsInf(out, 0) || math.IsInf(in, 0) {
			return nil, false
		}
		return new(big.Rat).SetString(strconv.FormatFloat(out, 'g', floatDigits, 64))
	}
}
