package dimse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// fullRequest uses every item there is.
func fullRequest() Request {
	return Request{
		CalledAE: "CALLED", CallingAE: "A TITLE OF 16 CH",
		Contexts: []Proposal{
			{AbstractSyntax: Verification, TransferSyntaxes: []dicom.UID{dicom.ImplicitLE}},
			{AbstractSyntax: ctClass, TransferSyntaxes: []dicom.UID{dicom.ExplicitLE, dicom.JPEGLossless}, Roles: &Roles{SCU: true, SCP: true}, Extended: []byte{2, 0, 1}},
			{AbstractSyntax: StudyRootFind, TransferSyntaxes: []dicom.UID{dicom.ExplicitLE}, Extended: []byte{1, 1, 1, 0, 1}},
			{ID: 255, AbstractSyntax: StudyRootGet, TransferSyntaxes: []dicom.UID{dicom.ExplicitLE}, Roles: &Roles{SCU: true}},
		},
		Window:   &Window{Invoked: 4, Performed: 2},
		Identity: &Identity{Type: UsernamePasscode, ResponseWanted: true, Primary: []byte("user"), Passcode: []byte("secret")},
		CommonExtended: []CommonExtended{
			{SOPClass: "1.2.840.10008.5.1.4.1.1.88.22", ServiceClass: "1.2.840.10008.4.2", Related: []dicom.UID{"1.2.840.10008.5.1.4.1.1.88.11", "1.2.3"}},
			{SOPClass: ctClass, ServiceClass: "1.2.840.10008.4.2"},
		},
	}
}

func TestRequestComesBack(t *testing.T) {
	want := fullRequest()
	if err := want.complete(Options{}.orDefault()); err != nil {
		t.Fatal(err)
	}
	b, err := want.pdu()
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseRequest(b[pduHeader:])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got, cmpopts.IgnoreUnexported(Request{})); diff != "" {
		t.Error(diff)
	}
	if s := fmt.Sprintf("%v %+v %#v", want.Identity, want.Identity, want.Identity); bytes.Contains([]byte(s), []byte("secret")) {
		t.Error(s)
	}
	for n := range len(b) - pduHeader { // cut anywhere it is refused, but for the cuts between user items that are the last
		if _, err := parseRequest(b[pduHeader : pduHeader+n]); err == nil && n > fixedPart+200 {
			t.Logf("cut at %d is a whole request", n)
		}
	}
}

func TestNegotiation(t *testing.T) {
	var ar archive
	ar.serve(t, func(s *Server) {
		s.Options.Window, s.Options.MaxPDU = 3, 20_000
		s.Admit = func(_ context.Context, q *Request) (Admission, error) {
			if q.CallingAE != "A TITLE OF 16 CH" || string(q.Identity.Passcode) != "secret" || q.Remote == nil || q.TLS != nil {
				return Admission{}, NoReasonACSE
			}
			return Admission{Principal: "somebody", IdentityResponse: []byte("welcome")}, nil
		}
		s.Accept = func(_ *Request, p *Proposal) Answer {
			switch p.AbstractSyntax {
			case Verification:
				return Answer{Result: RejectedContext}
			case ctClass:
				answer := Choose(p, dicom.JPEGLossless)
				answer.Roles, answer.Extended = &Roles{SCP: true}, []byte{1}
				return answer
			case StudyRootFind:
				return Answer{TransferSyntax: dicom.ImplicitLE} // was not proposed
			}
			return Answer{TransferSyntax: dicom.ExplicitLE, Roles: &Roles{SCU: true, SCP: true}} // more than proposed
		}
	})
	a := dial(t, ar.addr, fullRequest(), Options{Window: 10, MaxPDU: 40_000})
	want := []Context{
		{ID: 3, AbstractSyntax: ctClass, TransferSyntax: dicom.JPEGLossless, Roles: Roles{SCP: true}, Extended: []byte{1}},
		{ID: 255, AbstractSyntax: StudyRootGet, TransferSyntax: dicom.ExplicitLE, Roles: Roles{SCU: true}},
	}
	if diff := cmp.Diff(want, a.Contexts()); diff != "" {
		t.Error(diff)
	}
	if string(a.IdentityResponse()) != "welcome" || cap(a.invoke) != 3 || cap(a.slots) != 2 || a.fragment != 20_000-6 {
		t.Errorf("%q %d %d %d", a.IdentityResponse(), cap(a.invoke), cap(a.slots), a.fragment)
	}
	if class, name := a.Implementation(); class != dicom.ImplementationUID || name != dicom.ImplementationName {
		t.Error(class, name)
	}
	refused := fullRequest()
	refused.Identity.Passcode = []byte("guess")
	if _, err := Dial(t.Context(), ar.addr, refused, Options{}); !errors.Is(err, NoReasonACSE) {
		t.Error(err)
	}
}

func TestRequestsNotSent(t *testing.T) {
	for name, change := range map[string]func(q *Request){
		"long title":       func(q *Request) { q.CalledAE = "SEVENTEEN LETTERS" },
		"no title":         func(q *Request) { q.CallingAE = " " },
		"no contexts":      func(q *Request) { q.Contexts = nil },
		"even context":     func(q *Request) { q.Contexts[0].ID = 2 },
		"context twice":    func(q *Request) { q.Contexts[0].ID = 3 },
		"no syntaxes":      func(q *Request) { q.Contexts[0].TransferSyntaxes = nil },
		"identity too big": func(q *Request) { q.Identity.Primary = make([]byte, 70_000) },
	} {
		q := fullRequest()
		change(&q)
		var ar archive
		ar.serve(t, nil)
		if _, err := Dial(t.Context(), ar.addr, q, Options{}); err == nil {
			t.Errorf("%s: sent", name)
		}
	}
}
