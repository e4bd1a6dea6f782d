package main

import (
	"strconv"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"grantbridge/access"
)

// The grants stand as sets of entities on each site, so that a few policies say
// it all: with one policy a grant it is three orders of magnitude slower.
const cedarPolicies = `
permit (principal, action == Action::"view", resource) when { principal in resource.viewers };
permit (principal, action == Action::"write", resource) when { principal in resource.writers };
permit (principal, action == Action::"admin", resource) when { principal in resource.admins };
forbid (principal, action, resource) when { principal in resource.denied };
forbid (principal, action == Action::"admin", resource) when { principal in resource.capped || (context.token && principal in resource.capped_tokens) };
forbid (principal, action, resource) when { context.token && (context.expired || context.level > context.ceiling) };
`

func loadCedar(f *facts) (func(*question) bool, error) {
	policies, err := cedar.NewPolicySetFromBytes("bench.cedar", []byte(cedarPolicies))
	if err != nil {
		return nil, err
	}
	entities := types.EntityMap{}
	users := make([]types.EntityUID, len(f.world.People)+1)
	for i := range f.world.People {
		p := &f.world.People[i]
		parents := make([]types.EntityUID, len(p.Groups))
		for j, g := range p.Groups {
			parents[j] = cedarGroup(int64(g))
		}
		users[p.ID] = cedarUser(int64(p.ID))
		entities[users[p.ID]] = types.Entity{UID: users[p.ID], Parents: types.NewEntityUIDSet(parents...)}
	}
	sites := make([]types.EntityUID, len(f.sites)+1)
	for i, s := range f.sites {
		sites[i+1] = types.NewEntityUID("Site", types.String(strconv.Itoa(i+1)))
		entities[sites[i+1]] = types.Entity{UID: sites[i+1], Attributes: f.cedarSite(s)}
	}
	actions := [...]types.EntityUID{access.View: cedarAction("view"), access.Write: cedarAction("write"), access.Admin: cedarAction("admin")}
	return func(q *question) bool {
		decision, diagnostic := cedar.Authorize(policies, entities, cedar.Request{
			Principal: users[q.person.ID], Action: actions[q.level], Resource: sites[q.site],
			Context: types.NewRecord(types.RecordMap{
				"token": types.Boolean(q.token), "expired": types.Boolean(q.expired),
				"level": types.Long(q.level), "ceiling": types.Long(q.ceiling),
			}),
		})
		if len(diagnostic.Errors) > 0 {
			panic(diagnostic.Errors[0].String())
		}
		return decision == cedar.Allow
	}, nil
}

func (f *facts) cedarSite(s siteFacts) types.Record {
	set := func(least access.Level) types.Value {
		var out []types.Value
		for _, g := range s.grants {
			if g.level >= least {
				out = append(out, cedarSubject(g.subject))
			}
		}
		return types.NewSet(out...)
	}
	var denied, capped, cappedTokens []types.Value
	for _, d := range s.denied {
		denied = append(denied, cedarSubject(d))
	}
	for _, c := range f.caps {
		if c.tokens {
			cappedTokens = append(cappedTokens, cedarGroup(int64(c.group)))
		} else {
			capped = append(capped, cedarGroup(int64(c.group)))
		}
	}
	return types.NewRecord(types.RecordMap{
		"viewers": set(access.View), "writers": set(access.Write), "admins": set(access.Admin),
		"denied": types.NewSet(denied...), "capped": types.NewSet(capped...), "capped_tokens": types.NewSet(cappedTokens...),
	})
}

func cedarSubject(s access.Subject) types.EntityUID {
	if s.Kind == access.TheGroup {
		return cedarGroup(s.ID)
	}
	return cedarUser(s.ID)
}

func cedarGroup(id int64) types.EntityUID {
	return types.NewEntityUID("Group", types.String(strconv.FormatInt(id, 10)))
}

func cedarUser(id int64) types.EntityUID {
	return types.NewEntityUID("User", types.String(strconv.FormatInt(id, 10)))
}

func cedarAction(name string) types.EntityUID {
	return types.NewEntityUID("Action", types.String(name))
}
