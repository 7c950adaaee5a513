// Trouble: why a receiver could not be spoken to, in words without addresses of persons or texts of the other side.

package dispatch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/lianzhen/lianzhen/codec/hl7/mllp"
	"github.com/lianzhen/lianzhen/record"
)

// troubles are the kinds of error that can be told apart; the first that fits counts.
var troubles = []struct {
	is   func(error) bool
	text string
}{
	{as[*net.DNSError], "the host name is not known"},
	{is(syscall.ECONNREFUSED), "nothing listens at the address"},
	{func(err error) bool {
		return errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
	}, "there is no way to the host"},
	{certificateFault, "the certificate of the receiver is not one that is trusted"},
	{func(err error) bool { return as[tls.RecordHeaderError](err) || as[tls.AlertError](err) }, "no agreement on TLS"},
	{is(mllp.ErrNoAnswer), "no answer to the message"},
	{is(mllp.ErrPartial), "the connection ended inside the answer"},
	{func(err error) bool { return errors.Is(err, mllp.ErrJunk) || as[*mllp.TooLargeError](err) }, "the receiver does not speak MLLP"},
	{timedOut, "no answer in time"},
}

func as[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func certificateFault(err error) bool {
	return as[*tls.CertificateVerificationError](err) || as[x509.HostnameError](err) || as[x509.UnknownAuthorityError](err)
}

func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, mllp.ErrSlow) || errors.As(err, &n) && n.Timeout()
}

// troubleOf says what went wrong.
func troubleOf(err error) string {
	for _, t := range troubles {
		if t.is(err) {
			return t.text
		}
	}
	if text := record.Public(err); text != "" {
		return text
	}
	return "the connection was lost"
}
