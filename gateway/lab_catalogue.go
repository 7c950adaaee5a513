// LabCatalogueService: what a laboratory can measure, what senders' codes mean, and the rules that results are judged by.

package gateway

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/packfile"
	"github.com/lianzhen/lianzhen/lab/verify"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

type labCatalogueServer struct {
	pb.UnimplementedLabCatalogueServiceServer
	*Server
}

// pageAt cuts the page of a list that is in memory: tokens are places in it.
func pageAt[T any](all []T, token string, size int32) (page []T, next string, err error) {
	after, err := pageAfter(token)
	if err != nil {
		return nil, "", err
	}
	from := 0
	if after != "" {
		if from, err = strconv.Atoi(after); err != nil || from < 0 {
			return nil, "", record.Errorf(record.Invalid, "page_token: not one of ours")
		}
	}
	from = min(from, len(all))
	to := min(from+pageSize(size), len(all))
	if to < len(all) {
		next = pageToken(strconv.Itoa(to))
	}
	return all[from:to], next, nil
}

func (s *labCatalogueServer) pack(ctx context.Context) (*catalogue.Pack, error) {
	return s.Catalogue.For(ctx, scopeOf(ctx).Actor.Institution)
}

func (s *labCatalogueServer) ListAnalytes(ctx context.Context, req *pb.ListAnalytesRequest) (*pb.ListAnalytesResponse, error) {
	p, err := s.pack(ctx)
	if err != nil {
		return nil, err
	}
	all, next, err := pageAt(p.Search(req.GetQuery(), req.GetGroup()), req.GetPageToken(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	return &pb.ListAnalytesResponse{
		Analytes: each(all, func(a catalogue.Analyte) *pb.Analyte { return analyteToPB(p, a) }), NextPageToken: next, CatalogueVersion: p.Version,
		Groups: each(p.Groups, func(g catalogue.Group) *pb.AnalyteGroup {
			return &pb.AnalyteGroup{Code: g.Code, Name: g.Name.ZH, NameEn: g.Name.EN}
		}),
	}, nil
}

func (s *labCatalogueServer) GetAnalyte(ctx context.Context, req *pb.GetAnalyteRequest) (*pb.Analyte, error) {
	p, err := s.pack(ctx)
	if err != nil {
		return nil, err
	}
	a, ok := p.Analyte(req.GetCode())
	if !ok {
		return nil, record.Errorf(record.NotFound, "no analyte %s", req.GetCode())
	}
	out := analyteToPB(p, a)
	for _, x := range p.Intervals {
		if x.Of == a.Code {
			out.Intervals = append(out.Intervals, intervalToPB(p, x))
		}
	}
	for _, m := range p.Methods {
		if slices.Contains(m.Of, a.Code) {
			out.Methods = append(out.Methods, &pb.AnalyteMethod{Code: m.Code, Name: m.Name.ZH, NameEn: m.Name.EN})
		}
	}
	for _, x := range p.Stability {
		if slices.Contains(x.Of, a.Code) {
			st := &pb.SpecimenStability{Specimens: x.Specimens, Hours: map[string]int32{}}
			for k, h := range x.Hours {
				st.Hours[string(k)] = int32(h)
			}
			out.Stability = append(out.Stability, st)
		}
	}
	return out, nil
}

func (s *labCatalogueServer) ListPanels(ctx context.Context, req *pb.ListPanelsRequest) (*pb.ListPanelsResponse, error) {
	p, err := s.pack(ctx)
	if err != nil {
		return nil, err
	}
	all, next, err := pageAt(p.SearchPanels(req.GetQuery(), req.GetGroup()), req.GetPageToken(), req.GetPageSize())
	if err != nil {
		return nil, err
	}
	return &pb.ListPanelsResponse{Panels: each(all, func(x catalogue.Panel) *pb.LabPanel { return panelToPB(p, x) }), NextPageToken: next}, nil
}

func (s *labCatalogueServer) GetLabCatalogue(ctx context.Context, req *pb.GetLabCatalogueRequest) (*pb.LabPack, error) {
	k, err := s.Catalogue.Newest(ctx, scopeOf(ctx), record.CentreID(req.GetCentreId()), catalogue.CataloguePack)
	return labPackToPB(k), err
}

func (s *labCatalogueServer) GetLabRules(ctx context.Context, req *pb.GetLabRulesRequest) (*pb.LabPack, error) {
	k, err := s.Catalogue.Newest(ctx, scopeOf(ctx), record.CentreID(req.GetCentreId()), catalogue.RulesPack)
	return labPackToPB(k), err
}

func (s *labCatalogueServer) UpdateLabCatalogue(ctx context.Context, req *pb.UpdateLabCatalogueRequest) (*pb.LabPack, error) {
	u, err := s.Catalogue.Change(ctx, scopeOf(ctx), catalogue.Update{
		Centre: record.CentreID(req.GetCentreId()), Kind: catalogue.CataloguePack, YAML: req.GetYaml(), Reason: req.GetReason(), Base: int(req.GetBaseNumber()),
		DryRun: req.GetDryRun(),
	})
	if err != nil {
		return nil, err
	}
	out := labPackToPB(u.Kept)
	d := u.Difference
	out.Difference = &pb.CatalogueDifference{Added: d.Added, Removed: d.Removed, Changed: d.Changed, UnitsChanged: d.Units}
	return out, nil
}

func (s *labCatalogueServer) UpdateLabRules(ctx context.Context, req *pb.UpdateLabRulesRequest) (*pb.LabPack, error) {
	days := int(req.GetDays())
	if days == 0 {
		days = 30
	}
	u, err := s.Catalogue.Change(ctx, scopeOf(ctx), catalogue.Update{
		Centre: record.CentreID(req.GetCentreId()), Kind: catalogue.RulesPack, YAML: req.GetYaml(), Reason: req.GetReason(), Base: int(req.GetBaseNumber()),
		DryRun: req.GetDryRun(), Days: days,
	})
	if err != nil {
		return nil, err
	}
	out := labPackToPB(u.Kept)
	if req.GetDryRun() {
		out.Trial = rulesTrialToPB(u.Trial)
	}
	return out, nil
}

func (s *labCatalogueServer) TryLabRules(ctx context.Context, req *pb.TryLabRulesRequest) (*pb.TryLabRulesResponse, error) {
	x := catalogue.Sample{
		Subject:    catalogue.Subject{AgeDays: int(req.GetAgeDays()), Sex: req.GetSex(), Pregnant: req.GetPregnant(), Specimen: req.GetSpecimen()},
		Department: req.GetDepartment(), QC: verify.QC(req.GetQualityControl()),
	}
	for _, i := range []struct {
		name, text string
		to         *packfile.Decimal
	}{
		{"haemolysis", req.GetHaemolysis(), &x.HIL.Haemolysis}, {"icterus", req.GetIcterus(), &x.HIL.Icterus}, {"lipaemia", req.GetLipaemia(), &x.HIL.Lipaemia},
	} {
		d, err := decimalOf(i.name, i.text)
		if err != nil {
			return nil, err
		}
		*i.to = packfile.Decimal{Decimal: d}
	}
	for _, v := range req.GetValues() {
		x.Values = append(x.Values, catalogue.SampleValue{
			Analyte: v.GetAnalyte(), Value: v.GetValue(), Unit: v.GetUnit(), SenderFlags: v.GetSenderFlags(),
			Before: each(v.GetBefore(), func(b *pb.TrialBefore) catalogue.SampleBefore {
				return catalogue.SampleBefore{Value: b.GetValue(), HoursAgo: int(b.GetHoursAgo())}
			}),
		})
	}
	all, err := s.Catalogue.Try(ctx, scopeOf(ctx), record.CentreID(req.GetCentreId()), req.GetYaml(), x)
	if err != nil {
		return nil, err
	}
	return &pb.TryLabRulesResponse{Verdicts: each(all, trialVerdictToPB)}, nil
}

func (s *labCatalogueServer) ListUnmappedCodes(ctx context.Context, req *pb.ListUnmappedCodesRequest) (*pb.ListUnmappedCodesResponse, error) {
	after, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	all, err := s.Catalogue.Unmapped(ctx, scopeOf(ctx), catalogue.UnmappedFilter{
		Sender: record.InstitutionID(req.GetSenderId()), Link: req.GetLink(), Settled: req.GetIncludeSettled(), After: catalogue.UnmappedID(after), Limit: size + 1,
	})
	if err != nil {
		return nil, err
	}
	all, next := cut(all, size, func(u catalogue.UnmappedCode) string { return string(u.ID) })
	return &pb.ListUnmappedCodesResponse{Codes: each(all, unmappedToPB), NextPageToken: next}, nil
}

func (s *labCatalogueServer) SuggestAnalytes(ctx context.Context, req *pb.SuggestAnalytesRequest) (*pb.SuggestAnalytesResponse, error) {
	p, err := s.pack(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.Catalogue.Suggest(ctx, scopeOf(ctx), catalogue.UnmappedID(req.GetUnmappedId()))
	if err != nil {
		return nil, err
	}
	return &pb.SuggestAnalytesResponse{Suggestions: each(all, func(x catalogue.Suggestion) *pb.AnalyteSuggestion {
		return &pb.AnalyteSuggestion{Analyte: analyteToPB(p, x.Analyte), Score: int32(x.Score), Reasons: x.Reasons}
	})}, nil
}

func (s *labCatalogueServer) MapCode(ctx context.Context, req *pb.MapCodeRequest) (*pb.CodeMapping, error) {
	from, err := timeOf(req.GetFromAt())
	if err != nil {
		return nil, err
	}
	r := catalogue.MapRequest{
		Key: catalogue.Key{
			Sender: laboratoryOf(ctx, req.GetSenderId()), Link: req.GetLink(), Code: req.GetCode(), System: req.GetSystem(), Unit: req.GetUnit(),
			Specimen: req.GetSpecimen(),
		},
		Analyte: req.GetAnalyte(), From: from, Base: int(req.GetBaseNumber()), Reason: req.GetReason(),
	}
	if id := req.GetUnmappedId(); id != "" {
		wider := catalogue.Wider{Link: req.GetAnyLink(), Unit: req.GetAnyUnit(), Specimen: req.GetAnySpecimen()}
		if r.Key, err = s.Catalogue.KeyOf(ctx, scopeOf(ctx), catalogue.UnmappedID(id), wider); err != nil {
			return nil, err
		}
	}
	m, err := s.Catalogue.Map(ctx, scopeOf(ctx), r)
	if err != nil {
		return nil, err
	}
	return mappingToPB(m), nil
}

func (s *labCatalogueServer) ListCodeMaps(ctx context.Context, req *pb.ListCodeMapsRequest) (*pb.ListCodeMapsResponse, error) {
	after, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	all, err := s.Catalogue.Maps(ctx, scopeOf(ctx), catalogue.MapFilter{
		Sender: record.InstitutionID(req.GetSenderId()), Link: req.GetLink(), Code: req.GetCode(), Analyte: req.GetAnalyte(), All: req.GetIncludeFollowed(),
		After: catalogue.MappingID(after), Limit: size + 1,
	})
	if err != nil {
		return nil, err
	}
	all, next := cut(all, size, func(m catalogue.Mapping) string { return string(m.ID) })
	return &pb.ListCodeMapsResponse{Mappings: each(all, mappingToPB), NextPageToken: next}, nil
}

func (s *labCatalogueServer) GetCodeCoverage(ctx context.Context, req *pb.GetCodeCoverageRequest) (*pb.GetCodeCoverageResponse, error) {
	days := int(req.GetDays())
	if days == 0 {
		days = 30
	}
	all, err := s.Catalogue.Coverage(ctx, scopeOf(ctx), s.now().Add(-time.Duration(days)*24*time.Hour))
	if err != nil {
		return nil, err
	}
	return &pb.GetCodeCoverageResponse{Links: each(all, func(c catalogue.Coverage) *pb.CodeCoverage {
		return &pb.CodeCoverage{
			SenderId: string(c.Sender), Link: c.Link, ResolvedRows: c.Resolved, UnmappedRows: c.Unmapped, Percent: c.Percent(), OpenCodes: c.OpenCodes,
		}
	})}, nil
}
