package dimse

import "github.com/lianzhen/lianzhen/codec/dicom"

// acceptance is an A-ASSOCIATE-AC as it is on the wire.
type acceptance struct {
	contexts []answered
	user     userItems
}

type answered struct {
	id     byte
	result Result
	syntax dicom.UID
}

// pdu writes the answer to a request. A refused context must have a transfer syntax too, which is not to be looked at
// (PS3.8 §9.3.3.2).
func (ac *acceptance) pdu(q *Request) ([]byte, error) {
	b := appendUID(associatePDU(associateAC, q), itemApplicationContext, ApplicationContext)
	for _, c := range ac.contexts {
		syntax := c.syntax
		if syntax == "" {
			syntax = dicom.ImplicitLE
		}
		b = appendItem(b, itemContextAC, appendUID([]byte{c.id, 0, byte(c.result), 0}, itemTransferSyntax, syntax))
	}
	return withUser(b, &ac.user)
}

func parseAcceptance(body []byte) (*acceptance, error) {
	if len(body) < fixedPart {
		return nil, fault(dicom.Truncated, len(body), "A-ASSOCIATE-AC of %d bytes", len(body))
	}
	ac := &acceptance{}
	err := items(body[fixedPart:], fixedPart, 2*maxContexts, func(t byte, v []byte, at int) error {
		switch t {
		case itemContextAC:
			c, err := parseAnswered(v, at)
			ac.contexts = append(ac.contexts, c)
			return err
		case itemUser:
			return ac.user.parse(v, at)
		}
		return nil
	})
	return ac, err
}

func parseAnswered(v []byte, at int) (c answered, err error) {
	if len(v) < 4 {
		return c, fault(dicom.Truncated, at, "presentation context of %d bytes", len(v))
	}
	c = answered{id: v[0], result: Result(v[2])}
	err = items(v[4:], at+4, 1+maxSyntaxes, func(t byte, v []byte, at int) error {
		if t == itemTransferSyntax && c.result == Accepted {
			return syntaxName(&c.syntax, v, at)
		}
		return nil
	})
	if err == nil && c.result == Accepted && c.syntax == "" {
		err = fault(dicom.Missing, at, "accepted presentation context %d without transfer syntax", c.id)
	}
	return c, err
}
