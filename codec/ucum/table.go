// Table: the definitions of prefixes and units, read once, shared by all.

package ucum

import (
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
)

// prefix is a factor before a metric unit.
type prefix struct {
	code, upper, name string
	value             *big.Rat
}

// atom is a unit that has a code of its own.
type atom struct {
	code, upper, name string
	metric            bool // takes prefixes
	arbitrary         bool
	special           bool
	base              int    // its place among the base units, -1 for others
	value             string // how many of in
	in                string // the code that defines it
	function          string // of a special unit

	state   uint8 // not yet, in work, done
	scale   *big.Rat
	dim     Dimension
	scaleOf *scale // of a special unit
	amount  int    // exponent of the mole in it
}

// Table is an edition of UCUM. It never changes after it is read, and all its methods may be used at once.
type Table struct {
	edition, revised string

	bases      []string
	prefixes   map[string]*prefix
	atoms      map[string]*atom
	upperFixes map[string]*prefix // by the c/i code
	upperAtoms map[string]*atom
	units      []*atom // in the order of the file
	known      cache[Unit]
	exchanges  cache[Conversion]
}

// Edition is the version of the official table, such as "1.9"; empty where only the units of a laboratory are built in.
func (t *Table) Edition() string { return t.edition }

// Revised is the date of the official table as it says it.
func (t *Table) Revised() string { return t.revised }

// Default is the table that the build embedded. It is read when it is first asked for.
func Default() *Table { return standard() }

var standard = sync.OnceValue(func() *Table {
	if t := embeddedTable(); t != nil {
		return t
	}
	return plainTable()
})

func (t *Table) add(a *atom) {
	t.atoms[a.code] = a
	if _, taken := t.upperAtoms[a.upper]; !taken {
		t.upperAtoms[a.upper] = a
	}
	t.units = append(t.units, a)
}

func newTable() *Table {
	return &Table{
		prefixes: map[string]*prefix{}, atoms: map[string]*atom{},
		upperFixes: map[string]*prefix{}, upperAtoms: map[string]*atom{},
	}
}

func (t *Table) addPrefix(p *prefix) {
	t.prefixes[p.code] = p
	t.upperFixes[p.upper] = p
}

// settle calculates every unit, and refuses a table whose definitions are broken or go in a circle.
func (t *Table) settle() error {
	for _, a := range t.units {
		if err := t.define(a); err != nil {
			return err
		}
	}
	return nil
}

// The states of an atom's definition.
const (
	undefined = iota
	inWork
	defined
)

func (t *Table) define(a *atom) error {
	switch a.state {
	case defined:
		return nil
	case inWork:
		return fail(Syntax, 0, "a definition goes in a circle")
	}
	a.state = inWork
	if a.base >= 0 {
		a.scale = big.NewRat(1, 1)
		a.dim.base[a.base] = 1
		a.state = defined
		return nil
	}
	n, err := number(a.value)
	if err != nil {
		return err
	}
	u, err := t.parse(a.in, t.find)
	if err != nil {
		return err
	}
	a.scale = n.Mul(n, u.Scale())
	a.dim, a.amount = u.dim, u.amount
	if a.code == mole {
		a.amount = 1
	}
	if a.arbitrary && a.dim.None() { // [IU] is defined by [iU] and is the same thing
		a.dim.arbitrary = []power{{a.code, 1}}
	}
	if a.special {
		if a.scaleOf = scales[a.function]; a.scaleOf == nil {
			return fail(Unknown, 0, "a special scale that is not known")
		}
	}
	a.state = defined
	return nil
}

const mole = "mol"

const maxNumber = 100 // characters of a number in a definition

func number(s string) (*big.Rat, error) {
	if len(s) > maxNumber {
		return nil, fail(Limit, 0, "a number is too long")
	}
	if _, e, ok := strings.Cut(strings.ToLower(s), "e"); ok && len(strings.TrimLeft(e, "+-0")) > 2 {
		return nil, fail(Limit, 0, "a number is too large")
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || r.Sign() <= 0 {
		return nil, fail(Syntax, 0, "a definition has no number")
	}
	return r, nil
}

// cache remembers what was calculated. When it is full it starts again: a sender of ever new codes costs no memory.
type cache[T any] struct {
	m atomic.Pointer[sync.Map]
	n atomic.Int64
}

const maxCached = 4096

func (c *cache[T]) get(key any) (*T, bool) {
	m := c.m.Load()
	if m == nil {
		return nil, false
	}
	v, ok := m.Load(key)
	if !ok {
		return nil, false
	}
	return v.(*T), true
}

func (c *cache[T]) put(key any, v *T) {
	m := c.m.Load()
	if m == nil || c.n.Add(1) > maxCached {
		m = new(sync.Map)
		c.m.Store(m)
		c.n.Store(1)
	}
	m.Store(key, v)
}
