package edge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// serveTLS serves with a certificate of its own and returns that in PEM.
func (c *centre) serveTLS(t *testing.T) (addr string, authority []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	plan := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "centre"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, plan, plan, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})))
	pb.RegisterUploadServiceServer(s, c)
	go s.Serve(lis)
	t.Cleanup(s.Stop)
	return lis.Addr().String(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestTLSDemandsAKnownCentre(t *testing.T) {
	c := newCentre()
	addr, authority := c.serveTLS(t)
	dir := t.TempDir()
	study(t, filepath.Join(dir, "study"), small(1, 3))
	ca := filepath.Join(dir, "ca.pem")
	put(t, ca, authority)

	cfg := config(t, addr)
	cfg.Key = "lz_test"
	var err error
	if cfg.TLS, err = ClientTLS(ca, "", ""); err != nil {
		t.Fatal(err)
	}
	if sum, _ := send(t, cfg, filepath.Join(dir, "study")); sum.Code() != 0 || len(c.kept) != 3 {
		t.Errorf("with the authority: %+v", sum)
	}

	for name, to := range map[string]string{"unknown authority": addr, "no TLS at all": newCentre().serve(t)} {
		cfg = config(t, to)
		cfg.TLS = &tls.Config{}
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		sum, err := s.Send(t.Context(), filepath.Join(dir, "study"))
		s.Close()
		var stop *StopError
		if !errors.As(err, &stop) || sum.Code() != 4 || time.Since(begun) > 10*time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(begun))
		}
	}
}
