package access

import (
	"iter"
	"slices"
	"time"
)

// Effective is everything that r's credential may do on r's site; r.Action is
// not looked at.
func (s *Snapshot) Effective(r Request) Actions {
	r.Action = ActView
	var q question
	if s.ask(&q, &r) != 0 {
		return Actions{}
	}
	return s.effective(&q, &r)
}

func (s *snapshot) effective(q *question, r *Request) Actions {
	set := s.effectiveOne(q, &r.Credential)
	for i := range r.Also {
		set = set.Intersect(s.effectiveOne(q, &r.Also[i]))
	}
	return set
}

func (s *snapshot) effectiveOne(q *question, c *Credential) Actions {
	if c.Kind == AnonymousCredential {
		public := who{anonymous: true}
		return s.mass(q, &public, AnyChannel).Intersect(s.catalogue.levels[View])
	}
	top, ch := s.ceilingOf(q, c)
	if top == (Actions{}) || q.who.barred() != 0 {
		return Actions{}
	}
	if q.who.flags&isOwner != 0 {
		return top
	}
	return s.mass(q, &q.who, ch).Intersect(top)
}

func (s *snapshot) mass(q *question, w *who, ch Channel) Actions {
	m := mass{channel: ch, now: q.now}
	s.walk(w, q.site, func(h hotRule, slot uint32, via subjectKey) { m.add(s, h, slot, w, via) })
	return m.effective()
}

// ceilingOf is the most that a session or token lets through on q's site.
func (s *snapshot) ceilingOf(q *question, c *Credential) (Actions, Channel) {
	switch c.Kind {
	case SessionCredential:
		if s.sessionAilment(c, &q.who, q.action, q.at)&(isRevoked|isExpired) != 0 {
			return Actions{}, SessionChannel
		}
		return s.catalogue.Ceiling(c.Ceiling), SessionChannel
	case TokenCredential:
		t := s.tokens.at(c.Token)
		if s.chainAilment(t, q)&(isRevoked|isExpired|offSites) != 0 {
			return Actions{}, TokenChannel
		}
		return s.chainCeiling(t), TokenChannel
	case AnyTokenCredential:
		return s.catalogue.all, TokenChannel
	}
	return Actions{}, AnyChannel
}

// chainCeiling is what t and its parents, who are no circle, let through.
func (s *snapshot) chainCeiling(t *tokenFacts) Actions {
	top := s.catalogue.all
	for {
		top = top.Intersect(s.catalogue.Ceiling(t.Ceiling))
		if t.Actions != nil {
			top = top.Intersect(*t.Actions)
		}
		if t.Parent == 0 {
			return top
		}
		t = s.tokens.at(t.Parent)
	}
}

// Sites yields the sites on which r's action is allowed, ascending; r.Site is
// not looked at.
func (s *Snapshot) Sites(r Request) iter.Seq[SiteID] {
	return func(yield func(SiteID) bool) {
		r.Site = Global
		var q question
		if s.ask(&q, &r) != 0 {
			return
		}
		var ids []SiteID
		for id, f := range s.sites.all() {
			q.site, q.siteID = f, id
			if s.decide(&q, &r) == Allowed {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		for _, id := range ids {
			if !yield(id) {
				return
			}
		}
	}
}

// WhoCan yields the people who, in a session that clamps nothing, may do action
// on site at now, in ascending order.
func (s *Snapshot) WhoCan(action ActionID, site SiteID, now time.Time) iter.Seq[PersonID] {
	return func(yield func(PersonID) bool) {
		r := Request{Credential: Credential{}, Site: site, Action: action, At: now}
		var q question
		if s.ask(&q, &r) != 0 {
			return
		}
		for id := range s.people.all() {
			s.people.find(id, &q.who)
			if s.decideAs(&q, SessionChannel, 0, CeilingSession) == Allowed && !yield(id) {
				return
			}
		}
	}
}
