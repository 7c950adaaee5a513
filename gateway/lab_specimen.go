// LabSpecimenService: orders, labels, worklists and host query of the laboratory's desk.

package gateway

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/specimen"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

type labSpecimenServer struct {
	pb.UnimplementedLabSpecimenServiceServer
	*Server
}

func labOrderOr(o specimen.Order, err error) (*pb.LabOrder, error) {
	if err != nil {
		return nil, err
	}
	return labOrderToPB(o), nil
}

func (s *labSpecimenServer) CreateLabOrder(ctx context.Context, req *pb.CreateLabOrderRequest) (*pb.CreateLabOrderResponse, error) {
	o, err := labOrderFromPB(req.GetLabOrder())
	if err != nil {
		return nil, err
	}
	made, warnings, err := s.Specimens.Create(ctx, scopeOf(ctx), o)
	if err != nil {
		return nil, err
	}
	return &pb.CreateLabOrderResponse{LabOrder: labOrderToPB(made), Warnings: each(warnings, testedToPB)}, nil
}

func (s *labSpecimenServer) CheckLabOrder(ctx context.Context, req *pb.CheckLabOrderRequest) (*pb.CheckLabOrderResponse, error) {
	o := specimen.Order{}
	for _, c := range req.GetItems() {
		o.Lines = append(o.Lines, specimen.Line{Item: labCodingFromPB(c)})
	}
	warnings, err := s.Specimens.Check(ctx, scopeOf(ctx), record.PatientID(req.GetPatientId()), o)
	if err != nil {
		return nil, err
	}
	return &pb.CheckLabOrderResponse{Warnings: each(warnings, testedToPB)}, nil
}

func (s *labSpecimenServer) GetLabOrder(ctx context.Context, req *pb.GetLabOrderRequest) (*pb.LabOrder, error) {
	return labOrderOr(s.Specimens.Order(ctx, scopeOf(ctx), specimen.OrderID(req.GetLabOrderId())))
}

func (s *labSpecimenServer) ListLabOrders(ctx context.Context, req *pb.ListLabOrdersRequest) (*pb.ListLabOrdersResponse, error) {
	var at instants
	from, to := at.of(req.GetOrderedFrom()), at.of(req.GetOrderedTo())
	if at.err != nil {
		return nil, at.err
	}
	found, next, err := s.Specimens.Orders(ctx, scopeOf(ctx), specimen.OrderFilter{
		From: from, To: to, Status: labLineStates.in(req.GetStatus()), Patient: record.PatientID(req.GetPatientId()),
		Institution: record.InstitutionID(req.GetInstitutionId()), LocalNumber: req.GetLocalPatientNumber(), Name: record.Personal(req.GetPatientName()),
		Number: req.GetNumber(), Limit: pageSize(req.GetPageSize()), Page: req.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	return &pb.ListLabOrdersResponse{LabOrders: each(found, labOrderToPB), NextPageToken: next}, nil
}

func (s *labSpecimenServer) UpdateLabOrder(ctx context.Context, req *pb.UpdateLabOrderRequest) (*pb.LabOrder, error) {
	m := req.GetLabOrder()
	paths := slices.DeleteFunc(slices.Clone(req.GetUpdateMask().GetPaths()), func(p string) bool { return p == "etag" })
	has, err := masked(&fieldmaskpb.FieldMask{Paths: paths}, "lab_order_id", "priority", "visit_number", "ward", "orderer", "clinical_information", "lines")
	if err != nil {
		return nil, err
	}
	news, err := labOrderFromPB(m)
	if err != nil {
		return nil, err
	}
	return labOrderOr(s.Specimens.Update(ctx, scopeOf(ctx), specimen.OrderID(m.GetLabOrderId()), m.GetEtag(), func(o *specimen.Order) {
		for _, f := range []struct {
			name string
			set  func()
		}{
			{"priority", func() { o.Priority = news.Priority }},
			{"visit_number", func() { o.Visit = news.Visit }},
			{"ward", func() { o.Ward = news.Ward }},
			{"orderer", func() { o.Orderer = news.Orderer }},
			{"clinical_information", func() { o.Clinical = news.Clinical }},
			{"lines", func() {
				o.Lines = append(slices.Clone(o.Lines), slices.DeleteFunc(news.Lines, func(l specimen.Line) bool { return l.ID != "" })...)
			}},
		} {
			if has(f.name) {
				f.set()
			}
		}
	}))
}

func (s *labSpecimenServer) CancelLabOrder(ctx context.Context, req *pb.CancelLabOrderRequest) (*pb.LabOrder, error) {
	lines := each(req.GetLineIds(), func(id string) specimen.LineID { return specimen.LineID(id) })
	return labOrderOr(s.Specimens.CancelLines(ctx, scopeOf(ctx), specimen.OrderID(req.GetLabOrderId()), req.GetEtag(), lines, req.GetReason()))
}

func (s *labSpecimenServer) ReserveBarcodes(ctx context.Context, req *pb.ReserveBarcodesRequest) (*pb.BarcodeBlock, error) {
	b, err := s.Specimens.Reserve(ctx, scopeOf(ctx), record.InstitutionID(req.GetInstitutionId()), int(req.GetCount()), req.GetDevice())
	if err != nil {
		return nil, err
	}
	out := blockToPB(b)
	out.Barcodes = b.Barcodes()
	return out, nil
}

func (s *labSpecimenServer) ListBarcodeBlocks(ctx context.Context, req *pb.ListBarcodeBlocksRequest) (*pb.ListBarcodeBlocksResponse, error) {
	found, err := s.Specimens.Blocks(ctx, scopeOf(ctx), record.InstitutionID(req.GetInstitutionId()), 1000)
	if err != nil {
		return nil, err
	}
	return &pb.ListBarcodeBlocksResponse{Blocks: each(found, blockToPB)}, nil
}

func (s *labSpecimenServer) PrintLabels(ctx context.Context, req *pb.PrintLabelsRequest) (*pb.PrintLabelsResponse, error) {
	ids := each(req.GetSpecimenIds(), func(id string) specimen.SpecimenID { return specimen.SpecimenID(id) })
	labels, err := s.Specimens.Labels(ctx, scopeOf(ctx), ids)
	if err != nil {
		return nil, err
	}
	return &pb.PrintLabelsResponse{Labels: each(labels, func(l specimen.Label) *pb.SpecimenLabel {
		out := labelToPB(l)
		switch req.GetFormat() {
		case pb.LabelFormat_LABEL_FORMAT_ZPL:
			out.Text = l.ZPL(req.GetFont())
		case pb.LabelFormat_LABEL_FORMAT_TSPL:
			out.Text = l.TSPL(req.GetFont())
		case pb.LabelFormat_LABEL_FORMAT_SVG:
			out.Text = l.SVG()
		}
		return out
	})}, nil
}

func (s *labSpecimenServer) RecordScans(ctx context.Context, req *pb.RecordScansRequest) (*pb.RecordScansResponse, error) {
	return s.scanned(ctx, req.GetScans(), func(scans []specimen.Scan) ([]specimen.Scanned, error) {
		return s.Specimens.Record(ctx, scopeOf(ctx), scans)
	})
}

func (s *labSpecimenServer) UnloadSpecimenBox(ctx context.Context, req *pb.UnloadSpecimenBoxRequest) (*pb.RecordScansResponse, error) {
	return s.scanned(ctx, req.GetScans(), func(scans []specimen.Scan) ([]specimen.Scanned, error) {
		return s.Specimens.Unload(ctx, scopeOf(ctx), req.GetBoxId(), scans)
	})
}

func (s *labSpecimenServer) scanned(_ context.Context, in []*pb.SpecimenScan, do func([]specimen.Scan) ([]specimen.Scanned, error)) (*pb.RecordScansResponse, error) {
	scans := make([]specimen.Scan, len(in))
	for i, m := range in {
		var err error
		if scans[i], err = scanFromPB(m); err != nil {
			return nil, err
		}
	}
	out, err := do(scans)
	if err != nil {
		return nil, err
	}
	return &pb.RecordScansResponse{Answers: each(out, scannedToPB)}, nil
}

func (s *labSpecimenServer) GetLabSpecimen(ctx context.Context, req *pb.GetLabSpecimenRequest) (*pb.LabSpecimen, error) {
	var sp specimen.Specimen
	var past []specimen.Past
	var err error
	switch {
	case (req.GetSpecimenId() == "") == (req.GetBarcode() == ""):
		return nil, record.Errorf(record.Invalid, "want a specimen_id or a barcode")
	case req.GetBarcode() != "":
		sp, past, err = s.Specimens.Lookup(ctx, scopeOf(ctx), req.GetBarcode())
	default:
		sp, past, err = s.Specimens.Get(ctx, scopeOf(ctx), specimen.SpecimenID(req.GetSpecimenId()))
	}
	if err != nil {
		return nil, err
	}
	out := s.specimenToPB(sp)
	out.Scans = each(past, pastToPB)
	return out, nil
}

func (s *labSpecimenServer) ListLabSpecimens(ctx context.Context, req *pb.ListLabSpecimensRequest) (*pb.ListLabSpecimensResponse, error) {
	var at instants
	from, to := at.of(req.GetReceivedFrom()), at.of(req.GetReceivedTo())
	if at.err != nil {
		return nil, at.err
	}
	found, next, err := s.Specimens.Find(ctx, scopeOf(ctx), specimen.Filter{
		List: specimenLists.in(req.GetList()), Institution: record.InstitutionID(req.GetInstitutionId()),
		Laboratory: record.InstitutionID(req.GetLaboratoryId()), Patient: record.PatientID(req.GetPatientId()), Order: specimen.OrderID(req.GetLabOrderId()),
		ReceivedFrom: from, ReceivedTo: to, Expiring: req.GetExpiring(), Recollect: req.GetRecollect(), Limit: pageSize(req.GetPageSize()), Page: req.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	return &pb.ListLabSpecimensResponse{Specimens: each(found, s.specimenToPB), NextPageToken: next}, nil
}

func (s *labSpecimenServer) CountLabSpecimens(ctx context.Context, req *pb.CountLabSpecimensRequest) (*pb.CountLabSpecimensResponse, error) {
	counts, err := s.Specimens.Count(ctx, scopeOf(ctx), specimen.Filter{
		Institution: record.InstitutionID(req.GetInstitutionId()), Laboratory: record.InstitutionID(req.GetLaboratoryId()), Expiring: req.GetExpiring(),
	})
	if err != nil {
		return nil, err
	}
	return &pb.CountLabSpecimensResponse{Counts: each(specimen.Lists, func(l specimen.List) *pb.SpecimenCount {
		return &pb.SpecimenCount{List: specimenLists.out(l), Count: int32(counts[l])}
	})}, nil
}

func (s *labSpecimenServer) SettleScan(ctx context.Context, req *pb.SettleScanRequest) (*pb.LabSpecimen, error) {
	sp, err := s.Specimens.Settle(ctx, scopeOf(ctx), specimen.SpecimenID(req.GetSpecimenId()), specimen.ScanID(req.GetScanId()), req.GetNote())
	if err != nil {
		return nil, err
	}
	return s.specimenToPB(sp), nil
}

func (s *labSpecimenServer) SplitLabSpecimen(ctx context.Context, req *pb.SplitLabSpecimenRequest) (*pb.SplitLabSpecimenResponse, error) {
	portions := each(req.GetPortions(), func(m *pb.SpecimenPortion) specimen.Portion {
		return specimen.Portion{
			Lines:     each(m.GetLineIds(), func(id string) specimen.LineID { return specimen.LineID(id) }),
			Container: labCodingFromPB(m.GetContainer()), Volume: m.GetVolume(), Barcode: m.GetBarcode(), Laboratory: record.InstitutionID(m.GetLaboratoryId()),
		}
	})
	made, err := s.Specimens.Split(ctx, scopeOf(ctx), specimen.SpecimenID(req.GetSpecimenId()), portions)
	if err != nil {
		return nil, err
	}
	return &pb.SplitLabSpecimenResponse{Specimens: each(made, s.specimenToPB)}, nil
}

func (s *labSpecimenServer) ListSpecimenChanges(ctx context.Context, req *pb.ListSpecimenChangesRequest) (*pb.ListSpecimenChangesResponse, error) {
	after, err := cursorOf(req.GetAfter())
	if err != nil {
		return nil, err
	}
	all, next, err := s.Specimens.Changes(ctx, scopeOf(ctx), after, pageSize(req.GetPageSize()))
	if err != nil {
		return nil, err
	}
	return &pb.ListSpecimenChangesResponse{Changes: each(all, specimenChangeToPB), NextAfter: cursor(next)}, nil
}

func (s *labSpecimenServer) QueryLabWork(ctx context.Context, req *pb.QueryLabWorkRequest) (*pb.QueryLabWorkResponse, error) {
	since, err := timeOf(req.GetReceivedSince())
	if err != nil {
		return nil, err
	}
	var found []observation.Order
	switch {
	case req.GetBarcode() != "":
		found, err = s.Specimens.Waiting(ctx, scopeOf(ctx), req.GetBarcode())
	case since.IsZero():
		return nil, record.Errorf(record.Invalid, "want a barcode or received_since")
	default:
		found, err = s.Specimens.WaitingSince(ctx, scopeOf(ctx), since, pageSize(req.GetPageSize()))
	}
	if err != nil {
		return nil, err
	}
	return &pb.QueryLabWorkResponse{Work: each(found, labWorkToPB)}, nil
}

func (s *labSpecimenServer) GetLabTurnaround(ctx context.Context, req *pb.GetLabTurnaroundRequest) (*pb.GetLabTurnaroundResponse, error) {
	var at instants
	from, to := at.of(req.GetOrderedFrom()), at.of(req.GetOrderedTo())
	if at.err != nil {
		return nil, at.err
	}
	all, err := s.Specimens.Turnarounds(ctx, scopeOf(ctx), from, to)
	if err != nil {
		return nil, err
	}
	return &pb.GetLabTurnaroundResponse{Summaries: each(all, turnaroundToPB)}, nil
}
