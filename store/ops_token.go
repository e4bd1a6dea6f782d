package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"grantbridge/access"
)

// Digest is what is stored of a secret.
func Digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// random is 256 random bits in 43 characters.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// secretOf makes a secret; its checksum lets scanners and doors tell a mistyped
// one without the store.
func secretOf(prefix, random string) string {
	s := prefix + random
	return fmt.Sprintf("%s_%08x", s, crc32.ChecksumIEEE([]byte(s)))
}

const tokenColumns = `t.id, t.person, t.name, t.description, t.prefix, t.digest, t.ceiling, t.sites, t.actions,
	t.created, t.expires, t.parent, t.rotated_from, t.revoked, t.rev`

func scanToken(r row, t *Token, more ...any) error {
	var digest, sites, actions string
	var created, expires, revoked int64
	dest := []any{(*int64)(&t.ID), (*int64)(&t.Person), &t.Name, &t.Description, &t.Prefix, &digest, &t.Ceiling, &sites, &actions,
		&created, &expires, (*int64)(&t.Parent), (*int64)(&t.RotatedFrom), &revoked, &t.Revision}
	if err := r.Scan(append(dest, more...)...); err != nil {
		return err
	}
	t.Digest, _ = hex.DecodeString(digest)
	t.Created, t.Expires, t.Revoked = timeOf(created), timeOf(expires), timeOf(revoked)
	return errors.Join(json.Unmarshal([]byte(sites), &t.Sites), json.Unmarshal([]byte(actions), &t.Actions))
}

const (
	loadToken  = `SELECT r.n, ` + tokenColumns + ` FROM rowset($1, n bigint, id bigint) r JOIN tokens t ON t.id = r.id`
	loadPerson = `SELECT r.n, p.id FROM rowset($1, n bigint, id bigint) r JOIN people p ON p.id = r.id`
	putToken   = `
		INSERT INTO tokens (id, person, name, description, prefix, digest, ceiling, sites, actions,
			created, expires, parent, rotated_from, revoked, rev)
		SELECT r.id, r.person, r.name, r.description, r.prefix, r.digest, r.ceiling, r.sites, r.actions,
			r.created, r.expires, r.parent, r.rotated_from, 0, r.rev
		FROM rowset($1, id bigint, person bigint, name text, description text, prefix text, digest text, ceiling text,
			sites text, actions text, created bigint, expires bigint, parent bigint, rotated_from bigint, rev bigint) r`
	endToken = `
		UPDATE tokens SET revoked = r.revoked, expires = r.expires, rev = r.rev
		FROM rowset($1, id bigint, revoked bigint, expires bigint, rev bigint) r WHERE tokens.id = r.id`
)

// mintToken is a MintToken under way.
type mintToken struct {
	op               *MintToken
	random           string
	person           bool
	parent, replaced Token
}

func (w *mintToken) cost() (int, bool) { return 1, false }

func (w *mintToken) prepare(*Store) error {
	t := w.op.Token
	w.random = random()
	return checkTexts(t.Name, t.Description, t.Ceiling, asJSON(t.Actions))
}

func (w *mintToken) load(q *questions) {
	w.person, w.parent, w.replaced = false, Token{}, Token{}
	q.ask(loadPerson, func(row) error { w.person = true; return nil }, int64(w.op.Token.Person))
	if id := w.op.Token.Parent; id != 0 {
		q.ask(loadToken, func(r row) error { return scanToken(r, &w.parent) }, int64(id))
	}
	if id := w.op.Replaces; id != 0 {
		q.ask(loadToken, func(r row) error { return scanToken(r, &w.replaced) }, int64(id))
	}
}

func (w *mintToken) decide(d *decision) error {
	t := &w.op.Token
	for _, id := range [...]access.TokenID{t.Parent, w.op.Replaces} {
		if id == 0 {
			continue
		}
		if err := d.claim(key{kind: 't', n: int64(id)}); err != nil {
			return err
		}
	}
	if !w.person {
		return fmt.Errorf("person %d: %w", t.Person, ErrNotFound)
	}
	if id := t.Parent; id != 0 && (w.parent.ID == 0 || !w.parent.Revoked.IsZero()) {
		return fmt.Errorf("parent token %d: %w", id, ErrNotFound)
	}
	if id := w.op.Replaces; id != 0 && (w.replaced.ID == 0 || !w.replaced.Revoked.IsZero() || w.replaced.Person != t.Person) {
		return fmt.Errorf("token %d: %w", id, ErrNotFound)
	}
	d.head.last.token++
	t.ID = access.TokenID(d.head.last.token)
	t.Prefix = fmt.Sprintf("gb_%d_", t.ID)
	w.op.Secret = secretOf(t.Prefix, w.random)
	t.Digest, t.Created, t.RotatedFrom, t.Revision = Digest(w.op.Secret), timeOf(d.now), w.op.Replaces, d.rev
	t.Revoked, t.LastUsed = time.Time{}, time.Time{}
	d.tell(putToken, int64(t.ID), int64(t.Person), t.Name, t.Description, t.Prefix, hex.EncodeToString(t.Digest), t.Ceiling,
		asJSON(t.Sites), asJSON(t.Actions), d.now, micros(t.Expires), int64(t.Parent), int64(t.RotatedFrom), d.rev)
	e := &entry{action: "token.mint", target: fmt.Sprintf("token/%d", t.ID), after: tokenFacts(*t), people: []int64{int64(t.Person)}}
	if w.replaced.ID != 0 {
		e.action = "token.rotate"
		w.retire(d, e)
	}
	d.entry = e
	return nil
}

// retire ends the replaced token after the overlap, or now.
func (w *mintToken) retire(d *decision, e *entry) {
	old := w.replaced
	expires, revoked := micros(old.Expires), d.now
	if w.op.Overlap > 0 {
		revoked = 0
		if end := d.now + w.op.Overlap.Microseconds(); expires == 0 || end < expires {
			expires = end
		}
	}
	d.tell(endToken, int64(old.ID), revoked, expires, d.rev)
	e.before = facts{"token": int64(old.ID), "expires": expires, "revoked": revoked != 0}
}

func tokenFacts(t Token) facts {
	f := facts{"person": int64(t.Person), "name": t.Name, "ceiling": t.Ceiling, "prefix": t.Prefix}
	differ(facts{}, f, "description", "", t.Description)
	differ(facts{}, f, "expires", 0, micros(t.Expires))
	differ(facts{}, f, "parent", 0, int64(t.Parent))
	if t.Sites != nil {
		f["sites"] = t.Sites
	}
	if t.Actions != nil {
		f["actions"] = t.Actions
	}
	return f
}

// revokeToken is a RevokeToken under way.
type revokeToken struct {
	op  *RevokeToken
	old Token
}

func (w *revokeToken) cost() (int, bool)    { return 1, false }
func (w *revokeToken) prepare(*Store) error { return nil }

func (w *revokeToken) load(q *questions) {
	w.old = Token{}
	q.ask(loadToken, func(r row) error { return scanToken(r, &w.old) }, int64(w.op.ID))
}

func (w *revokeToken) decide(d *decision) error {
	if err := d.claim(key{kind: 't', n: int64(w.op.ID)}); err != nil {
		return err
	}
	if w.old.ID == 0 {
		return fmt.Errorf("token %d: %w", w.op.ID, ErrNotFound)
	}
	if !w.old.Revoked.IsZero() {
		return nil
	}
	d.tell(endToken, int64(w.old.ID), d.now, micros(w.old.Expires), d.rev)
	d.entry = &entry{action: "token.revoke", target: fmt.Sprintf("token/%d", w.old.ID), before: tokenFacts(w.old), people: []int64{int64(w.old.Person)}}
	return nil
}

const (
	scimTokenColumns = `t.id, t.source, t.prefix, t.digest, t.created, t.expires, t.revoked, t.rev, t.client`
	// allSCIMTokens are those of both kinds, which share their numbers.
	allSCIMTokens = `(
		SELECT b.id, b.source, b.prefix, b.digest, b.created, b.expires, b.revoked, b.rev, 0 AS client FROM scim_tokens b
		UNION ALL
		SELECT c.id, c.source, c.prefix, c.digest, c.created, c.expires, c.revoked, c.rev, 1 AS client FROM scim_clients c)`
)

func scanSCIMToken(r row, t *SCIMToken, more ...any) error {
	var digest string
	var created, expires, revoked, client int64
	dest := []any{&t.ID, &t.Source, &t.Prefix, &digest, &created, &expires, &revoked, &t.Revision, &client}
	err := r.Scan(append(dest, more...)...)
	t.Client = client == 1
	t.Digest, _ = hex.DecodeString(digest)
	t.Created, t.Expires, t.Revoked = timeOf(created), timeOf(expires), timeOf(revoked)
	return err
}

// mintSCIMToken is a MintSCIMToken under way.
type mintSCIMToken struct {
	rare
	op     *MintSCIMToken
	given  string // the secret, when configuration chose it
	random string
	source bool
	have   []SCIMToken
}

func (w *mintSCIMToken) prepare(*Store) error {
	w.random, w.given = random(), w.op.Secret
	return checkTexts(w.op.Source, w.op.Secret)
}

func (w *mintSCIMToken) load(q *questions) {
	w.source, w.have = false, nil
	q.askAlone(`SELECT s.name FROM sources s WHERE s.name = $1`, func(row) error { w.source = true; return nil }, w.op.Source)
	q.askAlone(`SELECT `+scimTokenColumns+` FROM `+allSCIMTokens+` t WHERE t.source = $1 ORDER BY t.id`, func(r row) error {
		var t SCIMToken
		err := scanSCIMToken(r, &t)
		w.have = append(w.have, t)
		return err
	}, w.op.Source)
}

func (w *mintSCIMToken) decide(d *decision) error {
	o := w.op
	if !w.source {
		return fmt.Errorf("source %q: %w", o.Source, ErrNotFound)
	}
	live := 0
	for _, t := range w.have {
		if t.Client != o.Client {
			continue
		}
		if w.given != "" && string(t.Digest) == string(Digest(w.given)) {
			o.Token = t
			return nil
		}
		if t.Revoked.IsZero() && (t.Expires.IsZero() || micros(t.Expires) > d.now) {
			live++
		}
	}
	if live >= 2 {
		return ErrTooManyTokens
	}
	d.head.last.scimToken++
	t := SCIMToken{ID: d.head.last.scimToken, Source: o.Source, Client: o.Client, Created: timeOf(d.now), Expires: timeOf(micros(o.Expires)), Revision: d.rev}
	o.Secret = w.given
	if o.Secret == "" {
		t.Prefix = fmt.Sprintf("gbs_%d_", t.ID)
		if t.Client {
			t.Prefix = fmt.Sprintf("gbc_%d_", t.ID)
		}
		o.Secret = secretOf(t.Prefix, w.random)
	}
	t.Digest = Digest(o.Secret)
	put := putSCIMToken
	if t.Client {
		put = putSCIMClient
	}
	d.tellAlone(put,
		t.ID, t.Source, t.Prefix, hex.EncodeToString(t.Digest), d.now, micros(t.Expires), d.rev)
	d.entry = &entry{action: "scim-token.mint", target: fmt.Sprintf("scim-token/%d", t.ID),
		after: facts{"source": t.Source, "expires": micros(t.Expires), "configured": w.given != ""}}
	if t.Client {
		d.entry.after["client"] = t.ClientID()
	}
	o.Token = t
	return nil
}

const (
	putSCIMToken = `
		INSERT INTO scim_tokens (id, source, prefix, digest, created, expires, revoked, rev)
		VALUES ($1, $2, $3, $4, $5, $6, 0, $7)`
	putSCIMClient = `
		INSERT INTO scim_clients (id, source, prefix, digest, created, expires, revoked, rev)
		VALUES ($1, $2, $3, $4, $5, $6, 0, $7)`
)

// revokeSCIMToken is a RevokeSCIMToken under way.
type revokeSCIMToken struct {
	rare
	op  *RevokeSCIMToken
	old SCIMToken
}

func (w *revokeSCIMToken) prepare(*Store) error { return nil }

func (w *revokeSCIMToken) load(q *questions) {
	w.old = SCIMToken{}
	q.askAlone(`SELECT `+scimTokenColumns+` FROM `+allSCIMTokens+` t WHERE t.id = $1`,
		func(r row) error { return scanSCIMToken(r, &w.old) }, w.op.ID)
}

func (w *revokeSCIMToken) decide(d *decision) error {
	if w.old.ID == 0 {
		return fmt.Errorf("SCIM token %d: %w", w.op.ID, ErrNotFound)
	}
	if !w.old.Revoked.IsZero() {
		return nil
	}
	end := `UPDATE scim_tokens SET revoked = $1, rev = $2 WHERE id = $3`
	if w.old.Client {
		end = `UPDATE scim_clients SET revoked = $1, rev = $2 WHERE id = $3`
	}
	d.tellAlone(end, d.now, d.rev, w.op.ID)
	d.entry = &entry{action: "scim-token.revoke", target: fmt.Sprintf("scim-token/%d", w.op.ID), before: facts{"source": w.old.Source}}
	return nil
}
