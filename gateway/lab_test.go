package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/specimen"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// labCounty is a house with people and programs of the laboratory: Suwu orders, the lead hospital hosts the centre, Dongba is another clinic.
type labCounty struct {
	*house
	t    *testing.T
	labs pb.LabServiceClient
	key  string // of Suwu's laboratory system

	signedIn map[string]context.Context
}

// labPeople are who works with results; each signs in when a test asks for them.
var labPeople = map[string]struct {
	at   record.InstitutionID
	role string
}{
	"labdoc": {storetest.Suwu, authz.Clinician}, "labtech": {storetest.Suwu, authz.Technician}, "labreader": {storetest.LeadHospital, authz.Reader},
	"labreviewer": {storetest.LeadHospital, authz.Reviewer}, "labcentre": {storetest.LeadHospital, authz.CentreAdmin}, "labother": {storetest.Dongba, authz.Clinician},
	"labothertech": {storetest.Dongba, authz.Technician},
}

func (c *labCounty) person(login string) context.Context {
	c.t.Helper()
	if c.signedIn[login] == nil {
		c.user(login, labPeople[login].at, labPeople[login].role)
		c.signedIn[login] = as(c.session(login))
	}
	return c.signedIn[login]
}

// token is another session of a person.
func (c *labCounty) token(login string) string {
	c.t.Helper()
	c.person(login)
	return c.session(login)
}

func (c *labCounty) doc() context.Context      { return c.person("labdoc") }
func (c *labCounty) tech() context.Context     { return c.person("labtech") }
func (c *labCounty) reader() context.Context   { return c.person("labreader") }
func (c *labCounty) reviewer() context.Context { return c.person("labreviewer") }
func (c *labCounty) centre() context.Context   { return c.person("labcentre") }
func (c *labCounty) other() context.Context    { return c.person("labother") }

func eachLab(t *testing.T, fn func(t *testing.T, c *labCounty)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB, blobs store.Blobs) {
		c := &labCounty{t: t, signedIn: map[string]context.Context{}, house: newHouseOver(t, db, blobs, func(d *Deps) {
			d.Specimens = specimen.New(db, specimen.Catalogued(d.Catalogue, specimen.Options{}))
		})}
		c.labs = pb.NewLabServiceClient(c.conn)
		_, c.key = c.house.key(storetest.Suwu, allScopes...)
		fn(t, c)
	})
}

func (c *labCounty) rest(method, path, body string, want int) reply {
	c.t.Helper()
	return c.do(ask{method: method, path: "/api/v1/lab/" + path, body: body, header: bearer(c.key)}).want(c.t, want)
}

// message sends a message as the body of a POST.
func (c *labCounty) message(media string, body []byte, want int) reply {
	c.t.Helper()
	return c.do(ask{method: "POST", path: "/api/v1/lab/messages", body: string(body), header: map[string]string{
		"Authorization": "Bearer " + c.key, "Content-Type": media,
	}}).want(c.t, want)
}

func (r reply) storedLab(t testing.TB) *pb.StoredLabMessage {
	t.Helper()
	var st pb.StoredLabMessage
	must(t, protojson.Unmarshal(r.text, &st))
	return &st
}

// labResults is a glucose of a person as JSON, and more rows.
func labResults(control, filler, glucose string, more string) string {
	return fmt.Sprintf(`{"control_id":%q,"final":true,"reports":[{"local_patient_number":"L1","patient_name":"赵秀英","identity_number":"110101195503040021",
		"patient_birth_date":"1955-03-04","patient_sex":"SEX_FEMALE","filler_number":%q,"service":{"code":"CHEM","text":"生化"},"collected_at":%q,
		"results":[{"code":{"code":"14749-6","system":"LN","text":"葡萄糖"},"value":%q,"unit":"mmol/L","range":"3.9-6.1"}%s]}]}`,
		control, filler, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), glucose, more)
}

// labORU is a message of a laboratory system: rows as "code^text^system|type|value|unit|status".
func labORU(control, filler, spm string, minute int, rows ...string) []byte {
	pid := "PID|1||L1^^^SUWU^PI||赵^秀英||19550304|F"
	if spm != "" {
		pid = "PID|1"
	}
	at := time.Date(2026, 3, 5, 9, minute, 0, 0, time.UTC).Format("20060102150405-0700")
	lines := []string{
		"MSH|^~\\&|LIS|SUWU|LIANZHEN|MINQIN|" + at + "||ORU^R01^ORU_R01|" + control + "|P|2.5.1||||||UNICODE UTF-8", pid,
		"OBR|1||" + filler + "|CHEM^生化^L|||" + at + "|||||||||||||||" + at,
	}
	for i, r := range rows {
		f := strings.Split(r, "|")
		lines = append(lines, fmt.Sprintf("OBX|%d|%s|%s||%s|%s|||||%s|||%s", i+1, f[1], f[0], f[2], f[3], f[4], at))
	}
	if spm != "" {
		lines = append(lines, "SPM|1|"+spm+"||SER^血清^HL70487")
	}
	return []byte(strings.Join(lines, "\r") + "\r")
}

func (c *labCounty) get(ctx context.Context, id string, view pb.LabView) *pb.LabReport {
	c.t.Helper()
	k, err := c.labs.GetLabReport(ctx, &pb.GetLabReportRequest{ReportId: id, View: view})
	must(c.t, err)
	return k
}

func labValues(k *pb.LabReport) string {
	var out []string
	for _, r := range k.GetRows() {
		out = append(out, r.GetAnalyte()+"="+r.GetValue())
	}
	return strings.Join(out, " ")
}

func (c *labCounty) tick() {
	c.t.Helper()
	_, err := c.Lab.Tick(c.t.Context())
	must(c.t, err)
}

// quiet looks for what was said of people where it must not be.
func (c *labCounty) quiet(personal ...string) {
	c.t.Helper()
	log := c.log.String()
	evs, err := c.DB.Events(c.t.Context(), store.EventFilter{Limit: 10_000})
	must(c.t, err)
	for _, p := range append(personal, "赵秀英", "赵^秀英", "110101195503040021", "1955-03-04", "19550304") {
		if strings.Contains(log, p) {
			c.t.Errorf("the log holds %s", p)
		}
		for _, e := range evs {
			if strings.Contains(fmt.Sprint(e.Detail, e.Object), p) {
				c.t.Errorf("event %s holds %s", e.Act, p)
			}
		}
	}
}

func TestResultsAsJSONGoInOnceAndComeOut(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		body := labResults("J1", "F1", "7.83", `,{"code":{"code":"2823-3","system":"LN","text":"钾"},"value":"4.10","unit":"mmol/L","range":"3.5-5.3"}`)
		st := c.rest("POST", "results", body, 200).storedLab(t)
		if st.GetAlreadyStored() || len(st.GetReports()) != 1 || st.GetReports()[0].GetNewRows() != 2 || st.GetReports()[0].GetWaitingRows() != 0 {
			t.Fatalf("%v", st)
		}
		again := c.rest("POST", "results", body, 200).storedLab(t)
		if !again.GetAlreadyStored() || again.GetMessageId() != st.GetMessageId() || again.GetReports()[0].GetReportId() != st.GetReports()[0].GetReportId() {
			t.Errorf("%v", again)
		}
		conflict := c.rest("POST", "results", strings.Replace(body, "7.83", "7.84", 1), 409)
		if !strings.Contains(string(conflict.text), "quarantineId") || strings.Contains(string(conflict.text), "7.84") {
			t.Errorf("%s", conflict.text)
		}
		_, err := c.labs.SendLabResults(as(c.key), &pb.SendLabResultsRequest{ControlId: "J1", Reports: []*pb.LabReportInput{{
			LocalPatientNumber: "L1", Results: []*pb.LabResultInput{{Code: &pb.LabCoding{Code: "K"}, Value: "5"}},
		}}})
		wantCode(t, err, "AlreadyExists")
		if details := status.Convert(err).Details(); !slices.ContainsFunc(details, func(d any) bool {
			place, ok := d.(*structpb.Struct)
			return ok && place.GetFields()["quarantineId"].GetStringValue() != ""
		}) {
			t.Errorf("%v", details)
		}
		for name, bad := range map[string]string{
			"no code":       `{"reports":[{"local_patient_number":"L1","results":[{"code":{},"value":"1"}]}]}`,
			"bad status":    `{"reports":[{"local_patient_number":"L1","results":[{"code":{"code":"K"},"value":"1","status":"9"}]}]}`,
			"nobody":        `{"reports":[{"results":[{"code":{"code":"K"},"value":"1"}]}]}`,
			"no rows":       `{"reports":[{"local_patient_number":"L1"}]}`,
			"unknown field": `{"reports":[{"local_patient_number":"L1","x":1,"results":[{"code":{"code":"K"},"value":"1"}]}]}`,
		} {
			if r := c.rest("POST", "results", bad, 400); strings.Contains(string(r.text), "L1") {
				t.Errorf("%s: %s", name, r.text)
			}
		}
		id := st.GetReports()[0].GetReportId()
		k := c.get(c.doc(), id, 0)
		if labValues(k) != "GLU=7.83 K=4.10" || k.GetStatus() != pb.LabStatus_LAB_STATUS_FINAL || k.GetPatientName() != "赵秀英" || k.GetAbnormalRows() != 1 {
			t.Errorf("%v", k)
		}
		c.papers(id)
		for _, format := range []struct{ name, media, has string }{
			{"hl7v2", "application/hl7-v2; charset=utf-8", "|7.83|"},
			{"csv", "text/csv; charset=utf-8", "7.83"},
			{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "PK"},
		} {
			r := c.rest("GET", "reports/"+id+"/export?format="+format.name, "", 200)
			if r.Header.Get("Content-Type") != format.media || !strings.Contains(string(r.text), format.has) {
				t.Errorf("%s: %s %.80q", format.name, r.Header.Get("Content-Type"), r.text)
			}
		}
		c.rest("GET", "reports/"+id+"/export?format=exe", "", 400)
		c.feeds(id)
		c.quiet("7.83")
	})
}

// papers reads the sheet of a report.
func (c *labCounty) papers(id string) string {
	c.t.Helper()
	r := c.rest("GET", "reports/"+id+"/sheet?language=both&paper=A5", "", 200)
	if r.Header.Get("Content-Type") != "application/pdf" || !bytes.HasPrefix(r.text, []byte("%PDF-")) || len(r.text) > 300<<10 {
		c.t.Errorf("sheet: %s, %d bytes", r.Header.Get("Content-Type"), len(r.text))
	}
	program, err := exec.LookPath("pdftotext")
	if err != nil {
		c.t.Log("no pdftotext: the words on paper are not read")
		return ""
	}
	cmd := exec.Command(program, "-layout", "-", "-")
	cmd.Stdin = bytes.NewReader(r.text)
	text, err := cmd.Output()
	must(c.t, err)
	return string(text)
}

// feeds looks for a report in both feeds.
func (c *labCounty) feeds(id string) {
	c.t.Helper()
	list, err := c.labs.ListLabChanges(as(c.key), &pb.ListLabChangesRequest{PageSize: 100})
	must(c.t, err)
	if !slices.ContainsFunc(list.GetChanges(), func(x *pb.LabChange) bool { return x.GetReportId() == id && x.GetAct() == "lab.released" }) {
		c.t.Errorf("%v", list)
	}
	ctx, cancel := context.WithTimeout(as(c.key), 20*time.Second)
	defer cancel()
	stream, err := c.labs.WatchLabChanges(ctx, &pb.WatchLabChangesRequest{AfterSeq: list.GetNextSeq()})
	must(c.t, err)
	st := c.rest("POST", "results", labResults("J-feed", "F-feed", "5.50", ""), 200).storedLab(c.t)
	got, err := stream.Recv()
	must(c.t, err)
	if got.GetReportId() != st.GetReports()[0].GetReportId() || got.GetSeq() <= list.GetNextSeq() {
		c.t.Errorf("%v", got)
	}
	stranger, err := c.labs.ListLabChanges(c.other(), &pb.ListLabChangesRequest{PageSize: 100})
	must(c.t, err)
	if len(stranger.GetChanges()) != 0 {
		c.t.Errorf("another clinic hears %v", stranger)
	}
}

func TestMessagesOverHTTPInEverySyntax(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		oru := labORU("M1", "F1", "", 0, "2823-3^钾^LN|NM|4.10|mmol/L|F")
		st := c.message("application/hl7-v2; charset=utf-8", oru, http.StatusCreated).storedLab(t)
		if again := c.message("application/hl7-v2", oru, http.StatusOK).storedLab(t); !again.GetAlreadyStored() || again.GetMessageId() != st.GetMessageId() {
			t.Errorf("%v", again)
		}
		if !strings.Contains(string(c.message("x-application/hl7-v2+er7", labORU("M1", "F1", "", 0, "2823-3^钾^LN|NM|4.20|mmol/L|F"), http.StatusConflict).text), "quarantineId") {
			t.Error("a conflict names no entry of the quarantine")
		}
		astm := "H|\\^&|||XN-1000^00\rP|1||L2||钱^大山||19480101|M\rO|1|S1||^^^WBC\rR|1|^^^WBC|8.1|10*9/L||N||F||||20260305093000\rL|1|N\r"
		st = c.message("application/x-astm", []byte(astm), http.StatusCreated).storedLab(t)
		if len(st.GetReports()) != 1 || st.GetReports()[0].GetRows() != 1 {
			t.Errorf("astm: %v", st)
		}
		csv := "姓名,性别,出生日期,病历号,项目,结果,单位,参考范围\n孙长河,男,1961-04-12,L3,血钾,4.30,mmol/L,3.5-5.3\n"
		st = c.message("text/csv; charset=utf-8", []byte(csv), http.StatusCreated).storedLab(t)
		if len(st.GetReports()) != 1 || st.GetReports()[0].GetRows() != 1 {
			t.Errorf("csv: %v", st)
		}
		id := st.GetReports()[0].GetReportId()
		released := c.rest("POST", "results", labResults("J1", "FX", "5.50", ""), 200).storedLab(t).GetReports()[0].GetReportId()
		xlsx := c.rest("GET", "reports/"+released+"/export?format=xlsx", "", 200).text
		st = c.message("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx, http.StatusCreated).storedLab(t)
		if len(st.GetReports()) != 1 || st.GetReports()[0].GetRows() != 1 {
			t.Errorf("xlsx: %v", st)
		}
		if found, err := c.labs.SearchLabReports(c.reader(), &pb.SearchLabReportsRequest{PatientName: "孙长"}); err != nil || len(found.GetReports()) != 1 || found.GetReports()[0].GetReportId() != id {
			t.Errorf("%v %v", found, err)
		}
		c.message("application/json", []byte(`{}`), http.StatusBadRequest)
		c.message("", oru, http.StatusBadRequest)
		bad := c.message("application/hl7-v2", []byte("PID|1||L1||赵^秀英"), http.StatusBadRequest)
		if strings.Contains(string(bad.text), "赵") {
			t.Errorf("%s", bad.text)
		}
		c.message("text/csv", bytes.Repeat([]byte("a,b,c,d\n"), (16<<20)/8+1), http.StatusRequestEntityTooLarge)
		_, err := c.labs.SendLabMessage(as(c.key), &pb.SendLabMessageRequest{Format: "pdf", Content: oru})
		wantCode(t, err, "InvalidArgument")
		c.quiet("钱", "孙长河", "8.1", "4.30")
	})
}

func TestReportsAreFoundByNameInABodyAndPageByPage(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		want := map[string]bool{}
		for i := range 7 {
			st := c.rest("POST", "results", labResults(fmt.Sprint("P", i), fmt.Sprint("F", i), "5.50", ""), 200).storedLab(t)
			want[st.GetReports()[0].GetReportId()] = true
		}
		c.rest("GET", "reports?patient_name="+url.QueryEscape("赵秀英"), "", 400)
		c.rest("GET", "reports?local_patient_number=L1", "", 400)
		token, seen := "", map[string]bool{}
		for range 10 {
			r := c.rest("POST", "reports:search", fmt.Sprintf(`{"patient_name":"秀英","page_size":3,"page_token":%q}`, token), 200).decode(t)
			for _, k := range rowsIn(r, "reports") {
				id := k["reportId"].(string)
				if seen[id] || !want[id] || len(rowsIn(k, "rows")) != 0 {
					t.Errorf("%s is twice in the pages, or not of them, or has rows", id)
				}
				seen[id] = true
			}
			if token, _ = r["nextPageToken"].(string); token == "" {
				break
			}
		}
		if len(seen) != len(want) {
			t.Errorf("%d of %d reports found", len(seen), len(want))
		}
		for _, q := range []string{`{"patient_name":"zxy"}`, `{"analyte":"GLU"}`, `{"local_patient_number":"L1"}`, `{"filler_number":"F3"}`, `{"status":"LAB_STATUS_FINAL"}`} {
			if got := rowsIn(c.rest("POST", "reports:search", q, 200).decode(t), "reports"); len(got) == 0 {
				t.Errorf("%s finds nothing", q)
			}
		}
		for _, q := range []string{`{"patient_name":"钱"}`, `{"analyte":"K"}`, `{"waiting":true}`, `{"critical":true}`, `{"unmapped":true}`, `{"patient_name":"%"}`} {
			if got := rowsIn(c.rest("POST", "reports:search", q, 200).decode(t), "reports"); len(got) != 0 {
				t.Errorf("%s finds %v", q, got)
			}
		}
		c.rest("POST", "reports:search", `{"page_token":"x"}`, 400)
		if found, err := c.labs.SearchLabReports(c.other(), &pb.SearchLabReportsRequest{PatientName: "赵"}); err != nil || len(found.GetReports()) != 0 {
			t.Errorf("another clinic finds %v %v", found, err)
		}
		c.quiet()
	})
}

func TestWhoMaySeeALabReport(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		st := c.rest("POST", "results", labResults("J1", "F1", "7.83", ""), 200).storedLab(t).GetReports()[0]
		id := st.GetReportId()
		get := func(ctx context.Context, view pb.LabView) error {
			_, err := c.labs.GetLabReport(ctx, &pb.GetLabReportRequest{ReportId: id, View: view})
			return err
		}
		for _, view := range []pb.LabView{pb.LabView_LAB_VIEW_WORKING, pb.LabView_LAB_VIEW_HISTORY} {
			wantCode(t, get(c.doc(), view), "PermissionDenied")
			must(t, get(c.tech(), view))
			must(t, get(c.reader(), view))
		}
		must(t, get(c.doc(), 0))
		for name, err := range map[string]error{
			"get": get(c.other(), 0),
			"sheet": func() error {
				_, err := c.labs.RenderLabReport(c.other(), &pb.RenderLabReportRequest{ReportId: id})
				return err
			}(),
			"export": func() error {
				_, err := c.labs.ExportLabReport(c.other(), &pb.ExportLabReportRequest{ReportId: id, Format: "csv"})
				return err
			}(),
		} {
			if status.Code(err).String() != "NotFound" {
				t.Errorf("%s at another clinic: %v", name, err)
			}
		}
		// The person comes to Dongba: what others measured is seen there.
		patients := pb.NewPatientServiceClient(c.conn)
		reg, err := patients.RegisterPatient(c.other(), &pb.RegisterPatientRequest{
			LocalNumber: "D1", Name: "赵秀英", IdentityNumber: "110101195503040021", BirthDate: "1955-03-04", Sex: pb.Sex_SEX_FEMALE,
		})
		must(t, err)
		wantCode(t, get(c.other(), 0), "NotFound")
		_, err = patients.OpenEncounter(c.other(), &pb.OpenEncounterRequest{PatientId: reg.GetPatient().GetPatientId(), VisitNumber: "V1", Class: pb.EncounterClass_ENCOUNTER_CLASS_AMB})
		must(t, err)
		must(t, get(c.other(), 0))
		wantCode(t, get(c.other(), pb.LabView_LAB_VIEW_WORKING), "PermissionDenied")
		// Who works in Dongba's laboratory sees what Suwu released, and nothing of its drafts and withdrawn values.
		for _, view := range []pb.LabView{pb.LabView_LAB_VIEW_WORKING, pb.LabView_LAB_VIEW_HISTORY} {
			wantCode(t, get(c.person("labothertech"), view), "NotFound")
		}
		trend, err := c.labs.GetLabTrend(c.other(), &pb.GetLabTrendRequest{PatientId: reg.GetPatient().GetPatientId(), Analyte: "GLU"})
		if err != nil || len(trend.GetPoints()) != 1 {
			t.Errorf("%v %v", trend, err)
		}
		_, err = patients.SetConsent(c.doc(), &pb.SetConsentRequest{PatientId: st.GetPatientId(), SharingAllowed: false})
		must(t, err)
		wantCode(t, get(c.other(), 0), "NotFound")
		if trend, err := c.labs.GetLabTrend(c.other(), &pb.GetLabTrendRequest{PatientId: reg.GetPatient().GetPatientId(), Analyte: "GLU"}); err != nil || len(trend.GetPoints()) != 0 {
			t.Errorf("%v %v", trend, err)
		}
		if table, err := c.labs.GetCumulativeReport(c.other(), &pb.GetCumulativeReportRequest{PatientId: reg.GetPatient().GetPatientId()}); err != nil || len(table.GetReports()) != 0 {
			t.Errorf("%v %v", table, err)
		}
		must(t, get(c.doc(), 0)) // at home it is one's own
		must(t, get(c.reader(), 0))
		glass := as(c.token("labother"), "x-lianzhen-purpose", "ETREAT", "x-lianzhen-justification", "%E6%98%8F%E8%BF%B7%E6%82%A3%E8%80%85%E6%80%A5%E8%AF%8A%E6%95%91%E6%B2%BB")
		must(t, get(glass, 0))
		c.quiet("7.83")
	})
}

func TestTwoPersonsValidateAndOneMayNot(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		st := c.message("application/hl7-v2", labORU("M1", "F1", "", 0, "2823-3^钾^LN|NM|4.10|mmol/L|F", "2951-2^钠^LN|NM|139|mmol/L|F", "2075-0^氯^LN|NM|101|mmol/L|F"), 201).storedLab(t).GetReports()[0]
		id := st.GetReportId()
		if st.GetWaitingRows() != 3 || st.GetCaseId() == "" || len(c.get(c.doc(), id, 0).GetRows()) != 0 {
			t.Fatalf("%v", st)
		}
		rows := c.get(c.reader(), id, pb.LabView_LAB_VIEW_WORKING).GetRows()
		k, na, cl := rows[0].GetRowId(), rows[1].GetRowId(), rows[2].GetRowId()
		validate := func(ctx context.Context, act, reason string, ids ...string) error {
			_, err := c.labs.ValidateLabRows(ctx, &pb.ValidateLabRowsRequest{ReportId: id, RowIds: ids, Act: act, Reason: reason})
			return err
		}
		release := func(ctx context.Context, ids ...string) error {
			_, err := c.labs.ReleaseLabRows(ctx, &pb.ReleaseLabRowsRequest{ReportId: id, RowIds: ids})
			return err
		}
		wantCode(t, validate(c.doc(), "", "", k), "PermissionDenied")
		wantCode(t, validate(as(c.key), "", "", k), "PermissionDenied")
		wantCode(t, release(c.reviewer(), k), "FailedPrecondition")
		must(t, validate(c.reviewer(), "validate", "", k))
		wantCode(t, release(c.reviewer(), k), "PermissionDenied") // a second person
		wantCode(t, release(c.reader(), k), "PermissionDenied")   // signs nothing
		must(t, validate(c.reader(), "validate", "", na))
		wantCode(t, release(c.reviewer(), na, cl), "FailedPrecondition") // as a whole or not at all
		if got := c.get(c.doc(), id, 0); len(got.GetRows()) != 0 {
			t.Errorf("%s", labValues(got))
		}
		must(t, release(c.reviewer(), na))
		if got := c.get(c.doc(), id, 0); labValues(got) != "NA=139" || got.GetStatus() != pb.LabStatus_LAB_STATUS_PRELIMINARY || got.GetRows()[0].GetReleasedBy() != "测试labreviewer" {
			t.Errorf("%s %v", labValues(got), got.GetStatus())
		}
		wantCode(t, validate(c.reader(), "set-aside", "", cl), "InvalidArgument")
		wantCode(t, validate(c.reader(), "set-aside", "复查", na), "FailedPrecondition")
		must(t, validate(c.reader(), "set-aside", "溶血,复查", cl))
		wantCode(t, validate(c.reader(), "override", "因为", k), "FailedPrecondition")
		wantCode(t, validate(c.reader(), "sign", "", k), "InvalidArgument")
		wantCode(t, validate(c.reader(), "", "", "nothing"), "NotFound")
		wantCode(t, validate(c.other(), "", "", k), "PermissionDenied")

		// The rest by the two signatures of the reading room.
		reading := pb.NewReadingServiceClient(c.conn)
		_, err := reading.ClaimCase(c.reader(), &pb.ClaimCaseRequest{CaseId: st.GetCaseId()})
		must(t, err)
		d, err := c.labs.DraftLabReport(c.reader(), &pb.DraftLabReportRequest{ReportId: id})
		must(t, err)
		if !strings.Contains(d.GetFindings(), "4.10") {
			t.Errorf("%v", d)
		}
		_, err = reading.SubmitReport(c.reader(), &pb.SubmitReportRequest{CaseId: st.GetCaseId(), Text: &pb.ReportText{Findings: d.GetFindings(), Impression: d.GetImpression()}})
		must(t, err)
		_, err = reading.SignReport(c.reviewer(), &pb.SignReportRequest{CaseId: st.GetCaseId()})
		must(t, err)
		if got := c.get(c.doc(), id, 0); labValues(got) != "K=4.10 NA=139" || got.GetStatus() != pb.LabStatus_LAB_STATUS_FINAL || got.GetVerified() != "released" {
			t.Errorf("%s %v %s", labValues(got), got.GetStatus(), got.GetVerified())
		}
		c.quiet("4.10")
	})
}

func TestAWithdrawnReportIsGoneEverywhere(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		st := c.rest("POST", "results", labResults("J1", "F1", "7.8351", ""), 200).storedLab(t).GetReports()[0]
		id := st.GetReportId()
		_ = c.get(c.doc(), id, 0)
		if text := c.papers(id); text != "" && !strings.Contains(text, "7.8351") {
			t.Errorf("on paper: %s", text)
		}
		req := &pb.WithdrawLabReportRequest{ReportId: id, Reason: "标本采错人"}
		for _, who := range []context.Context{c.doc(), c.reader(), c.reviewer(), c.tech(), as(c.key)} {
			_, err := c.labs.WithdrawLabReport(who, req)
			wantCode(t, err, "PermissionDenied")
		}
		gone, err := c.labs.WithdrawLabReport(c.centre(), req)
		must(t, err)
		if gone.GetStatus() != pb.LabStatus_LAB_STATUS_WITHDRAWN {
			t.Errorf("%v", gone)
		}
		trend, err := c.labs.GetLabTrend(c.doc(), &pb.GetLabTrendRequest{PatientId: st.GetPatientId(), Analyte: "GLU"})
		must(t, err)
		table, err := c.labs.GetCumulativeReport(c.doc(), &pb.GetCumulativeReportRequest{PatientId: st.GetPatientId()})
		must(t, err)
		check, err := pb.NewRecognitionServiceClient(c.conn).CheckOrder(c.doc(), &pb.CheckOrderRequest{
			PatientId: st.GetPatientId(), Items: []*pb.OrderItem{{OrderId: "o1", ItemCode: "14749-6"}},
		})
		must(t, err)
		if v := check.GetItems()[0].GetVerdict(); v == pb.Verdict_VERDICT_RECOGNISE {
			t.Errorf("recognised: %v", check)
		}
		for name, text := range map[string]string{
			"answer": gone.String(), "get": c.get(c.doc(), id, 0).String(), "working": c.get(c.reader(), id, pb.LabView_LAB_VIEW_WORKING).String(), "trend": trend.String(),
			"table": table.String(), "check": check.String(), "paper": c.papers(id),
			"csv":   string(c.rest("GET", "reports/"+id+"/export?format=csv", "", 200).text),
			"hl7v2": string(c.rest("GET", "reports/"+id+"/export?format=hl7v2", "", 200).text),
		} {
			if strings.Contains(text, "7.8351") {
				t.Errorf("%s holds the value: %s", name, text)
			}
		}
		if got := c.get(c.reader(), id, pb.LabView_LAB_VIEW_HISTORY); !strings.Contains(got.String(), "7.8351") {
			t.Error("for the law it is gone")
		}
		c.recalled(id)
		readers, err := c.labs.ListLabReportReaders(c.centre(), &pb.ListLabReportReadersRequest{ReportId: id})
		if err != nil || len(readers.GetReaders()) == 0 {
			t.Errorf("%v %v", readers, err)
		}
		c.quiet("7.8351")
	})
}

// recalled acknowledges the recall of Suwu's doctor.
func (c *labCounty) recalled(report string) {
	c.t.Helper()
	t := c.t
	all, err := c.labs.ListLabRecalls(c.doc(), &pb.ListLabRecallsRequest{})
	must(t, err)
	i := slices.IndexFunc(all.GetRecalls(), func(r *pb.LabRecall) bool { return r.GetReportId() == report && r.GetReaderName() == "测试labdoc" })
	if i < 0 || all.GetRecalls()[i].GetReason() != "withdrawn" {
		t.Fatalf("%v", all)
	}
	req := &pb.AcknowledgeLabRecallRequest{RecallId: all.GetRecalls()[i].GetRecallId()}
	_, err = c.labs.AcknowledgeLabRecall(c.other(), req)
	wantCode(t, err, "NotFound")
	first, err := c.labs.AcknowledgeLabRecall(c.doc(), req)
	must(t, err)
	again, err := c.labs.AcknowledgeLabRecall(c.doc(), req)
	must(t, err)
	if first.GetAcknowledgedAt() == nil || !again.GetAcknowledgedAt().AsTime().Equal(first.GetAcknowledgedAt().AsTime()) {
		t.Errorf("%v %v", first, again)
	}
	open, err := c.labs.ListLabRecalls(c.doc(), &pb.ListLabRecallsRequest{})
	must(t, err)
	if slices.ContainsFunc(open.GetRecalls(), func(r *pb.LabRecall) bool { return r.GetRecallId() == req.GetRecallId() }) {
		t.Errorf("%v", open)
	}
	every, err := c.labs.ListLabRecalls(c.doc(), &pb.ListLabRecallsRequest{IncludeAcknowledged: true})
	must(t, err)
	if len(every.GetRecalls()) != len(all.GetRecalls()) {
		t.Errorf("%v", every)
	}
}

// hl7Door opens the MLLP door and registers a link.
func (c *labCounty) hl7Door(name, profile string) (address string, d authz.Device) {
	c.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(c.t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.mllp.Serve(ctx, l) }()
	c.t.Cleanup(func() { stop(); must(c.t, <-done) })
	d, err = c.Book.CreateDevice(context.Background(), system(), authz.Device{
		Institution: storetest.Suwu, Name: "检验系统", Protocol: authz.HL7, Link: name, Address: "127.0.0.1", Active: true, Profile: authz.Profile{YAML: profile},
	})
	must(c.t, err)
	return l.Addr().String(), d
}

func TestARefusedMessageIsTakenAfterItsProfileIsMended(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		address, d := c.hl7Door("LIS|SUWU", "charset: UTF-8\nfinal: true\n")
		text := string(labORU("M1", "F1", "", 0, "2823-3^钾^LN|NM|4.10|mmol/L|F"))
		if a := sendHL7(t, address, text, hl7.GB18030); a.Get("MSA", 1) == "AA" {
			t.Fatalf("%s", a.Text)
		}
		waiting, err := c.labs.ListLabQuarantine(c.tech(), &pb.ListLabQuarantineRequest{})
		must(t, err)
		if len(waiting.GetMessages()) != 1 || waiting.GetMessages()[0].GetLinkId() != string(d.ID) || waiting.GetMessages()[0].GetFormat() != "hl7v2" {
			t.Fatalf("%v", waiting)
		}
		id := waiting.GetMessages()[0].GetQuarantineId()
		c.do(ask{method: "GET", path: "/api/v1/lab/quarantine/" + id + "/file", header: bearer(c.token("labdoc"))}).want(t, 403)
		file := c.do(ask{method: "GET", path: "/api/v1/lab/quarantine/" + id + "/file", header: bearer(c.token("labtech"))}).want(t, 200)
		if !bytes.Contains(file.text, []byte("|4.10|")) || strings.Contains(file.Header.Get("Content-Type"), "html") || !strings.Contains(file.Header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%v %q", file.Header, file.text)
		}
		_, err = c.labs.ResolveLabQuarantine(c.other(), &pb.ResolveLabQuarantineRequest{QuarantineId: id, Note: "x"})
		wantCode(t, err, "PermissionDenied")
		_, err = c.labs.ResolveLabQuarantine(c.tech(), &pb.ResolveLabQuarantineRequest{QuarantineId: id, Note: "再试", Retry: true})
		wantCode(t, err, "InvalidArgument") // the profile is as it was
		mended := "charset: GB18030\nfinal: true\n"
		_, err = c.Book.UpdateDevice(t.Context(), system(), d.ID, authz.DeviceChange{Profile: &mended})
		must(t, err)
		q, err := c.labs.ResolveLabQuarantine(c.tech(), &pb.ResolveLabQuarantineRequest{QuarantineId: id, Note: "字符集已改为 GB18030", Retry: true})
		must(t, err)
		if q.GetResolvedBy() == "" {
			t.Errorf("%v", q)
		}
		found, err := c.labs.SearchLabReports(c.doc(), &pb.SearchLabReportsRequest{PatientName: "赵秀英"})
		if err != nil || len(found.GetReports()) != 1 || labValues(c.get(c.doc(), found.GetReports()[0].GetReportId(), 0)) != "K=4.10" {
			t.Errorf("%v %v", found, err)
		}
		if waiting, err = c.labs.ListLabQuarantine(c.tech(), &pb.ListLabQuarantineRequest{}); err != nil || len(waiting.GetMessages()) != 0 {
			t.Errorf("%v %v", waiting, err)
		}
		if all, err := c.labs.ListLabQuarantine(c.tech(), &pb.ListLabQuarantineRequest{IncludeResolved: true}); err != nil || len(all.GetMessages()) != 1 {
			t.Errorf("%v %v", all, err)
		}
		if a := sendHL7(t, address, text, hl7.GB18030); a.Get("MSA", 1) != "AA" { // the sender goes on trying
			t.Errorf("%s", a.Text)
		}
		c.quiet("4.10")
	})
}

func TestParkedResultsBecomeAReportWhenTheirOrderComes(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		for i := range 3 { // two reports of one message wait for two tubes; one waits for good
			two := append(labORU(fmt.Sprint("M", i), "F1", fmt.Sprint("T", i, "a"), 0, "2823-3^钾^LN|NM|4.10|mmol/L|F"),
				[]byte("OBR|2||F2|CHEM^生化^L|||20260305090000+0000\rOBX|1|NM|2951-2^钠^LN||139|mmol/L|||||F\rSPM|1|"+fmt.Sprint("T", i, "b")+"||SER^血清^HL70487\r")...)
			st := c.message("application/hl7-v2", two, 201).storedLab(t)
			if len(st.GetReports()) != 2 || st.GetReports()[0].GetParked() == "" || st.GetReports()[1].GetParked() == "" || st.GetReports()[0].GetReportId() != "" {
				t.Fatalf("%v", st)
			}
		}
		if all, err := c.labs.ListParkedResults(c.tech(), &pb.ListParkedResultsRequest{}); err != nil || len(all.GetResults()) != 6 {
			t.Errorf("%v %v", all, err)
		}
		_, err := c.labs.ListParkedResults(c.doc(), &pb.ListParkedResultsRequest{})
		wantCode(t, err, "PermissionDenied")
		order := "MSH|^~\\&|HIS|SUWU|LIANZHEN|MINQIN|20260305080000+0800||OML^O21^OML_O21|O1|P|2.5.1||||||UNICODE UTF-8\rPID|1||L1^^^SUWU^PI||赵^秀英||19550304|F\r" +
			"ORC|NW|P1\rOBR|1|P1||K^钾^L\rSPM|1|T1a||SER^血清^HL70487\r"
		c.message("application/hl7-v2", []byte(order), 201)
		c.tick()
		found, err := c.labs.SearchLabReports(c.reader(), &pb.SearchLabReportsRequest{Barcode: "T1a"})
		must(t, err)
		if len(found.GetReports()) != 1 || found.GetReports()[0].GetPatientName() != "赵秀英" {
			rest, _ := c.labs.ListParkedResults(c.tech(), &pb.ListParkedResultsRequest{})
			t.Fatalf("%v, waiting %v", found, rest)
		}
		if k := c.get(c.reader(), found.GetReports()[0].GetReportId(), pb.LabView_LAB_VIEW_WORKING); labValues(k) != "K=4.10" {
			t.Errorf("%s", labValues(k))
		}
		rest, err := c.labs.ListParkedResults(c.tech(), &pb.ListParkedResultsRequest{})
		if err != nil || len(rest.GetResults()) != 5 {
			t.Errorf("%v %v", rest, err)
		}
		// Another institution's tube of the same number is another tube, and does not keep the report from its own.
		_, dongba := c.house.key(storetest.Dongba, allScopes...)
		mine := c.key
		c.key = dongba
		c.message("application/hl7-v2", []byte(strings.ReplaceAll(order, "T1a", "T2a")), 201)
		c.tick()
		c.key = mine
		c.message("application/hl7-v2", []byte(strings.NewReplacer("T1a", "T2a", "|O1|", "|O2|", "P1", "P2").Replace(order)), 201)
		c.tick()
		if found, err = c.labs.SearchLabReports(c.reader(), &pb.SearchLabReportsRequest{Barcode: "T2a"}); err != nil || len(found.GetReports()) != 1 {
			t.Errorf("%v %v", found, err)
		}
		c.quiet("4.10")
	})
}

func TestSharedResultsFollowWhatACodeMeans(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		body := labResults("J1", "F1", "4.10", "")
		body = strings.Replace(body, `{"code":"14749-6","system":"LN","text":"葡萄糖"}`, `{"code":"G01","system":"L","text":"甲项"}`, 1)
		st := c.rest("POST", "results", body, 200).storedLab(t).GetReports()[0]
		if st.GetUnmappedRows() != 1 || labValues(c.get(c.doc(), st.GetReportId(), 0)) != "=4.10" {
			t.Fatalf("%v", st)
		}
		catalogue := pb.NewLabCatalogueServiceClient(c.conn)
		shared := func() map[string]record.ResultStatus {
			all, err := c.DB.ResultsOf(t.Context(), system(), record.PatientID(st.GetPatientId()), time.Time{})
			must(t, err)
			out := map[string]record.ResultStatus{}
			for _, r := range all {
				out[r.Exam.Procedure] = r.Status
			}
			return out
		}
		if got := shared(); len(got) != 0 {
			t.Errorf("%v", got)
		}
		_, err := catalogue.MapCode(c.centre(), &pb.MapCodeRequest{SenderId: string(storetest.Suwu), Code: "G01", System: "L", Analyte: "NA", Reason: "厂家代码表"})
		must(t, err)
		c.tick()
		if got := shared(); got["LAB.NA"] != record.Final || labValues(c.get(c.doc(), st.GetReportId(), 0)) != "NA=4.10" {
			t.Errorf("%v", got)
		}
		_, err = catalogue.MapCode(c.centre(), &pb.MapCodeRequest{SenderId: string(storetest.Suwu), Code: "G01", System: "L", Analyte: "K", BaseNumber: 1, Reason: "更正"})
		must(t, err)
		c.tick()
		if got := shared(); got["LAB.NA"] != record.Withdrawn || got["LAB.K"] != record.Final || labValues(c.get(c.doc(), st.GetReportId(), 0)) != "K=4.10" {
			t.Errorf("%v", got)
		}
		for analyte, want := range map[string]int{"NA": 0, "K": 1} {
			trend, err := c.labs.GetLabTrend(c.doc(), &pb.GetLabTrendRequest{PatientId: st.GetPatientId(), Analyte: analyte})
			if err != nil || len(trend.GetPoints()) != want {
				t.Errorf("%s: %v %v", analyte, trend, err)
			}
		}
	})
}

func TestATrendGoesAcrossInstitutionsUnitsAndMethods(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		_, dongba := c.house.key(storetest.Dongba, allScopes...)
		first := c.rest("POST", "results", labResults("J1", "F1", "5.50", ""), 200).storedLab(t).GetReports()[0]
		collected := regexp.MustCompile(`"collected_at":"[^"]*"`)
		long := func(body, day string) string {
			return collected.ReplaceAllString(body, `"collected_at":"`+day+`T01:00:00Z"`)
		}
		elsewhere := strings.NewReplacer(`"unit":"mmol/L","range":"3.9-6.1"`, `"unit":"mg/dL"`, `"L1"`, `"D1"`).Replace(long(labResults("J1", "F1", "99", ""), "2026-01-05"))
		c.do(ask{method: "POST", path: "/api/v1/lab/results", body: elsewhere, header: bearer(dongba)}).want(t, 200)
		trend, err := c.labs.GetLabTrend(c.reader(), &pb.GetLabTrendRequest{PatientId: first.GetPatientId(), Analyte: "GLU"})
		must(t, err)
		p := trend.GetPoints()
		if len(p) != 2 || trend.GetUnit() != "mmol/L" || p[0].GetValue() != "99" || p[0].GetUnit() != "mg/dL" || !strings.HasPrefix(p[0].GetCompared(), "5.49") || p[1].GetCompared() != "5.50" {
			t.Fatalf("%v", trend)
		}
		if len(p[0].GetBreaks()) != 0 || !slices.Contains(p[1].GetBreaks(), "laboratory") || slices.Contains(p[1].GetBreaks(), "unit") {
			t.Errorf("%v", trend)
		}
		own, err := c.labs.GetLabTrend(c.doc(), &pb.GetLabTrendRequest{PatientId: first.GetPatientId(), Analyte: "GLU"})
		if err != nil || len(own.GetPoints()) != 1 {
			t.Errorf("%v %v", own, err)
		}
		bounded, err := c.labs.GetLabTrend(c.reader(), &pb.GetLabTrendRequest{PatientId: first.GetPatientId(), Analyte: "GLU", From: timestamppb.New(time.Now().Add(-24 * time.Hour))})
		if err != nil || len(bounded.GetPoints()) != 1 {
			t.Errorf("%v %v", bounded, err)
		}
		table, err := c.labs.GetCumulativeReport(c.reader(), &pb.GetCumulativeReportRequest{PatientId: first.GetPatientId()})
		must(t, err)
		if len(table.GetReports()) != 2 || len(table.GetLines()) != 1 || len(table.GetLines()[0].GetCells()) != 2 || table.GetLines()[0].GetCells()[1].GetValue() != "99" {
			t.Errorf("%v", table)
		}
		for i, method := range []string{"苦味酸法", "肌氨酸氧化酶法", "酶法"} {
			creatinine := strings.NewReplacer(`"code":"14749-6"`, `"code":"14682-9"`, "葡萄糖", "肌酐", `"unit":"mmol/L"`, `"unit":"umol/L","method":"`+method+`"`).
				Replace(long(labResults(fmt.Sprint("C", i), fmt.Sprint("C", i), fmt.Sprint(80+i), ""), fmt.Sprintf("2026-02-%02d", i+1)))
			c.rest("POST", "results", creatinine, 200)
		}
		line, err := c.labs.GetLabTrend(c.reader(), &pb.GetLabTrendRequest{PatientId: first.GetPatientId(), Analyte: "CREA"})
		must(t, err)
		if got := line.GetPoints(); len(got) != 3 || !slices.Contains(got[1].GetBreaks(), "method") || slices.Contains(got[2].GetBreaks(), "method") {
			t.Errorf("%v", line)
		}
	})
}

func TestADocumentThatCameAsAResultComesOut(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		address, _ := c.hl7Door("LIS|SUWU", "final: true\n")
		pdf := []byte("%PDF-1.4 一份骨髓报告")
		text := string(labORU("M1", "F1", "", 0, "2823-3^钾^LN|NM|4.10|mmol/L|F"))
		text += "OBX|2|ED|PDF^报告^L||LIS^AP^pdf^Base64^" + base64.StdEncoding.EncodeToString(pdf) + "||||||F\r"
		if a := sendHL7(t, address, text, hl7.UTF8); a.Get("MSA", 1) != "AA" {
			t.Fatalf("%s", a.Text)
		}
		found, err := c.labs.SearchLabReports(c.doc(), &pb.SearchLabReportsRequest{PatientName: "赵秀英"})
		must(t, err)
		k := c.get(c.doc(), found.GetReports()[0].GetReportId(), 0)
		i := slices.IndexFunc(k.GetRows(), func(r *pb.LabRow) bool { return r.GetValueKind() == "attachment" })
		if i < 0 {
			t.Fatalf("%v", k)
		}
		path := "/api/v1/lab/reports/" + k.GetReportId() + "/rows/" + k.GetRows()[i].GetRowId() + "/attachment"
		r := c.do(ask{method: "GET", path: path, header: bearer(c.token("labdoc"))}).want(t, 200)
		if !bytes.Equal(r.text, pdf) {
			t.Errorf("%q as %s", r.text, r.Header.Get("Content-Type"))
		}
		c.do(ask{method: "GET", path: path, header: bearer(c.token("labother"))}).want(t, 404)
		c.do(ask{method: "GET", path: strings.Replace(path, k.GetRows()[i].GetRowId(), "none", 1), header: bearer(c.token("labdoc"))}).want(t, 404)
		hold := c.rest("GET", "reports/"+k.GetReportId()+"/export?format=hl7v2", "", 200)
		if !strings.Contains(string(hold.text), base64.StdEncoding.EncodeToString(pdf)) {
			t.Errorf("%s", hold.text)
		}
	})
}

func TestAFailingControlHoldsResultsUntilItIsRuledOn(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		_, key := c.house.key(storetest.Suwu, "lab:control")
		quality := func(path, body string) map[string]any {
			return c.do(ask{method: "POST", path: "/api/v1/lab/quality" + path, body: body, header: bearer(key)}).want(t, 200).decode(t)
		}
		at := func(ago time.Duration) string { return time.Now().Add(-ago).UTC().Format(time.RFC3339) }
		m := quality("/materials", `{"material":{"name":"质控"}}`)
		lot := quality("/lots", fmt.Sprintf(`{"lot":{"material_id":%q,"number":"1","levels":["1"],"expires_on":"2099-12-31"}}`, m["materialId"]))["lotId"]
		quality("/targets", fmt.Sprintf(`{"target":{"series":{"device":"BS-800","analyte":"GLU"},"level":"1","lot_id":%q,"mean":"5.00","sd":"0.10","from_at":%q}}`, lot, at(48*time.Hour)))
		point := func(value string, ago time.Duration) {
			quality("/points", fmt.Sprintf(`{"entry":{"series":{"device":"BS-800","analyte":"GLU"},"level":"1","lot_id":%q,"value":%q,"at":%q}}`, lot, value, at(ago)))
		}
		send := func(control, filler string) *pb.StoredLabReport {
			return c.rest("POST", "results", strings.Replace(labResults(control, filler, "7.83", ""), `"unit":"mmol/L"`, `"unit":"mmol/L","device":"BS-800"`, 1), 200).storedLab(t).GetReports()[0]
		}
		point("5.01", 10*time.Hour)
		before := send("J1", "F1")
		if labValues(c.get(c.doc(), before.GetReportId(), 0)) != "GLU=7.83" {
			t.Fatal("in control nothing is held")
		}
		point("5.90", time.Minute)
		st := send("J2", "F2")
		work := c.get(c.reader(), st.GetReportId(), pb.LabView_LAB_VIEW_WORKING)
		if len(c.get(c.doc(), st.GetReportId(), 0).GetRows()) != 0 || work.GetRows()[0].GetJudgement().GetHeld() == "" {
			t.Fatalf("%v", work)
		}
		c.tick()
		if k := c.get(c.doc(), before.GetReportId(), 0); labValues(k) != "GLU=7.83" || k.GetRows()[0].GetJudgement().GetHeld() == "" { // it stays in view and says so
			t.Errorf("%v", k)
		}
		holds := c.do(ask{method: "GET", path: "/api/v1/lab/quality/holds?waiting=true", header: bearer(key)}).want(t, 200).decode(t)
		hold := rowsIn(holds, "holds")[0]["holdId"].(string)
		quality("/holds/"+hold+":decide", `{"decision":"HOLD_DECISION_RELEASE","reason":"另一台仪器复核一致"}`)
		c.tick()
		k := c.get(c.doc(), st.GetReportId(), 0)
		if labValues(k) != "GLU=7.83" || k.GetRows()[0].GetJudgement().GetHeld() != "" || k.GetStatus() != pb.LabStatus_LAB_STATUS_FINAL {
			t.Errorf("%v", k)
		}
	})
}
