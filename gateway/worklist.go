// WorklistService: orders of examinations and when they are to be made.

package gateway

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/lianzhen/lianzhen/imaging/worklist"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

type worklistServer struct {
	pb.UnimplementedWorklistServiceServer
	*Server
}

var (
	orderStates = words[worklist.OrderStatus, pb.OrderStatus]{
		{worklist.OrderScheduled, pb.OrderStatus_ORDER_STATUS_SCHEDULED},
		{worklist.OrderInProgress, pb.OrderStatus_ORDER_STATUS_IN_PROGRESS},
		{worklist.OrderCompleted, pb.OrderStatus_ORDER_STATUS_COMPLETED},
		{worklist.OrderCancelled, pb.OrderStatus_ORDER_STATUS_CANCELLED},
	}
	stepStates = words[worklist.StepStatus, pb.StepStatus]{
		{worklist.StepScheduled, pb.StepStatus_STEP_STATUS_SCHEDULED},
		{worklist.StepArrived, pb.StepStatus_STEP_STATUS_ARRIVED},
		{worklist.StepReady, pb.StepStatus_STEP_STATUS_READY},
		{worklist.StepStarted, pb.StepStatus_STEP_STATUS_STARTED},
		{worklist.StepCompleted, pb.StepStatus_STEP_STATUS_COMPLETED},
		{worklist.StepDiscontinued, pb.StepStatus_STEP_STATUS_DISCONTINUED},
	}
)

func orderOr(o worklist.Order, err error) (*pb.ImagingOrder, error) {
	if err != nil {
		return nil, err
	}
	return orderToPB(o), nil
}

func (s *worklistServer) CreateOrder(ctx context.Context, req *pb.CreateOrderRequest) (*pb.ImagingOrder, error) {
	o, err := orderFromPB(req.GetOrder())
	if err != nil {
		return nil, err
	}
	return orderOr(s.Worklist.Create(ctx, scopeOf(ctx), o))
}

func (s *worklistServer) GetOrder(ctx context.Context, req *pb.GetOrderRequest) (*pb.ImagingOrder, error) {
	return orderOr(s.Worklist.Order(ctx, scopeOf(ctx), worklist.OrderID(req.GetImagingOrderId())))
}

func (s *worklistServer) ListOrders(ctx context.Context, req *pb.ListOrdersRequest) (*pb.ListOrdersResponse, error) {
	from, err := record.ParseDate(req.GetDateFrom())
	if err != nil {
		return nil, err
	}
	to, err := record.ParseDate(req.GetDateTo())
	if err != nil {
		return nil, err
	}
	found, next, err := s.Worklist.Orders(ctx, scopeOf(ctx), worklist.OrderFilter{
		From: from, To: to, Modalities: req.GetModalities(), Station: req.GetStation(),
		Statuses: each(req.GetStatuses(), stepStates.in), Accession: req.GetAccessionNumber(), Study: req.GetStudyInstanceUid(),
		LocalNumber: req.GetLocalPatientNumber(), Name: record.Personal(req.GetPatientName()), Patient: record.PatientID(req.GetPatientId()),
		Institution: record.InstitutionID(req.GetInstitutionId()), Limit: pageSize(req.GetPageSize()), Page: req.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	return &pb.ListOrdersResponse{Orders: each(found, orderToPB), NextPageToken: next}, nil
}

// orderPaths are what an update may name: a field, or one inside procedure, its code, or visit.
var orderPaths = []string{
	"placer_order_number", "procedure", "priority", "reason", "referring_physician", "requesting_physician", "requesting_service", "visit",
}

func (s *worklistServer) UpdateOrder(ctx context.Context, req *pb.UpdateOrderRequest) (*pb.ImagingOrder, error) {
	news := req.GetOrder()
	paths := slices.DeleteFunc(slices.Clone(req.GetUpdateMask().GetPaths()), func(p string) bool { return p == "imaging_order_id" || p == "etag" })
	if len(paths) == 0 {
		return nil, record.Errorf(record.Invalid, "update_mask: names nothing to update")
	}
	for _, p := range paths {
		first, _, _ := strings.Cut(p, ".")
		if !slices.Contains(orderPaths, first) || !copyPath(new(pb.ImagingOrder).ProtoReflect(), news.ProtoReflect(), p) {
			return nil, record.Errorf(record.Invalid, "update_mask: want %s", strings.Join(orderPaths, ", "))
		}
	}
	return orderOr(s.Worklist.Update(ctx, scopeOf(ctx), worklist.OrderID(news.GetImagingOrderId()), news.GetEtag(), func(o *worklist.Order) {
		now := orderToPB(*o)
		for _, p := range paths {
			copyPath(now.ProtoReflect(), news.ProtoReflect(), p)
		}
		if edited, err := orderFromPB(now); err == nil {
			edited.Version, *o = o.Version, edited
		}
	}))
}

// copyPath copies the field that a path of a mask names; false when there is none.
func copyPath(to, from protoreflect.Message, path string) bool {
	name, rest, deeper := strings.Cut(path, ".")
	f := to.Descriptor().Fields().ByName(protoreflect.Name(name))
	switch {
	case f == nil, deeper && (f.Message() == nil || f.IsList()):
		return false
	case deeper:
		return copyPath(to.Mutable(f).Message(), from.Get(f).Message(), rest)
	case from.Has(f):
		to.Set(f, from.Get(f))
	default:
		to.Clear(f)
	}
	return true
}

func (s *worklistServer) CancelOrder(ctx context.Context, req *pb.CancelOrderRequest) (*pb.ImagingOrder, error) {
	return orderOr(s.Worklist.Cancel(ctx, scopeOf(ctx), worklist.OrderID(req.GetImagingOrderId()), req.GetEtag(), req.GetReason()))
}

func (s *worklistServer) RescheduleStep(ctx context.Context, req *pb.RescheduleStepRequest) (*pb.ImagingOrder, error) {
	start, err := timeOf(req.GetStartAt())
	if err != nil {
		return nil, err
	}
	return orderOr(s.Worklist.Reschedule(ctx, scopeOf(ctx), worklist.OrderID(req.GetImagingOrderId()), worklist.StepID(req.GetStepId()), req.GetEtag(),
		worklist.Appointment{
			StartAt: start, Modality: req.GetModality(), Stations: req.GetStationAeTitles(), StationName: req.GetStationName(),
			Performing: record.Personal(req.GetPerformingPhysician()), Location: req.GetLocation(), Status: stepStates.in(req.GetStatus()),
		}))
}

func codeFromPB(c *pb.CodedEntry) worklist.Code {
	return worklist.Code{Value: c.GetValue(), Scheme: c.GetScheme(), Meaning: c.GetMeaning()}
}

func codeToPB(c worklist.Code) *pb.CodedEntry {
	if c == (worklist.Code{}) {
		return nil
	}
	return &pb.CodedEntry{Value: c.Value, Scheme: c.Scheme, Meaning: c.Meaning}
}

func orderFromPB(m *pb.ImagingOrder) (o worklist.Order, err error) {
	p, v := m.GetProcedure(), m.GetVisit()
	o = worklist.Order{
		Institution: record.InstitutionID(m.GetInstitutionId()), Accession: m.GetAccessionNumber(), Study: dicomUID(m.GetStudyInstanceUid()),
		Placer: m.GetPlacerOrderNumber(), Priority: priorityFromPB(m.GetPriority()), Reason: m.GetReason(),
		Referring: record.Personal(m.GetReferringPhysician()), Requesting: record.Personal(m.GetRequestingPhysician()), Service: m.GetRequestingService(),
		Procedure: worklist.Procedure{ID: p.GetNumber(), Description: p.GetDescription(), Code: codeFromPB(p.GetCode()), Comments: p.GetComments()},
		Visit: worklist.Visit{
			Number: v.GetVisitNumber(), Location: v.GetLocation(), State: v.GetState(), SpecialNeeds: v.GetSpecialNeeds(),
			Alerts: v.GetAlerts(), Allergies: v.GetAllergies(), Pregnancy: int(v.GetPregnancyStatus()), WeightKg: v.GetWeightKg(),
		},
	}
	if o.Who, err = orderPatient(m.GetPatient()); err != nil {
		return o, err
	}
	for _, st := range m.GetSteps() {
		start, err := timeOf(st.GetStartAt())
		if err != nil {
			return o, err
		}
		o.Steps = append(o.Steps, worklist.Step{
			Number: st.GetNumber(), Modality: st.GetModality(), Stations: st.GetStationAeTitles(), StationName: st.GetStationName(), StartAt: start,
			Description: st.GetDescription(), Protocol: codeFromPB(st.GetProtocol()), Performing: record.Personal(st.GetPerformingPhysician()),
			Location: st.GetLocation(), ContrastAgent: st.GetContrastAgent(), PreMedication: st.GetPreMedication(), Comments: st.GetComments(),
			Status: stepStates.in(st.GetStatus()),
		})
	}
	return o, nil
}

func orderPatient(m *pb.OrderPatient) (d record.Demographics, err error) {
	d = record.Demographics{
		LocalID: record.Personal(m.GetLocalPatientNumber()), Name: record.Personal(m.GetPatientName()), Latin: record.Personal(m.GetLatinName()),
		Sex: sexes.in(m.GetSex()),
	}
	if d.BirthDate, err = record.ParseDate(m.GetBirthDate()); err == nil && m.GetIdentityNumber() != "" {
		d.IDNumber, err = record.ParseIDNumber(m.GetIdentityNumber())
	}
	return d, err
}

func orderToPB(o worklist.Order) *pb.ImagingOrder {
	return &pb.ImagingOrder{
		ImagingOrderId: string(o.ID), InstitutionId: string(o.Institution), PatientId: string(o.Patient), Identity: gradeToPB(o.Grade),
		Patient: &pb.OrderPatient{
			LocalPatientNumber: o.Who.LocalID.Reveal(), PatientName: o.Who.Name.Reveal(), LatinName: o.Who.Latin.Reveal(),
			BirthDate: o.Who.BirthDate.String(), Sex: sexToPB(o.Who.Sex),
		},
		AccessionNumber: o.Accession, StudyInstanceUid: string(o.Study), PlacerOrderNumber: o.Placer,
		Procedure: &pb.RequestedProcedure{
			Number: o.Procedure.ID, Description: o.Procedure.Description, Code: codeToPB(o.Procedure.Code), Comments: o.Procedure.Comments,
		},
		Priority: priorities.out(o.Priority), Reason: o.Reason, ReferringPhysician: o.Referring.Reveal(),
		RequestingPhysician: o.Requesting.Reveal(), RequestingService: o.Service,
		Visit: &pb.OrderVisit{
			VisitNumber: o.Visit.Number, Location: o.Visit.Location, State: o.Visit.State, SpecialNeeds: o.Visit.SpecialNeeds,
			Alerts: o.Visit.Alerts, Allergies: o.Visit.Allergies, PregnancyStatus: int32(o.Visit.Pregnancy), WeightKg: o.Visit.WeightKg,
		},
		Steps: each(o.Steps, stepToPB), Status: orderStates.out(o.Status), CancelReason: o.CancelReason,
		CreatedAt: instant(o.CreatedAt), ChangedAt: instant(o.ChangedAt), Etag: o.Etag(),
	}
}

func stepToPB(st worklist.Step) *pb.ScheduledStep {
	return &pb.ScheduledStep{
		StepId: string(st.ID), Number: st.Number, Modality: st.Modality, StationAeTitles: st.Stations, StationName: st.StationName,
		StartAt: instant(st.StartAt), Description: st.Description, Protocol: codeToPB(st.Protocol), PerformingPhysician: st.Performing.Reveal(),
		Location: st.Location, ContrastAgent: st.ContrastAgent, PreMedication: st.PreMedication, Comments: st.Comments, Status: stepStates.out(st.Status),
	}
}
