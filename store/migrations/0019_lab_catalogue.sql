-- What a county's laboratory can measure, by which rules it judges, and what senders' codes mean. One text for SQLite and PostgreSQL.
-- +goose Up
-- Catalogues and packs of rules as each county believed them. A row is never changed: the newest of a centre and kind that is in force counts.
CREATE TABLE lab_packs (
  centre_id   TEXT NOT NULL,
  kind        TEXT NOT NULL,                 -- catalogue rules
  number      INTEGER NOT NULL,
  version     TEXT NOT NULL,                 -- as the pack says
  from_at     BIGINT NOT NULL,               -- the day from which it counts, as the pack says
  body        TEXT NOT NULL,                 -- YAML
  recorded_at BIGINT NOT NULL,
  recorded_by TEXT NOT NULL,
  reason      TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (centre_id, kind, number)
);
-- Texts of rules that came with a program, by their digest: a verdict can be made again when the program has others.
CREATE TABLE lab_rule_texts (
  digest      TEXT PRIMARY KEY,
  body        TEXT NOT NULL,                 -- YAML
  recorded_at BIGINT NOT NULL
);
-- What a code of a sender means. A row is never changed: a wrong one is followed by another with a higher number. Empty link, system, unit
-- and specimen stand for any. Code '*' with analyte '*' says that the sender uses our codes. An empty analyte ends a mapping.
CREATE TABLE lab_code_maps (
  id          TEXT PRIMARY KEY,
  sender_id   TEXT NOT NULL,
  link        TEXT NOT NULL DEFAULT '',      -- device of the sender
  code        TEXT NOT NULL,
  system      TEXT NOT NULL DEFAULT '',
  unit        TEXT NOT NULL DEFAULT '',      -- as sent
  specimen    TEXT NOT NULL DEFAULT '',      -- code of the catalogue
  number      INTEGER NOT NULL,              -- of this key, from 1
  analyte     TEXT NOT NULL,
  from_at     BIGINT NOT NULL DEFAULT 0,     -- results from this instant on; 0: all
  recorded_at BIGINT NOT NULL,
  reviewer    TEXT NOT NULL,
  reviewed_by TEXT NOT NULL DEFAULT '',      -- as people read the name
  reason      TEXT NOT NULL DEFAULT '',
  UNIQUE (sender_id, link, code, system, unit, specimen, number)
);
-- Codes that nothing maps, without any value. Ids are digests of the key.
CREATE TABLE lab_unmapped (
  id         TEXT PRIMARY KEY,
  sender_id  TEXT NOT NULL,
  link       TEXT NOT NULL DEFAULT '',
  code       TEXT NOT NULL,
  system     TEXT NOT NULL DEFAULT '',
  text       TEXT NOT NULL DEFAULT '',       -- name of the test as sent
  loinc      TEXT NOT NULL DEFAULT '',
  unit       TEXT NOT NULL DEFAULT '',
  specimen   TEXT NOT NULL DEFAULT '',
  why        TEXT NOT NULL DEFAULT '',
  count      BIGINT NOT NULL,
  first_at   BIGINT NOT NULL,
  last_at    BIGINT NOT NULL,
  map_id     TEXT NOT NULL DEFAULT ''        -- the mapping that settled it
);
CREATE INDEX lab_unmapped_sender ON lab_unmapped (sender_id, link, code);
CREATE INDEX lab_unmapped_open ON lab_unmapped (last_at) WHERE map_id = '';
-- How many rows of results were understood, by sender, link and day.
CREATE TABLE lab_code_counts (
  sender_id TEXT NOT NULL,
  link      TEXT NOT NULL DEFAULT '',
  day       BIGINT NOT NULL,                 -- its first instant
  resolved  BIGINT NOT NULL,
  unmapped  BIGINT NOT NULL,
  PRIMARY KEY (sender_id, link, day)
);
-- Another token, another catalogue: what gateways hold in memory is old. It is random, so that one of a transaction that came to nothing is never seen again.
CREATE TABLE lab_catalogue_token (
  one   INTEGER PRIMARY KEY,
  token TEXT NOT NULL
);
INSERT INTO lab_catalogue_token (one, token) VALUES (1, 'none');
