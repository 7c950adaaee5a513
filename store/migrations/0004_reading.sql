-- The reading room: cases, drafts, signed reports, critical values. One text for SQLite and PostgreSQL.
-- +goose Up
CREATE TABLE cases (
  id               TEXT PRIMARY KEY,
  exam_id          TEXT NOT NULL UNIQUE,
  kind             TEXT NOT NULL,             -- imaging ecg pathology lab
  centre_id        TEXT NOT NULL,
  institution_id   TEXT NOT NULL,             -- who examined
  patient_id       TEXT NOT NULL,
  grade            TEXT NOT NULL DEFAULT '',
  modality         TEXT NOT NULL DEFAULT '',
  body_part        TEXT NOT NULL DEFAULT '',
  procedure_code   TEXT NOT NULL DEFAULT '',
  accession        TEXT NOT NULL DEFAULT '',
  title            TEXT NOT NULL DEFAULT '',
  priority         TEXT NOT NULL,
  performed_at     BIGINT NOT NULL DEFAULT 0,
  received_at      BIGINT NOT NULL DEFAULT 0,
  complete         INTEGER NOT NULL DEFAULT 0,
  clinical_info    TEXT NOT NULL DEFAULT '',
  state            TEXT NOT NULL,             -- waiting claimed submitted returned signed amending withdrawn
  rest             TEXT NOT NULL,             -- where it goes when its holder leaves it
  listed           INTEGER NOT NULL,          -- 1: on the default worklist
  urgency          INTEGER NOT NULL,          -- rank of priority
  holder_id        TEXT NOT NULL DEFAULT '',
  holder_name      TEXT NOT NULL DEFAULT '',
  claim_expires_at BIGINT NOT NULL DEFAULT 0,
  author_id        TEXT NOT NULL DEFAULT '',  -- who submitted last
  author_name      TEXT NOT NULL DEFAULT '',
  reviewer_id      TEXT NOT NULL DEFAULT '',  -- who signed or returned last
  submitted        INTEGER NOT NULL DEFAULT 0, -- number of the submitted draft
  return_reason    TEXT NOT NULL DEFAULT '',
  amend_reason     TEXT NOT NULL DEFAULT '',
  report_id        TEXT NOT NULL DEFAULT '',  -- newest signed version
  report_version   INTEGER NOT NULL DEFAULT 0,
  withdrawn        INTEGER NOT NULL DEFAULT 0, -- 1: that version is withdrawn
  critical         INTEGER NOT NULL DEFAULT 0,
  additions        INTEGER NOT NULL DEFAULT 0, -- 1: more of the exam came after it was reported
  opened_at        BIGINT NOT NULL,
  due_at           BIGINT NOT NULL,
  version          BIGINT NOT NULL            -- compare-and-set
);
-- The columns behind id let a filter look at the index alone.
CREATE INDEX cases_listed ON cases (urgency, due_at, id, institution_id, kind, modality, state, patient_id) WHERE listed = 1;
CREATE INDEX cases_state ON cases (state, urgency, due_at, id);
CREATE INDEX cases_holder ON cases (holder_id, urgency, due_at, id) WHERE holder_id <> '';
CREATE INDEX cases_claims ON cases (claim_expires_at) WHERE holder_id <> '';
CREATE INDEX cases_patient ON cases (patient_id);
-- Who did what to a case and why. The reasons are typed by people, so they stay out of the event table.
CREATE TABLE case_acts (
  case_id    TEXT NOT NULL,
  version    BIGINT NOT NULL,
  act        TEXT NOT NULL,
  state      TEXT NOT NULL,                   -- after the act
  actor_id   TEXT NOT NULL,
  actor_name TEXT NOT NULL DEFAULT '',
  at         BIGINT NOT NULL,
  reason     TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (case_id, version)
);
CREATE TABLE drafts (
  case_id     TEXT NOT NULL,
  number      INTEGER NOT NULL,
  body        TEXT NOT NULL,                  -- JSON
  author_id   TEXT NOT NULL,
  author_name TEXT NOT NULL DEFAULT '',
  saved_at    BIGINT NOT NULL,
  PRIMARY KEY (case_id, number)
);
-- Signed versions, never updated. The document is the report; the other columns only find it and must agree with it.
CREATE TABLE reports (
  id             TEXT PRIMARY KEY,
  case_id        TEXT NOT NULL,
  version        INTEGER NOT NULL,
  institution_id TEXT NOT NULL,
  patient_id     TEXT NOT NULL,
  document       TEXT NOT NULL,               -- canonical JSON, the bytes that are also kept as a blob
  sha256         TEXT NOT NULL,
  blob_key       TEXT NOT NULL,
  UNIQUE (case_id, version)
);
CREATE TABLE report_withdrawals (
  report_id    TEXT PRIMARY KEY REFERENCES reports(id),
  withdrawn_by TEXT NOT NULL,
  withdrawn_at BIGINT NOT NULL,
  reason       TEXT NOT NULL
);
CREATE TABLE critical_values (
  id                   TEXT PRIMARY KEY,
  case_id              TEXT NOT NULL,
  institution_id       TEXT NOT NULL,
  patient_id           TEXT NOT NULL,
  request_id           TEXT NOT NULL DEFAULT '',
  finding              TEXT NOT NULL,
  raised_by            TEXT NOT NULL,
  raised_by_name       TEXT NOT NULL DEFAULT '',
  raised_at            BIGINT NOT NULL,
  due_at               BIGINT NOT NULL,
  escalations          INTEGER NOT NULL DEFAULT 0,
  acknowledged_by      TEXT NOT NULL DEFAULT '',
  acknowledged_by_name TEXT NOT NULL DEFAULT '',
  acknowledged_at      BIGINT NOT NULL DEFAULT 0,
  handling             TEXT NOT NULL DEFAULT ''
);
CREATE INDEX critical_values_open ON critical_values (due_at) WHERE acknowledged_at = 0;
CREATE INDEX critical_values_case ON critical_values (case_id, acknowledged_at);
CREATE INDEX critical_values_institution ON critical_values (institution_id, id);
CREATE UNIQUE INDEX critical_values_request ON critical_values (case_id, request_id) WHERE request_id <> '';
