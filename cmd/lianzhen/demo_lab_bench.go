// The laboratory at work: tubes on their way, analysers at their sockets, a control that fails, a result that is corrected.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/codec/hl7/mllp"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// hl7 sends a message as an analyser or a laboratory system does, and waits for its acknowledgement.
func (l *laboratory) hl7(ctx context.Context, sender string, segments ...string) error {
	l.world.Messages++
	id := fmt.Sprintf("%s-%06d", sender, l.world.Messages)
	head := "MSH|^~\\&|" + sender + "|GULANG|LIANZHEN|GULANG|" + stampOf(time.Now()) + "||ORU^R01^ORU_R01|" + id + "|P|2.5.1||||||UNICODE UTF-8"
	message := strings.Join(append([]string{head}, segments...), "\r") + "\r"
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.mllp)
	if err != nil {
		return err
	}
	client := mllp.NewClient(conn, mllp.Options{})
	defer func() { _ = client.Close() }()
	answer, err := client.Exchange(ctx, []byte(message), 10*time.Second, func(frame []byte) bool { return bytes.Contains(frame, []byte(id)) })
	if err == nil && !bytes.Contains(answer, []byte("MSA|AA|")) {
		err = fmt.Errorf("%s is answered: %s", sender, bytes.ReplaceAll(answer, []byte("\r"), []byte(" / ")))
	}
	return err
}

func stampOf(t time.Time) string { return t.Format("20060102150405-0700") }

func obx(n int, code, value, unit, status string, at time.Time) string {
	return fmt.Sprintf("OBX|%d|NM|%s^^LN||%s|%s|||||%s||||||||%s", n, code, value, unit, status, stampOf(at))
}

// controlRun sends one run of controls of the chemistry analyser.
func (l *laboratory) controlRun(ctx context.Context, at time.Time, values map[string]string) error {
	segments := []string{"OBR|1||QC" + stampOf(at) + "|QC^质控^L|||" + stampOf(at) + "||||Q", "SPM|1|||SER^血清^HL70487|||||||Q"}
	n := 0
	for _, c := range demoControls {
		if v := values[c.analyte]; v != "" {
			n++
			segments = append(segments[:n], append([]string{obx(n, c.loinc, v, "mmol/L", "F", at)}, segments[n:]...)...)
		}
	}
	segments = append(segments, "INV|"+l.lot+"^QC^L|OK^^HL70383||||||||||||||"+l.lot)
	return l.hl7(ctx, demoChemistry, segments...)
}

func (l *laboratory) morning(ctx context.Context) (string, error) {
	values := map[string]string{}
	for _, c := range demoControls {
		values[c.analyte] = c.today
	}
	if err := l.controlRun(ctx, l.now.Add(-time.Hour), values); err != nil {
		return "", err
	}
	return l.state(ctx, "K", pb.ControlVerdict_CONTROL_VERDICT_IN_CONTROL)
}

func (l *laboratory) state(ctx context.Context, analyte string, want pb.ControlVerdict) (string, error) {
	v, err := l.as(ctx, theReader)
	if err != nil {
		return "", err
	}
	st, err := pb.NewLabQualityServiceClient(v.conn).GetControlState(ctx, &pb.GetControlStateRequest{LaboratoryId: l.hospital(), Device: demoChemistry, Analyte: analyte})
	if err == nil && st.GetInternal() != want {
		err = fmt.Errorf("the state of %s is %s", analyte, st.GetInternal())
	}
	return strings.TrimPrefix(st.GetInternal().String(), "CONTROL_VERDICT_"), err
}

func (l *laboratory) orderTests(ctx context.Context) (string, error) {
	v, err := l.as(ctx, theClinic)
	if err != nil {
		return "", err
	}
	who := l.exams[0].patient
	made, err := pb.NewLabSpecimenServiceClient(v.conn).CreateLabOrder(ctx, &pb.CreateLabOrderRequest{LabOrder: &pb.LabOrder{
		Patient: &pb.OrderPatient{
			LocalPatientNumber: who.number, IdentityNumber: who.number, PatientName: who.name, BirthDate: isoDate(who.birth), Sex: demoSexes[who.sex],
		},
		LaboratoryId: l.hospital(), Priority: pb.Priority_PRIORITY_ROUTINE, ClinicalInformation: "乏力、心悸", Orderer: "云杉卫生院",
		Lines: []*pb.LabOrderLine{{Item: &pb.SpecimenCoding{Code: "CBC", Text: "血常规"}}, {Item: &pb.SpecimenCoding{Code: "ELEC", Text: "电解质"}}, {Item: &pb.SpecimenCoding{Code: "GLUCOSE", Text: "空腹血糖"}}},
	}})
	if err != nil {
		return "", err
	}
	l.order = made.GetLabOrder()
	l.patient = l.order.GetPatientId()
	byID := map[string]*pb.LabSpecimen{}
	for _, sp := range l.order.GetSpecimens() {
		byID[sp.GetSpecimenId()] = sp
	}
	var barcodes []string
	for _, line := range l.order.GetLines() {
		l.tubes[line.GetItem().GetCode()] = byID[line.GetSpecimenId()]
		barcodes = append(barcodes, byID[line.GetSpecimenId()].GetBarcode())
	}
	return strings.Join(barcodes, " "), nil
}

// scan does one act on all tubes of the order.
func (l *laboratory) scan(ctx context.Context, who string, act pb.SpecimenAct, box string) error {
	v, err := l.as(ctx, who)
	if err != nil {
		return err
	}
	var scans []*pb.SpecimenScan
	for _, sp := range l.order.GetSpecimens() {
		scans = append(scans, &pb.SpecimenScan{Barcode: sp.GetBarcode(), Act: act, Box: box, ClientId: fmt.Sprintf("%s-%d", sp.GetSpecimenId(), act)})
	}
	done, err := pb.NewLabSpecimenServiceClient(v.conn).RecordScans(ctx, &pb.RecordScansRequest{Scans: scans})
	for _, a := range done.GetAnswers() {
		if a.GetOutcome() != pb.ScanOutcome_SCAN_OUTCOME_APPLIED {
			return fmt.Errorf("scan %s: %s %s", act, a.GetOutcome(), a.GetReason())
		}
	}
	return err
}

func (l *laboratory) collect(ctx context.Context) (string, error) {
	v, err := l.as(ctx, theTechnician)
	if err != nil {
		return "", err
	}
	if err := l.scan(ctx, theTechnician, pb.SpecimenAct_SPECIMEN_ACT_COLLECT, ""); err != nil {
		return "", err
	}
	desk := pb.NewLabSpecimenServiceClient(v.conn)
	box, err := desk.CreateSpecimenBox(ctx, &pb.CreateSpecimenBoxRequest{LaboratoryId: l.hospital()})
	if err != nil {
		return "", err
	}
	if err := l.scan(ctx, theTechnician, pb.SpecimenAct_SPECIMEN_ACT_PACK, box.GetBarcode()); err != nil {
		return "", err
	}
	for _, to := range []pb.BoxState{pb.BoxState_BOX_STATE_SEALED, pb.BoxState_BOX_STATE_HANDED} {
		if _, err := desk.MoveSpecimenBox(ctx, &pb.MoveSpecimenBoxRequest{BoxId: box.GetBoxId(), To: to, Seal: "S-1", Courier: "县域物流 3 号车"}); err != nil {
			return "", err
		}
	}
	return l.t("箱 ", "box ") + box.GetBarcode(), nil
}

func (l *laboratory) receive(ctx context.Context) (string, error) {
	return fmt.Sprint(len(l.order.GetSpecimens())), l.scan(ctx, theReader, pb.SpecimenAct_SPECIMEN_ACT_RECEIVE, "")
}

// count is the haematology analyser: it asks what is to be measured in the tube, and sends the count.
func (l *laboratory) count(ctx context.Context) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.astm)
	if err != nil {
		return "", err
	}
	barcode := l.tubes["CBC"].GetBarcode()
	asked := make(chan []byte, 1)
	line := astm.NewLink(conn, astm.Options{Role: astm.Instrument}, func(_ context.Context, message []byte) error {
		asked <- bytes.Clone(message)
		return nil
	})
	ended := make(chan error, 1)
	running, stop := context.WithCancel(ctx)
	go func() { ended <- line.Run(running) }()
	defer func() { stop(); <-ended }()
	head := `H|\^&|||` + demoHaematology + `^00-01^11111^^^^XN550||||||||E1394-97`
	query := head + "\rQ|1|1^1^" + barcode + "^B||^^^ALL||" + time.Now().Format("20060102150405") + "\rL|1|N\r"
	if err := line.Send(ctx, []byte(query)); err != nil {
		return "", fmt.Errorf("query: %w", err)
	}
	select {
	case work := <-asked:
		if !bytes.Contains(work, []byte("WBC")) {
			return "", fmt.Errorf("the answer names no test: %q", work)
		}
	case <-time.After(10 * time.Second):
		return "", errors.New("the query is not answered")
	}
	if err := line.Send(ctx, []byte(l.bloodCount(head, barcode))); err != nil {
		return "", fmt.Errorf("results: %w", err)
	}
	id, rows, err := l.reportOf(ctx, barcode)
	l.blood = id
	return fmt.Sprintf(l.t("%d 项", "%d rows"), rows), err
}

func (l *laboratory) bloodCount(head, barcode string) string {
	at := time.Now().Format("20060102150405")
	var b strings.Builder
	b.WriteString(head + "\rP|1\rO|1||^^" + barcode + "^B|||||||N||||||||||||||F\r")
	for i, r := range []struct{ code, value, unit string }{
		{"WBC", "6.25", "10*9/L"},
		{"RBC", "4.51", "10*12/L"},
		{"HGB", "136", "g/L"},
		{"HCT", "40.8", "%"},
		{"MCV", "90.5", "fL"},
		{"MCH", "30.2", "pg"},
		{"MCHC", "333", "g/L"},
		{"PLT", "212", "10*9/L"},
	} {
		fmt.Fprintf(&b, "R|%d|^^^^%s^1|%s|%s||N||F||||%s\r", i+1, r.code, r.value, r.unit, at)
	}
	return b.String() + "L|1|N\r"
}

// reportOf waits for the report of a tube.
func (l *laboratory) reportOf(ctx context.Context, barcode string) (string, int, error) {
	v, err := l.as(ctx, theReader)
	if err != nil {
		return "", 0, err
	}
	labs := pb.NewLabServiceClient(v.conn)
	found, err := labs.SearchLabReports(ctx, &pb.SearchLabReportsRequest{Barcode: barcode, PageSize: 1})
	if err != nil || len(found.GetReports()) == 0 {
		return "", 0, errors.Join(err, errors.New("no report of the tube"))
	}
	k, err := labs.GetLabReport(ctx, &pb.GetLabReportRequest{ReportId: found.GetReports()[0].GetReportId(), View: pb.LabView_LAB_VIEW_WORKING})
	return k.GetReportId(), len(k.GetRows()), err
}

// chemistry sends results of the chemistry analyser for a tube.
func (l *laboratory) chemistry(ctx context.Context, barcode string, rows ...string) error {
	segments := append([]string{"PID|1", "OBR|1|||CHEM^生化^L|||" + stampOf(time.Now())}, rows...)
	return l.hl7(ctx, demoChemistry, append(segments, "SPM|1|"+barcode+"||SER^血清^HL70487")...)
}

func (l *laboratory) electrolytes(ctx context.Context) (string, error) {
	now, barcode := time.Now(), l.tubes["ELEC"].GetBarcode()
	err := l.chemistry(ctx, barcode, obx(1, "2823-3", l.critic, "mmol/L", "F", now), obx(2, "2951-2", "138", "mmol/L", "F", now), obx(3, "2075-0", "101.5", "mmol/L", "F", now))
	if err != nil {
		return "", err
	}
	var rows int
	l.elec, rows, err = l.reportOf(ctx, barcode)
	return fmt.Sprintf(l.t("血钾 %s, %d 项待审", "potassium %s, %d rows wait"), l.critic, rows), err
}

// row is one row of a report as the laboratory sees it.
func (l *laboratory) row(ctx context.Context, report, analyte string) (*pb.LabReport, *pb.LabRow, error) {
	v, err := l.as(ctx, theReader)
	if err != nil {
		return nil, nil, err
	}
	k, err := pb.NewLabServiceClient(v.conn).GetLabReport(ctx, &pb.GetLabReportRequest{ReportId: report, View: pb.LabView_LAB_VIEW_WORKING})
	for _, r := range k.GetRows() {
		if r.GetAnalyte() == analyte && r.GetLatest() {
			return k, r, err
		}
	}
	return k, nil, errors.Join(err, fmt.Errorf("the report has no %s", analyte))
}

func (l *laboratory) validate(ctx context.Context) (string, error) {
	k, r, err := l.row(ctx, l.elec, "K")
	if err != nil {
		return "", err
	}
	if r.GetJudgement().GetCritical() == "" || r.GetValue() != l.critic || r.GetShown() {
		return "", fmt.Errorf("the potassium is %s, critical %q, shown %v", r.GetValue(), r.GetJudgement().GetCritical(), r.GetShown())
	}
	l.elecID = k.GetCaseId()
	_, err = pb.NewLabServiceClient(l.people[theReader].conn).ValidateLabRows(ctx, &pb.ValidateLabRowsRequest{ReportId: l.elec, RowIds: []string{r.GetRowId()}})
	return r.GetJudgement().GetCritical(), err
}

func (l *laboratory) release(ctx context.Context) (string, error) {
	v, err := l.as(ctx, theReviewer)
	if err != nil {
		return "", err
	}
	_, r, err := l.row(ctx, l.elec, "K")
	if err != nil {
		return "", err
	}
	k, err := pb.NewLabServiceClient(v.conn).ReleaseLabRows(ctx, &pb.ReleaseLabRowsRequest{ReportId: l.elec, RowIds: []string{r.GetRowId()}})
	return fmt.Sprintf(l.t("余 %d 项待审", "%d rows still wait"), k.GetWaitingRows()), err
}

func (l *laboratory) acknowledge(ctx context.Context) (string, error) {
	heard, err := l.clinic.await(ctx, func(c *pb.ResultChange) bool {
		return c.GetCriticalValue().GetCaseId() == l.elecID && c.GetAct() == "critical.raised"
	})
	if err != nil {
		return "", err
	}
	v, err := l.as(ctx, theClinic)
	if err != nil {
		return "", err
	}
	c, err := v.reading().AcknowledgeCriticalValue(ctx, &pb.AcknowledgeCriticalValueRequest{
		CriticalValueId: heard.GetCriticalValue().GetCriticalValueId(), Handling: "复述:血钾 " + l.critic + ";立即心电监护,处置后转县医院",
	})
	late := c.GetAcknowledgedAt().AsTime().Sub(c.GetRaisedAt().AsTime())
	return fmt.Sprintf(l.t("%.1f 秒内", "after %.1f s"), late.Seconds()), err
}

func (l *laboratory) submit(ctx context.Context) (string, error) {
	v, err := l.as(ctx, theReader)
	if err != nil {
		return "", err
	}
	if _, err := v.reading().ClaimCase(ctx, &pb.ClaimCaseRequest{CaseId: l.elecID}); err != nil {
		return "", err
	}
	d, err := pb.NewLabServiceClient(v.conn).DraftLabReport(ctx, &pb.DraftLabReportRequest{ReportId: l.elec})
	if err != nil {
		return "", err
	}
	_, err = v.reading().SubmitReport(ctx, &pb.SubmitReportRequest{
		CaseId: l.elecID, Text: &pb.ReportText{Findings: d.GetFindings(), Impression: d.GetImpression(), Positive: d.GetPositive()},
	})
	return "", err
}

func (l *laboratory) sign(ctx context.Context) (string, error) {
	v, err := l.as(ctx, theReviewer)
	if err != nil {
		return "", err
	}
	if _, err := v.reading().SignReport(ctx, &pb.SignReportRequest{CaseId: l.elecID}); err != nil {
		return "", err
	}
	k, _, err := l.row(ctx, l.elec, "NA")
	if err == nil && (k.GetStatus() != pb.LabStatus_LAB_STATUS_FINAL || k.GetWaitingRows() != 0) {
		err = fmt.Errorf("the report is %s, %d rows wait", k.GetStatus(), k.GetWaitingRows())
	}
	return strings.TrimPrefix(k.GetStatus().String(), "LAB_STATUS_"), err
}

func (l *laboratory) outOfControl(ctx context.Context) (string, error) {
	if err := l.controlRun(ctx, time.Now().Add(-time.Second), map[string]string{"GLU": "5.85"}); err != nil {
		return "", err
	}
	if _, err := l.state(ctx, "GLU", pb.ControlVerdict_CONTROL_VERDICT_OUT_OF_CONTROL); err != nil {
		return "", err
	}
	barcode := l.tubes["GLUCOSE"].GetBarcode()
	if err := l.chemistry(ctx, barcode, obx(1, "14749-6", "6.40", "mmol/L", "F", time.Now())); err != nil {
		return "", err
	}
	id, _, err := l.reportOf(ctx, barcode)
	if err != nil {
		return "", err
	}
	l.sugar = id
	_, r, err := l.row(ctx, id, "GLU")
	if err == nil && r.GetJudgement().GetHeld() == "" {
		err = errors.New("the glucose is not held")
	}
	return "1_3s", err
}

func (l *laboratory) restore(ctx context.Context) (string, error) {
	v, err := l.as(ctx, theReader)
	if err != nil {
		return "", err
	}
	q := pb.NewLabQualityServiceClient(v.conn)
	waiting, err := q.ListControlHolds(ctx, &pb.ListControlHoldsRequest{LaboratoryId: l.hospital(), Device: demoChemistry, Analyte: "GLU", Waiting: true})
	if err != nil || len(waiting.GetHolds()) == 0 {
		return "", errors.Join(err, errors.New("nothing is held"))
	}
	hold := waiting.GetHolds()[0]
	_, err = q.LogControlAction(ctx, &pb.LogControlActionRequest{Action: &pb.ControlAction{
		Series: l.series("GLU"), HoldId: hold.GetHoldId(), Cause: "试剂开瓶过久", Correction: "更换试剂并校准", Restart: true,
	}})
	if err != nil {
		return "", err
	}
	if err := l.controlRun(ctx, time.Now(), map[string]string{"GLU": "5.52"}); err != nil {
		return "", err
	}
	_, err = q.DecideControlHold(ctx, &pb.DecideControlHoldRequest{HoldId: hold.GetHoldId(), Decision: pb.HoldDecision_HOLD_DECISION_RELEASE, Reason: "复测一致,放行"})
	if err != nil {
		return "", err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, r, err := l.row(ctx, l.sugar, "GLU")
		if err != nil {
			return "", err
		}
		if r.GetJudgement().GetHeld() == "" {
			return l.t("已放行", "let go"), l.bothSign(ctx, l.sugar, r.GetRowId())
		}
		if time.Now().After(deadline) {
			return "", errors.New("the glucose is still held")
		}
	}
}

// bothSign releases one row by two persons.
func (l *laboratory) bothSign(ctx context.Context, report, row string) error {
	reader, err := l.as(ctx, theReader)
	if err != nil {
		return err
	}
	reviewer, err := l.as(ctx, theReviewer)
	if err != nil {
		return err
	}
	if _, err = pb.NewLabServiceClient(reader.conn).ValidateLabRows(ctx, &pb.ValidateLabRowsRequest{ReportId: report, RowIds: []string{row}}); err != nil {
		return err
	}
	_, err = pb.NewLabServiceClient(reviewer.conn).ReleaseLabRows(ctx, &pb.ReleaseLabRowsRequest{ReportId: report, RowIds: []string{row}})
	return err
}

// correct is the laboratory system of the hospital: it verifies by itself, sends a final result, and corrects it after somebody has looked.
func (l *laboratory) correct(ctx context.Context) (string, error) {
	filler := fmt.Sprintf("LIS%06d", l.world.Runs)
	send := func(value, status string) error {
		now := time.Now()
		return l.hl7(ctx, demoLIS, "PID|1||GL"+filler+"^^^GULANG^PI||孙^长河||19610412|M", "OBR|1||"+filler+"|LIVER^肝功能^L|||"+stampOf(now)+"|||||||||||||||"+stampOf(now),
			"OBX|1|NM|1742-6^丙氨酸氨基转移酶^LN||"+value+"|U/L|9-50|H|||"+status+"|||"+stampOf(now), "SPM|1|||SER^血清^HL70487")
	}
	if err := send("88", "F"); err != nil {
		return "", err
	}
	v, err := l.as(ctx, theReviewer)
	if err != nil {
		return "", err
	}
	labs := pb.NewLabServiceClient(v.conn)
	found, err := labs.SearchLabReports(ctx, &pb.SearchLabReportsRequest{FillerNumber: filler, PageSize: 1})
	if err != nil || len(found.GetReports()) == 0 {
		return "", errors.Join(err, errors.New("no report of the laboratory system"))
	}
	l.fixed = found.GetReports()[0].GetReportId()
	if _, err := labs.GetLabReport(ctx, &pb.GetLabReportRequest{ReportId: l.fixed}); err != nil {
		return "", err
	}
	if err := send("38", "C"); err != nil {
		return "", err
	}
	k, err := labs.GetLabReport(ctx, &pb.GetLabReportRequest{ReportId: l.fixed})
	if err == nil && (k.GetStatus() != pb.LabStatus_LAB_STATUS_CORRECTED || k.GetRows()[0].GetValue() != "38") {
		err = fmt.Errorf("the report is %s with %s", k.GetStatus(), k.GetRows()[0].GetValue())
	}
	return "88 -> 38 U/L", err
}

func (l *laboratory) recall(ctx context.Context) (string, error) {
	v, err := l.as(ctx, theReviewer)
	if err != nil {
		return "", err
	}
	labs := pb.NewLabServiceClient(v.conn)
	all, err := labs.ListLabRecalls(ctx, &pb.ListLabRecallsRequest{PageSize: 50})
	if err != nil {
		return "", err
	}
	for _, r := range all.GetRecalls() {
		if r.GetReportId() != l.fixed {
			continue
		}
		_, err := labs.AcknowledgeLabRecall(ctx, &pb.AcknowledgeLabRecallRequest{RecallId: r.GetRecallId()})
		return r.GetReaderName(), err
	}
	return "", errors.New("nobody was told")
}
