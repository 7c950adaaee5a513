-- Corrections of studies: what an administrator decided about objects that were sent under a wrong patient or a wrong study.
-- The stored bytes stay; each correction is also a blob beside the study's, so that the index can be made again from blobs.
-- +goose Up
CREATE TABLE corrections (
  id             TEXT PRIMARY KEY,            -- ULID: their order is the order in which they count
  institution_id TEXT NOT NULL,
  kind           TEXT NOT NULL,               -- assign merge split
  study_id       TEXT NOT NULL,               -- whose objects it is about
  target_id      TEXT NOT NULL,               -- where they are now; the same for an assignment
  study_uid      TEXT NOT NULL,
  target_uid     TEXT NOT NULL,
  instance_count INTEGER NOT NULL,            -- objects that it changed when it was made
  document       TEXT NOT NULL,               -- JSON: the bytes that are also kept as a blob
  details        TEXT NOT NULL DEFAULT '{}',  -- JSON: what rows only knew: states of studies before it, identities after it
  blob_key       TEXT NOT NULL,
  by_id          TEXT NOT NULL,
  by_name        TEXT NOT NULL DEFAULT '',
  at             BIGINT NOT NULL,
  reason         TEXT NOT NULL,
  undone_at      BIGINT NOT NULL DEFAULT 0,
  undone_by      TEXT NOT NULL DEFAULT '',
  undo_reason    TEXT NOT NULL DEFAULT '',
  undo_key       TEXT NOT NULL DEFAULT ''
);
CREATE INDEX corrections_institution ON corrections (institution_id, id);
CREATE INDEX corrections_study ON corrections (study_id);
CREATE INDEX corrections_target ON corrections (target_id);
-- Moves with every correction and every undoing, so that a cached picture of an institution's corrections knows its age.
CREATE TABLE correction_marks (
  institution_id TEXT PRIMARY KEY,
  mark           BIGINT NOT NULL
);
-- Blobs of corrections that are about to be made: one that is still here a while later was not made.
CREATE TABLE correction_intents (
  blob_key TEXT PRIMARY KEY,
  at       BIGINT NOT NULL
);
-- Empty and zero: the object is given out as it was stored.
ALTER TABLE instances ADD COLUMN sent_study_id TEXT NOT NULL DEFAULT ''; -- as it came; empty: study_id
ALTER TABLE instances ADD COLUMN corrections TEXT NOT NULL DEFAULT '';   -- ids, comma between, in their order
ALTER TABLE instances ADD COLUMN form_size BIGINT NOT NULL DEFAULT 0;    -- as it is given out
ALTER TABLE instances ADD COLUMN form_sha256 TEXT NOT NULL DEFAULT '';
CREATE INDEX instances_sent ON instances (sent_study_id) WHERE sent_study_id <> '';
-- How the form that is given out is put together of new bytes and ranges of the stored ones; see imaging/correct_form.go.
CREATE TABLE instance_forms (
  instance_id TEXT PRIMARY KEY,
  pieces      BYTEA NOT NULL
);
-- The secret of an institution's pseudonyms in teaching files, sealed.
CREATE TABLE teaching_keys (
  institution_id TEXT PRIMARY KEY,
  sealed         TEXT NOT NULL,
  created_at     BIGINT NOT NULL
);
