package recognition

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
)

var t0 = time.Date(2026, 11, 1, 8, 0, 0, 0, chinaTime)

func day(y int, m time.Month, d int) Day { return Day{record.Date{Year: y, Month: m, Day: d}} }

func since(y int) Span { return Span{From: day(y, 1, 1)} }

// testBook is small and like the reference sketch: four items, exemptions for all, nothing local.
func testBook(t testing.TB, more ...Pack) *Rulebook {
	t.Helper()
	item := func(code string, kind record.CentreKind, days int, mods, parts []string) Item {
		return Item{Code: code, Kind: kind, Group: string(kind) + "s", WindowDays: days, Span: since(2020), Modalities: mods, BodyParts: parts}
	}
	p := Pack{
		ID: "national", AppliesTo: []string{"national"}, ClockSkewS: 300,
		Items: []Item{
			item("CT.CHEST", record.Imaging, 30, []string{"CT"}, []string{"CHEST", "胸部"}),
			item("LAB.K", record.Lab, 7, nil, nil),
			item("LAB.HBA1C", record.Lab, 60, nil, nil),
			item("ECG12", record.ECG, 7, []string{"ECG"}, nil),
		},
		Community:  []Community{{Span: since(2020), WindowDays: map[record.CentreKind]int{record.Imaging: 14, record.Lab: 3}}},
		Tiers:      []Tier{{Span: since(2020), Same: "recognise", Upward: "recognise", Downward: "recognise"}},
		Exemptions: []Exemption{{since(2020), "EMERGENCY", true, "", false}, {since(2020), "FORENSIC", true, "", false}, {since(2020), "PREOPERATIVE", true, "", false}},
	}
	rb, err := compile(append([]Pack{p}, more...))
	if err != nil {
		t.Fatal(err)
	}
	return rb
}

type vector struct {
	Name string
	Ask  struct {
		Org, Item, Setting string
		Now                time.Time
		Scopes             []string
		SameCommunity      bool
	}
	Res struct {
		Kind, Item, Org, Status string
		Performed               time.Time
		Complete, IDMatched     bool
		Marks                   []struct {
			Scope, Item string
			From, To    time.Time
		}
	}
	Want struct {
		State string
		Codes []string
		Mark  string
	}
}

func TestReferenceVectorsAgree(t *testing.T) {
	data, err := os.ReadFile("../../../shared/prototypes/recognition/vectors.json")
	if err != nil {
		t.Skip("reference vectors are not here: ", err)
	}
	var vs []vector
	if err := json.Unmarshal(data, &vs); err != nil {
		t.Fatal(err)
	}
	if len(vs) < 30 {
		t.Fatalf("%d vectors, want 30", len(vs))
	}
	base := testBook(t)
	names := map[string]Setting{"OUTP": Outpatient, "INP": Inpatient, "EMER": Emergency, "FORENSIC": Forensic, "PREOP": Preoperative}
	for _, v := range vs {
		t.Run(v.Name, func(t *testing.T) {
			var ms []Mark
			for _, m := range v.Res.Marks {
				ms = append(ms, Mark{Institution: record.InstitutionID(v.Res.Org), Item: m.Item, Scope: m.Scope, From: m.From, To: m.To})
			}
			a := Ask{Institution: record.InstitutionID(v.Ask.Org), Scopes: v.Ask.Scopes, Item: v.Ask.Item, Setting: names[v.Ask.Setting], At: v.Ask.Now}
			p := Prior{
				Institution: record.InstitutionID(v.Res.Org), SameCommunity: v.Ask.SameCommunity, Kind: record.Imaging,
				Conclusion: v.Res.Kind == "conclusion", Item: v.Res.Item, Status: record.ResultStatus(v.Res.Status), Grade: record.Probable,
				Complete: v.Res.Complete, PerformedAt: v.Res.Performed,
			}
			if v.Res.IDMatched {
				p.Grade = record.Certain
			}
			if strings.HasPrefix(p.Item, "LAB.") { // the vectors say nothing of control and certificates
				p.Quality = goodQuality()
			}
			got := base.WithMarks(ms).Decide(a, &p)
			if got.State.String() != v.Want.State || !slices.Equal(got.Failed.Codes(), v.Want.Codes) || got.Mark != v.Want.Mark {
				t.Errorf("got %v %v %q, want %v %v %q", got.State, got.Failed.Codes(), got.Mark, v.Want.State, v.Want.Codes, v.Want.Mark)
			}
		})
	}
}

func goodAsk() Ask {
	return Ask{
		Institution: "H1", Level: 2, Scopes: []string{"community:mc1", "county:k1", "city:c1", "province:p1", "national"},
		Item: "CT.CHEST", Setting: Outpatient, At: t0,
	}
}

func goodPrior() Prior {
	return Prior{
		Result: "r1", Institution: "T1", Level: 1, Kind: record.Imaging, Item: "CT.CHEST", Status: record.Final, Grade: record.Certain,
		Complete: true, PerformedAt: t0.AddDate(0, 0, -5), ReportedAt: t0.AddDate(0, 0, -4),
	}
}

func goodQuality() *record.Quality {
	return &record.Quality{
		Internal: record.QCInControl, InternalAt: t0.AddDate(0, 0, -5), External: "EQA-2026-0042", ExternalScope: "national",
		ExternalFrom: t0.AddDate(0, -6, 0), ExternalUntil: t0.AddDate(0, 6, 0), At: t0.AddDate(0, 0, -4),
	}
}

func provinceMark() []Mark {
	return []Mark{{Institution: "T1", Item: "CT.CHEST", Scope: "province:p1", From: t0.AddDate(-1, 0, 0), To: t0.AddDate(1, 0, 0)}}
}

func TestDecideHolds(t *testing.T) {
	local := Pack{
		ID: "p1", AppliesTo: []string{"province:p1"}, Regions: []Region{{ID: "r", Members: []string{"province:p1", "province:p9"}}},
		Items: []Item{{
			Code: "CT.CHEST", Kind: record.Imaging, Group: "imagings", WindowDays: 3, Basis: "reported",
			Span: Span{From: day(2026, 1, 1), To: day(2026, 11, 3)},
		}},
		Tiers: []Tier{{Span: since(2026), Same: "recognise", Upward: "decline", Downward: "advise"}},
	}
	none := Exemption{since(2026), "EMERGENCY", false, "", false}
	plain, province := testBook(t), testBook(t, local)
	local.Exemptions = []Exemption{none}
	strict := testBook(t, local)
	tests := []struct {
		name  string
		rb    *Rulebook
		edit  func(*Ask, *Prior, *[]Mark)
		state State
		codes []string
		mark  string
		rule  string
		until time.Time
	}{
		{"mark and window hold", plain, nil, Recognise, nil, "province:p1", "CT.CHEST:national:2020-01-01", t0.AddDate(0, 0, 25)},
		{
			"a code is found whatever its case", plain, func(a *Ask, p *Prior, _ *[]Mark) { a.Item, p.Item = "ct.chest", "Ct.Chest" },
			Recognise, nil, "province:p1", "CT.CHEST:national:2020-01-01", t0.AddDate(0, 0, 25),
		},
		{"modality and body part find the item", plain, func(a *Ask, p *Prior, _ *[]Mark) {
			a.Item, a.Modality, a.BodyPart = "", "ct", "胸部"
			p.Item, p.Modality, p.BodyPart = "LOCAL-77", "CT", "chest"
		}, Recognise, nil, "province:p1", "CT.CHEST:national:2020-01-01", t0.AddDate(0, 0, 25)},
		{"an item without parts takes any part", plain, func(a *Ask, p *Prior, ms *[]Mark) {
			a.Item, p.Item, p.Modality, p.BodyPart, p.Kind = "ECG12", "", "ECG", "CHEST", record.ECG
			(*ms)[0].Item = "ECG12"
		}, Recognise, nil, "province:p1", "ECG12:national:2020-01-01", t0.AddDate(0, 0, 2)},
		{
			"another body part is another item", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Item, p.Modality, p.BodyPart = "", "CT", "HEAD" },
			NotEligible,
			[]string{"NOT_IN_CATALOGUE", "ITEM_MISMATCH", "NO_MARK_FOR_SCOPE"},
			"", "CT.CHEST:national:2020-01-01",
			time.Time{},
		},
		{"inside one community an unlisted item has the default window", plain, func(a *Ask, p *Prior, ms *[]Mark) {
			a.Item, p.Item, p.SameCommunity, *ms = "XR.TOE", "XR.TOE", true, nil
		}, Recognise, nil, "community", "ALL:national:2020-01-01", t0.AddDate(0, 0, 9)},
		{"inside one community an unlisted item grows old too", plain, func(a *Ask, p *Prior, ms *[]Mark) {
			a.Item, p.Item, p.SameCommunity, p.PerformedAt, *ms = "XR.TOE", "XR.TOE", true, t0.AddDate(0, 0, -15), nil
		}, Advise, []string{"OUT_OF_WINDOW"}, "community", "ALL:national:2020-01-01", t0.AddDate(0, 0, -1)},
		{"unlisted items are the same by modality and part", plain, func(a *Ask, p *Prior, ms *[]Mark) {
			a.Item, a.Modality, a.BodyPart = "", "CT", "TOE"
			p.Item, p.Modality, p.BodyPart, p.SameCommunity, *ms = "", "CT", "toe", true, nil
		}, Recognise, nil, "community", "ALL:national:2020-01-01", t0.AddDate(0, 0, 9)},
		{"unlisted items without a part are not the same", plain, func(a *Ask, p *Prior, ms *[]Mark) {
			a.Item, a.Modality, p.Item, p.Modality, p.SameCommunity, *ms = "", "CT", "", "CT", true, nil
		}, NotEligible, []string{"ITEM_MISMATCH"}, "community", "ALL:national:2020-01-01", time.Time{}},
		{"a kind without default window stays unlisted", plain, func(a *Ask, p *Prior, ms *[]Mark) {
			a.Item, p.Item, p.Kind, p.SameCommunity, *ms = "P.X", "P.X", record.Pathology, true, nil
		}, NotEligible, []string{"NOT_IN_CATALOGUE"}, "community", "", time.Time{}},
		{
			"an institution trusts itself", plain, func(_ *Ask, p *Prior, ms *[]Mark) { p.Institution, *ms = "H1", nil },
			Recognise, nil, "own", "CT.CHEST:national:2020-01-01", t0.AddDate(0, 0, 25),
		},
		{
			"a mark of the kind covers every item of it", plain, func(_ *Ask, _ *Prior, ms *[]Mark) { (*ms)[0].Item, (*ms)[0].Kind = "", record.Imaging },
			Recognise, nil, "province:p1", "CT.CHEST:national:2020-01-01", t0.AddDate(0, 0, 25),
		},
		{
			"a mark of the group covers its items", plain, func(_ *Ask, _ *Prior, ms *[]Mark) { (*ms)[0].Item, (*ms)[0].Group = "", "imagings" },
			Recognise, nil, "province:p1", "CT.CHEST:national:2020-01-01", t0.AddDate(0, 0, 25),
		},
		{
			"a mark of another kind does not", plain, func(_ *Ask, _ *Prior, ms *[]Mark) { (*ms)[0].Item, (*ms)[0].Kind = "", record.Lab },
			NotEligible,
			[]string{"NO_MARK_FOR_SCOPE"},
			"", "CT.CHEST:national:2020-01-01", t0.AddDate(0, 0, 25),
		},
		{
			"a revoked mark covers nothing", plain, func(_ *Ask, _ *Prior, ms *[]Mark) { (*ms)[0].Revoked = true },
			NotEligible,
			[]string{"NO_MARK_FOR_SCOPE"},
			"", "CT.CHEST:national:2020-01-01", t0.AddDate(0, 0, 25),
		},
		{"the widest mark is told", plain, func(_ *Ask, _ *Prior, ms *[]Mark) {
			m := (*ms)[0]
			m.Item, m.Kind, m.Scope = "", record.Imaging, "national"
			*ms = append(*ms, m)
		}, Recognise, nil, "national", "CT.CHEST:national:2020-01-01", t0.AddDate(0, 0, 25)},
		{
			"four minutes ahead is a clock, not a lie", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.PerformedAt = t0.Add(4 * time.Minute) },
			Recognise, nil, "province:p1", "CT.CHEST:national:2020-01-01", t0.Add(4*time.Minute).AddDate(0, 0, 30),
		},
		{
			"five minutes ahead is the limit", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.PerformedAt = t0.Add(5*time.Minute + time.Microsecond) },
			NotEligible,
			[]string{"FUTURE_DATED"},
			"province:p1", "CT.CHEST:national:2020-01-01", t0.Add(5*time.Minute+time.Microsecond).AddDate(0, 0, 30),
		},
		{
			"a result without a time is not eligible", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.PerformedAt = time.Time{} },
			NotEligible,
			[]string{"TIME_UNKNOWN", "MARK_LAPSED_AT_EXAM"},
			"", "CT.CHEST:national:2020-01-01",
			time.Time{},
		},
		{
			"everything that failed is told", plain, func(_ *Ask, p *Prior, ms *[]Mark) {
				*p = Prior{Institution: "T1", Item: "CT.CHEST", Conclusion: true, Status: record.Withdrawn, PerformedAt: t0.AddDate(0, -2, 0)}
				*ms = nil
			}, NotEligible,
			[]string{"CONCLUSION_NOT_COVERED", "NOT_FINAL", "INCOMPLETE", "IDENTITY_UNCERTAIN", "NO_MARK_FOR_SCOPE", "OUT_OF_WINDOW"},
			"", "CT.CHEST:national:2020-01-01", t0.AddDate(0, -2, 30),
		},
		{
			"an exemption tells the age too", plain, func(a *Ask, p *Prior, _ *[]Mark) { a.Setting, p.PerformedAt = Emergency, t0.AddDate(0, 0, -31) },
			Exempt,
			[]string{"S4_EMERGENCY", "OUT_OF_WINDOW"},
			"province:p1", "CT.CHEST:national:2020-01-01", t0.AddDate(0, 0, -1),
		},
		{
			"inpatients are not exempt", plain, func(a *Ask, _ *Prior, _ *[]Mark) { a.Setting = Inpatient },
			Recognise, nil, "province:p1", "CT.CHEST:national:2020-01-01", t0.AddDate(0, 0, 25),
		},
		{
			"the province's window, basis and end win; a lower result is advice", province, func(_ *Ask, p *Prior, _ *[]Mark) { p.ReportedAt = t0.AddDate(0, 0, -3) },
			Advise,
			[]string{"TIER_ADVISED"},
			"province:p1", "CT.CHEST:p1:2026-01-01", t0,
		},
		{
			"a rule's end is an end of validity", province, func(_ *Ask, p *Prior, _ *[]Mark) { p.ReportedAt, p.Level = t0, 2 },
			Recognise, nil, "province:p1", "CT.CHEST:p1:2026-01-01", time.Date(2026, 11, 3, 0, 0, 0, 0, chinaTime),
		},
		{"before the province's rule the national one holds", province, func(a *Ask, p *Prior, ms *[]Mark) {
			a.At, p.PerformedAt, p.ReportedAt = t0.AddDate(-1, 0, 0), t0.AddDate(-1, 0, -5), time.Time{}
			(*ms)[0].From = t0.AddDate(-2, 0, 0)
		}, Recognise, nil, "province:p1", "CT.CHEST:national:2020-01-01", t0.AddDate(-1, 0, 25)},
		{
			"a rule by reports needs a report's time", province, func(_ *Ask, p *Prior, _ *[]Mark) { p.ReportedAt, p.Level = time.Time{}, 2 },
			NotEligible,
			[]string{"TIME_UNKNOWN"},
			"province:p1", "CT.CHEST:p1:2026-01-01",
			time.Time{},
		},
		{
			"the province may decline a tier", province, func(a *Ask, p *Prior, _ *[]Mark) { a.Level, p.Level, p.ReportedAt = 1, 3, t0 },
			NotEligible,
			[]string{"TIER_NOT_ACCEPTED"},
			"province:p1", "CT.CHEST:p1:2026-01-01", time.Date(2026, 11, 3, 0, 0, 0, 0, chinaTime),
		},
		{"tiers do not count inside a community", province, func(a *Ask, p *Prior, _ *[]Mark) {
			a.Level, p.Level, p.ReportedAt, p.SameCommunity = 1, 3, t0, true
		}, Recognise, nil, "province:p1", "CT.CHEST:p1:2026-01-01", time.Date(2026, 11, 3, 0, 0, 0, 0, chinaTime)},
		{
			"an unknown level is no obstacle", province, func(_ *Ask, p *Prior, _ *[]Mark) { p.Level, p.ReportedAt = 0, t0 },
			Recognise, nil, "province:p1", "CT.CHEST:p1:2026-01-01", time.Date(2026, 11, 3, 0, 0, 0, 0, chinaTime),
		},
		{
			"a region's mark reaches its provinces", province, func(_ *Ask, p *Prior, ms *[]Mark) { (*ms)[0].Scope, p.Level, p.ReportedAt = "region:r", 2, t0 },
			Recognise, nil, "region:r", "CT.CHEST:p1:2026-01-01", time.Date(2026, 11, 3, 0, 0, 0, 0, chinaTime),
		},
		{"a province's rules do not bind another", province, func(a *Ask, _ *Prior, ms *[]Mark) {
			a.Scopes, (*ms)[0].Scope = []string{"province:p2"}, "national"
		}, Recognise, nil, "national", "CT.CHEST:national:2020-01-01", t0.AddDate(0, 0, 25)},
		{
			"a province may lift an exemption", strict, func(a *Ask, p *Prior, _ *[]Mark) { a.Setting, p.ReportedAt, p.Level = Emergency, t0, 2 },
			Recognise, nil, "province:p1", "CT.CHEST:p1:2026-01-01", time.Date(2026, 11, 3, 0, 0, 0, 0, chinaTime),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, p, ms := goodAsk(), goodPrior(), provinceMark()
			if tt.edit != nil {
				tt.edit(&a, &p, &ms)
			}
			v := tt.rb.WithMarks(ms).Decide(a, &p)
			type answer struct {
				State, Mark, Rule string
				Codes             []string
				Until             time.Time
			}
			want := answer{tt.state.String(), tt.mark, tt.rule, tt.codes, tt.until.UTC()}
			got := answer{v.State.String(), v.Mark, v.RuleID, v.Failed.Codes(), v.ValidUntil}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	rb := Default().WithMarks(provinceMark())
	asks := []Ask{goodAsk(), goodAsk(), goodAsk()}
	asks[1].Item, asks[1].Modality, asks[1].BodyPart = "", "ct", "chest"
	asks[2].Item = "nothing"
	p := goodPrior()
	for _, a := range asks {
		if n := testing.AllocsPerRun(200, func() { rb.Decide(a, &p) }); n != 0 {
			t.Errorf("item %q: %v allocations, want 0", a.Item, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	rb := Default().WithMarks(provinceMark())
	byCode, byPart := goodAsk(), goodAsk()
	byPart.Item, byPart.Modality, byPart.BodyPart = "", "CT", "CHEST"
	p, q := goodPrior(), goodPrior()
	q.Item, q.Modality, q.BodyPart = "LOCAL", "CT", "CHEST"
	b.Run("code", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rb.Decide(byCode, &p)
		}
	})
	b.Run("part", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rb.Decide(byPart, &q)
		}
	})
}
