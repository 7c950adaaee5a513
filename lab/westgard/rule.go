package westgard

import (
	"slices"

	"github.com/lianzhen/lianzhen/record"
)

// Rule is a control rule by its name, number of points _ limit.
type Rule string

// The warning and the twelve rules that reject.
const (
	R12s    Rule = "1_2s"
	R13s    Rule = "1_3s"
	R22s    Rule = "2_2s"
	R2of32s Rule = "2of3_2s"
	RR4s    Rule = "R_4s"
	R31s    Rule = "3_1s"
	R41s    Rule = "4_1s"
	R6x     Rule = "6_x"
	R8x     Rule = "8_x"
	R9x     Rule = "9_x"
	R10x    Rule = "10_x"
	R12x    Rule = "12_x"
	R7T     Rule = "7_T"
)

// InvalidTarget is no rule of control but why nothing could be judged: there is no mean, no SD above zero, or no number.
const InvalidTarget Rule = "invalid_target"

// Decision is what follows from a point, from the mildest to the gravest.
type Decision string

// The decisions.
const (
	Accept  Decision = "accept"
	Warning Decision = "warning" // look again; results may be released
	Reject  Decision = "reject"
	Blocked Decision = "blocked" // it could not be judged: no more than a reject may be released on it
)

var gravity = []Decision{Accept, Warning, Reject, Blocked}

// Worse gives the graver of two decisions.
func Worse(a, b Decision) Decision {
	if slices.Index(gravity, b) > slices.Index(gravity, a) {
		return b
	}
	return a
}

// Text is a text in the two languages of the house.
type Text struct{ ZH, EN string }

// ErrorKind is the kind of error that a rule is sensitive to.
type ErrorKind string

// The kinds of error.
const (
	AnyError   ErrorKind = ""
	Random     ErrorKind = "random"
	Systematic ErrorKind = "systematic"
)

// Description is what a person reads of a rule.
type Description struct {
	Rule  Rule
	Name  Text
	Error ErrorKind
}

type ruleRow struct {
	rule  Rule
	error ErrorKind
	warns bool
	name  Text
	find  func(*Chart) (points []mark, across bool)
}

// table has the rules in the order in which hits are told: it is the order of the procedure.
var table = []ruleRow{
	{R12s, AnyError, true, Text{"1-2s：一个质控值超出均值±2s（警告）", "one control exceeds the mean by more than 2s (warning)"}, level(1, 2)},
	{R13s, Random, false, Text{"1-3s：一个质控值超出均值±3s", "one control exceeds the mean by more than 3s"}, level(1, 3)},
	{R22s, Systematic, false, Text{"2-2s：连续两个质控值同侧超出2s", "two consecutive controls exceed the same 2s limit"}, sameRun(2, 2)},
	{R2of32s, Systematic, false, Text{"3取2-2s：三个质控值中两个同侧超出2s", "two of three controls exceed the same 2s limit"}, twoOfThree},
	{RR4s, Random, false, Text{"R-4s：同批一个质控值超出+2s，另一个超出-2s", "in one run, one control exceeds +2s and another -2s"}, opposite},
	{R31s, Systematic, false, Text{"3-1s：连续三个质控值同侧超出1s", "three consecutive controls exceed the same 1s limit"}, anyRun(3, 1)},
	{R41s, Systematic, false, Text{"4-1s：连续四个质控值同侧超出1s", "four consecutive controls exceed the same 1s limit"}, anyRun(4, 1)},
	{R6x, Systematic, false, Text{"6-x：连续六个质控值落在均值同侧", "six consecutive controls on one side of the mean"}, anyRun(6, 0)},
	{R8x, Systematic, false, Text{"8-x：连续八个质控值落在均值同侧", "eight consecutive controls on one side of the mean"}, anyRun(8, 0)},
	{R9x, Systematic, false, Text{"9-x：连续九个质控值落在均值同侧", "nine consecutive controls on one side of the mean"}, anyRun(9, 0)},
	{R10x, Systematic, false, Text{"10-x：连续十个质控值落在均值同侧", "ten consecutive controls on one side of the mean"}, anyRun(10, 0)},
	{R12x, Systematic, false, Text{"12-x：连续十二个质控值落在均值同侧", "twelve consecutive controls on one side of the mean"}, anyRun(12, 0)},
	{R7T, Systematic, false, Text{"7-T：连续七个质控值持续上升或下降", "seven consecutive controls of one level rise or fall"}, trend},
}

var invalidName = Text{"靶值无效：无均值、标准差不大于零或结果非数值", "no valid target: no mean, no SD above zero, or no number"}

// Describe tells what a rule means; false for a name that is none of ours.
func Describe(r Rule) (Description, bool) {
	if r == InvalidTarget {
		return Description{r, invalidName, AnyError}, true
	}
	for _, row := range table {
		if row.rule == r {
			return Description{r, row.name, row.error}, true
		}
	}
	return Description{}, false
}

// Rules lists the rules in their order.
func Rules() []Rule {
	out := make([]Rule, len(table))
	for i, row := range table {
		out[i] = row.rule
	}
	return out
}

// Set is the rules that are looked at.
type Set uint16

// Default is the multirule procedure with the trend rule: 1_2s 1_3s 2_2s R_4s 4_1s 10_x 7_T. It fits two levels; for three take
// 2of3_2s, 3_1s and 6_x, 9_x or 12_x in place of 2_2s, 4_1s and 10_x.
var Default = mustSet(R12s, R13s, R22s, RR4s, R41s, R10x, R7T)

// NewSet makes a set. A name that is none of ours is Invalid; so is a set without a rule that rejects.
func NewSet(rules ...Rule) (Set, error) {
	var s Set
	rejects := false
	for _, r := range rules {
		i := slices.IndexFunc(table, func(row ruleRow) bool { return row.rule == r })
		if i < 0 {
			return 0, record.Errorf(record.Invalid, "rules: there is no control rule of this name")
		}
		s |= 1 << i
		rejects = rejects || !table[i].warns
	}
	if !rejects {
		return 0, record.Errorf(record.Invalid, "rules: at least one must reject")
	}
	return s, nil
}

func mustSet(rules ...Rule) Set {
	var s Set
	for _, r := range rules {
		s |= 1 << slices.IndexFunc(Rules(), func(x Rule) bool { return x == r })
	}
	return s
}

// Rules lists the rules of the set in their order.
func (s Set) Rules() []Rule {
	var out []Rule
	for i, row := range table {
		if s&(1<<i) != 0 {
			out = append(out, row.rule)
		}
	}
	return out
}
