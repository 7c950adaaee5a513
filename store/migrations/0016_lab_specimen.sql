-- Laboratory orders, specimens with every scan of them, boxes in transport, barcodes. One text for SQLite and PostgreSQL.
-- +goose Up
-- A prefix of barcodes belongs to one institution for ever; next only grows, so that no number is given twice.
CREATE TABLE barcode_prefixes (
  prefix         INTEGER PRIMARY KEY,
  institution_id TEXT NOT NULL,
  kind           TEXT NOT NULL,             -- tube box
  next           BIGINT NOT NULL
);
CREATE INDEX barcode_prefixes_institution ON barcode_prefixes (institution_id, kind, prefix);
-- Numbers that were handed out for printing without the exchange.
CREATE TABLE barcode_blocks (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,
  prefix         INTEGER NOT NULL,
  first_number   BIGINT NOT NULL,
  last_number    BIGINT NOT NULL,
  reserved_at    BIGINT NOT NULL,
  reserved_by    TEXT NOT NULL,
  device         TEXT NOT NULL DEFAULT ''
);
CREATE INDEX barcode_blocks_prefix ON barcode_blocks (prefix, first_number);
CREATE INDEX barcode_blocks_institution ON barcode_blocks (institution_id, id);
CREATE TABLE lab_orders (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL,
  patient_id     TEXT NOT NULL,
  grade          TEXT NOT NULL,
  number         TEXT NOT NULL,             -- group number of the sender, else its placer number, else our id
  priority       TEXT NOT NULL,
  local_number   TEXT NOT NULL DEFAULT '',
  name           TEXT NOT NULL DEFAULT '',
  latin          TEXT NOT NULL DEFAULT '',
  birth_date     TEXT NOT NULL DEFAULT '',
  sex            TEXT NOT NULL DEFAULT '',
  details        TEXT NOT NULL,             -- JSON: what no query asks for
  ordered_at     BIGINT NOT NULL,
  created_at     BIGINT NOT NULL,
  changed_at     BIGINT NOT NULL,
  version        BIGINT NOT NULL,           -- compare-and-set
  UNIQUE (institution_id, number)
);
CREATE INDEX lab_orders_patient ON lab_orders (patient_id, ordered_at);
CREATE INDEX lab_orders_day ON lab_orders (institution_id, ordered_at, id);
CREATE INDEX lab_orders_local ON lab_orders (local_number);
CREATE TABLE lab_order_lines (
  id             TEXT PRIMARY KEY,
  number         INTEGER NOT NULL,          -- in the order
  order_id       TEXT NOT NULL,
  institution_id TEXT NOT NULL,
  patient_id     TEXT NOT NULL,
  placer         TEXT NOT NULL DEFAULT '',
  item           TEXT NOT NULL,             -- code of the catalogue, else of the sender
  status         TEXT NOT NULL,             -- open in_analysis reported cancelled
  specimen_id    TEXT NOT NULL DEFAULT '',
  details        TEXT NOT NULL,             -- JSON: codings, analytes, what was reported of them
  cancel_reason  TEXT NOT NULL DEFAULT '',
  said_at        BIGINT NOT NULL,           -- of the newest word of the sender
  ordered_at     BIGINT NOT NULL,
  reported_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX lab_order_lines_order ON lab_order_lines (order_id);
CREATE INDEX lab_order_lines_specimen ON lab_order_lines (specimen_id);
CREATE INDEX lab_order_lines_patient ON lab_order_lines (patient_id, item, ordered_at);
CREATE UNIQUE INDEX lab_order_lines_placer ON lab_order_lines (institution_id, placer, item) WHERE placer <> '';
-- Cancellations that came before their orders.
CREATE TABLE lab_orders_parked (
  institution_id TEXT NOT NULL,
  placer         TEXT NOT NULL,
  item           TEXT NOT NULL DEFAULT '',  -- empty: every line of that number
  said_at        BIGINT NOT NULL,
  parked_at      BIGINT NOT NULL,
  PRIMARY KEY (institution_id, placer, item)
);
CREATE INDEX lab_orders_parked_at ON lab_orders_parked (parked_at);
CREATE TABLE specimens (
  id               TEXT PRIMARY KEY,
  number           INTEGER NOT NULL,        -- in the order
  order_id         TEXT NOT NULL,
  institution_id   TEXT NOT NULL,           -- which collects
  laboratory_id    TEXT NOT NULL,           -- the institution that measures
  patient_id       TEXT NOT NULL,
  barcode          TEXT NOT NULL DEFAULT '',
  issuer           TEXT NOT NULL DEFAULT '', -- whose barcode it is; empty: ours
  parent_id        TEXT NOT NULL DEFAULT '',
  type             TEXT NOT NULL DEFAULT '', -- code of the material
  container        TEXT NOT NULL DEFAULT '', -- code of the tube
  details          TEXT NOT NULL,           -- JSON: names, volume, labels, temperature
  priority         TEXT NOT NULL,
  state            TEXT NOT NULL,           -- by the scans in the order of their time: lab/specimen/state.go
  state_at         BIGINT NOT NULL,
  flags            TEXT NOT NULL DEFAULT '', -- words with a blank around each, made by the scans
  marks            TEXT NOT NULL DEFAULT '', -- the same, set by what happened around it
  box_id           TEXT NOT NULL DEFAULT '', -- in which it is or came
  ordered_at       BIGINT NOT NULL,
  collected_at     BIGINT NOT NULL DEFAULT 0,
  received_at      BIGINT NOT NULL DEFAULT 0,
  started_at       BIGINT NOT NULL DEFAULT 0,
  reported_at      BIGINT NOT NULL DEFAULT 0,
  deadline_at      BIGINT NOT NULL DEFAULT 0, -- first analyte that can no longer be measured; 0: none known
  deadline_analyte TEXT NOT NULL DEFAULT '',
  reject_code      TEXT NOT NULL DEFAULT '',
  reject_note      TEXT NOT NULL DEFAULT '',
  replaces_id      TEXT NOT NULL DEFAULT '',
  replaced_by      TEXT NOT NULL DEFAULT '',
  told_at          BIGINT NOT NULL DEFAULT 0, -- when its being overdue was told
  version          BIGINT NOT NULL
);
CREATE INDEX specimens_order ON specimens (order_id);
CREATE INDEX specimens_state ON specimens (state, state_at, id);
CREATE INDEX specimens_patient ON specimens (patient_id, ordered_at);
CREATE INDEX specimens_institution ON specimens (institution_id, state, state_at, id);
CREATE INDEX specimens_laboratory ON specimens (laboratory_id, state, state_at, id);
CREATE INDEX specimens_received ON specimens (laboratory_id, received_at, id) WHERE received_at > 0;
CREATE INDEX specimens_box ON specimens (box_id) WHERE box_id <> '';
CREATE INDEX specimens_parent ON specimens (parent_id) WHERE parent_id <> '';
CREATE INDEX specimens_overdue ON specimens (state_at) WHERE told_at = 0 AND state IN ('collected', 'packed', 'transport');
CREATE INDEX specimens_ordered ON specimens (ordered_at, id);
-- Every barcode that a specimen ever had. Ours are unique in the region, a sender's at the sender.
CREATE TABLE specimen_barcodes (
  barcode     TEXT NOT NULL,
  issuer      TEXT NOT NULL,                -- empty: ours
  specimen_id TEXT NOT NULL,
  retired_at  BIGINT NOT NULL DEFAULT 0,    -- another label was stuck on instead
  PRIMARY KEY (barcode, issuer)
);
CREATE INDEX specimen_barcodes_specimen ON specimen_barcodes (specimen_id);
CREATE TABLE specimen_scans (
  id             TEXT PRIMARY KEY,
  specimen_id    TEXT NOT NULL,
  number         INTEGER NOT NULL,          -- of this tube, as they were recorded
  act            TEXT NOT NULL,
  by_place       INTEGER NOT NULL,          -- bits: 1 who collects, 2 who measures, 4 the program
  at             BIGINT NOT NULL,           -- by the clock of who scanned
  recorded_at    BIGINT NOT NULL,
  actor_kind     TEXT NOT NULL,
  actor_id       TEXT NOT NULL,
  institution_id TEXT NOT NULL,             -- of the actor
  client_id      TEXT NOT NULL,             -- unique at that institution
  digest         TEXT NOT NULL,             -- of what was said, to know a repetition from another scan
  applied        INTEGER NOT NULL,          -- 0: waits for scans that must have been before it
  conflict       INTEGER NOT NULL DEFAULT 0, -- 1: contradicts scans that were applied; a person looks
  settled_at     BIGINT NOT NULL DEFAULT 0, -- a person has looked: it counts no more
  settled_by     TEXT NOT NULL DEFAULT '',
  settled_note   TEXT NOT NULL DEFAULT '',
  flags          TEXT NOT NULL DEFAULT '',
  device         TEXT NOT NULL DEFAULT '',
  place          TEXT NOT NULL DEFAULT '',
  reason         TEXT NOT NULL DEFAULT '',
  note           TEXT NOT NULL DEFAULT '',
  box_id         TEXT NOT NULL DEFAULT '',
  UNIQUE (institution_id, client_id)
);
CREATE UNIQUE INDEX specimen_scans_specimen ON specimen_scans (specimen_id, number);
CREATE TABLE specimen_boxes (
  id             TEXT PRIMARY KEY,
  barcode        TEXT NOT NULL UNIQUE,
  institution_id TEXT NOT NULL,             -- which packs
  laboratory_id  TEXT NOT NULL,             -- where it goes
  state          TEXT NOT NULL,             -- open sealed handed arrived closed
  details        TEXT NOT NULL,             -- JSON: seal, courier
  low_mc         INTEGER NOT NULL,          -- thousandths of a degree Celsius
  high_mc        INTEGER NOT NULL,
  out_of_range   INTEGER NOT NULL DEFAULT 0,
  created_at     BIGINT NOT NULL,
  sealed_at      BIGINT NOT NULL DEFAULT 0,
  handed_at      BIGINT NOT NULL DEFAULT 0,
  arrived_at     BIGINT NOT NULL DEFAULT 0,
  closed_at      BIGINT NOT NULL DEFAULT 0,
  version        BIGINT NOT NULL
);
CREATE INDEX specimen_boxes_institution ON specimen_boxes (institution_id, created_at, id);
CREATE INDEX specimen_boxes_laboratory ON specimen_boxes (laboratory_id, created_at, id);
-- The manifest: what was in the box when it was sealed, and what came out of it.
CREATE TABLE specimen_box_tubes (
  box_id      TEXT NOT NULL,
  barcode     TEXT NOT NULL,
  specimen_id TEXT NOT NULL DEFAULT '',     -- empty: nobody knows this barcode
  expected    INTEGER NOT NULL,             -- 1: on the manifest
  came_at     BIGINT NOT NULL DEFAULT 0,    -- taken out at the laboratory
  rejected    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (box_id, barcode)
);
CREATE INDEX specimen_box_tubes_specimen ON specimen_box_tubes (specimen_id);
CREATE TABLE specimen_box_readings (
  box_id TEXT NOT NULL,
  at     BIGINT NOT NULL,
  source TEXT NOT NULL DEFAULT '',          -- number of the logger
  mc     INTEGER NOT NULL,                  -- thousandths of a degree Celsius
  PRIMARY KEY (box_id, at, source)
);
