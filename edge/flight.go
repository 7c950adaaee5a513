// An object's way over the stream and the centre's answers.

package edge

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// send puts a flight on the stream: first its begin, and its bytes as soon as it is known where they start.
func (l *lane) send(stream uploadStream, f *flight) error {
	if f.landed.Load() {
		return nil
	}
	in, err := f.open()
	if err != nil {
		return l.drop(stream, f, err)
	}
	defer in.Close()
	if !f.begun {
		f.begun = true
		begin := &pb.UploadBegin{Size: f.Size, Sha256: f.Digest.String(), Resume: f.resume}
		if l.gauge.shrink(f.Object) {
			if f.layout = layoutOf(in, f.Size); f.layout.Size > 0 {
				f.packed, begin.Encoding = true, pb.Encoding_ENCODING_COMPACT_1
			}
		}
		if err := l.put(stream, &pb.UploadRequest{Handle: f.handle, Frame: &pb.UploadRequest_Begin{Begin: begin}}); err != nil {
			return err
		}
		if f.resume {
			return nil // goes on in next, when the centre named the offset
		}
	}
	if f.packed {
		return l.pourPacked(stream, f, in)
	}
	return l.pour(stream, f, in)
}

// open opens the file if it still is what was hashed.
func (o *Object) open() (*os.File, error) {
	in, err := os.Open(o.Path)
	if err != nil {
		return nil, err
	}
	info, err := in.Stat()
	if err == nil && (info.Size() != o.Size || !info.ModTime().Equal(o.ModifiedAt)) {
		err = errChanged
	}
	if err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

// pour sends the bytes from the offset on, and the end.
func (l *lane) pour(stream uploadStream, f *flight, in *os.File) error {
	if _, err := in.Seek(f.offset, io.SeekStart); err != nil {
		return l.drop(stream, f, err)
	}
	began, waited := time.Now(), time.Duration(0)
	for left := f.Size - f.offset; left > 0; {
		n, err := io.ReadFull(in, l.chunk[:min(left, int64(len(l.chunk)))])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errChanged
		}
		if err != nil {
			return l.drop(stream, f, err)
		}
		if f.landed.Load() {
			return nil // the centre has heard enough
		}
		put := time.Now()
		if err := l.put(stream, &pb.UploadRequest{Handle: f.handle, Frame: &pb.UploadRequest_Data{Data: l.chunk[:n]}}); err != nil {
			return err
		}
		waited += time.Since(put)
		left -= int64(n)
		l.poured(f, int64(n), int64(n))
	}
	l.gauge.sent(f.Size-f.offset, time.Since(began), waited)
	return l.put(stream, &pb.UploadRequest{Handle: f.handle, Frame: &pb.UploadRequest_End{End: &pb.UploadEnd{}}})
}

func (l *lane) put(stream uploadStream, req *pb.UploadRequest) error {
	err := stream.Send(req)
	l.touch()
	return err
}

// poured counts bytes that went over the line, and how many of the object's they are.
func (l *lane) poured(f *flight, wire, of int64) {
	l.meter.wire.Add(wire)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !f.landed.Load() {
		f.sent += of
		l.meter.flying.Add(of)
	}
}

// drop gives an object up that can no longer be read here.
func (l *lane) drop(stream uploadStream, f *flight, why error) error {
	l.mu.Lock()
	if l.land(f.handle) != nil {
		state, reason := unfit(why)
		l.settled(f.Object, func() { f.State, f.Reason = state, reason })
	}
	l.mu.Unlock()
	if !f.begun {
		return nil
	}
	return l.put(stream, &pb.UploadRequest{Handle: f.handle, Frame: &pb.UploadRequest_Cancel{Cancel: &pb.UploadCancel{}}})
}

// receive takes the centre's answers until the stream ends.
func (l *lane) receive(stream uploadStream) {
	for {
		res, err := stream.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errEnded
			}
			l.mu.Lock()
			l.broken = err
			l.cond.Broadcast()
			l.mu.Unlock()
			return
		}
		l.touch()
		l.mu.Lock()
		l.outcome(res)
		l.mu.Unlock()
	}
}

// outcome applies one answer, with run.mu held.
func (l *lane) outcome(res *pb.UploadResponse) {
	if start := res.GetStart(); start != nil {
		l.start(l.flights[res.GetHandle()], start.GetOffset())
		return
	}
	f := l.land(res.GetHandle())
	if f == nil {
		return
	}
	l.good = true
	switch out := res.GetOutcome().(type) {
	case *pb.UploadResponse_Stored:
		s := out.Stored
		l.patience.progress()
		l.settled(f.Object, func() {
			f.State, f.InstanceID, f.Already, f.Warnings = Stored, s.GetInstanceId(), s.GetAlreadyStored(), s.GetWarnings()
			f.Already = f.Already && f.tries == 0
			f.Saved = f.saved
			l.meter.saved.Add(f.saved)
		})
	case *pb.UploadResponse_Failure:
		l.failure(f, out.Failure)
	default:
		l.again(f, codes.Unknown, "an answer of a kind that this program does not know")
	}
}

// start puts a flight among those that can be sent, from the centre's offset.
func (l *lane) start(f *flight, offset int64) {
	if f == nil || !f.resume || f.started {
		return
	}
	f.started = true
	l.begun--
	if offset < 0 || offset > f.Size {
		offset = 0
	}
	if offset > f.held {
		l.patience.progress()
		l.good = true
	}
	f.offset, f.held = offset, offset
	l.ready = append(l.ready, f)
	l.cond.Broadcast()
}

// failure sorts a refusal from a "later".
func (l *lane) failure(f *flight, out *pb.UploadFailure) {
	code := codes.Code(out.GetCode())
	switch {
	case passing[code]:
		l.again(f, code, out.GetReason())
	case code == codes.AlreadyExists && out.GetQuarantineId() == "" && f.tries < heldTries:
		l.again(f, code, out.GetReason()) // in progress elsewhere; other bytes under the same UID would be in quarantine
	case code == codes.InvalidArgument && f.packed && out.GetQuarantineId() == "":
		f.plain = true // the container may be to blame, not the object
		l.later(f.Object, 0)
	case code == codes.InvalidArgument && f.offset > 0 && !f.whole:
		f.whole = true // what the centre held may be damaged: once more from the start
		l.later(f.Object, 0)
	default:
		l.patience.progress()
		refused := func() { f.State, f.Reason, f.Quarantine = Refused, refusal(code, out), out.GetQuarantineId() }
		if code == codes.InvalidArgument && f.cached {
			f.cached = false
			go l.rehash(f.Object, refused)
			return
		}
		l.settled(f.Object, refused)
	}
}

func refusal(code codes.Code, out *pb.UploadFailure) string {
	if out.GetOffset() > 0 {
		return fmt.Sprintf("%s: %s (byte %d)", code, out.GetReason(), out.GetOffset())
	}
	return fmt.Sprintf("%s: %s", code, out.GetReason())
}

// again sends an object once more after a while, unless the centre stumbles over it every time.
func (l *lane) again(f *flight, code codes.Code, reason string) {
	f.tries++
	if doubtful[code] && f.tries >= doubtfulTries {
		l.settled(f.Object, func() { f.State, f.Reason = Failed, fmt.Sprintf("%s: %s", code, reason) })
		return
	}
	if l.patience.over() {
		l.cancel(ErrGaveUp)
		return
	}
	b := backoff{base: l.cfg.RetryBase, max: l.cfg.RetryMax, n: f.tries - 1}
	l.later(f.Object, b.next())
}
