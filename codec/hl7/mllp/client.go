// The sending side: one message in flight, its own answer waited for.

package mllp

import (
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// Client sends messages over one connection, one after the other. It is not safe for several at once.
type Client struct {
	conn net.Conn
	r    *Reader
	o    Options
}

// NewClient sends over c.
func NewClient(c net.Conn, o Options) *Client {
	return &Client{conn: c, r: NewReader(c, o), o: o.filled()}
}

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// ErrNoAnswer is a message whose answer did not come in time: it must be sent again, over a new connection.
var ErrNoAnswer = errors.New("mllp: no answer to the message in time")

// maxStrangers is how many answers to something else are passed over while waiting.
const maxStrangers = 100

// Exchange sends a message and waits for the answer that is its own: answers says so of a frame. What answers something else, late, is passed
// over: an answer that is taken for another's would lose a message. After an error the client must be closed.
func (c *Client) Exchange(ctx context.Context, message []byte, within time.Duration, answers func(frame []byte) bool) ([]byte, error) {
	until := time.Now().Add(within)
	if d, ok := ctx.Deadline(); ok && d.Before(until) {
		until = d
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := Write(c.conn, message, time.Until(until)); err != nil {
		return nil, err
	}
	for range maxStrangers {
		c.r.o.First, c.r.o.Idle = max(time.Until(until), 0), max(time.Until(until), 0)
		f, err := c.r.Next()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, ErrIdle), errors.Is(err, io.EOF):
			return nil, ErrNoAnswer
		case err != nil:
			return nil, err
		case answers(f.Message):
			return f.Message, nil
		}
	}
	return nil, ErrNoAnswer
}
