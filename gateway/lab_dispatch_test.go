package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/table"
	"github.com/lianzhen/lianzhen/lab/v2"
	"github.com/lianzhen/lianzhen/store/storetest"
)

const twoResults = `{"final":true,"reports":[{"local_patient_number":"E1","patient_name":"赵秀英","patient_birth_date":"1955-03-04","patient_sex":"SEX_FEMALE",
	"filler_number":"F1","reported_at":"2026-11-22T01:00:00Z","performer":"王检验","service":{"code":"24326-1","text":"电解质","system":"LN"},"results":[
	{"code":{"code":"2823-3","text":"钾","system":"LN"},"value":"4.10","unit":"mmol/L","range":"3.5-5.3"},
	{"code":{"code":"2951-2","text":"钠","system":"LN"},"value":"<139.0","unit":"mmol/L","range":"137-147","flags":["L"]}]}]}`

// sendLab sends results and gives the report.
func (h *house) sendLab(t testing.TB, key, body string) string {
	t.Helper()
	m := h.do(ask{method: "POST", path: "/api/v1/lab/results", body: body, header: bearer(key)}).want(t, 200).decode(t)
	return m["reports"].([]any)[0].(map[string]any)["reportId"].(string)
}

func TestAReportIsExportedInSeveralFormats(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, "lab:write", "lab:read")
	_, stranger := h.key(storetest.Dongba, "lab:read")
	path := "/api/v1/lab/reports/" + h.sendLab(t, key, twoResults) + "/export?format="
	const want = "2823-3=4.10 mmol/L 3.5-5.3; 2951-2=<139.0 mmol/L 137-147"

	r := h.do(ask{method: "GET", path: path + "hl7v2", header: bearer(key)}).want(t, 200)
	p, err := v2.ParseProfile(nil)
	must(t, err)
	m, err := hl7.Parse(r.text, p.Options())
	must(t, err)
	d, err := v2.Decode(m, p)
	must(t, err)
	var got []string
	for _, x := range d.Reports[0].Results {
		got = append(got, fmt.Sprintf("%s=%s %s %s", x.Code.Code, x.Value, x.Unit.Display(), x.Range))
	}
	if strings.Join(got, "; ") != want || d.Reports[0].Patient.LocalID.Reveal() != "E1" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/hl7-v2") {
		t.Errorf("%s %v %s", r.Header.Get("Content-Type"), got, r.text)
	}

	for _, format := range []string{"csv", "xlsx"} {
		r := h.do(ask{method: "GET", path: path + format, header: bearer(key)}).want(t, 200)
		tables, err := table.ParseProfile([]byte("final: true"))
		must(t, err)
		all, _, err := table.Read(bytes.NewReader(r.text), int64(len(r.text)), tables)
		must(t, err)
		got = nil
		for _, x := range all[0].Results {
			got = append(got, fmt.Sprintf("%s=%s %s %s", x.Code.Code, x.Value, x.Unit.Display(), x.Range))
		}
		if strings.Join(got, "; ") != want || all[0].Patient.Name.Reveal() != "赵秀英" {
			t.Errorf("%s: %v", format, got)
		}
	}
	h.do(ask{method: "GET", path: path + "hl7v3", header: bearer(key)}).want(t, 400)
	h.do(ask{method: "GET", path: path + "csv", header: bearer(stranger)}).want(t, 404)
}

func TestResultsGoBackToWhoOrdered(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, "lab:write", "lab:read")
	h.user("admin", storetest.Suwu, authz.InstitutionAdmin)
	h.user("tech", storetest.Suwu, authz.Technician)
	h.user("other", storetest.Dongba, authz.InstitutionAdmin)
	admin, tech, other := bearer(h.session("admin")), bearer(h.session("tech")), bearer(h.session("other"))
	const base = "/api/v1/lab/dispatch"

	posts := make(chan string, 100)
	answer := http.StatusUnprocessableEntity
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.WriteHeader(answer)
		posts <- string(b)
	}))
	defer receiver.Close()
	body := fmt.Sprintf(`{"request_id":"r1","subscription":{"kind":"LAB_SUBSCRIPTION_KIND_WEBHOOK","name":"OA","endpoint":%q,"active":true}}`, receiver.URL)
	h.do(ask{method: "POST", path: base + "/subscriptions", body: body, header: bearer(key)}).want(t, 403)
	h.do(ask{method: "POST", path: base + "/subscriptions", body: strings.Replace(body, "http:", "ftp:", 1), header: admin}).want(t, 400)
	made := h.do(ask{method: "POST", path: base + "/subscriptions", body: strings.Replace(body, "r1", "r2", 1), header: admin}).want(t, 200).decode(t)
	sub := made["subscription"].(map[string]any)
	id := sub["subscriptionId"].(string)
	if !strings.HasPrefix(made["secret"].(string), "whsec_") || sub["institutionId"] != string(storetest.Suwu) {
		t.Errorf("%v", made)
	}
	listed := h.do(ask{method: "GET", path: base + "/subscriptions", header: admin}).want(t, 200)
	if strings.Contains(string(listed.text), "whsec_") || len(listed.decode(t)["subscriptions"].([]any)) != 1 {
		t.Errorf("%s", listed.text)
	}
	h.do(ask{method: "GET", path: base + "/subscriptions/" + id, header: other}).want(t, 404)
	if r := h.do(ask{method: "GET", path: base + "/subscriptions", header: other}).want(t, 200).decode(t); len(r["subscriptions"].([]any)) != 0 {
		t.Errorf("%v", r)
	}
	tested := h.do(ask{method: "POST", path: base + "/subscriptions/" + id + ":test", body: "{}", header: admin}).want(t, 200).decode(t)
	if tested["answered"] != true || tested["code"] != "422" || !strings.Contains(<-posts, "lab.probe") {
		t.Errorf("%v", tested)
	}

	h.do(ask{method: "POST", path: base + "/subscriptions", body: strings.Replace(body, `"r1","subscription":{`, `"r3","subscription":{"orders":true,`, 1), header: admin}).want(t, 400)
	const lis = `{"request_id":"r4","subscription":{"kind":"LAB_SUBSCRIPTION_KIND_MLLP","name":"LIS","endpoint":"127.0.0.1:1","orders":true,"active":false}}`
	orders := h.do(ask{method: "POST", path: base + "/subscriptions", body: lis, header: admin}).want(t, 200).decode(t)["subscription"].(map[string]any)
	if orders["orders"] != true || orders["results"] == true {
		t.Errorf("%v", orders)
	}

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); h.Dispatch.Run(ctx, func(err error) { t.Error(err) }) }()
	defer func() { cancel(); <-done }()
	report := h.sendLab(t, key, twoResults)
	if got := <-posts; !strings.Contains(got, report) || !strings.Contains(got, `"value":"4.10"`) {
		t.Error(got)
	}
	deliveries := func(query string) []any {
		return h.do(ask{method: "GET", path: base + "/deliveries" + query, header: tech}).want(t, 200).decode(t)["deliveries"].([]any)
	}
	var waiting []any
	for until := time.Now().Add(10 * time.Second); len(waiting) == 0 && time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		waiting = deliveries("?attention=true")
	}
	first := waiting[0].(map[string]any)
	if first["state"] != "LAB_DELIVERY_STATE_REFUSED" || first["code"] != "422" || first["reportId"] != report {
		t.Errorf("%v", first)
	}
	delivery := base + "/deliveries/" + first["deliveryId"].(string)
	h.do(ask{method: "POST", path: delivery + ":skip", body: `{}`, header: tech}).want(t, 400)
	h.do(ask{method: "POST", path: delivery + ":retry", body: `{}`, header: tech}).want(t, 200)
	<-posts
	for until := time.Now().Add(10 * time.Second); len(deliveries("?attention=true")) == 0 && time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		continue
	}
	skipped := h.do(ask{method: "POST", path: delivery + ":skip", body: `{"reason":"电话告知"}`, header: tech}).want(t, 200).decode(t)
	if skipped["state"] != "LAB_DELIVERY_STATE_SKIPPED" || skipped["reason"] != "电话告知" {
		t.Errorf("%v", skipped)
	}
	h.do(ask{method: "POST", path: delivery + ":retry", body: `{}`, header: tech}).want(t, 412)
	h.do(ask{method: "POST", path: base + "/subscriptions/" + id + ":resume", body: `{}`, header: tech}).want(t, 200)

	etag := h.do(ask{method: "GET", path: base + "/subscriptions/" + id, header: admin}).want(t, 200).decode(t)["etag"]
	change := fmt.Sprintf(`{"subscription":{"subscription_id":%q,"name":"OA","endpoint":%q,"thin":true,"etag":%q},"new_secret":true}`, id, receiver.URL, etag)
	changed := h.do(ask{method: "PUT", path: base + "/subscriptions/" + id, body: change, header: admin}).want(t, 200).decode(t)
	if s := changed["subscription"].(map[string]any); s["thin"] != true || s["active"] == true || changed["secret"] == made["secret"] {
		t.Errorf("%v", changed)
	}
	h.do(ask{method: "PUT", path: base + "/subscriptions/" + id, body: change, header: admin}).want(t, 409)
	h.do(ask{method: "DELETE", path: base + "/subscriptions/" + id, header: admin}).want(t, 200)
	h.do(ask{method: "GET", path: base + "/subscriptions/" + id, header: admin}).want(t, 404)
}
