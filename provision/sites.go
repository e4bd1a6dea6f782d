package provision

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"grantbridge/access"
	"grantbridge/mapping"
	"grantbridge/store"
)

// SitesPlan is what a change of the catalogue of sites would do, before it does:
// labels and slugs decide which sites a rule reaches.
type SitesPlan struct {
	Sites    []access.Site    `json:"sites"`    // those that would be new or other than now, ascending
	Effect   *mapping.Plan    `json:"effect"`   // for whom access would change
	Counted  int              `json:"counted"`  // how many people count for the limits
	Limit    string           `json:"limit"`    // people_changed: a share or a number
	Breaches []mapping.Breach `json:"breaches"` // of the limits
	// Hash binds the plan to its sites and to its effect.
	Hash string `json:"hash"`
}

// PreviewSites says what PutSites would change for whom; nothing is changed.
func (e *Engine) PreviewSites(ctx context.Context, sites []access.Site) (*SitesPlan, error) {
	if err := checkSites(sites); err != nil {
		return nil, err
	}
	if err := e.Sync(ctx, 0); err != nil {
		return nil, err
	}
	return e.planSites(sites)
}

// PutSites makes the sites be as given, through the guard; others stay. A plan
// over a limit is kept and returned as a *HeldError.
func (e *Engine) PutSites(ctx context.Context, by store.By, sites []access.Site) error {
	if err := checkSites(sites); err != nil {
		return err
	}
	return e.putSites(ctx, by, sites, "")
}

func checkSites(sites []access.Site) error {
	for _, s := range sites {
		if s.ID <= 0 || s.Slug == "" {
			return invalid("a site needs an id above 0 and a slug; got id %d, slug %q", s.ID, s.Slug)
		}
	}
	return nil
}

// putSites is PutSites; approve is as with SetMapping.
func (e *Engine) putSites(ctx context.Context, by store.By, sites []access.Site, approve string) error {
	var seen *SitesPlan
	op := &store.PutSites{Sites: sites}
	op.Guard = func(ctx context.Context, revision int64) (err error) {
		if err := e.Sync(ctx, revision); err != nil {
			return err
		}
		if seen, err = e.planSites(sites); err != nil {
			return err
		}
		return judge(seen.Breaches, seen.Hash, approve)
	}
	_, err := e.do(ctx, by, op)
	if held, ok := errors.AsType[*HeldError](err); ok {
		return e.keepSites(ctx, by, held, seen)
	}
	return err
}

func (e *Engine) keepSites(ctx context.Context, by store.By, held *HeldError, p *SitesPlan) error {
	return e.keep(ctx, by, held, store.Hold{Kind: "sites", Base: p.Effect.Base, Hash: p.Hash, Plan: mustJSON(p), Payload: mustJSON(p.Sites)})
}

// applyHeldSites puts the sites of a held plan, if that still does exactly what
// was approved.
func (e *Engine) applyHeldSites(ctx context.Context, by store.By, h store.Hold) error {
	var sites []access.Site
	if err := json.Unmarshal(h.Payload, &sites); err != nil {
		return fmt.Errorf("read the sites of held plan %d: %w", h.ID, err)
	}
	return e.putSites(ctx, by, sites, h.Hash)
}

// planSites compares the catalogue with what it would be.
func (e *Engine) planSites(sites []access.Site) (*SitesPlan, error) {
	p := e.picture.Load()
	out := &SitesPlan{Sites: otherThan(p.snapshot, sites)}
	then, err := p.snapshot.With(access.Delta{Revision: p.revision, Sites: out.Sites})
	if err != nil {
		return nil, err
	}
	now := e.cfg().Now()
	out.Effect = mapping.Diff(p.snapshot, then, now)
	counted := out.Effect
	if with, err := withNew(p.snapshot, out.Sites); err != nil {
		return nil, err
	} else if with != p.snapshot {
		counted = mapping.Diff(with, then, now)
	}
	limits := e.limits(p.set)
	out.Counted, out.Limit, out.Breaches = counted.Changed(), limits.PeopleChanged.String(), breachesOfSites(limits, counted)
	sum := sha256.Sum256(append(mustJSON(out.Sites), out.Effect.Hash...))
	out.Hash = hex.EncodeToString(sum[:])
	return out, nil
}

// otherThan are those of sites that snap does not have just so.
func otherThan(snap *access.Snapshot, sites []access.Site) []access.Site {
	out := []access.Site{}
	for _, s := range sites {
		old, ok := snap.Site(s.ID)
		if !ok || old.Slug != s.Slug || old.Name != s.Name || !maps.Equal(old.Labels, s.Labels) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b access.Site) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// withNew is snap and those of sites that it lacks: what rules give on a new site
// is what they were written for, so the guard counts from there. It is snap itself
// when none is new.
func withNew(snap *access.Snapshot, sites []access.Site) (*access.Snapshot, error) {
	d := access.Delta{Revision: snap.Revision()}
	for _, s := range sites {
		if _, ok := snap.Site(s.ID); !ok {
			d.Sites = append(d.Sites, s)
		}
	}
	if len(d.Sites) == 0 {
		return snap, nil
	}
	return snap.With(d)
}

// fewBySites is how many people a change of sites may always move, whatever share
// of all they are: a label is put by hand, and seen before.
const fewBySites = 10

// breachesOfSites are the limits that a change of sites breaks.
func breachesOfSites(l mapping.Limits, p *mapping.Plan) []mapping.Breach {
	return slices.DeleteFunc(l.Breaches(p), func(b mapping.Breach) bool {
		return b.Limit == "people_changed" && !l.PeopleChanged.IsCount && p.Changed() <= fewBySites ||
			b.Limit == "people_removed" && !l.PeopleRemoved.IsCount && p.Lose <= fewBySites
	})
}
