package access

import (
	"iter"
	"slices"
)

// Facts is everything a Snapshot is made from.
type Facts struct {
	Revision  int64
	Catalogue *Catalogue
	Sites     []Site
	Rules     []Rule
	Cohorts   []Cohort
	// People may come in any order, and fastest in ascending order of id. The
	// yielded Person's slices and map may be reused by the caller.
	People iter.Seq[Person]
	Tokens []Token
}

// Snapshot is the grant model at one revision: immutable, safe for any number
// of readers, answering without I/O and without allocation.
//
// People are not joined with sites. A snapshot keeps person -> groups and, for
// each site, subject -> rules, and a check walks the person's subjects over the
// site's table. So a change of one person touches his chunk of 256 people, a
// change of a rule the tables of the sites it reaches and nobody.
type Snapshot struct{ snapshot }

type snapshot struct {
	revision   int64
	catalogue  *Catalogue
	people     peopleIndex
	sites      cowMap[SiteID, siteFacts]
	labels     labelIndex
	everywhere edges // the rules whose scope is All
	slots      cowMap[RuleID, uint32]
	hot        pages[hotRule]
	cold       pages[coldRule]
	used       uint32    // slots ever used
	free       *freeSlot // slots that hold no rule any more
	sets       setTable
	cohorts    cowMap[CohortID, *cohortFacts]
	tokens     cowMap[TokenID, tokenFacts]
}

// siteFacts is a site and the rules that reach it by less than All.
type siteFacts struct {
	*Site
	edges edges
}

// labelIndex is the sites that have a label with a value.
type labelIndex map[[2]string][]SiteID

type freeSlot struct {
	slot uint32
	next *freeSlot
}

// Revision is the store's revision that the snapshot shows.
func (s *Snapshot) Revision() int64 { return s.revision }

// Catalogue is the snapshot's catalogue.
func (s *Snapshot) Catalogue() *Catalogue { return s.catalogue }

// Site finds a site by id.
func (s *Snapshot) Site(id SiteID) (Site, bool) {
	f, ok := s.sites.get(id)
	if !ok {
		return Site{}, false
	}
	return f.clone(), true
}

func (f *siteFacts) clone() Site {
	c := *f.Site
	c.Labels = cloneLabels(c.Labels)
	return c
}

// AllSites lists the sites in ascending order of id.
func (s *Snapshot) AllSites() []Site {
	out := make([]Site, 0, s.sites.n)
	for _, id := range s.sites.keys() {
		f, _ := s.sites.get(id)
		out = append(out, f.clone())
	}
	return out
}

// Rule finds a rule by id.
func (s *Snapshot) Rule(id RuleID) (*Rule, bool) {
	slot, ok := s.slots.get(id)
	if !ok {
		return nil, false
	}
	return s.rule(slot), true
}

// Rules yields every rule, in ascending order of id.
func (s *Snapshot) Rules() iter.Seq[*Rule] {
	return func(yield func(*Rule) bool) {
		for _, id := range s.slots.keys() {
			slot, _ := s.slots.get(id)
			if !yield(s.rule(slot)) {
				return
			}
		}
	}
}

// Cohort finds a cohort by id.
func (s *Snapshot) Cohort(id CohortID) (Cohort, bool) {
	c, ok := s.cohorts.get(id)
	if !ok {
		return Cohort{}, false
	}
	return Cohort{c.ID, c.Expr.clone()}, true
}

// Person finds a person by id. Its slices are the caller's.
func (s *Snapshot) Person(id PersonID) (p Person, found bool) {
	found = s.ReadPerson(id, &p)
	return p, found
}

// ReadPerson is Person for who reads many: it fills p, whose slices and map it
// uses again. p is left as it is when nobody is found.
func (s *Snapshot) ReadPerson(id PersonID, p *Person) (found bool) {
	var w who
	if found = s.people.find(id, &w); found {
		w.person(p)
	}
	return found
}

// People yields the id of every person in ascending order.
func (s *Snapshot) People() iter.Seq[PersonID] { return s.people.all() }

// Token finds a token by id.
func (s *Snapshot) Token(id TokenID) (Token, bool) {
	t, ok := s.tokens.get(id)
	if !ok {
		return Token{}, false
	}
	return t.clone(), true
}

func (t *Token) clone() Token {
	c := *t
	c.Sites = slices.Clone(t.Sites)
	if t.Actions != nil {
		set := *t.Actions
		c.Actions = &set
	}
	return c
}

// Tokens yields every token, in ascending order of id.
func (s *Snapshot) Tokens() iter.Seq[Token] {
	return func(yield func(Token) bool) {
		for _, id := range s.tokens.keys() {
			t, _ := s.tokens.get(id)
			if !yield(t.clone()) {
				return
			}
		}
	}
}

// Subjects yields the subjects that person has, himself and built-ins
// included, in a stable order: everyone, signed-in, himself, groups, traits,
// cohorts, each ascending. Cohorts are included when their expression holds.
func (s *Snapshot) Subjects(person PersonID) iter.Seq[Subject] {
	return func(yield func(Subject) bool) {
		var w who
		if !s.people.find(person, &w) {
			return
		}
		for _, k := range s.subjectKeys(&w) {
			if !yield(k.subject()) {
				return
			}
		}
	}
}

func (s *snapshot) subjectKeys(w *who) []subjectKey {
	keys := []subjectKey{keyEveryone, keySignedIn, keyPerson | subjectKey(w.id)}
	for _, g := range w.groups(nil) {
		keys = append(keys, keyGroup|subjectKey(g))
	}
	for _, t := range w.traits() {
		keys = append(keys, keyTrait|subjectKey(t.fact))
	}
	for _, id := range s.cohorts.keys() {
		if c, _ := s.cohorts.get(id); c.holds(w) {
			keys = append(keys, Subject{Kind: TheCohort, ID: int64(id)}.key())
		}
	}
	return keys
}

// Has reports whether person has subject. It does not allocate.
func (s *Snapshot) Has(person PersonID, subject Subject) bool {
	var w who
	if !s.people.find(person, &w) {
		return false
	}
	if subject.Kind < SignedIn && (subject.ID <= 0 || subject.ID > MaxID) {
		return false
	}
	if subject.Kind == TheCohort {
		c, ok := s.cohorts.get(CohortID(subject.ID))
		return ok && c.holds(&w)
	}
	return subject.Kind <= Everyone && w.has(subject.key())
}

// Stats counts what the snapshot holds.
type Stats struct {
	People, Memberships, Sites, Rules, Tokens int
}

// Stats counts what the snapshot holds.
func (s *Snapshot) Stats() Stats {
	return Stats{s.people.count, s.people.memberships, s.sites.n, s.slots.n, s.tokens.n}
}
