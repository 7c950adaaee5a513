-- Who may: policy versions, people, sessions, API keys, certificates, devices.
-- +goose Up
-- The policy in force and all before it. "version" is the SHA-256 of model and rows; going back to earlier rows makes a
-- new number with the old version. "seed" is above 0 where the program wrote the row, so that a newer program may
-- replace what nobody has edited.
CREATE TABLE policy_versions (
  number  BIGINT PRIMARY KEY,
  version TEXT NOT NULL,
  rows    TEXT NOT NULL,               -- casbin CSV
  author  TEXT NOT NULL,               -- user id, "lianzhen" for the program's own
  seed    INTEGER NOT NULL DEFAULT 0,
  at      BIGINT NOT NULL,
  active  INTEGER NOT NULL
);
CREATE UNIQUE INDEX policy_versions_active ON policy_versions (active) WHERE active = 1;
CREATE TABLE users (
  id              TEXT PRIMARY KEY,
  login           TEXT NOT NULL UNIQUE,  -- lower case
  display_name    TEXT NOT NULL,
  password        TEXT NOT NULL,         -- argon2id, PHC text
  must_change     INTEGER NOT NULL DEFAULT 0,
  active          INTEGER NOT NULL DEFAULT 1,
  home            TEXT NOT NULL REFERENCES institutions(id), -- whose administrator manages the account
  created_at      BIGINT NOT NULL,
  last_sign_in_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX users_home ON users (home, id);
CREATE TABLE user_roles (
  user_id        TEXT NOT NULL REFERENCES users(id),
  role           TEXT NOT NULL,
  institution_id TEXT NOT NULL REFERENCES institutions(id),
  granted_by     TEXT NOT NULL,
  granted_at     BIGINT NOT NULL,
  PRIMARY KEY (user_id, role, institution_id)
);
CREATE INDEX user_roles_institution ON user_roles (institution_id, user_id);
CREATE TABLE sessions (
  token_hash     TEXT PRIMARY KEY,       -- hex SHA-256 of the token; the token itself is kept nowhere
  user_id        TEXT NOT NULL REFERENCES users(id),
  institution_id TEXT NOT NULL REFERENCES institutions(id),
  created_at     BIGINT NOT NULL,
  seen_at        BIGINT NOT NULL,        -- moved at most once a minute
  expires_at     BIGINT NOT NULL,        -- absolute
  amr            TEXT NOT NULL DEFAULT '', -- RFC 8176 words, separated by spaces
  acr            TEXT NOT NULL DEFAULT '',
  from_addr      TEXT NOT NULL DEFAULT ''
);
CREATE INDEX sessions_user ON sessions (user_id);
-- Failed sign-ins per login, known or not. The key is a keyed hash: people type passwords into the login field.
CREATE TABLE sign_in_failures (
  login_key    TEXT PRIMARY KEY,
  failures     INTEGER NOT NULL,
  last_at      BIGINT NOT NULL,
  locked_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX sign_in_failures_last ON sign_in_failures (last_at);
CREATE TABLE api_keys (
  id             TEXT PRIMARY KEY,
  name           TEXT NOT NULL,
  institution_id TEXT NOT NULL REFERENCES institutions(id),
  scopes         TEXT NOT NULL,          -- separated by spaces
  secret_hash    TEXT NOT NULL,          -- hex SHA-256 of the 256-bit secret
  created_by     TEXT NOT NULL,
  created_at     BIGINT NOT NULL,
  expires_at     BIGINT NOT NULL DEFAULT 0,
  revoked_at     BIGINT NOT NULL DEFAULT 0,
  last_used_at   BIGINT NOT NULL DEFAULT 0 -- moved at most once a minute
);
CREATE INDEX api_keys_institution ON api_keys (institution_id, id);
CREATE TABLE certificates (
  fingerprint    TEXT PRIMARY KEY,       -- hex SHA-256 of the DER form
  institution_id TEXT NOT NULL REFERENCES institutions(id),
  name           TEXT NOT NULL,
  scopes         TEXT NOT NULL,
  not_before     BIGINT NOT NULL,
  not_after      BIGINT NOT NULL,
  created_by     TEXT NOT NULL,
  created_at     BIGINT NOT NULL,
  revoked_at     BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX certificates_institution ON certificates (institution_id, fingerprint);
CREATE TABLE devices (
  id             TEXT PRIMARY KEY,
  institution_id TEXT NOT NULL REFERENCES institutions(id),
  name           TEXT NOT NULL,
  ae_title       TEXT NOT NULL,
  address        TEXT NOT NULL DEFAULT '',
  modality       TEXT NOT NULL DEFAULT '',
  active         INTEGER NOT NULL DEFAULT 1,
  created_at     BIGINT NOT NULL
);
CREATE UNIQUE INDEX devices_ae_title ON devices (ae_title) WHERE active = 1;
CREATE INDEX devices_institution ON devices (institution_id, id);
