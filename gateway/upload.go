// The upload stream: many objects at once, multiplexed by handle, each answered on its own when it is durable.
//
//	stream ──frames──> uploads.take ──pieces──> pipe of each handle ──> Centre.Accept ──answer──> stream
//
// One goroutine reads the stream; each object has a goroutine that feeds the centre. What one object does wrong is that
// object's failure. When the stream breaks, unfinished objects end with errBroken: those announced with a SHA-256 are
// held for a resume.

package gateway

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/imaging"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

type uploadServer struct {
	pb.UnimplementedUploadServiceServer
	*Server
}

// Have says which objects are kept already.
func (s *uploadServer) Have(ctx context.Context, req *pb.HaveRequest) (*pb.HaveResponse, error) {
	asked := make([]imaging.Digest, len(req.GetObjects()))
	for i, o := range req.GetObjects() {
		asked[i] = imaging.Digest{SHA256: o.GetSha256(), Size: o.GetSize()}
	}
	held, err := s.Imaging.Have(ctx, scopeOf(ctx), asked)
	if err != nil {
		return nil, err
	}
	return &pb.HaveResponse{States: each(held, objectState)}, nil
}

func objectState(h imaging.Held) *pb.ObjectState {
	st := &pb.ObjectState{State: pb.ObjectState_STATE_ABSENT, HeldBytes: h.Bytes, InstanceId: string(h.Instance)}
	switch {
	case h.Instance != "":
		st.State = pb.ObjectState_STATE_STORED
	case h.Bytes > 0:
		st.State = pb.ObjectState_STATE_PARTIAL
	}
	return st
}

// FinishStudy says that all objects of a study were sent.
func (s *uploadServer) FinishStudy(ctx context.Context, req *pb.FinishStudyRequest) (*pb.FinishStudyResponse, error) {
	f, err := s.Imaging.Finish(ctx, scopeOf(ctx), imaging.Finish{
		Study: dicomUID(req.GetStudyInstanceUid()), Expected: int(req.GetExpectedInstances()),
		Priority: priorityFromPB(req.GetPriority()), ClinicalInfo: req.GetClinicalInformation(),
	})
	if err != nil {
		return nil, err
	}
	return &pb.FinishStudyResponse{StudyId: string(f.Study), Instances: int32(f.Instances), CaseId: string(f.Case)}, nil
}

// Upload takes objects until the client closes its side, and returns when the last is answered.
func (s *uploadServer) Upload(stream pb.UploadService_UploadServer) error {
	u := &uploads{
		Server: s.Server, stream: stream, scope: scopeOf(stream.Context()), objects: map[uint32]*incoming{},
		slots: make(chan struct{}, s.Options.InFlight),
	}
	err := u.receive()
	u.breakOff()
	u.working.Wait()
	return err
}

// uploads is one stream.
type uploads struct {
	*Server
	stream  pb.UploadService_UploadServer
	scope   record.Scope
	objects map[uint32]*incoming // not ended; only the receiving goroutine touches it
	slots   chan struct{}        // one for each object that is not answered
	working sync.WaitGroup
	sending sync.Mutex
}

// incoming is one object whose bytes still arrive.
type incoming struct {
	pipe   *pipe
	handle uint32
}

// receive reads frames until the client has said all or the server stops.
func (u *uploads) receive() error {
	frames, broken := make(chan *pb.UploadRequest), make(chan error, 1)
	ctx := u.stream.Context()
	go func() {
		for {
			f, err := u.stream.Recv()
			if err != nil {
				broken <- err
				return
			}
			select {
			case frames <- f:
			case <-ctx.Done():
				return
			}
		}
	}()
	stopping := u.stopping
	for {
		if stopping == nil && len(u.objects) == 0 {
			return errStopping
		}
		select {
		case f := <-frames:
			if err := u.take(f); err != nil {
				return err
			}
		case err := <-broken:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case <-stopping:
			stopping = nil // objects that began may end; a new one is told to come again
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take hands a frame to its object.
func (u *uploads) take(f *pb.UploadRequest) error {
	o := u.objects[f.GetHandle()]
	switch x := f.GetFrame().(type) {
	case *pb.UploadRequest_Begin:
		return u.begin(f.GetHandle(), x.Begin, o)
	case *pb.UploadRequest_Data:
		if o != nil { // else: an object that failed at its begin
			o.pipe.put(x.Data)
		}
	case *pb.UploadRequest_End:
		u.end(o, io.EOF)
	case *pb.UploadRequest_Cancel:
		u.end(o, errCancelled)
	}
	return nil
}

var (
	errBroken    = record.Errorf(record.Unavailable, "the stream broke: send the rest with resume")
	errCancelled = record.Errorf(record.Unavailable, "cancelled by the sender")
)

func (u *uploads) end(o *incoming, why error) {
	if o == nil {
		return
	}
	o.pipe.close(why)
	delete(u.objects, o.handle)
}

// begin starts an object. With all slots taken by objects that only wait to be durable it waits for one of them; when
// all of them still wait for bytes, the client has begun too many.
func (u *uploads) begin(handle uint32, b *pb.UploadBegin, before *incoming) error {
	if before != nil {
		u.end(before, record.Errorf(record.Invalid, "handle used twice"))
		return nil
	}
	if u.isStopping() {
		return u.answer(handle, imaging.Stored{}, errStopping)
	}
	if len(u.objects) >= cap(u.slots) {
		return u.answer(handle, imaging.Stored{}, errTooMany)
	}
	select {
	case u.slots <- struct{}{}:
	case <-u.stream.Context().Done():
		return u.stream.Context().Err()
	}
	o := &incoming{pipe: newPipe(), handle: handle}
	u.objects[handle] = o
	u.working.Add(1)
	go u.accept(o, b)
	return nil
}

func (s *Server) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// finishFor is how long an object that came whole may take to become durable after its stream is gone.
const finishFor = 2 * time.Minute

// accept gives one object to the centre and answers.
func (u *uploads) accept(o *incoming, b *pb.UploadBegin) {
	defer u.working.Done()
	defer func() { <-u.slots }()
	// The object outlives its stream for as long as it takes to keep what came whole.
	ctx, cancel := context.WithCancel(context.WithoutCancel(u.stream.Context()))
	defer cancel()
	defer o.pipe.drain()
	gone := context.AfterFunc(u.stream.Context(), func() { time.AfterFunc(finishFor, cancel) })
	defer gone()
	var stored imaging.Stored
	err := recovered(func() (err error) {
		stored, err = u.store(ctx, o, b)
		return err
	})
	if err := u.answer(o.handle, stored, err); err != nil {
		u.log.DebugContext(ctx, "answer of an upload not sent", "error", err)
	}
}

func (u *uploads) store(ctx context.Context, o *incoming, b *pb.UploadBegin) (imaging.Stored, error) {
	if b.GetSha256() != "" {
		done, err := u.underway.enter(ctx, string(u.scope.Actor.Institution)+"/"+b.GetSha256(), o.pipe)
		if err != nil {
			return imaging.Stored{}, err
		}
		defer done()
		held, err := u.Imaging.Have(ctx, u.scope, []imaging.Digest{{SHA256: b.GetSha256(), Size: b.GetSize()}})
		if err != nil {
			return imaging.Stored{}, err
		}
		if !b.GetResume() {
			o.pipe.skip(held[0].Bytes) // the centre has these; the client sends all the same
		} else if err := u.send(&pb.UploadResponse{Handle: o.handle, Outcome: &pb.UploadResponse_Start{
			Start: &pb.UploadStart{Offset: held[0].Bytes},
		}}); err != nil {
			return imaging.Stored{}, err
		}
	}
	stored, err := u.Imaging.Accept(ctx, u.scope, imaging.Source{
		Reader: o.pipe, Size: b.GetSize(), SHA256: b.GetSha256(), Resume: b.GetSha256() != "",
	})
	u.metrics.received("grpc", o.pipe.passed(), err)
	return stored, err
}

func (u *uploads) answer(handle uint32, stored imaging.Stored, err error) error {
	resp := &pb.UploadResponse{Handle: handle}
	if err != nil {
		resp.Outcome = &pb.UploadResponse_Failure{Failure: u.failure(err)}
	} else {
		resp.Outcome = &pb.UploadResponse_Stored{Stored: storedToPB(stored)}
	}
	return u.send(resp)
}

func (u *uploads) failure(err error) *pb.UploadFailure {
	ctx := u.stream.Context()
	c := callOf(ctx)
	st := outward(err, c.id)
	c.note(ctx, st.Code(), err)
	f := &pb.UploadFailure{Code: int32(st.Code()), Reason: st.Message()}
	var why *imaging.Refusal
	if errors.As(err, &why) {
		f.Offset, f.QuarantineId = max(why.Offset, 0), string(why.Quarantine)
	}
	return f
}

func (u *uploads) send(resp *pb.UploadResponse) error {
	u.sending.Lock()
	defer u.sending.Unlock()
	return u.stream.Send(resp)
}

// breakOff ends what has not ended.
func (u *uploads) breakOff() {
	for _, o := range u.objects {
		u.end(o, errBroken)
	}
}

func storedToPB(s imaging.Stored) *pb.UploadStored {
	return &pb.UploadStored{
		InstanceId: string(s.Instance), StudyId: string(s.Study), StudyInstanceUid: string(s.StudyUID),
		SopInstanceUid: string(s.SOPUID), AlreadyStored: s.Already, Warnings: s.Warnings,
	}
}

// underway are the objects with a known digest that arrive now. A sender whose line broke comes back before the server
// has noticed: the newer upload of an object ends the older one and goes on where it stopped.
type underway struct {
	mu sync.Mutex
	of map[string]*arriving
}

type arriving struct {
	pipe *pipe
	done chan struct{}
}

var errContinued = record.Errorf(record.Unavailable, "the same object is being sent again over another stream")

func (u *underway) enter(ctx context.Context, key string, p *pipe) (leave func(), err error) {
	me := &arriving{p, make(chan struct{})}
	for {
		u.mu.Lock()
		before, busy := u.of[key]
		if !busy {
			if u.of == nil {
				u.of = map[string]*arriving{}
			}
			u.of[key] = me
		}
		u.mu.Unlock()
		if !busy {
			break
		}
		before.pipe.close(errContinued)
		select {
		case <-before.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.of, key)
		close(me.done)
	}, nil
}

// pipe carries the pieces of one object to its reader. It holds pieces, not copies: at most pipeBytes wait, or one piece.
type pipe struct {
	mu      sync.Mutex
	moved   sync.Cond
	pieces  [][]byte
	waiting int   // bytes in pieces
	left    int64 // bytes to skip before the first is passed on
	out     int64
	end     error // why no more comes, io.EOF when all came
	deaf    bool  // nobody reads any more
}

const pipeBytes = 1 << 20

func newPipe() *pipe {
	p := &pipe{}
	p.moved.L = &p.mu
	return p
}

// put waits until there is room for b. It keeps b.
func (p *pipe) put(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.waiting > 0 && p.waiting+len(b) > pipeBytes && !p.deaf {
		p.moved.Wait()
	}
	if p.deaf || p.end != nil || len(b) == 0 {
		return
	}
	p.pieces = append(p.pieces, b)
	p.waiting += len(b)
	p.moved.Broadcast()
}

func (p *pipe) close(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end == nil {
		p.end = why
	}
	p.moved.Broadcast()
}

// drain lets the sender run on without a reader.
func (p *pipe) drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf, p.pieces, p.waiting = true, nil, 0
	p.moved.Broadcast()
}

func (p *pipe) skip(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = n
}

func (p *pipe) passed() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return float64(p.out)
}

// next returns at most limit bytes of the next piece.
func (p *pipe) next(limit int) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for len(p.pieces) == 0 && p.end == nil {
			p.moved.Wait()
		}
		if len(p.pieces) == 0 {
			return nil, p.end
		}
		first := p.pieces[0]
		n := min(len(first), limit)
		if p.left > 0 {
			n = int(min(int64(len(first)), p.left))
		}
		if n == len(first) {
			p.pieces = p.pieces[1:]
		} else {
			p.pieces[0] = first[n:]
		}
		p.waiting -= n
		p.moved.Broadcast()
		if p.left > 0 {
			p.left -= int64(n)
			continue
		}
		p.out += int64(n)
		return first[:n], nil
	}
}

// Read implements io.Reader.
func (p *pipe) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	piece, err := p.next(len(b))
	return copy(b, piece), err
}

// WriteTo implements io.WriterTo: pieces go on as they came.
func (p *pipe) WriteTo(w io.Writer) (n int64, err error) {
	for {
		piece, err := p.next(math.MaxInt)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		k, err := w.Write(piece)
		n += int64(k)
		if err != nil {
			return n, err
		}
	}
}
