-- The quality of laboratory results as it was known when they were released: recognition asks for it.
-- +goose Up
ALTER TABLE results ADD COLUMN laboratory_id TEXT NOT NULL DEFAULT '';   -- who measured; empty: institution_id itself
ALTER TABLE results ADD COLUMN qc_verdict TEXT NOT NULL DEFAULT '';      -- in_control warning out_of_control establishing none
ALTER TABLE results ADD COLUMN qc_at BIGINT NOT NULL DEFAULT 0;          -- of the control run
ALTER TABLE results ADD COLUMN eqa_certificate TEXT NOT NULL DEFAULT ''; -- its number; empty: none
ALTER TABLE results ADD COLUMN eqa_scope TEXT NOT NULL DEFAULT '';       -- as the scopes of HR marks
ALTER TABLE results ADD COLUMN eqa_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE results ADD COLUMN eqa_until BIGINT NOT NULL DEFAULT 0;      -- 0: open
ALTER TABLE results ADD COLUMN eqa_revoked_at BIGINT NOT NULL DEFAULT 0; -- after the release
ALTER TABLE results ADD COLUMN quality_at BIGINT NOT NULL DEFAULT 0;     -- 0: nobody said anything of quality
CREATE INDEX results_certificate ON results (eqa_certificate) WHERE eqa_certificate <> '';
