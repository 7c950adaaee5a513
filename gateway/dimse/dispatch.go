package dimse

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/codec/dicom"
	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/record"
)

// handlers say for every message what answers it.
var handlers = map[ul.Field]func(*Door, context.Context, *call) error{
	ul.CEchoRQ:   (*Door).echo,
	ul.CStoreRQ:  (*Door).store,
	ul.CFindRQ:   (*Door).find,
	ul.CMoveRQ:   (*Door).move,
	ul.CGetRQ:    (*Door).get,
	ul.NCreateRQ: (*Door).createPerformed,
	ul.NSetRQ:    (*Door).setPerformed,
	ul.NGetRQ:    (*Door).getPerformed,

	ul.NActionRQ:      (*Door).commit,
	ul.NEventReportRQ: (*Door).committed,
}

// call is one message under way.
type call struct {
	*ul.Message
	peer Peer
}

// handle answers one message. An error that has a status is an answer; only a broken line ends the association.
func (d *Door) handle(ctx context.Context, a *ul.Association, m *ul.Message) error {
	h, ok := handlers[m.Field]
	if !ok {
		return m.Reply(ctx, ul.UnrecognizedOperation)
	}
	c := &call{m, peerOf(a)}
	err := h(d, ctx, c)
	if err == nil || a.Err() != nil {
		return nil
	}
	if errors.Is(context.Cause(ctx), ul.ErrCancelled) {
		return m.Reply(ctx, ul.Cancelled)
	}
	d.note(ctx, c, err)
	return m.Respond(ctx, refusal(m, err), nil)
}

// note writes the one line about a refusal: Error for what we must mend, Warn for what the caller must.
func (d *Door) note(ctx context.Context, c *call, err error) {
	log, text := d.opt.Log.WarnContext, record.Public(err)
	if record.KindOf(err) == record.Internal {
		log, text = d.opt.Log.ErrorContext, err.Error()
	}
	log(ctx, "refused", "message", c.Field.String(), "ae_title", c.peer.AETitle, "error", text)
}

func (d *Door) echo(ctx context.Context, c *call) error { return c.Reply(ctx, ul.Success) }

// refusal is the response that says why.
func refusal(m *ul.Message, err error) ul.Command {
	r := m.Response(statusOf(m.Field, err))
	var fault *worklist.Fault
	if errors.As(err, &fault) {
		r.Offending = fault.Tags
	}
	if record.KindOf(err) != record.Internal {
		r.ErrorComment = comment(record.Public(err))
	}
	return r
}

// statusOf is the status of an error: the worklist gives its own, storage that of imaging/status.go, and queries those of
// PS3.4 tables C.4-1 to C.4-3.
func statusOf(f ul.Field, err error) ul.Status {
	var fault *worklist.Fault
	switch {
	case errors.As(err, &fault):
		return ul.Status(fault.Status)
	case f == ul.CStoreRQ:
		return ul.Status(imaging.FailureStatus(err))
	}
	query := f == ul.CFindRQ || f == ul.CMoveRQ || f == ul.CGetRQ
	switch kind := record.KindOf(err); {
	case query && kind == record.Invalid:
		return ul.DataSetMismatch
	case query && kind == record.Unavailable:
		return ul.OutOfResources
	case query && kind != record.Denied:
		return ul.CannotUnderstand
	case kind == record.Invalid:
		return ul.InvalidAttributeValue
	case kind == record.NotFound:
		return ul.NoSuchSOPInstance
	case kind == record.Conflict:
		return ul.DuplicateSOPInstance
	case kind == record.Denied, kind == record.Unauthenticated:
		return ul.NotAuthorized
	case kind == record.Unavailable:
		return ul.ResourceLimitation
	}
	return ul.ProcessingFailure
}

// comment fits a text into Error Comment (0000,0902), an LO.
func comment(s string) string {
	const most = 64
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == '\\' || r >= utf8.RuneSelf {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), most)]
}

// maxIdentifier bounds the identifiers of queries and the data sets of DIMSE-N.
const maxIdentifier = 1 << 20

// dataSet reads a message's data set, which must be there.
func (c *call) dataSet() (*dicom.DataSet, error) {
	return c.dataSetOf(maxIdentifier)
}
