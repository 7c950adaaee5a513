package gateway

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/dicom"
	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// exchanging runs the exchange of a house until the test ends.
func (h *house) exchanging() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); h.Exchange.Run(ctx) }()
	h.t.Cleanup(func() { cancel(); <-done })
}

// commitmentRequest is the data set of an N-ACTION (PS3.4 table J.3-1).
func commitmentRequest(t testing.TB, transaction dicom.UID, objects ...[]byte) []byte {
	t.Helper()
	var items []*dicom.DataSet
	for _, b := range objects {
		o, err := dicom.ScanHeader(bytes.NewReader(b), dicom.Options{})
		must(t, err)
		item := dicom.NewDataSet()
		item.SetText(dicom.ReferencedSOPClassUID, string(o.Header.SOPClassUID))
		item.SetText(dicom.ReferencedSOPInstanceUID, string(o.Header.SOPInstanceUID))
		items = append(items, item)
	}
	ds := dicom.NewDataSet()
	ds.SetText(0x00081195, string(transaction))
	ds.SetItems(0x00081199, items...)
	b, err := dicom.AppendDataSet(nil, ds, dicom.ExplicitLE, "")
	must(t, err)
	return b
}

// hearing is the modality's ear for reports: "<event> <kept> <failed>" of the transaction.
type hearing struct {
	mu    sync.Mutex
	heard []string
	told  chan struct{}
}

func newHearing() *hearing { return &hearing{told: make(chan struct{}, 100)} }

func (e *hearing) handle(ctx context.Context, _ *ul.Association, m *ul.Message) error {
	b, err := io.ReadAll(m.Data)
	if err != nil {
		return err
	}
	ds, err := dicom.ReadDataSet(b, m.Context.TransferSyntax, dicom.Limits{})
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.heard = append(e.heard, strings.Join([]string{
		string('0' + rune(m.EventType)), string('0' + rune(len(ds.Items(0x00081199)))), string('0' + rune(len(ds.Items(0x00081198)))), ds.Str(0x00081195),
	}, " "))
	e.mu.Unlock()
	err = m.Reply(ctx, ul.Success)
	e.told <- struct{}{}
	return err
}

func (e *hearing) next(t testing.TB) string {
	t.Helper()
	select {
	case <-e.told:
	case <-time.After(30 * time.Second):
		t.Fatal("no report came")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard[len(e.heard)-1]
}

// asks opens an association that asks for commitment and hears with e.
func (h *house) asks(ae string, e *hearing) *ul.Association {
	h.t.Helper()
	a, err := ul.Dial(context.Background(), h.dimse, ul.Request{CalledAE: "LIANZHEN", CallingAE: ae, Contexts: []ul.Proposal{
		{AbstractSyntax: ul.StorageCommitmentPush, TransferSyntaxes: []dicom.UID{dicom.ExplicitLE}},
	}}, ul.Options{Handler: e.handle})
	must(h.t, err)
	h.t.Cleanup(a.Abort)
	return a
}

func TestStorageCommitmentOverTheAssociationThatAsked(t *testing.T) {
	h := newHouse(t)
	h.exchanging()
	h.device(storetest.Suwu, "SUWU_CT")
	h.device(storetest.Dongba, "DONGBA_CT")
	objects := study(51, 3)
	store := h.associate("SUWU_CT", "1.2.840.10008.5.1.4.1.1.2")
	for _, b := range objects[:2] {
		if s, err := storeOver(t, store, b); err != nil || s != ul.Success {
			t.Fatalf("%v, %v", s, err)
		}
	}
	used := worklist.NewUID()
	for _, tt := range []struct {
		name, ae    string
		transaction dicom.UID
		objects     [][]byte
		want        string
	}{
		{"all", "SUWU_CT", used, objects[:2], "1 2 0"},
		{"one is missing", "SUWU_CT", worklist.NewUID(), objects, "2 2 1"},
		{"the UID again", "SUWU_CT", used, objects, "2 0 3"},
		{"another institution's", "DONGBA_CT", worklist.NewUID(), objects[:1], "2 0 1"},
	} {
		e := newHearing()
		a := h.asks(tt.ae, e)
		pc, err := a.ContextFor(ul.StorageCommitmentPush)
		must(t, err)
		_, err = a.NAction(t.Context(), pc, ul.StorageCommitmentInstance, 1, commitmentRequest(t, tt.transaction, tt.objects...))
		must(t, err)
		if got := e.next(t); got != tt.want+" "+string(tt.transaction) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		must(t, a.Release(t.Context()))
	}
	a := h.asks("SUWU_CT", newHearing())
	pc, err := a.ContextFor(ul.StorageCommitmentPush)
	must(t, err)
	for name, ask := range map[string]func() (*ul.Reply, error){
		"another instance": func() (*ul.Reply, error) {
			return a.NAction(t.Context(), pc, "1.2.3", 1, commitmentRequest(t, used, objects[0]))
		},
		"another action": func() (*ul.Reply, error) {
			return a.NAction(t.Context(), pc, ul.StorageCommitmentInstance, 2, commitmentRequest(t, used, objects[0]))
		},
		"no objects": func() (*ul.Reply, error) {
			return a.NAction(t.Context(), pc, ul.StorageCommitmentInstance, 1, commitmentRequest(t, used))
		},
		"a report that nobody waits for": func() (*ul.Reply, error) {
			return a.NEventReport(t.Context(), pc, ul.StorageCommitmentInstance, 1, commitmentRequest(t, worklist.NewUID(), objects[0]))
		},
	} {
		if r, err := ask(); err == nil || r == nil {
			t.Errorf("%s was taken: %v", name, err)
		}
	}
}

func TestStorageCommitmentOverANewAssociation(t *testing.T) {
	h := newHouse(t)
	h.exchanging()
	address := storetest.FreeAddr(t) // the modality's own port is not open yet
	h.device(storetest.Suwu, "SUWU_CT", func(d *authz.Device) { d.Address = address })
	objects := study(52, 2)
	store := h.associate("SUWU_CT", "1.2.840.10008.5.1.4.1.1.2")
	for _, b := range objects {
		if s, err := storeOver(t, store, b); err != nil || s != ul.Success {
			t.Fatalf("%v, %v", s, err)
		}
	}
	deaf, err := ul.Dial(t.Context(), h.dimse, ul.Request{CalledAE: "LIANZHEN", CallingAE: "SUWU_CT", Contexts: []ul.Proposal{
		{AbstractSyntax: ul.StorageCommitmentPush, TransferSyntaxes: []dicom.UID{dicom.ExplicitLE}},
	}}, ul.Options{}) // does not take reports
	must(t, err)
	pc, err := deaf.ContextFor(ul.StorageCommitmentPush)
	must(t, err)
	transaction := worklist.NewUID()
	_, err = deaf.NAction(t.Context(), pc, ul.StorageCommitmentInstance, 1, commitmentRequest(t, transaction, objects...))
	must(t, err)
	must(t, deaf.Release(t.Context()))

	l, err := net.Listen("tcp", address)
	must(t, err)
	e := newHearing()
	srv := &ul.Server{Options: ul.Options{Handler: e.handle}, Accept: func(_ *ul.Request, p *ul.Proposal) ul.Answer {
		if p.Roles == nil || !p.Roles.SCP {
			return ul.Answer{Result: ul.RejectedContext}
		}
		a := ul.Choose(p, dicom.ImplicitLE)
		a.Roles = p.Roles
		return a
	}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ctx, l) }()
	defer func() { cancel(); <-done }()
	if got := e.next(t); got != "1 2 0 "+string(transaction) {
		t.Errorf("%s", got)
	}
}

// pair is two houses of which each knows the other: what one sends is stored by the other through its door.
func pair(t *testing.T) (here, there *house) {
	here = newHouse(t)
	there = newHouse(t, func(d *Deps) { d.Options.DIMSE.AETitle = "ARCHIVE" })
	there.device(storetest.Suwu, "LIANZHEN", func(d *authz.Device) { d.Address = here.dimse })
	here.device(storetest.Suwu, "ARCHIVE", func(d *authz.Device) { d.Address = there.dimse })
	here.exchanging()
	there.exchanging()
	return here, there
}

// hold stores an object of Suwu.
func (h *house) hold(b []byte) imaging.Stored {
	h.t.Helper()
	got, err := h.Imaging.Accept(context.Background(), imagingScope(storetest.Suwu), imaging.Source{Reader: bytes.NewReader(b), Size: int64(len(b))})
	must(h.t, err)
	return got
}

func (h *house) until(token, id string, is func(*pb.Transfer) bool) *pb.Transfer {
	h.t.Helper()
	var last *pb.Transfer
	for range 3000 {
		var err error
		last, err = pb.NewExchangeServiceClient(h.conn).GetTransfer(as(token), &pb.GetTransferRequest{TransferId: id})
		must(h.t, err)
		if is(last) {
			return last
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatalf("the transfer does not come so far: %v", last)
	return nil
}

func hasEnded(t *pb.Transfer) bool { return t.GetEndedAt() != nil }

func TestTwoServersForwardCommitAndFetch(t *testing.T) {
	here, there := pair(t)
	here.user("tech", storetest.Suwu, authz.Technician, authz.InstitutionAdmin)
	token := here.session("tech")
	client := pb.NewExchangeServiceClient(here.conn)
	objects := study(61, 4)
	var kept imaging.Stored
	for _, b := range objects {
		kept = here.hold(b)
	}
	tr, err := client.ForwardStudy(as(token), &pb.ForwardStudyRequest{StudyId: string(kept.Study), AeTitle: "ARCHIVE", Commitment: true})
	must(t, err)
	got := here.until(token, tr.GetTransferId(), hasEnded)
	if got.GetState() != pb.TransferState_TRANSFER_STATE_DONE || got.GetSent() != 4 || got.GetCommitted() != 4 || got.GetStudyId() != string(kept.Study) {
		t.Fatalf("%v", got)
	}
	all, err := there.Imaging.Locate(t.Context(), imagingScope(storetest.Suwu), imaging.UIDs{Study: kept.StudyUID})
	if err != nil || len(all) != 4 {
		t.Errorf("%d objects there, %v", len(all), err)
	}

	for _, b := range inJPEGLS(t, study(62, 3)) {
		kept = there.hold(b)
	}
	r := here.do(ask{
		method: "POST", path: "/api/v1/exchange/devices/ARCHIVE:query", body: `{"patientNumber":"P001"}`, header: bearer(token),
	}).want(t, 200).decode(t)
	if studies, _ := r["studies"].([]any); len(studies) != 2 {
		t.Errorf("%v", r)
	}
	r = here.do(ask{
		method: "POST", path: "/api/v1/exchange/devices/ARCHIVE:fetch", body: `{"studyInstanceUid":"` + string(kept.StudyUID) + `"}`, header: bearer(token),
	}).want(t, 200).decode(t)
	got = here.until(token, r["transferId"].(string), hasEnded)
	if got.GetState() != pb.TransferState_TRANSFER_STATE_DONE || got.GetSent() != 3 {
		t.Fatalf("%v", got)
	}
	found, err := here.Imaging.Locate(t.Context(), imagingScope(storetest.Suwu), imaging.UIDs{Study: kept.StudyUID})
	must(t, err)
	if len(found) != 3 || slices.ContainsFunc(found, func(o imaging.Located) bool { return o.Syntax != string(dicom.JPEGLSLossless) }) {
		t.Errorf("%d objects here, the first in %s", len(found), found[0].Syntax)
	}
	echo, err := client.EchoDevice(as(token), &pb.EchoDeviceRequest{AeTitle: "ARCHIVE"})
	if err != nil || !echo.GetAnswered() || echo.GetTook().AsDuration() <= 0 {
		t.Errorf("%v, %v", echo, err)
	}
	if log := here.log.String() + there.log.String(); strings.Contains(log, "P001") || strings.Contains(log, "Xiaoming") {
		t.Error("personal data in the log")
	}
	events, err := here.DB.Events(t.Context(), store.EventFilter{Acts: []string{"study.sent", "study.fetched"}})
	if err != nil || len(events) != 2 {
		t.Errorf("%+v, %v", events, err)
	}
}

// inJPEGLS are objects in JPEG-LS lossless, by DCMTK.
func inJPEGLS(t testing.TB, objects [][]byte) [][]byte {
	t.Helper()
	tool, err := exec.LookPath("dcmcjpls")
	if err != nil {
		t.Skip("no dcmcjpls")
	}
	var out [][]byte
	for _, name := range files(t, objects) {
		if text, err := exec.Command(tool, "+un", name, name+".jls").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		b, err := os.ReadFile(filepath.Clean(name + ".jls"))
		must(t, err)
		out = append(out, b)
	}
	return out
}

func TestTransfersAndRoutesOverREST(t *testing.T) {
	h := newHouse(t)
	h.user("tech", storetest.Suwu, authz.Technician)
	h.user("boss", storetest.Suwu, authz.InstitutionAdmin)
	h.user("other", storetest.Dongba, authz.Technician)
	tech, other := h.session("tech"), h.session("other")
	h.device(storetest.Suwu, "PACS", func(d *authz.Device) { d.Address = "127.0.0.1:1" })
	kept := h.hold(study(63, 2)[0])
	post := func(token, path, body string, code int) map[string]any {
		t.Helper()
		r := h.do(ask{method: "POST", path: "/api/v1/exchange/" + path, body: body, header: bearer(token)}).want(t, code)
		return r.decode(t)
	}
	tr := post(tech, "studies/"+string(kept.Study)+":forward", `{"aeTitle":"PACS","priority":"PRIORITY_STAT"}`, 200)
	id := tr["transferId"].(string)
	if tr["state"] != "TRANSFER_STATE_QUEUED" || tr["priority"] != "PRIORITY_STAT" || tr["total"] != 1.0 {
		t.Errorf("%v", tr)
	}
	post(other, "studies/"+string(kept.Study)+":forward", `{"aeTitle":"PACS"}`, 404)
	post(tech, "studies/"+string(kept.Study)+":forward", `{"aeTitle":"NOBODY"}`, 404)
	post(other, "transfers/"+id+":cancel", `{}`, 404)
	if got := post(tech, "transfers/"+id+":cancel", `{}`, 200); got["state"] != "TRANSFER_STATE_CANCELLED" {
		t.Errorf("%v", got)
	}
	if got := post(tech, "transfers/"+id+":retry", `{}`, 200); got["state"] != "TRANSFER_STATE_QUEUED" {
		t.Errorf("%v", got)
	}
	list := h.do(ask{method: "GET", path: "/api/v1/exchange/transfers?aeTitle=PACS", header: bearer(tech)}).want(t, 200).decode(t)
	if all, _ := list["transfers"].([]any); len(all) != 1 {
		t.Errorf("%v", list)
	}
	route := post(tech, "routes", `{"route":{"aeTitle":"PACS","modality":"CT"}}`, 200)
	post(tech, "routes", `{"route":{"aeTitle":"PACS","modality":"CT"}}`, 409)
	post(other, "routes", `{"route":{"aeTitle":"PACS","modality":"CT"}}`, 404) // the device is Suwu's
	if route["institutionId"] != string(storetest.Suwu) {
		t.Errorf("%v", route)
	}
	h.do(ask{method: "DELETE", path: "/api/v1/exchange/routes/" + route["routeId"].(string), header: bearer(other)}).want(t, 404)
	h.do(ask{method: "DELETE", path: "/api/v1/exchange/routes/" + route["routeId"].(string), header: bearer(tech)}).want(t, 200)
	h.do(ask{method: "POST", path: "/api/v1/exchange/devices/PACS:echo", body: "{}", header: bearer(tech)}).want(t, 403)
	echo := h.do(ask{method: "POST", path: "/api/v1/exchange/devices/PACS:echo", body: "{}", header: bearer(h.session("boss"))}).want(t, 200).decode(t)
	if echo["trouble"] != "refused" {
		t.Errorf("%v", echo)
	}
}
