-- The imaging centre's index. Derived: `lianzhen admin reindex` makes it again from the blobs alone, so ids are
-- digests of (institution, UID) and stay the same.
-- +goose Up
CREATE TABLE studies (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,
  centre_id      TEXT NOT NULL,
  study_uid      TEXT NOT NULL,
  patient_id     TEXT NOT NULL,
  grade          TEXT NOT NULL,
  local_number   TEXT NOT NULL DEFAULT '',
  name           TEXT NOT NULL DEFAULT '',
  name_key       TEXT NOT NULL DEFAULT '', -- folded, for patterns
  birth_date     TEXT NOT NULL DEFAULT '',
  sex            TEXT NOT NULL DEFAULT '',
  accession      TEXT NOT NULL DEFAULT '',
  study_date     TEXT NOT NULL DEFAULT '',  -- YYYY-MM-DD
  study_time     TEXT NOT NULL DEFAULT '',  -- HH:MM:SS
  description    TEXT NOT NULL DEFAULT '',
  referring      TEXT NOT NULL DEFAULT '',
  modalities     TEXT NOT NULL DEFAULT '',  -- sorted, comma between
  body_part      TEXT NOT NULL DEFAULT '',
  procedure_code TEXT NOT NULL DEFAULT '',
  series_count   INTEGER NOT NULL DEFAULT 0,
  instance_count INTEGER NOT NULL DEFAULT 0,
  bytes          BIGINT NOT NULL DEFAULT 0,
  performed_at   BIGINT NOT NULL,
  first_at       BIGINT NOT NULL,
  last_at        BIGINT NOT NULL,
  open           INTEGER NOT NULL DEFAULT 1, -- 1: more may come; the case is not told yet
  expected       INTEGER NOT NULL DEFAULT 0, -- instances announced by a finish
  priority       TEXT NOT NULL DEFAULT '',
  clinical_info  TEXT NOT NULL DEFAULT '',
  case_id        TEXT NOT NULL DEFAULT '',
  UNIQUE (institution_id, study_uid)
);
CREATE INDEX studies_uid ON studies (study_uid);
CREATE INDEX studies_patient ON studies (patient_id, study_date);
CREATE INDEX studies_local ON studies (local_number, study_date);
CREATE INDEX studies_accession ON studies (accession);
CREATE INDEX studies_date ON studies (study_date, id);
CREATE INDEX studies_institution ON studies (institution_id, study_date, id);
CREATE INDEX studies_quiet ON studies (last_at) WHERE open = 1;
CREATE TABLE study_modalities (
  modality   TEXT NOT NULL,
  study_date TEXT NOT NULL,
  study_id   TEXT NOT NULL,
  PRIMARY KEY (modality, study_date, study_id)
);
CREATE INDEX study_modalities_study ON study_modalities (study_id);
-- What a name may be looked up by, see names.go. Hexadecimal UTF-8, so that a range of tokens is a prefix under every
-- collation.
CREATE TABLE study_names (
  token      TEXT NOT NULL,
  study_date TEXT NOT NULL,
  study_id   TEXT NOT NULL,
  PRIMARY KEY (token, study_date, study_id)
);
CREATE INDEX study_names_study ON study_names (study_id);
CREATE TABLE series (
  id             TEXT PRIMARY KEY,
  study_id       TEXT NOT NULL,
  series_uid     TEXT NOT NULL,
  modality       TEXT NOT NULL DEFAULT '',
  number         INTEGER NOT NULL DEFAULT 0,
  description    TEXT NOT NULL DEFAULT '',
  body_part      TEXT NOT NULL DEFAULT '',
  instance_count INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX series_study ON series (study_id, number);
CREATE TABLE instances (
  id              TEXT PRIMARY KEY,
  study_id        TEXT NOT NULL,
  series_id       TEXT NOT NULL,
  institution_id  TEXT NOT NULL,
  patient_id      TEXT NOT NULL,
  sop_uid         TEXT NOT NULL,
  sop_class       TEXT NOT NULL,
  transfer_syntax TEXT NOT NULL,
  number          INTEGER NOT NULL DEFAULT 0,
  pixel_rows      INTEGER NOT NULL DEFAULT 0,
  pixel_cols      INTEGER NOT NULL DEFAULT 0,
  frames          INTEGER NOT NULL DEFAULT 0,
  blob_key        TEXT NOT NULL,
  blob_offset     BIGINT NOT NULL,
  size            BIGINT NOT NULL,
  sha256          TEXT NOT NULL,
  received_at     BIGINT NOT NULL
);
CREATE INDEX instances_study ON instances (study_id, series_id, number, id);
CREATE INDEX instances_digest ON instances (sha256, institution_id);
CREATE INDEX instances_blob ON instances (blob_key, blob_offset);
-- Beside the row, because they are read seldom and are larger than it.
CREATE TABLE instance_metadata (
  instance_id TEXT PRIMARY KEY,
  json_gz     BYTEA NOT NULL, -- DICOM JSON (PS3.18 F) without bulk data, gzip
  frames      BYTEA NOT NULL  -- extents of the frames, see frames.go
);
-- What was not taken and waits for a person.
CREATE TABLE quarantine (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,
  reason         TEXT NOT NULL,
  sop_uid        TEXT NOT NULL DEFAULT '',
  instance_id    TEXT NOT NULL DEFAULT '', -- kept under the same UID
  blob_key       TEXT NOT NULL DEFAULT '', -- empty: too large to keep
  blob_offset    BIGINT NOT NULL DEFAULT 0,
  size           BIGINT NOT NULL,
  sha256         TEXT NOT NULL,
  received_at    BIGINT NOT NULL,
  resolution     TEXT NOT NULL DEFAULT '',
  resolved_by    TEXT NOT NULL DEFAULT '',
  resolved_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX quarantine_institution ON quarantine (institution_id, id);
CREATE UNIQUE INDEX quarantine_digest ON quarantine (institution_id, sha256, instance_id);
CREATE INDEX quarantine_blob ON quarantine (blob_key);
