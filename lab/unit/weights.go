// Weights: molar masses from formulas.

package unit

import (
	"math/big"
)

// weights are standard atomic weights of IUPAC (CIAAW 2021) in g/mol, of five or six digits; of elements with an interval, the abridged value.
var weights = map[string]string{
	"H": "1.008", "Li": "6.94", "B": "10.81", "C": "12.011", "N": "14.007", "O": "15.999", "F": "18.998", "Na": "22.990", "Mg": "24.305",
	"Al": "26.982", "Si": "28.085", "P": "30.974", "S": "32.06", "Cl": "35.45", "K": "39.098", "Ca": "40.078", "Cr": "51.996", "Mn": "54.938",
	"Fe": "55.845", "Co": "58.933", "Ni": "58.693", "Cu": "63.546", "Zn": "65.38", "As": "74.922", "Se": "78.971", "Br": "79.904", "Cd": "112.41",
	"I": "126.904", "Hg": "200.59", "Tl": "204.38", "Pb": "207.2", "Bi": "208.98", "Mo": "95.95",
}

// massOf adds up a formula without parentheses, such as "C6H12O6", in g/mol. It is false for what is no formula.
func massOf(formula string) (*big.Rat, bool) {
	sum := new(big.Rat)
	for i := 0; i < len(formula); {
		j := i + 1
		for j < len(formula) && formula[j] >= 'a' && formula[j] <= 'z' {
			j++
		}
		w, ok := new(big.Rat).SetString(weights[formula[i:j]])
		if !ok {
			return nil, false
		}
		n := int64(0)
		for i = j; i < len(formula) && formula[i] >= '0' && formula[i] <= '9'; i++ {
			if n = n*10 + int64(formula[i]-'0'); n > 1_000_000 {
				return nil, false
			}
		}
		if i == j {
			n = 1
		}
		if n == 0 {
			return nil, false
		}
		sum.Add(sum, w.Mul(w, new(big.Rat).SetInt64(n)))
	}
	return sum, sum.Sign() > 0
}
