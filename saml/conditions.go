package saml

import (
	"slices"
	"strings"
	"time"
)

// judge is one judgement: the provider's rules, the requests that the answer
// may be to, and the time.
type judge struct {
	*Provider
	expected []Request
	now      time.Time
}

// request is what an answer answers: one of the expected requests, or nothing.
type request struct {
	Request
	solicited bool
}

// timeOf reads a time of SAML: UTC, or with an offset; a time without zone, and
// a missing one, are refused.
func timeOf(n *node, attr string) (time.Time, *Rejection) {
	text, _ := n.attr(attr)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || len(text) > 40 || strings.ContainsRune(text, ',') {
		return time.Time{}, reject(TimeMalformed, attr+" of "+n.name+" as 2006-01-02T15:04:05Z", "“"+text+"”")
	}
	return t.UTC(), nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }

// issued checks who issued a message, and when.
func (j judge) issued(n *node, issuerNeeded bool) *Rejection {
	issuer := n.child(nsAssertion, "Issuer")
	switch {
	case issuer == nil && issuerNeeded:
		return reject(IssuerMissing, "Issuer "+j.c.IdP.EntityID+" in "+n.name, "none")
	case issuer != nil && trim(issuer.text) != j.c.IdP.EntityID:
		return reject(IssuerWrong, j.c.IdP.EntityID, trim(issuer.text))
	case issuer != nil && issuer.attrOr("Format", formatEntity) != formatEntity:
		return reject(IssuerWrong, "an Issuer of format entity", issuer.attrOr("Format", ""))
	}
	at, r := timeOf(n, "IssueInstant")
	switch {
	case r != nil:
		return r
	case at.After(j.now.Add(j.c.Skew)):
		return reject(IssuedInFuture, "issued by "+stamp(j.now), stamp(at))
	case j.now.After(at.Add(j.c.MaxAge + j.c.Skew)):
		return reject(IssuedTooLongAgo, "issued in the "+j.c.MaxAge.String()+" before "+stamp(j.now), stamp(at))
	}
	return nil
}

const formatEntity = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"

// destination checks that a message is for that URL of ours, to the letter.
func destination(n *node, here string, needed bool) *Rejection {
	d, has := n.attr("Destination")
	switch {
	case has && d != here:
		return reject(DestinationWrong, here, d)
	case !has && needed:
		return reject(DestinationMissing, here, "none")
	}
	return nil
}

// answers finds the request that a response answers, by policy when it answers
// none.
func (j judge) answers(response *node) (request, *Rejection) {
	id, has := response.attr("InResponseTo")
	if !has {
		return request{}, j.unsolicited()
	}
	i := slices.IndexFunc(j.expected, func(r Request) bool { return r.ID == id && id != "" })
	if i < 0 {
		return request{}, reject(RequestUnknown, "an answer to a request that waits", "one to another")
	}
	found := j.expected[i]
	if found.Source != j.c.Source {
		return request{}, reject(RequestUnknown, "an answer to a request of source "+j.c.Source, "one of source "+found.Source)
	}
	if !j.now.Before(found.Expires) {
		return request{}, reject(RequestExpired, "an answer before "+stamp(found.Expires), "one at "+stamp(j.now))
	}
	return request{found, true}, nil
}

func (j judge) unsolicited() *Rejection {
	switch j.c.IDPInitiated {
	case On:
		return nil
	case Bouncing:
		return reject(Bounce, "a sign-in that begins here", "an unsolicited response")
	}
	return reject(Unsolicited, "an answer to a request", "an unsolicited response")
}

// confirmed checks that one bearer confirmation is for us, now, and for this
// request. One that fits is enough; when none does, the first one's fault is
// told.
func (j judge) confirmed(subject *node, req request) *Rejection {
	all := subject.children(nsAssertion, "SubjectConfirmation")
	if len(all) == 0 {
		return reject(ConfirmationMissing, "a bearer confirmation", "none")
	}
	var first *Rejection
	for _, c := range all {
		if m, _ := c.attr("Method"); m != "urn:oasis:names:tc:SAML:2.0:cm:bearer" {
			first = orFirst(first, reject(ConfirmationMethod, "method bearer", m))
			continue
		}
		r := j.bearer(c.child(nsAssertion, "SubjectConfirmationData"), req)
		if r == nil {
			return nil
		}
		first = orFirst(first, r)
	}
	return first
}

func orFirst(first, r *Rejection) *Rejection {
	if first != nil {
		return first
	}
	return r
}

// bearer is section 4.1.4.2 of the SAML profiles.
func (j judge) bearer(data *node, req request) *Rejection {
	if data == nil {
		return reject(ConfirmationData, "SubjectConfirmationData", "none")
	}
	if _, has := data.attr("NotBefore"); has {
		return reject(ConfirmationNotBefore, "no NotBefore", "one")
	}
	recipient, has := data.attr("Recipient")
	switch {
	case !has:
		return reject(RecipientMissing, j.c.ACS, "none")
	case recipient != j.c.ACS:
		return reject(RecipientWrong, j.c.ACS, recipient)
	}
	if _, has := data.attr("NotOnOrAfter"); !has {
		return reject(ConfirmationUnbounded, "NotOnOrAfter", "none")
	}
	end, r := timeOf(data, "NotOnOrAfter")
	if r != nil {
		return r
	}
	if !j.now.Before(end.Add(j.c.Skew)) {
		return reject(ConfirmationExpired, "a time before "+stamp(end), stamp(j.now))
	}
	to, has := data.attr("InResponseTo")
	switch {
	case req.solicited && !has:
		return reject(InResponseToMissing, "InResponseTo in SubjectConfirmationData", "none")
	case req.solicited && to != req.ID:
		return reject(InResponseToWrong, "the request that the response answers", "another one")
	case !req.solicited && has:
		return reject(InResponseToMissing, "InResponseTo in the response too", "in SubjectConfirmationData only")
	}
	return nil
}

// conditions checks when and for whom the assertion is. All restrictions must
// hold; in one, any of its audiences may be us.
func (j judge) conditions(a *node) *Rejection {
	c := a.child(nsAssertion, "Conditions")
	if c == nil {
		return reject(ConditionsMissing, "Conditions", "none")
	}
	if r := j.window(c); r != nil {
		return r
	}
	restrictions := 0
	for _, k := range c.kids {
		switch {
		case k.is(nsAssertion, "AudienceRestriction"):
			restrictions++
			if r := j.audience(k); r != nil {
				return r
			}
		case k.is(nsAssertion, "OneTimeUse"), k.is(nsAssertion, "ProxyRestriction"):
			// Every assertion is used once, and none is proxied.
		default:
			return reject(ConditionUnknown, "conditions that are understood", k.name)
		}
	}
	if restrictions == 0 {
		return reject(AudienceMissing, j.c.EntityID, "no AudienceRestriction")
	}
	return nil
}

func (j judge) window(c *node) *Rejection {
	var from, until time.Time
	var r *Rejection
	if _, has := c.attr("NotBefore"); has {
		if from, r = timeOf(c, "NotBefore"); r != nil {
			return r
		}
		if from.After(j.now.Add(j.c.Skew)) {
			return reject(NotYetValid, "a time from "+stamp(from)+" on", stamp(j.now))
		}
	}
	if _, has := c.attr("NotOnOrAfter"); has {
		if until, r = timeOf(c, "NotOnOrAfter"); r != nil {
			return r
		}
		if !from.Before(until) {
			return reject(ValidityReversed, "an end after "+stamp(from), stamp(until))
		}
		if !j.now.Before(until.Add(j.c.Skew)) {
			return reject(Expired, "a time before "+stamp(until), stamp(j.now))
		}
	}
	return nil
}

func (j judge) audience(restriction *node) *Rejection {
	var all []string
	for _, k := range restriction.kids {
		if !k.is(nsAssertion, "Audience") {
			return reject(ConditionUnknown, "audiences", k.name)
		}
		if r := plain(k); r != nil {
			return r
		}
		if all = append(all, trim(k.text)); all[len(all)-1] == j.c.EntityID {
			return nil
		}
	}
	if len(all) == 0 {
		return reject(AudienceMissing, j.c.EntityID, "an empty AudienceRestriction")
	}
	return reject(AudienceWrong, j.c.EntityID, strings.Join(all, ", "))
}

// authenticated checks how and when the person signed in, and fills it in.
func (j judge) authenticated(a *node, req request, id *Identity) *Rejection {
	all := a.children(nsAssertion, "AuthnStatement")
	switch len(all) {
	case 0:
		return reject(AuthnStatementMissing, "an AuthnStatement", "none")
	case 1:
	default:
		return reject(AuthnStatementSeveral, "one AuthnStatement", decimal(len(all)))
	}
	s := all[0]
	id.SessionIndex = s.attrOr("SessionIndex", "")
	if r := j.instant(s, req, id); r != nil {
		return r
	}
	if _, has := s.attr("SessionNotOnOrAfter"); has {
		end, r := timeOf(s, "SessionNotOnOrAfter")
		if r != nil {
			return r
		}
		if !j.now.Before(end.Add(j.c.Skew)) {
			return reject(SessionOver, "a session that goes on", "an end at "+stamp(end))
		}
		id.SessionNotOnOrAfter = end
	}
	if c := s.child(nsAssertion, "AuthnContext"); c != nil {
		if ref := c.child(nsAssertion, "AuthnContextClassRef"); ref != nil {
			id.AuthnContext = trim(ref.text)
		}
	}
	if wanted := j.wanted(req); len(wanted) > 0 && !slices.Contains(wanted, id.AuthnContext) {
		got := id.AuthnContext
		if got == "" {
			got = "none"
		}
		return reject(AuthnContextWeak, "one of "+strings.Join(wanted, ", "), got)
	}
	return nil
}

// wanted are the classes that the answer must have: what this request asked
// for, else what the source does.
func (j judge) wanted(req request) []string {
	if req.solicited && len(req.AuthnContext) > 0 {
		return req.AuthnContext
	}
	return j.c.AuthnContext
}

func (j judge) instant(s *node, req request, id *Identity) *Rejection {
	if _, has := s.attr("AuthnInstant"); !has {
		return reject(AuthnInstantMissing, "AuthnInstant", "none")
	}
	at, r := timeOf(s, "AuthnInstant")
	if r != nil {
		return r
	}
	id.AuthnInstant = at
	if at.After(j.now.Add(j.c.Skew)) {
		return reject(AuthnInstantFuture, "a sign-in before "+stamp(j.now), stamp(at))
	}
	if (req.solicited && req.ForceAuthn) && at.Before(req.IssuedAt.Add(-j.c.Skew)) {
		return reject(AuthnTooOld, "a sign-in after "+stamp(req.IssuedAt)+", as ForceAuthn asks", stamp(at))
	}
	if !req.solicited && j.c.ForceAuthn && at.Before(j.now.Add(-j.c.LoginTTL)) {
		return reject(AuthnTooOld, "a sign-in in the last "+j.c.LoginTTL.String(), stamp(at))
	}
	if oldest := j.now.Add(-j.c.MaxAuthnAge - j.c.Skew); j.c.MaxAuthnAge > 0 && at.Before(oldest) {
		return reject(AuthnTooOld, "a sign-in in the last "+j.c.MaxAuthnAge.String(), stamp(at))
	}
	return nil
}
