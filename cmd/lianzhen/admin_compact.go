// The compact command: objects into containers.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

type compactCmd struct {
	where
	Study  string        `help:"Only this study, by its id." placeholder:"ID"`
	Age    time.Duration `help:"Only objects that came longer ago than this; default: imaging.compact_after."`
	DryRun bool          `help:"Only tell what would be saved."`
}

// compactResult is what was saved, or would be.
type compactResult struct {
	imaging.Compacted
	Saved  int64
	DryRun bool
}

// compactable tells why nothing can be compacted: what cannot be deleted would be kept twice.
func (a *app) compactable() error {
	if a.cfg.Storage.S3.Endpoint != "" && a.cfg.Storage.S3.RetainDays > 0 {
		return errors.New("the buckets are locked (storage.s3.retain_days): the old bytes could not be deleted")
	}
	return nil
}

// Run prints progress to the terminal's side and the result as JSON; blobs that could not be done are a failure.
func (c *compactCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(a *app) error {
		if err := a.compactable(); err != nil && !c.DryRun {
			return err
		}
		opt := imaging.CompactOptions{Study: record.ExamID(c.Study), Age: c.Age, DryRun: c.DryRun, Progress: compactProgress(os.Stderr)}
		if opt.Age == 0 && c.Study == "" {
			opt.Age = a.cfg.Imaging.CompactAfter
		}
		done, err := a.imaging.Compact(ctx, opt)
		if err := errors.Join(err, printJSON(out, compactResult{done, done.Before - done.After, c.DryRun})); err != nil {
			return err
		}
		if len(done.Problems) > 0 {
			return errors.New("compact: some blobs could not be done")
		}
		return nil
	})
}

// compactProgress writes a line now and then.
func compactProgress(to io.Writer) func(imaging.Compacted) {
	const every = 5 * time.Second
	last := time.Now()
	return func(d imaging.Compacted) {
		if time.Since(last) < every {
			return
		}
		last = time.Now()
		_, _ = fmt.Fprintf(to, "%d objects, %d MiB became %d MiB, %d blobs left as they are\n", d.Objects, d.Before>>20, d.After>>20, d.Left)
	}
}
