package accesstest

import (
	"slices"
	"strings"
	"time"

	"grantbridge/access"
)

// Reach is what the rules and the credential come to for one request: the sets
// of the formula, one after the other, and what was wrong before them.
type Reach struct {
	Granted access.Actions // ⋃ roles of live grants
	Raw     access.Actions // ⋃ of what they contribute through the credential
	Ended   access.Actions // ⋃ of what grants that have ended would contribute
	Denied  access.Actions
	Kept    access.Actions // ⋂ caps
	Ceiling access.Actions
	Code    access.Code // why nothing else counts, or 0
}

// Effective is eff of the formula.
func (r Reach) Effective() access.Actions {
	if r.Code != 0 {
		return access.Actions{}
	}
	return r.Raw.Minus(r.Denied).Intersect(r.Kept).Intersect(r.Ceiling)
}

// Check is the answer that access.Snapshot.Check must give.
func (w *World) Check(r access.Request) access.Decision {
	no := func(c access.Code) access.Decision { return access.Decision{Code: c, Revision: w.Revision} }
	if c := w.askable(r, true); c != 0 {
		return no(c)
	}
	worst := access.Decision{Allowed: true, Code: access.Allowed, Revision: w.Revision}
	for _, c := range append([]access.Credential{r.Credential}, r.Also...) {
		if d := no(w.codeOf(r, c)); d.Code != access.Allowed && (worst.Allowed || priority(d.Code) < priority(worst.Code)) {
			worst = d
		}
	}
	return worst
}

// Effective is the answer that access.Snapshot.Effective must give.
func (w *World) Effective(r access.Request) access.Actions {
	if w.askable(r, false) != 0 {
		return access.Actions{}
	}
	set := w.Catalogue.Level(access.Superuser)
	for _, c := range append([]access.Credential{r.Credential}, r.Also...) {
		set = set.Intersect(w.Reach(r, c).Effective())
	}
	return set
}

// priority is the place of a code in the list of package access's documentation.
func priority(c access.Code) int {
	return slices.Index([]access.Code{
		access.Stale, access.UnknownAction, access.UnknownSite, access.UnknownSubject, access.Anonymous, access.Revoked,
		access.ExpiredToken, access.Locked, access.Suspended, access.ExpiredGrant, access.NoGrant, access.DeniedRule,
		access.CapUser, access.CeilingToken, access.CeilingMapping, access.CeilingSession, access.Allowed,
	}, c)
}

func (w *World) askable(r access.Request, action bool) access.Code {
	if r.At.IsZero() {
		return access.Stale
	}
	if action && int(r.Action) >= len(w.Catalogue.Actions()) {
		return access.UnknownAction
	}
	if _, ok := w.Site(r.Site); !ok {
		return access.UnknownSite
	}
	if _, ok := w.subject(r); !ok {
		return access.UnknownSubject
	}
	return 0
}

// subject is the person the request is about; nobody, when it needs nobody.
func (w *World) subject(r access.Request) (access.Person, bool) {
	id, needed := r.Person, false
	for _, c := range append([]access.Credential{r.Credential}, r.Also...) {
		needed = needed || c.Kind == access.SessionCredential
		if c.Kind != access.TokenCredential {
			continue
		}
		t, ok := w.Token(c.Token)
		if !ok || id != 0 && id != t.Owner {
			return access.Person{}, false
		}
		id, needed = t.Owner, true
	}
	if !needed {
		return access.Person{}, true
	}
	return w.Person(id)
}

func (w *World) codeOf(r access.Request, c access.Credential) access.Code {
	x, a := w.Reach(r, c), r.Action
	switch {
	case x.Code != 0:
		return x.Code
	case x.Effective().Has(a):
		return access.Allowed
	case c.Kind == access.AnonymousCredential:
		return access.Anonymous
	case !x.Granted.Has(a) && x.Ended.Has(a):
		return access.ExpiredGrant
	case !x.Granted.Has(a):
		return access.NoGrant
	case x.Denied.Has(a):
		return access.DeniedRule
	case !x.Kept.Has(a):
		return access.CapUser
	case c.Kind == access.SessionCredential:
		return access.CeilingSession
	case !x.Ceiling.Has(a):
		return access.CeilingToken
	}
	return access.CeilingMapping
}

// Reach is the formula, for one credential of an askable request.
func (w *World) Reach(r access.Request, c access.Credential) Reach {
	all := w.Catalogue.Level(access.Superuser)
	x := Reach{Kept: all, Ceiling: all}
	p, _ := w.subject(r)
	site, _ := w.Site(r.Site)
	switch c.Kind {
	case access.SessionCredential:
		x.Ceiling = w.Catalogue.Ceiling(c.Ceiling)
		x.Code = dead(c.Issued.Before(p.NotBefore), c.Expires, r.At)
	case access.TokenCredential:
		x.Ceiling, x.Code = w.tokenCeiling(c.Token, r, nil)
	case access.AnonymousCredential:
		p, x.Ceiling = access.Person{}, w.Catalogue.Level(access.View)
	default:
		x.Code = access.Anonymous
	}
	switch {
	case x.Code != 0:
	case p.Locked:
		x.Code = access.Locked
	case p.Suspended:
		x.Code = access.Suspended
	}
	if p.Owner {
		x.Granted, x.Raw = all, all
		return x
	}
	for _, rule := range w.Rules {
		if !w.Has(p, rule.Subject) || !InScope(rule.Scope, site) {
			continue
		}
		set := rule.Actions
		live, ended := alive(rule, p, r.At)
		if rule.Kind == access.Grant && !w.Has(confirmed(p, r.At), rule.Subject) {
			live, ended = false, true // by memberships alone that nobody confirms
		}
		if rule.Kind == access.Grant && c.Kind == access.TokenCredential {
			set = set.Intersect(w.Catalogue.Ceiling(rule.TokenCeiling))
		}
		switch {
		case rule.Kind == access.Grant && ended:
			x.Ended = x.Ended.Union(set)
		case !live:
		case rule.Kind == access.Grant:
			x.Granted, x.Raw = x.Granted.Union(rule.Actions), x.Raw.Union(set)
		case rule.Kind == access.Deny:
			x.Denied = x.Denied.Union(set)
		case binds(rule.Channel, c.Kind):
			x.Kept = x.Kept.Intersect(set)
		}
	}
	return x
}

func binds(ch access.Channel, k access.CredentialKind) bool {
	return ch == access.AnyChannel || ch == access.TokenChannel && k == access.TokenCredential ||
		ch == access.SessionChannel && k == access.SessionCredential
}

func dead(killed bool, expires, at time.Time) access.Code {
	switch {
	case killed:
		return access.Revoked
	case !expires.IsZero() && !at.Before(expires):
		return access.ExpiredToken
	}
	return 0
}

// tokenCeiling meets the ceilings of a token and its parents.
func (w *World) tokenCeiling(id access.TokenID, r access.Request, seen []access.TokenID) (access.Actions, access.Code) {
	t, ok := w.Token(id)
	if !ok || slices.Contains(seen, id) {
		return access.Actions{}, access.Revoked
	}
	owner, ok := w.Person(t.Owner)
	set := w.Catalogue.Ceiling(t.Ceiling)
	if t.Actions != nil {
		set = set.Intersect(*t.Actions)
	}
	if t.Sites != nil && !slices.Contains(t.Sites, r.Site) {
		set = access.Actions{}
	}
	code := dead(t.Revoked || !ok || t.Issued.Before(owner.NotBefore), t.Expires, r.At)
	if t.Parent == 0 {
		return set, code
	}
	above, worse := w.tokenCeiling(t.Parent, r, append(seen, id))
	if code == 0 || worse == access.Revoked {
		code = worse
	}
	return set.Intersect(above), code
}

// alive reports whether a rule that reaches p counts at t, or has counted.
func alive(r access.Rule, p access.Person, t time.Time) (live, ended bool) {
	if !r.From.IsZero() && t.Before(r.From) {
		return false, false
	}
	if !r.Until.IsZero() && !t.Before(r.Until) {
		return false, true
	}
	if r.For == 0 {
		return true, false
	}
	joined, known := p.Joined[access.GroupID(r.Subject.ID)]
	if r.Subject.Kind != access.TheGroup || !known {
		return r.Kind != access.Grant, false
	}
	over := !t.Before(joined.Add(r.For))
	return !over, over
}

// confirmed is p without the memberships that have ceased to grant at t.
func confirmed(p access.Person, t time.Time) access.Person {
	p.Groups = slices.DeleteFunc(slices.Clone(p.Groups), func(g access.GroupID) bool {
		until, ceases := p.Until[g]
		return ceases && !t.Before(until)
	})
	return p
}

// Has reports whether p, the zero Person being the public, has the subject.
func (w *World) Has(p access.Person, s access.Subject) bool {
	if s.Kind == access.Everyone {
		return true
	}
	if p.ID == 0 {
		return false
	}
	switch s.Kind {
	case access.SignedIn:
		return true
	case access.ThePerson:
		return int64(p.ID) == s.ID
	case access.TheGroup:
		return slices.Contains(p.Groups, access.GroupID(s.ID))
	case access.TheTrait:
		return slices.Contains(p.Traits, access.TraitID(s.ID))
	case access.TheCohort:
		c, ok := row(w.Cohorts, func(c access.Cohort) bool { return int64(c.ID) == s.ID })
		return ok && w.holds(p, c.Expr)
	}
	return false
}

func (w *World) holds(p access.Person, e access.Expr) bool {
	is := func(x access.Expr) bool { return w.holds(p, x) }
	switch e.Op {
	case access.Is:
		return w.Has(p, e.Subject)
	case access.AllOf:
		return len(e.Args) > 0 && !slices.ContainsFunc(e.Args, func(x access.Expr) bool { return !is(x) })
	case access.AnyOf:
		return slices.ContainsFunc(e.Args, is)
	case access.NotOf:
		return !is(e.Args[0])
	}
	return false
}

// InScope reports whether a scope reaches a site.
func InScope(sc access.Scope, s access.Site) bool {
	if s.ID == access.Global {
		return sc.All
	}
	in := sc.All || slices.Contains(sc.Sites, s.ID) || selected(sc.Select, s)
	return in && !slices.Contains(sc.ExceptSites, s.ID) && !selected(sc.ExceptSelect, s)
}

func selected(sels []access.Selector, s access.Site) bool {
	for _, sel := range sels {
		ok := len(sel.Labels) > 0 || sel.Slug != ""
		for k, v := range sel.Labels {
			got, has := s.Labels[k]
			ok = ok && has && got == v
		}
		if ok && (sel.Slug == "" || Glob(strings.ToLower(sel.Slug), strings.ToLower(s.Slug))) {
			return true
		}
	}
	return false
}

// Glob matches by trying everything.
func Glob(pattern, s string) bool {
	if pattern == "" {
		return s == ""
	}
	switch {
	case pattern[0] == '*':
		return Glob(pattern[1:], s) || s != "" && Glob(pattern, s[1:])
	case s == "":
		return false
	case pattern[0] == '?':
		return Glob(pattern[1:], s[1:])
	case pattern[0] == '\\' && len(pattern) > 1:
		return pattern[1] == s[0] && Glob(pattern[2:], s[1:])
	}
	return pattern[0] == s[0] && Glob(pattern[1:], s[1:])
}

// SitesOf is the answer that access.Snapshot.Sites must give.
func (w *World) SitesOf(r access.Request) []access.SiteID {
	var ids []access.SiteID
	for _, s := range w.Sites {
		r.Site = s.ID
		if w.Check(r).Allowed {
			ids = append(ids, s.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// WhoCan is the answer that access.Snapshot.WhoCan must give: a session that
// clamps nothing is one issued now, or later if the person's older ones are dead.
func (w *World) WhoCan(a access.ActionID, site access.SiteID, at time.Time) []access.PersonID {
	var ids []access.PersonID
	for _, p := range w.People {
		issued := at
		if issued.Before(p.NotBefore) {
			issued = p.NotBefore
		}
		if w.Check(access.Request{Person: p.ID, Credential: access.Session(issued), Site: site, Action: a, At: at}).Allowed {
			ids = append(ids, p.ID)
		}
	}
	slices.Sort(ids)
	return ids
}
