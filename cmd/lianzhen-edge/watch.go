// The watch command: folders of carts and modalities, sent as files come.

package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/edge"
)

type watchCmd struct {
	sendCmd

	Every  time.Duration `default:"5s" help:"How often the folders are looked through (${default})."`
	Settle time.Duration `default:"3s" help:"A file is sent when it has stayed as it is for so long (${default})."`
}

// Run watches until the program is stopped, which is how it ends well.
func (c *watchCmd) Run(ctx context.Context, s *screen) error {
	cfg, err := c.config()
	if err != nil {
		return usageError{err}
	}
	if c.Every < time.Second || c.Settle < 0 {
		return usageError{errors.New("--every: want 1s or more; --settle: want 0s or more")}
	}
	s.quiet, s.json, s.watching = c.Quiet, c.JSON, true
	cfg.Timeout = 0 // a line that is down for a night is waited for
	cfg.OnReceipt, cfg.OnTracings, cfg.OnProgress, cfg.OnRetry = s.receipt, s.tracings, s.progress, s.retry
	sender, err := edge.New(cfg)
	if err != nil {
		return usageError{err}
	}
	defer sender.Close()
	if !s.quiet && !s.json {
		s.lines(s.out, s.say("watching", strings.Join(c.Paths, " ")))
	}
	err = sender.Watch(ctx, edge.Watching{Every: c.Every, Settle: c.Settle, Each: func(sum edge.Summary) { s.summary(&sum, nil) }}, c.Paths...)
	if ctx.Err() != nil {
		return nil
	}
	return err
}
