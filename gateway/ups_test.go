package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/store/storetest"
)

const (
	upsUID      = "1.2.826.0.1.3680043.8.498.1"
	upsMine     = "2.25.1001"
	upsOther    = "2.25.1002"
	globalUPS   = "1.2.840.10008.5.1.4.34.5"
	filteredUPS = "1.2.840.10008.5.1.4.34.5.1"
)

// workitemText is a new workitem in DICOM JSON.
func workitemText(label string) string {
	d := dicom.NewDataSet()
	for t, v := range map[dicom.Tag]string{
		0x00741000: "SCHEDULED", 0x00741200: "MEDIUM", 0x00741202: "AI", 0x00741204: label, 0x00404005: "20260305091500",
		0x00404041: "READY", dicom.PatientName: "Wang^Xiaoming", dicom.PatientID: "P001",
	} {
		d.SetText(t, v)
	}
	return "[" + string(d.AppendJSON(nil, dicom.JSONOptions{})) + "]"
}

func stateText(to, transaction string) string {
	d := dicom.NewDataSet()
	d.SetText(0x00741000, to)
	if transaction != "" {
		d.SetText(0x00081195, transaction)
	}
	return string(d.AppendJSON(nil, dicom.JSONOptions{}))
}

// performedText is what must be told before a workitem can be completed.
func performedText(transaction string) string {
	code := dicom.NewDataSet()
	code.SetText(dicom.CodeValue, "1")
	code.SetText(0x00080102, "LZ")
	code.SetText(0x00080104, "x")
	item := dicom.NewDataSet()
	item.SetItems(0x00404019, code)
	item.SetItems(0x00404028, code)
	item.SetText(0x00404050, "20260305092000")
	item.SetText(0x00404051, "20260305093000")
	d := dicom.NewDataSet()
	d.SetItems(0x00741216, item)
	d.SetText(0x00081195, transaction)
	return string(d.AppendJSON(nil, dicom.JSONOptions{}))
}

// ups is one request about workitems.
func (h *house) ups(key, method, path, body string, header ...string) reply {
	h.t.Helper()
	a := ask{method: method, path: "/dicomweb/" + path, body: body, header: map[string]string{"Authorization": "Bearer " + key}}
	if body != "" {
		a.header["Content-Type"] = "application/dicom+json"
	}
	for i := 0; i+1 < len(header); i += 2 {
		a.header[header[i]] = header[i+1]
	}
	return h.do(a)
}

func (r reply) warns(t testing.TB, text string) {
	t.Helper()
	all := strings.Join(r.Header.Values("Warning"), "\n")
	if !strings.Contains(all, `299 lianzhen "`+text) {
		t.Errorf("Warning %q, want %q", all, text)
	}
}

func TestAWorkitemOverTheWeb(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	_, elsewhere := h.key(storetest.Dongba, allScopes...)
	item, state := "workitems/"+upsUID, "workitems/"+upsUID+"/state"
	r := h.ups(key, "POST", "workitems?"+upsUID, workitemText("read")).want(t, http.StatusCreated)
	if got := r.Header.Get("Content-Location"); got != h.http+"/dicomweb/"+item {
		t.Errorf("at %s", got)
	}
	for _, c := range []struct {
		name, key, method, path, body string
		want                          int
		warning                       string
	}{
		{"twice", key, "POST", "workitems?workitem=" + upsUID, workitemText("read"), 409, "Duplicate SOP Instance"},
		{"without what it needs", key, "POST", "workitems", "{}", 400, "Missing Attribute"},
		{"no JSON", key, "POST", "workitems", "{", 400, ""},
		{"no UID", key, "GET", "workitems/x", "", 400, ""},
		{"not there", key, "GET", "workitems/1.2.3", "", 404, "Specified SOP Instance UID"},
		{"of others", elsewhere, "GET", item, "", 404, "Specified SOP Instance UID"},
		{"found", key, "GET", item, "", 200, ""},
		{"claim without a Transaction UID", key, "PUT", state, stateText("IN PROGRESS", ""), 400, "The Transaction UID is missing."},
		{"end what nobody has claimed", key, "PUT", state, stateText("COMPLETED", upsMine), 409, "The submitted request is inconsistent"},
		{"claim of others", elsewhere, "PUT", state, stateText("IN PROGRESS", upsMine), 404, ""},
		{"claim", key, "PUT", state + "/AI1", stateText("IN PROGRESS", upsMine), 200, ""},
		{"claim again", key, "PUT", state, stateText("IN PROGRESS", upsOther), 409, "The submitted request is inconsistent"},
		{"update without a Transaction UID", key, "POST", item, `{"00741204":{"vr":"LO","Value":["x"]}}`, 400, "The Transaction UID is missing."},
		{"update with another", key, "POST", item + "?" + upsOther, `{"00741204":{"vr":"LO","Value":["x"]}}`, 409, "The Transaction UID is incorrect."},
		{"complete too early", key, "PUT", state, stateText("COMPLETED", upsMine), 409, "The submitted request is inconsistent"},
		{"update", key, "POST", item, performedText(upsMine), 200, ""},
		{"ask to give it up", key, "POST", item + "/cancelrequest/HIS", `{"00741238":{"vr":"LT","Value":["late"]}}`, 202, ""},
		{"complete", key, "PUT", state, stateText("COMPLETED", upsMine), 200, ""},
		{"complete again", key, "PUT", state, stateText("COMPLETED", upsMine), 200, "The UPS is already in the requested state of COMPLETED."},
		{"give up what is done", key, "POST", item + "/cancelrequest", "", 409, "The UPS is already in the requested state of COMPLETED."},
		{"update what is done", key, "POST", item + "?transaction=" + upsMine, `{"00741204":{"vr":"LO","Value":["x"]}}`, 409, "The submitted request is inconsistent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := h.ups(c.key, c.method, c.path, c.body).want(t, c.want)
			if c.warning != "" {
				r.warns(t, c.warning)
			}
			if c.name == "found" {
				d, err := dicom.ParseJSON(r.text, dicom.Limits{})
				if err != nil || d.Str(0x00741204) != "read" || r.text[0] != '[' {
					t.Errorf("%v %s", err, r.text)
				}
			}
		})
	}
	h.ups(key, "POST", "workitems", workitemText("read"), "Content-Type", "text/plain").want(t, http.StatusUnsupportedMediaType)
	made := h.ups(key, "POST", "workitems", workitemText("made")).want(t, http.StatusCreated)
	made.warns(t, "The UPS was created with modifications.")
	h.ups(key, "POST", strings.TrimPrefix(made.Header.Get("Location"), h.http+"/dicomweb/")+"/cancelrequest", "").want(t, http.StatusAccepted)
}

func TestOfManyWhoClaimOneGetsTheWork(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	h.ups(key, "POST", "workitems?"+upsUID, workitemText("read")).want(t, http.StatusCreated)
	var mu sync.Mutex
	got := map[int]int{}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			r := h.ups(key, "PUT", "workitems/"+upsUID+"/state", stateText("IN PROGRESS", upsMine+strings.Repeat("1", i+1)))
			mu.Lock()
			defer mu.Unlock()
			got[r.StatusCode]++
		})
	}
	all.Wait()
	if diff := cmp.Diff(map[int]int{200: 1, 409: 7}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWorkitemsAreFound(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	_, elsewhere := h.key(storetest.Dongba, allScopes...)
	for _, label := range []string{"one", "two", "three"} {
		h.ups(key, "POST", "workitems", workitemText(label)).want(t, http.StatusCreated)
	}
	for _, c := range []struct {
		name, key, query string
		want             int
		found            int
	}{
		{"all", key, "", 200, 3},
		{"by keyword", key, "?ProcedureStepLabel=two", 200, 1},
		{"by tag", key, "?00741204=t*", 200, 2},
		{"by state", key, "?ProcedureStepState=SCHEDULED&includefield=all", 200, 3},
		{"none", key, "?ProcedureStepState=COMPLETED", 204, 0},
		{"some", key, "?limit=2&offset=2", 200, 1},
		{"of others", elsewhere, "", 204, 0},
		{"no attribute", key, "?nonsense=1", 400, 0},
		{"no number", key, "?limit=-1", 400, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := h.ups(c.key, "GET", "workitems"+c.query, "").want(t, c.want)
			if c.want != 200 {
				return
			}
			all, err := dicom.ParseJSONList(r.text, dicom.Limits{})
			if err != nil || len(all) != c.found {
				t.Errorf("%v: %d found: %s", err, len(all), r.text)
			}
			for _, d := range all {
				if !d.UID(dicom.SOPInstanceUID).Valid() || d.Str(dicom.PatientID) != "P001" {
					t.Errorf("%s", r.text)
				}
			}
		})
	}
	r := h.ups(key, "GET", "workitems?limit=2", "")
	r.warns(t, "There are additional results")
	x := h.ups(key, "GET", "workitems", "", "Accept", `multipart/related; type="application/dicom+xml"`).want(t, http.StatusOK)
	if n := bytes.Count(x.text, []byte("<NativeDicomModel")); n != 3 {
		t.Errorf("%d documents", n)
	}
}

func TestWhoMayDoWhatWithWorkitems(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	h.ups(key, "POST", "workitems?"+upsUID, workitemText("read")).want(t, http.StatusCreated)
	h.user("doctor", storetest.Suwu, authz.Clinician)
	doctor := h.session("doctor")
	h.ups(doctor, "GET", "workitems/"+upsUID, "").want(t, http.StatusOK)
	h.ups(doctor, "PUT", "workitems/"+upsUID+"/state", stateText("IN PROGRESS", upsMine)).want(t, http.StatusForbidden)
	_, images := h.key(storetest.Suwu, "imaging:read")
	for _, path := range []string{"workitems", "workitems/" + upsUID, "subscribers/AI1"} {
		h.ups(images, "GET", path, "").want(t, http.StatusForbidden)
		h.ups("", "GET", path, "").want(t, http.StatusUnauthorized)
	}
}

// listen opens the event channel and gives the reports as they come.
func (h *house) listen(key, name string) (*websocket.Conn, <-chan map[string]any) {
	h.t.Helper()
	conn, _, err := websocket.Dial(context.Background(), "ws"+strings.TrimPrefix(h.http, "http")+"/dicomweb/subscribers/"+name,
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + key}}})
	must(h.t, err)
	out := make(chan map[string]any, 100)
	go func() {
		defer close(out)
		for {
			_, text, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			var m map[string]any
			if err := json.Unmarshal(text, &m); err != nil {
				h.t.Errorf("%v: %s", err, text)
				return
			}
			out <- m
		}
	}()
	return conn, out
}

// report waits for the next report; false when the channel is closed.
func report(t testing.TB, reports <-chan map[string]any) (map[string]any, bool) {
	t.Helper()
	select {
	case m, ok := <-reports:
		return m, ok
	case <-time.After(20 * time.Second):
		t.Fatal("neither a report nor the end came")
	}
	return nil, false
}

// next is the state that the next report tells.
func next(t testing.TB, reports <-chan map[string]any) string {
	t.Helper()
	m, _ := report(t, reports)
	state, _ := m["00741000"].(map[string]any)
	values, _ := state["Value"].([]any)
	if len(values) == 0 || m["00001002"] == nil || m["00001000"] == nil {
		t.Fatalf("no state report: %v", m)
	}
	return values[0].(string)
}

func TestSubscribersHearWhatHappens(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	_, elsewhere := h.key(storetest.Dongba, allScopes...)
	early, heard := h.listen(key, "AI1") // before it subscribes
	other, silence := h.listen(elsewhere, "AI1")
	h.ups(elsewhere, "POST", "workitems/"+globalUPS+"/subscribers/AI1?deletionlock=false", "").want(t, http.StatusCreated)
	r := h.ups(key, "POST", "workitems/"+globalUPS+"/subscribers/AI1?deletionlock=true", "").want(t, http.StatusCreated)
	if got := r.Header.Get("Content-Location"); got != "ws"+strings.TrimPrefix(h.http, "http")+"/dicomweb/subscribers/AI1" {
		t.Errorf("channel at %s", got)
	}
	h.ups(key, "POST", "workitems?"+upsUID, workitemText("read")).want(t, http.StatusCreated)
	if got := next(t, heard); got != "SCHEDULED" {
		t.Errorf("heard %s", got)
	}
	must(t, early.Close(websocket.StatusNormalClosure, ""))
	// What happens while nobody listens waits.
	h.ups(key, "PUT", "workitems/"+upsUID+"/state", stateText("IN PROGRESS", upsMine)).want(t, http.StatusOK)
	h.ups(key, "PUT", "workitems/"+upsUID+"/state", stateText("CANCELED", upsMine)).want(t, http.StatusOK)
	late, heard := h.listen(key, "AI1")
	defer func() { _ = late.CloseNow() }()
	first := next(t, heard)
	if first == "SCHEDULED" { // the line was closed before the server knew that it was heard: better twice than never
		first = next(t, heard)
	}
	if second := next(t, heard); first != "IN PROGRESS" || second != "CANCELED" {
		t.Errorf("heard %s, %s", first, second)
	}
	if len(silence) > 0 {
		t.Error("another institution heard of it")
	}
	_ = other.CloseNow()
	h.ups(key, "POST", "workitems/"+globalUPS+"/subscribers/AI1/suspend", "").want(t, http.StatusOK)
	h.ups(key, "DELETE", "workitems/"+globalUPS+"/subscribers/AI1", "").want(t, http.StatusOK)
	h.ups(key, "DELETE", "workitems/"+globalUPS+"/subscribers/NOBODY", "").want(t, http.StatusNotFound)
	h.ups(key, "POST", "workitems/"+globalUPS+"/subscribers/a%2Fb", "").want(t, http.StatusBadRequest)
	h.ups(key, "GET", "subscribers/AI1", "").want(t, http.StatusUpgradeRequired)
}

func TestAFilterChoosesWhatIsHeard(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	h.ups(key, "POST", "workitems/"+filteredUPS+"/subscribers/AI2?deletionlock=false&filter=ProcedureStepLabel%3Dtwo", "").want(t, http.StatusCreated)
	h.ups(key, "POST", "workitems/"+filteredUPS+"/subscribers/AI2", "").want(t, http.StatusBadRequest)
	conn, heard := h.listen(key, "AI2")
	defer func() { _ = conn.CloseNow() }()
	h.ups(key, "POST", "workitems?2.25.1", workitemText("one")).want(t, http.StatusCreated)
	h.ups(key, "POST", "workitems?2.25.2", workitemText("two")).want(t, http.StatusCreated)
	m, _ := report(t, heard)
	if uid, _ := json.Marshal(m["00001000"]); !strings.Contains(string(uid), `"2.25.2"`) {
		t.Errorf("heard of %s", uid)
	}
}

func TestANewChannelEndsTheOneBefore(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	_, first := h.listen(key, "AI1")
	second, _ := h.listen(key, "AI1")
	defer func() { _ = second.CloseNow() }()
	if m, open := report(t, first); open {
		t.Errorf("a report that nobody made: %v", m)
	}
}

func TestPagesOfOtherHostsCannotListen(t *testing.T) {
	h := newHouse(t, func(d *Deps) { d.Options.Origins = []string{"https://viewer.example"} })
	_, key := h.key(storetest.Suwu, allScopes...)
	_, resp, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(h.http, "http")+"/dicomweb/subscribers/AI1",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + key}, "Origin": {"https://viewer.example"}}})
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("%v", err)
	}
}

func TestAStoppingServerEndsTheChannels(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	conn, heard := h.listen(key, "AI1")
	defer func() { _ = conn.CloseNow() }()
	h.stop()
	if m, open := report(t, heard); open {
		t.Errorf("a report that nobody made: %v", m)
	}
}
