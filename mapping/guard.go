package mapping

import (
	"fmt"
	"strconv"
)

// The limits that hold where the file states none.
var (
	defaultChanged = Share{Percent: 20, Set: true}
	defaultRemoved = Share{Percent: 5, Set: true}
)

const defaultSuperusers = 1

// Breaches lists the limits that p breaks. A share is broken strictly above it;
// the last superusers only by a plan that takes one away.
func (l Limits) Breaches(p *Plan) []Breach {
	var out []Breach
	if s := l.PeopleChanged.or(defaultChanged); s.below(p.Changed(), p.People) {
		out = append(out, Breach{Limit: "people_changed", Says: fmt.Sprintf("access would change for %s; the limit is %s", ofPeople(p.Changed(), p.People), s)})
	}
	if s := l.PeopleRemoved.or(defaultRemoved); s.below(p.Lose, p.People) {
		out = append(out, Breach{Limit: "people_removed", Says: fmt.Sprintf("all access would end for %s; the limit is %s", ofPeople(p.Lose, p.People), s)})
	}
	least := l.Superusers()
	if p.SuperusersAfter < least && p.SuperusersAfter < p.SuperusersBefore {
		out = append(out, Breach{Limit: "superusers_at_least", Final: true,
			Says: fmt.Sprintf("%d of %d working superusers would remain; at least %d must", p.SuperusersAfter, p.SuperusersBefore, least)})
	}
	return out
}

// Superusers is how many working superusers there must be, the default when l
// says nothing.
func (l Limits) Superusers() int {
	if l.SuperusersAtLeast == 0 {
		return defaultSuperusers
	}
	return l.SuperusersAtLeast
}

// Or is l, and other where l says nothing.
func (l Limits) Or(other Limits) Limits {
	l.PeopleChanged = l.PeopleChanged.or(other.PeopleChanged)
	l.PeopleRemoved = l.PeopleRemoved.or(other.PeopleRemoved)
	if l.SuperusersAtLeast == 0 {
		l.SuperusersAtLeast = other.SuperusersAtLeast
	}
	return l
}

// Of is how many of whole the share is, rounded down; of an unset share, none.
func (s Share) Of(whole int) int {
	switch {
	case !s.Set:
		return 0
	case s.IsCount:
		return s.Count
	}
	return int(s.Percent * float64(whole) / 100)
}

func (s Share) or(standard Share) Share {
	if s.Set {
		return s
	}
	return standard
}

// below reports whether count of all is above the share.
func (s Share) below(count, all int) bool {
	if s.IsCount {
		return count > s.Count
	}
	return float64(count)*100 > s.Percent*float64(all)
}

// String is the share as limits state it.
func (s Share) String() string {
	switch {
	case !s.Set:
		return ""
	case s.IsCount:
		return strconv.Itoa(s.Count)
	}
	return strconv.FormatFloat(s.Percent, 'f', -1, 64) + "%"
}

func ofPeople(count, all int) string {
	return fmt.Sprintf("%d of %d people (%.1f%%)", count, all, float64(count)*100/float64(max(all, 1)))
}
