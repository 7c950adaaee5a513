// HR marks: who may be recognised for what, and where.

package gateway

import (
	"context"

	"github.com/lianzhen/lianzhen/authz/recognition"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

func (s *recognitionServer) ListMarks(ctx context.Context, _ *pb.ListMarksRequest) (*pb.ListMarksResponse, error) {
	marks, err := s.Desk.Marks(ctx, scopeOf(ctx))
	if err != nil {
		return nil, err
	}
	return &pb.ListMarksResponse{Marks: each(marks, markToPB)}, nil
}

func (s *recognitionServer) GrantMark(ctx context.Context, req *pb.GrantMarkRequest) (*pb.Mark, error) {
	m := req.GetMark()
	from, err := timeOf(m.GetFromAt())
	if err != nil {
		return nil, err
	}
	to, err := timeOf(m.GetToAt())
	if err != nil {
		return nil, err
	}
	return markOr(s.Desk.PutMark(ctx, scopeOf(ctx), recognition.Mark{
		Institution: record.InstitutionID(m.GetInstitutionId()), Item: m.GetItemCode(), Group: m.GetItemGroup(),
		Kind: centreKinds.in(m.GetKind()), Scope: m.GetScope(), From: from, To: to, Source: m.GetSource(),
	}))
}

func (s *recognitionServer) EndMark(ctx context.Context, req *pb.EndMarkRequest) (*pb.Mark, error) {
	at, err := timeOf(req.GetAt())
	if err != nil {
		return nil, err
	}
	if at.IsZero() {
		at = s.now()
	}
	return markOr(s.Desk.EndMark(ctx, scopeOf(ctx), recognition.MarkID(req.GetMarkId()), at))
}

func markOr(m recognition.Mark, err error) (*pb.Mark, error) {
	if err != nil {
		return nil, err
	}
	return markToPB(m), nil
}

func markToPB(m recognition.Mark) *pb.Mark {
	return &pb.Mark{
		MarkId: string(m.ID), InstitutionId: string(m.Institution), ItemCode: m.Item, ItemGroup: m.Group, Kind: centreKinds.out(m.Kind),
		Scope: m.Scope, FromAt: instant(m.From), ToAt: instant(m.To), Source: m.Source, Revoked: m.Revoked,
	}
}
