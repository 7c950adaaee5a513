-- The ECG centre's index, and what critical values and emergency pathways need of the reading room. One text for SQLite and PostgreSQL.
-- +goose Up
-- Derived from the blobs, except case_id, the times of the pathway, and priority and clinical_info where the sender's word beside the
-- blob does not have them. Ids are digests of (institution, SHA-256 of the file, of a DICOM object behind its group 2).
CREATE TABLE tracings (
  id               TEXT PRIMARY KEY,
  institution_id   TEXT NOT NULL,
  centre_id        TEXT NOT NULL,
  patient_id       TEXT NOT NULL,
  grade            TEXT NOT NULL,
  local_number     TEXT NOT NULL DEFAULT '',
  name             TEXT NOT NULL DEFAULT '',
  name_key         TEXT NOT NULL DEFAULT '', -- folded, with pinyin, for patterns
  birth_date       TEXT NOT NULL DEFAULT '',
  sex              TEXT NOT NULL DEFAULT '',
  age_years        INTEGER NOT NULL DEFAULT -1,
  pacemaker        INTEGER NOT NULL DEFAULT 0,
  kind             TEXT NOT NULL,            -- resting ambulatory
  format           TEXT NOT NULL,            -- SCP-ECG, DICOM, ...
  format_version   TEXT NOT NULL DEFAULT '',
  device           TEXT NOT NULL DEFAULT '',
  accession        TEXT NOT NULL DEFAULT '',
  title            TEXT NOT NULL DEFAULT '',
  priority         TEXT NOT NULL DEFAULT '',
  clinical_info    TEXT NOT NULL DEFAULT '',
  recorded_at      BIGINT NOT NULL,
  received_at      BIGINT NOT NULL,
  duration_ms      BIGINT NOT NULL,
  rate_num         BIGINT NOT NULL,
  rate_den         BIGINT NOT NULL,
  leads            TEXT NOT NULL DEFAULT '',  -- labels, comma between
  findings         TEXT NOT NULL DEFAULT '', -- codes with a comma before and behind each, for a filter
  warnings         TEXT NOT NULL DEFAULT '[]',
  analysis_state   TEXT NOT NULL,            -- done pending failed
  analysis_version TEXT NOT NULL DEFAULT '',
  rules_version    TEXT NOT NULL DEFAULT '',
  alarms           TEXT NOT NULL DEFAULT '[]', -- JSON: what the rules said when it came
  sop_uid          TEXT NOT NULL DEFAULT '', -- of a DICOM object
  blob_key         TEXT NOT NULL,
  said_key         TEXT NOT NULL DEFAULT '', -- what the sender said beside the file
  size             BIGINT NOT NULL,
  sha256           TEXT NOT NULL,
  case_id          TEXT NOT NULL DEFAULT '',
  first_contact_at BIGINT NOT NULL DEFAULT 0,
  pathway          TEXT NOT NULL DEFAULT '{}' -- JSON: other instants of the chest-pain pathway
);
CREATE INDEX tracings_patient ON tracings (patient_id, recorded_at);
CREATE INDEX tracings_institution ON tracings (institution_id, recorded_at, id);
CREATE INDEX tracings_recorded ON tracings (recorded_at, id);
CREATE INDEX tracings_local ON tracings (local_number);
CREATE INDEX tracings_pending ON tracings (received_at) WHERE analysis_state = 'pending';
CREATE INDEX tracings_blob ON tracings (blob_key);
CREATE INDEX tracings_digest ON tracings (sha256, institution_id);
CREATE INDEX tracings_case ON tracings (case_id);
CREATE INDEX tracings_sop ON tracings (sop_uid);
CREATE INDEX tracings_accession ON tracings (accession);
CREATE INDEX tracings_kind ON tracings (kind, recorded_at, id) WHERE kind = 'ambulatory';
-- What searches look for: "f" and the code of a finding, "n" and the hexadecimal UTF-8 of a tail of the name, folded, or of its pinyin.
CREATE TABLE tracing_terms (
  term        TEXT NOT NULL,
  recorded_at BIGINT NOT NULL,
  tracing_id  TEXT NOT NULL,
  PRIMARY KEY (term, recorded_at, tracing_id)
);
CREATE INDEX tracing_terms_tracing ON tracing_terms (tracing_id);
-- What our algorithms say, beside the row because it is read seldom and is larger than it. JSON, gzip.
CREATE TABLE tracing_analyses (
  tracing_id TEXT PRIMARY KEY,
  body       BYTEA NOT NULL
);
-- The rules of critical values as each county believed them. A row is never changed: the newest of a centre counts.
CREATE TABLE ecg_rule_packs (
  centre_id   TEXT NOT NULL,
  number      INTEGER NOT NULL,
  version     TEXT NOT NULL,                 -- as the pack says
  body        TEXT NOT NULL,                 -- YAML
  recorded_at BIGINT NOT NULL,
  recorded_by TEXT NOT NULL,
  reason      TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (centre_id, number)
);
CREATE TABLE ecg_quarantine (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,
  reason         TEXT NOT NULL,
  blob_key       TEXT NOT NULL DEFAULT '',
  size           BIGINT NOT NULL,
  sha256         TEXT NOT NULL,
  received_at    BIGINT NOT NULL,
  resolution     TEXT NOT NULL DEFAULT '',
  resolved_by    TEXT NOT NULL DEFAULT '',
  resolved_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX ecg_quarantine_institution ON ecg_quarantine (institution_id, id);
CREATE UNIQUE INDEX ecg_quarantine_digest ON ecg_quarantine (institution_id, sha256);
CREATE INDEX ecg_quarantine_blob ON ecg_quarantine (blob_key);

ALTER TABLE cases ADD COLUMN first_contact_at BIGINT NOT NULL DEFAULT 0;
-- An alarm of an algorithm names its rule; a doctor may dismiss it with a reason.
ALTER TABLE critical_values ADD COLUMN rule TEXT NOT NULL DEFAULT '';
ALTER TABLE critical_values ADD COLUMN dismissed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE critical_values ADD COLUMN dismissed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE critical_values ADD COLUMN dismissed_by_name TEXT NOT NULL DEFAULT '';
ALTER TABLE critical_values ADD COLUMN dismiss_reason TEXT NOT NULL DEFAULT '';
CREATE INDEX critical_values_due ON critical_values (due_at) WHERE acknowledged_at = 0 AND dismissed_at = 0;
DROP INDEX critical_values_open;
-- Who was called, and what they said.
CREATE TABLE critical_calls (
  critical_id TEXT NOT NULL,
  number      INTEGER NOT NULL,
  at          BIGINT NOT NULL,
  by_id       TEXT NOT NULL,
  by_name     TEXT NOT NULL DEFAULT '',
  note        TEXT NOT NULL,
  PRIMARY KEY (critical_id, number)
);
