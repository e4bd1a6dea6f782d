package access_test

import (
	"slices"
	"testing"

	"grantbridge/access"
	"grantbridge/access/accesstest"
)

// The acceptance vectors of research/matomo.md 2.4, in the platform's own matrix.

var matomo = access.DefaultCatalogue()

// person 1 has rules; token 1 is his, with that ceiling.
func vector(t *testing.T, ceiling access.Ceiling, rules ...access.Rule) (*access.Snapshot, *accesstest.World) {
	t.Helper()
	for i := range rules {
		rules[i].ID, rules[i].Subject = access.RuleID(i+1), access.Subject{Kind: access.ThePerson, ID: 1}
	}
	w := &accesstest.World{
		Catalogue: matomo, Sites: []access.Site{{ID: 1}, {ID: 2}, {ID: 3}}, People: []access.Person{{ID: 1}}, Rules: rules,
		Tokens: []access.Token{{ID: 1, Owner: 1, Ceiling: ceiling, Issued: clock(0)}},
	}
	return build(t, w), w
}

func on(sites ...access.SiteID) access.Scope { return access.Scope{Sites: sites} }

func give(l access.Level, sc access.Scope) access.Rule {
	return access.Rule{Kind: access.Grant, Actions: matomo.Level(l), Scope: sc, TokenCeiling: access.CeilingInherit}
}

func giveOne(t *testing.T, name string, sc access.Scope) access.Rule {
	t.Helper()
	set, err := matomo.Expand(name)
	if err != nil {
		t.Fatal(err)
	}
	return access.Rule{Kind: access.Grant, Actions: set, Scope: sc, TokenCeiling: access.CeilingInherit}
}

var allSites = access.Scope{All: true}

func viaToken(id access.TokenID, site access.SiteID) access.Request {
	return access.Request{Credential: access.TokenOf(id), Site: site, At: clock(1)}
}

func level(s *access.Snapshot, r access.Request) access.Level { return matomo.Highest(s.Effective(r)) }

func may(t *testing.T, s *access.Snapshot, r access.Request, action string) access.Code {
	t.Helper()
	a, ok := matomo.Lookup(action)
	if !ok {
		t.Fatalf("no action %s", action)
	}
	r.Action = a
	return s.Check(r).Code
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestV1AdminCappedAtWrite(t *testing.T) {
	s, _ := vector(t, access.CeilingWrite, give(access.Admin, on(1)))
	same(t, "level", level(s, viaToken(1, 1)), access.Write)
	same(t, "admin's capability", may(t, s, viaToken(1, 1), "tagmanager_publish_live_container"), access.CeilingToken)
	same(t, "write's capability", may(t, s, viaToken(1, 1), "tagmanager_write"), access.Allowed)
}

func TestV2NoCapIsInherit(t *testing.T) {
	for _, text := range []string{"", "inherit"} {
		c, err := access.ParseCeiling(text)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := vector(t, c, give(access.Admin, on(1)))
		same(t, "level", level(s, viaToken(1, 1)), access.Admin)
	}
}

func TestV3SuperuserCapped(t *testing.T) {
	for _, l := range []access.Level{access.View, access.Write, access.Admin} {
		s, _ := vector(t, access.CeilingAt(l), give(access.Superuser, allSites))
		same(t, "superuser's action", may(t, s, viaToken(1, access.Global), "site:create"), access.CeilingToken)
		s, err := s.With(access.Delta{Sites: []access.Site{{ID: 9}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, site := range []access.SiteID{1, 3, 9} {
			same(t, "level", level(s, viaToken(1, site)), l)
		}
	}
}

func TestV4StaleRowUnderSuperuser(t *testing.T) {
	s, _ := vector(t, access.CeilingWrite, give(access.Superuser, allSites), give(access.View, on(1)))
	same(t, "level", level(s, viaToken(1, 1)), access.Write)
}

func TestV5SuperuserUncapped(t *testing.T) {
	for _, c := range []access.Ceiling{access.CeilingSuperuser, access.CeilingInherit} {
		s, _ := vector(t, c, give(access.Superuser, allSites))
		same(t, "level", level(s, viaToken(1, 1)), access.Superuser)
		same(t, "global", may(t, s, viaToken(1, access.Global), "site:create"), access.Allowed)
	}
}

func TestV6UnknownCeiling(t *testing.T) {
	c, err := access.ParseCeiling("notalevel")
	if err == nil {
		t.Error("notalevel is no error")
	}
	s, _ := vector(t, c, give(access.Superuser, allSites))
	for _, site := range []access.SiteID{access.Global, 1, 2} {
		same(t, "level", level(s, viaToken(1, site)), access.NoAccess)
		same(t, "code", may(t, s, viaToken(1, site), "view"), access.CeilingToken)
	}
	if sites := slices.Collect(s.Sites(viaToken(1, 0))); len(sites) != 0 {
		t.Errorf("sites: %v", sites)
	}
	session := access.Request{Person: 1, Credential: access.Credential{Kind: access.SessionCredential}, Site: 1, At: clock(1)}
	same(t, "session without a ceiling", may(t, s, session, "view"), access.CeilingSession)
}

func TestV7CapabilityUnderCap(t *testing.T) {
	rules := func() []access.Rule {
		return []access.Rule{give(access.View, on(1)), giveOne(t, "tagmanager_write", on(1))}
	}
	s, _ := vector(t, access.CeilingView, rules()...)
	same(t, "capability under view", may(t, s, viaToken(1, 1), "tagmanager:edit"), access.CeilingToken)
	s, _ = vector(t, access.CeilingWrite, rules()...)
	same(t, "capability under write", may(t, s, viaToken(1, 1), "tagmanager:edit"), access.Allowed)
	same(t, "role", level(s, viaToken(1, 1)), access.View)
}

func TestV8TokenMintsToken(t *testing.T) {
	s, _ := vector(t, access.CeilingView, give(access.Admin, on(1)))
	for ceiling, ok := range map[access.Ceiling]bool{access.CeilingInherit: false, access.CeilingAdmin: false, access.CeilingView: true} {
		child := access.Token{ID: 2, Owner: 1, Ceiling: ceiling, Issued: clock(1), Parent: 1}
		if err := access.MayMint(s, viaToken(1, 0), child); (err == nil) != ok {
			t.Errorf("child with %s: %v", ceiling, err)
		}
		next, err := s.With(access.Delta{Tokens: []access.Token{child}}) // as if it had been made all the same
		if err != nil {
			t.Fatal(err)
		}
		same(t, "child's level", level(next, viaToken(2, 1)), access.View)
	}
}

func TestV9EachSubRequestHasItsOwnToken(t *testing.T) {
	s, _ := vector(t, access.CeilingView, give(access.Admin, on(1)))
	s, err := s.With(access.Delta{Tokens: []access.Token{{ID: 2, Owner: 1, Ceiling: access.CeilingInherit, Issued: clock(0)}}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "inner uncapped", level(s, viaToken(2, 1)), access.Admin)
	same(t, "inner capped", level(s, viaToken(1, 1)), access.View)
	both := viaToken(2, 1)
	both.Also = []access.Credential{access.TokenOf(1)}
	same(t, "both in one request", level(s, both), access.View)
}

func TestV10RevocationBetweenTwoCalls(t *testing.T) {
	s, w := vector(t, access.CeilingInherit, give(access.Admin, on(1)))
	h := access.NewHolder(0)
	h.Set(s, clock(0))
	same(t, "before", h.Check(viaToken(1, 1)).Code, access.Allowed)
	tok := w.Tokens[0]
	tok.Revoked = true
	revoked, err := s.With(access.Delta{Revision: 2, Tokens: []access.Token{tok}})
	if err != nil {
		t.Fatal(err)
	}
	h.Set(revoked, clock(0))
	same(t, "after revocation", h.Check(viaToken(1, 1)), access.Decision{Code: access.Revoked, Revision: 2})
	tok.Revoked, tok.Expires = false, clock(3)
	expiring, err := s.With(access.Delta{Tokens: []access.Token{tok}})
	if err != nil {
		t.Fatal(err)
	}
	h.Set(expiring, clock(0))
	r := viaToken(1, 1)
	for at, want := range map[int]access.Code{2: access.Allowed, 3: access.ExpiredToken} {
		r.At = clock(at)
		same(t, "while it expires", h.Check(r).Code, want)
	}
}

func TestV11FailedLookUpDenies(t *testing.T) {
	s, _ := vector(t, access.CeilingInherit, give(access.Admin, on(1)))
	same(t, "token not in the snapshot", s.Check(viaToken(7, 1)).Code, access.UnknownSubject)
	h := access.NewHolder(5)
	same(t, "no snapshot", h.Check(viaToken(1, 1)).Code, access.Stale)
	orphan := access.Token{ID: 2, Owner: 1, Ceiling: access.CeilingInherit, Issued: clock(0), Parent: 8}
	s, err := s.With(access.Delta{Tokens: []access.Token{orphan}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "parent not in the snapshot", s.Check(viaToken(2, 1)).Code, access.Revoked)
}

func TestV12GrantsThenDenyThenCap(t *testing.T) {
	deny := access.Rule{Kind: access.Deny, Actions: matomo.Level(access.Superuser), Scope: on(2)}
	s, _ := vector(t, access.CeilingAdmin, give(access.Superuser, allSites), deny)
	same(t, "elsewhere", level(s, viaToken(1, 1)), access.Admin)
	same(t, "on 2", level(s, viaToken(1, 2)), access.NoAccess)
	same(t, "code", may(t, s, viaToken(1, 2), "view"), access.DeniedRule)
}
