// Saying that a study is whole, so that its case is opened now and not after a quiet time.

package edge

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// finished is what came of finishing a study.
type finished struct {
	answer  *pb.FinishStudyResponse
	problem string
}

// finish ends studies one after the other; the last one ends the run.
func (r *run) finish(ctx context.Context, done context.CancelCauseFunc) {
	client := pb.NewUploadServiceClient(r.control)
	for {
		st := r.nextOver(ctx)
		if st == nil {
			return
		}
		f := r.finishStudy(ctx, client, st)
		if ctx.Err() != nil && f.answer == nil {
			return // leave writes its receipt
		}
		r.receipt(st, f)
		r.mu.Lock()
		if r.busy--; r.busy == 0 {
			done(errDone)
		}
		r.mu.Unlock()
	}
}

func (r *run) nextOver(ctx context.Context) *Study {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.wait(ctx, func() bool { return len(r.over) > 0 }) {
		return nil
	}
	st := r.over[0]
	r.over = r.over[1:]
	return st
}

// finishStudy calls the centre if every object of the study has its answer and at least one is kept.
func (r *run) finishStudy(ctx context.Context, client pb.UploadServiceClient, st *Study) finished {
	kept, refused, news := map[string]bool{}, 0, r.cfg.Note != ""
	for _, o := range st.Objects {
		switch o.State {
		case Stored:
			kept[o.SOPUID] = true
			news = news || !o.Already
		case Refused:
			refused++
		case Failed:
			return finished{problem: "some objects are not sent yet"}
		}
	}
	if len(kept) == 0 {
		return finished{problem: "no object was taken"}
	}
	if r.cfg.NoFinish {
		return finished{}
	}
	if !news {
		refused = 0 // nothing new: what an earlier run told the reader stays
	}
	return r.callFinish(ctx, client, &pb.FinishStudyRequest{
		StudyInstanceUid:    st.UID,
		ExpectedInstances:   int32(len(kept)),
		Priority:            r.cfg.Priority,
		ClinicalInformation: information(r.cfg.Note, refused),
	})
}

// information is what the reader is told. A study with refused objects is never passed off as whole: the centre counts only
// what it keeps, so the sender says it in words.
func information(note string, refused int) string {
	if refused == 0 {
		return note
	}
	return strings.TrimSpace(fmt.Sprintf("%s 【检查不完整:%d 个影像被拒收 / incomplete: %d objects were refused】", note, refused, refused))
}

func (r *run) callFinish(ctx context.Context, client pb.UploadServiceClient, req *pb.FinishStudyRequest) finished {
	b := backoff{base: r.cfg.RetryBase, max: r.cfg.RetryMax}
	for {
		call, cancel := context.WithTimeout(ctx, r.cfg.CallTimeout)
		res, err := client.FinishStudy(call, req)
		cancel()
		code := status.Code(err)
		switch {
		case err == nil:
			r.patience.progress()
			return finished{answer: res}
		case code == codes.Unauthenticated:
			r.cancel(stopped(err))
		case !passing[code], doubtful[code] && b.n >= doubtfulTries:
			return finished{problem: fmt.Sprintf("%s: %s", code, status.Convert(err).Message())}
		}
		if err := r.pause(ctx, &b, err); err != nil {
			return finished{problem: errInterrupted}
		}
		r.control.ResetConnectBackoff()
	}
}
