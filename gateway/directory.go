// DirectoryService, first half: institutions, how they belong together, centres, the policy.

package gateway

import (
	"context"
	"slices"

	"github.com/lianzhen/lianzhen/authz"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

type directoryServer struct {
	pb.UnimplementedDirectoryServiceServer
	*Server
}

var institutionKinds = words[string, pb.InstitutionKind]{
	{store.Village, pb.InstitutionKind_INSTITUTION_KIND_VILLAGE},
	{store.Township, pb.InstitutionKind_INSTITUTION_KIND_TOWNSHIP},
	{store.CountyHospital, pb.InstitutionKind_INSTITUTION_KIND_COUNTY_HOSPITAL},
	{store.Hospital, pb.InstitutionKind_INSTITUTION_KIND_HOSPITAL},
	{store.Private, pb.InstitutionKind_INSTITUTION_KIND_PRIVATE},
	{store.Community, pb.InstitutionKind_INSTITUTION_KIND_COMMUNITY},
	{store.County, pb.InstitutionKind_INSTITUTION_KIND_COUNTY},
	{store.City, pb.InstitutionKind_INSTITUTION_KIND_CITY},
	{store.Province, pb.InstitutionKind_INSTITUTION_KIND_PROVINCE},
	{store.Bureau, pb.InstitutionKind_INSTITUTION_KIND_BUREAU},
}

var relationKinds = words[string, pb.RelationKind]{
	{store.MemberOf, pb.RelationKind_RELATION_KIND_MEMBER_OF}, {store.Leads, pb.RelationKind_RELATION_KIND_LEADS},
}

func (s *directoryServer) ListInstitutions(ctx context.Context, req *pb.ListInstitutionsRequest) (*pb.ListInstitutionsResponse, error) {
	after, err := pageAfter(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	keep, err := s.listed(ctx, record.InstitutionID(req.GetParentId()))
	if err != nil {
		return nil, err
	}
	var out []store.Institution
	for len(out) <= size {
		page, err := s.DB.Institutions(ctx, store.InstitutionFilter{}, store.Page{After: after, Limit: 1000})
		if err != nil {
			return nil, err
		}
		for _, i := range page {
			if after = string(i.ID); keep(i.ID) {
				out = append(out, i)
			}
		}
		if len(page) < 1000 {
			break
		}
	}
	next := ""
	if len(out) > size {
		out = out[:size]
		next = pageToken(string(out[size-1].ID))
	}
	return &pb.ListInstitutionsResponse{Institutions: each(out, institutionToPB), NextPageToken: next}, nil
}

// listed says which institutions a list shows: those in the scope, and with a parent its children of today.
func (s *directoryServer) listed(ctx context.Context, parent record.InstitutionID) (func(record.InstitutionID) bool, error) {
	scope := scopeOf(ctx)
	if parent == "" {
		return scope.Reaches, nil
	}
	relations, err := s.DB.Relations(ctx)
	if err != nil {
		return nil, err
	}
	children := map[record.InstitutionID]bool{}
	for _, r := range relations {
		if r.Parent == parent && r.Kind == store.MemberOf && r.To.IsZero() {
			children[r.Child] = scope.Reaches(r.Child)
		}
	}
	return func(i record.InstitutionID) bool { return children[i] }, nil
}

func (s *directoryServer) GetInstitution(ctx context.Context, req *pb.GetInstitutionRequest) (*pb.Institution, error) {
	return s.institution(ctx, scopeOf(ctx), record.InstitutionID(req.GetInstitutionId()))
}

// institution reads one inside the scope, with its relations.
func (s *directoryServer) institution(ctx context.Context, scope record.Scope, id record.InstitutionID) (*pb.Institution, error) {
	i, err := s.DB.Institution(ctx, id)
	if err == nil && !scope.Reaches(id) {
		err = record.Errorf(record.NotFound, "institution %s", id)
	}
	if err != nil {
		return nil, err
	}
	out := institutionToPB(i)
	relations, err := s.DB.Relations(ctx)
	for _, r := range relations {
		if r.Child == id || r.Parent == id {
			out.Relations = append(out.Relations, relationToPB(r))
		}
	}
	return out, err
}

// writeDirectory runs a change of institutions that the scope must all reach.
func (s *directoryServer) writeDirectory(ctx context.Context, of []record.InstitutionID, change func(tx *store.Tx) error) error {
	scope := scopeOf(ctx)
	for _, id := range of {
		if !scope.Reaches(id) {
			return record.Errorf(record.NotFound, "institution %s", id)
		}
	}
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		tx.As(scope)
		return change(tx)
	})
}

func (s *directoryServer) CreateInstitution(ctx context.Context, req *pb.CreateInstitutionRequest) (*pb.Institution, error) {
	scope, in := scopeOf(ctx), req.GetInstitution()
	if !scope.All {
		return nil, record.Errorf(record.Denied, "not permitted: new institutions are made by the platform's administrator")
	}
	id := record.InstitutionID(in.GetInstitutionId())
	_, err := s.DB.Institution(ctx, id)
	if err == nil {
		return nil, record.Errorf(record.Conflict, "institution %s is there already", id)
	}
	if record.KindOf(err) != record.NotFound {
		return nil, err
	}
	err = s.writeDirectory(ctx, nil, func(tx *store.Tx) error {
		return tx.PutInstitution(ctx, store.Institution{
			ID: id, Name: in.GetName(), NameEN: in.GetNameEn(), Kind: institutionKinds.in(in.GetKind()),
			Division: in.GetDivision(), Level: int(in.GetLevel()), Active: true,
		})
	})
	if err != nil {
		return nil, err
	}
	return s.institution(ctx, scope, id)
}

func (s *directoryServer) UpdateInstitution(ctx context.Context, req *pb.UpdateInstitutionRequest) (*pb.Institution, error) {
	in := req.GetInstitution()
	id := record.InstitutionID(in.GetInstitutionId())
	has, err := masked(req.GetUpdateMask(), "institution_id", "name", "name_en", "level", "active", "division")
	if err != nil {
		return nil, err
	}
	err = s.writeDirectory(ctx, []record.InstitutionID{id}, func(tx *store.Tx) error {
		i, err := s.DB.Institution(ctx, id)
		if err != nil {
			return err
		}
		set(has("name"), &i.Name, in.GetName())
		set(has("name_en"), &i.NameEN, in.GetNameEn())
		set(has("level"), &i.Level, int(in.GetLevel()))
		set(has("active"), &i.Active, in.GetActive())
		set(has("division"), &i.Division, in.GetDivision())
		return tx.PutInstitution(ctx, i)
	})
	if err != nil {
		return nil, err
	}
	return s.institution(ctx, scopeOf(ctx), id)
}

func set[T any](yes bool, to *T, v T) {
	if yes {
		*to = v
	}
}

func (s *directoryServer) CreateRelation(ctx context.Context, req *pb.CreateRelationRequest) (*pb.Relation, error) {
	r := store.Relation{Child: record.InstitutionID(req.GetChildId()), Parent: record.InstitutionID(req.GetParentId()), Kind: relationKinds.in(req.GetKind())}
	err := s.writeDirectory(ctx, []record.InstitutionID{r.Child, r.Parent}, func(tx *store.Tx) error {
		r.From = tx.Now()
		return tx.PutRelation(ctx, r)
	})
	if err != nil {
		return nil, err
	}
	return relationToPB(r), nil
}

func (s *directoryServer) EndRelation(ctx context.Context, req *pb.EndRelationRequest) (*pb.Relation, error) {
	r := store.Relation{Child: record.InstitutionID(req.GetChildId()), Parent: record.InstitutionID(req.GetParentId()), Kind: relationKinds.in(req.GetKind())}
	err := s.writeDirectory(ctx, []record.InstitutionID{r.Child, r.Parent}, func(tx *store.Tx) error {
		r.To = tx.Now()
		return tx.EndRelation(ctx, r.Child, r.Parent, r.Kind, r.To)
	})
	if err != nil {
		return nil, err
	}
	all, err := s.DB.Relations(ctx)
	for _, x := range all {
		if x.Child == r.Child && x.Parent == r.Parent && x.Kind == r.Kind && x.To.UnixMicro() == r.To.UnixMicro() {
			r = x
		}
	}
	return relationToPB(r), err
}

func (s *directoryServer) ListCentres(ctx context.Context, _ *pb.ListCentresRequest) (*pb.ListCentresResponse, error) {
	all, err := s.DB.Centres(ctx)
	if err != nil {
		return nil, err
	}
	scope := scopeOf(ctx)
	all = slices.DeleteFunc(all, func(c store.Centre) bool { return !scope.Reaches(c.County) && !scope.Reaches(c.Host) })
	return &pb.ListCentresResponse{Centres: each(all, centreToPB)}, nil
}

func (s *directoryServer) CreateCentre(ctx context.Context, req *pb.CreateCentreRequest) (*pb.Centre, error) {
	in := req.GetCentre()
	c := store.Centre{
		ID: record.CentreID(in.GetCentreId()), County: record.InstitutionID(in.GetCountyId()), Kind: centreKinds.in(in.GetKind()),
		Host: record.InstitutionID(in.GetHostId()), Bucket: in.GetBucket(), Name: in.GetName(),
	}
	if c.Kind == "" || c.Name == "" {
		return nil, record.Errorf(record.Invalid, "centre: kind and name are required")
	}
	is := func(x store.Centre) bool {
		return x.County == c.County && x.Kind == c.Kind || x.ID == c.ID && c.ID != ""
	}
	all, err := s.DB.Centres(ctx)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(all, is) {
		return nil, record.Errorf(record.Conflict, "the county has a centre of this kind already")
	}
	if err := s.writeDirectory(ctx, []record.InstitutionID{c.County, c.Host}, func(tx *store.Tx) error { return tx.PutCentre(ctx, c) }); err != nil {
		return nil, err
	}
	if all, err = s.DB.Centres(ctx); err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(all, is); i >= 0 {
		c = all[i]
	}
	return centreToPB(c), nil
}

func (s *directoryServer) GetPolicy(context.Context, *pb.GetPolicyRequest) (*pb.Policy, error) {
	return s.policy(), nil
}

func (s *directoryServer) policy() *pb.Policy {
	model, rows, version := s.Guard.Policy()
	return &pb.Policy{Model: model, Rows: rows, Version: version}
}

func (s *directoryServer) UpdatePolicy(ctx context.Context, req *pb.UpdatePolicyRequest) (*pb.UpdatePolicyResponse, error) {
	c, err := s.Guard.Update(ctx, scopeOf(ctx), req.GetRows(), req.GetBaseVersion(), req.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	return &pb.UpdatePolicyResponse{Policy: s.policy(), Problems: c.Problems, Added: c.Added, Removed: c.Removed}, nil
}

func (s *directoryServer) ExplainAccess(ctx context.Context, req *pb.ExplainAccessRequest) (*pb.ExplainAccessResponse, error) {
	caller, err := s.Book.CallerOf(ctx, scopeOf(ctx), record.UserID(req.GetUserId()), record.InstitutionID(req.GetInstitutionId()))
	if err != nil {
		return nil, err
	}
	e, err := s.Guard.Explain(caller, authz.Question{
		Kind: req.GetKind(), Act: req.GetAct(), Purpose: record.Purpose(req.GetPurpose()), Owner: record.InstitutionID(req.GetOwnerId()),
	})
	if err != nil {
		return nil, err
	}
	return &pb.ExplainAccessResponse{Allowed: e.Allowed, Rules: e.Rules, Nearest: e.Nearest}, nil
}

func institutionToPB(i store.Institution) *pb.Institution {
	return &pb.Institution{
		InstitutionId: string(i.ID), Name: i.Name, NameEn: i.NameEN, Kind: institutionKinds.out(i.Kind), Division: i.Division,
		Level: int32(i.Level), Active: i.Active,
	}
}

func relationToPB(r store.Relation) *pb.Relation {
	return &pb.Relation{ChildId: string(r.Child), ParentId: string(r.Parent), Kind: relationKinds.out(r.Kind), FromAt: instant(r.From), ToAt: instant(r.To)}
}

func centreToPB(c store.Centre) *pb.Centre {
	return &pb.Centre{CentreId: string(c.ID), CountyId: string(c.County), Kind: centreKinds.out(c.Kind), HostId: string(c.Host), Name: c.Name, Bucket: c.Bucket}
}
