package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"grantbridge/access"
	"grantbridge/store"
)

// token is what the snapshot keeps of t. What does not read denies.
func (e *Engine) token(t store.Token) access.Token {
	out := access.Token{
		ID: t.ID, Owner: t.Person, Name: t.Name, Sites: t.Sites, Issued: t.Created, Expires: t.Expires, Parent: t.Parent,
		Revoked: !t.Revoked.IsZero(),
	}
	out.Ceiling, _ = access.ParseCeiling(t.Ceiling)
	if len(t.Sites) == 0 {
		out.Sites = nil
	}
	if len(t.Actions) > 0 {
		actions, _ := e.Catalogue().Expand(t.Actions...)
		out.Actions = &actions
	}
	return out
}

// MintToken makes an API token; see store.MintToken. Its parent, ceiling, sites,
// actions and end are checked first.
func (e *Engine) MintToken(ctx context.Context, by store.By, m *store.MintToken) error {
	t := m.Token
	if t.Name == "" {
		return invalid("a token needs a name")
	}
	if _, err := access.ParseCeiling(t.Ceiling); err != nil {
		return &InvalidError{Says: err.Error()}
	}
	if len(t.Actions) > 0 {
		if _, err := e.Catalogue().Expand(t.Actions...); err != nil {
			return &InvalidError{Says: err.Error()}
		}
	}
	for _, id := range t.Sites {
		if _, ok := e.snapshot().Site(id); !ok {
			return invalid("no site %d; `grantbridge site list` shows the sites", id)
		}
	}
	if !t.Expires.IsZero() && !t.Expires.After(e.cfg().Now()) {
		return invalid("the end %s is past", t.Expires.Format(time.RFC3339))
	}
	if err := e.checkParent(t); err != nil {
		return err
	}
	_, err := e.do(ctx, by, m)
	return err
}

// checkParent refuses a child that says more than its parent (research R4); the
// evaluator would clamp it anyway.
func (e *Engine) checkParent(t store.Token) error {
	if t.Parent == 0 {
		return nil
	}
	parent, ok := e.snapshot().Token(t.Parent)
	if !ok || parent.Revoked {
		return fmt.Errorf("parent token %d: %w", t.Parent, store.ErrNotFound)
	}
	child := e.token(t)
	c := e.Catalogue()
	switch {
	case parent.Owner != t.Person:
		return invalid("token %s belongs to somebody else", parent.Name)
	case !c.Ceiling(child.Ceiling).Within(c.Ceiling(parent.Ceiling)):
		return invalid("token %s is limited to %s and cannot make one with ceiling %s", parent.Name, parent.Ceiling, child.Ceiling)
	case parent.Sites != nil && (child.Sites == nil || slices.ContainsFunc(child.Sites, func(s access.SiteID) bool { return !slices.Contains(parent.Sites, s) })):
		return invalid("token %s is limited to certain sites; the new token must name some of them", parent.Name)
	case parent.Actions != nil && (child.Actions == nil || !child.Actions.Within(*parent.Actions)):
		return invalid("token %s is limited in actions; the new token must name some of them", parent.Name)
	case !parent.Expires.IsZero() && (child.Expires.IsZero() || child.Expires.After(parent.Expires)):
		return invalid("token %s ends %s; the new token must end then or before", parent.Name, parent.Expires.Format(time.RFC3339))
	}
	return nil
}

// RevokeToken ends an API token now.
func (e *Engine) RevokeToken(ctx context.Context, by store.By, id access.TokenID) error {
	by.Lane = store.LaneRevoke
	_, err := e.do(ctx, by, &store.RevokeToken{ID: id})
	return err
}

// MintSCIMToken makes a bearer token for a source's SCIM door.
func (e *Engine) MintSCIMToken(ctx context.Context, by store.By, m *store.MintSCIMToken) error {
	if _, ok := e.picture.Load().sources[m.Source]; !ok {
		return fmt.Errorf("source %q: %w", m.Source, ErrUnknownSource)
	}
	_, err := e.do(ctx, by, m)
	return err
}

// RevokeSCIMToken ends a SCIM token now.
func (e *Engine) RevokeSCIMToken(ctx context.Context, by store.By, id int64) error {
	by.Lane = store.LaneRevoke
	_, err := e.do(ctx, by, &store.RevokeSCIMToken{ID: id})
	return err
}

// catchUpWith reads the store's head when somebody comes with a secret that may
// have been made a moment ago by another process, and reports whether it did.
// Secrets of another shape, and the many of somebody who guesses, are not worth
// a read.
func (e *Engine) catchUpWith(secret, prefix string) bool {
	if !strings.HasPrefix(secret, prefix) || !e.catchUp.AllowN(e.cfg().Now(), 1) {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return e.Sync(ctx, 0) == nil
}

func (n *names) token(secret string) (access.TokenID, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	id, ok := n.byDigest[string(store.Digest(secret))]
	return id, ok
}

// Authenticate finds the person and credential of an API token's secret;
// ErrUnauthenticated when it is not live. What the credential may do is for the
// snapshot to say.
func (e *Engine) Authenticate(secret string) (access.PersonID, access.Credential, error) {
	id, ok := e.names.token(secret)
	if !ok && e.catchUpWith(secret, "gb_") {
		id, ok = e.names.token(secret)
	}
	if !ok {
		return 0, access.Credential{}, ErrUnauthenticated
	}
	t, ok := e.snapshot().Token(id)
	if !ok || t.Revoked || !t.Expires.IsZero() && !e.cfg().Now().Before(t.Expires) {
		return 0, access.Credential{}, ErrUnauthenticated
	}
	e.used.token(id, e.cfg().Now())
	return t.Owner, access.TokenOf(id), nil
}
