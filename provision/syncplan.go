package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/mapping"
)

// SyncPlan is what a run would change: what a directory says in its own terms,
// and what follows for people's access.
type SyncPlan struct {
	Source string `json:"source"`
	// Hash binds the plan to what it does, in the directory and in access.
	Hash   string        `json:"hash"`
	Counts SyncCounts    `json:"counts"`
	Steps  []SyncStep    `json:"steps"` // the first MaxSteps, removals first
	More   int           `json:"more,omitempty"`
	Effect *mapping.Plan `json:"effect"`
	// Newcomers are the logins of people who do not exist yet, by the number
	// that Effect calls them.
	Newcomers map[access.PersonID]string `json:"newcomers,omitempty"`
	Breaches  []mapping.Breach           `json:"breaches,omitempty"`
}

// MaxSteps is how many steps a plan shows.
const MaxSteps = 1000

// SyncCounts says how much a plan changes.
type SyncCounts struct {
	Created       int `json:"created"`
	Edited        int `json:"edited"`
	Renamed       int `json:"renamed"` // of the edited: another login or DN
	Deactivated   int `json:"deactivated"`
	Reactivated   int `json:"reactivated"`
	Deleted       int `json:"deleted"`
	GroupsCreated int `json:"groups_created"`
	GroupsEdited  int `json:"groups_edited"`
	GroupsDeleted int `json:"groups_deleted"`
	Joined        int `json:"joined"` // memberships
	Left          int `json:"left"`
}

// SyncStep is one change, for showing.
type SyncStep struct {
	Kind     string            `json:"kind"` // created, edited, renamed, deactivated, reactivated, deleted, joined, left
	Entry    directory.EntryID `json:"entry"`
	Name     string            `json:"name"`            // the account's login or the group's name
	Group    string            `json:"group,omitempty"` // of joined and left; of a group's own step its name
	Via      []string          `json:"via,omitempty"`   // the groups between
	Was      string            `json:"was,omitempty"`
	Evidence string            `json:"evidence"`
	Why      string            `json:"why,omitempty"`
}

// removal orders steps: what takes away stands first.
func (s SyncStep) removal() bool {
	return s.Kind == "deactivated" || s.Kind == "deleted" || s.Kind == "left"
}

// Empty reports whether p changes nothing.
func (p *SyncPlan) Empty() bool { return p.Counts == SyncCounts{} }

// planner shows steps: of what takes away and of the rest the first MaxSteps
// each, because a first run may have a million.
type planner struct {
	plan         *SyncPlan
	next         directory.State
	st           *stored
	walk         func(group directory.EntryID) []directory.Membership
	taken, other []SyncStep
	steps        int
}

func (p *planner) show(s SyncStep) {
	p.steps++
	list := &p.other
	if s.removal() {
		list = &p.taken
	}
	if len(*list) < MaxSteps {
		*list = append(*list, s)
	}
}

func newSyncPlan(source string, s steps, next directory.State, st *stored, effect *mapping.Plan, new newcomers) *SyncPlan {
	p := &planner{plan: &SyncPlan{Source: source, Effect: effect}, next: next, st: st, walk: s.walk}
	for i := range s.accounts {
		p.show(p.account(&s.accounts[i]))
	}
	for i := range s.groups {
		p.group(&s.groups[i])
	}
	shown := append(p.taken, p.other...)
	p.plan.Steps = shown[:min(len(shown), MaxSteps)]
	p.plan.More = p.steps - len(p.plan.Steps)
	if len(new) > 0 {
		p.plan.Newcomers = make(map[access.PersonID]string, len(new))
		for id, entry := range new {
			p.plan.Newcomers[id] = p.login(entry)
		}
	}
	p.plan.Hash = hashSteps(source, s, effect, new)
	return p.plan
}

func (p *planner) account(s *accountStep) SyncStep {
	out := SyncStep{Kind: s.kind.String(), Entry: s.entry, Name: s.login(), Evidence: s.evidence.String(), Why: s.why}
	c := &p.plan.Counts
	switch {
	case s.deleted:
		c.Deleted++
		out.Kind = "deleted"
	case s.have == nil:
		c.Created++
	case s.ends():
		c.Deactivated++
		out.Kind = "deactivated"
	case !s.was() && s.active:
		c.Reactivated++
	default:
		c.Edited++
		if s.have.Login != s.login() {
			c.Renamed++
			out.Kind, out.Was = "renamed", s.have.Login
		}
	}
	return out
}

func (p *planner) group(s *groupStep) {
	out := SyncStep{Kind: "edited", Entry: s.entry, Group: s.want.Display, Evidence: s.evidence.String(), Why: s.why}
	c := &p.plan.Counts
	switch {
	case s.deleted:
		c.GroupsDeleted++
		c.Left += s.have.Members
		out.Kind, out.Group = "deleted", s.have.Display
		p.show(out)
	case s.have.ID == 0:
		c.GroupsCreated++
		out.Kind = "created"
		p.show(out)
	case s.edited:
		c.GroupsEdited++
		if s.have.Display != s.want.Display {
			out.Kind, out.Was = "renamed", s.have.Display
		}
		p.show(out)
	}
	p.joins(s)
	for _, r := range s.leave {
		c.Left++
		step := SyncStep{Kind: "left", Entry: r.Account, Name: p.login(r.Account), Group: s.want.Display, Via: p.names(r.Via), Evidence: r.Evidence.String()}
		if r.By != s.entry && !r.By.IsZero() {
			step.Why = "by a change of " + p.name(r.By)
		}
		p.show(step)
	}
}

// joins finds the ways of those only who are shown.
func (p *planner) joins(s *groupStep) {
	p.plan.Counts.Joined += len(s.join)
	shown := min(len(s.join), MaxSteps-len(p.other))
	p.steps += len(s.join) - shown
	if shown == 0 {
		return
	}
	members := p.walk(s.entry)
	for _, id := range s.join[:shown] {
		i, _ := slices.BinarySearchFunc(members, id, func(m directory.Membership, id directory.EntryID) int { return m.Account.Compare(id) })
		p.show(SyncStep{Kind: "joined", Entry: id, Name: p.login(id), Group: s.want.Display, Via: p.names(members[i].Via), Evidence: directory.Seen.String()})
	}
}

func (p *planner) login(id directory.EntryID) string {
	if a := p.next.Account(id); a != nil && a.Login != "" {
		return a.Login
	}
	if a, ok := p.st.differ[id]; ok && a.Login != "" {
		return a.Login
	}
	return id.String()
}

func (p *planner) names(ids directory.Via) (out []string) {
	for _, id := range ids {
		out = append(out, p.name(id))
	}
	return out
}

func (p *planner) name(id directory.EntryID) string {
	if g := p.next.Group(id); g != nil {
		return g.Name
	}
	if g, ok := p.st.groups[id]; ok {
		return g.Display
	}
	return id.String()
}

// hashSteps is what a plan does, whatever the order, the spelling of names and
// the evidence in which it was read.
func hashSteps(source string, s steps, effect *mapping.Plan, new newcomers) string {
	h := sha256.New()
	say := json.NewEncoder(h)
	put := func(v ...any) {
		if err := say.Encode(v); err != nil {
			panic(err) // strings, numbers and ids
		}
	}
	put("source", source)
	for i := range s.accounts {
		a := &s.accounts[i]
		uid, w := "", a.want()
		if a.have != nil {
			uid = a.have.UID
		}
		put("account", a.entry, uid, a.deleted, w.Login, w.Display, w.Email, w.Active, w.Values)
	}
	for i := range s.groups {
		g := &s.groups[i]
		put("group", g.entry, g.have.UID, g.deleted, g.edited, g.want.Display, keyOfDN(g.want.DN))
		for _, m := range g.join {
			put("+", m)
		}
		left := make([]directory.EntryID, len(g.leave))
		for i, r := range g.leave {
			left[i] = r.Account
		}
		slices.SortFunc(left, directory.EntryID.Compare)
		put("-", left)
	}
	for _, m := range effect.Moves {
		who := make([]string, len(m.People))
		for i, id := range m.People {
			who[i] = fmt.Sprint(id)
			if entry, ok := new[id]; ok {
				who[i] = entry.String()
			}
		}
		put("move", m.Site, m.Token, m.From, m.To, m.Actions, who)
	}
	return hex.EncodeToString(h.Sum(nil))[:len(effect.Hash)]
}

func keyOfDN(s string) string {
	d, err := directory.ParseDN(s)
	if err != nil {
		return s
	}
	return d.Key()
}
