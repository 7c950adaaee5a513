package gateway

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/imaging"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// keep sends objects as Suwu does and returns what became of them.
func (h *house) keep(objects ...[]byte) []imaging.Stored {
	h.t.Helper()
	var out []imaging.Stored
	for _, b := range objects {
		got, err := h.Imaging.Accept(h.t.Context(), imagingScope(storetest.Suwu), imaging.Source{Reader: bytes.NewReader(b), Size: int64(len(b))})
		must(h.t, err)
		out = append(out, got)
	}
	return out
}

// unzip reads a zip and checks its manifest.
func unzip(t *testing.T, raw []byte, manifest string) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	must(t, err)
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		must(t, err)
		b, err := io.ReadAll(r) // checks the CRC
		must(t, err)
		files[f.Name] = b
	}
	listed := 0
	for line := range strings.Lines(string(files[manifest])) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			continue
		}
		listed++
		if got := sha256.Sum256(files[name]); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s has another SHA-256 than the manifest says", name)
		}
	}
	if listed == 0 {
		t.Error("nothing in the manifest")
	}
	return files
}

// dcmtk lets dcmdump read a DICOMDIR, and counts its records.
func dcmtk(t *testing.T, dir []byte) int {
	t.Helper()
	tool, err := exec.LookPath("dcmdump")
	if err != nil {
		t.Log("no dcmdump")
		return -1
	}
	path := filepath.Join(t.TempDir(), "DICOMDIR")
	must(t, os.WriteFile(path, dir, 0o600))
	out, err := exec.Command(tool, path).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("\nE: ")) || bytes.Contains(out, []byte("W: ")) {
		t.Errorf("dcmdump: %v %s", err, out)
	}
	return bytes.Count(out, []byte("DirectoryRecordType"))
}

func TestAStudyIsExportedAsADisc(t *testing.T) {
	h := newHouse(t)
	objects := study(301, 7)
	id := string(h.keep(objects...)[0].Study)
	other := string(h.keep(study(302, 2)...)[0].Study)
	h.user("doctor", storetest.Suwu, authz.Clinician)
	token := bearer(h.session("doctor"))
	for _, c := range []struct {
		name          string
		a             ask
		objects, tree int
	}{
		{"zip", ask{method: "GET", path: "/api/v1/imaging/studies/" + id + "/export", header: token}, 7, 0},
		{"disc", ask{method: "GET", path: "/api/v1/imaging/studies/" + id + "/export?form=dicomdir", header: token}, 7, 10},
		{"two studies", ask{
			method: "POST", path: "/api/v1/imaging/studies:export", header: token,
			body: `{"studyIds":["` + id + `","` + other + `"],"form":"dicomdir"}`,
		}, 9, 14},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := h.do(c.a).want(t, 200)
			if r.Header.Get("Content-Type") != "application/zip" || r.Header.Get("Content-Length") != strconv.Itoa(len(r.text)) {
				t.Errorf("%v for %d bytes", r.Header, len(r.text))
			}
			files := unzip(t, r.text, "MANIFEST.SHA256")
			n := 0
			for name, b := range files {
				if !strings.HasPrefix(name, "DICOM/") {
					continue
				}
				n++
				for part := range strings.SplitSeq(name, "/") {
					if len(part) > 8 || strings.ToUpper(part) != part || strings.Contains(part, ".") {
						t.Errorf("%s is no name of a disc", name)
					}
				}
				if _, err := dicom.Scan(bytes.NewReader(b), dicom.Options{}); err != nil {
					t.Error(err)
				}
			}
			if n != c.objects || !strings.Contains(string(files["README.TXT"]), "DICOMDIR") {
				t.Errorf("%d objects", n)
			}
			if dir := files["DICOMDIR"]; (dir != nil) != (c.tree > 0) {
				t.Error("a directory that was not wanted, or none")
			} else if dir != nil {
				if n := dcmtk(t, dir); n >= 0 && n != c.tree {
					t.Errorf("%d records", n)
				}
			}
		})
	}
	h.user("elsewhere", storetest.Dongba, authz.Clinician)
	h.do(ask{method: "GET", path: "/api/v1/imaging/studies/" + id + "/export", header: bearer(h.session("elsewhere"))}).want(t, 404)
	h.do(ask{method: "GET", path: "/api/v1/imaging/studies/" + id + "/export?form=cd", header: token}).want(t, 400)
	h.do(ask{method: "POST", path: "/api/v1/imaging/studies:export", header: token, body: `{"studies":[]}`}).want(t, 400)
	h.do(ask{method: "POST", path: "/api/v1/imaging/studies:export", header: token}).want(t, 400)
}

func TestATeachingFileTellsNobody(t *testing.T) {
	h := newHouse(t)
	objects := study(311, 3)
	ct := string(h.keep(objects...)[0].Study)
	var us [][]byte
	for _, write := range phantom.Study(phantom.Spec{
		Kind: phantom.USHeart, Seed: 312, Count: 2, Rows: 32, Columns: 32, At: time.Date(2026, 3, 6, 9, 0, 0, 0, time.UTC),
		Patient: phantom.Patient{Name: "Wang^Xiaoming", ID: "P001", BirthDate: "19800307", Sex: "M"},
	}) {
		var b bytes.Buffer
		must(t, write(&b))
		us = append(us, b.Bytes())
	}
	echo := string(h.keep(us...)[0].Study)
	h.user("admin", storetest.LeadHospital, authz.CentreAdmin)
	h.user("doctor", storetest.Suwu, authz.Clinician)
	token := bearer(h.session("admin"))
	teach := func(id, body string) map[string][]byte {
		r := h.do(ask{method: "POST", path: "/api/v1/imaging/studies/" + id + "/teaching", header: token, body: body}).want(t, 200)
		if strings.Contains(r.Header.Get("Content-Disposition"), id) {
			t.Error("the file's name is the study's id")
		}
		for _, secret := range []string{"Wang", "P001", "19800307", "20260305", "2.25."} {
			if secret != "2.25." && bytes.Contains(r.text, []byte(secret)) {
				t.Errorf("%s is still in it", secret)
			}
		}
		return unzip(t, r.text, "MANIFEST.TXT")
	}
	pseudonym := func(files map[string][]byte) string {
		for name, b := range files {
			if strings.HasPrefix(name, "DICOM/") {
				o, err := dicom.Scan(bytes.NewReader(b), dicom.Options{})
				must(t, err)
				return o.Header.Str(dicom.PatientID)
			}
		}
		t.Fatal("no objects")
		return ""
	}
	first, again := pseudonym(teach(ct, "")), pseudonym(teach(ct, `{"keepModifiedDates":true}`))
	if first != again || first == "" {
		t.Errorf("%s and %s for one patient", first, again)
	}
	if once := pseudonym(teach(ct, `{"oneOffPseudonym":true}`)); once == first {
		t.Error("a pseudonym for once is the usual one")
	}
	r := h.do(ask{method: "POST", path: "/api/v1/imaging/studies/" + echo + "/teaching", header: token}).want(t, 200)
	z, err := zip.NewReader(bytes.NewReader(r.text), int64(len(r.text)))
	must(t, err)
	for _, f := range z.File {
		if strings.HasPrefix(f.Name, "DICOM") {
			t.Error("an ultrasound image is in it unseen")
		}
	}
	if burned := pseudonym(teach(echo, `{"includeBurned":true}`)); burned != first {
		t.Error("another pseudonym for the same patient")
	}
	h.do(ask{method: "POST", path: "/api/v1/imaging/studies/" + ct + "/teaching", header: bearer(h.session("doctor"))}).want(t, 403)
	h.do(ask{method: "POST", path: "/api/v1/imaging/studies/" + ct + "/teaching", header: token, body: `{"keepNames":true}`}).want(t, 400)
}

func TestACorrectionOverHTTPIsWhatEveryDoorShows(t *testing.T) {
	h := newHouse(t)
	stored := h.keep(study(321, 2)...)
	id := string(stored[0].Study)
	h.user("admin", storetest.LeadHospital, authz.CentreAdmin)
	h.user("doctor", storetest.Suwu, authz.Clinician)
	admin, doctor := bearer(h.session("admin")), bearer(h.session("doctor"))
	file := "/api/v1/imaging/instances/" + string(stored[0].Instance) + "/file"
	before := h.do(ask{method: "GET", path: file, header: doctor}).want(t, 200)
	body := `{"assign":{"localPatientNumber":"P900","patientName":"Li^Hua","patientSex":"SEX_FEMALE"},"reason":"wrong entry","requestId":"c1"}`
	h.do(ask{method: "POST", path: "/api/v1/imaging/studies/" + id + ":correct", header: doctor, body: body}).want(t, 403)
	made := h.do(ask{method: "POST", path: "/api/v1/imaging/studies/" + id + ":correct", header: admin, body: body}).want(t, 200)
	twice := h.do(ask{method: "POST", path: "/api/v1/imaging/studies/" + id + ":correct", header: admin, body: body}).want(t, 200)
	if string(made.text) != string(twice.text) {
		t.Error("the same request did it twice")
	}
	correction := made.decode(t)["correction"].(map[string]any)["correctionId"].(string)

	after := h.do(ask{method: "GET", path: file, header: doctor}).want(t, 200)
	if after.Header.Get("ETag") == before.Header.Get("ETag") || after.Header.Get("ETag") != `"`+sha(after.text)+`"` {
		t.Error("the tag is not that of what was sent")
	}
	part := h.do(ask{method: "GET", path: file, header: map[string]string{"Authorization": doctor["Authorization"], "Range": "bytes=300-"}}).want(t, 206)
	if !bytes.Equal(part.text, after.text[300:]) {
		t.Error("a range of something else")
	}
	web := "/dicomweb/studies/" + string(stored[0].StudyUID)
	for _, path := range []string{web + "/metadata", "/dicomweb/studies?PatientID=P900&includefield=all", web + "/series?includefield=all"} {
		r := h.do(ask{method: "GET", path: path, header: map[string]string{"Authorization": doctor["Authorization"], "Accept": "application/dicom+json"}}).want(t, 200)
		if !bytes.Contains(r.text, []byte("P900")) && !strings.Contains(path, "series") || bytes.Contains(bytes.Split(r.text, []byte(`"04000561"`))[0], []byte("P001")) {
			t.Errorf("%s: %s", path, r.text)
		}
	}
	dcm := h.do(ask{method: "GET", path: web, header: map[string]string{"Authorization": doctor["Authorization"], "Accept": `multipart/related; type="application/dicom"; transfer-syntax=*`}}).want(t, 200)
	if !bytes.Contains(dcm.text, after.text) {
		t.Error("WADO-RS sends something else than the file")
	}

	readers := h.do(ask{method: "GET", path: "/api/v1/imaging/studies/" + id + "/readers", header: admin}).want(t, 200)
	if !bytes.Contains(readers.text, []byte("测试doctor")) {
		t.Errorf("%s", readers.text)
	}
	changes := h.do(ask{method: "GET", path: "/api/v1/imaging/changes", header: doctor}).want(t, 200)
	var feed struct {
		Changes []struct {
			Act, Cursor, StudyID, CorrectionID string
			InstanceCount                      int
		}
		NextAfter string
	}
	must(t, json.Unmarshal(changes.text, &feed))
	last := feed.Changes[len(feed.Changes)-1]
	if last.Act != "study.corrected" || last.CorrectionID != correction || last.InstanceCount != 2 || bytes.Contains(changes.text, []byte("P900")) {
		t.Errorf("%s", changes.text)
	}
	h.do(ask{method: "POST", path: "/api/v1/imaging/corrections/" + correction + ":undo", header: admin, body: `{"reason":"it was right"}`}).want(t, 200)
	if again := h.do(ask{method: "GET", path: file, header: doctor}).want(t, 200); !bytes.Equal(again.text, before.text) {
		t.Error("undone is not as it was")
	}
	listed := h.do(ask{method: "GET", path: "/api/v1/imaging/corrections?include_undone=true", header: admin}).want(t, 200)
	if !bytes.Contains(listed.text, []byte("it was right")) {
		t.Errorf("%s", listed.text)
	}
}

func TestTheChangeFeedWaitsAndGoesOnWhereItWas(t *testing.T) {
	h := newHouse(t)
	h.keep(study(331, 1)...)
	h.user("doctor", storetest.Suwu, authz.Clinician)
	h.user("elsewhere", storetest.Dongba, authz.Clinician)
	imagingClient := pb.NewImagingServiceClient(h.conn)
	ctx := as(h.session("doctor"))
	first, err := imagingClient.ListImagingChanges(ctx, &pb.ListImagingChangesRequest{})
	must(t, err)
	if len(first.GetChanges()) != 1 || first.GetChanges()[0].GetAct() != "study.received" || first.GetChanges()[0].GetInstances() != 1 {
		t.Fatalf("%v", first)
	}
	none, err := imagingClient.ListImagingChanges(as(h.session("elsewhere")), &pb.ListImagingChangesRequest{})
	must(t, err)
	if len(none.GetChanges()) != 0 {
		t.Fatalf("another institution hears of it: %v", none)
	}
	watch, err := imagingClient.WatchImagingChanges(ctx, &pb.WatchImagingChangesRequest{After: first.GetNextAfter()})
	must(t, err)
	waited := make(chan *pb.ListImagingChangesResponse, 1)
	go func() {
		got, err := imagingClient.ListImagingChanges(ctx, &pb.ListImagingChangesRequest{After: first.GetNextAfter(), Wait: 25})
		if err != nil {
			t.Error(err)
		}
		waited <- got
	}()
	stored := h.keep(study(332, 1)...)
	change, err := watch.Recv()
	must(t, err)
	if change.GetStudyId() != string(stored[0].Study) {
		t.Fatalf("%v", change)
	}
	if got := <-waited; len(got.GetChanges()) != 1 || got.GetChanges()[0].GetStudyId() != string(stored[0].Study) {
		t.Fatalf("%v", got)
	}
	_, err = imagingClient.ListImagingChanges(ctx, &pb.ListImagingChangesRequest{After: "999999999"})
	wantCode(t, err, "InvalidArgument")
}
