// ExchangeService: what goes to other DICOM applications and comes from them.

package gateway

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/exchange"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

// Devices finds registered devices with what they may do themselves, for exchange.Options: C-MOVE, transfers and routes
// have this one rule.
func Devices(book *authz.Book, guard *authz.Guard) func(context.Context, string) (exchange.Device, error) {
	return func(ctx context.Context, aeTitle string) (exchange.Device, error) {
		d, err := book.Device(ctx, aeTitle)
		if err != nil {
			return exchange.Device{}, err
		}
		out := exchange.Device{Peer: exchange.Peer{AETitle: d.AETitle, Address: d.Address}, Institution: d.Institution}
		for act, scope := range map[string]*record.Scope{"read": &out.Read, "write": &out.Write} {
			*scope, err = guard.Admit(d.Caller(), "imaging", act, "", "")
			if err != nil && record.KindOf(err) != record.Denied { // denied: the empty scope
				return exchange.Device{}, err
			}
		}
		return out, nil
	}
}

type exchangeServer struct {
	pb.UnimplementedExchangeServiceServer
	*Server
}

var (
	transferKinds = words[exchange.Kind, pb.TransferKind]{
		{exchange.Forwards, pb.TransferKind_TRANSFER_KIND_FORWARD}, {exchange.Fetches, pb.TransferKind_TRANSFER_KIND_FETCH},
	}
	transferStates = words[exchange.State, pb.TransferState]{
		{exchange.Queued, pb.TransferState_TRANSFER_STATE_QUEUED},
		{exchange.Running, pb.TransferState_TRANSFER_STATE_RUNNING},
		{exchange.Committing, pb.TransferState_TRANSFER_STATE_COMMITTING},
		{exchange.Done, pb.TransferState_TRANSFER_STATE_DONE},
		{exchange.Failed, pb.TransferState_TRANSFER_STATE_FAILED},
		{exchange.Cancelled, pb.TransferState_TRANSFER_STATE_CANCELLED},
	}
	queryModels = words[exchange.Model, pb.QueryModel]{
		{exchange.StudyRoot, pb.QueryModel_QUERY_MODEL_STUDY_ROOT}, {exchange.PatientRoot, pb.QueryModel_QUERY_MODEL_PATIENT_ROOT},
	}
)

func (s *exchangeServer) EchoDevice(ctx context.Context, req *pb.EchoDeviceRequest) (*pb.EchoDeviceResponse, error) {
	e, err := s.Exchange.Echo(ctx, scopeOf(ctx), req.GetAeTitle())
	if err != nil {
		return nil, err
	}
	return &pb.EchoDeviceResponse{
		Answered: e.Trouble == exchange.NoTrouble, Trouble: string(e.Trouble), Text: e.Text, Took: durationpb.New(e.Took), Implementation: e.Implementation,
	}, nil
}

func (s *exchangeServer) QueryDevice(ctx context.Context, req *pb.QueryDeviceRequest) (*pb.QueryDeviceResponse, error) {
	from, err := record.ParseDate(req.GetDateFrom())
	if err != nil {
		return nil, err
	}
	to, err := record.ParseDate(req.GetDateTo())
	if err != nil {
		return nil, err
	}
	found, more, err := s.Exchange.QueryPeer(ctx, scopeOf(ctx), req.GetAeTitle(), exchange.PeerQuery{
		PatientNumber: record.Personal(req.GetPatientNumber()), PatientName: record.Personal(req.GetPatientName()),
		Study: dicomUID(req.GetStudyInstanceUid()), Accession: req.GetAccessionNumber(), From: from, To: to, Modality: req.GetModality(),
		Model: queryModels.in(req.GetModel()), Limit: int(req.GetLimit()),
	})
	if err != nil {
		return nil, err
	}
	return &pb.QueryDeviceResponse{Studies: each(found, deviceStudyToPB), More: more}, nil
}

func (s *exchangeServer) FetchFromDevice(ctx context.Context, req *pb.FetchFromDeviceRequest) (*pb.Transfer, error) {
	return transferOr(s.Exchange.Fetch(ctx, scopeOf(ctx), exchange.FetchRequest{
		From: req.GetAeTitle(), PatientNumber: record.Personal(req.GetPatientNumber()), Study: dicomUID(req.GetStudyInstanceUid()),
		Modality: req.GetModality(), Model: queryModels.in(req.GetModel()), Priority: priorityFromPB(req.GetPriority()),
	}))
}

func (s *exchangeServer) ForwardStudy(ctx context.Context, req *pb.ForwardStudyRequest) (*pb.Transfer, error) {
	scope := scopeOf(ctx)
	st, err := s.Imaging.Study(ctx, scope, record.ExamID(req.GetStudyId()))
	if err != nil {
		return nil, err
	}
	objects := []imaging.UIDs{{Study: dicomUID(st.UID)}}
	if series := req.GetSeriesInstanceUids(); len(series) > 0 {
		objects = each(series, func(uid string) imaging.UIDs { return imaging.UIDs{Study: dicomUID(st.UID), Series: dicomUID(uid)} })
	}
	all, err := s.Exchange.Forward(ctx, scope, exchange.ForwardRequest{
		Objects: objects, Institution: st.Institution, To: req.GetAeTitle(), Priority: priorityFromPB(req.GetPriority()), Commit: req.GetCommitment(),
	})
	if err != nil {
		return nil, err
	}
	return transferToPB(all[0]), nil // of one institution there is one
}

func (s *exchangeServer) ListTransfers(ctx context.Context, req *pb.ListTransfersRequest) (*pb.ListTransfersResponse, error) {
	before, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	list, err := s.Exchange.Transfers(ctx, scopeOf(ctx), exchange.TransferFilter{
		States: each(req.GetStates(), transferStates.in), Kind: transferKinds.in(req.GetKind()), AETitle: req.GetAeTitle(),
		Study: record.ExamID(req.GetStudyId()), Institution: record.InstitutionID(req.GetInstitutionId()),
		Before: exchange.TransferID(before), Limit: size + 1,
	})
	if err != nil {
		return nil, err
	}
	page, next := cut(list, size, func(t exchange.Transfer) string { return string(t.ID) })
	return &pb.ListTransfersResponse{Transfers: each(page, transferToPB), NextPageToken: next}, nil
}

func (s *exchangeServer) GetTransfer(ctx context.Context, req *pb.GetTransferRequest) (*pb.Transfer, error) {
	return transferOr(s.Exchange.Transfer(ctx, scopeOf(ctx), exchange.TransferID(req.GetTransferId())))
}

func (s *exchangeServer) CancelTransfer(ctx context.Context, req *pb.CancelTransferRequest) (*pb.Transfer, error) {
	return transferOr(s.Exchange.Cancel(ctx, scopeOf(ctx), exchange.TransferID(req.GetTransferId())))
}

func (s *exchangeServer) RetryTransfer(ctx context.Context, req *pb.RetryTransferRequest) (*pb.Transfer, error) {
	return transferOr(s.Exchange.Retry(ctx, scopeOf(ctx), exchange.TransferID(req.GetTransferId())))
}

func (s *exchangeServer) ListRoutes(ctx context.Context, req *pb.ListRoutesRequest) (*pb.ListRoutesResponse, error) {
	after, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	list, err := s.Exchange.Routes(ctx, scopeOf(ctx), exchange.RouteID(after), size+1)
	if err != nil {
		return nil, err
	}
	page, next := cut(list, size, func(r exchange.Route) string { return string(r.ID) })
	return &pb.ListRoutesResponse{Routes: each(page, routeToPB), NextPageToken: next}, nil
}

func (s *exchangeServer) CreateRoute(ctx context.Context, req *pb.CreateRouteRequest) (*pb.Route, error) {
	in := req.GetRoute()
	return routeOr(s.Exchange.CreateRoute(ctx, scopeOf(ctx), exchange.Route{
		Institution: record.InstitutionID(in.GetInstitutionId()), Modality: in.GetModality(), AETitle: in.GetAeTitle(),
		Priority: priorityFromPB(in.GetPriority()), Commit: in.GetCommitment(),
	}))
}

func (s *exchangeServer) DeleteRoute(ctx context.Context, req *pb.DeleteRouteRequest) (*pb.Route, error) {
	return routeOr(s.Exchange.DeleteRoute(ctx, scopeOf(ctx), exchange.RouteID(req.GetRouteId())))
}

func transferOr(t exchange.Transfer, err error) (*pb.Transfer, error) {
	if err != nil {
		return nil, err
	}
	return transferToPB(t), nil
}

func routeOr(r exchange.Route, err error) (*pb.Route, error) {
	if err != nil {
		return nil, err
	}
	return routeToPB(r), nil
}

func transferToPB(t exchange.Transfer) *pb.Transfer {
	out := &pb.Transfer{
		TransferId: string(t.ID), Kind: transferKinds.out(t.Kind), State: transferStates.out(t.State), InstitutionId: string(t.Institution),
		StudyId: string(t.Study), AeTitle: t.AETitle, RouteId: string(t.Route), Priority: priorities.out(t.Priority), Commitment: t.Commit,
		Total: int32(t.Total), Sent: int32(t.Sent), Committed: int32(t.Committed), Refused: int32(t.Refused), Failed: int32(t.Failed),
		Tries: int32(t.Tries), Reason: t.Reason, CreatedAt: instant(t.CreatedAt), ChangedAt: instant(t.ChangedAt), EndedAt: instant(t.EndedAt),
	}
	if t.State == exchange.Queued {
		out.NextAt = instant(t.NextAt)
	}
	return out
}

func routeToPB(r exchange.Route) *pb.Route {
	return &pb.Route{
		RouteId: string(r.ID), InstitutionId: string(r.Institution), Modality: r.Modality, AeTitle: r.AETitle, Priority: priorities.out(r.Priority),
		Commitment: r.Commit, CreatedAt: instant(r.CreatedAt),
	}
}

func deviceStudyToPB(p exchange.PeerStudy) *pb.DeviceStudy {
	return &pb.DeviceStudy{
		StudyInstanceUid: string(p.Study), PatientNumber: p.PatientNumber.Reveal(), PatientName: p.PatientName.Reveal(), BirthDate: p.BirthDate,
		Sex: p.Sex, StudyDate: p.Date, StudyTime: p.Time, AccessionNumber: p.Accession, Description: p.Description, Modalities: p.Modalities,
		Series: int32(p.Series), Instances: int32(p.Instances),
	}
}
