// Unit: a code that was understood.

package ucum

import (
	"math/big"
	"strconv"
	"strings"
)

// Unit is what a code means. The zero Unit is unity. It never changes, and may be shared.
type Unit struct {
	code  string
	terms []term
	lead  bool // it begins with a solidus
	quantum
	table *Table
}

// quantum is the value of a unit or a part of it: scale times the base units of dim. Of a special unit scale is the factor before it ("d" of dB).
type quantum struct {
	scale   ratio
	dim     Dimension
	amount  int
	special *atom
}

// term is one component as it was written.
type term struct {
	divided    bool
	prefix     *prefix
	atom       *atom
	exponent   int
	powered    bool // an exponent was written
	number     string
	group      []term
	annotation string
}

// Code is the unit as it was written; of a product or quotient, as UCUM writes it.
func (u Unit) Code() string { return u.code }

// Dimension is what the unit measures.
func (u Unit) Dimension() Dimension { return u.dim }

// Amount is the exponent of the mole in the unit, also where a definition holds it (eq, osm, kat, U): 1 for mmol/L, -1 for g/mol. UCUM itself
// takes the mole as a number.
func (u Unit) Amount() int { return u.amount }

// Special reports a unit that is no multiple of another: Cel, pH, dB. Its values cannot be multiplied.
func (u Unit) Special() bool { return u.special != nil }

// Scale is how many of its base units the unit is. Of a special unit it is only the factor written before it.
func (u Unit) Scale() *big.Rat { return u.scale.rat() }

// Symbol is one unit inside a code.
type Symbol struct {
	Prefix     string
	Code       string // without prefix
	Exponent   int    // negative where divided
	Annotation string // without braces
}

// Symbols lists the units of the code in order, through parentheses; pure numbers are left out, annotations of nothing have no code.
func (u Unit) Symbols() []Symbol {
	sign := 1
	if u.lead {
		sign = -1
	}
	return symbols(nil, u.terms, sign)
}

// symbols walks terms; sign is that of the first of them, where a solidus led.
func symbols(to []Symbol, terms []term, sign int) []Symbol {
	for i, t := range terms {
		s := 1
		if t.divided || i == 0 && sign < 0 {
			s = -1
		}
		switch {
		case t.group != nil:
			inner := symbols(nil, t.group, 1)
			for _, in := range inner {
				in.Exponent *= s
				to = append(to, in)
			}
		case t.atom != nil:
			in := Symbol{Code: t.atom.code, Exponent: s * t.exponent, Annotation: t.annotation}
			if t.prefix != nil {
				in.Prefix = t.prefix.code
			}
			to = append(to, in)
		case t.annotation != "":
			to = append(to, Symbol{Exponent: s, Annotation: t.annotation})
		}
	}
	return to
}

// Times is the product of two units. A special unit has none, except with a number.
func (u Unit) Times(v Unit) (Unit, error) { return u.join(v, 1) }

// Over is the quotient of two units.
func (u Unit) Over(v Unit) (Unit, error) { return u.join(v, -1) }

func (u Unit) join(v Unit, sign int) (Unit, error) {
	q, err := u.value().times(v.value(), sign, 0)
	if err != nil {
		return Unit{}, err
	}
	q.scale = q.scale.reduced()
	left, right := u.part(), v.part()
	right.divided = sign < 0
	code := grouped(u) + "." + grouped(v)
	if sign < 0 {
		code = grouped(u) + "/" + grouped(v)
	}
	if len(code) > MaxCode {
		return Unit{}, fail(Limit, MaxCode, "the code is too long")
	}
	table := u.table
	if table == nil {
		table = v.table
	}
	return Unit{code: code, terms: []term{left, right}, quantum: q, table: table}, nil
}

func (u Unit) value() quantum {
	if u.scale.num == nil {
		u.scale = unity
	}
	return u.quantum
}

// part makes the unit one term of another.
func (u Unit) part() term {
	switch {
	case len(u.terms) == 0:
		return term{number: "1"}
	case u.lead:
		return term{group: append([]term{{number: "1"}, flipped(u.terms[0])}, u.terms[1:]...)}
	}
	return term{group: u.terms}
}

func flipped(t term) term {
	t.divided = true
	return t
}

func grouped(u Unit) string {
	switch {
	case u.code == "":
		return "1"
	case u.lead:
		return "(1" + u.code + ")"
	case len(u.terms) > 1:
		return "(" + u.code + ")"
	}
	return u.code
}

// DisplayName says the unit in words: "(milligram) / (deciliter)", "(unity)" for none.
func (u Unit) DisplayName() string {
	if len(u.terms) == 0 {
		return "(unity)"
	}
	var s strings.Builder
	if u.lead {
		s.WriteString("1 / ")
	}
	display(&s, u.terms)
	return s.String()
}

func display(s *strings.Builder, terms []term) {
	for i, t := range terms {
		switch {
		case i == 0:
		case t.divided:
			s.WriteString(" / ")
		default:
			s.WriteString(" * ")
		}
		switch {
		case t.group != nil:
			s.WriteByte('(')
			display(s, t.group)
			s.WriteByte(')')
		case t.atom != nil:
			displayAtom(s, t)
		case t.number != "":
			s.WriteString(t.number)
			if t.annotation != "" {
				s.WriteString(" {" + t.annotation + "}")
			}
		default:
			s.WriteString("{" + t.annotation + "}")
		}
	}
}

func displayAtom(s *strings.Builder, t term) {
	s.WriteByte('(')
	if t.prefix != nil {
		s.WriteString(t.prefix.name)
	}
	s.WriteString(t.atom.name)
	if t.powered {
		s.WriteString(" ^ " + strconv.Itoa(t.exponent))
	}
	if t.annotation != "" {
		s.WriteString(" {" + t.annotation + "}")
	}
	s.WriteByte(')')
}

// Canonical is the unit in base units: one of it is factor of them. The code is "1" for a pure number. A special unit has no canonical form.
func (u Unit) Canonical() (factor *big.Rat, code string, err error) {
	if u.special != nil {
		return nil, "", fail(NonRatio, 0, "a special unit is no multiple of base units")
	}
	if u.table == nil {
		return u.Scale(), "1", nil
	}
	return u.Scale(), u.table.dimensionCode(u.dim), nil
}

// times is q multiplied by r to the power n.
func (q quantum) times(r quantum, n, offset int) (quantum, error) {
	if q.special != nil || r.special != nil {
		return q.timesSpecial(r, n, offset)
	}
	scale, err := q.scale.times(r.scale, n, offset)
	if err != nil {
		return q, err
	}
	out := quantum{scale: scale, dim: q.dim.plus(r.dim, n), amount: q.amount + n*r.amount}
	if !out.dim.bounded() {
		return q, fail(Limit, offset, "an exponent is too large")
	}
	return out, nil
}

// timesSpecial keeps UCUM §21: a special unit takes a factor, and no part in a product with other units.
func (q quantum) timesSpecial(r quantum, n, offset int) (quantum, error) {
	s, factor := q, r
	if r.special != nil {
		s, factor = r, q
		if n != 1 {
			return q, fail(NonRatio, offset, "a special unit has no power and divides nothing")
		}
	}
	if factor.special != nil || !factor.dim.None() || factor.amount != 0 {
		return q, fail(NonRatio, offset, "a special unit in a product")
	}
	power := 1
	if r.special == nil {
		power = n
	}
	scale, err := s.scale.times(factor.scale, power, offset)
	s.scale = scale
	return s, err
}
