package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/lab/observation"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// sent resolves a row of a sender as the centre would.
func (h *house) sent(sender record.InstitutionID, code, text, unit string) string {
	h.t.Helper()
	var found string
	must(h.t, h.DB.Tx(h.t.Context(), func(tx *store.Tx) error {
		a, _, err := h.Catalogue.Resolve(h.t.Context(), tx, sender, "analyser-1", observation.Result{
			Code: observation.Coding{Code: code, System: "L", Text: text}, Value: observation.ParseValue("5.5"), Unit: observation.Coding{Text: unit},
		}, observation.Specimen{Type: observation.Coding{Code: "SER"}})
		found = a.Code
		return err
	}))
	return found
}

func TestClinicsReadTheCatalogue(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	lab := pb.NewLabCatalogueServiceClient(h.conn)
	got, err := lab.ListAnalytes(as(key), &pb.ListAnalytesRequest{Query: "血钾", PageSize: 5})
	must(t, err)
	if a := got.GetAnalytes()[0]; a.GetCode() != "K" || a.GetLoinc() != "2823-3" || a.GetGroupName() != "电解质" || a.GetKind() != pb.AnalyteKind_ANALYTE_KIND_QUANTITY {
		t.Errorf("%v", a)
	}
	seen := map[string]bool{}
	for token := ""; ; {
		page, err := lab.ListAnalytes(as(key), &pb.ListAnalytesRequest{PageSize: 100, PageToken: token})
		must(t, err)
		for _, a := range page.GetAnalytes() {
			if seen[a.GetCode()] {
				t.Errorf("%s is on two pages", a.GetCode())
			}
			seen[a.GetCode()] = true
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if len(seen) < 200 {
		t.Errorf("%d analytes", len(seen))
	}
	_, err = lab.ListAnalytes(as(key), &pb.ListAnalytesRequest{PageToken: pageToken("x")})
	wantCode(t, err, "InvalidArgument")
	a, err := lab.GetAnalyte(as(key), &pb.GetAnalyteRequest{Code: "HGB"})
	must(t, err)
	if len(a.GetIntervals()) != 3 || a.GetIntervals()[0].GetText() != "130-175" || a.GetIntervals()[0].GetSourceStatus() != "recollection" ||
		a.GetStability()[0].GetHours()["room"] != 8 {
		t.Errorf("%v", a)
	}
	_, err = lab.GetAnalyte(as(key), &pb.GetAnalyteRequest{Code: "NONE"})
	wantCode(t, err, "NotFound")
	r := h.do(ask{method: "GET", path: "/api/v1/lab/panels?query=xcg", header: bearer(key)}).want(t, http.StatusOK)
	if !strings.Contains(string(r.text), `"CBC"`) || !strings.Contains(string(r.text), "#7b4fa3") {
		t.Errorf("%s", r.text)
	}
	for name, call := range map[string]func() error{
		"rules":    func() error { _, err := lab.GetLabRules(as(key), &pb.GetLabRulesRequest{}); return err },
		"unmapped": func() error { _, err := lab.ListUnmappedCodes(as(key), &pb.ListUnmappedCodesRequest{}); return err },
		"mapping": func() error {
			_, err := lab.MapCode(as(key), &pb.MapCodeRequest{Code: "1", Analyte: "K"})
			return err
		},
	} {
		if err := call(); err == nil {
			t.Errorf("a clinic's program may do %s", name)
		}
	}
}

func TestACodeIsMappedInOneStep(t *testing.T) {
	h := newHouse(t)
	h.user("adm", storetest.LeadHospital, "centre_admin")
	token := h.session("adm")
	lab := pb.NewLabCatalogueServiceClient(h.conn)
	for range 2 {
		if got := h.sent(storetest.Suwu, "G01", "葡萄糖", "mmol/L"); got != "" {
			t.Fatal(got)
		}
	}
	open, err := lab.ListUnmappedCodes(as(token), &pb.ListUnmappedCodesRequest{})
	must(t, err)
	if len(open.GetCodes()) != 1 || open.GetCodes()[0].GetCount() != 2 || open.GetCodes()[0].GetWhy() != "unknown" {
		t.Fatal(open)
	}
	id := open.GetCodes()[0].GetUnmappedId()
	may, err := lab.SuggestAnalytes(as(token), &pb.SuggestAnalytesRequest{UnmappedId: id})
	must(t, err)
	if s := may.GetSuggestions(); len(s) == 0 || s[0].GetAnalyte().GetCode() != "GLU" || s[0].GetScore() < 90 {
		t.Fatal(may)
	}
	m, err := lab.MapCode(as(token), &pb.MapCodeRequest{UnmappedId: id, AnyUnit: true, AnySpecimen: true, AnyLink: true, Analyte: "GLU"})
	must(t, err)
	if m.GetNumber() != 1 || m.GetSenderId() != string(storetest.Suwu) || m.GetLink() != "" || m.GetReviewedBy() != "测试adm" {
		t.Error(m)
	}
	if got := h.sent(storetest.Suwu, "G01", "葡萄糖", "mmol/L"); got != "GLU" {
		t.Error(got)
	}
	_, err = lab.MapCode(as(token), &pb.MapCodeRequest{SenderId: string(storetest.Suwu), Code: "G01", System: "L", Analyte: "UREA"})
	wantCode(t, err, "AlreadyExists")
	_, err = lab.MapCode(as(token), &pb.MapCodeRequest{SenderId: string(storetest.Suwu), Code: "G01", System: "L", BaseNumber: 1, Reason: "wrong"})
	must(t, err)
	if got := h.sent(storetest.Suwu, "G01", "葡萄糖", "mmol/L"); got != "" {
		t.Error(got)
	}
	all, err := lab.ListCodeMaps(as(token), &pb.ListCodeMapsRequest{SenderId: string(storetest.Suwu), IncludeFollowed: true})
	must(t, err)
	if len(all.GetMappings()) != 2 {
		t.Error(all)
	}
	share, err := lab.GetCodeCoverage(as(token), &pb.GetCodeCoverageRequest{})
	must(t, err)
	if l := share.GetLinks(); len(l) != 1 || l[0].GetResolvedRows() != 1 || l[0].GetUnmappedRows() != 3 || l[0].GetOpenCodes() != 1 {
		t.Error(share)
	}
	h.user("elsewhere", storetest.LiangzhouHospital, "centre_admin")
	other := h.session("elsewhere")
	none, err := lab.ListUnmappedCodes(as(other), &pb.ListUnmappedCodesRequest{IncludeSettled: true})
	must(t, err)
	if len(none.GetCodes()) != 0 {
		t.Error("another county sees them")
	}
	_, err = lab.SuggestAnalytes(as(other), &pb.SuggestAnalytesRequest{UnmappedId: id})
	wantCode(t, err, "NotFound")
	_, err = lab.MapCode(as(other), &pb.MapCodeRequest{UnmappedId: id, Analyte: "GLU"})
	wantCode(t, err, "NotFound")
}

func TestPacksAreChangedThroughTheDoor(t *testing.T) {
	h := newHouse(t)
	h.user("adm", storetest.LeadHospital, "centre_admin")
	token := h.session("adm")
	lab := pb.NewLabCatalogueServiceClient(h.conn)
	rules, err := lab.GetLabRules(as(token), &pb.GetLabRulesRequest{})
	must(t, err)
	next := strings.Replace(rules.GetYaml(), `version: "2026.1"`, `version: "2026.2"`, 1)
	dry, err := lab.UpdateLabRules(as(token), &pb.UpdateLabRulesRequest{Yaml: next, DryRun: true})
	must(t, err)
	if dry.GetNumber() != 0 || dry.GetTrial() == nil || dry.GetVersion() != "2026.2" {
		t.Error(dry.GetVersion())
	}
	_, err = lab.UpdateLabRules(as(token), &pb.UpdateLabRulesRequest{Yaml: strings.Replace(next, `">= 6.2"`, `">= 6.3"`, 1), DryRun: true})
	wantCode(t, err, "InvalidArgument")
	if !strings.Contains(err.Error(), "line ") {
		t.Error("no line is named: ", err)
	}
	kept, err := lab.UpdateLabRules(as(token), &pb.UpdateLabRulesRequest{Yaml: next, Reason: "verified"})
	must(t, err)
	if kept.GetNumber() != 1 || kept.GetRecordedBy() != "测试adm" {
		t.Error(kept.GetNumber())
	}
	_, err = lab.UpdateLabRules(as(token), &pb.UpdateLabRulesRequest{Yaml: next, Reason: "again"})
	wantCode(t, err, "AlreadyExists")

	cat, err := lab.GetLabCatalogue(as(token), &pb.GetLabCatalogueRequest{})
	must(t, err)
	text := strings.Replace(cat.GetYaml(), `version: "2026.1"`, `version: "2026.2"`, 1)
	text = strings.Replace(text, `{id: k, of: K, low: "3.5"`, `{id: k, of: K, low: "3.4"`, 1)
	changed, err := lab.UpdateLabCatalogue(as(token), &pb.UpdateLabCatalogueRequest{Yaml: text, Reason: "verified"})
	must(t, err)
	if d := changed.GetDifference(); len(d.GetChanged()) != 1 || d.GetChanged()[0] != "K" {
		t.Error(d)
	}
	a, err := lab.GetAnalyte(as(token), &pb.GetAnalyteRequest{Code: "K"})
	must(t, err)
	if a.GetIntervals()[0].GetText() != "3.4-5.3" {
		t.Error(a)
	}
	r := h.do(ask{method: "POST", path: "/api/v1/lab/rules:try", header: bearer(token), body: `{"ageDays": 20000, "sex": "F", "specimen": "SER", "qualityControl": "in",
		"values": [{"analyte": "K", "value": "6.80"}, {"analyte": "GLU", "value": "108", "unit": "mg/dL"}]}`}).want(t, http.StatusOK)
	for _, want := range []string{`"k-high"`, `"血钾过高"`, `6.80 mmol/L`, `"passes":true`, `"flag":"HH"`, `"3.4-5.3"`} {
		if !strings.Contains(strings.ReplaceAll(string(r.text), `": `, `":`), want) {
			t.Errorf("no %s in %s", want, r.text)
		}
	}
}
