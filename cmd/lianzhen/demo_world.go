// The world of the trial: two counties, their institutions, people, programs, devices and marks. All of it is invented; the
// counties' names are real places, nothing else is.

package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/authz/recognition"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// demoCounty is one county with its community.
type demoCounty struct {
	id, name, en, division string
	townships              [3]demoTownship
}

// demoTownship is a township clinic with the village post below it.
type demoTownship struct{ id, name, en, village string }

var demoCounties = []demoCounty{
	{"gulang", "古浪县", "Gulang", "620622", [3]demoTownship{
		{"gulang-yunshan", "云杉镇卫生院", "Yunshan Township Clinic", "松林村卫生室"},
		{"gulang-qingshipo", "青石坡镇卫生院", "Qingshipo Township Clinic", "上坡村卫生室"},
		{"gulang-baiyanggou", "白杨沟乡卫生院", "Baiyanggou Township Clinic", "沟口村卫生室"},
	}},
	{"minqin", "民勤县", "Minqin", "620621", [3]demoTownship{
		{"minqin-hongliuwan", "红柳湾镇卫生院", "Hongliuwan Township Clinic", "柳林村卫生室"},
		{"minqin-huyang", "胡杨镇卫生院", "Huyang Township Clinic", "胡杨村卫生室"},
		{"minqin-shazaoyuan", "沙枣园乡卫生院", "Shazaoyuan Township Clinic", "枣园村卫生室"},
	}},
}

func (c demoCounty) hospital() record.InstitutionID { return record.InstitutionID(c.id + "-hospital") }

func (c demoCounty) community() record.InstitutionID {
	return record.InstitutionID(c.id + "-community")
}

const (
	demoProvince = "gansu"
	demoCity     = "wuwei"
	benchName    = "bench"
)

// benchAt is the institution of the key and the AE titles that other programs join with.
var benchAt = demoCounties[0].hospital()

// demoUser is one account in the plan of the world.
type demoUser struct {
	login, name, role string
	institution       record.InstitutionID
}

// demoUsers lists who works where.
func demoUsers() []demoUser {
	us := []demoUser{
		{"admin", "系统管理员", authz.PlatformAdmin, authz.Root},
		{"security", "安全管理员", authz.SecurityAdmin, authz.Root},
		{"audit", "审计管理员", authz.AuditAdmin, authz.Root},
	}
	names := demoNames()
	for _, c := range demoCounties {
		h := c.hospital()
		us = append(us,
			demoUser{c.id + "-reader1", names(), authz.Reader, h}, demoUser{c.id + "-reader2", names(), authz.Reader, h},
			demoUser{c.id + "-reviewer1", names(), authz.Reviewer, h}, demoUser{c.id + "-reviewer2", names(), authz.Reviewer, h},
			demoUser{c.id + "-doctor", names(), authz.Clinician, h},
			demoUser{c.id + "-centre", names(), authz.CentreAdmin, h},
			demoUser{c.id + "-hospital-admin", names(), authz.InstitutionAdmin, h},
			demoUser{c.id + "-community-admin", names(), authz.CommunityAdmin, c.community()},
		)
		for _, t := range c.townships {
			us = append(us,
				demoUser{t.id + "-tech", names(), authz.Technician, record.InstitutionID(t.id)},
				demoUser{t.id + "-doctor", names(), authz.Clinician, record.InstitutionID(t.id)},
			)
		}
	}
	return us
}

// demoNames gives invented names of staff, one after the other.
func demoNames() func() string {
	family, given := []rune("赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"), []rune("明华建国志强秀英海燕文博思远雨桐子涵")
	n := 0
	return func() string {
		n++
		return string([]rune{family[n*5%len(family)], given[n*7%len(given)], given[(n*11+3)%len(given)]})
	}
}

// demoKey is one key in the plan of the world.
type demoKey struct {
	name        string
	institution record.InstitutionID
	scopes      []string
}

func demoKeys() []demoKey {
	ks := []demoKey{{benchName, benchAt, authz.KeyScopes()}}
	for _, c := range demoCounties {
		for _, t := range c.townships {
			ks = append(ks, demoKey{t.id + "-edge", record.InstitutionID(t.id), []string{"imaging:write", "ecg:write", "lab:write", "lab:order"}})
		}
		ks = append(ks, demoKey{
			c.id + "-his", c.hospital(),
			[]string{"imaging:read", "ecg:read", "lab:read", "lab:write", "lab:order", "reading:read", "recognition:read", "recognition:write", "patient:read", "patient:write", "directory:read"},
		})
	}
	return ks
}

// demoDevices lists AE titles and whose they are.
func demoDevices() []authz.Device {
	ds := []authz.Device{
		{Institution: benchAt, Name: "bench", AETitle: "BENCH", Active: true},
		{Institution: benchAt, Name: "dcmtk storescu", AETitle: "STORESCU", Active: true},
	}
	for _, l := range []struct {
		protocol            authz.Protocol
		name, link, profile string
	}{
		{authz.ASTM, demoHaematology, demoHaematology, "profile: demo-xn\nbased_on: sysmex-xn\n"},
		{authz.HL7, demoChemistry, demoChemistry + "|GULANG", ""},
		{authz.HL7, demoLIS, demoLIS + "|GULANG", "final: true\n"},
	} {
		ds = append(ds, authz.Device{
			Institution: benchAt, Name: l.name, Protocol: l.protocol, Link: l.link, Address: "127.0.0.1", Active: true, Profile: authz.Profile{YAML: l.profile},
		})
	}
	for _, c := range demoCounties {
		for i, t := range c.townships {
			ds = append(ds, authz.Device{
				Institution: record.InstitutionID(t.id), Name: "DR", Modality: "DX",
				AETitle: fmt.Sprintf("%s_DR%d", strings.ToUpper(c.id), i+1), Active: true,
			}, authz.Device{
				Institution: record.InstitutionID(t.id), Name: "心电图机 ECG cart", Modality: "ECG",
				AETitle: fmt.Sprintf("%s_ECG%d", strings.ToUpper(c.id), i+1), Active: true,
			})
		}
	}
	return ds
}

// demoRooms are the rooms that the world is built in.
type demoRooms struct {
	db   *store.DB
	book *authz.Book
	desk *recognition.Desk
}

// demoScope is the program acting by itself.
var demoScope = record.Scope{
	Actor:   record.Actor{Kind: record.ActorSystem, ID: "demo", Display: "lianzhen demo", Institution: authz.Root},
	Purpose: record.Operations, All: true, Rule: "demo",
}

// build makes what is not there yet. It may be called again on the same data, and after a start that was cut off.
func (w *demoWorld) build(ctx context.Context, r demoRooms) error {
	for _, step := range []struct {
		what string
		do   func(context.Context, demoRooms) error
	}{
		{"people", w.buildAdmin}, // first: it makes the root of the directory
		{"institutions", w.buildInstitutions},
		{"people", w.buildUsers},
		{"keys", w.buildKeys},
		{"devices", w.buildDevices},
		{"marks", w.buildMarks},
	} {
		if err := step.do(ctx, r); err != nil {
			return fmt.Errorf("demo %s: %w", step.what, err)
		}
	}
	return nil
}

func (w *demoWorld) buildInstitutions(ctx context.Context, r demoRooms) error {
	have, err := r.db.Graph(ctx)
	if err != nil {
		return err
	}
	return r.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(demoScope)
		p := planter{ctx: ctx, tx: tx, have: have}
		p.institution(store.Institution{ID: demoProvince, Name: "甘肃省", NameEN: "Gansu", Kind: store.Province, Division: "62"}, "")
		p.institution(store.Institution{ID: demoCity, Name: "武威市", NameEN: "Wuwei", Kind: store.City, Division: "6206"}, demoProvince)
		for _, c := range demoCounties {
			p.county(c)
		}
		return p.err
	})
}

// planter puts institutions into the directory and keeps the first error.
type planter struct {
	ctx  context.Context
	tx   *store.Tx
	have *store.Graph
	err  error
}

func (p *planter) do(err error) {
	if p.err == nil {
		p.err = err
	}
}

// institution adds one below parent, unless it is there.
func (p *planter) institution(i store.Institution, parent record.InstitutionID) {
	if _, ok := p.have.Institution(i.ID); ok || p.err != nil {
		return
	}
	i.Active = true
	p.do(p.tx.PutInstitution(p.ctx, i))
	if parent != "" && p.err == nil {
		p.do(p.tx.PutRelation(p.ctx, store.Relation{Child: i.ID, Parent: parent, Kind: store.MemberOf}))
	}
}

func (p *planter) county(c demoCounty) {
	county := record.InstitutionID(c.id)
	_, old := p.have.Institution(county)
	p.institution(store.Institution{ID: county, Name: c.name, NameEN: c.en + " County", Kind: store.County, Division: c.division}, demoCity)
	p.institution(store.Institution{ID: c.community(), Name: c.name + "医共体", NameEN: c.en + " Medical Community", Kind: store.Community, Division: c.division}, county)
	p.institution(store.Institution{
		ID: c.hospital(), Name: c.name + "联诊医院", NameEN: c.en + " Lianzhen Hospital", Kind: store.CountyHospital, Division: c.division, Level: 2,
	}, c.community())
	for _, t := range c.townships {
		id := record.InstitutionID(t.id)
		p.institution(store.Institution{ID: id, Name: t.name, NameEN: t.en, Kind: store.Township, Division: c.division, Level: 1}, c.community())
		p.institution(store.Institution{ID: id + "-village", Name: t.village, Kind: store.Village, Division: c.division}, id)
	}
	if !old && p.err == nil {
		p.do(p.tx.PutRelation(p.ctx, store.Relation{Child: c.hospital(), Parent: c.community(), Kind: store.Leads}))
	}
	for _, centre := range demoCentres {
		if _, ok := p.have.CentreFor(c.hospital(), centre.kind); !ok && p.err == nil {
			p.do(p.tx.PutCentre(p.ctx, store.Centre{County: county, Kind: centre.kind, Host: c.hospital(), Name: c.name + centre.name}))
		}
	}
}

// demoCentres are what each county reads.
var demoCentres = []struct {
	kind record.CentreKind
	name string
}{{record.Imaging, "影像诊断中心"}, {record.ECG, "心电诊断中心"}, {record.Lab, "医学检验中心"}}

func (w *demoWorld) buildAdmin(ctx context.Context, r demoRooms) error {
	u := demoUsers()[0]
	password, err := w.password(u.login)
	if err != nil {
		return err
	}
	_, err = r.book.CreateFirstAdmin(ctx, u.login, password, record.Personal(u.name))
	if record.KindOf(err) == record.Precondition { // there are users already
		return nil
	}
	return err
}

func (w *demoWorld) buildUsers(ctx context.Context, r demoRooms) error {
	for _, u := range demoUsers()[1:] {
		if w.Made["user:"+u.login] {
			continue
		}
		password, err := w.password(u.login)
		if err != nil {
			return err
		}
		_, err = r.book.CreateUser(ctx, demoScope, authz.NewUser{
			Login: u.login, DisplayName: record.Personal(u.name), Password: password, Keep: true,
			Roles: []authz.Grant{{Role: u.role, Institution: u.institution}},
		})
		if err != nil && record.KindOf(err) != record.Conflict { // made just before a start was cut off
			return fmt.Errorf("%s: %w", u.login, err)
		}
		w.Made["user:"+u.login] = true
	}
	return w.save()
}

func (w *demoWorld) buildKeys(ctx context.Context, r demoRooms) error {
	for _, k := range demoKeys() {
		made := "key:" + k.name + " " + strings.Join(k.scopes, " ") // a later version may give more of them
		if w.Keys[k.name] != "" && w.Made[made] {
			continue
		}
		_, secret, err := r.book.CreateKey(ctx, demoScope, authz.APIKey{Name: k.name, Institution: k.institution, Scopes: k.scopes})
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		w.Keys[k.name], w.Made[made] = secret, true
		if err := w.save(); err != nil {
			return err
		}
	}
	return nil
}

func (w *demoWorld) buildDevices(ctx context.Context, r demoRooms) error {
	for _, d := range demoDevices() {
		name := d.AETitle + d.Link
		if w.Made["device:"+name] {
			continue
		}
		if _, err := r.book.CreateDevice(ctx, demoScope, d); err != nil && record.KindOf(err) != record.Conflict {
			return fmt.Errorf("%s: %w", name, err)
		}
		w.Made["device:"+name] = true
	}
	return w.save()
}

// buildMarks lets every hospital of the city recognise the images and ECGs of both counties. The same mark again is the same mark.
func (w *demoWorld) buildMarks(ctx context.Context, r demoRooms) error {
	from := w.MadeAt.AddDate(-1, 0, 0).Truncate(24 * time.Hour)
	for _, c := range demoCounties {
		ids := []record.InstitutionID{c.hospital()}
		for _, t := range c.townships {
			ids = append(ids, record.InstitutionID(t.id))
		}
		for _, id := range ids {
			for _, centre := range demoCentres {
				_, err := r.desk.PutMark(ctx, demoScope, recognition.Mark{
					Institution: id, Kind: centre.kind, Scope: "city:" + demoCity, From: from, Source: "demo",
				})
				if err != nil {
					return fmt.Errorf("%s: %w", id, err)
				}
			}
		}
	}
	return nil
}

// password gives the password of a login; a new one is written down before it is used.
func (w *demoWorld) password(login string) (string, error) {
	if p := w.Passwords[login]; p != "" {
		return p, nil
	}
	b := make([]byte, 10)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	p := strings.ToLower(base32.StdEncoding.EncodeToString(b))
	p = p[:4] + "-" + p[4:8] + "-" + p[8:12] + "-" + p[12:]
	w.Passwords[login] = p
	return p, w.save()
}

// logins are the accounts as demo.json tells them.
func (w *demoWorld) logins() []demoLogin {
	var out []demoLogin
	for _, u := range demoUsers() {
		out = append(out, demoLogin{u.login, w.Passwords[u.login], u.role, string(u.institution)})
	}
	return out
}

func (w *demoWorld) keys() []demoSecret {
	var out []demoSecret
	for _, k := range demoKeys() {
		out = append(out, demoSecret{k.name, string(k.institution), slices.Clone(k.scopes), w.Keys[k.name]})
	}
	return out
}
