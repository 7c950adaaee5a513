// Personal data print as a mask in fmt, slog and JSON; Reveal is the only way out, and reviewers grep for it.

package record

import (
	"fmt"
	"log/slog"
	"strings"
)

// Personal is a text about a person: a name, a phone number, an address.
type Personal string

// IDNumber is a Chinese national identity number (公民身份号码, GB 11643-1999), 18 characters, or empty.
type IDNumber string

// Reveal returns the text itself. Never pass it to a log, an error, a label or a URL.
func (p Personal) Reveal() string { return string(p) }

// Reveal returns the number itself. Never pass it to a log, an error, a label or a URL.
func (n IDNumber) Reveal() string { return string(n) }

// Mask keeps the first character: 王*.
func (p Personal) Mask() string {
	if p == "" {
		return ""
	}
	r := []rune(string(p))
	return string(r[0]) + "*"
}

// Mask keeps the division and the last four: 110105********002X.
func (n IDNumber) Mask() string {
	if len(n) < 10 {
		return strings.Repeat("*", len(n))
	}
	return string(n[:6]) + strings.Repeat("*", len(n)-10) + string(n[len(n)-4:])
}

func (p Personal) String() string               { return p.Mask() }
func (p Personal) GoString() string             { return p.Mask() }
func (p Personal) LogValue() slog.Value         { return slog.StringValue(p.Mask()) }
func (p Personal) MarshalText() ([]byte, error) { return []byte(p.Mask()), nil }
func (p Personal) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(p.Mask())) }
func (n IDNumber) String() string               { return n.Mask() }
func (n IDNumber) GoString() string             { return n.Mask() }
func (n IDNumber) LogValue() slog.Value         { return slog.StringValue(n.Mask()) }
func (n IDNumber) MarshalText() ([]byte, error) { return []byte(n.Mask()), nil }
func (n IDNumber) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(n.Mask())) }

var idWeights = [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}

// ParseIDNumber checks length, digits, birth date and check digit (mod 11-2) and returns the number in upper case.
func ParseIDNumber(s string) (IDNumber, error) {
	s = strings.ToUpper(strings.TrimSpace(s))
	if len(s) != 18 {
		return "", Errorf(Invalid, "identity number: want 18 characters")
	}
	sum := 0
	for i := range 17 {
		if s[i] < '0' || s[i] > '9' {
			return "", Errorf(Invalid, "identity number: character %d is not a digit", i+1)
		}
		sum += int(s[i]-'0') * idWeights[i]
	}
	if s[17] != "10X98765432"[sum%11] {
		return "", Errorf(Invalid, "identity number: wrong check digit")
	}
	if _, err := ParseDate(s[6:14]); err != nil {
		return "", Errorf(Invalid, "identity number: no such birth date")
	}
	return IDNumber(s), nil
}

// BirthDate returns the date inside the number.
func (n IDNumber) BirthDate() Date {
	if len(n) != 18 {
		return Date{}
	}
	d, _ := ParseDate(string(n[6:14]))
	return d
}

// Sex returns the sex inside the number: odd 17th digit male, even female.
func (n IDNumber) Sex() Sex {
	if len(n) != 18 {
		return SexUnknown
	}
	if (n[16]-'0')%2 == 1 {
		return Male
	}
	return Female
}
