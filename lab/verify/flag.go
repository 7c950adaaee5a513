// Flags: recomputed from the interval, and beside the sender's.

package verify

import (
	"slices"
	"strings"
)

// flagOf is the flag of a result. side is where a critical value that holds lies: L, H, A, or nothing.
func flagOf(f *Facts, side string) Flag {
	switch side {
	case "L":
		return CriticalLow
	case "H":
		return CriticalHigh
	case "A":
		return VeryAbnormal
	}
	i := f.Interval
	if i == nil {
		return NoFlag
	}
	if i.Expect != "" {
		return ordinalFlag(i.Expect, f.Value.Text)
	}
	e, ok := f.Value.extent()
	if !ok || i.Unit != f.Unit {
		return NoFlag
	}
	low, high := no, no
	if i.Low.Some() {
		low = e.atMost(i.Low, !i.LowOpen)
	}
	if i.High.Some() {
		high = e.atLeast(i.High, !i.HighOpen)
	}
	switch {
	case low == yes:
		return Low
	case high == yes:
		return High
	case low == perhaps || high == perhaps || !i.Low.Some() && !i.High.Some():
		return NoFlag
	}
	return Normal
}

func ordinalFlag(expect, text string) Flag {
	switch Ordinal(text) {
	case "":
		return NoFlag
	case expect:
		return Normal
	}
	return Abnormal
}

// direction of flags as senders write them.
var directions = map[string]string{
	"N": "N", "L": "L", "LL": "L", "<": "L", "↓": "L", "↓↓": "L", "偏低": "L", "低": "L", "H": "H", "HH": "H", ">": "H", "↑": "H", "↑↑": "H", "偏高": "H",
	"高": "H", "A": "A", "AA": "A", "POS": "A", "NEG": "N", "ABN": "A", "异常": "A", "*": "A", "正常": "N", "HU": "H", "LU": "L",
}

// Directed reports a sender's flag that says on which side of its interval a value lies, or that it lies inside.
func Directed(flag string) bool { return directions[strings.ToUpper(strings.TrimSpace(flag))] != "" }

// compareFlags warns where the sender's flag and ours differ in direction: both are kept, neither is silently believed.
func (p *Pack) compareFlags(v *Verdict) {
	ours := directions[string(v.Flag)]
	if ours == "" {
		return
	}
	for _, f := range v.Inputs.SenderFlags {
		theirs := directions[strings.ToUpper(strings.TrimSpace(f))]
		if theirs == "" || theirs == ours || theirs == "A" && ours != "N" || ours == "A" && theirs != "N" {
			continue
		}
		v.warn(FlagDisagrees, "发送方的异常标志与本系统按参考区间计算的不一致", "the sender's flag is not what the reference interval gives")
	}
}

// disagrees reports whether that warning was given.
func (v *Verdict) disagrees() bool {
	return slices.ContainsFunc(v.Warnings, func(w Warning) bool { return w.Code == FlagDisagrees })
}
