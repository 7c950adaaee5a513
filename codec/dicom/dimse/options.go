package dimse

import (
	"context"
	"crypto/tls"
	"time"
)

// Options of an association, of either side. A zero field takes its default.
type Options struct {
	MaxPDU   uint32        // largest P-DATA-TF that we receive, and send; default 128 KiB
	ARTIM    time.Duration // for the association to be asked for or answered, and the connection to be closed at the end; default 30 s
	Idle     time.Duration // without a message and without an open operation; default 10 min
	Stall    time.Duration // for 4 KiB of a message to come, or for a written PDU to be taken; default 60 s
	Response time.Duration // for a response, or the next one of several, to a request of ours; default 10 min
	Release  time.Duration // for open operations to end when the peer releases; default 10 s

	// Window is how many operations may be open at once in each direction, if the peer negotiates it; default 1.
	Window uint16

	// MaxDataSet bounds data sets that the helpers hold in memory (identifiers of C-FIND, results of DIMSE-N); default 4 MiB.
	MaxDataSet int

	// TLS makes Dial speak TLS. A server gets it with its listener.
	TLS *tls.Config

	// Handler gets the peer's requests; without it they are answered with UnrecognizedOperation.
	Handler Handler
}

// Handler answers one request. The context ends with the cause ErrCancelled when the peer cancels the operation, and with the
// association. It runs in its own goroutine, one for each open operation. When it returns, unread data is skipped; if no final
// response was sent, ProcessingFailure is. An error aborts the association and is the cause of its end.
type Handler func(ctx context.Context, a *Association, m *Message) error

func (o Options) orDefault() Options {
	orElse(&o.MaxPDU, 128<<10)
	orElse(&o.ARTIM, 30*time.Second)
	orElse(&o.Idle, 10*time.Minute)
	orElse(&o.Stall, time.Minute)
	orElse(&o.Response, 10*time.Minute)
	orElse(&o.Release, 10*time.Second)
	orElse(&o.Window, 1)
	orElse(&o.MaxDataSet, 4<<20)
	o.MaxPDU = min(max(o.MaxPDU, smallestPDU), 1<<20)
	return o
}

func orElse[N ~int | ~uint16 | ~uint32 | ~int64](n *N, by N) {
	if *n <= 0 {
		*n = by
	}
}
