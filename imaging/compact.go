// Compact: objects that nobody has sent for a while are kept in containers, without loss and about half as large. The pack
// or the blob of an object becomes a new pack of containers; what was written is restored and compared before one
// transaction lets the rows point to it, and only then the old bytes go. Whenever it is cut off, the rows point to bytes
// that are there, and what is left over is swept.

package imaging

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/compact"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// CompactOptions say what to compact and how.
type CompactOptions struct {
	Study    record.ExamID // of this study only; empty: of all
	Age      time.Duration // objects that came longer ago than this
	DryRun   bool          // only tell what would be saved
	Progress func(Compacted)

	yield func(context.Context) // called between objects: others go first
}

// Compacted counts what was done, or would be.
type Compacted struct {
	Blobs, Objects int      // turned into containers
	Before, After  int64    // bytes of these
	Left           int      // blobs that stay as they are, because they would hardly shrink
	Problems       []string // blobs that were not touched, with the reason
}

const (
	worthwhile  = 0.9 // a pack of containers is kept if it has no more than this part of the bytes
	blobsAtOnce = 100
	manyTrouble = 100 // problems told by name
)

// Compact turns objects into containers. It may run beside a server, and be cut off at any time.
func (c *Centre) Compact(ctx context.Context, opt CompactOptions) (Compacted, error) {
	var out Compacted
	if opt.yield == nil {
		opt.yield = func(context.Context) {}
	}
	for last := ""; ; {
		keys, err := c.compactable(ctx, opt, last)
		if err != nil || len(keys) == 0 {
			return out, err
		}
		for _, key := range keys {
			err := c.compactBlob(ctx, key, opt, &out)
			switch {
			case ctx.Err() != nil:
				return out, ctx.Err()
			case record.KindOf(err) == record.Unavailable: // disk or network: the next blob would fare no better
				return out, err
			case err != nil && len(out.Problems) < manyTrouble:
				out.Problems = append(out.Problems, key+": "+err.Error())
			}
			if opt.Progress != nil {
				opt.Progress(out)
			}
		}
		last = keys[len(keys)-1]
	}
}

// compactable lists keys of blobs to look at.
func (c *Centre) compactable(ctx context.Context, opt CompactOptions, after string) ([]string, error) {
	b := &sqlText{}
	b.And("i.blob_key > " + b.Arg(after))
	b.And("i.received_at <= " + b.Arg(record.Micros(c.db.Now().Add(-opt.Age))))
	b.Equal("i.study_id", string(opt.Study))
	b.And("i.blob_key NOT LIKE '%" + containerPack + "'")
	return store.List(ctx, c.db, `SELECT i.blob_key FROM instances i WHERE `+b.String()+`
		AND NOT EXISTS (SELECT 1 FROM compact_skips s WHERE s.blob_key = i.blob_key)
		GROUP BY i.blob_key ORDER BY i.blob_key LIMIT `+b.Arg(blobsAtOnce), b.Args, func(k *string) []any { return []any{k} })
}

// packing is one blob on its way into a pack of containers.
type packing struct {
	*Centre
	opt     CompactOptions
	from    string // key
	rows    []Instance
	to      string
	part    *store.Part
	offsets []int64
	made    []container
}

func (c *Centre) compactBlob(ctx context.Context, key string, opt CompactOptions, out *Compacted) error {
	p := &packing{Centre: c, opt: opt, from: key}
	var err error
	if p.rows, err = p.instances(ctx); err != nil || len(p.rows) == 0 {
		return err
	}
	if p.part, err = c.spool.Begin(ctx, ""); err != nil {
		return err
	}
	defer p.part.Discard() // after Store it does nothing
	if err := p.pack(ctx); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	before, after := int64(0), int64(0)
	for n, i := range p.rows {
		before += i.bytes.Size
		after += p.made[n].length
	}
	if float64(after) > worthwhile*float64(before) {
		out.Left++
		return p.leave(ctx)
	}
	if !opt.DryRun {
		if err := p.replace(ctx); err != nil {
			return err
		}
	}
	out.Blobs++
	out.Objects += len(p.rows)
	out.Before += before
	out.After += after
	return nil
}

// instances are the objects of the blob; none if something else points into it too.
func (p *packing) instances(ctx context.Context) ([]Instance, error) {
	var others int
	if err := p.db.QueryRow(ctx, `SELECT COUNT(*) FROM quarantine WHERE blob_key = $1`, p.from).Scan(&others); err != nil || others > 0 {
		return nil, err
	}
	return store.Collect(ctx, p.db, `SELECT `+instanceColumns+` FROM instances i WHERE i.blob_key = $1 ORDER BY i.blob_offset, i.id`,
		[]any{p.from}, scanInstance)
}

// leave notes that the blob stays as it is.
func (p *packing) leave(ctx context.Context) error {
	if p.opt.DryRun {
		return nil
	}
	return p.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO compact_skips (blob_key) VALUES ($1) ON CONFLICT DO NOTHING`, p.from)
		return err
	})
}

// pack writes a tar of containers into the part.
func (p *packing) pack(ctx context.Context) error {
	w := tar.NewWriter(p.part)
	for _, i := range p.rows {
		p.opt.yield(ctx)
		if err := p.add(ctx, w, i); err != nil {
			return err
		}
	}
	return w.Close()
}

// add packs one object. A tar wants to know its length first, so it is written aside.
func (p *packing) add(ctx context.Context, w *tar.Writer, i Instance) error {
	aside, err := p.spool.Begin(ctx, "")
	if err != nil {
		return err
	}
	defer aside.Discard()
	x, err := p.contain(ctx, aside, i)
	if err != nil {
		return err
	}
	h := &tar.Header{Name: i.SOPUID + ".lzc", Size: x.length, Mode: 0o600, Typeflag: tar.TypeReg}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	p.offsets, p.made = append(p.offsets, p.part.Size()), append(p.made, x)
	r, err := aside.Reader()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, r.Close())
}

func (p *packing) contain(ctx context.Context, w io.Writer, i Instance) (container, error) {
	var x container
	open, size := p.stored(ctx, i), i.bytes.Size
	head, err := open(0, size)
	if err != nil {
		return x, err
	}
	l := compact.Layout{Size: size}
	if o, err := dicom.ScanHeader(head, dicom.Options{Limits: p.Centre.opt.Limits}); err == nil {
		l = compact.LayoutOf(o, size)
	}
	if err := head.Close(); err != nil {
		return x, err
	}
	src, err := open(0, size)
	if err != nil {
		return x, err
	}
	defer func() { _ = src.Close() }()
	h, err := containerHead(i.bytes)
	if err != nil {
		return x, err
	}
	x.length, err = compact.Pack(w, src, h, l, compact.Options{OnStep: x.pieces.Add})
	return x, err
}

// replace stores the pack, compares what it restores with the rows, and lets the rows point to it.
func (p *packing) replace(ctx context.Context) error {
	// The old name leads the new one: keys sort as their objects came.
	p.to = strings.TrimSuffix(p.from, path.Ext(p.from)) + "-" + record.NewID(p.db.Now()) + containerPack
	if _, err := p.part.Store(ctx, p.to); err != nil {
		return err
	}
	err := p.compare(ctx)
	if err == nil {
		err = p.db.Tx(ctx, func(tx *store.Tx) error { return p.turn(ctx, tx) })
	}
	if err != nil {
		// Nothing points to it: what cannot be deleted now is swept.
		return errors.Join(err, p.blobs.Delete(context.WithoutCancel(ctx), p.to))
	}
	if err := p.blobs.Delete(ctx, p.from); err != nil {
		return fmt.Errorf("the old bytes stay until they are swept: %w", err)
	}
	return nil
}

func (p *packing) compare(ctx context.Context) error {
	for n, i := range p.rows {
		p.opt.yield(ctx)
		got, _, err := p.digestIn(ctx, p.to, p.offsets[n], p.made[n].length)
		if err != nil {
			return fmt.Errorf("restore instance %s: %w", i.ID, err)
		}
		if got != i.bytes {
			return fmt.Errorf("instance %s: other bytes are restored than its row says", i.ID)
		}
	}
	return nil
}

var errMoved = record.Errorf(record.Conflict, "the objects were moved meanwhile")

// turn lets every row of the old blob point to the new one, or none.
func (p *packing) turn(ctx context.Context, tx *store.Tx) error {
	for n, i := range p.rows {
		res, err := tx.Exec(ctx, `UPDATE instances SET blob_key = $2, blob_offset = $3 WHERE id = $1 AND blob_key = $4 AND blob_offset = $5 AND sha256 = $6`,
			string(i.ID), p.to, p.offsets[n], p.from, i.offset, i.bytes.SHA256)
		if err != nil {
			return err
		}
		if done, err := res.RowsAffected(); err != nil || done != 1 {
			return errors.Join(err, errMoved)
		}
		if err := putContainer(ctx, tx, p.to, p.offsets[n], p.made[n]); err != nil {
			return err
		}
	}
	var left int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM instances WHERE blob_key = $1`, p.from).Scan(&left); err != nil {
		return err
	}
	if left > 0 {
		return errMoved
	}
	return nil
}

const (
	compactEvery = time.Hour
	compactYield = 30 * time.Second // waited at most, for each object, while others arrive
)

// RunCompact compacts objects of the given age until ctx ends, one at a time and only while nothing arrives.
func (c *Centre) RunCompact(ctx context.Context, age time.Duration) {
	every := time.NewTicker(compactEvery)
	defer every.Stop()
	for {
		done, err := c.Compact(ctx, CompactOptions{Age: age, yield: c.quietMoment})
		if err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "imaging: compact", "err", err)
		}
		if done.Blobs > 0 || len(done.Problems) > 0 {
			slog.InfoContext(ctx, "imaging: compacted", "objects", done.Objects, "before", done.Before, "after", done.After,
				"problems", len(done.Problems), "first", strings.Join(done.Problems[:min(1, len(done.Problems))], ""))
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// quietMoment waits for a moment in which nothing arrives.
func (c *Centre) quietMoment(ctx context.Context) {
	const look = 100 * time.Millisecond
	for range compactYield / look {
		if !c.arriving.some() || ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(look):
		}
	}
}
