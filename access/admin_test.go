package access_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"grantbridge/access"
	"grantbridge/access/accesstest"
)

// TestL15NoAmplification plays random administration histories: some colluding
// credentials add and remove rules and mint tokens as far as they may, while time
// goes on and sites are added. At no moment do they reach more, then or later, than
// they would have without having done anything.
func TestL15NoAmplification(t *testing.T) { rapid.Check(t, noAmplification) }

func noAmplification(t *rapid.T) {
	w := drawOffice(t)
	h := &history{start: w, now: w.Clone()}
	for range rapid.IntRange(1, 3).Draw(t, "colluders") {
		h.colluders = append(h.colluders, drawColluder(t))
	}
	h.reach(t)
	for range rapid.IntRange(1, 10).Draw(t, "steps") {
		h.step(t)
		h.reach(t)
	}
}

// drawOffice is a tiny world in which there is something to administer: nobody is
// locked, most people administer something for some time, most tokens live.
func drawOffice(t *rapid.T) *accesstest.World {
	w := drawWorld(t)
	w.Sites = nil
	for id := range someSites - 1 {
		w.Sites = append(w.Sites, drawSite(t, access.SiteID(id+1)))
	}
	w.Rules = w.Rules[:min(len(w.Rules), 3)]
	w.People = nil
	for _, id := range personIDs {
		p := drawPerson(t, id)
		p.Locked, p.Suspended, p.NotBefore, p.Owner = false, false, time.Time{}, false
		w.People = append(w.People, p)
		if rapid.IntRange(0, 3).Draw(t, "administrates") > 0 {
			r := drawGrant(t, nextRule(w))
			r.Subject = access.Subject{Kind: access.ThePerson, ID: int64(id)}
			r.Actions = tiny.Level(access.Admin + access.Level(rapid.IntRange(0, 1).Draw(t, "superuser")))
			w.Rules = append(w.Rules, r)
		}
	}
	w.Tokens = nil
	for id := range someTokens {
		tok := drawToken(t, access.TokenID(id+1))
		if rapid.IntRange(0, 3).Draw(t, "plain") > 0 {
			top := rapid.SampledFrom([]access.Ceiling{access.CeilingInherit, access.CeilingAdmin}).Draw(t, "token ceiling")
			tok = access.Token{ID: tok.ID, Owner: tok.Owner, Ceiling: top, Issued: clock(0), Expires: drawTimeOrNone(t, "token ends")}
		}
		w.Tokens = append(w.Tokens, tok)
	}
	return w
}

// drawGrant is a grant as administrators try to make them.
func drawGrant(t *rapid.T, id access.RuleID) access.Rule {
	r := access.Rule{
		ID: id, Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: int64(rapid.SampledFrom(personIDs).Draw(t, "to"))},
		Actions: drawActions(t), Scope: access.Scope{Sites: drawSites(t, 2)}, TokenCeiling: access.CeilingInherit, Until: drawTimeOrNone(t, "until"),
	}
	if rapid.IntRange(0, 3).Draw(t, "wide") == 0 {
		r.Scope = drawScope(t)
	}
	return r
}

type history struct {
	start, now *accesstest.World
	tick       int
	colluders  []access.Request
	minted     []access.Request
}

func drawColluder(t *rapid.T) access.Request {
	if rapid.Bool().Draw(t, "by token") {
		return access.Request{Credential: access.TokenOf(access.TokenID(rapid.IntRange(1, someTokens).Draw(t, "token")))}
	}
	c := access.Session(clock(rapid.IntRange(0, lastTick).Draw(t, "session issued")))
	c.Ceiling = drawCeiling(t)
	return access.Request{Person: rapid.SampledFrom(personIDs).Draw(t, "person"), Credential: c}
}

// step is one thing that somebody tries, or that happens.
func (h *history) step(t *rapid.T) {
	by := rapid.SampledFrom(slices.Concat(h.colluders, h.minted)).Draw(t, "by")
	by.At = clock(h.tick)
	s := build(t, h.now)
	switch rapid.IntRange(0, 7).Draw(t, "step") {
	case 0:
		h.tick = min(h.tick+1, lastTick)
	case 1:
		site := drawSite(t, someSites)
		if _, there := h.now.Site(site.ID); there {
			// Relabelling takes away what a label gave, and with it the ground of
			// what was granted on it: that is the relabeller's doing.
			return
		}
		h.start.Apply(access.Delta{Sites: []access.Site{site}})
		h.now.Apply(access.Delta{Sites: []access.Site{site}})
	case 2:
		h.mint(t, s, by)
	case 3:
		if len(h.now.Rules) > 0 {
			r := rapid.SampledFrom(h.now.Rules).Draw(t, "rule to remove")
			if access.MayRemove(s, by, r) == nil {
				h.now.Apply(access.Delta{RemoveRules: []access.RuleID{r.ID}})
			}
		}
	default:
		r := drawGrant(t, nextRule(h.now))
		if rapid.IntRange(0, 3).Draw(t, "any rule") == 0 {
			r = drawRule(t, r.ID)
		}
		if access.MayGrant(s, by, r) == nil {
			h.now.Apply(access.Delta{Rules: []access.Rule{r}})
		}
	}
}

func (h *history) mint(t *rapid.T, s *access.Snapshot, by access.Request) {
	tok := drawToken(t, access.TokenID(100+len(h.now.Tokens)))
	tok.Issued, tok.Revoked, tok.Parent = by.At, false, 0
	tok.Owner = by.Person
	if by.Credential.Kind == access.TokenCredential {
		tok.Parent = by.Credential.Token
		parent, _ := s.Token(tok.Parent)
		tok.Owner = parent.Owner
	}
	if access.MayMint(s, by, tok) == nil {
		h.now.Apply(access.Delta{Tokens: []access.Token{tok}})
		h.minted = append(h.minted, access.Request{Credential: access.TokenOf(tok.ID)})
	}
}

// reach compares, for every moment from now on.
func (h *history) reach(t *rapid.T) {
	before, after := build(t, h.start), build(t, h.now)
	for tick := h.tick; tick <= lastTick; tick++ {
		for site := access.SiteID(access.Global); site <= someSites; site++ {
			had := together(before, h.colluders, site, clock(tick))
			got := together(after, slices.Concat(h.colluders, h.minted), site, clock(tick))
			if more := got.Minus(had); more != (access.Actions{}) {
				t.Fatalf("at %d, from %d on, on site %d they gained %v", h.tick, tick, site, names(more))
			}
		}
	}
}

func together(s *access.Snapshot, colluders []access.Request, site access.SiteID, at time.Time) (set access.Actions) {
	for _, r := range colluders {
		r.Site, r.At = site, at
		set = set.Union(s.Effective(r))
	}
	return set
}

// TestMayGrantIsNotAlwaysNo keeps the property above from being empty.
func TestMayGrantIsNotAlwaysNo(t *testing.T) {
	w := &accesstest.World{
		Catalogue: tiny, Sites: []access.Site{{ID: 1}, {ID: 2}},
		People: []access.Person{{ID: 1}, {ID: 2}, {ID: 3}},
		Tokens: []access.Token{{ID: 1, Owner: 1, Ceiling: access.CeilingAdmin, Issued: clock(0), Expires: clock(5)}},
		Rules: []access.Rule{
			{ID: 1, Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: 1}, Actions: tiny.Level(access.Admin), Scope: access.Scope{Sites: []access.SiteID{1}}, TokenCeiling: access.CeilingInherit},
			{ID: 2, Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: 2}, Actions: tiny.Level(access.Superuser), Scope: access.Scope{All: true}, TokenCeiling: access.CeilingInherit},
			{ID: 3, Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: 3}, Actions: tiny.Level(access.Admin), Scope: access.Scope{Sites: []access.SiteID{1}}, Until: clock(8)},
			{ID: 4, Kind: access.Deny, Subject: access.Subject{Kind: access.ThePerson, ID: 3}, Actions: tiny.Level(access.Superuser), Scope: access.Scope{Sites: []access.SiteID{2}}},
		},
	}
	s := build(t, w)
	session := func(p access.PersonID) access.Request {
		return access.Request{Person: p, Credential: access.Session(clock(0)), At: clock(1)}
	}
	grant := func(l access.Level, sc access.Scope, until time.Time) access.Rule {
		return access.Rule{ID: 9, Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: 3}, Actions: tiny.Level(l), Scope: sc, Until: until}
	}
	one, two, all := access.Scope{Sites: []access.SiteID{1}}, access.Scope{Sites: []access.SiteID{2}}, access.Scope{All: true}
	label := access.Scope{Select: []access.Selector{{Slug: "*"}}}
	deny := access.Rule{ID: 9, Kind: access.Deny, Subject: access.Subject{Kind: access.ThePerson, ID: 3}, Actions: tiny.Level(access.View), Scope: one}
	for name, c := range map[string]struct {
		by   access.Request
		rule access.Rule
		want string
	}{
		"an admin of the site grants admin":          {session(1), grant(access.Admin, one, time.Time{}), ""},
		"an admin of the site does not grant all":    {session(1), grant(access.Superuser, one, time.Time{}), "you can give and take only what you hold yourself on site 1: missing superuser, access:bind, decisions:ask"},
		"an admin of one site grants not on another": {session(1), grant(access.View, two, time.Time{}), "you can give and take only what you hold yourself on site 2: missing view, report:view, report.one:view, access:manage"},
		"an admin of one site grants not by label":   {session(1), grant(access.View, label, time.Time{}), "you can give and take only what you hold yourself on all sites, later ones too: missing view, report:view, report.one:view, access:bind"},
		"an admin of the site does not deny":         {session(1), deny, "you can give and take only what you hold yourself on site 1: missing access:bind"},
		"a superuser grants everywhere":              {session(2), grant(access.Superuser, all, time.Time{}), ""},
		"a superuser denies":                         {session(2), deny, ""},
		"a temporary admin grants for his time":      {session(3), grant(access.View, one, clock(8)), ""},
		"a temporary admin grants no longer":         {session(3), grant(access.View, one, clock(9)), "you can give and take only what you hold yourself on site 1: missing view, report:view, report.one:view, access:manage"},
		"a token grants until it ends":               {access.Request{Credential: access.TokenOf(1), At: clock(1)}, grant(access.View, one, clock(5)), ""},
		"a token grants nothing that outlives it":    {access.Request{Credential: access.TokenOf(1), At: clock(1)}, grant(access.View, one, clock(6)), "expired_token"},
		"nobody grants":                              {access.Request{At: clock(1)}, grant(access.View, one, time.Time{}), "anonymous"},
		"a rule that Build refuses is not granted":   {session(2), access.Rule{ID: 9, Kind: 7}, "rule 9: no kind 7"},
	} {
		got := ""
		if err := access.MayGrant(s, c.by, c.rule); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	own, _ := s.Rule(4)
	if err := access.MayRemove(s, session(3), *own); err == nil || err.Error() != "rule 4 restricts yourself" {
		t.Errorf("lifting one's own restriction: %v", err)
	}
	if err := access.MayRemove(s, session(2), *own); err != nil {
		t.Errorf("a superuser lifts a restriction: %v", err)
	}
}
