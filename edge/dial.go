// Connections to the centre: TLS unless told otherwise, a key with every call, one TCP connection for each stream.

package edge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// bearer adds the API key to every call.
type bearer struct {
	key    string
	secure bool
}

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.key}, nil
}

func (b bearer) RequireTransportSecurity() bool { return b.secure }

// dial makes a connection that is not opened before its first call.
func dial(c Config, distrust func(error)) (*grpc.ClientConn, error) {
	creds := insecure.NewCredentials()
	if c.TLS != nil {
		creds = &wary{credentials.NewTLS(c.TLS), distrust}
	}
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		// The gateway allows a ping every ten seconds; what a ping does not find, the lane's own watch does.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 20 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           grpcbackoff.Config{BaseDelay: c.RetryBase, Multiplier: 1.6, Jitter: 0.2, MaxDelay: min(c.RetryMax, 5*time.Second)},
			MinConnectTimeout: 20 * time.Second,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16 << 20)),
		grpc.WithUserAgent("lianzhen-edge"),
	}
	if c.Key != "" {
		opts = append(opts, grpc.WithPerRPCCredentials(bearer{c.Key, c.TLS != nil}))
	}
	if d := lossy(c.Congestion); d != nil && os.Getenv("HTTPS_PROXY") == "" && os.Getenv("https_proxy") == "" {
		opts = append(opts, grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return d.DialContext(ctx, "tcp", addr)
		}))
	}
	conn, err := grpc.NewClient(c.To, opts...)
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", c.To, err)
	}
	return conn, nil
}

// wary tells when the centre does not prove who it is: gRPC itself takes that for a broken line and would try for ever.
type wary struct {
	credentials.TransportCredentials
	distrust func(error)
}

func (w *wary) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := w.TransportCredentials.ClientHandshake(ctx, authority, raw)
	var unproved *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	if errors.As(err, &unproved) || errors.As(err, &noTLS) {
		w.distrust(&StopError{codes.Unauthenticated, err.Error()})
	}
	return c, info, err
}

func (w *wary) Clone() credentials.TransportCredentials {
	return &wary{w.TransportCredentials.Clone(), w.distrust}
}

// ClientTLS makes a TLS configuration from what the command line names: a file of authorities, a client certificate with key.
func ClientTLS(ca, cert, key string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pool, err := authorities(ca)
		if err != nil {
			return nil, err
		}
		c.RootCAs = pool
	}
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// authorities reads certificates in PEM; the system's own are not trusted besides.
func authorities(path string) (*x509.CertPool, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("authorities: no certificate in %s", path)
	}
	return pool, nil
}
