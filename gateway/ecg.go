// EcgService: send, find, look, compare.

package gateway

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg"
	"github.com/lianzhen/lianzhen/ecg/conclusion"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/measure"
	"github.com/lianzhen/lianzhen/ecg/paper"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

// wantsFile is the header by which a sender that announced a SHA-256 knows, before the answer, that its bytes are wanted.
const wantsFile = "x-wants-file"

type ecgServer struct {
	pb.UnimplementedEcgServiceServer
	*Server
}

// UploadTracing takes one file: first what it is for, then its bytes.
func (s *ecgServer) UploadTracing(stream pb.EcgService_UploadTracingServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	b := first.GetBegin()
	if b == nil {
		return record.Errorf(record.Invalid, "the first message says what the file is for")
	}
	said, err := saidFromPB(b)
	if err != nil {
		return err
	}
	size := b.GetSize()
	if size == 0 {
		size = -1
	}
	if b.GetSha256() != "" { // a sender that sends again is spared the bytes
		kept, err := s.ECG.Have(stream.Context(), scopeOf(stream.Context()), b.GetSha256())
		switch {
		case err != nil:
			return err
		case kept.Already:
			return stream.SendAndClose(storedTracingToPB(kept))
		}
		_ = stream.SendHeader(metadata.Pairs(wantsFile, "1")) // it may have waited for this
	}
	in := &tracingStream{stream: stream}
	stored, err := s.ECG.Accept(stream.Context(), scopeOf(stream.Context()), ecg.Source{Reader: in, Size: size, SHA256: b.GetSha256(), Said: said})
	s.metrics.received("grpc", float64(in.n), err)
	if err != nil {
		return err
	}
	return stream.SendAndClose(storedTracingToPB(stored))
}

// tracingStream reads the bytes behind the first message.
type tracingStream struct {
	stream pb.EcgService_UploadTracingServer
	left   []byte
	n      int64
}

func (r *tracingStream) Read(b []byte) (int, error) {
	for len(r.left) == 0 {
		m, err := r.stream.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return 0, io.EOF
			}
			return 0, record.Wrap(record.Unavailable, err, "the file did not arrive whole; send it again")
		}
		if m.GetBegin() != nil {
			return 0, record.Errorf(record.Invalid, "a stream carries one file")
		}
		r.left = m.GetData()
		r.n += int64(len(r.left))
	}
	n := copy(b, r.left)
	r.left = r.left[n:]
	return n, nil
}

func saidFromPB(b *pb.UploadTracingBegin) (ecg.Said, error) {
	var at instants
	said := ecg.Said{
		LocalID: record.Personal(b.GetLocalPatientNumber()), Name: record.Personal(strings.TrimSpace(b.GetPatientName())), Sex: sexes.in(b.GetPatientSex()),
		Accession: b.GetAccessionNumber(), Priority: priorityFromPB(b.GetPriority()), ClinicalInfo: b.GetClinicalInformation(),
		FirstContactAt: at.of(b.GetFirstContactAt()),
	}
	err := at.err
	if err != nil {
		return said, err
	}
	if n := b.GetIdentityNumber(); n != "" {
		if said.IDNumber, err = record.ParseIDNumber(n); err != nil {
			return said, err
		}
	}
	if d := b.GetPatientBirthDate(); d != "" {
		if said.BirthDate, err = record.ParseDate(d); err != nil {
			return said, record.Errorf(record.Invalid, "patient_birth_date: no such day")
		}
	}
	return said, nil
}

func storedTracingToPB(st ecg.Stored) *pb.StoredTracing {
	return &pb.StoredTracing{
		TracingId: string(st.Tracing), CaseId: string(st.Case), PatientId: string(st.Patient), AlreadyStored: st.Already, Format: st.Format,
		Warnings: each(st.Warnings, tracingWarningToPB), Alarms: st.Alarms, AnalysisPending: st.Pending,
	}
}

func tracingWarningToPB(w tracing.Warning) *pb.TracingWarning {
	return &pb.TracingWarning{Code: string(w.Code), Detail: w.Detail}
}

// instants reads several instants and remembers the first that is none.
type instants struct{ err error }

func (i *instants) of(t *timestamppb.Timestamp) time.Time {
	at, err := timeOf(t)
	if i.err == nil {
		i.err = err
	}
	return at
}

func (s *ecgServer) SearchTracings(ctx context.Context, req *pb.SearchTracingsRequest) (*pb.SearchTracingsResponse, error) {
	kind := map[pb.TracingKind]string{pb.TracingKind_TRACING_KIND_RESTING: "resting", pb.TracingKind_TRACING_KIND_AMBULATORY: "ambulatory"}[req.GetKind()]
	var at instants
	from, to := at.of(req.GetRecordedFrom()), at.of(req.GetRecordedTo())
	if at.err != nil {
		return nil, at.err
	}
	found, next, err := s.ECG.Find(ctx, scopeOf(ctx), ecg.Query{
		Patient: record.PatientID(req.GetPatientId()), LocalNumber: req.GetLocalPatientNumber(), Name: req.GetPatientName(),
		Institution: record.InstitutionID(req.GetInstitutionId()), Accession: req.GetAccessionNumber(),
		From: from, To: to, Finding: finding.Code(req.GetFinding()), Kind: kind,
		Limit: pageSize(req.GetPageSize()), Page: req.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	return &pb.SearchTracingsResponse{Tracings: each(found, tracingRowToPB), NextPageToken: next}, nil
}

func (s *ecgServer) GetTracing(ctx context.Context, req *pb.GetTracingRequest) (*pb.Tracing, error) {
	t, err := s.ECG.Get(ctx, scopeOf(ctx), record.ExamID(req.GetTracingId()))
	return s.tracingOr(ctx, t, err)
}

func (s *ecgServer) SetPathway(ctx context.Context, req *pb.SetPathwayRequest) (*pb.Tracing, error) {
	var at instants
	contact, p := at.of(req.GetFirstContactAt()), ecg.Pathway{
		DoorInAt: at.of(req.GetDoorInAt()), DoorOutAt: at.of(req.GetDoorOutAt()), NeedleAt: at.of(req.GetNeedleAt()),
		OnsetAt: at.of(req.GetOnsetAt()), PCIDoorAt: at.of(req.GetPciDoorAt()), WireAt: at.of(req.GetWireAt()), TroponinAt: at.of(req.GetTroponinAt()),
	}
	if at.err != nil {
		return nil, at.err
	}
	t, err := s.ECG.SetPathway(ctx, scopeOf(ctx), record.ExamID(req.GetTracingId()), contact, p)
	return s.tracingOr(ctx, t, err)
}

func (s *ecgServer) tracingOr(ctx context.Context, t ecg.Kept, err error) (*pb.Tracing, error) {
	if err != nil {
		return nil, err
	}
	clocks, err := s.ECG.Clocks(ctx, t)
	if err != nil {
		return nil, err
	}
	buttons, err := s.ECG.Buttons(ctx, t)
	if err != nil {
		return nil, err
	}
	out := tracingToPB(t)
	out.Clocks, out.Buttons = each(clocks, clockToPB), each(buttons, alarmToPB)
	return out, nil
}

func (s *ecgServer) FetchTracing(req *pb.FetchTracingRequest, stream pb.EcgService_FetchTracingServer) error {
	ctx := stream.Context()
	_, body, err := s.ECG.File(ctx, scopeOf(ctx), record.ExamID(req.GetTracingId()), 0)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	buf := make([]byte, chunkBytes) // Send has written it out before it returns
	for {
		n, err := io.ReadFull(body, buf)
		if n > 0 {
			if err := stream.Send(&pb.TracingChunk{Data: buf[:n]}); err != nil {
				return err
			}
			s.metrics.bytes.WithLabelValues("grpc", "out").Add(float64(n))
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *ecgServer) GetSamples(ctx context.Context, req *pb.GetSamplesRequest) (*httpbody.HttpBody, error) {
	b, err := s.ECG.Samples(ctx, scopeOf(ctx), record.ExamID(req.GetTracingId()), millis(req.GetFromMs()), millis(req.GetForMs()))
	return bodyOr(b, paper.SamplesType, err)
}

func millis(ms int64) time.Duration {
	return time.Duration(min(ms, int64(100*24*time.Hour/time.Millisecond))) * time.Millisecond
}

func bodyOr(b []byte, contentType string, err error) (*httpbody.HttpBody, error) {
	if err != nil {
		return nil, err
	}
	return &httpbody.HttpBody{ContentType: contentType, Data: b}, nil
}

func (s *ecgServer) RenderTracing(ctx context.Context, req *pb.RenderTracingRequest) (*httpbody.HttpBody, error) {
	opt, err := sheetOptions(req)
	if err != nil {
		return nil, err
	}
	return bodyOr(s.ECG.Sheet(ctx, scopeOf(ctx), record.ExamID(req.GetTracingId()), ecg.SheetRequest{
		Format: req.GetFormat(), Options: opt, Language: paper.Language(req.GetLanguage()), DPI: int(req.GetDpi()), From: millis(req.GetFromMs()),
	}))
}

// sheetOptions refuses words that are not known: a layout that silently is another one misleads.
func sheetOptions(req *pb.RenderTracingRequest) (paper.Options, error) {
	opt := paper.Options{SpeedMMs: req.GetSpeedMmS(), GainMMmV: req.GetGainMmMv(), Cabrera: req.GetCabrera(), Layout: paper.Layout(req.GetLayout())}
	if opt.Layout != "" && !slices.Contains(paper.Layouts, opt.Layout) {
		return opt, record.Errorf(record.Invalid, "layout: want one of %v", paper.Layouts)
	}
	if l := req.GetRhythmLead(); l != "" {
		if opt.RhythmLead = tracing.LeadNamed(l); opt.RhythmLead == "" {
			return opt, record.Errorf(record.Invalid, "rhythm_lead: not the name of a lead")
		}
	}
	for f := range strings.SplitSeq(req.GetFilter(), ",") {
		switch strings.TrimSpace(f) {
		case "":
		case "highpass-0.05":
			opt.Filter.HighPassHz = 0.05
		case "highpass-0.67":
			opt.Filter.HighPassHz = 0.67
		case "lowpass-40":
			opt.Filter.LowPassHz = 40
		case "lowpass-100":
			opt.Filter.LowPassHz = 100
		case "lowpass-150":
			opt.Filter.LowPassHz = 150
		case "notch-50":
			opt.Filter.NotchHz = 50
		default:
			return opt, record.Errorf(record.Invalid, "filter: not one of highpass-0.05 highpass-0.67 lowpass-40 lowpass-100 lowpass-150 notch-50")
		}
	}
	return opt, nil
}

func (s *ecgServer) ExportTracing(ctx context.Context, req *pb.ExportTracingRequest) (*httpbody.HttpBody, error) {
	return bodyOr(s.ECG.Export(ctx, scopeOf(ctx), record.ExamID(req.GetTracingId()), req.GetFormat()))
}

func (s *ecgServer) CompareTracings(ctx context.Context, req *pb.CompareTracingsRequest) (*pb.TracingComparison, error) {
	x, err := s.ECG.Compare(ctx, scopeOf(ctx), record.ExamID(req.GetTracingId()), record.ExamID(req.GetWithTracingId()))
	if err != nil {
		return nil, err
	}
	return comparisonToPB(x, req.GetLanguage()), nil
}

func (s *ecgServer) DraftConclusions(ctx context.Context, req *pb.DraftConclusionsRequest) (*pb.DraftConclusionsResponse, error) {
	all, err := s.ECG.Draft(ctx, scopeOf(ctx), record.ExamID(req.GetTracingId()), req.GetLanguage())
	if err != nil {
		return nil, err
	}
	return &pb.DraftConclusionsResponse{Conclusions: each(all, draftItemToPB), DecisionSupport: true}, nil
}

func (s *ecgServer) GetAmbulatorySummary(ctx context.Context, req *pb.GetAmbulatorySummaryRequest) (*pb.AmbulatorySummary, error) {
	t, sum, err := s.ECG.Summary(ctx, scopeOf(ctx), record.ExamID(req.GetTracingId()))
	if err != nil {
		return nil, err
	}
	return summaryToPB(t, sum), nil
}

func (s *ecgServer) AssignTracing(ctx context.Context, req *pb.AssignTracingRequest) (*pb.AssignTracingResponse, error) {
	said, err := saidFromPB(&pb.UploadTracingBegin{
		LocalPatientNumber: req.GetLocalPatientNumber(), PatientName: req.GetPatientName(), IdentityNumber: req.GetIdentityNumber(),
		PatientBirthDate: req.GetPatientBirthDate(), PatientSex: req.GetPatientSex(),
	})
	if err != nil {
		return nil, err
	}
	a, err := s.ECG.Assign(ctx, scopeOf(ctx), record.ExamID(req.GetTracingId()), ecg.Identity{
		LocalID: said.LocalID, Name: said.Name, IDNumber: said.IDNumber, BirthDate: said.BirthDate, Sex: said.Sex,
	}, req.GetReason())
	t, err := s.tracingOr(ctx, a.Kept, err)
	if err != nil {
		return nil, err
	}
	return &pb.AssignTracingResponse{Tracing: t, ReportWithdrawn: a.ReportWithdrawn}, nil
}

func (s *ecgServer) ListTracingReaders(ctx context.Context, req *pb.ListTracingReadersRequest) (*pb.ListTracingReadersResponse, error) {
	all, err := s.ECG.Readers(ctx, scopeOf(ctx), record.ExamID(req.GetTracingId()))
	if err != nil {
		return nil, err
	}
	return &pb.ListTracingReadersResponse{Readers: each(all, readerToPB)}, nil
}

func (s *ecgServer) ListConclusions(ctx context.Context, req *pb.ListConclusionsRequest) (*pb.ListConclusionsResponse, error) {
	found := conclusion.Search(req.GetQuery(), req.GetLanguage())
	found = found[:min(len(found), pageSize(req.GetPageSize()))]
	out := &pb.ListConclusionsResponse{Conclusions: each(found, statementToPB)}
	var measured *measure.Result
	if id := req.GetTracingId(); id != "" {
		t, err := s.ECG.Get(ctx, scopeOf(ctx), record.ExamID(id))
		if err != nil {
			return nil, err
		}
		measured = t.Result()
	}
	out.Templates = each(conclusion.Templates(), func(t conclusion.Template) *pb.EcgTemplate {
		return &pb.EcgTemplate{Key: t.Key, ShortCode: t.Short, Text: t.Text(measured, req.GetLanguage()), Codes: t.Codes}
	})
	return out, nil
}

func (s *ecgServer) GetCriticalRules(ctx context.Context, req *pb.GetCriticalRulesRequest) (*pb.CriticalRules, error) {
	r, err := s.ECG.CriticalRules(ctx, scopeOf(ctx), record.CentreID(req.GetCentreId()))
	if err != nil {
		return nil, err
	}
	return rulesToPB(r, nil), nil
}

// trialLimit: a dry run asks about every tracing of many days.
const trialLimit = 9 * time.Minute

func (s *ecgServer) UpdateCriticalRules(ctx context.Context, req *pb.UpdateCriticalRulesRequest) (*pb.CriticalRules, error) {
	days := int(req.GetDays())
	if days == 0 {
		days = 30
	}
	r, trials, err := s.ECG.UpdateRules(ctx, scopeOf(ctx), ecg.Rules{Centre: record.CentreID(req.GetCentreId()), YAML: req.GetYaml(), Reason: req.GetReason()},
		int(req.GetBaseNumber()), req.GetDryRun(), days)
	if err != nil {
		return nil, err
	}
	return rulesToPB(r, trials), nil
}

func rulesToPB(r ecg.Rules, trials []ecg.Trial) *pb.CriticalRules {
	return &pb.CriticalRules{
		CentreId: string(r.Centre), Version: r.Version, Number: int32(r.Number), Yaml: r.YAML, RecordedAt: instant(r.RecordedAt),
		RecordedBy: r.RecordedBy, Reason: r.Reason, Trials: each(trials, func(t ecg.Trial) *pb.RuleTrial {
			return &pb.RuleTrial{RuleId: t.Rule, Tracings: int64(t.Tracings), WouldRaise: int64(t.Would), DidRaise: int64(t.Raised)}
		}),
	}
}

func (s *ecgServer) ListTracingQuarantine(ctx context.Context, req *pb.ListTracingQuarantineRequest) (*pb.ListTracingQuarantineResponse, error) {
	after, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	all, err := s.ECG.Quarantine(ctx, scopeOf(ctx), ecg.QuarantineID(after), size+1, req.GetIncludeResolved())
	if err != nil {
		return nil, err
	}
	all, next := cut(all, size, func(q ecg.Quarantined) string { return string(q.ID) })
	return &pb.ListTracingQuarantineResponse{Files: each(all, quarantinedTracingToPB), NextPageToken: next}, nil
}

func (s *ecgServer) ResolveTracingQuarantine(ctx context.Context, req *pb.ResolveTracingQuarantineRequest) (*pb.QuarantinedTracing, error) {
	q, err := s.ECG.ResolveQuarantine(ctx, scopeOf(ctx), ecg.QuarantineID(req.GetQuarantineId()), req.GetNote())
	if err != nil {
		return nil, err
	}
	return quarantinedTracingToPB(q), nil
}

func quarantinedTracingToPB(q ecg.Quarantined) *pb.QuarantinedTracing {
	return &pb.QuarantinedTracing{
		QuarantineId: string(q.ID), InstitutionId: string(q.Institution), Reason: q.Reason, Size: q.Size, Sha256: q.SHA256,
		ReceivedAt: instant(q.ReceivedAt), Resolution: q.Resolution, ResolvedBy: q.ResolvedBy,
	}
}
