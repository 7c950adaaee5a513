// Connections that come in: how many, from whom.

package astm

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// places counts connections.
type places struct {
	mu    sync.Mutex
	all   int
	hosts map[string]int
}

func (p *places) enter(host string, most, each int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all >= most || p.hosts[host] >= each {
		return false
	}
	p.all++
	p.hosts[host]++
	return true
}

func (p *places) leave(host string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.hosts[host]--; p.hosts[host] == 0 {
		delete(p.hosts, host)
	}
}

// Serve answers analysers that call, until ctx ends; what is being transferred then ends first.
func (d *Door) Serve(ctx context.Context, l net.Listener) error {
	var open sync.WaitGroup
	defer open.Wait()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			open.Go(func() { d.incoming(ctx, conn) })
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("astm: serve: %w", err)
		default: // out of file descriptors, or the peer is gone already
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

func (d *Door) incoming(ctx context.Context, conn net.Conn) {
	host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	if !d.enter(host, d.opt.Connections, d.opt.PerAddress) {
		d.opt.Log.Warn("astm: too many connections", "address", host)
		_ = conn.Close()
		return
	}
	defer d.leave(host)
	d.connection(ctx, conn)
}

// connection serves one connection from its first byte to its last, whoever began it.
func (d *Door) connection(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	st, err := stationOf(ctx, conn)
	if err != nil {
		d.opt.Log.Warn("astm: connection refused", "address", st.Address.String(), "error", err)
		return
	}
	link, err := d.opt.Admit(ctx, st)
	if err != nil && !errors.Is(err, ErrNameless) {
		d.opt.Log.Warn("astm: connection refused", "address", st.Address.String(), "error", err)
		return
	}
	if err := newLine(d, conn, st, link).run(ctx); err != nil {
		d.opt.Log.Warn("astm: connection ended", "address", st.Address.String(), "link", link.ID, "error", err)
	}
}

const handshakeFor = 10 * time.Second

// keepAlive finds analysers that were switched off: their lines may be silent for a night.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 15 * time.Second, Count: 4}

func stationOf(ctx context.Context, conn net.Conn) (Station, error) {
	var st Station
	if a, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		st.Address = a.Addr().Unmap()
	}
	under := conn
	secure, ok := conn.(*tls.Conn)
	if ok {
		under = secure.NetConn()
	}
	if tcp, ok := under.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(keepAlive)
	}
	if !ok {
		return st, nil
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeFor)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		return st, record.Wrap(record.Unauthenticated, err, "TLS")
	}
	if chains := secure.ConnectionState().VerifiedChains; len(chains) > 0 {
		sum := sha256.Sum256(chains[0][0].Raw)
		st.Certificate = hex.EncodeToString(sum[:])
	}
	return st, nil
}
