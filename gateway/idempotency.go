// A request that carries a request_id is done once: the same request again gets the stored answer, another request
// under the same id is a Conflict, and two at the same time run once.

package gateway

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

const (
	answersKept = 7 * 24 * time.Hour
	// stuckAfter is when a run that never answered is taken to be dead with its server. It is longer than any call
	// may take.
	stuckAfter = 15 * time.Minute
	askAgain   = 50 * time.Millisecond
)

// once does requests once.
type once struct {
	db   *store.DB
	keys *store.Keys
	stop chan struct{}
}

func newOnce(db *store.DB, keys *store.Keys) *once {
	o := &once{db: db, keys: keys, stop: make(chan struct{})}
	go o.sweep()
	return o
}

func (o *once) close() { close(o.stop) }

// named is a request that may carry an id.
type named interface{ GetRequestId() string }

// claim is one run of one request.
type claim struct {
	actor, method, id, mac, run string
}

// do runs next, or answers what the first run of the same request answered.
func (o *once) do(ctx context.Context, c *call, req any, next grpc.UnaryHandler) (any, error) {
	n, ok := req.(named)
	if !ok || n.GetRequestId() == "" || c.rule.open {
		return next(ctx, req)
	}
	k, err := o.claimOf(c, n)
	if err != nil {
		return nil, err
	}
	for {
		answer, mine, err := o.take(ctx, k)
		switch {
		case err != nil:
			return nil, err
		case mine:
			return o.run(ctx, k, req, next)
		case answer != nil:
			return answer, nil
		}
		select {
		case <-ctx.Done():
			return nil, record.Wrap(record.Unavailable, ctx.Err(), "the first request with this request_id still runs: try again")
		case <-time.After(askAgain):
		}
	}
}

func (o *once) claimOf(c *call, n named) (claim, error) {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(n.(proto.Message))
	if err != nil {
		return claim{}, fmt.Errorf("idempotency: %w", err)
	}
	a := c.caller.Actor
	return claim{
		actor: fmt.Sprintf("%s:%s@%s", a.Kind, a.ID, a.Institution), method: c.method, id: n.GetRequestId(),
		mac: hex.EncodeToString(o.keys.MAC(raw)), run: record.NewID(o.db.Now()),
	}, nil
}

// take makes the run the first, or finds the answer of the first. Neither: the first still runs.
func (o *once) take(ctx context.Context, k claim) (answer proto.Message, mine bool, err error) {
	var mac, response, run string
	err = o.db.Tx(ctx, func(tx *store.Tx) error {
		now := tx.Now()
		return tx.QueryRow(ctx, `INSERT INTO idempotency (actor, method, request_id, mac, run, at) VALUES ($1,$2,$3,$4,$5,$6)
			ON CONFLICT (actor, method, request_id) DO UPDATE SET
				run = CASE WHEN idempotency.response = '' AND idempotency.at < $7 AND idempotency.mac = excluded.mac THEN excluded.run ELSE idempotency.run END,
				at  = CASE WHEN idempotency.response = '' AND idempotency.at < $7 AND idempotency.mac = excluded.mac THEN excluded.at ELSE idempotency.at END
			RETURNING mac, response, run`,
			k.actor, k.method, k.id, k.mac, k.run, record.Micros(now), record.Micros(now.Add(-stuckAfter))).
			Scan(&mac, &response, &run)
	})
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("idempotency: %w", err)
	case mac != k.mac:
		return nil, false, record.Errorf(record.Conflict, "request_id was used for another request")
	case run == k.run:
		return nil, true, nil
	case response == "":
		return nil, false, nil
	}
	answer, err = o.open(k, response)
	return answer, false, err
}

func (k claim) about() string { return "idempotency:" + k.actor + k.method + k.id }

func (o *once) open(k claim, response string) (proto.Message, error) {
	raw, err := o.keys.Open(response, k.about())
	if err != nil {
		return nil, fmt.Errorf("idempotency: %w", err)
	}
	var boxed anypb.Any
	if err := proto.Unmarshal(raw, &boxed); err != nil {
		return nil, fmt.Errorf("idempotency: %w", err)
	}
	return boxed.UnmarshalNew()
}

// run does the request and keeps its answer. A refused request frees its id: nothing was done under it.
func (o *once) run(ctx context.Context, k claim, req any, next grpc.UnaryHandler) (resp any, err error) {
	kept := false
	late := context.WithoutCancel(ctx)
	defer func() {
		if !kept {
			o.forget(late, k)
		}
	}()
	if resp, err = next(ctx, req); err != nil {
		return nil, err
	}
	boxed, err := anypb.New(resp.(proto.Message))
	if err != nil {
		return nil, fmt.Errorf("idempotency: %w", err)
	}
	raw, err := proto.Marshal(boxed)
	if err != nil {
		return nil, fmt.Errorf("idempotency: %w", err)
	}
	kept = true // it is done: better an id that stays taken than a second time
	err = o.db.Tx(late, func(tx *store.Tx) error {
		_, err := tx.Exec(late, `UPDATE idempotency SET response = $1 WHERE actor = $2 AND method = $3 AND request_id = $4 AND run = $5`,
			o.keys.Seal(raw, k.about()), k.actor, k.method, k.id, k.run)
		return err
	})
	if err != nil {
		slog.ErrorContext(ctx, "idempotency: answer not kept", "error", err)
	}
	return resp, nil
}

func (o *once) forget(ctx context.Context, k claim) {
	err := o.db.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM idempotency WHERE actor = $1 AND method = $2 AND request_id = $3 AND run = $4 AND response = ''`,
			k.actor, k.method, k.id, k.run)
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrConnDone) {
		slog.ErrorContext(ctx, "idempotency: id not freed", "error", err)
	}
}

// sweep forgets answers that nobody will ask for again.
func (o *once) sweep() {
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		select {
		case <-o.stop:
			return
		case <-t.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		err := o.db.Tx(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM idempotency WHERE at < $1`, record.Micros(o.db.Now().Add(-answersKept)))
			return err
		})
		cancel()
		if err != nil {
			slog.Error("idempotency: sweep", "error", err)
		}
	}
}
