// Parked: reports that name nobody but a specimen which nobody has registered yet. They wait for its order; a person sees them meanwhile.

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Parked is one report that waits.
type Parked struct {
	Message     string
	Place       int // in the message
	Institution record.InstitutionID
	Barcode     string
	Reason      string
	ParkedAt    time.Time
	Link        string

	format Format
	key    string
	offset int64
	size   int64
}

// park keeps the place of a report that waits for its specimen.
func (c *Centre) park(ctx context.Context, tx *store.Tx, a *arrival, n int, reason string) error {
	barcode := a.message.reports[n].Specimen.ID
	_, err := tx.Exec(ctx, `INSERT INTO lab_parked (message_id, place, institution_id, centre_id, barcode, reason, parked_at) VALUES ($1,$2,$3,$4,$5,$6,$7)
		ON CONFLICT (message_id, place) DO NOTHING`,
		a.id, n, string(a.site.institution), string(a.site.centre.ID), barcode, reason, record.Micros(a.receivedAt))
	if err != nil {
		return fmt.Errorf("park report: %w", err)
	}
	tx.Emit(record.Event{
		Act: "lab.parked", Institution: a.site.institution, Kind: "lab-message", Object: a.id, Outcome: record.Success,
		Detail: map[string]string{"place": fmt.Sprint(n), "reason": reason},
	}.By(a.scope))
	return nil
}

const parkedColumns = `p.message_id, p.place, p.institution_id, p.barcode, p.reason, p.parked_at, m.link_id, m.format, m.blob_key, m.blob_offset, m.size`

func scanParked(scan func(...any) error) (Parked, error) {
	var p Parked
	var at int64
	err := scan(&p.Message, &p.Place, &p.Institution, &p.Barcode, &p.Reason, &at, &p.Link, &p.format, &p.key, &p.offset, &p.size)
	p.ParkedAt = record.FromMicros(at)
	return p, err
}

// Cursor is where ListParked goes on after a report.
func (p Parked) Cursor() string { return p.Message + ":" + strconv.Itoa(p.Place) }

// ListParked lists what waits, oldest first, after a report (its Cursor) or after all of a message (its id).
func (c *Centre) ListParked(ctx context.Context, s record.Scope, after string, limit int) ([]Parked, error) {
	s.RelatedAt = ""
	message, n, _ := strings.Cut(after, ":")
	place := math.MaxInt32
	if n != "" {
		var err error
		if place, err = strconv.Atoi(n); err != nil {
			return nil, record.Errorf(record.Invalid, "page token: not one of ours")
		}
	}
	args := []any{message, place}
	return store.Collect(ctx, c.db, `SELECT `+parkedColumns+` FROM lab_parked p JOIN lab_messages m ON m.id = p.message_id
		WHERE (p.message_id > $1 OR p.message_id = $1 AND p.place > $2) AND `+
		c.db.ScopeSQL(s, "p.institution_id", "''", &args)+fmt.Sprintf(` ORDER BY p.message_id, p.place LIMIT %d`, limit), args, scanParked)
}

// tubeKnown holds for a parked report whose laboratory knows a tube of its barcode: the same number of another laboratory is another tube.
const tubeKnown = `EXISTS (SELECT 1 FROM specimen_barcodes s JOIN specimens t ON t.id = s.specimen_id
	WHERE s.barcode = p.barcode AND (t.laboratory_id = p.institution_id OR t.institution_id = p.institution_id))`

// errStillParked undoes a try whose specimen is another laboratory's: the report waits on for its own.
var errStillParked = errors.New("still parked")

// unpark takes the reports whose specimen has become known. A report that is refused now stays, with the reason.
func (c *Centre) unpark(ctx context.Context, barcodes ...string) (int, error) {
	if len(barcodes) == 0 {
		return 0, nil
	}
	var args []any
	var marks []string
	for _, b := range barcodes {
		args = append(args, b)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	all, err := store.Collect(ctx, c.db, `SELECT `+parkedColumns+` FROM lab_parked p JOIN lab_messages m ON m.id = p.message_id
		WHERE p.barcode IN (`+strings.Join(marks, ",")+`) ORDER BY p.message_id, p.place LIMIT 100`, args, scanParked)
	if err != nil {
		return 0, err
	}
	n := 0
	var wrong []error
	for _, p := range all { // one that cannot be taken keeps nothing from the others
		err := c.unparkOne(ctx, p)
		switch {
		case err == nil:
			n++
		case !errors.Is(err, errStillParked):
			wrong = append(wrong, fmt.Errorf("report %d of message %s: %w", p.Place, p.Message, err))
		}
	}
	return n, errors.Join(wrong...)
}

func (c *Centre) unparkOne(ctx context.Context, p Parked) error {
	a, err := c.again(ctx, p)
	if err == nil && p.Place >= len(a.message.reports) { // its link has another profile now
		err = record.Errorf(record.Conflict, "the message has no report %d any more", p.Place+1)
	}
	if k := record.KindOf(err); err != nil && (k == record.Unavailable || ctx.Err() != nil) {
		return err
	}
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		if err != nil { // it stays, with the reason, and those behind it do not wait for it
			return reason(ctx, tx, p, record.Public(err))
		}
		tx.As(a.scope)
		st, err := c.takeReport(ctx, tx, a, p.Place)
		switch {
		case err != nil && record.KindOf(err) != record.Conflict && record.KindOf(err) != record.Invalid:
			return err
		case err != nil:
			return reason(ctx, tx, p, record.Public(err))
		case st.Parked != "":
			return errStillParked
		}
		_, err = tx.Exec(ctx, `DELETE FROM lab_parked WHERE message_id = $1 AND place = $2`, p.Message, p.Place)
		return err
	})
}

func reason(ctx context.Context, tx *store.Tx, p Parked, why string) error {
	_, err := tx.Exec(ctx, `UPDATE lab_parked SET reason = $3, barcode = '' WHERE message_id = $1 AND place = $2`, p.Message, p.Place, record.Clip(why, 500))
	return err
}

// again decodes a message that was kept.
func (c *Centre) again(ctx context.Context, p Parked) (*arrival, error) {
	body, err := c.messageBytes(ctx, p.key, p.offset, p.size)
	if err != nil {
		return nil, err
	}
	return c.reread(ctx, p.Message, p.Institution, p.Link, p.format, body)
}

// reread makes an arrival of a message that was kept, as it was when it came.
func (c *Centre) reread(ctx context.Context, id string, institution record.InstitutionID, link string, format Format, body []byte) (*arrival, error) {
	s := system
	s.Actor.Institution = institution
	place, err := c.siteOf(ctx, s)
	if err != nil {
		return nil, err
	}
	l, err := c.linkOf(ctx, link)
	if err != nil {
		return nil, err
	}
	m, err := c.decode(Source{Format: format, Body: body, Link: l})
	if err != nil {
		return nil, err
	}
	came, err := record.TimeOfID(id)
	return &arrival{scope: s, site: place, link: l, format: format, message: m, id: id, sha256: digestBytes(body), receivedAt: came}, err
}

// messageBytes reads a message out of its pack.
func (c *Centre) messageBytes(ctx context.Context, key string, offset, size int64) ([]byte, error) {
	if size > c.opt.MaxMessage {
		return nil, fmt.Errorf("message in %s: larger than what is taken", key)
	}
	r, err := c.blobs.Range(ctx, key, offset, size)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(io.LimitReader(r, size))
	if err == nil && int64(len(b)) != size {
		err = record.Errorf(record.Unavailable, "the message could not be read whole")
	}
	return b, err
}
