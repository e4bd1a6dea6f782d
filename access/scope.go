package access

import "slices"

// Site is one site of the platform.
type Site struct {
	ID     SiteID            `json:"id"`
	Slug   string            `json:"slug"`
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Selector picks sites by what they are, so that later sites join it. All that
// is given must hold; the empty selector picks nothing.
type Selector struct {
	Labels map[string]string // each label has this value
	Slug   string            // glob: * any run, ? any one, case-insensitive; \ quotes
}

// Picks reports whether the selector picks s.
func (sel Selector) Picks(s Site) bool {
	if len(sel.Labels) == 0 && sel.Slug == "" {
		return false
	}
	for k, want := range sel.Labels {
		if got, ok := s.Labels[k]; !ok || got != want {
			return false
		}
	}
	return sel.Slug == "" || globMatch(sel.Slug, s.Slug)
}

// Scope is the sites that a rule reaches. The zero value reaches none.
type Scope struct {
	All    bool // also later sites, and Global
	Sites  []SiteID
	Select []Selector
	// Except takes sites out again; Global is never excepted.
	ExceptSites  []SiteID
	ExceptSelect []Selector
	// Text is what people wrote, for explaining: "region=eu,tier=prod", "all".
	Text string
}

// Has reports whether the scope reaches s. A Site whose ID is Global is reached
// by All alone.
func (sc Scope) Has(s Site) bool {
	if s.ID == Global {
		return sc.All
	}
	return sc.includes(s) && !sc.excepts(s)
}

// Open reports whether the scope may reach sites that do not exist yet.
func (sc Scope) Open() bool { return sc.All || len(sc.Select) > 0 }

func (sc Scope) includes(s Site) bool {
	return sc.All || slices.Contains(sc.Sites, s.ID) || anyPicks(sc.Select, s)
}

func (sc Scope) excepts(s Site) bool {
	return slices.Contains(sc.ExceptSites, s.ID) || anyPicks(sc.ExceptSelect, s)
}

func (sc Scope) hasExcept() bool { return len(sc.ExceptSites)+len(sc.ExceptSelect) > 0 }

func anyPicks(sels []Selector, s Site) bool {
	for _, sel := range sels {
		if sel.Picks(s) {
			return true
		}
	}
	return false
}
