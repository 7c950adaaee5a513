// The grammar of UCUM, read once from left to right.

package ucum

import (
	"math/big"
	"strconv"
	"strings"
)

// What a code may be at most.
const (
	MaxCode    = 256 // bytes
	maxNesting = 64  // parentheses
	maxUnits   = 32  // units and numbers; honest codes have up to eight
)

// Parse reads a code by case. An empty code is unity. The error is a [*FormatError].
func (t *Table) Parse(code string) (Unit, error) {
	if u, ok := t.known.get(code); ok {
		return *u, nil
	}
	u, err := t.parse(strings.Clone(code), t.find) // the code may be a small part of a message
	if err != nil {
		return Unit{}, err
	}
	t.known.put(u.code, &u)
	return u, nil
}

// ParseInsensitive reads a code of the c/i form, in which "MG/DL" is mg/dL and "HR" is h. The code of the unit stays as written.
func (t *Table) ParseInsensitive(code string) (Unit, error) {
	if len(code) > MaxCode {
		return Unit{}, fail(Limit, MaxCode, "the code is too long")
	}
	return t.parse(strings.Clone(code), t.findUpper)
}

// Valid reports whether the code is UCUM, by case.
func (t *Table) Valid(code string) bool {
	_, err := t.Parse(code)
	return err == nil
}

type finder func(symbol string) (*prefix, *atom)

func (t *Table) parse(code string, find finder) (Unit, error) {
	if len(code) > MaxCode {
		return Unit{}, fail(Limit, MaxCode, "the code is too long")
	}
	u := Unit{code: code, table: t}
	u.scale = unity
	if code == "" {
		return u, nil
	}
	p := parser{code: code, find: find, define: t.define}
	sign := 1
	if p.peek() == '/' {
		p.at++
		u.lead, sign = true, -1
	}
	q, terms, err := p.sequence(sign, 0)
	if err != nil {
		return Unit{}, err
	}
	if p.at < len(code) {
		return Unit{}, p.fault("a parenthesis that nothing opened")
	}
	q.scale = q.scale.reduced()
	u.quantum, u.terms = q, terms
	return u, nil
}

type parser struct {
	code   string
	at     int
	units  int
	find   finder
	define func(*atom) error
}

// peek is the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.at < len(p.code) {
		return p.code[p.at]
	}
	return 0
}

func (p *parser) fault(reason string) error { return fail(Syntax, p.at, reason) }

// sequence reads components joined by "." and "/", each of which acts on the next only: a/b.c is (a/b).c.
func (p *parser) sequence(sign, depth int) (quantum, []term, error) {
	q := quantum{scale: unity}
	var terms []term
	divided := false
	for {
		start := p.at
		one, t, err := p.component(depth)
		if err != nil {
			return q, nil, err
		}
		t.divided = divided
		if q, err = q.times(one, sign, start); err != nil {
			return q, nil, err
		}
		terms = append(terms, t)
		switch p.peek() {
		case '.':
			sign, divided = 1, false
		case '/':
			sign, divided = -1, true
		case 0, ')':
			return q, terms, nil
		default:
			return q, nil, p.fault("two units without an operator")
		}
		p.at++
	}
}

func (p *parser) component(depth int) (quantum, term, error) {
	switch p.peek() {
	case '(':
		return p.group(depth)
	case '{':
		note, err := p.annotation()
		return quantum{scale: unity}, term{annotation: note}, err
	}
	q, t, err := p.simple()
	if err == nil && p.peek() == '{' {
		t.annotation, err = p.annotation()
	}
	return q, t, err
}

func (p *parser) group(depth int) (quantum, term, error) {
	if depth == maxNesting {
		return quantum{}, term{}, fail(Limit, p.at, "too many parentheses inside each other")
	}
	p.at++
	q, terms, err := p.sequence(1, depth+1)
	if err != nil {
		return q, term{}, err
	}
	if p.peek() != ')' {
		return q, term{}, p.fault("a parenthesis is not closed")
	}
	p.at++
	return q, term{group: terms}, nil
}

// annotation reads {text}: ASCII without spaces and braces, as the grammar has it.
func (p *parser) annotation() (string, error) {
	p.at++
	start := p.at
	for ; p.at < len(p.code); p.at++ {
		switch c := p.code[p.at]; {
		case c == '}':
			if p.at == start {
				return "", p.fault("an empty annotation")
			}
			p.at++
			return p.code[start : p.at-1], nil
		case c == '{' || c <= ' ' || c > '~':
			return "", p.fault("a character that an annotation cannot have")
		}
	}
	return "", p.fault("an annotation is not closed")
}

// simple reads a number, or a unit with its prefix and exponent.
func (p *parser) simple() (quantum, term, error) {
	start := p.at
	if p.units++; p.units > maxUnits {
		return quantum{}, term{}, fail(Limit, start, "too many units")
	}
	run, err := p.run()
	if err != nil {
		return quantum{}, term{}, err
	}
	symbol, exponent := splitExponent(run)
	if symbol == "" {
		return p.factor(run, start)
	}
	n, err := exponentOf(exponent, start+len(symbol))
	if err != nil {
		return quantum{}, term{}, err
	}
	x, a := p.find(symbol)
	if a == nil {
		return quantum{}, term{}, fail(Unknown, start, "no unit has this code")
	}
	if err := p.define(a); err != nil {
		return quantum{}, term{}, err
	}
	t := term{prefix: x, atom: a, exponent: n, powered: exponent != ""}
	q, err := t.quantum(start)
	return q, t, err
}

func (t term) quantum(offset int) (quantum, error) {
	one := quantum{scale: ratioOf(t.atom.scale), dim: t.atom.dim, amount: t.atom.amount}
	if t.atom.special {
		if t.powered {
			return one, fail(NonRatio, offset, "a special unit has no power and divides nothing")
		}
		one.special, one.scale = t.atom, unity
	}
	if t.prefix != nil {
		var err error
		if one.scale, err = one.scale.times(ratioOf(t.prefix.value), 1, offset); err != nil {
			return one, err
		}
	}
	if t.exponent == 1 {
		return one, nil
	}
	return quantum{scale: unity}.times(one, t.exponent, offset)
}

func (p *parser) factor(run string, start int) (quantum, term, error) {
	n, ok := new(big.Int).SetString(run, 10)
	if !ok || run[0] == '+' || run[0] == '-' {
		return quantum{}, term{}, fail(Syntax, start, "an exponent of nothing")
	}
	if n.Sign() == 0 {
		return quantum{}, term{}, fail(Syntax, start, "a factor of zero")
	}
	return quantum{scale: ratio{n, unity.den}}, term{number: run}, nil
}

// run reads up to the next operator, parenthesis or brace; between square brackets they are part of the code.
func (p *parser) run() (string, error) {
	start := p.at
	open := false
scan:
	for ; p.at < len(p.code); p.at++ {
		switch c := p.code[p.at]; {
		case c <= ' ' || c > '~':
			return "", p.fault("a character that no unit has")
		case c == '[':
			if open {
				return "", p.fault("a bracket inside a bracket")
			}
			open = true
		case c == ']':
			open = false
		case !open && strings.IndexByte("./(){}", c) >= 0:
			break scan
		}
	}
	switch {
	case open:
		return "", p.fault("a bracket is not closed")
	case p.at == start:
		return "", p.fault("a unit is missing")
	}
	return p.code[start:p.at], nil
}

// splitExponent parts "m-2" into "m" and "-2". All digits have no symbol.
func splitExponent(run string) (symbol, exponent string) {
	i := len(run)
	for i > 0 && run[i-1] >= '0' && run[i-1] <= '9' {
		i--
	}
	if i < len(run) && i > 0 && (run[i-1] == '+' || run[i-1] == '-') {
		i--
	}
	return run[:i], run[i:]
}

func exponentOf(s string, offset int) (int, error) {
	if s == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n > maxExponent || n < -maxExponent {
		return 0, fail(Limit, offset, "an exponent is too large")
	}
	return n, nil
}

const longestPrefix = 3 // KIB, the c/i code of kibi

// find looks a symbol up by case: a unit of that code, else a prefix and a metric unit.
func (t *Table) find(symbol string) (*prefix, *atom) { return find(symbol, t.prefixes, t.atoms) }

func (t *Table) findUpper(symbol string) (*prefix, *atom) {
	return find(strings.ToUpper(symbol), t.upperFixes, t.upperAtoms)
}

func find(symbol string, prefixes map[string]*prefix, atoms map[string]*atom) (*prefix, *atom) {
	if a := atoms[symbol]; a != nil {
		return nil, a
	}
	for n := 1; n <= longestPrefix && n < len(symbol); n++ {
		x := prefixes[symbol[:n]]
		if x == nil {
			continue
		}
		if a := atoms[symbol[n:]]; a != nil && a.metric {
			return x, a
		}
	}
	return nil, nil
}
