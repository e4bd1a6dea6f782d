package access_test

import (
	"testing"

	"pgregory.net/rapid"

	"grantbridge/access"
	"grantbridge/access/accesstest"
)

func TestScopeHas(t *testing.T) {
	shop := access.Site{ID: 1, Slug: "Shop-EU", Labels: map[string]string{"region": "eu", "tier": ""}}
	bySlug := func(glob string) access.Scope { return access.Scope{Select: []access.Selector{{Slug: glob}}} }
	byLabel := func(l map[string]string) access.Scope { return access.Scope{Select: []access.Selector{{Labels: l}}} }
	for name, c := range map[string]struct {
		scope access.Scope
		site  access.Site
		want  bool
	}{
		"nothing reaches nothing":            {access.Scope{}, shop, false},
		"an empty selector picks nothing":    {access.Scope{Select: []access.Selector{{}}}, shop, false},
		"all reaches a site":                 {access.Scope{All: true}, shop, true},
		"all reaches Global":                 {access.Scope{All: true}, access.Site{ID: access.Global}, true},
		"all but something reaches Global":   {access.Scope{All: true, ExceptSites: []access.SiteID{access.Global}}, access.Site{ID: access.Global}, true},
		"a site does not reach Global":       {access.Scope{Sites: []access.SiteID{access.Global}}, access.Site{ID: access.Global}, false},
		"except wins over a name":            {access.Scope{Sites: []access.SiteID{1}, ExceptSites: []access.SiteID{1}}, shop, false},
		"except by label wins over all":      {access.Scope{All: true, ExceptSelect: []access.Selector{{Slug: "shop-*"}}}, shop, false},
		"all labels must hold":               {byLabel(map[string]string{"region": "eu", "tier": "prod"}), shop, false},
		"a label may be empty":               {byLabel(map[string]string{"region": "eu", "tier": ""}), shop, true},
		"a missing label is not empty":       {byLabel(map[string]string{"brand": ""}), shop, false},
		"globs ignore case":                  {bySlug("sHOP-*"), shop, true},
		"a glob is for the whole slug":       {bySlug("shop"), shop, false},
		"a question mark is one character":   {bySlug("shop-e?"), shop, true},
		"a question mark is not none":        {bySlug("shop-eu?"), shop, false},
		"a backslash quotes":                 {bySlug(`shop-\*`), shop, false},
		"a quoted letter is itself":          {bySlug(`\shop*`), shop, true},
		"a star may be nothing":              {bySlug("*shop-eu*"), shop, true},
		"selector and slug must both hold":   {access.Scope{Select: []access.Selector{{Slug: "*", Labels: map[string]string{"region": "us"}}}}, shop, false},
		"one of several selectors is enough": {access.Scope{Select: []access.Selector{{Slug: "x"}, {Slug: "shop*"}}}, shop, true},
	} {
		if got := c.scope.Has(c.site); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
		if got := accesstest.InScope(c.scope, c.site); got != c.want {
			t.Errorf("%s: the specification says %v", name, got)
		}
	}
}

// The quick glob against one that tries everything, on hard patterns.
func TestScopeGlobs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*?\\]{0,8}`).Draw(t, "pattern")
		slug := rapid.StringMatching(`[ab*]{0,10}`).Draw(t, "slug")
		if pattern == "" {
			t.Skip("no selector")
		}
		sc := access.Scope{Select: []access.Selector{{Slug: pattern}}}
		if got, want := sc.Has(access.Site{Slug: slug}), accesstest.Glob(pattern, slug); got != want {
			t.Fatalf("%q matches %q: %v, want %v", pattern, slug, got, want)
		}
	})
}
