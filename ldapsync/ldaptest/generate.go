package ldaptest

import (
	"fmt"
	"slices"
)

// Random is what generating needs; a *rand.Rand and rapid give it.
type Random interface{ IntN(n int) int }

// Generate makes a random directory of up to so many people and groups; groups
// have people, groups and names of nobody in them, in circles too.
func Generate(r Random, people, groups int) *Directory {
	d := Scaffold()
	for i := range 1 + r.IntN(people) {
		d.Person(fmt.Sprintf("p%d", i))
	}
	for i := range 1 + r.IntN(groups) {
		d.Group(fmt.Sprintf("g%d", i), someMembers(d, r)...)
	}
	return d
}

func someMembers(d *Directory, r Random) []string {
	all := below(d, People)
	all = append(append(all, below(d, Groups)...), "uid=ghost,"+Elsewhere)
	out := []string{all[r.IntN(len(all))]}
	for range r.IntN(6) {
		if m := all[r.IntN(len(all))]; !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

func below(d *Directory, base string) []string {
	var out []string
	for _, e := range d.All(base, func(e *Entry) bool { return e.DN != base }) {
		out = append(out, e.DN)
	}
	return out
}

// Edit changes the directory at random once and says how.
func Edit(d *Directory, r Random) string {
	people, groups := below(d, People), below(d, Groups)
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	fresh := fmt.Sprint("n", d.CSN())
	switch n := r.IntN(11); {
	case n == 0:
		return "new person " + d.Person(fresh)
	case n == 1:
		return "new group " + d.Group(fresh, someMembers(d, r)...)
	case n == 2 && len(people) > 1:
		dn := pick(people)
		d.Delete(dn)
		return "delete " + dn
	case n == 3 && len(groups) > 1:
		dn := pick(groups)
		d.Delete(dn)
		return "delete " + dn
	case n == 4:
		from := pick(people)
		to := "uid=" + fresh + "," + People
		d.Rename(from, to)
		return "rename " + from + " to " + to
	case n == 5:
		from := pick(groups)
		to := "cn=" + fresh + "," + Groups
		d.Rename(from, to)
		return "rename " + from + " to " + to
	case n == 6:
		dn := pick(people)
		d.Set(dn, "displayName", fresh)
		return "display name of " + dn
	case n == 7 && len(people) > 1:
		from := pick(people)
		to := "uid=" + fresh + "," + Elsewhere
		d.Rename(from, to)
		return "move " + from + " to " + to
	default:
		dn := pick(groups)
		d.Set(dn, "member", someMembers(d, r)...)
		return "members of " + dn
	}
}
