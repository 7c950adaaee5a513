// RecognitionService: what is known of a patient already, and what the doctor makes of it.

package gateway

import (
	"context"

	"github.com/lianzhen/lianzhen/authz/recognition"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

type recognitionServer struct {
	pb.UnimplementedRecognitionServiceServer
	*Server
}

var settings = map[pb.Setting]recognition.Setting{
	pb.Setting_SETTING_OUTPATIENT: recognition.Outpatient, pb.Setting_SETTING_INPATIENT: recognition.Inpatient,
	pb.Setting_SETTING_EMERGENCY: recognition.Emergency, pb.Setting_SETTING_PREOPERATIVE: recognition.Preoperative,
	pb.Setting_SETTING_FORENSIC: recognition.Forensic,
}

var verdicts = map[recognition.State]pb.Verdict{
	recognition.Recognise: pb.Verdict_VERDICT_RECOGNISE, recognition.Advise: pb.Verdict_VERDICT_ADVISE,
	recognition.Exempt: pb.Verdict_VERDICT_EXEMPT, recognition.NotEligible: pb.Verdict_VERDICT_NOT_ELIGIBLE,
}

func (s *recognitionServer) CheckOrder(ctx context.Context, req *pb.CheckOrderRequest) (*pb.CheckOrderResponse, error) {
	items := each(req.GetItems(), func(i *pb.OrderItem) recognition.OrderItem {
		return recognition.OrderItem{Order: recognition.OrderID(i.GetOrderId()), Item: i.GetItemCode(), Modality: i.GetModality(), BodyPart: i.GetBodyPart()}
	})
	c, err := s.Desk.CheckOrder(ctx, scopeOf(ctx), record.PatientID(req.GetPatientId()), items, settings[req.GetSetting()])
	if err != nil {
		return nil, err
	}
	return &pb.CheckOrderResponse{Items: each(c.Items, itemCheckToPB), CheckId: string(c.ID), CatalogueVersion: c.Version}, nil
}

func (s *recognitionServer) ListShared(ctx context.Context, req *pb.ListSharedRequest) (*pb.ListSharedResponse, error) {
	list, next, version, err := s.Desk.ListShared(ctx, scopeOf(ctx), record.PatientID(req.GetPatientId()),
		store.Page{After: req.GetPageToken(), Limit: pageSize(req.GetPageSize())})
	if err != nil {
		return nil, err
	}
	return &pb.ListSharedResponse{Results: each(list, assessmentToPB), NextPageToken: next, CatalogueVersion: version}, nil
}

func (s *recognitionServer) AdoptResult(ctx context.Context, req *pb.AdoptResultRequest) (*pb.Decision, error) {
	return decisionOr(s.Desk.Adopt(ctx, scopeOf(ctx), recognition.CheckID(req.GetCheckId()), recognition.OrderID(req.GetOrderId()),
		record.ResultID(req.GetResultId())))
}

func (s *recognitionServer) RepeatExam(ctx context.Context, req *pb.RepeatExamRequest) (*pb.Decision, error) {
	return decisionOr(s.Desk.Repeat(ctx, scopeOf(ctx), recognition.CheckID(req.GetCheckId()), recognition.OrderID(req.GetOrderId()),
		record.ResultID(req.GetResultId()), req.GetReasonCode(), req.GetExplanation()))
}

func decisionOr(d recognition.Decision, err error) (*pb.Decision, error) {
	if err != nil {
		return nil, err
	}
	return decisionToPB(d), nil
}

func (s *recognitionServer) ListReasons(ctx context.Context, _ *pb.ListReasonsRequest) (*pb.ListReasonsResponse, error) {
	all, err := s.Desk.Reasons(ctx, scopeOf(ctx))
	if err != nil {
		return nil, err
	}
	return &pb.ListReasonsResponse{Reasons: each(all, func(r recognition.Reason) *pb.Reason {
		return &pb.Reason{Code: r.Code, TextZh: r.Text.ZH, TextEn: r.Text.EN, ExplanationRequired: r.ExplanationRequired, Citation: r.Citation}
	})}, nil
}

func (s *recognitionServer) ListItems(ctx context.Context, req *pb.ListItemsRequest) (*pb.ListItemsResponse, error) {
	on, err := record.ParseDate(req.GetOnDate())
	if err != nil {
		return nil, err
	}
	all, version, err := s.Desk.Items(ctx, scopeOf(ctx), on)
	if err != nil {
		return nil, err
	}
	return &pb.ListItemsResponse{CatalogueVersion: version, Items: each(all, func(i recognition.Item) *pb.Item {
		return &pb.Item{
			Code: i.Code, NameZh: i.Name.ZH, NameEn: i.Name.EN, Modalities: i.Modalities, BodyParts: i.BodyParts,
			WindowDays: int32(i.WindowDays), RuleId: i.RuleID, ToBeConfirmed: i.ToBeConfirmed,
		}
	})}, nil
}

func (s *recognitionServer) ListDecisions(ctx context.Context, req *pb.ListDecisionsRequest) (*pb.ListDecisionsResponse, error) {
	after, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, next, err := s.Desk.Decisions(ctx, scopeOf(ctx), recognition.DecisionFilter{
		Patient: record.PatientID(req.GetPatientId()), Page: store.Page{After: after, Limit: pageSize(req.GetPageSize())},
	})
	if err != nil {
		return nil, err
	}
	return &pb.ListDecisionsResponse{Decisions: each(list, decisionToPB), NextPageToken: tokenOf(next)}, nil
}

func itemCheckToPB(c recognition.ItemCheck) *pb.ItemCheck {
	return &pb.ItemCheck{OrderId: string(c.Order), ItemCode: c.Item, ItemName: c.Name.ZH, Verdict: verdicts[c.Best], Assessments: each(c.Assessments, assessmentToPB)}
}

func assessmentToPB(a recognition.Assessment) *pb.Assessment {
	return &pb.Assessment{
		Result: resultToPB(a.Result), Verdict: verdicts[a.Verdict.State], RuleId: a.Verdict.RuleID, Mark: a.Verdict.Mark,
		ValidUntil: instant(a.Verdict.ValidUntil), ItemCode: a.Verdict.Item,
		Failed: each(a.Failed, func(c recognition.Condition) *pb.Condition {
			return &pb.Condition{Code: c.Code, TextZh: c.Text.ZH, TextEn: c.Text.EN, RemedyZh: c.Remedy.ZH, RemedyEn: c.Remedy.EN, Citation: c.Citation}
		}),
	}
}

func decisionToPB(d recognition.Decision) *pb.Decision {
	return &pb.Decision{
		DecisionId: string(d.ID), CheckId: string(d.Check), OrderId: string(d.Order), ResultId: string(d.Result),
		Choice: string(d.Choice), ReasonCode: d.Reason, Explanation: d.Explanation, Verdict: verdicts[d.Verdict], RuleId: d.RuleID,
		CatalogueVersion: d.Version, DecidedBy: d.Actor.Display, InstitutionId: string(d.Institution), DecidedAt: instant(d.At), ItemCode: d.Item,
	}
}
