// Statistics of control measurements, in decimals.

package westgard

import (
	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/record"
)

// rounding of what is computed: twelve significant digits, trailing zeros away. In between more are kept.
var (
	working = apd.BaseContext.WithPrecision(60)
	shown   = apd.BaseContext.WithPrecision(12)
)

// Statistics describe measurements of one level. SD is that of a sample (n-1) and nil below two points; CV is in percent and nil where the
// mean is zero.
type Statistics struct {
	N            int
	Mean, SD, CV *apd.Decimal
}

// Summarise computes mean, SD and CV. A number that is out of all bounds is Invalid.
func Summarise(values []*apd.Decimal) (Statistics, error) {
	s := Statistics{N: len(values)}
	if s.N == 0 {
		return s, nil
	}
	e := apd.MakeErrDecimal(working)
	var sum, mean, squares apd.Decimal
	for _, v := range values {
		if !sane(v) {
			return s, record.Errorf(record.Invalid, "a control value is no number of reasonable size")
		}
		e.Add(&sum, &sum, v)
	}
	n := apd.New(int64(s.N), 0)
	e.Quo(&mean, &sum, n)
	for _, v := range values {
		var d apd.Decimal
		e.Sub(&d, v, &mean)
		e.Mul(&d, &d, &d)
		e.Add(&squares, &squares, &d)
	}
	s.Mean = tidy(&mean)
	if s.N > 1 {
		var sd apd.Decimal
		e.Quo(&squares, &squares, apd.New(int64(s.N-1), 0))
		e.Sqrt(&sd, &squares)
		s.SD = tidy(&sd)
		s.CV = CV(&mean, &sd)
	}
	return s, e.Err()
}

// tidy rounds to what is shown.
func tidy(d *apd.Decimal) *apd.Decimal {
	out := new(apd.Decimal)
	if _, err := shown.Round(out, d); err != nil {
		return nil
	}
	out.Reduce(out)
	return out
}

var hundred = apd.New(100, 0)

// percent is a / |b| x 100, nil when b is zero.
func percent(a, b *apd.Decimal) *apd.Decimal {
	if a == nil || b == nil || b.Sign() == 0 {
		return nil
	}
	e := apd.MakeErrDecimal(working)
	var part, size apd.Decimal
	size.Abs(b)
	e.Mul(&part, a, hundred)
	e.Quo(&part, &part, &size)
	if e.Err() != nil {
		return nil
	}
	return tidy(&part)
}

// CV is the coefficient of variation in percent of the mean; nil where it has no meaning.
func CV(mean, sd *apd.Decimal) *apd.Decimal { return percent(sd, mean) }

// Bias is how far the mean lies from the target, in percent of the target, with its sign; nil where it has no meaning.
func Bias(mean, target *apd.Decimal) *apd.Decimal {
	if mean == nil || target == nil {
		return nil
	}
	var d apd.Decimal
	if _, err := working.Sub(&d, mean, target); err != nil {
		return nil
	}
	return percent(&d, target)
}

// Sigma is the sigma metric (TEa - |bias|) / CV, all in percent; nil without a CV above zero.
func Sigma(tea, bias, cv *apd.Decimal) *apd.Decimal {
	if tea == nil || bias == nil || cv == nil || cv.Sign() <= 0 {
		return nil
	}
	e := apd.MakeErrDecimal(working)
	var rest apd.Decimal
	rest.Abs(bias)
	e.Sub(&rest, tea, &rest)
	e.Quo(&rest, &rest, cv)
	if e.Err() != nil {
		return nil
	}
	return tidy(&rest)
}

// Z is how many SD a value lies from the mean, rounded to three decimals for display: limits are never compared with it. Nil without a
// usable target.
func Z(value, mean, sd *apd.Decimal) *apd.Decimal {
	m, ok := markOf(Point{Value: value, Mean: mean, SD: sd})
	if !ok {
		return nil
	}
	e := apd.MakeErrDecimal(working)
	var z apd.Decimal
	e.Quo(&z, m.dev, sd)
	if z.NumDigits()+int64(z.Exponent) > 50 {
		return nil // no one reads it
	}
	e.Quantize(&z, &z, -3)
	if e.Err() != nil {
		return nil
	}
	return &z
}

// Percent is part / whole x 100; nil when the whole is zero.
func Percent(part, whole int) *apd.Decimal {
	return percent(apd.New(int64(part), 0), apd.New(int64(whole), 0))
}
