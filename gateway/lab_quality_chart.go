// LabQualityService, second part: charts, states, holds, actions, strays, months.

package gateway

import (
	"context"
	"time"

	"github.com/lianzhen/lianzhen/lab/quality"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

func (s *labQualityServer) GetLeveyJennings(ctx context.Context, req *pb.GetLeveyJenningsRequest) (*pb.LeveyJennings, error) {
	page, err := pageOf(req.GetPageToken(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	var at instants
	f := quality.LeveyFilter{
		Of: seriesOf(ctx, req.GetLaboratoryId(), req.GetDevice(), req.GetAnalyte()), Level: req.GetLevel(), Lot: quality.LotID(req.GetLotId()),
		From: at.of(req.GetFromAt()), To: at.of(req.GetToAt()), Voided: req.GetVoided(), Page: page,
	}
	if at.err != nil {
		return nil, at.err
	}
	c, err := s.Quality.Levey(ctx, scopeOf(ctx), f)
	if err != nil {
		return nil, err
	}
	points, next := cut(c.Points, page.Limit-1, func(p quality.Point) string { return string(p.ID) })
	return &pb.LeveyJennings{
		Points: each(points, controlPointToPB), Targets: each(c.Targets, controlTargetToPB), Lots: each(c.Lots, controlLotToPB),
		Actions: each(c.Actions, controlActionToPB), Runs: each(quality.Runs(points), controlRunToPB), NextPageToken: next,
	}, nil
}

func (s *labQualityServer) ListControlStates(ctx context.Context, req *pb.ListControlStatesRequest) (*pb.ListControlStatesResponse, error) {
	after, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	lines, next, err := s.Quality.Board(ctx, scopeOf(ctx), quality.BoardFilter{
		Laboratory: record.InstitutionID(req.GetLaboratoryId()), Device: req.GetDevice(), Analyte: req.GetAnalyte(),
		Internal: each(req.GetInternal(), controlVerdicts.in), Page: store.Page{After: after, Limit: pageSize(req.GetPageSize())},
	})
	if err != nil {
		return nil, err
	}
	return &pb.ListControlStatesResponse{States: each(lines, controlLineToPB), NextPageToken: tokenOf(next)}, nil
}

func (s *labQualityServer) GetControlState(ctx context.Context, req *pb.GetControlStateRequest) (*pb.ControlState, error) {
	of := seriesOf(ctx, req.GetLaboratoryId(), req.GetDevice(), req.GetAnalyte())
	var times instants
	at, known := times.of(req.GetAt()), times.of(req.GetKnownAt())
	if times.err != nil {
		return nil, times.err
	}
	if !scopeOf(ctx).Reaches(of.Laboratory) {
		return nil, record.Errorf(record.NotFound, "no such series")
	}
	if at.IsZero() {
		at = s.now()
	}
	if known.IsZero() {
		known = at
	}
	st, err := s.Quality.StateKnown(ctx, s.DB, of, at, known)
	if err != nil {
		return nil, err
	}
	return controlStateToPB(of, st), nil
}

func (s *labQualityServer) ListControlHolds(ctx context.Context, req *pb.ListControlHoldsRequest) (*pb.ListControlHoldsResponse, error) {
	page, err := pageOf(req.GetPageToken(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	found, err := s.Quality.Holds(ctx, scopeOf(ctx), quality.HoldFilter{
		Laboratory: record.InstitutionID(req.GetLaboratoryId()), Device: req.GetDevice(), Analyte: req.GetAnalyte(), Waiting: req.GetWaiting(), Page: page,
	})
	if err != nil {
		return nil, err
	}
	found, next := cut(found, page.Limit-1, func(h quality.Hold) string { return string(h.ID) })
	return &pb.ListControlHoldsResponse{Holds: each(found, controlHoldToPB), NextPageToken: next}, nil
}

func (s *labQualityServer) DecideControlHold(ctx context.Context, req *pb.DecideControlHoldRequest) (*pb.ControlHold, error) {
	h, err := s.Quality.Rule(ctx, scopeOf(ctx), quality.HoldID(req.GetHoldId()), holdDecisions.in(req.GetDecision()), req.GetReason())
	if err != nil {
		return nil, err
	}
	return controlHoldToPB(h), nil
}

func (s *labQualityServer) LogControlAction(ctx context.Context, req *pb.LogControlActionRequest) (*pb.ControlAction, error) {
	m := req.GetAction()
	at, err := timeOf(m.GetAt())
	if err != nil {
		return nil, err
	}
	a, err := s.Quality.Log(ctx, scopeOf(ctx), quality.Action{
		Of: seriesFromPB(ctx, m.GetSeries()), Hold: quality.HoldID(m.GetHoldId()), Point: quality.PointID(m.GetPointId()), At: at,
		Cause: m.GetCause(), Correction: m.GetCorrection(), Comment: m.GetComment(), Restart: m.GetRestart(),
	})
	if err != nil {
		return nil, err
	}
	return controlActionToPB(a), nil
}

func (s *labQualityServer) ListControlActions(ctx context.Context, req *pb.ListControlActionsRequest) (*pb.ListControlActionsResponse, error) {
	page, err := pageOf(req.GetPageToken(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	var at instants
	f := quality.ActionFilter{
		Laboratory: record.InstitutionID(req.GetLaboratoryId()), Device: req.GetDevice(), Analyte: req.GetAnalyte(), Hold: quality.HoldID(req.GetHoldId()),
		From: at.of(req.GetFromAt()), To: at.of(req.GetToAt()), Page: page,
	}
	if at.err != nil {
		return nil, at.err
	}
	found, err := s.Quality.Actions(ctx, scopeOf(ctx), f)
	if err != nil {
		return nil, err
	}
	found, next := cut(found, page.Limit-1, func(a quality.Action) string { return string(a.ID) })
	return &pb.ListControlActionsResponse{Actions: each(found, controlActionToPB), NextPageToken: next}, nil
}

func (s *labQualityServer) ListStrayControls(ctx context.Context, req *pb.ListStrayControlsRequest) (*pb.ListStrayControlsResponse, error) {
	page, err := pageOf(req.GetPageToken(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	found, err := s.Quality.Strays(ctx, scopeOf(ctx), record.InstitutionID(req.GetLaboratoryId()), req.GetWaiting(), page)
	if err != nil {
		return nil, err
	}
	found, next := cut(found, page.Limit-1, func(t quality.Stray) string { return string(t.ID) })
	return &pb.ListStrayControlsResponse{Strays: each(found, strayControlToPB), NextPageToken: next}, nil
}

func (s *labQualityServer) EnterStrayControl(ctx context.Context, req *pb.EnterStrayControlRequest) (*pb.StrayControl, error) {
	return strayControlOr(s.Quality.EnterStray(ctx, scopeOf(ctx), quality.StrayID(req.GetStrayId()), req.GetAnalyte(), req.GetLevel(),
		quality.LotID(req.GetLotId()), req.GetUnit()))
}

func (s *labQualityServer) DismissStrayControl(ctx context.Context, req *pb.DismissStrayControlRequest) (*pb.StrayControl, error) {
	return strayControlOr(s.Quality.DismissStray(ctx, scopeOf(ctx), quality.StrayID(req.GetStrayId()), req.GetReason()))
}

func strayControlOr(t quality.Stray, err error) (*pb.StrayControl, error) {
	if err != nil {
		return nil, err
	}
	return strayControlToPB(t), nil
}

func (s *labQualityServer) ListControlMonths(ctx context.Context, req *pb.ListControlMonthsRequest) (*pb.ListControlMonthsResponse, error) {
	after, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	month, err := time.Parse("2006-01", req.GetMonth())
	if err != nil {
		return nil, record.Errorf(record.Invalid, "month: want YYYY-MM")
	}
	found, next, err := s.Quality.Months(ctx, scopeOf(ctx), quality.MonthFilter{
		Laboratory: record.InstitutionID(req.GetLaboratoryId()), Device: req.GetDevice(), Analyte: req.GetAnalyte(), Year: month.Year(), Month: month.Month(),
		Page: store.Page{After: after, Limit: pageSize(req.GetPageSize())},
	})
	if err != nil {
		return nil, err
	}
	return &pb.ListControlMonthsResponse{Months: each(found, controlMonthToPB), NextPageToken: tokenOf(next)}, nil
}
