// LabQualityService, third part: external quality assessment and certificates.

package gateway

import (
	"context"
	"slices"

	"github.com/lianzhen/lianzhen/lab/quality"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

func (s *labQualityServer) CreateEqaProgramme(ctx context.Context, req *pb.CreateEqaProgrammeRequest) (*pb.EqaProgramme, error) {
	m := req.GetProgramme()
	p, err := s.Quality.AddProgramme(ctx, scopeOf(ctx), quality.Programme{
		Owner: laboratoryOf(ctx, m.GetOwnerId()), Organiser: m.GetOrganiser(), Scope: m.GetScope(), Name: m.GetName(), Year: int(m.GetYear()),
	})
	if err != nil {
		return nil, err
	}
	return eqaProgrammeToPB(p), nil
}

func (s *labQualityServer) ListEqaProgrammes(ctx context.Context, req *pb.ListEqaProgrammesRequest) (*pb.ListEqaProgrammesResponse, error) {
	page, err := pageOf(req.GetPageToken(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	found, err := s.Quality.Programmes(ctx, page)
	if err != nil {
		return nil, err
	}
	found, next := cut(found, page.Limit-1, func(p quality.Programme) string { return string(p.ID) })
	return &pb.ListEqaProgrammesResponse{Programmes: each(found, eqaProgrammeToPB), NextPageToken: next}, nil
}

func (s *labQualityServer) CreateEqaRound(ctx context.Context, req *pb.CreateEqaRoundRequest) (*pb.EqaRound, error) {
	m := req.GetRound()
	var at instants
	r := quality.Round{
		Programme: quality.ProgrammeID(m.GetProgrammeId()), Name: m.GetName(), OpensAt: at.of(m.GetOpensAt()), ClosesAt: at.of(m.GetClosesAt()),
		Laboratories: each(m.GetLaboratoryIds(), func(id string) record.InstitutionID { return record.InstitutionID(id) }),
		Samples: each(m.GetSamples(), func(x *pb.EqaSample) quality.Sample {
			return quality.Sample{Sample: x.GetSample(), Analyte: x.GetAnalyte(), Unit: x.GetUnit()}
		}),
	}
	if at.err != nil {
		return nil, at.err
	}
	return eqaRoundOr(s.Quality.AddRound(ctx, scopeOf(ctx), r))
}

// roundScope reaches the laboratories that the caller works in and the institutions whose programmes the caller keeps. Everybody may read the
// directory; the rounds of others are not in it.
func (s *labQualityServer) roundScope(ctx context.Context) (record.Scope, error) {
	c, reach := callOf(ctx), scopeOf(ctx)
	reach.All, reach.Institutions = false, nil
	for _, r := range []rule{{kind: "lab", act: "control"}, {kind: "directory", act: "manage"}} {
		got, err := s.may(c.caller, &call{id: c.id, method: c.method, remote: c.remote, rule: r, ask: c.ask, caller: c.caller, log: c.log})
		if err != nil && record.KindOf(err) != record.Denied {
			return reach, err
		}
		reach.All = reach.All || got.All
		reach.Institutions = append(reach.Institutions, got.Institutions...)
	}
	slices.Sort(reach.Institutions)
	reach.Institutions = slices.Compact(reach.Institutions)
	return reach, nil
}

func (s *labQualityServer) GetEqaRound(ctx context.Context, req *pb.GetEqaRoundRequest) (*pb.EqaRound, error) {
	scope, err := s.roundScope(ctx)
	if err != nil {
		return nil, err
	}
	return eqaRoundOr(s.Quality.Round(ctx, scope, quality.RoundID(req.GetRoundId())))
}

func eqaRoundOr(r quality.Round, err error) (*pb.EqaRound, error) {
	if err != nil {
		return nil, err
	}
	return eqaRoundToPB(r), nil
}

func (s *labQualityServer) ListEqaRounds(ctx context.Context, req *pb.ListEqaRoundsRequest) (*pb.ListEqaRoundsResponse, error) {
	page, err := pageOf(req.GetPageToken(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	scope, err := s.roundScope(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.Quality.Rounds(ctx, scope, record.InstitutionID(req.GetLaboratoryId()), page)
	if err != nil {
		return nil, err
	}
	found, next := cut(found, page.Limit-1, func(r quality.Round) string { return string(r.ID) })
	return &pb.ListEqaRoundsResponse{Rounds: each(found, eqaRoundToPB), NextPageToken: next}, nil
}

func (s *labQualityServer) PublishEqaTargets(ctx context.Context, req *pb.PublishEqaTargetsRequest) (*pb.EqaRound, error) {
	var told []quality.Sample
	for _, m := range req.GetSamples() {
		x, err := eqaSampleFromPB(m)
		if err != nil {
			return nil, err
		}
		told = append(told, x)
	}
	return eqaRoundOr(s.Quality.Publish(ctx, scopeOf(ctx), quality.RoundID(req.GetRoundId()), told))
}

func (s *labQualityServer) SubmitEqaValues(ctx context.Context, req *pb.SubmitEqaValuesRequest) (*pb.SubmitEqaValuesResponse, error) {
	var values []quality.Submission
	for _, m := range req.GetValues() {
		v, err := decimalOf("value", m.GetValue())
		if err != nil {
			return nil, err
		}
		values = append(values, quality.Submission{Sample: m.GetSample(), Analyte: m.GetAnalyte(), Value: v, Method: m.GetMethod(), Device: m.GetDevice()})
	}
	err := s.Quality.Submit(ctx, scopeOf(ctx), laboratoryOf(ctx, req.GetLaboratoryId()), quality.RoundID(req.GetRoundId()), values)
	return &pb.SubmitEqaValuesResponse{}, err
}

func (s *labQualityServer) ListEqaScores(ctx context.Context, req *pb.ListEqaScoresRequest) (*pb.ListEqaScoresResponse, error) {
	found, err := s.Quality.Scores(ctx, scopeOf(ctx), quality.RoundID(req.GetRoundId()), record.InstitutionID(req.GetLaboratoryId()))
	if err != nil {
		return nil, err
	}
	return &pb.ListEqaScoresResponse{Scores: each(found, eqaScoreToPB)}, nil
}

func (s *labQualityServer) ListEqaRoundScores(ctx context.Context, req *pb.ListEqaRoundScoresRequest) (*pb.ListEqaRoundScoresResponse, error) {
	found, err := s.Quality.Scores(ctx, scopeOf(ctx), quality.RoundID(req.GetRoundId()), record.InstitutionID(req.GetLaboratoryId()))
	if err != nil {
		return nil, err
	}
	return &pb.ListEqaRoundScoresResponse{Scores: each(found, eqaScoreToPB)}, nil
}

func (s *labQualityServer) CreateEqaCertificate(ctx context.Context, req *pb.CreateEqaCertificateRequest) (*pb.EqaCertificate, error) {
	m := req.GetCertificate()
	var at instants
	c := quality.Certificate{
		Laboratory: laboratoryOf(ctx, m.GetLaboratoryId()), Number: m.GetNumber(), Issuer: m.GetIssuer(), Scope: m.GetScope(), Analytes: m.GetAnalytes(),
		From: at.of(m.GetFromAt()), Until: at.of(m.GetUntilAt()), Note: m.GetNote(),
	}
	if at.err != nil {
		return nil, at.err
	}
	return eqaCertificateOr(s.Quality.Certify(ctx, scopeOf(ctx), c))
}

func (s *labQualityServer) RevokeEqaCertificate(ctx context.Context, req *pb.RevokeEqaCertificateRequest) (*pb.EqaCertificate, error) {
	from, err := timeOf(req.GetFromAt())
	if err != nil {
		return nil, err
	}
	return eqaCertificateOr(s.Quality.Revoke(ctx, scopeOf(ctx), quality.CertificateID(req.GetCertificateId()), from, req.GetReason()))
}

func eqaCertificateOr(c quality.Certificate, err error) (*pb.EqaCertificate, error) {
	if err != nil {
		return nil, err
	}
	return eqaCertificateToPB(c), nil
}

func (s *labQualityServer) ListEqaCertificates(ctx context.Context, req *pb.ListEqaCertificatesRequest) (*pb.ListEqaCertificatesResponse, error) {
	page, err := pageOf(req.GetPageToken(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	valid, err := timeOf(req.GetValidAt())
	if err != nil {
		return nil, err
	}
	found, err := s.Quality.Certificates(ctx, scopeOf(ctx), quality.CertificateFilter{
		Laboratory: record.InstitutionID(req.GetLaboratoryId()), Analyte: req.GetAnalyte(), ValidAt: valid, Page: page,
	})
	if err != nil {
		return nil, err
	}
	found, next := cut(found, page.Limit-1, func(c quality.Certificate) string { return string(c.ID) })
	return &pb.ListEqaCertificatesResponse{Certificates: each(found, eqaCertificateToPB), NextPageToken: next}, nil
}
