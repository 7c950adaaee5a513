// DirectoryService, second half: people, keys, devices, certificates. The Book decides who may change whom.

package gateway

import (
	"context"

	"github.com/lianzhen/lianzhen/authz"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// page is the rows that a listing request asks for.
func page(req interface {
	GetPageSize() int32
	GetPageToken() string
},
) (store.Page, error) {
	after, err := pageAfter(req.GetPageToken())
	return store.Page{After: after, Limit: pageSize(req.GetPageSize())}, err
}

func (s *directoryServer) ListUsers(ctx context.Context, req *pb.ListUsersRequest) (*pb.ListUsersResponse, error) {
	p, err := page(req)
	if err != nil {
		return nil, err
	}
	users, next, err := s.Book.ListUsers(ctx, scopeOf(ctx), record.InstitutionID(req.GetInstitutionId()), p)
	if err != nil {
		return nil, err
	}
	return &pb.ListUsersResponse{Users: each(users, userToPB), NextPageToken: tokenOf(next)}, nil
}

func (s *directoryServer) CreateUser(ctx context.Context, req *pb.CreateUserRequest) (*pb.User, error) {
	in := req.GetUser()
	return userOr(s.Book.CreateUser(ctx, scopeOf(ctx), authz.NewUser{
		Login: in.GetLogin(), DisplayName: record.Personal(in.GetDisplayName()), Password: req.GetPassword(),
		Roles: each(in.GetRoles(), grantFromPB),
	}))
}

func (s *directoryServer) UpdateUser(ctx context.Context, req *pb.UpdateUserRequest) (*pb.User, error) {
	in := req.GetUser()
	has, err := masked(req.GetUpdateMask(), "user_id", "display_name", "active")
	if err != nil {
		return nil, err
	}
	var c authz.UserChange
	set(has("display_name"), &c.DisplayName, ptr(record.Personal(in.GetDisplayName())))
	set(has("active"), &c.Active, ptr(in.GetActive()))
	return userOr(s.Book.UpdateUser(ctx, scopeOf(ctx), record.UserID(in.GetUserId()), c))
}

func ptr[T any](v T) *T { return &v }

func (s *directoryServer) GrantRole(ctx context.Context, req *pb.GrantRoleRequest) (*pb.User, error) {
	return userOr(s.Book.GrantRole(ctx, scopeOf(ctx), record.UserID(req.GetUserId()), grantFromPB(req.GetGrant())))
}

func (s *directoryServer) RevokeRole(ctx context.Context, req *pb.RevokeRoleRequest) (*pb.User, error) {
	return userOr(s.Book.RevokeRole(ctx, scopeOf(ctx), record.UserID(req.GetUserId()), grantFromPB(req.GetGrant())))
}

func (s *directoryServer) ListApiKeys(ctx context.Context, req *pb.ListApiKeysRequest) (*pb.ListApiKeysResponse, error) {
	p, err := page(req)
	if err != nil {
		return nil, err
	}
	keys, next, err := s.Book.ListKeys(ctx, scopeOf(ctx), record.InstitutionID(req.GetInstitutionId()), p)
	if err != nil {
		return nil, err
	}
	return &pb.ListApiKeysResponse{ApiKeys: each(keys, keyToPB), NextPageToken: tokenOf(next)}, nil
}

func (s *directoryServer) CreateApiKey(ctx context.Context, req *pb.CreateApiKeyRequest) (*pb.ApiKey, error) {
	in := req.GetApiKey()
	expires, err := timeOf(in.GetExpiresAt())
	if err != nil {
		return nil, err
	}
	k, secret, err := s.Book.CreateKey(ctx, scopeOf(ctx), authz.APIKey{
		Name: in.GetName(), Institution: record.InstitutionID(in.GetInstitutionId()), Scopes: in.GetScopes(), ExpiresAt: expires,
	})
	if err != nil {
		return nil, err
	}
	out := keyToPB(k)
	out.Secret = secret
	return out, nil
}

func (s *directoryServer) RevokeApiKey(ctx context.Context, req *pb.RevokeApiKeyRequest) (*pb.ApiKey, error) {
	k, err := s.Book.RevokeKey(ctx, scopeOf(ctx), record.KeyID(req.GetKeyId()))
	if err != nil {
		return nil, err
	}
	return keyToPB(k), nil
}

func (s *directoryServer) ListDevices(ctx context.Context, req *pb.ListDevicesRequest) (*pb.ListDevicesResponse, error) {
	p, err := page(req)
	if err != nil {
		return nil, err
	}
	all, next, err := s.Book.ListDevices(ctx, scopeOf(ctx), record.InstitutionID(req.GetInstitutionId()), p)
	if err != nil {
		return nil, err
	}
	return &pb.ListDevicesResponse{Devices: each(all, deviceToPB), NextPageToken: tokenOf(next)}, nil
}

func (s *directoryServer) CreateDevice(ctx context.Context, req *pb.CreateDeviceRequest) (*pb.Device, error) {
	in := req.GetDevice()
	return deviceOr(s.Book.CreateDevice(ctx, scopeOf(ctx), authz.Device{
		Institution: record.InstitutionID(in.GetInstitutionId()), Name: in.GetName(), AETitle: in.GetAeTitle(),
		Address: in.GetAddress(), Modality: in.GetModality(), Role: in.GetRole(), Certificate: in.GetCertificate(),
		Protocol: authz.Protocol(in.GetProtocol()), Link: in.GetLink(), Profile: authz.Profile{YAML: in.GetProfile()},
	}))
}

func (s *directoryServer) UpdateDevice(ctx context.Context, req *pb.UpdateDeviceRequest) (*pb.Device, error) {
	in := req.GetDevice()
	has, err := masked(req.GetUpdateMask(), "device_id", "name", "address", "modality", "active", "role", "certificate", "profile")
	if err != nil {
		return nil, err
	}
	var c authz.DeviceChange
	set(has("name"), &c.Name, ptr(in.GetName()))
	set(has("address"), &c.Address, ptr(in.GetAddress()))
	set(has("modality"), &c.Modality, ptr(in.GetModality()))
	set(has("active"), &c.Active, ptr(in.GetActive()))
	set(has("role"), &c.Role, ptr(in.GetRole()))
	set(has("certificate"), &c.Certificate, ptr(in.GetCertificate()))
	set(has("profile"), &c.Profile, ptr(in.GetProfile()))
	return deviceOr(s.Book.UpdateDevice(ctx, scopeOf(ctx), authz.DeviceID(in.GetDeviceId()), c))
}

func (s *directoryServer) CreateCertificate(ctx context.Context, req *pb.CreateCertificateRequest) (*pb.Certificate, error) {
	return certificateOr(s.Book.CreateCertificate(ctx, scopeOf(ctx), authz.Certificate{
		Institution: record.InstitutionID(req.GetInstitutionId()), Name: req.GetName(), Scopes: req.GetScopes(),
	}, req.GetCertificate()))
}

// mostCertificates is one page: the request has no token, and a county has few programs.
const mostCertificates = 1000

func (s *directoryServer) ListCertificates(ctx context.Context, req *pb.ListCertificatesRequest) (*pb.ListCertificatesResponse, error) {
	all, _, err := s.Book.ListCertificates(ctx, scopeOf(ctx), record.InstitutionID(req.GetInstitutionId()), store.Page{Limit: mostCertificates})
	if err != nil {
		return nil, err
	}
	return &pb.ListCertificatesResponse{Certificates: each(all, certificateToPB)}, nil
}

func (s *directoryServer) RevokeCertificate(ctx context.Context, req *pb.RevokeCertificateRequest) (*pb.Certificate, error) {
	return certificateOr(s.Book.RevokeCertificate(ctx, scopeOf(ctx), req.GetFingerprint()))
}

func userOr(u authz.User, err error) (*pb.User, error) {
	if err != nil {
		return nil, err
	}
	return userToPB(u), nil
}

func deviceOr(d authz.Device, err error) (*pb.Device, error) {
	if err != nil {
		return nil, err
	}
	return deviceToPB(d), nil
}

func certificateOr(c authz.Certificate, err error) (*pb.Certificate, error) {
	if err != nil {
		return nil, err
	}
	return certificateToPB(c), nil
}

func grantFromPB(g *pb.RoleGrant) authz.Grant {
	return authz.Grant{Role: g.GetRole(), Institution: record.InstitutionID(g.GetInstitutionId())}
}

func userToPB(u authz.User) *pb.User {
	return &pb.User{
		UserId: string(u.ID), Login: u.Login, DisplayName: u.DisplayName.Reveal(), Active: u.Active, LastSignInAt: instant(u.LastSignInAt),
		Roles: each(u.Roles, func(g authz.Grant) *pb.RoleGrant {
			return &pb.RoleGrant{Role: g.Role, InstitutionId: string(g.Institution)}
		}),
	}
}

func keyToPB(k authz.APIKey) *pb.ApiKey {
	return &pb.ApiKey{
		KeyId: string(k.ID), Name: k.Name, InstitutionId: string(k.Institution), Scopes: k.Scopes, CreatedAt: instant(k.CreatedAt),
		ExpiresAt: instant(k.ExpiresAt), RevokedAt: instant(k.RevokedAt), LastUsedAt: instant(k.LastUsedAt),
	}
}

func deviceToPB(d authz.Device) *pb.Device {
	return &pb.Device{
		DeviceId: string(d.ID), InstitutionId: string(d.Institution), Name: d.Name, AeTitle: d.AETitle, Address: d.Address,
		Modality: d.Modality, Role: d.Role, Certificate: d.Certificate, Active: d.Active, Protocol: string(d.Protocol), Link: d.Link,
		Profile: d.Profile.YAML, ProfileNumber: int32(d.Profile.Number),
	}
}

func certificateToPB(c authz.Certificate) *pb.Certificate {
	return &pb.Certificate{
		Fingerprint: c.Fingerprint, InstitutionId: string(c.Institution), Name: c.Name, Scopes: c.Scopes,
		NotAfter: instant(c.NotAfter), RevokedAt: instant(c.RevokedAt),
	}
}
