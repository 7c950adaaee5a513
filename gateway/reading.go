// ReadingService: worklist, report, signature, critical value, and results on their way back.

package gateway

import (
	"context"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
)

type readingServer struct {
	pb.UnimplementedReadingServiceServer
	*Server
}

var caseStates = words[reading.State, pb.CaseState]{
	{reading.Waiting, pb.CaseState_CASE_STATE_WAITING},
	{reading.Claimed, pb.CaseState_CASE_STATE_CLAIMED},
	{reading.Submitted, pb.CaseState_CASE_STATE_SUBMITTED},
	{reading.Returned, pb.CaseState_CASE_STATE_RETURNED},
	{reading.Signed, pb.CaseState_CASE_STATE_SIGNED},
	{reading.Amending, pb.CaseState_CASE_STATE_AMENDING},
	{reading.Withdrawn, pb.CaseState_CASE_STATE_WITHDRAWN},
}

func (s *readingServer) ListCases(ctx context.Context, req *pb.ListCasesRequest) (*pb.ListCasesResponse, error) {
	cases, next, err := s.Room.Cases(ctx, scopeOf(ctx), reading.CaseFilter{
		Kind: centreKinds.in(req.GetKind()), Centre: record.CentreID(req.GetCentreId()),
		States: each(req.GetStates(), caseStates.in), Priorities: each(req.GetPriorities(), priorities.in),
		Modalities: req.GetModalities(), Institution: record.InstitutionID(req.GetInstitutionId()),
		Holder: record.UserID(req.GetHolderId()), Patient: record.PatientID(req.GetPatientId()),
		OverdueOnly: req.GetOverdueOnly(), PatientName: record.Personal(req.GetPatientName()),
		PageSize: pageSize(req.GetPageSize()), PageToken: req.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	return &pb.ListCasesResponse{Cases: each(cases, caseToPB), NextPageToken: next}, nil
}

func (s *readingServer) GetCase(ctx context.Context, req *pb.GetCaseRequest) (*pb.Case, error) {
	return caseOr(s.Room.Case(ctx, scopeOf(ctx), record.CaseID(req.GetCaseId())))
}

func caseOr(c reading.Case, err error) (*pb.Case, error) {
	if err != nil {
		return nil, err
	}
	return caseToPB(c), nil
}

func (s *readingServer) WatchCases(req *pb.WatchCasesRequest, stream pb.ReadingService_WatchCasesServer) error {
	after, err := cursorOf(req.GetAfter())
	if err != nil {
		return err
	}
	if req.GetAfter() == "" {
		after = -1 // from now on
	}
	ctx := stream.Context()
	f := reading.CaseFilter{Kind: centreKinds.in(req.GetKind())}
	return s.Room.Watch(ctx, scopeOf(ctx), after, f, func(c reading.CaseChange) error {
		return stream.Send(&pb.CaseChange{Cursor: cursor(c.Seq), Act: c.Act, Case: caseToPB(c.Case)})
	})
}

func (s *readingServer) ClaimCase(ctx context.Context, req *pb.ClaimCaseRequest) (*pb.Case, error) {
	return caseOr(s.Room.Claim(ctx, scopeOf(ctx), record.CaseID(req.GetCaseId()), req.GetTakeOver(), req.GetReason()))
}

func (s *readingServer) ReleaseCase(ctx context.Context, req *pb.ReleaseCaseRequest) (*pb.Case, error) {
	return caseOr(s.Room.Release(ctx, scopeOf(ctx), record.CaseID(req.GetCaseId())))
}

func (s *readingServer) SetPriority(ctx context.Context, req *pb.SetPriorityRequest) (*pb.Case, error) {
	return caseOr(s.Room.SetPriority(ctx, scopeOf(ctx), record.CaseID(req.GetCaseId()), priorities.in(req.GetPriority())))
}

func (s *readingServer) SaveDraft(ctx context.Context, req *pb.SaveDraftRequest) (*pb.Draft, error) {
	d, err := s.Room.SaveDraft(ctx, scopeOf(ctx), record.CaseID(req.GetCaseId()), textFromPB(req.GetText()), int(req.GetBaseNumber()))
	if err != nil {
		return nil, err
	}
	return draftToPB(d), nil
}

func (s *readingServer) ListDrafts(ctx context.Context, req *pb.ListDraftsRequest) (*pb.ListDraftsResponse, error) {
	all, err := s.Room.Drafts(ctx, scopeOf(ctx), record.CaseID(req.GetCaseId()))
	if err != nil {
		return nil, err
	}
	return &pb.ListDraftsResponse{Drafts: each(all, draftToPB)}, nil
}

func (s *readingServer) SubmitReport(ctx context.Context, req *pb.SubmitReportRequest) (*pb.Case, error) {
	var text *reading.Text
	if req.GetText() != nil {
		t := textFromPB(req.GetText())
		text = &t
	}
	return caseOr(s.Room.Submit(ctx, scopeOf(ctx), record.CaseID(req.GetCaseId()), text, req.GetEtag()))
}

func (s *readingServer) ReturnReport(ctx context.Context, req *pb.ReturnReportRequest) (*pb.Case, error) {
	return caseOr(s.Room.Return(ctx, scopeOf(ctx), record.CaseID(req.GetCaseId()), req.GetReason(), req.GetEtag()))
}

func (s *readingServer) SignReport(ctx context.Context, req *pb.SignReportRequest) (*pb.Report, error) {
	return reportOr(s.Room.Sign(ctx, scopeOf(ctx), record.CaseID(req.GetCaseId()), req.GetEtag()))
}

func reportOr(r reading.Report, err error) (*pb.Report, error) {
	if err != nil {
		return nil, err
	}
	return reportToPB(r), nil
}

func (s *readingServer) AmendReport(ctx context.Context, req *pb.AmendReportRequest) (*pb.Case, error) {
	return caseOr(s.Room.Amend(ctx, scopeOf(ctx), record.CaseID(req.GetCaseId()), req.GetReason()))
}

func (s *readingServer) WithdrawReport(ctx context.Context, req *pb.WithdrawReportRequest) (*pb.Case, error) {
	return caseOr(s.Room.Withdraw(ctx, scopeOf(ctx), record.CaseID(req.GetCaseId()), req.GetReason()))
}

func (s *readingServer) GetReport(ctx context.Context, req *pb.GetReportRequest) (*pb.Report, error) {
	return reportOr(s.Room.Report(ctx, scopeOf(ctx), record.ReportID(req.GetReportId())))
}

func (s *readingServer) ListReports(ctx context.Context, req *pb.ListReportsRequest) (*pb.ListReportsResponse, error) {
	all, err := s.Room.Reports(ctx, scopeOf(ctx), record.CaseID(req.GetCaseId()))
	if err != nil {
		return nil, err
	}
	return &pb.ListReportsResponse{Reports: each(all, reportToPB)}, nil
}

func (s *readingServer) RaiseCriticalValue(ctx context.Context, req *pb.RaiseCriticalValueRequest) (*pb.CriticalValue, error) {
	return criticalOr(s.Room.RaiseCritical(ctx, scopeOf(ctx), record.CaseID(req.GetCaseId()), req.GetFinding(), req.GetRequestId()))
}

func criticalOr(v reading.Critical, err error) (*pb.CriticalValue, error) {
	if err != nil {
		return nil, err
	}
	return criticalToPB(v), nil
}

func (s *readingServer) AcknowledgeCriticalValue(ctx context.Context, req *pb.AcknowledgeCriticalValueRequest) (*pb.CriticalValue, error) {
	return criticalOr(s.Room.AcknowledgeCritical(ctx, scopeOf(ctx), reading.CriticalID(req.GetCriticalValueId()), req.GetHandling()))
}

func (s *readingServer) DismissCriticalValue(ctx context.Context, req *pb.DismissCriticalValueRequest) (*pb.CriticalValue, error) {
	return criticalOr(s.Room.DismissCritical(ctx, scopeOf(ctx), reading.CriticalID(req.GetCriticalValueId()), req.GetReason()))
}

func (s *readingServer) NoteCriticalCall(ctx context.Context, req *pb.NoteCriticalCallRequest) (*pb.CriticalValue, error) {
	return criticalOr(s.Room.NoteCall(ctx, scopeOf(ctx), reading.CriticalID(req.GetCriticalValueId()), req.GetNote()))
}

func (s *readingServer) ListCriticalValues(ctx context.Context, req *pb.ListCriticalValuesRequest) (*pb.ListCriticalValuesResponse, error) {
	all, next, err := s.Room.Criticals(ctx, scopeOf(ctx), reading.CriticalFilter{
		OpenOnly: req.GetOpenOnly(), Case: record.CaseID(req.GetCaseId()),
		PageSize: pageSize(req.GetPageSize()), PageToken: req.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	return &pb.ListCriticalValuesResponse{CriticalValues: each(all, criticalToPB), NextPageToken: next}, nil
}

func (s *readingServer) WatchResults(req *pb.WatchResultsRequest, stream pb.ReadingService_WatchResultsServer) error {
	after, err := cursorOf(req.GetAfter())
	if err != nil {
		return err
	}
	ctx := stream.Context()
	return s.Room.WatchResults(ctx, scopeOf(ctx), after, func(c reading.ResultChange) error {
		return stream.Send(resultChangeToPB(c))
	})
}

func (s *readingServer) ListResultChanges(ctx context.Context, req *pb.ListResultChangesRequest) (*pb.ListResultChangesResponse, error) {
	after, err := cursorOf(req.GetAfter())
	if err != nil {
		return nil, err
	}
	all, next, err := s.Room.Results(ctx, scopeOf(ctx), after, pageSize(req.GetPageSize()))
	if err != nil {
		return nil, err
	}
	return &pb.ListResultChangesResponse{Changes: each(all, resultChangeToPB), NextAfter: cursor(next)}, nil
}

func caseToPB(c reading.Case) *pb.Case {
	return &pb.Case{
		CaseId: string(c.ID), Kind: centreKinds.out(c.Exam.Kind), CentreId: string(c.Exam.Centre),
		InstitutionId: string(c.Exam.Institution), ExamId: string(c.Exam.ID), PatientId: string(c.Exam.Patient),
		Identity: gradeToPB(c.Exam.Grade), PatientName: c.PatientName.Reveal(), PatientSex: sexToPB(c.PatientSex),
		PatientBirthDate: c.PatientBirthDate.String(), Modality: c.Exam.Modality, BodyPart: c.Exam.BodyPart, Title: c.Exam.Title,
		AccessionNumber: c.Exam.Accession, ClinicalInformation: c.ClinicalInfo, Priority: priorities.out(c.Exam.Priority),
		State: caseStates.out(c.State), HolderId: string(c.Holder), HolderName: c.HolderName,
		ClaimExpiresAt: instant(c.ClaimExpiresAt), PerformedAt: instant(c.Exam.PerformedAt), OpenedAt: instant(c.OpenedAt),
		DueAt: instant(c.DueAt), Overdue: c.Overdue, ReturnReason: c.ReturnReason, Priors: int32(c.Priors), Etag: c.Etag(),
		ReportId: string(c.Report), Incomplete: c.Incomplete(), Critical: c.Critical,
		Additions: c.Additions, CriticalUnacknowledged: c.Unacknowledged > 0, FirstContactAt: instant(c.Exam.FirstContactAt),
	}
}

func textFromPB(t *pb.ReportText) reading.Text {
	out := reading.Text{Findings: t.GetFindings(), Impression: t.GetImpression(), Positive: t.GetPositive(), Recommendation: t.GetRecommendation()}
	for _, c := range t.GetConclusions() {
		out.Conclusions = append(out.Conclusions, reading.Conclusion{Code: c.GetCode(), System: c.GetSystem(), Text: c.GetText()})
	}
	return out
}

func textToPB(t reading.Text) *pb.ReportText {
	return &pb.ReportText{
		Findings: t.Findings, Impression: t.Impression, Positive: t.Positive, Recommendation: t.Recommendation,
		Conclusions: each(t.Conclusions, func(c reading.Conclusion) *pb.CodedConclusion {
			return &pb.CodedConclusion{Code: c.Code, System: c.System, Text: c.Text}
		}),
	}
}

func draftToPB(d reading.Draft) *pb.Draft {
	return &pb.Draft{
		CaseId: string(d.Case), Number: int32(d.Number), Text: textToPB(d.Text), AuthorId: string(d.Author),
		AuthorName: d.AuthorName, SavedAt: instant(d.SavedAt),
	}
}

func reportToPB(r reading.Report) *pb.Report {
	return &pb.Report{
		ReportId: string(r.ID), CaseId: string(r.Case), ExamId: string(r.Exam.ID), PatientId: string(r.Exam.Patient),
		Version: int32(r.Version), Status: resultStates.out(r.Status), Text: textToPB(r.Text), AuthorId: string(r.Author),
		AuthorName: r.AuthorName, ReviewerId: string(r.Reviewer), ReviewerName: r.ReviewerName, SignedAt: instant(r.SignedAt),
		Sha256: r.SHA256, Reason: r.Reason,
	}
}

func criticalToPB(v reading.Critical) *pb.CriticalValue {
	return &pb.CriticalValue{
		CriticalValueId: string(v.ID), CaseId: string(v.Case), InstitutionId: string(v.Institution), PatientId: string(v.Patient),
		Finding: v.Finding, RaisedBy: v.RaisedByName, RaisedAt: instant(v.RaisedAt), DueAt: instant(v.DueAt),
		Acknowledged: v.Acknowledged(), AcknowledgedBy: v.AcknowledgedByName, AcknowledgedAt: instant(v.AcknowledgedAt),
		Handling: v.Handling, Escalations: int32(v.Escalations), Rule: v.Rule,
		DismissedAt: instant(v.DismissedAt), DismissedBy: v.DismissedByName, DismissReason: v.DismissReason,
		Calls: each(v.Calls, func(c reading.Call) *pb.CriticalCall {
			return &pb.CriticalCall{At: instant(c.At), By: c.ByName, Note: c.Note}
		}),
	}
}

func resultChangeToPB(c reading.ResultChange) *pb.ResultChange {
	out := &pb.ResultChange{Cursor: cursor(c.Seq), Act: c.Act, At: instant(c.At)}
	if c.Result != nil {
		out.Result = resultToPB(*c.Result)
	}
	if c.Report != nil {
		out.Report = reportToPB(*c.Report)
	}
	if c.Critical != nil {
		out.CriticalValue = criticalToPB(*c.Critical)
	}
	return out
}
