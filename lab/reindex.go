// Reindex: messages whose rows were lost are taken again from their packs.

package lab

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Rebuilt counts what a reindex did.
type Rebuilt struct {
	Blobs, Messages, Known, Quarantined int
	Problems                            []string // messages that could not be taken, with the reason
}

// Reindex takes every message of the laboratory buckets whose row is not there, in the order in which they came, by the profiles that their links have now.
// Signed reports of the reading room release their rows again; what persons decided of single rows is in rows alone and waits for a person anew. Critical values are not
// told again. Run it while no server runs on the same database.
func (c *Centre) Reindex(ctx context.Context, progress func(Rebuilt)) (Rebuilt, error) {
	var out Rebuilt
	problems, err := store.Reread(ctx, c.db, c.blobs, record.Lab, func(b store.CentreBlob) error {
		out.Blobs++
		err := c.reindexBlob(ctx, b, &out)
		if progress != nil {
			progress(out)
		}
		return err
	})
	out.Problems = append(out.Problems, problems...)
	if err != nil {
		return out, err
	}
	if err := c.signAgain(ctx, &out); err != nil {
		return out, err
	}
	return out, c.db.Tx(ctx, func(tx *store.Tx) error {
		tx.Emit(record.Event{Act: "lab.reindexed", Kind: "index", Object: "lab", Outcome: record.Success}.By(system))
		return nil
	})
}

// reindexBlob reads <bucket>/<institution>/<day>/<ulid>.tar or <bucket>/<institution>/quarantine/<ulid>.bin.
func (c *Centre) reindexBlob(ctx context.Context, b store.CentreBlob, out *Rebuilt) error {
	p := strings.Split(b.Key, "/")
	if !ours(b.Key) || len(p) != 4 {
		return nil // a report of the reading room
	}
	institution := record.InstitutionID(p[1])
	if p[2] == "quarantine" {
		out.Quarantined++
		return c.refused.Refind(ctx, institution, b.BlobInfo)
	}
	r, _, err := c.blobs.Open(ctx, b.Key)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	at := &counter{r: r}
	for t := tar.NewReader(at); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		offset := at.n
		body, err := io.ReadAll(io.LimitReader(t, c.opt.MaxMessage+1))
		if err != nil {
			return err
		}
		if err := c.reindexMessage(ctx, institution, b.Key, h.Name, offset, body, out); err != nil {
			if ctx.Err() != nil || record.KindOf(err) == record.Unavailable {
				return err
			}
			out.Problems = append(out.Problems, b.Key+" "+h.Name+": "+err.Error())
		}
	}
}

// counter says where in a pack a reader is.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

func (c *Centre) reindexMessage(ctx context.Context, institution record.InstitutionID, key, name string, offset int64, body []byte, out *Rebuilt) error {
	id, rest, ok := strings.Cut(name, "_")
	format, known := formatOf[path.Ext(rest)]
	if !ok || !known || !record.ValidID(id) {
		return errors.New("not a message of this centre")
	}
	var n int
	if err := c.db.QueryRow(ctx, `SELECT COUNT(*) FROM lab_messages WHERE id = $1`, id).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		out.Known++
		return nil
	}
	a, err := c.reread(ctx, id, institution, strings.TrimSuffix(rest, path.Ext(rest)), format, body)
	if err != nil {
		return err
	}
	a.again = true
	err = c.db.Tx(ctx, func(tx *store.Tx) error {
		return c.index(ctx, tx, store.Packed[*arrival]{Item: a, Key: key, Offset: offset, Length: int64(len(body))})
	})
	if err == nil {
		out.Messages++
	}
	return err
}

var formatOf = func() map[string]Format {
	out := map[string]Format{}
	for f, ext := range extensions {
		out[ext] = f
	}
	return out
}()

// signAgain releases the rows of reports that were signed: those that had come by then.
func (c *Centre) signAgain(ctx context.Context, out *Rebuilt) error {
	for after := record.ExamID(""); ; {
		found, err := c.reportRows(ctx, c.db, `r.id > $1 AND r.waiting > 0 AND r.case_id <> '' ORDER BY r.id LIMIT $2`, []any{string(after), ticked})
		if err != nil || len(found) == 0 {
			return err
		}
		for i := range found {
			rep, ok, err := c.room.Current(ctx, system, found[i].Case)
			if err == nil && ok {
				err = c.signOne(ctx, found[i].ID, signature{rep.Author, rep.AuthorName, rep.Reviewer, rep.ReviewerName, rep.SignedAt})
			}
			if err != nil {
				out.Problems = append(out.Problems, string(found[i].ID)+": "+err.Error())
			}
		}
		after = found[len(found)-1].ID
	}
}

func (c *Centre) signOne(ctx context.Context, id record.ExamID, by signature) error {
	return c.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(system)
		ch, rows, err := c.changeOf(ctx, tx, system, id)
		if err != nil {
			return err
		}
		ch.quiet = true
		for i := range rows {
			if rows[i].Latest && rows[i].awaited() && rows[i].Judged.Held == "" && !rows[i].RecordedAt.After(by.at) {
				if err := ch.release(ctx, rows, i, by); err != nil {
					return err
				}
			}
		}
		return ch.finish(ctx, rows, &StoredReport{})
	})
}
