// Shrinking what goes over a slow line: native pictures travel in a container that restores them bit for bit, see
// codec/dicom/compact. On a fast line that would only take time, so the sender looks how the line does.

package edge

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/compact"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// Compress says whether objects are shrunk on the line.
type Compress uint8

// The ways. A centre that does not say that it restores containers is sent the objects as they are in any case.
const (
	CompressAuto   Compress = iota // where the line is slow
	CompressJPEGLS                 // always
	CompressOff
)

const (
	compressFrom = 64 << 10 // bytes of an object below which it stays as it is

	slowTrip   = 60 * time.Millisecond // a centre that takes as long to answer is not in the same house, however busy it is
	fastLine   = 24 << 20              // bytes a second, beyond which shrinking takes longer than sending
	waitsMuch  = 0.3                   // part of the sending time that goes by waiting for the line
	waitsLess  = 0.1
	judgeSpan  = time.Second // of sending, over all streams
	judgeBytes = 1 << 20
)

// gauge judges the line: by the centre's first answers, and then by how the bytes flow.
type gauge struct {
	mode  Compress
	lanes int

	mu      sync.Mutex
	offered bool // the centre restores containers
	judged  bool // by bytes
	slow    bool
	wire    int64
	sending time.Duration // of all streams, reading and shrinking included
	waiting time.Duration // for the line
}

// asked takes a question's answer: how long it took, and what encodings the centre restores.
func (g *gauge) asked(took time.Duration, encodings []pb.Encoding) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.offered = false
	for _, e := range encodings {
		g.offered = g.offered || e == pb.Encoding_ENCODING_COMPACT_1
	}
	if !g.judged {
		g.slow = took >= slowTrip
	}
}

// sent takes what one object cost.
func (g *gauge) sent(wire int64, sending, waiting time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wire += wire
	g.sending += sending
	g.waiting += waiting
	if g.sending < judgeSpan || g.wire < judgeBytes {
		return
	}
	rate := float64(g.wire) / g.sending.Seconds() * float64(g.lanes)
	waits := g.waiting.Seconds() / g.sending.Seconds()
	switch {
	case rate > fastLine || waits < waitsLess: // the line could take more than it is given
		g.slow = false
	case waits > waitsMuch:
		g.slow = true
	}
	g.judged = true
	g.wire, g.sending, g.waiting = 0, 0, 0
}

// shrink tells whether an object should be shrunk now.
func (g *gauge) shrink(o *Object) bool {
	if o.plain || o.Size < compressFrom || g.mode == CompressOff {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.offered && (g.slow || g.mode == CompressJPEGLS)
}

// layoutOf reads the header; the zero Layout is an object that does not shrink.
func layoutOf(in *os.File, size int64) compact.Layout {
	o, err := dicom.ScanHeader(in, dicom.Options{})
	if err != nil {
		return compact.Layout{}
	}
	l := compact.LayoutOf(o, size)
	if l.Pixels() < size/2 {
		return compact.Layout{}
	}
	return l
}

// errLanded ends a sending whose object has its answer already.
var errLanded = errors.New("answered")

// pourPacked sends the rest of an object in a container, and the end. The container begins at a cut at or before the
// offset.
func (l *lane) pourPacked(stream uploadStream, f *flight, in *os.File) error {
	began := time.Now()
	from := f.layout.Floor(f.offset)
	if _, err := in.Seek(from, io.SeekStart); err != nil {
		return l.drop(stream, f, err)
	}
	w := &packing{lane: l, stream: stream, flight: f, buf: l.chunk[:0]}
	h := compact.Head{Size: f.Size, From: from, SHA256: f.Digest}
	wire, err := compact.Pack(w, in, h, f.layout, compact.Options{Workers: min(2, runtime.GOMAXPROCS(0)), OnStep: func(s compact.Step) {
		l.poured(f, 0, s.Original)
	}})
	if err == nil {
		err = w.flush()
	}
	switch {
	case errors.Is(err, errLanded):
		return nil
	case w.err != nil:
		return w.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return l.drop(stream, f, errChanged)
	case err != nil:
		return l.drop(stream, f, err)
	}
	l.mu.Lock()
	f.saved = max(f.Size-from-wire, 0)
	l.mu.Unlock()
	l.gauge.sent(wire, time.Since(began), w.waited)
	return l.put(stream, &pb.UploadRequest{Handle: f.handle, Frame: &pb.UploadRequest_End{End: &pb.UploadEnd{}}})
}

// packing puts a container into data frames.
type packing struct {
	lane   *lane
	stream uploadStream
	flight *flight
	buf    []byte // of the lane's chunk
	waited time.Duration
	err    error // of the stream
}

// Write implements io.Writer.
func (w *packing) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		k := min(len(b), cap(w.buf)-len(w.buf))
		w.buf = append(w.buf, b[:k]...)
		b = b[k:]
		if len(w.buf) == cap(w.buf) {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (w *packing) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	if w.flight.landed.Load() {
		return errLanded // the centre has heard enough
	}
	began := time.Now()
	w.err = w.lane.put(w.stream, &pb.UploadRequest{Handle: w.flight.handle, Frame: &pb.UploadRequest_Data{Data: w.buf}})
	w.waited += time.Since(began)
	if w.err != nil {
		return w.err
	}
	w.lane.poured(w.flight, int64(len(w.buf)), 0)
	w.buf = w.buf[:0]
	return nil
}
