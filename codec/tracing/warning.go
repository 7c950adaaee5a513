// What a reader could not take as it stands, and why a file is no tracing.

package tracing

import "fmt"

// WarningCode says what sort of trouble it was, for programs and translations.
type WarningCode string

// The warnings.
const (
	Truncated     WarningCode = "truncated"      // the file ends before its end: what is there is shown
	BadChecksum   WarningCode = "bad-checksum"   // 校验失败
	BadValue      WarningCode = "bad-value"      // a field that makes no sense was left out
	Uncalibrated  WarningCode = "uncalibrated"   // samples without a size
	Unsupported   WarningCode = "unsupported"    // a part that is not understood was left out
	Inconsistent  WarningCode = "inconsistent"   // two parts of the file contradict each other
	Repaired      WarningCode = "repaired"       // a known fault of a known writer was corrected
	Deviates      WarningCode = "deviates"       // against the standard, but clear
	BadText       WarningCode = "bad-text"       // a text in an undeclared character set
	LeadsOff      WarningCode = "leads-off"      // an electrode was off
	LossyEncoding WarningCode = "lossy-encoding" // the format or the cart kept less than it measured
)

// Warning is one trouble. Detail is for people, in English, without personal data.
type Warning struct {
	Code   WarningCode
	Detail string
}

// FormatError says why a file cannot be read as a tracing. It carries no content of the file.
type FormatError struct {
	Format Format
	Offset int64 // in the file, -1 if it has no place
	Reason string
}

func (e *FormatError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%s: %s", e.Format, e.Reason)
	}
	return fmt.Sprintf("%s: byte %d: %s", e.Format, e.Offset, e.Reason)
}

// Errorf makes a FormatError.
func Errorf(f Format, offset int64, format string, args ...any) error {
	return &FormatError{Format: f, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}
