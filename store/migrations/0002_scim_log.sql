-- +goose Up

-- The SCIM request log: side state, no revision, no chain. Its ids come from a
-- row of its own, so that writing it never waits for the head lock nor is
-- waited for under it.
CREATE TABLE scim_log_head (
    id BIGINT PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO scim_log_head (id, last) VALUES (0, 0);
CREATE TABLE scim_log (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    credential TEXT NOT NULL,
    profile TEXT NOT NULL,
    method TEXT NOT NULL,
    route TEXT NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    status BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    moved BIGINT NOT NULL,
    took BIGINT NOT NULL,
    says TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX scim_log_at ON scim_log (at);
CREATE INDEX scim_log_request ON scim_log (request);
-- Whom and what a request is about: "person/12", or a resource's id.
CREATE TABLE scim_log_about (
    subject TEXT COLLATE "C" NOT NULL,
    entry BIGINT NOT NULL,
    PRIMARY KEY (subject, entry)
) /* clustered */;
CREATE INDEX scim_log_about_entry ON scim_log_about (entry);

-- Client credentials of OAuth 2.0, beside the bearer tokens, whose numbers they
-- share. A version that does not know them must not take a client's secret for
-- a bearer token: hence a table of their own.
CREATE TABLE scim_clients (
    id BIGINT PRIMARY KEY,
    source TEXT COLLATE "C" NOT NULL,
    prefix TEXT NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    revoked BIGINT NOT NULL,
    rev BIGINT NOT NULL
);
-- The short-lived access tokens that clients were given: side state.
CREATE TABLE scim_access (
    digest TEXT COLLATE "C" PRIMARY KEY,
    client BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX scim_access_expires ON scim_access (expires);
