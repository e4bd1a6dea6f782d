package provision_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/mapping"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

const rules = `version: 1
rules:
- {id: platform-owners, from: okta, group: Matomo-SuperUser, give: superuser}
- id: site-admins
  from: okta
  group: {regexp: "^Matomo-Admin-(?P<site>[A-Za-z0-9-]+)$"}
  give: admin
  sites: "{site}"
  token_ceiling: write
- {id: readers, from: [okta, entra], group: Readers, give: view, sites: all}
- {id: external, from: any, person: {email: {not_glob: "*@company.com"}}, token_at_most: view, sites: all}
`

// house is an engine on a real store, with a clock that the test moves.
type house struct {
	t   *testing.T
	ctx context.Context
	e   *provision.Engine
	st  *store.Store
	now time.Time
}

var admin = store.By{Actor: "cli:test", Via: "cli", Reason: "test"}

func open(t *testing.T, st *store.Store) *house {
	t.Helper()
	h := &house{t: t, ctx: t.Context(), st: st, now: time.Now()}
	e, err := provision.New(h.ctx, st, provision.Config{
		Sources: []store.Source{{Name: "okta", Veto: true}, {Name: "entra"}},
		Now:     func() time.Time { return h.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	h.e = e
	h.must(e.PutSites(h.ctx, admin, []access.Site{
		{ID: 1, Slug: "main", Name: "Main site"},
		{ID: 2, Slug: "blog", Name: "Blog", Labels: map[string]string{"region": "eu"}},
	}))
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) setRules(text string) {
	h.t.Helper()
	_, _, err := h.e.SetMapping(h.ctx, admin, "rules.yaml", []byte(text), "", "")
	h.must(err)
}

func (h *house) apply(c directory.Change) provision.Result {
	h.t.Helper()
	by := store.By{Actor: "scim:" + c.From(), Via: "scim", Lane: store.LaneNormal}
	r, err := h.e.Apply(h.ctx, by, c)
	h.must(err)
	h.must(h.e.Sync(h.ctx, r.Revision))
	return r
}

func (h *house) user(source, login, email string) directory.Account {
	h.t.Helper()
	return h.apply(&directory.AccountChange{Source: source, UniqueLogin: true, Edit: func(a directory.Account) (directory.Account, error) {
		a.Login, a.Display, a.Email, a.Active, a.ExternalID = login, strings.ToUpper(login), email, true, "ext-"+login
		a.Doc = []byte(fmt.Sprintf(`{"userName":%q}`, login))
		a.Values = []directory.Value{{Path: "username", Text: login}, {Path: "emails.value", Text: email}}
		return a, nil
	}}).Account
}

func (h *house) group(source, name string, members ...directory.Account) directory.Group {
	h.t.Helper()
	return h.apply(&directory.GroupChange{Source: source, UniqueDisplay: true, Members: directory.MemberChange{Add: uids(members)},
		Edit: func(g directory.Group) (directory.Group, error) {
			g.Display, g.Doc = name, []byte(`{}`)
			return g, nil
		}}).Group
}

func uids(as []directory.Account) (out []string) {
	for _, a := range as {
		out = append(out, a.UID)
	}
	return out
}

func (h *house) setActive(a directory.Account, active bool) {
	h.t.Helper()
	h.apply(&directory.AccountChange{Source: a.Source, UID: a.UID, Edit: func(old directory.Account) (directory.Account, error) {
		old.Active = active
		return old, nil
	}})
}

// wants asks who/what/site and compares the code.
func (h *house) wants(who, what, site string, want access.Code) *provision.Explanation {
	h.t.Helper()
	return h.wantsToken("", who, what, site, want)
}

func (h *house) wantsToken(token, who, what, site string, want access.Code) *provision.Explanation {
	h.t.Helper()
	x, err := h.e.Explain(h.ctx, provision.Question{Who: who, What: what, Site: site, Token: token})
	h.must(err)
	if x.Code != want.String() {
		h.t.Fatalf("%s %s %s: got %s (%s), want %s", who, what, site, x.Code, x.Says, want)
	}
	if x.Decision != (want == access.Allowed) {
		h.t.Fatalf("%s %s %s: decision %v with code %s", who, what, site, x.Decision, x.Code)
	}
	return x
}

func TestAccessFollowsWhatTheSourceSays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		h.setRules(rules)
		ann := h.user("okta", "ann", "ann@company.com")
		h.wants("ann", "view", "blog", access.NoGrant)

		g := h.group("okta", "Matomo-Admin-blog", ann)
		h.wants("ann", "admin", "blog", access.Allowed)
		h.wants("ann", "view", "main", access.NoGrant)

		h.setActive(ann, false)
		h.wants("ann", "admin", "blog", access.Suspended)
		h.setActive(ann, true)
		h.wants("ann", "admin", "blog", access.Allowed) // memberships were kept

		h.apply(&directory.GroupChange{Source: "okta", UID: g.UID, Members: directory.MemberChange{Remove: []string{ann.UID}}})
		h.wants("ann", "admin", "blog", access.NoGrant)
	})
}

func TestTheSameNameInAnotherSourceGivesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		h.setRules(rules)
		bob := h.user("entra", "bob", "bob@company.com")
		h.group("entra", "Matomo-Admin-blog", bob)
		h.wants("bob", "view", "blog", access.NoGrant)
	})
}

func TestTokenOfAnAdminStopsAtItsCeiling(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		h.setRules(rules)
		ann := h.user("okta", "ann", "ann@company.com")
		h.group("okta", "Matomo-Admin-blog", ann)
		p, err := h.e.FindPerson("ann")
		h.must(err)
		mint := &store.MintToken{Token: store.Token{Person: p.ID, Name: "ci-export", Ceiling: "view"}}
		h.must(h.e.MintToken(h.ctx, admin, mint))

		h.wantsToken("ci-export", "ann", "view", "blog", access.Allowed)
		x := h.wantsToken("ci-export", "ann", "write", "blog", access.CeilingToken)
		if want := "ANN may write on Blog, but token ci-export is limited to view."; x.Says != want {
			t.Errorf("says %q, want %q", x.Says, want)
		}
		if len(x.Nearest) == 0 || x.Nearest[0].Change != "use a session, or a token with ceiling write" {
			t.Errorf("nearest %v", x.Nearest)
		}
		if _, _, err := h.e.Authenticate(mint.Secret); err != nil {
			t.Error(err)
		}
		h.must(h.e.RevokeToken(h.ctx, admin, mint.Token.ID))
		if _, _, err := h.e.Authenticate(mint.Secret); !errors.Is(err, provision.ErrUnauthenticated) {
			t.Errorf("a revoked token: %v", err)
		}
		h.wantsToken("ci-export", "ann", "view", "blog", access.Revoked)
	})
}

func TestConditionsOnPersonsFollowTheirAttributes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		h.setRules(rules)
		eve := h.user("okta", "eve", "eve@agency.example")
		h.group("okta", "Matomo-Admin-blog", eve)
		p, err := h.e.FindPerson("eve")
		h.must(err)
		h.must(h.e.MintToken(h.ctx, admin, &store.MintToken{Token: store.Token{Person: p.ID, Name: "t", Ceiling: "inherit"}}))
		h.wantsToken("t", "eve", "write", "blog", access.CapUser)
		h.apply(&directory.AccountChange{Source: "okta", UID: eve.UID, Edit: func(a directory.Account) (directory.Account, error) {
			a.Email = "eve@company.com"
			a.Values = []directory.Value{{Path: "username", Text: "eve"}, {Path: "emails.value", Text: "eve@company.com"}}
			return a, nil
		}})
		h.wantsToken("t", "eve", "write", "blog", access.Allowed)
		h.wantsToken("t", "eve", "admin", "blog", access.CeilingMapping)
	})
}

func TestManualGrantEndsByItself(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		h.setRules(rules)
		ann := h.user("okta", "ann", "ann@company.com")
		h.group("okta", "Readers", ann)
		p, err := h.e.FindPerson("ann")
		h.must(err)
		m := store.Manual{Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: int64(p.ID)}, Role: "admin", Sites: []access.SiteID{1},
			TokenCeiling: "inherit", Until: h.now.Add(time.Hour)}
		_, err = h.e.AddGrant(h.ctx, admin, m)
		h.must(err)
		h.wants("ann", "admin", "main", access.Allowed)
		h.now = h.now.Add(time.Hour)
		h.must(h.e.Sync(h.ctx, 0)) // only so that the snapshot is fresh for the moved clock
		h.wants("ann", "admin", "main", access.ExpiredGrant)
		h.wants("ann", "view", "main", access.Allowed) // back to what it was, not to nothing

		m.Until, m.UntilSync = time.Time{}, "okta"
		_, err = h.e.AddGrant(h.ctx, admin, m)
		h.must(err)
		h.wants("ann", "admin", "main", access.Allowed)
		h.apply(&directory.AccountChange{Source: "okta", UID: ann.UID, Edit: func(a directory.Account) (directory.Account, error) {
			a.Display = "Ann"
			return a, nil
		}})
		h.now = h.now.Add(time.Minute)
		h.must(h.e.Sync(h.ctx, 0))
		x := h.wants("ann", "admin", "main", access.ExpiredGrant)
		if !strings.Contains(fmt.Sprint(x.Grants), "ended by the sync of okta") {
			t.Errorf("grants do not say that the sync ended it: %+v", x.Grants)
		}
	})
}

func TestManualGrantNeedsReasonAndEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		ann := h.user("okta", "ann", "ann@company.com")
		_ = ann
		p, err := h.e.FindPerson("ann")
		h.must(err)
		m := store.Manual{Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: int64(p.ID)}, Role: "admin", Sites: []access.SiteID{1}, TokenCeiling: "inherit"}
		var says *provision.InvalidError
		if _, err := h.e.AddGrant(h.ctx, admin, m); !errors.As(err, &says) || !strings.Contains(says.Says, "needs an end") {
			t.Errorf("without an end: %v", err)
		}
		m.Until = h.now.Add(time.Hour)
		if _, err := h.e.AddGrant(h.ctx, store.By{Actor: "cli:test"}, m); !errors.As(err, &says) || !strings.Contains(says.Says, "needs a reason") {
			t.Errorf("without a reason: %v", err)
		}
		m.Sites = []access.SiteID{99}
		if _, err := h.e.AddGrant(h.ctx, admin, m); !errors.As(err, &says) || !strings.Contains(says.Says, "no site 99") {
			t.Errorf("on an unknown site: %v", err)
		}
	})
}

func TestLockTakesEverythingAndNoSourceOpensIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		h.setRules(rules)
		ann := h.user("okta", "ann", "ann@company.com")
		h.group("okta", "Matomo-Admin-blog", ann)
		p, err := h.e.FindPerson("ann")
		h.must(err)
		h.must(h.e.Lock(h.ctx, admin, p.ID, false))
		h.wants("ann", "view", "blog", access.Locked)
		h.setActive(ann, false)
		h.setActive(ann, true)
		h.wants("ann", "view", "blog", access.Locked)
		h.must(h.e.Unlock(h.ctx, admin, p.ID))
		h.now = h.now.Add(time.Second)
		h.wants("ann", "admin", "blog", access.Allowed)
	})
}

func TestLastSuperuserIsKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		h.setRules(rules)
		sue := h.user("okta", "sue", "sue@company.com")
		g := h.group("okta", "Matomo-SuperUser", sue)
		h.wants("sue", "superuser", "*", access.Allowed)

		var refused *provision.RefusedError
		_, _, err := h.e.SetMapping(h.ctx, admin, "rules.yaml", []byte("version: 1\nrules:\n- {id: readers, from: okta, group: Readers, give: view, sites: all}\n"), "", "")
		if !errors.As(err, &refused) {
			t.Fatalf("a mapping without superusers: %v", err)
		}
		p, err := h.e.FindPerson("sue")
		h.must(err)
		if err := h.e.Lock(h.ctx, admin, p.ID, false); !errors.As(err, &refused) {
			t.Fatalf("locking the last superuser: %v", err)
		}
		h.wants("sue", "superuser", "*", access.Allowed)

		// An identity provider's explicit removal always applies.
		h.apply(&directory.GroupChange{Source: "okta", UID: g.UID, Members: directory.MemberChange{Remove: []string{sue.UID}}})
		h.wants("sue", "superuser", "*", access.NoGrant)
	})
}

func TestAPreviewOfSitesToComeIsThePlanOnceTheyAreThere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		h.setRules(rules)
		h.group("okta", "Writers", h.user("okta", "will", "will@company.com"))
		shop := access.Site{ID: 70, Slug: "shop", Name: "Shop"}
		more := []byte(rules + "- {id: writers, from: okta, group: Writers, give: write, sites: [shop]}\n")

		var ps mapping.Problems
		if _, err := h.e.Preview(h.ctx, "rules.yaml", more); !errors.As(err, &ps) {
			t.Fatalf("a site that is nowhere gives %v", err)
		}
		before, err := h.e.Preview(h.ctx, "rules.yaml", more, shop)
		h.must(err)
		if before.Plan.Gain != 1 || len(before.Plan.Moves) == 0 || before.Plan.Moves[0].Site != shop.ID {
			t.Fatalf("the preview says %+v", before.Plan)
		}
		if _, err := h.e.FindSite("shop"); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("the preview made the site: %v", err)
		}
		h.must(h.e.PutSites(h.ctx, admin, []access.Site{shop}))
		_, done, err := h.e.SetMapping(h.ctx, admin, "rules.yaml", more, "", before.Plan.Hash)
		h.must(err)
		if done.Plan.Hash != before.Plan.Hash {
			t.Errorf("what was done is %s, what was seen is %s", done.Plan.Hash, before.Plan.Hash)
		}
		h.wants("will", "write", "shop", access.Allowed)
	})
}

// readers are p0, p1 and so on of okta, in its group Readers.
func (h *house) readers(n int) (people []directory.Account) {
	h.t.Helper()
	for i := range n {
		people = append(people, h.user("okta", fmt.Sprintf("p%d", i), fmt.Sprintf("p%d@company.com", i)))
	}
	h.group("okta", "Readers", people...)
	return people
}

func TestMappingOverALimitIsHeldAndAppliedByItsHash(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		h.setRules(rules)
		h.readers(10)
		fewer := strings.Replace(rules, "- {id: readers, from: [okta, entra], group: Readers, give: view, sites: all}\n", "", 1)

		v, err := h.e.Preview(h.ctx, "rules.yaml", []byte(fewer))
		h.must(err)
		if v.Plan.Lose != 10 || len(v.Breaches) != 2 {
			t.Fatalf("preview: lose %d, breaches %v", v.Plan.Lose, v.Breaches)
		}
		h.wants("p1", "view", "blog", access.Allowed)

		var held *provision.HeldError
		_, _, err = h.e.SetMapping(h.ctx, admin, "rules.yaml", []byte(fewer), "", "")
		if !errors.As(err, &held) || held.Hold.ID == 0 {
			t.Fatalf("set: %v", err)
		}
		h.wants("p1", "view", "blog", access.Allowed)

		var says *provision.InvalidError
		if _, err := h.e.ApplyHold(h.ctx, admin, held.Hold.ID, "other"); !errors.As(err, &says) {
			t.Fatalf("another hash: %v", err)
		}
		// The world moves on: the plan that was approved is not the one that would be done.
		extra := h.user("okta", "extra", "extra@company.com")
		h.group("okta", "Matomo-Admin-blog", extra)
		if _, err := h.e.ApplyHold(h.ctx, admin, held.Hold.ID, held.Hold.Hash); err != nil && !errors.Is(err, store.ErrPrecondition) {
			t.Fatalf("apply: %v", err)
		} else if err != nil {
			t.Fatalf("a change that does not touch the plan must not undo its approval: %v", err)
		}
		h.wants("p1", "view", "blog", access.NoGrant)

		// And back, to the version before.
		_, _, err = h.e.RestoreMapping(h.ctx, admin, 1, "")
		if !errors.As(err, &held) {
			t.Fatalf("restore over the limit: %v", err)
		}
		_, err = h.e.ApplyHold(h.ctx, admin, held.Hold.ID, held.Hold.Hash)
		h.must(err)
		h.wants("p1", "view", "blog", access.Allowed)
	})
}

func TestAnotherProcessIsFollowed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		h.setRules(rules)
		other, err := provision.New(h.ctx, st, provision.Config{})
		h.must(err)
		ctx, stop := context.WithCancel(h.ctx)
		done := make(chan error, 1)
		go func() { done <- other.Run(ctx) }()
		ann := h.user("okta", "ann", "ann@company.com")
		h.group("okta", "Matomo-Admin-blog", ann)
		deadline := time.Now().Add(10 * time.Second)
		for {
			x, err := other.Explain(h.ctx, provision.Question{Who: "ann", What: "admin", Site: "blog"})
			h.must(err)
			if x.Decision {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("not followed: %s", x.Says)
			}
			time.Sleep(5 * time.Millisecond)
		}
		stop()
		h.must(<-done)
	})
}

func TestBurstOfRemovalsIsRefusedAndLosesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		now := time.Now()
		e, err := provision.New(t.Context(), st, provision.Config{
			Sources: []store.Source{{Name: "okta", Veto: true}}, RemovalBurst: 3, Now: func() time.Time { return now },
		})
		if err != nil {
			t.Fatal(err)
		}
		h := &house{t: t, ctx: t.Context(), e: e, st: st, now: now}
		var people []directory.Account
		for i := range 5 {
			people = append(people, h.user("okta", fmt.Sprintf("p%d", i), "p@company.com"))
		}
		off := func(a directory.Account) error {
			_, err := e.Apply(h.ctx, store.By{Actor: "scim:okta", Via: "scim", Lane: store.LaneRevoke}, &directory.AccountChange{
				Source: "okta", UID: a.UID, Edit: func(a directory.Account) (directory.Account, error) { a.Active = false; return a, nil }})
			return err
		}
		h.must(off(people[0]))
		h.must(off(people[0])) // a retry costs nothing
		h.must(off(people[1]))
		h.must(off(people[2]))
		if err := off(people[3]); !errors.Is(err, provision.ErrBurst) {
			t.Fatalf("the fourth: %v", err)
		}
		now = now.Add(10 * time.Minute)
		h.must(off(people[3]))
	})
}

func TestACredentialOfAnotherProcessIsKnownAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		h.user("okta", "ann", "ann@company.com")
		behind, err := provision.New(h.ctx, st, provision.Config{}) // nobody runs it
		h.must(err)
		p, err := h.e.FindPerson("ann")
		h.must(err)
		mint := &store.MintToken{Token: store.Token{Person: p.ID, Name: "t", Ceiling: "inherit"}}
		h.must(h.e.MintToken(h.ctx, admin, mint))
		if id, _, err := behind.Authenticate(mint.Secret); err != nil || id != p.ID {
			t.Errorf("token: person %d, %v", id, err)
		}
		door := &store.MintSCIMToken{Source: "okta"}
		h.must(h.e.MintSCIMToken(h.ctx, admin, door))
		if _, err := behind.AuthenticateSCIM("okta", door.Secret); err != nil {
			t.Errorf("SCIM token: %v", err)
		}
		if _, err := behind.AuthenticateSCIM("entra", door.Secret); !errors.Is(err, provision.ErrUnauthenticated) {
			t.Errorf("the token of another source: %v", err)
		}
	})
}

func TestAPlanThatCannotBeDoneAnyMoreIsSuperseded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		h.setRules(rules)
		ann := h.user("okta", "ann", "ann@company.com")
		g := h.group("okta", "Readers", ann)
		fewer := strings.Replace(rules, "group: Readers", "group: Nobody", 1)
		var held *provision.HeldError
		if _, _, err := h.e.SetMapping(h.ctx, admin, "rules.yaml", []byte(fewer), "", ""); !errors.As(err, &held) {
			t.Fatal(err)
		}
		// Another reader arrives: the plan would now take access from two.
		bob := h.user("okta", "bob", "bob@company.com")
		h.apply(&directory.GroupChange{Source: "okta", UID: g.UID, Members: directory.MemberChange{Add: []string{bob.UID}}})
		if _, err := h.e.ApplyHold(h.ctx, admin, held.Hold.ID, held.Hold.Hash); !errors.Is(err, store.ErrPrecondition) {
			t.Fatalf("apply: %v", err)
		}
		h.wants("ann", "view", "blog", access.Allowed)
		var says *provision.InvalidError
		if _, err := h.e.ApplyHold(h.ctx, admin, held.Hold.ID, held.Hold.Hash); !errors.As(err, &says) || !strings.Contains(says.Says, "superseded") {
			t.Fatalf("again: %v", err)
		}
	})
}
