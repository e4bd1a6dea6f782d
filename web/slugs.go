package web

import (
	"sync/atomic"

	"grantbridge/access"
	"grantbridge/directory"
)

// slugs finds sites by slug in one look-up, however many a call asks about and
// however few of them exist.
type slugs struct {
	held atomic.Pointer[slugIndex]
}

type slugIndex struct {
	snap  *access.Snapshot
	sites map[string]access.SiteID // by folded slug
}

// of is the index of snap's sites; nobody changes it.
func (s *slugs) of(snap *access.Snapshot) map[string]access.SiteID {
	if x := s.held.Load(); x != nil && x.snap == snap {
		return x.sites
	}
	all := snap.AllSites()
	x := &slugIndex{snap: snap, sites: make(map[string]access.SiteID, len(all))}
	for _, site := range all {
		x.sites[directory.Fold(site.Slug)] = site.ID
	}
	s.held.Store(x)
	return x.sites
}
