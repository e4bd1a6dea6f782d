package main

import (
	"strconv"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"

	"grantbridge/access"
)

// casbin looks at every policy line for every question. The matcher asks for the
// cheap things first; "*" stands for every site, and covers and within stand for
// the levels, so that there are no more lines than rules.
const casbinModel = `
[request_definition]
r = sub, obj, lvl, token, limit

[policy_definition]
p = sub, obj, lvl, eft

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = (r.obj == p.obj || p.obj == "*") && within(r.lvl, r.limit) && covers(p.lvl, r.lvl, r.token) && g(r.sub, p.sub)
`

// casbinUsers is how many people are loaded: those that are asked about. Their
// number does not change what a question costs, only what loading does.
const casbinUsers = 60

func loadCasbin(f *facts) (func(*question) bool, error) {
	m, err := model.NewModelFromString(casbinModel)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	e.AddFunction("covers", casbinCovers)
	e.AddFunction("within", casbinWithin)
	if _, err := e.AddPolicies(f.casbinLines()); err != nil {
		return nil, err
	}
	var links [][]string
	seen := map[access.PersonID]bool{}
	for i := range min(casbinUsers, len(f.questions)) {
		p := f.questions[i].person
		if seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		for _, g := range p.Groups {
			links = append(links, []string{"u" + strconv.FormatInt(int64(p.ID), 10), "g" + strconv.FormatInt(int64(g), 10)})
		}
	}
	if _, err := e.AddGroupingPolicies(links); err != nil {
		return nil, err
	}
	return func(q *question) bool {
		limit := int(q.ceiling)
		if q.expired {
			limit = 0
		}
		ok, err := e.Enforce("u"+strconv.FormatInt(int64(q.person.ID), 10), strconv.FormatInt(int64(q.site), 10), int(q.level), q.token, limit)
		must(err)
		return ok
	}, nil
}

// casbinLines is one line a rule and site.
func (f *facts) casbinLines() [][]string {
	var lines [][]string
	seen := map[[4]string]bool{}
	add := func(sub, obj, lvl, eft string) {
		if k := [4]string{sub, obj, lvl, eft}; !seen[k] {
			seen[k] = true
			lines = append(lines, k[:])
		}
	}
	for i, s := range f.sites {
		site := strconv.Itoa(i + 1)
		for _, g := range s.grants {
			add(opaSubject(g.subject), site, strconv.Itoa(int(g.level)), "allow")
		}
		for _, d := range s.denied {
			add(opaSubject(d), site, "all", "deny")
		}
	}
	for _, c := range f.caps {
		lvl := "above write"
		if c.tokens {
			lvl = "above write by token"
		}
		add("g"+strconv.FormatInt(int64(c.group), 10), "*", lvl, "deny")
	}
	return lines
}

// casbinCovers reports whether a line's level is about the level asked for.
func casbinCovers(args ...any) (any, error) {
	line, level, token := args[0].(string), int(args[1].(float64)), args[2].(bool) // govaluate has float64 only
	switch line {
	case "all":
		return true, nil
	case "above write":
		return level > int(access.Write), nil
	case "above write by token":
		return token && level > int(access.Write), nil
	}
	return int(line[0]-'0') >= level, nil
}

func casbinWithin(args ...any) (any, error) { return args[0].(float64) <= args[1].(float64), nil }
