package main

import (
	"grantbridge/access"
	"grantbridge/access/accesstest"
)

// facts is the company, its questions with the specification's answers, and the
// same company in the plain words that peers are loaded with.
//
// What has ended at the time of the questions is left out of the plain words,
// and labels and "all" are written out as sites: peers get the easier task.
type facts struct {
	world       *accesstest.World
	memberships int
	sites       []siteFacts // by number - 1
	caps        []capFacts
	questions   []question
	answers     []bool
}

// siteFacts is who may what on one site.
type siteFacts struct {
	grants []grantFacts
	denied []access.Subject
}

type grantFacts struct {
	subject access.Subject
	level   access.Level
}

// capFacts keeps members of a group at write, everywhere.
type capFacts struct {
	group  access.GroupID
	tokens bool // only through tokens
}

// question is one question with what a program in front of a peer would know and
// hand over: the level that is asked for and the facts of the token.
type question struct {
	request access.Request
	person  *access.Person
	site    access.SiteID
	level   access.Level
	token   bool
	ceiling access.Level
	expired bool
}

const questionCount = 1 << 16

func newFacts(z accesstest.Size, seed uint64) *facts {
	f := &facts{world: accesstest.Company(z, seed)}
	for i := range f.world.People {
		f.memberships += len(f.world.People[i].Groups)
	}
	f.sites = make([]siteFacts, len(f.world.Sites))
	for _, r := range f.world.Rules {
		f.add(r)
	}
	index := f.world.Index()
	for _, r := range f.world.Requests(questionCount, seed+2) {
		f.questions = append(f.questions, f.question(r))
		f.answers = append(f.answers, index.Check(r).Allowed)
	}
	return f
}

func (f *facts) add(r access.Rule) {
	if !r.Until.IsZero() && !accesstest.Now.Before(r.Until) {
		return
	}
	if r.Kind == access.Cap {
		f.caps = append(f.caps, capFacts{group: access.GroupID(r.Subject.ID), tokens: r.Channel == access.TokenChannel})
		if r.Channel == access.SessionChannel || r.Subject.Kind != access.TheGroup || !r.Scope.All || f.world.Catalogue.Highest(r.Actions) != access.Write {
			panic("a cap that the plain words have no form for")
		}
		return
	}
	for i, s := range f.world.Sites {
		if !accesstest.InScope(r.Scope, s) {
			continue
		}
		if r.Kind == access.Deny {
			f.sites[i].denied = append(f.sites[i].denied, r.Subject)
		} else {
			f.sites[i].grants = append(f.sites[i].grants, grantFacts{r.Subject, f.world.Catalogue.Highest(r.Actions)})
		}
	}
}

func (f *facts) question(r access.Request) question {
	q := question{request: r, person: &f.world.People[r.Person-1], site: r.Site, level: access.View + access.Level(r.Action-access.ActView), ceiling: access.Superuser}
	if r.Credential.Kind == access.TokenCredential {
		t := f.world.Tokens[r.Credential.Token-1]
		q.token, q.ceiling = true, f.world.Catalogue.Highest(f.world.Catalogue.Ceiling(t.Ceiling))
		q.expired = !t.Expires.IsZero() && !r.At.Before(t.Expires)
	}
	return q
}

// yes is the share of questions that are answered with yes, in percent.
func (f *facts) yes() float64 {
	n := 0
	for _, a := range f.answers {
		if a {
			n++
		}
	}
	return 100 * float64(n) / float64(len(f.answers))
}

// loadGrantbridge is ours: the whole model, expiry and tokens looked up inside.
func loadGrantbridge(f *facts) (func(*question) bool, error) {
	s, err := access.Build(f.world.Facts())
	if err != nil {
		return nil, err
	}
	return func(q *question) bool { return s.Check(q.request).Allowed }, nil
}

// loadMap is the fastest lookup there can be: every reachable pair of person and
// site in one map. It knows no restriction, no token and no time.
func loadMap(f *facts) (func(*question) bool, error) {
	type edge struct {
		site  access.SiteID
		level access.Level
	}
	edges := map[access.Subject][]edge{}
	for i, s := range f.sites {
		for _, g := range s.grants {
			edges[g.subject] = append(edges[g.subject], edge{access.SiteID(i + 1), g.level})
		}
	}
	pairs := make(map[uint64]access.Level, 4*len(f.world.People))
	key := func(p access.PersonID, s access.SiteID) uint64 { return uint64(p)<<32 | uint64(s) }
	for i := range f.world.People {
		p := &f.world.People[i]
		put := func(s access.Subject) {
			for _, e := range edges[s] {
				k := key(p.ID, e.site)
				pairs[k] = max(pairs[k], e.level)
			}
		}
		put(access.Subject{Kind: access.ThePerson, ID: int64(p.ID)})
		for _, g := range p.Groups {
			put(access.Subject{Kind: access.TheGroup, ID: int64(g)})
		}
	}
	return func(q *question) bool { return pairs[key(q.person.ID, q.site)] >= q.level }, nil
}
