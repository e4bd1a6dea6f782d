package access

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// draft is a snapshot being made, from nothing by Build or from another by With.
// The edges of a site are unpacked when a change first touches them, and packed
// again by seal. Rules leave the edges under the facts of before, and enter them
// under those of after; the order of the steps in With is therefore not free.
type draft struct {
	snapshot
	people  *peopleDraft
	sites   *cowDraft[SiteID, siteFacts]
	slots   *cowDraft[RuleID, uint32]
	hot     *pagesDraft[hotRule]
	cold    *pagesDraft[coldRule]
	cohorts *cowDraft[CohortID, *cohortFacts]
	tokens  *cowDraft[TokenID, tokenFacts]

	open       map[SiteID][]edge // sites whose edges are unpacked
	everywhere []edge
	openAll    bool            // everywhere is unpacked
	relabel    bool            // labels are those of before
	changed    map[SiteID]bool // sites that are new or not as they were
	dropped    map[uint32]bool // slots whose edges go
	fresh      map[uint32]bool // slots whose edges are to be made
	scopes     map[simpleScope]*scopeFacts
	origins    map[Origin]*Origin
	errs       []error
}

// simpleScope is a scope that many rules have alike.
type simpleScope struct {
	all  bool
	site SiteID
	text string
}

func newDraft(s snapshot) *draft {
	s.sets.own = false
	return &draft{
		snapshot: s,
		people:   s.people.draft(),
		sites:    s.sites.draft(),
		slots:    s.slots.draft(),
		hot:      s.hot.draft(),
		cold:     s.cold.draft(),
		cohorts:  s.cohorts.draft(),
		tokens:   s.tokens.draft(),
		open:     map[SiteID][]edge{},
		changed:  map[SiteID]bool{},
		dropped:  map[uint32]bool{},
		fresh:    map[uint32]bool{},
		scopes:   map[simpleScope]*scopeFacts{},
		origins:  map[Origin]*Origin{},
	}
}

func (d *draft) fail(err error) {
	if err != nil {
		d.errs = append(d.errs, err)
	}
}

// cohort puts c; rules about it must have been dropped before.
func (d *draft) cohort(c Cohort) {
	f, err := compileCohort(c)
	if err != nil {
		d.fail(err)
		return
	}
	d.cohorts.put(c.ID, f)
}

// site puts s, whose edges are then to be made anew.
func (d *draft) site(s Site) {
	if s.ID <= 0 {
		d.fail(fmt.Errorf("site %d: ids are positive", s.ID))
		return
	}
	s.Labels = cloneLabels(s.Labels)
	d.sites.put(s.ID, siteFacts{Site: &s})
	d.changed[s.ID], d.relabel = true, true
	d.open[s.ID] = nil
}

func (d *draft) removeSite(id SiteID) {
	d.sites.remove(id)
	d.relabel = true
	delete(d.open, id)
}

// token puts t.
func (d *draft) token(t Token) {
	if t.ID <= 0 {
		d.fail(fmt.Errorf("token %d: ids are positive", t.ID))
		return
	}
	d.tokens.put(t.ID, compileToken(t))
}

// unindex opens every site that has edges of dropped rules, which leaves them out.
func (d *draft) unindex() {
	for slot := range d.dropped {
		sc := d.cold.at(slot).scope
		if sc.All {
			d.openEverywhere()
		}
		d.eachSite(sc, nil, func(id SiteID) { d.openSite(id) })
	}
}

func (d *draft) openSite(id SiteID) {
	if _, ok := d.open[id]; ok {
		return
	}
	f, _ := d.sites.get(id)
	d.open[id] = d.kept(f.edges.all())
}

func (d *draft) openEverywhere() {
	if !d.openAll {
		d.openAll, d.everywhere = true, d.kept(d.snapshot.everywhere.all())
	}
}

func (d *draft) kept(list []edge) []edge {
	if len(d.dropped) == 0 {
		return list
	}
	return slices.DeleteFunc(list, func(e edge) bool { return d.dropped[e.slot] })
}

// removeRule frees the slot of a rule that was dropped.
func (d *draft) removeRule(id RuleID) {
	slot, ok := d.slots.get(id)
	if !ok {
		return
	}
	d.slots.remove(id)
	*d.hot.edit(slot), *d.cold.edit(slot) = 0, coldRule{}
	d.free = &freeSlot{slot, d.free}
	delete(d.fresh, slot)
}

func (d *draft) takeSlot() uint32 {
	if d.free != nil {
		slot := d.free.slot
		d.free = d.free.next
		return slot
	}
	d.used++
	return d.used - 1
}

// rule puts a rule whose former edges were dropped.
func (d *draft) rule(r *Rule) {
	if err := r.check(); err != nil {
		d.fail(err)
		return
	}
	slot, ok := d.slots.get(r.ID)
	if !ok {
		slot = d.takeSlot()
		d.slots.put(r.ID, slot)
	}
	h := d.hotOf(r)
	c := coldRule{
		id: r.ID, subject: r.Subject.key(), ceiling: r.TokenCeiling, role: r.Role, group: r.Origin.Group,
		scope: d.scope(&r.Scope), origin: d.origin(r.Origin),
	}
	if h.bits()&(ruleTimed|ruleFor) != 0 {
		c.window = &window{r.From, r.Until, r.For}
	}
	*d.hot.edit(slot), *d.cold.edit(slot) = h, c
	d.fresh[slot] = true
}

func (d *draft) hotOf(r *Rule) hotRule {
	set := r.Actions.Intersect(d.catalogue.all)
	role := d.sets.intern(set)
	through := role
	if r.Kind == Grant {
		through = d.sets.intern(set.Intersect(d.catalogue.Ceiling(r.TokenCeiling)))
	}
	if len(d.sets.sets) > maxSets {
		d.fail(fmt.Errorf("rule %d: more than %d distinct sets of actions", r.ID, maxSets))
	}
	var bits ruleBits
	if r.Scope.All && r.Scope.hasExcept() {
		bits |= ruleExcepts
	}
	if r.Subject.Kind == TheCohort {
		bits |= ruleCohort
	}
	if r.For != 0 {
		bits |= ruleFor
	}
	if !r.From.IsZero() || !r.Until.IsZero() {
		bits |= ruleTimed
	}
	return makeHot(r.Kind, r.Channel, bits, role, through)
}

func (d *draft) origin(o Origin) *Origin {
	o.Group = ""
	p, ok := d.origins[o]
	if !ok {
		p = &o
		d.origins[o] = p
	}
	return p
}

func (d *draft) scope(sc *Scope) *scopeFacts {
	if len(sc.Select) > 0 || sc.hasExcept() || len(sc.Sites) > 1 {
		return d.compileScope(&scopeFacts{Scope: sc.clone()})
	}
	k := simpleScope{all: sc.All, text: sc.Text}
	if len(sc.Sites) == 1 {
		k.site = sc.Sites[0]
	}
	f, ok := d.scopes[k]
	if !ok {
		f = &scopeFacts{Scope: sc.clone()}
		d.scopes[k] = f
	}
	return f
}

// compileScope finds the sites that a scope of all but some leaves out now.
func (d *draft) compileScope(f *scopeFacts) *scopeFacts {
	if !f.All || !f.hasExcept() {
		return f
	}
	if len(f.ExceptSelect) == 0 {
		f.except = slices.Sorted(slices.Values(f.ExceptSites))
		return f
	}
	for id, s := range d.sites.all() {
		if f.excepts(*s.Site) {
			f.except = append(f.except, id)
		}
	}
	slices.Sort(f.except)
	return f
}

// eachSite calls f with the sites, of those in only if it is given, that the
// edges of a rule with scope sc are at; none for All, whose edges are everywhere.
func (d *draft) eachSite(sc *scopeFacts, only map[SiteID]bool, f func(SiteID)) {
	switch {
	case sc.All:
	case len(sc.Select) > 0 && only == nil:
		for id, s := range d.candidates(sc) {
			if sc.Has(*s.Site) {
				f(id)
			}
		}
	case len(sc.Select) > 0:
		for id := range only {
			if s, ok := d.sites.get(id); ok && sc.Has(*s.Site) {
				f(id)
			}
		}
	default:
		for _, id := range sc.Sites {
			if s, ok := d.sites.get(id); ok && (only == nil || only[id]) && !sc.excepts(*s.Site) {
				f(id)
			}
		}
	}
}

// candidates yields at least the sites that a scope with selectors reaches, some
// perhaps twice.
func (d *draft) candidates(sc *scopeFacts) iter.Seq2[SiteID, *siteFacts] {
	if slices.ContainsFunc(sc.Select, func(sel Selector) bool { return len(sel.Labels) == 0 && sel.Slug != "" }) {
		return d.sites.all()
	}
	return func(yield func(SiteID, *siteFacts) bool) {
		lists := [][]SiteID{sc.Sites}
		for _, sel := range sc.Select {
			if len(sel.Labels) > 0 {
				lists = append(lists, d.fewest(sel.Labels))
			}
		}
		for _, list := range lists {
			for _, id := range list {
				if s := d.sites.at(id); s != nil && !yield(id, s) {
					return
				}
			}
		}
	}
}

// fewest is the sites that have that one of the labels which the fewest have.
func (d *draft) fewest(labels map[string]string) []SiteID {
	if d.relabel {
		d.labels, d.relabel = labelIndex{}, false
		for id, s := range d.sites.all() {
			for k, v := range s.Labels {
				d.labels[[2]string{k, v}] = append(d.labels[[2]string{k, v}], id)
			}
		}
	}
	var best []SiteID
	first := true
	for k, v := range labels {
		if list := d.labels[[2]string{k, v}]; first || len(list) < len(best) {
			best, first = list, false
		}
	}
	return best
}

// index makes the edges of fresh rules at all their sites, and of the others at
// the sites that changed.
func (d *draft) index() {
	if len(d.changed) == 0 {
		for slot := range d.fresh {
			d.indexRule(slot)
		}
		return
	}
	for slot := range d.used {
		c := d.cold.at(slot)
		if c.id == 0 {
			continue
		}
		if c.scope.All && len(c.scope.ExceptSelect) > 0 {
			c = d.cold.edit(slot)
			c.scope = d.compileScope(&scopeFacts{Scope: c.scope.Scope})
		}
		if d.fresh[slot] {
			d.indexRule(slot)
		} else {
			d.eachSite(c.scope, d.changed, func(id SiteID) { d.indexAt(id, slot, d.keysOf(c)) })
		}
	}
}

func (d *draft) indexRule(slot uint32) {
	c := d.cold.at(slot)
	keys := d.keysOf(c)
	if c.scope.All {
		d.openEverywhere()
		for _, k := range keys {
			d.everywhere = append(d.everywhere, edge{k, slot})
		}
	}
	d.eachSite(c.scope, nil, func(id SiteID) { d.indexAt(id, slot, keys) })
}

func (d *draft) indexAt(id SiteID, slot uint32, keys []subjectKey) {
	d.openSite(id)
	list := d.open[id]
	for _, k := range keys {
		list = append(list, edge{k, slot})
	}
	d.open[id] = list
}

// keysOf is the subjects that lead to a rule: its own, or its cohort's pivots.
func (d *draft) keysOf(c *coldRule) []subjectKey {
	if SubjectKind(c.subject>>keyIDBits) != TheCohort {
		return []subjectKey{c.subject}
	}
	f, ok := d.cohorts.get(CohortID(c.subject & keyIDMask))
	if !ok {
		return nil
	}
	return f.pivots
}

// seal packs everything and returns the snapshot.
func (d *draft) seal() (*Snapshot, error) {
	if len(d.errs) > 0 {
		return nil, errors.Join(d.errs...)
	}
	for id, list := range d.open {
		f, _ := d.sites.get(id)
		d.sites.put(id, siteFacts{f.Site, sealEdges(list, &d.hot.pages)})
	}
	if d.relabel {
		d.fewest(nil)
	}
	s := d.snapshot
	if d.openAll {
		s.everywhere = sealEdges(d.everywhere, &d.hot.pages)
	}
	d.people.close()
	s.people = d.people.peopleIndex
	s.sites, s.slots, s.cohorts, s.tokens = d.sites.cowMap, d.slots.cowMap, d.cohorts.cowMap, d.tokens.cowMap
	s.hot, s.cold = d.hot.pages, d.cold.pages
	return &Snapshot{s}, nil
}
