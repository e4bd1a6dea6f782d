package provision

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/mapping"
	"grantbridge/store"
)

// The errors that callers branch on, beside those of the store.
var (
	// ErrUnknownSource: no such source is configured, or it is disabled.
	ErrUnknownSource = errors.New("no such source")
	// ErrBurst: the source has taken away from more people than its burst limit
	// allows; nothing was changed, and it should come again later.
	ErrBurst = errors.New("too many removals at once from this source")
	// ErrAmbiguous: a login names people of several sources.
	ErrAmbiguous = errors.New("the login names more than one person")
	// ErrUnauthenticated: no such credential, or it is not live any more.
	ErrUnauthenticated = errors.New("the token is not valid")
)

// Status is what health checks and metrics show.
type Status struct {
	Revision       int64
	FreshAsOf      time.Time
	Fresh          bool
	MappingVersion int64
	Stats          access.Stats
	Groups         int
	Superusers     int
	Sources        map[string]SourceStatus
}

// SourceStatus is when a source was last heard from.
type SourceStatus struct {
	LastChange time.Time // by this process; zero is not yet
	Groups     int
	Disabled   bool
}

// Status is what health checks and metrics show. It scans the people for
// superusers: ask at the pace of a scrape, not of a request.
func (e *Engine) Status() Status {
	p, now := e.picture.Load(), e.cfg().Now()
	_, fresh := e.holder.Snapshot(now)
	s := Status{
		Revision: p.revision, FreshAsOf: e.holder.FreshAsOf(), Fresh: fresh, MappingVersion: p.mapping.Version,
		Stats: p.snapshot.Stats(), Groups: len(p.groups), Superusers: e.superusers(p.snapshot), Sources: map[string]SourceStatus{},
	}
	e.burstMu.Lock()
	heard := maps.Clone(e.heard)
	e.burstMu.Unlock()
	for name, src := range p.sources {
		s.Sources[name] = SourceStatus{LastChange: heard[name], Disabled: src.Disabled}
	}
	for _, g := range p.groups {
		src := s.Sources[g.Source]
		src.Groups++
		s.Sources[g.Source] = src
	}
	return s
}

// Fresh reports whether answers are given, without scanning anything.
func (e *Engine) Fresh() bool {
	_, fresh := e.holder.Snapshot(e.cfg().Now())
	return fresh
}

// GroupStatus is one group that ever arrived, with what the rules do with it.
type GroupStatus struct {
	Group directory.Group
	State string // matched, unmatched, near, gone
	mapping.GroupState
}

// Groups lists every group ever seen with its state.
func (e *Engine) Groups(ctx context.Context) ([]GroupStatus, error) {
	var all []directory.Group
	err := e.st.Read(ctx, func(v *store.View) (err error) {
		all, err = v.AllGroups(ctx, -1)
		return err
	})
	if err != nil {
		return nil, err
	}
	set := e.picture.Load().set
	out := make([]GroupStatus, 0, len(all))
	for _, g := range all {
		out = append(out, groupStatus(set, g))
	}
	slices.SortFunc(out, func(a, b GroupStatus) int { return int(a.Group.ID - b.Group.ID) })
	return out, nil
}

func groupStatus(set *mapping.Set, g directory.Group) GroupStatus {
	s := GroupStatus{Group: g, State: "unmatched"}
	if set != nil {
		s.GroupState = set.State(g)
	}
	switch {
	case g.Deleted:
		s.State = "gone"
	case len(s.Rules) > 0:
		s.State = "matched"
	case s.Near != "":
		s.State = "near"
	}
	return s
}

// RulesFor says what the live rules do with a group, also with one that was not
// taken over yet.
func (e *Engine) RulesFor(g directory.Group) mapping.GroupState {
	if set := e.picture.Load().set; set != nil {
		return set.State(g)
	}
	return mapping.GroupState{}
}

// RuleSays is a live rule in one sentence, or "".
func (e *Engine) RuleSays(id string) string {
	p := e.picture.Load()
	if p.set == nil {
		return ""
	}
	for _, r := range p.set.Rules(nil) {
		if r.ID == id {
			return r.Says
		}
	}
	return ""
}
