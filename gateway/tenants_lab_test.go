package gateway

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/lab/specimen"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// labTenant fills the laboratory of Suwu. Names that other rooms have too go by "lab_" and the field, or by message and field.
type labTenant struct {
	*house
	t    *testing.T
	ids  ids
	key  context.Context // of Suwu's laboratory system
	tech context.Context // works in Suwu's laboratory

	labs    pb.LabServiceClient
	quality pb.LabQualityServiceClient
}

// fillLab makes one of everything of a laboratory at Suwu, of the patient whose local number is P9.
func fillLab(t *testing.T, h *house, key string) ids {
	t.Helper()
	for login, role := range map[string]string{"labtech1": authz.Technician, "labdoc1": authz.Clinician, "labadmin1": authz.InstitutionAdmin} {
		h.user(login, storetest.Suwu, role)
	}
	x := &labTenant{
		house: h, t: t, key: as(key), tech: as(h.session("labtech1")), labs: pb.NewLabServiceClient(h.conn), quality: pb.NewLabQualityServiceClient(h.conn),
		ids: ids{
			"lab_centre_id": string(storetest.Minqin) + "-lab", "laboratory_id": string(storetest.Suwu), "sender_id": string(storetest.Suwu),
			"EqaProgramme.owner_id": string(storetest.Suwu),
		},
	}
	x.order()
	x.subscribe(as(h.session("labadmin1")))
	x.results(as(h.session("labdoc1")))
	x.refuse()
	x.codes()
	x.controls()
	x.assessment()
	x.delivered()
	return x.ids
}

// order makes an order with a tube in a box on its way, and a scan that a person must settle.
func (x *labTenant) order() {
	x.t.Helper()
	desk := pb.NewLabSpecimenServiceClient(x.conn)
	made, err := desk.CreateLabOrder(x.tech, &pb.CreateLabOrderRequest{LabOrder: &pb.LabOrder{
		Patient: &pb.OrderPatient{LocalPatientNumber: "P9", PatientName: "测试九"},
		Lines:   []*pb.LabOrderLine{{Item: &pb.SpecimenCoding{Code: "K", Text: "钾"}}},
	}})
	must(x.t, err)
	_, err = desk.ReserveBarcodes(x.tech, &pb.ReserveBarcodesRequest{Count: 3, Device: "printer"})
	must(x.t, err)
	tube := made.GetLabOrder().GetSpecimens()[0]
	box, err := desk.CreateSpecimenBox(x.tech, &pb.CreateSpecimenBoxRequest{})
	must(x.t, err)
	for _, s := range []*pb.SpecimenScan{
		{Act: pb.SpecimenAct_SPECIMEN_ACT_COLLECT},
		{Act: pb.SpecimenAct_SPECIMEN_ACT_PACK, Box: box.GetBarcode()},
		{Act: pb.SpecimenAct_SPECIMEN_ACT_REJECT, Reason: "RB", At: timestamppb.New(time.Now().AddDate(0, -2, 0))},
	} {
		s.Barcode = tube.GetBarcode()
		_, err := desk.RecordScans(x.tech, &pb.RecordScansRequest{Scans: []*pb.SpecimenScan{s}})
		must(x.t, err)
	}
	_, err = desk.RecordBoxTemperatures(x.tech, &pb.RecordBoxTemperaturesRequest{
		BoxId: box.GetBoxId(), Readings: []*pb.TemperatureReading{{At: timestamppb.Now(), MilliCelsius: 5000}},
	})
	must(x.t, err)
	seen, err := desk.GetLabSpecimen(x.tech, &pb.GetLabSpecimenRequest{SpecimenId: tube.GetSpecimenId()})
	must(x.t, err)
	odd := slices.IndexFunc(seen.GetScans(), func(s *pb.PastScan) bool { return s.GetOutcome() == pb.ScanOutcome_SCAN_OUTCOME_CONFLICT })
	if odd < 0 {
		x.t.Fatalf("no scan in conflict: %v", seen.GetScans())
	}
	x.ids["lab_order_id"], x.ids["line_id"] = made.GetLabOrder().GetLabOrderId(), made.GetLabOrder().GetLines()[0].GetLineId()
	x.ids["specimen_id"], x.ids["barcode"], x.ids["scan_id"] = tube.GetSpecimenId(), tube.GetBarcode(), seen.GetScans()[odd].GetScanId()
	x.ids["box_id"], x.ids["box"] = box.GetBoxId(), box.GetBarcode()
}

// subscribe tells a webhook where nothing listens of every report.
func (x *labTenant) subscribe(admin context.Context) {
	x.t.Helper()
	made, err := pb.NewLabDispatchServiceClient(x.conn).CreateLabSubscription(admin, &pb.CreateLabSubscriptionRequest{Subscription: &pb.LabSubscription{
		Kind: pb.LabSubscriptionKind_LAB_SUBSCRIPTION_KIND_WEBHOOK, Name: "HIS", Endpoint: "http://127.0.0.1:1/", Active: true,
	}})
	must(x.t, err)
	x.ids["subscription_id"] = made.GetSubscription().GetSubscriptionId()
}

// delivered waits until a report is on its way to the webhook.
func (x *labTenant) delivered() {
	x.t.Helper()
	ctx, cancel := context.WithCancel(x.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); x.Dispatch.Run(ctx, func(err error) { x.t.Error(err) }) }()
	defer func() { cancel(); <-done }()
	client := pb.NewLabDispatchServiceClient(x.conn)
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		found, err := client.ListLabDeliveries(x.tech, &pb.ListLabDeliveriesRequest{})
		must(x.t, err)
		if len(found.GetDeliveries()) > 0 {
			x.ids["delivery_id"] = found.GetDeliveries()[0].GetDeliveryId()
			return
		}
	}
	x.t.Fatal("no report is delivered")
}

// oru is a message of Suwu's laboratory about somebody, with segments behind its OBR.
func (x *labTenant) oru(control, pid, filler string, segments ...string) *pb.SendLabMessageRequest {
	lines := append([]string{
		"MSH|^~\\&|LIS|SUWU|LIANZHEN|MINQIN|20260305080000+0800||ORU^R01^ORU_R01|" + control + "|P|2.5.1||||||UNICODE UTF-8",
		pid, "OBR|1||" + filler + "|CHEM^生化^L|||20260305080000+0800|||||||||||||||20260305080000+0800",
	}, segments...)
	return &pb.SendLabMessageRequest{Format: "hl7v2", Content: []byte(strings.Join(lines, "\r") + "\r"), Profile: "final: true\n"}
}

func (x *labTenant) send(m *pb.SendLabMessageRequest) *pb.StoredLabReport {
	x.t.Helper()
	st, err := x.labs.SendLabMessage(x.key, m)
	must(x.t, err)
	return st.GetReports()[0]
}

// results sends a report with a document, one that is corrected after it was read, one that waits for validation and one of nobody known.
func (x *labTenant) results(doc context.Context) {
	x.t.Helper()
	const p9 = "PID|1||P9^^^SUWU^PI||测试九"
	document := "OBX|2|ED|PDF^报告^L||LIS^AP^pdf^Base64^" + base64.StdEncoding.EncodeToString([]byte("%PDF-1.4")) + "||||||F"
	shown := x.send(x.oru("M1", p9, "F1", "OBX|1|NM|2823-3^钾^LN||4.10|mmol/L|||||F", document))
	_, err := x.labs.GetLabReport(doc, &pb.GetLabReportRequest{ReportId: shown.GetReportId()})
	must(x.t, err)
	x.send(x.oru("M2", p9, "F1", "OBX|1|NM|2823-3^钾^LN||5.10|mmol/L|||||C"))
	recalls, err := x.labs.ListLabRecalls(doc, &pb.ListLabRecallsRequest{})
	must(x.t, err)
	report, err := x.labs.GetLabReport(doc, &pb.GetLabReportRequest{ReportId: shown.GetReportId()})
	must(x.t, err)
	pdf := slices.IndexFunc(report.GetRows(), func(r *pb.LabRow) bool { return r.GetValueKind() == "attachment" })
	if pdf < 0 || len(recalls.GetRecalls()) == 0 {
		x.t.Fatalf("%v %v", report, recalls)
	}
	x.ids["recall_id"], x.ids["lab_report_id"], x.ids["row_id"] = recalls.GetRecalls()[0].GetRecallId(), shown.GetReportId(), report.GetRows()[pdf].GetRowId()

	st, err := x.labs.SendLabResults(x.key, &pb.SendLabResultsRequest{ControlId: "J1", Reports: []*pb.LabReportInput{{
		LocalPatientNumber: "P9", PatientName: "测试九", FillerNumber: "F2",
		Results: []*pb.LabResultInput{{Code: &pb.LabCoding{Code: "14749-6", System: "LN"}, Value: "5.0", Unit: "mmol/L"}},
	}}})
	must(x.t, err)
	waits, err := x.labs.GetLabReport(x.tech, &pb.GetLabReportRequest{ReportId: st.GetReports()[0].GetReportId(), View: pb.LabView_LAB_VIEW_WORKING})
	must(x.t, err)
	for _, m := range []string{"ValidateLabRowsRequest.", "ReleaseLabRowsRequest.", "DraftLabReportRequest."} {
		x.ids[m+"report_id"], x.ids[m+"row_id"] = waits.GetReportId(), waits.GetRows()[0].GetRowId()
	}
	if parked := x.send(x.oru("M3", "PID|1", "F3", "OBX|1|NM|2823-3^钾^LN||4.10|mmol/L|||||F", "SPM|1|T404||SER^血清^HL70487")); parked.GetParked() == "" {
		x.t.Fatalf("%v", parked)
	}
}

// refuse sends what cannot be read.
func (x *labTenant) refuse() {
	x.t.Helper()
	_, err := x.labs.SendLabMessage(x.key, &pb.SendLabMessageRequest{Format: "hl7v2", Content: []byte("junk")})
	wantCode(x.t, err, "InvalidArgument")
	found, err := x.labs.ListLabQuarantine(x.tech, &pb.ListLabQuarantineRequest{})
	must(x.t, err)
	x.ids["lab_quarantine_id"] = found.GetMessages()[0].GetQuarantineId()
}

// codes sends codes that nobody has mapped, and maps one of them.
func (x *labTenant) codes() {
	x.t.Helper()
	x.send(x.oru("M4", "PID|1||P9^^^SUWU^PI||测试九", "F4", "OBX|1|NM|G1^未知一^L||1|mmol/L|||||F", "OBX|2|NM|G2^未知二^L||2|mmol/L|||||F"))
	client := pb.NewLabCatalogueServiceClient(x.conn)
	open, err := client.ListUnmappedCodes(x.tech, &pb.ListUnmappedCodesRequest{})
	must(x.t, err)
	for _, c := range open.GetCodes() {
		x.ids["unmapped_id"] = c.GetUnmappedId()
		if c.GetCode() == "G1" {
			_, err := client.MapCode(x.tech, &pb.MapCodeRequest{UnmappedId: c.GetUnmappedId(), Analyte: "GLU"})
			must(x.t, err)
		}
	}
}

// controls makes a lot with a target and a point that fails, so that results are held, what was done about it, and a control in no chart.
func (x *labTenant) controls() {
	x.t.Helper()
	at := func(ago time.Duration) *timestamppb.Timestamp { return timestamppb.New(time.Now().Add(-ago)) }
	of := &pb.ControlSeries{Device: "BS-800", Analyte: "GLU"}
	material, err := x.quality.CreateControlMaterial(x.tech, &pb.CreateControlMaterialRequest{Material: &pb.ControlMaterial{Name: "质控"}})
	must(x.t, err)
	lot, err := x.quality.CreateControlLot(x.tech, &pb.CreateControlLotRequest{Lot: &pb.ControlLot{
		MaterialId: material.GetMaterialId(), Number: "L1", Levels: []string{"1"}, ExpiresOn: "2099-12-31",
	}})
	must(x.t, err)
	_, err = x.quality.SetControlPlan(x.tech, &pb.SetControlPlanRequest{Plan: &pb.ControlPlan{Series: of, Unit: "mmol/L"}})
	must(x.t, err)
	_, err = x.quality.SetControlTarget(x.tech, &pb.SetControlTargetRequest{Target: &pb.ControlTarget{
		Series: of, Level: "1", LotId: lot.GetLotId(), Mean: "5.00", Sd: "0.10", FromAt: at(48 * time.Hour),
	}})
	must(x.t, err)
	point, err := x.quality.EnterControlPoint(x.tech, &pb.EnterControlPointRequest{Entry: &pb.ControlEntry{
		Series: of, Level: "1", LotId: lot.GetLotId(), Value: "5.90", At: at(time.Hour),
	}})
	must(x.t, err)
	holds, err := x.quality.ListControlHolds(x.tech, &pb.ListControlHoldsRequest{})
	must(x.t, err)
	hold := holds.GetHolds()[0].GetHoldId()
	_, err = x.quality.LogControlAction(x.tech, &pb.LogControlActionRequest{Action: &pb.ControlAction{
		Series: of, HoldId: hold, At: at(time.Minute), Cause: "试剂", Correction: "更换",
	}})
	must(x.t, err)
	x.send(x.oru("M5", "PID|1", "Q1", "OBX|1|NM|2823-3^钾^LN||4.10|mmol/L|||||F", "SPM|1|QC1||SER|||||||Q"))
	strays, err := x.quality.ListStrayControls(x.tech, &pb.ListStrayControlsRequest{})
	must(x.t, err)
	x.ids["material_id"], x.ids["lot_id"], x.ids["point_id"], x.ids["hold_id"] = material.GetMaterialId(), lot.GetLotId(), point.GetPointId(), hold
	x.ids["stray_id"] = strays.GetStrays()[0].GetStrayId()
}

// assessment gives Suwu a certificate and a round of external assessment.
func (x *labTenant) assessment() {
	x.t.Helper()
	x.user("labbureau1", storetest.MinqinCommunity, authz.CommunityAdmin)
	bureau := as(x.session("labbureau1"))
	from, until := timestamppb.New(time.Now().Add(-time.Hour)), timestamppb.New(time.Now().AddDate(1, 0, 0))
	cert, err := x.quality.CreateEqaCertificate(bureau, &pb.CreateEqaCertificateRequest{Certificate: &pb.EqaCertificate{
		LaboratoryId: string(storetest.Suwu), Number: "E1", Issuer: "中心", Scope: "county:minqin", Analytes: []string{"GLU"}, FromAt: from, UntilAt: until,
	}})
	must(x.t, err)
	programme, err := x.quality.CreateEqaProgramme(bureau, &pb.CreateEqaProgrammeRequest{Programme: &pb.EqaProgramme{Organiser: "中心", Scope: "county:minqin", Name: "生化", Year: 2026}})
	must(x.t, err)
	round, err := x.quality.CreateEqaRound(bureau, &pb.CreateEqaRoundRequest{Round: &pb.EqaRound{
		ProgrammeId: programme.GetProgrammeId(), Name: "1", OpensAt: from, ClosesAt: until, LaboratoryIds: []string{string(storetest.Suwu)},
		Samples: []*pb.EqaSample{{Sample: "1", Analyte: "GLU"}},
	}})
	must(x.t, err)
	_, err = x.quality.SubmitEqaValues(x.tech, &pb.SubmitEqaValuesRequest{
		RoundId: round.GetRoundId(), Values: []*pb.EqaValue{{Sample: "1", Analyte: "GLU", Value: "5.0"}},
	})
	must(x.t, err)
	x.ids["certificate_id"], x.ids["programme_id"], x.ids["round_id"] = cert.GetCertificateId(), programme.GetProgrammeId(), round.GetRoundId()
}

// unknownTube is a barcode as ours are, that nobody was given.
func unknownTube(t *testing.T, barcode string) string {
	t.Helper()
	prefix, n, ok := specimen.ParseTube(barcode)
	if !ok {
		t.Fatalf("%s is no barcode of ours", barcode)
	}
	return specimen.TubeBarcode(prefix, n+50_000)
}
