// Asking the centre what it has, so that nothing crosses the line twice.

package edge

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// ask takes hashed objects in batches, settles those that the centre has and queues the others.
func (r *run) ask(ctx context.Context) {
	client := pb.NewUploadServiceClient(r.control)
	for {
		batch := r.batch(ctx)
		if batch == nil {
			return
		}
		states, err := r.have(ctx, client, batch)
		if err != nil {
			return
		}
		r.answer(batch, states)
	}
}

// batch waits for objects to ask about, and for room in the queue behind.
func (r *run) batch(ctx context.Context) []*Object {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.wait(ctx, func() bool { return r.open == 0 || len(r.asking) > 0 && len(r.queue) < queueAhead }) {
		if r.open == 0 {
			return nil
		}
		n := min(len(r.asking), askAtOnce)
		batch := r.firsts(r.asking[:n])
		r.asking = append([]*Object(nil), r.asking[n:]...)
		r.cond.Broadcast()
		if len(batch) > 0 {
			return batch
		}
	}
	return nil
}

// firsts leaves out what holds the same bytes as another object of the run.
func (r *run) firsts(of []*Object) []*Object {
	var batch []*Object
	for _, o := range of {
		switch first := r.digests[o.Digest]; first {
		case nil:
			r.digests[o.Digest] = o
			batch = append(batch, o)
		case o: // asked about again
			batch = append(batch, o)
		default:
			r.settled(o, func() { o.State = Twin })
		}
	}
	return batch
}

func (r *run) have(ctx context.Context, client pb.UploadServiceClient, batch []*Object) ([]*pb.ObjectState, error) {
	req := &pb.HaveRequest{}
	for _, o := range batch {
		req.Objects = append(req.Objects, &pb.ObjectDigest{Sha256: o.Digest.String(), Size: o.Size})
	}
	b := backoff{base: r.cfg.RetryBase, max: r.cfg.RetryMax}
	for {
		call, cancel := context.WithTimeout(ctx, r.cfg.CallTimeout)
		asked := time.Now()
		res, err := client.Have(call, req)
		cancel()
		switch {
		case err == nil && len(res.GetStates()) == len(batch):
			r.gauge.asked(time.Since(asked), res.GetEncodings())
			r.patience.progress()
			return res.GetStates(), nil
		case err == nil:
			err = status.Error(codes.Internal, "the centre answered for another number of objects")
		}
		if end := stopped(err); end != nil {
			r.cancel(end)
			return nil, end
		}
		if err := r.pause(ctx, &b, err); err != nil {
			return nil, err
		}
		r.control.ResetConnectBackoff()
	}
}

func (r *run) answer(batch []*Object, states []*pb.ObjectState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bold = 0
	for i, o := range batch {
		s := states[i]
		switch {
		case s.GetState() == pb.ObjectState_STATE_STORED:
			// Already: unless it was we who sent it and the answer was lost.
			r.settled(o, func() { o.State, o.InstanceID, o.Already = Stored, s.GetInstanceId(), o.tries == 0 })
		default:
			if s.GetState() == pb.ObjectState_STATE_PARTIAL {
				o.held = s.GetHeldBytes()
			}
			r.queue = append(r.queue, o)
		}
	}
	r.cond.Broadcast()
}
