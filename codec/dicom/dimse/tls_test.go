package dimse

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// authority signs certificates for the tests.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	ca := &authority{t: t, dir: t.TempDir()}
	ca.cert, ca.key = ca.sign("ca", nil)
	return ca
}

// sign makes a certificate and its key and writes them as name.pem and name.key.
func (ca *authority) sign(name string, by *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	ca.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		ca.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: by == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		ca.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		ca.t.Fatal(err)
	}
	ca.write(name+".pem", "CERTIFICATE", der)
	ca.write(name+".key", "PRIVATE KEY", secret)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		ca.t.Fatal(err)
	}
	return cert, key
}

func (ca *authority) write(name, kind string, der []byte) {
	ca.t.Helper()
	if err := os.WriteFile(ca.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		ca.t.Fatal(err)
	}
}

func (ca *authority) path(name string) string { return filepath.Join(ca.dir, name) }

func (ca *authority) config(name string) *tls.Config {
	ca.t.Helper()
	ca.sign(name, ca)
	pair, err := tls.LoadX509KeyPair(ca.path(name+".pem"), ca.path(name+".key"))
	if err != nil {
		ca.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS12,
	}
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", ca.config("server"))
	if err != nil {
		t.Fatal(err)
	}
	var ar archive
	names := make(chan string, 10)
	ar.serveOn(t, l, func(s *Server) {
		s.Admit = func(_ context.Context, q *Request) (Admission, error) {
			names <- q.TLS.PeerCertificates[0].Subject.CommonName
			return Admission{}, nil
		}
	})
	t.Run("ours", func(t *testing.T) {
		a := dial(t, ar.addr, proposal(Verification), Options{TLS: ca.config("device")})
		if err := a.Echo(t.Context()); err != nil || a.TLS() == nil {
			t.Error(err)
		}
		if name := <-names; name != "device" {
			t.Error(name)
		}
		if err := a.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if err := ar.waitEnd(); err != nil {
			t.Error(err)
		}
	})
	t.Run("no certificate", func(t *testing.T) {
		config := ca.config("nobody")
		config.Certificates = nil
		if _, err := Dial(t.Context(), ar.addr, proposal(Verification), Options{TLS: config}); err == nil {
			t.Error("let in")
		}
	})
	t.Run("storescu", func(t *testing.T) {
		ca.sign("storescu", ca)
		dir := t.TempDir()
		want := files(t, dir, 3, 600_000)
		host, port := split(ar.addr)
		secure := []string{"+tls", ca.path("storescu.key"), ca.path("storescu.pem"), "+cf", ca.path("ca.pem")}
		mustTool(t, "echoscu", append(secure, host, port)...)
		mustTool(t, "storescu", append(secure, "-xi", "+sd", host, port, dir)...)
		if diff := cmp.Diff(want, ar.sums()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("storescp", func(t *testing.T) {
		dir := t.TempDir()
		addr := startTool(t, "storescp", func(port string) []string {
			return []string{"+tls", ca.path("server.key"), ca.path("server.pem"), "+cf", ca.path("ca.pem"), "-od", dir, port}
		})
		a := dial(t, addr, proposal(Verification), Options{TLS: ca.config("device")})
		if err := a.Echo(t.Context()); err != nil {
			t.Error(err)
		}
		if err := a.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
