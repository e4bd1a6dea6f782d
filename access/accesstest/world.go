// Package accesstest holds the naive version of the grant model, and data to
// measure with.
//
// World is the facts as plain rows, and its methods answer by looping over them,
// as the formula in package access reads. It is slow and meant to be obviously
// right: everything faster is compared with it. Company makes a World of the size
// that the budgets are about.
package accesstest

import (
	"slices"

	"grantbridge/access"
)

// World is facts as plain rows, in no order, each id once.
type World struct {
	Revision  int64
	Catalogue *access.Catalogue
	Sites     []access.Site
	Rules     []access.Rule
	Cohorts   []access.Cohort
	People    []access.Person
	Tokens    []access.Token
}

// Facts is what access.Build wants.
func (w *World) Facts() access.Facts {
	return access.Facts{
		Revision: w.Revision, Catalogue: w.Catalogue, Sites: w.Sites, Rules: w.Rules,
		Cohorts: w.Cohorts, People: slices.Values(w.People), Tokens: w.Tokens,
	}
}

// Clone is a World of its own; the rows share what nobody writes to.
func (w *World) Clone() *World {
	c := *w
	c.Sites, c.Rules, c.Cohorts = slices.Clone(w.Sites), slices.Clone(w.Rules), slices.Clone(w.Cohorts)
	c.People, c.Tokens = slices.Clone(w.People), slices.Clone(w.Tokens)
	return &c
}

// Apply changes the rows as access.Snapshot.With changes a snapshot.
func (w *World) Apply(d access.Delta) {
	w.Revision = d.Revision
	w.Sites = change(w.Sites, d.RemoveSites, d.Sites, func(s access.Site) access.SiteID { return s.ID })
	w.Rules = change(w.Rules, d.RemoveRules, d.Rules, func(r access.Rule) access.RuleID { return r.ID })
	w.Cohorts = change(w.Cohorts, d.RemoveCohorts, d.Cohorts, func(c access.Cohort) access.CohortID { return c.ID })
	w.People = change(w.People, d.RemovePeople, d.People, func(p access.Person) access.PersonID { return p.ID })
	w.Tokens = change(w.Tokens, d.RemoveTokens, d.Tokens, func(t access.Token) access.TokenID { return t.ID })
}

func change[T any, K comparable](rows []T, remove []K, put []T, id func(T) K) []T {
	for _, p := range put {
		remove = append(slices.Clip(remove), id(p))
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(r T) bool { return slices.Contains(remove, id(r)) })
	return append(rows, put...)
}

func row[T any](rows []T, is func(T) bool) (T, bool) {
	i := slices.IndexFunc(rows, is)
	if i < 0 {
		var none T
		return none, false
	}
	return rows[i], true
}

// Person finds a row.
func (w *World) Person(id access.PersonID) (access.Person, bool) {
	return row(w.People, func(p access.Person) bool { return p.ID == id })
}

// Token finds a row.
func (w *World) Token(id access.TokenID) (access.Token, bool) {
	return row(w.Tokens, func(t access.Token) bool { return t.ID == id })
}

// Site finds a row; Global is a site with nothing but its id.
func (w *World) Site(id access.SiteID) (access.Site, bool) {
	if id == access.Global {
		return access.Site{ID: id}, true
	}
	return row(w.Sites, func(s access.Site) bool { return s.ID == id })
}
