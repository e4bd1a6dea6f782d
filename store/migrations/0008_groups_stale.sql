-- +goose Up

-- Since when sign-ins of an account have not said which groups it is in; 0 when
-- the last one did. And how long a source's memberships grant after that, in
-- microseconds; 0 is for ever.
ALTER TABLE accounts ADD COLUMN groups_stale BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN stale_after BIGINT NOT NULL DEFAULT 0;
