// ImagingService: find and fetch.

package gateway

import (
	"context"
	"errors"
	"io"

	"google.golang.org/genproto/googleapis/api/httpbody"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

type imagingServer struct {
	pb.UnimplementedImagingServiceServer
	*Server
}

func dicomUID(s string) dicom.UID { return dicom.UID(s) }

func (s *imagingServer) SearchStudies(ctx context.Context, req *pb.SearchStudiesRequest) (*pb.SearchStudiesResponse, error) {
	found, next, err := s.Imaging.FindStudies(ctx, scopeOf(ctx), imaging.StudyQuery{
		Patient: record.PatientID(req.GetPatientId()), LocalNumber: req.GetLocalPatientNumber(), Name: req.GetPatientName(),
		UID: req.GetStudyInstanceUid(), Accession: req.GetAccessionNumber(),
		From: req.GetStudyDateFrom(), To: req.GetStudyDateTo(), Modalities: req.GetModalities(),
		Institution: record.InstitutionID(req.GetInstitutionId()), Description: req.GetDescription(),
		Limit: pageSize(req.GetPageSize()), Page: req.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	return &pb.SearchStudiesResponse{Studies: each(found, studyToPB), NextPageToken: next}, nil
}

func (s *imagingServer) GetStudy(ctx context.Context, req *pb.GetStudyRequest) (*pb.Study, error) {
	st, err := s.Imaging.Study(ctx, scopeOf(ctx), record.ExamID(req.GetStudyId()))
	if err != nil {
		return nil, err
	}
	return studyToPB(st), nil
}

func (s *imagingServer) ListSeries(ctx context.Context, req *pb.ListSeriesRequest) (*pb.ListSeriesResponse, error) {
	all, err := s.Imaging.Series(ctx, scopeOf(ctx), record.ExamID(req.GetStudyId()))
	if err != nil {
		return nil, err
	}
	return &pb.ListSeriesResponse{Series: each(all, seriesToPB)}, nil
}

func (s *imagingServer) ListInstances(ctx context.Context, req *pb.ListInstancesRequest) (*pb.ListInstancesResponse, error) {
	all, next, err := s.Imaging.Instances(ctx, scopeOf(ctx), record.ExamID(req.GetStudyId()), imaging.SeriesID(req.GetSeriesId()),
		pageSize(req.GetPageSize()), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	return &pb.ListInstancesResponse{Instances: each(all, instanceToPB), NextPageToken: next}, nil
}

func (s *imagingServer) GetInstanceMetadata(ctx context.Context, req *pb.GetInstanceMetadataRequest) (*httpbody.HttpBody, error) {
	text, err := s.Imaging.Metadata(ctx, scopeOf(ctx), imaging.InstanceID(req.GetInstanceId()))
	if err != nil {
		return nil, err
	}
	return &httpbody.HttpBody{ContentType: "application/dicom+json", Data: text}, nil
}

func (s *imagingServer) FetchInstance(req *pb.FetchInstanceRequest, stream pb.ImagingService_FetchInstanceServer) error {
	ctx := stream.Context()
	inst, body, err := s.fetch(ctx, req)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return s.pour(inst, body, stream.Send)
}

func (s *imagingServer) fetch(ctx context.Context, req *pb.FetchInstanceRequest) (imaging.Instance, io.ReadCloser, error) {
	id := imaging.InstanceID(req.GetInstanceId())
	switch {
	case req.GetFrame() == 0:
		return s.Imaging.Fetch(ctx, scopeOf(ctx), id, req.GetOffset(), -1)
	case req.GetOffset() != 0:
		return imaging.Instance{}, nil, record.Errorf(record.Invalid, "offset: a frame is fetched from its beginning")
	}
	return s.Imaging.FetchFrame(ctx, scopeOf(ctx), id, int(req.GetFrame()))
}

func (s *imagingServer) FetchStudy(req *pb.FetchStudyRequest, stream pb.ImagingService_FetchStudyServer) error {
	ctx := stream.Context()
	instances, failed, err := s.Imaging.FetchStudy(ctx, scopeOf(ctx), record.ExamID(req.GetStudyId()))
	if err != nil {
		return err
	}
	for inst, body := range instances {
		if err := s.pour(inst, body, stream.Send); err != nil {
			return err
		}
	}
	return failed()
}

const chunkBytes = 256 << 10

// pour sends one instance in pieces, the first with its description.
func (s *imagingServer) pour(inst imaging.Instance, body io.Reader, send func(*pb.Chunk) error) error {
	buf := make([]byte, chunkBytes) // Send has written it out before it returns
	describe := instanceToPB(inst)
	for {
		n, err := io.ReadFull(body, buf)
		if n > 0 || describe != nil {
			if err := send(&pb.Chunk{Instance: describe, Data: buf[:n]}); err != nil {
				return err
			}
			describe = nil
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

func (s *imagingServer) ListQuarantine(ctx context.Context, req *pb.ListQuarantineRequest) (*pb.ListQuarantineResponse, error) {
	after, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	all, err := s.Imaging.Quarantine(ctx, scopeOf(ctx), imaging.QuarantineID(after), size+1, req.GetIncludeResolved())
	if err != nil {
		return nil, err
	}
	all, next := cut(all, size, func(q imaging.Quarantined) string { return string(q.ID) })
	return &pb.ListQuarantineResponse{Objects: each(all, quarantinedToPB), NextPageToken: next}, nil
}

func (s *imagingServer) ResolveQuarantine(ctx context.Context, req *pb.ResolveQuarantineRequest) (*pb.QuarantinedObject, error) {
	q, err := s.Imaging.ResolveQuarantine(ctx, scopeOf(ctx), imaging.QuarantineID(req.GetQuarantineId()), req.GetNote())
	if err != nil {
		return nil, err
	}
	return quarantinedToPB(q), nil
}

func studyToPB(st imaging.Study) *pb.Study {
	return &pb.Study{
		StudyId: string(st.ID), StudyInstanceUid: st.UID, InstitutionId: string(st.Institution), CentreId: string(st.Centre),
		PatientId: string(st.Patient), Identity: gradeToPB(st.Grade), LocalPatientNumber: st.LocalNumber.Reveal(),
		PatientName: st.Name.Reveal(), PatientBirthDate: st.BirthDate, PatientSex: sexToPB(st.Sex),
		AccessionNumber: st.Accession, StudyDate: st.Date, StudyTime: st.Time, Description: st.Description,
		Modalities: st.Modalities, BodyPart: st.BodyPart, ReferringPhysician: st.Referring.Reveal(),
		SeriesCount: int32(st.NumSeries), InstanceCount: int32(st.Instances), Bytes: st.Bytes, Complete: st.Complete,
		ReceivedAt: instant(st.ReceivedAt),
	}
}

func seriesToPB(r imaging.Series) *pb.Series {
	return &pb.Series{
		SeriesId: string(r.ID), SeriesInstanceUid: r.UID, Modality: r.Modality, Number: int32(r.Number),
		Description: r.Description, BodyPart: r.BodyPart, InstanceCount: int32(r.Instances),
	}
}

func instanceToPB(i imaging.Instance) *pb.Instance {
	return &pb.Instance{
		InstanceId: string(i.ID), SeriesId: string(i.Series), SopInstanceUid: i.SOPUID, SopClassUid: i.SOPClass,
		TransferSyntaxUid: i.Syntax, Number: int32(i.Number), Rows: int32(i.Rows), Columns: int32(i.Columns),
		Frames: int32(i.Frames), Size: i.Size, Sha256: i.SHA256,
	}
}

func quarantinedToPB(q imaging.Quarantined) *pb.QuarantinedObject {
	return &pb.QuarantinedObject{
		QuarantineId: string(q.ID), InstitutionId: string(q.Institution), Reason: q.Reason, SopInstanceUid: q.SOPUID,
		InstanceId: string(q.Instance), Size: q.Size, Sha256: q.SHA256, ReceivedAt: instant(q.ReceivedAt),
		Resolution: q.Resolution, ResolvedBy: q.ResolvedBy,
	}
}
