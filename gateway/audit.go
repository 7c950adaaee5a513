// AuditService: who did what, when, for what purpose, to whose data.

package gateway

import (
	"context"
	"strconv"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

type auditServer struct {
	pb.UnimplementedAuditServiceServer
	*Server
}

func (s *auditServer) ListEvents(ctx context.Context, req *pb.ListEventsRequest) (*pb.ListEventsResponse, error) {
	scope := scopeOf(ctx)
	f, err := eventFilter(req)
	if err != nil {
		return nil, err
	}
	f.Scope = &scope
	events, err := s.DB.Events(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &pb.ListEventsResponse{Events: each(events, eventToPB)}
	if len(events) == f.Limit {
		out.NextPageToken = pageToken(cursor(events[len(events)-1].Seq))
	}
	// Looking into the audit trail is itself an act on it.
	return out, s.DB.Note(ctx, record.Event{
		Act: "audit.read", Institution: scope.Actor.Institution, Kind: "search",
		Patient: f.Patient, Detail: map[string]string{"count": strconv.Itoa(len(events))},
	}.By(scope))
}

func eventFilter(req *pb.ListEventsRequest) (store.EventFilter, error) {
	f := store.EventFilter{
		Limit: pageSize(req.GetPageSize()), Acts: req.GetActs(), Institution: record.InstitutionID(req.GetInstitutionId()),
		Patient: record.PatientID(req.GetPatientId()), Object: req.GetObjectId(), Actor: req.GetActorId(),
		Desc: req.GetAfter() == "",
	}
	var err error
	if f.From, err = timeOf(req.GetFromAt()); err != nil {
		return f, err
	}
	if f.To, err = timeOf(req.GetToAt()); err != nil {
		return f, err
	}
	token, err := pageAfter(req.GetPageToken())
	if err != nil {
		return f, err
	}
	if token == "" {
		token = req.GetAfter()
	}
	f.After, err = cursorOf(token)
	return f, err
}

func (s *auditServer) VerifyEvents(ctx context.Context, _ *pb.VerifyEventsRequest) (*pb.VerifyEventsResponse, error) {
	proof, err := s.DB.VerifyEvents(ctx)
	out := &pb.VerifyEventsResponse{Intact: err == nil, Count: cursor(proof.Count), Head: proof.Head}
	switch {
	case record.KindOf(err) == record.Precondition:
		out.BrokenAt = record.Public(err)
	case err != nil:
		return nil, err
	}
	scope := scopeOf(ctx)
	return out, s.DB.Note(ctx, record.Event{
		Act: "audit.verified", Institution: scope.Actor.Institution, Kind: "events",
		Detail: map[string]string{"intact": strconv.FormatBool(out.Intact), "count": out.Count},
	}.By(scope))
}

func eventToPB(e record.Event) *pb.Event {
	return &pb.Event{
		Cursor: cursor(e.Seq), At: instant(e.At), Act: e.Act, ActorKind: string(e.Actor.Kind), ActorId: e.Actor.ID,
		ActorName: e.Actor.Display, ActorInstitutionId: string(e.Actor.Institution), Purpose: string(e.Purpose),
		InstitutionId: string(e.Institution), PatientId: string(e.Patient), ObjectKind: e.Kind, ObjectId: e.Object,
		Outcome: string(e.Outcome), Rule: e.Rule, Detail: e.Detail,
	}
}
