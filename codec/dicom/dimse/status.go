package dimse

import "fmt"

// Status is the outcome of an operation (PS3.7 annex C, and the service classes of PS3.4).
type Status uint16

// General statuses (PS3.7 annex C).
const (
	Success                  Status = 0x0000
	Cancelled                Status = 0xFE00 // C-FIND, C-GET, C-MOVE: ended by C-CANCEL
	Pending                  Status = 0xFF00
	PendingWarning           Status = 0xFF01 // C-FIND: optional keys were not supported (PS3.4 C.4.1.1.4)
	AttributeListError       Status = 0x0107
	AttributeOutOfRange      Status = 0x0116
	SOPClassNotSupported     Status = 0x0122
	ClassInstanceConflict    Status = 0x0119
	DuplicateSOPInstance     Status = 0x0111
	DuplicateInvocation      Status = 0x0210
	InvalidArgumentValue     Status = 0x0115
	InvalidAttributeValue    Status = 0x0106
	InvalidObjectInstance    Status = 0x0117
	MissingAttribute         Status = 0x0120
	MissingAttributeValue    Status = 0x0121
	MistypedArgument         Status = 0x0212
	NoSuchAction             Status = 0x0123
	NoSuchArgument           Status = 0x0114
	NoSuchAttribute          Status = 0x0105
	NoSuchEventType          Status = 0x0113
	NoSuchSOPInstance        Status = 0x0112
	NoSuchSOPClass           Status = 0x0118
	NotAuthorized            Status = 0x0124
	ProcessingFailure        Status = 0x0110
	ResourceLimitation       Status = 0x0213
	UnrecognizedOperation    Status = 0x0211
	RequestedOptionsRejected Status = 0x0001 // a warning
)

// Statuses of the storage, query/retrieve and storage commitment services (PS3.4 B.2.3, C.4, J.3; MPPS F.7.2.2.3).
const (
	OutOfResources            Status = 0xA700
	OutOfResourcesMatches     Status = 0xA701 // C-MOVE, C-GET: cannot count the matches
	OutOfResourcesSuboperate  Status = 0xA702
	MoveDestinationUnknown    Status = 0xA801
	DataSetMismatch           Status = 0xA900 // the data set is not of the SOP class; C-FIND: the identifier is not
	CannotUnderstand          Status = 0xC000 // C-STORE; C-FIND, C-MOVE, C-GET: unable to process (C000-CFFF)
	CoercionOfDataElements    Status = 0xB000 // C-STORE warning; C-MOVE, C-GET: some sub-operations failed
	ElementsDiscarded         Status = 0xB006
	DataSetMismatchWarning    Status = 0xB007
	SomeSuboperationsFailed   Status = 0xB000
	MayNoLongerBeUpdated      Status = 0x0110 // MPPS: the performed procedure step is complete or discontinued
	CommitmentDuplicateUID    Status = 0x0131 // storage commitment failure reason: duplicate transaction UID
	CommitmentClassConflict   Status = 0x0119
	CommitmentNoSuchInstance  Status = 0x0112
	CommitmentOutOfResources  Status = 0x0213
	CommitmentProcessingError Status = 0x0110
)

// Category says what a status means for the operation.
type Category uint8

// The categories of PS3.7 annex C.
const (
	Failure Category = iota
	Completed
	Warned
	Halted // by C-CANCEL
	Continuing
)

// Category sorts the status by its ranges (PS3.7 §C.1).
func (s Status) Category() Category {
	switch {
	case s == Success:
		return Completed
	case s == Pending, s == PendingWarning:
		return Continuing
	case s == Cancelled:
		return Halted
	case s == RequestedOptionsRejected, s == AttributeListError, s == AttributeOutOfRange, s>>12 == 0xB:
		return Warned
	}
	return Failure
}

// String writes the status as four hexadecimal digits.
func (s Status) String() string { return fmt.Sprintf("%04X", uint16(s)) }

// StatusError is a response that says the operation failed, or a warning where none may be taken for success.
type StatusError struct {
	Field  Field
	Status Status
}

// Error names operation and status; the peer's comment is left out since it may hold a patient's data.
func (e *StatusError) Error() string { return fmt.Sprintf("dimse: %s: status %s", e.Field, e.Status) }

// Failed gives the response's status as an error, nil for success and warnings.
func (c *Command) Failed() error {
	switch c.Status.Category() {
	case Completed, Warned, Continuing:
		return nil
	}
	return &StatusError{Field: c.Field, Status: c.Status}
}
