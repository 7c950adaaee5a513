// The story's second part: claimed, drafted, returned, signed, and heard of in the clinic.

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

func (s *story) worklist(ctx context.Context) (string, error) {
	v, err := s.as(ctx, theReader)
	if err != nil {
		return "", err
	}
	res, err := v.reading().ListCases(ctx, &pb.ListCasesRequest{
		Kind: pb.CentreKind_CENTRE_KIND_IMAGING, States: []pb.CaseState{pb.CaseState_CASE_STATE_WAITING}, PageSize: 1000,
	})
	if err != nil {
		return "", err
	}
	found := map[string]bool{}
	for _, c := range res.GetCases() {
		found[c.GetCaseId()] = true
	}
	for _, e := range s.exams {
		if (e.county == 0) != found[s.caseOf(e)] {
			return "", fmt.Errorf("study %s of %s: on the worklist %v", e.uid(), e.clinic().id, found[s.caseOf(e)])
		}
	}
	return fmt.Sprintf(s.t("%d 待诊断", "%d waiting"), len(res.GetCases())), nil
}

var (
	ctText = &pb.ReportText{
		Findings:   "右肺上叶见一结节影,直径约 13 mm,边缘欠规整;余肺野清晰,纵隔未见肿大淋巴结。",
		Impression: "右肺上叶结节,建议进一步检查。", Positive: true, Recommendation: "建议增强CT或PET-CT检查。",
	}
	drText = &pb.ReportText{Findings: "双肺纹理增多,心影不大,双膈光整。", Impression: "双肺纹理增多,请结合临床。"}
)

func (s *story) draft(ctx context.Context) (string, error) {
	v, err := s.as(ctx, theReader)
	if err != nil {
		return "", err
	}
	id := s.caseOf(s.exams[0])
	c, err := v.reading().ClaimCase(ctx, &pb.ClaimCaseRequest{CaseId: id})
	if err != nil {
		return "", err
	}
	if c.GetClinicalInformation() != s.exams[0].note || c.GetPriority() != stat || c.GetIncomplete() {
		return "", fmt.Errorf("the case is not what was sent: %s, incomplete %v", c.GetPriority(), c.GetIncomplete())
	}
	study, err := v.imaging().GetStudy(ctx, &pb.GetStudyRequest{StudyId: c.GetExamId()})
	if err != nil {
		return "", err
	}
	d, err := v.reading().SaveDraft(ctx, &pb.SaveDraftRequest{CaseId: id, Text: ctText})
	return fmt.Sprintf(s.t("%d 层,初稿 %d", "%d slices, draft %d"), study.GetInstanceCount(), d.GetNumber()), err
}

func (s *story) raise(ctx context.Context) (string, error) {
	v, err := s.as(ctx, theReader)
	if err != nil {
		return "", err
	}
	s.urgent, err = v.reading().RaiseCriticalValue(ctx, &pb.RaiseCriticalValueRequest{CaseId: s.caseOf(s.exams[0]), Finding: "右肺上叶占位伴咯血,请立即处置"})
	return "1", err
}

func (s *story) acknowledge(ctx context.Context) (string, error) {
	if _, err := s.clinic.await(ctx, func(c *pb.ResultChange) bool {
		return c.GetCriticalValue().GetCriticalValueId() == s.urgent.GetCriticalValueId()
	}); err != nil {
		return "", err
	}
	v, err := s.as(ctx, theClinic)
	if err != nil {
		return "", err
	}
	res, err := v.reading().AcknowledgeCriticalValue(ctx, &pb.AcknowledgeCriticalValueRequest{
		CriticalValueId: s.urgent.GetCriticalValueId(), Handling: "已通知患者家属,转县医院急诊",
	})
	if err != nil {
		return "", err
	}
	if !res.GetAcknowledged() {
		return "", errors.New("it stays open")
	}
	late := res.GetAcknowledgedAt().AsTime().Sub(res.GetRaisedAt().AsTime())
	return fmt.Sprintf(s.t("%.1f 秒内", "after %.1f s"), late.Seconds()), nil
}

func (s *story) submit(ctx context.Context) (string, error) {
	return s.submitAs(ctx, theReader, s.exams[0], nil)
}

func (s *story) submitAs(ctx context.Context, who string, e examination, text *pb.ReportText) (string, error) {
	v, err := s.as(ctx, who)
	if err != nil {
		return "", err
	}
	c, err := v.reading().SubmitReport(ctx, &pb.SubmitReportRequest{CaseId: s.caseOf(e), Text: text})
	if err == nil && c.GetState() != pb.CaseState_CASE_STATE_SUBMITTED {
		err = fmt.Errorf("the case is %s", c.GetState())
	}
	return "1", err
}

func (s *story) sendBack(ctx context.Context) (string, error) {
	v, err := s.as(ctx, theReviewer)
	if err != nil {
		return "", err
	}
	c, err := v.reading().ReturnReport(ctx, &pb.ReturnReportRequest{CaseId: s.caseOf(s.exams[0]), Reason: "请补充结节大小的测量层面"})
	if err == nil && c.GetState() != pb.CaseState_CASE_STATE_RETURNED {
		err = fmt.Errorf("the case is %s", c.GetState())
	}
	return "1", err
}

func (s *story) resubmit(ctx context.Context) (string, error) {
	better := &pb.ReportText{
		Findings: ctText.GetFindings() + "(于第 13 层面测量)", Impression: ctText.GetImpression(), Positive: true, Recommendation: ctText.GetRecommendation(),
	}
	return s.submitAs(ctx, theReader, s.exams[0], better)
}

func (s *story) signAs(ctx context.Context, who string, e examination) (*pb.Report, error) {
	v, err := s.as(ctx, who)
	if err != nil {
		return nil, err
	}
	return v.reading().SignReport(ctx, &pb.SignReportRequest{CaseId: s.caseOf(e)})
}

func (s *story) sign(ctx context.Context) (_ string, err error) {
	s.ct, err = s.signAs(ctx, theReviewer, s.exams[0])
	return fmt.Sprintf(s.t("第 %d 版", "version %d"), s.ct.GetVersion()), err
}

func (s *story) second(ctx context.Context) (string, error) {
	v, err := s.as(ctx, theReader2)
	if err != nil {
		return "", err
	}
	if _, err := v.reading().ClaimCase(ctx, &pb.ClaimCaseRequest{CaseId: s.caseOf(s.exams[1])}); err != nil {
		return "", err
	}
	return s.submitAs(ctx, theReader2, s.exams[1], drText)
}

func (s *story) signSecond(ctx context.Context) (_ string, err error) {
	s.dr, err = s.signAs(ctx, theSecond, s.exams[1])
	return fmt.Sprintf(s.t("第 %d 版", "version %d"), s.dr.GetVersion()), err
}

// inbox is a clinic's WatchResults stream.
type inbox struct {
	changes chan *pb.ResultChange
	broken  chan error
}

func (s *story) listen(ctx context.Context) (string, error) {
	v, err := s.as(ctx, theClinic)
	if err != nil {
		return "", err
	}
	stream, err := v.reading().WatchResults(ctx, &pb.WatchResultsRequest{})
	if err != nil {
		return "", err
	}
	s.clinic = &inbox{make(chan *pb.ResultChange, 1000), make(chan error, 1)}
	go func() {
		for {
			c, err := stream.Recv()
			if err != nil {
				s.clinic.broken <- err
				return
			}
			s.clinic.changes <- c
		}
	}()
	return "WatchResults", nil
}

// await takes what comes until it is the wanted thing.
func (i *inbox) await(ctx context.Context, wanted func(*pb.ResultChange) bool) (*pb.ResultChange, error) {
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	for {
		select {
		case c := <-i.changes:
			if wanted(c) {
				return c, nil
			}
		case err := <-i.broken:
			return nil, err
		case <-late.C:
			return nil, errors.New("the clinic heard nothing for ten seconds")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *story) heard(ctx context.Context) (string, error) {
	for _, r := range []*pb.Report{s.ct, s.dr} {
		c, err := s.clinic.await(ctx, func(c *pb.ResultChange) bool {
			return c.GetReport().GetReportId() == r.GetReportId() && c.GetResult().GetStatus() == pb.ResultStatus_RESULT_STATUS_FINAL
		})
		if err != nil {
			return "", err
		}
		if c.GetReport().GetText().GetImpression() != r.GetText().GetImpression() {
			return "", errors.New("the clinic received another text than was signed")
		}
	}
	return "2", nil
}
