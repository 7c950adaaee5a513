// ImagingService: what happened to studies.

package gateway

import (
	"context"
	"time"

	"github.com/lianzhen/lianzhen/imaging"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// changesLimit is longer than a caller may ask to wait.
const changesLimit = time.Minute

func (s *imagingServer) ListImagingChanges(ctx context.Context, req *pb.ListImagingChangesRequest) (*pb.ListImagingChangesResponse, error) {
	after, err := cursorOf(req.GetAfter())
	if err != nil {
		return nil, err
	}
	all, next, err := s.Imaging.WaitChanges(ctx, scopeOf(ctx), after, pageSize(req.GetPageSize()), time.Duration(req.GetWait())*time.Second)
	if err != nil {
		return nil, err
	}
	return &pb.ListImagingChangesResponse{Changes: each(all, imagingChangeToPB), NextAfter: cursor(next)}, nil
}

func (s *imagingServer) WatchImagingChanges(req *pb.WatchImagingChangesRequest, stream pb.ImagingService_WatchImagingChangesServer) error {
	after, err := cursorOf(req.GetAfter())
	if err != nil {
		return err
	}
	ctx := stream.Context()
	return s.Imaging.WatchChanges(ctx, scopeOf(ctx), after, func(c imaging.Change) error {
		return stream.Send(imagingChangeToPB(c))
	})
}

func imagingChangeToPB(c imaging.Change) *pb.ImagingChange {
	return &pb.ImagingChange{
		Cursor: cursor(c.Seq), Act: c.Act, At: instant(c.At), StudyId: string(c.Study), StudyInstanceUid: c.UID,
		InstitutionId: string(c.Institution), Modalities: c.Modalities, SeriesCount: int32(c.NumSeries), InstanceCount: int32(c.Instances),
		Instances: int32(c.Added), Gone: c.Gone, CorrectionId: string(c.Correction), CorrectionKind: correctionKinds.out(c.Kind),
		SourceStudyId: string(c.Source), TargetStudyId: string(c.Target),
	}
}
