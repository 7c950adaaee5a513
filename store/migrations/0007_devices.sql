-- What binds a device beside its AE title, and what it may do. address is host:port: calls come from the host, and what
-- is sent to the device goes to the port.
-- +goose Up
ALTER TABLE devices ADD COLUMN role TEXT NOT NULL DEFAULT 'device';       -- device, workstation
ALTER TABLE devices ADD COLUMN certificate TEXT NOT NULL DEFAULT '';      -- SHA-256 of its TLS certificate, hexadecimal
