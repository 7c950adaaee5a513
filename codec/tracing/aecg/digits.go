// Numbers: the digits of a sequence, and the rate that a decimal time step stands for.

package aecg

import (
	"bytes"
	"iter"
	"math"
	"math/big"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

const maxPlaces = 6

// parseDigits reads the digits of a sequence. Digits with decimals, which some writers use against the standard, are all given times
// 10^places. What is no number is a missing sample; clean is false then.
func parseDigits(b []byte, cut bool, expect int) (out []int32, places int, clean bool) {
	out, clean = xmlin.IntegersLike(b, cut, expect)
	if clean || bytes.IndexByte(b, '.') < 0 {
		return out, 0, clean
	}
	for cut && len(b) > 0 && !separates(rune(b[len(b)-1])) {
		b = b[:len(b)-1]
	}
	if places = decimals(b); places == 0 {
		return out, 0, false
	}
	return parseDecimals(b, places)
}

func separates(r rune) bool { return r <= ' ' || r == ',' || r == ';' }

// decimals is the largest number of digits behind a point.
func decimals(b []byte) int {
	most, run, behind := 0, 0, false
	for _, c := range b {
		switch {
		case c == '.':
			behind, run = true, 0
		case behind && c-'0' <= 9:
			run++
			most = max(most, run)
		default:
			behind = false
		}
	}
	return min(most, maxPlaces)
}

// parseDecimals reads digits with decimals, times 10^places. It takes fewer places where the largest would not fit into a sample; what is then
// lost is rounded.
func parseDecimals(b []byte, places int) (out []int32, _ int, clean bool) {
	n, largest := 0, 0.0
	clean = true
	for v, ok := range numbers(b) {
		if n++; ok {
			largest = max(largest, math.Abs(v))
		} else {
			clean = false
		}
	}
	for places > 0 && largest*float64(pow10(places)) >= math.MaxInt32 {
		places--
	}
	out = make([]int32, 0, n)
	for v, ok := range numbers(b) {
		if v = math.Round(v * float64(pow10(places))); !ok || math.Abs(v) > math.MaxInt32 {
			v = tracing.Missing
		}
		out = append(out, int32(v))
	}
	return out, places, clean
}

// numbers are those that stand in b, as many as a lead may have; ok is false for one that is none or no sample can be.
func numbers(b []byte) iter.Seq2[float64, bool] {
	return func(yield func(v float64, ok bool) bool) {
		n := 0
		for f := range bytes.FieldsFuncSeq(b, separates) {
			v, ok := xmlin.Number(string(f))
			if n++; n > tracing.MaxSamples || !yield(v, ok && math.Abs(v) < math.MaxInt32) {
				return
			}
		}
	}
}

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// rateOf is the rate of a time step. Most steps are exact; one that was rounded ("0.00277777778") stands for the simplest rate that
// rounds to it. False where it is no step of a recording of an ECG.
func rateOf(step, unit string) (tracing.Ratio, bool) {
	v, ok := tracing.ParseRatio(step)
	if !ok || v.Num <= 0 {
		return tracing.Ratio{}, false
	}
	rate := tracing.Whole(1).Div(v.Mul(perSecond(unit)))
	if rate.Den != 1 && significant(step) >= 5 {
		if r := simplest(step, unit); r.Num > 0 {
			rate = r
		}
	}
	f := rate.Float()
	if f < 0.1 || f > 1e6 || unit == "" && f < 10 { // a step of 2 without a unit is not of two seconds
		return tracing.Ratio{}, false
	}
	return rate, true
}

func significant(decimal string) int {
	mantissa, _, _ := strings.Cut(strings.ToLower(decimal), "e")
	return len(strings.TrimLeft(strings.ReplaceAll(mantissa, ".", ""), "0"))
}

// simplest is the ratio of smallest denominator among those whose inverse rounds to the step.
func simplest(step, unit string) tracing.Ratio {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(strings.TrimSpace(step)), "e")
	_, behind, _ := strings.Cut(mantissa, ".")
	half := "0." + strings.Repeat("0", len(behind)) + "5"
	if exponent != "" {
		half += "e" + exponent
	}
	v, ok := new(big.Rat).SetString(step)
	h, ok2 := new(big.Rat).SetString(half)
	u := perSecond(unit)
	if !ok || !ok2 || v.Cmp(h) <= 0 {
		return tracing.Ratio{}
	}
	s := big.NewRat(u.Num, u.Den)
	low := new(big.Rat).Inv(new(big.Rat).Mul(new(big.Rat).Add(v, h), s))
	high := new(big.Rat).Inv(new(big.Rat).Mul(new(big.Rat).Sub(v, h), s))
	r := between(low, high, 40)
	if r == nil || !r.Num().IsInt64() || !r.Denom().IsInt64() {
		return tracing.Ratio{}
	}
	return tracing.NewRatio(r.Num().Int64(), r.Denom().Int64())
}

// between finds the ratio of smallest denominator in [low, high], both positive, by continued fractions.
func between(low, high *big.Rat, depth int) *big.Rat {
	whole := new(big.Int).Quo(low.Num(), low.Denom())
	floor := new(big.Rat).SetInt(whole)
	if floor.Cmp(low) == 0 {
		return floor
	}
	if next := new(big.Rat).Add(floor, big.NewRat(1, 1)); next.Cmp(high) <= 0 {
		return next
	}
	if depth == 0 {
		return nil
	}
	r := between(new(big.Rat).Inv(new(big.Rat).Sub(high, floor)), new(big.Rat).Inv(new(big.Rat).Sub(low, floor)), depth-1)
	if r == nil || r.Sign() == 0 {
		return nil
	}
	return new(big.Rat).Add(floor, r.Inv(r))
}
