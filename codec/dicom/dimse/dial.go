package dimse

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Dial connects to a peer and asks for an association. Contexts without an ID get one. The context bounds the dialling and the
// negotiation only; Options.ARTIM does too. A refusal is a Rejection. Options.Handler gets what the peer asks for afterwards,
// such as the C-STOREs of a C-GET or an N-EVENT-REPORT.
func Dial(ctx context.Context, addr string, q Request, opts Options) (*Association, error) {
	opts = opts.orDefault()
	if err := q.complete(opts); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, opts.ARTIM)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dimse: dial: %w", err)
	}
	tune(conn)
	if opts.TLS != nil {
		if conn, err = shake(ctx, conn, addr, opts.TLS); err != nil {
			return nil, err
		}
	}
	return Connect(ctx, conn, q, opts)
}

func shake(ctx context.Context, conn net.Conn, addr string, config *tls.Config) (net.Conn, error) {
	if config.ServerName == "" && !config.InsecureSkipVerify {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, fmt.Errorf("dimse: dial: %w", err)
		}
		config = config.Clone()
		config.ServerName = host
	}
	c := tls.Client(conn, config)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("dimse: TLS: %w", err)
	}
	return c, nil
}

// Connect asks for an association over a connection that is open already, which may be a *tls.Conn after its handshake. The
// connection is closed if there is no association.
func Connect(ctx context.Context, conn net.Conn, q Request, opts Options) (*Association, error) {
	opts = opts.orDefault()
	if err := q.complete(opts); err != nil {
		_ = conn.Close()
		return nil, err
	}
	a := newAssociation(conn, opts, true)
	a.request = &q
	stop := context.AfterFunc(ctx, func() { a.abort(context.Cause(ctx)) })
	err := a.establish(&q)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		go a.run() // says goodbye in order
		return nil, err
	}
	go a.run()
	return a, nil
}

// complete fills in what is ours, and checks what PS3.8 bounds.
func (q *Request) complete(opts Options) error {
	q.ApplicationContext, q.MaxPDU = ApplicationContext, opts.MaxPDU
	q.ImplementationClass, q.ImplementationVersion = dicom.ImplementationUID, dicom.ImplementationName
	if q.Window == nil && opts.Window > 1 {
		q.Window = &Window{Invoked: opts.Window, Performed: opts.Window}
	}
	for _, title := range []string{q.CalledAE, q.CallingAE} {
		if t, err := aeTitle([]byte(title)); err != nil || t == "" {
			return fmt.Errorf("dimse: AE title of %d bytes is not one", len(title))
		}
	}
	if len(q.Contexts) == 0 || len(q.Contexts) > maxContexts {
		return fmt.Errorf("dimse: %d presentation contexts", len(q.Contexts))
	}
	contexts := make([]Proposal, len(q.Contexts))
	seen := map[byte]bool{}
	for i, p := range q.Contexts {
		if p.ID == 0 {
			p.ID = byte(2*i + 1)
		}
		if len(p.TransferSyntaxes) == 0 || len(p.TransferSyntaxes) > maxSyntaxes || p.ID&1 == 0 || seen[p.ID] {
			return fmt.Errorf("dimse: presentation context %d with %d transfer syntaxes", p.ID, len(p.TransferSyntaxes))
		}
		seen[p.ID] = true
		contexts[i] = p
	}
	q.Contexts = contexts
	return nil
}
