-- Answers kept for requests that carry a request_id, so that a repeated request is answered and not done again.
-- +goose Up
CREATE TABLE idempotency (
  actor      TEXT NOT NULL,            -- "<kind>:<id>@<institution>"
  method     TEXT NOT NULL,            -- full gRPC method
  request_id TEXT NOT NULL,
  mac        TEXT NOT NULL,            -- hex HMAC-SHA256 of the request
  response   TEXT NOT NULL DEFAULT '', -- sealed; empty while the first call runs
  run        TEXT NOT NULL,            -- which run of the call holds the row
  at         BIGINT NOT NULL,
  PRIMARY KEY (actor, method, request_id)
);
CREATE INDEX idempotency_at ON idempotency (at);
