-- The laboratory centre's index. One text for SQLite and PostgreSQL.
-- +goose Up
-- Every message that was taken: what makes sending twice harmless. Its bytes lie in a pack.
CREATE TABLE lab_messages (
  id             TEXT PRIMARY KEY,           -- ULID
  institution_id TEXT NOT NULL,              -- who sent it
  link_id        TEXT NOT NULL,              -- registered device, key or person
  control        TEXT NOT NULL,              -- digest of (MSH-3, MSH-4, MSH-10); of the bytes where a message names none
  hash           TEXT NOT NULL,              -- SHA-256 of the message without its time (MSH-7)
  format         TEXT NOT NULL,              -- hl7v2 astm table json
  type           TEXT NOT NULL DEFAULT '',   -- ORU^R01
  blob_key       TEXT NOT NULL,
  blob_offset    BIGINT NOT NULL,
  sha256         TEXT NOT NULL,              -- of its bytes
  size           BIGINT NOT NULL,
  received_at    BIGINT NOT NULL,
  sent_at        BIGINT NOT NULL DEFAULT 0,
  warnings       TEXT NOT NULL DEFAULT '[]',
  answer         TEXT NOT NULL               -- JSON: what the sender was told
);
CREATE UNIQUE INDEX lab_messages_control ON lab_messages (link_id, control);
CREATE INDEX lab_messages_blob ON lab_messages (blob_key);
CREATE INDEX lab_messages_institution ON lab_messages (institution_id, id);
-- One report 检验报告: what was measured on one specimen under one number. Ids are digests of (sender, number, specimen).
CREATE TABLE lab_reports (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,              -- who ordered: whose result it is
  laboratory_id  TEXT NOT NULL,              -- who measured
  centre_id      TEXT NOT NULL,
  link_id        TEXT NOT NULL,
  patient_id     TEXT NOT NULL,
  grade          TEXT NOT NULL,
  local_number   TEXT NOT NULL DEFAULT '',
  name           TEXT NOT NULL DEFAULT '',
  name_key       TEXT NOT NULL DEFAULT '',
  birth_date     TEXT NOT NULL DEFAULT '',
  sex            TEXT NOT NULL DEFAULT '',
  age_days       INTEGER NOT NULL DEFAULT -1, -- when the specimen was taken
  visit          TEXT NOT NULL DEFAULT '',
  ward           TEXT NOT NULL DEFAULT '',
  placer         TEXT NOT NULL DEFAULT '',
  filler         TEXT NOT NULL DEFAULT '',
  order_group    TEXT NOT NULL DEFAULT '',
  barcode        TEXT NOT NULL DEFAULT '',
  specimen_id    TEXT NOT NULL DEFAULT '',   -- in our own list of specimens
  specimen       TEXT NOT NULL DEFAULT '{}', -- JSON: type, condition, rejection
  service_code   TEXT NOT NULL DEFAULT '',
  title          TEXT NOT NULL DEFAULT '',
  priority       TEXT NOT NULL DEFAULT '',
  orderer        TEXT NOT NULL DEFAULT '',
  clinical_info  TEXT NOT NULL DEFAULT '',
  performer      TEXT NOT NULL DEFAULT '',
  notes          TEXT NOT NULL DEFAULT '[]',
  warnings       TEXT NOT NULL DEFAULT '[]',
  parent         TEXT NOT NULL DEFAULT '',   -- report of the culture that a susceptibility belongs to
  collected_at   BIGINT NOT NULL DEFAULT 0,
  lab_at         BIGINT NOT NULL DEFAULT 0,  -- the laboratory had the specimen
  reported_at    BIGINT NOT NULL DEFAULT 0,  -- as the sender says
  received_at    BIGINT NOT NULL,            -- first message
  updated_at     BIGINT NOT NULL,            -- last message
  status         TEXT NOT NULL,              -- of what is shown: registered preliminary final corrected withdrawn
  verified       TEXT NOT NULL DEFAULT '',   -- sender auto persons: who stands for it
  released_at    BIGINT NOT NULL DEFAULT 0,  -- first value that anybody could see
  abnormal       INTEGER NOT NULL DEFAULT 0, -- rows outside their interval
  critical       INTEGER NOT NULL DEFAULT 0,
  unmapped       INTEGER NOT NULL DEFAULT 0, -- rows whose code means nothing here yet
  waiting        INTEGER NOT NULL DEFAULT 0, -- rows that a person must validate
  version        INTEGER NOT NULL DEFAULT 0, -- grows with everything that changes what is shown
  remap          INTEGER NOT NULL DEFAULT 0, -- a code of it has got another meaning: it is read again
  alarm_due      BIGINT NOT NULL DEFAULT 0,  -- critical values of it are told at this instant at the latest
  case_id        TEXT NOT NULL DEFAULT '',
  message_id     TEXT NOT NULL               -- the last
);
CREATE INDEX lab_reports_patient ON lab_reports (patient_id, collected_at);
CREATE INDEX lab_reports_institution ON lab_reports (institution_id, received_at, id);
CREATE INDEX lab_reports_laboratory ON lab_reports (laboratory_id, received_at, id);
CREATE INDEX lab_reports_received ON lab_reports (received_at, id);
CREATE INDEX lab_reports_barcode ON lab_reports (barcode);
CREATE INDEX lab_reports_local ON lab_reports (local_number);
CREATE INDEX lab_reports_case ON lab_reports (case_id);
CREATE INDEX lab_reports_filler ON lab_reports (filler);
CREATE INDEX lab_reports_waiting ON lab_reports (centre_id, collected_at) WHERE waiting > 0;
CREATE INDEX lab_reports_remap ON lab_reports (id) WHERE remap = 1;
CREATE INDEX lab_reports_alarm ON lab_reports (alarm_due) WHERE alarm_due > 0;
CREATE INDEX lab_reports_unmapped ON lab_reports (centre_id) WHERE unmapped > 0;
-- Every version of every row, as it came and what the house made of it. latest: the last that came; shown: what who ordered sees.
CREATE TABLE lab_results (
  id             TEXT NOT NULL,              -- digest of (report, code, sub id)
  version        INTEGER NOT NULL,
  report_id      TEXT NOT NULL,
  patient_id     TEXT NOT NULL,
  institution_id TEXT NOT NULL,
  laboratory_id  TEXT NOT NULL,
  latest         INTEGER NOT NULL,
  shown          INTEGER NOT NULL,
  number         INTEGER NOT NULL,           -- place in the report
  code           TEXT NOT NULL,
  code_system    TEXT NOT NULL DEFAULT '',
  code_text      TEXT NOT NULL DEFAULT '',
  sub_id         TEXT NOT NULL DEFAULT '',
  analyte        TEXT NOT NULL DEFAULT '',   -- code of the catalogue; empty: unmapped
  item           TEXT NOT NULL DEFAULT '',   -- recognition item
  loinc          TEXT NOT NULL DEFAULT '',
  value_kind     TEXT NOT NULL,
  value          TEXT NOT NULL,              -- as a person reads it, in the digits that were sent
  unit           TEXT NOT NULL DEFAULT '',   -- as sent
  ucum           TEXT NOT NULL DEFAULT '',
  flags          TEXT NOT NULL DEFAULT '',   -- recomputed, else the sender's
  range_text     TEXT NOT NULL DEFAULT '',   -- the interval that travels with it
  status         TEXT NOT NULL,              -- of its sender
  observed_at    BIGINT NOT NULL,
  ordered_by     BIGINT NOT NULL,            -- instant by which versions follow each other
  measured_at    BIGINT NOT NULL,            -- by the analyser, else when it came: what controls are beside
  held           INTEGER NOT NULL DEFAULT 0, -- a failing control is beside it
  device         TEXT NOT NULL DEFAULT '',
  method         TEXT NOT NULL DEFAULT '',
  validation     TEXT NOT NULL,              -- sender auto waiting technical released
  body           TEXT NOT NULL,              -- JSON: all of the row as it came
  judged         TEXT NOT NULL DEFAULT '{}', -- JSON: interval, flags, delta, verdict with rule ids, quality state
  message_id     TEXT NOT NULL,
  recorded_at    BIGINT NOT NULL,
  validated_by   TEXT NOT NULL DEFAULT '',
  validated_name TEXT NOT NULL DEFAULT '',
  validated_at   BIGINT NOT NULL DEFAULT 0,
  released_by    TEXT NOT NULL DEFAULT '',
  released_name  TEXT NOT NULL DEFAULT '',
  released_at    BIGINT NOT NULL DEFAULT 0,
  hidden_at      BIGINT NOT NULL DEFAULT 0,  -- when a later version or a withdrawal took it from view
  PRIMARY KEY (id, version)
);
CREATE INDEX lab_results_report ON lab_results (report_id, number);
CREATE INDEX lab_results_trend ON lab_results (patient_id, analyte, observed_at) WHERE shown = 1;
CREATE INDEX lab_results_code ON lab_results (laboratory_id, code) WHERE latest = 1;
CREATE INDEX lab_results_measured ON lab_results (laboratory_id, analyte, measured_at) WHERE latest = 1;
CREATE INDEX lab_results_held ON lab_results (report_id) WHERE held = 1 AND latest = 1;
-- All that the rules were asked and said when a report came: a verdict can be made again. JSON, gzip.
CREATE TABLE lab_verdicts (
  report_id   TEXT NOT NULL,
  message_id  TEXT NOT NULL,
  place       INTEGER NOT NULL,
  recorded_at BIGINT NOT NULL,
  body        BYTEA NOT NULL,
  PRIMARY KEY (report_id, message_id, place)
);
-- Messages that wait for something that will come: a specimen that is not registered yet.
CREATE TABLE lab_parked (
  message_id     TEXT NOT NULL,
  place          INTEGER NOT NULL,           -- report in the message
  institution_id TEXT NOT NULL,
  centre_id      TEXT NOT NULL,
  barcode        TEXT NOT NULL,
  reason         TEXT NOT NULL,
  parked_at      BIGINT NOT NULL,
  PRIMARY KEY (message_id, place)
);
CREATE INDEX lab_parked_barcode ON lab_parked (barcode);
-- Who saw a value that no longer stands, and whether they have been told 召回.
CREATE TABLE lab_recalls (
  id              TEXT PRIMARY KEY,
  report_id       TEXT NOT NULL,
  institution_id  TEXT NOT NULL,             -- of the reader
  patient_id      TEXT NOT NULL,
  reader_kind     TEXT NOT NULL,
  reader_id       TEXT NOT NULL,
  reader_name     TEXT NOT NULL DEFAULT '',
  seen_at         BIGINT NOT NULL,
  raised_at       BIGINT NOT NULL,
  reason          TEXT NOT NULL,             -- corrected withdrawn
  rows            TEXT NOT NULL,             -- JSON: ids and versions, no values
  acknowledged_at BIGINT NOT NULL DEFAULT 0,
  acknowledged_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX lab_recalls_open ON lab_recalls (institution_id, id) WHERE acknowledged_at = 0;
CREATE INDEX lab_recalls_report ON lab_recalls (report_id);
CREATE TABLE lab_quarantine (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,
  reason         TEXT NOT NULL,
  blob_key       TEXT NOT NULL DEFAULT '',
  size           BIGINT NOT NULL,
  sha256         TEXT NOT NULL,
  received_at    BIGINT NOT NULL,
  resolution     TEXT NOT NULL DEFAULT '',
  resolved_by    TEXT NOT NULL DEFAULT '',
  resolved_at    BIGINT NOT NULL DEFAULT 0,
  link_id        TEXT NOT NULL DEFAULT '',
  format         TEXT NOT NULL DEFAULT ''
);
CREATE INDEX lab_quarantine_institution ON lab_quarantine (institution_id, id);
CREATE UNIQUE INDEX lab_quarantine_digest ON lab_quarantine (institution_id, sha256, link_id);
CREATE INDEX lab_quarantine_blob ON lab_quarantine (blob_key);
-- When a critical value is passed on, in minutes after it was raised, commas between; behind the last the room's own interval counts.
ALTER TABLE critical_values ADD COLUMN steps TEXT NOT NULL DEFAULT '';
