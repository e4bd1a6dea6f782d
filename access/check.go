package access

import "time"

// question is a request whose names were found.
type question struct {
	who    who // the person, unless nobody had to be known
	site   *siteFacts
	siteID SiteID
	token  *tokenFacts // of the first credential
	action ActionID
	at     time.Time
	now    int64
}

// Check answers r. It does not allocate.
func (s *Snapshot) Check(r Request) Decision {
	var q question
	code := s.ask(&q, &r)
	if code == 0 {
		code = s.decide(&q, &r)
	}
	return Decision{Allowed: code == Allowed, Code: code, Revision: s.revision}
}

// ask finds what r names; its code is 0 or why it cannot be asked.
func (s *snapshot) ask(q *question, r *Request) Code {
	if r.At.IsZero() || s.catalogue == nil {
		return Stale // nobody knows when, or anything
	}
	if int(r.Action) >= len(s.catalogue.actions) {
		return UnknownAction
	}
	known := s.people.find(r.Person, &q.who) // early, since it waits for memory longest
	if r.Site != Global {
		site := s.sites.at(r.Site)
		if site == nil {
			return UnknownSite
		}
		q.site = site
	}
	q.siteID, q.action, q.at, q.now = r.Site, r.Action, r.At, instant(r.At)
	id, somebodys, ok := s.findWho(q, r)
	switch {
	case !ok:
		return UnknownSubject
	case !somebodys:
		q.who = who{}
		return 0
	case id != r.Person:
		known = s.people.find(id, &q.who)
	}
	if !known {
		return UnknownSubject
	}
	return 0
}

// findWho finds whom r is about: the person named, or else the owner of its first
// token. It is not ok unless every token is his. Nobody need be known when no
// credential is somebody's.
func (s *snapshot) findWho(q *question, r *Request) (id PersonID, somebodys, ok bool) {
	id = r.Person
	for i := range 1 + len(r.Also) {
		switch c := r.credential(i); c.Kind {
		case SessionCredential, AnyTokenCredential:
			somebodys = true
		case TokenCredential:
			t := s.tokens.at(c.Token)
			if t == nil || id != 0 && t.owner != uint32(id) {
				return 0, true, false
			}
			if i == 0 {
				q.token = t
			}
			if somebodys = true; id == 0 { // a given id is not made to wait for the token
				id = t.Owner
			}
		}
	}
	return id, somebodys, true
}

// credential is the i-th of the request.
func (r *Request) credential(i int) *Credential {
	if i == 0 {
		return &r.Credential
	}
	return &r.Also[i-1]
}

// decide asks for each credential by itself, and answers with the worst.
func (s *snapshot) decide(q *question, r *Request) Code {
	code := s.decideOne(q, &r.Credential, q.token)
	for i := range r.Also {
		if c := s.decideOne(q, &r.Also[i], s.tokens.at(r.Also[i].Token)); rank[c] < rank[code] {
			code = c
		}
	}
	return code
}

// rank orders the codes: when several would do, the lowest is given.
var rank = [...]uint8{
	Stale: 1, UnknownAction: 2, UnknownSite: 3, UnknownSubject: 4, Anonymous: 5, Revoked: 6, ExpiredToken: 7, Locked: 8, Suspended: 9,
	ExpiredGrant: 10, NoGrant: 11, DeniedRule: 12, CapUser: 13, CeilingToken: 14, CeilingMapping: 15, CeilingSession: 16, Allowed: 17,
}

// decideOne answers for c, a token's facts being t.
func (s *snapshot) decideOne(q *question, c *Credential, t *tokenFacts) Code {
	switch c.Kind {
	case SessionCredential:
		ill := s.sessionAilment(c, &q.who, q.action, q.at)
		return s.decideAs(q, SessionChannel, ill, CeilingSession)
	case TokenCredential:
		return s.decideAs(q, TokenChannel, s.chainAilment(t, q), CeilingToken)
	case AnyTokenCredential:
		return s.decideAs(q, TokenChannel, 0, CeilingToken)
	case AnonymousCredential:
		if public := (who{anonymous: true}); s.tally(q, &public, AnyChannel) == Allowed && s.catalogue.levels[View].has(q.action) {
			return Allowed
		}
	}
	return Anonymous
}

// decideAs joins what the credential, the person and the rules say.
func (s *snapshot) decideAs(q *question, ch Channel, ill ailment, limit Code) Code {
	if ill&(isRevoked|isExpired) != 0 {
		return ill.code(limit)
	}
	if code := q.who.barred(); code != 0 {
		return code
	}
	if q.who.flags&isOwner == 0 {
		if code := s.tally(q, &q.who, ch); code != Allowed && (code != CeilingMapping || ill == 0) {
			return code
		}
	}
	if ill != 0 {
		return limit
	}
	return Allowed
}

// barred is why w may do nothing at all, 0 when he is not barred.
func (w *who) barred() Code {
	switch {
	case w.flags&isLocked != 0:
		return Locked
	case w.flags&isSuspended != 0:
		return Suspended
	}
	return 0
}

// tally is what the rules alone decide.
func (s *snapshot) tally(q *question, w *who, ch Channel) Code {
	t := tally{action: q.action, channel: ch, now: q.now}
	s.walk(w, q.site, func(h hotRule, slot uint32, via subjectKey) { t.add(s, h, slot, w, via) })
	return t.code()
}
