-- The imaging worklist: orders with their scheduled steps, performed steps (MPPS), unified procedure steps (UPS) and
-- who follows them. One text for SQLite and PostgreSQL.
-- +goose Up
CREATE TABLE imaging_orders (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,
  patient_id     TEXT NOT NULL,
  grade          TEXT NOT NULL,
  accession      TEXT NOT NULL,
  study_uid      TEXT NOT NULL,
  status         TEXT NOT NULL,             -- scheduled, in_progress, completed, cancelled
  priority       TEXT NOT NULL,
  local_number   TEXT NOT NULL DEFAULT '',
  name           TEXT NOT NULL DEFAULT '',
  latin          TEXT NOT NULL DEFAULT '',
  birth_date     TEXT NOT NULL DEFAULT '',
  sex            TEXT NOT NULL DEFAULT '',
  details        TEXT NOT NULL,             -- JSON: what no query asks for
  cancel_reason  TEXT NOT NULL DEFAULT '',
  created_at     BIGINT NOT NULL,
  changed_at     BIGINT NOT NULL,
  version        BIGINT NOT NULL,           -- compare-and-set
  UNIQUE (institution_id, accession),
  UNIQUE (institution_id, study_uid)
);
CREATE INDEX imaging_orders_accession ON imaging_orders (accession);
CREATE INDEX imaging_orders_study ON imaging_orders (study_uid);
CREATE INDEX imaging_orders_patient ON imaging_orders (patient_id);
CREATE INDEX imaging_orders_local ON imaging_orders (local_number);
CREATE TABLE scheduled_steps (
  id             TEXT PRIMARY KEY,
  order_id       TEXT NOT NULL,
  institution_id TEXT NOT NULL,
  patient_id     TEXT NOT NULL,
  number         TEXT NOT NULL,             -- Scheduled Procedure Step ID
  modality       TEXT NOT NULL,
  stations       TEXT NOT NULL,             -- AE titles, a backslash around each
  start_at       BIGINT NOT NULL,
  status         TEXT NOT NULL,             -- SCHEDULED ARRIVED READY STARTED COMPLETED DISCONTINUED
  ended          INTEGER NOT NULL,          -- 1: COMPLETED or DISCONTINUED
  details        TEXT NOT NULL,             -- JSON
  UNIQUE (institution_id, number)
);
-- A modality asks for what is to be done, of its own institution; a person asks for a day, done or not.
CREATE INDEX scheduled_steps_todo ON scheduled_steps (institution_id, start_at, id, modality, stations) WHERE ended = 0;
CREATE INDEX scheduled_steps_day ON scheduled_steps (institution_id, start_at, id, modality, stations);
CREATE INDEX scheduled_steps_order ON scheduled_steps (order_id);
CREATE TABLE performed_steps (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,
  patient_id     TEXT NOT NULL,             -- empty: not told
  sop_uid        TEXT NOT NULL,
  state          TEXT NOT NULL,             -- IN PROGRESS, COMPLETED, DISCONTINUED
  instances      INTEGER NOT NULL DEFAULT 0, -- made, as its end tells
  document       TEXT NOT NULL,             -- DICOM JSON
  created_at     BIGINT NOT NULL,
  changed_at     BIGINT NOT NULL,
  version        BIGINT NOT NULL,
  UNIQUE (institution_id, sop_uid)
);
CREATE INDEX performed_steps_uid ON performed_steps (sop_uid);
-- Which studies and scheduled steps a performed step belongs to.
CREATE TABLE performed_studies (
  performed_id TEXT NOT NULL,
  study_uid    TEXT NOT NULL,
  step_id      TEXT NOT NULL DEFAULT '',    -- empty: not scheduled here
  PRIMARY KEY (performed_id, study_uid, step_id)
);
CREATE INDEX performed_studies_study ON performed_studies (study_uid);
CREATE TABLE workitems (
  id              TEXT PRIMARY KEY,
  institution_id  TEXT NOT NULL,
  patient_id      TEXT NOT NULL,            -- empty: not about a patient
  uid             TEXT NOT NULL,
  state           TEXT NOT NULL,            -- SCHEDULED, IN PROGRESS, COMPLETED, CANCELED
  priority        TEXT NOT NULL,            -- HIGH MEDIUM LOW
  start_at        BIGINT NOT NULL,
  transaction_uid TEXT NOT NULL DEFAULT '', -- of who claimed it; never shown
  document        TEXT NOT NULL,            -- DICOM JSON
  created_at      BIGINT NOT NULL,
  changed_at      BIGINT NOT NULL,
  version         BIGINT NOT NULL,
  UNIQUE (institution_id, uid)
);
CREATE INDEX workitems_uid ON workitems (uid);
CREATE INDEX workitems_start ON workitems (start_at, id);
CREATE INDEX workitems_state ON workitems (state, start_at, id);
CREATE INDEX workitems_ended ON workitems (changed_at) WHERE state IN ('COMPLETED', 'CANCELED');
-- Who follows workitems. Reports wait here until they were delivered.
CREATE TABLE workitem_subscribers (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,
  name           TEXT NOT NULL,             -- AE title
  reach          TEXT NOT NULL,             -- institutions with a bar around each, or * for all
  followed       INTEGER NOT NULL DEFAULT 0, -- 1: globally
  filter         TEXT NOT NULL DEFAULT '',  -- DICOM JSON of a filtered global subscription
  locked         INTEGER NOT NULL DEFAULT 0, -- 1: deletion lock of the global subscription
  suspended_at   BIGINT NOT NULL DEFAULT 0, -- workitems made later are not followed
  last           BIGINT NOT NULL DEFAULT 0, -- number of the newest report
  dropped        BIGINT NOT NULL DEFAULT 0, -- reports lost since the last delivery, because too many waited
  UNIQUE (institution_id, name)
);
CREATE TABLE workitem_subscriptions (
  subscriber_id TEXT NOT NULL,
  workitem_id   TEXT NOT NULL,
  followed      INTEGER NOT NULL,           -- 0: taken out of a global subscription
  locked        INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (subscriber_id, workitem_id)
);
CREATE INDEX workitem_subscriptions_workitem ON workitem_subscriptions (workitem_id);
CREATE TABLE workitem_reports (
  subscriber_id  TEXT NOT NULL,
  number         BIGINT NOT NULL,
  institution_id TEXT NOT NULL,             -- of the workitem; empty: about the exchange itself
  patient_id     TEXT NOT NULL,
  uid            TEXT NOT NULL,
  type           INTEGER NOT NULL,          -- Event Type ID
  document       TEXT NOT NULL,             -- DICOM JSON
  at             BIGINT NOT NULL,
  PRIMARY KEY (subscriber_id, number)
);
-- Accession numbers and ids of steps are counted, a row for each day.
CREATE TABLE worklist_numbers (
  day  TEXT PRIMARY KEY,
  last BIGINT NOT NULL
);
