package ldapsync

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"grantbridge/directory"
)

// rangeEnd is where a list that has ended goes on from.
const rangeEnd = -1

func uitoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// nextOf reads "0-1499" or "1500-*" and says from where the list goes on. What
// cannot be read goes on from nowhere we know, which is never the end.
func nextOf(rng []byte, n int) int {
	from, to, ok := bytes.Cut(rng, []byte("-"))
	if !ok {
		return 0
	}
	if bytes.Equal(to, []byte("*")) {
		return rangeEnd
	}
	first, errFirst := strconv.Atoi(string(from))
	last, errLast := strconv.Atoi(string(to))
	if errFirst != nil || errLast != nil || last != first+n-1 {
		return 0
	}
	return last + 1
}

// rangeRestarts is how often a group is begun anew that changes while its list
// is read.
const rangeRestarts = 3

// closeRanges reads on the lists that were not sent whole. A list that cannot
// be read to its end, or belongs to a group that changes all the while, leaves
// its group not whole.
func (s *session) closeRanges(c *groups) error {
	for _, f := range c.list {
		if f.open == "" {
			continue
		}
		whole, err := s.closeRange(c, f)
		if err != nil {
			return s.fault("ranges", fmt.Errorf("group %q: %w", f.DN, err))
		}
		f.Whole = f.Whole && whole
	}
	return nil
}

func (s *session) closeRange(c *groups, f *found) (bool, error) {
	for range rangeRestarts {
		done, changed, err := s.readOn(c, f)
		if err != nil || done {
			return done, err
		}
		if !changed {
			return false, nil
		}
		f.Accounts, f.names, f.from = nil, nil, 0
	}
	return false, nil
}

// readOn asks for the list from where it goes on. The stamp comes with every
// part: parts of two versions are no list.
func (s *session) readOn(c *groups, f *found) (done, changed bool, err error) {
	attribute := f.open
	for f.from != rangeEnd {
		part := newGroups(s.cfg, s.p, c.find)
		asked := f.from
		if err := s.one(f.DN, []string{s.p.id, s.p.stamp, attribute + ";range=" + strconv.Itoa(asked) + "-*"}, part); err != nil {
			return false, false, err
		}
		if len(part.list) != 1 || part.list[0].ID != f.ID {
			return false, false, nil
		}
		p := part.list[0]
		if p.Stamp != f.Stamp {
			f.Stamp = p.Stamp
			return false, true, nil
		}
		f.Accounts, f.names = append(f.Accounts, p.Accounts...), append(f.names, p.names...)
		switch {
		case p.open == "" && part.ranged:
			f.from = rangeEnd
		case p.open == "" && asked == 0: // a shorter list now, sent whole
			f.from = rangeEnd
		case p.from <= asked:
			return false, false, nil // no progress: not whole
		default:
			f.from = p.from
		}
	}
	f.open = ""
	return true, false, nil
}

// one reads one entry into a collector; a missing one is nothing.
func (s *session) one(dn string, attrs []string, to collector) error {
	_, err := s.search(baseSearch(dn, attrs), to)
	if missing(err) {
		return nil
	}
	return err
}

// tidy makes the lists ascending, each member once.
func (f *found) tidy() {
	f.Accounts, f.Groups = ascending(f.Accounts), ascending(f.Groups)
	slices.SortFunc(f.Unresolved, strings.Compare)
	f.Unresolved = slices.Compact(f.Unresolved)
	slices.SortFunc(f.Former, directory.FormerName.Compare)
	f.Former = slices.Compact(f.Former)
}

// ascending is ids in order, each once; ids itself when it is so already, because
// it may be a list that is known.
func ascending(ids []directory.EntryID) []directory.EntryID {
	for i := 1; i < len(ids); i++ {
		if ids[i-1].Compare(ids[i]) >= 0 {
			ids = slices.SortedFunc(slices.Values(ids), directory.EntryID.Compare)
			return slices.Compact(ids)
		}
	}
	return ids
}
