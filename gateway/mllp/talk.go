// One connection: frames in, answers out, one message at a time.

package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/codec/hl7"
	frames "github.com/lianzhen/lianzhen/codec/hl7/mllp"
	"github.com/lianzhen/lianzhen/record"
)

// talk is one connection.
type talk struct {
	*Door
	conn     net.Conn
	from     netip.Addr
	tls      *tls.ConnectionState
	hand     sync.Mutex // held while a message is under way
	refusals int
}

func (d *Door) talk(ctx context.Context, c net.Conn, from netip.Addr) {
	t := &talk{Door: d, conn: c, from: from}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { // a stopping server answers what it has, then leaves
		t.hand.Lock()
		defer t.hand.Unlock()
		_ = c.Close()
	})
	defer stop()
	if err := t.shake(ctx); err != nil {
		d.opt.Log.Warn("MLLP connection refused: TLS", "address", from.String(), "error", err)
		return
	}
	if err := t.serve(ctx); err != nil && ctx.Err() == nil {
		d.opt.Log.Warn("MLLP connection ended", "address", from.String(), "error", err)
	}
}

const handshake = 10 * time.Second

func (t *talk) shake(ctx context.Context) error {
	c, ok := t.conn.(*tls.Conn)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		return err
	}
	state := c.ConnectionState()
	t.tls = &state
	return nil
}

// errRefusals ends a connection that only sends what is refused.
var errRefusals = errors.New("too many refused messages")

func (t *talk) serve(ctx context.Context) error {
	r := frames.NewReader(t.conn, t.opt.Frames)
	for {
		f, err := r.Next()
		var large *frames.TooLargeError
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, frames.ErrIdle), errors.Is(err, net.ErrClosed):
			return nil
		case errors.As(err, &large):
			return errors.Join(err, t.tooLarge(large))
		case err != nil:
			return err
		}
		if f.Junk > 0 || f.Unended {
			t.opt.Log.Warn("MLLP frame mended", "address", t.from.String(), "junk_bytes", f.Junk, "no_end", f.Unended, "begun_anew", f.Restarted)
		}
		if err := t.frame(ctx, f.Message); err != nil {
			return err
		}
		if t.refusals >= t.opt.Refusals {
			return errRefusals
		}
	}
}

// tooLarge answers a frame whose end was not read.
func (t *talk) tooLarge(large *frames.TooLargeError) error {
	h, ok := hl7.Glimpse(large.Head, hl7.Options{})
	if !ok {
		return nil
	}
	a := hl7.Ack{Code: hl7.AR, Text: "the message is too large", Problems: []hl7.Problem{{Place: "MSH", Code: hl7.ValueTooLong, Text: "the message is too large"}}}
	return t.send(answers(h, a, t.reply))
}

// frame takes the messages of one frame and answers each.
func (t *talk) frame(ctx context.Context, raw []byte) error {
	t.hand.Lock()
	defer t.hand.Unlock()
	if ctx.Err() != nil {
		return nil // nothing was promised: the sender sends it again
	}
	parts, wrapped := hl7.Split(raw)
	if len(parts) == 0 || len(parts) > hl7.MaxBatch {
		parts = [][]byte{raw}
	}
	var out [][]byte
	for _, p := range parts {
		out = append(out, t.message(context.WithoutCancel(ctx), p)...)
	}
	if wrapped && len(out) > 0 {
		out = [][]byte{batch(out)}
	}
	return t.send(out)
}

// batch puts the answers of a batch into one (HL7 v2.5.1 2.10.3).
func batch(answers [][]byte) []byte {
	var b strings.Builder
	b.WriteString("BHS|^~\\&\r")
	for _, a := range answers {
		b.Write(a)
	}
	b.WriteString("BTS\r")
	return []byte(b.String())
}

func (t *talk) send(out [][]byte) error {
	for _, a := range out {
		if err := frames.Write(t.conn, a, t.opt.Write); err != nil {
			return err
		}
	}
	return nil
}

func (t *talk) reply() hl7.Reply {
	now := t.opt.Now()
	return hl7.Reply{ControlID: record.NewID(now), At: now, Zone: t.opt.Zone}
}

// message takes one message and gives its answers.
func (t *talk) message(ctx context.Context, raw []byte) [][]byte {
	h, ok := hl7.Glimpse(raw, hl7.Options{})
	if !ok { // no header, nobody to answer by name; what stands there is told nevertheless
		t.refusals++
		_, err := hl7.Parse(raw[:min(len(raw), 1024)], hl7.Options{})
		a := ackOf(err, "")
		a.Code = hl7.AR
		return [][]byte{hl7.Header{Version: "2.5.1"}.Acknowledge(a, t.reply())}
	}
	if h.Type[0] == "ACK" || h.Type[0] == "MCF" {
		return nil // answers are not answered
	}
	answer, err := t.take(ctx, h, raw)
	t.opt.Received(int64(len(raw)), err)
	if err != nil {
		t.note(ctx, err)
	}
	return answer
}

// take hands the message on. Queries have an answer of their own, unless they fail.
func (t *talk) take(ctx context.Context, h hl7.Header, raw []byte) ([][]byte, error) {
	id := t.reply()
	link, err := t.opt.Admit(ctx, Sender{Application: h.SendingApplication, Facility: h.SendingFacility, Address: t.from, TLS: t.tls})
	if err != nil {
		return t.refuse(h, err, id.ControlID), err
	}
	if isQuery(h) && t.opt.Query != nil {
		m, err := hl7.Parse(raw, link.Options)
		if err == nil {
			var answer []byte
			if answer, err = t.opt.Query(ctx, link, m, id); err == nil {
				t.refusals = 0
				return [][]byte{answer}, nil
			}
		}
		return t.refuse(h, err, id.ControlID), err
	}
	done, err := t.opt.Accept(ctx, link, raw)
	if err != nil {
		return t.refuse(h, err, id.ControlID), err
	}
	t.refusals = 0
	return answers(h, hl7.Ack{Code: hl7.AA, Problems: done.Problems}, t.reply), nil
}

func isQuery(h hl7.Header) bool { return h.Type[0] == "QBP" || h.Type[0] == "QRY" }

// refuse counts refusals that sending again does not mend: a sender that gets nothing else is shut out for now.
func (t *talk) refuse(h hl7.Header, err error, id string) [][]byte {
	a := ackOf(err, id)
	if a.Code == hl7.AR {
		t.refusals++
	}
	return answers(h, a, t.reply)
}

// note writes the log line of a message that was not taken: Error for what we must mend, Warn for what the sender must.
func (t *talk) note(ctx context.Context, err error) {
	level := t.opt.Log.WarnContext
	if k := record.KindOf(err); (k == record.Internal || k == record.Unavailable) && !isFormat(err) {
		level = t.opt.Log.ErrorContext
	}
	level(ctx, "HL7 message refused", "address", t.from.String(), "error", err)
}

func isFormat(err error) bool {
	var f *hl7.FormatError
	return errors.As(err, &f)
}
