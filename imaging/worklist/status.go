// The refusals and warnings of the services, with the codes that PS3.4 and PS3.7 give them.

package worklist

import (
	"fmt"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
)

// Status is a DIMSE status (PS3.7 annex C, PS3.4 tables F.7.2-2 and CC.2).
type Status uint16

// The statuses of these services. This room grants every deletion lock and never gives StatusLockNotGranted.
const (
	StatusProcessingFailure   Status = 0x0110 // of N-SET: the performed step may no longer be updated
	StatusDuplicate           Status = 0x0111
	StatusNoSuchInstance      Status = 0x0112
	StatusInvalidAttribute    Status = 0x0106
	StatusMissingAttribute    Status = 0x0120
	StatusMissingValue        Status = 0x0121
	StatusLockNotGranted      Status = 0xB301 // warning
	StatusAlreadyCanceled     Status = 0xB304 // warning
	StatusAlreadyCompleted    Status = 0xB306 // warning
	StatusFinal               Status = 0xC300
	StatusWrongTransaction    Status = 0xC301
	StatusAlreadyInProgress   Status = 0xC302
	StatusOnlyByCreate        Status = 0xC303
	StatusRequirementsNotMet  Status = 0xC304
	StatusNoWorkitem          Status = 0xC307
	StatusUnknownSubscriber   Status = 0xC308
	StatusNotScheduled        Status = 0xC309
	StatusNotInProgress       Status = 0xC310
	StatusCancelOfCompleted   Status = 0xC311
	StatusInappropriateAction Status = 0xC314
)

// meaning is the standard's own text and our kind; a warning has no kind, it comes with success.
type meaning struct {
	kind record.Kind
	text string
}

var meanings = map[Status]meaning{
	StatusProcessingFailure:   {record.Precondition, "Performed Procedure Step Object may no longer be updated"},
	StatusDuplicate:           {record.Conflict, "Duplicate SOP Instance"},
	StatusNoSuchInstance:      {record.NotFound, "No such SOP Instance"},
	StatusInvalidAttribute:    {record.Invalid, "Invalid Attribute Value"},
	StatusMissingAttribute:    {record.Invalid, "Missing Attribute"},
	StatusMissingValue:        {record.Invalid, "Missing Attribute Value"},
	StatusLockNotGranted:      {0, "Deletion Lock not granted"},
	StatusAlreadyCanceled:     {0, "The UPS is already in the requested state of CANCELED"},
	StatusAlreadyCompleted:    {0, "The UPS is already in the requested state of COMPLETED"},
	StatusFinal:               {record.Precondition, "The UPS may no longer be updated"},
	StatusWrongTransaction:    {record.Conflict, "The correct Transaction UID was not provided"},
	StatusAlreadyInProgress:   {record.Conflict, "The UPS is already IN PROGRESS"},
	StatusOnlyByCreate:        {record.Conflict, "The UPS may only become SCHEDULED via N-CREATE, not N-SET or N-ACTION"},
	StatusRequirementsNotMet:  {record.Conflict, "The UPS has not met final state requirements for the requested state change"},
	StatusNoWorkitem:          {record.NotFound, "Specified SOP Instance UID does not exist or is not a UPS Instance managed by this SCP"},
	StatusUnknownSubscriber:   {record.NotFound, "Receiving AE-TITLE is Unknown to this SCP"},
	StatusNotScheduled:        {record.Invalid, "The provided value of UPS State was not \"SCHEDULED\""},
	StatusNotInProgress:       {record.Conflict, "The UPS is not in the \"IN PROGRESS\" state"},
	StatusCancelOfCompleted:   {record.Conflict, "The UPS is already COMPLETED"},
	StatusInappropriateAction: {record.Invalid, "Specified action not appropriate for specified instance"},
}

// Warning tells whether the status comes with success (PS3.7 annex C.4).
func (s Status) Warning() bool { return s>>12 == 0xB || s == 1 }

// Text is what PS3.4 says of the status, fit for an Error Comment or an HTTP Warning header.
func (s Status) Text() string { return meanings[s].text }

// Fault is a refusal with its DICOM status. It is of the record.Kind that fits, so that doors which know nothing of DICOM
// answer rightly too.
type Fault struct {
	Status Status
	Tags   []dicom.Tag // the offending attributes
	err    error
}

// Error is the status's text with the offending attributes, never a value.
func (f *Fault) Error() string { return f.err.Error() }

// Unwrap gives the error of our kinds.
func (f *Fault) Unwrap() error { return f.err }

func refuse(s Status, tags ...dicom.Tag) error {
	m := meanings[s]
	return &Fault{Status: s, Tags: tags, err: record.Errorf(m.kind, "%s%s", m.text, named(tags))}
}

// named lists attributes by keyword and tag.
func named(tags []dicom.Tag) string {
	const most = 20
	var b strings.Builder
	for i, t := range tags {
		switch {
		case i == most:
			fmt.Fprintf(&b, " and %d more", len(tags)-most)
			return b.String()
		case i == 0:
			b.WriteString(": ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(t.String())
		if k := t.Keyword(); k != "" {
			b.WriteString(" " + k)
		}
	}
	return b.String()
}
