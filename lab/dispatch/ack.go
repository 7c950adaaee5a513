// Acknowledgements of receivers: only their codes and places are kept. Their words may name the patient.

package dispatch

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/hl7"
)

// ack is what a receiver says of a message.
type ack struct {
	code    hl7.AckCode // MSA-1; empty: no acknowledgement at all
	number  string      // MSA-2
	problem string      // of the first ERR, by its codes
}

// readAck reads a frame. What is no acknowledgement has no code.
func readAck(frame []byte, o hl7.Options) ack {
	m, err := hl7.Parse(frame, o)
	if err != nil {
		return ack{}
	}
	msa, ok := m.First("MSA")
	if !ok {
		return ack{}
	}
	a := ack{code: hl7.AckCode(strings.ToUpper(strings.TrimSpace(msa.Get(1)))), number: strings.TrimSpace(msa.Get(2))}
	if e, ok := m.First("ERR"); ok {
		a.problem = problemOf(e)
	}
	return a
}

var (
	segmentForm = regexp.MustCompile(`^[A-Z][A-Z0-9]{2}$`)
	smallNumber = regexp.MustCompile(`^[0-9]{1,4}$`)
)

// problemOf reads ERR-2 and ERR-3, or ERR-1 as it was before 2.5.
func problemOf(e hl7.Segment) string {
	segment, repetition, field, code := e.Get(2, 1), e.Get(2, 2), e.Get(2, 3), e.Get(3, 1)
	if segment == "" && code == "" {
		segment, repetition, field, code = e.Get(1, 1), e.Get(1, 2), e.Get(1, 3), e.Field(1).Component(4).Sub(1).String()
	}
	var out []string
	if smallNumber.MatchString(code) {
		n, _ := strconv.Atoi(code)
		out = append(out, strings.TrimSpace(code+" "+hl7.Code(n).String()))
	}
	if segmentForm.MatchString(segment) {
		place := segment
		if smallNumber.MatchString(repetition) {
			place += "[" + repetition + "]"
		}
		if smallNumber.MatchString(field) {
			place += "-" + field
		}
		out = append(out, "at "+place)
	}
	return strings.Join(out, " ")
}

// fates of MSA-1 (table 0008).
var fates = map[hl7.AckCode]fate{hl7.AA: taken, hl7.CA: taken, hl7.AE: deferred, hl7.CE: deferred, hl7.AR: declined, hl7.CR: declined}

// judge says what an acknowledgement means for the message with a number.
func (a ack) judge(number string) outcome {
	f, known := fates[a.code]
	switch {
	case a.code == "":
		return outcome{fate: unanswered, strange: true, text: "the answer is no acknowledgement"}
	case a.number != number:
		return outcome{fate: unanswered, strange: true, text: "the answer acknowledges another message"}
	case !known:
		return outcome{fate: unanswered, strange: true, text: "the code of the acknowledgement is not one of table 0008"}
	case f == taken:
		return outcome{fate: taken, code: string(a.code)}
	}
	text := fmt.Sprintf("the receiver answered %s", a.code)
	if a.problem != "" {
		text += ": " + a.problem
	}
	return outcome{fate: f, code: string(a.code), text: text}
}
