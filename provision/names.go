package provision

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// PersonRef is a person's names.
type PersonRef struct {
	ID      access.PersonID  `json:"-"`
	UID     string           `json:"id"`
	Login   string           `json:"login"`
	Display string           `json:"name"`
	Kind    store.PersonKind `json:"kind"`
	Sources []string         `json:"sources"`

	active bool // some account is
}

// Name is how a sentence calls the person.
func (p PersonRef) Name() string {
	switch {
	case p.Display != "":
		return p.Display
	case p.Login != "":
		return p.Login
	}
	return p.UID
}

// names finds people and credentials by what people and programs call them. It
// follows the snapshot but is no part of it: no decision looks at a name.
type names struct {
	mu       sync.RWMutex
	people   map[access.PersonID]named
	sources  [][]string                   // every set of sources that people have
	byUID    map[string]access.PersonID   // a person's own, and those of his accounts
	byLogin  map[string][]access.PersonID // by directory.Fold
	tokens   map[access.TokenID]store.Token
	byDigest map[string]access.TokenID
	scim     []store.SCIMToken
}

func newNames() *names {
	return &names{
		people: map[access.PersonID]named{}, byUID: map[string]access.PersonID{}, byLogin: map[string][]access.PersonID{},
		tokens: map[access.TokenID]store.Token{}, byDigest: map[string]access.TokenID{},
	}
}

func (n *names) update(c changes, people []store.Person) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range people {
		n.put(p)
	}
	for _, t := range c.tokens {
		n.tokens[t.ID] = t
		n.byDigest[string(t.Digest)] = t.ID
	}
	if c.scim != nil {
		n.scim = c.scim
	}
}

// learn takes one of all people, who are too many to be kept until the snapshot
// is made: a moment early, which no decision sees.
func (n *names) learn(p store.Person) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.put(p)
}

// named is a PersonRef as it is kept: there may be very many, so its texts are
// parts of one.
type named struct {
	text         string // UID, Login and Display
	login, shown uint32 // where these begin
	sources      uint32
	kind         store.PersonKind
	active       bool
}

func (n *names) put(p store.Person) {
	var sources []string
	uids, active := "", false
	for _, a := range p.Accounts {
		active = active || a.Active && !a.Deleted
		if uids += a.UID; !a.Deleted && !slices.Contains(sources, a.Source) {
			sources = append(sources, a.Source)
		}
	}
	whole := p.UID + p.Login + p.Display + uids
	at := len(p.UID) + len(p.Login) + len(p.Display)
	now := named{text: whole[:at], login: uint32(len(p.UID)), shown: uint32(len(p.UID) + len(p.Login)), sources: n.sourceSet(sources), kind: p.Kind, active: active}
	login := whole[now.login:now.shown]
	if old, ok := n.person(p.ID); ok && old.Login != login {
		key := directory.Fold(old.Login)
		if n.byLogin[key] = slices.DeleteFunc(n.byLogin[key], func(id access.PersonID) bool { return id == p.ID }); len(n.byLogin[key]) == 0 {
			delete(n.byLogin, key)
		}
	}
	n.people[p.ID] = now
	n.byUID[whole[:len(p.UID)]] = p.ID
	for _, a := range p.Accounts {
		n.byUID[whole[at:at+len(a.UID)]] = p.ID // moves with the account when it is linked elsewhere
		at += len(a.UID)
	}
	if key := directory.Fold(login); key != "" && !slices.Contains(n.byLogin[key], p.ID) {
		n.byLogin[key] = append(n.byLogin[key], p.ID)
	}
}

// sourceSet is where the sources stand among those of all people.
func (n *names) sourceSet(sources []string) uint32 {
	i := slices.IndexFunc(n.sources, func(s []string) bool { return slices.Equal(s, sources) })
	if i < 0 {
		i = len(n.sources)
		n.sources = append(n.sources, sources)
	}
	return uint32(i)
}

func (n *names) person(id access.PersonID) (PersonRef, bool) {
	p, ok := n.people[id]
	if !ok {
		return PersonRef{}, false
	}
	return PersonRef{ID: id, UID: p.text[:p.login], Login: p.text[p.login:p.shown], Display: p.text[p.shown:], Kind: p.kind, Sources: n.sources[p.sources], active: p.active}, true
}

// PersonByID is a person's names.
func (e *Engine) PersonByID(id access.PersonID) (PersonRef, bool) {
	e.names.mu.RLock()
	defer e.names.mu.RUnlock()
	return e.names.person(id)
}

// FindPerson finds a person by id (UID), the id of one of his accounts (SCIM's
// id), login, or SOURCE/login; store.ErrNotFound, or ErrAmbiguous with the
// candidates in its text. A person all of whose accounts are deleted gives way to
// a living one of the same login, and one who is deactivated to a successor in the
// same sources.
func (e *Engine) FindPerson(who string) (PersonRef, error) {
	e.names.mu.RLock()
	defer e.names.mu.RUnlock()
	n := e.names
	if id, ok := n.byUID[who]; ok {
		p, _ := n.person(id)
		return p, nil
	}
	// A login may have a slash in it, so both readings are looked up: a source
	// cannot shadow another's people by a login like "okta/ann".
	var found []PersonRef
	if !IsPublic(who) {
		found = n.withLogin(who)
	}
	if source, login, ok := strings.Cut(who, "/"); ok {
		found = append(found, slices.DeleteFunc(n.withLogin(login), func(p PersonRef) bool { return !slices.Contains(p.Sources, source) })...)
	}
	if living := slices.DeleteFunc(slices.Clone(found), func(p PersonRef) bool { return p.Kind == store.Human && len(p.Sources) == 0 }); len(living) > 0 {
		found = living
	}
	found = slices.DeleteFunc(slices.Clone(found), func(p PersonRef) bool {
		return !p.active && slices.ContainsFunc(found, func(q PersonRef) bool { return q.active && slices.Equal(p.Sources, q.Sources) })
	})
	switch len(found) {
	case 0:
		return PersonRef{}, unknown(fmt.Sprintf("nobody is known as %q", who))
	case 1:
		return found[0], nil
	}
	candidates := make([]string, len(found))
	for i, p := range found {
		candidates[i] = fmt.Sprintf("%s/%s (id %s)", strings.Join(p.Sources, "+"), p.Login, p.UID)
	}
	return PersonRef{}, fmt.Errorf("person %q: %w: %s; say which by SOURCE/LOGIN or id", who, ErrAmbiguous, strings.Join(candidates, ", "))
}

func (n *names) withLogin(login string) []PersonRef {
	ids := n.byLogin[directory.Fold(login)]
	found := make([]PersonRef, len(ids))
	for i, id := range ids {
		found[i], _ = n.person(id)
	}
	return found
}

// Public is how a question names whoever is not signed in. A person of this
// login is found by SOURCE/login or id alone: an identity provider must not be
// able to say what the public may do.
const Public = "anonymous"

// IsPublic reports whether who names the public.
func IsPublic(who string) bool { return directory.Fold(who) == Public }

// unknown is store.ErrNotFound in the one wording that its fault has.
type unknown string

func (u unknown) Error() string { return string(u) }
func (unknown) Unwrap() error   { return store.ErrNotFound }

// FindMeant is FindPerson for those who can correct what they wrote: its error
// says who may have been meant.
func (e *Engine) FindMeant(who string) (PersonRef, error) {
	p, err := e.FindPerson(who)
	if errors.Is(err, store.ErrNotFound) {
		if near := e.nearestLogin(who); near != "" {
			err = unknown(fmt.Sprintf("%v; did you mean %s?", err, near))
		}
	}
	return p, err
}

// nearestLogin is the login most like who, or "".
func (e *Engine) nearestLogin(who string) string {
	e.names.mu.RLock()
	defer e.names.mu.RUnlock()
	logins := func(yield func(string) bool) {
		for l := range e.names.byLogin {
			if !yield(l) {
				return
			}
		}
	}
	return access.Nearest(directory.Fold(who), logins)
}

// FindSite finds a site by id or slug; store.ErrNotFound with the nearest slug
// in its text.
func (e *Engine) FindSite(site string) (access.Site, error) {
	snap := e.snapshot()
	if id, err := strconv.ParseInt(site, 10, 64); err == nil {
		if s, ok := snap.Site(access.SiteID(id)); ok {
			return s, nil
		}
	}
	key := directory.Fold(site)
	sites := snap.AllSites()
	for _, s := range sites {
		if directory.Fold(s.Slug) == key {
			return s, nil
		}
	}
	near := access.Nearest(key, func(yield func(string) bool) {
		for _, s := range sites {
			if !yield(s.Slug) {
				return
			}
		}
	})
	if near != "" {
		return access.Site{}, unknown(fmt.Sprintf("no site %q; did you mean %s?", site, near))
	}
	return access.Site{}, unknown(fmt.Sprintf("no site %q; `grantbridge site list` shows the sites", site))
}

// FindAction finds what may be asked: a level or an action; an InvalidError
// with the nearest.
func (e *Engine) FindAction(what string) (access.ActionID, error) {
	c := e.Catalogue()
	if a, ok := c.Lookup(what); ok {
		return a, nil
	}
	says := fmt.Sprintf("no action %q", what)
	if near := c.Nearest(what); near != "" {
		says += fmt.Sprintf("; did you mean %s?", near)
	} else {
		says += "; ask for view, write, admin, superuser or an action such as segments:share"
	}
	return 0, &InvalidError{Says: says}
}

// shorten keeps a secret that somebody pasted out of an error.
func shorten(s string) string {
	if len(s) > 24 {
		return s[:8] + "…"
	}
	return s
}

// FindToken finds a token by numeric id, prefix or name; a name of several is an
// InvalidError, unless one of them lives.
func (e *Engine) FindToken(token string) (store.Token, error) {
	e.names.mu.RLock()
	defer e.names.mu.RUnlock()
	if id, err := strconv.ParseInt(token, 10, 64); err == nil {
		if t, ok := e.names.tokens[access.TokenID(id)]; ok {
			return t, nil
		}
	}
	var found, living []store.Token
	for _, t := range e.names.tokens {
		if t.Name == token || t.Prefix == token {
			found = append(found, t)
			if t.Revoked.IsZero() {
				living = append(living, t)
			}
		}
	}
	if len(living) > 0 {
		found = living
	}
	switch len(found) {
	case 0:
		return store.Token{}, unknown(fmt.Sprintf("no token %q; see token list --all", shorten(token)))
	case 1:
		return found[0], nil
	}
	return store.Token{}, &InvalidError{Says: fmt.Sprintf("%d tokens are named %q; say which by id", len(found), token)}
}
