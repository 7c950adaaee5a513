-- Quality control of the laboratory centre: control materials, targets, points with their verdicts, holds, actions, external assessment and
-- certificates. One text for SQLite and PostgreSQL. What was believed at an instant can be read again: nothing is deleted, what is replaced
-- stays beside it with the instant at which it was recorded.
-- +goose Up
CREATE TABLE qc_materials (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,             -- the laboratory
  name           TEXT NOT NULL,
  manufacturer   TEXT NOT NULL DEFAULT '',
  matrix         TEXT NOT NULL DEFAULT '',  -- serum, urine, whole blood ...
  created_at     BIGINT NOT NULL,
  created_by     TEXT NOT NULL,
  UNIQUE (institution_id, name, manufacturer)
);
CREATE TABLE qc_lots (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,
  material_id    TEXT NOT NULL DEFAULT '',  -- empty: an analyser named the lot and no person has registered it yet
  number         TEXT NOT NULL,             -- of the manufacturer
  levels         TEXT NOT NULL DEFAULT '',  -- comma between
  expires_on     TEXT NOT NULL DEFAULT '',
  opened_at      BIGINT NOT NULL DEFAULT 0,
  open_days      INTEGER NOT NULL DEFAULT 0, -- stable so long after it was opened; 0: until it expires
  closed_at      BIGINT NOT NULL DEFAULT 0, -- no longer used
  created_at     BIGINT NOT NULL,
  created_by     TEXT NOT NULL,
  UNIQUE (institution_id, material_id, number)
);
CREATE INDEX qc_lots_number ON qc_lots (institution_id, number);
-- One analyte on one analyser of one laboratory. The id is a digest of the three.
CREATE TABLE qc_series (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,
  device         TEXT NOT NULL,
  analyte        TEXT NOT NULL,
  last           BIGINT NOT NULL DEFAULT 0, -- number of the newest point
  created_at     BIGINT NOT NULL,
  UNIQUE (institution_id, analyte, device)
);
CREATE INDEX qc_series_board ON qc_series (institution_id, device, analyte);
-- How a series is controlled; the newest counts.
CREATE TABLE qc_plans (
  series_id      TEXT NOT NULL,
  number         INTEGER NOT NULL,
  institution_id TEXT NOT NULL,
  unit           TEXT NOT NULL DEFAULT '',
  rules          TEXT NOT NULL,             -- comma between
  levels         TEXT NOT NULL DEFAULT '',  -- that each control must have, comma between; empty: any
  every_us       BIGINT NOT NULL,           -- 0: once in a calendar day
  tea            TEXT NOT NULL DEFAULT '',  -- total allowable error in percent
  points         INTEGER NOT NULL,          -- that an establishment needs
  days           INTEGER NOT NULL,
  recorded_at    BIGINT NOT NULL,
  recorded_by    TEXT NOT NULL,
  PRIMARY KEY (series_id, number)
);
CREATE TABLE qc_targets (
  id             TEXT PRIMARY KEY,
  series_id      TEXT NOT NULL,
  institution_id TEXT NOT NULL,
  level          TEXT NOT NULL,
  lot_id         TEXT NOT NULL,
  mean           TEXT NOT NULL,
  sd             TEXT NOT NULL,
  unit           TEXT NOT NULL DEFAULT '',
  source         TEXT NOT NULL,             -- assigned provisional fixed cumulative
  n              INTEGER NOT NULL DEFAULT 0, -- points that it was computed from
  dropped        INTEGER NOT NULL DEFAULT 0, -- points beyond 3s that were left out
  from_at        BIGINT NOT NULL,
  recorded_at    BIGINT NOT NULL,
  recorded_by    TEXT NOT NULL,
  reason         TEXT NOT NULL DEFAULT ''
);
CREATE INDEX qc_targets_series ON qc_targets (series_id, level, lot_id, from_at);
-- The verdict in the row is the newest; those before it are in qc_verdicts.
CREATE TABLE qc_points (
  id             TEXT PRIMARY KEY,
  series_id      TEXT NOT NULL,
  institution_id TEXT NOT NULL,
  number         BIGINT NOT NULL,           -- order of entry within the series
  level          TEXT NOT NULL,
  lot_id         TEXT NOT NULL,
  run            TEXT NOT NULL,
  value          TEXT NOT NULL,             -- the digits as they came
  unit           TEXT NOT NULL DEFAULT '',
  at             BIGINT NOT NULL,           -- measured
  recorded_at    BIGINT NOT NULL,
  recorded_by    TEXT NOT NULL,
  operator       TEXT NOT NULL DEFAULT '',
  reagent_lot    TEXT NOT NULL DEFAULT '',
  comment        TEXT NOT NULL DEFAULT '',
  client_id      TEXT NOT NULL DEFAULT '',
  origin         TEXT NOT NULL,             -- person analyser
  target_id      TEXT NOT NULL DEFAULT '',
  z              TEXT NOT NULL DEFAULT '',
  decision       TEXT NOT NULL,             -- accept warning reject blocked establishing
  hits           TEXT NOT NULL DEFAULT '[]', -- JSON
  judged_at      BIGINT NOT NULL,
  verdicts       INTEGER NOT NULL,          -- that were replaced; -1: it was never judged
  voided_at      BIGINT NOT NULL DEFAULT 0,
  voided_by      TEXT NOT NULL DEFAULT '',
  void_reason    TEXT NOT NULL DEFAULT ''
);
CREATE INDEX qc_points_series ON qc_points (series_id, at, number);
CREATE UNIQUE INDEX qc_points_client ON qc_points (institution_id, client_id) WHERE client_id <> '';
CREATE TABLE qc_verdicts (
  point_id  TEXT NOT NULL,
  number    INTEGER NOT NULL,
  target_id TEXT NOT NULL,
  z         TEXT NOT NULL,
  decision  TEXT NOT NULL,
  hits      TEXT NOT NULL,
  judged_at BIGINT NOT NULL,
  PRIMARY KEY (point_id, number)
);
-- Results of a series that were measured behind since_at, and before good_at once there is one, wait for a person.
CREATE TABLE qc_holds (
  id              TEXT PRIMARY KEY,
  series_id       TEXT NOT NULL,
  institution_id  TEXT NOT NULL,
  point_id        TEXT NOT NULL,            -- the first that failed
  rules           TEXT NOT NULL,
  since_at        BIGINT NOT NULL,          -- the last good control before
  failed_at       BIGINT NOT NULL,
  last_failed_at  BIGINT NOT NULL,
  opened_at       BIGINT NOT NULL,
  good_at         BIGINT NOT NULL DEFAULT 0,
  good_point      TEXT NOT NULL DEFAULT '',
  restored_at     BIGINT NOT NULL DEFAULT 0,
  decision        TEXT NOT NULL DEFAULT '', -- release repeat withdrawn
  decided_at      BIGINT NOT NULL DEFAULT 0,
  decided_by      TEXT NOT NULL DEFAULT '',
  decided_by_name TEXT NOT NULL DEFAULT '',
  reason          TEXT NOT NULL DEFAULT ''
);
CREATE INDEX qc_holds_series ON qc_holds (series_id, failed_at);
CREATE INDEX qc_holds_waiting ON qc_holds (series_id) WHERE decision = '';
CREATE INDEX qc_holds_list ON qc_holds (institution_id, id);
CREATE TABLE qc_actions (
  id             TEXT PRIMARY KEY,
  series_id      TEXT NOT NULL,
  institution_id TEXT NOT NULL,
  hold_id        TEXT NOT NULL DEFAULT '',
  point_id       TEXT NOT NULL DEFAULT '',  -- of the control that was measured again
  at             BIGINT NOT NULL,
  recorded_at    BIGINT NOT NULL,
  recorded_by    TEXT NOT NULL,
  by_name        TEXT NOT NULL DEFAULT '',
  cause          TEXT NOT NULL,
  correction     TEXT NOT NULL,
  comment        TEXT NOT NULL DEFAULT '',
  restart        INTEGER NOT NULL           -- 1: the cause was corrected, rules do not look behind it
);
CREATE INDEX qc_actions_series ON qc_actions (series_id, at);
CREATE INDEX qc_actions_list ON qc_actions (institution_id, id);
-- Control results of analysers that no chart could take yet: kept until a person says what they are.
CREATE TABLE qc_strays (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,
  device         TEXT NOT NULL,
  reason         TEXT NOT NULL,             -- code value unit level
  code           TEXT NOT NULL,
  code_system    TEXT NOT NULL DEFAULT '',
  code_text      TEXT NOT NULL DEFAULT '',
  value          TEXT NOT NULL DEFAULT '',
  unit           TEXT NOT NULL DEFAULT '',
  lot            TEXT NOT NULL DEFAULT '',
  level          TEXT NOT NULL DEFAULT '',
  reagent_lot    TEXT NOT NULL DEFAULT '',
  at             BIGINT NOT NULL,
  recorded_at    BIGINT NOT NULL,
  client_id      TEXT NOT NULL,
  point_id       TEXT NOT NULL DEFAULT '',  -- what became of it
  resolution     TEXT NOT NULL DEFAULT '',  -- entered dismissed
  resolved_at    BIGINT NOT NULL DEFAULT 0,
  resolved_by    TEXT NOT NULL DEFAULT '',
  resolve_reason TEXT NOT NULL DEFAULT '',
  UNIQUE (institution_id, client_id)
);
CREATE INDEX qc_strays_list ON qc_strays (institution_id, id);
-- External quality assessment.
CREATE TABLE eqa_programmes (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,             -- who keeps it here
  organiser      TEXT NOT NULL,             -- as a person reads it
  scope          TEXT NOT NULL,             -- national province:x city:x county:x
  name           TEXT NOT NULL,
  year           INTEGER NOT NULL,
  created_at     BIGINT NOT NULL,
  created_by     TEXT NOT NULL,
  UNIQUE (institution_id, name, year)
);
CREATE TABLE eqa_rounds (
  id             TEXT PRIMARY KEY,
  programme_id   TEXT NOT NULL,
  institution_id TEXT NOT NULL,
  name           TEXT NOT NULL,
  opens_at       BIGINT NOT NULL,
  closes_at      BIGINT NOT NULL,
  published_at   BIGINT NOT NULL DEFAULT 0, -- the targets were told
  created_at     BIGINT NOT NULL,
  created_by     TEXT NOT NULL,
  UNIQUE (programme_id, name)
);
CREATE INDEX eqa_rounds_closes ON eqa_rounds (closes_at, id);
CREATE TABLE eqa_samples (
  round_id TEXT NOT NULL,
  sample   TEXT NOT NULL,
  analyte  TEXT NOT NULL,
  unit     TEXT NOT NULL DEFAULT '',
  target   TEXT NOT NULL DEFAULT '',
  tea      TEXT NOT NULL DEFAULT '',        -- allowable error: percent, or absolute
  absolute INTEGER NOT NULL DEFAULT 0,
  sd       TEXT NOT NULL DEFAULT '',        -- of the group, for z
  PRIMARY KEY (round_id, analyte, sample)
);
CREATE TABLE eqa_participants (
  round_id       TEXT NOT NULL,
  institution_id TEXT NOT NULL,
  PRIMARY KEY (round_id, institution_id)
);
CREATE INDEX eqa_participants_laboratory ON eqa_participants (institution_id, round_id);
-- The newest value of each counts; a value is never changed.
CREATE TABLE eqa_values (
  round_id       TEXT NOT NULL,
  institution_id TEXT NOT NULL,
  analyte        TEXT NOT NULL,
  sample         TEXT NOT NULL,
  number         INTEGER NOT NULL,
  value          TEXT NOT NULL,
  method         TEXT NOT NULL DEFAULT '',
  device         TEXT NOT NULL DEFAULT '',
  submitted_at   BIGINT NOT NULL,
  submitted_by   TEXT NOT NULL,
  PRIMARY KEY (round_id, institution_id, analyte, sample, number)
);
CREATE TABLE eqa_certificates (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,             -- the laboratory
  number         TEXT NOT NULL,
  issuer         TEXT NOT NULL,
  scope          TEXT NOT NULL,             -- national province:x city:x county:x
  from_at        BIGINT NOT NULL,
  until_at       BIGINT NOT NULL,           -- exclusive
  note           TEXT NOT NULL DEFAULT '',
  recorded_at    BIGINT NOT NULL,
  recorded_by    TEXT NOT NULL,
  revoked_from   BIGINT NOT NULL DEFAULT 0, -- not valid from here on
  revoked_at     BIGINT NOT NULL DEFAULT 0, -- recorded
  revoked_by     TEXT NOT NULL DEFAULT '',
  revoke_reason  TEXT NOT NULL DEFAULT '',
  UNIQUE (institution_id, issuer, number)
);
CREATE INDEX eqa_certificates_list ON eqa_certificates (institution_id, id);
CREATE TABLE eqa_certificate_analytes (
  institution_id TEXT NOT NULL,
  analyte        TEXT NOT NULL,
  certificate_id TEXT NOT NULL,
  PRIMARY KEY (institution_id, analyte, certificate_id)
);
CREATE INDEX eqa_certificate_analytes_of ON eqa_certificate_analytes (certificate_id);
