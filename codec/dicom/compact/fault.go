package compact

import "fmt"

// Kind says why a container is refused.
type Kind uint8

// The kinds of refusal.
const (
	Truncated   Kind = iota + 1 // it ends too early
	Limit                       // more than we take
	Structure                   // not well formed
	Unsupported                 // a form we do not read
	Damaged                     // a checksum is wrong
)

var kindNames = [...]string{"", "truncated", "limit", "structure", "unsupported", "damaged"}

// String is the kind in one word.
func (k Kind) String() string { return kindNames[k] }

// FormatError is a refusal. Reason holds numbers only, never bytes of the object.
type FormatError struct {
	Offset int64 // in the container
	Reason string
	Kind   Kind
}

// Error writes kind, reason and place in one line.
func (e *FormatError) Error() string {
	return fmt.Sprintf("compact: %s: %s at byte %d", e.Kind, e.Reason, e.Offset)
}

func fail(k Kind, at int64, reason string, args ...any) error {
	return &FormatError{Offset: at, Reason: fmt.Sprintf(reason, args...), Kind: k}
}
