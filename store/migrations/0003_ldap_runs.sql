-- +goose Up

-- What was last believed of each directory that is read: side state, without
-- revision and chain, because all that gives or takes access stands in accounts,
-- groups and members. Without it the next reading is a full one.
CREATE TABLE ldap_sources (
    source TEXT COLLATE "C" PRIMARY KEY,
    checkpoint TEXT NOT NULL,
    applying BIGINT NOT NULL,
    version BIGINT NOT NULL
);
-- One row for each entry; kind 0 is an account, 1 a group. A group's row has the
-- groups in it, so that the way by which an account is in a group can be told.
CREATE TABLE ldap_entries (
    source TEXT COLLATE "C" NOT NULL,
    kind BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, kind, id)
) /* clustered */;

-- The last reports of the runs.
CREATE TABLE ldap_runs (
    id BIGINT PRIMARY KEY,
    source TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    report TEXT NOT NULL
);
CREATE INDEX ldap_runs_source ON ldap_runs (source, id);
