// Quarantine: what was not taken waits here for a person.

package imaging

import (
	"context"
	"errors"
	"io"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// QuarantineID names an object that was not taken.
type QuarantineID = store.QuarantineID

// Quarantined is an object that was not taken.
type Quarantined struct {
	store.Quarantined
	SOPUID   string
	Instance InstanceID // the one kept under the same UID
}

func quarantineOptions(opt Options) store.QuarantineOptions {
	return store.QuarantineOptions{
		Table: "quarantine", Extra: []string{"instance_id", "sop_uid"}, Twins: 1, Noun: "object", Act: "imaging",
		MaxBytes: opt.MaxQuarantine, Quota: opt.QuarantineQuota,
	}
}

func quarantined(q store.Quarantined) Quarantined {
	return Quarantined{q, q.Extra[1], InstanceID(q.Extra[0])}
}

// conflict tells a clash from a bad object: which instance has the UID already.
type conflict struct {
	instance InstanceID
	sop      string
	error
}

func (e *conflict) Unwrap() error { return e.error }

func clash(instance InstanceID, sop dicom.UID, text string) error {
	return &conflict{instance, string(sop), record.Errorf(record.Conflict, "%s", text)}
}

func (c *Centre) quarantine(ctx context.Context, s record.Scope, place site, part refused, reason error) (QuarantineID, error) {
	var with *conflict
	if !errors.As(reason, &with) {
		with = &conflict{}
	}
	return c.waiting.Keep(ctx, s, store.Refused{
		Institution: place.institution, Bucket: place.centre.Bucket, Reason: reason, Size: part.Size(), SHA256: part.SHA256(), Store: part.Store,
		Key: part.key, Extra: []string{string(with.instance), with.sop}, Detail: map[string]string{"kind": record.KindOf(reason).String()},
	})
}

// Quarantine lists what waits for a person, oldest first, after the given id.
func (c *Centre) Quarantine(ctx context.Context, s record.Scope, after QuarantineID, limit int, resolved bool) ([]Quarantined, error) {
	all, err := c.waiting.List(ctx, s, after, limit, resolved)
	out := make([]Quarantined, len(all))
	for i, q := range all {
		out[i] = quarantined(q)
	}
	return out, err
}

// FetchQuarantined opens the bytes of a refused object as they came. They may be anything: never show them as a page.
func (c *Centre) FetchQuarantined(ctx context.Context, s record.Scope, id QuarantineID) (store.Quarantined, io.ReadCloser, error) {
	return c.waiting.Fetch(ctx, s, id)
}

// ResolveQuarantine notes what a person decided. The bytes stay.
func (c *Centre) ResolveQuarantine(ctx context.Context, s record.Scope, id QuarantineID, note string) (Quarantined, error) {
	q, err := c.waiting.Resolve(ctx, s, id, note)
	if err != nil {
		return Quarantined{}, err
	}
	return quarantined(q), nil
}
