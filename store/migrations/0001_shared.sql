-- Tables that two rooms use. One text for SQLite and PostgreSQL: text ids, UTC microseconds in BIGINT, JSON in TEXT.
-- +goose Up
CREATE TABLE institutions (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,              -- Chinese
  name_en    TEXT NOT NULL DEFAULT '',
  kind       TEXT NOT NULL,              -- village township county_hospital hospital private community county city province bureau
  division   TEXT NOT NULL DEFAULT '',   -- GB/T 2260 code, e.g. 620923
  level      INTEGER NOT NULL DEFAULT 0, -- hospital level 1..3, 0 unknown
  active     INTEGER NOT NULL DEFAULT 1,
  created_at BIGINT NOT NULL
);
-- "member_of": child belongs to parent (village to township, clinic to community, community to county, county to city).
-- "leads": child is the lead hospital of parent (a community). Geography never implies either.
CREATE TABLE relations (
  child   TEXT NOT NULL REFERENCES institutions(id),
  parent  TEXT NOT NULL REFERENCES institutions(id),
  kind    TEXT NOT NULL,                 -- member_of leads
  from_at BIGINT NOT NULL,
  to_at   BIGINT NOT NULL DEFAULT 0,     -- 0: open
  PRIMARY KEY (child, parent, kind, from_at)
);
CREATE TABLE centres (
  id     TEXT PRIMARY KEY,               -- <county>-<kind>
  county TEXT NOT NULL REFERENCES institutions(id),
  kind   TEXT NOT NULL,                  -- imaging ecg pathology lab
  host   TEXT NOT NULL REFERENCES institutions(id), -- the hospital whose doctors read
  bucket TEXT NOT NULL,                  -- <division code>-<kind>
  name   TEXT NOT NULL,
  UNIQUE (county, kind)
);
-- One row that moves with every change of the three tables above, so that a cached picture of them knows its age.
CREATE TABLE directory_version (
  one     INTEGER PRIMARY KEY,
  version BIGINT NOT NULL
);
INSERT INTO directory_version (one, version) VALUES (1, 1);
CREATE TABLE patients (
  id            TEXT PRIMARY KEY,
  person        TEXT NOT NULL,            -- smallest patient id of those a person declared to be the same; else the id
  name          TEXT NOT NULL,
  name_key      TEXT NOT NULL DEFAULT '', -- the name without width, space and case, for comparing
  latin         TEXT NOT NULL DEFAULT '',
  birth_date    TEXT NOT NULL DEFAULT '', -- YYYY-MM-DD
  sex           TEXT NOT NULL DEFAULT '',
  id_sealed     TEXT NOT NULL DEFAULT '', -- national identity number, AES-256-GCM, base64
  created_at    BIGINT NOT NULL
);
CREATE INDEX patients_demographics ON patients (name_key, birth_date, sex);
CREATE INDEX patients_person ON patients (person);
-- A value is the sender's own number for system "local:<institution>", or an HMAC for system "cn-id".
CREATE TABLE patient_identifiers (
  system     TEXT NOT NULL,
  value      TEXT NOT NULL,
  patient_id TEXT NOT NULL REFERENCES patients(id),
  PRIMARY KEY (system, value, patient_id)
);
CREATE INDEX patient_identifiers_patient ON patient_identifiers (patient_id);
-- Pairs that a person should look at; never merged by the machine.
CREATE TABLE patient_links (
  patient_id TEXT NOT NULL REFERENCES patients(id),
  other_id   TEXT NOT NULL REFERENCES patients(id),
  reason     TEXT NOT NULL,
  state      TEXT NOT NULL DEFAULT 'open', -- open same different
  decided_by TEXT NOT NULL DEFAULT '',
  decided_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (patient_id, other_id)
);
CREATE INDEX patient_links_other ON patient_links (other_id);
CREATE INDEX patient_links_open ON patient_links (created_at) WHERE state = 'open';
-- A treatment relationship: the patient is at this institution now.
CREATE TABLE encounters (
  id             TEXT PRIMARY KEY,
  patient_id     TEXT NOT NULL REFERENCES patients(id),
  institution_id TEXT NOT NULL REFERENCES institutions(id),
  class          TEXT NOT NULL,            -- AMB IMP EMER (HL7 v3 ActCode)
  visit_number   TEXT NOT NULL DEFAULT '',
  opened_at      BIGINT NOT NULL,
  closed_at      BIGINT NOT NULL DEFAULT 0,
  expires_at     BIGINT NOT NULL
);
CREATE INDEX encounters_patient ON encounters (patient_id, institution_id);
CREATE UNIQUE INDEX encounters_visit ON encounters (institution_id, visit_number) WHERE visit_number <> '';
CREATE TABLE consent_withdrawals (
  patient_id   TEXT NOT NULL REFERENCES patients(id),
  withdrawn_at BIGINT NOT NULL,
  restored_at  BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (patient_id, withdrawn_at)
);
-- Two views for ScopeSQL. They follow persons across linked patients, and no column of theirs has the name of a
-- table's column, so that an unqualified outer column cannot be captured inside the subquery.
CREATE VIEW scope_encounters AS
  SELECT same.id AS scope_patient, e.institution_id AS scope_institution, e.expires_at AS scope_expires
  FROM encounters e JOIN patients here ON here.id = e.patient_id JOIN patients same ON same.person = here.person
  WHERE e.closed_at = 0;
CREATE VIEW scope_withdrawals AS
  SELECT same.id AS scope_patient
  FROM consent_withdrawals w JOIN patients here ON here.id = w.patient_id JOIN patients same ON same.person = here.person
  WHERE w.restored_at = 0;
-- What other institutions may recognise: written by reading when a report is signed, read by authz.
CREATE TABLE results (
  id             TEXT PRIMARY KEY,
  exam_id        TEXT NOT NULL UNIQUE,
  kind           TEXT NOT NULL,
  centre_id      TEXT NOT NULL,
  institution_id TEXT NOT NULL,
  patient_id     TEXT NOT NULL,
  grade          TEXT NOT NULL,
  modality       TEXT NOT NULL DEFAULT '',
  body_part      TEXT NOT NULL DEFAULT '',
  procedure_code TEXT NOT NULL DEFAULT '',
  accession      TEXT NOT NULL DEFAULT '',
  title          TEXT NOT NULL DEFAULT '',
  priority       TEXT NOT NULL DEFAULT '',
  performed_at   BIGINT NOT NULL,
  received_at    BIGINT NOT NULL,
  complete       INTEGER NOT NULL,
  case_id        TEXT NOT NULL DEFAULT '',
  report_id      TEXT NOT NULL DEFAULT '',
  status         TEXT NOT NULL,
  positive       INTEGER NOT NULL DEFAULT 0,
  signed_at      BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX results_patient ON results (patient_id, performed_at);
CREATE INDEX results_case ON results (case_id);
-- The event table: gapless seq in commit order, each row chained to the one before by its hash.
CREATE TABLE events (
  seq            BIGINT PRIMARY KEY,
  at             BIGINT NOT NULL,
  act            TEXT NOT NULL,
  actor_kind     TEXT NOT NULL,
  actor_id       TEXT NOT NULL,
  actor_org      TEXT NOT NULL,
  actor_name     TEXT NOT NULL,
  purpose        TEXT NOT NULL,
  institution_id TEXT NOT NULL,
  patient_id     TEXT NOT NULL,
  kind           TEXT NOT NULL,
  object_id      TEXT NOT NULL,
  outcome        TEXT NOT NULL,
  rule           TEXT NOT NULL,
  detail         TEXT NOT NULL,            -- JSON object of texts
  hash           TEXT NOT NULL             -- hex SHA-256 of (previous hash, this row): store/chain.go
);
CREATE INDEX events_patient ON events (patient_id, seq);
CREATE INDEX events_institution ON events (institution_id, seq);
CREATE INDEX events_object ON events (object_id, seq);
CREATE INDEX events_act ON events (act, seq);
CREATE TABLE event_head (
  one  INTEGER PRIMARY KEY,
  seq  BIGINT NOT NULL,
  hash TEXT NOT NULL
);
INSERT INTO event_head (one, seq, hash) VALUES (1, 0, '');
