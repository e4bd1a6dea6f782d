package provision_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// history is a random run of everything that changes facts.
type history struct {
	*house
	rt      *rapid.T
	people  []directory.Account
	groups  []directory.Group
	manuals []store.ManualID
}

var historyRules = []string{
	rules,
	"version: 1\nrules: []\n",
	`version: 1
rules:
- {id: readers, from: any, group: {glob: "g*"}, give: view, sites: all}
- {id: both, from: okta, group: {all: [g0, g1]}, give: write, sites: [blog], token_ceiling: view}
- {id: crew, from: okta, group: g2, give: admin, sites: [main], for: 14d}
- {id: cap, from: any, group: g3, at_most: view, sites: all}
- {id: away, from: any, person: {email: {glob: "*@agency.example"}}, at_most: noaccess, sites: [blog]}
`,
}

// step does one random thing. A refusal is as good as a success: what counts is
// that the follower and a newcomer agree on what came of it.
func (h *history) step() {
	switch rapid.SampledFrom([]string{"user", "user", "group", "member", "member", "edit", "active", "rules", "site", "manual", "end", "lock", "delete"}).Draw(h.rt, "step") {
	case "user":
		source := rapid.SampledFrom([]string{"okta", "entra"}).Draw(h.rt, "source")
		email := rapid.SampledFrom([]string{"@company.com", "@agency.example"}).Draw(h.rt, "email")
		login := fmt.Sprintf("p%d", len(h.people))
		h.people = append(h.people, h.user(source, login, login+email))
	case "group":
		source := rapid.SampledFrom([]string{"okta", "entra"}).Draw(h.rt, "source")
		h.groups = append(h.groups, h.group(source, fmt.Sprintf("g%d", len(h.groups))))
	case "member":
		h.member()
	case "edit":
		if p, ok := draw(h.rt, "person", h.people); ok {
			h.try(&directory.AccountChange{Source: p.Source, UID: p.UID, Edit: func(a directory.Account) (directory.Account, error) {
				a.Values = []directory.Value{{Path: "emails.value", Text: "x@agency.example"}}
				a.Email = "x@agency.example"
				return a, nil
			}})
		}
	case "active":
		if p, ok := draw(h.rt, "person", h.people); ok {
			active := rapid.Bool().Draw(h.rt, "active")
			h.try(&directory.AccountChange{Source: p.Source, UID: p.UID, Edit: func(a directory.Account) (directory.Account, error) {
				a.Active = active
				return a, nil
			}})
		}
	case "rules":
		_, _, _ = h.e.SetMapping(h.ctx, admin, "rules", []byte(rapid.SampledFrom(historyRules).Draw(h.rt, "rules")), "", "")
	case "site":
		id := access.SiteID(rapid.IntRange(1, 4).Draw(h.rt, "site"))
		_ = h.e.PutSites(h.ctx, admin, []access.Site{{ID: id, Slug: fmt.Sprintf("s%d", id), Name: "S", Labels: map[string]string{"region": "eu"}}})
	case "manual":
		h.manual()
	case "end":
		if id, ok := draw(h.rt, "manual", h.manuals); ok {
			_ = h.e.EndGrant(h.ctx, admin, id)
		}
	case "lock":
		if p, ok := draw(h.rt, "person", h.people); ok {
			if rapid.Bool().Draw(h.rt, "locked") {
				_ = h.e.Lock(h.ctx, admin, access.PersonID(p.Person), false)
			} else {
				_ = h.e.Unlock(h.ctx, admin, access.PersonID(p.Person))
			}
		}
	case "delete":
		if g, ok := draw(h.rt, "group", h.groups); ok && rapid.Bool().Draw(h.rt, "which") {
			h.try(&directory.GroupChange{Source: g.Source, UID: g.UID, Delete: true})
		} else if p, ok := draw(h.rt, "person", h.people); ok {
			h.try(&directory.AccountChange{Source: p.Source, UID: p.UID, Delete: true})
		}
	}
}

func (h *history) try(c directory.Change) {
	_, _ = h.e.Apply(h.ctx, store.By{Actor: "scim:" + c.From(), Via: "scim", Lane: store.LaneNormal}, c)
}

func (h *history) member() {
	g, ok := draw(h.rt, "group", h.groups)
	p, ok2 := draw(h.rt, "person", h.people)
	if !ok || !ok2 {
		return
	}
	m := directory.MemberChange{Add: []string{p.UID}, Replace: rapid.Bool().Draw(h.rt, "replace")}
	if rapid.Bool().Draw(h.rt, "remove") {
		m = directory.MemberChange{Remove: []string{p.UID}}
	}
	h.try(&directory.GroupChange{Source: g.Source, UID: g.UID, Members: m})
}

func (h *history) manual() {
	p, ok := draw(h.rt, "person", h.people)
	if !ok {
		return
	}
	m := store.Manual{
		Kind: rapid.SampledFrom([]access.Kind{access.Grant, access.Deny, access.Cap}).Draw(h.rt, "kind"), Role: "write",
		Subject: access.Subject{Kind: access.ThePerson, ID: p.Person}, Labels: map[string]string{"region": "eu"}, TokenCeiling: "view",
		Until: h.now.Add(time.Hour),
	}
	if rapid.Bool().Draw(h.rt, "next sync") {
		m.Until, m.UntilSync = time.Time{}, p.Source
	}
	if m, err := h.e.AddGrant(h.ctx, admin, m); err == nil {
		h.manuals = append(h.manuals, m.ID)
	}
}

func draw[T any](rt *rapid.T, label string, from []T) (one T, ok bool) {
	if len(from) == 0 {
		return one, false
	}
	return rapid.SampledFrom(from).Draw(rt, label), true
}

// facts is everything a snapshot answers, in words.
func facts(e *provision.Engine, at time.Time) []string {
	snap, _ := e.Holder().Snapshot(at)
	var out []string
	sites := []access.SiteID{access.Global}
	for _, s := range snap.AllSites() {
		sites = append(sites, s.ID)
	}
	for id := range snap.People() {
		for _, site := range sites {
			for _, c := range []access.Credential{access.Session(at.Add(time.Hour)), access.AnyToken()} {
				r := access.Request{Person: id, Credential: c, Site: site, Action: access.ActView, At: at}
				out = append(out, fmt.Sprint(id, site, c.Kind, snap.Check(r).Code, slices.Collect(snap.Effective(r).All())))
			}
		}
	}
	return out
}

func TestFollowingEqualsStartingAnew(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := open(t, st)
		h.setRules(historyRules[2])
		hist := &history{house: h}
		rapid.Check(t, func(rt *rapid.T) {
			hist.rt = rt
			for range rapid.IntRange(1, 12).Draw(rt, "steps") {
				hist.step()
			}
			h.must(h.e.Sync(h.ctx, 0))
			anew, err := provision.New(h.ctx, st, provision.Config{Now: func() time.Time { return h.now }})
			h.must(err)
			if diff := cmp.Diff(facts(anew, h.now), facts(h.e, h.now)); diff != "" {
				rt.Fatalf("a newcomer and the follower differ (-anew +follower):\n%s", diff)
			}
		})
	})
}
