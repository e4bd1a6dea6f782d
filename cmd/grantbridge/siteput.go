package main

import (
	"context"
	"encoding/json"
	"fmt"

	"grantbridge/access"
	"grantbridge/cmd/grantbridge/internal/config"
	"grantbridge/provision"
	"grantbridge/store"
)

const siteGuard = `A
change over a limit is held and changes nothing (exit 5): approve it with sync
apply ID --hash HASH.`

// putSites shows whose access changes, and puts the sites unless only the plan was
// asked for.
func (a *app) putSites(ctx context.Context, b *bridge, sites []access.Site, plan bool) error {
	for _, s := range sites {
		if !config.ValidSlug(s.Slug) {
			return usage("slug %q: %s", s.Slug, config.SlugForm)
		}
	}
	p, err := b.PreviewSites(ctx, sites)
	if err != nil {
		return err
	}
	if err := a.showSites(b, p, plan); err != nil || plan {
		return err
	}
	if err := b.PutSites(ctx, a.by(), sites); err != nil {
		return err
	}
	if len(sites) == 1 {
		a.say("site %d %s is in the catalogue", sites[0].ID, sites[0].Slug)
	} else {
		a.say("%s are in the catalogue", count(len(sites), "site"))
	}
	return nil
}

// showSites prints a plan for sites; a change for nobody only when it was asked
// for.
func (a *app) showSites(b *bridge, p *provision.SitesPlan, plan bool) error {
	switch {
	case !a.people():
		if plan {
			return a.encode(p)
		}
		return nil
	case plan:
		a.say("%s would be new or other than now", count(len(p.Sites), "site"))
	}
	if !plan && p.Effect.Changed() == 0 {
		return nil
	}
	a.writeSitesPlan(b, p, false)
	for _, br := range p.Breaches {
		fmt.Fprintf(a.out, "%s %s\n", a.paint(yellow, "would be held:"), br.Says)
	}
	return nil
}

// writeSitesPlan prints who moves, and who of them counts.
func (a *app) writeSitesPlan(b *bridge, p *provision.SitesPlan, all bool) {
	b.newSites = siteNames(p.Sites)
	a.say("sites: %s", some(siteTexts(p.Sites), maxSites, all))
	a.writePlan(b, p.Effect, p.Limit, all)
	if n := p.Effect.Changed() - p.Counted; n > 0 {
		fmt.Fprintf(a.out, "%s only get what rules give on new sites; that does not count for the limit\n", count(n, "person"))
	}
}

func siteTexts(sites []access.Site) []string {
	out := make([]string, len(sites))
	for i, s := range sites {
		labels := "no labels"
		if len(s.Labels) > 0 {
			labels = labelText(s.Labels)
		}
		out[i] = fmt.Sprintf("%d %s (%s)", s.ID, s.Slug, labels)
	}
	return out
}

// heldSites is the plan that h keeps, when it is one for sites.
func heldSites(h store.Hold) (*provision.SitesPlan, bool) {
	var p provision.SitesPlan
	ok := h.Kind == "sites" && json.Unmarshal(h.Plan, &p) == nil && p.Effect != nil
	return &p, ok
}
