// What is wrong with a message or a line, without a word of its content.

package astm

import "fmt"

// FormatError says what is wrong with a message and where. It never holds content.
type FormatError struct {
	Offset int    // byte in the decoded text
	Record int    // number of the record, from 1; 0: none
	Reason string // lower case, e.g. "no header record"
}

func (e *FormatError) Error() string {
	if e.Record > 0 {
		return fmt.Sprintf("astm: record %d, byte %d: %s", e.Record, e.Offset, e.Reason)
	}
	return fmt.Sprintf("astm: byte %d: %s", e.Offset, e.Reason)
}

// Warning is something that was read in spite of a fault.
type Warning struct {
	Code   string // "unknown-record", "no-terminator", "bad-escape" ...
	Record int    // number of the record, from 1
	Note   string // no content
}

// LinkError says why a message did not reach the other side.
type LinkError struct{ Reason string }

func (e *LinkError) Error() string { return "astm: link: " + e.Reason }

// The ways a transfer ends without success.
var (
	ErrNoAnswer = &LinkError{"the other side does not answer"}
	ErrRefused  = &LinkError{"the other side refused a frame six times"}
	ErrBusy     = &LinkError{"the other side does not want to receive"}
	ErrClosed   = &LinkError{"the connection is closed"}
	ErrStorm    = &LinkError{"too many bad frames in a row"}
	ErrIdle     = &LinkError{"nothing was said for too long"}
)
