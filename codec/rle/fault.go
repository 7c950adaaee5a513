package rle

import "fmt"

// Kind says why a stream is refused.
type Kind uint8

// The kinds of refusal.
const (
	Truncated   Kind = iota + 1 // it ends before the last sample
	Limit                       // it would make more than we hold, or more than its length can hold
	Structure                   // not well formed
	Unsupported                 // well formed, but a form we do not read
)

var kindNames = [...]string{"", "truncated", "limit", "structure", "unsupported"}

// String is the kind in one word.
func (k Kind) String() string { return kindNames[k] }

// FormatError is a refusal. Reason holds markers, sizes and parameters only, never samples.
type FormatError struct {
	Offset int64 // of the compressed bytes
	Reason string
	Kind   Kind
}

// Error writes kind, reason and place in one line.
func (e *FormatError) Error() string {
	return fmt.Sprintf("rle: %s: %s at byte %d", e.Kind, e.Reason, e.Offset)
}

func fail(kind Kind, offset int, format string, args ...any) error {
	return &FormatError{Offset: int64(offset), Reason: fmt.Sprintf(format, args...), Kind: kind}
}
