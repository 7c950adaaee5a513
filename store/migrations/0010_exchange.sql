-- What goes between the exchange and other DICOM applications: objects to send and to fetch, rules that send by
-- themselves, and promises in writing (storage commitment). One text for SQLite and PostgreSQL.
-- +goose Up
CREATE TABLE transfers (
  id              TEXT PRIMARY KEY,
  kind            TEXT NOT NULL,             -- forward, fetch
  state           TEXT NOT NULL,             -- queued, running, committing, done, failed, cancelled
  institution_id  TEXT NOT NULL,             -- whose objects they are
  study_id        TEXT NOT NULL DEFAULT '',  -- empty: of several studies, or not known yet
  ae_title        TEXT NOT NULL,             -- of the other side
  route_id        TEXT NOT NULL DEFAULT '',  -- empty: a person asked
  priority        INTEGER NOT NULL,          -- 0 stat, 1 urgent, 2 routine
  commitment      INTEGER NOT NULL DEFAULT 0, -- 1: delivered means that the other side has committed
  transaction_uid TEXT NOT NULL DEFAULT '',  -- under which it was asked to
  asked_by        TEXT NOT NULL,             -- JSON: actor, purpose, rule
  request         TEXT NOT NULL DEFAULT '',  -- JSON: what to fetch
  total           INTEGER NOT NULL DEFAULT 0,
  sent            INTEGER NOT NULL DEFAULT 0, -- taken by the other side, or received from it
  committed       INTEGER NOT NULL DEFAULT 0,
  refused         INTEGER NOT NULL DEFAULT 0,
  failed          INTEGER NOT NULL DEFAULT 0,
  tries           INTEGER NOT NULL DEFAULT 0, -- since something was last sent
  reason          TEXT NOT NULL DEFAULT '',  -- of the last trouble
  owner           TEXT NOT NULL DEFAULT '',  -- the run that has it
  next_at         BIGINT NOT NULL,           -- when to begin; while it runs, when its run counts as dead
  moved_at        BIGINT NOT NULL,           -- when something was last sent: trying ends some time after
  created_at      BIGINT NOT NULL,
  changed_at      BIGINT NOT NULL,
  ended_at        BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX transfers_due ON transfers (next_at) WHERE state IN ('queued', 'running', 'committing');
CREATE INDEX transfers_institution ON transfers (institution_id, id);
CREATE INDEX transfers_device ON transfers (ae_title, state);
CREATE INDEX transfers_study ON transfers (study_id);
CREATE INDEX transfers_transaction ON transfers (transaction_uid) WHERE transaction_uid <> '';
CREATE INDEX transfers_ended ON transfers (ended_at) WHERE ended_at > 0;
CREATE TABLE transfer_objects (
  transfer_id TEXT NOT NULL,
  position    INTEGER NOT NULL,
  instance_id TEXT NOT NULL,
  state       TEXT NOT NULL,                 -- queued, sent, committed, refused, failed, received
  status      INTEGER NOT NULL DEFAULT 0,    -- of the other side
  tries       INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (transfer_id, position)
);
CREATE INDEX transfer_objects_todo ON transfer_objects (transfer_id, state, tries, position);
CREATE INDEX transfer_objects_instance ON transfer_objects (instance_id);
CREATE TABLE routes (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,              -- whose studies
  modality       TEXT NOT NULL,              -- empty: any
  ae_title       TEXT NOT NULL,              -- where to
  priority       INTEGER NOT NULL,
  commitment     INTEGER NOT NULL DEFAULT 0,
  created_at     BIGINT NOT NULL,
  UNIQUE (institution_id, modality, ae_title)
);
-- How far a reader of the event table has come.
CREATE TABLE exchange_cursors (
  name TEXT PRIMARY KEY,
  seq  BIGINT NOT NULL
);
-- Storage commitment that others asked us for: what is to be told them.
CREATE TABLE commitments (
  id              TEXT PRIMARY KEY,
  ae_title        TEXT NOT NULL,
  institution_id  TEXT NOT NULL,
  transaction_uid TEXT NOT NULL,
  digest          TEXT NOT NULL,             -- of the request: the same again is no other
  state           TEXT NOT NULL,             -- waiting, reported, given_up
  event_type      INTEGER NOT NULL,          -- 1: all is kept, 2: some is not
  report          BYTEA NOT NULL,            -- data set, explicit little endian
  tries           INTEGER NOT NULL DEFAULT 0,
  owner           TEXT NOT NULL DEFAULT '',
  next_at         BIGINT NOT NULL,
  reason          TEXT NOT NULL DEFAULT '',
  created_at      BIGINT NOT NULL,
  reported_at     BIGINT NOT NULL DEFAULT 0,
  UNIQUE (institution_id, ae_title, transaction_uid, digest)
);
CREATE INDEX commitments_due ON commitments (next_at) WHERE state = 'waiting';
CREATE INDEX commitments_created ON commitments (created_at);
