package dimse

import (
	"bytes"
	"context"
	"errors"
	"math"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/exchange"
	"github.com/lianzhen/lianzhen/record"
)

// Destination is where a C-MOVE may send: a registered device with an address, and what it may itself read.
type Destination struct {
	exchange.Peer
	Scope record.Scope
}

// move answers C-MOVE (PS3.4 C.4.2). Objects go to registered devices only, and only those that the device might read
// itself: nobody moves to another what that one may not see.
func (d *Door) move(ctx context.Context, c *call) error {
	objects, err := d.asked(ctx, c)
	if err != nil {
		return err
	}
	to, err := d.opt.Destination(ctx, c.MoveDestination)
	if record.KindOf(err) == record.NotFound || record.KindOf(err) == record.Precondition {
		d.note(ctx, c, err)
		r := c.Response(ul.MoveDestinationUnknown)
		r.ErrorComment = comment(record.Public(err))
		return c.Respond(ctx, r, nil)
	}
	if err != nil {
		return err
	}
	p := &progress{call: c, total: len(objects)}
	var allowed []imaging.Located
	for _, o := range objects {
		if to.Scope.Reaches(o.Institution) {
			allowed = append(allowed, o)
			continue
		}
		p.failed(o)
	}
	by := exchange.Originator{AETitle: c.peer.AETitle, MessageID: c.MessageID}
	err = d.exchange.SendTo(ctx, to.Peer, allowed, by, p.told(ctx, d))
	return p.end(ctx, d, err)
}

// get answers C-GET (PS3.4 C.4.3): the objects go over the same association.
func (d *Door) get(ctx context.Context, c *call) error {
	objects, err := d.asked(ctx, c)
	if err != nil {
		return err
	}
	p := &progress{call: c, total: len(objects)}
	told := p.told(ctx, d)
	a := c.Association()
	for _, o := range objects {
		out := d.exchange.Send(ctx, a, o, exchange.Originator{})
		if a.Err() != nil {
			return a.Err()
		}
		if !told(out) {
			break
		}
	}
	return p.end(ctx, d, nil)
}

// asked finds the objects of an identifier, which holds the unique keys of its level and of those above (PS3.4 C.4.2.1.4).
func (d *Door) asked(ctx context.Context, c *call) ([]imaging.Located, error) {
	keys, err := c.dataSet()
	if err != nil {
		return nil, err
	}
	level, err := levelOf(c.SOPClass, keys)
	if err != nil {
		return nil, err
	}
	scope, err := c.peer.May(ctx, "imaging", "read")
	if err != nil {
		return nil, err
	}
	if level == imaging.PatientLevel {
		return d.ofPatient(ctx, scope, keys)
	}
	var out []imaging.Located
	for _, u := range uidsOf(level, keys) {
		found, err := d.centre.Locate(ctx, scope, u)
		if err != nil && record.KindOf(err) != record.NotFound {
			return nil, err
		}
		if out = append(out, found...); len(out) > maxSubOperations {
			return nil, record.Errorf(record.Unavailable, "more than %d objects in one request", maxSubOperations)
		}
	}
	return out, uniqueKey(level, keys)
}

// maxSubOperations is what the counters of a response can tell (PS3.7 §9.3.3.2).
const maxSubOperations = math.MaxUint16

var uniqueKeys = map[imaging.Level]dicom.Tag{
	imaging.PatientLevel: dicom.PatientID, imaging.StudyLevel: dicom.StudyInstanceUID,
	imaging.SeriesLevel: dicom.SeriesInstanceUID, imaging.ImageLevel: dicom.SOPInstanceUID,
}

func uniqueKey(l imaging.Level, keys *dicom.DataSet) error {
	if t := uniqueKeys[l]; keys.Str(t) == "" {
		return record.Errorf(record.Invalid, "%v %s: the unique key of the level is missing", t, t.Keyword())
	}
	return nil
}

// uidsOf lists the UIDs of the level, each once and below those that are named above it.
func uidsOf(level imaging.Level, keys *dicom.DataSet) []imaging.UIDs {
	var out []imaging.UIDs
	above := imaging.UIDs{Study: keys.UID(dicom.StudyInstanceUID)}
	if level == imaging.ImageLevel {
		above.Series = keys.UID(dicom.SeriesInstanceUID)
	}
	seen := map[string]bool{}
	for _, v := range keys.Strs(uniqueKeys[level]) {
		u := above
		switch uid := dicom.UID(v); {
		case !uid.Valid() || seen[v]:
			continue
		case level == imaging.StudyLevel:
			u.Study = uid
		case level == imaging.SeriesLevel:
			u.Series = uid
		default:
			u.SOP = uid
		}
		seen[v] = true
		out = append(out, u)
	}
	return out
}

func (d *Door) ofPatient(ctx context.Context, s record.Scope, keys *dicom.DataSet) ([]imaging.Located, error) {
	if err := uniqueKey(imaging.PatientLevel, keys); err != nil {
		return nil, err
	}
	number := dicom.NewDataSet()
	number.SetText(dicom.PatientID, keys.Str(dicom.PatientID))
	var out []imaging.Located
	for m, err := range d.centre.Query(ctx, s, imaging.Query{Level: imaging.StudyLevel, Keys: number}) {
		if err != nil {
			return nil, err
		}
		found, err := d.centre.Locate(ctx, s, imaging.UIDs{Study: m.Attributes.UID(dicom.StudyInstanceUID)})
		if err != nil {
			return nil, err
		}
		if out = append(out, found...); len(out) > maxSubOperations {
			return nil, record.Errorf(record.Unavailable, "more than %d objects in one request", maxSubOperations)
		}
	}
	return out, nil
}

// progress counts sub-operations and tells the requester.
type progress struct {
	*call
	total  int
	sub    ul.SubOperations
	lost   []string
	toldAt time.Time
}

// tellEvery bounds the pending responses.
const tellEvery = 100 * time.Millisecond

func (p *progress) failed(o imaging.Located) {
	p.sub.Failed++
	p.lost = append(p.lost, o.SOPUID)
}

// told takes the outcome of each object and goes on until the requester cancels.
func (p *progress) told(ctx context.Context, d *Door) func(exchange.Outcome) bool {
	return func(o exchange.Outcome) bool {
		switch {
		case !o.Sent():
			if o.Err != nil {
				d.note(ctx, p.call, o.Err)
			}
			p.failed(o.Object)
		case o.Status.Category() == ul.Warned:
			p.sub.Warning++
		default:
			p.sub.Completed++
		}
		if ctx.Err() != nil {
			return false
		}
		if time.Since(p.toldAt) < tellEvery {
			return true
		}
		p.toldAt = time.Now()
		return p.Respond(ctx, p.response(ul.Pending), nil) == nil
	}
}

func (p *progress) response(s ul.Status) ul.Command {
	r, sub := p.Response(s), p.sub
	sub.Remaining = uint16(p.total - int(sub.Completed) - int(sub.Failed) - int(sub.Warning))
	r.Sub = &sub
	return r
}

const failedSOPInstanceUIDList dicom.Tag = 0x00080058

// end sends the final response (PS3.4 table C.4-2), with the list of what did not go.
func (p *progress) end(ctx context.Context, d *Door, broken error) error {
	cancelled := errors.Is(context.Cause(ctx), ul.ErrCancelled)
	ctx = context.WithoutCancel(ctx)
	r := p.response(ul.Success)
	if !cancelled {
		r.Sub.Failed += r.Sub.Remaining // what was never tried
		r.Sub.Remaining = 0
	}
	switch {
	case cancelled:
		r.Status = ul.Cancelled
	case p.total > 0 && int(r.Sub.Failed) == p.total:
		r.Status = ul.OutOfResourcesSuboperate
	case r.Sub.Failed+r.Sub.Warning > 0:
		r.Status = ul.SomeSuboperationsFailed
	}
	if broken != nil && !cancelled {
		d.note(ctx, p.call, broken)
		r.ErrorComment = "the destination could not be reached, or broke off"
	}
	if len(p.lost) == 0 {
		return p.Respond(ctx, r, nil)
	}
	list := dicom.NewDataSet()
	list.SetText(failedSOPInstanceUIDList, p.lost...)
	b, err := dicom.AppendDataSet(nil, list, p.Context.TransferSyntax, "")
	if err != nil {
		return err
	}
	return p.Respond(ctx, r, bytes.NewReader(b))
}
