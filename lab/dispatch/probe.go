// Probe: is the receiver there, and does it answer? Nothing of a person is sent.

package dispatch

import (
	"context"
	"encoding/json"
	"time"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/record"
)

// Probed is the outcome of a Probe.
type Probed struct {
	Answered bool   // a receiver of this kind is there, whatever it thinks of the probe
	Code     string // of its answer
	Text     string // what went wrong
	Took     time.Duration
}

// Probe sends a message without a patient: over MLLP the time of day (NMD^N02), by webhook the event "lab.probe". That the receiver is not
// there is no error.
func (d *Desk) Probe(ctx context.Context, s record.Scope, id SubscriptionID) (Probed, error) {
	sub, err := d.subscription(ctx, d.db, s, id)
	if err != nil {
		return Probed{}, err
	}
	m, err := d.probeOf(&sub)
	if err != nil {
		return Probed{}, err
	}
	to, err := d.open(&sub)
	if err != nil {
		return Probed{}, err
	}
	defer to.close()
	limited, cancel := context.WithTimeout(ctx, min(d.opt.Dial+d.opt.Answer, probeFor))
	defer cancel()
	begun := time.Now() // a measure, not a record
	out := to.send(limited, m, func() error { return nil })
	if ctx.Err() != nil {
		return Probed{}, ctx.Err()
	}
	p := Probed{Answered: out.fate == taken || out.fate == deferred || out.fate == declined, Code: out.code, Text: out.text, Took: time.Since(begun)}
	return p, d.db.Note(ctx, sub.event("lab.subscription.probed").By(s))
}

// probeFor is how long a person waits.
const probeFor = 15 * time.Second

func (d *Desk) probeOf(s *Subscription) (message, error) {
	now := d.db.Now()
	number := record.DigestID("lab-probe", s.Institution, record.NewID(now))
	if s.Kind == Webhook {
		body, err := json.Marshal(Notice{Event: "lab.probe", Subscription: string(s.ID), Institution: string(s.Institution)})
		return message{number, body}, err
	}
	p, err := profileOf(s)
	if err != nil {
		return message{}, err
	}
	h := hl7.Header{
		SendingApplication: p.Ours.Application, SendingFacility: p.Ours.Facility, ReceivingApplication: p.Theirs.Application,
		ReceivingFacility: p.Theirs.Facility, At: now.Truncate(time.Second), Zone: time.FixedZone("CST", 8*60*60), Type: [3]string{"NMD", "N02", "NMD_N02"},
		ControlID: number[:numberLength], Version: p.Version,
	}
	b := hl7.NewBuilder(h)
	b.Add("NCK").Set(1, hl7.FormatDTM(h.At, h.Zone)) // HL7 v2.5.1 14.4.1
	body, err := b.Bytes()
	return message{number[:numberLength], body}, err
}
