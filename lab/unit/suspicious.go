// Suspicious: codes that are valid UCUM and mean what no laboratory means.

package unit

import (
	"regexp"
	"strings"

	"github.com/lianzhen/lianzhen/codec/ucum"
)

// wrongParts are parts of codes and what was probably meant.
var wrongParts = map[string]string{
	"K":  "10*3",                       // kelvin; thousand
	"u":  "U",                          // unified atomic mass unit; the enzyme unit in small letters
	"T":  "10*12",                      // tesla; tera
	"S":  "s",                          // siemens; second
	"H":  "h",                          // henry; hour
	"C":  "Cel",                        // coulomb
	"F":  "[degF]",                     // farad
	"au": "[arb'U]",                    // atto of the atomic mass unit
	"AU": "[arb'U]",                    // astronomical unit
	"pH": "[pH]",                       // picohenry
	"PH": "[pH]",                       // petahenry
	"ph": "[pH]",                       // phot
	"d1": "dL", "m1": "mL", "u1": "uL", // a digit one for the letter l: day, metre to the power of one
}

// large prefixes are small letters that a system in capitals wrote: Mmol is a million moles.
var large = map[string]string{"M": "m", "P": "p", "G": "?", "T": "?", "E": "?", "Z": "?", "Y": "?"}

// smallOnly are units that laboratories never count in millions.
var smallOnly = map[string]bool{"g": true, "mol": true, "l": true, "L": true, "m": true, "s": true, "eq": true, "osm": true, "kat": true, "U": true, "[IU]": true, "[iU]": true}

// lostPower is ten to a power that lost its place: 109/L.
var lostPower = regexp.MustCompile(`^10([3469]|12)/(?:[mun]?[lL]|mm3)$`)

// suspicion is the code that was probably meant by a valid one that cannot be meant, "?" where it cannot be said; empty for an honest code.
func suspicion(code string) string {
	if m := lostPower.FindStringSubmatch(code); m != nil {
		return "10*" + code[2:]
	}
	if code == "G/L" || code == "G/l" { // gauss; giga, or gram in capitals
		return "10*9/L"
	}
	var b strings.Builder
	wrong := false
	for rest := code; len(rest) > 0; {
		part := rest[:partEnd(rest)]
		before := code[:len(code)-len(rest)]
		rest = rest[len(part):]
		meant := ""
		if !strings.Contains("/.()", part) && part[0] != '{' {
			meant = wrongPart(part)
		}
		if part == "1" && strings.HasSuffix(before, "/") {
			meant = "L" // g/1
		}
		if meant == "" {
			b.WriteString(part)
			continue
		}
		wrong = true
		b.WriteString(meant)
	}
	if !wrong {
		return ""
	}
	if meant := b.String(); ucum.Valid(meant) {
		return meant
	}
	return "?"
}

// wrongPart is what was meant by a part, empty where the part can be meant.
func wrongPart(part string) string {
	if meant, ok := wrongParts[part]; ok {
		return meant
	}
	u, err := ucum.Parse(part)
	if err != nil {
		return ""
	}
	s := u.Symbols()
	if len(s) != 1 {
		return ""
	}
	switch {
	case s[0].Code == "G" && !strings.HasPrefix(part, "10"): // gauss; gram
		return strings.ToLower(s[0].Prefix) + "g" + strings.TrimPrefix(part, s[0].Prefix+"G")
	case s[0].Code == "u":
		return s[0].Prefix + "U" + strings.TrimPrefix(part, s[0].Prefix+"u")
	case smallOnly[s[0].Code] && large[s[0].Prefix] != "":
		return large[s[0].Prefix] + strings.TrimPrefix(part, s[0].Prefix)
	}
	return ""
}
