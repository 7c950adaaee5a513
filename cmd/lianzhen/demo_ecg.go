// The story's third part: electrocardiograms. Carts of three makers send their files; an infarction raises its alarm by itself, and its clock runs.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// carts is the ECG chapter.
type carts struct {
	*story
	now      time.Time
	contact  time.Time // of the patient with chest pain
	stored   *pb.StoredTracing
	critical *pb.CriticalValue
	report   *pb.Report
	longID   string
}

// electrocardiograms is the chapter of the story.
func (s *story) electrocardiograms(ctx context.Context, now time.Time) error {
	e := &carts{story: s, now: now, contact: now.Add(-4 * time.Minute)}
	return s.run(ctx, []demoStep{
		{theTechnician, "三台心电图机上传(SCP-ECG、aECG、EDF+)", "carts of three dialects send (SCP-ECG, aECG, EDF+)", e.send},
		{"GULANG_ECG1", "心电图机以 DICOM 发送房室传导阻滞 (C-STORE)", "a cart sends an AV block as DICOM (C-STORE)", e.store},
		{theTechnician, "胸痛患者:首次医疗接触后 4 分钟上传心电图", "chest pain: the ECG, 4 minutes after first contact", e.chestPain},
		{theClinic, "收到自动危急值报警并确认", "hears the automatic alarm and acknowledges", e.acknowledge},
		{theReader, "工作列表:胸痛心电图在前,时钟在走", "the worklist: the chest pain is on top, its clock runs", e.worklist},
		{theReader, "按编码结论书写报告", "reads it with coded conclusions", e.read},
		{theReviewer, "审核签发", "reviews and signs", e.sign},
		{theClinic, "下载报告 PDF", "fetches the report as PDF", e.pdf},
		{theReader, "动态心电图:小时表与事件", "Holter: hours and events", e.holter},
	})
}

// tracing makes an ECG of one of the trial's patients.
func (e *carts) tracing(kind synth.Kind, seed uint64, who demoPatient, at time.Time) *tracing.Tracing {
	return synth.Make(synth.Spec{
		Kind: kind, Seed: uint64(e.world.Runs)<<20 + seed, At: at, Patient: tracing.Patient{ID: who.number, Name: who.name, BirthDate: who.birth, Sex: who.sex},
	})
}

func (e *carts) send(ctx context.Context) (string, error) {
	v, err := e.as(ctx, theTechnician)
	if err != nil {
		return "", err
	}
	for i, one := range []struct {
		kind   synth.Kind
		format string
	}{{synth.Normal, "scp"}, {synth.AtrialFibrillation, "aecg"}} {
		t := e.tracing(one.kind, uint64(100+i), demoPatients[i], e.now.Add(-time.Duration(30-i)*time.Minute))
		if _, err := v.sendTracing(ctx, one.format, t, nil); err != nil {
			return "", fmt.Errorf("%s: %w", one.format, err)
		}
	}
	long := synth.Holter(synth.Spec{
		Kind: synth.PVCs, Seed: uint64(e.world.Runs)<<20 + 103, At: e.now.Add(-2 * time.Hour), RateHz: 250,
		Patient: tracing.Patient{ID: demoPatients[2].number, Name: demoPatients[2].name, BirthDate: demoPatients[2].birth, Sex: demoPatients[2].sex},
	}, 20*time.Minute)
	t, err := long.Load()
	if err != nil {
		return "", err
	}
	st, err := v.sendTracing(ctx, "edf", t, nil)
	if err != nil {
		return "", fmt.Errorf("edf: %w", err)
	}
	e.longID = st.GetTracingId()
	return "3", nil
}

// sendTracing sends a tracing in a format over plain HTTP, as a cart's program would.
func (v *demoVisitor) sendTracing(ctx context.Context, format string, t *tracing.Tracing, about *pb.UploadTracingBegin) (*pb.StoredTracing, error) {
	var file, body bytes.Buffer
	if err := formats.Write(&file, format, t); err != nil {
		return nil, err
	}
	m := multipart.NewWriter(&body)
	if about != nil {
		text, err := protojson.Marshal(about)
		if err != nil {
			return nil, err
		}
		p, _ := m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="about"`}, "Content-Type": {"application/json"}})
		_, _ = p.Write(text)
	}
	p, _ := m.CreateFormFile("file", "ecg."+format)
	_, _ = p.Write(file.Bytes())
	_ = m.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.http+"/api/v1/ecg/tracings", &body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", m.FormDataContentType())
	req.Header.Set("Authorization", "Bearer "+v.token)
	res, err := restClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusCreated {
		return nil, &restError{"POST /api/v1/ecg/tracings", res.StatusCode, string(b)}
	}
	var st pb.StoredTracing
	return &st, protojson.Unmarshal(b, &st)
}

// store sends a DICOM ECG as a cart does that speaks DIMSE: the imaging door takes it, the ECG centre reads it.
func (e *carts) store(ctx context.Context) (string, error) {
	const twelveLead = "1.2.840.10008.5.1.4.1.1.9.1.1"
	var file bytes.Buffer
	if err := formats.Write(&file, "dicom", e.tracing(synth.AVBlock3, 104, demoPatients[3], e.now.Add(-10*time.Minute))); err != nil {
		return "", err
	}
	o, err := dicom.ScanHeader(bytes.NewReader(file.Bytes()), dicom.Options{})
	if err != nil {
		return "", err
	}
	line, err := dimse.Dial(ctx, e.dimse, dimse.Request{CalledAE: "LIANZHEN", CallingAE: "GULANG_ECG1", Contexts: []dimse.Proposal{
		{AbstractSyntax: twelveLead, TransferSyntaxes: []dicom.UID{dicom.ExplicitLE}},
	}}, dimse.Options{})
	if err != nil {
		return "", err
	}
	defer line.Abort()
	st, err := line.Store(ctx, dimse.Object{
		SOPClass: twelveLead, SOPInstance: o.Header.SOPInstanceUID, TransferSyntax: o.TransferSyntax, Data: bytes.NewReader(file.Bytes()[o.DataSetOffset():]),
	})
	if err == nil && st != dimse.Success {
		err = fmt.Errorf("C-STORE answered %v", st)
	}
	if err != nil {
		return "", err
	}
	v, err := e.as(ctx, theReader)
	if err != nil {
		return "", err
	}
	found, err := pb.NewEcgServiceClient(v.conn).SearchTracings(ctx, &pb.SearchTracingsRequest{Finding: "AVB3", PageSize: 1})
	if err == nil && len(found.GetTracings()) == 0 {
		err = errors.New("no tracing with an AV block is found")
	}
	return strings.Join(codesOf(found.GetTracings()), " "), err
}

func codesOf(all []*pb.Tracing) []string {
	var out []string
	for _, t := range all {
		for _, f := range t.GetFindings() {
			out = append(out, f.GetCode())
		}
	}
	return out
}

func (e *carts) chestPain(ctx context.Context) (string, error) {
	v, err := e.as(ctx, theTechnician)
	if err != nil {
		return "", err
	}
	e.stored, err = v.sendTracing(ctx, "scp", e.tracing(synth.STEMIAnterior, 105, demoPatients[4], e.now), &pb.UploadTracingBegin{
		Priority: stat, ClinicalInformation: "胸痛 1 小时", FirstContactAt: timestamppb.New(e.contact),
	})
	if err == nil && len(e.stored.GetAlarms()) == 0 {
		err = errors.New("the rules raised no alarm")
	}
	return strings.Join(e.stored.GetAlarms(), " "), err
}

func (e *carts) acknowledge(ctx context.Context) (string, error) {
	heard, err := e.clinic.await(ctx, func(c *pb.ResultChange) bool {
		return c.GetCriticalValue().GetCaseId() == e.stored.GetCaseId() && c.GetAct() == "critical.raised"
	})
	if err != nil {
		return "", err
	}
	v, err := e.as(ctx, theClinic)
	if err != nil {
		return "", err
	}
	e.critical, err = v.reading().AcknowledgeCriticalValue(ctx, &pb.AcknowledgeCriticalValueRequest{
		CriticalValueId: heard.GetCriticalValue().GetCriticalValueId(), Handling: "已给予阿司匹林、氯吡格雷,联系县医院胸痛中心绕行急诊",
	})
	late := e.critical.GetAcknowledgedAt().AsTime().Sub(e.critical.GetRaisedAt().AsTime())
	return fmt.Sprintf(e.t("%.1f 秒内, %s", "after %.1f s, by %s"), late.Seconds(), e.critical.GetAcknowledgedBy()), err
}

func (e *carts) worklist(ctx context.Context) (string, error) {
	v, err := e.as(ctx, theReader)
	if err != nil {
		return "", err
	}
	res, err := v.reading().ListCases(ctx, &pb.ListCasesRequest{Kind: pb.CentreKind_CENTRE_KIND_ECG, PageSize: 100})
	if err != nil {
		return "", err
	}
	for i, c := range res.GetCases() {
		if c.GetCaseId() != e.stored.GetCaseId() {
			continue
		}
		if c.GetPriority() != stat || c.GetFirstContactAt() == nil {
			return "", fmt.Errorf("the case is %s, without a clock", c.GetPriority())
		}
		running := time.Since(c.GetFirstContactAt().AsTime())
		return fmt.Sprintf(e.t("第 %d 位, 已 %.0f 分钟", "place %d, %.0f minutes"), i+1, running.Minutes()), nil
	}
	return "", errors.New("the case is not on the worklist")
}

func (e *carts) read(ctx context.Context) (string, error) {
	v, err := e.as(ctx, theReader)
	if err != nil {
		return "", err
	}
	if _, err := v.reading().ClaimCase(ctx, &pb.ClaimCaseRequest{CaseId: e.stored.GetCaseId()}); err != nil {
		return "", err
	}
	draft, err := pb.NewEcgServiceClient(v.conn).DraftConclusions(ctx, &pb.DraftConclusionsRequest{TracingId: e.stored.GetTracingId()})
	if err != nil {
		return "", err
	}
	text := &pb.ReportText{Positive: true, Findings: "V1-V4 导联 ST 段弓背向上抬高。", Recommendation: "立即启动胸痛中心流程。"}
	var lines []string
	for _, c := range draft.GetConclusions() {
		if c.GetSource() == "device" { // its words are none of the catalogue
			continue
		}
		lines = append(lines, c.GetText())
		text.Conclusions = append(text.Conclusions, &pb.CodedConclusion{Code: c.GetCode(), System: c.GetSystem(), Text: c.GetText()})
	}
	if len(lines) == 0 {
		return "", errors.New("no conclusion is drafted")
	}
	text.Impression = strings.Join(lines, "\n")
	_, err = v.reading().SubmitReport(ctx, &pb.SubmitReportRequest{CaseId: e.stored.GetCaseId(), Text: text})
	return fmt.Sprintf(e.t("%d 条", "%d"), len(lines)), err
}

func (e *carts) sign(ctx context.Context) (string, error) {
	v, err := e.as(ctx, theReviewer)
	if err != nil {
		return "", err
	}
	e.report, err = v.reading().SignReport(ctx, &pb.SignReportRequest{CaseId: e.stored.GetCaseId()})
	if err != nil {
		return "", err
	}
	t, err := pb.NewEcgServiceClient(v.conn).GetTracing(ctx, &pb.GetTracingRequest{TracingId: e.stored.GetTracingId()})
	if err != nil {
		return "", err
	}
	var clocks []string
	for _, c := range t.GetClocks() {
		if c.GetEndedAt() != nil {
			took := c.GetEndedAt().AsTime().Sub(c.GetStartedAt().AsTime())
			clocks = append(clocks, fmt.Sprintf("%s %.0f min", e.t(c.GetName(), c.GetNameEn()), took.Minutes()))
		}
	}
	return strings.Join(clocks, ", "), nil
}

func (e *carts) pdf(ctx context.Context) (string, error) {
	v, err := e.as(ctx, theClinic)
	if err != nil {
		return "", err
	}
	body, err := pb.NewEcgServiceClient(v.conn).RenderTracing(ctx, &pb.RenderTracingRequest{TracingId: e.stored.GetTracingId(), Language: e.t("zh", "en")})
	if err != nil {
		return "", err
	}
	file := filepath.Join(e.folder, "ecg.pdf")
	if err := os.WriteFile(file, body.GetData(), 0o600); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d KB, %s", len(body.GetData())/1000, filepath.Base(file)), nil
}

func (e *carts) holter(ctx context.Context) (string, error) {
	v, err := e.as(ctx, theReader)
	if err != nil {
		return "", err
	}
	ecgs := pb.NewEcgServiceClient(v.conn)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		sum, err := ecgs.GetAmbulatorySummary(ctx, &pb.GetAmbulatorySummaryRequest{TracingId: e.longID})
		if err == nil {
			return fmt.Sprintf(e.t("%d 次心搏, %d 次室早", "%d beats, %d ventricular"), sum.GetTotal().GetBeats(), sum.GetTotal().GetVentricular()), nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return "", err
		}
	}
}
