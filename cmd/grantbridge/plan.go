package main

import (
	"cmp"
	"fmt"
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
	limits := b.cfg.Limits.PeopleChanged.String()
	a.writePlan(b, p.Plan, limits, all)
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
		p.Gain, p.Up, p.Down, p.Lose, share(p), limit)
	if p.SuperusersBefore != p.SuperusersAfter {
		fmt.Fprintf(a.out, "superusers: %d now, %d then\n", p.SuperusersBefore, p.SuperusersAfter)
	}
	sites := map[access.SiteID]string{}
	if s, _ := b.Holder().Snapshot(now()); s != nil {
		sites = siteNames(s.AllSites())
	}
	moves := slices.Clone(p.Moves)
	slices.SortStableFunc(moves, func(x, y mapping.Move) int { return cmp.Compare(worth(x), worth(y)) })
	shown := moves
	if !all {
		shown = moves[:min(len(moves), maxMoves)]
	}
	for _, m := range shown {
		a.writeMove(b, m, sites, all)
	}
	if n := len(moves) - len(shown); n > 0 {
		fmt.Fprintf(a.out, "  … and %d more moves; --all or -o json shows them\n", n)
	}
}

const (
	maxMoves = 40
	maxNames = 5
)

// worth puts losses before gains.
func worth(m mapping.Move) int { return int(m.To) - int(m.From) }

func share(p *mapping.Plan) string {
	if p.People == 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(p.Changed())/float64(p.People))
}

func (a *app) writeMove(b *bridge, m mapping.Move, sites map[access.SiteID]string, all bool) {
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
	site := cmp.Or(sites[m.Site], fmt.Sprintf("site %d", m.Site))
	if m.Site == access.Global {
		site = "everywhere"
	}
	fmt.Fprintf(a.out, "%s %-24s %-20s %s\n", a.paint(color, sign), site, what, people(b, m.People, all))
}

// people names some of ids by login, and counts the rest.
func people(b *bridge, ids []access.PersonID, all bool) string {
	n := len(ids)
	if !all {
		n = min(n, maxNames)
	}
	logins := make([]string, 0, n)
	for _, id := range ids[:n] {
		p, _ := b.PersonByID(id)
		logins = append(logins, clean(cmp.Or(p.Login, p.UID, fmt.Sprint(id))))
	}
	s := fmt.Sprintf("%s: %s", count(len(ids), "person"), strings.Join(logins, ", "))
	if more := len(ids) - n; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}
