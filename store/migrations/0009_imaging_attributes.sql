-- The attributes of patient, study and series as their first object has them, so that queries answer in DICOM's own words:
-- a data set (PS3.5 §7), explicit little endian, UTF-8.
-- +goose Up
ALTER TABLE studies ADD COLUMN attributes BYTEA;
ALTER TABLE series ADD COLUMN attributes BYTEA;
CREATE INDEX series_uid ON series (series_uid);
