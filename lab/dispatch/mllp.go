// Over MLLP: one connection, one message in the air, its own answer waited for.

package dispatch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"time"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/codec/hl7/mllp"
	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/v2"
	"github.com/lianzhen/lianzhen/record"
)

// profileOf is how messages of a subscription are written.
func profileOf(s *Subscription) (v2.Profile, error) {
	p, err := v2.ParseProfile([]byte(s.Profile))
	if p.Ours == (v2.Party{}) {
		p.Ours = v2.Party{Application: lab.Application, Facility: string(s.Institution)}
	}
	return p, err
}

// numberLength is what MSH-10 has room for (HL7 v2.5.1 2.15.9.10).
const numberLength = 20

// oru writes a report as ORU^R01. MSH-10 is a digest of delivery and content without the time of sending: the same again has the same number,
// and what has changed has another, since receivers pass over a number that they know.
func (d *Desk) oru(ctx context.Context, s *Subscription, x *Delivery, k *lab.Kept) (message, error) {
	p, err := profileOf(s)
	if err != nil {
		return message{}, err
	}
	if err := d.centre.Attach(ctx, k); err != nil {
		return message{}, err
	}
	reports := []observation.Report{k.Report()}
	content, err := v2.EncodeResults(reports, p, hl7.Reply{})
	if err != nil {
		return message{}, err
	}
	number := numberOf(s, x, content)[:numberLength]
	body, err := v2.EncodeResults(reports, p, hl7.Reply{ControlID: number, At: d.db.Now().Truncate(time.Second)})
	if err == nil && (bytes.IndexByte(body, mllp.Start) >= 0 || bytes.IndexByte(body, mllp.End) >= 0) {
		err = record.Errorf(record.Invalid, "it has bytes that MLLP cannot carry")
	}
	return message{number, body}, err
}

// numberOf names a content of a delivery.
func numberOf(s *Subscription, x *Delivery, content []byte) string {
	sum := sha256.Sum256(content)
	return record.DigestID("lab-delivery", s.Institution, string(x.ID)+"|"+hex.EncodeToString(sum[:]))
}

// line is the connection to one receiver.
type line struct {
	d        *Desk
	s        *Subscription
	options  hl7.Options
	client   *mllp.Client
	used     bool            // a message was answered over it
	accepted map[string]bool // numbers that were accepted (C.): the application's own answer may follow (HL7 v2.5.1 2.9.3)
}

func (d *Desk) newLine(s *Subscription) (*line, error) {
	p, err := profileOf(s)
	l := &line{d: d, s: s, options: p.Options()}
	l.options.Lenient, l.options.MaxBytes = true, maxAnswer
	return l, err
}

func (l *line) close() {
	if l.client != nil {
		_ = l.client.Close()
		l.client = nil
	}
}

// maxAnswer bounds an acknowledgement.
const maxAnswer = 256 << 10

// connect opens the connection, with its TLS.
func (l *line) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.d.opt.Dial)
	defer cancel()
	c, err := l.d.dialer(!l.s.TLS).DialContext(ctx, "tcp", l.s.Endpoint)
	if err != nil {
		return err
	}
	if l.s.TLS {
		host, _, _ := net.SplitHostPort(l.s.Endpoint)
		over := tls.Client(c, l.d.tlsFor(l.s, host))
		if err := over.HandshakeContext(ctx); err != nil {
			_ = c.Close()
			return err
		}
		c = over
	}
	l.client, l.used, l.accepted = mllp.NewClient(c, mllp.Options{MaxFrame: maxAnswer}), false, map[string]bool{}
	return nil
}

// send sends a message. A connection that the receiver has closed since the last message is opened again, once.
func (l *line) send(ctx context.Context, m message, begin func() error) outcome {
	for {
		if l.client == nil {
			if err := l.connect(ctx); err != nil {
				return outcome{fate: unreachable, text: troubleOf(err)}
			}
		}
		if err := begin(); err != nil {
			return outcome{fate: unreachable, text: troubleOf(err)}
		}
		begun, used := time.Now(), l.used
		out := l.exchange(ctx, m)
		if out.fate != unanswered {
			l.used = true
			return out
		}
		l.close()
		if !used || out.strange || ctx.Err() != nil || time.Since(begun) > l.d.opt.Answer/2 {
			return out
		}
	}
}

// exchange sends a message and judges what comes back. Only an answer with the message's own number counts; after any other the line cannot be
// trusted, and is closed.
func (l *line) exchange(ctx context.Context, m message) outcome {
	var answer ack
	_, err := l.client.Exchange(ctx, m.body, l.d.opt.Answer, func(frame []byte) bool {
		answer = readAck(frame, l.options)
		return !l.accepted[answer.number]
	})
	if err != nil {
		return outcome{fate: unanswered, text: troubleOf(err)}
	}
	out := answer.judge(m.number)
	if out.fate == taken && answer.code == hl7.CA {
		l.accepted[m.number] = true
	}
	return out
}
