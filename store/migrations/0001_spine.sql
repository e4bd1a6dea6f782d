-- +goose Up

-- One text for both databases. For SQLite, BIGINT becomes INTEGER, COLLATE "C"
-- goes away, tables become STRICT and those marked clustered WITHOUT ROWID.
-- Times are microseconds since 1970, 0 is none; booleans are 0 and 1.

-- The one row that every commit locks: the revision, the chain's last hash, and
-- the last id of each kind, so that ids are dense and equal on both databases.
CREATE TABLE head (
    id BIGINT PRIMARY KEY,
    rev BIGINT NOT NULL,
    hash TEXT NOT NULL,
    at BIGINT NOT NULL,
    last_account BIGINT NOT NULL,
    last_group BIGINT NOT NULL,
    last_person BIGINT NOT NULL,
    last_path BIGINT NOT NULL,
    last_manual BIGINT NOT NULL,
    last_token BIGINT NOT NULL,
    last_scim_token BIGINT NOT NULL,
    last_hold BIGINT NOT NULL
);
INSERT INTO head (id, rev, hash, at, last_account, last_group, last_person, last_path,
    last_manual, last_token, last_scim_token, last_hold)
VALUES (0, 0, '', 0, 0, 0, 0, 0, 0, 0, 0, 0);

-- The chain: hash = SHA-256(hash before | rev | at | actor | action | target | digest).
CREATE TABLE audit (
    rev BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    digest TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_target ON audit (target, rev);

-- What the digest is of: SHA-256(salt | body). A body may be erased.
CREATE TABLE audit_body (
    rev BIGINT PRIMARY KEY,
    salt TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE audit_people (
    person BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    PRIMARY KEY (person, rev)
) /* clustered */;
CREATE TABLE checkpoints (
    rev BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    hash TEXT NOT NULL,
    signature TEXT NOT NULL
);

CREATE TABLE sources (
    name TEXT COLLATE "C" PRIMARY KEY,
    veto BIGINT NOT NULL,
    disabled BIGINT NOT NULL,
    rev BIGINT NOT NULL
);
CREATE TABLE sites (
    id BIGINT PRIMARY KEY,
    slug TEXT NOT NULL,
    slug_key TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    rev BIGINT NOT NULL,
    removed BIGINT NOT NULL
);
CREATE INDEX sites_slug ON sites (slug_key);
CREATE INDEX sites_rev ON sites (rev);

CREATE TABLE people (
    id BIGINT PRIMARY KEY,
    uid TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    login TEXT NOT NULL,
    login_key TEXT COLLATE "C" NOT NULL,
    display TEXT NOT NULL,
    locked BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    created BIGINT NOT NULL,
    rev BIGINT NOT NULL
);
CREATE UNIQUE INDEX people_login ON people (login_key) WHERE login_key <> '';
CREATE INDEX people_rev ON people (rev);

CREATE TABLE accounts (
    id BIGINT PRIMARY KEY,
    uid TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    external_id TEXT COLLATE "C" NOT NULL,
    login TEXT NOT NULL,
    login_key TEXT COLLATE "C" NOT NULL,
    display TEXT NOT NULL,
    email TEXT NOT NULL,
    active BIGINT NOT NULL,
    person BIGINT NOT NULL,
    doc TEXT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    deleted BIGINT NOT NULL
);
CREATE UNIQUE INDEX accounts_uid ON accounts (uid);
CREATE UNIQUE INDEX accounts_external ON accounts (source, external_id) WHERE deleted = 0 AND external_id <> '';
CREATE INDEX accounts_login ON accounts (source, login_key) WHERE deleted = 0;
CREATE INDEX accounts_source ON accounts (source, id) WHERE deleted = 0;
CREATE INDEX accounts_person ON accounts (person, id);
CREATE INDEX accounts_modified ON accounts (source, modified) WHERE deleted = 0;

CREATE TABLE groups (
    id BIGINT PRIMARY KEY,
    uid TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    external_id TEXT COLLATE "C" NOT NULL,
    display TEXT NOT NULL,
    display_key TEXT COLLATE "C" NOT NULL,
    dn TEXT NOT NULL,
    doc TEXT NOT NULL,
    members BIGINT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    deleted BIGINT NOT NULL
);
CREATE UNIQUE INDEX groups_uid ON groups (uid);
CREATE UNIQUE INDEX groups_external ON groups (source, external_id) WHERE deleted = 0 AND external_id <> '';
CREATE INDEX groups_display ON groups (source, display_key) WHERE deleted = 0;
CREATE INDEX groups_source ON groups (source, id) WHERE deleted = 0;
CREATE INDEX groups_rev ON groups (rev);

-- One row for each simple attribute value, so that every filter has an index.
-- text is the value's beginning, at most 512 bytes; rest is what follows.
CREATE TABLE paths (
    id BIGINT PRIMARY KEY,
    path TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX paths_path ON paths (path);
CREATE TABLE account_values (
    owner BIGINT NOT NULL,
    path BIGINT NOT NULL,
    elem BIGINT NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    rest TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (owner, path, elem, text)
) /* clustered */;
CREATE INDEX account_values_text ON account_values (path, text, owner, elem);
CREATE TABLE group_values (
    owner BIGINT NOT NULL,
    path BIGINT NOT NULL,
    elem BIGINT NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    rest TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (owner, path, elem, text)
) /* clustered */;
CREATE INDEX group_values_text ON group_values (path, text, owner, elem);

CREATE TABLE members (
    group_id BIGINT NOT NULL,
    account BIGINT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (group_id, account)
) /* clustered */;
CREATE INDEX members_account ON members (account, group_id);
-- References to accounts that the source has not told of yet.
CREATE TABLE parked (
    group_id BIGINT NOT NULL,
    ref TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (group_id, ref)
) /* clustered */;
CREATE INDEX parked_ref ON parked (ref);

CREATE TABLE mappings (
    version BIGINT PRIMARY KEY,
    body TEXT NOT NULL,
    author TEXT NOT NULL,
    note TEXT NOT NULL,
    at BIGINT NOT NULL,
    restores BIGINT NOT NULL,
    rev BIGINT NOT NULL
);
CREATE TABLE manuals (
    id BIGINT PRIMARY KEY,
    kind BIGINT NOT NULL,
    subject_kind BIGINT NOT NULL,
    subject_id BIGINT NOT NULL,
    role TEXT NOT NULL,
    actions TEXT NOT NULL,
    all_sites BIGINT NOT NULL,
    sites TEXT NOT NULL,
    labels TEXT NOT NULL,
    ceiling TEXT NOT NULL,
    channel BIGINT NOT NULL,
    starts BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    until_sync TEXT COLLATE "C" NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    ticket TEXT NOT NULL,
    created BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    ended_by TEXT NOT NULL,
    rev BIGINT NOT NULL
);
CREATE INDEX manuals_rev ON manuals (rev);
CREATE INDEX manuals_sync ON manuals (until_sync, subject_id) WHERE ended = 0 AND until_sync <> '';

CREATE TABLE tokens (
    id BIGINT PRIMARY KEY,
    person BIGINT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    prefix TEXT NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    ceiling TEXT NOT NULL,
    sites TEXT NOT NULL,
    actions TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    parent BIGINT NOT NULL,
    rotated_from BIGINT NOT NULL,
    revoked BIGINT NOT NULL,
    rev BIGINT NOT NULL
);
CREATE UNIQUE INDEX tokens_digest ON tokens (digest);
CREATE INDEX tokens_rev ON tokens (rev);
CREATE TABLE scim_tokens (
    id BIGINT PRIMARY KEY,
    source TEXT COLLATE "C" NOT NULL,
    prefix TEXT NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    revoked BIGINT NOT NULL,
    rev BIGINT NOT NULL
);
CREATE UNIQUE INDEX scim_tokens_digest ON scim_tokens (source, digest);

CREATE TABLE holds (
    id BIGINT PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    base BIGINT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    plan TEXT NOT NULL,
    payload TEXT NOT NULL,
    says TEXT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    settled BIGINT NOT NULL,
    settled_by TEXT NOT NULL
);
CREATE INDEX holds_state ON holds (state, id);

-- Side state: no revision, no chain.
CREATE TABLE token_use (
    token BIGINT PRIMARY KEY,
    last BIGINT NOT NULL
);
CREATE TABLE scim_token_use (
    token BIGINT PRIMARY KEY,
    last BIGINT NOT NULL
);
CREATE TABLE leases (
    name TEXT COLLATE "C" PRIMARY KEY,
    holder TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
