package scim

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"grantbridge/directory"
	"grantbridge/store"
)

const mediaType = "application/scim+json"

// json answers with a small document.
func (c *call) json(status int, doc any) error {
	b, err := encode(doc)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", mediaType)
	c.w.WriteHeader(status)
	c.w.Write(b) // who does not read his answer is gone
	return nil
}

// userDocument is an account as SCIM shows it.
func (c *call) userDocument(a directory.Account, of []directory.Ref, p projection) (map[string]any, error) {
	doc, err := accountDoc(a)
	if err != nil {
		return nil, err
	}
	if len(of) > 0 {
		refs := make([]any, len(of))
		for i, g := range of {
			refs[i] = map[string]any{"value": g.UID, "$ref": c.base + "/Groups/" + g.UID, "display": g.Display, "type": "direct"}
		}
		doc["groups"] = refs
	}
	return c.dress(c.policy.types.user, doc, p, identity{a.UID, a.Revision, a.Created, a.Modified}), nil
}

// groupDocument is a group as SCIM shows it, without its members.
func (c *call) groupDocument(g directory.Group, p projection) (map[string]any, error) {
	doc, err := groupDoc(g)
	if err != nil {
		return nil, err
	}
	return c.dress(c.policy.types.group, doc, p, identity{g.UID, g.Revision, g.Created, g.Modified}), nil
}

// identity is what the store adds to a resource.
type identity struct {
	uid               string
	revision          int64
	created, modified time.Time
}

// dress puts id, meta and schemas on a document, and projects it.
func (c *call) dress(of *resource, doc map[string]any, p projection, id identity) map[string]any {
	urns := []string{of.urn}
	for _, key := range slices.Sorted(maps.Keys(doc)) {
		if isObject(doc[key]) && strings.Contains(key, ":") {
			urns = append(urns, key)
		}
	}
	doc["meta"] = map[string]any{
		"resourceType": of.name, "location": c.base + of.endpoint + "/" + id.uid, "version": etag(id.revision),
		"created": directory.TimeText(id.created), "lastModified": directory.TimeText(id.modified),
	}
	doc = p.document(of, doc)
	doc["id"] = id.uid
	doc["schemas"] = urns
	return doc
}

// groupsOf reads the groups of accounts when p wants them.
func groupsOf(ctx context.Context, v *store.View, accounts []directory.Account, p projection) (map[directory.AccountID][]directory.Ref, error) {
	if !p.wants("groups") || len(accounts) == 0 {
		return nil, nil
	}
	ids := make([]directory.AccountID, len(accounts))
	for i, a := range accounts {
		ids[i] = a.ID
	}
	return v.GroupsOf(ctx, ids)
}

// stream writes an answer of any size: up to bufferSize it can still become an
// error, then it goes out in pieces.
type stream struct {
	c      *call
	status int
	buf    []byte
	long   bool // it goes out in pieces
}

const (
	bufferSize = 64 << 10
	// patience is how long one piece may take: a view of the store stays open
	// behind it.
	patience = 30 * time.Second
	// memberPage is how many members are read at a time.
	memberPage = 1000
)

func (s *stream) text(t string) { s.buf = append(s.buf, t...) }

func (s *stream) value(v any) error {
	b, err := encode(v)
	s.buf = append(s.buf, b...)
	return err
}

// flush sends what is buffered when there is much of it, or at the end.
func (s *stream) flush(end bool) error {
	if len(s.buf) < bufferSize && !end {
		return nil
	}
	if !s.c.w.began() {
		s.c.w.Header().Set("Content-Type", mediaType)
		s.c.w.WriteHeader(s.status)
	}
	if !end || s.long {
		s.deadline(time.Now().Add(patience))
	}
	_, err := s.c.w.Write(s.buf)
	s.buf = s.buf[:0]
	if end && s.long {
		s.deadline(time.Time{}) // the connection may serve more requests
	}
	s.long = true
	return err
}

func (s *stream) deadline(t time.Time) {
	http.NewResponseController(s.c.w).SetWriteDeadline(t) // not every writer has one
}

// group writes one group with its members, page by page.
func (s *stream) group(ctx context.Context, v *store.View, g directory.Group, p projection) error {
	doc, err := s.c.groupDocument(g, p)
	if err != nil {
		return err
	}
	if err := s.value(doc); err != nil || !p.wants("members") {
		return err
	}
	s.buf = append(s.buf[:len(s.buf)-1], `,"members":[`...)
	m := memberWriter{base: s.c.base, all: p.want("members") == whole, p: p}
	first := true
	for after := directory.AccountID(0); ; {
		n := 0
		err := v.EachMember(ctx, g.ID, after, memberPage, func(member directory.Member) {
			if !first {
				s.buf = append(s.buf, ',')
			}
			first = false
			s.buf = m.append(s.buf, member)
			after = member.Account
			n++
		})
		if err != nil {
			return err
		}
		if n < memberPage {
			break
		}
		if err := s.flush(false); err != nil {
			return err
		}
	}
	nested, err := v.NestedGroups(ctx, g.ID)
	if err != nil {
		return err
	}
	for _, ref := range nested {
		if !first {
			s.buf = append(s.buf, ',')
		}
		first = false
		s.buf = m.fields(s.buf, ref.UID, groups, ref.Display)
	}
	s.text("]}")
	return s.flush(false)
}

// memberWriter writes members by hand: a group may have a hundred thousand.
type memberWriter struct {
	base string
	all  bool
	p    projection
}

func (m memberWriter) append(b []byte, member directory.Member) []byte {
	return m.fields(b, member.UID, users, member.Display)
}

// fields writes a user, or a group within the group.
func (m memberWriter) fields(b []byte, uid string, of *resource, display string) []byte {
	start := len(b)
	field := func(name string, value ...string) {
		if !m.all && !m.p.wants("members."+name) {
			return
		}
		b = append(b, ',', '"')
		b = append(b, name...)
		b = append(b, '"', ':')
		b = appendText(b, value...)
	}
	field("value", uid)
	field("$ref", m.base, of.endpoint, "/", uid)
	field("type", of.name)
	if display != "" {
		field("display", display)
	}
	if len(b) == start {
		b = append(b, '{')
	}
	b[start] = '{'
	return append(b, '}')
}

// appendText appends the parts, one after the other, as one JSON string.
func appendText(b []byte, parts ...string) []byte {
	for _, part := range parts {
		for i := range len(part) {
			if c := part[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
				return appendEscaped(b, strings.Join(parts, ""))
			}
		}
	}
	b = append(b, '"')
	for _, part := range parts {
		b = append(b, part...)
	}
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("scim: a string has no JSON form") // strings always have one
	}
	return append(b, quoted...)
}
