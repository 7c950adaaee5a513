package gateway

import (
	"cmp"
	"encoding/pem"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/authz/recognition"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/exchange"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// ids are things of one tenant, by the name of the field that names such a thing.
type ids map[string]string

// fillTenant makes one of everything at Suwu.
func fillTenant(t *testing.T, h *house) ids {
	t.Helper()
	_, key := h.key(storetest.Suwu, allScopes...)
	ctx := as(key)
	objects := study(11, 2)
	s := h.upload(ctx)
	for i, b := range objects {
		s.begin(uint32(i+1), &pb.UploadBegin{Size: int64(len(b)), Sha256: sha(b)})
		s.data(uint32(i+1), b)
		s.end(uint32(i + 1))
	}
	junk := []byte(strings.Repeat("junk", 1000))
	s.begin(3, &pb.UploadBegin{Size: int64(len(junk))})
	s.data(3, junk)
	s.end(3)
	must(t, s.CloseSend())
	sent := s.answers(3)
	stored := sent[1].GetStored()
	corrected, err := h.Imaging.Correct(t.Context(), imagingScope(storetest.Suwu), imaging.CorrectionRequest{
		Study: record.ExamID(stored.GetStudyId()), Reason: "测试更正", Assign: &imaging.Assignment{LocalNumber: "P10", Name: "Ceshi^Shi"},
	})
	must(t, err)
	done, err := pb.NewUploadServiceClient(h.conn).FinishStudy(ctx, &pb.FinishStudyRequest{StudyInstanceUid: stored.GetStudyInstanceUid(), ExpectedInstances: 2})
	must(t, err)
	series, err := pb.NewImagingServiceClient(h.conn).ListSeries(ctx, &pb.ListSeriesRequest{StudyId: stored.GetStudyId()})
	must(t, err)
	patients := pb.NewPatientServiceClient(h.conn)
	reg, err := patients.RegisterPatient(ctx, &pb.RegisterPatientRequest{LocalNumber: "P9", Name: "测试九"})
	must(t, err)
	enc, err := patients.OpenEncounter(ctx, &pb.OpenEncounterRequest{PatientId: reg.GetPatient().GetPatientId()})
	must(t, err)
	rec := pb.NewRecognitionServiceClient(h.conn)
	check, err := rec.CheckOrder(ctx, &pb.CheckOrderRequest{
		PatientId: reg.GetPatient().GetPatientId(),
		Items:     []*pb.OrderItem{{OrderId: "o1", Modality: "CT", BodyPart: "CHEST"}},
	})
	must(t, err)
	order, err := pb.NewWorklistServiceClient(h.conn).CreateOrder(ctx, &pb.CreateOrderRequest{Order: &pb.ImagingOrder{
		Patient: &pb.OrderPatient{LocalPatientNumber: "P9", PatientName: "测试九"},
		Steps:   []*pb.ScheduledStep{{Modality: "CT", StartAt: timestamppb.New(time.Now())}},
	}})
	must(t, err)

	h.user("reader1", storetest.LeadHospital, authz.Reader)
	h.user("reviewer1", storetest.LeadHospital, authz.Reviewer)
	reading := pb.NewReadingServiceClient(h.conn)
	reader, reviewer := as(h.session("reader1")), as(h.session("reviewer1"))
	_, err = reading.ClaimCase(reader, &pb.ClaimCaseRequest{CaseId: done.GetCaseId()})
	must(t, err)
	_, err = reading.SaveDraft(reader, &pb.SaveDraftRequest{CaseId: done.GetCaseId(), Text: &pb.ReportText{Findings: "所见", Impression: "诊断"}})
	must(t, err)
	crit, err := reading.RaiseCriticalValue(reader, &pb.RaiseCriticalValueRequest{CaseId: done.GetCaseId(), Finding: "气胸"})
	must(t, err)
	_, err = reading.SubmitReport(reader, &pb.SubmitReportRequest{CaseId: done.GetCaseId()})
	must(t, err)
	rep, err := reading.SignReport(reviewer, &pb.SignReportRequest{CaseId: done.GetCaseId()})
	must(t, err)

	book := system()
	u, err := h.Book.CreateUser(t.Context(), book, authz.NewUser{
		Login: "other", DisplayName: "测试", Password: password,
		Roles: []authz.Grant{{Role: authz.Technician, Institution: storetest.Suwu}},
	})
	must(t, err)
	d, err := h.Book.CreateDevice(t.Context(), book, authz.Device{Institution: storetest.Suwu, Name: "CT", AETitle: "SUWUCT"})
	must(t, err)
	k, _ := h.key(storetest.Suwu, "imaging:read")
	_, leaf := newAuthority(t).issue(t, "suwu")
	c, err := h.Book.CreateCertificate(t.Context(), book, authz.Certificate{Institution: storetest.Suwu, Name: "x", Scopes: []string{"imaging:read"}},
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})))
	must(t, err)
	mark, err := h.Desk.PutMark(t.Context(), book, recognition.Mark{
		Institution: storetest.Suwu, Kind: record.Imaging,
		Scope: "county:" + string(storetest.Minqin), From: time.Now().Add(-time.Hour), Source: "test",
	})
	must(t, err)
	h.device(storetest.Suwu, "SUWU_PACS", func(d *authz.Device) { d.Address = "127.0.0.1:1" }) // nothing listens there
	route, err := h.Exchange.CreateRoute(t.Context(), imagingScope(storetest.Suwu), exchange.Route{AETitle: "SUWU_PACS"})
	must(t, err)
	forwarded, err := h.Exchange.Forward(t.Context(), imagingScope(storetest.Suwu), exchange.ForwardRequest{
		Objects: []imaging.UIDs{{Study: dicomUID(stored.GetStudyInstanceUid())}}, To: "SUWU_PACS",
	})
	must(t, err)
	tracing := h.postECG(key, cart(t, "scp", synth.Spec{Seed: 1})).want(t, 201).storedTracing(t)
	all := ids{
		"tracing_id": tracing.GetTracingId(), "with_tracing_id": tracing.GetTracingId(), "ecg_centre": string(storetest.Minqin) + "-ecg",
		"transfer_id": string(forwarded[0].ID), "route_id": string(route.ID),
		"correction_id": string(corrected.ID),
		"mark_id":       string(mark.ID), "study_id": stored.GetStudyId(), "instance_id": stored.GetInstanceId(), "series_id": series.GetSeries()[0].GetSeriesId(),
		"quarantine_id": sent[3].GetFailure().GetQuarantineId(), "case_id": done.GetCaseId(), "report_id": rep.GetReportId(),
		"critical_value_id": crit.GetCriticalValueId(), "patient_id": reg.GetPatient().GetPatientId(), "other_id": reg.GetPatient().GetPatientId(),
		"encounter_id": enc.GetEncounterId(), "check_id": check.GetCheckId(), "result_id": done.GetCaseId(), "order_id": "o1",
		"user_id": string(u.ID), "device_id": string(d.ID), "key_id": string(k), "fingerprint": c.Fingerprint,
		"institution_id": string(storetest.Suwu), "child_id": string(storetest.Suwu), "parent_id": string(storetest.MinqinCommunity),
		"study_instance_uid": stored.GetStudyInstanceUid(),
		"imaging_order_id":   order.GetImagingOrderId(), "step_id": order.GetSteps()[0].GetStepId(),
	}
	maps.Copy(all, fillLab(t, h, key))
	return all
}

// of is the thing that a field of a message names.
func (x ids) of(m protoreflect.MessageDescriptor, field string) string {
	lab := ""
	if strings.Contains(string(m.Name()), "Lab") {
		lab = x["lab_"+field]
	}
	return cmp.Or(x[string(m.Name())+"."+field], lab, x[field])
}

// public are calls that may tell what is there from what is not: the directory is open to everybody who is known, and
// an encounter is what makes a patient one's own: whoever opens it names the patient, and it is noted.
var public = map[string]bool{
	"GetInstitution": true, "ListInstitutions": true, "OpenEncounter": true,
	"SignIn": true,
	// Programmes of external assessment and certificates are published, so that everybody sees whose results count.
	"CreateEqaRound": true, "ListEqaCertificates": true,
}

// mine are fields that name things of the caller's own, the same in both requests.
var mine = map[string]string{
	"order_id": "o1", "modality": "CT", "reason": "because", "reason_code": "S1", "finding": "finding", "handling": "handled",
	"note": "note", "role": "technician", "visit_number": "", "name": "test", "display_name": "测试", "login": "someone", "password": password,
	"kind": "imaging", "act": "read", "ae_title": "NEWAE", "certificate": "x", "rows": "x", "scope": "county:minqin",
	"source": "test", "patient_name": "测试", "format": "dicom", "yaml": "rules: []",
	"ExportLabReportRequest.format": "hl7v2", "analyte": "GLU", "level": "1", "value": "5.0", "mean": "5.0", "sd": "0.1", "sample": "1", "month": "2026-03",
	"SpecimenCoding.code": "K", "LabCoding.code": "K", "cause": "cause", "correction": "correction", "organiser": "organiser", "issuer": "issuer",
	"ControlEntry.device": "BS-800", "ControlSeries.device": "BS-800", "LabSubscription.endpoint": "his.example.org:2575", "EqaCertificate.number": "E2",
	"ControlLot.number": "L2", "ValidateLabRowsRequest.act": "validate", "ControlLot.expires_on": "2099-12-31",
}

// numbers are values of fields that may not be zero, or of enums whose first word is not allowed there.
var numbers = map[string]int32{"ReserveBarcodesRequest.count": 1, "EqaProgramme.year": 2026, "MoveSpecimenBoxRequest.to": 2, "EstablishControlTargetRequest.source": 2}

// times are instants that a request must have, in seconds.
var times = map[string]int64{
	"from_at": 1.7e9, "until_at": 1.8e9, "opens_at": 1.7e9, "closes_at": 4e9, "ordered_from": 1.7e9, "ordered_to": 1.701e9, "ExportIsolatesRequest.from": 1.7e9, "ExportIsolatesRequest.to": 1.701e9, "ControlEntry.at": 1.7e9, "TemperatureReading.at": 1.7e9,
}

// lists are lists of messages that get one entry.
var lists = map[string]bool{
	"roles": true, "scans": true, "portions": true, "readings": true, "entries": true, "values": true, "samples": true, "lines": true, "reports": true, "results": true,
}

// few are entries of lists of words.
var few = map[string]string{"level": "1", "analyte": "GLU"}

// alone are fields that a request may not have beside others, or that only answers have. The barcode of a box is unique in the region: whoever
// makes a box with a label that is on another is told so.
var alone = map[string]bool{
	"GetLabSpecimenRequest.barcode": true, "EqaProgramme.programme_id": true, "ControlMaterial.material_id": true, "EqaCertificate.certificate_id": true,
	"CreateSpecimenBoxRequest.barcode": true,
}

// fill sets the fields of a request: ids from the given things, all else with something that is allowed.
func fill(m protoreflect.Message, things ids) (named bool) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		name := string(f.Name())
		full := string(m.Descriptor().Name()) + "." + name
		thing, own := things.of(m.Descriptor(), name), cmp.Or(mine[full], mine[name])
		switch {
		case alone[full]:
		case f.ContainingOneof() != nil, f.IsMap(), name == "request_id", name == "holder_id", name == "owner_id" && things[full] == "", name == "page_token":
		case name == "centre_id" && strings.HasSuffix(string(m.Descriptor().Name()), "CriticalRulesRequest"):
			m.Set(f, protoreflect.ValueOfString(things["ecg_centre"]))
			named = true
		case m.Descriptor().Name() == "Device" && (name == "role" || name == "certificate"): // have words of their own
		case f.IsList() && f.Message() != nil && name == "items":
			sub := m.Mutable(f).List().AppendMutable().Message()
			fill(sub, ids{})
		case f.IsList() && f.Message() != nil && lists[name]:
			named = fill(m.Mutable(f).List().AppendMutable().Message(), things) || named
		case f.IsList() && f.Kind() == protoreflect.StringKind:
			one := strings.TrimSuffix(name, "s")
			if text := cmp.Or(things.of(m.Descriptor(), one), few[one]); text != "" {
				m.Mutable(f).List().Append(protoreflect.ValueOfString(text))
				named = named || few[one] == ""
			}
		case f.IsList():
		case f.Message() != nil && f.Message().Name() == "FieldMask":
			path := map[string]string{"Institution": "name", "User": "display_name", "Device": "name", "ImagingOrder": "reason", "LabOrder": "ward", "ControlLot": "expires_on"}
			for j := range fields.Len() {
				if sub := fields.Get(j).Message(); sub != nil && path[string(sub.Name())] != "" {
					m.Mutable(f).Message().Mutable(f.Message().Fields().ByName("paths")).List().Append(protoreflect.ValueOfString(path[string(sub.Name())]))
				}
			}
		case f.Message() != nil && f.Message().Name() == "Timestamp":
			if at := cmp.Or(times[full], times[name]); at != 0 {
				now := m.Mutable(f).Message()
				now.Set(now.Descriptor().Fields().ByName("seconds"), protoreflect.ValueOfInt64(at))
			}
		case f.Message() != nil && f.Message().ParentFile().Package() == "lianzhen.v1":
			named = fill(m.Mutable(f).Message(), things) || named
		case f.Kind() == protoreflect.StringKind && thing != "":
			m.Set(f, protoreflect.ValueOfString(thing))
			named = named || name != "order_id"
		case f.Kind() == protoreflect.StringKind && own != "":
			m.Set(f, protoreflect.ValueOfString(own))
		case f.Kind() == protoreflect.Int32Kind && numbers[full] != 0:
			m.Set(f, protoreflect.ValueOfInt32(numbers[full]))
		case f.Kind() == protoreflect.EnumKind && numbers[full] != 0:
			m.Set(f, protoreflect.ValueOfEnum(protoreflect.EnumNumber(numbers[full])))
		case f.Kind() == protoreflect.EnumKind && f.Enum().Values().Len() > 1:
			m.Set(f, protoreflect.ValueOfEnum(1))
		}
	}
	return named
}

// newID are ids of what the request itself has made.
var newID = regexp.MustCompile(`(check|message|report|case|patient)_id:"[0-9A-Za-z]{26}"`)

// outcome is everything that a caller can tell from an answer, without the id that was asked for.
func outcome(err error, resp proto.Message, things ids) string {
	text := fmt.Sprint(status.Code(err), " ", status.Convert(err).Message())
	if err == nil {
		text = "answer of " + fmt.Sprint(proto.Size(resp)) + " bytes: " + fmt.Sprint(resp)
	}
	for name, id := range things {
		if name != "order_id" {
			text = strings.ReplaceAll(text, id, "<id>")
		}
	}
	text = newID.ReplaceAllString(text, "$1")
	return text
}

func TestWhatIsAnotherTenantsIsAsIfItWereNotThere(t *testing.T) {
	h := newHouse(t, func(d *Deps) { d.Options.Quota.Misses = Rate{100000, time.Second} })
	theirs := fillTenant(t, h)
	missing := ids{}
	for name, id := range theirs {
		switch {
		case name == "fingerprint":
			missing[name] = strings.Repeat("0", 64)
		case name == "barcode":
			missing[name] = unknownTube(t, id)
		case name == "study_instance_uid":
			missing[name] = "1.2.3.4.5"
		case len(id) == 26:
			missing[name] = record.NewID(time.Now())
			if id == strings.ToLower(id) {
				missing[name] = strings.ToLower(missing[name])
			}
		default:
			missing[name] = id + "x"
		}
	}
	roles := []string{authz.Technician, authz.Clinician, authz.Reader, authz.Reviewer, authz.CentreAdmin, authz.InstitutionAdmin}
	h.user("snoop1", storetest.Dongba, roles...)
	h.user("snoop2", storetest.LiangzhouHospital, roles...)
	_, key := h.key(storetest.LiangzhouHospital, allScopes...)
	asked := 0
	for _, token := range []string{h.session("snoop1"), h.session("snoop2"), key} {
		for _, m := range everyRPC() {
			if public[string(m.Name())] || m.IsStreamingClient() {
				continue
			}
			if compare(t, h, token, m, theirs, missing) {
				asked++
			}
			if strings.Contains(string(m.FullName()), ".Lab") && m.Name() != "CreateLabSubscription" && compare(t, h, token, m, theirs.athome(), missing.athome()) {
				asked++
			}
		}
		for _, path := range []string{"instances", "studies"} {
			field := map[string]string{"instances": "instance_id", "studies": "study_id"}[path]
			for _, what := range []ids{theirs, missing} {
				r := h.do(ask{method: "GET", path: "/api/v1/imaging/" + path + "/" + what[field] + "/file", header: bearer(token)})
				if r.StatusCode != 404 {
					t.Errorf("%s/file: HTTP %d", path, r.StatusCode)
				}
			}
		}
		for _, what := range []ids{theirs, missing} {
			r := h.do(ask{method: "POST", path: "/api/v1/lab/specimens:lookup", body: fmt.Sprintf(`{"barcode":%q}`, what["barcode"]), header: bearer(token)})
			if r.StatusCode != 404 {
				t.Errorf("a tube looked up by its barcode: HTTP %d", r.StatusCode)
			}
			r = h.do(ask{method: "GET", path: "/api/v1/lab/quarantine/" + what["lab_quarantine_id"] + "/file", header: bearer(token)})
			if want := map[bool]int{true: 403, false: 404}[token == key]; r.StatusCode != want {
				t.Errorf("a refused message: HTTP %d, want %d", r.StatusCode, want)
			}
		}
	}
	if asked < 700 {
		t.Errorf("only %d requests", asked)
	}
}

// athome leaves out what names an institution, so that a caller works with things of others at his own.
func (x ids) athome() ids {
	out := maps.Clone(x)
	maps.DeleteFunc(out, func(name, id string) bool {
		return id == x["institution_id"] && (name == "institution_id" || name == "laboratory_id" || name == "sender_id" || strings.HasSuffix(name, ".owner_id"))
	})
	return out
}

// compare asks for things of others and for things that nobody has, and says whether the method names any. One that names none must not tell of
// them by itself.
func compare(t *testing.T, h *house, token string, m protoreflect.MethodDescriptor, theirs, missing ids) bool {
	t.Helper()
	one, ok := askFor(t, h, token, m, theirs)
	if !ok {
		if strings.Contains(one, "<id>") && !published[string(m.Name())] {
			t.Errorf("%s tells: %s", m.FullName(), one)
		}
		return false
	}
	two, _ := askFor(t, h, token, m, missing)
	if one != two {
		t.Errorf("%s\n theirs:  %s\n missing: %s", m.FullName(), one, two)
	}
	if strings.HasPrefix(one, "answer") && !strings.HasPrefix(string(m.Name()), "List") && !harmless[string(m.Name())] {
		t.Errorf("%s answered: %s", m.FullName(), one)
	}
	if strings.HasPrefix(one, "InvalidArgument") || strings.HasPrefix(one, "Internal") {
		t.Errorf("%s proves nothing: %s", m.FullName(), one)
	}
	return true
}

// published are lists that hold things of others for everybody.
var published = map[string]bool{"ListEqaProgrammes": true}

// harmless are calls that answer about what the caller sent himself.
var harmless = map[string]bool{
	"SearchStudies": true, "SearchTracings": true, "CheckOrder": true,
	"SearchLabReports": true, "GetLabTrend": true, "GetCumulativeReport": true, "CountLabSpecimens": true, "RecordScans": true, "SendLabResults": true,
	"ExportIsolates": true, "GetLeveyJennings": true,
}

// askFor calls a method with things of somebody; ok is false where the request names nothing.
func askFor(t *testing.T, h *house, token string, m protoreflect.MethodDescriptor, things ids) (string, bool) {
	t.Helper()
	in, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	must(t, err)
	req := in.New()
	named := fill(req, things)
	if name := string(m.Name()); !named && (m.IsStreamingServer() || !strings.Contains(string(m.FullName()), ".Lab") || !strings.HasPrefix(name, "List") && !strings.HasPrefix(name, "Get")) {
		return "", false
	}
	ctx := as(token)
	out := dynamicpb.NewMessage(m.Output())
	if !m.IsStreamingServer() {
		err := h.conn.Invoke(ctx, fullMethod(m), req.Interface(), out)
		return outcome(err, out, things), named
	}
	stream, err := h.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, fullMethod(m))
	must(t, err)
	must(t, stream.SendMsg(req.Interface()))
	must(t, stream.CloseSend())
	return outcome(stream.RecvMsg(out), out, things), true
}
