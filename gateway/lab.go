// LabService: results in, out, validated, compared.

package gateway

import (
	"context"
	"encoding/json"

	"google.golang.org/genproto/googleapis/api/httpbody"

	"github.com/lianzhen/lianzhen/lab"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

type labServer struct {
	pb.UnimplementedLabServiceServer
	*Server
}

// callerLink is a program or person of the API as the sender of a message.
func callerLink(ctx context.Context) lab.Link {
	a := callerOf(ctx).Actor
	return lab.Link{ID: a.ID, Name: a.Display}
}

func (s *labServer) SendLabResults(ctx context.Context, req *pb.SendLabResultsRequest) (*pb.StoredLabMessage, error) {
	sub, err := submissionFromPB(req)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(sub)
	if err != nil {
		return nil, err
	}
	st, err := s.Lab.Accept(ctx, scopeOf(ctx), lab.Source{Format: lab.JSON, Body: body, Link: callerLink(ctx)})
	return storedLabOr(st, err)
}

func (s *labServer) SendLabMessage(ctx context.Context, req *pb.SendLabMessageRequest) (*pb.StoredLabMessage, error) {
	format, ok := labFormats[req.GetFormat()]
	if !ok {
		return nil, record.Errorf(record.Invalid, "format: want hl7v2, astm, csv or xlsx")
	}
	link := callerLink(ctx)
	link.Profile = req.GetProfile()
	st, err := s.Lab.Accept(ctx, scopeOf(ctx), lab.Source{Format: format, Body: req.GetContent(), Link: link})
	return storedLabOr(st, err)
}

var labFormats = map[string]lab.Format{"hl7v2": lab.HL7, "astm": lab.ASTM, "csv": lab.Table, "xlsx": lab.Table}

func storedLabOr(st lab.Stored, err error) (*pb.StoredLabMessage, error) {
	if err != nil {
		return nil, err
	}
	return storedLabToPB(st), nil
}

func (s *labServer) SearchLabReports(ctx context.Context, req *pb.SearchLabReportsRequest) (*pb.SearchLabReportsResponse, error) {
	var at instants
	from, to := at.of(req.GetCollectedFrom()), at.of(req.GetCollectedTo())
	if at.err != nil {
		return nil, at.err
	}
	found, next, err := s.Lab.Find(ctx, scopeOf(ctx), lab.Query{
		Patient: record.PatientID(req.GetPatientId()), LocalNumber: req.GetLocalPatientNumber(), Name: req.GetPatientName(),
		Institution: record.InstitutionID(req.GetInstitutionId()), Laboratory: record.InstitutionID(req.GetLaboratoryId()), Barcode: req.GetBarcode(),
		Filler: req.GetFillerNumber(), Placer: req.GetPlacerNumber(), Status: labStatuses.in(req.GetStatus()), Analyte: req.GetAnalyte(),
		Waiting: req.GetWaiting(), Unmapped: req.GetUnmapped(), Critical: req.GetCritical(), From: from, To: to, Limit: pageSize(req.GetPageSize()),
		Page: req.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	return &pb.SearchLabReportsResponse{Reports: each(found, labReportToPB), NextPageToken: next}, nil
}

func labReportOr(k lab.Kept, err error) (*pb.LabReport, error) {
	if err != nil {
		return nil, err
	}
	return labReportToPB(k), nil
}

func (s *labServer) GetLabReport(ctx context.Context, req *pb.GetLabReportRequest) (*pb.LabReport, error) {
	view := map[pb.LabView]lab.View{pb.LabView_LAB_VIEW_WORKING: lab.Working, pb.LabView_LAB_VIEW_HISTORY: lab.History}[req.GetView()]
	scope := scopeOf(ctx)
	if view != lab.Shown {
		var err error
		if scope, err = s.labWorker(ctx); err != nil {
			return nil, err
		}
	}
	return labReportOr(s.Lab.Get(ctx, scope, labReportID(req.GetReportId()), view))
}

// labWorker refuses who may only see what is released, and gives the scope of who may see more: what is treated here and was measured elsewhere is
// not in it.
func (s *labServer) labWorker(ctx context.Context) (record.Scope, error) {
	c := callOf(ctx)
	ask := &call{id: c.id, method: c.method, remote: c.remote, rule: rule{kind: "lab", act: "write"}, ask: c.ask, caller: c.caller, log: c.log}
	return s.may(c.caller, ask)
}

// labReportID also takes the id of a shared result, which has the item behind that of its report.
func labReportID(id string) record.ExamID { return lab.ReportOf(record.ExamID(id)) }

func (s *labServer) RenderLabReport(ctx context.Context, req *pb.RenderLabReportRequest) (*httpbody.HttpBody, error) {
	b, err := s.Lab.Sheet(ctx, scopeOf(ctx), labReportID(req.GetReportId()), req.GetLanguage(), req.GetPaper())
	return bodyOr(b, "application/pdf", err)
}

func (s *labServer) ExportLabReport(ctx context.Context, req *pb.ExportLabReportRequest) (*httpbody.HttpBody, error) {
	return bodyOr(s.Lab.Export(ctx, scopeOf(ctx), labReportID(req.GetReportId()), req.GetFormat()))
}

func (s *labServer) ExportIsolates(ctx context.Context, req *pb.ExportIsolatesRequest) (*httpbody.HttpBody, error) {
	var at instants
	from, to := at.of(req.GetFrom()), at.of(req.GetTo())
	if at.err != nil {
		return nil, at.err
	}
	b, err := s.Lab.Isolates(ctx, scopeOf(ctx), lab.IsolateQuery{
		From: from, To: to, Institution: record.InstitutionID(req.GetInstitutionId()), Laboratory: record.InstitutionID(req.GetLaboratoryId()),
		All: req.GetAllIsolates(),
	})
	return bodyOr(b, "text/csv; charset=utf-8", err)
}

func (s *labServer) GetLabAttachment(ctx context.Context, req *pb.GetLabAttachmentRequest) (*httpbody.HttpBody, error) {
	return bodyOr(s.Lab.Attachment(ctx, scopeOf(ctx), labReportID(req.GetReportId()), req.GetRowId()))
}

func (s *labServer) DraftLabReport(ctx context.Context, req *pb.DraftLabReportRequest) (*pb.DraftLabReportResponse, error) {
	t, err := s.Lab.Draft(ctx, scopeOf(ctx), labReportID(req.GetReportId()), req.GetLanguage())
	if err != nil {
		return nil, err
	}
	return &pb.DraftLabReportResponse{Findings: t.Findings, Impression: t.Impression, Positive: t.Positive}, nil
}

func (s *labServer) ValidateLabRows(ctx context.Context, req *pb.ValidateLabRowsRequest) (*pb.LabReport, error) {
	act := lab.Validate
	switch req.GetAct() {
	case "", "validate":
	case "set-aside":
		act = lab.SetAside
	case "override":
		act = lab.Override
	default:
		return nil, record.Errorf(record.Invalid, "act: want validate, set-aside or override")
	}
	return labReportOr(s.Lab.ValidateRows(ctx, scopeOf(ctx), labReportID(req.GetReportId()), act, req.GetRowIds(), req.GetReason()))
}

func (s *labServer) ReleaseLabRows(ctx context.Context, req *pb.ReleaseLabRowsRequest) (*pb.LabReport, error) {
	return labReportOr(s.Lab.ValidateRows(ctx, scopeOf(ctx), labReportID(req.GetReportId()), lab.Release, req.GetRowIds(), ""))
}

func (s *labServer) WithdrawLabReport(ctx context.Context, req *pb.WithdrawLabReportRequest) (*pb.LabReport, error) {
	return labReportOr(s.Lab.WithdrawReport(ctx, scopeOf(ctx), labReportID(req.GetReportId()), req.GetReason()))
}

func (s *labServer) ListLabReportReaders(ctx context.Context, req *pb.ListLabReportReadersRequest) (*pb.ListLabReportReadersResponse, error) {
	all, err := s.Lab.Readers(ctx, scopeOf(ctx), labReportID(req.GetReportId()))
	if err != nil {
		return nil, err
	}
	return &pb.ListLabReportReadersResponse{Readers: each(all, readerToPB)}, nil
}

func (s *labServer) GetLabTrend(ctx context.Context, req *pb.GetLabTrendRequest) (*pb.LabTrend, error) {
	var at instants
	from, to := at.of(req.GetFrom()), at.of(req.GetTo())
	if at.err != nil {
		return nil, at.err
	}
	t, err := s.Lab.Trend(ctx, scopeOf(ctx), record.PatientID(req.GetPatientId()), req.GetAnalyte(), from, to)
	if err != nil {
		return nil, err
	}
	return &pb.LabTrend{Analyte: t.Analyte, Unit: t.Unit, Points: each(t.Points, trendPointToPB), Truncated: t.More}, nil
}

func (s *labServer) GetCumulativeReport(ctx context.Context, req *pb.GetCumulativeReportRequest) (*pb.CumulativeReport, error) {
	columns := int(req.GetReports())
	if columns == 0 {
		columns = 10
	}
	t, err := s.Lab.Cumulative(ctx, scopeOf(ctx), record.PatientID(req.GetPatientId()), columns)
	if err != nil {
		return nil, err
	}
	return &pb.CumulativeReport{Reports: each(t.Reports, labReportToPB), Lines: each(t.Lines, cumulativeLineToPB)}, nil
}

func (s *labServer) ListLabRecalls(ctx context.Context, req *pb.ListLabRecallsRequest) (*pb.ListLabRecallsResponse, error) {
	before, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	all, err := s.Lab.Recalls(ctx, scopeOf(ctx), req.GetIncludeAcknowledged(), before, size+1)
	if err != nil {
		return nil, err
	}
	page, next := cut(all, size, func(r lab.Recall) string { return r.ID })
	return &pb.ListLabRecallsResponse{Recalls: each(page, recallToPB), NextPageToken: next}, nil
}

func (s *labServer) AcknowledgeLabRecall(ctx context.Context, req *pb.AcknowledgeLabRecallRequest) (*pb.LabRecall, error) {
	r, err := s.Lab.AcknowledgeRecall(ctx, scopeOf(ctx), req.GetRecallId())
	if err != nil {
		return nil, err
	}
	return recallToPB(r), nil
}

func (s *labServer) ListLabChanges(ctx context.Context, req *pb.ListLabChangesRequest) (*pb.ListLabChangesResponse, error) {
	all, next, err := s.Lab.Changes(ctx, scopeOf(ctx), req.GetAfterSeq(), pageSize(req.GetPageSize()))
	if err != nil {
		return nil, err
	}
	return &pb.ListLabChangesResponse{Changes: each(all, labChangeToPB), NextSeq: next}, nil
}

func (s *labServer) WatchLabChanges(req *pb.WatchLabChangesRequest, stream pb.LabService_WatchLabChangesServer) error {
	ctx := stream.Context()
	return s.Lab.WatchChanges(ctx, scopeOf(ctx), req.GetAfterSeq(), func(c lab.Change) error { return stream.Send(labChangeToPB(c)) })
}

func (s *labServer) ListLabQuarantine(ctx context.Context, req *pb.ListLabQuarantineRequest) (*pb.ListLabQuarantineResponse, error) {
	after, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	all, err := s.Lab.ListQuarantine(ctx, scopeOf(ctx), store.QuarantineID(after), size+1, req.GetIncludeResolved())
	if err != nil {
		return nil, err
	}
	page, next := cut(all, size, func(q lab.Quarantined) string { return string(q.ID) })
	return &pb.ListLabQuarantineResponse{Messages: each(page, quarantinedLabToPB), NextPageToken: next}, nil
}

func (s *labServer) ResolveLabQuarantine(ctx context.Context, req *pb.ResolveLabQuarantineRequest) (*pb.QuarantinedLabMessage, error) {
	q, err := s.Lab.ResolveQuarantined(ctx, scopeOf(ctx), store.QuarantineID(req.GetQuarantineId()), req.GetNote(), req.GetRetry())
	if err != nil {
		return nil, err
	}
	return quarantinedLabToPB(q), nil
}

func (s *labServer) ListParkedResults(ctx context.Context, req *pb.ListParkedResultsRequest) (*pb.ListParkedResultsResponse, error) {
	after, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	all, err := s.Lab.ListParked(ctx, scopeOf(ctx), after, size+1)
	if err != nil {
		return nil, err
	}
	page, next := cut(all, size, lab.Parked.Cursor)
	return &pb.ListParkedResultsResponse{Results: each(page, parkedToPB), NextPageToken: next}, nil
}
