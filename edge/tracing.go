// Electrocardiograms: files of carts that are no DICOM objects. They go before all else: they are small, and some are of an infarction.

package edge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/lianzhen/lianzhen/codec/tracing"
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
func tracingFormat(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, sniffed)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	format, ok := formats.Sniff(head[:n])
	if !ok || !certain(f, format) {
		return "", nil
	}
	return string(format), nil
}

// certain looks further into what begins as much else does: every office document is a ZIP as WFDB archives are, and a text in UTF-16
// is as smooth as the samples of an Edan. A letter must not leave the house because it might be an ECG.
func certain(f *os.File, format tracing.Format) bool {
	switch format {
	case tracing.Edan:
		if !strings.EqualFold(filepath.Ext(f.Name()), ".dat") {
			return false
		}
	case tracing.WFDB, tracing.Contec:
	default:
		return true
	}
	info, err := f.Stat()
	if err == nil {
		_, err = formats.Open(f, info.Size())
	}
	return err == nil
}

const tracingLanes = 4 // files on their way at once

// sendTracings sends every ECG of the run.
func (r *run) sendTracings(ctx context.Context) {
	if len(r.ecgs) == 0 {
		return
	}
	slices.SortFunc(r.ecgs, func(a, b *Tracing) int { return strings.Compare(a.Path, b.Path) })
	todo := make(chan *Tracing)
	var wg sync.WaitGroup
	for range min(tracingLanes, len(r.ecgs)) {
		wg.Go(func() {
			for t := range todo {
				r.sendTracing(ctx, t)
				r.settledTracing(t)
			}
		})
	}
	for _, t := range r.ecgs {
		todo <- t
	}
	close(todo)
	wg.Wait()
	r.tracingReceipt()
}

func (r *run) settledTracing(t *Tracing) {
	r.watch.settled(t.Path, stamp{t.Size, t.ModifiedAt}, t.State)
	r.meter.tracingDone()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total.countTracing(t)
}

// sendTracing sends one until the centre has answered for it or the run ends.
func (r *run) sendTracing(ctx context.Context, t *Tracing) {
	if err := t.hash(); err != nil {
		t.State, t.Reason = unfit(err)
		return
	}
	if r.twin(t) {
		t.State = Twin
		return
	}
	b := backoff{base: r.cfg.RetryBase, max: r.cfg.RetryMax}
	for tries := 1; ; tries++ {
		if why := r.noECGs(ctx); why != "" {
			t.State, t.Reason = Failed, why
			return
		}
		st, err := r.uploadTracing(ctx, t)
		if r.answeredTracing(t, tries, st, err) {
			return
		}
		_ = r.pause(ctx, &b, err) // a run that ended is seen above
		r.control.ResetConnectBackoff()
	}
}

// twin tells whether an earlier file of the run holds the same bytes.
func (r *run) twin(t *Tracing) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ecgSums[t.SHA256] {
		return true
	}
	r.ecgSums[t.SHA256] = true
	return false
}

// noECGs says why no further ECG is tried in this run, if so.
func (r *run) noECGs(ctx context.Context) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return errInterrupted
	}
	return r.ecgProblem
}

// missing are answers that speak of the key and the centre, not of the file: it may be sent when they have changed.
var missing = map[codes.Code]bool{codes.PermissionDenied: true, codes.Unimplemented: true, codes.FailedPrecondition: true}

// answeredTracing notes what the centre said; false: the same again, later.
func (r *run) answeredTracing(t *Tracing, tries int, st *pb.StoredTracing, err error) bool {
	s, ofCentre := status.FromError(err)
	code, reason := s.Code(), s.Code().String()+": "+s.Message()
	if code == codes.Unimplemented {
		reason = "the centre does not take ECGs: it is older than this program"
	}
	switch {
	case err == nil:
		r.patience.progress()
		t.stored(st)
	case !ofCentre:
		t.State, t.Reason = unfit(err)
	case code == codes.Unauthenticated:
		r.cancel(stopped(err))
		t.State, t.Reason = Failed, errInterrupted
	case missing[code]:
		r.mu.Lock()
		r.ecgProblem = reason
		r.mu.Unlock()
		t.State, t.Reason = Failed, reason
	case doubtful[code] && tries >= doubtfulTries:
		t.State, t.Reason = Failed, reason
	case passing[code]:
		return false
	default:
		t.State, t.Reason, t.Quarantine = Refused, reason, quarantineOf(s)
	}
	return true
}

func (t *Tracing) stored(st *pb.StoredTracing) {
	t.State, t.TracingID, t.CaseID, t.Already, t.Alarms = Stored, st.GetTracingId(), st.GetCaseId(), st.GetAlreadyStored(), st.GetAlarms()
	for _, w := range st.GetWarnings() {
		t.Warnings = append(t.Warnings, w.GetCode()+": "+w.GetDetail())
	}
}

func quarantineOf(s *status.Status) (id string) {
	for _, d := range s.Details() {
		if place, ok := d.(*structpb.Struct); ok {
			id = place.GetFields()["quarantineId"].GetStringValue()
		}
	}
	return id
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
