package mapping

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"grantbridge/access"
)

// ground is what two snapshots are compared on: their sites in one order, the
// platform last, and sets of actions and rules by number.
type ground struct {
	now    time.Time
	cat    *access.Catalogue
	places []access.SiteID // ascending; Global is last
	words  int             // of a bitmap
	sets   []access.Actions
	setID  map[access.Actions]int32
	facts  []fact
	ids    map[factKey]int32
	maps   []bitmap
	mapID  map[string]int32
	mapKey []byte // room for one
}

// factKey is all of a live rule that a decision depends on, but its subject.
type factKey struct {
	kind    access.Kind
	session int32 // the set through a session: what a grant adds, a deny or cap takes away
	token   int32
	sites   int32
	lasts   time.Duration
}

type fact struct {
	factKey
	reach bitmap
}

func newGround(old, new *access.Snapshot, now time.Time) *ground {
	g := &ground{now: now, cat: new.Catalogue(), setID: map[access.Actions]int32{}, ids: map[factKey]int32{}, mapID: map[string]int32{}}
	seen := map[access.SiteID]bool{}
	for _, snap := range []*access.Snapshot{old, new} {
		for _, s := range snap.AllSites() {
			if !seen[s.ID] {
				seen[s.ID] = true
				g.places = append(g.places, s.ID)
			}
		}
	}
	slices.Sort(g.places)
	g.places = append(g.places, access.Global)
	g.words = (len(g.places) + 63) / 64
	g.intern(access.Actions{})
	return g
}

// intern numbers a set of actions; the empty one is 0.
func (g *ground) intern(s access.Actions) int32 {
	id, ok := g.setID[s]
	if !ok {
		id = int32(len(g.sets))
		g.sets, g.setID[s] = append(g.sets, s), id
	}
	return id
}

func (g *ground) internMap(b bitmap) int32 {
	g.mapKey = g.mapKey[:0]
	for _, w := range b {
		g.mapKey = binary.LittleEndian.AppendUint64(g.mapKey, w)
	}
	id, ok := g.mapID[string(g.mapKey)]
	if !ok {
		id = int32(len(g.maps))
		g.maps, g.mapID[string(g.mapKey)] = append(g.maps, slices.Clone(b)), id
	}
	return id
}

// world is one snapshot on the ground.
type world struct {
	*ground
	snap    *access.Snapshot
	sites   map[access.SiteID]access.Site
	place   map[access.SiteID]int
	bySlug  map[string][]int
	rules   map[access.Subject][]*access.Rule // live ones
	byID    map[access.RuleID]*access.Rule
	numbers map[access.Subject][]int32
	groups  [][]int32 // numbers of groups by id, for speed; none with cohorts, which also want to be seen
	scopes  map[string]bitmap
	cohorts map[access.Subject]access.Expr // those with rules
	leaves  map[access.Subject][]access.Subject
	loose   []access.Subject // cohorts that people without any leaf may be in
}

func (g *ground) world(snap *access.Snapshot) *world {
	w := &world{ground: g, snap: snap, sites: map[access.SiteID]access.Site{}, place: map[access.SiteID]int{}, bySlug: map[string][]int{},
		rules: map[access.Subject][]*access.Rule{}, byID: map[access.RuleID]*access.Rule{}, numbers: map[access.Subject][]int32{},
		scopes: map[string]bitmap{}, cohorts: map[access.Subject]access.Expr{}, leaves: map[access.Subject][]access.Subject{}}
	for _, s := range snap.AllSites() {
		w.sites[s.ID] = s
	}
	for i, id := range g.places {
		w.place[id] = i
		if s, ok := w.sites[id]; ok {
			key := slugFold(s.Slug)
			w.bySlug[key] = append(w.bySlug[key], i)
		}
	}
	for r := range snap.Rules() {
		if g.now.Before(r.From) || !r.Until.IsZero() && !g.now.Before(r.Until) {
			continue
		}
		w.byID[r.ID] = r
		w.rules[r.Subject] = append(w.rules[r.Subject], r)
	}
	for subject := range w.rules {
		if subject.Kind == access.TheCohort {
			w.addCohort(subject)
		}
	}
	return w
}

func (w *world) addCohort(subject access.Subject) {
	c, ok := w.snap.Cohort(access.CohortID(subject.ID))
	if !ok {
		return
	}
	w.cohorts[subject] = c.Expr
	leaves := map[access.Subject]bool{}
	collect(c.Expr, leaves)
	for l := range leaves {
		w.leaves[l] = append(w.leaves[l], subject)
	}
	if mayHoldBare(c.Expr) {
		w.loose = append(w.loose, subject)
	}
}

func collect(e access.Expr, into map[access.Subject]bool) {
	if e.Op == access.Is {
		into[e.Subject] = true
	}
	for _, a := range e.Args {
		collect(a, into)
	}
}

// mayHoldBare reports whether e may hold for a person who has no group, trait or
// name in it.
func mayHoldBare(e access.Expr) bool {
	switch e.Op {
	case access.Is:
		return e.Subject.Kind >= access.SignedIn
	case access.AllOf:
		return !slices.ContainsFunc(e.Args, func(a access.Expr) bool { return !mayHoldBare(a) })
	case access.AnyOf:
		return slices.ContainsFunc(e.Args, mayHoldBare)
	}
	return e.Op == access.NotOf
}

// slugFold is equal for slugs that a selector's literal does not tell apart.
func slugFold(s string) string {
	return strings.Map(func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }, s)
}

// factsOf are the numbers of the facts whose subject is s, ascending.
func (w *world) factsOf(s access.Subject) []int32 {
	if out, ok := w.numbers[s]; ok {
		return out
	}
	var out []int32
	for _, r := range w.rules[s] {
		out = append(out, w.fact(r))
	}
	slices.Sort(out)
	out = slices.Compact(out)
	w.numbers[s] = out
	return out
}

// indexGroups prepares groups, up to the one with id widest.
func (w *world) indexGroups(widest int64) {
	if len(w.leaves) > 0 {
		return
	}
	w.groups = make([][]int32, widest+1)
	for s := range w.rules {
		if s.Kind == access.TheGroup {
			w.groups[s.ID] = w.factsOf(s)
		}
	}
}

func (w *world) fact(r *access.Rule) int32 {
	key := factKey{kind: r.Kind, lasts: r.For}
	all := w.cat.Ceiling(access.CeilingInherit)
	switch r.Kind {
	case access.Grant:
		key.session, key.token = w.intern(r.Actions), w.intern(r.Actions.Intersect(w.cat.Ceiling(r.TokenCeiling)))
	case access.Deny:
		key.session = w.intern(r.Actions)
		key.token = key.session
	case access.Cap:
		away := w.intern(all.Minus(r.Actions))
		if r.Channel != access.TokenChannel {
			key.session = away
		}
		if r.Channel != access.SessionChannel {
			key.token = away
		}
		key.kind = access.Deny // what a cap takes away is taken away
	}
	reach := w.reach(&r.Scope)
	key.sites = w.internMap(reach)
	id, ok := w.ids[key]
	if !ok {
		id = int32(len(w.facts))
		w.facts = append(w.facts, fact{key, reach})
		w.ids[key] = id
	}
	return id
}

// reach is the sites that the scope reaches.
func (w *world) reach(sc *access.Scope) bitmap {
	key := scopeKey(sc)
	if b, ok := w.scopes[key]; ok {
		return b
	}
	b := make(bitmap, w.words)
	if candidates, ok := w.candidates(sc); ok {
		for _, i := range candidates {
			if s, there := w.sites[w.places[i]]; there && sc.Has(s) {
				b.set(i)
			}
		}
	} else {
		for i, id := range w.places {
			if s, there := w.sites[id]; there && sc.Has(s) {
				b.set(i)
			}
		}
	}
	if sc.All {
		b.set(len(w.places) - 1)
	}
	w.scopes[key] = b
	return b
}

// candidates are places that hold all sites of a scope of ids and literal slugs.
func (w *world) candidates(sc *access.Scope) ([]int, bool) {
	if sc.All {
		return nil, false
	}
	var out []int
	for _, id := range sc.Sites {
		if i, ok := w.place[id]; ok {
			out = append(out, i)
		}
	}
	for _, sel := range sc.Select {
		literal, ok := globLiteral(sel.Slug)
		if !ok || literal == "" {
			return nil, false
		}
		out = append(out, w.bySlug[slugFold(literal)]...)
	}
	return out, true
}

// globLiteral is the one text that a glob matches.
func globLiteral(glob string) (string, bool) {
	if !strings.ContainsAny(glob, `*?\`) {
		return glob, true
	}
	var b strings.Builder
	quoted := false
	for _, r := range glob {
		switch {
		case quoted:
			quoted = false
		case r == '\\':
			quoted = true
			continue
		case r == '*' || r == '?':
			return "", false
		}
		b.WriteRune(r)
	}
	return b.String(), !quoted
}

// scopeKey is equal for equal scopes.
func scopeKey(sc *access.Scope) string {
	if sc.All && len(sc.ExceptSites)+len(sc.ExceptSelect) == 0 {
		return "all"
	}
	return fmt.Sprintf("%v %d %q %d %q", sc.All, sc.Sites, selectorTexts(sc.Select), sc.ExceptSites, selectorTexts(sc.ExceptSelect))
}

func selectorTexts(sels []access.Selector) []string {
	var out []string
	for _, s := range sels {
		var b strings.Builder
		fmt.Fprintf(&b, "%q", s.Slug)
		for _, k := range slices.Sorted(maps.Keys(s.Labels)) {
			fmt.Fprintf(&b, "%q=%q", k, s.Labels[k])
		}
		out = append(out, b.String())
	}
	return out
}

// sameRule reports whether a decision cannot tell a from b, where sites are the
// same.
func sameRule(a, b *access.Rule) bool {
	return a.Kind == b.Kind && a.Subject == b.Subject && a.Actions == b.Actions && a.TokenCeiling == b.TokenCeiling &&
		a.Channel == b.Channel && a.For == b.For && sameScope(&a.Scope, &b.Scope)
}

func sameScope(a, b *access.Scope) bool {
	return a.All == b.All && slices.Equal(a.Sites, b.Sites) && slices.Equal(a.ExceptSites, b.ExceptSites) &&
		sameSelectors(a.Select, b.Select) && sameSelectors(a.ExceptSelect, b.ExceptSelect)
}

func sameSelectors(a, b []access.Selector) bool {
	return slices.EqualFunc(a, b, func(x, y access.Selector) bool { return x.Slug == y.Slug && maps.Equal(x.Labels, y.Labels) })
}

func sameSites(a, b *world) bool {
	return maps.EqualFunc(a.sites, b.sites, func(x, y access.Site) bool { return x.Slug == y.Slug && maps.Equal(x.Labels, y.Labels) })
}

// changedSubjects are those whose rules differ between old and new.
func changedSubjects(old, new *world) map[access.Subject]bool {
	out := map[access.Subject]bool{}
	suspects := map[access.Subject]bool{}
	if !sameSites(old, new) {
		for s := range old.rules {
			suspects[s] = true
		}
		for s := range new.rules {
			suspects[s] = true
		}
	}
	for id, r := range old.byID {
		if n, ok := new.byID[id]; !ok || !sameRule(r, n) {
			suspects[r.Subject] = true
			if ok {
				suspects[n.Subject] = true
			}
		}
	}
	for id, n := range new.byID {
		if _, ok := old.byID[id]; !ok {
			suspects[n.Subject] = true
		}
	}
	for s := range suspects {
		if !slices.Equal(old.factsOf(s), new.factsOf(s)) {
			out[s] = true
		}
	}
	for s, e := range old.cohorts {
		if f, ok := new.cohorts[s]; ok && !sameExpr(e, f) {
			out[s] = true
		}
	}
	return out
}

func sameExpr(a, b access.Expr) bool {
	return a.Op == b.Op && a.Subject == b.Subject && slices.EqualFunc(a.Args, b.Args, sameExpr)
}
