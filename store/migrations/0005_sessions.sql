-- +goose Up

-- Signing in. All of it is side state but subjects, which decide whose account
-- a sign-in is and so are facts of the chain. What is secret is kept as a digest.

-- Sessions are found by the digest of their handle; the handle is the browser's.
CREATE TABLE sessions (
    id TEXT COLLATE "C" PRIMARY KEY,
    digest TEXT COLLATE "C" NOT NULL,
    person BIGINT NOT NULL,
    account BIGINT NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    ceiling TEXT NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    auth TEXT NOT NULL,
    issued BIGINT NOT NULL,
    idle_until BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    ended_by TEXT NOT NULL
);
CREATE UNIQUE INDEX sessions_digest ON sessions (digest);
CREATE INDEX sessions_person ON sessions (person, issued);
CREATE INDEX sessions_name ON sessions (source, name_key);
CREATE INDEX sessions_expires ON sessions (expires);

-- What may be used once: assertions, requests, logout messages.
CREATE TABLE spent (
    ticket TEXT COLLATE "C" PRIMARY KEY,
    until BIGINT NOT NULL
);
CREATE INDEX spent_until ON spent (until);

-- Sign-ins and sign-outs that wait for the identity provider or the browser.
CREATE TABLE logins (
    digest TEXT COLLATE "C" PRIMARY KEY,
    source TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    browser TEXT NOT NULL,
    body TEXT NOT NULL,
    parked TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX logins_request ON logins (source, request);
CREATE INDEX logins_expires ON logins (expires);

CREATE TABLE login_traces (
    id TEXT COLLATE "C" PRIMARY KEY,
    source TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    person BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX login_traces_at ON login_traces (at);

-- Whose account a sign-in is, on an administrator's word.
CREATE TABLE subjects (
    source TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    account BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    PRIMARY KEY (source, subject)
) /* clustered */;
CREATE INDEX subjects_account ON subjects (account);

-- Sign-ins that wait for that word.
CREATE TABLE pending_links (
    source TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    login TEXT NOT NULL,
    email TEXT NOT NULL,
    trace TEXT NOT NULL,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (source, subject)
) /* clustered */;

-- The public halves of the keys that forward-auth tokens are signed with. The
-- private half never leaves the process that made it.
CREATE TABLE verify_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    jwk TEXT NOT NULL,
    expires BIGINT NOT NULL
);
