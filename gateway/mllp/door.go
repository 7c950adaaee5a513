// Package mllp is the HL7 v2 door (MLLP): hospital systems, laboratory systems and analysers speak it. It reads frames, lets the gateway say who
// sends, hands messages to the laboratory centre, and answers only after the centre has answered: an AA means that the message is on disk. One
// message of a connection is under way at a time, so that an answer can belong to no other.
//
// Where things are:
//
//	door.go    connections and their bounds        talk.go    one connection: frames in, answers out
//	answer.go  errors as acknowledgements, modes
package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/codec/hl7"
	frames "github.com/lianzhen/lianzhen/codec/hl7/mllp"
	"github.com/lianzhen/lianzhen/record"
)

// Sender is what a message and its connection show of who sends.
type Sender struct {
	Application, Facility string // MSH-3, MSH-4
	Address               netip.Addr
	TLS                   *tls.ConnectionState // nil without TLS
}

// Link is a sender that was let in.
type Link struct {
	ID      string // of the device
	Name    string
	Profile string // YAML of lab/v2
	Options hl7.Options

	// May asks whether the link may do an act of a kind, and gives the scope of it. It is asked for every message.
	May func(ctx context.Context, kind, act string) (record.Scope, error)
}

// Answer is what became of a message that was taken.
type Answer struct {
	Already  bool // it was taken before; the answer is the same
	Problems []hl7.Problem
}

// Options of the door; the zero value of each means its default.
type Options struct {
	Connections int // at once; default 256
	PerAddress  int // of them from one address; default 64
	Refusals    int // of one connection before it is closed; default 10
	Write       time.Duration
	Frames      frames.Options
	Zone        *time.Location // of MSH-7 of answers; default China Standard Time

	// Admit finds the link of a message, or says why not.
	Admit func(ctx context.Context, s Sender) (Link, error)

	// Accept takes one message. It returns when the message is durable.
	Accept func(ctx context.Context, l Link, raw []byte) (Answer, error)

	// Query answers a host query with a whole message.
	Query func(ctx context.Context, l Link, m *hl7.Message, r hl7.Reply) ([]byte, error)

	// Received counts messages and what became of them.
	Received func(bytes int64, err error)

	Now record.Clock
	Log *slog.Logger
}

func (o Options) filled() Options {
	def := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	def(&o.Connections, 256)
	def(&o.PerAddress, 64)
	def(&o.Refusals, 10)
	if o.Write == 0 {
		o.Write = 30 * time.Second
	}
	if o.Zone == nil {
		o.Zone = time.FixedZone("CST", 8*60*60)
	}
	if o.Received == nil {
		o.Received = func(int64, error) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Door answers connections.
type Door struct {
	opt Options

	mu   sync.Mutex
	open map[netip.Addr]int
	all  int
}

// New makes the door; nothing listens yet.
func New(opt Options) *Door { return &Door{opt: opt.filled(), open: map[netip.Addr]int{}} }

// Serve answers until ctx ends, then lets messages under way get their answers.
func (d *Door) Serve(ctx context.Context, l net.Listener) error {
	var talks sync.WaitGroup
	defer talks.Wait()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for pause := time.Duration(0); ; {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // too many open files, a peer that left at once: the door stays open
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			d.opt.Log.Warn("MLLP door: accept", "error", err)
			time.Sleep(pause)
			continue
		}
		pause = 0
		from := addressOf(c)
		if !d.enter(from) {
			d.opt.Log.Warn("MLLP connection refused: too many", "address", from.String())
			_ = c.Close()
			continue
		}
		talks.Go(func() {
			defer d.leave(from)
			d.talk(ctx, c, from)
		})
	}
}

func (d *Door) enter(from netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all >= d.opt.Connections || d.open[from] >= d.opt.PerAddress {
		return false
	}
	d.all++
	d.open[from]++
	return true
}

func (d *Door) leave(from netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if d.open[from]--; d.open[from] == 0 {
		delete(d.open, from)
	}
}

func addressOf(c net.Conn) netip.Addr {
	a, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}
