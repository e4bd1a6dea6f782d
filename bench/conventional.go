package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// conventional creates accounts in the store's own tables, the usual way.
type conventional struct {
	db       *sql.DB
	postgres bool
}

func connectConventional(dsn string) (*conventional, error) {
	c := &conventional{postgres: strings.HasPrefix(dsn, "postgres")}
	driver := "pgx"
	if !c.postgres {
		driver = "sqlite"
		dsn = "file:" + strings.TrimPrefix(dsn, "sqlite:") + "?_txlock=immediate&_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	if c.db = db; c.postgres {
		db.SetMaxOpenConns(64)
		db.SetMaxIdleConns(64)
	} else {
		db.SetMaxOpenConns(1) // waiting in Go is faster than SQLite's own
	}
	return c, nil
}

// text is a statement as the database takes it.
func (c *conventional) text(s string) string {
	if c.postgres {
		return s
	}
	return strings.NewReplacer("$", "?", " FOR UPDATE", "").Replace(s)
}

func (c *conventional) create(login string) (err error) {
	ctx := context.Background()
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback()
		}
	}()
	run := func(text string, args ...any) {
		if err == nil {
			_, err = tx.ExecContext(ctx, c.text(text), args...)
		}
	}
	var rev, account, person int64
	var before string
	err = tx.QueryRowContext(ctx, c.text(`SELECT rev, hash, last_account, last_person FROM head WHERE id = 0 FOR UPDATE`)).Scan(&rev, &before, &account, &person)
	if err != nil {
		return err
	}
	var taken int
	err = tx.QueryRowContext(ctx, c.text(`SELECT count(*) FROM accounts WHERE source = $1 AND login_key = $2 AND deleted = 0`), "entra", login).Scan(&taken)
	if err != nil || taken > 0 {
		return fmt.Errorf("login %s: %d have it: %w", login, taken, err)
	}
	rev, account, person = rev+1, account+1, person+1
	now := time.Now().UnixMicro()
	body := `{"after":{"userName":"` + login + `"}}`
	salt := uuid.NewString()
	digest := sum(salt, body)
	uid := uuid.Must(uuid.NewV7()).String()
	hash := sum(before, fmt.Sprint(rev, now), "scim:entra", "user.create", "entra/user/"+uid, digest)
	run(`INSERT INTO people (id, uid, kind, login, login_key, display, locked, not_before, created, rev) VALUES ($1, $2, 'human', '', '', '', 0, 0, $3, $4)`, person, uuid.NewString(), now, rev)
	run(`INSERT INTO accounts (id, uid, source, external_id, login, login_key, display, email, active, person, doc, created, modified, rev, deleted)
		VALUES ($1, $2, 'entra', $3, $4, $4, $5, $4, 1, $6, $7, $8, $8, $9, 0)`, account, uid, "x"+login, login, "User "+login, person, `{"userName":"`+login+`"}`, now, rev)
	for i, v := range valuesOf(login) {
		run(`INSERT INTO account_values (owner, path, elem, text, rest) VALUES ($1, $2, 0, $3, '')`, account, i+1, v[1])
	}
	run(`INSERT INTO audit (rev, at, actor, action, target, digest, hash) VALUES ($1, $2, 'scim:entra', 'user.create', $3, $4, $5)`, rev, now, "entra/user/"+uid, digest, hash)
	run(`INSERT INTO audit_body (rev, salt, body) VALUES ($1, $2, $3)`, rev, salt, body)
	run(`INSERT INTO audit_people (person, rev) VALUES ($1, $2)`, person, rev)
	run(`UPDATE head SET rev = $1, hash = $2, at = $3, last_account = $4, last_person = $5 WHERE id = 0`, rev, hash, now, account, person)
	if err != nil {
		return err
	}
	return tx.Commit()
}

func sum(parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "|")))
	return hex.EncodeToString(h[:])
}
