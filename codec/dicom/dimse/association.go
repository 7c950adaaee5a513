package dimse

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// How an association ends other than by release, abort and rejection.
var (
	ErrCancelled = errors.New("dimse: operation cancelled by C-CANCEL")
	ErrReleased  = errors.New("dimse: association released")
	ErrIdle      = errors.New("dimse: association idle for too long")
	ErrStalled   = errors.New("dimse: the peer stalls within a message")
	ErrResponse  = errors.New("dimse: no response in time")
	ErrARTIM     = errors.New("dimse: no association within ARTIM")
	ErrNoContext = errors.New("dimse: no accepted presentation context for this")
)

// Association is an established association. Its methods may be called from several goroutines.
type Association struct {
	opts      Options
	conn      net.Conn
	request   *Request
	contexts  []Context
	principal any
	answer    userItems // of the acceptor
	fragment  int       // longest fragment that the peer takes

	ctx    context.Context // of the handlers
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the association is over for its users
	closed chan struct{} // closed when the connection is closed and all handlers have returned

	mu       sync.Mutex
	machine  machine
	artim    time.Time // deadline of ARTIM, zero if it does not run
	over     bool
	err      error
	active   time.Time // of the last message or end of an operation
	open     map[uint16]*invocation
	handlers int
	quiet    chan struct{} // closed when drained: no handler runs and none will
	draining bool
	calls    map[uint16]*call
	lastID   uint16

	slots   chan struct{} // handlers that may run
	invoke  chan struct{} // calls that may be open
	sending chan struct{} // held while a message is sent: messages are not interleaved
	writing sync.Mutex    // held while PDUs are written
	broken  atomic.Bool   // a write failed: the stream cannot take another PDU

	in inbound // owned by the reading goroutine and, while it waits, the message whose data is read
}

// Context is an accepted presentation context.
type Context struct {
	ID             byte
	AbstractSyntax dicom.UID
	TransferSyntax dicom.UID
	Roles          Roles  // of the association requester
	Extended       []byte // the acceptor's extended negotiation
}

// readers are kept between associations: each is as large as a PDU.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }}

const readBuffer = 160 << 10

func newAssociation(conn net.Conn, opts Options, requester bool) *Association {
	a := &Association{
		opts: opts, conn: conn, machine: machine{state: sta1, requester: requester},
		done: make(chan struct{}), closed: make(chan struct{}), quiet: make(chan struct{}),
		open: map[uint16]*invocation{}, calls: map[uint16]*call{}, sending: make(chan struct{}, 1),
	}
	a.ctx, a.cancel = context.WithCancelCause(context.Background())
	a.in.r = readers.Get().(*bufio.Reader)
	a.in.wire = wire{a: a, quickAck: quickAck(conn)}
	a.in.r.Reset(&a.in.wire)
	return a
}

// CallingAE is the title of the association requester.
func (a *Association) CallingAE() string { return a.request.CallingAE }

// CalledAE is the title that the requester called.
func (a *Association) CalledAE() string { return a.request.CalledAE }

// Request is what the association was asked for with; it is not to be changed.
func (a *Association) Request() *Request { return a.request }

// Principal is what Server.Admit gave.
func (a *Association) Principal() any { return a.principal }

// Contexts are the accepted presentation contexts.
func (a *Association) Contexts() []Context { return slices.Clone(a.contexts) }

// Context finds an accepted presentation context by its ID.
func (a *Association) Context(id byte) (Context, bool) {
	for i := range a.contexts {
		if a.contexts[i].ID == id {
			return a.contexts[i], true
		}
	}
	return Context{}, false
}

// ContextFor finds an accepted presentation context for the SOP class, with one of the transfer syntaxes if any are given: the
// first of them that was accepted.
func (a *Association) ContextFor(class dicom.UID, syntaxes ...dicom.UID) (Context, error) {
	for i := range a.contexts {
		if len(syntaxes) == 0 && a.contexts[i].AbstractSyntax == class {
			return a.contexts[i], nil
		}
	}
	for _, ts := range syntaxes {
		for i := range a.contexts {
			if a.contexts[i].AbstractSyntax == class && a.contexts[i].TransferSyntax == ts {
				return a.contexts[i], nil
			}
		}
	}
	return Context{}, fmt.Errorf("%w: SOP class %s", ErrNoContext, class)
}

// IdentityResponse is the acceptor's answer to the user identity, nil if there was none.
func (a *Association) IdentityResponse() []byte { return a.answer.identityResponse }

// Implementation is how the acceptor names itself.
func (a *Association) Implementation() (dicom.UID, string) { return a.answer.class, a.answer.version }

// TLS is the state of the TLS connection with the peer's certificates, nil without TLS.
func (a *Association) TLS() *tls.ConnectionState { return tlsState(a.conn) }

// RemoteAddr is the peer's network address.
func (a *Association) RemoteAddr() net.Addr { return a.conn.RemoteAddr() }

// Done is closed when the association has ended; Err then says how.
func (a *Association) Done() <-chan struct{} { return a.done }

// Err is nil while the association is open and after an orderly release, else why it ended: an AbortError, or the connection
// was lost.
func (a *Association) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

// ended is why nothing can be done with the association any more, never nil.
func (a *Association) ended() error {
	if err := a.Err(); err != nil {
		return err
	}
	return ErrReleased
}

func tlsState(conn net.Conn) *tls.ConnectionState {
	c, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	s := c.ConnectionState()
	return &s
}
