package dimse

import (
	"encoding/binary"
	"fmt"
)

// pduType is the first byte of a PDU (PS3.8 §9.3.1).
type pduType uint8

const (
	associateRQ pduType = 1 + iota
	associateAC
	associateRJ
	dataTF
	releaseRQ
	releaseRP
	abortPDU
)

// eventOf is what the arrival of a PDU means to the machine; a type that is not here is evt19.
var eventOf = map[pduType]event{
	associateRQ: evt6, associateAC: evt3, associateRJ: evt4, dataTF: evt10, releaseRQ: evt12, releaseRP: evt13, abortPDU: evt16,
}

const (
	pduHeader    = 6
	pdvHeader    = 6         // length, context ID, message control header
	maxAssociate = 512 << 10 // a request with 128 contexts of 40 syntaxes has 150 KiB
	maxContexts  = 128
	maxSyntaxes  = 64 // in one context
	maxUserItems = 512
	// slack is by how much a P-DATA-TF may exceed what we announced: some count the headers differently.
	slack = 64
)

// Bits of the message control header (PS3.8 §E.2).
const (
	commandFragment = 1
	lastFragment    = 2
)

// Source says who ended or rejected an association (PS3.8 §9.3.4, §9.3.8).
type Source uint8

// Sources of A-ABORT.
const (
	AbortByUser     Source = 0
	AbortByProvider Source = 2
)

// Reasons of an A-ABORT by the provider (PS3.8 table 9-26).
const (
	ReasonNotSpecified          uint8 = 0
	ReasonUnrecognizedPDU       uint8 = 1
	ReasonUnexpectedPDU         uint8 = 2
	ReasonUnrecognizedParameter uint8 = 4
	ReasonUnexpectedParameter   uint8 = 5
	ReasonInvalidParameter      uint8 = 6
)

// AbortError says that the association was aborted, by the peer or by us; Cause says why we did.
type AbortError struct {
	Source Source
	Reason uint8
	Remote bool
	Cause  error
}

// Error tells who aborted, with the codes of PS3.8 §9.3.8.
func (e *AbortError) Error() string {
	who := "aborted"
	if e.Remote {
		who = "aborted by the peer"
	}
	s := fmt.Sprintf("dimse: association %s (source %d, reason %d)", who, e.Source, e.Reason)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the cause of our own abort.
func (e *AbortError) Unwrap() error { return e.Cause }

// Rejection is an A-ASSOCIATE-RJ: what Server.Admit returns to refuse, and what Dial returns when refused (PS3.8 §9.3.4).
type Rejection struct {
	Transient bool
	Source    Source
	Reason    uint8
}

// Sources of a rejection.
const (
	RejectedByUser         Source = 1
	RejectedByACSE         Source = 2
	RejectedByPresentation Source = 3
)

// The rejections of PS3.8 table 9-21.
var (
	NoReason                   = Rejection{Source: RejectedByUser, Reason: 1}
	UnknownApplicationContext  = Rejection{Source: RejectedByUser, Reason: 2}
	UnknownCallingAE           = Rejection{Source: RejectedByUser, Reason: 3}
	UnknownCalledAE            = Rejection{Source: RejectedByUser, Reason: 7}
	NoReasonACSE               = Rejection{Source: RejectedByACSE, Reason: 1} // also: user identity refused
	UnsupportedProtocolVersion = Rejection{Source: RejectedByACSE, Reason: 2}
	TemporaryCongestion        = Rejection{Transient: true, Source: RejectedByPresentation, Reason: 1}
	LocalLimitExceeded         = Rejection{Transient: true, Source: RejectedByPresentation, Reason: 2}
	LocalLimitExceededForGood  = Rejection{Source: RejectedByPresentation, Reason: 2}
	rejectionText              = map[Rejection]string{
		UnknownApplicationContext: "application context name not supported", UnknownCallingAE: "calling AE title not recognized",
		UnknownCalledAE: "called AE title not recognized", UnsupportedProtocolVersion: "protocol version not supported",
		TemporaryCongestion: "temporary congestion", LocalLimitExceeded: "local limit exceeded",
	}
)

// Error names the reason of PS3.8 table 9-21.
func (r Rejection) Error() string {
	how := "for good"
	if r.Transient {
		how = "for now"
	}
	s := fmt.Sprintf("dimse: association rejected %s (source %d, reason %d)", how, r.Source, r.Reason)
	if text := rejectionText[r]; text != "" {
		s += ": " + text
	}
	return s
}

func (r Rejection) pdu() []byte {
	result := byte(1)
	if r.Transient {
		result = 2
	}
	return []byte{byte(associateRJ), 0, 0, 0, 0, 4, 0, result, byte(r.Source), r.Reason}
}

func parseRejection(body []byte) Rejection {
	return Rejection{Transient: body[1] == 2, Source: Source(body[2]), Reason: body[3]}
}

// short writes one of the PDUs with four bytes of content.
func short(t pduType, source Source, reason uint8) []byte {
	return []byte{byte(t), 0, 0, 0, 0, 4, 0, 0, byte(source), reason}
}

// putDataTF fills the 12 bytes before a fragment that is a PDU with one PDV.
func putDataTF(h []byte, context, control byte, fragment int) {
	h[0], h[1] = byte(dataTF), 0
	binary.BigEndian.PutUint32(h[2:], uint32(fragment+pdvHeader))
	binary.BigEndian.PutUint32(h[6:], uint32(fragment+2))
	h[10], h[11] = context, control
}
