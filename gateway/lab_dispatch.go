// LabDispatchService: results on their way back to who ordered them, orders on their way to who measures.

package gateway

import (
	"context"
	"strconv"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/lianzhen/lianzhen/lab/dispatch"
	"github.com/lianzhen/lianzhen/lab/specimen"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

type labDispatchServer struct {
	pb.UnimplementedLabDispatchServiceServer
	*Server
}

var (
	subscriptionKinds = words[dispatch.Kind, pb.LabSubscriptionKind]{
		{dispatch.MLLP, pb.LabSubscriptionKind_LAB_SUBSCRIPTION_KIND_MLLP}, {dispatch.Webhook, pb.LabSubscriptionKind_LAB_SUBSCRIPTION_KIND_WEBHOOK},
	}
	deliveryStates = words[dispatch.State, pb.LabDeliveryState]{
		{dispatch.Waiting, pb.LabDeliveryState_LAB_DELIVERY_STATE_WAITING},
		{dispatch.Pending, pb.LabDeliveryState_LAB_DELIVERY_STATE_PENDING},
		{dispatch.Refused, pb.LabDeliveryState_LAB_DELIVERY_STATE_REFUSED},
		{dispatch.Stuck, pb.LabDeliveryState_LAB_DELIVERY_STATE_STUCK},
		{dispatch.Delivered, pb.LabDeliveryState_LAB_DELIVERY_STATE_DELIVERED},
		{dispatch.Skipped, pb.LabDeliveryState_LAB_DELIVERY_STATE_SKIPPED},
	}
)

func subscriptionFromPB(m *pb.LabSubscription) dispatch.Subscription {
	version, _ := strconv.Atoi(m.GetEtag()) // one that is not ours is none that there is
	return dispatch.Subscription{
		ID: dispatch.SubscriptionID(m.GetSubscriptionId()), Institution: record.InstitutionID(m.GetInstitutionId()), Kind: subscriptionKinds.in(m.GetKind()),
		Name: m.GetName(), Endpoint: m.GetEndpoint(), TLS: m.GetTls(), Authority: m.GetAuthority(), Profile: m.GetProfile(), Thin: m.GetThin(),
		Elsewhere: m.GetElsewhere(), Preliminary: m.GetPreliminary(), Orders: m.GetOrders(), Results: m.GetResults(),
		Active: m.GetActive(), Version: version,
	}
}

func subscriptionToPB(s dispatch.Subscription) *pb.LabSubscription {
	return &pb.LabSubscription{
		SubscriptionId: string(s.ID), InstitutionId: string(s.Institution), Kind: subscriptionKinds.out(s.Kind), Name: s.Name, Endpoint: s.Endpoint, Tls: s.TLS,
		Authority: s.Authority, Profile: s.Profile, Thin: s.Thin, Elsewhere: s.Elsewhere, Preliminary: s.Preliminary, Orders: s.Orders, Results: s.Results,
		Active: s.Active, Etag: strconv.Itoa(s.Version), CreatedBy: string(s.CreatedBy), CreatedByName: s.CreatedByName, CreatedAt: instant(s.CreatedAt),
		ChangedAt: instant(s.ChangedAt), Stuck: s.Stuck, Tries: int32(s.Tries), FailingSince: instant(s.FailingSince), NextAt: instant(s.NextAt),
		Trouble: s.Trouble, DeliveredAt: instant(s.DeliveredAt), Open: int32(s.Open), Attention: int32(s.Attention),
	}
}

func subscriptionOr(s dispatch.Subscription, err error) (*pb.LabSubscription, error) {
	if err != nil {
		return nil, err
	}
	return subscriptionToPB(s), nil
}

func secretOr(s dispatch.Subscription, secret string, err error) (*pb.LabSubscriptionSecret, error) {
	if err != nil {
		return nil, err
	}
	return &pb.LabSubscriptionSecret{Subscription: subscriptionToPB(s), Secret: secret}, nil
}

func (s *labDispatchServer) CreateLabSubscription(ctx context.Context, req *pb.CreateLabSubscriptionRequest) (*pb.LabSubscriptionSecret, error) {
	return secretOr(s.Dispatch.Subscribe(ctx, scopeOf(ctx), subscriptionFromPB(req.GetSubscription())))
}

func (s *labDispatchServer) ListLabSubscriptions(ctx context.Context, req *pb.ListLabSubscriptionsRequest) (*pb.ListLabSubscriptionsResponse, error) {
	after, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	all, err := s.Dispatch.Subscriptions(ctx, scopeOf(ctx), dispatch.SubscriptionID(after), size+1)
	if err != nil {
		return nil, err
	}
	page, next := cut(all, size, func(s dispatch.Subscription) string { return string(s.ID) })
	return &pb.ListLabSubscriptionsResponse{Subscriptions: each(page, subscriptionToPB), NextPageToken: next}, nil
}

func (s *labDispatchServer) GetLabSubscription(ctx context.Context, req *pb.GetLabSubscriptionRequest) (*pb.LabSubscription, error) {
	return subscriptionOr(s.Dispatch.Subscription(ctx, scopeOf(ctx), dispatch.SubscriptionID(req.GetSubscriptionId())))
}

func (s *labDispatchServer) UpdateLabSubscription(ctx context.Context, req *pb.UpdateLabSubscriptionRequest) (*pb.LabSubscriptionSecret, error) {
	return secretOr(s.Dispatch.Update(ctx, scopeOf(ctx), subscriptionFromPB(req.GetSubscription()), req.GetNewSecret()))
}

func (s *labDispatchServer) DeleteLabSubscription(ctx context.Context, req *pb.DeleteLabSubscriptionRequest) (*pb.LabSubscription, error) {
	return subscriptionOr(s.Dispatch.Unsubscribe(ctx, scopeOf(ctx), dispatch.SubscriptionID(req.GetSubscriptionId())))
}

func (s *labDispatchServer) TestLabSubscription(ctx context.Context, req *pb.TestLabSubscriptionRequest) (*pb.TestLabSubscriptionResponse, error) {
	p, err := s.Dispatch.Probe(ctx, scopeOf(ctx), dispatch.SubscriptionID(req.GetSubscriptionId()))
	if err != nil {
		return nil, err
	}
	return &pb.TestLabSubscriptionResponse{Answered: p.Answered, Code: p.Code, Text: p.Text, Took: durationpb.New(p.Took)}, nil
}

func (s *labDispatchServer) ResumeLabSubscription(ctx context.Context, req *pb.ResumeLabSubscriptionRequest) (*pb.LabSubscription, error) {
	return subscriptionOr(s.Dispatch.Resume(ctx, scopeOf(ctx), dispatch.SubscriptionID(req.GetSubscriptionId())))
}

func deliveryToPB(d dispatch.Delivery) *pb.LabDelivery {
	return &pb.LabDelivery{
		DeliveryId: string(d.ID), SubscriptionId: string(d.Subscription), InstitutionId: string(d.Institution), ReportId: string(d.Report),
		PatientId: string(d.Patient), Act: d.Act, Version: int32(d.Version), SentVersion: int32(d.SentVersion), State: deliveryStates.out(d.State),
		Attempts: int32(d.Attempts), FailingSince: instant(d.FailingSince), NextAt: instant(d.NextAt), Code: d.Code, Error: d.Error, Reason: d.Reason,
		DecidedBy: string(d.DecidedBy), CreatedAt: instant(d.CreatedAt), AttemptedAt: instant(d.AttemptedAt), EndedAt: instant(d.EndedAt),
		OrderId: string(d.Order()),
	}
}

func deliveryOr(d dispatch.Delivery, err error) (*pb.LabDelivery, error) {
	if err != nil {
		return nil, err
	}
	return deliveryToPB(d), nil
}

func (s *labDispatchServer) ListLabDeliveries(ctx context.Context, req *pb.ListLabDeliveriesRequest) (*pb.ListLabDeliveriesResponse, error) {
	before, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	all, err := s.Dispatch.Deliveries(ctx, scopeOf(ctx), dispatch.Filter{
		Subscription: dispatch.SubscriptionID(req.GetSubscriptionId()), Report: record.ExamID(req.GetReportId()),
		Order: specimen.OrderID(req.GetOrderId()), State: deliveryStates.in(req.GetState()),
		Attention: req.GetAttention(), Before: dispatch.DeliveryID(before), Limit: size + 1,
	})
	if err != nil {
		return nil, err
	}
	page, next := cut(all, size, func(d dispatch.Delivery) string { return string(d.ID) })
	return &pb.ListLabDeliveriesResponse{Deliveries: each(page, deliveryToPB), NextPageToken: next}, nil
}

func (s *labDispatchServer) RetryLabDelivery(ctx context.Context, req *pb.RetryLabDeliveryRequest) (*pb.LabDelivery, error) {
	return deliveryOr(s.Dispatch.Retry(ctx, scopeOf(ctx), dispatch.DeliveryID(req.GetDeliveryId())))
}

func (s *labDispatchServer) SkipLabDelivery(ctx context.Context, req *pb.SkipLabDeliveryRequest) (*pb.LabDelivery, error) {
	return deliveryOr(s.Dispatch.Skip(ctx, scopeOf(ctx), dispatch.DeliveryID(req.GetDeliveryId()), req.GetReason()))
}
