-- Recognition: rules and marks as they were believed, the checks of orders, and what the doctors decided.
-- +goose Up
-- The canonical text of every set of rule packs that decided something, so that a decision can be replayed years later.
CREATE TABLE recognition_packs (
  version     TEXT PRIMARY KEY,            -- first 12 hex of the SHA-256 of the text
  body        TEXT NOT NULL,
  recorded_at BIGINT NOT NULL
);
-- HR marks granted at run time. A row is never changed but for its end as a belief: [since_version, until_version).
CREATE TABLE recognition_marks (
  row_id         TEXT PRIMARY KEY,
  id             TEXT NOT NULL,            -- of the mark; an ended mark has a second row with its new end
  institution_id TEXT NOT NULL REFERENCES institutions(id),
  item           TEXT NOT NULL DEFAULT '', -- one of item, item_group and kind
  item_group     TEXT NOT NULL DEFAULT '',
  kind           TEXT NOT NULL DEFAULT '',
  scope          TEXT NOT NULL,            -- national region:x province:x city:x county:x community:x
  from_at        BIGINT NOT NULL,
  to_at          BIGINT NOT NULL DEFAULT 0,-- 0: open
  source         TEXT NOT NULL,
  revoked        INTEGER NOT NULL DEFAULT 0,
  granted_by     TEXT NOT NULL,
  recorded_at    BIGINT NOT NULL,
  since_version  BIGINT NOT NULL,
  until_version  BIGINT NOT NULL DEFAULT 0 -- 0: still believed
);
CREATE INDEX recognition_marks_id ON recognition_marks (id);
CREATE INDEX recognition_marks_institution ON recognition_marks (institution_id);
CREATE TABLE recognition_marks_version (
  one     INTEGER PRIMARY KEY,
  version BIGINT NOT NULL
);
INSERT INTO recognition_marks_version (one, version) VALUES (1, 0);
-- One check of an order. Ids only, no personal data.
CREATE TABLE recognition_checks (
  id                TEXT PRIMARY KEY,
  patient_id        TEXT NOT NULL,
  institution_id    TEXT NOT NULL,         -- who would recognise
  actor_kind        TEXT NOT NULL,
  actor_id          TEXT NOT NULL,
  asked_at          BIGINT NOT NULL,
  ask               TEXT NOT NULL,         -- JSON: level, scopes, setting
  items             TEXT NOT NULL,         -- JSON: the lines, their verdicts and how many priors got each
  priors            TEXT NOT NULL,         -- JSON: the facts of the results in recognition_pairs, as they were then
  catalogue_version TEXT NOT NULL,
  packs_version     TEXT NOT NULL,
  marks_version     BIGINT NOT NULL
);
CREATE INDEX recognition_checks_patient ON recognition_checks (patient_id, id);
CREATE INDEX recognition_checks_institution ON recognition_checks (institution_id, asked_at);
-- What the doctor was reminded of: eligible results and the best of each line.
CREATE TABLE recognition_pairs (
  check_id    TEXT NOT NULL REFERENCES recognition_checks(id),
  order_id    TEXT NOT NULL,
  result_id   TEXT NOT NULL,
  verdict     INTEGER NOT NULL,            -- 1 recognise 2 advise 3 exempt 4 not eligible
  failed      INTEGER NOT NULL,            -- mask of conditions
  item        TEXT NOT NULL,
  rule_id     TEXT NOT NULL,
  mark        TEXT NOT NULL,
  valid_until BIGINT NOT NULL,
  PRIMARY KEY (check_id, order_id, result_id)
);
CREATE TABLE recognition_decisions (
  id                TEXT PRIMARY KEY,
  check_id          TEXT NOT NULL REFERENCES recognition_checks(id),
  order_id          TEXT NOT NULL,
  result_id         TEXT NOT NULL,
  patient_id        TEXT NOT NULL,
  institution_id    TEXT NOT NULL,         -- who decided
  source_id         TEXT NOT NULL,         -- who made the result
  choice            TEXT NOT NULL,         -- adopt repeat
  reason_code       TEXT NOT NULL DEFAULT '',
  explanation       TEXT NOT NULL DEFAULT '',
  verdict           INTEGER NOT NULL,
  item              TEXT NOT NULL,
  rule_id           TEXT NOT NULL,
  catalogue_version TEXT NOT NULL,
  actor_kind        TEXT NOT NULL,
  actor_id          TEXT NOT NULL,
  decided_at        BIGINT NOT NULL,
  UNIQUE (check_id, order_id, result_id)
);
CREATE INDEX recognition_decisions_institution ON recognition_decisions (institution_id, id);
CREATE INDEX recognition_decisions_patient ON recognition_decisions (patient_id, id);
