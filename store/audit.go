package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// entry is an audit entry being written.
type entry struct {
	rev, at                                   int64
	actor, action, target, digest, hash, salt string
	body                                      string
	before, after                             facts
	people                                    []int64
}

// facts is one side of an entry: what is worth keeping, without secrets.
type facts map[string]any

// auditBody is what the digest is of. Field order is the order in the text.
type auditBody struct {
	Via     string          `json:"via,omitempty"`
	Request string          `json:"request,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	Ticket  string          `json:"ticket,omitempty"`
	People  []int64         `json:"people,omitempty"`
	Before  json.RawMessage `json:"before,omitempty"`
	After   json.RawMessage `json:"after,omitempty"`
}

const (
	auditPeople     = 100  // people named in an entry
	checkpointEvery = 1000 // entries
)

// chain makes the entry the next of the chain after h, and h its head.
func (e *entry) chain(h *head, now int64, by By, salt string) {
	e.people = some(e.people)
	body := auditBody{Via: by.Via, Request: by.Request, Reason: by.Reason, Ticket: by.Ticket, People: e.people}
	if len(e.before) > 0 {
		body.Before = json.RawMessage(asJSON(e.before))
	}
	if len(e.after) > 0 {
		body.After = json.RawMessage(asJSON(e.after))
	}
	e.rev, e.at, e.actor, e.salt, e.body = h.rev, now, by.Actor, salt, asJSON(body)
	e.digest = digestOf(e.salt, e.body)
	e.hash = link(h.hash, e.rev, e.at, e.actor, e.action, e.target, e.digest)
	h.hash = e.hash
}

// some are the first people, ascending, each once.
func some(people []int64) []int64 {
	people = slices.Clone(people)
	slices.Sort(people)
	people = slices.Compact(people)
	people = slices.DeleteFunc(people, func(p int64) bool { return p == 0 })
	return people[:min(len(people), auditPeople)]
}

func digestOf(salt, body string) string {
	sum := sha256.Sum256([]byte(salt + "|" + body))
	return hex.EncodeToString(sum[:])
}

// link is the hash of an entry. Each field has its length before it, so that no
// two entries have one text.
func link(prev string, rev, at int64, actor, action, target, digest string) string {
	var b []byte
	for _, f := range [...]string{prev, strconv.FormatInt(rev, 10), strconv.FormatInt(at, 10), actor, action, target, digest} {
		b = strconv.AppendInt(b, int64(len(f)), 10)
		b = append(append(append(b, ':'), f...), ',')
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (e *entry) write(w *writes) {
	w.tell(`
		INSERT INTO audit (rev, at, actor, action, target, digest, hash)
		SELECT r.rev, r.at, r.actor, r.action, r.target, r.digest, r.hash
		FROM rowset($1, rev bigint, at bigint, actor text, action text, target text, digest text, hash text) r`,
		e.rev, e.at, e.actor, e.action, e.target, e.digest, e.hash)
	w.tell(`
		INSERT INTO audit_body (rev, salt, body)
		SELECT r.rev, r.salt, r.body FROM rowset($1, rev bigint, salt text, body text) r`,
		e.rev, e.salt, e.body)
	for _, p := range e.people {
		w.tell(`
			INSERT INTO audit_people (person, rev)
			SELECT r.person, r.rev FROM rowset($1, person bigint, rev bigint) r`, p, e.rev)
	}
	if e.rev%checkpointEvery == 0 {
		w.tell(`
			INSERT INTO checkpoints (rev, at, hash, signature)
			SELECT r.rev, r.at, r.hash, '' FROM rowset($1, rev bigint, at bigint, hash text) r`,
			e.rev, e.at, e.hash)
	}
}

// redact drops what must not be kept from a JSON value, at any depth.
func redact(raw json.RawMessage) any {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	return redacted(v)
}

func redacted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			if secretName(k) {
				v[k] = "(not kept)"
			} else {
				v[k] = redacted(v[k])
			}
		}
	case []any:
		for i := range v {
			v[i] = redacted(v[i])
		}
	}
	return v
}

func secretName(k string) bool {
	k = strings.ToLower(k)
	for _, word := range [...]string{"password", "secret", "credential", "privatekey"} {
		if strings.Contains(k, word) {
			return true
		}
	}
	return false
}

// docFacts are the attributes in which two resources differ.
func docFacts(before, after string) (b, a facts) {
	var old, now map[string]json.RawMessage
	_ = json.Unmarshal([]byte(before), &old)
	_ = json.Unmarshal([]byte(after), &now)
	b, a = facts{}, facts{}
	for k, v := range old {
		if string(now[k]) != string(v) {
			b[k] = named(k, v)
		}
	}
	for k, v := range now {
		if string(old[k]) != string(v) {
			a[k] = named(k, v)
		}
	}
	return b, a
}

func named(k string, v json.RawMessage) any {
	if secretName(k) {
		return "(not kept)"
	}
	return redact(v)
}

// differ adds key to the sides where old and new differ, leaving out zero values.
func differ[T comparable](b, a facts, key string, old, now T) {
	var zero T
	if old == now {
		return
	}
	if old != zero {
		b[key] = old
	}
	if now != zero {
		a[key] = now
	}
}
