// Accept: one message in, from its bytes to the acknowledgement.

package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Format is the syntax of a message.
type Format string

// The formats.
const (
	HL7   Format = "hl7v2"
	ASTM  Format = "astm"
	Table Format = "table"
	JSON  Format = "json"
)

// Link is who sends: a registered device with its profile, or a program or person at a door of the API.
type Link struct {
	ID      string // of the device, key or user
	Name    string // as a person reads it; the device of results that name none
	Profile string // YAML of lab/v2, lab/analyser or lab/table; empty: the defaults
}

// Source is one message on its way in.
type Source struct {
	Format Format
	Body   []byte // as received
	Link   Link
}

// Stored says what became of a message. It holds no personal data: it is kept and given again to a sender that repeats itself.
type Stored struct {
	Message  string                `json:"message"`
	Type     string                `json:"type,omitempty"`
	Already  bool                  `json:"-"`
	Reports  []StoredReport        `json:"reports,omitempty"`
	Orders   []string              `json:"orders,omitempty"`
	Patients int                   `json:"patients,omitempty"` // demographics taken over
	Warnings []observation.Warning `json:"warnings,omitempty"`
}

// StoredReport is one report of a message.
type StoredReport struct {
	Report   record.ExamID    `json:"report,omitempty"`
	Case     record.CaseID    `json:"case,omitempty"` // where a person must validate or a critical value was raised
	Patient  record.PatientID `json:"patient,omitempty"`
	Rows     int              `json:"rows"`
	New      int              `json:"new"`      // rows with a new version
	Stale    int              `json:"stale"`    // rows that are older than what is kept
	Unmapped int              `json:"unmapped"` // rows whose code means nothing here yet
	Waiting  int              `json:"waiting"`  // rows that a person must validate
	Alarms   []string         `json:"alarms,omitempty"`
	Parked   string           `json:"parked,omitempty"` // why it waits
	Control  bool             `json:"control,omitempty"`
}

// Refusal is the reason a message was not taken, with its place and where the bytes are kept for a person.
type Refusal struct {
	Place      string // "PID[1]-3", "frame 4", "row 17 column 结果"; empty if it has none
	Quarantine store.QuarantineID
	Err        error
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// arrival is a message that was decoded, on its way into the index.
type arrival struct {
	scope      record.Scope
	site       site
	link       Link
	format     Format
	message    *message
	id         string
	sha256     string
	receivedAt time.Time
	again      bool // from its pack: nobody is told once more
	snap       *catalogue.Snapshot
	stored     Stored
}

const (
	packExtension = ".tar"
	dayFormat     = "20060102"
)

// Accept takes one message: Invalid or Conflict with a Refusal for what cannot be taken, Unavailable when it should be sent again. It returns when
// bytes, rows and cases are durable. The same message again is answered as it was the first time.
func (c *Centre) Accept(ctx context.Context, s record.Scope, src Source) (Stored, error) {
	place, err := c.siteOf(ctx, s)
	if err != nil {
		return Stored{}, err
	}
	switch {
	case len(src.Body) == 0:
		return Stored{}, record.Errorf(record.Invalid, "the message is empty")
	case int64(len(src.Body)) > c.opt.MaxMessage:
		return Stored{}, record.Errorf(record.Invalid, "the message is larger than %d bytes", c.opt.MaxMessage)
	}
	m, err := c.decode(src)
	if err != nil {
		return Stored{}, c.refuse(ctx, s, place, src, err)
	}
	if kept, err := c.kept(ctx, c.db, src.Link, m); err != nil || kept.Already {
		return kept, c.refuseConflict(ctx, s, place, src, err)
	}
	now := c.db.Now().Truncate(time.Millisecond) // as its id says
	a := &arrival{
		scope: s, site: place, link: src.Link, format: src.Format, message: m, id: record.NewID(now), sha256: digestBytes(src.Body), receivedAt: now,
	}
	if err := c.packer.Add(ctx, c.group(place, now), a.fileName(), src.Body, a); err != nil {
		return Stored{}, c.refuseConflict(ctx, s, place, src, err)
	}
	return a.stored, nil
}

// group is the place of a day's packs: <bucket>/<institution>/<day>.
func (c *Centre) group(p site, at time.Time) string {
	return p.centre.Bucket + "/" + string(p.institution) + "/" + at.In(c.opt.Zone).Format(dayFormat)
}

var extensions = map[Format]string{HL7: ".hl7", ASTM: ".astm", Table: ".table", JSON: ".json"}

// fileName names a message inside its pack, so that the pack alone tells who sent what: <id>_<link>.<format>.
func (a *arrival) fileName() string {
	link := a.link.ID
	if !record.ValidID(link) {
		link = "-"
	}
	return a.id + "_" + link + extensions[a.format]
}

// commitPack indexes the messages of one pack, each by itself, those that are ready together in one transaction.
func (c *Centre) commitPack(ctx context.Context, items []store.Packed[*arrival]) []error {
	errs := make([]error, len(items))
	var all sync.WaitGroup
	for i := range items {
		all.Go(func() {
			errs[i] = c.commits.Tx(ctx, items[i].Item.lockKey(), func(tx *store.Tx) error {
				if err := c.index(ctx, tx, items[i]); err != nil {
					return err
				}
				return items[i].Durable() // bytes first: nothing is committed before
			})
		})
	}
	all.Wait()
	return errs
}

// lockKey orders messages that are committed together.
func (a *arrival) lockKey() string {
	if len(a.message.reports) > 0 {
		return a.message.reports[0].Specimen.ID + "|" + a.message.reports[0].Filler
	}
	return a.message.control
}

// index takes what a message says, in one transaction.
func (c *Centre) index(ctx context.Context, tx *store.Tx, p store.Packed[*arrival]) error {
	a := p.Item
	tx.As(a.scope)
	if err := tx.Lock(ctx, "lab-message:"+a.link.ID+":"+a.message.control); err != nil {
		return err
	}
	kept, err := c.kept(ctx, tx, a.link, a.message)
	if err != nil {
		return err
	}
	if kept.Already { // somebody sent the same at the same time: the bytes in the pack are one copy too many
		a.stored = kept
		return nil
	}
	a.snap = nil // codes may have got a meaning since the last try
	out := Stored{Message: a.id, Type: a.message.kind, Warnings: a.message.warnings}
	if err := c.takeAll(ctx, tx, a, &out); err != nil {
		return err
	}
	if err := c.putMessage(ctx, tx, p, out); err != nil {
		return err
	}
	a.stored = out
	return nil
}

// takeAll takes every part of a message.
func (c *Centre) takeAll(ctx context.Context, tx *store.Tx, a *arrival, out *Stored) error {
	for i := range a.message.patients {
		if err := c.takePatient(ctx, tx, a, &a.message.patients[i]); err != nil {
			return err
		}
		out.Patients++
	}
	for _, o := range a.message.orders {
		id, err := c.desks.Specimens.Take(ctx, tx, a.scope, o)
		if err != nil {
			return err
		}
		if id != "" { // a cancellation that came before its order has none
			out.Orders = append(out.Orders, string(id))
		}
	}
	for i := range a.message.reports {
		st, err := c.takeReport(ctx, tx, a, i)
		if err != nil {
			return err
		}
		out.Reports = append(out.Reports, st)
	}
	return nil
}

// putMessage keeps the row that makes sending twice harmless, and says that it came.
func (c *Centre) putMessage(ctx context.Context, tx *store.Tx, p store.Packed[*arrival], out Stored) error {
	a := p.Item
	answer, err := json.Marshal(out)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO lab_messages (id, institution_id, link_id, control, hash, format, type, blob_key, blob_offset, sha256, size,
		received_at, sent_at, warnings, answer) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)`,
		a.id, string(a.site.institution), a.link.ID, a.message.control, a.message.hash, string(a.format), a.message.kind, p.Key, p.Offset, a.sha256, p.Length,
		record.Micros(a.receivedAt), record.Micros(a.message.sentAt), warningsText(a.message.warnings), string(answer))
	if err != nil {
		return fmt.Errorf("keep message: %w", err)
	}
	tx.Emit(record.Event{
		Act: "lab.received", Institution: a.site.institution, Kind: "lab-message", Object: a.id, Outcome: record.Success,
		Detail: map[string]string{"type": a.message.kind, "reports": fmt.Sprint(len(out.Reports)), "link": a.link.ID},
	}.By(a.scope))
	return nil
}

// errReused is the conflict of two messages under one control id.
var errReused = record.Errorf(record.Conflict, "another message was sent under this control id; it is kept for a person to look at")

// kept answers for a message that was taken before; Already is false if it was not.
func (c *Centre) kept(ctx context.Context, q store.Querier, l Link, m *message) (Stored, error) {
	type row struct{ hash, answer string }
	rows, err := store.List(ctx, q, `SELECT hash, answer FROM lab_messages WHERE link_id = $1 AND control = $2`, []any{l.ID, m.control},
		func(r *row) []any { return []any{&r.hash, &r.answer} })
	if err != nil || len(rows) == 0 {
		return Stored{}, err
	}
	if rows[0].hash != m.hash {
		return Stored{}, errReused
	}
	var out Stored
	if err := json.Unmarshal([]byte(rows[0].answer), &out); err != nil {
		return Stored{}, fmt.Errorf("answer of a message: %w", err)
	}
	out.Already = true
	return out, nil
}

// refuseConflict keeps the bytes of a message that contradicts what is kept.
func (c *Centre) refuseConflict(ctx context.Context, s record.Scope, place site, src Source, err error) error {
	if k := record.KindOf(err); err == nil || k != record.Conflict && k != record.Invalid && k != record.Precondition {
		return err
	}
	return c.refuse(ctx, s, place, src, err)
}

// refuse says why a message is not taken, and keeps its bytes where a person should look at them.
func (c *Centre) refuse(ctx context.Context, s record.Scope, place site, src Source, err error) error {
	out := &Refusal{Err: err}
	var at interface{ Place() string }
	if errors.As(err, &at) {
		out.Place = at.Place()
	}
	if record.KindOf(err) == record.Internal {
		out.Err = record.Wrap(record.Invalid, err, err.Error())
	}
	q, qErr := c.quarantine(ctx, s, place, src, out.Err)
	if qErr != nil {
		return qErr
	}
	out.Quarantine = q
	return out
}

func digestBytes(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
