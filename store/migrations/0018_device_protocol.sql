-- Devices that speak HL7 v2 or ASTM: links of the laboratory. link is the name that a message shows: "APPLICATION|FACILITY" of HL7
-- (MSH-3, MSH-4), for ASTM what the administrator calls it. AE titles are of DICOM only.
-- +goose Up
ALTER TABLE devices ADD COLUMN protocol TEXT NOT NULL DEFAULT 'DICOM';  -- DICOM, HL7, ASTM
ALTER TABLE devices ADD COLUMN link TEXT NOT NULL DEFAULT '';
DROP INDEX devices_ae_title;
CREATE UNIQUE INDEX devices_ae_title ON devices (ae_title) WHERE active = 1 AND protocol = 'DICOM';
CREATE UNIQUE INDEX devices_link ON devices (protocol, link) WHERE active = 1 AND protocol <> 'DICOM';
-- How a link's messages are read. A row is never changed but followed by one with the next number.
CREATE TABLE link_profiles (
  device_id   TEXT NOT NULL REFERENCES devices(id),
  number      INTEGER NOT NULL,          -- from 1
  yaml        TEXT NOT NULL,
  recorded_at BIGINT NOT NULL,
  recorded_by TEXT NOT NULL,             -- user id
  PRIMARY KEY (device_id, number)
);
