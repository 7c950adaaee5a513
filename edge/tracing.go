// Electrocardiograms: files of carts that are no DICOM objects. Each is a call of its own, small and answered when it is durable.

package edge

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// Tracing is one file of an ECG cart and what became of it.
type Tracing struct {
	Path       string
	Size       int64
	ModifiedAt time.Time
	Format     string // by its first bytes
	SHA256     string
	State      State
	TracingID  string
	CaseID     string
	Already    bool     // the centre had it before
	Alarms     []string // rules of critical values that it raised: somebody is told at once
	Warnings   []string // what the centre could not take as it stands
	Reason     string
	Quarantine string
}

// sniffed is how much of a file tells its format.
const sniffed = 4096

// tracingFormat tells the file of a cart by its content; empty for all else.
func tracingFormat(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b := make([]byte, sniffed)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return ""
	}
	format, ok := formats.Sniff(b[:n])
	if !ok {
		return ""
	}
	return string(format)
}

const tracingLanes = 4 // files on their way at once

// sendTracings sends every ECG of the run.
func (r *run) sendTracings(ctx context.Context) {
	slices.SortFunc(r.ecgs, func(a, b *Tracing) int { return strings.Compare(a.Path, b.Path) })
	todo := make(chan *Tracing)
	var wg sync.WaitGroup
	for range min(tracingLanes, len(r.ecgs)) {
		wg.Go(func() {
			for t := range todo {
				r.sendTracing(ctx, t)
				if t.State != Failed {
					r.remember(t.Path, stamp{t.Size, t.ModifiedAt})
				}
				r.mu.Lock()
				r.total.countTracing(t)
				r.mu.Unlock()
			}
		})
	}
	for _, t := range r.ecgs {
		todo <- t
	}
	close(todo)
	wg.Wait()
	if len(r.ecgs) > 0 {
		r.tracingReceipt()
	}
}

// sendTracing sends one until the centre has answered for it or the run ends.
func (r *run) sendTracing(ctx context.Context, t *Tracing) {
	if err := t.hash(); err != nil {
		t.State, t.Reason = unfit(err)
		return
	}
	b := backoff{base: r.cfg.RetryBase, max: r.cfg.RetryMax}
	for tries := 1; ; tries++ {
		if ctx.Err() != nil {
			t.State, t.Reason = Failed, errInterrupted
			return
		}
		st, err := r.uploadTracing(ctx, t)
		if err == nil {
			r.patience.progress()
			t.stored(st)
			return
		}
		s := status.Convert(err)
		if !passing[s.Code()] || doubtful[s.Code()] && tries >= doubtfulTries {
			t.refused(s)
			return
		}
		if r.pause(ctx, &b, err) != nil {
			t.State, t.Reason = Failed, errInterrupted
			return
		}
	}
}

func (t *Tracing) stored(st *pb.StoredTracing) {
	t.State, t.TracingID, t.CaseID, t.Already, t.Alarms = Stored, st.GetTracingId(), st.GetCaseId(), st.GetAlreadyStored(), st.GetAlarms()
	for _, w := range st.GetWarnings() {
		t.Warnings = append(t.Warnings, w.GetCode()+": "+w.GetDetail())
	}
}

func (t *Tracing) refused(s *status.Status) {
	t.State, t.Reason = Refused, s.Message()
	if s.Code() == codes.Unauthenticated || s.Code() == codes.PermissionDenied || s.Code() == codes.Unimplemented {
		t.State = Failed // the key or the centre must change, not the file
	}
	for _, d := range s.Details() {
		if place, ok := d.(*structpb.Struct); ok {
			t.Quarantine = place.GetFields()["quarantineId"].GetStringValue()
		}
	}
}

// hash reads the file once for its digest.
func (t *Tracing) hash() error {
	f, err := os.Open(t.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if n != t.Size || info.Size() != t.Size || !info.ModTime().Equal(t.ModifiedAt) {
		return errChanged
	}
	t.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// uploadTracing sends the file once. A centre that has it says so at the digest, and the rest stays here.
func (r *run) uploadTracing(ctx context.Context, t *Tracing) (*pb.StoredTracing, error) {
	f, err := os.Open(t.Path)
	if err != nil {
		return nil, status.Error(codes.NotFound, "the file is gone")
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stall := time.AfterFunc(r.cfg.Stall, cancel) // a call that moves nothing for so long is cut
	defer stall.Stop()
	stream, err := pb.NewEcgServiceClient(r.control).UploadTracing(ctx, grpc.WaitForReady(false))
	if err != nil {
		return nil, err
	}
	begin := &pb.UploadTracingBegin{Size: t.Size, Sha256: t.SHA256, Priority: r.cfg.Priority, ClinicalInformation: noteFor(r.cfg.Note)}
	err = stream.Send(&pb.UploadTracingRequest{Part: &pb.UploadTracingRequest_Begin{Begin: begin}})
	buf := make([]byte, r.cfg.Chunk)
	for err == nil {
		var n int
		n, err = f.Read(buf)
		if n > 0 {
			stall.Reset(r.cfg.Stall)
			err = errors.Join(stream.Send(&pb.UploadTracingRequest{Part: &pb.UploadTracingRequest_Data{Data: buf[:n]}}), err)
		}
	}
	st, err := stream.CloseAndRecv()
	if err != nil && stalledCall(ctx, err) {
		err = status.Error(codes.Unavailable, "nothing moved on the line")
	}
	return st, err
}

func stalledCall(ctx context.Context, err error) bool {
	return ctx.Err() != nil && status.Code(err) == codes.Canceled
}

// noteFor is what fits beside a file.
func noteFor(note string) string {
	if n := []rune(note); len(n) > 2000 {
		return string(n[:2000])
	}
	return note
}

// TracingReceipt says what became of the ECGs of one run; a path is named only where a person has to look at the file.
type TracingReceipt struct {
	Centre     string        `json:"centre"`
	StartedAt  time.Time     `json:"started_at"`
	FinishedAt time.Time     `json:"finished_at"`
	Items      []TracingItem `json:"items"`

	Path string `json:"-"` // of the JSON file
}

// TracingItem is one ECG of a receipt.
type TracingItem struct {
	TracingID  string   `json:"tracing_id,omitempty"`
	CaseID     string   `json:"case_id,omitempty"`
	Format     string   `json:"format"`
	Size       int64    `json:"size"`
	SHA256     string   `json:"sha256,omitempty"`
	State      string   `json:"state"`
	Already    bool     `json:"already,omitempty"`
	Alarms     []string `json:"alarms,omitempty"`
	Warnings   []string `json:"warnings,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	Quarantine string   `json:"quarantine_id,omitempty"`
	File       string   `json:"file,omitempty"`
}

func (r *run) tracingReceipt() {
	c := &TracingReceipt{Centre: r.cfg.To, StartedAt: r.total.StartedAt.UTC(), FinishedAt: r.cfg.Now().UTC()}
	for _, t := range r.ecgs {
		i := TracingItem{
			TracingID: t.TracingID, CaseID: t.CaseID, Format: t.Format, Size: t.Size, SHA256: t.SHA256, State: t.State.String(), Already: t.Already,
			Alarms: t.Alarms, Warnings: t.Warnings, Reason: t.Reason, Quarantine: t.Quarantine,
		}
		if t.State != Stored {
			i.File = t.Path
		}
		c.Items = append(c.Items, i)
	}
	path := filepath.Join(r.cfg.ReceiptDir, c.FinishedAt.Format("20060102T150405.000000Z")+"_ecg.json")
	err := writeFile(path, func(w *bufio.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(c)
	})
	if err != nil {
		r.cfg.OnRetry(fmt.Errorf("keep receipt: %w", err))
	} else {
		c.Path = path
	}
	r.cfg.OnTracings(c)
}

func (s *Summary) countTracing(t *Tracing) {
	switch t.State {
	case Stored:
		s.TracingsStored++
		if t.Already {
			s.TracingsAlready++
		} else {
			s.Sent += t.Size
		}
	case Refused:
		s.TracingsRefused++
	default:
		s.TracingsFailed++
	}
}
