package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// ecgCentre takes ECGs too.
type ecgCentre struct {
	pb.UnimplementedEcgServiceServer
	*centre
	silent bool                                                                         // does not say that it wants the bytes
	reply  func(call int32, b *pb.UploadTracingBegin, done <-chan struct{}) (err error) // nil: kept
	calls  atomic.Int32
	tracer sync.Mutex
	ecgs   map[string]int // times that each digest came whole
	bytes  int
}

func (c *ecgCentre) UploadTracing(stream pb.EcgService_UploadTracingServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	b := first.GetBegin()
	if c.reply != nil {
		if err := c.reply(c.calls.Add(1), b, stream.Context().Done()); err != nil {
			return err
		}
	}
	c.tracer.Lock()
	already := c.ecgs[b.GetSha256()] > 0
	c.tracer.Unlock()
	if already {
		return stream.SendAndClose(&pb.StoredTracing{TracingId: "t-" + b.GetSha256()[:8], AlreadyStored: true})
	}
	if !c.silent {
		_ = stream.SendHeader(metadata.Pairs(wantsFile, "1"))
	}
	var data []byte
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		data = append(data, m.GetData()...)
	}
	c.tracer.Lock()
	defer c.tracer.Unlock()
	c.ecgs[b.GetSha256()]++
	c.bytes += len(data)
	if int64(len(data)) != b.GetSize() {
		return status.Error(codes.InvalidArgument, "other bytes than announced")
	}
	return stream.SendAndClose(&pb.StoredTracing{TracingId: "t-" + b.GetSha256()[:8]})
}

func newECGCentre(t *testing.T) (c *ecgCentre, addr string) {
	t.Helper()
	c = &ecgCentre{centre: newCentre(), ecgs: map[string]int{}}
	s := grpc.NewServer()
	pb.RegisterUploadServiceServer(s, c.centre)
	pb.RegisterEcgServiceServer(s, c)
	return c, listen(t, s)
}

func scpFile(t *testing.T, seed uint64) []byte {
	t.Helper()
	return written(t, "scp", seed)
}

func written(t *testing.T, format string, seed uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	s := synth.Spec{Seed: seed, Patient: tracing.Patient{ID: "T1", Name: "马文秀"}}
	if err := formats.Write(&b, format, synth.Make(s)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestECGsArriveOnceAndASecondRunSendsNothing(t *testing.T) {
	c, addr := newECGCentre(t)
	cfg, dir := config(t, addr), t.TempDir()
	cfg.NoFinish = true
	var last *TracingReceipt
	cfg.OnTracings = func(r *TracingReceipt) { last = r }
	for i := range 9 {
		put(t, filepath.Join(dir, fmt.Sprint(i)), scpFile(t, uint64(i%8)))
	}
	study(t, filepath.Join(dir, "ct"), small(1, 3))
	sum, _ := send(t, cfg, dir)
	if sum.Code() != 0 || sum.Tracings != 9 || sum.TracingsStored != 8 || sum.TracingsTwins != 1 || sum.Stored != 3 || len(c.ecgs) != 8 {
		t.Errorf("%+v", sum)
	}
	if len(last.Items) != 9 || last.Problem != "" || last.Items[0].TracingID == "" || last.Items[0].File != "" {
		t.Errorf("%+v", last)
	}
	before := c.bytes
	if sum, _ = send(t, cfg, dir); sum.Code() != 0 || sum.TracingsAlready != 8 || sum.Sent != 0 || c.bytes != before {
		t.Errorf("second run: %+v, %d bytes", sum, c.bytes-before)
	}
}

func TestALineThatKeepsHeadersBackGetsTheBytesAnyway(t *testing.T) {
	c, addr := newECGCentre(t)
	c.silent = true
	cfg, dir := config(t, addr), t.TempDir()
	put(t, filepath.Join(dir, "a"), scpFile(t, 1))
	if sum, _ := send(t, cfg, dir); sum.Code() != 0 || sum.TracingsStored != 1 {
		t.Errorf("%+v", sum)
	}
}

func TestWhatTheCentreSaysOfAnECG(t *testing.T) {
	for _, tt := range []struct {
		name    string
		code    codes.Code
		times   int32 // it is said
		want    int   // exit code
		problem string
		tried   int32 // calls for two files at least
	}{
		{"unavailable is tried until it works", codes.Unavailable, 12, 0, "", 14},
		{"internal a few times", codes.Internal, 3, 0, "", 5},
		{"internal for ever is not finished", codes.Internal, 1 << 30, 4, "", 10},
		{"invalid is refused", codes.InvalidArgument, 1 << 30, 3, "", 2},
		{"no right to send ECGs", codes.PermissionDenied, 1 << 30, 4, "PermissionDenied: said", 1},
		{"a centre that is older", codes.Unimplemented, 1 << 30, 4, "older", 1},
		{"no ECG centre reads for the institution", codes.FailedPrecondition, 1 << 30, 4, "FailedPrecondition: said", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, addr := newECGCentre(t)
			c.reply = func(call int32, _ *pb.UploadTracingBegin, _ <-chan struct{}) error {
				if call > tt.times {
					return nil
				}
				return status.Error(tt.code, "said")
			}
			cfg, dir := config(t, addr), t.TempDir()
			var got *TracingReceipt
			cfg.OnTracings = func(r *TracingReceipt) { got = r }
			put(t, filepath.Join(dir, "a"), scpFile(t, 1))
			put(t, filepath.Join(dir, "b"), scpFile(t, 2))
			study(t, filepath.Join(dir, "ct"), small(1, 2))
			sum, _ := send(t, cfg, dir)
			if sum.Code() != tt.want || sum.Stored != 2 { // images go in any case
				t.Errorf("%+v", sum)
			}
			if !strings.Contains(got.Problem, tt.problem) || (got.Problem == "") != (tt.problem == "") || c.calls.Load() < tt.tried {
				t.Errorf("problem %q, %d calls", got.Problem, c.calls.Load())
			}
		})
	}
}

func TestACentreWithoutTheServiceSaysSo(t *testing.T) {
	cfg, dir := config(t, newCentre().serve(t)), t.TempDir()
	var got *TracingReceipt
	cfg.OnTracings = func(r *TracingReceipt) { got = r }
	put(t, filepath.Join(dir, "a"), scpFile(t, 1))
	if sum, _ := send(t, cfg, dir); sum.Code() != 4 || !strings.Contains(got.Problem, "older") {
		t.Errorf("%+v %+v", sum, got)
	}
}

func TestAnUnknownKeyEndsTheRun(t *testing.T) {
	c, addr := newECGCentre(t)
	c.reply = func(int32, *pb.UploadTracingBegin, <-chan struct{}) error {
		return status.Error(codes.Unauthenticated, "no such key")
	}
	cfg, dir := config(t, addr), t.TempDir()
	put(t, filepath.Join(dir, "a"), scpFile(t, 1))
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var stop *StopError
	sum, err := s.Send(t.Context(), dir)
	if !errors.As(err, &stop) || stop.Code != codes.Unauthenticated || sum.TracingsFailed != 1 || sum.Code() != 4 {
		t.Errorf("%v %+v", err, sum)
	}
	if err := s.Watch(t.Context(), Watching{}, dir); !errors.As(err, &stop) {
		t.Errorf("watch: %v", err)
	}
}

func TestAnECGOnADeadLineIsGivenUp(t *testing.T) {
	cfg, dir := config(t, "127.0.0.1:1"), t.TempDir()
	cfg.Timeout = 300 * time.Millisecond
	put(t, filepath.Join(dir, "a"), scpFile(t, 1))
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if sum, err := s.Send(t.Context(), dir); !errors.Is(err, ErrGaveUp) || sum.Code() != 4 || sum.TracingsFailed != 1 {
		t.Errorf("%v %+v", err, sum)
	}
}

func TestAStalledECGIsSentAgain(t *testing.T) {
	c, addr := newECGCentre(t)
	c.reply = func(call int32, _ *pb.UploadTracingBegin, done <-chan struct{}) error {
		if call == 1 {
			<-done
		}
		return nil
	}
	cfg, dir := config(t, addr), t.TempDir()
	cfg.Stall = 300 * time.Millisecond
	put(t, filepath.Join(dir, "a"), scpFile(t, 1))
	if sum, _ := send(t, cfg, dir); sum.Code() != 0 || sum.TracingsStored != 1 || c.calls.Load() != 2 {
		t.Errorf("%d calls, %+v", c.calls.Load(), sum)
	}
}

func TestAnECGThatChangesOnTheWayIsNotRefused(t *testing.T) {
	c, addr := newECGCentre(t)
	cfg, dir := config(t, addr), t.TempDir()
	path := filepath.Join(dir, "a")
	put(t, path, scpFile(t, 1))
	c.reply = func(int32, *pb.UploadTracingBegin, <-chan struct{}) error {
		return os.WriteFile(path, scpFile(t, 2), 0o600) // between its digest and its bytes
	}
	if sum, _ := send(t, cfg, dir); sum.Code() != 4 || sum.TracingsFailed != 1 || len(c.ecgs) != 0 {
		t.Errorf("%+v, %v", sum, c.ecgs)
	}
}

func TestInterruptedECGsAreNamedAsSuch(t *testing.T) {
	c, addr := newECGCentre(t)
	ctx, cancel := context.WithCancel(t.Context())
	c.reply = func(call int32, _ *pb.UploadTracingBegin, done <-chan struct{}) error {
		if call > 3 {
			cancel()
			<-done
		}
		return nil
	}
	cfg, dir := config(t, addr), t.TempDir()
	var got *TracingReceipt
	cfg.OnTracings = func(r *TracingReceipt) { got = r }
	for i := range 20 {
		put(t, filepath.Join(dir, fmt.Sprint(i)), scpFile(t, uint64(i)))
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sum, err := s.Send(ctx, dir)
	if !errors.Is(err, context.Canceled) || sum.Code() != 4 || sum.TracingsStored+sum.TracingsFailed != 20 || got.Problem != errInterrupted || len(got.Items) != 20 {
		t.Errorf("%v %+v %+v", err, sum, got)
	}
}

func TestOnlyECGsLeaveTheHouse(t *testing.T) {
	dir := t.TempDir()
	samples := make([]byte, 20_000) // a slow wave without a header: an Edan's by its looks, or anything
	for i := range len(samples) / 2 {
		samples[2*i] = byte(i % 50)
	}
	for _, tt := range []struct {
		name string
		data []byte
		want tracing.Format
	}{
		{"cart", scpFile(t, 1), tracing.SCP},
		{"cart.xml", written(t, "aecg", 1), tracing.AECG},
		{"cart.dcm", written(t, "edf", 1), tracing.EDF},
		{"letter.docx", append([]byte("PK\x03\x04"), make([]byte, 5000)...), ""},
		{"wave.bin", samples, ""},
		{"page.xml", []byte("<?xml version=\"1.0\"?><patients/>"), ""},
		{"short", []byte{1}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, tt.name)
			put(t, path, tt.data)
			if _, got, err := identify(path); got != string(tt.want) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
