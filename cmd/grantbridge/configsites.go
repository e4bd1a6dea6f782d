package main

import (
	"context"
	"fmt"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/provision"
)

// putConfigSites makes sites of the configuration be in the store as they are
// there, through the guard.
func putConfigSites(ctx context.Context, e *provision.Engine, sites []access.Site) error {
	if len(sites) == 0 {
		return nil
	}
	return e.PutSites(ctx, byConfig("sites of the configuration"), sites)
}

// previewFile previews a file of rules as it will be under the configuration, and
// says which of its sites the store does not have yet.
func (b *bridge) previewFile(ctx context.Context, name string, text []byte) (toCome []access.Site, p *provision.Preview, err error) {
	if err := b.Sync(ctx, 0); err != nil {
		return nil, nil, err
	}
	if toCome, err = b.sitesToCome(); err != nil {
		return nil, nil, err
	}
	p, err = b.Preview(ctx, name, text, toCome...)
	return toCome, p, err
}

// sitesToCome are those that only the configuration has. Others may be newer in
// the store, and stay until the server starts.
func (b *bridge) sitesToCome() ([]access.Site, error) {
	s, _ := b.Holder().Snapshot(now())
	toCome := missingFrom(s.AllSites(), b.cfg.AccessSites())
	for _, c := range toCome {
		for _, k := range s.AllSites() {
			if directory.Fold(k.Slug) == directory.Fold(c.Slug) {
				return nil, invalid(fmt.Errorf("%s: site %d cannot be called %s: site %d of the store is; correct one of them", b.cfg.File, c.ID, c.Slug, k.ID))
			}
		}
	}
	return toCome, nil
}

// missingFrom are the sites of more whose ids are not among have.
func missingFrom(have, more []access.Site) []access.Site {
	known := siteNames(have)
	var out []access.Site
	for _, s := range more {
		if _, ok := known[s.ID]; !ok {
			out = append(out, s)
		}
	}
	return out
}
