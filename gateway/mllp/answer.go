// Answers: an error of the rooms as an acknowledgement, and which acknowledgements a message asks for.

package mllp

import (
	"errors"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/record"
)

// codes are the kinds of errors as acknowledgements (HL7 v2.5.1 2.9.2, tables 0008 and 0357). AE: mend it, or send it again; AR: not from you, or
// never of this kind. Nothing here is positive: who gets one of these keeps the message.
var codes = map[record.Kind]struct {
	code      hl7.AckCode
	condition hl7.Code
}{
	record.Invalid:         {hl7.AE, hl7.WrongDataType},
	record.Unauthenticated: {hl7.AR, hl7.UnknownKey},
	record.Denied:          {hl7.AR, hl7.InternalError},
	record.NotFound:        {hl7.AE, hl7.UnknownKey},
	record.Conflict:        {hl7.AE, hl7.DuplicateKey},
	record.Precondition:    {hl7.AE, hl7.RecordLocked},
	record.Unavailable:     {hl7.AE, hl7.InternalError},
	record.Internal:        {hl7.AE, hl7.InternalError},
}

// never are the conditions that sending again does not mend.
var never = map[hl7.Code]bool{
	hl7.UnsupportedMessage: true, hl7.UnsupportedEvent: true, hl7.UnsupportedProcess: true, hl7.UnsupportedVersion: true,
}

// ackOf says an error as an acknowledgement. id names it in our log where its text stays inside.
func ackOf(err error, id string) hl7.Ack {
	if err == nil {
		return hl7.Ack{Code: hl7.AA}
	}
	var format *hl7.FormatError
	if errors.As(err, &format) {
		a := hl7.Ack{Code: hl7.AE, Text: format.Reason, Problems: []hl7.Problem{{Place: format.Place, Code: format.Code, Text: format.Reason}}}
		if never[format.Code] {
			a.Code = hl7.AR
		}
		return a
	}
	c := codes[record.KindOf(err)]
	text := record.Public(err)
	switch record.KindOf(err) {
	case record.Internal:
		text = "error id " + id + ": send the message again"
	case record.Unavailable:
		text = "not now, nothing was kept: send the message again"
	}
	problem := hl7.Problem{Code: c.condition, Text: text}
	var at placed
	if errors.As(err, &at) {
		problem.Place = at.Place()
	}
	return hl7.Ack{Code: c.code, Text: text, Problems: []hl7.Problem{problem}}
}

// placed is an error of the centre that knows where in the message it is.
type placed interface {
	error
	Place() string
}

// answers writes what a message asks for: one acknowledgement of the application in the original mode; in the enhanced mode that of acceptance,
// then that of the application, each where its condition holds (HL7 v2.5.1 2.9.3).
func answers(h hl7.Header, a hl7.Ack, next func() hl7.Reply) [][]byte {
	accept, application := h.Modes(a.Code.Positive())
	var out [][]byte
	if accept {
		x := a
		x.Code = a.Code.Accept()
		out = append(out, h.Acknowledge(x, next()))
	}
	if application {
		out = append(out, h.Acknowledge(a, next()))
	}
	return out
}
