// Package astm is the ASTM door: analysers speak it over TCP, E1381 frames around E1394 records. Most call us; those that are TCP
// servers themselves are dialled. A message is acknowledged when it is kept, and a host query is answered on the line it came by.
// Who is calling is settled when a connection begins and again at every message, by functions that the gateway hands in.
//
// Where things are:
//
//	door.go   what the door is made of    serve.go  connections that come in
//	line.go   one connection, its messages and its queries    dial.go   connections that go out
package astm

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/lianzhen/lianzhen/lab/analyser"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// Station is what the other end of a connection shows of itself.
type Station struct {
	Address     netip.Addr
	Certificate string // SHA-256 of a client certificate that TLS has verified
	Name        string // the sender of a message (H-5); nothing at the beginning, and where no device has the name
	Message     bool   // it is asked for a message, not for the connection
}

// Link is an analyser that was let in.
type Link struct {
	ID          string // of the device
	Name        string
	Institution record.InstitutionID
	Profile     *analyser.Profile
	ProfileText string // as it is kept

	// May asks whether the analyser may do an act of a kind, and gives the scope of it. It is asked for every message: what is
	// permitted may change while a connection is open.
	May func(ctx context.Context, kind, act string) (record.Scope, error)
}

// ErrNameless is what Admit says of an address that several analysers share, when no message has named one yet.
var ErrNameless = record.Errorf(record.Unauthenticated, "several devices have this address: the message must name the one that sends")

// Dial is an analyser that is a TCP server.
type Dial struct {
	Key     string // of the device
	Address string // host:port
}

// Options of the door; the zero value of each means its default.
type Options struct {
	Connections int // at once; default 256
	PerAddress  int // of them from one address; default 16

	// Admit finds the analyser of a station: Unauthenticated or Denied closes the connection.
	Admit func(ctx context.Context, st Station) (Link, error)

	// Accept keeps a message, records ending with CR. It is acknowledged when Accept returns nil, and otherwise repeated.
	Accept func(ctx context.Context, l Link, message []byte) error

	// Orders finds what is to be measured on a specimen, or, without a barcode, on all that wait. NotFound is none. Without Orders
	// every query is answered with none.
	Orders func(ctx context.Context, l Link, barcode string) ([]observation.Order, error)

	// Dials are the analysers to keep connections to; asked every Refresh, default 30 s.
	Dials   func(ctx context.Context) ([]Dial, error)
	Refresh time.Duration
	Redial  time.Duration // pause after the first failure, doubled up to 32 times; default 2 s

	// Received counts bytes of messages and what became of them; Note what happened on a line, in the words of codec/astm.
	Received func(bytes int64, err error)
	Note     func(what string)

	Line func(o *analyser.Line) // changes the settings of a line, for tests of short timers
	Now  record.Clock
	Log  *slog.Logger
}

func (o Options) filled() Options {
	if o.Connections <= 0 {
		o.Connections = 256
	}
	if o.PerAddress <= 0 {
		o.PerAddress = 16
	}
	if o.Refresh <= 0 {
		o.Refresh = 30 * time.Second
	}
	if o.Redial <= 0 {
		o.Redial = 2 * time.Second
	}
	if o.Received == nil {
		o.Received = func(int64, error) {}
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Door answers analysers.
type Door struct {
	opt Options
	places
}

// New makes the door; nothing listens yet.
func New(opt Options) *Door {
	return &Door{opt: opt.filled(), places: places{hosts: map[string]int{}}}
}
