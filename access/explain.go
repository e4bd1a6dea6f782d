package access

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Explain answers r by the same walk as Check and keeps what it saw.
func (s *Snapshot) Explain(r Request) Explanation {
	x := Explanation{Decision: s.Check(r), Person: r.Person}
	var q question
	if s.ask(&q, &r) != 0 {
		return x
	}
	if q.who.id != 0 {
		x.Person = PersonID(q.who.id)
	}
	x.Actions = s.effective(&q, &r)
	x.Effective = s.catalogue.Highest(x.Actions)
	e := explainer{s: s, q: &q, r: &r, x: &x}
	e.credentials()
	e.rules()
	e.nearest()
	e.mappings()
	e.decides()
	return x
}

// explainer fills in an Explanation. causes runs beside x.Restriction.
type explainer struct {
	s      *Snapshot
	q      *question
	r      *Request
	x      *Explanation
	causes []cause

	session, token, public bool // the kinds of credential in the request
	granted, through       bool // of the whole request, as in tally
	ended                  []uint32
	beyond                 []uint32 // live grants of the action that a token does not get
}

// cause is whether a restriction takes the action away, and how.
type cause struct {
	blocks bool
	how    ailment // of a credential
}

func (e *explainer) restrict(t RestrictionTrail, c cause) {
	e.x.Restriction = append(e.x.Restriction, t)
	e.causes = append(e.causes, c)
}

// credentials lists what the credentials and the person's own state take away.
func (e *explainer) credentials() {
	for i := range 1 + len(e.r.Also) {
		switch c := e.r.credential(i); c.Kind {
		case SessionCredential:
			e.session = true
			e.restrictSession(c)
		case TokenCredential:
			e.token = true
			e.restrictChain(c.Token)
		case AnyTokenCredential:
			e.token = true
		default:
			e.public = true
			e.restrictPublic(c)
		}
	}
	if !e.person() {
		return
	}
	if e.q.who.flags&isLocked != 0 {
		e.restrict(RestrictionTrail{Kind: ByLock, Limit: NoAccess.String()}, cause{blocks: true})
	}
	if e.q.who.flags&isSuspended != 0 {
		e.restrict(RestrictionTrail{Kind: BySuspend, Limit: NoAccess.String()}, cause{blocks: true})
	}
}

// person reports whether a credential of the request is a person's.
func (e *explainer) person() bool { return e.session || e.token }

func (e *explainer) restrictSession(c *Credential) {
	how := e.s.sessionAilment(c, &e.q.who, e.q.action, e.q.at)
	if how == 0 && c.Ceiling == CeilingInherit {
		return
	}
	e.restrict(RestrictionTrail{Kind: BySession, Limit: ailmentText(how, c.Ceiling.String())}, cause{how != 0, how})
}

func ailmentText(how ailment, ceiling string) string {
	switch {
	case how&isRevoked != 0:
		return "revoked"
	case how&isExpired != 0:
		return "expired"
	}
	return ceiling
}

// restrictChain lists a token and its parents, as far as each takes something.
func (e *explainer) restrictChain(id TokenID) {
	seen := map[TokenID]bool{}
	for id != 0 {
		t := e.s.tokens.at(id)
		seen[id] = true
		how := e.s.tokenAilment(t, e.q)
		limit := tokenLimit(t.Token, how)
		broken := t.Parent != 0 && (!e.s.tokens.has(t.Parent) || seen[t.Parent])
		if broken {
			how, limit = how|isRevoked, "revoked with its parent"
		}
		if limit != "" {
			e.restrict(RestrictionTrail{Kind: ByToken, Token: id, Limit: limit}, cause{how != 0, how})
		}
		if broken {
			return
		}
		id = t.Parent
	}
}

// tokenLimit is what t leaves, "" when it limits nothing: what takes the action
// away if anything does, or else the first limit it has.
func tokenLimit(t *Token, how ailment) string {
	ceiling, sites, actions := t.Ceiling.String(), fmt.Sprintf("%d sites", len(t.Sites)), ""
	if t.Actions != nil {
		actions = fmt.Sprintf("%d actions", t.Actions.Count())
	}
	switch {
	case how&(isRevoked|isExpired) != 0:
		return ailmentText(how, "")
	case how&offCeiling != 0:
		return ceiling
	case how&offSites != 0:
		return sites
	case how&offActions != 0:
		return actions
	case t.Ceiling != CeilingInherit:
		return ceiling
	case t.Sites != nil:
		return sites
	}
	return actions
}

// restrictPublic lists what it takes away to be nobody.
func (e *explainer) restrictPublic(c *Credential) {
	t := RestrictionTrail{Kind: ByAnonymous, Limit: View.String()}
	if c.Kind != AnonymousCredential {
		t.Limit = NoAccess.String()
	}
	e.restrict(t, cause{blocks: e.s.decideOne(e.q, c, nil) != Allowed})
}

// hit is a rule that the walk came to.
type hit struct {
	slot uint32
	via  subjectKey
}

// hits is the walk for the request's person, or the public when it has none:
// every rule once, by its least subject, in order of id.
func (e *explainer) hits(w *who) []hit {
	var list []hit
	e.s.walk(w, e.q.site, func(_ hotRule, slot uint32, via subjectKey) { list = append(list, hit{slot, via}) })
	slices.SortFunc(list, func(a, b hit) int {
		return cmp.Or(cmp.Compare(e.s.cold.at(a.slot).id, e.s.cold.at(b.slot).id), cmp.Compare(a.via, b.via))
	})
	return slices.CompactFunc(list, func(a, b hit) bool { return a.slot == b.slot })
}

// rules lists the grants, denies and caps. Nobody's rules bind the owner, and
// without a credential none are looked at.
func (e *explainer) rules() {
	w := &e.q.who
	switch {
	case e.person() && w.flags&isOwner != 0:
		e.granted, e.through = true, true
		return
	case !e.person():
		w = &who{anonymous: true}
		if e.r.Credential.Kind != AnonymousCredential {
			return
		}
	}
	for _, h := range e.hits(w) {
		if e.s.hot.at(h.slot).kind() == Grant {
			e.grant(w, h)
		} else {
			e.restriction(w, h)
		}
	}
	slices.SortStableFunc(e.x.Grants, func(a, b GrantTrail) int {
		return cmp.Compare(btoi(b.Counts), btoi(a.Counts))
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (e *explainer) grant(w *who, x hit) {
	h := *e.s.hot.at(x.slot)
	set := &e.s.sets.sets[h.role()]
	through := !e.token || e.s.sets.sets[h.through()].has(e.q.action)
	t := GrantTrail{Rule: e.s.rule(x.slot), Via: x.via.subject(), Ends: e.s.ends(x, w, e.q.now)}
	l := e.s.liveness(h, x.slot, w, x.via, e.q.now)
	t.WhyNot = e.whyNot(l, set.has(e.q.action), through, t.Rule.TokenCeiling)
	t.Counts = t.WhyNot == ""
	switch {
	case l == live && set.has(e.q.action):
		e.granted = true
		e.through = e.through || through
		if !through {
			e.beyond = append(e.beyond, x.slot)
		}
	case l == ended && set.has(e.q.action) && through:
		e.ended = append(e.ended, x.slot)
	}
	e.x.Grants = append(e.x.Grants, t)
}

func (e *explainer) whyNot(l liveness, includes, through bool, ceiling Ceiling) string {
	switch {
	case l == notYet:
		return "not yet"
	case l == ended:
		return "expired"
	case l == unjoined:
		return "time of joining unknown"
	case l == lapsed:
		return "membership not confirmed for too long"
	case !includes:
		return "does not include " + e.s.catalogue.Name(e.q.action)
	case !through:
		return "token ceiling " + ceiling.String()
	}
	return ""
}

// ends is when the rule ends for w, zero when it does not.
func (s *snapshot) ends(x hit, w *who, now int64) time.Time {
	c := s.cold.at(x.slot)
	var end time.Time
	if at := s.lapses(c.subject, w); at != forever && s.hot.at(x.slot).kind() == Grant {
		end = time.Unix(0, at).UTC()
	}
	if c.window == nil {
		return end
	}
	if u := c.window.until; end.IsZero() || !u.IsZero() && u.Before(end) {
		end = u
	}
	if c.window.dur != 0 && c.subject.isGroup() {
		if at, ok := w.joined(uint32(c.subject & keyIDMask)); ok {
			if e := at.Add(c.window.dur); end.IsZero() || e.Before(end) {
				end = e
			}
		}
	}
	return end
}

func (e *explainer) restriction(w *who, x hit) {
	h := *e.s.hot.at(x.slot)
	if e.s.liveness(h, x.slot, w, x.via, e.q.now) != live {
		return
	}
	set := &e.s.sets.sets[h.role()]
	t := RestrictionTrail{Rule: e.s.rule(x.slot)}
	if h.kind() == Deny {
		t.Kind, t.Limit = ByDeny, e.leaves(e.s.catalogue.all.Minus(*set))
		e.restrict(t, cause{blocks: set.has(e.q.action)})
		return
	}
	if e.binds(h) {
		t.Kind, t.Limit = ByCap, e.leaves(*set)
		e.restrict(t, cause{blocks: !set.has(e.q.action)})
	}
}

// binds reports whether a cap restricts any credential of the request.
func (e *explainer) binds(h hotRule) bool {
	return h.binds(AnyChannel) || e.session && h.binds(SessionChannel) || e.token && h.binds(TokenChannel)
}

// leaves names a set: its level, or how many actions are left.
func (e *explainer) leaves(set Actions) string {
	for l := NoAccess; l <= Superuser; l++ {
		if set == e.s.catalogue.Level(l) {
			return l.String()
		}
	}
	return fmt.Sprintf("%d actions", set.Count())
}

// mappings lists the token ceilings of the grants that would do in a session,
// when none of them does through the token.
func (e *explainer) mappings() {
	if e.x.Allowed || !e.granted || e.through {
		return
	}
	for _, slot := range e.beyond {
		r := e.s.rule(slot)
		e.restrict(RestrictionTrail{Kind: ByMapping, Rule: r, Limit: r.TokenCeiling.String()}, cause{blocks: true})
	}
}

// decides marks the restrictions whose absence would have made it a yes.
func (e *explainer) decides() {
	if e.x.Allowed || !e.granted {
		return
	}
	for i, c := range e.causes {
		e.x.Restriction[i].Decides = c.blocks
	}
}
