package access_test

import (
	"time"

	"pgregory.net/rapid"

	"grantbridge/access"
	"grantbridge/access/accesstest"
)

// tiny is the catalogue of tiny worlds: the levels, an action of each, one that
// must be granted by itself, and a parent with a child.
var tiny = func() *access.Catalogue {
	c, err := access.NewCatalogue("tiny", []access.Action{
		{Name: "report:view", Level: access.View},
		{Name: "report.one:view", Level: access.View, Parent: "report:view"},
		{Name: "goal:edit", Level: access.Write},
		{Name: "access:manage", Level: access.Admin},
		{Name: "access:bind", Level: access.Superuser},
		{Name: "decisions:ask", Level: access.NoAccess},
	}, []access.Role{{Name: "manager", Includes: []string{"view"}, Actions: []string{"access:manage"}}})
	if err != nil {
		panic(err)
	}
	return c
}()

// clock is the instant of a tiny world's time t.
func clock(t int) time.Time { return time.Unix(1_800_000_000+int64(t), 0).UTC() }

const lastTick = 9

func drawTime(t *rapid.T, label string) time.Time {
	return clock(rapid.IntRange(0, lastTick).Draw(t, label))
}

// drawTimeOrNone is open in half of the cases.
func drawTimeOrNone(t *rapid.T, label string) time.Time {
	if rapid.Bool().Draw(t, label+" open") {
		return time.Time{}
	}
	return drawTime(t, label)
}

// A tiny world has at most these many of each; ids beyond them are unknown.
const (
	somePeople  = 3
	someSites   = 4
	someGroups  = 6
	someTraits  = 2
	someCohorts = 3
	someTokens  = 4
	someRules   = 12
)

// groupIDs are the ids of tiny groups; the last ones do not fit into 16 bits.
var groupIDs = []access.GroupID{1, 2, 3, 4, 70_000, access.MaxID}

var personIDs = []access.PersonID{1, 2, 300}

func drawWorld(t *rapid.T) *accesstest.World {
	w := &accesstest.World{Revision: 1, Catalogue: tiny}
	for id := range rapid.IntRange(0, someSites).Draw(t, "sites") {
		w.Sites = append(w.Sites, drawSite(t, access.SiteID(id+1)))
	}
	for _, id := range personIDs[:rapid.IntRange(0, somePeople).Draw(t, "people")] {
		w.People = append(w.People, drawPerson(t, id))
	}
	for id := range rapid.IntRange(0, someCohorts).Draw(t, "cohorts") {
		w.Cohorts = append(w.Cohorts, access.Cohort{ID: access.CohortID(id + 1), Expr: drawExpr(t, 3)})
	}
	for id := range rapid.IntRange(0, someTokens).Draw(t, "tokens") {
		w.Tokens = append(w.Tokens, drawToken(t, access.TokenID(id+1)))
	}
	for id := range rapid.IntRange(0, someRules).Draw(t, "rules") {
		w.Rules = append(w.Rules, drawRule(t, access.RuleID(id+1)))
	}
	return w
}

func drawSite(t *rapid.T, id access.SiteID) access.Site {
	s := access.Site{ID: id, Slug: rapid.SampledFrom([]string{"shop-eu", "Shop-us", "blog", ""}).Draw(t, "slug"), Labels: map[string]string{}}
	for _, k := range []string{"region", "tier"} {
		if v := rapid.SampledFrom([]string{"", "eu", "us"}).Draw(t, k); v != "" || rapid.Bool().Draw(t, k+" empty") {
			s.Labels[k] = v
		}
	}
	return s
}

func drawPerson(t *rapid.T, id access.PersonID) access.Person {
	p := access.Person{
		ID:        id,
		Locked:    rapid.IntRange(0, 9).Draw(t, "locked") == 0,
		Suspended: rapid.IntRange(0, 9).Draw(t, "suspended") == 0,
		Owner:     rapid.IntRange(0, 9).Draw(t, "owner") == 0,
	}
	if rapid.IntRange(0, 3).Draw(t, "killed") == 0 {
		p.NotBefore = drawTime(t, "not before")
	}
	for _, g := range groupIDs {
		if rapid.Bool().Draw(t, "member") {
			p.Groups = append(p.Groups, g)
		}
		if rapid.Bool().Draw(t, "joining known") {
			if p.Joined == nil {
				p.Joined = map[access.GroupID]time.Time{}
			}
			p.Joined[g] = drawTime(t, "joined")
		}
		if rapid.IntRange(0, 3).Draw(t, "ceases") == 0 {
			if p.Until == nil {
				p.Until = map[access.GroupID]time.Time{}
			}
			p.Until[g] = drawTime(t, "until")
		}
	}
	for tr := range someTraits {
		if rapid.Bool().Draw(t, "trait") {
			p.Traits = append(p.Traits, access.TraitID(tr+1))
		}
	}
	return p
}

func drawSubject(t *rapid.T) access.Subject {
	switch kind := rapid.SampledFrom([]access.SubjectKind{
		access.TheGroup, access.TheGroup, access.TheGroup, access.ThePerson, access.TheCohort, access.TheCohort,
		access.TheTrait, access.SignedIn, access.Everyone,
	}).Draw(t, "subject kind"); kind {
	case access.ThePerson:
		return access.Subject{Kind: kind, ID: int64(rapid.SampledFrom(personIDs).Draw(t, "person"))}
	case access.TheGroup:
		return access.Subject{Kind: kind, ID: int64(rapid.SampledFrom(groupIDs).Draw(t, "group"))}
	case access.TheCohort:
		return access.Subject{Kind: kind, ID: int64(rapid.IntRange(1, someCohorts).Draw(t, "cohort"))}
	case access.TheTrait:
		return access.Subject{Kind: kind, ID: int64(rapid.IntRange(1, someTraits).Draw(t, "trait"))}
	default:
		return access.Subject{Kind: kind}
	}
}

func drawExpr(t *rapid.T, depth int) access.Expr {
	op := access.Is
	if depth > 0 {
		op = rapid.SampledFrom([]access.ExprOp{access.Is, access.Is, access.AllOf, access.AnyOf, access.NotOf, access.Never}).Draw(t, "op")
	}
	switch op {
	case access.Is:
		s := drawSubject(t)
		if s.Kind == access.TheCohort {
			s = access.Subject{Kind: access.SignedIn}
		}
		return access.Expr{Op: op, Subject: s}
	case access.NotOf:
		return access.Expr{Op: op, Args: []access.Expr{drawExpr(t, depth-1)}}
	case access.Never:
		return access.Expr{}
	}
	e := access.Expr{Op: op}
	for range rapid.IntRange(0, 3).Draw(t, "args") {
		e.Args = append(e.Args, drawExpr(t, depth-1))
	}
	return e
}

func drawActions(t *rapid.T) access.Actions {
	if rapid.Bool().Draw(t, "a level") {
		return tiny.Level(access.Level(rapid.IntRange(int(access.NoAccess), int(access.Superuser)).Draw(t, "level")))
	}
	names := make([]string, 0, 3)
	for range rapid.IntRange(0, 3).Draw(t, "actions") {
		names = append(names, rapid.SampledFrom(tiny.Actions()).Draw(t, "action").Name)
	}
	set, err := tiny.Expand(names...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func drawCeiling(t *rapid.T) access.Ceiling {
	return rapid.SampledFrom([]access.Ceiling{
		access.CeilingInherit, access.CeilingInherit, access.CeilingUnknown, access.CeilingNoAccess,
		access.CeilingView, access.CeilingWrite, access.CeilingAdmin, access.CeilingSuperuser, 99,
	}).Draw(t, "ceiling")
}

func drawSites(t *rapid.T, most int) []access.SiteID {
	var ids []access.SiteID
	for range rapid.IntRange(0, most).Draw(t, "some sites") {
		ids = append(ids, access.SiteID(rapid.IntRange(1, someSites).Draw(t, "site")))
	}
	return ids
}

func drawSelectors(t *rapid.T) []access.Selector {
	var sels []access.Selector
	for range rapid.IntRange(0, 2).Draw(t, "selectors") {
		sel := access.Selector{Slug: rapid.SampledFrom([]string{"", "", "shop-*", "*", "?log", `b\log`, "*E?"}).Draw(t, "slug glob")}
		if v := rapid.SampledFrom([]string{"-", "", "eu", "us"}).Draw(t, "label"); v != "-" {
			sel.Labels = map[string]string{rapid.SampledFrom([]string{"region", "tier"}).Draw(t, "label name"): v}
		}
		sels = append(sels, sel)
	}
	return sels
}

func drawScope(t *rapid.T) access.Scope {
	var sc access.Scope
	switch rapid.IntRange(0, 5).Draw(t, "scope") {
	case 0, 1:
		sc.All = true
	case 2, 3:
		sc.Sites = drawSites(t, 3)
	case 4:
		sc.Select = drawSelectors(t)
	default:
		sc = access.Scope{All: rapid.Bool().Draw(t, "all"), Sites: drawSites(t, 2), Select: drawSelectors(t)}
	}
	if rapid.IntRange(0, 3).Draw(t, "excepts") == 0 {
		sc.ExceptSites, sc.ExceptSelect = drawSites(t, 2), drawSelectors(t)
	}
	return sc
}

func drawRule(t *rapid.T, id access.RuleID) access.Rule {
	r := access.Rule{
		ID:           id,
		Kind:         rapid.SampledFrom([]access.Kind{access.Grant, access.Grant, access.Grant, access.Deny, access.Cap}).Draw(t, "kind"),
		Subject:      drawSubject(t),
		Actions:      drawActions(t),
		Scope:        drawScope(t),
		TokenCeiling: drawCeiling(t),
		Channel:      access.Channel(rapid.IntRange(0, 2).Draw(t, "channel")),
		From:         drawTimeOrNone(t, "from"),
		Until:        drawTimeOrNone(t, "until"),
	}
	if rapid.IntRange(0, 3).Draw(t, "for") == 0 {
		r.For = time.Duration(rapid.IntRange(1, 6).Draw(t, "seconds")) * time.Second
		if rapid.Bool().Draw(t, "as it is meant") {
			r.Subject = access.Subject{Kind: access.TheGroup, ID: int64(rapid.SampledFrom(groupIDs).Draw(t, "joined group"))}
		}
	}
	return r
}

func drawToken(t *rapid.T, id access.TokenID) access.Token {
	tok := access.Token{
		ID:      id,
		Owner:   rapid.SampledFrom(personIDs).Draw(t, "owner"),
		Ceiling: drawCeiling(t),
		Issued:  drawTime(t, "issued"),
		Revoked: rapid.IntRange(0, 9).Draw(t, "revoked") == 0,
	}
	if rapid.IntRange(0, 2).Draw(t, "ends") == 0 {
		tok.Expires = drawTime(t, "expires")
	}
	if rapid.IntRange(0, 2).Draw(t, "token sites") == 0 {
		tok.Sites = append([]access.SiteID{}, drawSites(t, 3)...)
		if rapid.IntRange(0, 3).Draw(t, "global") == 0 {
			tok.Sites = append(tok.Sites, access.Global)
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "token actions") == 0 {
		set := drawActions(t)
		tok.Actions = &set
	}
	if rapid.Bool().Draw(t, "child") {
		tok.Parent = access.TokenID(rapid.IntRange(1, someTokens).Draw(t, "parent"))
	}
	return tok
}

func drawCredential(t *rapid.T) access.Credential {
	switch kind := rapid.SampledFrom([]access.CredentialKind{
		access.SessionCredential, access.SessionCredential, access.SessionCredential,
		access.TokenCredential, access.TokenCredential, access.TokenCredential,
		access.AnonymousCredential, access.NoCredential, 77,
	}).Draw(t, "credential"); kind {
	case access.SessionCredential:
		c := access.Session(drawTime(t, "session issued"))
		c.Ceiling = drawCeiling(t)
		if rapid.IntRange(0, 3).Draw(t, "session ends") == 0 {
			c.Expires = drawTime(t, "session expires")
		}
		return c
	case access.TokenCredential:
		return access.TokenOf(access.TokenID(rapid.IntRange(1, someTokens).Draw(t, "token")))
	default:
		return access.Credential{Kind: kind}
	}
}

func drawRequest(t *rapid.T) access.Request {
	r := access.Request{
		Person:     rapid.SampledFrom(append([]access.PersonID{0, 2, 4}, personIDs...)).Draw(t, "person"),
		Credential: drawCredential(t),
		Site:       access.SiteID(rapid.SampledFrom([]int{1, 1, 2, 2, 3, 4, int(access.Global), 5}).Draw(t, "site")),
		Action:     access.ActionID(rapid.IntRange(0, len(tiny.Actions())-1).Draw(t, "action")),
		At:         drawTime(t, "at"),
	}
	if rapid.IntRange(0, 4).Draw(t, "two credentials") == 0 {
		r.Also = []access.Credential{drawCredential(t)}
	}
	switch {
	case rapid.IntRange(0, 30).Draw(t, "no action") == 0:
		r.Action = access.ActionID(len(tiny.Actions()))
	case rapid.IntRange(0, 30).Draw(t, "no time") == 0:
		r.At = time.Time{}
	}
	if r.Credential.Kind == access.TokenCredential && rapid.Bool().Draw(t, "owner asked") {
		r.Person = 0
	}
	return r
}

// drawDelta changes any facts of a tiny world.
func drawDelta(t *rapid.T, revision int64) access.Delta {
	d := access.Delta{Revision: revision}
	some := func(label string, most int) []int {
		n := rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2}).Draw(t, label)
		ids := rapid.Permutation(seq(most)).Draw(t, label+" ids")
		return ids[:min(n, most)]
	}
	for _, id := range some("put sites", someSites) {
		d.Sites = append(d.Sites, drawSite(t, access.SiteID(id)))
	}
	for _, id := range some("remove sites", someSites) {
		d.RemoveSites = append(d.RemoveSites, access.SiteID(id))
	}
	for _, id := range some("put rules", someRules) {
		d.Rules = append(d.Rules, drawRule(t, access.RuleID(id)))
	}
	for _, id := range some("remove rules", someRules) {
		d.RemoveRules = append(d.RemoveRules, access.RuleID(id))
	}
	for _, id := range some("put cohorts", someCohorts) {
		d.Cohorts = append(d.Cohorts, access.Cohort{ID: access.CohortID(id), Expr: drawExpr(t, 3)})
	}
	for _, id := range some("remove cohorts", someCohorts) {
		d.RemoveCohorts = append(d.RemoveCohorts, access.CohortID(id))
	}
	for _, i := range some("put people", somePeople) {
		d.People = append(d.People, drawPerson(t, personIDs[i-1]))
	}
	for _, i := range some("remove people", somePeople) {
		d.RemovePeople = append(d.RemovePeople, personIDs[i-1])
	}
	for _, id := range some("put tokens", someTokens) {
		d.Tokens = append(d.Tokens, drawToken(t, access.TokenID(id)))
	}
	for _, id := range some("remove tokens", someTokens) {
		d.RemoveTokens = append(d.RemoveTokens, access.TokenID(id))
	}
	return d
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i + 1
	}
	return out
}

// build is Build of a world that is known to be right.
func build(t interface {
	Fatal(...any)
	Helper()
}, w *accesstest.World) *access.Snapshot {
	t.Helper()
	s, err := access.Build(w.Facts())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// has reports whether set holds the action of that name in the tiny catalogue.
func has(set access.Actions, name string) bool {
	a, ok := tiny.Lookup(name)
	return ok && set.Has(a)
}
