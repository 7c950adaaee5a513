package ucum

import "fmt"

// Kind says why a code or a conversion is refused.
type Kind uint8

// The kinds of refusal.
const (
	Syntax         Kind = iota + 1 // not of the grammar
	Unknown                        // no unit of that code, or a prefix where none may stand
	Limit                          // longer, deeper or larger than we calculate with
	NonRatio                       // a unit on a special scale inside a product, or a value outside its scale
	Incommensurate                 // the units measure different things
)

var kindNames = [...]string{"", "syntax", "unknown unit", "limit", "special unit", "not commensurable"}

// String is the kind in words.
func (k Kind) String() string { return kindNames[k] }

// FormatError is a refusal. Reason never repeats the code: a unit field may hold anything.
type FormatError struct {
	Offset int // byte of the code
	Reason string
	Kind   Kind
}

// Error writes kind, reason and place in one line.
func (e *FormatError) Error() string {
	return fmt.Sprintf("ucum: %s: %s at byte %d", e.Kind, e.Reason, e.Offset)
}

func fail(kind Kind, offset int, reason string) error {
	return &FormatError{Offset: offset, Reason: reason, Kind: kind}
}
