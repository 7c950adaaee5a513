package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/lianzhen/lianzhen/authz"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestProgramsShowKeysAndPeopleSessions(t *testing.T) {
	h := newHouse(t)
	id, key := h.key(storetest.Suwu, "imaging:read")
	h.user("tech", storetest.Suwu, authz.Technician)
	token := h.session("tech")
	secret := strings.TrimPrefix(key, "lz_"+string(id)+"_")
	basic := func(user, pass string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+pass))
	}
	for _, c := range []struct {
		name, authorization string
		want                int
	}{
		{"nothing", "", 401},
		{"key", "Bearer " + key, 200},
		{"session", "Bearer " + token, 200},
		{"basic with the secret", basic(string(id), secret), 200},
		{"basic with the whole key", basic(string(id), key), 200},
		{"key with one letter changed", "Bearer " + key[:len(key)-2] + "xx", 401},
		{"session with one letter changed", "Bearer " + token[:len(token)-2] + "xx", 401},
		{"another scheme", "Negotiate abc", 401},
		{"scheme alone", "Bearer ", 401},
		{"basic without base64", "Basic %%%", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := map[string]string{}
			if c.authorization != "" {
				header["Authorization"] = c.authorization
			}
			h.do(ask{method: "GET", path: "/api/v1/session", header: header}).want(t, c.want)
			_, err := pb.NewSessionServiceClient(h.conn).GetSession(
				metadata.NewOutgoingContext(t.Context(), metadata.New(map[string]string{"authorization": c.authorization})), &pb.GetSessionRequest{})
			if (err == nil) != (c.want == 200) {
				t.Errorf("gRPC says %v", err)
			}
		})
	}
}

func TestARevokedKeyIsRefusedAndAKeyStaysInItsScopes(t *testing.T) {
	h := newHouse(t)
	id, key := h.key(storetest.Suwu, "imaging:read")
	h.do(ask{method: "GET", path: "/api/v1/imaging/studies", header: bearer(key)}).want(t, 200)
	h.do(ask{method: "POST", path: "/api/v1/uploads:have", header: bearer(key), body: `{"objects":[{"sha256":"` + strings.Repeat("a", 64) + `","size":"1"}]}`}).want(t, 403)
	_, err := h.Book.RevokeKey(t.Context(), system(), id)
	must(t, err)
	h.do(ask{method: "GET", path: "/api/v1/imaging/studies", header: bearer(key)}).want(t, 401)
}

func TestRefusalsAreNotedButNotWithoutBound(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, "imaging:read")
	for range 30 {
		h.do(ask{method: "GET", path: "/api/v1/audit/events", header: bearer(key)}).want(t, 403)
	}
	events, err := h.DB.Events(t.Context(), store.EventFilter{Acts: []string{"access.refused"}})
	must(t, err)
	if len(events) < 5 || len(events) > 12 {
		t.Errorf("%d events for 30 refusals", len(events))
	}
	if e := events[0]; e.Actor.Institution != storetest.Suwu || e.Detail["act"] != "read" || e.Kind != "audit" {
		t.Errorf("event %+v", e)
	}
}

func TestTwoIdentitiesMustBeOfOneInstitution(t *testing.T) {
	h := newHouse(t)
	h.user("tech", storetest.Suwu, authz.Technician)
	cookie := "lz_session=" + h.session("tech")
	_, same := h.key(storetest.Suwu, "imaging:read")
	_, other := h.key(storetest.Dongba, "imaging:read")
	for _, c := range []struct {
		name, authorization, cookie string
		want                        int
	}{
		{"same institution", "Bearer " + same, cookie, 200},
		{"other institution", "Bearer " + other, cookie, 403},
		{"a dead cookie beside a good key", "Bearer " + same, "lz_session=ls_" + strings.Repeat("a", 43), 401},
		{"two cookies", "", cookie + "; " + cookie, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := map[string]string{"Cookie": c.cookie}
			if c.authorization != "" {
				header["Authorization"] = c.authorization
			}
			h.do(ask{method: "GET", path: "/api/v1/session", header: header}).want(t, c.want)
		})
	}
}

func TestNobodyButTheHTTPDoorSpeaksOnThePrivateLine(t *testing.T) {
	h := newHouse(t)
	h.user("tech", storetest.Suwu, authz.Technician)
	token := h.session("tech")
	client := pb.NewSessionServiceClient(h.conn)
	for _, key := range []string{lineCookie, lineCertificate, lineRemote, lineCall, "lz-anything"} {
		_, err := client.GetSession(as(token, key, token), &pb.GetSessionRequest{})
		wantCode(t, err, "PermissionDenied")
	}
	// Through HTTP neither the header of that name nor grpc-gateway's prefix reaches it.
	for _, name := range []string{"Lz-Cookie", "Grpc-Metadata-Lz-Cookie", "Grpcgateway-Cookie"} {
		h.do(ask{method: "GET", path: "/api/v1/session", header: map[string]string{name: token}}).want(t, 401)
	}
	_, err := client.GetSession(as(token, "authorization", "Bearer "+token), &pb.GetSessionRequest{})
	wantCode(t, err, "InvalidArgument")
}

func TestPurposeAndJustificationReachThePolicy(t *testing.T) {
	h := newHouse(t)
	h.user("doc", storetest.Dongba, authz.Clinician)
	token := h.session("doc")
	path := "/api/v1/imaging/studies"
	header := func(purpose, reason string) map[string]string {
		m := bearer(token)
		m["X-Lianzhen-Purpose"], m["X-Lianzhen-Justification"] = purpose, reason
		return m
	}
	h.do(ask{method: "GET", path: path, header: header("TREAT", "")}).want(t, 200)
	h.do(ask{method: "GET", path: path, header: header("ETREAT", "%E6%98%8F%E8%BF%B7%E6%82%A3%E8%80%85%E6%80%A5%E8%AF%8A%E6%95%91%E6%B2%BB")}).want(t, 200)
	h.do(ask{method: "GET", path: path, header: header("ETREAT", "")}).want(t, 403)
	h.do(ask{method: "GET", path: path, header: header("FUN", "")}).want(t, 400)
	h.do(ask{method: "GET", path: path, header: header("ETREAT", "%zz")}).want(t, 400)
	h.do(ask{method: "GET", path: path, header: header("ETREAT", "a%0Ab")}).want(t, 400)
	h.do(ask{method: "GET", path: "/api/v1/session", header: header("TREAT", "")}).want(t, 200)
	events, err := h.DB.Events(t.Context(), store.EventFilter{Acts: []string{"study.searched"}, Desc: true})
	must(t, err)
	if events[0].Detail["justification"] != "昏迷患者急诊救治" || events[0].Purpose != "ETREAT" {
		t.Errorf("event %+v", events[0])
	}
}

// authority makes certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	var c tls.Certificate
	c, a.cert = a.issue(t, "test authority")
	a.key = c.PrivateKey.(*ecdsa.PrivateKey)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) issue(t *testing.T, name string) (tls.Certificate, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: a.cert == nil, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	must(t, err)
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}, parsed
}

func TestAClientCertificateIsAnIdentityAtBothDoors(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	server, _ := ca.issue(t, "server")
	h := newHouse(t, func(d *Deps) {
		d.Options.TLS = &tls.Config{
			Certificates: []tls.Certificate{server}, ClientCAs: ca.pool, ClientAuth: tls.VerifyClientCertIfGiven,
			MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		}
	})
	known, leaf := ca.issue(t, "his of suwu")
	unknown, _ := ca.issue(t, "nobody registered this one")
	foreign, _ := stranger.issue(t, "another authority")
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
	_, err := h.Book.CreateCertificate(t.Context(), system(), authz.Certificate{Institution: storetest.Suwu, Name: "his", Scopes: []string{"imaging:read"}}, text)
	must(t, err)
	_, otherKey := h.key(storetest.Dongba, "imaging:read")
	_, sameKey := h.key(storetest.Suwu, "imaging:read")
	for _, c := range []struct {
		name  string
		certs []tls.Certificate
		key   string
		want  string
	}{
		{"none", nil, "", "Unauthenticated"},
		{"registered", []tls.Certificate{known}, "", "OK"},
		{"not registered", []tls.Certificate{unknown}, "", "Unauthenticated"},
		{"of another authority", []tls.Certificate{foreign}, "", "Unavailable"},
		{"with a key of the same institution", []tls.Certificate{known}, sameKey, "OK"},
		{"with a key of another institution", []tls.Certificate{known}, otherKey, "PermissionDenied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := &tls.Config{RootCAs: ca.pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(c.certs) == 0 {
					return &tls.Certificate{}, nil
				}
				return &c.certs[0], nil
			}}
			conn, err := grpc.NewClient(h.grpc, grpc.WithTransportCredentials(credentials.NewTLS(cfg.Clone())))
			must(t, err)
			defer func() { _ = conn.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if c.key != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.key)
			}
			_, err = pb.NewImagingServiceClient(conn).SearchStudies(ctx, &pb.SearchStudiesRequest{})
			wantCode(t, err, c.want)

			web := &http.Client{Transport: &http.Transport{TLSClientConfig: cfg.Clone(), ForceAttemptHTTP2: true}}
			defer web.CloseIdleConnections()
			req, err := http.NewRequest("GET", strings.Replace(h.http, "http:", "https:", 1)+"/api/v1/imaging/studies", nil)
			must(t, err)
			if c.key != "" {
				req.Header.Set("Authorization", "Bearer "+c.key)
			}
			resp, err := web.Do(req)
			want := map[string]int{"OK": 200, "Unauthenticated": 401, "PermissionDenied": 403}[c.want]
			if err != nil {
				if want != 0 {
					t.Fatal(err)
				}
				return
			}
			_ = resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("HTTP %d, want %d", resp.StatusCode, want)
			}
			if resp.Header.Get("Strict-Transport-Security") == "" {
				t.Error("no HSTS with TLS")
			}
		})
	}
}
