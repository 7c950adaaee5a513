-- Objects that are kept in containers (codec/dicom/compact): their instances' blob_key ends in .lzt, and blob_offset is where
-- the container begins. Derived: `lianzhen admin reindex` makes it again from the blobs.
-- +goose Up
CREATE TABLE containers (
  blob_key    TEXT NOT NULL,
  blob_offset BIGINT NOT NULL,
  length      BIGINT NOT NULL, -- of the container
  pieces      BYTEA NOT NULL,  -- where they lie in it: compact.Index
  PRIMARY KEY (blob_key, blob_offset)
);
-- Blobs that were looked at and stay as they are: a container would hardly be smaller.
CREATE TABLE compact_skips (
  blob_key TEXT PRIMARY KEY
);
