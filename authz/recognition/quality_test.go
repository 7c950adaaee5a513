package recognition

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// potassium is a result that T1 ordered and laboratory L1 measured under a mark and a certificate.
func potassium() (Ask, Prior, []Mark) {
	a, p := goodAsk(), goodPrior()
	a.Item, p.Item, p.Kind, p.Laboratory, p.Quality = "LAB.K", "LAB.K", record.Lab, "L1", goodQuality()
	return a, p, []Mark{{Institution: "L1", Item: "LAB.K", Scope: "province:p1", From: t0.AddDate(-1, 0, 0)}}
}

func TestQualityIsThePreconditionOfRecognition(t *testing.T) {
	advised := Pack{
		ID: "mc1", AppliesTo: []string{"community:mc1"}, Regions: []Region{{ID: "r", Members: []string{"province:p1", "province:p9"}}},
		Community: []Community{{Span: since(2020), WindowDays: map[record.CentreKind]int{record.Lab: 3}, Lab: CommunityLab{"advised"}}},
	}
	plain, lenient := testBook(t), testBook(t, advised)
	community := func(_ *Ask, p *Prior, ms *[]Mark) { p.SameCommunity, *ms = true, nil }
	none := func(p *Prior) { p.Quality.External = "" }
	tests := []struct {
		name  string
		rb    *Rulebook
		edit  func(*Ask, *Prior, *[]Mark)
		state State
		codes []string
		mark  string
	}{
		{"in control and certified", plain, nil, Recognise, nil, "province:p1"},
		{"a warning rule lets the run stand", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Quality.Internal = record.QCWarning }, Recognise, nil, "province:p1"},
		{
			"out of control", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Quality.Internal = record.QCOutOfControl },
			NotEligible,
			[]string{"QC_NOT_IN_CONTROL"},
			"province:p1",
		},
		{
			"a lot that is being established", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Quality.Internal = record.QCEstablishing },
			NotEligible,
			[]string{"QC_NOT_IN_CONTROL"},
			"province:p1",
		},
		{
			"no control of it", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Quality.Internal = record.QCNone },
			NotEligible,
			[]string{"QC_NOT_IN_CONTROL"},
			"province:p1",
		},
		{
			"nobody said anything", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Quality = nil },
			NotEligible,
			[]string{"QC_NOT_IN_CONTROL", "NO_EQA_CERTIFICATE"},
			"",
		},
		{"a mark without certificate does not count", plain, func(_ *Ask, p *Prior, _ *[]Mark) { none(p) }, NotEligible, []string{"NO_EQA_CERTIFICATE"}, ""},
		{
			"a certificate without mark does not suffice", plain, func(_ *Ask, _ *Prior, ms *[]Mark) { *ms = nil },
			NotEligible,
			[]string{"NO_MARK_FOR_SCOPE"},
			"",
		},
		{
			"the mark is the laboratory's, not the orderer's", plain, func(_ *Ask, _ *Prior, ms *[]Mark) { (*ms)[0].Institution = "T1" },
			NotEligible,
			[]string{"NO_MARK_FOR_SCOPE"},
			"",
		},
		{"an institution that measures itself", plain, func(_ *Ask, p *Prior, ms *[]Mark) {
			p.Laboratory, (*ms)[0].Institution = "", "T1"
		}, Recognise, nil, "province:p1"},
		{
			"the certificate had ended at the examination", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Quality.ExternalUntil = p.PerformedAt },
			NotEligible,
			[]string{"NO_EQA_CERTIFICATE"},
			"",
		},
		{"it ended an instant later", plain, func(_ *Ask, p *Prior, _ *[]Mark) {
			p.Quality.ExternalUntil = p.PerformedAt.Add(time.Microsecond)
		}, Recognise, nil, "province:p1"},
		{"it began with the examination", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Quality.ExternalFrom = p.PerformedAt }, Recognise, nil, "province:p1"},
		{
			"it began an instant later", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Quality.ExternalFrom = p.PerformedAt.Add(time.Microsecond) },
			NotEligible,
			[]string{"NO_EQA_CERTIFICATE"},
			"",
		},
		{"open at both ends", plain, func(_ *Ask, p *Prior, _ *[]Mark) {
			p.Quality.ExternalFrom, p.Quality.ExternalUntil = time.Time{}, time.Time{}
		}, Recognise, nil, "province:p1"},
		{
			"a county's certificate does not reach another", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Quality.ExternalScope = "county:k2" },
			NotEligible,
			[]string{"NO_EQA_CERTIFICATE"},
			"",
		},
		{"it reaches the own county", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Quality.ExternalScope = "county:k1" }, Recognise, nil, "province:p1"},
		{"a region's reaches its provinces", lenient, func(_ *Ask, p *Prior, _ *[]Mark) { p.Quality.ExternalScope = "region:r" }, Recognise, nil, "province:p1"},
		{
			"a scope that is none reaches nobody", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Quality.ExternalScope = "" },
			NotEligible,
			[]string{"NO_EQA_CERTIFICATE"},
			"",
		},
		{"a revocation after the release is shown, not judged", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Quality.RevokedAt = t0 }, Recognise, nil, "province:p1"},
		{
			"a lapsed mark and no certificate are both told", plain, func(_ *Ask, p *Prior, ms *[]Mark) { none(p); (*ms)[0].From = t0 },
			NotEligible,
			[]string{"MARK_LAPSED_AT_EXAM", "NO_EQA_CERTIFICATE"},
			"",
		},
		{"the own laboratory needs no certificate", plain, func(_ *Ask, p *Prior, ms *[]Mark) { p.Laboratory, *ms = "H1", nil; none(p) }, Recognise, nil, "own"},
		{"nor does a result that the own institution ordered", plain, func(_ *Ask, p *Prior, ms *[]Mark) { p.Institution, *ms = "H1", nil; none(p) }, Recognise, nil, "own"},
		{
			"but control is asked at home too", plain, func(_ *Ask, p *Prior, ms *[]Mark) { p.Laboratory, p.Quality.Internal, *ms = "H1", "", nil },
			NotEligible,
			[]string{"QC_NOT_IN_CONTROL"},
			"own",
		},
		{"a laboratory of the own community with certificate", plain, community, Recognise, nil, "community"},
		{
			"without one it is not recognised", plain, func(a *Ask, p *Prior, ms *[]Mark) { community(a, p, ms); none(p) },
			NotEligible,
			[]string{"NO_EQA_CERTIFICATE"},
			"community",
		},
		{
			"a community may leave it to the doctor", lenient, func(a *Ask, p *Prior, ms *[]Mark) { community(a, p, ms); none(p) },
			Advise,
			[]string{"EQA_CERTIFICATE_ADVISED"},
			"community",
		},
		{
			"out of control is left to nobody", lenient, func(a *Ask, p *Prior, ms *[]Mark) {
				community(a, p, ms)
				none(p)
				p.Quality.Internal = record.QCOutOfControl
			}, NotEligible,
			[]string{"QC_NOT_IN_CONTROL", "EQA_CERTIFICATE_ADVISED"},
			"community",
		},
		{
			"the leave is for the own community only", lenient, func(_ *Ask, p *Prior, _ *[]Mark) { none(p) },
			NotEligible,
			[]string{"NO_EQA_CERTIFICATE"},
			"",
		},
		{
			"an emergency does not excuse control", plain, func(a *Ask, p *Prior, _ *[]Mark) { a.Setting, p.Quality.Internal = Emergency, record.QCOutOfControl },
			NotEligible,
			[]string{"QC_NOT_IN_CONTROL"},
			"province:p1",
		},
		{
			"a laboratory item under another kind is one all the same", plain, func(_ *Ask, p *Prior, _ *[]Mark) { p.Kind, p.Quality = record.ECG, nil },
			NotEligible,
			[]string{"QC_NOT_IN_CONTROL", "NO_EQA_CERTIFICATE"},
			"",
		},
		{"imaging is not asked", plain, func(a *Ask, p *Prior, ms *[]Mark) {
			*a, *p, *ms = goodAsk(), goodPrior(), provinceMark()
		}, Recognise, nil, "province:p1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, p, ms := potassium()
			if tt.edit != nil {
				tt.edit(&a, &p, &ms)
			}
			v := tt.rb.WithMarks(ms).Decide(a, &p)
			type answer struct {
				State, Mark string
				Codes       []string
			}
			if diff := cmp.Diff(answer{tt.state.String(), tt.mark, tt.codes}, answer{v.State.String(), v.Mark, v.Failed.Codes()}); diff != "" {
				t.Error(diff)
			}
		})
	}
	a, p, ms := potassium()
	rb := lenient.WithMarks(ms)
	p.Quality.ExternalScope = "region:r"
	if n := testing.AllocsPerRun(200, func() { rb.Decide(a, &p) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestALaboratoryItemIsFoundByItsOtherCodes(t *testing.T) {
	rb := Default()
	for code, want := range map[string]string{"2823-3": "LAB.K", "lab.k": "LAB.K", "2951-2": "LAB.NA", "14749-6": "LAB.GLU", "2000-8": "LAB.CA"} {
		a, p, ms := potassium()
		a.Item, p.Item, ms[0].Item = code, want, want
		if v := rb.WithMarks(ms).Decide(a, &p); v.State == NotEligible || v.Item != want {
			t.Errorf("%s: %v, item %s, %v; want %s", code, v.State, v.Item, v.Failed.Codes(), want)
		}
	}
	county := strings.Replace(localPack, "codes: [ONE-1]", "codes: [ONE-1, ONE, 99999-9]", 1) // as the catalogue of a county names it
	rb, err := Load(fstest.MapFS{"n.yaml": {Data: []byte(national0(t))}, "p.yaml": {Data: []byte(county)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"one", "99999-9", "P.ONE"} {
		if r := rb.resolve(rb.packsFor([]string{"province:p1"}), t0.UnixMicro(), code, "", ""); r == nil || r.code != "P.ONE" {
			t.Errorf("%s: %+v", code, r)
		}
	}
}

// What a check was answered by is kept: neither a later revocation, nor the end of a mark, nor another release changes it.
func TestQualityIsKeptWithTheCheck(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		c := open(t)
		id := c.result(t, func(r *record.Result) {
			r.Exam.Kind, r.Exam.Centre, r.Exam.Procedure, r.Exam.Modality, r.Exam.BodyPart = record.Lab, "yj-lab", "LAB.K", "LAB", ""
			r.Laboratory, r.Quality = "yj-h", *goodQuality()
			r.Quality.ExternalScope = "city:lz"
		})
		mark, err := c.PutMark(c.ctx, scopeOf("bureau"), Mark{Institution: "yj-h", Kind: record.Lab, Scope: "city:lz", From: t0.AddDate(0, -1, 0), Source: "市质控"})
		if err != nil {
			t.Fatal(err)
		}
		order := []OrderItem{{Order: "o1", Item: "2823-3"}}
		first := c.check(t, "lz-h", order, Outpatient)
		as := first.Items[0].Assessments
		if len(as) != 1 || as[0].Verdict.State != Recognise || as[0].Verdict.Mark != "city:lz" || as[0].Result.Laboratory != "yj-h" || first.Items[0].Item != "LAB.K" {
			t.Fatalf("%+v", first.Items)
		}
		own := c.check(t, "yj-h", order, Outpatient)
		if v := own.Items[0].Assessments[0].Verdict; v.State != Recognise {
			t.Errorf("its own laboratory: %+v", v)
		}
		if v := c.check(t, "yj-t", order, Outpatient).Items[0].Assessments[0].Verdict; v.State != Recognise || v.Mark != "city:lz" {
			t.Errorf("who ordered it: %+v", v)
		}
		c.tx(t, func(tx *store.Tx) error {
			n, err := tx.RevokeCertificate(c.ctx, "yj-h", goodQuality().External, time.Time{}, t0)
			if err == nil && n != 1 {
				t.Errorf("%d results under the certificate, want 1", n)
			}
			return err
		})
		list, _, _, err := c.ListShared(c.ctx, scopeOf("lz-h"), c.patient, store.Page{})
		if err != nil || len(list) != 1 || list[0].Verdict.State != Recognise || !list[0].Result.Quality.RevokedAt.Equal(t0) {
			t.Errorf("after the revocation: %+v, %v", list, err)
		}
		c.tx(t, func(tx *store.Tx) error { // corrected on a day without control
			r := list[0].Result
			r.Status, r.Quality = record.Corrected, record.Quality{Internal: record.QCOutOfControl, At: t0}
			return tx.PutResult(c.ctx, r)
		})
		if _, err := c.EndMark(c.ctx, scopeOf("bureau"), mark.ID, t0.AddDate(-1, 0, 0)); err != nil {
			t.Fatal(err)
		}
		second := c.check(t, "lz-h", order, Outpatient)
		words := second.Items[0].Assessments[0].Failed
		codes := make([]string, len(words))
		for i, w := range words {
			codes[i] = w.Code
			if w.Text.ZH == "" || w.Text.EN == "" || w.Remedy.ZH == "" || w.Remedy.EN == "" || w.Citation == "" {
				t.Errorf("%s has no words: %+v", w.Code, w)
			}
		}
		if diff := cmp.Diff([]string{"NO_MARK_FOR_SCOPE", "QC_NOT_IN_CONTROL", "NO_EQA_CERTIFICATE"}, codes); diff != "" {
			t.Error(diff)
		}
		_, err = c.Adopt(c.ctx, scopeOf("lz-h"), second.ID, "o1", id)
		wantKind(t, err, record.Precondition, "QC_NOT_IN_CONTROL")
		for i, ck := range []Check{first, second} {
			again, err := c.Replay(c.ctx, scopeOf("lz-h"), ck.ID)
			if err != nil || len(again) != 1 || !again[0].SameAnswer {
				t.Fatalf("check %d replayed: %+v, %v", i+1, again, err)
			}
			want := []record.QCVerdict{record.QCInControl, record.QCOutOfControl}[i]
			if p := again[0].Prior; p.Laboratory != "yj-h" || p.Quality == nil || p.Quality.Internal != want {
				t.Errorf("facts of check %d: %+v", i+1, p)
			}
		}
	})
}

// A community trusts the laboratory that measured: who ordered makes a result neither better nor worse.
func TestTheCommunityIsThatOfTheLaboratory(t *testing.T) {
	onEach(t, func(t *testing.T, open func(testing.TB) *county) {
		for _, tt := range []struct {
			name                          string
			orderer, laboratory, receiver record.InstitutionID
			mark                          string
			level                         int
		}{
			{"measured inside, ordered outside", "lz-h", "yj-h", "yj-t", "community", 2},
			{"measured outside, ordered inside", "yj-t", "lz-h", "yj-h", "", 3},
			{"measured where it was ordered", "yj-h", "", "yj-t", "community", 2},
		} {
			t.Run(tt.name, func(t *testing.T) {
				c := open(t)
				c.result(t, func(r *record.Result) {
					r.Exam.Kind, r.Exam.Institution, r.Exam.Procedure, r.Laboratory = record.Lab, tt.orderer, "LAB.HBA1C", tt.laboratory
					r.Quality = *goodQuality()
				})
				a, err := c.open(c.ctx, scopeOf(tt.receiver), c.patient, Outpatient)
				if err != nil {
					t.Fatal(err)
				}
				if v := a.alone(0); v.Mark != tt.mark || a.priors[0].Level != tt.level {
					t.Errorf("mark %q, level %d: %v", v.Mark, a.priors[0].Level, v.Failed.Codes())
				}
			})
		}
	})
}

func TestWordsOfEveryConditionAreInTheNationalPack(t *testing.T) {
	for _, c := range Default().Conditions(1<<conditionCount - 1) {
		if !slices.Contains(conditionCodes[:], c.Code) || c.Text.ZH == "" || c.Remedy.EN == "" || c.Citation == "" {
			t.Errorf("%+v", c)
		}
	}
}
