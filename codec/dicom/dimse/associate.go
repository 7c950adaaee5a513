package dimse

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Request is an A-ASSOCIATE-RQ (PS3.8 §9.3.2): what Dial asks for, and what Server.Admit judges. Dial fills what is zero with
// our own: context IDs, application context, implementation, maximum length.
type Request struct {
	CalledAE, CallingAE   string
	ApplicationContext    dicom.UID
	Contexts              []Proposal
	MaxPDU                uint32 // that the requester receives, 0: any
	ImplementationClass   dicom.UID
	ImplementationVersion string
	Window                *Window
	Identity              *Identity
	CommonExtended        []CommonExtended

	// Remote and TLS say over which connection the request came; Dial ignores them. TLS is nil without TLS, else it has the
	// certificates that the client showed.
	Remote net.Addr
	TLS    *tls.ConnectionState

	version uint16
	fixed   [32]byte // reserved, sent back as it came
}

// Proposal is a proposed presentation context (PS3.8 §9.3.2.2) with what the user information says about its SOP class.
type Proposal struct {
	ID               byte // odd
	AbstractSyntax   dicom.UID
	TransferSyntaxes []dicom.UID
	Roles            *Roles // nil: not negotiated, the requester is SCU
	Extended         []byte // SOP class extended negotiation (PS3.7 §D.3.3.5), nil if there is none
}

// Roles are the roles of the association requester for a SOP class (PS3.7 §D.3.3.4).
type Roles struct{ SCU, SCP bool }

// Result is the answer to a proposed context (PS3.8 table 9-18).
type Result uint8

// Results of presentation contexts.
const (
	Accepted                    Result = 0
	RejectedContext             Result = 1
	NoReasonContext             Result = 2
	AbstractSyntaxNotSupported  Result = 3
	TransferSyntaxesUnsupported Result = 4
)

// Answer is the decision on a Proposal. An accepted one has a transfer syntax from the proposal. Roles counts only where roles
// were proposed, and never gives more than that; nil then means the requester is SCU only.
type Answer struct {
	Result         Result
	TransferSyntax dicom.UID
	Roles          *Roles
	Extended       []byte // our side of the extended negotiation, nil if there is none
}

// Window is an asynchronous operations window: how many operations the association requester may have open as invoker and as
// performer, 0 for any number (PS3.7 §D.3.3.3).
type Window struct{ Invoked, Performed uint16 }

// IdentityType says how a user identifies (PS3.7 §D.3.3.7.1).
type IdentityType uint8

// Kinds of user identity.
const (
	Username         IdentityType = 1
	UsernamePasscode IdentityType = 2
	Kerberos         IdentityType = 3
	SAML             IdentityType = 4
	JWT              IdentityType = 5
)

// Identity is a user identity negotiation request. It prints as its type only.
type Identity struct {
	Type              IdentityType
	ResponseWanted    bool
	Primary, Passcode []byte // Passcode only with UsernamePasscode
}

// String tells the type and hides the rest.
func (i *Identity) String() string { return fmt.Sprintf("identity of type %d", i.Type) }

// GoString hides as String does.
func (i *Identity) GoString() string { return i.String() }

// CommonExtended is SOP class common extended negotiation (PS3.7 §D.3.3.6).
type CommonExtended struct {
	SOPClass, ServiceClass dicom.UID
	Related                []dicom.UID
}

// Item types (PS3.8 §9.3, PS3.7 §D.3.3).
const (
	itemApplicationContext = 0x10
	itemContextRQ          = 0x20
	itemContextAC          = 0x21
	itemAbstractSyntax     = 0x30
	itemTransferSyntax     = 0x40
	itemUser               = 0x50
	itemMaxLength          = 0x51
	itemImplementation     = 0x52
	itemWindow             = 0x53
	itemRoles              = 0x54
	itemVersion            = 0x55
	itemExtended           = 0x56
	itemCommonExtended     = 0x57
	itemIdentity           = 0x58
	itemIdentityResponse   = 0x59
)

// fixedPart is the length of a request before its items.
const fixedPart = 68

// items walks a list of items (type, reserved, 16-bit length); what it does not know its caller passes over.
func items(b []byte, at, most int, each func(t byte, v []byte, at int) error) error {
	for n := 0; len(b) > 0; n++ {
		if n == most {
			return fault(dicom.Limit, at, "more than %d items", most)
		}
		if len(b) < 4 {
			return fault(dicom.Truncated, at, "item header")
		}
		size := int(binary.BigEndian.Uint16(b[2:]))
		if size > len(b)-4 {
			return fault(dicom.Truncated, at, "item %02X of %d bytes", b[0], size)
		}
		if err := each(b[0], b[4:4+size], at+4); err != nil {
			return err
		}
		b, at = b[4+size:], at+4+size
	}
	return nil
}

// parseRequest reads the body of an A-ASSOCIATE-RQ.
func parseRequest(body []byte) (*Request, error) {
	if len(body) < fixedPart {
		return nil, fault(dicom.Truncated, len(body), "A-ASSOCIATE-RQ of %d bytes", len(body))
	}
	q := &Request{version: binary.BigEndian.Uint16(body), fixed: [32]byte(body[36:])}
	var err error
	if q.CalledAE, err = aeTitle(body[4:20]); err != nil {
		return nil, fault(dicom.Structure, 4, "called %s", err)
	}
	if q.CallingAE, err = aeTitle(body[20:36]); err != nil {
		return nil, fault(dicom.Structure, 20, "calling %s", err)
	}
	var user userItems
	seen := map[byte]bool{}
	err = items(body[fixedPart:], fixedPart, 2*maxContexts, func(t byte, v []byte, at int) error {
		switch t {
		case itemApplicationContext:
			return syntaxName(&q.ApplicationContext, v, at)
		case itemContextRQ:
			p, err := parseProposal(v, at)
			if err == nil && seen[p.ID] {
				err = fault(dicom.Structure, at, "presentation context %d twice", p.ID)
			}
			if err == nil && len(q.Contexts) == maxContexts {
				err = fault(dicom.Limit, at, "more than %d presentation contexts", maxContexts)
			}
			seen[p.ID] = true
			q.Contexts = append(q.Contexts, p)
			return err
		case itemUser:
			return user.parse(v, at)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(q.Contexts) == 0 {
		return nil, fault(dicom.Missing, fixedPart, "request without presentation contexts")
	}
	user.request(q)
	return q, nil
}

func parseProposal(v []byte, at int) (p Proposal, err error) {
	if len(v) < 4 {
		return p, fault(dicom.Truncated, at, "presentation context of %d bytes", len(v))
	}
	p.ID = v[0]
	if p.ID&1 == 0 {
		return p, fault(dicom.Structure, at, "presentation context with even ID %d", p.ID)
	}
	err = items(v[4:], at+4, 1+maxSyntaxes, func(t byte, v []byte, at int) error {
		switch t {
		case itemAbstractSyntax:
			return syntaxName(&p.AbstractSyntax, v, at)
		case itemTransferSyntax:
			var ts dicom.UID
			if err := syntaxName(&ts, v, at); err != nil {
				return err
			}
			p.TransferSyntaxes = append(p.TransferSyntaxes, ts)
		}
		return nil
	})
	if err == nil && (p.AbstractSyntax == "" || len(p.TransferSyntaxes) == 0) {
		err = fault(dicom.Missing, at, "presentation context %d without its syntaxes", p.ID)
	}
	return p, err
}

// syntaxName reads a UID of the association. Blank pads and leading zeros are let through.
func syntaxName(to *dicom.UID, v []byte, at int) error {
	uid := dicom.UID(trim(v))
	if !uid.Valid() {
		return fault(dicom.Structure, at, "UID of %d bytes is not well formed", len(v))
	}
	*to = uid
	return nil
}

func appendItem(b []byte, t byte, v []byte) []byte {
	b = append(b, t, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
	return append(b, v...)
}

func appendUID(b []byte, t byte, uid dicom.UID) []byte { return appendItem(b, t, []byte(uid)) }

// associatePDU writes the header and the fixed part; finish sets the length.
func associatePDU(t pduType, q *Request) []byte {
	b := make([]byte, 0, 4096)
	b = append(b, byte(t), 0, 0, 0, 0, 0, 0, 1, 0, 0)
	b = fmt.Appendf(b, "%-16.16s%-16.16s", q.CalledAE, q.CallingAE)
	return append(b, q.fixed[:]...)
}

func finish(b []byte) []byte {
	binary.BigEndian.PutUint32(b[2:], uint32(len(b)-pduHeader))
	return b
}

// maxItem is the longest an item may be (16-bit length).
const maxItem = 1<<16 - 1

// withUser closes a PDU with its user information.
func withUser(b []byte, u *userItems) ([]byte, error) {
	v := u.append(nil)
	if len(v) > maxItem {
		return nil, fmt.Errorf("dimse: %d bytes of user information", len(v))
	}
	return finish(appendItem(b, itemUser, v)), nil
}

// pdu writes the request.
func (q *Request) pdu() ([]byte, error) {
	b := appendUID(associatePDU(associateRQ, q), itemApplicationContext, q.ApplicationContext)
	for i := range q.Contexts {
		p := &q.Contexts[i]
		v := appendUID([]byte{p.ID, 0, 0, 0}, itemAbstractSyntax, p.AbstractSyntax)
		for _, ts := range p.TransferSyntaxes {
			v = appendUID(v, itemTransferSyntax, ts)
		}
		b = appendItem(b, itemContextRQ, v)
	}
	return withUser(b, userOfRequest(q))
}
