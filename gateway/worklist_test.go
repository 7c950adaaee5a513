package gateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/store/storetest"
)

const newOrder = `{"request_id":"r1","order":{"patient":{"local_patient_number":"P1","patient_name":"王小明","birth_date":"1980-03-07","sex":"SEX_MALE"},
	"procedure":{"description":"CT 胸部","code":{"value":"CT001","scheme":"LZ","meaning":"CT 胸部平扫"}},"priority":"PRIORITY_URGENT","reason":"咳嗽",
	"steps":[{"modality":"CT","station_ae_titles":["SUWUCT"],"start_at":"2026-03-05T01:00:00Z"}]}}`

func TestOrdersOverREST(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, "worklist:read", "worklist:write")
	_, reader := h.key(storetest.Suwu, "worklist:read")
	call := func(method, path, body string) reply {
		t.Helper()
		return h.do(ask{method: method, path: "/api/v1/imaging/orders" + path, body: body, header: bearer(key)})
	}
	made := call("POST", "", newOrder).want(t, 200).decode(t)
	id, etag := made["imagingOrderId"].(string), made["etag"].(string)
	if made["patientId"] == "" || made["accessionNumber"] == "" || made["status"] != "ORDER_STATUS_SCHEDULED" {
		t.Fatalf("%v", made)
	}
	if again := call("POST", "", newOrder).want(t, 200).decode(t); again["imagingOrderId"] != id {
		t.Error("a repeated request made a second order")
	}
	twice := strings.Replace(newOrder, `"request_id":"r1","order":{`, fmt.Sprintf(`"order":{"accession_number":%q,`, made["accessionNumber"]), 1)
	call("POST", "", twice).want(t, 409)
	h.do(ask{method: "POST", path: "/api/v1/imaging/orders", body: newOrder, header: bearer(reader)}).want(t, 403)

	bad := call("POST", "", strings.NewReplacer(`"CT",`, `"C T!",`, "r1", "r2").Replace(newOrder)).want(t, 400)
	if !strings.Contains(string(bad.text), "steps[0].modality") {
		t.Errorf("%s", bad.text)
	}
	changed := call("PATCH", "/"+id, fmt.Sprintf(`{"procedure":{"description":"CT 胸部增强"},"reason":"咯血","etag":%q}`, etag)).want(t, 200).decode(t)
	procedure := changed["procedure"].(map[string]any)
	if procedure["description"] != "CT 胸部增强" || procedure["code"].(map[string]any)["value"] != "CT001" || changed["reason"] != "咯血" {
		t.Errorf("%v", changed)
	}
	call("PATCH", "/"+id, fmt.Sprintf(`{"reason":"x","etag":%q}`, etag)).want(t, 409)
	call("PATCH", "/"+id, `{"accession_number":"x"}`).want(t, 400)

	step := made["steps"].([]any)[0].(map[string]any)["stepId"].(string)
	moved := call("POST", "/"+id+"/steps/"+step+":reschedule", `{"start_at":"2026-03-06T01:00:00Z","status":"STEP_STATUS_ARRIVED"}`).want(t, 200).decode(t)
	if got := moved["steps"].([]any)[0].(map[string]any); got["startAt"] != "2026-03-06T01:00:00Z" || got["status"] != "STEP_STATUS_ARRIVED" {
		t.Errorf("%v", got)
	}
	for query, want := range map[string]int{
		"": 1, "?date_from=2026-03-06&date_to=2026-03-06": 1, "?date_to=2026-03-05": 0, "?modalities=CT&station=SUWUCT": 1, "?station=OTHER": 0,
		"?statuses=STEP_STATUS_ARRIVED": 1, "?statuses=STEP_STATUS_COMPLETED": 0,
	} {
		list := call("GET", query, "").want(t, 200).decode(t)
		if got, _ := list["orders"].([]any); len(got) != want {
			t.Errorf("%q: %d orders", query, len(got))
		}
	}
	call("GET", "?patient_name=x", "").want(t, 400)
	if list := call("POST", ":search", `{"patient_name":"王"}`).want(t, 200).decode(t); len(list["orders"].([]any)) != 1 {
		t.Error("not found by name")
	}
	gone := call("POST", "/"+id+":cancel", `{"reason":"患者未到"}`).want(t, 200).decode(t)
	if gone["status"] != "ORDER_STATUS_CANCELLED" {
		t.Errorf("%v", gone)
	}
	call("POST", "/"+id+":cancel", `{"reason":"again"}`).want(t, 412)
	call("GET", "/"+id, "").want(t, 200)
	_, other := h.key(storetest.Dongba, "worklist:read", "worklist:write")
	h.do(ask{method: "GET", path: "/api/v1/imaging/orders/" + id, header: bearer(other)}).want(t, 404)
}
