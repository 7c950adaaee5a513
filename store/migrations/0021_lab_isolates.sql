-- Cultures: a susceptibility report knows the number of its culture, also before that has come.
-- +goose Up
ALTER TABLE lab_reports ADD COLUMN parent_number TEXT NOT NULL DEFAULT ''; -- f:<filler> p:<placer> s:<barcode> of the culture
CREATE INDEX lab_reports_parent ON lab_reports (parent) WHERE parent <> '';
CREATE INDEX lab_reports_untied ON lab_reports (laboratory_id, parent_number) WHERE parent_number <> '' AND parent = '';
