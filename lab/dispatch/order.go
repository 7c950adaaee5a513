// Orders on their way to the laboratory that measures: OML^O21 or ORM^O01, one message for each order with the lines that have news.

package dispatch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/codec/hl7/mllp"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/specimen"
	"github.com/lianzhen/lianzhen/lab/v2"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// The acts that a laboratory must learn of. A tube that is collected gives its order a barcode where labels are printed before; one that is
// collected again gives it another.
const (
	orderCreated   = "lab_order.created"
	orderChanged   = "lab_order.changed"
	orderCancelled = "lab_order.cancelled"
	recollect      = "specimen.recollect"
	collected      = "specimen.collected"

	orderDelivered = "lab_order.delivered" // is about to be: noted before the first byte leaves
)

const orderMark = "order:"

// ofOrder reports an act that is of an order.
func ofOrder(act string) bool {
	return act == orderCreated || act == orderChanged || act == orderCancelled || act == recollect || act == collected
}

// orderVersion grows with every change of an order and of its tubes.
func orderVersion(o *specimen.Order) int {
	v := o.Version
	for i := range o.Specimens {
		v += o.Specimens[i].Version
	}
	return int(v)
}

// orderNews is an event of an order with what must be known of it. Without a laboratory nobody is told.
func (d *Desk) orderNews(ctx context.Context, tx *store.Tx, e record.Event) (news, error) {
	id := specimen.OrderID(e.Object)
	if e.Kind != "lab_order" {
		id = specimen.OrderID(e.Detail["order"])
	}
	o, err := d.centre.Specimens().OrderOf(ctx, tx, id)
	if record.KindOf(err) == record.NotFound || err == nil && e.Act == collected && !o.Preprinted {
		return news{}, nil
	}
	return news{subject: orderMark + string(id), version: orderVersion(&o), laboratory: o.Laboratory}, err
}

// told is what the receiver knows of the lines of an order, by their numbers: a digest of what it was told last, or one of the words below.
type told map[int]string

const (
	maybeNew     = "?" // left as new, but nobody has said that it arrived
	maybeChanged = "!" // it is known there, but not what it last said
	cancelled    = "-" // it knows that it is cancelled
)

func parseTold(s string) told {
	t := told{}
	for _, w := range strings.Fields(s) {
		if number, what, ok := strings.Cut(w, ":"); ok {
			n, _ := strconv.Atoi(number) // we wrote it
			t[n] = what
		}
	}
	return t
}

func (t told) String() string {
	var out []string
	for _, n := range slices.Sorted(maps.Keys(t)) {
		out = append(out, fmt.Sprintf("%d:%s", n, t[n]))
	}
	return strings.Join(out, " ")
}

// control says what the receiver is told of a line whose content has a digest; nothing where it knows all.
func (t told) control(l *specimen.Line, digest string) observation.Control {
	was := t[l.Number]
	switch {
	case l.Status == specimen.LineCancelled && was != "" && was != cancelled:
		return observation.CancelOrder
	case !l.Open() || was == digest:
		return ""
	case was == "" || was == maybeNew || was == cancelled:
		return observation.NewOrder
	}
	return observation.ChangeOrder
}

// sentOrder is what leaves of an order.
type sentOrder struct {
	order  *specimen.Order
	known  string // of told, before it left
	before string // of told, while nobody knows whether it arrived
	after  string // of told, once it was taken
}

// knows is what the receiver knows of the lines after its answer; nil where that is not sure.
func (o *sentOrder) knows(f fate) *string {
	switch {
	case o != nil && f == taken:
		return &o.after
	case o != nil && f == declined: // by this attempt; an earlier one may have arrived
		return &o.known
	}
	return nil
}

// composeOrder makes the message of an order from what is so now.
func (d *Desk) composeOrder(ctx context.Context, s *Subscription, x *Delivery) (composed, error) {
	o, err := d.centre.Specimens().OrderOf(ctx, d.db, x.Order())
	c := composed{version: max(x.Version, orderVersion(&o))}
	switch {
	case record.KindOf(err) == record.NotFound || err == nil && (o.Laboratory != s.Institution || !s.Orders):
		c.instead = &outcome{fate: void, text: "the order is no longer of this laboratory"}
		return c, nil
	case err != nil:
		return c, err
	}
	p, err := profileOf(s)
	if err != nil {
		return c, err
	}
	lines, sent, err := linesFor(&o, p, parseTold(x.told))
	if err == nil && len(lines) == 0 {
		c.instead = &outcome{fate: void, text: "there is nothing that the laboratory does not know"}
		return c, nil
	}
	if err == nil {
		c.order = sent
		c.message, err = d.orderMessage(s, x, p, lines)
	}
	return c, err
}

// linesFor are the lines of an order that have news, what is cancelled first: a line that takes the place of another may have its number.
func linesFor(o *specimen.Order, p v2.Profile, known told) ([]observation.Order, *sentOrder, error) {
	var gone, lines []observation.Order
	before, after := maps.Clone(known), maps.Clone(known)
	for i := range o.Lines {
		l := &o.Lines[i]
		line := o.Outward(l)
		digest, err := digestOf(line, p)
		if err != nil {
			return nil, nil, err
		}
		line.Control = known.control(l, digest)
		switch line.Control {
		case "":
			continue
		case observation.CancelOrder:
			gone = append(gone, line)
			before[l.Number], after[l.Number] = maybeChanged, cancelled
		case observation.NewOrder:
			lines = append(lines, line)
			before[l.Number], after[l.Number] = maybeNew, digest
		default:
			lines = append(lines, line)
			before[l.Number], after[l.Number] = maybeChanged, digest
		}
	}
	return append(gone, lines...), &sentOrder{o, known.String(), before.String(), after.String()}, nil
}

// digestOf names what a line says. When its tube was collected or came is no news of the order.
func digestOf(line observation.Order, p v2.Profile) (string, error) {
	line.Specimen.CollectedAt, line.Specimen.ReceivedAt = time.Time{}, time.Time{}
	b, err := v2.EncodeOrder([]observation.Order{line}, p, hl7.Reply{})
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), err
}

// orderMessage writes lines of an order. Its number is one of its content, as that of a report.
func (d *Desk) orderMessage(s *Subscription, x *Delivery, p v2.Profile, lines []observation.Order) (message, error) {
	content, err := v2.EncodeOrder(lines, p, hl7.Reply{})
	if err != nil {
		return message{}, err
	}
	number := numberOf(s, x, content)[:numberLength]
	body, err := v2.EncodeOrder(lines, p, hl7.Reply{ControlID: number, At: d.db.Now().Truncate(time.Second)})
	if err == nil && (bytes.IndexByte(body, mllp.Start) >= 0 || bytes.IndexByte(body, mllp.End) >= 0) {
		err = record.Errorf(record.Invalid, "it has bytes that MLLP cannot carry")
	}
	return message{number, body}, err
}

// noteOrder writes that an order is about to be given to its laboratory, once for each version, and which of its lines.
func (d *Desk) noteOrder(ctx context.Context, s *Subscription, x *Delivery, c *composed) error {
	if x.noted >= c.version && x.told == c.order.before {
		return nil
	}
	err := d.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE lab_deliveries SET noted_version = $2, told = $3 WHERE id = $1`, string(x.ID), c.version, c.order.before)
		if err != nil {
			return fmt.Errorf("note order: %w", err)
		}
		o := c.order.order
		e := record.Event{
			Act: orderDelivered, Institution: o.Institution, Patient: o.Patient, Kind: "lab_order", Object: string(o.ID), Outcome: record.Success,
			Detail: map[string]string{"laboratory": string(o.Laboratory), "subscription": string(s.ID), "version": strconv.Itoa(c.version)},
		}
		tx.Emit(e.By(s.scope()))
		return nil
	})
	if err == nil {
		x.noted, x.told = c.version, c.order.before
	}
	return err
}

// toldBefore is what the receiver knows of an order from deliveries that have ended.
func toldBefore(ctx context.Context, tx *store.Tx, s *Subscription, subject string) (string, error) {
	if !strings.HasPrefix(subject, orderMark) {
		return "", nil
	}
	var out string
	err := tx.QueryRow(ctx, `SELECT told FROM lab_deliveries WHERE subscription_id = $1 AND subject = $2 ORDER BY seq DESC, id DESC LIMIT 1`, string(s.ID), subject).Scan(&out)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return out, err
}

// Order is the order that a delivery is of; none where it is of a report.
func (x *Delivery) Order() specimen.OrderID {
	id, ok := strings.CutPrefix(x.Subject, orderMark)
	if !ok {
		return ""
	}
	return specimen.OrderID(id)
}
