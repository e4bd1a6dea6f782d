package verify

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
)

// Level is how binding a case is.
type Level string

// The levels. Must failures make a server non-conformant; Should failures are
// advice; Provider failures break one identity provider.
const (
	Must     Level = "MUST"
	Should   Level = "SHOULD"
	Provider Level = "PROVIDER"
)

// Profile selects the cases to run.
type Profile string

// The profiles. RFC runs the standard's cases alone, a provider's name runs
// that provider's cases alone, All runs everything.
const (
	RFC       Profile = "rfc"
	Entra     Profile = "entra"
	Okta      Profile = "okta"
	OneLogin  Profile = "onelogin"
	JumpCloud Profile = "jumpcloud"
	Ping      Profile = "ping"
	Authentik Profile = "authentik"
	All       Profile = "all"
)

// Profiles lists every profile, the default first.
var Profiles = []Profile{RFC, Entra, Okta, OneLogin, JumpCloud, Ping, Authentik, All}

// Feature is something a server may honestly not offer: a key of its
// ServiceProviderConfig, a resource type, a schema or an attribute.
type Feature string

// The features cases ask for. An attribute is written "User:title" or
// "Enterprise:department", see hasAttr.
const (
	NeedPatch      Feature = "patch"
	NeedBulk       Feature = "bulk"
	NeedFilter     Feature = "filter"
	NeedSort       Feature = "sort"
	NeedETag       Feature = "etag"
	NeedPassword   Feature = "changePassword"
	NeedIndex      Feature = "index paging"
	NeedCursor     Feature = "cursor paging"
	NeedGroups     Feature = "Groups"
	NeedEnterprise Feature = "enterprise extension"
)

// Case is one question put to a server.
type Case struct {
	ID      string    `json:"id"`      // stable: rfc7644-3.5.2.1-patch-add-emails
	Title   string    `json:"title"`   // the sentence that must be true
	Area    string    `json:"area"`    // what a reader would look under
	Section string    `json:"section"` // the text it rests on
	Level   Level     `json:"level"`
	Profile Profile   `json:"profile"`
	Needs   []Feature `json:"needs,omitempty"`
	Means   string    `json:"means"` // what a failure means for an identity provider

	run func(*trial)
}

func must(id, title string, run func(*trial)) Case {
	return Case{ID: id, Title: title, Level: Must, Profile: RFC, Section: sectionOf(id), run: run}
}

func should(id, title string, run func(*trial)) Case {
	c := must(id, title, run)
	c.Level = Should
	return c
}

func (c Case) need(f ...Feature) Case { c.Needs = append(slices.Clip(c.Needs), f...); return c }

func (c Case) mean(s string) Case { c.Means = s; return c }

// sectionOf reads "RFC 7644 §3.5.2" out of "rfc7644-3.5.2-patch-…".
func sectionOf(id string) string {
	parts := strings.SplitN(id, "-", 3)
	if len(parts) < 3 || !strings.HasPrefix(parts[0], "rfc") {
		return ""
	}
	return fmt.Sprintf("RFC %s §%s", parts[0][3:], parts[1])
}

// area gives cases what they share, where they do not say better.
func area(name, means string, cases []Case, needs ...Feature) []Case {
	for i := range cases {
		c := &cases[i]
		c.Area = name
		if c.Means == "" {
			c.Means = means
		}
		for _, n := range needs {
			if !slices.Contains(c.Needs, n) {
				c.Needs = append(slices.Clip(c.Needs), n)
			}
		}
	}
	return cases
}

// provider makes cases of one identity provider's, resting on its document.
func provider(p Profile, doc, means string, cases []Case) []Case {
	for i := range cases {
		cases[i].Profile, cases[i].Level, cases[i].Section = p, Provider, doc
	}
	return area("Profile "+string(p), means, cases)
}

// allCases is the table of tables, in the order of a report.
var allCases = sync.OnceValue(func() []Case {
	return slices.Concat(
		discoveryCases(), userCases(), attributeCases(), groupCases(), membershipCases(), errorCases(),
		filterOperatorCases(), filterValueCases(), filterLogicCases(), filterPathCases(), filterErrorCases(),
		sortCases(), pagingCases(), cursorCases(), projectionCases(), searchCases(),
		putCases(), patchCases(), patchListCases(), patchGroupCases(), patchErrorCases(),
		etagCases(), bulkCases(), meCases(), contentCases(), limitCases(), raceCases(), passwordCases(),
		entraUserCases(), entraGroupCases(), entraValidatorCases(),
		oktaCases(), oneLoginCases(), jumpCloudCases(), pingCases(), authentikCases(),
	)
})

// Cases lists the cases of a profile whose id matches only (see Config.Only),
// in the order they run.
func Cases(p Profile, only ...string) []Case {
	var list []Case
	for _, c := range allCases() {
		if (p == All || c.Profile == p || p == "" && c.Profile == RFC) && selected(c, only) {
			list = append(list, c)
		}
	}
	return list
}

func selected(c Case, only []string) bool {
	if len(only) == 0 {
		return true
	}
	return slices.ContainsFunc(only, func(pattern string) bool {
		ok, err := path.Match(pattern, c.ID)
		return err == nil && ok || strings.Contains(c.ID, pattern) || strings.EqualFold(c.Area, pattern)
	})
}
