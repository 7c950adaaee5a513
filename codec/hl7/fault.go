// Errors and warnings: where in a message, and why; never what stood there.

package hl7

import "fmt"

// Code is a condition of an acknowledgement (HL7 table 0357).
type Code int

// The codes of table 0357 that are used here.
const (
	Accepted           Code = 0
	SegmentSequence    Code = 100
	RequiredMissing    Code = 101
	WrongDataType      Code = 102
	ValueNotFound      Code = 103
	ValueTooLong       Code = 104
	UnsupportedMessage Code = 200
	UnsupportedEvent   Code = 201
	UnsupportedProcess Code = 202
	UnsupportedVersion Code = 203
	UnknownKey         Code = 204
	DuplicateKey       Code = 205
	RecordLocked       Code = 206
	InternalError      Code = 207
)

var codeText = map[Code]string{
	Accepted: "Message accepted", SegmentSequence: "Segment sequence error", RequiredMissing: "Required field missing",
	WrongDataType: "Data type error", ValueNotFound: "Table value not found", ValueTooLong: "Value too long",
	UnsupportedMessage: "Unsupported message type", UnsupportedEvent: "Unsupported event code",
	UnsupportedProcess: "Unsupported processing id", UnsupportedVersion: "Unsupported version id", UnknownKey: "Unknown key identifier",
	DuplicateKey: "Duplicate key identifier", RecordLocked: "Application record locked", InternalError: "Application internal error",
}

// String is the English text of table 0357.
func (c Code) String() string { return codeText[c] }

// FormatError says why bytes are no message that can be taken. Reason holds no value of the message.
type FormatError struct {
	Offset int    // in the decoded text, -1 where there is no one place
	Place  string // "MSH-2", "OBX[3]-5"
	Code   Code
	Reason string
}

func (e *FormatError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("hl7: %s: %s", e.Place, e.Reason)
	}
	return fmt.Sprintf("hl7: %s at %d: %s", e.Place, e.Offset, e.Reason)
}

func formatError(offset int, place string, code Code, reason string) error {
	return &FormatError{Offset: offset, Place: place, Code: code, Reason: reason}
}

// Warning is a departure from the standard that lost nothing.
type Warning struct {
	Code  string // "line-feeds", "joined-line", "lower-case", "control-characters", "charset-conflict", "unknown-escape" ...
	Place string // "OBX[3]-5" or "MSH-18"
}

const maxWarnings = 200
