// The Book of accounts through a real database: credentials, management, and what an attacker would try.

package authz

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

const goodPassword = "correct horse 电池"

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// desk is a Book over a region, with a clock and the program's own scope.
type desk struct {
	*Book
	t      testing.TB
	db     *store.DB
	clock  *clock
	system record.Scope
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	c := &clock{now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	url := "sqlite:" + filepath.Join(t.TempDir(), "index.sqlite")
	db, err := store.Open(t.Context(), url, store.Options{Keys: storetest.Keys(t), Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return deskOver(t, db, c)
}

func deskOver(t testing.TB, db *store.DB, c *clock) *desk {
	t.Helper()
	storetest.County(t, db)
	extend(t, db)
	return &desk{
		Book: NewBook(db, storetest.Keys(t)), t: t, db: db, clock: c,
		system: record.Scope{Actor: record.Actor{Kind: record.ActorSystem, ID: "demo"}, All: true},
	}
}

// goodHash is goodPassword hashed once: argon2 is slow on purpose.
var goodHash = sync.OnceValues(func() (string, error) { return newHasher().hash(context.Background(), goodPassword) })

// tryUser is CreateUser by the program itself, without hashing again.
func (d *desk) tryUser(login string, grants ...Grant) (u User, err error) {
	d.t.Helper()
	ctx := d.t.Context()
	hash, err := goodHash()
	if err != nil {
		return u, err
	}
	id := record.UserID(record.NewID(d.db.Now()))
	err = d.change(ctx, d.system, func(tx *store.Tx) error {
		n := NewUser{Login: login, DisplayName: "示例医生", Roles: grants, Keep: true}
		if err := putUser(ctx, tx, d.system, id, n, hash); err != nil {
			return err
		}
		for _, g := range grants {
			if err := grant(ctx, tx, d.system, Roles(), id, g); err != nil {
				return err
			}
		}
		u, err = userIn(ctx, tx, d.system, id)
		return err
	})
	return u, err
}

func (d *desk) user(login string, grants ...Grant) User {
	d.t.Helper()
	u, err := d.tryUser(login, grants...)
	if err != nil {
		d.t.Fatal(err)
	}
	return u
}

// as is the scope of a user for managing institutions.
func as(u User, at record.InstitutionID, within ...record.InstitutionID) record.Scope {
	slices.Sort(within)
	return record.Scope{
		Actor: record.Actor{Kind: record.ActorUser, ID: string(u.ID), Institution: at}, Purpose: record.Operations,
		Institutions: within, Own: at, Rule: "test",
	}
}

func (d *desk) events(act string) []record.Event {
	d.t.Helper()
	e, err := d.db.Events(d.t.Context(), store.EventFilter{Acts: []string{act}})
	if err != nil {
		d.t.Fatal(err)
	}
	return e
}

func wantKind(t testing.TB, what string, err error, want record.Kind) {
	t.Helper()
	if err == nil || record.KindOf(err) != want {
		t.Errorf("%s: error %v, want kind %v", what, err, want)
	}
}

func TestFirstAdmin(t *testing.T) {
	db := storetest.SQLite(t)
	b := NewBook(db, storetest.Keys(t))
	ctx := t.Context()
	u, err := b.CreateFirstAdmin(ctx, "Root.Admin", goodPassword, "系统管理员")
	if err != nil || u.Login != "root.admin" || u.MustChange || !slices.Equal(u.Roles, []Grant{{PlatformAdmin, Root}}) {
		t.Fatalf("%+v, %v", u, err)
	}
	if i, err := db.Institution(ctx, Root); err != nil || i.Kind != store.Bureau {
		t.Errorf("%+v, %v", i, err)
	}
	_, err = b.CreateFirstAdmin(ctx, "another", goodPassword, "又一个")
	wantKind(t, "a second first", err, record.Precondition)
	s, err := b.SignIn(ctx, "ROOT.admin ", goodPassword, "", "")
	if err != nil || s.Login != "root.admin" || !slices.Equal(s.Caller.Roles, []string{PlatformAdmin}) || s.Caller.Actor.Institution != Root {
		t.Errorf("%+v, %v", s, err)
	}
	g := newGuard(t, db)
	if scope, err := g.Admit(s.Caller, "people", "manage", "", ""); err != nil || !scope.All {
		t.Errorf("%+v, %v", scope, err)
	}
}

func TestSessionLife(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	u := d.user("doctor", Grant{Clinician, storetest.Suwu}, Grant{Reader, storetest.LeadHospital})
	s, err := d.SignIn(ctx, "doctor", goodPassword, "", "10.0.0.1")
	if err != nil || s.Caller.Actor.Institution != storetest.Suwu || len(s.Institutions) != 2 || !slices.Equal(s.AMR, []string{"pwd"}) {
		t.Fatalf("%+v, %v", s, err)
	}
	var kept int
	if err := d.db.QueryRow(ctx, `SELECT COUNT(*) FROM sessions WHERE token_hash = $1`, s.Token).Scan(&kept); err != nil || kept != 0 {
		t.Errorf("the token itself is kept: %d, %v", kept, err)
	}
	for range 40 { // idle ends slide
		d.clock.pass(14 * time.Minute)
		if c, err := d.BySession(ctx, s.Token); err != nil || !slices.Equal(c.Roles, []string{Clinician}) || c.Session == "" {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	if got, err := d.SessionOf(ctx, s.Caller); err != nil || got.Token != "" || got.Login != "doctor" || len(got.Institutions) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	d.clock.pass(14 * time.Minute)
	if _, err := d.BySession(Unattended(ctx), s.Token); err != nil { // an open stream looks, nobody acts
		t.Fatal(err)
	}
	d.clock.pass(time.Minute)
	_, err = d.BySession(ctx, s.Token)
	wantKind(t, "idle", err, record.Unauthenticated)

	s, err = d.SignIn(ctx, "doctor", goodPassword, storetest.LeadHospital, "")
	if err != nil || !slices.Equal(s.Caller.Roles, []string{Reader}) {
		t.Fatalf("%+v, %v", s, err)
	}
	for range 72 {
		d.clock.pass(10 * time.Minute)
		_, err = d.BySession(ctx, s.Token)
	}
	wantKind(t, "12 hours old", err, record.Unauthenticated)

	s, err = d.SignIn(ctx, "doctor", goodPassword, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.SignOut(ctx, s.Token), d.SignOut(ctx, s.Token)); err != nil {
		t.Error(err)
	}
	_, err = d.BySession(ctx, s.Token)
	wantKind(t, "signed out", err, record.Unauthenticated)
	_, err = d.SignIn(ctx, "doctor", goodPassword, storetest.Dongba, "")
	wantKind(t, "an institution without a role", err, record.Denied)
	if e := d.events("session.signed_in"); len(e) != 3 || e[0].Object != string(u.ID) || e[0].Actor.ID != string(u.ID) {
		t.Errorf("events %+v", e)
	}
	for _, token := range []string{"", "x", s.Token + "x", "ls_" + strings.Repeat("A", 43), strings.Repeat("A", 46)} {
		_, err = d.BySession(ctx, token)
		wantKind(t, "token", err, record.Unauthenticated)
	}
}

func TestLastUseIsWrittenOnceAMinute(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	k, secret, err := d.CreateKey(ctx, d.system, APIKey{Name: "his", Institution: storetest.Suwu, Scopes: []string{"imaging:read"}})
	if err != nil {
		t.Fatal(err)
	}
	begun, writes := d.clock.Now(), 0
	last := k.LastUsedAt
	for range 100 {
		d.clock.pass(3 * time.Second)
		if _, err := d.ByKey(ctx, secret); err != nil {
			t.Fatal(err)
		}
		list, _, err := d.ListKeys(ctx, d.system, "", store.Page{})
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		if !list[0].LastUsedAt.Equal(last) {
			writes, last = writes+1, list[0].LastUsedAt
		}
	}
	if writes != 5 || last.Sub(begun) < 4*time.Minute {
		t.Errorf("%d writes in 5 minutes, the last %v", writes, last.Sub(begun))
	}
}

func TestRevocationReachesOtherGatewaysInASecond(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	other := NewBook(d.db, storetest.Keys(t)) // another gateway: its own memory
	d.user("admin", Grant{PlatformAdmin, Root})
	u := d.user("doctor", Grant{Clinician, storetest.Suwu})
	s, err := d.SignIn(ctx, "doctor", goodPassword, "", "")
	if err != nil {
		t.Fatal(err)
	}
	k, secret, err := d.CreateKey(ctx, d.system, APIKey{Name: "his", Institution: storetest.Suwu, Scopes: []string{"imaging:read"}})
	if err != nil {
		t.Fatal(err)
	}
	text := certificatePEM(t, storetest.Suwu, d.clock.Now().Add(time.Hour))
	cert, err := d.CreateCertificate(ctx, d.system, Certificate{Institution: storetest.Suwu, Name: "his", Scopes: []string{"imaging:read"}}, text)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := d.CreateDevice(ctx, d.system, Device{Institution: storetest.Suwu, Name: "CT", AETitle: "CT1"})
	if err != nil {
		t.Fatal(err)
	}
	look := func(b *Book) map[string]error {
		out := make(map[string]error)
		_, out["session"] = b.BySession(ctx, s.Token)
		_, out["key"] = b.ByKey(ctx, secret)
		_, out["basic"] = b.ByBasic(ctx, string(k.ID), secret)
		_, out["certificate"] = b.ByCertificate(ctx, cert.Fingerprint)
		_, out["device"] = b.ByDevice(ctx, Station{AETitle: "CT1 "})
		return out
	}
	for _, b := range []*Book{d.Book, other} {
		for what, err := range look(b) {
			if err != nil {
				t.Errorf("before, %s: %v", what, err)
			}
		}
	}
	closed := false
	_, err1 := d.UpdateUser(ctx, d.system, u.ID, UserChange{Active: &closed})
	_, err2 := d.RevokeKey(ctx, d.system, k.ID)
	_, err3 := d.RevokeCertificate(ctx, d.system, cert.Fingerprint)
	_, err4 := d.UpdateDevice(ctx, d.system, dev.ID, DeviceChange{Active: &closed})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	for what, err := range look(d.Book) {
		wantKind(t, "at once here, "+what, err, record.Unauthenticated)
	}
	d.clock.pass(cacheFor)
	for what, err := range look(other) {
		wantKind(t, "a second later there, "+what, err, record.Unauthenticated)
	}
	_, err = d.SignIn(ctx, "doctor", goodPassword, "", "")
	wantKind(t, "closed account", err, record.Unauthenticated)
	_, err = d.CreateCertificate(ctx, d.system, Certificate{Institution: storetest.Suwu, Name: "his", Scopes: []string{"imaging:read"}}, text)
	wantKind(t, "a revoked certificate again", err, record.Conflict)
}

func TestKeys(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	expires := d.clock.Now().Add(time.Hour)
	k, secret, err := d.CreateKey(ctx, d.system, APIKey{Name: "PACS", Institution: storetest.Suwu, Scopes: []string{"imaging:write", "imaging:read", "imaging:read"}, ExpiresAt: expires})
	if err != nil || !slices.Equal(k.Scopes, []string{"imaging:read", "imaging:write"}) || !k.ExpiresAt.Equal(expires) {
		t.Fatalf("%+v, %v", k, err)
	}
	c, err := d.ByKey(ctx, secret)
	if err != nil || c.Actor.ID != string(k.ID) || c.Actor.Kind != record.ActorKey || !slices.Equal(c.KeyScopes, k.Scopes) || !slices.Equal(c.Roles, []string{HISRole}) {
		t.Fatalf("%+v, %v", c, err)
	}
	id, part, err := ParseKey(secret)
	if err != nil || id != k.ID {
		t.Fatal(id, err)
	}
	for _, pair := range [][2]string{{string(k.ID), part}, {string(k.ID), secret}} {
		if _, err := d.ByBasic(ctx, pair[0], pair[1]); err != nil {
			t.Errorf("basic: %v", err)
		}
	}
	for _, pair := range [][2]string{{"other", secret}, {string(k.ID), part[1:]}, {string(k.ID), ""}, {"", part}, {string(k.ID) + "_" + part, part}, {string(k.ID), strings.Repeat("A", 43)}} {
		_, err := d.ByBasic(ctx, pair[0], pair[1])
		wantKind(t, fmt.Sprint("basic ", pair), err, record.Unauthenticated)
	}
	var kept string
	if err := d.db.QueryRow(ctx, `SELECT secret_hash FROM api_keys`).Scan(&kept); err != nil || kept != hexHash(part) {
		t.Errorf("kept %q, %v", kept, err)
	}
	d.clock.pass(time.Hour)
	_, err = d.ByKey(ctx, secret)
	wantKind(t, "expired", err, record.Unauthenticated)
	for name, bad := range map[string]APIKey{
		"unknown scope": {Name: "x", Institution: storetest.Suwu, Scopes: []string{"everything"}},
		"no scope":      {Name: "x", Institution: storetest.Suwu},
		"no name":       {Institution: storetest.Suwu, Scopes: []string{"imaging:read"}},
		"line break":    {Name: "x\ny", Institution: storetest.Suwu, Scopes: []string{"imaging:read"}},
		"past":          {Name: "x", Institution: storetest.Suwu, Scopes: []string{"imaging:read"}, ExpiresAt: d.clock.Now()},
	} {
		_, _, err := d.CreateKey(ctx, d.system, bad)
		wantKind(t, name, err, record.Invalid)
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("lz_01J0000000000000000000000_" + strings.Repeat("A", 43))
	f.Add("lz_a_" + strings.Repeat("_", 43))
	f.Add("lz__" + strings.Repeat("-", 43))
	f.Add("lz_a\x00b_" + strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, text string) {
		id, secret, err := ParseKey(text)
		if err != nil {
			if id != "" || secret != "" {
				t.Errorf("%q: %q %q beside %v", text, id, secret, err)
			}
			return
		}
		if !record.ValidID(string(id)) || strings.Contains(string(id), "_") || len(secret) != secretLen || joinKey(id, secret) != text {
			t.Errorf("%q: %q %q", text, id, secret)
		}
	})
}

func certificatePEM(t testing.TB, org record.InstitutionID, notAfter time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "his"}, NotBefore: notAfter.Add(-48 * time.Hour), NotAfter: notAfter}
	if org != "" {
		u, err := url.Parse(orgURI + string(org))
		if err != nil {
			t.Fatal(err)
		}
		c.URIs = []*url.URL{u}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCertificates(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	soon := d.clock.Now().Add(time.Hour).Truncate(time.Second)
	make := func(org record.InstitutionID, text string) (Certificate, error) {
		return d.CreateCertificate(ctx, d.system, Certificate{Institution: storetest.Suwu, Name: "his", Scopes: []string{"imaging:write"}}, text)
	}
	_, err := make(storetest.Suwu, certificatePEM(t, storetest.Dongba, soon))
	wantKind(t, "of another institution", err, record.Invalid)
	_, err = make(storetest.Suwu, certificatePEM(t, "", d.clock.Now()))
	wantKind(t, "expired", err, record.Invalid)
	_, err = make(storetest.Suwu, "no PEM")
	wantKind(t, "no PEM", err, record.Invalid)
	one := certificatePEM(t, "", soon)
	_, err = make(storetest.Suwu, one+one)
	wantKind(t, "two", err, record.Invalid)
	c, err := make(storetest.Suwu, one)
	if err != nil || !c.NotAfter.Equal(soon) || len(c.Fingerprint) != 64 {
		t.Fatalf("%+v, %v", c, err)
	}
	_, err = make(storetest.Suwu, one)
	wantKind(t, "again", err, record.Conflict)
	caller, err := d.ByCertificate(ctx, c.Fingerprint)
	if err != nil || caller.Actor.Kind != record.ActorCert || caller.Actor.Institution != storetest.Suwu || !slices.Equal(caller.KeyScopes, []string{"imaging:write"}) {
		t.Errorf("%+v, %v", caller, err)
	}
	for _, f := range []string{"", strings.Repeat("0", 64), strings.ToUpper(c.Fingerprint), c.Fingerprint[:63]} {
		_, err := d.ByCertificate(ctx, f)
		wantKind(t, "fingerprint "+f, err, record.Unauthenticated)
	}
	d.clock.pass(time.Hour)
	_, err = d.ByCertificate(ctx, c.Fingerprint)
	wantKind(t, "grown old", err, record.Unauthenticated)
	if list, _, err := d.ListCertificates(ctx, d.system, storetest.Suwu, store.Page{}); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestDevices(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	one, err := d.CreateDevice(ctx, d.system, Device{Institution: storetest.Suwu, Name: "CT", AETitle: " SUWU_CT ", Modality: "CT", Address: "10.1.2.3:104"})
	if err != nil || one.AETitle != "SUWU_CT" || !one.Active {
		t.Fatalf("%+v, %v", one, err)
	}
	two := Device{Institution: storetest.Dongba, Name: "CT", AETitle: "SUWU_CT"}
	_, err = d.CreateDevice(ctx, d.system, two)
	wantKind(t, "the same AE title", err, record.Conflict)
	home := netip.MustParseAddr("10.1.2.3")
	c, err := d.ByDevice(ctx, Station{AETitle: "SUWU_CT ", Address: home})
	if err != nil || c.Actor.ID != "SUWU_CT" || c.Actor.Institution != storetest.Suwu || !slices.Equal(c.Roles, []string{DeviceRole}) || c.KeyScopes != nil {
		t.Errorf("%+v, %v", c, err)
	}
	_, err = d.ByDevice(ctx, Station{AETitle: "SUWU_CT", Address: netip.MustParseAddr("10.1.2.4")})
	wantKind(t, "another address", err, record.Unauthenticated)
	closed, open := false, true
	if _, err := d.UpdateDevice(ctx, d.system, one.ID, DeviceChange{Active: &closed}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.CreateDevice(ctx, d.system, two); err != nil {
		t.Errorf("the AE title is free again: %v", err)
	}
	_, err = d.UpdateDevice(ctx, d.system, one.ID, DeviceChange{Active: &open})
	wantKind(t, "back while it is taken", err, record.Conflict)
	for _, ae := range []string{"", "suwu_ct", "SUWU CT", "SUWU_CT\x00", strings.Repeat("A", 17)} {
		_, err := d.ByDevice(ctx, Station{AETitle: ae})
		wantKind(t, ae, err, record.Unauthenticated)
	}
	for _, ae := range []string{"", "A B", "A\\B", "A\x00", strings.Repeat("A", 17)} {
		_, err := d.CreateDevice(ctx, d.system, Device{Institution: storetest.Suwu, Name: "x", AETitle: ae})
		wantKind(t, ae, err, record.Invalid)
	}
}

func TestStationsAreBound(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	print1, print2 := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	for _, tt := range []struct {
		name        string
		device      Device
		from        string
		certificate string
		ok          bool
	}{
		{"nothing asked for", Device{}, "10.9.9.9", "", true},
		{"the address", Device{Address: "10.1.2.3"}, "10.1.2.3", "", true},
		{"the address in IPv6 clothes", Device{Address: "10.1.2.3:104"}, "::ffff:10.1.2.3", "", true},
		{"another address", Device{Address: "10.1.2.3:104"}, "10.1.2.30", "", false},
		{"inside the network", Device{Address: "10.1.2.0/24"}, "10.1.2.30", "", true},
		{"outside the network", Device{Address: "10.1.2.0/24"}, "10.1.3.30", "", false},
		{"a host name", Device{Address: "localhost:104"}, "127.0.0.1", "", true},
		{"the certificate", Device{Certificate: print1}, "10.9.9.9", print1, true},
		{"another certificate", Device{Certificate: print1}, "10.9.9.9", print2, false},
		{"no certificate", Device{Certificate: print1}, "10.9.9.9", "", false},
		{"the certificate from another address", Device{Certificate: print1, Address: "10.1.2.3"}, "10.9.9.9", print1, false},
		{"a workstation", Device{Role: WorkstationRole, Address: "10.1.2.3"}, "10.1.2.3", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			closed := false
			tt.device.Institution, tt.device.Name, tt.device.AETitle = storetest.Suwu, "x", "ONE"
			made, err := d.CreateDevice(ctx, d.system, tt.device)
			if err != nil {
				t.Fatal(err)
			}
			c, err := d.ByDevice(ctx, Station{AETitle: "ONE", Address: netip.MustParseAddr(tt.from), Certificate: tt.certificate})
			if (err == nil) != tt.ok || err == nil && c.Roles[0] != made.Role {
				t.Errorf("%+v, %v", c, err)
			}
			if _, err := d.UpdateDevice(ctx, d.system, made.ID, DeviceChange{Active: &closed}); err != nil {
				t.Fatal(err)
			}
		})
	}
	for _, bad := range []Device{{Role: "his"}, {Role: WorkstationRole}, {Certificate: "ab"}} {
		bad.Institution, bad.Name, bad.AETitle = storetest.Suwu, "x", "TWO"
		_, err := d.CreateDevice(ctx, d.system, bad)
		wantKind(t, "a device that is not bound", err, record.Invalid)
	}
}

func TestPasswordsOfOthersAreToBeChanged(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	admin := d.user("admin", Grant{InstitutionAdmin, storetest.Suwu})
	scope := as(admin, storetest.Suwu, storetest.Suwu)
	u, err := d.CreateUser(ctx, scope, NewUser{Login: "Doctor", DisplayName: "示例医生", Password: goodPassword, Keep: true, Roles: []Grant{{Clinician, storetest.Suwu}}})
	if err != nil || !u.MustChange {
		t.Fatalf("%+v, %v", u, err)
	}
	s, err := d.SignIn(ctx, "doctor", goodPassword, "", "")
	if err != nil || !s.MustChange || s.Caller.Roles != nil {
		t.Fatalf("%+v, %v", s, err)
	}
	elsewhere, err := d.SignIn(ctx, "doctor", goodPassword, "", "")
	if err != nil {
		t.Fatal(err)
	}
	next := "another good 密码"
	wantKind(t, "wrong old", d.ChangePassword(ctx, s.Caller, "wrong old one", next), record.Unauthenticated)
	wantKind(t, "short", d.ChangePassword(ctx, s.Caller, goodPassword, "short"), record.Invalid)
	wantKind(t, "with the login", d.ChangePassword(ctx, s.Caller, goodPassword, "doctor1234567"), record.Invalid)
	wantKind(t, "the same", d.ChangePassword(ctx, s.Caller, goodPassword, goodPassword), record.Invalid)
	wantKind(t, "a program", d.ChangePassword(ctx, Caller{Actor: record.Actor{Kind: record.ActorKey, ID: "k"}}, goodPassword, next), record.Denied)
	if err := d.ChangePassword(ctx, s.Caller, goodPassword, next); err != nil {
		t.Fatal(err)
	}
	if c, err := d.BySession(ctx, s.Token); err != nil || !slices.Equal(c.Roles, []string{Clinician}) {
		t.Errorf("%+v, %v", c, err)
	}
	_, err = d.BySession(ctx, elsewhere.Token)
	wantKind(t, "the other session", err, record.Unauthenticated)
	_, err = d.SignIn(ctx, "doctor", goodPassword, "", "")
	wantKind(t, "the old password", err, record.Unauthenticated)

	reset := "set by somebody 1"
	if u, err = d.UpdateUser(ctx, scope, u.ID, UserChange{Password: &reset}); err != nil || !u.MustChange {
		t.Errorf("%+v, %v", u, err)
	}
	_, err = d.BySession(ctx, s.Token)
	wantKind(t, "after a reset", err, record.Unauthenticated)
}

func TestLockOutGrows(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	d.user("doctor", Grant{Clinician, storetest.Suwu})
	for _, login := range []string{"doctor", "nobody-here"} { // the same for both
		for n := 1; n <= 9; n++ {
			_, err := d.SignIn(ctx, login, "wrong password", "", "")
			if !errors.Is(err, errSignIn) {
				t.Fatalf("%s, failure %d: %v", login, n, err)
			}
			delay := delayAfter(n)
			if delay == 0 {
				continue
			}
			d.clock.pass(delay - time.Second)
			if _, err := d.SignIn(ctx, login, goodPassword, "", ""); !errors.Is(err, errLocked) {
				t.Fatalf("%s, within the delay after %d: %v", login, n, err)
			}
			d.clock.pass(time.Second)
		}
	}
	if _, err := d.SignIn(ctx, "doctor", goodPassword, "", ""); err != nil {
		t.Fatalf("the right one after the delay: %v", err)
	}
	for range 4 {
		_, _ = d.SignIn(ctx, "doctor", "wrong password", "", "")
	}
	if _, err := d.SignIn(ctx, "doctor", goodPassword, "", ""); err != nil {
		t.Errorf("success forgets failures: %v", err)
	}
	for n, want := range map[int]time.Duration{1: 0, 4: 0, 5: 30 * time.Second, 6: time.Minute, 9: 8 * time.Minute, 10: 15 * time.Minute, 1000: 15 * time.Minute} {
		if got := delayAfter(n); got != want {
			t.Errorf("delay after %d: %v, want %v", n, got, want)
		}
	}
	for _, e := range d.events("session.refused") {
		if text := fmt.Sprintf("%+v", e); strings.Contains(text, "nobody-here") || strings.Contains(text, "wrong password") || strings.Contains(text, "示例") {
			t.Errorf("event says too much: %s", text)
		}
	}
}

func TestGuessingManyAtATimeGainsNothing(t *testing.T) {
	d := newDesk(t)
	d.user("doctor", Grant{Clinician, storetest.Suwu})
	var mu sync.Mutex
	tried := 0
	var wg sync.WaitGroup
	for range 24 {
		wg.Go(func() {
			if _, err := d.SignIn(context.Background(), "doctor", "wrong password", "", ""); errors.Is(err, errSignIn) {
				mu.Lock()
				tried++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if tried != freeFailures {
		t.Errorf("%d passwords were compared, want %d", tried, freeFailures)
	}
}

func TestHasherIsBounded(t *testing.T) {
	h := newHasher()
	var leaves []func()
	for range cap(h.slots) {
		leave, err := h.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range hashQueue {
		wg.Go(func() { _, _ = h.enter(ctx) })
	}
	eventually(t, "the queue is full", func() bool { return h.waiting.Load() == hashQueue })
	_, err := h.enter(t.Context())
	wantKind(t, "beyond the queue", err, record.Unavailable)
	cancel()
	wg.Wait()
	for _, l := range leaves {
		l()
	}
	if h.waiting.Load() != 0 {
		t.Error("somebody still waits")
	}
}

func TestHasherReadsItsOwnAndRefusesTheRest(t *testing.T) {
	h := newHasher()
	stored, err := h.hash(t.Context(), goodPassword)
	if err != nil || !strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(stored, err)
	}
	if !h.same(stored, goodPassword) || h.same(stored, goodPassword+" ") || h.same(h.dummy, "") {
		t.Error("comparison is wrong")
	}
	for _, bad := range []string{
		"", "$", goodPassword, "$argon2i$v=19$m=19456,t=2,p=1$YWFhYQ$YWFhYQ",
		"$argon2id$v=19$m=4294967295,t=2,p=1$YWFhYWFhYWE$YWFhYWFhYWFhYWFhYWFhYQ", "$argon2id$v=19$m=19456,t=0,p=1$YWFhYWFhYWE$YWFhYWFhYWFhYWFhYWFhYQ",
	} {
		if h.same(bad, goodPassword) {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestUnknownLoginTakesAsLong(t *testing.T) {
	d := newDesk(t)
	d.user("doctor", Grant{Clinician, storetest.Suwu})
	best := map[string]time.Duration{"doc": time.Hour, "nob": time.Hour} // of several: the machine has other work
	for i := range 4 {
		for _, login := range []string{"doctor", fmt.Sprintf("nobody%d", i)} {
			begun := time.Now()
			_, err := d.SignIn(t.Context(), login, "wrong password", "", "")
			if record.Public(err) != record.Public(errSignIn) {
				t.Fatal(err)
			}
			best[login[:3]] = min(best[login[:3]], time.Since(begun))
		}
	}
	if ratio := float64(best["nob"]) / float64(best["doc"]); ratio < 0.4 || ratio > 2.5 {
		t.Errorf("known %v, unknown %v", best["doc"], best["nob"])
	}
}
