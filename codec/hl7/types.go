// Data types: what the components of a field are (HL7 v2.5.1 chapter 2.A).

package hl7

import "strings"

// EI is an entity identifier: an order number with its assigner. HD of assigning authorities reads the same, shifted by one.
type EI struct {
	ID, Namespace, Universal, UniversalType string
}

// HD is who assigns: a name, and an identifier with its type (ISO, DNS ...).
type HD struct {
	Namespace, Universal, UniversalType string
}

// Name is the namespace, else the universal identifier.
func (h HD) Name() string {
	if h.Namespace != "" {
		return h.Namespace
	}
	return h.Universal
}

// CX is an identifier of a person: number, who gave it, of what type (table 0203).
type CX struct {
	ID        string
	Authority HD
	Type      string
}

// XPN is a name of a person. Before 2.3 a name is family and given name as well.
type XPN struct {
	Family, Given, Middle string
	Type                  string // table 0200: L legal, P, A, M ...
	Representation        string // table 4000: A alphabetic, I ideographic, P phonetic
}

// CWE is a code with its text, an alternate and, from 2.7 on, a second alternate. CE has the first six.
type CWE struct {
	Code, Text, System  string
	Alternate           [3]string // code, text, system
	Second              [3]string
	Original            string // CWE.9
	Version, AltVersion string
	Components          int
}

// XCN is a person of the staff.
type XCN struct {
	ID, Family, Given, Middle string
}

// SN is a structured numeric: comparator, number, separator or suffix, number.
type SN struct {
	Comparator, Num1, Separator, Num2 string
}

// EI reads the field, or one repetition or component of it, as an entity identifier.
func (f Field) EI() EI {
	return EI{f.Component(1).leaf(), f.Component(2).leaf(), f.Component(3).leaf(), f.Component(4).leaf()}
}

// SubEI reads a component as an entity identifier: its parts are subcomponents, as in SPM-2.
func (f Field) SubEI() EI {
	return EI{f.Sub(1).leaf(), f.Sub(2).leaf(), f.Sub(3).leaf(), f.Sub(4).leaf()}
}

// HD reads the field as a hierarchic designator.
func (f Field) HD() HD {
	return HD{f.Component(1).leaf(), f.Component(2).leaf(), f.Component(3).leaf()}
}

// SubHD reads a component as a hierarchic designator.
func (f Field) SubHD() HD { return HD{f.Sub(1).leaf(), f.Sub(2).leaf(), f.Sub(3).leaf()} }

// leaf is the first subcomponent, unescaped and without spaces around it; null is empty.
func (f Field) leaf() string { return strings.TrimSpace(f.String()) }

// text is a component where subcomponents are not expected: an unescaped & is a part of it.
func (f Field) text() string { return strings.TrimSpace(f.Whole()) }

// CX reads the first repetition as an identifier of a person.
func (f Field) CX() CX {
	return CX{f.Component(1).leaf(), f.Component(4).SubHD(), f.Component(5).leaf()}
}

// XPN reads the first repetition as a name.
func (f Field) XPN() XPN {
	return XPN{
		Family: f.Component(1).leaf(), Given: f.Component(2).text(), Middle: f.Component(3).text(),
		Type: f.Component(7).leaf(), Representation: f.Component(8).leaf(),
	}
}

// XCN reads the first repetition as a person of the staff.
func (f Field) XCN() XCN {
	return XCN{f.Component(1).leaf(), f.Component(2).leaf(), f.Component(3).text(), f.Component(4).text()}
}

// CWE reads the first repetition as a code.
func (f Field) CWE() CWE {
	var c [12]string
	rest, sep := f.Rep(1).s, f.delims().Component
	n := 0
	for more := rest != ""; more && n < len(c); n++ {
		part := rest
		if i := strings.IndexByte(rest, sep); i >= 0 {
			part, rest = rest[:i], rest[i+1:]
		} else {
			more = false
		}
		c[n] = Field{f.m, part}.text()
	}
	return CWE{
		Code: c[0], Text: c[1], System: c[2], Alternate: [3]string{c[3], c[4], c[5]},
		Version: c[6], AltVersion: c[7], Original: c[8], Second: [3]string{c[9], c[10], c[11]}, Components: n,
	}
}

// SN reads the first repetition as a structured numeric.
func (f Field) SN() SN {
	return SN{f.Component(1).text(), f.Component(2).leaf(), f.Component(3).text(), f.Component(4).leaf()}
}

// NM is the digits of a number without spaces and a leading plus; false for what is none (HL7 v2.5.1 2.A.47).
func (f Field) NM() (string, bool) {
	s := strings.TrimPrefix(f.leaf(), "+")
	digits, point := 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '-' && i == 0:
		case c == '.' && !point:
			point = true
		default:
			return "", false
		}
	}
	return s, digits > 0
}
