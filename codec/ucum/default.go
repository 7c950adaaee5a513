package ucum

import (
	"math/big"

	"github.com/cockroachdb/apd/v3"
)

// Parse reads a code of the embedded table by case; see [Table.Parse].
func Parse(code string) (Unit, error) { return Default().Parse(code) }

// Valid reports whether the code is UCUM, by case.
func Valid(code string) bool { return Default().Valid(code) }

// Commensurable reports whether values of two codes can be converted into each other.
func Commensurable(a, b string) bool { return Default().Commensurable(a, b) }

// Convert converts a decimal between two codes exactly; see [Table.Convert].
func Convert(d *apd.Decimal, from, to string) (*big.Rat, error) {
	return Default().Convert(d, from, to)
}

// Canonical is one of a code in base units: 1 mmol/L is 6.02214076e23 of m-3. See [Unit.Canonical].
func Canonical(code string) (factor *big.Rat, base string, err error) {
	u, err := Parse(code)
	if err != nil {
		return nil, "", err
	}
	return u.Canonical()
}

// DisplayName says a code in words: "(milligram) / (deciliter)".
func DisplayName(code string) (string, error) {
	u, err := Parse(code)
	if err != nil {
		return "", err
	}
	return u.DisplayName(), nil
}
