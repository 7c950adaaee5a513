package dimse

import (
	"encoding/binary"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Priority of an operation (0000,0700).
type Priority uint16

// Priorities (PS3.7 §E.1).
const (
	Medium Priority = 0
	High   Priority = 1
	Low    Priority = 2
)

// SubOperations counts what became of the C-STOREs of a C-MOVE or C-GET. Remaining is told in pending and cancelled responses
// only (PS3.7 §9.3.3.2, §9.3.4.2).
type SubOperations struct {
	Remaining, Completed, Failed, Warning uint16
}

// Command is a command set (PS3.7 §9.3, §10.3, annex E). SOPClass and SOPInstance are the Affected UIDs, or the Requested ones
// in requests of N-GET, N-SET, N-ACTION and N-DELETE; which of them is written follows from Field.
type Command struct {
	Field       Field
	MessageID   uint16 // of a request
	RespondedTo uint16 // of a response and of C-CANCEL-RQ
	SOPClass    dicom.UID
	SOPInstance dicom.UID
	HasData     bool // a data set follows; set by Association.Send

	Priority         Priority
	MoveDestination  string
	MoveOriginator   string // AE title of who asked for the C-MOVE that this C-STORE is part of
	MoveOriginatorID uint16
	EventType        uint16
	ActionType       uint16
	Attributes       []dicom.Tag // that N-GET asks for

	Status       Status
	ErrorComment string // at most 64 characters; must not hold a patient's data
	ErrorID      uint16
	Offending    []dicom.Tag
	Sub          *SubOperations
}

// Command elements (PS3.7 §E.1), group 0000.
const (
	elGroupLength       = 0x0000
	elAffectedClass     = 0x0002
	elRequestedClass    = 0x0003
	elField             = 0x0100
	elMessageID         = 0x0110
	elRespondedTo       = 0x0120
	elMoveDestination   = 0x0600
	elPriority          = 0x0700
	elDataSetType       = 0x0800
	elStatus            = 0x0900
	elOffending         = 0x0901
	elErrorComment      = 0x0902
	elErrorID           = 0x0903
	elAffectedInstance  = 0x1000
	elRequestedInstance = 0x1001
	elEventType         = 0x1002
	elAttributes        = 0x1005
	elActionType        = 0x1008
	elRemaining         = 0x1020
	elCompleted         = 0x1021
	elFailed            = 0x1022
	elWarning           = 0x1023
	elMoveOriginator    = 0x1030
	elMoveOriginatorID  = 0x1031
)

const (
	noDataSet   = 0x0101
	withDataSet = 0x0000
	// maxCommand bounds a command set; N-GET with a long attribute list is the largest there is.
	maxCommand = 64 << 10
)

// commandWriter appends elements in implicit little endian, in the order of their tags.
type commandWriter []byte

func (w *commandWriter) head(el uint16, n int) {
	*w = append(*w, 0, 0, byte(el), byte(el>>8))
	*w = binary.LittleEndian.AppendUint32(*w, uint32(n))
}

func (w *commandWriter) number(el, v uint16) {
	w.head(el, 2)
	*w = binary.LittleEndian.AppendUint16(*w, v)
}

func (w *commandWriter) text(el uint16, v string, pad byte) {
	if v == "" {
		return
	}
	w.head(el, len(v)+len(v)&1)
	*w = append(*w, v...)
	if len(v)&1 == 1 {
		*w = append(*w, pad)
	}
}

func (w *commandWriter) tags(el uint16, v []dicom.Tag) {
	if len(v) == 0 {
		return
	}
	w.head(el, 4*len(v))
	for _, t := range v {
		*w = binary.LittleEndian.AppendUint16(*w, t.Group())
		*w = binary.LittleEndian.AppendUint16(*w, t.Element())
	}
}

// Append writes the command set with its group length behind b.
func (c *Command) Append(b []byte) []byte {
	start := len(b)
	w := commandWriter(b)
	w.head(elGroupLength, 4)
	w = append(w, 0, 0, 0, 0)
	response, byRequest := c.Field.IsResponse(), c.Field.has(requested)
	class, instance := uint16(elAffectedClass), uint16(elAffectedInstance)
	if byRequest && !response {
		class, instance = elRequestedClass, elRequestedInstance
	}
	w.text(class, string(c.SOPClass), 0)
	w.number(elField, uint16(c.Field))
	if response || c.Field == CCancelRQ {
		w.number(elRespondedTo, c.RespondedTo)
	} else {
		w.number(elMessageID, c.MessageID)
	}
	if !response && c.Field.has(destination) {
		w.text(elMoveDestination, c.MoveDestination, ' ')
	}
	if !response && c.Field.has(priority) {
		w.number(elPriority, uint16(c.Priority))
	}
	if c.HasData {
		w.number(elDataSetType, withDataSet)
	} else {
		w.number(elDataSetType, noDataSet)
	}
	if response {
		c.appendOutcome(&w)
	}
	w.text(instance, string(c.SOPInstance), 0)
	c.appendRest(&w)
	binary.LittleEndian.PutUint32(w[start+8:], uint32(len(w)-start-12))
	return w
}

func (c *Command) appendOutcome(w *commandWriter) {
	w.number(elStatus, uint16(c.Status))
	w.tags(elOffending, c.Offending)
	comment := []rune(c.ErrorComment)
	w.text(elErrorComment, string(comment[:min(len(comment), 64)]), ' ')
	if c.ErrorID != 0 {
		w.number(elErrorID, c.ErrorID)
	}
}

// appendRest writes the elements behind the instance UID.
func (c *Command) appendRest(w *commandWriter) {
	response := c.Field.IsResponse()
	if c.Field.has(eventType) && (!response || c.EventType != 0) {
		w.number(elEventType, c.EventType)
	}
	if !response && c.Field.has(attributes) {
		w.tags(elAttributes, c.Attributes)
	}
	if c.Field.has(actionType) && (!response || c.ActionType != 0) {
		w.number(elActionType, c.ActionType)
	}
	if response && c.Field.has(counters) && c.Sub != nil {
		switch c.Status.Category() {
		case Continuing, Halted:
			w.number(elRemaining, c.Sub.Remaining)
		}
		w.number(elCompleted, c.Sub.Completed)
		w.number(elFailed, c.Sub.Failed)
		w.number(elWarning, c.Sub.Warning)
	}
	if !response && c.Field.has(originator) && c.MoveOriginator != "" {
		w.text(elMoveOriginator, c.MoveOriginator, ' ')
		w.number(elMoveOriginatorID, c.MoveOriginatorID)
	}
}
