// SessionService: signing in. A browser holds its session in a cookie that scripts cannot read; others hold the token.

package gateway

import (
	"context"
	"net/http"

	"google.golang.org/protobuf/proto"

	"github.com/lianzhen/lianzhen/authz"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

type sessionServer struct {
	pb.UnimplementedSessionServiceServer
	*Server
}

func (s *sessionServer) SignIn(ctx context.Context, req *pb.SignInRequest) (*pb.Session, error) {
	in, err := s.Book.SignIn(ctx, req.GetLogin(), req.GetPassword(), record.InstitutionID(req.GetInstitutionId()), callOf(ctx).remote)
	if err != nil {
		return nil, err
	}
	out, err := s.sessionToPB(ctx, in)
	if err != nil {
		return nil, err
	}
	out.Token = in.Token
	return out, nil
}

func (s *sessionServer) SignOut(ctx context.Context, _ *pb.SignOutRequest) (*pb.SignOutResponse, error) {
	ask := callOf(ctx).ask
	token := ask.bearer
	if callerOf(ctx).Session == "" {
		return nil, record.Errorf(record.Precondition, "programs have no session")
	}
	if token == "" {
		token = ask.cookie
	}
	if err := s.Book.SignOut(ctx, token); err != nil {
		return nil, err
	}
	return &pb.SignOutResponse{}, nil
}

func (s *sessionServer) GetSession(ctx context.Context, _ *pb.GetSessionRequest) (*pb.Session, error) {
	c := callerOf(ctx)
	if c.Session == "" {
		return s.programToPB(ctx, c)
	}
	in, err := s.Book.SessionOf(ctx, c)
	if err != nil {
		return nil, err
	}
	return s.sessionToPB(ctx, in)
}

func (s *sessionServer) ChangePassword(ctx context.Context, req *pb.ChangePasswordRequest) (*pb.ChangePasswordResponse, error) {
	if err := s.Book.ChangePassword(ctx, callerOf(ctx), req.GetOldPassword(), req.GetNewPassword()); err != nil {
		return nil, err
	}
	return &pb.ChangePasswordResponse{}, nil
}

func (s *sessionServer) sessionToPB(ctx context.Context, in authz.Session) (*pb.Session, error) {
	out, err := s.programToPB(ctx, in.Caller)
	if err != nil {
		return nil, err
	}
	out.Login, out.ExpiresAt, out.MustChangePassword = in.Login, instant(in.ExpiresAt), in.MustChange
	out.InstitutionIds = texts(in.Institutions)
	return out, nil
}

// programToPB is what is known of any caller.
func (s *sessionServer) programToPB(ctx context.Context, c authz.Caller) (*pb.Session, error) {
	g, err := s.DB.Graph(ctx)
	if err != nil {
		return nil, err
	}
	at, _ := g.Institution(c.Actor.Institution)
	return &pb.Session{
		UserId: c.Actor.ID, DisplayName: c.Actor.Display, InstitutionId: string(c.Actor.Institution), InstitutionName: at.Name,
		Roles: c.Roles, InstitutionIds: []string{string(c.Actor.Institution)},
	}, nil
}

// cookieName has the prefix that makes browsers insist on https, this host and all of its paths.
func (s *Server) cookieName() string {
	if s.secure() {
		return "__Host-lz_session"
	}
	return "lz_session"
}

// sessionCookie moves the token of a session from a REST answer into a cookie, and takes the cookie away at sign-out.
func (s *Server) sessionCookie(_ context.Context, w http.ResponseWriter, m proto.Message) error {
	cookie := http.Cookie{Name: s.cookieName(), Path: "/", HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteStrictMode}
	switch m := m.(type) {
	case *pb.Session:
		if m.GetToken() == "" {
			return nil
		}
		cookie.Value, cookie.Expires = m.GetToken(), m.GetExpiresAt().AsTime()
		m.Token = ""
	case *pb.SignOutResponse:
		cookie.MaxAge = -1
	default:
		return nil
	}
	http.SetCookie(w, &cookie)
	return nil
}
