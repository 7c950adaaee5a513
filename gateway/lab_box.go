// LabSpecimenService: transport boxes.

package gateway

import (
	"context"

	"github.com/lianzhen/lianzhen/lab/specimen"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

func (s *labSpecimenServer) CreateSpecimenBox(ctx context.Context, req *pb.CreateSpecimenBoxRequest) (*pb.SpecimenBox, error) {
	x, err := s.Specimens.CreateBox(ctx, scopeOf(ctx), specimen.Box{
		Institution: record.InstitutionID(req.GetInstitutionId()), Laboratory: record.InstitutionID(req.GetLaboratoryId()), Barcode: req.GetBarcode(),
		LowMilliC: int(req.GetLowMilliCelsius()), HighMilliC: int(req.GetHighMilliCelsius()),
	})
	if err != nil {
		return nil, err
	}
	return boxToPB(x), nil
}

func (s *labSpecimenServer) ListSpecimenBoxes(ctx context.Context, req *pb.ListSpecimenBoxesRequest) (*pb.ListSpecimenBoxesResponse, error) {
	found, next, err := s.Specimens.Boxes(ctx, scopeOf(ctx), boxStates.in(req.GetState()), pageSize(req.GetPageSize()), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	return &pb.ListSpecimenBoxesResponse{Boxes: each(found, boxToPB), NextPageToken: next}, nil
}

func (s *labSpecimenServer) GetSpecimenBox(ctx context.Context, req *pb.GetSpecimenBoxRequest) (*pb.SpecimenBox, error) {
	m, err := s.Specimens.Manifest(ctx, scopeOf(ctx), req.GetBoxId())
	if err != nil {
		return nil, err
	}
	out := boxToPB(m.Box)
	out.Climate = climateToPB(m.Climate)
	out.Tubes = each(m.Rows, func(r specimen.ManifestRow) *pb.BoxTube {
		t := &pb.BoxTube{
			Barcode: r.Barcode, SpecimenId: string(r.Specimen), CameAt: instant(r.CameAt), Container: r.Container, Items: r.Items,
			Priority: priorities.out(r.Priority), State: specimenStates.out(r.State), CollectedAt: instant(r.CollectedAt),
			DeadlineAt: instant(r.DeadlineAt), Flags: r.Flags,
		}
		if !m.Box.ArrivedAt.IsZero() {
			t.Finding = boxFindings.out(r.Finding())
		}
		return t
	})
	zone := s.Specimens.Zone()
	out.Sheet, out.Csv = m.Text(zone), m.CSV(zone)
	return out, nil
}

func (s *labSpecimenServer) MoveSpecimenBox(ctx context.Context, req *pb.MoveSpecimenBoxRequest) (*pb.SpecimenBox, error) {
	d, scope, box := s.Specimens, scopeOf(ctx), req.GetBoxId()
	move := map[pb.BoxState]func() (specimen.Box, error){
		pb.BoxState_BOX_STATE_SEALED:  func() (specimen.Box, error) { return d.Seal(ctx, scope, box, req.GetSeal()) },
		pb.BoxState_BOX_STATE_HANDED:  func() (specimen.Box, error) { return d.HandOver(ctx, scope, box, req.GetCourier()) },
		pb.BoxState_BOX_STATE_ARRIVED: func() (specimen.Box, error) { return d.Arrive(ctx, scope, box) },
		pb.BoxState_BOX_STATE_CLOSED:  func() (specimen.Box, error) { return d.Close(ctx, scope, box) },
	}[req.GetTo()]
	x, err := move()
	if err != nil {
		return nil, err
	}
	return boxToPB(x), nil
}

func (s *labSpecimenServer) RecordBoxTemperatures(ctx context.Context, req *pb.RecordBoxTemperaturesRequest) (*pb.BoxClimate, error) {
	readings := make([]specimen.Reading, len(req.GetReadings()))
	for i, m := range req.GetReadings() {
		at, err := timeOf(m.GetAt())
		if err != nil {
			return nil, err
		}
		readings[i] = specimen.Reading{At: at, MilliC: int(m.GetMilliCelsius()), Source: m.GetSource()}
	}
	c, err := s.Specimens.Temperatures(ctx, scopeOf(ctx), req.GetBoxId(), readings)
	if err != nil {
		return nil, err
	}
	return climateToPB(c), nil
}

func (s *labSpecimenServer) GetBoxTemperatures(ctx context.Context, req *pb.GetBoxTemperaturesRequest) (*pb.GetBoxTemperaturesResponse, error) {
	c, all, err := s.Specimens.Readings(ctx, scopeOf(ctx), req.GetBoxId())
	if err != nil {
		return nil, err
	}
	return &pb.GetBoxTemperaturesResponse{Climate: climateToPB(c), Readings: each(all, func(r specimen.Reading) *pb.TemperatureReading {
		return &pb.TemperatureReading{At: instant(r.At), MilliCelsius: int32(r.MilliC), Source: r.Source}
	})}, nil
}

func boxToPB(x specimen.Box) *pb.SpecimenBox {
	return &pb.SpecimenBox{
		BoxId: string(x.ID), Barcode: x.Barcode, InstitutionId: string(x.Institution), LaboratoryId: string(x.Laboratory), State: boxStates.out(x.State),
		Seal: x.Seal, Courier: x.Courier, OutOfRange: x.OutOfRange, CreatedAt: instant(x.CreatedAt), SealedAt: instant(x.SealedAt),
		HandedAt: instant(x.HandedAt), ArrivedAt: instant(x.ArrivedAt), ClosedAt: instant(x.ClosedAt),
		Climate: &pb.BoxClimate{LowMilliCelsius: int32(x.LowMilliC), HighMilliCelsius: int32(x.HighMilliC)},
		Tubes: each(x.Tubes, func(t specimen.BoxTube) *pb.BoxTube {
			return &pb.BoxTube{Barcode: t.Barcode, SpecimenId: string(t.Specimen), CameAt: instant(t.CameAt)}
		}),
	}
}

func climateToPB(c specimen.Climate) *pb.BoxClimate {
	return &pb.BoxClimate{
		Count: int32(c.Count), MinMilliCelsius: int32(c.MinMilliC), MaxMilliCelsius: int32(c.MaxMilliC), LowMilliCelsius: int32(c.LowMilliC),
		HighMilliCelsius: int32(c.HighMilliC), FirstAt: instant(c.FirstAt), LastAt: instant(c.LastAt), OutOfRange: int32(c.OutOfRange),
		OutFrom: instant(c.OutFrom), OutTill: instant(c.OutTill),
	}
}
