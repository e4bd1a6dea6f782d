package mapping

import "math"

// The limits that hold where nobody says otherwise.
const (
	defaultPeopleChanged = 20
	defaultPeopleRemoved = 5
	defaultSuperusers    = 1
)

// Or is l, and other where l says nothing.
func (l Limits) Or(other Limits) Limits {
	if !l.PeopleChanged.Set {
		l.PeopleChanged = other.PeopleChanged
	}
	if !l.PeopleRemoved.Set {
		l.PeopleRemoved = other.PeopleRemoved
	}
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
	return int(math.Floor(float64(whole) * s.Percent / 100))
}
