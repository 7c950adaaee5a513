// LabQualityService, first part: control materials, plans, targets and points.

package gateway

import (
	"context"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/lab/westgard"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

type labQualityServer struct {
	pb.UnimplementedLabQualityServiceServer
	*Server
}

// laboratoryOf is the laboratory that a request names, or the caller's own institution.
func laboratoryOf(ctx context.Context, id string) record.InstitutionID {
	if id == "" {
		return scopeOf(ctx).Actor.Institution
	}
	return record.InstitutionID(id)
}

func seriesOf(ctx context.Context, laboratory, device, analyte string) quality.Series {
	return quality.Series{Laboratory: laboratoryOf(ctx, laboratory), Device: device, Analyte: analyte}
}

func seriesFromPB(ctx context.Context, m *pb.ControlSeries) quality.Series {
	return seriesOf(ctx, m.GetLaboratoryId(), m.GetDevice(), m.GetAnalyte())
}

// pageOf asks for one row more than the page has, so that one sees whether there is a next.
func pageOf(token string, size int32) (store.Page, error) {
	after, err := pageAfter(token)
	return store.Page{After: after, Limit: pageSize(size) + 1}, err
}

// decimalOf reads a decimal of a request; nil for an empty one.
func decimalOf(field, s string) (*apd.Decimal, error) {
	if s == "" {
		return nil, nil
	}
	d, err := observation.ParseNumber(s)
	if err != nil {
		return nil, record.Errorf(record.Invalid, "%s: want a decimal number", field)
	}
	return d, nil
}

func (s *labQualityServer) ListControlRules(context.Context, *pb.ListControlRulesRequest) (*pb.ListControlRulesResponse, error) {
	return &pb.ListControlRulesResponse{Rules: each(westgard.Rules(), controlRuleToPB)}, nil
}

func (s *labQualityServer) CreateControlMaterial(ctx context.Context, req *pb.CreateControlMaterialRequest) (*pb.ControlMaterial, error) {
	m := req.GetMaterial()
	made, err := s.Quality.AddMaterial(ctx, scopeOf(ctx), quality.Material{
		Laboratory: laboratoryOf(ctx, m.GetLaboratoryId()), Name: m.GetName(), Manufacturer: m.GetManufacturer(), Matrix: m.GetMatrix(),
	})
	if err != nil {
		return nil, err
	}
	return controlMaterialToPB(made), nil
}

func (s *labQualityServer) ListControlMaterials(ctx context.Context, req *pb.ListControlMaterialsRequest) (*pb.ListControlMaterialsResponse, error) {
	page, err := pageOf(req.GetPageToken(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	found, err := s.Quality.Materials(ctx, scopeOf(ctx), record.InstitutionID(req.GetLaboratoryId()), page)
	if err != nil {
		return nil, err
	}
	found, next := cut(found, page.Limit-1, func(m quality.Material) string { return string(m.ID) })
	return &pb.ListControlMaterialsResponse{Materials: each(found, controlMaterialToPB), NextPageToken: next}, nil
}

func (s *labQualityServer) CreateControlLot(ctx context.Context, req *pb.CreateControlLotRequest) (*pb.ControlLot, error) {
	l, err := controlLotFromPB(ctx, req.GetLot())
	if err != nil {
		return nil, err
	}
	return controlLotOr(s.Quality.AddLot(ctx, scopeOf(ctx), l))
}

func (s *labQualityServer) UpdateControlLot(ctx context.Context, req *pb.UpdateControlLotRequest) (*pb.ControlLot, error) {
	names, err := masked(req.GetUpdateMask(), "lot_id", "levels", "expires_on", "opened_at", "open_days", "closed_at")
	if err != nil {
		return nil, err
	}
	news, err := controlLotFromPB(ctx, req.GetLot())
	if err != nil {
		return nil, err
	}
	return controlLotOr(s.Quality.UpdateLot(ctx, scopeOf(ctx), news.ID, func(l *quality.Lot) {
		for field, set := range map[string]func(){
			"levels": func() { l.Levels = news.Levels }, "expires_on": func() { l.ExpiresOn = news.ExpiresOn },
			"opened_at": func() { l.OpenedAt = news.OpenedAt }, "open_days": func() { l.OpenDays = news.OpenDays },
			"closed_at": func() { l.ClosedAt = news.ClosedAt },
		} {
			if names(field) {
				set()
			}
		}
	}))
}

func (s *labQualityServer) ListControlLots(ctx context.Context, req *pb.ListControlLotsRequest) (*pb.ListControlLotsResponse, error) {
	page, err := pageOf(req.GetPageToken(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	found, err := s.Quality.Lots(ctx, scopeOf(ctx), record.InstitutionID(req.GetLaboratoryId()), req.GetOpenOnly(), page)
	if err != nil {
		return nil, err
	}
	found, next := cut(found, page.Limit-1, func(l quality.Lot) string { return string(l.ID) })
	return &pb.ListControlLotsResponse{Lots: each(found, controlLotToPB), NextPageToken: next}, nil
}

func (s *labQualityServer) SetControlPlan(ctx context.Context, req *pb.SetControlPlanRequest) (*pb.ControlPlan, error) {
	of := seriesFromPB(ctx, req.GetPlan().GetSeries())
	p, err := controlPlanFromPB(req.GetPlan())
	if err != nil {
		return nil, err
	}
	if p, err = s.Quality.SetPlan(ctx, scopeOf(ctx), of, p); err != nil {
		return nil, err
	}
	return controlPlanToPB(of, p), nil
}

func (s *labQualityServer) GetControlPlan(ctx context.Context, req *pb.GetControlPlanRequest) (*pb.ControlPlan, error) {
	of := seriesOf(ctx, req.GetLaboratoryId(), req.GetDevice(), req.GetAnalyte())
	p, err := s.Quality.PlanOf(ctx, scopeOf(ctx), of)
	if err != nil {
		return nil, err
	}
	return controlPlanToPB(of, p), nil
}

func (s *labQualityServer) SetControlTarget(ctx context.Context, req *pb.SetControlTargetRequest) (*pb.ControlTarget, error) {
	m := req.GetTarget()
	mean, err := decimalOf("mean", m.GetMean())
	if err != nil {
		return nil, err
	}
	sd, err := decimalOf("sd", m.GetSd())
	if err != nil {
		return nil, err
	}
	from, err := timeOf(m.GetFromAt())
	if err != nil {
		return nil, err
	}
	return controlTargetOr(s.Quality.SetTarget(ctx, scopeOf(ctx), quality.Target{
		Of: seriesFromPB(ctx, m.GetSeries()), Level: m.GetLevel(), Lot: quality.LotID(m.GetLotId()), Mean: mean, SD: sd, Unit: m.GetUnit(),
		From: from, Reason: m.GetReason(),
	}))
}

func (s *labQualityServer) EstablishControlTarget(ctx context.Context, req *pb.EstablishControlTargetRequest) (*pb.ControlTarget, error) {
	return controlTargetOr(s.Quality.Establish(ctx, scopeOf(ctx), quality.Target{
		Of: seriesFromPB(ctx, req.GetSeries()), Level: req.GetLevel(), Lot: quality.LotID(req.GetLotId()), Source: targetSources.in(req.GetSource()),
		Reason: req.GetReason(),
	}))
}

func (s *labQualityServer) ListControlTargets(ctx context.Context, req *pb.ListControlTargetsRequest) (*pb.ListControlTargetsResponse, error) {
	found, err := s.Quality.Targets(ctx, scopeOf(ctx), seriesOf(ctx, req.GetLaboratoryId(), req.GetDevice(), req.GetAnalyte()))
	if err != nil {
		return nil, err
	}
	return &pb.ListControlTargetsResponse{Targets: each(found, controlTargetToPB)}, nil
}

func (s *labQualityServer) EnterControlPoint(ctx context.Context, req *pb.EnterControlPointRequest) (*pb.ControlPoint, error) {
	e, err := controlEntryFromPB(ctx, req.GetEntry())
	if err != nil {
		return nil, err
	}
	points, err := s.Quality.Enter(ctx, scopeOf(ctx), e.Of.Laboratory, []quality.Entry{e})
	if err != nil {
		return nil, err
	}
	return controlPointToPB(points[0]), nil
}

func (s *labQualityServer) BatchEnterControlPoints(ctx context.Context, req *pb.BatchEnterControlPointsRequest) (*pb.BatchEnterControlPointsResponse, error) {
	laboratory := laboratoryOf(ctx, req.GetLaboratoryId())
	var entries []quality.Entry
	for _, m := range req.GetEntries() {
		e, err := controlEntryFromPB(ctx, m)
		if err != nil {
			return nil, err
		}
		if m.GetSeries().GetLaboratoryId() != "" && e.Of.Laboratory != laboratory {
			return nil, record.Errorf(record.Invalid, "entries: one is of another laboratory")
		}
		entries = append(entries, e)
	}
	points, err := s.Quality.Enter(ctx, scopeOf(ctx), laboratory, entries)
	if err != nil {
		return nil, err
	}
	return &pb.BatchEnterControlPointsResponse{Points: each(points, controlPointToPB), Runs: each(quality.Runs(points), controlRunToPB)}, nil
}

func (s *labQualityServer) GetControlPoint(ctx context.Context, req *pb.GetControlPointRequest) (*pb.ControlPoint, error) {
	return controlPointOr(s.Quality.Point(ctx, scopeOf(ctx), quality.PointID(req.GetPointId())))
}

func (s *labQualityServer) VoidControlPoint(ctx context.Context, req *pb.VoidControlPointRequest) (*pb.ControlPoint, error) {
	return controlPointOr(s.Quality.Void(ctx, scopeOf(ctx), quality.PointID(req.GetPointId()), req.GetReason()))
}

func controlLotOr(l quality.Lot, err error) (*pb.ControlLot, error) {
	if err != nil {
		return nil, err
	}
	return controlLotToPB(l), nil
}

func controlTargetOr(t quality.Target, err error) (*pb.ControlTarget, error) {
	if err != nil {
		return nil, err
	}
	return controlTargetToPB(t), nil
}

func controlPointOr(p quality.Point, err error) (*pb.ControlPoint, error) {
	if err != nil {
		return nil, err
	}
	return controlPointToPB(p), nil
}
