// What happens around every call, in the order in which it happens.

package gateway

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/lianzhen/lianzhen/record"
)

// Metadata that the HTTP door puts on the private line. Nobody else may send a key with this prefix.
const (
	linePrefix      = "lz-"
	lineCookie      = linePrefix + "cookie"
	lineCertificate = linePrefix + "certificate"
	lineRemote      = linePrefix + "remote"
	lineCall        = linePrefix + "call"
)

// defaultLimit is how long a call may take that has no limit of its own.
const defaultLimit = 30 * time.Second

// unary wraps calls with one answer.
func (s *Server) unary(private bool) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
		c := s.begin(info.FullMethod)
		ctx, cancel := context.WithTimeout(withCall(ctx, c), orDefault(c.rule.limit, defaultLimit))
		defer cancel()
		err = s.around(ctx, func() (err error) {
			if err := s.letIn(ctx, c, private); err != nil {
				return err
			}
			defer func() { s.quota.leave(c, codeFor(err)) }()
			if err := s.check.message(req); err != nil {
				return err
			}
			resp, err = s.once.do(ctx, c, req, next)
			return err
		})
		return resp, err
	}
}

// stream wraps calls that stay open.
func (s *Server) stream(private bool) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		c := s.begin(info.FullMethod)
		ctx, end := context.WithCancelCause(withCall(ss.Context(), c))
		defer end(nil)
		return s.around(ctx, func() error {
			if err := s.letIn(ctx, c, private); err != nil {
				return err
			}
			defer s.quota.leave(c, codes.OK)
			go s.watch(ctx, c, end)
			err := next(srv, &checkedStream{ServerStream: ss, ctx: ctx, check: s.check})
			if cause := context.Cause(ctx); err != nil && record.KindOf(cause) != record.Internal {
				return cause
			}
			return err
		})
	}
}

// checkedStream looks at every message that comes in.
type checkedStream struct {
	grpc.ServerStream
	ctx   context.Context
	check *checker
}

func (s *checkedStream) Context() context.Context { return s.ctx }

func (s *checkedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return s.check.message(m)
}

func (s *Server) begin(method string) *call {
	r, ok := rpcRules[method]
	if !ok {
		method = "unknown"
	}
	return &call{id: record.NewID(s.now()), method: method, rule: r, log: s.log}
}

// around counts, catches panics and turns the error into what leaves the house. Its ctx carries the call.
func (s *Server) around(ctx context.Context, do func() error) error {
	c, began := callOf(ctx), s.now()
	s.metrics.running.Inc()
	defer s.metrics.running.Dec()
	err := fault(ctx, recovered(do))
	s.metrics.done(c.method, status.Code(err), s.now().Sub(began))
	return err
}

// recovered makes an error of a panic, so that one bad call does not end the others.
func recovered(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

func codeFor(err error) codes.Code {
	if err == nil {
		return codes.OK
	}
	return outward(err, "").Code()
}

// letIn is the gate of a gRPC call: what it shows, may it, is it too much.
func (s *Server) letIn(ctx context.Context, c *call, private bool) error {
	if c.rule == (rule{}) {
		return record.Errorf(record.Denied, "no rule opens this door")
	}
	if err := c.readMetadata(ctx, private); err != nil {
		return err
	}
	_ = grpc.SetHeader(ctx, metadata.Pairs("x-request-id", c.id))
	if err := s.admit(ctx, c); err != nil {
		return err
	}
	return s.quota.enter(c)
}

// readMetadata fills the call from what the connection and its headers say.
func (c *call) readMetadata(ctx context.Context, private bool) error {
	md, _ := metadata.FromIncomingContext(ctx)
	one := func(key string) string {
		if v := md.Get(key); len(v) > 0 {
			return v[0]
		}
		return ""
	}
	if p, ok := peer.FromContext(ctx); ok && !private {
		c.remote = hostOf(p.Addr.String())
		if t, ok := p.AuthInfo.(credentials.TLSInfo); ok {
			c.ask.certificate = fingerprintOf(&t.State)
		}
	}
	for key, values := range md {
		if strings.HasPrefix(key, linePrefix) && !private {
			return record.Errorf(record.Denied, "metadata %q is not for callers", linePrefix)
		}
		if len(values) > 1 && onlyOnce[key] {
			return record.Errorf(record.Invalid, "%s: sent more than once", key)
		}
	}
	if private {
		c.ask.cookie, c.ask.certificate, c.remote = one(lineCookie), one(lineCertificate), one(lineRemote)
		c.id = one(lineCall)
	} else if id := one("x-request-id"); record.ValidID(id) {
		c.id = id
	}
	if h := one("authorization"); h != "" {
		if err := c.ask.authorize(h); err != nil {
			return err
		}
	}
	return c.ask.intend(one("x-lianzhen-purpose"), one("x-lianzhen-justification"))
}

// onlyOnce are the headers of which two would leave open which one counts.
var onlyOnce = map[string]bool{
	"authorization": true, "x-lianzhen-purpose": true, "x-lianzhen-justification": true,
	"x-request-id": true, lineCookie: true, lineCertificate: true, lineRemote: true, lineCall: true,
}

func hostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}
