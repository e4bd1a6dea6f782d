-- +goose Up

-- The last good metadata of sources that have them by URL. Which certificates
-- are trusted is a fact of the chain; the rest is side state.
CREATE TABLE saml_metadata (
    source TEXT COLLATE "C" PRIMARY KEY,
    url TEXT NOT NULL,
    document TEXT NOT NULL,
    etag TEXT NOT NULL,
    fetched BIGINT NOT NULL,
    trusted TEXT NOT NULL,
    next BIGINT NOT NULL,
    failure TEXT NOT NULL
);

-- When an administrator refused it; 0 while it waits.
ALTER TABLE pending_links ADD COLUMN refused BIGINT NOT NULL DEFAULT 0;

-- Random values that servers of one store share, made by the first who asks.
CREATE TABLE salts (
    name TEXT COLLATE "C" PRIMARY KEY,
    salt TEXT NOT NULL
);
