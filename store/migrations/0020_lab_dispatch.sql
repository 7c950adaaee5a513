-- Results on their way back to who ordered: subscriptions of institutions, and the outbox of each. One text for SQLite and PostgreSQL.
-- +goose Up
CREATE TABLE lab_subscriptions (
  id              TEXT PRIMARY KEY,
  institution_id  TEXT NOT NULL,              -- whose results go there
  kind            TEXT NOT NULL,              -- mllp webhook
  name            TEXT NOT NULL,
  endpoint        TEXT NOT NULL,              -- host:port, or a URL
  tls             INTEGER NOT NULL DEFAULT 0, -- of mllp
  authority       TEXT NOT NULL DEFAULT '',   -- PEM: certificates that the receiver's must lead to; empty: the system's
  profile         TEXT NOT NULL DEFAULT '',   -- YAML of lab/v2
  secret          TEXT NOT NULL DEFAULT '',   -- of webhooks, sealed
  thin            INTEGER NOT NULL DEFAULT 0, -- 1: ids only
  elsewhere       INTEGER NOT NULL DEFAULT 0, -- 1: only what another laboratory measured
  preliminary     INTEGER NOT NULL DEFAULT 0, -- 1: also reports that are not complete
  orders          INTEGER NOT NULL DEFAULT 0, -- 1: of mllp; the institution is a laboratory and is sent the orders that it is to measure
  results         INTEGER NOT NULL DEFAULT 0, -- 1: results too where orders is 1; where it is 0 they always are
  active          INTEGER NOT NULL,
  since           BIGINT NOT NULL,            -- events after this one
  created_by      TEXT NOT NULL,
  created_by_name TEXT NOT NULL DEFAULT '',
  created_at      BIGINT NOT NULL,
  changed_at      BIGINT NOT NULL,
  version         INTEGER NOT NULL,
  stuck           INTEGER NOT NULL DEFAULT 0, -- 1: the receiver was out of reach for too long; a person must say go on
  tries           INTEGER NOT NULL DEFAULT 0, -- in vain, since it was last reached
  failing_since   BIGINT NOT NULL DEFAULT 0,
  next_at         BIGINT NOT NULL DEFAULT 0,
  trouble         TEXT NOT NULL DEFAULT '',   -- what went wrong last; no personal data
  delivered_at    BIGINT NOT NULL DEFAULT 0,
  owner           TEXT NOT NULL DEFAULT '',   -- the run that has it
  lease_until     BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX lab_subscriptions_institution ON lab_subscriptions (institution_id, id);
-- What is to be delivered, one row for a report until it is delivered: what leaves is the report as it is then.
CREATE TABLE lab_deliveries (
  id              TEXT PRIMARY KEY,
  subscription_id TEXT NOT NULL,
  institution_id  TEXT NOT NULL,
  seq             BIGINT NOT NULL,            -- of the event that made it: its place in the line
  subject         TEXT NOT NULL,              -- the report, the recall, or the order
  report_id       TEXT NOT NULL,
  patient_id      TEXT NOT NULL,
  act             TEXT NOT NULL,              -- lab.released lab.corrected lab.withdrawn lab.recalled; lab_order.* specimen.*
  version         INTEGER NOT NULL,           -- of the report or order, at least
  sent_version    INTEGER NOT NULL DEFAULT 0, -- that the receiver has taken
  noted_version   INTEGER NOT NULL DEFAULT 0, -- whose values may have left
  told            TEXT NOT NULL DEFAULT '',   -- of an order: what the receiver knows of its lines, by their numbers
  state           TEXT NOT NULL,              -- waiting pending refused stuck delivered skipped
  attempts        INTEGER NOT NULL DEFAULT 0, -- of all
  tries           INTEGER NOT NULL DEFAULT 0, -- in vain, of this content
  unanswered      INTEGER NOT NULL DEFAULT 0, -- of them without an answer
  failing_since   BIGINT NOT NULL DEFAULT 0,
  next_at         BIGINT NOT NULL,
  code            TEXT NOT NULL DEFAULT '',   -- of the last answer: MSA-1, HTTP status
  error           TEXT NOT NULL DEFAULT '',   -- no personal data
  reason          TEXT NOT NULL DEFAULT '',   -- of a person who skipped it; of a recall
  decided_by      TEXT NOT NULL DEFAULT '',
  created_at      BIGINT NOT NULL,
  changed_at      BIGINT NOT NULL,
  attempted_at    BIGINT NOT NULL DEFAULT 0,
  ended_at        BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX lab_deliveries_open ON lab_deliveries (subscription_id, subject) WHERE ended_at = 0;
CREATE INDEX lab_deliveries_line ON lab_deliveries (subscription_id, seq) WHERE state = 'pending';
CREATE INDEX lab_deliveries_person ON lab_deliveries (subscription_id, patient_id, seq) WHERE state = 'pending';
CREATE INDEX lab_deliveries_subject ON lab_deliveries (subscription_id, subject);
CREATE INDEX lab_deliveries_waiting ON lab_deliveries (report_id) WHERE state = 'waiting';
CREATE INDEX lab_deliveries_institution ON lab_deliveries (institution_id, id);
CREATE INDEX lab_deliveries_ended ON lab_deliveries (ended_at) WHERE ended_at > 0;
-- How far the outboxes have read the event table.
CREATE TABLE lab_dispatch_cursor (
  one INTEGER PRIMARY KEY,
  seq BIGINT NOT NULL
);
