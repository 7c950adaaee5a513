// The story's third part: the same patient in the next county, who may not look, and whether all of it is on record.

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

func (s *story) encounter(ctx context.Context) (string, error) {
	v, err := s.as(ctx, theReceiver)
	if err != nil {
		return "", err
	}
	who := s.exams[0].patient
	reg, err := v.patients().RegisterPatient(ctx, &pb.RegisterPatientRequest{
		LocalNumber: fmt.Sprintf("MQ%06d", s.world.Runs), IdentityNumber: who.number, Name: who.name,
		BirthDate: who.birth[:4] + "-" + who.birth[4:6] + "-" + who.birth[6:], Sex: map[string]pb.Sex{"M": pb.Sex_SEX_MALE, "F": pb.Sex_SEX_FEMALE}[who.sex],
	})
	if err != nil {
		return "", err
	}
	s.patient = reg.GetPatient().GetPatientId()
	if s.patient != s.ct.GetPatientId() || reg.GetIdentity() != pb.IdentityGrade_IDENTITY_GRADE_CERTAIN {
		return "", fmt.Errorf("the patient is not known again: %s, %s", reg.GetIdentity(), reg.GetReason())
	}
	_, err = v.patients().OpenEncounter(ctx, &pb.OpenEncounterRequest{
		PatientId: s.patient, VisitNumber: fmt.Sprintf("V%06d", s.world.Runs), Class: pb.EncounterClass_ENCOUNTER_CLASS_AMB,
	})
	return s.t("同一患者", "the same patient"), err
}

// order lines of the check.
const (
	orderCT = "order-ct"
	orderDR = "order-dr"
)

func (s *story) checkOrder(ctx context.Context) (string, error) {
	v, err := s.as(ctx, theReceiver)
	if err != nil {
		return "", err
	}
	s.check = &pb.CheckOrderResponse{}
	err = v.rest(ctx, http.MethodPost, "/api/v1/recognition:checkOrder", &pb.CheckOrderRequest{
		PatientId: s.patient, Setting: pb.Setting_SETTING_OUTPATIENT,
		Items: []*pb.OrderItem{{OrderId: orderCT, ItemCode: "CT.CHEST"}, {OrderId: orderDR, ItemCode: "DR.CHEST"}},
	}, s.check)
	if err != nil {
		return "", err
	}
	for _, order := range []string{orderCT, orderDR} {
		if _, err := s.known(order); err != nil {
			return "", err
		}
	}
	return s.t("2 项应互认", "2 to be recognised"), nil
}

// known is this run's result that the check found for an order line.
func (s *story) known(order string) (*pb.Assessment, error) {
	exam := map[string]string{orderCT: s.ct.GetExamId(), orderDR: s.dr.GetExamId()}[order]
	for _, line := range s.check.GetItems() {
		if line.GetOrderId() != order {
			continue
		}
		for _, a := range line.GetAssessments() {
			if a.GetResult().GetExamId() != exam {
				continue
			}
			if a.GetVerdict() == pb.Verdict_VERDICT_RECOGNISE {
				return a, nil
			}
			var failed []string
			for _, f := range a.GetFailed() {
				failed = append(failed, f.GetCode())
			}
			return nil, fmt.Errorf("%s: %s, failed %s", order, a.GetVerdict(), strings.Join(failed, " "))
		}
		return nil, fmt.Errorf("%s: %s, the result is not among the %d assessed", order, line.GetVerdict(), len(line.GetAssessments()))
	}
	return nil, fmt.Errorf("%s: no answer", order)
}

func (s *story) adopt(ctx context.Context) (string, error) {
	v, err := s.as(ctx, theReceiver)
	if err != nil {
		return "", err
	}
	a, err := s.known(orderCT)
	if err != nil {
		return "", err
	}
	report, err := v.reading().GetReport(ctx, &pb.GetReportRequest{ReportId: a.GetResult().GetReportId()})
	if err != nil {
		return "", err
	}
	if report.GetSha256() != s.ct.GetSha256() {
		return "", errors.New("the report is not the signed one")
	}
	var d pb.Decision
	err = v.rest(ctx, http.MethodPost, "/api/v1/recognition:adopt", &pb.AdoptResultRequest{
		CheckId: s.check.GetCheckId(), OrderId: orderCT, ResultId: a.GetResult().GetResultId(),
	}, &d)
	return d.GetRuleId(), err
}

func (s *story) repeat(ctx context.Context) (string, error) {
	v, err := s.as(ctx, theReceiver)
	if err != nil {
		return "", err
	}
	a, err := s.known(orderDR)
	if err != nil {
		return "", err
	}
	var d pb.Decision
	err = v.rest(ctx, http.MethodPost, "/api/v1/recognition:repeat", &pb.RepeatExamRequest{
		CheckId: s.check.GetCheckId(), OrderId: orderDR, ResultId: a.GetResult().GetResultId(), ReasonCode: "S1", Explanation: "症状加重,需对比",
	}, &d)
	return s.t("理由 ", "reason ") + d.GetReasonCode(), err
}

// refused wants each of these to fail, as if nothing were there, or as not permitted.
func (s *story) refused(ctx context.Context) (string, error) {
	v, err := s.as(ctx, theStranger)
	if err != nil {
		return "", err
	}
	for _, try := range []struct {
		what string
		want codes.Code
		do   func() error
	}{
		{"report", codes.NotFound, func() error {
			_, err := v.reading().GetReport(ctx, &pb.GetReportRequest{ReportId: s.ct.GetReportId()})
			return err
		}},
		{"images", codes.NotFound, func() error {
			_, err := v.imaging().GetStudy(ctx, &pb.GetStudyRequest{StudyId: s.ct.GetExamId()})
			return err
		}},
		{"patient", codes.NotFound, func() error {
			_, err := v.patients().GetPatient(ctx, &pb.GetPatientRequest{PatientId: s.patient})
			return err
		}},
		{"sign", codes.PermissionDenied, func() error {
			_, err := v.reading().SignReport(ctx, &pb.SignReportRequest{CaseId: s.caseOf(s.exams[0])})
			return err
		}},
	} {
		if err := try.do(); status.Code(err) != try.want {
			return "", fmt.Errorf("%s: want %s, have: %w", try.what, try.want, err)
		}
	}
	return s.t("4 次拒绝", "4 refusals"), nil
}

func (s *story) audit(ctx context.Context) (string, error) {
	v, err := s.as(ctx, theAuditor)
	if err != nil {
		return "", err
	}
	var res pb.VerifyEventsResponse
	if err := v.rest(ctx, http.MethodPost, "/api/v1/audit:verify", &pb.VerifyEventsRequest{}, &res); err != nil {
		return "", err
	}
	if !res.GetIntact() {
		return "", fmt.Errorf("the chain is broken at %s", res.GetBrokenAt())
	}
	return fmt.Sprintf(s.t("%s 条事件完整", "%s events intact"), res.GetCount()), nil
}
