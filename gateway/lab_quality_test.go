package gateway

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lianzhen/lianzhen/authz"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// labBench is a laboratory with a registered lot, seen over REST.
type labBench struct {
	*house
	key, lot string
}

func newLabBench(t *testing.T) *labBench {
	t.Helper()
	h := newHouse(t)
	_, key := h.key(storetest.LeadHospital, "lab:control")
	b := &labBench{house: h, key: key}
	material := b.call(t, "POST", "/materials", `{"request_id":"m1","material":{"name":"复合生化质控","manufacturer":"示例"}}`, 200)
	if again := b.call(t, "POST", "/materials", `{"request_id":"m1","material":{"name":"复合生化质控","manufacturer":"示例"}}`, 200); again["materialId"] != material["materialId"] {
		t.Fatal("a repeated request made a second material")
	}
	lot := b.call(t, "POST", "/lots", fmt.Sprintf(`{"lot":{"material_id":%q,"number":"L2301","levels":["1","2"],"expires_on":"2099-12-31"}}`, material["materialId"]), 200)
	b.lot = lot["lotId"].(string)
	return b
}

func (b *labBench) call(t *testing.T, method, path, body string, want int) map[string]any {
	t.Helper()
	r := b.do(ask{method: method, path: "/api/v1/lab/quality" + path, body: body, header: bearer(b.key)}).want(t, want)
	return r.decode(t)
}

func (b *labBench) point(level, value, at, client string) string {
	return fmt.Sprintf(`{"series":{"device":"c702","analyte":"GLU"},"level":%q,"lot_id":%q,"value":%q,"at":%q,"client_id":%q,"operator":"检验师"}`, level, b.lot, value, at, client)
}

func TestQualityControlOverREST(t *testing.T) {
	b := newLabBench(t)
	rules := b.call(t, "GET", "/rules", "", 200)["rules"].([]any)
	if len(rules) != 13 || rules[0].(map[string]any)["nameZh"] == "" || rules[0].(map[string]any)["nameEn"] == "" {
		t.Errorf("%v", rules)
	}
	plan := b.call(t, "POST", "/plans", `{"plan":{"series":{"device":"c702","analyte":"GLU"},"unit":"mmol/L","daily":true,"tea_percent":"7.0"}}`, 200)
	if plan["teaPercent"] != "7.0" || len(plan["rules"].([]any)) != 7 {
		t.Errorf("%v", plan)
	}
	b.call(t, "POST", "/plans", `{"plan":{"series":{"device":"c702","analyte":"GLU"},"rules":["9_9s"]}}`, 400)
	target := b.call(t, "POST", "/targets", fmt.Sprintf(`{"target":{"series":{"device":"c702","analyte":"GLU"},"level":"1","lot_id":%q,"mean":"5.00","sd":"0.10","from_at":"2026-03-01T00:00:00Z"}}`, b.lot), 200)
	if bands := target["bands"].([]any); len(bands) != 7 || bands[6].(map[string]any)["value"] != "5.30" {
		t.Errorf("%v", bands)
	}
	batch := fmt.Sprintf(`{"entries":[%s,%s]}`, b.point("1", "5.050", "2026-03-02T00:00:00Z", "a"), b.point("1", "5.310", "2026-03-02T08:00:00Z", "b"))
	made := b.call(t, "POST", "/points:batch", batch, 200)
	points := made["points"].([]any)
	second := points[1].(map[string]any)
	if second["decision"] != "CONTROL_DECISION_REJECT" || second["entry"].(map[string]any)["value"] != "5.310" || len(made["runs"].([]any)) != 2 {
		t.Fatalf("%v", made)
	}
	if hit := second["hits"].([]any)[1].(map[string]any); hit["rule"] != "1_3s" || hit["nameZh"] == "" || hit["nameEn"] == "" {
		t.Errorf("%v", hit)
	}
	if again := b.call(t, "POST", "/points:batch", batch, 200)["points"].([]any)[1].(map[string]any); again["alreadyKept"] != true || again["pointId"] != second["pointId"] {
		t.Errorf("%v", again)
	}
	b.call(t, "POST", "/points", `{"entry":`+b.point("1", "5.1", "2026-03-02T08:00:00Z", "b")+`}`, 409)
	b.call(t, "POST", "/points", `{"entry":`+b.point("1", "1e9", "2026-03-02T08:00:00Z", "c")+`}`, 400)
	b.call(t, "POST", "/points", `{"entry":`+b.point("3", "5.1", "2026-03-02T08:00:00Z", "c")+`}`, 400)

	states := b.call(t, "GET", "/states?internal=CONTROL_VERDICT_NONE", "", 200)["states"].([]any)
	if len(states) != 1 || states[0].(map[string]any)["holdsWaiting"] != 1.0 {
		t.Errorf("%v", states)
	}
	hold := b.call(t, "GET", "/holds?waiting=true", "", 200)["holds"].([]any)[0].(map[string]any)
	if hold["sinceAt"] != "2026-03-02T00:00:00Z" || hold["goodAt"] != nil {
		t.Errorf("%v", hold)
	}
	id := hold["holdId"].(string)
	b.call(t, "POST", "/holds/"+id+":decide", `{"decision":"HOLD_DECISION_REPEAT","reason":"复查"}`, 412)
	b.call(t, "POST", "/actions", fmt.Sprintf(`{"action":{"series":{"device":"c702","analyte":"GLU"},"hold_id":%q,"at":"2026-03-02T08:30:00Z","cause":"试剂变质","correction":"更换试剂","restart":true}}`, id), 200)
	b.call(t, "POST", "/points", `{"entry":`+b.point("1", "5.020", "2026-03-02T09:00:00Z", "d")+`}`, 200)
	decided := b.call(t, "POST", "/holds/"+id+":decide", `{"decision":"HOLD_DECISION_REPEAT","reason":"期间结果全部复查"}`, 200)
	if decided["goodAt"] != "2026-03-02T09:00:00Z" || decided["decision"] != "HOLD_DECISION_REPEAT" {
		t.Errorf("%v", decided)
	}

	first := b.call(t, "GET", "/charts?device=c702&analyte=GLU&page_size=2", "", 200)
	if len(first["points"].([]any)) != 2 || len(first["targets"].([]any)) != 1 || first["nextPageToken"] == "" {
		t.Errorf("%v", first)
	}
	rest := b.call(t, "GET", "/charts?device=c702&analyte=GLU&page_size=2&page_token="+first["nextPageToken"].(string), "", 200)
	if len(rest["points"].([]any)) != 1 || rest["nextPageToken"] != "" {
		t.Errorf("%v", rest)
	}
	month := b.call(t, "GET", "/months?month=2026-03", "", 200)["months"].([]any)[0].(map[string]any)
	if month["judged"] != 3.0 || month["rejected"] != 1.0 || month["inControlRatePercent"] != "66.6666666667" || month["sigma"] == "" {
		t.Errorf("%v", month)
	}
	voided := b.call(t, "POST", "/points/"+second["pointId"].(string)+":void", `{"reason":"录入错误"}`, 200)
	if voided["voidedAt"] == nil {
		t.Errorf("%v", voided)
	}
}

func TestQualityControlIsOfTheOwnLaboratory(t *testing.T) {
	b := newLabBench(t)
	_, stranger := b.house.key(storetest.LiangzhouHospital, "lab:control")
	_, reader := b.house.key(storetest.LeadHospital, "lab:read")
	body := `{"entry":` + b.point("1", "5.0", "2026-03-02T08:00:00Z", "") + `}`
	b.do(ask{method: "POST", path: "/api/v1/lab/quality/points", body: body, header: bearer(reader)}).want(t, 403)
	b.do(ask{method: "POST", path: "/api/v1/lab/quality/points", body: body, header: bearer(stranger)}).want(t, 404) // no such lot there
	own := b.call(t, "POST", "/points", body, 200)
	b.do(ask{method: "GET", path: "/api/v1/lab/quality/points/" + own["pointId"].(string), header: bearer(stranger)}).want(t, 404)
	list := b.do(ask{method: "GET", path: "/api/v1/lab/quality/lots", header: bearer(stranger)}).want(t, 200).decode(t)
	if got, _ := list["lots"].([]any); len(got) != 0 {
		t.Errorf("%v", list)
	}
	foreign := fmt.Sprintf("?laboratory_id=%s&device=c702&analyte=GLU", storetest.LeadHospital)
	b.do(ask{method: "GET", path: "/api/v1/lab/quality/charts" + foreign, header: bearer(stranger)}).want(t, 404)
}

func TestCertificatesAndAssessmentOverGRPC(t *testing.T) {
	h := newHouse(t)
	h.user("bureau", storetest.MinqinCommunity, authz.CommunityAdmin)
	h.user("tech", storetest.LeadHospital, authz.Technician)
	bureau, tech := as(h.session("bureau")), as(h.session("tech"))
	api := pb.NewLabQualityServiceClient(h.conn)

	cert := &pb.EqaCertificate{
		LaboratoryId: string(storetest.LeadHospital), Number: "G-17", Issuer: "甘肃省临床检验中心", Scope: "province:gansu", Analytes: []string{"GLU", "K"},
		FromAt: timestamppb.New(time.Now().AddDate(0, -1, 0)), UntilAt: timestamppb.New(time.Now().AddDate(1, 0, 0)),
	}
	_, err := api.CreateEqaCertificate(tech, &pb.CreateEqaCertificateRequest{Certificate: cert})
	wantCode(t, err, "PermissionDenied")
	made, err := api.CreateEqaCertificate(bureau, &pb.CreateEqaCertificateRequest{Certificate: cert})
	must(t, err)
	st, err := api.GetControlState(tech, &pb.GetControlStateRequest{Device: "c702", Analyte: "K"})
	must(t, err)
	if st.GetCertificateNumber() != "G-17" || st.GetInternal() != pb.ControlVerdict_CONTROL_VERDICT_NONE {
		t.Errorf("%v", st)
	}
	_, err = api.RevokeEqaCertificate(bureau, &pb.RevokeEqaCertificateRequest{CertificateId: made.GetCertificateId(), Reason: "抽查不合格"})
	must(t, err)
	if st, err = api.GetControlState(tech, &pb.GetControlStateRequest{Device: "c702", Analyte: "K"}); err != nil || st.GetCertificateNumber() != "" {
		t.Errorf("%v %v", st, err)
	}
	list, err := api.ListEqaCertificates(tech, &pb.ListEqaCertificatesRequest{Analyte: "GLU"})
	if err != nil || len(list.GetCertificates()) != 1 || list.GetCertificates()[0].GetRevokeReason() == "" {
		t.Errorf("%v %v", list, err)
	}

	p, err := api.CreateEqaProgramme(bureau, &pb.CreateEqaProgrammeRequest{Programme: &pb.EqaProgramme{
		Organiser: "民勤县医共体质控中心", Scope: "county:minqin", Name: "常规化学", Year: 2026,
	}})
	must(t, err)
	closes := time.Now().Add(2 * time.Second)
	round, err := api.CreateEqaRound(bureau, &pb.CreateEqaRoundRequest{Round: &pb.EqaRound{
		ProgrammeId: p.GetProgrammeId(), Name: "第1次", OpensAt: timestamppb.New(closes.Add(-time.Hour)), ClosesAt: timestamppb.New(closes),
		Samples: []*pb.EqaSample{{Sample: "202611", Analyte: "GLU", Unit: "mmol/L"}}, LaboratoryIds: []string{string(storetest.LeadHospital), string(storetest.Suwu)},
	}})
	must(t, err)
	for name, c := range map[string]struct {
		as   context.Context
		want int
	}{"keeper": {bureau, 2}, "laboratory": {tech, 1}} {
		seen, err := api.GetEqaRound(c.as, &pb.GetEqaRoundRequest{RoundId: round.GetRoundId()})
		if err != nil || len(seen.GetLaboratoryIds()) != c.want {
			t.Errorf("%s: %v %v", name, seen, err)
		}
		if list, err := api.ListEqaRounds(c.as, &pb.ListEqaRoundsRequest{}); err != nil || len(list.GetRounds()) != 1 {
			t.Errorf("%s: %v %v", name, list, err)
		}
	}
	_, err = api.SubmitEqaValues(tech, &pb.SubmitEqaValuesRequest{RoundId: round.GetRoundId(), Values: []*pb.EqaValue{{Sample: "202611", Analyte: "GLU", Value: "5.30"}}})
	must(t, err)
	told := &pb.PublishEqaTargetsRequest{RoundId: round.GetRoundId(), Samples: []*pb.EqaSample{{Sample: "202611", Analyte: "GLU", Target: "5.00", AllowableError: "7", GroupSd: "0.15"}}}
	for { // until the round has closed
		if _, err = api.PublishEqaTargets(bureau, told); err == nil {
			break
		}
		wantCode(t, err, "FailedPrecondition")
		time.Sleep(50 * time.Millisecond)
	}
	mine, err := api.ListEqaScores(tech, &pb.ListEqaScoresRequest{RoundId: round.GetRoundId()})
	must(t, err)
	if got := mine.GetScores(); len(got) != 1 || !got[0].GetPassed() || got[0].GetGrades()[0].GetZ() != "2.000" || got[0].GetGrades()[0].GetDeviationPercent() != "6" {
		t.Errorf("%v", got)
	}
	all, err := api.ListEqaRoundScores(bureau, &pb.ListEqaRoundScoresRequest{RoundId: round.GetRoundId()})
	if err != nil || len(all.GetScores()) != 2 || all.GetScores()[1].GetPassed() {
		t.Errorf("%v %v", all, err)
	}
	_, err = api.ListEqaRoundScores(tech, &pb.ListEqaRoundScoresRequest{RoundId: round.GetRoundId()})
	wantCode(t, err, "PermissionDenied")
}
