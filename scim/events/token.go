package events

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"grantbridge/store"
)

// set is one SET: what one entry tells one stream of one resource.
type set struct {
	at    store.Cursor
	jti   string
	entry store.Entry
	// claims are the JWT's payload, ready to be signed.
	claims []byte
}

// claims are a SET's. RFC 9967 2.1: the subject is in sub_id, never in sub. RFC
// 8417 4.1: no exp; it tells what happened, and that stays so.
type claims struct {
	Issuer   string   `json:"iss"`
	ID       string   `json:"jti,omitempty"`
	IssuedAt int64    `json:"iat"` // when the change was committed
	Audience []string `json:"aud"`
	// Transaction is the same in all that one request changed.
	Transaction string `json:"txn"`
	Subject     subID  `json:"sub_id"`
	// Source is ours: the uri of the subject is relative to the SCIM root
	// /scim/v2/{source}.
	Source string         `json:"source"`
	Events map[string]any `json:"events"`
}

type subID struct {
	Format string `json:"format"`
	URI    string `json:"uri"`
}

// payload is that of one event. Exactly one of Attributes and Data is there in
// prov:create and prov:patch (RFC 9967 2.4).
type payload struct {
	Version    string         `json:"version,omitempty"`
	Attributes []string       `json:"attributes,omitzero"`
	Data       map[string]any `json:"data,omitempty"`
}

// set is the SET of c for the stream; ok is false when it is told nothing of it.
func (s *Stream) set(issuer string, e store.Entry, c change) (_ set, ok bool) {
	if !s.tells(c.source) {
		return set{}, false
	}
	events := s.events(e, c)
	if len(events) == 0 {
		return set{}, false
	}
	txn := e.Request
	if txn == "" {
		txn = "revision-" + strconv.FormatInt(e.Revision, 10)
	}
	out := set{at: store.Cursor{Revision: e.Revision, Part: c.part}, entry: e}
	body := claims{
		Issuer: issuer, IssuedAt: e.At.Unix(), Audience: s.Audience, Transaction: txn,
		Subject: subID{"scim", c.path}, Source: c.source, Events: events,
	}
	// The jti is bound to the rest, so that a changed configuration makes another
	// SET and not the same with another content.
	sum := sha256.Sum256(encode(body))
	out.jti = fmt.Sprintf("%s.%d.%d.%s", s.Name, e.Revision, c.part, hex.EncodeToString(sum[:8]))
	body.ID = out.jti
	out.claims = encode(body)
	return out, true
}

// encode writes maps by order of key, so that equal claims are equal bytes.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of strings, and of what came out of JSON
	}
	return b
}

// events are those of c that the stream asked for, with their payloads.
func (s *Stream) events(e store.Entry, c change) map[string]any {
	out := map[string]any{}
	version := `W/"` + strconv.FormatInt(e.Revision, 10) + `"` // as the SCIM door's meta.version
	noted := payload{Version: version, Attributes: append([]string{}, c.attributes...)}
	give := func(k Kind, p payload) {
		if s.asks(k) {
			out[k.URI()] = p
		}
	}
	body := func(full, short Kind) {
		switch {
		case s.asks(full) && c.data != nil:
			out[full.URI()] = payload{Version: version, Data: c.data}
		case s.asks(full), s.asks(short):
			out[short.URI()] = noted
		}
	}
	for _, v := range c.verbs {
		switch v {
		case created:
			give(FeedAdd, payload{})
			body(CreateFull, CreateNotice)
		case patched:
			body(PatchFull, PatchNotice)
		case deleted:
			give(Delete, payload{})
			give(FeedRemove, payload{})
		case activated:
			give(Activate, payload{})
		case deactivated:
			give(Deactivate, payload{})
		}
	}
	return out
}

// place reads from a jti which entry and part it names.
func place(stream, jti string) (store.Cursor, bool) {
	rest, ok := strings.CutPrefix(jti, stream+".")
	f := strings.Split(rest, ".")
	if !ok || len(f) != 3 {
		return store.Cursor{}, false
	}
	rev, err := strconv.ParseInt(f[0], 10, 64)
	part, err2 := strconv.ParseUint(f[1], 10, 31)
	return store.Cursor{Revision: rev, Part: int(part)}, err == nil && err2 == nil && rev > 0
}
