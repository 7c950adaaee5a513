// Who may change accounts: an exhaustive look at grants, and the ways to more power that must stay closed.

package authz

import (
	"fmt"
	"slices"
	"testing"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestGrantsExhaustively(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	for i, giver := range Roles() {
		admin := d.user(fmt.Sprintf("giver%d", i), Grant{giver, storetest.LeadHospital})
		scope := as(admin, storetest.LeadHospital, storetest.LeadHospital, storetest.Suwu)
		for j, role := range Roles() {
			target := d.user(fmt.Sprintf("target%d-%d", i, j), Grant{Supervisor, storetest.LeadHospital})
			_, err := d.GrantRole(ctx, scope, target.ID, Grant{role, storetest.Suwu})
			if want := slices.Contains(grantable[giver], role); (err == nil) != want {
				t.Errorf("%s gives %s: %v, want allowed %v", giver, role, err, want)
			}
			_, err = d.GrantRole(ctx, scope, target.ID, Grant{role, storetest.Dongba})
			if err == nil {
				t.Errorf("%s gives %s outside the scope", giver, role)
			}
			_, err = d.GrantRole(ctx, scope, admin.ID, Grant{role, storetest.Suwu})
			if err == nil {
				t.Errorf("%s gives himself %s", giver, role)
			}
		}
	}
}

func TestOfficersExcludeEachOther(t *testing.T) {
	d := newDesk(t)
	n := 0
	for _, a := range Roles() {
		for _, b := range Roles() {
			n++
			_, err := d.tryUser(fmt.Sprintf("u%d", n), Grant{a, Root}, Grant{b, storetest.Suwu})
			oa, ob := slices.Contains(officers, a), slices.Contains(officers, b)
			clash := a != b && ((oa && ob) || (oa && slices.Contains(medical, b)) || (ob && slices.Contains(medical, a)))
			if (err != nil) != clash || (clash && record.KindOf(err) != record.Precondition) {
				t.Errorf("%s and %s: %v", a, b, err)
			}
		}
	}
}

func TestAdministratorsStayInTheirScope(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	admin := d.user("admin", Grant{InstitutionAdmin, storetest.Suwu})
	scope := as(admin, storetest.Suwu, storetest.Suwu)
	mine := d.user("mine", Grant{Clinician, storetest.Suwu})
	both := d.user("both", Grant{Clinician, storetest.Suwu}, Grant{CommunityAdmin, storetest.MinqinCommunity})
	peer := d.user("peer", Grant{InstitutionAdmin, storetest.Suwu})
	theirs := d.user("theirs", Grant{Clinician, storetest.Dongba})
	device, err := d.CreateDevice(ctx, d.system, Device{Institution: storetest.Dongba, Name: "CT", AETitle: "CT"})
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := d.CreateKey(ctx, d.system, APIKey{Name: "k", Institution: storetest.Dongba, Scopes: []string{"imaging:read"}})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := d.CreateCertificate(ctx, d.system, Certificate{Institution: storetest.Dongba, Name: "k", Scopes: []string{"imaging:read"}},
		certificatePEM(t, "", d.clock.Now().AddDate(1, 0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	password, closed, name := "a new password 1", false, record.Personal("新名字")
	newUser := func(g ...Grant) error {
		_, err := d.CreateUser(ctx, scope, NewUser{Login: "new", DisplayName: "新", Password: goodPassword, Roles: g})
		return err
	}
	update := func(u User, c UserChange) error {
		_, err := d.UpdateUser(ctx, scope, u.ID, c)
		return err
	}
	second := func(_ any, err error) error { return err }
	for _, c := range []struct {
		name string
		err  error
		want record.Kind
	}{
		{"reset a colleague with power elsewhere", update(both, UserChange{Password: &password}), record.Denied},
		{"close a colleague with power elsewhere", update(both, UserChange{Active: &closed}), record.Denied},
		{"reset another administrator", update(peer, UserChange{Password: &password}), record.Denied},
		{"rename a stranger", update(theirs, UserChange{DisplayName: &name}), record.NotFound},
		{"reset himself", update(admin, UserChange{Password: &password}), record.Denied},
		{"close himself", update(admin, UserChange{Active: &closed}), record.Denied},
		{"grant to a stranger", second(d.GrantRole(ctx, scope, theirs.ID, Grant{Clinician, storetest.Suwu})), record.NotFound},
		{"revoke elsewhere", second(d.RevokeRole(ctx, scope, both.ID, Grant{CommunityAdmin, storetest.MinqinCommunity})), record.NotFound},
		{"revoke a stranger", second(d.RevokeRole(ctx, scope, theirs.ID, Grant{Clinician, storetest.Dongba})), record.NotFound},
		{"revoke an administrator", second(d.RevokeRole(ctx, scope, peer.ID, Grant{InstitutionAdmin, storetest.Suwu})), record.Denied},
		{"revoke his own", second(d.RevokeRole(ctx, scope, admin.ID, Grant{InstitutionAdmin, storetest.Suwu})), record.Denied},
		{"revoke what is not", second(d.RevokeRole(ctx, scope, mine.ID, Grant{Reader, storetest.Suwu})), record.NotFound},
		{"a user elsewhere", newUser(Grant{Clinician, storetest.Dongba}), record.NotFound},
		{"a user here and elsewhere", newUser(Grant{Clinician, storetest.Suwu}, Grant{Clinician, storetest.Dongba}), record.NotFound},
		{"an administrator", newUser(Grant{InstitutionAdmin, storetest.Suwu}), record.Denied},
		{"a program's role", newUser(Grant{HISRole, storetest.Suwu}), record.Invalid},
		{"no role", newUser(), record.Invalid},
		{"a device elsewhere", second(d.CreateDevice(ctx, scope, Device{Institution: storetest.Dongba, Name: "x", AETitle: "X"})), record.NotFound},
		{"change a device elsewhere", second(d.UpdateDevice(ctx, scope, device.ID, DeviceChange{Active: &closed})), record.NotFound},
		{"revoke a key elsewhere", second(d.RevokeKey(ctx, scope, key.ID)), record.NotFound},
		{"revoke an unknown key", second(d.RevokeKey(ctx, scope, "nothing")), record.NotFound},
		{"revoke a certificate elsewhere", second(d.RevokeCertificate(ctx, scope, cert.Fingerprint)), record.NotFound},
		{"explain a stranger", second(d.CallerOf(ctx, scope, theirs.ID, storetest.Dongba)), record.NotFound},
		{"read a stranger", second(d.User(ctx, scope, theirs.ID)), record.NotFound},
	} {
		wantKind(t, c.name, c.err, c.want)
	}
	if err := update(mine, UserChange{DisplayName: &name, Password: &password}); err != nil {
		t.Errorf("his own people: %v", err)
	}
	users, _, err := d.ListUsers(ctx, scope, "", store.Page{})
	if err != nil || len(users) != 4 {
		t.Errorf("%+v, %v", users, err)
	}
	for _, u := range users {
		if u.ID == both.ID && !slices.Equal(u.Roles, []Grant{{Clinician, storetest.Suwu}}) {
			t.Errorf("roles elsewhere are shown: %+v", u.Roles)
		}
	}
	keys, _, err1 := d.ListKeys(ctx, scope, storetest.Dongba, store.Page{})
	devices, _, err2 := d.ListDevices(ctx, scope, "", store.Page{})
	certs, _, err3 := d.ListCertificates(ctx, scope, "", store.Page{})
	if len(keys)+len(devices)+len(certs) != 0 || err1 != nil || err2 != nil || err3 != nil {
		t.Errorf("%v %v %v, %v %v %v", keys, devices, certs, err1, err2, err3)
	}
}

func TestProgramsManageNobody(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	u := d.user("doctor", Grant{Clinician, storetest.Suwu})
	s := record.Scope{Actor: record.Actor{Kind: record.ActorKey, ID: "k", Institution: storetest.Suwu}, All: true}
	_, _, err := d.CreateKey(ctx, s, APIKey{Name: "k", Institution: storetest.Suwu, Scopes: []string{"imaging:read"}})
	wantKind(t, "a key makes a key", err, record.Denied)
	_, err = d.GrantRole(ctx, s, u.ID, Grant{Reader, storetest.Suwu})
	wantKind(t, "a key gives a role", err, record.Denied)
}

// An administrator whose role was taken away a moment ago holds a scope that still says yes.
func TestRevokedAdministratorGrantsNothing(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	admin := d.user("admin", Grant{InstitutionAdmin, storetest.Suwu}, Grant{Supervisor, storetest.Suwu})
	u := d.user("doctor", Grant{Clinician, storetest.Suwu})
	scope := as(admin, storetest.Suwu, storetest.Suwu)
	if _, err := d.RevokeRole(ctx, d.system, admin.ID, Grant{InstitutionAdmin, storetest.Suwu}); err != nil {
		t.Fatal(err)
	}
	_, err := d.GrantRole(ctx, scope, u.ID, Grant{Reader, storetest.Suwu})
	wantKind(t, "afterwards", err, record.Denied)
}

func TestThePlatformKeepsAnAdministrator(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	one := d.user("one", Grant{PlatformAdmin, Root})
	closed := false
	_, err := d.RevokeRole(ctx, d.system, one.ID, Grant{PlatformAdmin, Root})
	wantKind(t, "revoke the last", err, record.Precondition)
	_, err = d.UpdateUser(ctx, d.system, one.ID, UserChange{Active: &closed})
	wantKind(t, "close the last", err, record.Precondition)
	two := d.user("two", Grant{PlatformAdmin, Root})
	all := as(two, Root)
	all.All = true
	if _, err := d.UpdateUser(ctx, all, one.ID, UserChange{Active: &closed}); err != nil {
		t.Error(err)
	}
}

func TestListUsersPages(t *testing.T) {
	d := newDesk(t)
	var want, got []record.UserID
	for i := range 7 {
		want = append(want, d.user(fmt.Sprintf("user%d", i), Grant{Clinician, storetest.Suwu}, Grant{Reader, storetest.Dongba}).ID)
	}
	d.user("other", Grant{Clinician, storetest.LiangzhouHospital})
	slices.Sort(want)
	var page store.Page
	for page.Limit = 3; ; {
		users, next, err := d.ListUsers(t.Context(), d.system, storetest.Dongba, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range users {
			got = append(got, u.ID)
			if len(u.Roles) != 2 || u.Home != storetest.Suwu {
				t.Errorf("%+v", u)
			}
		}
		if page.After = next; next == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The same story on both databases.
func TestAccountsOnEveryDatabase(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		d := deskOver(t, db, nil)
		first, err := d.CreateFirstAdmin(ctx, "admin", goodPassword, "管理员")
		if err != nil {
			t.Fatal(err)
		}
		s, err := d.SignIn(ctx, "admin", goodPassword, "", "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		scope, err := newGuard(t, db).Admit(s.Caller, "people", "manage", "", "")
		if err != nil {
			t.Fatal(err)
		}
		u, err := d.CreateUser(ctx, scope, NewUser{Login: "boss", DisplayName: "院长", Password: goodPassword, Roles: []Grant{{InstitutionAdmin, storetest.Suwu}}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.CreateUser(ctx, scope, NewUser{Login: "BOSS", DisplayName: "院长", Password: goodPassword, Roles: []Grant{{InstitutionAdmin, storetest.Suwu}}})
		wantKind(t, "the login again", err, record.Conflict)
		if _, err := d.GrantRole(ctx, scope, u.ID, Grant{CentreAdmin, storetest.LeadHospital}); err != nil {
			t.Error(err)
		}
		_, secret, err := d.CreateKey(ctx, scope, APIKey{Name: "his", Institution: storetest.Suwu, Scopes: []string{"imaging:read"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.ByKey(ctx, secret); err != nil {
			t.Error(err)
		}
		device, err := d.CreateDevice(ctx, scope, Device{Institution: storetest.Suwu, Name: "CT", AETitle: "CT"})
		if err != nil {
			t.Fatal(err)
		}
		name := "CT 2"
		if device, err = d.UpdateDevice(ctx, scope, device.ID, DeviceChange{Name: &name}); err != nil || device.Name != name || !device.Active {
			t.Errorf("%+v, %v", device, err)
		}
		_, err = d.CreateDevice(ctx, scope, Device{Institution: storetest.Suwu, Name: "CT", AETitle: "CT"})
		wantKind(t, "the AE title again", err, record.Conflict)
		cert := certificatePEM(t, storetest.Suwu, db.Now().AddDate(1, 0, 0))
		c, err := d.CreateCertificate(ctx, scope, Certificate{Institution: storetest.Suwu, Name: "his", Scopes: []string{"imaging:read"}}, cert)
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.CreateCertificate(ctx, scope, Certificate{Institution: storetest.Suwu, Name: "his", Scopes: []string{"imaging:read"}}, cert)
		wantKind(t, "the certificate again", err, record.Conflict)
		if _, err := d.RevokeCertificate(ctx, scope, c.Fingerprint); err != nil {
			t.Error(err)
		}
		_, err = d.SignIn(ctx, "admin", "wrong password", "", "")
		wantKind(t, "wrong password", err, record.Unauthenticated)
		if err := d.ChangePassword(ctx, s.Caller, goodPassword, "the next password"); err != nil {
			t.Error(err)
		}
		if err := d.SignOut(ctx, s.Token); err != nil {
			t.Error(err)
		}
		for _, act := range []string{
			"people.created", "people.granted", "key.created", "device.created", "device.updated", "certificate.created",
			"certificate.revoked", "session.signed_in", "session.signed_out", "session.refused", "session.password_changed",
		} {
			e := d.events(act)
			if len(e) == 0 || (e[len(e)-1].Actor.ID != string(first.ID)) {
				t.Errorf("%s: %+v", act, e)
			}
		}
	})
}
