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
	return &pb.HaveResponse{States: each(held, objectState), Encodings: encodings}, nil
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
	frames, broken := make(chan *frame), make(chan error, 1)
	ctx := u.stream.Context()
	go func() {
		for {
			f := &frame{}
			if err := u.stream.RecvMsg(f); err != nil {
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
	idle := time.NewTimer(idleStream)
	defer idle.Stop()
	for {
		if stopping == nil && len(u.objects) == 0 {
			return errStopping
		}
		select {
		case f := <-frames:
			if err := u.take(f); err != nil {
				return err
			}
			idle.Reset(idleStream)
		case <-idle.C:
			return errIdle
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

// idleStream is how long a stream may be silent: the objects that it began hold memory and places.
const idleStream = 5 * time.Minute

var errIdle = record.Errorf(record.Unavailable, "nothing came for %s: open the stream again", idleStream)

// take hands a frame to its object.
func (u *uploads) take(in *frame) error {
	f := in.req
	o := u.objects[f.GetHandle()]
	switch x := f.GetFrame().(type) {
	case *pb.UploadRequest_Begin:
		return u.begin(f.GetHandle(), x.Begin, o)
	case *pb.UploadRequest_Data:
		p := piece{x.Data, in.buf}
		if o == nil { // an object that failed at its begin
			p.free()
			return nil
		}
		o.pipe.put(p)
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
	offset := int64(0)
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
		offset = held[0].Bytes
		if b.GetResume() {
			if err := u.send(&pb.UploadResponse{Handle: o.handle, Outcome: &pb.UploadResponse_Start{
				Start: &pb.UploadStart{Offset: offset},
			}}); err != nil {
				return imaging.Stored{}, err
			}
		}
	}
	in, err := contents(o.pipe, b, offset)
	if err != nil {
		return imaging.Stored{}, err
	}
	stored, err := u.Imaging.Accept(ctx, u.scope, imaging.Source{
		Reader: in, Size: b.GetSize(), SHA256: b.GetSha256(), Resume: b.GetSha256() != "",
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
