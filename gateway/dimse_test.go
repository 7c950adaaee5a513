package gateway

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/dicom"
	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// device registers an AE title.
func (h *house) device(at record.InstitutionID, ae string, change ...func(*authz.Device)) {
	h.t.Helper()
	d := authz.Device{Institution: at, Name: ae, AETitle: ae}
	for _, c := range change {
		c(&d)
	}
	_, err := h.Book.CreateDevice(context.Background(), system(), d)
	must(h.t, err)
}

// dcmtk runs one of DCMTK's tools against the DIMSE door and gives what it wrote.
func (h *house) dcmtk(tool, ae string, args ...string) (string, error) {
	h.t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		if os.Getenv("LIANZHEN_TEST_REQUIRE") != "" {
			h.t.Fatalf("no %s", tool)
		}
		h.t.Skipf("no %s", tool)
	}
	host, port, _ := net.SplitHostPort(h.dimse)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	all := append([]string{"-aet", ae, "-aec", "LIANZHEN"}, args...)
	at := len(all) // peer and port stand before files and keys of queries
	if i := slices.Index(all, "--"); i >= 0 {
		all, at = slices.Delete(all, i, i+1), i
	}
	all = slices.Insert(all, at, host, port)
	out, err := exec.CommandContext(ctx, path, all...).CombinedOutput()
	return string(out), err
}

// files writes objects into a folder of their own.
func files(t testing.TB, objects [][]byte) []string {
	t.Helper()
	dir := t.TempDir()
	var names []string
	for i, b := range objects {
		name := filepath.Join(dir, fmt.Sprintf("%03d.dcm", i))
		must(t, os.WriteFile(name, b, 0o600))
		names = append(names, name)
	}
	return names
}

func TestDevicesStoreAndAreKnown(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	h.device(storetest.Suwu, "ELSEWHERE", func(d *authz.Device) { d.Address = "10.1.2.3:104" })
	if out, err := h.dcmtk("echoscu", "SUWU_CT"); err != nil {
		t.Fatalf("echoscu: %v\n%s", err, out)
	}
	for _, ae := range []string{"NOBODY", "ELSEWHERE"} {
		if out, err := h.dcmtk("echoscu", ae); err == nil || !strings.Contains(out, "Calling AE Title Not Recognized") {
			t.Errorf("%s: %v\n%s", ae, err, out)
		}
	}
	objects := study(7, 5)
	names := files(t, objects)
	if out, err := h.dcmtk("storescu", "SUWU_CT", append([]string{"--"}, names...)...); err != nil {
		t.Fatalf("storescu: %v\n%s", err, out)
	}
	all, err := h.Imaging.Locate(t.Context(), imagingScope(storetest.Suwu), imaging.UIDs{Study: studyUIDOf(t, objects[0])})
	must(t, err)
	if len(all) != 5 {
		t.Fatalf("%d instances", len(all))
	}
	// The same study by REST: another file meta information, the same objects.
	_, key := h.key(storetest.Suwu, allScopes...)
	r := h.do(ask{method: "POST", path: "/api/v1/imaging/instances", body: string(objects[0]), header: map[string]string{
		"Authorization": "Bearer " + key, "Content-Type": "application/dicom",
	}}).want(t, 200)
	if !strings.Contains(string(r.text), `"alreadyStored":true`) {
		t.Errorf("%s", r.text)
	}
	events, err := h.DB.Head(t.Context())
	must(t, err)
	if events == 0 {
		t.Error("no events")
	}
}

func imagingScope(i record.InstitutionID) record.Scope {
	return record.Scope{Actor: record.Actor{Kind: record.ActorDevice, ID: "test", Institution: i}, Institutions: []record.InstitutionID{i}, Purpose: record.Treatment}
}

func studyUIDOf(t testing.TB, b []byte) dicom.UID {
	t.Helper()
	o, err := dicom.ScanHeader(bytes.NewReader(b), dicom.Options{})
	must(t, err)
	return o.Header.StudyUID
}

// associate opens an association with contexts for the classes.
func (h *house) associate(ae string, classes ...dicom.UID) *ul.Association {
	h.t.Helper()
	q := ul.Request{CalledAE: "LIANZHEN", CallingAE: ae}
	for _, c := range classes {
		q.Contexts = append(q.Contexts, ul.Proposal{AbstractSyntax: c, TransferSyntaxes: []dicom.UID{dicom.ExplicitLE}})
	}
	a, err := ul.Dial(context.Background(), h.dimse, q, ul.Options{})
	must(h.t, err)
	h.t.Cleanup(func() { a.Abort() })
	return a
}

// storeOver sends a Part 10 object and gives the answer.
func storeOver(t testing.TB, a *ul.Association, b []byte) (ul.Status, error) {
	t.Helper()
	o, err := dicom.ScanHeader(bytes.NewReader(b), dicom.Options{})
	must(t, err)
	return a.Store(context.Background(), ul.Object{
		SOPClass: o.Header.SOPClassUID, SOPInstance: o.Header.SOPInstanceUID, TransferSyntax: o.TransferSyntax,
		Data: bytes.NewReader(b[o.DataSetOffset():]),
	})
}

func TestRefusedObjectsAreAnsweredAndKept(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	a := h.associate("SUWU_CT", "1.2.840.10008.5.1.4.1.1.2")
	b := study(8, 2)
	if r, err := storeOver(t, a, b[0]); err != nil || r != ul.Success {
		t.Fatalf("%v, %v", r, err)
	}
	changed := bytes.Clone(b[0])
	changed[len(changed)-2] ^= 1
	for _, tt := range []struct {
		name   string
		object []byte
		status ul.Status
	}{
		{"other bytes under a kept UID", changed, ul.DuplicateSOPInstance},
		{"cut short", b[1][:len(b[1])-100], ul.CannotUnderstand},
		{"the same again", b[0], ul.Success},
		{"the next one", b[1], ul.Success},
	} {
		r, _ := storeOver(t, a, tt.object)
		if r != tt.status {
			t.Errorf("%s: status %v, want %v", tt.name, r, tt.status)
		}
	}
	q, err := h.Imaging.Quarantine(t.Context(), imagingScope(storetest.Suwu), "", 10, false)
	must(t, err)
	if len(q) != 2 {
		t.Errorf("%d objects in quarantine", len(q))
	}
}

func TestStrangersWaitInQuarantine(t *testing.T) {
	h := newHouse(t, func(d *Deps) { d.Options.DIMSE.StrangersAt = storetest.Dongba })
	a := h.associate("STRANGER", "1.2.840.10008.5.1.4.1.1.2", ul.StudyRootFind)
	r, _ := storeOver(t, a, study(9, 1)[0])
	if r != ul.NotAuthorized {
		t.Errorf("status %v", r)
	}
	q, err := h.Imaging.Quarantine(t.Context(), imagingScope(storetest.Dongba), "", 10, false)
	must(t, err)
	if len(q) != 1 || !strings.Contains(q[0].Reason, "STRANGER") {
		t.Errorf("%+v", q)
	}
	if _, err := h.find(a, ul.StudyRootFind, "QueryRetrieveLevel=STUDY", "PatientID="); err == nil {
		t.Error("a stranger may search")
	}
}

// find asks over an association; keys are "Keyword=value".
func (h *house) find(a *ul.Association, class dicom.UID, keys ...string) ([]*dicom.DataSet, error) {
	h.t.Helper()
	d := dicom.NewDataSet()
	for _, k := range keys {
		name, value, _ := strings.Cut(k, "=")
		tag, ok := dicom.Keyword(name)
		if !ok {
			h.t.Fatalf("no attribute %s", name)
		}
		if value == "" {
			d.SetEmpty(tag)
			continue
		}
		d.SetText(tag, value)
	}
	b, err := dicom.AppendDataSet(nil, d, dicom.ExplicitLE, "ISO_IR 192")
	must(h.t, err)
	var out []*dicom.DataSet
	pc, err := a.ContextFor(class)
	must(h.t, err)
	for found, err := range a.Find(context.Background(), pc, b) {
		if err != nil {
			return out, err
		}
		ds, err := dicom.ReadDataSet(found, dicom.ExplicitLE, dicom.Limits{})
		must(h.t, err)
		out = append(out, ds)
	}
	return out, nil
}

func TestQueriesOverDIMSE(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	h.device(storetest.Dongba, "DONGBA_CT")
	h.device(storetest.LeadHospital, "READER", func(d *authz.Device) { d.Role, d.Address = authz.WorkstationRole, "127.0.0.1" })
	spec := phantom.Spec{
		Kind: phantom.CTChest, Seed: 11, Count: 3, Rows: 64, Columns: 64, Accession: "A77", At: time.Date(2026, 3, 5, 9, 30, 0, 0, time.UTC),
		Patient: phantom.Patient{Name: "Wang^Xiaoming=王^小明", ID: "P001", BirthDate: "19800307", Sex: "M"},
	}
	a := h.associate("SUWU_CT", "1.2.840.10008.5.1.4.1.1.2", ul.StudyRootFind, ul.PatientRootFind)
	for _, write := range phantom.Study(spec) {
		var b bytes.Buffer
		must(t, write(&b))
		if r, err := storeOver(t, a, b.Bytes()); err != nil || r != ul.Success {
			t.Fatalf("%v, %v", r, err)
		}
	}
	for _, tt := range []struct {
		name  string
		class dicom.UID
		keys  []string
		n     int
	}{
		{"studies", ul.StudyRootFind, []string{"QueryRetrieveLevel=STUDY", "PatientName=", "StudyInstanceUID="}, 1},
		{"Chinese", ul.StudyRootFind, []string{"QueryRetrieveLevel=STUDY", "PatientName=王*"}, 1},
		{"another name", ul.StudyRootFind, []string{"QueryRetrieveLevel=STUDY", "PatientName=李*"}, 0},
		{"patients", ul.PatientRootFind, []string{"QueryRetrieveLevel=PATIENT", "PatientID=P001"}, 1},
		{"series", ul.StudyRootFind, []string{"QueryRetrieveLevel=SERIES", "Modality=CT", "SeriesInstanceUID="}, 1},
		{"images", ul.StudyRootFind, []string{"QueryRetrieveLevel=IMAGE", "SOPInstanceUID=", "InstanceNumber="}, 3},
	} {
		found, err := h.find(a, tt.class, tt.keys...)
		if err != nil || len(found) != tt.n {
			t.Errorf("%s: %d answers, %v", tt.name, len(found), err)
		}
	}
	found, err := h.find(a, ul.StudyRootFind, "QueryRetrieveLevel=STUDY", "PatientName=", "PatientComments=", "NumberOfStudyRelatedInstances=")
	must(t, err)
	d := found[0]
	if p := d.Person(dicom.PatientName); p.Ideographic != "王^小明" || d.Str(0x00201208) != "3" || d.Find(dicom.PatientComments) == nil {
		t.Errorf("%+v, %q", p, d.Str(0x00201208))
	}
	for _, bad := range [][]string{{"PatientID="}, {"QueryRetrieveLevel=NOWHERE"}, {"QueryRetrieveLevel=PATIENT"}, {"QueryRetrieveLevel=STUDY", "StudyDate=2026"}} {
		if _, err := h.find(a, ul.StudyRootFind, bad...); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	for ae, n := range map[string]int{"DONGBA_CT": 0, "READER": 1} {
		found, err := h.find(h.associate(ae, ul.StudyRootFind), ul.StudyRootFind, "QueryRetrieveLevel=STUDY", "PatientID=")
		if err != nil || len(found) != n {
			t.Errorf("%s finds %d studies, %v", ae, len(found), err)
		}
	}
	out, err := h.dcmtk("findscu", "SUWU_CT", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=*Xiao*", "-k", "StudyInstanceUID")
	if err != nil || !strings.Contains(out, "(Pending)") && !strings.Contains(out, "FF00") && strings.Count(out, "StudyInstanceUID") < 1 {
		t.Errorf("findscu: %v\n%s", err, out)
	}
}

func TestTheWorklistOverDIMSE(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	scope := imagingScope(storetest.Suwu)
	made, err := h.Worklist.Create(t.Context(), scope, worklist.Order{
		Who:       record.Demographics{Issuer: storetest.Suwu, LocalID: "P001", Name: "王小明", Sex: record.Male},
		Accession: "A500", Procedure: worklist.Procedure{Description: "胸部CT"},
		Steps: []worklist.Step{{Modality: "CT", Stations: []string{"SUWU_CT"}, StartAt: h.DB.Now().Add(time.Hour)}},
	})
	must(t, err)
	a := h.associate("SUWU_CT", ul.ModalityWorklistFind, ul.ModalityPerformedProcedureStep, "1.2.840.10008.5.1.4.1.1.2")
	found, err := h.find(a, ul.ModalityWorklistFind, "PatientName=", "AccessionNumber=", "StudyInstanceUID=", "RequestedProcedureDescription=")
	if err != nil || len(found) != 1 || found[0].Str(dicom.AccessionNumber) != "A500" || found[0].Str(dicom.StudyInstanceUID) != string(made.Study) {
		t.Fatalf("%d entries, %v", len(found), err)
	}
	if p := found[0].Str(dicom.PatientName); !strings.Contains(p, "=王^小明") {
		t.Errorf("name %q", p)
	}
}

func TestObjectsGoBackOverDIMSE(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	names := files(t, study(21, 6))
	if out, err := h.dcmtk("storescu", "SUWU_CT", append([]string{"--"}, names...)...); err != nil {
		t.Fatalf("storescu: %v\n%s", err, out)
	}
	raw, err := os.ReadFile(names[0])
	must(t, err)
	uid := string(studyUIDOf(t, raw))
	ask := []string{"-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=" + uid}

	dir := t.TempDir()
	if out, err := h.dcmtk("getscu", "SUWU_CT", append(ask, "-od", dir)...); err != nil {
		t.Fatalf("getscu: %v\n%s", err, out)
	}
	wantObjects(t, dir, names)

	// To itself: the tool listens on a port of its own, which is the device's address.
	_, port, _ := net.SplitHostPort(storetest.FreeAddr(t))
	h.device(storetest.Suwu, "SUWU_PACS", func(d *authz.Device) { d.Address = "127.0.0.1:" + port })
	dir = t.TempDir()
	if out, err := h.dcmtk("movescu", "SUWU_PACS", append(ask, "-aem", "SUWU_PACS", "+P", port, "-od", dir)...); err != nil {
		t.Fatalf("movescu: %v\n%s", err, out)
	}
	wantObjects(t, dir, names)

	for _, to := range []string{"NOWHERE", "SUWU_CT"} { // not registered; without an address
		if out, err := h.dcmtk("movescu", "SUWU_CT", append(ask, "-aem", to)...); err == nil || !strings.Contains(out, "MoveDestinationUnknown") {
			t.Errorf("to %s: %v\n%s", to, err, out)
		}
	}
	h.device(storetest.Dongba, "DONGBA_PACS", func(d *authz.Device) { d.Address = "127.0.0.1:" + port })
	if out, err := h.dcmtk("movescu", "SUWU_CT", append(ask, "-aem", "DONGBA_PACS")...); err == nil && !strings.Contains(out, "Fail") {
		t.Errorf("moved to another institution: %s", out)
	}
}

// wantObjects compares the data sets of all files in a folder with those that were sent.
func wantObjects(t testing.TB, dir string, sent []string) {
	t.Helper()
	got, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	if len(got) != len(sent) {
		t.Fatalf("%d of %d objects came", len(got), len(sent))
	}
	want := map[string]bool{}
	for _, name := range sent {
		want[dataSetDigest(t, name)] = true
	}
	for _, name := range got {
		if !want[dataSetDigest(t, name)] {
			t.Errorf("%s is none of those that were sent", filepath.Base(name))
		}
	}
}

func dataSetDigest(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	n, err := dicom.MetaLength(b)
	must(t, err)
	return sha(b[n:])
}
