package access

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The actions that administering asks for. A catalogue without them is asked for
// the level's own action instead.
const (
	ManageAction = "access:manage" // give and take access on a site
	BindAction   = "access:bind"   // make rules for labels and all sites, denies and caps
)

// Refusal is why somebody may not make a change of rules or tokens.
type Refusal struct {
	Site    SiteID   // where; Global stands for all sites, later ones too
	Missing []string // the actions he lacks there for all that time
	Why     string
}

func (r *Refusal) Error() string {
	where := fmt.Sprintf("site %d", r.Site)
	if r.Site == Global {
		where = "all sites, later ones too"
	}
	switch {
	case len(r.Missing) == 0:
		return r.Why
	case len(r.Missing) > 4:
		return fmt.Sprintf("%s on %s: missing %s and %d more", r.Why, where, strings.Join(r.Missing[:4], ", "), len(r.Missing)-4)
	}
	return fmt.Sprintf("%s on %s: missing %s", r.Why, where, strings.Join(r.Missing, ", "))
}

// MayGrant reports why whoever is behind by may not add rule to s, nil if he may.
// by.Site and by.Action are not looked at.
//
// You grant only what your credential holds on each of the sites, from now until
// the rule ends, by grants that each last that long; and you need access:manage
// there. A scope that reaches later sites needs access:bind, and the actions,
// from a grant that reaches them too, with no restriction on you anywhere. Denies
// and caps need access:bind. The end of a session does not count: it shows who he
// is, and he can sign in again; the end of a token does.
func MayGrant(s *Snapshot, by Request, rule Rule) error {
	if err := rule.check(); err != nil {
		return &Refusal{Why: err.Error()}
	}
	if rule.Kind != Grant {
		return s.mayReach(by, &rule, Actions{}, BindAction, ActSuperuser)
	}
	return s.mayReach(by, &rule, rule.Actions, ManageAction, ActAdmin)
}

// MayRemove reports why whoever is behind by may not take rule out of s, nil if he
// may. A grant is his to remove when he could have made it. A restriction is when
// it is not on himself, and all that it withholds is his to grant.
func MayRemove(s *Snapshot, by Request, rule Rule) error {
	switch rule.Kind {
	case Grant:
		return MayGrant(s, by, rule)
	case Deny:
		return s.mayLift(by, &rule, rule.Actions)
	case Cap:
		return s.mayLift(by, &rule, s.catalogue.all.Minus(rule.Actions))
	}
	return &Refusal{Why: fmt.Sprintf("no kind of rule %d", rule.Kind)}
}

func (s *Snapshot) mayLift(by Request, rule *Rule, withheld Actions) error {
	var q question
	if by.Site = Global; s.ask(&q, &by) == 0 && s.isAbout(rule.Subject.key(), &q.who) {
		return &Refusal{Why: fmt.Sprintf("rule %d restricts yourself", rule.ID)}
	}
	return s.mayReach(by, rule, withheld, BindAction, ActSuperuser)
}

// mayReach asks for the right and the actions wherever rule reaches.
func (s *Snapshot) mayReach(by Request, rule *Rule, actions Actions, right string, otherwise ActionID) error {
	a, ok := s.catalogue.lookup(right)
	if !ok {
		a = otherwise
	}
	sites := rule.Scope.Sites
	if rule.Scope.Open() {
		sites = []SiteID{Global}
		if b, ok := s.catalogue.lookup(BindAction); ok {
			a = b
		} else {
			a = ActSuperuser
		}
	}
	actions = actions.Intersect(s.catalogue.all)
	actions.Add(a)
	for _, site := range sites {
		held, code := s.holds(by, site, rule.Until)
		if code != 0 {
			return &Refusal{Site: site, Why: code.String()}
		}
		if lacking := actions.Minus(held); lacking != (Actions{}) {
			return &Refusal{Site: site, Missing: s.names(lacking), Why: "you can give and take only what you hold yourself"}
		}
	}
	return nil
}

func (s *snapshot) names(set Actions) (out []string) {
	for a := range set.All() {
		out = append(out, s.catalogue.actions[a].Name)
	}
	return out
}

// holds is what the credentials of by hold on site from by.At until then, zero
// being for ever; on Global, what they hold on every site there may ever be.
func (s *Snapshot) holds(by Request, site SiteID, until time.Time) (Actions, Code) {
	by.Site, by.Action = site, ActView
	var q question
	if code := s.ask(&q, &by); code != 0 {
		return Actions{}, code
	}
	if q.who.id == 0 {
		return Actions{}, Anonymous
	}
	if code := q.who.barred(); code != 0 {
		return Actions{}, code
	}
	held, end := s.catalogue.all, instantOr(until, forever)
	for i := range 1 + len(by.Also) {
		c := by.credential(i)
		top, ch := s.ceilingOf(&q, c)
		if c.Kind == TokenCredential && s.chainEnd(c.Token) < end {
			return Actions{}, ExpiredToken
		}
		if q.who.flags&isOwner == 0 {
			top = top.Intersect(s.lasting(&q, ch, end))
		}
		held = held.Intersect(top)
	}
	return held, 0
}

// chainEnd is when a token ends for its own or its parents' sake.
func (s *snapshot) chainEnd(id TokenID) int64 {
	end := int64(forever)
	for seen := map[TokenID]bool{}; id != 0 && !seen[id]; {
		seen[id] = true
		t := s.tokens.at(id)
		if t == nil {
			return beginning
		}
		end, id = min(end, t.expires), t.Parent
	}
	return end
}

// lasting is what rules leave of all actions from q.now to end: what grants that
// last so long add, less what any restriction takes at any time of it.
func (s *snapshot) lasting(q *question, ch Channel, end int64) Actions {
	m := mass{channel: ch, now: q.now}
	each := func(h hotRule, slot uint32, via subjectKey) {
		from, until := s.span(h, slot, &q.who, via)
		switch {
		case h.kind() == Grant && from <= q.now && until >= end:
			m.take(s, h)
		case h.kind() != Grant && from < end && until > q.now:
			m.take(s, h)
		}
	}
	if q.siteID == Global {
		s.walkAnywhere(&q.who, each)
	} else {
		s.walk(&q.who, q.site, each)
	}
	return m.effective()
}

// walkAnywhere visits the grants of w that reach every site there may ever be,
// and his restrictions wherever they are.
func (s *snapshot) walkAnywhere(w *who, visit visitor) {
	for slot := range s.used {
		c, h := s.cold.at(slot), *s.hot.at(slot)
		if c.id == 0 || h.kind() == Grant && (!c.scope.All || c.scope.hasExcept()) {
			continue
		}
		if s.isAbout(c.subject, w) {
			visit(h, slot, c.subject)
		}
	}
}

// isAbout reports whether w has the subject k, a cohort too.
func (s *snapshot) isAbout(k subjectKey, w *who) bool {
	if k>>keyIDBits == subjectKey(TheCohort) {
		c, ok := s.cohorts.get(CohortID(k & keyIDMask))
		return ok && c.holds(w)
	}
	return w.has(k)
}

// span is when a rule counts for w: for a grant at most, for a restriction at
// least, what is not known.
func (s *snapshot) span(h hotRule, slot uint32, w *who, via subjectKey) (from, until int64) {
	from, until = beginning, forever
	c := s.cold.at(slot)
	if h.kind() == Grant {
		until = s.lapses(c.subject, w)
	}
	if h.bits()&(ruleTimed|ruleFor) == 0 {
		return from, until
	}
	from, until = instantOr(c.window.from, beginning), min(until, instantOr(c.window.until, forever))
	if h.bits()&ruleFor == 0 {
		return from, until
	}
	switch end, known := c.joinedEnd(w, via, forever); {
	case known:
		until = min(until, end)
	case h.kind() == Grant:
		until = from
	}
	return from, until
}

// MayMint reports why whoever is behind by may not make token t, nil if he may.
//
// He makes tokens for himself. One made with a token is its child, and is not less
// restricted than it in ceiling, sites, actions or end. One made in a session is
// not above the session's ceiling and caps, and above no level that he can reach
// through tokens anywhere; inherit follows him and is no level.
func MayMint(s *Snapshot, by Request, t Token) error {
	var q question
	if by.Site, by.Action = Global, ActView; s.ask(&q, &by) != 0 || q.who.id == 0 || q.who.barred() != 0 {
		return &Refusal{Why: "unknown, locked or suspended"}
	}
	if t.Owner != PersonID(q.who.id) {
		return &Refusal{Why: "a token is made by its owner"}
	}
	if t.Issued.After(by.At) {
		return &Refusal{Why: "a token is not issued in the future"}
	}
	top := s.catalogue.Ceiling(t.Ceiling)
	if t.Ceiling == CeilingUnknown || t.Ceiling > CeilingInherit {
		return &Refusal{Why: "a token has a ceiling, or inherit"}
	}
	if err := s.mayReachByToken(&q, t.Ceiling); err != nil {
		return err
	}
	if t.Actions != nil {
		top = top.Intersect(*t.Actions)
	}
	for i := range 1 + len(by.Also) {
		if err := s.mayMintWith(&q, by.credential(i), &t, top); err != nil {
			return err
		}
	}
	return nil
}

// mayReachByToken refuses a level above all that the person reaches by token.
func (s *Snapshot) mayReachByToken(q *question, x Ceiling) error {
	if x == CeilingInherit || x == CeilingNoAccess || q.who.flags&isOwner != 0 {
		return nil
	}
	at := *q
	best := s.catalogue.Highest(s.mass(&at, &q.who, TokenChannel))
	for _, f := range s.sites.all() {
		at.site, at.siteID = f, f.ID
		best = max(best, s.catalogue.Highest(s.mass(&at, &q.who, TokenChannel)))
	}
	if CeilingAt(best) < x {
		return &Refusal{Why: fmt.Sprintf("you reach %s by token, and may not make one for %s", best, x)}
	}
	return nil
}

func (s *Snapshot) mayMintWith(q *question, c *Credential, t *Token, top Actions) error {
	switch c.Kind {
	case SessionCredential:
		if s.sessionAilment(c, &q.who, q.action, q.at)&(isRevoked|isExpired) != 0 || !top.Within(s.catalogue.Ceiling(c.Ceiling).Intersect(s.sessionCaps(&q.who))) {
			return &Refusal{Why: "the session is more restricted than the token would be"}
		}
		return nil
	case TokenCredential:
		if p := s.tokens.at(c.Token); s.chainAilment(p, q)&(isRevoked|isExpired) != 0 || t.Parent != p.ID || !s.childOf(t, p, top) {
			return &Refusal{Why: fmt.Sprintf("token %d is more restricted than its child would be", c.Token)}
		}
		return nil
	}
	return &Refusal{Why: Anonymous.String()}
}

// sessionCaps is what caps on w's sessions alone leave, wherever and whenever.
func (s *snapshot) sessionCaps(w *who) Actions {
	left := s.catalogue.all
	for slot := range s.used {
		h := *s.hot.at(slot)
		if c := s.cold.at(slot); c.id != 0 && h.kind() == Cap && h.channel() == SessionChannel && s.isAbout(c.subject, w) {
			left = left.Intersect(s.sets.sets[h.role()])
		}
	}
	return left
}

// childOf reports whether t, which lets top through, is within p and its parents.
func (s *snapshot) childOf(t *Token, p *tokenFacts, top Actions) bool {
	if !top.Within(s.chainCeiling(p)) || instantOr(t.Expires, forever) > s.chainEnd(p.ID) {
		return false
	}
	if t.Ceiling == CeilingInherit && p.Ceiling != CeilingInherit {
		return false // Matomo pull request 24450: unscoped counts as more
	}
	for ; p != nil; p = s.tokens.at(p.Parent) {
		outside := func(id SiteID) bool { return !slices.Contains(p.Sites, id) }
		if p.Sites != nil && (t.Sites == nil || slices.ContainsFunc(t.Sites, outside)) {
			return false
		}
	}
	return true
}
