package dimse

import "fmt"

// Field is the Command Field (0000,0100): which message this is. A response is its request with the highest bit set.
type Field uint16

// Command fields (PS3.7 §E.1).
const (
	CStoreRQ        Field = 0x0001
	CStoreRSP       Field = 0x8001
	CGetRQ          Field = 0x0010
	CGetRSP         Field = 0x8010
	CFindRQ         Field = 0x0020
	CFindRSP        Field = 0x8020
	CMoveRQ         Field = 0x0021
	CMoveRSP        Field = 0x8021
	CEchoRQ         Field = 0x0030
	CEchoRSP        Field = 0x8030
	NEventReportRQ  Field = 0x0100
	NEventReportRSP Field = 0x8100
	NGetRQ          Field = 0x0110
	NGetRSP         Field = 0x8110
	NSetRQ          Field = 0x0120
	NSetRSP         Field = 0x8120
	NActionRQ       Field = 0x0130
	NActionRSP      Field = 0x8130
	NCreateRQ       Field = 0x0140
	NCreateRSP      Field = 0x8140
	NDeleteRQ       Field = 0x0150
	NDeleteRSP      Field = 0x8150
	CCancelRQ       Field = 0x0FFF
)

// trait is what a message carries besides class, instance and ids.
type trait uint8

const (
	requested   trait = 1 << iota // the request names its object by Requested instead of Affected UIDs
	priority                      // the request has a Priority
	destination                   // the request has a Move Destination
	originator                    // the request may name the C-MOVE it belongs to
	counters                      // the response counts sub-operations
	eventType                     // both have an Event Type ID
	actionType                    // both have an Action Type ID
	attributes                    // the request may have an Attribute Identifier List
)

// operation is one row of PS3.7 §9.3 and §10.3.
type operation struct {
	name   string
	traits trait
}

var operations = map[Field]operation{
	CStoreRQ:       {"C-STORE", priority | originator},
	CGetRQ:         {"C-GET", priority | counters},
	CFindRQ:        {"C-FIND", priority},
	CMoveRQ:        {"C-MOVE", priority | destination | counters},
	CEchoRQ:        {"C-ECHO", 0},
	NEventReportRQ: {"N-EVENT-REPORT", eventType},
	NGetRQ:         {"N-GET", requested | attributes},
	NSetRQ:         {"N-SET", requested},
	NActionRQ:      {"N-ACTION", requested | actionType},
	NCreateRQ:      {"N-CREATE", 0},
	NDeleteRQ:      {"N-DELETE", requested},
	CCancelRQ:      {"C-CANCEL", 0},
}

const responseBit Field = 0x8000

// IsResponse tells whether the message answers another.
func (f Field) IsResponse() bool { return f&responseBit != 0 }

// Response is the field that answers this request.
func (f Field) Response() Field { return f | responseBit }

// Request is the field that this response answers; a request gives itself.
func (f Field) Request() Field { return f &^ responseBit }

// Known tells whether the field is one of PS3.7.
func (f Field) Known() bool {
	_, ok := operations[f.Request()]
	return ok && f != CCancelRQ.Response()
}

// Cancellable tells whether C-CANCEL can end the operation (PS3.7 §9.3.2.3, §9.3.3.3, §9.3.4.3).
func (f Field) Cancellable() bool { return f == CFindRQ || f == CGetRQ || f == CMoveRQ }

// String is the name of the message in PS3.7, such as C-STORE-RQ.
func (f Field) String() string {
	op, ok := operations[f.Request()]
	switch {
	case !ok:
		return fmt.Sprintf("command %04X", uint16(f))
	case f.IsResponse():
		return op.name + "-RSP"
	}
	return op.name + "-RQ"
}

func (f Field) has(t trait) bool { return operations[f.Request()].traits&t != 0 }
