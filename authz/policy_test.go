// The policy, read by people: who does what to whose data. The table stands beside policy.csv and knows nothing of its
// rows; everything that is not in it must be refused.

package authz

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// intent says whose data a role reaches with the acts of a kind.
var intent = []struct{ who, kind, acts, whose string }{
	{"everybody", "session", "own", "own"},
	{"everybody", "directory", "read", "any"},

	{Technician, "imaging", "write finish read resolve forward", "own"},
	{Technician, "ecg", "write read resolve", "own"},
	{Technician, "lab", "write read order specimen resolve control", "own"},
	{Technician, "worklist", "read write perform", "own"},
	{Technician, "case", "list priority", "own"},
	{Technician, "report", "read", "own"},
	{Technician, "result", "read", "own"},
	{Technician, "critical", "read", "own"},
	{Technician, "patient", "register read encounter", "own"},

	{DeviceRole, "imaging", "write finish read", "own"},
	{DeviceRole, "lab", "write query", "own"},
	{DeviceRole, "worklist", "read perform", "own"},
	{WorkstationRole, "imaging", "read", "served"},
	{WorkstationRole, "imaging", "write", "own"},
	{WorkstationRole, "worklist", "read", "served"},

	{Clinician, "imaging", "read", "own treated emergency"},
	{Clinician, "ecg", "read", "own treated emergency"},
	{Clinician, "ecg", "write", "own"},
	{Clinician, "lab", "read", "own treated emergency"},
	{Clinician, "lab", "order specimen", "own"},
	{Clinician, "report", "read", "own treated emergency"},
	{Clinician, "result", "read", "own treated emergency"},
	{Clinician, "result", "watch", "own"},
	{Clinician, "case", "list priority", "own"},
	{Clinician, "critical", "read", "own emergency"},
	{Clinician, "critical", "acknowledge", "own"},
	{Clinician, "patient", "read", "own treated emergency"},
	{Clinician, "patient", "register encounter consent", "own"},
	{Clinician, "worklist", "read write", "own"},
	{Clinician, "recognition", "check decide", "own treated"},
	{Clinician, "recognition", "read", "own treated emergency"},

	{HISRole, "imaging", "read", "own treated"},
	{HISRole, "imaging", "write finish forward", "own"},
	{HISRole, "ecg", "read", "own treated"},
	{HISRole, "ecg", "write", "own"},
	{HISRole, "lab", "read", "own treated"},
	{HISRole, "lab", "write order specimen query control", "own"},
	{HISRole, "worklist", "read write perform", "own"},
	{HISRole, "report", "read", "own treated"},
	{HISRole, "result", "read", "own treated"},
	{HISRole, "result", "watch", "own"},
	{HISRole, "case", "list priority", "own"},
	{HISRole, "critical", "read acknowledge", "own"},
	{HISRole, "patient", "read", "own treated"},
	{HISRole, "patient", "register encounter consent", "own"},
	{HISRole, "recognition", "check decide read", "own treated"},

	{Reader, "case", "list claim draft submit priority", "served"},
	{Reader, "imaging", "read forward", "served"},
	{Reader, "ecg", "read", "served"},
	{Reader, "lab", "read write specimen query control", "served"},
	{Reader, "worklist", "read", "served"},
	{Reader, "report", "read", "served"},
	{Reader, "result", "read", "served"},
	{Reader, "critical", "raise read", "served"},
	{Reader, "patient", "read", "served"},

	{Reviewer, "case", "list claim draft submit priority review sign amend withdraw", "served"},
	{Reviewer, "imaging", "read forward", "served"},
	{Reviewer, "ecg", "read", "served"},
	{Reviewer, "lab", "read write specimen query control", "served"},
	{Reviewer, "worklist", "read", "served"},
	{Reviewer, "report", "read", "served"},
	{Reviewer, "result", "read", "served"},
	{Reviewer, "critical", "raise read", "served"},
	{Reviewer, "patient", "read", "served"},

	{CentreAdmin, "case", "list priority", "served"},
	{CentreAdmin, "imaging", "resolve read correct teach forward", "served"},
	{CentreAdmin, "ecg", "read resolve correct rules", "served"},
	{CentreAdmin, "lab", "read resolve correct rules control specimen", "served"},
	{CentreAdmin, "worklist", "read", "served"},
	{CentreAdmin, "report", "read", "served"},
	{CentreAdmin, "critical", "read", "served"},
	{CentreAdmin, "patient", "read link", "served"},

	{InstitutionAdmin, "people", "read manage", "own"},
	{InstitutionAdmin, "directory", "manage", "own"},
	{CommunityAdmin, "people", "read manage", "below"},
	{CommunityAdmin, "directory", "manage", "below"},
	{PlatformAdmin, "people", "read manage", "any"},
	{PlatformAdmin, "directory", "manage", "any"},
	{SecurityAdmin, "people", "read", "any"},
	{SecurityAdmin, "policy", "read manage", "any"},
	{AuditAdmin, "audit", "read", "below"},
	{AuditAdmin, "audit", "verify", "any"},
	// Supervisor: nothing of its own before there are statistics.
}

// The places of the tests, seen from the lead hospital.
const (
	station record.InstitutionID = "minqin-station"  // belongs to the lead hospital
	clinic  record.InstitutionID = "minqin-clinic"   // in the county, in no community
	far     record.InstitutionID = "lanzhou-example" // in the province, in no county
)

// world is County with a station below the lead hospital, a clinic in no community, a hospital in no county, the root,
// and the neighbour county's ECG centre at the lead hospital.
func world(t testing.TB) *store.DB {
	t.Helper()
	db := storetest.SQLite(t)
	storetest.County(t, db)
	extend(t, db)
	return db
}

func extend(t testing.TB, db *store.DB) {
	t.Helper()
	ctx := t.Context()
	err := db.Tx(ctx, func(tx *store.Tx) error {
		for _, i := range []struct {
			id, parent record.InstitutionID
			kind       string
		}{
			{station, storetest.LeadHospital, store.Village},
			{clinic, storetest.Minqin, store.Private},
			{far, storetest.Gansu, store.Hospital},
			{Root, "", store.Bureau},
		} {
			if err := tx.PutInstitution(ctx, store.Institution{ID: i.id, Name: string(i.id), Kind: i.kind, Active: true}); err != nil {
				return err
			}
			if i.parent == "" {
				continue
			}
			if err := tx.PutRelation(ctx, store.Relation{Child: i.id, Parent: i.parent, Kind: store.MemberOf}); err != nil {
				return err
			}
		}
		return tx.PutCentre(ctx, store.Centre{County: storetest.Liangzhou, Kind: record.ECG, Host: storetest.LeadHospital, Name: "心电"})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func newSnapshot(t testing.TB, db *store.DB, rows []row) *snapshot {
	t.Helper()
	graph, err := db.Graph(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &snapshot{policy: compile("test", "", 1, rows), graph: graph}
}

func defaultRows(t testing.TB) []row {
	t.Helper()
	rows, problems := parseRows(policyText)
	if problems = append(append(problems, lint(rows)...), unreachable(rows)...); len(problems) > 0 {
		t.Fatal(strings.Join(problems, "\n"))
	}
	return rows
}

// situation is one way in which somebody at the lead hospital asks for something.
type situation struct {
	owner              record.InstitutionID
	related, withdrawn bool
	purpose            record.Purpose // empty: the kind's own
	reason             string
}

func situations() (out []situation) {
	owners := []record.InstitutionID{storetest.LeadHospital, station, storetest.Suwu, clinic, storetest.LiangzhouHospital, far}
	for _, o := range owners {
		for _, related := range []bool{false, true} {
			for _, withdrawn := range []bool{false, true} {
				out = append(out, situation{owner: o, related: related, withdrawn: withdrawn})
			}
		}
		out = append(out,
			situation{owner: o, withdrawn: true, purpose: record.EmergencyTreatment, reason: "昏迷抢救急诊"},
			situation{owner: o, related: true, purpose: record.EmergencyTreatment, reason: "昏迷抢救急"},
			situation{owner: o, related: true, purpose: record.Treatment},
			situation{owner: o, related: true, purpose: record.Operations},
			situation{owner: o, related: true, purpose: record.PublicHealth},
			situation{owner: o, related: true, purpose: record.Research})
	}
	return out
}

// reaches says in plain words whether data are within one word of the column "whose".
func reaches(word, kind string, s situation) bool {
	usual := s.purpose == "" || s.purpose == defaultPurpose(kind)
	hidden := patientKinds[kind] && s.withdrawn && s.owner != storetest.LeadHospital
	switch word {
	case "own":
		return usual && s.owner == storetest.LeadHospital
	case "below":
		return usual && !hidden && (s.owner == storetest.LeadHospital || s.owner == station)
	case "served":
		return usual && s.owner != far && (s.owner != storetest.LiangzhouHospital || kind != "imaging")
	case "any":
		return usual && !hidden
	case "treated":
		return usual && !hidden && s.related
	case "emergency":
		return s.purpose == record.EmergencyTreatment && len([]rune(s.reason)) >= 6
	}
	panic(word)
}

// expected is what the table says of one role, kind and act: the words of "whose".
func expected() map[[3]string][]string {
	m := make(map[[3]string][]string)
	for _, c := range intent {
		who := []string{c.who}
		if c.who == "everybody" {
			who = append(slices.Clone(roleWords), "nobody special")
		}
		for _, w := range who {
			for a := range strings.FieldsSeq(c.acts) {
				m[[3]string{w, c.kind, a}] = strings.Fields(c.whose)
			}
		}
	}
	return m
}

// breaches lists where a snapshot differs from the table, over the kinds and acts asked for.
func breaches(s *snapshot, want map[[3]string][]string, kinds, acts string) (out []string) {
	all := situations()
	for _, role := range append(slices.Clone(roleWords), "nobody special") {
		sub := Subject{ID: "u", Org: storetest.LeadHospital, Roles: []string{role}}
		for kind := range vocabulary {
			for _, act := range vocabulary[kind] {
				if !matches(kinds, kind) || !matches(acts, act) {
					continue
				}
				for _, at := range all {
					expect := slices.ContainsFunc(want[[3]string{role, kind, act}], func(w string) bool { return reaches(w, kind, at) })
					purpose := at.purpose
					if purpose == "" {
						purpose = defaultPurpose(kind)
					}
					got := s.Decide(sub, Resource{kind, at.owner, at.related, at.withdrawn}, act, Situation{purpose, at.reason})
					if got != expect {
						out = append(out, fmt.Sprintf("%s does %s.%s to %+v: %v, want %v", role, kind, act, at, got, expect))
					}
				}
			}
		}
	}
	return out
}

func TestPolicySaysWhatIsIntended(t *testing.T) {
	s := newSnapshot(t, world(t), defaultRows(t))
	for i, b := range breaches(s, expected(), anything, anything) {
		if i == 20 {
			t.Fatal("and more")
		}
		t.Error(b)
	}
}

func TestEveryKindAndActIsInTheTable(t *testing.T) {
	have := make(map[string]bool)
	for _, c := range intent {
		for a := range strings.FieldsSeq(c.acts) {
			if !slices.Contains(Acts(c.kind), a) {
				t.Errorf("unknown %s.%s", c.kind, a)
			}
			have[c.kind+"."+a] = true
		}
	}
	for _, k := range Kinds() {
		for _, a := range Acts(k) {
			if !have[k+"."+a] {
				t.Errorf("nobody does %s.%s", k, a)
			}
		}
	}
}

// Every row is needed, and each of its columns: whatever is taken out or changed, the table notices. Exceptions: none.
func TestEveryChangeOfARowIsNoticed(t *testing.T) {
	rows := defaultRows(t)
	db, want := world(t), expected()
	base := newSnapshot(t, db, nil)
	columns := []struct {
		name  string
		words []string
		of    func(*row) *string
	}{
		{"role", append(slices.Clone(roleWords), anything), func(r *row) *string { return &r.Role }},
		{"relation", relationWords, func(r *row) *string { return &r.Rel }},
		{"purpose", []string{"TREAT", "ETREAT", "HOPERAT", "PUBHLTH", "HRESCH", anything}, func(r *row) *string { return &r.Purpose }},
		{"guard", guardWords, func(r *row) *string { return &r.Guard }},
		{"effect", []string{"allow", "deny"}, func(r *row) *string { return &r.Eft }},
	}
	noticed := 0
	check := func(changed []row, r row, what string) {
		t.Helper()
		if noticed++; len(lint(changed)) > 0 {
			return // it cannot come into force
		}
		// The rows of other kinds and acts are untouched, so that only these are asked.
		s := &snapshot{policy: compile("mutant", "", 1, changed), graph: base.graph}
		if len(breaches(s, want, r.Kind, r.Act)) == 0 {
			t.Errorf("row %s: nobody notices that it is %s", r.ID, what)
		}
	}
	for i, r := range rows {
		near := slices.DeleteFunc(slices.Clone(rows), func(o row) bool {
			return o.ID == r.ID || !(matches(o.Kind, r.Kind) && matches(o.Act, r.Act) || r.Kind == anything)
		})
		check(near, r, "missing")
		for _, c := range columns {
			for _, w := range c.words {
				m := rows[i]
				if *c.of(&m) == w {
					continue
				}
				*c.of(&m) = w
				check(append(slices.Clone(near), m), r, c.name+" "+w)
			}
		}
	}
	t.Logf("%d rows, %d changes, all noticed", len(rows), noticed)
}

func TestLint(t *testing.T) {
	for _, c := range []struct{ name, rows, want string }{
		{"short row", "p, x, clinician, own, imaging, read, TREAT, none", "want p and 8 columns"},
		{"long row", "p, x, clinician, own, imaging, read, TREAT, none, allow, more", "want p and 8 columns"},
		{"a role grant", "g, someone, platform_admin, platform", "a row begins with p"},
		{"role", "p, x, doctor, own, imaging, read, TREAT, none, allow", "unknown role"},
		{"relation", "p, x, clinician, owns, imaging, read, TREAT, none, allow", "unknown relation"},
		{"kind", "p, x, clinician, own, image, read, TREAT, none, allow", "unknown kind"},
		{"act", "p, x, clinician, own, imaging, sign, TREAT, none, allow", "unknown act"},
		{"purpose", "p, x, clinician, own, imaging, read, FUN, none, allow", "unknown purpose"},
		{"guard", "p, x, clinician, own, imaging, read, TREAT, nome, allow", "unknown guard"},
		{"effect", "p, x, clinician, own, imaging, read, TREAT, none, permit", "unknown effect"},
		{"id", "p, x y, clinician, own, imaging, read, TREAT, none, allow", "not a valid id"},
		{"NUL in an id", "p, x\x00y, clinician, own, imaging, read, TREAT, none, allow", "not a valid id"},
		{"$$ in an id", "p, x$$y, clinician, own, imaging, read, TREAT, none, allow", "not a valid id"},
		{"twice", "p, x, clinician, own, imaging, read, TREAT, none, allow\np, x, reader, own, imaging, read, TREAT, none, allow", "used twice"},
		{"wildcard kind", "p, x, clinician, own, *, read, TREAT, none, allow", "names kind, act and purpose"},
		{"officer with patient data", "p, x, platform_admin, own, imaging, read, TREAT, none, allow", "only for the medical roles"},
		{"everybody with patient data", "p, x, *, own, imaging, read, TREAT, none, allow", "only for the medical roles"},
		{"all patients", "p, x, clinician, any, imaging, read, TREAT, none, allow", "only with a guard"},
		{"relationship of some", "p, x, clinician, community, imaging, read, TREAT, relationship, allow", "goes with relation any"},
		{"glass for treatment", "p, x, clinician, any, imaging, read, TREAT, breakglass, allow", "purpose ETREAT"},
		{"emergency without glass", "p, x, clinician, own, imaging, read, ETREAT, none, allow", "guard breakglass"},
		{"allow withdrawn", "p, x, clinician, own, imaging, read, TREAT, withdrawn, allow", "for deny rows"},
		{"deny some", "p, x, clinician, own, imaging, read, TREAT, none, deny", "relation any"},
		{"withdrawn for one purpose", "p, x, *, any, *, *, TREAT, withdrawn, deny", "counts for every purpose"},
		{"expression", `p, x, clinician, own, imaging, read, TREAT, "true || r.sub.ID == 'u'", allow`, "unknown guard"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, problems := parseRows(c.rows)
			problems = append(problems, lint(rows)...)
			if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, c.want) && strings.Contains(p, "line ") }) {
				t.Errorf("problems %q, want one with %q", problems, c.want)
			}
		})
	}
}

func TestLintWantsEveryActReachable(t *testing.T) {
	rows := slices.DeleteFunc(defaultRows(t), func(r row) bool { return r.Kind == "policy" && r.Act == "manage" })
	if got := unreachable(rows); !slices.Equal(got, []string{"nobody may manage policy"}) {
		t.Errorf("got %q", got)
	}
}
