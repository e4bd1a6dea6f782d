package access

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// coldRule is the rest of a rule: its times, and what explaining and changing it
// want.
type coldRule struct {
	id      RuleID // zero for a free slot
	subject subjectKey
	ceiling Ceiling
	role    string
	group   string // Origin.Group, the one part of it that differs most
	scope   *scopeFacts
	origin  *Origin // without Group; shared
	window  *window // nil when the rule has no times
}

type window struct {
	from, until time.Time
	dur         time.Duration
}

// scopeFacts is a scope with, when it is all sites but some, what those are at
// this revision.
type scopeFacts struct {
	Scope
	except []SiteID // ascending
}

func (s *scopeFacts) excludes(id SiteID) bool {
	_, ok := slices.BinarySearch(s.except, id)
	return ok
}

// The instants that are open ends. No time of a request is one of them.
const (
	beginning = math.MinInt64
	forever   = math.MaxInt64
)

// instant is t in nanoseconds, moved to the nearest end of the range when t is
// before 1678 or after 2262.
func instant(t time.Time) int64 {
	const most = math.MaxInt64 / int64(time.Second)
	switch sec := t.Unix(); {
	case sec >= most:
		return forever - 1
	case sec <= -most:
		return beginning + 1
	}
	return t.UnixNano()
}

func instantOr(t time.Time, open int64) int64 {
	if t.IsZero() {
		return open
	}
	return instant(t)
}

// after is i + d, stopping at forever.
func after(i int64, d time.Duration) int64 {
	if d > 0 && i > forever-int64(d) {
		return forever
	}
	return i + int64(d)
}

// setTable is the distinct sets of actions that rules are about, and have been
// about since the last Build.
type setTable struct {
	sets []Actions
	ids  map[Actions]uint32
	own  bool
}

// intern returns the place of set, adding it to a table of the caller's own.
func (t *setTable) intern(set Actions) uint32 {
	if id, ok := t.ids[set]; ok {
		return id
	}
	if !t.own {
		ids := make(map[Actions]uint32, len(t.ids)+1)
		for k, v := range t.ids {
			ids[k] = v
		}
		t.sets, t.ids, t.own = slices.Clone(t.sets), ids, true
	}
	id := uint32(len(t.sets))
	t.sets = append(t.sets, set)
	t.ids[set] = id
	return id
}

// check refuses a rule that says nothing definite.
func (r *Rule) check() error {
	if r.ID <= 0 {
		return fmt.Errorf("rule %d: ids are positive", r.ID)
	}
	if r.Kind < Grant || r.Kind > Cap {
		return fmt.Errorf("rule %d: no kind %d", r.ID, r.Kind)
	}
	if err := r.Subject.check(); err != nil {
		return fmt.Errorf("rule %d: %w", r.ID, err)
	}
	if r.Channel > SessionChannel {
		return fmt.Errorf("rule %d: no channel %d", r.ID, r.Channel)
	}
	if r.For < 0 {
		return fmt.Errorf("rule %d: lasts %s, less than nothing", r.ID, r.For)
	}
	return nil
}

func (s Scope) clone() Scope {
	s.Sites = slices.Clone(s.Sites)
	s.ExceptSites = slices.Clone(s.ExceptSites)
	s.Select = cloneSelectors(s.Select)
	s.ExceptSelect = cloneSelectors(s.ExceptSelect)
	return s
}

func cloneSelectors(sels []Selector) []Selector {
	sels = slices.Clone(sels)
	for i, sel := range sels {
		sels[i].Labels = cloneLabels(sel.Labels)
	}
	return sels
}

func cloneLabels(m map[string]string) map[string]string {
	if m == nil {
		return nil
	}
	c := make(map[string]string, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// rule unpacks the rule in slot.
func (s *snapshot) rule(slot uint32) *Rule {
	h, c := *s.hot.at(slot), s.cold.at(slot)
	r := &Rule{
		ID: c.id, Kind: h.kind(), Subject: c.subject.subject(), Role: c.role, Actions: s.sets.sets[h.role()],
		Scope: c.scope.clone(), TokenCeiling: c.ceiling, Channel: h.channel(), Origin: *c.origin,
	}
	r.Origin.Group = c.group
	if c.window != nil {
		r.From, r.Until, r.For = c.window.from, c.window.until, c.window.dur
	}
	return r
}
