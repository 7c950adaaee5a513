package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lianzhen/lianzhen/authz"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

const newLabOrder = `{"request_id":"r1","lab_order":{"patient":{"local_patient_number":"P1","patient_name":"王小明","birth_date":"1980-03-07","sex":"SEX_MALE"},
	"priority":"PRIORITY_URGENT","clinical_information":"发热","lines":[{"item":{"code":"K","text":"钾"}},{"item":{"code":"CBC","text":"血常规"}}]}}`

// desk is one caller of the laboratory's desk over REST.
type desk struct {
	h     *house
	token string
}

func (d desk) call(t *testing.T, method, path, body string, code int) map[string]any {
	t.Helper()
	r := d.h.do(ask{method: method, path: "/api/v1/lab/" + path, body: body, header: bearer(d.token)}).want(t, code)
	if code >= 400 {
		return nil
	}
	return r.decode(t)
}

func rowsIn(m map[string]any, name string) []map[string]any {
	all, _ := m[name].([]any)
	out := make([]map[string]any, len(all))
	for i := range all {
		out[i], _ = all[i].(map[string]any)
	}
	return out
}

func labHouse(t *testing.T) (h *house, clinic, bench, other desk) {
	h = newHouse(t)
	h.user("nurse", storetest.Suwu, authz.Technician)
	h.user("bench", storetest.LeadHospital, authz.Technician)
	h.user("stranger", storetest.Dongba, authz.Technician, authz.Clinician)
	return h, desk{h, h.session("nurse")}, desk{h, h.session("bench")}, desk{h, h.session("stranger")}
}

func TestATubeGoesThroughTheDoors(t *testing.T) {
	h, clinic, bench, other := labHouse(t)
	made := clinic.call(t, "POST", "orders", newLabOrder, 200)
	order, _ := made["labOrder"].(map[string]any)
	id := order["labOrderId"].(string)
	tubes := rowsIn(order, "specimens")
	if len(rowsIn(order, "lines")) != 2 || len(tubes) != 1 || order["status"] != "LAB_LINE_STATUS_OPEN" || order["laboratoryId"] != string(storetest.LeadHospital) {
		t.Fatalf("%v", order)
	}
	if again := clinic.call(t, "POST", "orders", newLabOrder, 200)["labOrder"].(map[string]any); again["labOrderId"] != id {
		t.Error("a repeated request made a second order")
	}
	second := clinic.call(t, "POST", "orders", strings.Replace(newLabOrder, `"r1"`, `"r2"`, 1), 200)
	if w := rowsIn(second, "warnings"); len(w) != 2 || w[0]["reported"] != false {
		t.Errorf("%v", w)
	}
	code, tube := tubes[0]["barcode"].(string), tubes[0]["specimenId"].(string)
	for name, req := range map[string]*pb.UpdateLabOrderRequest{
		"no order": {}, "no mask": {LabOrder: &pb.LabOrder{LabOrderId: id, Ward: "1"}},
		"only etag": {LabOrder: &pb.LabOrder{LabOrderId: id}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"etag"}}},
		"no field":  {LabOrder: &pb.LabOrder{LabOrderId: id}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"patient"}}},
	} {
		if _, err := pb.NewLabSpecimenServiceClient(h.conn).UpdateLabOrder(as(clinic.token), req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	labels := rowsIn(clinic.call(t, "POST", "specimens:labels", fmt.Sprintf(`{"specimen_ids":[%q],"format":"LABEL_FORMAT_SVG"}`, tube), 200), "labels")
	if len(labels) != 1 || labels[0]["patientName"] != "王小明" || !strings.HasPrefix(labels[0]["text"].(string), "<svg") {
		t.Errorf("%v", labels)
	}
	box := clinic.call(t, "POST", "boxes", `{}`, 200)
	for _, step := range []string{"COLLECT", "PACK"} {
		body := fmt.Sprintf(`{"scans":[{"client_id":%q,"barcode":%q,"act":"SPECIMEN_ACT_%s"`, step, code, step)
		if step == "PACK" {
			body += fmt.Sprintf(`,"box":%q`, box["barcode"])
		}
		for _, want := range []string{"SCAN_OUTCOME_APPLIED", "SCAN_OUTCOME_ALREADY"} {
			if a := rowsIn(clinic.call(t, "POST", "specimens:scan", body+`}]}`, 200), "answers"); a[0]["outcome"] != want {
				t.Fatalf("%v, want %s", a, want)
			}
		}
	}
	name := box["boxId"].(string)
	clinic.call(t, "POST", "boxes/"+name+":move", `{"to":"BOX_STATE_SEALED","seal":"S1"}`, 200)
	clinic.call(t, "POST", "boxes/"+name+":move", `{"to":"BOX_STATE_HANDED","courier":"甘H1"}`, 200)
	clinic.call(t, "POST", "boxes/"+name+":temperatures", `{"readings":[{"at":"2026-03-05T01:00:00Z","milli_celsius":5000}]}`, 200)
	other.call(t, "GET", "boxes/"+name, "", 404)
	bench.call(t, "POST", "boxes/"+name+":move", `{"to":"BOX_STATE_ARRIVED"}`, 200)
	out := rowsIn(bench.call(t, "POST", "boxes/"+name+":unload", fmt.Sprintf(`{"scans":[{"barcode":%q},{"barcode":"XX"}]}`, code), 200), "answers")
	if out[0]["state"] != "SPECIMEN_STATE_RECEIVED" || out[1]["outcome"] != "SCAN_OUTCOME_REFUSED" {
		t.Errorf("%v", out)
	}
	bench.call(t, "POST", "boxes/"+name+":move", `{"to":"BOX_STATE_CLOSED"}`, 200)
	sheet := bench.call(t, "GET", "boxes/"+name, "", 200)
	if got := rowsIn(sheet, "tubes"); len(got) != 2 || !strings.Contains(sheet["sheet"].(string), code) || strings.Contains(sheet["csv"].(string), "王") {
		t.Errorf("%v", sheet)
	}
	if got := rowsIn(bench.call(t, "GET", "specimens?list=SPECIMEN_LIST_AT_LABORATORY", "", 200), "specimens"); len(got) != 1 || got[0]["barcode"] != code {
		t.Errorf("%v", got)
	}
	found := clinic.call(t, "POST", "specimens:lookup", fmt.Sprintf(`{"barcode":%q}`, code), 200)
	if len(rowsIn(found, "scans")) != 4 || found["list"] != "SPECIMEN_LIST_AT_LABORATORY" {
		t.Errorf("%v", found)
	}
	other.call(t, "POST", "specimens:lookup", fmt.Sprintf(`{"barcode":%q}`, code), 404)
	other.call(t, "GET", "orders/"+id, "", 404)
	bench.call(t, "GET", "orders/"+id, "", 404) // who works at the bench reads tubes; names are the reader's and the analyser's
	odd := rowsIn(clinic.call(t, "POST", "specimens:scan", fmt.Sprintf(`{"scans":[{"barcode":%q,"act":"SPECIMEN_ACT_REJECT","reason":"RB","at":"2026-01-05T01:00:00Z"}]}`, code), 200), "answers")
	if odd[0]["outcome"] != "SCAN_OUTCOME_CONFLICT" {
		t.Errorf("%v", odd)
	}
	past := rowsIn(clinic.call(t, "GET", "specimens/"+tube, "", 200), "scans")
	clinic.call(t, "POST", "specimens/"+tube+"/scans/"+past[0]["scanId"].(string)+":settle", `{"note":"another tube"}`, 200)
	clinic.call(t, "POST", "specimens/"+tube+"/scans/"+past[1]["scanId"].(string)+":settle", `{"note":"another tube"}`, 412)
	changes := rowsIn(clinic.call(t, "GET", "specimens:changes?page_size=1000", "", 200), "changes")
	if len(changes) < 8 {
		t.Errorf("%d changes", len(changes))
	}
	wantNoNames(t, h)
}

// wantNoNames looks for what was said of people where it must not be.
func wantNoNames(t *testing.T, h *house) {
	t.Helper()
	if log := h.log.String(); strings.Contains(log, "王小明") || strings.Contains(log, "发热") {
		t.Error("a name or a diagnosis is in the log")
	}
	evs, err := h.DB.Events(t.Context(), store.EventFilter{Limit: 10000})
	must(t, err)
	for _, e := range evs {
		if text := fmt.Sprint(e.Detail); strings.Contains(text, "王小明") || strings.Contains(text, "发热") {
			t.Errorf("event %s: %s", e.Act, text)
		}
	}
}

func TestAnAnalyserAsks(t *testing.T) {
	h, clinic, bench, _ := labHouse(t)
	order := clinic.call(t, "POST", "orders", newLabOrder, 200)["labOrder"].(map[string]any)
	code := rowsIn(order, "specimens")[0]["barcode"].(string)
	_, lis := h.key(storetest.LeadHospital, "lab:order")
	_, elsewhere := h.key(storetest.Dongba, "lab:order")
	client := pb.NewLabSpecimenServiceClient(h.conn)
	for range 2 {
		got, err := client.QueryLabWork(as(lis), &pb.QueryLabWorkRequest{Barcode: code})
		must(t, err)
		if len(got.GetWork()) != 2 || got.GetWork()[0].GetPatient().GetPatientName() != "王小明" || got.GetWork()[0].GetCode() != "K" {
			t.Fatalf("%v", got)
		}
	}
	_, err := client.QueryLabWork(as(elsewhere), &pb.QueryLabWorkRequest{Barcode: code})
	wantCode(t, err, "NotFound")
	_, err = client.QueryLabWork(as(lis), &pb.QueryLabWorkRequest{})
	wantCode(t, err, "InvalidArgument")
	all, err := client.QueryLabWork(as(lis), &pb.QueryLabWorkRequest{ReceivedSince: timestamppb.New(time.Now().Add(-time.Hour))})
	must(t, err)
	if len(all.GetWork()) != 2 {
		t.Errorf("%v", all)
	}
	if got := rowsIn(bench.call(t, "GET", "specimens?list=SPECIMEN_LIST_IN_ANALYSIS", "", 200), "specimens"); len(got) != 1 {
		t.Errorf("%v", got)
	}
	clinic.call(t, "POST", "orders/"+order["labOrderId"].(string)+":cancel", `{}`, 412)
	done := clinic.call(t, "POST", "orders/"+order["labOrderId"].(string)+":cancel", `{"reason":"开错"}`, 200)
	if done["status"] != "LAB_LINE_STATUS_CANCELLED" {
		t.Errorf("%v", done)
	}
}

func TestTheDeskRefuses(t *testing.T) {
	h, clinic, bench, other := labHouse(t)
	order := clinic.call(t, "POST", "orders", newLabOrder, 200)["labOrder"].(map[string]any)
	id := order["labOrderId"].(string)
	for _, x := range []struct {
		name, method, path, body string
		who                      desk
		code                     int
	}{
		{"a name in a URL", "GET", "orders?patient_name=x", "", clinic, 400},
		{"no items", "POST", "orders", `{"lab_order":{"patient":{"patient_name":"甲"}}}`, clinic, 400},
		{"for another institution", "POST", "orders", strings.NewReplacer(`"lab_order":{`, `"lab_order":{"institution_id":"minqin-dongba",`, "r1", "r3").Replace(newLabOrder), clinic, 403},
		{"tubes in an order", "POST", "orders", `{"lab_order":{"specimens":[{}],"patient":{"patient_name":"甲"},"lines":[{"item":{"code":"K"}}]}}`, clinic, 400},
		{"reported by a scan", "POST", "specimens:scan", `{"scans":[{"barcode":"1","act":"SPECIMEN_ACT_REPORT"}]}`, clinic, 400},
		{"another's patient", "POST", "orders:check", fmt.Sprintf(`{"patient_id":%q,"items":[{"code":"K"}]}`, order["patientId"]), other, 404},
		{"another's order", "POST", "orders/" + id + ":cancel", `{"reason":"x"}`, other, 404},
		{"a stale etag", "PATCH", "orders/" + id, `{"ward":"x","etag":"9"}`, clinic, 409},
		{"too many labels", "POST", "barcodes:reserve", `{"count":10001}`, clinic, 400},
		{"no such box", "GET", "boxes/none", "", clinic, 404},
		{"both names of a tube", "POST", "specimens:lookup", `{}`, bench, 400},
	} {
		t.Run(x.name, func(t *testing.T) { x.who.call(t, x.method, x.path, x.body, x.code) })
	}
	if got := clinic.call(t, "PATCH", "orders/"+id, `{"ward":"内一","lines":[{"item":{"code":"GLU"}}]}`, 200); got["ward"] != "内一" || len(rowsIn(got, "lines")) != 3 {
		t.Errorf("%v", got)
	}
	block := clinic.call(t, "POST", "barcodes:reserve", `{"count":3}`, 200)
	if codes, _ := block["barcodes"].([]any); len(codes) != 3 {
		t.Errorf("%v", block)
	}
	if got := rowsIn(clinic.call(t, "POST", "orders:search", `{"patient_name":"王"}`, 200), "labOrders"); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if r := h.do(ask{method: http.MethodGet, path: "/api/v1/lab/orders"}); r.StatusCode != 401 {
		t.Errorf("without a name: %d", r.StatusCode)
	}
	if got := rowsIn(clinic.call(t, "GET", "specimens:count", "", 200), "counts"); len(got) != 11 {
		t.Errorf("%v", got)
	}
	clinic.call(t, "GET", "turnaround?ordered_from=2026-01-01T00:00:00Z&ordered_to=2036-01-01T00:00:00Z", "", 200)
}
