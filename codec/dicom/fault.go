package dicom

import "fmt"

// Kind says why an object is refused.
type Kind uint8

// The kinds of refusal.
const (
	Truncated   Kind = iota + 1 // the stream, or its pixel data, ends too early
	Limit                       // larger, deeper or more than we take
	Structure                   // not well formed
	Unsupported                 // well formed, but a form we do not read
	Missing                     // something every object must have is not there
)

var kindNames = [...]string{"", "truncated", "limit", "structure", "unsupported", "missing"}

// String is the kind in one word.
func (k Kind) String() string { return kindNames[k] }

// FormatError is a refusal. Reason holds tags, VRs, lengths and transfer syntaxes only, never a value of the patient's.
type FormatError struct {
	Offset int64 // in the stream; in the inflated stream for a deflated object
	Reason string
	Kind   Kind
}

// Error writes kind, reason and place in one line.
func (e *FormatError) Error() string {
	return fmt.Sprintf("dicom: %s: %s at byte %d", e.Kind, e.Reason, e.Offset)
}
