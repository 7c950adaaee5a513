// Have: what a sender need not send again.

package imaging

import (
	"context"
	"database/sql"
	"errors"

	"github.com/lianzhen/lianzhen/record"
)

// Digest names an object by its bytes.
type Digest struct {
	SHA256 string
	Size   int64
}

// Held says how much of an object is here.
type Held struct {
	Instance InstanceID // not empty: durable and indexed
	Bytes    int64      // of a broken upload
}

// Have answers for each digest, within the sender's institution.
func (c *Centre) Have(ctx context.Context, s record.Scope, asked []Digest) ([]Held, error) {
	place, err := c.siteOf(ctx, s)
	if err != nil {
		return nil, err
	}
	out := make([]Held, len(asked))
	for i, d := range asked {
		err := c.db.QueryRow(ctx, `SELECT id FROM instances WHERE sha256 = $1 AND institution_id = $2 AND size = $3`,
			d.SHA256, string(place.institution), d.Size).Scan(&out[i].Instance)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			out[i].Bytes = c.spool.Held(resumeKey(Source{Resume: true, SHA256: d.SHA256, Size: d.Size}, place.institution))
		case err != nil:
			return nil, err
		}
	}
	return out, nil
}
