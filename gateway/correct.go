// ImagingService: corrections of studies.

package gateway

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing/dicomecg"
	"github.com/lianzhen/lianzhen/ecg"
	"github.com/lianzhen/lianzhen/imaging"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
)

var correctionKinds = words[imaging.CorrectionKind, pb.CorrectionKind]{
	{imaging.Assign, pb.CorrectionKind_CORRECTION_KIND_ASSIGN},
	{imaging.Merge, pb.CorrectionKind_CORRECTION_KIND_MERGE},
	{imaging.Split, pb.CorrectionKind_CORRECTION_KIND_SPLIT},
}

// correctLimit: every object of the study is read.
const correctLimit = 9 * time.Minute

func (s *imagingServer) CorrectStudy(ctx context.Context, req *pb.CorrectStudyRequest) (*pb.CorrectStudyResponse, error) {
	q := imaging.CorrectionRequest{Study: record.ExamID(req.GetStudyId()), Reason: req.GetReason(), DryRun: req.GetDryRun()}
	switch {
	case req.GetAssign() != nil:
		a := req.GetAssign()
		born, err := record.ParseDate(a.GetPatientBirthDate())
		if err != nil {
			return nil, err
		}
		q.Assign = &imaging.Assignment{
			LocalNumber: record.Personal(a.GetLocalPatientNumber()), Name: record.Personal(a.GetPatientName()), BirthDate: born,
			Sex: sexes.in(a.GetPatientSex()), Accession: a.AccessionNumber,
		}
	case req.GetMerge() != nil:
		q.MergeInto = record.ExamID(req.GetMerge().GetIntoStudyId())
	case req.GetSplit() != nil:
		p := req.GetSplit()
		q.Split = &imaging.Splitting{
			Series:    each(p.GetSeriesIds(), func(id string) imaging.SeriesID { return imaging.SeriesID(id) }),
			Instances: each(p.GetInstanceIds(), func(id string) imaging.InstanceID { return imaging.InstanceID(id) }),
			Into:      record.ExamID(p.GetIntoStudyId()), Accession: p.AccessionNumber,
		}
	}
	c, err := s.Imaging.Correct(ctx, scopeOf(ctx), q)
	return s.corrected(ctx, c, req.GetDryRun(), err)
}

func (s *imagingServer) UndoCorrection(ctx context.Context, req *pb.UndoCorrectionRequest) (*pb.CorrectStudyResponse, error) {
	c, err := s.Imaging.Undo(ctx, scopeOf(ctx), imaging.CorrectionID(req.GetCorrectionId()), req.GetReason(), req.GetDryRun())
	return s.corrected(ctx, c, req.GetDryRun(), err)
}

func (s *imagingServer) corrected(ctx context.Context, c imaging.Corrected, dry bool, err error) (*pb.CorrectStudyResponse, error) {
	if err == nil && !dry {
		err = s.tracingsFollow(ctx, c.Correction)
	}
	if err != nil {
		return nil, err
	}
	return &pb.CorrectStudyResponse{Correction: correctionToPB(c.Correction), WithdrawnReportStudyIds: texts(c.ReportsWithdrawn)}, nil
}

// tracingsFollow makes the ECGs among the objects of corrected studies those of the person whose the studies are now.
func (s *imagingServer) tracingsFollow(ctx context.Context, c imaging.Correction) error {
	reason := cmp.Or(c.UndoReason, c.Reason)
	for _, i := range c.After {
		born, _ := record.ParseDate(i.BirthDate)
		who := ecg.Identity{LocalID: i.LocalNumber, Name: i.Name, BirthDate: born, Sex: i.Sex}
		for page := ""; ; {
			all, next, err := s.Imaging.Instances(ctx, scopeOf(ctx), i.Study, "", pageSize(0), page)
			if err != nil && record.KindOf(err) != record.NotFound {
				return err
			}
			for _, o := range all {
				if !dicomecg.IsECG(o.SOPClass) {
					continue
				}
				if err := s.ECG.Follow(ctx, scopeOf(ctx), o.Institution, o.SOPUID, who, reason); err != nil {
					return fmt.Errorf("ECG of a corrected study: %w", err)
				}
			}
			if page = next; page == "" || err != nil {
				break
			}
		}
	}
	return nil
}

func (s *imagingServer) ListCorrections(ctx context.Context, req *pb.ListCorrectionsRequest) (*pb.ListCorrectionsResponse, error) {
	before, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	all, err := s.Imaging.Corrections(ctx, scopeOf(ctx), imaging.CorrectionQuery{
		Study: record.ExamID(req.GetStudyId()), Standing: !req.GetIncludeUndone(), Before: imaging.CorrectionID(before), Limit: size + 1,
	})
	if err != nil {
		return nil, err
	}
	all, next := cut(all, size, func(c imaging.Correction) string { return string(c.ID) })
	return &pb.ListCorrectionsResponse{Corrections: each(all, correctionToPB), NextPageToken: next}, nil
}

func (s *imagingServer) ListStudyReaders(ctx context.Context, req *pb.ListStudyReadersRequest) (*pb.ListStudyReadersResponse, error) {
	all, err := s.Imaging.Readers(ctx, scopeOf(ctx), record.ExamID(req.GetStudyId()))
	if err != nil {
		return nil, err
	}
	return &pb.ListStudyReadersResponse{Readers: each(all, readerToPB)}, nil
}

func readerToPB(r reading.Reader) *pb.StudyReader {
	return &pb.StudyReader{
		ActorKind: string(r.Kind), ActorId: r.ID, InstitutionId: string(r.Institution), Name: r.Name, Times: int32(r.Times),
		FirstAt: instant(r.First), LastAt: instant(r.Last),
	}
}

func correctionToPB(c imaging.Correction) *pb.Correction {
	return &pb.Correction{
		CorrectionId: string(c.ID), Kind: correctionKinds.out(c.Kind), InstitutionId: string(c.Institution), StudyId: string(c.Study),
		TargetStudyId: string(c.Target), StudyInstanceUid: string(c.StudyUID), TargetStudyInstanceUid: string(c.TargetUID),
		Instances: int32(c.Instances), CorrectedBy: c.By, CorrectedByName: c.ByName, CorrectedAt: instant(c.At), Reason: c.Reason,
		Before: each(c.Before, identityToPB), After: each(c.After, identityToPB), UndoneAt: instant(c.UndoneAt), UndoneBy: c.UndoneBy,
		UndoReason: c.UndoReason,
	}
}

func identityToPB(i imaging.Identity) *pb.StudyIdentity {
	return &pb.StudyIdentity{
		StudyId: string(i.Study), StudyInstanceUid: i.UID, PatientId: string(i.Patient), LocalPatientNumber: i.LocalNumber.Reveal(),
		PatientName: i.Name.Reveal(), PatientBirthDate: i.BirthDate, PatientSex: sexToPB(i.Sex), AccessionNumber: i.Accession,
		SeriesCount: int32(i.NumSeries), InstanceCount: int32(i.Instances),
	}
}
