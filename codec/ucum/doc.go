// Package ucum reads, compares and converts units of measure by UCUM, the Unified Code for Units of Measure. It parses the whole grammar (prefixes,
// exponents, annotations, parentheses, a leading solidus), calculates in exact fractions, and knows the units on special scales (Celsius, pH, bel).
//
// A [Table] holds the definitions: [Default] is the official file, embedded unmodified by the build, or the units of a laboratory (see plain.go) in a
// build without it. Codes are taken by case (c/s) as HL7 and FHIR do; [Table.ParseInsensitive] reads the c/i form.
//
// UCUM says that a mole is a number, so that mmol/L and 10*9/L compare; [Unit.Amount] lets a laboratory be stricter. What senders write instead of
// UCUM is no matter of this package: see lab/unit.
//
// Codes come from strangers: they are bounded in length, nesting, exponents and magnitude, and no error repeats them.
package ucum
