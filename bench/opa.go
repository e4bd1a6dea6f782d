package main

import (
	"context"
	"strconv"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"grantbridge/access"
)

// The data is indexed by user and by site, so that nothing is scanned but the
// user's own subjects.
const opaPolicy = `
package authz

default allow := false

allow if {
	input.level <= input.ceiling
	not input.expired
	some s in data.subjects[input.user]
	data.sites[input.site].grants[s] >= input.level
	not denied
	not capped
}

denied if {
	some s in data.subjects[input.user]
	data.sites[input.site].denied[s]
}

capped if {
	input.level > 2
	some s in data.subjects[input.user]
	data.capped[s]
}

capped if {
	input.level > 2
	input.token
	some s in data.subjects[input.user]
	data.capped_tokens[s]
}
`

func loadOPA(f *facts) (func(*question) bool, error) {
	ctx := context.Background()
	store := inmem.NewFromObjectWithOpts(f.opaData(), inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(false))
	query, err := rego.New(rego.Query("data.authz.allow"), rego.Module("authz.rego", opaPolicy), rego.Store(store)).PrepareForEval(ctx)
	if err != nil {
		return nil, err
	}
	return func(q *question) bool {
		results, err := query.Eval(ctx, rego.EvalInput(map[string]any{
			"user": "u" + strconv.FormatInt(int64(q.person.ID), 10), "site": strconv.FormatInt(int64(q.site), 10),
			"level": int(q.level), "ceiling": int(q.ceiling), "token": q.token, "expired": q.expired,
		}))
		must(err)
		return results.Allowed()
	}, nil
}

func (f *facts) opaData() map[string]any {
	names := make([]any, groupNames(f)+1)
	for i := range names {
		names[i] = "g" + strconv.Itoa(i)
	}
	subjects := make(map[string]any, len(f.world.People))
	for i := range f.world.People {
		p := &f.world.People[i]
		user := "u" + strconv.FormatInt(int64(p.ID), 10)
		list := make([]any, 0, len(p.Groups)+1)
		list = append(list, user)
		for _, g := range p.Groups {
			list = append(list, names[g])
		}
		subjects[user] = list
	}
	sites := make(map[string]any, len(f.sites))
	for i, s := range f.sites {
		grants, denied := map[string]any{}, map[string]any{}
		levels := map[string]access.Level{}
		for _, g := range s.grants {
			name := opaSubject(g.subject)
			levels[name] = max(levels[name], g.level)
			grants[name] = float64(levels[name])
		}
		for _, d := range s.denied {
			denied[opaSubject(d)] = true
		}
		sites[strconv.Itoa(i+1)] = map[string]any{"grants": grants, "denied": denied}
	}
	capped, cappedTokens := map[string]any{}, map[string]any{}
	for _, c := range f.caps {
		to := capped
		if c.tokens {
			to = cappedTokens
		}
		to["g"+strconv.FormatInt(int64(c.group), 10)] = true
	}
	return map[string]any{"subjects": subjects, "sites": sites, "capped": capped, "capped_tokens": cappedTokens}
}

func opaSubject(s access.Subject) string {
	if s.Kind == access.TheGroup {
		return "g" + strconv.FormatInt(s.ID, 10)
	}
	return "u" + strconv.FormatInt(s.ID, 10)
}

// groupNames is the highest number of a group.
func groupNames(f *facts) int {
	most := 0
	for i := range f.world.People {
		for _, g := range f.world.People[i].Groups {
			most = max(most, int(g))
		}
	}
	return most
}
