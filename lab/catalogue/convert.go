// Units of analytes: what converts into what.

package catalogue

import (
	"github.com/lianzhen/lianzhen/lab/packfile"
	"github.com/lianzhen/lianzhen/lab/unit"
)

// Substance is what is known of an analyte beyond its unit: by our code, its short or English name, else by its formula alone.
func (p *Pack) Substance(analyte string) unit.Substance {
	a := p.byCode[analyte]
	if a == nil {
		return unit.Substance{}
	}
	for _, name := range []string{a.Code, a.Short, a.Name.EN} {
		if s, ok := unit.Find(name); ok && (a.Formula == "" || s.Formula == "" || s.Formula == a.Formula) {
			return s
		}
	}
	return unit.Substance{Formula: a.Formula}
}

// Convert gives a number of an analyte in another UCUM unit, exactly.
func (p *Pack) Convert(v packfile.Decimal, from, to, analyte string) (packfile.Decimal, error) {
	d, err := unit.Convert(v.Decimal, from, to, p.Substance(analyte))
	return packfile.Decimal{Decimal: d}, err
}

// Convertible reports whether Convert knows a way.
func (p *Pack) Convertible(from, to, analyte string) bool {
	return from == to || unit.Convertible(from, to, p.Substance(analyte))
}
