// Attachments: documents and pictures that came as a result. Their bytes stay in the message that brought them.

package lab

import (
	"context"
	"slices"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Attachment gives the bytes of a shown row and their media type. They are its sender's: never show them as a page of ours.
func (c *Centre) Attachment(ctx context.Context, s record.Scope, id record.ExamID, row string) ([]byte, string, error) {
	k, err := c.Get(ctx, s, id, Shown)
	if err != nil {
		return nil, "", err
	}
	i := slices.IndexFunc(k.Rows, func(r Row) bool { return r.ID == row })
	if i < 0 || k.Rows[i].Result.Value.Kind != observation.Attachment {
		return nil, "", record.Errorf(record.NotFound, "no attachment in row %s", row)
	}
	return c.attached(ctx, &k.Rows[i])
}

// attached reads the bytes of an attachment from the message that brought it.
func (c *Centre) attached(ctx context.Context, row *Row) ([]byte, string, error) {
	all, err := store.Collect(ctx, c.db, `SELECT m.institution_id, m.link_id, m.format, m.blob_key, m.blob_offset, m.size FROM lab_messages m WHERE m.id = $1`,
		[]any{row.Message}, func(scan func(...any) error) (p Parked, err error) {
			return p, scan(&p.Institution, &p.Link, &p.format, &p.key, &p.offset, &p.size)
		})
	if err != nil {
		return nil, "", err
	}
	if len(all) == 0 {
		return nil, "", record.Errorf(record.NotFound, "the message of row %s is not kept", row.ID)
	}
	all[0].Message = row.Message
	a, err := c.again(ctx, all[0])
	if err != nil {
		return nil, "", err
	}
	want := row.Result.Value.Text // its digest
	for _, r := range a.message.reports {
		for _, x := range r.Results {
			if x.Value.Kind == observation.Attachment && valueText(x.Value) == want {
				return x.Value.Data, x.Value.Media, nil
			}
		}
	}
	return nil, "", record.Errorf(record.NotFound, "the message of row %s no longer has the attachment", row.ID)
}
