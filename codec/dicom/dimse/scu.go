package dimse

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Echo asks whether the peer is there (PS3.7 §9.1.5). The association needs a context for Verification.
func (a *Association) Echo(ctx context.Context) error {
	pc, err := a.ContextFor(Verification)
	if err != nil {
		return err
	}
	_, err = a.Do(ctx, pc.ID, Command{Field: CEchoRQ, SOPClass: Verification}, nil)
	return err
}

// Object is one that Store sends. Data gives the data set without group 2, in the transfer syntax TransferSyntax.
type Object struct {
	SOPClass, SOPInstance, TransferSyntax dicom.UID
	Data                                  io.Reader
	Priority                              Priority
	MoveOriginator                        string // with MoveOriginatorID: the C-MOVE that this belongs to, "" for none
	MoveOriginatorID                      uint16
}

// Store sends an object (PS3.7 §9.1.1) on the context that was accepted for its class and transfer syntax, and gives the
// peer's status. The error is for what has no status: no such context, the association is over.
func (a *Association) Store(ctx context.Context, o Object) (Status, error) {
	pc, err := a.ContextFor(o.SOPClass, o.TransferSyntax)
	if err != nil {
		return CannotUnderstand, err
	}
	c := Command{
		Field: CStoreRQ, SOPClass: o.SOPClass, SOPInstance: o.SOPInstance, Priority: o.Priority,
		MoveOriginator: o.MoveOriginator, MoveOriginatorID: o.MoveOriginatorID,
	}
	for m, err := range a.Invoke(ctx, pc.ID, c, o.Data) {
		if err != nil {
			return CannotUnderstand, err
		}
		return m.Status, nil
	}
	return CannotUnderstand, a.ended()
}

// Find asks a query (PS3.7 §9.1.2) and yields the identifiers that match, encoded in the context's transfer syntax as the query
// is. Leaving the loop cancels the query. A final status of failure is the last pair's error, a StatusError.
func (a *Association) Find(ctx context.Context, pc Context, query []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		c := Command{Field: CFindRQ, SOPClass: pc.AbstractSyntax}
		for m, err := range a.Invoke(ctx, pc.ID, c, bytes.NewReader(query)) {
			switch {
			case err != nil:
			case m.Status.Category() != Continuing:
				if err = m.Failed(); err == nil {
					return
				}
			default:
				var match []byte
				if match, err = m.hold(); err == nil {
					if !yield(match, nil) {
						return
					}
					continue
				}
			}
			yield(nil, err)
			return
		}
	}
}

// Move asks the peer to send what matches to the application entity destination (PS3.7 §9.1.4). progress, if set, is called for
// every pending response. The outcome's Sub has the counts and its Data, if any, the Failed SOP Instance UID List.
func (a *Association) Move(ctx context.Context, pc Context, destination string, query []byte, progress func(SubOperations)) (*Reply, error) {
	if t, err := aeTitle([]byte(destination)); err != nil || t == "" {
		return nil, fmt.Errorf("dimse: move destination of %d bytes is no AE title", len(destination))
	}
	c := Command{Field: CMoveRQ, SOPClass: pc.AbstractSyntax, MoveDestination: destination}
	return a.retrieve(ctx, pc, c, query, progress)
}

// Get asks the peer to send what matches over this association (PS3.7 §9.1.3). The objects come as C-STORE requests to
// Options.Handler, on contexts that were proposed with the role SCP. Otherwise it is like Move.
func (a *Association) Get(ctx context.Context, pc Context, query []byte, progress func(SubOperations)) (*Reply, error) {
	return a.retrieve(ctx, pc, Command{Field: CGetRQ, SOPClass: pc.AbstractSyntax}, query, progress)
}

func (a *Association) retrieve(ctx context.Context, pc Context, c Command, query []byte, progress func(SubOperations)) (*Reply, error) {
	for m, err := range a.Invoke(ctx, pc.ID, c, bytes.NewReader(query)) {
		if err != nil {
			return nil, err
		}
		if m.Status.Category() == Continuing {
			if progress != nil && m.Sub != nil {
				progress(*m.Sub)
			}
			continue
		}
		data, err := m.hold()
		if err != nil {
			return nil, err
		}
		r := &Reply{Command: m.Command, Data: data}
		return r, r.Failed()
	}
	return nil, a.ended()
}

// normalized sends a request of DIMSE-N; a nil data set is none.
func (a *Association) normalized(ctx context.Context, pc Context, c Command, data []byte) (*Reply, error) {
	if c.SOPClass == "" {
		c.SOPClass = pc.AbstractSyntax
	}
	if data == nil {
		return a.Do(ctx, pc.ID, c, nil)
	}
	return a.Do(ctx, pc.ID, c, bytes.NewReader(data))
}

// NCreate creates a SOP instance (PS3.7 §10.1.5); an instance of "" leaves the UID to the peer, whose reply names it.
func (a *Association) NCreate(ctx context.Context, pc Context, instance dicom.UID, data []byte) (*Reply, error) {
	return a.normalized(ctx, pc, Command{Field: NCreateRQ, SOPInstance: instance}, data)
}

// NSet modifies a SOP instance (PS3.7 §10.1.3).
func (a *Association) NSet(ctx context.Context, pc Context, instance dicom.UID, data []byte) (*Reply, error) {
	return a.normalized(ctx, pc, Command{Field: NSetRQ, SOPInstance: instance}, data)
}

// NGet asks for attributes of a SOP instance, all of them if none are named (PS3.7 §10.1.2).
func (a *Association) NGet(ctx context.Context, pc Context, instance dicom.UID, tags ...dicom.Tag) (*Reply, error) {
	return a.normalized(ctx, pc, Command{Field: NGetRQ, SOPInstance: instance, Attributes: tags}, nil)
}

// NAction asks for an action on a SOP instance (PS3.7 §10.1.4); data may be nil.
func (a *Association) NAction(ctx context.Context, pc Context, instance dicom.UID, actionType uint16, data []byte) (*Reply, error) {
	return a.normalized(ctx, pc, Command{Field: NActionRQ, SOPInstance: instance, ActionType: actionType}, data)
}

// NEventReport reports an event about a SOP instance (PS3.7 §10.1.1); data may be nil.
func (a *Association) NEventReport(ctx context.Context, pc Context, instance dicom.UID, event uint16, data []byte) (*Reply, error) {
	return a.normalized(ctx, pc, Command{Field: NEventReportRQ, SOPInstance: instance, EventType: event}, data)
}

// NDelete deletes a SOP instance (PS3.7 §10.1.6).
func (a *Association) NDelete(ctx context.Context, pc Context, instance dicom.UID) (*Reply, error) {
	return a.normalized(ctx, pc, Command{Field: NDeleteRQ, SOPInstance: instance}, nil)
}
