package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/dicom"
	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/ecg"
	"github.com/lianzhen/lianzhen/imaging"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

var ecgPatient = tracing.Patient{ID: "E1", Name: "赵秀英", BirthDate: "19550304", Sex: "F"}

// cart makes the file of a cart.
func cart(t testing.TB, format string, s synth.Spec) []byte {
	t.Helper()
	if s.Patient.ID == "" {
		s.Patient = ecgPatient
	}
	if s.At.IsZero() {
		s.At = time.Now().Add(-time.Hour).Truncate(time.Second)
	}
	var b bytes.Buffer
	must(t, formats.Write(&b, format, synth.Make(s)))
	return b.Bytes()
}

// postECG sends a file as the body of a POST.
func (h *house) postECG(key string, file []byte) reply {
	return h.do(ask{method: "POST", path: "/api/v1/ecg/tracings", body: string(file), header: map[string]string{
		"Authorization": "Bearer " + key, "Content-Type": "application/octet-stream",
	}})
}

// formECG sends a file with what is known beside it.
func (h *house) formECG(key string, about *pb.UploadTracingBegin, file []byte) reply {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	text, err := protojson.Marshal(about)
	must(h.t, err)
	p, _ := m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="about"`}})
	_, _ = p.Write(text)
	p, _ = m.CreateFormFile("file", "ecg")
	_, _ = p.Write(file)
	_ = m.Close()
	return h.do(ask{method: "POST", path: "/api/v1/ecg/tracings", body: b.String(), header: map[string]string{
		"Authorization": "Bearer " + key, "Content-Type": m.FormDataContentType(),
	}})
}

func (r reply) storedTracing(t testing.TB) *pb.StoredTracing {
	t.Helper()
	var st pb.StoredTracing
	must(t, protojson.Unmarshal(r.text, &st))
	return &st
}

func TestEveryWrittenFormatGoesInAndComesOutAsPaper(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	ecgs := pb.NewEcgServiceClient(h.conn)
	for i, format := range []string{"scp", "aecg", "dicom", "edf"} {
		t.Run(format, func(t *testing.T) {
			file := cart(t, format, synth.Spec{Kind: synth.Normal, Seed: uint64(i + 1)})
			st := h.postECG(key, file).want(t, http.StatusCreated).storedTracing(t)
			again := h.postECG(key, file).want(t, http.StatusOK).storedTracing(t)
			if !again.GetAlreadyStored() || again.GetTracingId() != st.GetTracingId() || again.GetCaseId() != st.GetCaseId() {
				t.Fatalf("%v", again)
			}
			got, err := ecgs.GetTracing(as(key), &pb.GetTracingRequest{TracingId: st.GetTracingId()})
			must(t, err)
			if got.GetPatientName() != "赵秀英" || got.GetPatientSex() != pb.Sex_SEX_FEMALE || got.GetAnalysis() != pb.AnalysisState_ANALYSIS_STATE_DONE ||
				got.GetAlgorithm() == "" || got.GetDurationMs() < 9900 {
				t.Fatalf("%v", got)
			}
			ours := 0
			for _, m := range got.GetMeasurements() {
				if m.GetSource().GetKind() == "algorithm" && m.GetCode() == tracing.HeartRate && m.GetValue() > 50 && m.GetValue() < 100 {
					ours++
				}
			}
			if ours != 1 {
				t.Errorf("no heart rate of ours: %v", got.GetMeasurements())
			}
			back := h.do(ask{method: "GET", path: "/api/v1/ecg/tracings/" + st.GetTracingId() + "/file", header: bearer(key)}).want(t, 200)
			if !bytes.Equal(back.text, file) {
				t.Error("the file is not as it came")
			}
			for _, sheet := range []struct{ query, media, magic string }{
				{"", "application/pdf", "%PDF-"}, {"?format=svg&layout=12x1", "image/svg+xml", "<"}, {"?format=png&dpi=72&language=en", "image/png", "\x89PNG"},
			} {
				r := h.do(ask{method: "GET", path: "/api/v1/ecg/tracings/" + st.GetTracingId() + "/sheet" + sheet.query, header: bearer(key)}).want(t, 200)
				if r.Header.Get("Content-Type") != sheet.media || !strings.HasPrefix(string(r.text), sheet.magic) {
					t.Errorf("%s: %s %.20q", sheet.query, r.Header.Get("Content-Type"), r.text)
				}
			}
			r := h.do(ask{method: "GET", path: "/api/v1/ecg/tracings/" + st.GetTracingId() + "/samples", header: bearer(key)}).want(t, 200)
			if len(r.text) == 0 || len(r.text) > 30<<10 {
				t.Errorf("%d bytes of samples", len(r.text))
			}
		})
	}
}

func TestAnECGOverGRPCWithWhatTheSenderKnows(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	ecgs := pb.NewEcgServiceClient(h.conn)
	file := cart(t, "scp", synth.Spec{Kind: synth.AtrialFibrillation, Seed: 9, Patient: tracing.Patient{ID: "WRONG", Name: "UNKNOWN"}})
	send := func(b *pb.UploadTracingBegin, pieces ...[]byte) (*pb.StoredTracing, error) {
		stream, err := ecgs.UploadTracing(as(key))
		must(t, err)
		_ = stream.Send(&pb.UploadTracingRequest{Part: &pb.UploadTracingRequest_Begin{Begin: b}})
		for _, p := range pieces {
			_ = stream.Send(&pb.UploadTracingRequest{Part: &pb.UploadTracingRequest_Data{Data: p}})
		}
		return stream.CloseAndRecv()
	}
	_, err := send(&pb.UploadTracingBegin{Sha256: strings.Repeat("0", 64)}, file)
	wantCode(t, err, "InvalidArgument")
	_, err = send(&pb.UploadTracingBegin{Size: 5}, file)
	wantCode(t, err, "InvalidArgument")
	_, err = send(&pb.UploadTracingBegin{IdentityNumber: "123"}, file)
	wantCode(t, err, "InvalidArgument")
	_, err = send(&pb.UploadTracingBegin{})
	wantCode(t, err, "InvalidArgument")
	st, err := send(&pb.UploadTracingBegin{
		Size: int64(len(file)), Sha256: sha(file), LocalPatientNumber: "E7", PatientName: "钱七", PatientBirthDate: "1950-01-02", PatientSex: pb.Sex_SEX_MALE,
		Priority: pb.Priority_PRIORITY_URGENT, ClinicalInformation: "心悸", AccessionNumber: "ACC7",
	}, file[:1000], file[1000:])
	must(t, err)
	found, err := ecgs.SearchTracings(as(key), &pb.SearchTracingsRequest{PatientName: "qianqi", Finding: "AF"})
	must(t, err)
	if len(found.GetTracings()) != 1 || found.GetTracings()[0].GetTracingId() != st.GetTracingId() || found.GetTracings()[0].GetAccessionNumber() != "ACC7" {
		t.Fatalf("%v", found)
	}
	stream, err := ecgs.FetchTracing(as(key), &pb.FetchTracingRequest{TracingId: st.GetTracingId()})
	must(t, err)
	var got []byte
	for {
		c, err := stream.Recv()
		if err == io.EOF {
			break
		}
		must(t, err)
		got = append(got, c.GetData()...)
	}
	if !bytes.Equal(got, file) {
		t.Error("the file is not as it came")
	}
	c, err := pb.NewReadingServiceClient(h.conn).GetCase(as(key), &pb.GetCaseRequest{CaseId: st.GetCaseId()})
	must(t, err)
	if c.GetKind() != pb.CentreKind_CENTRE_KIND_ECG || c.GetPriority() != pb.Priority_PRIORITY_URGENT || c.GetClinicalInformation() != "心悸" || c.GetModality() != "ECG" {
		t.Fatalf("%v", c)
	}
	for _, personal := range []string{"钱七", "qianqi", "1950-01-02"} {
		if strings.Contains(h.log.String(), personal) {
			t.Errorf("the log holds %s", personal)
		}
	}
}

func TestAnInfarctionRaisesItsAlarmAndItsClockRuns(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	h.user("doc", storetest.Suwu, authz.Clinician)
	h.user("reader", storetest.LeadHospital, authz.Reader)
	h.user("reviewer", storetest.LeadHospital, authz.Reviewer)
	reading, ecgs := pb.NewReadingServiceClient(h.conn), pb.NewEcgServiceClient(h.conn)
	doc, reader := as(h.session("doc")), as(h.session("reader"))
	contact := time.Now().Add(-6 * time.Minute).Truncate(time.Microsecond)
	feed, err := reading.WatchResults(doc, &pb.WatchResultsRequest{})
	must(t, err)

	st := h.formECG(key, &pb.UploadTracingBegin{FirstContactAt: timestamppb.New(contact), ClinicalInformation: "胸痛"},
		cart(t, "scp", synth.Spec{Kind: synth.STEMIAnterior, Seed: 4, At: time.Now().Add(-time.Minute)})).want(t, http.StatusCreated).storedTracing(t)
	if len(st.GetAlarms()) == 0 {
		t.Fatalf("no alarm: %v", st)
	}
	change, err := feed.Recv()
	must(t, err)
	v := change.GetCriticalValue()
	if change.GetAct() != "critical.raised" || v.GetCaseId() != st.GetCaseId() || v.GetRule() == "" || !strings.Contains(v.GetFinding(), "须由医师确认") {
		t.Fatalf("%v", change)
	}
	list, err := reading.ListCases(reader, &pb.ListCasesRequest{Kind: pb.CentreKind_CENTRE_KIND_ECG})
	must(t, err)
	c := list.GetCases()[0]
	if c.GetPriority() != pb.Priority_PRIORITY_STAT || !c.GetFirstContactAt().AsTime().Equal(contact) || !c.GetCriticalUnacknowledged() {
		t.Fatalf("%v", c)
	}
	_, err = reading.AcknowledgeCriticalValue(doc, &pb.AcknowledgeCriticalValueRequest{CriticalValueId: v.GetCriticalValueId(), Handling: "绕行急诊"})
	must(t, err)
	_, err = reading.NoteCriticalCall(reader, &pb.NoteCriticalCallRequest{CriticalValueId: v.GetCriticalValueId(), Note: "已电话"})
	must(t, err)

	got, err := ecgs.GetTracing(reader, &pb.GetTracingRequest{TracingId: st.GetTracingId()})
	must(t, err)
	if len(got.GetClocks()) == 0 || len(got.GetAlarms()) == 0 || got.GetAlarms()[0].GetEvidence() == "" || len(got.GetButtons()) == 0 {
		t.Fatalf("clocks %v alarms %v buttons %v", got.GetClocks(), got.GetAlarms(), got.GetButtons())
	}
	states := map[string]int{}
	for _, k := range got.GetClocks() {
		states[k.GetState()]++
	}
	if states["done"] == 0 || states["running"] == 0 {
		t.Fatalf("%v", got.GetClocks())
	}
	draft, err := ecgs.DraftConclusions(reader, &pb.DraftConclusionsRequest{TracingId: st.GetTracingId()})
	must(t, err)
	if len(draft.GetConclusions()) == 0 || !draft.GetDecisionSupport() {
		t.Fatalf("%v", draft)
	}
	_, err = ecgs.SetPathway(as(key), &pb.SetPathwayRequest{TracingId: st.GetTracingId(), NeedleAt: timestamppb.New(time.Now().Add(time.Hour))})
	wantCode(t, err, "InvalidArgument")
	got, err = ecgs.SetPathway(as(key), &pb.SetPathwayRequest{TracingId: st.GetTracingId(), DoorInAt: timestamppb.New(contact)})
	must(t, err)
	if len(got.GetClocks()) <= len(states)-1 {
		t.Fatalf("%v", got.GetClocks())
	}

	_, err = reading.ClaimCase(reader, &pb.ClaimCaseRequest{CaseId: st.GetCaseId()})
	must(t, err)
	_, err = reading.SubmitReport(reader, &pb.SubmitReportRequest{CaseId: st.GetCaseId(), Text: &pb.ReportText{
		Findings: "V1-V4 ST 抬高", Impression: "急性前壁心肌梗死", Positive: true,
		Conclusions: []*pb.CodedConclusion{{Code: draft.GetConclusions()[0].GetCode(), System: "AHA-2007", Text: draft.GetConclusions()[0].GetText()}},
	}})
	must(t, err)
	rep, err := reading.SignReport(as(h.session("reviewer")), &pb.SignReportRequest{CaseId: st.GetCaseId()})
	must(t, err)
	if len(rep.GetText().GetConclusions()) != 1 {
		t.Fatalf("%v", rep)
	}
	pdf := h.do(ask{method: "GET", path: "/api/v1/ecg/tracings/" + st.GetTracingId() + "/sheet", header: bearer(key)}).want(t, 200)
	if len(pdf.text) > 120<<10 {
		t.Errorf("a PDF of %d bytes", len(pdf.text))
	}
	wrapped := h.do(ask{method: "GET", path: "/api/v1/ecg/tracings/" + st.GetTracingId() + "/export?format=dicom-pdf", header: bearer(key)}).want(t, 200)
	if o, err := dicom.ScanHeader(bytes.NewReader(wrapped.text), dicom.Options{}); err != nil || o.Header.SOPClassUID != "1.2.840.10008.5.1.4.1.1.104.1" {
		t.Errorf("%v", err)
	}
}

func TestAFalseAlarmIsDismissedByAReader(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	h.user("reader", storetest.LeadHospital, authz.Reader)
	h.user("doc", storetest.Suwu, authz.Clinician)
	reading := pb.NewReadingServiceClient(h.conn)
	st := h.postECG(key, cart(t, "scp", synth.Spec{Kind: synth.STEMIInferior, Seed: 5})).want(t, http.StatusCreated).storedTracing(t)
	all, err := reading.ListCriticalValues(as(key), &pb.ListCriticalValuesRequest{CaseId: st.GetCaseId(), OpenOnly: true})
	must(t, err)
	if len(all.GetCriticalValues()) == 0 {
		t.Fatal("no alarm")
	}
	req := &pb.DismissCriticalValueRequest{CriticalValueId: all.GetCriticalValues()[0].GetCriticalValueId(), Reason: "早复极"}
	_, err = reading.DismissCriticalValue(as(h.session("doc")), req)
	wantCode(t, err, "PermissionDenied")
	v, err := reading.DismissCriticalValue(as(h.session("reader")), req)
	must(t, err)
	if v.GetDismissReason() != "早复极" || v.GetDismissedBy() == "" {
		t.Fatalf("%v", v)
	}
}

func TestDICOMWaveformsOfEveryDoorReachTheECGCentre(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	h.device(storetest.Suwu, "ECGCART")
	ecgs := pb.NewEcgServiceClient(h.conn)
	const twelveLead = "1.2.840.10008.5.1.4.1.1.9.1.1"
	for i, door := range []struct {
		name string
		send func(file []byte)
	}{
		{"C-STORE", func(file []byte) {
			a := h.associate("ECGCART", twelveLead)
			defer a.Abort()
			st, err := storeOver(t, a, file)
			if err != nil || st != ul.Success {
				t.Fatalf("%v %v", st, err)
			}
		}},
		{"STOW-RS", func(file []byte) { h.stowObjects(key, file).want(t, 200) }},
		{"POST", func(file []byte) {
			h.do(ask{method: "POST", path: "/api/v1/imaging/instances", body: string(file), header: map[string]string{
				"Authorization": "Bearer " + key, "Content-Type": "application/dicom",
			}}).want(t, http.StatusCreated)
		}},
	} {
		number := fmt.Sprintf("D%d", i)
		file := cart(t, "dicom", synth.Spec{Kind: synth.AVBlock3, Seed: uint64(20 + i), Patient: tracing.Patient{ID: number, Name: "孙三", Sex: "M", BirthDate: "19480101"}})
		door.send(file)
		if door.name != "POST" {
			door.send(file) // sent again it is the same tracing
		}
		// With another group 2, through the ECG's own door, it is too.
		if again := h.postECG(key, append(bytes.Clone(otherMeta(t, file)), file[headerOf(t, file).DataSetOffset():]...)).want(t, 200).storedTracing(t); !again.GetAlreadyStored() {
			t.Errorf("%s: %v", door.name, again)
		}
		found, err := ecgs.SearchTracings(as(key), &pb.SearchTracingsRequest{LocalPatientNumber: number})
		must(t, err)
		if len(found.GetTracings()) != 1 {
			t.Fatalf("%s: %v", door.name, found)
		}
		// The study is served as any, and has no case of its own.
		o := headerOf(t, file)
		r := h.do(ask{method: "GET", path: "/dicomweb/studies?StudyInstanceUID=" + string(o.Header.StudyUID), header: bearer(key)}).want(t, 200)
		if !strings.Contains(string(r.text), string(o.Header.StudyUID)) {
			t.Errorf("%s: not found over QIDO-RS", door.name)
		}
		done, err := pb.NewUploadServiceClient(h.conn).FinishStudy(as(key), &pb.FinishStudyRequest{StudyInstanceUid: string(o.Header.StudyUID), ExpectedInstances: 1})
		must(t, err)
		if done.GetCaseId() != "" {
			t.Errorf("%s: the imaging centre has a case of it", door.name)
		}
	}
}

// otherMeta is a group 2 as another application writes it.
func otherMeta(t testing.TB, file []byte) []byte {
	t.Helper()
	o := headerOf(t, file)
	b, err := dicom.FileMeta(dicom.Meta{
		SOPClass: o.Header.SOPClassUID, SOPInstance: o.Header.SOPInstanceUID, TransferSyntax: o.TransferSyntax, SourceAE: "SOMEBODY",
	})
	must(t, err)
	return b
}

func TestWhatIsNoECGWaitsInQuarantine(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	h.user("tech", storetest.Suwu, authz.Technician)
	tech := h.session("tech")
	ecgs := pb.NewEcgServiceClient(h.conn)
	for name, file := range map[string]string{
		"text":          "no electrocardiogram at all",
		"entities":      `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><AnnotatedECG xmlns="urn:hl7-org:v3">&x;</AnnotatedECG>`,
		"truncated SCP": string(cart(t, "scp", synth.Spec{Seed: 3})[:40]),
	} {
		t.Run(name, func(t *testing.T) {
			r := h.postECG(key, []byte(file)).want(t, http.StatusBadRequest)
			var f faultBody
			must(t, json.Unmarshal(r.text, &f))
			i := strings.Index(string(r.text), `"quarantineId":"`)
			if i < 0 {
				t.Fatalf("%s", r.text)
			}
			id := string(r.text)[i+len(`"quarantineId":"`):]
			id = id[:strings.IndexByte(id, '"')]
			back := h.do(ask{method: "GET", path: "/api/v1/ecg/quarantine/" + id + "/file", header: bearer(tech)}).want(t, 200)
			if string(back.text) != file {
				t.Error("not the bytes that came")
			}
			if again := h.postECG(key, []byte(file)).want(t, http.StatusBadRequest); !strings.Contains(string(again.text), id) {
				t.Error("refused twice, kept twice")
			}
		})
	}
	all, err := ecgs.ListTracingQuarantine(as(tech), &pb.ListTracingQuarantineRequest{})
	must(t, err)
	if len(all.GetFiles()) != 3 {
		t.Fatalf("%v", all)
	}
	_, err = ecgs.ResolveTracingQuarantine(as(tech), &pb.ResolveTracingQuarantineRequest{QuarantineId: all.GetFiles()[0].GetQuarantineId(), Note: "无用"})
	must(t, err)
	all, err = ecgs.ListTracingQuarantine(as(tech), &pb.ListTracingQuarantineRequest{})
	must(t, err)
	if len(all.GetFiles()) != 2 {
		t.Fatalf("%v", all)
	}
	h.postECG(key, nil).want(t, http.StatusBadRequest)
}

func TestSerialComparisonIsOfOnePerson(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	ecgs := pb.NewEcgServiceClient(h.conn)
	send := func(s synth.Spec) string {
		return h.postECG(key, cart(t, "scp", s)).want(t, http.StatusCreated).storedTracing(t).GetTracingId()
	}
	other := send(synth.Spec{Kind: synth.Normal, Seed: 60, Patient: tracing.Patient{ID: "OTHER", Name: "周八", Sex: "M", BirthDate: "19700101"}})
	first := send(synth.Spec{Kind: synth.Normal, Seed: 61, At: time.Now().Add(-30 * 24 * time.Hour)})
	_, err := ecgs.CompareTracings(as(key), &pb.CompareTracingsRequest{TracingId: first})
	wantCode(t, err, "NotFound")
	second := send(synth.Spec{Kind: synth.AtrialFibrillation, Seed: 61})
	x, err := ecgs.CompareTracings(as(key), &pb.CompareTracingsRequest{TracingId: second})
	must(t, err)
	if x.GetWithTracingId() != first || !slices.Contains(x.GetNewFindings(), "AF") || len(x.GetDifferences()) == 0 || len(x.GetOverlays()) == 0 || x.GetSummary() == "" {
		t.Fatalf("%v %v, %d differences, %d overlays", x.GetNewFindings(), x.GetSummary(), len(x.GetDifferences()), len(x.GetOverlays()))
	}
	_, err = ecgs.CompareTracings(as(key), &pb.CompareTracingsRequest{TracingId: second, WithTracingId: other})
	wantCode(t, err, "NotFound")
}

func TestAmbulatoryRecordingsAreSummarisedAfterwards(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	ecgs := pb.NewEcgServiceClient(h.conn)
	w, err := synth.Holter(synth.Spec{Kind: synth.Normal, Seed: 7, Patient: ecgPatient, At: time.Now().Add(-time.Hour)}, 12*time.Minute).Load()
	must(t, err)
	var file bytes.Buffer
	must(t, formats.Write(&file, "edf", w))
	st := h.postECG(key, file.Bytes()).want(t, http.StatusCreated).storedTracing(t)
	if !st.GetAnalysisPending() {
		t.Fatalf("%v", st)
	}
	_, err = ecgs.GetAmbulatorySummary(as(key), &pb.GetAmbulatorySummaryRequest{TracingId: st.GetTracingId()})
	wantCode(t, err, "Unavailable")
	must(t, h.ECG.Tick(t.Context()))
	sum, err := ecgs.GetAmbulatorySummary(as(key), &pb.GetAmbulatorySummaryRequest{TracingId: st.GetTracingId()})
	must(t, err)
	if sum.GetTotal().GetBeats() < 400 || len(sum.GetHours()) == 0 || sum.GetAlgorithm() == "" || sum.GetSdnnMs() <= 0 {
		t.Fatalf("%v", sum)
	}
	window := h.do(ask{method: "GET", path: "/api/v1/ecg/tracings/" + st.GetTracingId() + "/samples?fromMs=300000&forMs=10000", header: bearer(key)}).want(t, 200)
	if len(window.text) == 0 {
		t.Error("no samples")
	}
	h.do(ask{method: "GET", path: "/api/v1/ecg/tracings/" + st.GetTracingId() + "/export?format=scp", header: bearer(key)}).want(t, http.StatusPreconditionFailed)
	h.do(ask{method: "GET", path: "/api/v1/ecg/tracings/" + st.GetTracingId() + "/sheet?fromMs=60000", header: bearer(key)}).want(t, 200)
	c, err := pb.NewReadingServiceClient(h.conn).GetCase(as(key), &pb.GetCaseRequest{CaseId: st.GetCaseId()})
	must(t, err)
	if c.GetModality() != "HOLTER" {
		t.Fatalf("%v", c)
	}
}

func TestACountyKeepsItsOwnCriticalRules(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	h.user("centre", storetest.LeadHospital, authz.CentreAdmin)
	admin, ecgs := as(h.session("centre")), pb.NewEcgServiceClient(h.conn)
	_, err := ecgs.GetCriticalRules(as(key), &pb.GetCriticalRulesRequest{})
	wantCode(t, err, "PermissionDenied")
	now, err := ecgs.GetCriticalRules(admin, &pb.GetCriticalRulesRequest{})
	must(t, err)
	if now.GetNumber() != 0 || !strings.Contains(now.GetYaml(), "rules:") {
		t.Fatalf("%.300s", now)
	}
	h.postECG(key, cart(t, "scp", synth.Spec{Kind: synth.SinusBradycardia, Seed: 8, HeartRate: 38})).want(t, http.StatusCreated)
	stricter := strings.Replace(now.GetYaml(), `version: "`, `version: "test-`, 1)
	trial, err := ecgs.UpdateCriticalRules(admin, &pb.UpdateCriticalRulesRequest{Yaml: stricter, DryRun: true})
	must(t, err)
	if len(trial.GetTrials()) < 5 || trial.GetTrials()[0].GetTracings() != 1 {
		t.Fatalf("%v", trial.GetTrials())
	}
	_, err = ecgs.UpdateCriticalRules(admin, &pb.UpdateCriticalRulesRequest{Yaml: "rules: [", Reason: "x"})
	wantCode(t, err, "InvalidArgument")
	_, err = ecgs.UpdateCriticalRules(admin, &pb.UpdateCriticalRulesRequest{Yaml: stricter})
	wantCode(t, err, "InvalidArgument") // no reason
	kept, err := ecgs.UpdateCriticalRules(admin, &pb.UpdateCriticalRulesRequest{Yaml: stricter, Reason: "县专家组 2026 年第 3 次会议"})
	must(t, err)
	if kept.GetNumber() != 1 {
		t.Fatalf("%v", kept.GetNumber())
	}
	_, err = ecgs.UpdateCriticalRules(admin, &pb.UpdateCriticalRulesRequest{Yaml: strings.Replace(stricter, "test-", "test2-", 1), Reason: "x"})
	wantCode(t, err, "AlreadyExists") // somebody saw number 0
	st := h.postECG(key, cart(t, "scp", synth.Spec{Kind: synth.Normal, Seed: 12})).want(t, http.StatusCreated).storedTracing(t)
	got, err := ecgs.GetTracing(as(key), &pb.GetTracingRequest{TracingId: st.GetTracingId()})
	must(t, err)
	if !strings.Contains(got.GetRulesVersion(), "test-") {
		t.Fatalf("%s", got.GetRulesVersion())
	}
}

func TestATracingIsAssignedToWhomItBelongs(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	h.user("centre", storetest.LeadHospital, authz.CentreAdmin)
	h.user("reader", storetest.LeadHospital, authz.Reader)
	h.user("reviewer", storetest.LeadHospital, authz.Reviewer)
	ecgs, reading := pb.NewEcgServiceClient(h.conn), pb.NewReadingServiceClient(h.conn)
	reader, admin := as(h.session("reader")), as(h.session("centre"))
	st := h.postECG(key, cart(t, "scp", synth.Spec{Kind: synth.STEMIAnterior, Seed: 31})).want(t, http.StatusCreated).storedTracing(t)
	_, err := reading.ClaimCase(reader, &pb.ClaimCaseRequest{CaseId: st.GetCaseId()})
	must(t, err)
	_, err = reading.SubmitReport(reader, &pb.SubmitReportRequest{CaseId: st.GetCaseId(), Text: &pb.ReportText{Findings: "x", Impression: "急性心肌梗死"}})
	must(t, err)
	_, err = reading.SignReport(as(h.session("reviewer")), &pb.SignReportRequest{CaseId: st.GetCaseId()})
	must(t, err)

	req := &pb.AssignTracingRequest{TracingId: st.GetTracingId(), LocalPatientNumber: "E2", PatientName: "钱七", PatientSex: pb.Sex_SEX_MALE, Reason: "拿错病历号"}
	_, err = ecgs.AssignTracing(as(key), req)
	wantCode(t, err, "PermissionDenied")
	_, err = ecgs.AssignTracing(admin, &pb.AssignTracingRequest{TracingId: st.GetTracingId(), PatientName: "钱七", Reason: "拿错病历号"})
	wantCode(t, err, "InvalidArgument") // no number
	got, err := ecgs.AssignTracing(admin, req)
	must(t, err)
	tr := got.GetTracing()
	if !got.GetReportWithdrawn() || tr.GetPatientName() != "钱七" || tr.GetPatientId() == st.GetPatientId() || tr.GetPatientBirthDate() != "" {
		t.Fatalf("%v %v %v", got.GetReportWithdrawn(), tr.GetPatientName(), tr.GetPatientBirthDate())
	}
	c, err := reading.GetCase(reader, &pb.GetCaseRequest{CaseId: st.GetCaseId()})
	must(t, err)
	if c.GetPatientId() != tr.GetPatientId() || c.GetState() != pb.CaseState_CASE_STATE_WITHDRAWN {
		t.Fatalf("%v", c)
	}
	all, err := reading.ListCriticalValues(as(key), &pb.ListCriticalValuesRequest{CaseId: st.GetCaseId()})
	must(t, err)
	for _, v := range all.GetCriticalValues() {
		if v.GetPatientId() != tr.GetPatientId() {
			t.Errorf("%v is still of the other person", v)
		}
	}
	if n := len(all.GetCriticalValues()); n != len(st.GetAlarms()) {
		t.Errorf("%d alarms, %d before", n, len(st.GetAlarms()))
	}
	who, err := ecgs.ListTracingReaders(admin, &pb.ListTracingReadersRequest{TracingId: st.GetTracingId()})
	must(t, err)
	if len(who.GetReaders()) < 3 { // the reader, the reviewer, the administrator
		t.Errorf("%v", who)
	}
	same := h.postECG(key, h.do(ask{method: "GET", path: "/api/v1/ecg/tracings/" + st.GetTracingId() + "/file", header: bearer(key)}).want(t, 200).text)
	if again := same.want(t, 200).storedTracing(t); again.GetPatientId() != tr.GetPatientId() {
		t.Error("the same file again is the other person's")
	}
	_, err = h.ECG.Reindex(t.Context(), nil)
	must(t, err)
	tr, err = ecgs.GetTracing(as(key), &pb.GetTracingRequest{TracingId: st.GetTracingId()})
	must(t, err)
	if tr.GetPatientName() != "钱七" {
		t.Errorf("reindex forgot whose it is: %s", tr.GetPatientName())
	}
	if found, err := h.ECG.Fsck(t.Context(), ecg.FsckOptions{}); err != nil || found.Damaged() || len(found.Unreferenced) != 0 {
		t.Errorf("%+v %v", found, err)
	}
}

func TestATracingFollowsTheCorrectionOfItsStudy(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	h.user("centre", storetest.LeadHospital, authz.CentreAdmin)
	admin := as(h.session("centre"))
	img, ecgs := pb.NewImagingServiceClient(h.conn), pb.NewEcgServiceClient(h.conn)
	file := cart(t, "dicom", synth.Spec{Kind: synth.Normal, Seed: 41, Patient: tracing.Patient{ID: "W1", Name: "孙三", Sex: "M"}})
	h.stowObjects(key, file).want(t, 200)
	one := func(number string) *pb.Tracing {
		t.Helper()
		found, err := ecgs.SearchTracings(as(key), &pb.SearchTracingsRequest{LocalPatientNumber: number})
		must(t, err)
		if len(found.GetTracings()) != 1 {
			t.Fatalf("%d tracings of %s", len(found.GetTracings()), number)
		}
		return found.GetTracings()[0]
	}
	one("W1")
	studies, err := img.SearchStudies(as(key), &pb.SearchStudiesRequest{LocalPatientNumber: "W1"})
	must(t, err)
	change := &pb.CorrectStudyRequest{
		StudyId: studies.GetStudies()[0].GetStudyId(), Reason: "登记错误", DryRun: true,
		Correction: &pb.CorrectStudyRequest_Assign{Assign: &pb.AssignPatient{LocalPatientNumber: "W2", PatientName: "Zhou^Ba=周^八", PatientSex: pb.Sex_SEX_MALE}},
	}
	_, err = img.CorrectStudy(admin, change)
	must(t, err)
	one("W1") // a dry run changes nothing
	change.DryRun = false
	done, err := img.CorrectStudy(admin, change)
	must(t, err)
	if tr := one("W2"); tr.GetPatientName() != "周八" {
		t.Errorf("%s", tr.GetPatientName())
	}
	_, err = img.UndoCorrection(admin, &pb.UndoCorrectionRequest{CorrectionId: done.GetCorrection().GetCorrectionId(), Reason: "登记无误"})
	must(t, err)
	if tr := one("W1"); tr.GetPatientName() != "孙三" {
		t.Errorf("%s", tr.GetPatientName())
	}
}

func TestSheetsRefuseWordsThatAreNotKnown(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	st := h.postECG(key, cart(t, "scp", synth.Spec{Seed: 2})).want(t, http.StatusCreated).storedTracing(t)
	for _, q := range []string{"layout=4x3", "filter=lowpass-35", "rhythmLead=Q9", "format=gif", "speedMmS=-1", "gainMmMv=1000"} {
		h.do(ask{method: "GET", path: "/api/v1/ecg/tracings/" + st.GetTracingId() + "/sheet?" + q, header: bearer(key)}).want(t, http.StatusBadRequest)
	}
	for _, format := range []string{"dicom", "scp", "aecg", "edf", "csv"} {
		r := h.do(ask{method: "GET", path: "/api/v1/ecg/tracings/" + st.GetTracingId() + "/export?format=" + format, header: bearer(key)}).want(t, 200)
		if format == "csv" {
			continue
		}
		back, err := formats.Read(r.text)
		must(t, err)
		if back.Patient.Name != "赵秀英" || back.Rhythm().Len() != 5000 {
			t.Errorf("%s: %d samples", format, back.Rhythm().Len())
		}
	}
	h.do(ask{method: "GET", path: "/api/v1/ecg/tracings/" + st.GetTracingId() + "/export?format=mp3", header: bearer(key)}).want(t, http.StatusBadRequest)
	cat, err := pb.NewEcgServiceClient(h.conn).ListConclusions(as(key), &pb.ListConclusionsRequest{Query: "房颤"})
	must(t, err)
	if len(cat.GetConclusions()) == 0 {
		t.Error("atrial fibrillation is not in the catalogue")
	}
	cat, err = pb.NewEcgServiceClient(h.conn).ListConclusions(as(key), &pb.ListConclusionsRequest{TracingId: st.GetTracingId()})
	must(t, err)
	if len(cat.GetTemplates()) == 0 || !strings.ContainsFunc(cat.GetTemplates()[0].GetText(), unicode.IsDigit) {
		t.Errorf("%v", cat.GetTemplates())
	}
}

func TestAStudyOfECGsThatNoTracingWasMadeOfIsReadAsAStudy(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	file := cart(t, "dicom", synth.Spec{Seed: 50, Patient: tracing.Patient{ID: "P1", Name: "孙三", Sex: "M"}})
	o := headerOf(t, file)
	h.stowObjects(key, file).want(t, 200)
	finish := func() string {
		t.Helper()
		done, err := pb.NewUploadServiceClient(h.conn).FinishStudy(as(key), &pb.FinishStudyRequest{StudyInstanceUid: string(o.Header.StudyUID), ExpectedInstances: 1})
		must(t, err)
		return done.GetCaseId()
	}
	if id := finish(); id != "" {
		t.Errorf("the imaging centre has case %s of what the ECG centre reads", id)
	}
	must(t, h.Deps.DB.Tx(t.Context(), func(tx *store.Tx) error { // the ECG centre did not take it
		_, err := tx.Exec(t.Context(), `DELETE FROM tracings`)
		return err
	}))
	if finish() == "" {
		t.Error("nobody reads it")
	}
}

func TestACorrectedStudyOfAnECGHasNoSecondCase(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	h.user("centre", storetest.LeadHospital, authz.CentreAdmin)
	admin := as(h.session("centre"))
	img := pb.NewImagingServiceClient(h.conn)
	file := cart(t, "dicom", synth.Spec{Seed: 51, Patient: tracing.Patient{ID: "W1", Name: "孙三", Sex: "M"}})
	h.stowObjects(key, file).want(t, 200)
	_, err := pb.NewUploadServiceClient(h.conn).FinishStudy(as(key), &pb.FinishStudyRequest{StudyInstanceUid: string(headerOf(t, file).Header.StudyUID), ExpectedInstances: 1})
	must(t, err)
	studies, err := img.SearchStudies(as(key), &pb.SearchStudiesRequest{LocalPatientNumber: "W1"})
	must(t, err)
	_, err = img.CorrectStudy(admin, &pb.CorrectStudyRequest{
		StudyId: studies.GetStudies()[0].GetStudyId(), Reason: "登记错误",
		Correction: &pb.CorrectStudyRequest_Assign{Assign: &pb.AssignPatient{LocalPatientNumber: "W2", PatientName: "周八", PatientSex: pb.Sex_SEX_MALE}},
	})
	must(t, err)
	h.user("reader", storetest.LeadHospital, authz.Reader)
	cases, err := pb.NewReadingServiceClient(h.conn).ListCases(as(h.session("reader")), &pb.ListCasesRequest{})
	must(t, err)
	if len(cases.GetCases()) != 1 || cases.GetCases()[0].GetKind() != pb.CentreKind_CENTRE_KIND_ECG {
		t.Errorf("%v", cases.GetCases())
	}
}

func TestWhatIsSaidOfAFileComesBeforeIt(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	p, _ := m.CreateFormFile("file", "ecg")
	_, _ = p.Write(cart(t, "scp", synth.Spec{Seed: 60}))
	p, _ = m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="about"`}})
	_, _ = p.Write([]byte(`{"priority":"PRIORITY_STAT"}`))
	_ = m.Close()
	send := func(body string) reply {
		return h.do(ask{method: "POST", path: "/api/v1/ecg/tracings", body: body, header: map[string]string{
			"Authorization": "Bearer " + key, "Content-Type": m.FormDataContentType(),
		}})
	}
	send(b.String()).want(t, http.StatusBadRequest) // said to nobody, it would be lost
	whole := b.String()
	send(whole[:strings.Index(whole, "form-data; name=\"about\"")-40]).want(t, http.StatusServiceUnavailable)
	found, err := pb.NewEcgServiceClient(h.conn).SearchTracings(as(key), &pb.SearchTracingsRequest{})
	must(t, err)
	if len(found.GetTracings()) != 0 {
		t.Error("kept all the same")
	}
}

func TestAWaveformThatTheECGCentreRefusesIsKeptAllTheSame(t *testing.T) {
	h := newHouse(t)
	spool, err := store.NewSpool(t.TempDir(), h.Deps.Blobs, store.SpoolOptions{})
	must(t, err)
	small := ecg.New(h.Deps.DB, h.Deps.Blobs, spool, h.Deps.Room, ecg.Options{MaxFile: 100})
	s := record.Scope{Actor: record.Actor{Kind: record.ActorKey, ID: "k", Institution: storetest.Suwu}, Institutions: []record.InstitutionID{storetest.Suwu}}
	file := cart(t, "dicom", synth.Spec{})
	warning, err := Waveforms(small)(t.Context(), s, imaging.Stored{SOPClass: "1.2.840.10008.5.1.4.1.1.9.1.1", SOPUID: "1.2.3"},
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file)), nil })
	if err != nil || warning == "" {
		t.Fatalf("%q %v", warning, err)
	}
}
