// The sender: from folders to receipts. Files are listed first, then hashed, asked about and sent in one moving line, so that
// what is held in memory does not grow with the bytes.

package edge

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// Config of a Sender. Zero numbers take the default that the comment names.
type Config struct {
	To  string      // host:port of the centre's gRPC door
	Key string      // API key lz_...; may be empty with a client certificate
	TLS *tls.Config // nil: plain text, for tests and the same machine only

	Priority pb.Priority
	Note     string // symptoms, history and question for the reader
	NoFinish bool   // do not say that the studies are whole

	StateDir   string // digests of earlier runs; default lianzhen-edge in the user's configuration folder
	ReceiptDir string // where receipts are kept; default receipts in the state folder

	Compress    Compress      // shrink objects on the line; where it is slow
	Streams     int           // TCP connections with a stream each; 4
	Congestion  string        // TCP congestion control; by default bbr where the kernel has it
	Window      int64         // bytes sent and not yet acknowledged, for each stream; 8 MiB
	Chunk       int           // bytes of one frame, 64 KiB to 256 KiB; 128 KiB
	ResumeFrom  int64         // objects of this size and more can be continued in the middle; 1 MiB
	Timeout     time.Duration // give up when nothing was acknowledged for so long; 0: never
	CallTimeout time.Duration // of one question; 60 s
	Stall       time.Duration // a stream that moves nothing for so long is cut and opened again; 90 s
	RetryBase   time.Duration // first wait after a failure; 500 ms
	RetryMax    time.Duration // longest wait; 30 s

	OnReceipt  func(*Receipt)        // called for each study when it is over, one at a time
	OnTracings func(*TracingReceipt) // called once for the ECGs of a run
	OnProgress func(Progress)        // called a few times a second while a run goes on
	OnRetry    func(err error)       // called when something went wrong that will be tried again
	Now        func() time.Time
}

func (c *Config) fill() error {
	or(&c.Streams, 4)
	or(&c.Window, 8<<20)
	or(&c.Chunk, 128<<10)
	or(&c.ResumeFrom, 1<<20)
	or(&c.CallTimeout, time.Minute)
	or(&c.Stall, 90*time.Second)
	or(&c.RetryBase, 500*time.Millisecond)
	or(&c.RetryMax, 30*time.Second)
	if c.Streams < 1 || c.Streams > 64 {
		return fmt.Errorf("streams: want 1 to 64")
	}
	if c.Chunk < 64<<10 || c.Chunk > 256<<10 {
		return fmt.Errorf("chunk: want 64 KiB to 256 KiB")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OnReceipt == nil {
		c.OnReceipt = func(*Receipt) {}
	}
	if c.OnTracings == nil {
		c.OnTracings = func(*TracingReceipt) {}
	}
	if c.OnProgress == nil {
		c.OnProgress = func(Progress) {}
	}
	if c.OnRetry == nil {
		c.OnRetry = func(error) {}
	}
	if c.StateDir == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return fmt.Errorf("state folder: %w", err)
		}
		c.StateDir = filepath.Join(dir, "lianzhen-edge")
	}
	or(&c.ReceiptDir, filepath.Join(c.StateDir, "receipts"))
	return nil
}

func or[T comparable](v *T, usual T) {
	var zero T
	if *v == zero {
		*v = usual
	}
}

// Sender sends folders to a centre. One Send at a time.
type Sender struct {
	cfg     Config
	journal *journal
	line    memory
	control *grpc.ClientConn   // questions, so that they do not wait behind pixels
	conns   []*grpc.ClientConn // one for each stream

	distrust atomic.Pointer[error] // the centre is not who it should be: waiting does not help
}

// New opens the state folder and makes the connections; nothing is sent yet.
func New(c Config) (*Sender, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.ReceiptDir, 0o700); err != nil {
		return nil, fmt.Errorf("receipt folder: %w", err)
	}
	j, err := openJournal(c.StateDir, c.Now())
	if err != nil {
		return nil, err
	}
	s := &Sender{cfg: c, journal: j, line: recall(c.StateDir, c.To)}
	for range c.Streams + 1 {
		conn, err := dial(c, func(why error) { s.distrust.Store(&why) })
		if err != nil {
			s.Close()
			return nil, err
		}
		s.conns = append(s.conns, conn)
	}
	s.control, s.conns = s.conns[0], s.conns[1:]
	return s, nil
}

// Close writes the state down and ends the connections.
func (s *Sender) Close() error {
	err := s.journal.close()
	for _, c := range append(s.conns, s.control) {
		if c != nil {
			c.Close()
		}
	}
	return err
}

// Send sends every DICOM object and every ECG below paths and returns when each is at the centre or its fate is known. The error is nil
// unless the run ended early: a *StopError, ErrGaveUp or the context's. The summary is right in any case.
func (s *Sender) Send(ctx context.Context, paths ...string) (Summary, error) {
	return s.send(ctx, nil, paths)
}

func (s *Sender) send(ctx context.Context, w *watcher, paths []string) (Summary, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := newRun(s, w, cancel)
	s.control.Connect() // while the files are looked into
	if w == nil || !w.tracings {
		defer r.report(ctx)()
	}
	if err := r.list(ctx, paths); err != nil {
		return r.summary(), fmt.Errorf("list files: %w", err)
	}
	r.sendTracings(ctx)
	if len(r.studies) == 0 {
		return r.summary(), context.Cause(ctx)
	}
	for _, c := range s.conns {
		c.Connect() // while the centre is asked
	}
	r.transfer(ctx)
	r.leave() // studies that were cut off get a receipt too
	if err := r.gauge.remember(s.cfg.StateDir, s.line); err != nil {
		s.cfg.OnRetry(err)
	}
	return r.summary(), context.Cause(ctx)
}
