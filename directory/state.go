package directory

import (
	"slices"
	"time"
)

// MaxDepth bounds how deep groups in groups are followed.
const MaxDepth = 32

// State is what is believed of a directory after a reading: every account and
// group that was seen and is not proven to be gone. It is a value: Diff makes
// the next one and leaves the old as it was. The zero State knows nothing.
type State struct {
	Source     string
	Checkpoint Checkpoint
	Depth      int
	Accounts   []*ReadAccount // ascending by ID
	Groups     []*ReadGroup   // ascending by ID
}

// NewState is the state with these accounts and groups, in any order.
func NewState(source string, accounts []*ReadAccount, groups []*ReadGroup) State {
	s := State{Source: source, Accounts: slices.Clone(accounts), Groups: slices.Clone(groups)}
	slices.SortFunc(s.Accounts, func(a, b *ReadAccount) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(s.Groups, func(a, b *ReadGroup) int { return a.ID.Compare(b.ID) })
	return s
}

// Account is the account with the id, or nil.
func (s State) Account(id EntryID) *ReadAccount {
	i, ok := slices.BinarySearchFunc(s.Accounts, id, func(a *ReadAccount, id EntryID) int { return a.ID.Compare(id) })
	if !ok {
		return nil
	}
	return s.Accounts[i]
}

// Group is the group with the id, or nil.
func (s State) Group(id EntryID) *ReadGroup {
	i, ok := slices.BinarySearchFunc(s.Groups, id, func(g *ReadGroup, id EntryID) int { return g.ID.Compare(id) })
	if !ok {
		return nil
	}
	return s.Groups[i]
}

// Settle is s with the conflict of the account decided: the next Diff creates
// it, as an account of its own.
func (s State) Settle(id EntryID) State {
	a := s.Account(id)
	if a == nil || a.Conflict.IsZero() {
		return s
	}
	settled := *a
	settled.Conflict, settled.pending = EntryID{}, true
	s.Accounts = slices.Clone(s.Accounts)
	s.Accounts[slices.Index(s.Accounts, a)] = &settled
	return s
}

// Due reports whether only a full reading will do at now: there was none, it
// was longer than every ago, or after it came more than most incremental ones.
func (s State) Due(now time.Time, every time.Duration, most int) bool {
	c := s.Checkpoint
	return c.FullAt.IsZero() || now.Sub(c.FullAt) >= every || c.Since >= most
}

// Via is how an account is in a group: the groups between them, the outermost
// first. A direct member has none.
type Via []EntryID

// Membership is one account in one group, directly or through groups in it.
type Membership struct {
	Account EntryID
	Via     Via
}

// Members are the accounts in the group and in the groups in it, ascending by
// account, each once, by the shortest way and of those the one through the
// lowest ids. A group that contains itself ends there.
func (s State) Members(id EntryID) []Membership {
	return newGraph(s).members(id)
}

// graph answers who is in a group. It is made once for many questions.
type graph struct {
	s       State
	primary map[string][]EntryID // accounts by Primary, of tokens that groups have
	// deep are groups below which something was deeper than Depth.
	deep map[EntryID]bool
	// counts are the accounts that are in what lists them; it is made when many
	// are asked for.
	counts map[EntryID]bool
	asked  int
	out    []Membership
}

// manyAsked is when a table costs less than searching.
const manyAsked = 2000

// in reports whether an account is in what lists it: known, not in conflict.
func (g *graph) in(id EntryID) bool {
	if g.asked++; g.asked < manyAsked {
		a := g.s.Account(id)
		return a != nil && a.belongs()
	}
	if g.counts == nil {
		g.counts = make(map[EntryID]bool, len(g.s.Accounts))
		for _, a := range g.s.Accounts {
			g.counts[a.ID] = a.belongs()
		}
	}
	return g.counts[id]
}

// belongs: an account in conflict is in nothing until that is decided.
func (a *ReadAccount) belongs() bool { return a.Conflict.IsZero() && !a.pending }

func newGraph(s State) *graph {
	g := &graph{s: s, primary: map[string][]EntryID{}, deep: map[EntryID]bool{}}
	for _, group := range s.Groups {
		if group.Token != "" {
			g.primary[group.Token] = nil
		}
	}
	if len(g.primary) == 0 {
		return g
	}
	for _, a := range s.Accounts {
		if _, wanted := g.primary[a.Primary]; wanted {
			g.primary[a.Primary] = append(g.primary[a.Primary], a.ID)
		}
	}
	return g
}

// members walks breadth first, so that the shortest way is found first. What it
// returns is good until it is called again.
func (g *graph) members(id EntryID) []Membership {
	root := g.s.Group(id)
	if root == nil {
		return nil
	}
	type step struct {
		group *ReadGroup
		via   Via
	}
	out := g.out[:0]
	seen := map[EntryID]bool{id: true}
	for queue := []step{{group: root}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		out = g.direct(out, at.group, at.via)
		if len(at.via) >= min(g.s.Depth, MaxDepth) {
			g.deep[id] = g.deep[id] || (g.s.Depth > 0 && len(at.group.Groups) > 0)
			continue
		}
		for _, child := range at.group.Groups {
			if c := g.s.Group(child); c != nil && !seen[child] {
				seen[child] = true
				queue = append(queue, step{c, append(slices.Clip(at.via), child)})
			}
		}
	}
	// Stable: of two ways to one account the one that was found first stays.
	slices.SortStableFunc(out, func(a, b Membership) int { return a.Account.Compare(b.Account) })
	g.out = out
	return slices.CompactFunc(out, func(a, b Membership) bool { return a.Account == b.Account })
}

// direct appends the accounts that group lists or that name it as their
// primary group; accounts in conflict are in nothing.
func (g *graph) direct(out []Membership, group *ReadGroup, via Via) []Membership {
	add := func(id EntryID) {
		if g.in(id) {
			out = append(out, Membership{id, via})
		}
	}
	for _, id := range group.Accounts {
		add(id)
	}
	if group.Token != "" {
		for _, id := range g.primary[group.Token] {
			add(id)
		}
	}
	return out
}
