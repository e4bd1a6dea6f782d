package main

import (
	"sync"

	"grantbridge/access"
)

// ownActions are those of this program itself, which the platform's matrix does
// not know. No role but superuser includes them.
var ownActions = []access.Action{
	{Name: "decisions:ask", Title: "Ask for decisions over HTTP"},
	{Name: "decisions:explain", Title: "See why, in decisions over HTTP"},
}

// catalogue is the platform's matrix with this program's own actions.
var catalogue = sync.OnceValue(func() *access.Catalogue {
	base := access.DefaultCatalogue()
	actions := base.Actions()
	for _, own := range ownActions {
		if _, ok := base.Lookup(own.Name); !ok {
			actions = append(actions, own)
		}
	}
	if len(actions) == len(base.Actions()) {
		return base
	}
	c, err := access.NewCatalogue(base.Version(), actions[firstOwn:], base.Roles()[firstOwn:])
	must(err)
	return c
})

// firstOwn is behind the four levels, which a catalogue has without being told.
const firstOwn = 4
