package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"grantbridge/access"
	"grantbridge/mapping"
	"grantbridge/provision"
)

// previewed is a preview for machines.
type previewed struct {
	Live     int64                `json:"live"`
	Plan     *mapping.Plan        `json:"plan"`
	Breaches []mapping.Breach     `json:"breaches"`
	Warnings mapping.Problems     `json:"warnings"`
	Tests    []mapping.TestResult `json:"tests"`
}

func (a *app) showPreview(b *bridge, p *provision.Preview, all bool) error {
	if !a.people() {
		return a.encode(previewed{p.Live, p.Plan, p.Breaches, p.Problems, p.Tests})
	}
	for _, w := range p.Problems {
		a.note("%s", problemText(w))
	}
	a.writePlan(b, p.Plan, p.Limits.PeopleChanged.String(), all)
	for _, br := range p.Breaches {
		word := "would be held:"
		if br.Final {
			word = "would be refused:"
		}
		fmt.Fprintf(a.out, "%s %s\n", a.paint(yellow, word), br.Says)
	}
	if n := failing(p.Tests); n > 0 {
		fmt.Fprintf(a.out, "%s %d of %s would not hold; see mapping test\n", a.paint(red, "!"), n, count(len(p.Tests), "test"))
	}
	return nil
}

// writePlan prints the sum, then who moves where, removals first.
func (a *app) writePlan(b *bridge, p *mapping.Plan, limit string, all bool) {
	fmt.Fprintf(a.out, "%d get access   %d go up   %d go down   %d lose access        %s of people, limit %s\n",
		p.Gain, p.Up, p.Down, p.Lose, share(p), strings.Replace(limit, "%", " %", 1))
	if p.SuperusersBefore != p.SuperusersAfter {
		fmt.Fprintf(a.out, "superusers: %d now, %d then\n", p.SuperusersBefore, p.SuperusersAfter)
	}
	sites := siteNames(b.cfg.AccessSites()) // which may be to come
	if s, _ := b.Holder().Snapshot(now()); s != nil {
		maps.Copy(sites, siteNames(s.AllSites()))
	}
	maps.Copy(sites, b.newSites)
	moves := together(p.Moves)
	shown := moves
	if !all {
		shown = moves[:min(len(moves), maxMoves)]
	}
	for _, m := range shown {
		a.writeMove(b, m, sites, all)
	}
	if n := len(moves) - len(shown); n > 0 {
		fmt.Fprintf(a.out, "  … and %d more; --all or -o json shows them\n", n)
	}
}

const (
	maxMoves = 30
	maxNames = 5
	maxSites = 4
)

// moves is one move of the same people on several sites.
type moves struct {
	mapping.Move
	sites []access.SiteID
}

// together joins the moves of the same people between the same levels, removals
// first, the most people first.
func together(in []mapping.Move) []moves {
	at := map[string]int{}
	var out []moves
	for _, m := range in {
		key := fmt.Sprint(m.Token, m.From, m.To, m.Actions, m.People)
		if i, ok := at[key]; ok {
			out[i].sites = append(out[i].sites, m.Site)
			continue
		}
		at[key] = len(out)
		out = append(out, moves{m, []access.SiteID{m.Site}})
	}
	slices.SortStableFunc(out, func(x, y moves) int {
		return cmp.Or(cmp.Compare(worth(x.Move), worth(y.Move)), -cmp.Compare(len(x.People), len(y.People)))
	})
	return out
}

// worth puts losses before gains, and losing everything first.
func worth(m mapping.Move) int {
	switch {
	case m.To < m.From && m.To == access.NoAccess:
		return -1
	case m.To < m.From:
		return 0
	}
	return 1
}

func share(p *mapping.Plan) string {
	if p.People == 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(p.Changed())/float64(p.People))
}

func (a *app) writeMove(b *bridge, m moves, slugs map[access.SiteID]string, all bool) {
	sign, color := "+", green
	if m.To < m.From {
		sign, color = "-", red
	}
	what := fmt.Sprintf("%s → %s", m.From, m.To)
	if m.From == m.To {
		what = m.From.String() + ", actions " + strings.Join(m.Actions, ", ")
	}
	if m.Token {
		what += " through tokens"
	}
	fmt.Fprintf(a.out, "%s %-18s %s\n  on %s\n", a.paint(color, sign), what, people(b, m.People, all), some(siteList(m.sites, slugs), maxSites, all))
}

func siteList(ids []access.SiteID, slugs map[access.SiteID]string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = cmp.Or(slugs[id], fmt.Sprintf("site %d", id))
		if id == access.Global {
			out[i] = "the platform"
		}
	}
	return out
}

// some joins the first n of names and counts the rest.
func some(names []string, n int, all bool) string {
	if all || len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}

// people counts ids and names some of them by login.
func people(b *bridge, ids []access.PersonID, all bool) string {
	n := len(ids)
	if !all {
		n = min(n, maxNames)
	}
	logins := make([]string, len(ids))
	for i, id := range ids[:n] {
		p, _ := b.PersonByID(id)
		logins[i] = clean(cmp.Or(p.Login, p.UID, b.newcomers[id], fmt.Sprint(id)))
	}
	return count(len(ids), "person") + ": " + some(logins, n, all)
}
