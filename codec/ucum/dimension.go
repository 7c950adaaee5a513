// Dimension: what a unit measures, as exponents of the base units.

package ucum

import (
	"slices"
	"strconv"
	"strings"
)

const (
	bases       = 7   // UCUM has seven base units; which stands where is the table's order
	maxExponent = 999 // of one component, and of each base unit of the whole
)

// power is an arbitrary unit, which is a dimension of its own (UCUM §24), and its exponent.
type power struct {
	code     string
	exponent int
}

// Dimension is the exponents of the base units and of arbitrary units.
type Dimension struct {
	base      [bases]int
	arbitrary []power // by code, no exponent is zero
}

// Equal reports whether values of the two can be compared.
func (d Dimension) Equal(e Dimension) bool {
	return d.base == e.base && slices.Equal(d.arbitrary, e.arbitrary)
}

// None reports whether it is a pure number.
func (d Dimension) None() bool { return d.Equal(Dimension{}) }

// plus is d times e to the power n.
func (d Dimension) plus(e Dimension, n int) Dimension {
	for i := range d.base {
		d.base[i] += n * e.base[i]
	}
	for _, p := range e.arbitrary {
		d.arbitrary = withPower(d.arbitrary, power{p.code, p.exponent * n})
	}
	return d
}

func (d Dimension) bounded() bool {
	for _, n := range d.base {
		if n > maxExponent || n < -maxExponent {
			return false
		}
	}
	return true
}

func withPower(list []power, p power) []power {
	i, found := slices.BinarySearchFunc(list, p.code, func(q power, code string) int { return strings.Compare(q.code, code) })
	if !found {
		return slices.Insert(slices.Clone(list), i, p)
	}
	list = slices.Clone(list)
	if list[i].exponent += p.exponent; list[i].exponent == 0 {
		list = slices.Delete(list, i, i+1)
	}
	return list
}

// code writes the dimension with the base units of the table, "1" for a pure number.
func (t *Table) dimensionCode(d Dimension) string {
	parts := slices.Clone(d.arbitrary)
	for i, n := range d.base {
		if n != 0 {
			parts = append(parts, power{t.bases[i], n})
		}
	}
	if len(parts) == 0 {
		return "1"
	}
	slices.SortFunc(parts, func(a, b power) int { return strings.Compare(a.code, b.code) })
	var s strings.Builder
	for i, p := range parts {
		if i > 0 {
			s.WriteByte('.')
		}
		s.WriteString(p.code)
		if p.exponent != 1 {
			s.WriteString(strconv.Itoa(p.exponent))
		}
	}
	return s.String()
}
