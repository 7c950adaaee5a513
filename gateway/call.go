// What is known of the call in hand: kept in its context from the first interceptor to the last line of the handler.

package gateway

import (
	"context"
	"log/slog"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/record"
)

// call is one RPC or raw HTTP request.
type call struct {
	id     string // shown to the caller and in the log
	method string // full gRPC method or route pattern: bounded, fit for a metric label
	remote string // address of the caller, for the bounds on sign-in
	rule   rule
	ask    request
	caller authz.Caller
	scope  record.Scope
	log    *slog.Logger
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callOf returns the call of ctx; outside of one, an empty call that logs to the default logger.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{log: slog.Default()}
}

func scopeOf(ctx context.Context) record.Scope { return callOf(ctx).scope }

func callerOf(ctx context.Context) authz.Caller { return callOf(ctx).caller }
