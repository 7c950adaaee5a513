// Quarantine: what could not be read waits here for a person.

package ecg

import (
	"context"
	"io"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// QuarantineID names a file that was not taken, Quarantined is that file.
type (
	QuarantineID = store.QuarantineID
	Quarantined  = store.Quarantined
)

func (c *Centre) quarantine(ctx context.Context, s record.Scope, place site, part *store.Part, reason error) (QuarantineID, error) {
	return c.refused.Keep(ctx, s, store.Refused{
		Institution: place.institution, Bucket: place.centre.Bucket, Reason: reason, Size: part.Size(), SHA256: part.SHA256(), Store: part.Store,
	})
}

// Quarantine lists what waits for a person, oldest first, after the given id.
func (c *Centre) Quarantine(ctx context.Context, s record.Scope, after QuarantineID, limit int, resolved bool) ([]Quarantined, error) {
	return c.refused.List(ctx, s, after, limit, resolved)
}

// FetchQuarantined opens the bytes of a refused file as they came. They may be anything: never show them as a page.
func (c *Centre) FetchQuarantined(ctx context.Context, s record.Scope, id QuarantineID) (Quarantined, io.ReadCloser, error) {
	return c.refused.Fetch(ctx, s, id)
}

// ResolveQuarantine notes what a person decided. The bytes stay.
func (c *Centre) ResolveQuarantine(ctx context.Context, s record.Scope, id QuarantineID, note string) (Quarantined, error) {
	return c.refused.Resolve(ctx, s, id, note)
}
