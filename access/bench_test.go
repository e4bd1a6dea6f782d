package access_test

import (
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/access/accesstest"
)

// The benchmarks measure at the size of design.md's budgets, and ten times that
// when GRANTBRIDGE_LARGE is set. Compare ratios, not nanoseconds: machines differ.

func benchSize() accesstest.Size {
	if os.Getenv("GRANTBRIDGE_LARGE") != "" {
		return accesstest.Large
	}
	return accesstest.Budget
}

var benchWorld = sync.OnceValue(func() *accesstest.World { return accesstest.Company(benchSize(), 1) })

var benchSnapshot = sync.OnceValue(func() *access.Snapshot {
	s, err := access.Build(benchWorld().Facts())
	if err != nil {
		panic(err)
	}
	return s
})

var benchRequests = sync.OnceValue(func() []access.Request { return benchWorld().Requests(1<<16, 3) })

// pairMap is the fastest possible wrong answer: every reachable person and site
// in one Go map, which says the level and knows no time, no restriction, no token.
var pairMap = sync.OnceValue(func() map[uint64]access.Level {
	w := benchWorld()
	type edge struct {
		site  access.SiteID
		level access.Level
	}
	group, person := map[access.GroupID][]edge{}, map[access.PersonID][]edge{}
	for _, r := range w.Rules {
		if r.Kind != access.Grant {
			continue
		}
		for _, s := range w.Sites {
			if !(len(r.Scope.Sites) == 1 && r.Scope.Sites[0] == s.ID || r.Scope.All || len(r.Scope.Select) > 0 && r.Scope.Has(s)) {
				continue
			}
			e := edge{s.ID, w.Catalogue.Highest(r.Actions)}
			if r.Subject.Kind == access.TheGroup {
				group[access.GroupID(r.Subject.ID)] = append(group[access.GroupID(r.Subject.ID)], e)
			} else {
				person[access.PersonID(r.Subject.ID)] = append(person[access.PersonID(r.Subject.ID)], e)
			}
		}
	}
	m := make(map[uint64]access.Level, 4*len(w.People))
	for i := range w.People {
		p := &w.People[i]
		put := func(edges []edge) {
			for _, e := range edges {
				k := uint64(p.ID)<<32 | uint64(e.site)
				m[k] = max(m[k], e.level)
			}
		}
		put(person[p.ID])
		for _, g := range p.Groups {
			put(group[g])
		}
	}
	return m
})

func pairKey(r *access.Request) uint64 { return uint64(r.Person)<<32 | uint64(r.Site) }

func BenchmarkCheck(b *testing.B) {
	s, rs := benchSnapshot(), benchRequests()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		s.Check(rs[n&(1<<16-1)])
	}
}

func BenchmarkMapLookup(b *testing.B) {
	m, rs := pairMap(), benchRequests()
	n, hits := 0, 0
	for b.Loop() {
		if _, ok := m[pairKey(&rs[n&(1<<16-1)])]; ok {
			hits++
		}
		n++
	}
}

// BenchmarkCheckVersusMap interleaves batches of both, so that neighbours on the
// machine weigh on both alike. The budget is 2.5 times a map lookup.
func BenchmarkCheckVersusMap(b *testing.B) {
	s, m, rs := benchSnapshot(), pairMap(), benchRequests()
	const batch = 1 << 12
	var check, lookup []time.Duration
	allowed, hits := 0, 0
	for n := 0; b.Loop(); n++ {
		part := rs[n*batch%(1<<16):][:batch]
		t0 := time.Now()
		for i := range part {
			if s.Check(part[i]).Allowed {
				allowed++
			}
		}
		t1 := time.Now()
		for i := range part {
			if _, ok := m[pairKey(&part[i])]; ok {
				hits++
			}
		}
		check, lookup = append(check, t1.Sub(t0)), append(lookup, time.Since(t1))
	}
	c, l := median(check), median(lookup)
	b.ReportMetric(float64(c)/float64(l), "x-map")
	b.ReportMetric(float64(c)/batch, "ns/check")
	b.ReportMetric(float64(l)/batch, "ns/lookup")
	b.ReportMetric(100*float64(allowed)/float64(len(check)*batch), "%allowed")
	b.ReportMetric(0, "ns/op")
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

func BenchmarkCheckHot(b *testing.B) {
	s, rs := benchSnapshot(), benchRequests()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		s.Check(rs[n&63])
	}
}

func BenchmarkExplain(b *testing.B) {
	s, rs := benchSnapshot(), benchRequests()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		s.Explain(rs[n&(1<<16-1)])
	}
}

func BenchmarkEffective(b *testing.B) {
	s, rs := benchSnapshot(), benchRequests()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		s.Effective(rs[n&(1<<16-1)])
	}
}

func BenchmarkSites(b *testing.B) {
	s, rs := benchSnapshot(), benchRequests()
	for n := 0; b.Loop(); n++ {
		for range s.Sites(rs[n&(1<<16-1)]) {
		}
	}
}

func BenchmarkWhoCan(b *testing.B) {
	s := benchSnapshot()
	for n := 0; b.Loop(); n++ {
		for range s.WhoCan(access.ActWrite, access.SiteID(n%1000+1), accesstest.Now) {
		}
	}
}

// BenchmarkBuild is the whole snapshot from rows, and its heap.
func BenchmarkBuild(b *testing.B) {
	f := benchWorld().Facts()
	var s *access.Snapshot
	for b.Loop() {
		var err error
		if s, err = access.Build(f); err != nil {
			b.Fatal(err)
		}
	}
	st := s.Stats()
	s = nil
	before := heap()
	s, _ = access.Build(f)
	size := heap() - before
	b.ReportMetric(float64(size)/float64(st.Memberships), "B/membership")
	b.ReportMetric(float64(size)/1e6, "MB")
	b.ReportMetric(float64(st.Memberships), "memberships")
	runtime.KeepAlive(s)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkRuleChange is one new version of a rule over half of all people.
func BenchmarkRuleChange(b *testing.B) {
	for _, scope := range []access.Scope{
		{Sites: []access.SiteID{7}},
		{Select: []access.Selector{{Labels: map[string]string{"team": "team-07"}}}},
		{All: true},
		{Select: []access.Selector{{Slug: "site-*"}}},
	} {
		name := "label"
		switch {
		case scope.All:
			name = "all"
		case len(scope.Sites) > 0:
			name = "site"
		case scope.Select[0].Slug != "":
			name = "every site by name"
		}
		b.Run(name, func(b *testing.B) {
			s := benchSnapshot()
			r := access.Rule{
				ID: 1 << 40, Kind: access.Grant, Subject: access.Subject{Kind: access.TheGroup, ID: int64(accesstest.EverybodysGroup)},
				Scope: scope, TokenCeiling: access.CeilingInherit,
			}
			for n := 0; b.Loop(); n++ {
				r.Actions = s.Catalogue().Level(access.View + access.Level(n%3))
				next, err := s.With(access.Delta{Rules: []access.Rule{r}})
				if err != nil {
					b.Fatal(err)
				}
				s = next
			}
		})
	}
}

// BenchmarkPersonChange is what a SCIM PATCH of one person comes to.
func BenchmarkPersonChange(b *testing.B) {
	s := benchSnapshot()
	people := benchWorld().People
	for n := 0; b.Loop(); n++ {
		p := people[n*7919%len(people)]
		p.Groups = p.Groups[:len(p.Groups)-n%2]
		next, err := s.With(access.Delta{People: []access.Person{p}})
		if err != nil {
			b.Fatal(err)
		}
		s = next
	}
}

// BenchmarkPageChange is a page of 500 people, as one directory run writes them.
func BenchmarkPageChange(b *testing.B) {
	s := benchSnapshot()
	people := benchWorld().People
	for n := 0; b.Loop(); n++ {
		i := n * 500 % (len(people) - 500)
		next, err := s.With(access.Delta{People: people[i : i+500]})
		if err != nil {
			b.Fatal(err)
		}
		s = next
	}
}

func BenchmarkTokenRevoke(b *testing.B) {
	s := benchSnapshot()
	tokens := benchWorld().Tokens
	for n := 0; b.Loop(); n++ {
		t := tokens[n%len(tokens)]
		t.Revoked = true
		next, err := s.With(access.Delta{Tokens: []access.Token{t}})
		if err != nil {
			b.Fatal(err)
		}
		s = next
	}
}
