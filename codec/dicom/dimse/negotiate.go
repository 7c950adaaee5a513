package dimse

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Admission is what Server.Admit lets an association in with.
type Admission struct {
	Principal        any    // kept for the handlers, see Association.Principal
	IdentityResponse []byte // server response to the user identity (PS3.7 §D.3.3.7.2), nil for none
}

// Choose accepts the first of the given transfer syntaxes that is proposed, with the default roles, or none (result 4).
func Choose(p *Proposal, syntaxes ...dicom.UID) Answer {
	for _, ts := range syntaxes {
		if slices.Contains(p.TransferSyntaxes, ts) {
			return Answer{TransferSyntax: ts}
		}
	}
	return Answer{Result: TransferSyntaxesUnsupported}
}

// accept takes an association in (PS3.8 §9.2, Sta1 to Sta6 of the acceptor). After an error the association is over.
func (a *Association) accept(ctx context.Context, s *Server) error {
	if _, err := a.happen(evt5, nil, nil); err != nil {
		return err
	}
	q, err := a.readRequest()
	if err != nil {
		a.fail(err)
		if ended := a.Err(); ended != nil {
			return ended
		}
		return err
	}
	_, _ = a.happen(evt6, nil, nil) // Sta2 has it
	ac, err := a.decide(ctx, s, q)
	var pdu []byte
	if err == nil {
		pdu, err = ac.pdu(q)
	}
	if err != nil {
		var r Rejection
		if !errors.As(err, &r) {
			r = Rejection{Transient: true, Source: RejectedByUser, Reason: NoReason.Reason}
		}
		_, _ = a.happen(evt8, r.pdu(), err)
		return err
	}
	a.active = time.Now()
	_, err = a.happen(evt7, pdu, nil)
	return err
}

func (a *Association) readRequest() (*Request, error) {
	t, _, err := a.header()
	if err != nil {
		return nil, err
	}
	if t != associateRQ {
		_, _ = a.happen(eventOf[t], nil, fault(dicom.Structure, 0, "PDU type %02X instead of a request", uint8(t)))
		return nil, errOver
	}
	body, err := a.body()
	if err != nil {
		return nil, err
	}
	q, err := parseRequest(body)
	if err != nil {
		return nil, &violation{reason: ReasonInvalidParameter, err: err}
	}
	q.Remote, q.TLS = a.conn.RemoteAddr(), tlsState(a.conn)
	a.request = q
	return q, nil
}

// decide judges the request and fills the association with the outcome.
func (a *Association) decide(ctx context.Context, s *Server, q *Request) (*acceptance, error) {
	switch {
	case q.version&1 == 0:
		return nil, UnsupportedProtocolVersion
	case q.ApplicationContext != ApplicationContext:
		return nil, UnknownApplicationContext
	case q.MaxPDU != 0 && q.MaxPDU < smallestPDU:
		return nil, LocalLimitExceededForGood
	}
	var admitted Admission
	if s.Admit != nil {
		var err error
		if admitted, err = s.Admit(ctx, q); err != nil {
			return nil, err
		}
	}
	a.principal = admitted.Principal
	ac := &acceptance{user: userItems{
		maxPDU: a.opts.MaxPDU, class: dicom.ImplementationUID, version: dicom.ImplementationName,
		identityResponse: admitted.IdentityResponse,
	}}
	performed, invoked := uint16(1), uint16(1)
	if q.Window != nil {
		performed, invoked = atMost(q.Window.Invoked, a.opts.Window), atMost(q.Window.Performed, a.opts.Window)
		ac.user.window = &Window{Invoked: performed, Performed: invoked}
	}
	for i := range q.Contexts {
		a.answerContext(s, q, &q.Contexts[i], ac)
	}
	a.answer = ac.user
	a.agree(q.MaxPDU, performed, invoked)
	return ac, nil
}

// answerContext asks for the decision on one proposal, and keeps it within what was proposed.
func (a *Association) answerContext(s *Server, q *Request, p *Proposal, ac *acceptance) {
	answer := Answer{Result: AbstractSyntaxNotSupported}
	if s.Accept != nil {
		answer = s.Accept(q, p)
	}
	if answer.Result == Accepted && !slices.Contains(p.TransferSyntaxes, answer.TransferSyntax) {
		answer = Answer{Result: TransferSyntaxesUnsupported}
	}
	ac.contexts = append(ac.contexts, answered{id: p.ID, result: answer.Result, syntax: answer.TransferSyntax})
	if answer.Result != Accepted {
		return
	}
	roles := Roles{SCU: true}
	var negotiated *Roles
	if p.Roles != nil {
		if answer.Roles != nil {
			roles = *answer.Roles
		}
		roles.SCU, roles.SCP = roles.SCU && p.Roles.SCU, roles.SCP && p.Roles.SCP
		negotiated = &roles
	}
	var extended []byte
	if p.Extended != nil {
		extended = answer.Extended
	}
	ac.user.note(p.AbstractSyntax, negotiated, extended)
	if negotiated != nil { // one role selection holds for all contexts of the class
		roles = ac.user.roles[p.AbstractSyntax]
	}
	a.contexts = append(a.contexts, Context{
		ID: p.ID, AbstractSyntax: p.AbstractSyntax, TransferSyntax: answer.TransferSyntax, Roles: roles, Extended: extended,
	})
}

// agree sets the sizes that follow from negotiation: the peer's longest PDU, and how many operations may be open.
func (a *Association) agree(peerMax uint32, performed, invoked uint16) {
	if peerMax == 0 || peerMax > a.opts.MaxPDU {
		peerMax = a.opts.MaxPDU
	}
	a.fragment = int(peerMax-pdvHeader) &^ 1
	a.slots = make(chan struct{}, performed)
	a.invoke = make(chan struct{}, invoked)
}

// atMost bounds a number of operations, of which 0 means any.
func atMost(n, most uint16) uint16 {
	if n == 0 || n > most {
		return most
	}
	return n
}

// establish asks for an association over an open connection (Sta1 to Sta6 of the requester).
func (a *Association) establish(q *Request) error {
	pdu, err := q.pdu()
	if err != nil {
		return err
	}
	a.artim = time.Now().Add(a.opts.ARTIM)
	_, _ = a.happen(evt1, nil, nil)
	if _, err := a.happen(evt2, pdu, nil); err != nil {
		return err
	}
	if err := a.readAnswer(q); err != nil {
		a.fail(err)
		if ended := a.Err(); ended != nil {
			return ended
		}
		return err
	}
	return nil
}

func (a *Association) readAnswer(q *Request) error {
	t, _, err := a.header()
	if err != nil {
		return err
	}
	body, err := a.body()
	if err != nil {
		return err
	}
	cause := fault(dicom.Structure, 0, "PDU type %02X instead of an answer", uint8(t))
	switch t {
	case associateRJ:
		cause = parseRejection(body)
	case abortPDU:
		cause = &AbortError{Source: Source(body[2]), Reason: body[3], Remote: true}
	case associateAC:
		ac, err := parseAcceptance(body)
		if err != nil {
			return &violation{reason: ReasonInvalidParameter, err: err}
		}
		if ac.user.maxPDU != 0 && ac.user.maxPDU < smallestPDU {
			return violate(ReasonInvalidParameter, dicom.Limit, "maximum length %d", ac.user.maxPDU)
		}
		a.accepted(q, ac)
	}
	if act, _ := a.happen(eventOf[t], nil, cause); act != ae3 {
		return errOver
	}
	return nil
}

// accepted keeps what the acceptor agreed to, as far as it was asked for.
func (a *Association) accepted(q *Request, ac *acceptance) {
	for _, c := range ac.contexts {
		i := slices.IndexFunc(q.Contexts, func(p Proposal) bool { return p.ID == c.id })
		if i < 0 || c.result != Accepted || !slices.Contains(q.Contexts[i].TransferSyntaxes, c.syntax) {
			continue
		}
		p := &q.Contexts[i]
		roles := Roles{SCU: true}
		if r, ok := ac.user.roles[p.AbstractSyntax]; ok && p.Roles != nil {
			roles = Roles{SCU: r.SCU && p.Roles.SCU, SCP: r.SCP && p.Roles.SCP}
		}
		a.contexts = append(a.contexts, Context{
			ID: c.id, AbstractSyntax: p.AbstractSyntax, TransferSyntax: c.syntax, Roles: roles,
			Extended: ac.user.extended[p.AbstractSyntax],
		})
	}
	a.answer = ac.user
	invoked, performed := uint16(1), uint16(1)
	if w := ac.user.window; w != nil && q.Window != nil {
		invoked, performed = atMost(w.Invoked, a.opts.Window), atMost(w.Performed, a.opts.Window)
	}
	a.active = time.Now()
	a.agree(ac.user.maxPDU, performed, invoked)
}
