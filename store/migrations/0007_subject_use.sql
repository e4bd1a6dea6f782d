-- +goose Up

-- When a subject of a kind that identity providers give to somebody else later
-- signed in last. Side state.
CREATE TABLE subject_use (
    source TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (source, subject)
) /* clustered */;

-- When those known already were last here is not known: it counts from now on.
INSERT INTO subject_use (source, subject, last)
SELECT s.source, s.subject, h.at FROM subjects s CROSS JOIN head h;
INSERT INTO subject_use (source, subject, last)
SELECT a.source, substr(a.external_id, 6), h.at FROM accounts a CROSS JOIN head h
WHERE a.deleted = 0 AND substr(a.external_id, 1, 12) = 'saml:nameid:'
    AND NOT EXISTS (SELECT u.last FROM subject_use u WHERE u.source = a.source AND u.subject = substr(a.external_id, 6));

-- The account that a sign-in made before and that it may not be any more.
ALTER TABLE pending_links ADD COLUMN account TEXT NOT NULL DEFAULT '';
