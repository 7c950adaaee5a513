// Devices: who the other side is, what it may do itself, and whether it answers.

package exchange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/record"
)

// Device is a registered application entity. Its scopes are what it may do when it calls itself: nothing is sent to it
// that it might not read, and what is fetched from it is kept as if it had sent it.
type Device struct {
	Peer
	Institution record.InstitutionID
	Read, Write record.Scope
}

// Destination finds the registered device of an AE title that objects can be sent to: NotFound for none, Precondition for
// one without an address. C-MOVE and transfers have the same rule.
func (x *Exchange) Destination(ctx context.Context, aeTitle string) (Device, error) {
	d, err := x.opt.Device(ctx, aeTitle)
	if err != nil {
		return Device{}, err
	}
	if _, _, err := net.SplitHostPort(d.Address); err != nil {
		return Device{}, record.Errorf(record.Precondition, "the device has no host:port to send to")
	}
	return d, nil
}

// destinationFor is Destination for objects of institutions: Precondition where the device might not read them itself. A
// device that is neither the caller's nor may read any of it, is as if it were not there.
func (x *Exchange) destinationFor(ctx context.Context, s record.Scope, aeTitle string, of ...record.InstitutionID) (Device, error) {
	d, err := x.opt.Device(ctx, aeTitle)
	if err != nil {
		return Device{}, err
	}
	for _, i := range of {
		switch {
		case d.Read.Reaches(i):
		case s.Reaches(d.Institution):
			return Device{}, record.Errorf(record.Precondition, "device %s may not read what institution %s keeps", d.AETitle, i)
		default:
			return Device{}, errNoDevice
		}
	}
	return x.Destination(ctx, aeTitle)
}

var errNoDevice = record.Errorf(record.NotFound, "no active device has this AE title")

// inside finds a device of an institution that the scope reaches; others are as if they were not there.
func (x *Exchange) inside(ctx context.Context, s record.Scope, aeTitle string) (Device, error) {
	d, err := x.opt.Device(ctx, aeTitle)
	if err == nil && !s.Reaches(d.Institution) {
		err = errNoDevice
	}
	return d, err
}

// archive is inside for one that can be asked.
func (x *Exchange) archive(ctx context.Context, s record.Scope, aeTitle string) (Device, error) {
	if _, err := x.inside(ctx, s, aeTitle); err != nil {
		return Device{}, err
	}
	return x.Destination(ctx, aeTitle)
}

// Trouble says why a device could not be spoken to, in words that a program can tell apart.
type Trouble string

// The kinds of trouble.
const (
	NoTrouble    Trouble = ""
	NoAddress    Trouble = "no_address"      // none is registered
	NoName       Trouble = "name_resolution" // its host name is not known
	Refused      Trouble = "refused"         // nothing listens there
	Unreachable  Trouble = "unreachable"     // no way to its host
	NoAnswer     Trouble = "timeout"         // it did not answer in time
	TLSTrouble   Trouble = "tls"             // no agreement on TLS
	Rejected     Trouble = "rejected"        // it does not want this association (PS3.8 §9.3.4)
	NoContext    Trouble = "no_context"      // it does not offer the service
	Aborted      Trouble = "aborted"         // it broke off
	OtherTrouble Trouble = "failed"
)

// troubles are the kinds of error that say more than their text; the first that fits counts.
var troubles = []struct {
	is   func(error) bool
	kind Trouble
	text string
}{
	{as[*net.DNSError], NoName, "the host name is not known"},
	{func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }, Refused, "nothing listens at the address"},
	{unreachable, Unreachable, "there is no way to the host"},
	{as[dimse.Rejection], Rejected, ""},
	{func(err error) bool { return errors.Is(err, dimse.ErrNoContext) }, NoContext, "the device does not offer this service"},
	{tlsFault, TLSTrouble, "no agreement on TLS"},
	{timedOut, NoAnswer, "no answer in time"},
	{as[*dimse.AbortError], Aborted, "the device broke off"},
	{as[*dimse.StatusError], OtherTrouble, ""},
}

func as[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func unreachable(err error) bool {
	return errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}

func tlsFault(err error) bool {
	return as[tls.RecordHeaderError](err) || as[*tls.CertificateVerificationError](err) || as[x509.HostnameError](err) || as[tls.AlertError](err)
}

func timedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, dimse.ErrARTIM) || errors.Is(err, dimse.ErrResponse) ||
		errors.Is(err, dimse.ErrStalled) || errors.Is(err, os.ErrDeadlineExceeded)
}

// troubleOf says what went wrong and in which words people may read it; these hold nothing of an object.
func troubleOf(err error) (Trouble, string) {
	for _, t := range troubles {
		if !t.is(err) {
			continue
		}
		if t.text != "" {
			return t.kind, t.text
		}
		var r dimse.Rejection
		if errors.As(err, &r) {
			return t.kind, r.Error()
		}
		var s *dimse.StatusError
		errors.As(err, &s)
		return t.kind, s.Error()
	}
	if text := record.Public(err); text != "" {
		return OtherTrouble, text
	}
	return OtherTrouble, "the connection was lost"
}

// Echoed is the outcome of an Echo.
type Echoed struct {
	Trouble        Trouble       // NoTrouble: it answered
	Text           string        // the trouble in words
	Took           time.Duration // of association, C-ECHO and release
	Implementation string        // how the device names its program
}

// Echo asks a device of the scope whether it is there (PS3.4 A.4). That it is not is no error.
func (x *Exchange) Echo(ctx context.Context, s record.Scope, aeTitle string) (Echoed, error) {
	if _, err := x.inside(ctx, s, aeTitle); err != nil {
		return Echoed{}, err
	}
	d, err := x.Destination(ctx, aeTitle)
	if err != nil {
		return Echoed{Trouble: NoAddress, Text: record.Public(err)}, nil
	}
	begun := time.Now() // a measure, not a record
	out, err := x.echo(ctx, d)
	out.Took = time.Since(begun)
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	if err != nil {
		out.Trouble, out.Text = troubleOf(err)
	}
	return out, nil
}

func (x *Exchange) echo(ctx context.Context, d Device) (Echoed, error) {
	ctx, cancel := context.WithTimeout(ctx, echoFor)
	defer cancel()
	a, err := x.dial(ctx, d.Peer, []dimse.Proposal{{AbstractSyntax: dimse.Verification, TransferSyntaxes: plain}}, nil)
	if err != nil {
		return Echoed{}, err
	}
	defer a.Abort() // after a release it does nothing
	_, program := a.Implementation()
	out := Echoed{Implementation: program}
	if err := a.Echo(ctx); err != nil {
		return out, err
	}
	return out, a.Release(ctx)
}

// echoFor is how long a person waits for an Echo.
const echoFor = 15 * time.Second
