package dimse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Server accepts associations. Its fields are not to be changed while it serves.
type Server struct {
	Options Options

	// Admit lets an association in or refuses it with a Rejection; any other error refuses it for now, without a reason. The
	// request has the AE titles, the user identity, the address and the TLS certificates. Without Admit everybody is let in.
	Admit func(ctx context.Context, q *Request) (Admission, error)

	// Accept decides on one proposed presentation context, see Choose. Without it none is accepted.
	Accept func(q *Request, p *Proposal) Answer

	MaxAssociations int           // at once; default 100. More are rejected for now
	MaxPerAddress   int           // at once from one network address; default 20
	Grace           time.Duration // for open operations when the server stops; default 10 s

	// Ended, if set, is told of every association's end; the error is nil after an orderly release.
	Ended func(a *Association, err error)

	// Refused, if set, is told of connections that did not become associations.
	Refused func(remote net.Addr, err error)
}

// crowd is how many connections above the limit are told so; yet more are closed without a word.
const crowd = 16

// serving is one call of Serve.
type serving struct {
	*Server
	opts Options
	wg   sync.WaitGroup
	stop context.Context // ends when the server stops
	last context.Context // ends when the grace is over

	mu    sync.Mutex
	all   int
	hosts map[string]int
}

// Serve accepts associations from the listener, which may be one of TLS, until the context ends. It then closes the listener,
// lets open operations end within Server.Grace, aborts the associations and returns nil when all handlers have returned.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	last, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	v := &serving{Server: s, opts: s.Options.orDefault(), stop: ctx, last: last, hosts: map[string]int{}}
	grace := s.Grace
	orElse(&grace, 10*time.Second)
	defer context.AfterFunc(ctx, func() {
		_ = l.Close()
		time.AfterFunc(grace, cut)
	})()
	defer v.wg.Wait()
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			v.wg.Go(func() { v.connection(conn) })
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("dimse: serve: %w", err)
		default: // out of file descriptors, or the peer is gone already
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// connection serves one connection from its first byte to its last.
func (v *serving) connection(conn net.Conn) {
	host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	place := v.enter(host)
	defer v.leave(host)
	if place == turnedAway {
		_ = conn.Close()
		v.refused(conn, LocalLimitExceeded)
		return
	}
	defer context.AfterFunc(v.last, func() { _ = conn.Close() })()
	tune(conn)
	if err := v.handshake(conn); err != nil {
		_ = conn.Close()
		v.refused(conn, err)
		return
	}
	server := v.Server
	if place == toldSo {
		server = &Server{Admit: func(context.Context, *Request) (Admission, error) { return Admission{}, LocalLimitExceeded }}
	}
	a := newAssociation(conn, v.opts, false)
	v.associate(a, server)
}

// associate takes the association in and runs it.
func (v *serving) associate(a *Association, server *Server) {
	over := context.AfterFunc(v.stop, func() { _ = a.conn.Close() })
	err := a.accept(v.stop, server)
	over()
	if err != nil {
		a.run()
		v.refused(a.conn, err)
		return
	}
	wait := make(chan struct{})
	stopped := context.AfterFunc(v.stop, func() {
		defer close(wait)
		a.shutdown(v.last)
	})
	a.run()
	if !stopped() {
		<-wait
	}
	if v.Ended != nil {
		v.Ended(a, a.Err())
	}
}

func (v *serving) handshake(conn net.Conn) error {
	c, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(v.stop, v.opts.ARTIM)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("dimse: TLS: %w", err)
	}
	return nil
}

func (v *serving) refused(conn net.Conn, err error) {
	if v.Refused != nil {
		v.Refused(conn.RemoteAddr(), err)
	}
}

// entry says how a connection is received.
type entry uint8

const (
	letIn entry = iota
	toldSo
	turnedAway
)

func (v *serving) enter(host string) entry {
	most, each := v.MaxAssociations, v.MaxPerAddress
	orElse(&most, 100)
	orElse(&each, 20)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all++
	v.hosts[host]++
	switch {
	case v.all > most+crowd, v.hosts[host] > each+crowd:
		return turnedAway
	case v.all > most, v.hosts[host] > each:
		return toldSo
	}
	return letIn
}

func (v *serving) leave(host string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all--
	if v.hosts[host]--; v.hosts[host] == 0 {
		delete(v.hosts, host)
	}
}
