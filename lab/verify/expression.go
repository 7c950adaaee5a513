// Arithmetic over analytes of one specimen: "TP > ALB", "2 <= NA - CL - HCO3 <= 25".

package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"
	"go.yaml.in/yaml/v3"

	"github.com/lianzhen/lianzhen/lab/packfile"
)

// Expression is one or more comparisons of sums, products and quotients of analytes and numbers. It is exact but for quotients, which have 34 digits.
type Expression struct {
	text  string
	sides []node
	ops   []string // between the sides
	codes []string
}

// String is the expression as written.
func (x Expression) String() string { return x.text }

// MarshalText writes it as written.
func (x Expression) MarshalText() ([]byte, error) { return []byte(x.text), nil }

// Analytes are the codes that it speaks of, each once.
func (x Expression) Analytes() []string { return x.codes }

// UnmarshalYAML reads an expression.
func (x *Expression) UnmarshalYAML(n *yaml.Node) error {
	e, err := parseExpression(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		return fmt.Errorf("line %d: %w", n.Line, errors.Join(err))
	}
	*x = e
	return nil
}

// node is a number, an analyte, or an operation on two nodes.
type node struct {
	op          byte // 'n', 'c', '+', '-', '*', '/'
	number      packfile.Decimal
	code        string
	left, right *node
}

var arithmetic = apd.Context{Precision: 34, MaxExponent: 6000, MinExponent: -6000, Rounding: apd.RoundHalfEven, Traps: apd.DefaultTraps}

// value of a node; false when an analyte is missing or something is divided by zero.
func (x *node) value(of func(string) packfile.Decimal) (packfile.Decimal, bool) {
	switch x.op {
	case 'n':
		return x.number, true
	case 'c':
		v := of(x.code)
		return v, v.Some()
	}
	a, ok := x.left.value(of)
	if !ok {
		return a, false
	}
	b, ok := x.right.value(of)
	if !ok {
		return b, false
	}
	return compute(x.op, a, b)
}

func compute(op byte, a, b packfile.Decimal) (packfile.Decimal, bool) {
	out := new(apd.Decimal)
	var err error
	switch op {
	case '+':
		_, err = arithmetic.Add(out, a.Decimal, b.Decimal)
	case '-':
		_, err = arithmetic.Sub(out, a.Decimal, b.Decimal)
	case '*':
		_, err = arithmetic.Mul(out, a.Decimal, b.Decimal)
	case '/':
		_, err = arithmetic.Quo(out, a.Decimal, b.Decimal)
	}
	return packfile.Decimal{Decimal: out}, err == nil
}

// hold reports whether all comparisons hold; known is false where a value is missing.
func (x Expression) hold(of func(string) packfile.Decimal) (holds, known bool) {
	values := make([]packfile.Decimal, len(x.sides))
	for i := range x.sides {
		v, ok := x.sides[i].value(of)
		if !ok {
			return false, false
		}
		values[i] = v
	}
	for i, op := range x.ops {
		c := values[i].Cmp(values[i+1].Decimal)
		if !compares(op, c) {
			return false, true
		}
	}
	return true, true
}

func compares(op string, c int) bool {
	switch op {
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	case "<":
		return c < 0
	}
	return c <= 0
}

// reader reads an expression from its text.
type reader struct {
	rest  string
	depth int
	codes []string
}

const (
	maxExpression = 200
	maxNesting    = 8
)

func parseExpression(text string) (Expression, error) {
	if len(text) > maxExpression {
		return Expression{}, fmt.Errorf("an expression of more than %d characters", maxExpression)
	}
	r := reader{rest: text}
	out := Expression{text: text}
	for {
		side, err := r.sum()
		if err != nil {
			return Expression{}, err
		}
		out.sides = append(out.sides, side)
		op := r.comparison()
		if op == "" {
			break
		}
		out.ops = append(out.ops, op)
	}
	slices.Sort(r.codes)
	out.codes = slices.Compact(r.codes)
	switch {
	case r.rest != "":
		return Expression{}, fmt.Errorf("expression: %q is not understood", packfile.Clip(r.rest))
	case len(out.ops) == 0 || len(out.ops) > 3:
		return Expression{}, errors.New(`expression: want one to three comparisons, as "TP > ALB"`)
	case len(out.codes) < 2:
		return Expression{}, errors.New("expression: want two analytes or more")
	}
	return out, nil
}

func (r *reader) space() { r.rest = strings.TrimLeft(r.rest, " ") }

func (r *reader) take(words ...string) string {
	r.space()
	for _, w := range words {
		if after, ok := strings.CutPrefix(r.rest, w); ok {
			r.rest = after
			return w
		}
	}
	return ""
}

func (r *reader) comparison() string { return r.take(">=", "<=", ">", "<") }

func (r *reader) sum() (node, error) { return r.chain(r.product, "+", "-") }

func (r *reader) product() (node, error) { return r.chain(r.factor, "*", "/") }

func (r *reader) chain(part func() (node, error), ops ...string) (node, error) {
	left, err := part()
	for err == nil {
		op := r.take(ops...)
		if op == "" {
			return left, nil
		}
		var right node
		if right, err = part(); err == nil {
			a := left
			left = node{op: op[0], left: &a, right: &right}
		}
	}
	return node{}, err
}

func (r *reader) factor() (node, error) {
	if r.take("(") != "" {
		if r.depth++; r.depth > maxNesting {
			return node{}, errors.New("expression: too deep")
		}
		in, err := r.sum()
		if err == nil && r.take(")") == "" {
			err = errors.New("expression: a bracket is not closed")
		}
		r.depth--
		return in, err
	}
	r.space()
	end := strings.IndexFunc(r.rest, func(c rune) bool {
		return (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '.'
	})
	if end < 0 {
		end = len(r.rest)
	}
	word := r.rest[:end]
	r.rest = r.rest[end:]
	if packfile.IsCode(word) {
		r.codes = append(r.codes, word)
		return node{op: 'c', code: word}, nil
	}
	d, err := packfile.ParseDecimal(word)
	if err != nil {
		return node{}, fmt.Errorf("expression: want an analyte or a number before %q", packfile.Clip(r.rest))
	}
	return node{op: 'n', number: d}, nil
}
