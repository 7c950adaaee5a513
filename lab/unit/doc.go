// Package unit makes UCUM of what laboratories and analysers write as units, and converts values between the units of one analyte for comparison.
//
// [Resolve] takes a unit as it was sent: first by the sender's own table, then as UCUM, then by our spellings ("×10⁹/L", "gm/dL", "个/HP", "IU/mL",
// "MG/DL"). Codes that are valid UCUM and mean something no laboratory means (K/uL is kelvin, u/L the atomic mass unit) are never taken by
// themselves: a person maps them once for the sender.
//
// [Convert] knows what UCUM leaves out: molar masses, valence, the amount of an international unit, HbA1c between NGSP and IFCC, units that laboratories
// use for each other. It keeps moles, equivalents, osmoles and counts apart, which are all numbers to UCUM. Converted values are for trends, delta
// checks and comparison; what is shown and recognised is the value that was sent.
//
// Nothing here is UCUM's: the official table is in codec/ucum, unmodified, and this package only writes its codes.
package unit
