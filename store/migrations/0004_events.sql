-- +goose Up

-- Side state of the security event streams: no revision, no chain. The audit is
-- the ordered outbox; a stream keeps how far it was delivered, and nothing of
-- what it delivers. Everything before part number part of revision rev is done.
CREATE TABLE event_streams (
    name TEXT COLLATE "C" PRIMARY KEY,
    rev BIGINT NOT NULL,
    part BIGINT NOT NULL,
    moved BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    error TEXT NOT NULL
);
-- What was acknowledged beyond that.
CREATE TABLE event_acks (
    stream TEXT COLLATE "C" NOT NULL,
    rev BIGINT NOT NULL,
    part BIGINT NOT NULL,
    PRIMARY KEY (stream, rev, part)
) /* clustered */;
