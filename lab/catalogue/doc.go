// Package catalogue says what a laboratory of a county can measure, and which of its analytes 检验项目 a sender's code means.
//
// The catalogue is a YAML pack (default.yaml is one of a Chinese county): analytes with names, LOINC, specimens, UCUM unit, comparability
// groups of methods; panels 组合 that can be ordered; reference intervals 参考区间 by age, sex, specimen, method and pregnancy, each with its
// source; how long a specimen is good for. A pack is never changed: a newer one follows it, and says from which day it counts.
//
// Code maps are rows: (sender, link, code, system, unit, specimen) means an analyte, said by a person, from a time on. A wrong one is
// followed by another. A code that nothing maps is never guessed: it is listed, without values, with suggestions, for a person.
//
//	explicit map > LOINC that fits specimen and unit > our own code, of senders that are known to use our codes
//
// Content of LOINC in default.yaml: see its notice.
package catalogue
