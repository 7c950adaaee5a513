// Our refusals as DICOM statuses: one table for C-STORE and for STOW-RS.

package imaging

import (
	"errors"
	"fmt"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
)

// Statuses of a stored object: of C-STORE (PS3.4 §B.2.3, PS3.7 annex C) and, as Failure Reason and Warning Reason, of
// STOW-RS (PS3.18 tables I.2-1 and I.2-2), which has the same numbers.
const (
	StatusStored            uint16 = 0x0000
	StatusProcessingFailure uint16 = 0x0110 // our fault, or the exchange is not set up for the sender
	StatusDuplicate         uint16 = 0x0111 // other bytes are kept under this SOP Instance UID
	StatusNoSuchObject      uint16 = 0x0112
	StatusNotSupported      uint16 = 0x0122 // SOP class not supported: a form of object that we do not read
	StatusNotAuthorized     uint16 = 0x0124
	StatusOutOfResources    uint16 = 0xA700 // larger than we take, or to be sent again later
	StatusMismatch          uint16 = 0xA900 // data set does not match: it is of another study than was said
	StatusCannotUnderstand  uint16 = 0xC000 // no acceptable DICOM, or cut short
	StatusSuspect           uint16 = 0xB007 // warning: stored as it is, but something in it is not as its class says
)

// statusOf is the status of every kind of error, by the kind's number.
var statusOf = [...]uint16{
	record.Internal:        StatusProcessingFailure,
	record.Invalid:         StatusCannotUnderstand,
	record.Unauthenticated: StatusNotAuthorized,
	record.Denied:          StatusNotAuthorized,
	record.NotFound:        StatusNoSuchObject,
	record.Conflict:        StatusDuplicate,
	record.Precondition:    StatusProcessingFailure,
	record.Unavailable:     StatusOutOfResources,
}

// statusOfFormat is the status of what the scanner refuses, by its kind's number.
var statusOfFormat = [...]uint16{
	dicom.Truncated:   StatusCannotUnderstand,
	dicom.Limit:       StatusOutOfResources,
	dicom.Structure:   StatusCannotUnderstand,
	dicom.Unsupported: StatusNotSupported,
	dicom.Missing:     StatusCannotUnderstand,
}

// errTooLarge and errOtherStudy are refusals with a status of their own.
var (
	errTooLarge   = errors.New("object is too large")
	errOtherStudy = errors.New("object of another study")
)

// TooLarge is the error of a reader that ends an object of more than most bytes.
func TooLarge(most int64) error {
	return record.Wrap(record.Invalid, errTooLarge, fmt.Sprintf("object is larger than %d bytes", most))
}

// FailureStatus is the status for what Accept returned; 0 for nil.
func FailureStatus(err error) uint16 {
	var why *Refusal
	switch {
	case err == nil:
		return StatusStored
	case errors.Is(err, errTooLarge):
		return StatusOutOfResources
	case errors.Is(err, errOtherStudy):
		return StatusMismatch
	case errors.As(err, &why) && why.Format != 0:
		return statusOfFormat[why.Format]
	}
	return statusOf[record.KindOf(err)]
}
