// Package packfile reads the rule files of the laboratory: YAML that is bounded and strict, with the line of everything that is wrong, and
// the small words that all such files share: a text in both languages, a source, a day, an age, an exact decimal.
//
// A pack is never changed: a newer one with another version follows it. What a pack means is the business of the package that owns it.
package packfile
