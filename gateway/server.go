// Package gateway holds the doors: gRPC services, REST and raw HTTP. A door decodes, calls a room and encodes; who is
// calling and what they may touch is settled before it, in one place for all of them (admit.go).
//
// Where things are:
//
//	server.go   what listens, how it starts and stops          chain.go    what happens around every call
//	rules.go    which permission every RPC and route asks for  admit.go    who is it, may they, which Scope
//	http.go     the HTTP door, REST, security headers          fault.go    our error kinds as codes and statuses
//	validate.go what a request must look like                  idempotency.go, quota.go, metrics.go
//	<service>.go one file for each service
package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/test/bufconn"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/authz/recognition"
	"github.com/lianzhen/lianzhen/ecg"
	"github.com/lianzhen/lianzhen/gateway/astm"
	"github.com/lianzhen/lianzhen/gateway/dicomweb"
	"github.com/lianzhen/lianzhen/gateway/dimse"
	"github.com/lianzhen/lianzhen/gateway/mllp"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/exchange"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/dispatch"
	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/lab/specimen"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Deps are the rooms behind the doors.
type Deps struct {
	DB        *store.DB
	Keys      *store.Keys
	Blobs     store.Blobs
	Book      *authz.Book
	Guard     *authz.Guard
	Desk      *recognition.Desk
	Room      *reading.Room
	Imaging   *imaging.Centre
	ECG       *ecg.Centre
	Worklist  *worklist.Worklist
	Exchange  *exchange.Exchange
	Quality   *quality.Desk
	Catalogue *catalogue.Desk
	Lab       *lab.Centre
	Dispatch  *dispatch.Desk
	Specimens *specimen.Desk
	Portal    http.Handler // everything that no other route takes; nil: nothing
	Log       *slog.Logger // default slog.Default()
	Options   Options
}

// Options are the limits of the doors; the zero value of each means its default.
type Options struct {
	TLS       *tls.Config   // nil: no TLS, which is for a machine of one's own or behind a proxy that speaks it
	MaxBody   int64         // bytes of a JSON body; default 1 MiB
	MaxBlob   int64         // bytes of one object sent over HTTP; default 4 GiB
	Drain     time.Duration // how long a stopping server lets calls finish; default 20 s
	Headers   time.Duration // how long the headers of an HTTP request may take; default 10 s (slowloris, threat 11)
	Quota     Quota
	PublicURL string   // how clients reach the HTTP door; empty: as they name it
	Origins   []string // pages of other hosts that may use DICOMweb with a key, "https://viewer.example"; empty: none

	DIMSE DIMSE
	ASTM  ASTM
	HL7   HL7

	InFlight int // objects in the air on one upload stream; default 64

	Pprof          bool           // on the operations door: for loopback addresses only
	SecureCookies  bool           // TLS ends at a proxy in front: cookies are for https only
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
}

func (o Options) filled() Options {
	o.MaxBody = orDefault(o.MaxBody, 1<<20)
	o.MaxBlob = orDefault(o.MaxBlob, 4<<30)
	o.Drain = orDefault(o.Drain, 20*time.Second)
	o.Headers = orDefault(o.Headers, 10*time.Second)
	o.InFlight = orDefault(o.InFlight, 64)
	o.Quota = o.Quota.filled()
	return o
}

func orDefault[T int | int64 | float64 | time.Duration](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

// Server holds the doors open.
type Server struct {
	Deps
	now     record.Clock
	log     *slog.Logger
	check   *checker
	quota   *quotas
	metrics *metrics
	once    *once

	dicomweb *dicomweb.Door
	dimse    *dimse.Door
	astm     *astm.Door
	mllp     *mllp.Door

	associations    context.Context // of the DIMSE door: ends when the server stops
	endAssociations context.CancelFunc

	public   *grpc.Server // for the world
	private  *grpc.Server // for REST, over a listener that only this process can reach
	line     *bufconn.Listener
	restConn *grpc.ClientConn
	web      *http.Server
	ops      *http.Server
	health   *health.Server

	readiness readiness
	underway  underway
	dimseOpen sync.WaitGroup
	stopping  chan struct{} // closed when no new work is taken
	stopOnce  sync.Once
}

// The bounds of a gRPC connection (threat 10: exhaustion by streams, headers, pings and half-open connections).
const (
	maxStreams    = 100
	maxHeaderList = 32 << 10
	maxMessage    = 4 << 20
)

// New makes the doors; nothing listens yet.
func New(deps Deps) (*Server, error) {
	if deps.Log == nil {
		deps.Log = slog.Default()
	}
	deps.Options = deps.Options.filled()
	check, err := newChecker()
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	s := &Server{
		Deps: deps, now: deps.DB.Now, log: deps.Log, check: check,
		quota: newQuotas(deps.Options.Quota, deps.DB.Now), metrics: newMetrics(),
		health: health.NewServer(), stopping: make(chan struct{}),
		line: bufconn.Listen(1 << 20),
	}
	s.once = newOnce(deps.DB, deps.Keys)
	s.associations, s.endAssociations = context.WithCancel(context.Background())
	s.dimse = s.newDIMSE()
	s.openLab()
	s.astm = s.newASTM()
	s.mllp = s.newMLLP()
	deps.Book.CheckProfiles(checkLinkProfile)
	s.dicomweb = dicomweb.New(deps.Imaging, deps.Worklist, s.dicomwebOptions())
	s.public = grpc.NewServer(append(s.grpcOptions(false), publicLimits(deps.Options.TLS)...)...)
	s.private = grpc.NewServer(append(s.grpcOptions(true), grpc.MaxConcurrentStreams(10000))...)
	for _, g := range []*grpc.Server{s.public, s.private} {
		s.register(g)
		healthpb.RegisterHealthServer(g, s.health)
	}
	reflection.Register(s.public)
	if err := s.openHTTP(); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return s, nil
}

func (s *Server) dicomwebOptions() dicomweb.Options {
	return dicomweb.Options{
		MaxObject: s.Options.MaxBlob, PublicURL: s.Options.PublicURL,
		Received: func(bytes int64, err error) { s.metrics.received("dicomweb", float64(bytes), err) },
		Sent:     func(bytes int64) { s.metrics.bytes.WithLabelValues("dicomweb", "out").Add(float64(bytes)) },
		Failed:   func(ctx context.Context, err error) { callOf(ctx).note(ctx, codeFor(err), err) },
		Origins:  s.Options.Origins,
	}
}

func (s *Server) grpcOptions(private bool) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.UnaryInterceptor(s.unary(private)),
		grpc.StreamInterceptor(s.stream(private)),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.ForceServerCodecV2(newFrameCodec()),
		grpc.MaxHeaderListSize(maxHeaderList),
	}
}

func publicLimits(t *tls.Config) []grpc.ServerOption {
	opts := []grpc.ServerOption{
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.InitialWindowSize(1 << 20), grpc.InitialConnWindowSize(4 << 20), // fixed: an estimate has to grow first
		grpc.ReadBufferSize(128 << 10),
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: 15 * time.Minute, Time: time.Minute, Timeout: 20 * time.Second,
		}),
	}
	if t != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(t)))
	}
	return opts
}

// Listeners are where the doors open. A nil one stays shut.
type Listeners struct {
	GRPC, HTTP, Ops net.Listener

	DIMSE, DIMSETLS net.Listener // the second speaks TLS
	ASTM, ASTMTLS   net.Listener
	MLLP, MLLPTLS   net.Listener
}

// Serve answers until ctx ends or a door breaks, then lets the work in hand finish.
func (s *Server) Serve(ctx context.Context, l Listeners) error {
	broken := make(chan error, 12)
	open := func(serve func() error) { go func() { broken <- serve() }() }
	open(func() error { return s.private.Serve(s.line) })
	if l.GRPC != nil {
		open(func() error { return s.public.Serve(netutil.LimitListener(l.GRPC, maxConnections)) })
	}
	if l.HTTP != nil {
		open(func() error { return s.serveHTTP(l.HTTP) })
	}
	if l.Ops != nil {
		open(func() error { return s.ops.Serve(l.Ops) })
	}
	for _, d := range []net.Listener{l.DIMSE, l.DIMSETLS} {
		if d != nil {
			s.dimseOpen.Add(1)
			open(func() error {
				defer s.dimseOpen.Done()
				return s.dimse.Serve(s.associations, d)
			})
		}
	}
	s.openASTM(l, open)
	s.openMLLP(l, open)
	s.setServing(true)
	var err error
	select {
	case <-ctx.Done():
	case err = <-broken:
	}
	s.Stop()
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

func (s *Server) setServing(yes bool) {
	state := healthpb.HealthCheckResponse_NOT_SERVING
	if yes {
		state = healthpb.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", state)
}

// Stop takes no new work, lets uploads and calls in hand finish for Options.Drain, then closes what is left.
func (s *Server) Stop() {
	s.stopOnce.Do(s.stop)
}

func (s *Server) stop() {
	close(s.stopping)
	s.setServing(false)
	ctx, cancel := context.WithTimeout(context.Background(), s.Options.Drain)
	defer cancel()
	if err := s.web.Shutdown(ctx); err != nil {
		_ = s.web.Close()
	}
	s.endAssociations()
	drain(ctx, s.public)
	drain(ctx, s.private)
	s.dimseOpen.Wait() // bounded by the grace of the door
	_ = s.restConn.Close()
	_ = s.ops.Close()
	s.once.close()
}

func drain(ctx context.Context, g *grpc.Server) {
	done := make(chan struct{})
	go func() { g.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		g.Stop()
		<-done
	}
}

// register puts every service on g: by hand, so that one sees what there is.
func (s *Server) register(g *grpc.Server) {
	pb.RegisterSessionServiceServer(g, &sessionServer{Server: s})
	pb.RegisterDirectoryServiceServer(g, &directoryServer{Server: s})
	pb.RegisterPatientServiceServer(g, &patientServer{Server: s})
	pb.RegisterUploadServiceServer(g, &uploadServer{Server: s})
	pb.RegisterImagingServiceServer(g, &imagingServer{Server: s})
	pb.RegisterEcgServiceServer(g, &ecgServer{Server: s})
	pb.RegisterWorklistServiceServer(g, &worklistServer{Server: s})
	pb.RegisterExchangeServiceServer(g, &exchangeServer{Server: s})
	pb.RegisterLabQualityServiceServer(g, &labQualityServer{Server: s})
	pb.RegisterLabCatalogueServiceServer(g, &labCatalogueServer{Server: s})
	pb.RegisterLabServiceServer(g, &labServer{Server: s})
	pb.RegisterLabSpecimenServiceServer(g, &labSpecimenServer{Server: s})
	pb.RegisterLabDispatchServiceServer(g, &labDispatchServer{Server: s})
	pb.RegisterReadingServiceServer(g, &readingServer{Server: s})
	pb.RegisterRecognitionServiceServer(g, &recognitionServer{Server: s})
	pb.RegisterAuditServiceServer(g, &auditServer{Server: s})
}
