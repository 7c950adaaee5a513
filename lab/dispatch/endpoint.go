// Endpoints: where results may go. A name is looked up when it is called, so what counts is the address that is called then.

package dispatch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"github.com/lianzhen/lianzhen/record"
)

const maxURL = 1000

func (d *Desk) checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || len(s) > maxURL || u.Host == "" || u.User != nil || u.Fragment != "":
		return record.Errorf(record.Invalid, "endpoint: want an https:// URL without a user or a fragment")
	case u.Scheme == "https", u.Scheme == "http" && d.opt.Local:
		return nil
	}
	return record.Errorf(record.Invalid, "endpoint: want https://")
}

func checkAddress(s string) error {
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n == 0 || host == "" || len(s) > maxURL || strings.ContainsAny(host, "/ @") {
		return record.Errorf(record.Invalid, "endpoint: want host:port")
	}
	return nil
}

// permits says whether an address may be called: nothing that is no host of its own, this machine only where that is allowed, and in the clear
// only what is near.
func (d *Desk) permits(a netip.Addr, clear bool) error {
	a = a.Unmap()
	switch {
	case a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast(), !a.IsValid(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return errNoReceiver
	case a.IsLoopback() && !d.opt.Local:
		return errNoReceiver
	case clear && !a.IsLoopback() && !a.IsPrivate():
		return errClear
	}
	return nil
}

var (
	errNoReceiver = record.Errorf(record.Precondition, "no receiver may be at this address")
	errClear      = record.Errorf(record.Precondition, "without TLS only private addresses are called")
)

// dialer opens connections to permitted addresses. clear: what goes over it is not encrypted.
func (d *Desk) dialer(clear bool) *net.Dialer {
	return &net.Dialer{Timeout: d.opt.Dial, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return errNoReceiver
		}
		return d.permits(at.Addr(), clear)
	}}
}

// tlsFor is how the receiver of a subscription is known.
func (d *Desk) tlsFor(s *Subscription, host string) *tls.Config {
	c := &tls.Config{}
	if d.opt.TLS != nil {
		c = d.opt.TLS.Clone()
	}
	c.ServerName, c.MinVersion = host, max(c.MinVersion, tls.VersionTLS12)
	if s.Authority != "" {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM([]byte(s.Authority))
	}
	return c
}
