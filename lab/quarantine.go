// Quarantine: messages that could not be taken wait here for a person.

package lab

import (
	"bytes"
	"context"
	"io"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// newQuarantine: the same bytes of two links are two entries, since two profiles read them.
func (c *Centre) newQuarantine() *store.Quarantine {
	return store.NewQuarantine(c.db, c.blobs, c.reads, store.QuarantineOptions{
		Table: "lab_quarantine", Extra: []string{"link_id", "format"}, Twins: 1, Noun: "message", Act: "lab", MaxBytes: c.opt.MaxMessage,
		Quota: c.opt.QuarantineQuota,
	})
}

func (c *Centre) quarantine(ctx context.Context, s record.Scope, place site, src Source, why error) (store.QuarantineID, error) {
	return c.refused.Keep(ctx, s, store.Refused{
		Institution: place.institution, Bucket: place.centre.Bucket, Reason: why, Size: int64(len(src.Body)), SHA256: digestBytes(src.Body),
		Extra:  []string{src.Link.ID, string(src.Format)},
		Detail: map[string]string{"link": src.Link.ID, "format": string(src.Format)},
		Store: func(ctx context.Context, key string) (store.BlobInfo, error) {
			return c.blobs.Put(ctx, key, bytes.NewReader(src.Body), int64(len(src.Body)))
		},
	})
}

// Quarantined is a message that was not taken.
type Quarantined struct {
	store.Quarantined
	Link   string
	Format Format
}

func quarantinedOf(q store.Quarantined) Quarantined {
	return Quarantined{q, q.Extra[0], Format(q.Extra[1])}
}

// ListQuarantine is what waits for a person, oldest first, after the given id.
func (c *Centre) ListQuarantine(ctx context.Context, s record.Scope, after store.QuarantineID, limit int, resolved bool) ([]Quarantined, error) {
	all, err := c.refused.List(ctx, s, after, limit, resolved)
	out := make([]Quarantined, len(all))
	for i := range all {
		out[i] = quarantinedOf(all[i])
	}
	return out, err
}

// FetchQuarantined opens the bytes as they came. They may be anything: never show them as a page.
func (c *Centre) FetchQuarantined(ctx context.Context, s record.Scope, id store.QuarantineID) (Quarantined, io.ReadCloser, error) {
	q, r, err := c.refused.Fetch(ctx, s, id)
	if err != nil {
		return Quarantined{}, nil, err
	}
	return quarantinedOf(q), r, nil
}

// ResolveQuarantined notes what a person decided. With retry the message is taken first, by the profile that its link has now: a refusal is
// told and nothing is resolved.
func (c *Centre) ResolveQuarantined(ctx context.Context, s record.Scope, id store.QuarantineID, note string, retry bool) (Quarantined, error) {
	if retry {
		if err := c.retry(ctx, s, id); err != nil {
			return Quarantined{}, err
		}
	}
	q, err := c.refused.Resolve(ctx, s, id, note)
	if err != nil {
		return Quarantined{}, err
	}
	return quarantinedOf(q), nil
}

func (c *Centre) retry(ctx context.Context, s record.Scope, id store.QuarantineID) error {
	q, r, err := c.FetchQuarantined(ctx, s, id)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	body, err := io.ReadAll(io.LimitReader(r, c.opt.MaxMessage))
	if err != nil {
		return record.Wrap(record.Unavailable, err, "the message could not be read")
	}
	link, err := c.linkOf(ctx, q.Link)
	if err != nil {
		return err
	}
	s.Actor.Institution = q.Institution // whose message it is
	_, err = c.Accept(ctx, s, Source{Format: q.Format, Body: body, Link: link})
	return err
}
