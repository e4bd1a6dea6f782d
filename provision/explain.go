package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// Question is one question in people's words.
type Question struct {
	Who, What, Site string
	Token           string // its id, prefix or name; empty is a session
	// Session is the credential of a certain session of Who; nil is one that clamps
	// nothing and is opened at the time asked about.
	Session *access.Credential
	At      time.Time // zero is now; the facts are today's
}

// Explanation is the answer with its trail: the contract of `explain -o json`.
type Explanation struct {
	Decision     bool                   `json:"decision"`
	Code         string                 `json:"code"`
	Person       string                 `json:"person"`
	Site         int64                  `json:"site"`
	Asked        string                 `json:"asked"`
	Effective    string                 `json:"effective"`
	Revision     int64                  `json:"revision"`
	At           time.Time              `json:"at"`
	Says         string                 `json:"says"`
	Grants       []ExplainedGrant       `json:"grants"`
	Restrictions []ExplainedRestriction `json:"restrictions"`
	Nearest      []ExplainedChange      `json:"nearest"`
}

// ExplainedGrant is one rule that gives, or would.
type ExplainedGrant struct {
	Rule  string `json:"rule"`
	Kind  string `json:"kind"`
	Role  string `json:"role"`
	Scope string `json:"scope"`
	// Via names the groups that bring it; of a directory's groups in groups the
	// whole way: "Line-1 → Plant-Lyon → Manufacturing".
	Via          []string   `json:"via"`
	Source       string     `json:"source"`
	Until        *time.Time `json:"until"`
	TokenCeiling string     `json:"token_ceiling"`
	Counts       bool       `json:"counts"`
	WhyNot       string     `json:"why_not,omitempty"`
	Reason       string     `json:"reason,omitempty"`
	Author       string     `json:"author,omitempty"`
	Ticket       string     `json:"ticket,omitempty"`
}

// ExplainedRestriction is one thing that takes away.
type ExplainedRestriction struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Limit   string `json:"limit"`
	Decides bool   `json:"decides"`
	Source  string `json:"source,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// ExplainedChange is one change that would turn a no into a yes.
type ExplainedChange struct {
	Change string `json:"change"`
}

// asked is a Question with its names found.
type asked struct {
	q       Question
	person  PersonRef
	site    access.Site
	token   store.Token
	request access.Request
}

// Explain answers q with its whole trail. An unknown person, site or action is
// an answer, not an error; an unknown token is store.ErrNotFound, and a login of
// several people ErrAmbiguous.
func (e *Engine) Explain(ctx context.Context, q Question) (*Explanation, error) {
	if q.At.IsZero() {
		q.At = e.cfg().Now()
	}
	snap, fresh := e.holder.Snapshot(e.cfg().Now())
	out := &Explanation{
		Person: q.Who, Asked: q.What, Effective: access.NoAccess.String(), Revision: snap.Revision(), At: q.At.UTC().Truncate(time.Second),
		Grants: []ExplainedGrant{}, Restrictions: []ExplainedRestriction{}, Nearest: []ExplainedChange{},
	}
	if !fresh {
		out.Code = access.Stale.String()
		out.Says = "The grant store has not been heard from for too long to answer; ask again when it is back."
		return out, nil
	}
	a, code, says, err := e.find(q)
	if err != nil {
		return nil, err
	}
	if a.person.Login != "" || a.person.UID != "" {
		out.Person = cmpOr(a.person.Login, a.person.UID)
	}
	out.Site = max(0, int64(a.site.ID))
	if code != 0 {
		out.Code, out.Says = code.String(), says
		return out, nil
	}
	x := snap.Explain(a.request)
	out.Decision, out.Code, out.Effective = x.Allowed, x.Code.String(), x.Effective.String()
	for _, g := range x.Grants {
		out.Grants = append(out.Grants, e.explainGrant(g))
	}
	e.nesting(ctx, a.person.ID, x.Grants, out.Grants)
	for _, r := range x.Restriction {
		out.Restrictions = append(out.Restrictions, e.explainRestriction(r))
	}
	t := teller{engine: e, asked: a, x: x}
	out.Says = t.says()
	for _, c := range t.nearest() {
		out.Nearest = append(out.Nearest, ExplainedChange{Change: c})
	}
	return out, nil
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// find looks q's names up. A code other than zero is the answer already.
func (e *Engine) find(q Question) (a asked, code access.Code, says string, err error) {
	a.q = q
	action, err := e.FindAction(q.What)
	if err != nil {
		return a, access.UnknownAction, sentence(err.Error()), nil
	}
	if IsPublic(q.Who) {
		return e.findPublic(a, action)
	}
	a.person, err = e.FindMeant(q.Who)
	if errors.Is(err, store.ErrNotFound) {
		return a, access.UnknownSubject, sentence(err.Error()), nil
	}
	if err != nil {
		return a, 0, "", err
	}
	if a.site, err = e.findSiteOrAll(q.Site); err != nil {
		return a, access.UnknownSite, sentence(err.Error()), nil
	}
	credential := e.newSession(a.person.ID, q.At)
	if q.Session != nil {
		credential = *q.Session
	}
	if q.Token != "" {
		if a.token, err = e.FindToken(q.Token); err != nil {
			return a, 0, "", err
		}
		credential = access.TokenOf(a.token.ID)
	}
	a.request = access.Request{Person: a.person.ID, Credential: credential, Site: a.site.ID, Action: action, At: q.At}
	return a, 0, "", nil
}

// findPublic is find for whoever is not signed in.
func (e *Engine) findPublic(a asked, action access.ActionID) (_ asked, code access.Code, says string, err error) {
	if a.q.Token != "" {
		return a, 0, "", invalid("a token belongs to somebody; ask about its owner, not about %s", Public)
	}
	a.person = PersonRef{Login: Public, Display: "Somebody who is not signed in"}
	if a.site, err = e.findSiteOrAll(a.q.Site); err != nil {
		return a, access.UnknownSite, sentence(err.Error()), nil
	}
	a.request = access.Request{Credential: access.Credential{Kind: access.AnonymousCredential}, Site: a.site.ID, Action: action, At: a.q.At}
	return a, 0, "", nil
}

// newSession is a session that begins at the time asked about. It is newer than
// any lock, whatever the clocks of the processes say.
func (e *Engine) newSession(id access.PersonID, at time.Time) access.Credential {
	if p, ok := e.snapshot().Person(id); ok && p.NotBefore.After(at) {
		at = p.NotBefore
	}
	return access.Session(at)
}

// findSiteOrAll is FindSite, and "*" for the platform itself.
func (e *Engine) findSiteOrAll(site string) (access.Site, error) {
	if site == "*" {
		return access.Site{ID: access.Global, Name: "the platform"}, nil
	}
	return e.FindSite(site)
}

func (e *Engine) explainGrant(g access.GrantTrail) ExplainedGrant {
	r := g.Rule
	out := ExplainedGrant{
		Rule: r.Origin.Rule, Kind: "grant", Role: r.Role, Scope: e.scopeText(r), Via: e.via(g), Source: r.Origin.Source,
		TokenCeiling: r.TokenCeiling.String(), Counts: g.Counts, WhyNot: g.WhyNot,
		Reason: r.Origin.Reason, Author: r.Origin.Author, Ticket: r.Origin.Ticket,
	}
	if !g.Ends.IsZero() {
		ends := g.Ends.UTC()
		out.Until = &ends
	}
	if r.Origin.UntilSync != "" && out.WhyNot == "expired" {
		out.WhyNot = "ended by the sync of " + r.Origin.UntilSync
	}
	return out
}

// scopeText is where a rule reaches. A manual rule knows its sites by number,
// whatever they are called meanwhile.
func (e *Engine) scopeText(r *access.Rule) string {
	if s := r.Scope; r.Origin.Source != "manual" || len(s.Sites) == 0 || s.All || len(s.Select) > 0 {
		return r.Scope.Text
	}
	names := make([]string, len(r.Scope.Sites))
	for i, id := range r.Scope.Sites {
		s, _ := e.snapshot().Site(id)
		names[i] = cmp.Or(s.Slug, fmt.Sprint(id))
	}
	return strings.Join(names, ",")
}

// via names the subjects that bring the rule to the person.
func (e *Engine) via(g access.GrantTrail) []string {
	switch g.Via.Kind {
	case access.TheGroup:
		if gr, ok := e.picture.Load().groups[directory.GroupID(g.Via.ID)]; ok {
			return []string{gr.Display}
		}
		return []string{g.Rule.Origin.Group}
	case access.ThePerson:
		return []string{"directly"}
	case access.SignedIn:
		return []string{"signed-in"}
	case access.Everyone:
		return []string{"everyone"}
	}
	if g.Rule.Origin.Group != "" {
		return []string{g.Rule.Origin.Group}
	}
	return []string{"condition of rule " + g.Rule.Origin.Rule}
}

func (e *Engine) explainRestriction(r access.RestrictionTrail) ExplainedRestriction {
	out := ExplainedRestriction{Kind: string(r.Kind), Limit: r.Limit, Decides: r.Decides}
	switch {
	case r.Rule != nil:
		out.ID, out.Source, out.Reason = r.Rule.Origin.Rule, r.Rule.Origin.Source, r.Rule.Origin.Reason
	case r.Token != 0:
		out.ID = e.tokenName(r.Token)
	}
	return out
}

func (e *Engine) tokenName(id access.TokenID) string {
	e.names.mu.RLock()
	defer e.names.mu.RUnlock()
	if t, ok := e.names.tokens[id]; ok {
		return t.Name
	}
	return fmt.Sprint(id)
}

// Holding is one person's level on one site.
type Holding struct {
	Person PersonRef    `json:"person"`
	Site   access.Site  `json:"site"`
	Level  access.Level `json:"level"`
	// Token is the level through a token that clamps nothing itself.
	Token access.Level `json:"token"`
	Rules []string     `json:"rules"` // that give it
	Until *time.Time   `json:"until"` // the earliest end among them
}

// WhoCan lists who may do what on site in a session, with the level they hold.
func (e *Engine) WhoCan(ctx context.Context, what, site string) ([]Holding, error) {
	action, err := e.FindAction(what)
	if err != nil {
		return nil, err
	}
	s, err := e.findSiteOrAll(site)
	if err != nil {
		return nil, err
	}
	now, snap := e.cfg().Now(), e.snapshot()
	var out []Holding
	for id := range snap.WhoCan(action, s.ID, now) {
		out = append(out, e.holding(snap, id, s, action, e.newSession(id, now), now))
	}
	slices.SortFunc(out, func(a, b Holding) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(a.Person.Login, b.Person.Login), cmp.Compare(a.Person.ID, b.Person.ID))
	})
	return out, ctx.Err()
}

// WhatCan lists the sites on which who holds something, with the levels; token,
// when not empty, is the one he uses.
func (e *Engine) WhatCan(ctx context.Context, who, token string) ([]Holding, error) {
	p, err := e.FindMeant(who)
	if err != nil {
		return nil, err
	}
	now, snap := e.cfg().Now(), e.snapshot()
	credential := e.newSession(p.ID, now)
	if token != "" {
		t, err := e.FindToken(token)
		if err != nil {
			return nil, err
		}
		credential = access.TokenOf(t.ID)
	}
	return e.holdings(snap, p.ID, credential, now), ctx.Err()
}

// holdings are the sites of a snapshot on which a person holds something.
func (e *Engine) holdings(snap *access.Snapshot, id access.PersonID, c access.Credential, now time.Time) (out []Holding) {
	for _, s := range snap.AllSites() {
		if snap.Effective(access.Request{Person: id, Credential: c, Site: s.ID, At: now}) != (access.Actions{}) {
			out = append(out, e.holding(snap, id, s, access.ActView, c, now))
		}
	}
	return out
}

func (e *Engine) holding(snap *access.Snapshot, id access.PersonID, s access.Site, action access.ActionID, c access.Credential, now time.Time) Holding {
	h := Holding{Site: s, Rules: []string{}}
	h.Person, _ = e.PersonByID(id)
	r := access.Request{Person: id, Credential: c, Site: s.ID, Action: action, At: now}
	x := snap.Explain(r)
	h.Level = x.Effective
	r.Credential = access.AnyToken()
	h.Token = e.Catalogue().Highest(snap.Effective(r))
	for _, g := range x.Grants {
		if !g.Counts {
			continue
		}
		if !slices.Contains(h.Rules, g.Rule.Origin.Rule) {
			h.Rules = append(h.Rules, g.Rule.Origin.Rule)
		}
		if !g.Ends.IsZero() && (h.Until == nil || g.Ends.Before(*h.Until)) {
			ends := g.Ends.UTC()
			h.Until = &ends
		}
	}
	slices.Sort(h.Rules)
	return h
}
