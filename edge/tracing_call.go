// The call that carries one ECG to the centre: what it is, whether the centre wants it, its bytes.

package edge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

type tracingCall = grpc.ClientStreamingClient[pb.UploadTracingRequest, pb.StoredTracing]

// uploadTracing sends the file once. Errors are those of the centre and the line, with a status, or those of reading the file.
func (r *run) uploadTracing(ctx context.Context, t *Tracing) (*pb.StoredTracing, error) {
	f, err := os.Open(t.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stall := time.AfterFunc(r.cfg.Stall, cancel)
	defer stall.Stop()
	call, err := pb.NewEcgServiceClient(r.control).UploadTracing(ctx)
	if err != nil {
		return nil, err
	}
	begin := &pb.UploadTracingBegin{Size: t.Size, Sha256: t.SHA256, Priority: r.cfg.Priority, ClinicalInformation: noteFor(r.cfg.Note)}
	err = call.Send(&pb.UploadTracingRequest{Part: &pb.UploadTracingRequest_Begin{Begin: begin}})
	if err == nil && wanted(call) {
		moved := func(n int) {
			stall.Reset(r.cfg.Stall)
			r.meter.wire.Add(int64(n))
		}
		if err := sendFile(call, f, t.SHA256, make([]byte, r.cfg.Chunk), moved); err != nil {
			return nil, err
		}
		stall.Reset(answerStalls * r.cfg.Stall)
	}
	st, err := call.CloseAndRecv()
	if ctx.Err() != nil && status.Code(err) == codes.Canceled {
		err = status.Error(codes.Unavailable, "nothing moved on the line")
	}
	return st, err
}

const (
	wantsFile = "x-wants-file" // header of a centre that has not the bytes
	wantsWait = 3 * time.Second
	// A centre may take its time over a recording of days; that the line is dead is found by its pings.
	answerStalls = 10
)

// wanted waits for the centre to say whether it has the bytes already; of a line that keeps headers back it is not asked for long.
func wanted(call tracingCall) bool {
	said := make(chan bool, 1)
	go func() {
		h, err := call.Header()
		said <- err == nil && len(h.Get(wantsFile)) > 0
	}()
	select {
	case yes := <-said:
		return yes
	case <-time.After(wantsWait):
		return true
	}
}

// sendFile sends the bytes whose digest was announced: errChanged if they are others by now. A call that ended is no error of it.
func sendFile(call tracingCall, f io.Reader, digest string, buf []byte, moved func(n int)) error {
	sum := sha256.New()
	for {
		n, err := f.Read(buf)
		if n > 0 {
			sum.Write(buf[:n])
			if call.Send(&pb.UploadTracingRequest{Part: &pb.UploadTracingRequest_Data{Data: buf[:n]}}) != nil {
				return nil // CloseAndRecv tells why
			}
			moved(n)
		}
		switch {
		case err == io.EOF && hex.EncodeToString(sum.Sum(nil)) != digest:
			return errChanged
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// noteFor is what fits beside a file.
func noteFor(note string) string {
	if n := []rune(note); len(n) > 2000 {
		return string(n[:2000])
	}
	return note
}
