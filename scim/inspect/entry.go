package inspect

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"grantbridge/access"
	"grantbridge/store"
)

var errMore = errors.New("something behind the JSON text")

const (
	maxText    = 2000      // of a message
	maxObjects = 200       // described one by one
	maxEntry   = 256 << 10 // bytes of one entry; then it goes without the states
)

// Describe makes of r what is kept under c, but for the access that it changed.
func Describe(c Config, r *Record) (store.SCIMRequest, *Entry) {
	d := &redactor{people: c.RedactPeople}
	e := &Entry{BodySize: r.BodySize, Media: clip(r.Media), Agent: clip(r.Agent), Address: r.Address}
	c.body(d, r, e)
	e.Path, e.Query = d.path(r.Path), d.query(r.Query)
	e.Objects, e.More = c.objects(d, r)
	for _, w := range r.Rewrites {
		e.Rewrites = append(e.Rewrites, Rewrite{w.Rule, clip(d.message(w.Detail))})
	}
	q := store.SCIMRequest{
		At: r.At, Took: r.Took, Request: r.Request, Source: r.Source, Credential: r.Credential, Profile: r.Profile, Method: r.Method,
		Route: r.Route, Resource: scrub(r.Resource), Status: r.Status, Says: scrub(clip(d.message(r.Error))),
	}
	for i := range r.Effects {
		f := &r.Effects[i]
		if f.Changed {
			q.Changed++
			q.Revision = max(q.Revision, f.Revision)
		}
		if q.Resource == "" && len(r.Effects) == 1 {
			q.Resource = f.ID
		}
		if len(q.About) < maxObjects {
			q.About = append(q.About, f.ID)
			q.People = append(q.People, f.people()...)
		}
	}
	if q.Says == "" {
		q.Says = summary(r)
	}
	if d.people && q.Resource != "" && !isID(q.Resource) {
		q.Resource = Masked
	}
	e.Whole = !d.touched && (e.Body != nil || r.BodySize == 0) && e.BodyNote == ""
	return q, e
}

// path masks what stands where an id is expected and is none: a client that is
// set up wrongly may put anything there.
func (d *redactor) path(p string) string {
	if !d.people {
		return clip(p)
	}
	parts := strings.Split(p, "/")
	for i, part := range parts {
		if i > 1 && part != "" && part != ".search" && !isID(part) {
			parts[i], d.touched = Masked, true
		}
	}
	return clip(strings.Join(parts, "/"))
}

func (c Config) body(d *redactor, r *Record, e *Entry) {
	if r.BodySize == 0 && len(r.Body) == 0 {
		return
	}
	if r.Body == nil {
		e.BodyNote = fmt.Sprintf("not kept: %d bytes", r.BodySize)
		return
	}
	body, ok := d.tree(bytes.TrimPrefix(r.Body, []byte("\ufeff")))
	switch {
	case !ok:
		e.BodyNote = "not kept: it is not JSON"
	case c.NoBodies:
		e.BodyNote = "not kept: bodies are switched off"
	case len(body) > maxEntry/2:
		e.BodyNote = fmt.Sprintf("not kept: %d bytes", r.BodySize)
	default:
		e.Body = body
		if d.touched {
			e.BodyNote = "masked in parts"
		}
	}
}

func (c Config) objects(d *redactor, r *Record) (out []Object, more int) {
	for i := range r.Effects {
		f := &r.Effects[i]
		if len(out) == maxObjects {
			return out, len(r.Effects) - i
		}
		o := Object{Method: f.Method, Type: "User", ID: f.ID, Status: f.Status, Error: clip(d.message(f.Error)), Changed: f.Changed}
		if f.Changed {
			o.Revision = f.Revision
			c.states(d, f, &o)
		}
		if f.Group {
			o.Type = "Group"
		}
		if f.Added+f.Removed+f.Parked > 0 {
			o.Members = &Members{f.Added, f.Removed, f.Parked}
		}
		out = append(out, o)
	}
	return out, 0
}

// states fills in the resource before and after. The redaction of what is stored
// does not keep the request from being replayed.
func (c Config) states(d *redactor, f *Effect, o *Object) {
	touched := d.touched
	defer func() { d.touched = touched }()
	before, after := f.before(), f.after()
	for k := range maps.Keys(before) {
		if !same(before[k], after[k]) {
			o.Fields = append(o.Fields, k)
		}
	}
	for k := range maps.Keys(after) {
		if _, had := before[k]; !had {
			o.Fields = append(o.Fields, k)
		}
	}
	slices.Sort(o.Fields)
	if c.NoBodies {
		return
	}
	if before != nil {
		o.Before, _ = encode(d.value("", before))
	}
	if after != nil {
		o.After, _ = encode(d.value("", after))
	}
}

func same(a, b any) bool {
	x, err1 := encode(a)
	y, err2 := encode(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

func (f *Effect) before() map[string]any {
	if f.Group {
		return stateOf(f.GroupBefore.UID, f.GroupBefore.Doc, map[string]any{"displayName": f.GroupBefore.Display})
	}
	return stateOf(f.AccountBefore.UID, f.AccountBefore.Doc, map[string]any{"userName": f.AccountBefore.Login, "active": f.AccountBefore.Active})
}

func (f *Effect) after() map[string]any {
	if f.Group {
		if f.GroupAfter.Deleted {
			return nil
		}
		return stateOf(f.GroupAfter.UID, f.GroupAfter.Doc, map[string]any{"displayName": f.GroupAfter.Display})
	}
	return stateOf(f.AccountAfter.UID, f.AccountAfter.Doc, map[string]any{"userName": f.AccountAfter.Login, "active": f.AccountAfter.Active})
}

// stateOf is a resource as an object, nil when there is none.
func stateOf(uid string, doc []byte, known map[string]any) map[string]any {
	if uid == "" {
		return nil
	}
	v, _ := decode(doc)
	out, ok := v.(map[string]any)
	if !ok {
		out = map[string]any{}
	}
	maps.Copy(out, known)
	return out
}

func (f *Effect) people() []access.PersonID {
	if p := cmp.Or(f.AccountAfter.Person, f.AccountBefore.Person); p != 0 {
		return []access.PersonID{access.PersonID(p)}
	}
	return nil
}

// summary says in one line what a request did, without names.
func summary(r *Record) string {
	if len(r.Effects) > 1 {
		failed, changed := 0, 0
		for _, f := range r.Effects {
			if f.Status >= 400 {
				failed++
			}
			if f.Changed {
				changed++
			}
		}
		return fmt.Sprintf("%d operations, %d changed something, %d failed", len(r.Effects), changed, failed)
	}
	if len(r.Effects) == 0 {
		return ""
	}
	f := r.Effects[0]
	what := map[bool]string{true: "group", false: "user"}[f.Group]
	switch {
	case !f.Changed:
		return "no change"
	case f.Method == "POST":
		what += " created"
	case f.Method == "DELETE":
		what += " deleted"
	case !f.Group && f.AccountBefore.Active && !f.AccountAfter.Active:
		what += " deactivated"
	case !f.Group && !f.AccountBefore.Active && f.AccountAfter.Active:
		what += " activated"
	default:
		what += " changed"
	}
	if f.Added+f.Removed > 0 {
		what += fmt.Sprintf(", +%d −%d members", f.Added, f.Removed)
	}
	if f.Parked > 0 {
		what += fmt.Sprintf(", %d parked", f.Parked)
	}
	return what
}

func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

// detail is the entry as text; one that is too large goes without the states.
func (e *Entry) detail() json.RawMessage { return json.RawMessage(scrub(string(e.text()))) }

func (e *Entry) text() json.RawMessage {
	text, err := encode(e)
	if err == nil && len(text) <= maxEntry {
		return text
	}
	for i := range e.Objects {
		e.Objects[i].Before, e.Objects[i].After = nil, nil
	}
	if text, err = encode(e); err == nil && len(text) <= maxEntry {
		return text
	}
	e.Body, e.BodyNote, e.Whole = nil, fmt.Sprintf("not kept: %d bytes", e.BodySize), false
	e.More, e.Objects = e.More+len(e.Objects), nil
	text, _ = encode(e)
	return text
}
