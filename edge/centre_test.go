package edge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lianzhen/lianzhen/codec/dicom/compact"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// centre is an upload service that keeps bytes in memory and counts.
type centre struct {
	pb.UnimplementedUploadServiceServer

	mu       sync.Mutex
	kept     map[string][]byte // by digest
	partial  map[string][]byte // what broken uploads left
	times    map[string]int    // how often an object was stored anew
	received int64
	finished map[string]int32
	answer   func(sum string) *pb.UploadFailure // refuses an object

	restores bool // takes containers
	refuses  bool // says that it does, and cannot
	packed   int  // objects that came in one
	asked    int  // objects
}

func newCentre() *centre {
	return &centre{kept: map[string][]byte{}, partial: map[string][]byte{}, times: map[string]int{}, finished: map[string]int32{}}
}

func (c *centre) serve(t *testing.T) string {
	t.Helper()
	s := grpc.NewServer()
	pb.RegisterUploadServiceServer(s, c)
	return listen(t, s)
}

func listen(t *testing.T, s *grpc.Server) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(lis)
	t.Cleanup(s.Stop)
	return lis.Addr().String()
}

func (c *centre) Have(_ context.Context, req *pb.HaveRequest) (*pb.HaveResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	res := &pb.HaveResponse{}
	c.asked += len(req.GetObjects())
	for _, o := range req.GetObjects() {
		s := &pb.ObjectState{State: pb.ObjectState_STATE_ABSENT}
		if c.kept[o.GetSha256()] != nil {
			s = &pb.ObjectState{State: pb.ObjectState_STATE_STORED, InstanceId: "i-" + o.GetSha256()[:8]}
		} else if n := len(c.partial[o.GetSha256()]); n > 0 {
			s = &pb.ObjectState{State: pb.ObjectState_STATE_PARTIAL, HeldBytes: int64(n)}
		}
		res.States = append(res.States, s)
	}
	if c.restores || c.refuses {
		res.Encodings = []pb.Encoding{pb.Encoding_ENCODING_COMPACT_1}
	}
	return res, nil
}

func (c *centre) FinishStudy(_ context.Context, req *pb.FinishStudyRequest) (*pb.FinishStudyResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished[req.GetStudyInstanceUid()] != 0 {
		return nil, status.Error(codes.AlreadyExists, "finished twice")
	}
	c.finished[req.GetStudyInstanceUid()] = req.GetExpectedInstances()
	return &pb.FinishStudyResponse{StudyId: "s", Instances: req.GetExpectedInstances(), CaseId: "c"}, nil
}

// incoming is one object of a stream.
type incoming struct {
	begin *pb.UploadBegin
	data  []byte
	held  int64  // of data, from before
	box   []byte // a container, as far as it came
}

func (in *incoming) take(b []byte) {
	if in.begin.GetEncoding() == pb.Encoding_ENCODING_COMPACT_1 {
		in.box = append(in.box, b...)
	} else {
		in.data = append(in.data, b...)
	}
}

// restore adds what the container gives, as far as it came.
func (in *incoming) restore() error {
	if in.box == nil {
		return nil
	}
	r, err := compact.NewReader(bytes.NewReader(in.box)).Skip(in.held)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(r)
	in.data = append(in.data, got...)
	return err
}

func (c *centre) Upload(stream pb.UploadService_UploadServer) error {
	open := map[uint32]*incoming{}
	defer func() {
		for _, in := range open {
			c.hold(in)
		}
	}()
	for {
		req, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		h := req.GetHandle()
		switch f := req.GetFrame().(type) {
		case *pb.UploadRequest_Begin:
			in := &incoming{begin: f.Begin}
			open[h] = in
			if f.Begin.GetResume() {
				c.mu.Lock()
				in.data = bytes.Clone(c.partial[f.Begin.GetSha256()])
				in.held = int64(len(in.data))
				c.mu.Unlock()
				start := &pb.UploadResponse_Start{Start: &pb.UploadStart{Offset: int64(len(in.data))}}
				if err := stream.Send(&pb.UploadResponse{Handle: h, Outcome: start}); err != nil {
					return err
				}
			}
		case *pb.UploadRequest_Data:
			open[h].take(f.Data)
			c.mu.Lock()
			c.received += int64(len(f.Data))
			c.mu.Unlock()
		case *pb.UploadRequest_Cancel:
			c.hold(open[h])
			delete(open, h)
		case *pb.UploadRequest_End:
			in := open[h]
			delete(open, h)
			if err := stream.Send(c.keep(h, in)); err != nil {
				return err
			}
		}
	}
}

func (c *centre) hold(in *incoming) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = in.restore() // as far as it goes
	if sum := in.begin.GetSha256(); in.begin.GetResume() && len(in.data) > len(c.partial[sum]) {
		c.partial[sum] = in.data
	}
}

func (c *centre) keep(h uint32, in *incoming) *pb.UploadResponse {
	c.mu.Lock()
	defer c.mu.Unlock()
	if in.box != nil {
		c.packed++
	}
	if err := in.restore(); err != nil || in.box != nil && !c.restores {
		f := &pb.UploadFailure{Code: int32(codes.InvalidArgument), Reason: "no container that can be restored"}
		return &pb.UploadResponse{Handle: h, Outcome: &pb.UploadResponse_Failure{Failure: f}}
	}
	raw := sha256.Sum256(in.data)
	sum := hex.EncodeToString(raw[:])
	if c.answer != nil {
		if f := c.answer(sum); f != nil {
			return &pb.UploadResponse{Handle: h, Outcome: &pb.UploadResponse_Failure{Failure: f}}
		}
	}
	if sum != in.begin.GetSha256() || int64(len(in.data)) != in.begin.GetSize() {
		delete(c.partial, in.begin.GetSha256())
		f := &pb.UploadFailure{Code: int32(codes.InvalidArgument), Reason: "other bytes than announced"}
		return &pb.UploadResponse{Handle: h, Outcome: &pb.UploadResponse_Failure{Failure: f}}
	}
	already := c.kept[sum] != nil
	if !already {
		c.kept[sum] = in.data
		c.times[sum]++
	}
	delete(c.partial, sum)
	s := &pb.UploadStored{InstanceId: "i-" + sum[:8], AlreadyStored: already}
	return &pb.UploadResponse{Handle: h, Outcome: &pb.UploadResponse_Stored{Stored: s}}
}

// badLine forwards to the centre and cuts each connection after a random number of bytes, as long as cuts are left.
type badLine struct {
	addr string
	mu   sync.Mutex
	cuts int
}

func newBadLine(t *testing.T, to string, cuts, low, high int) *badLine {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lis.Close() })
	b := &badLine{addr: lis.Addr().String(), cuts: cuts}
	rnd := rand.New(rand.NewPCG(1, 2))
	go func() {
		for {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			limit := int64(low + rnd.IntN(high-low))
			b.mu.Unlock()
			go b.forward(c, to, limit)
		}
	}()
	return b
}

func (b *badLine) forward(c net.Conn, to string, limit int64) {
	defer c.Close()
	up, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer up.Close()
	go func() {
		io.Copy(c, up)
		c.Close()
	}()
	io.CopyN(up, c, limit)
	b.mu.Lock()
	cut := b.cuts > 0
	b.cuts--
	b.mu.Unlock()
	if !cut {
		io.Copy(up, c)
	}
}

func (b *badLine) left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cuts
}

// study writes a phantom study into dir.
func study(t *testing.T, dir string, s phantom.Spec) {
	t.Helper()
	for name, write := range phantom.Study(s) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, name), b.Bytes())
	}
}

func small(seed uint64, slices int) phantom.Spec {
	return phantom.Spec{Kind: phantom.CTChest, Seed: seed, Count: slices, Rows: 64, Columns: 64}
}

func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func config(t *testing.T, to string) Config {
	return Config{
		To: to, Streams: 3, StateDir: t.TempDir(), RetryBase: time.Millisecond, RetryMax: 20 * time.Millisecond,
		Chunk: 64 << 10, ResumeFrom: 256 << 10, Timeout: 20 * time.Second,
	}
}

func send(t *testing.T, c Config, paths ...string) (Summary, []*Receipt) {
	t.Helper()
	var got []*Receipt
	c.OnReceipt = func(r *Receipt) { got = append(got, r) }
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	sum, err := s.Send(ctx, paths...)
	if err != nil {
		t.Fatalf("send: %v\n%+v", err, sum)
	}
	return sum, got
}

func refuseDigestOf(b []byte) func(string) *pb.UploadFailure {
	raw := sha256.Sum256(b)
	bad := hex.EncodeToString(raw[:])
	return func(sum string) *pb.UploadFailure {
		if sum != bad {
			return nil
		}
		return &pb.UploadFailure{Code: int32(codes.AlreadyExists), Reason: "other bytes are kept under this UID", QuarantineId: "q1"}
	}
}
