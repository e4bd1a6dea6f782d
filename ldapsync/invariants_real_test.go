package ldapsync

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grantbridge/directory"
)

// What the invariants say of the server in process, of the real ones; each is read
// by an account that may do nothing else.

// clerkReads is how the clerk reads the place.
func clerkReads(s realServer) Config {
	c := s.config()
	c.Bind = s.clerk()
	return c
}

// whole reads everything and compares with what was known before.
func (f *follower) whole(name string, want ...string) {
	f.t.Helper()
	r, err := reader(f.t, f.c).ReadAll(f.t.Context(), f.state)
	f.must(err)
	d, err := directory.Diff(f.state, r)
	f.must(err)
	f.state = d.Next
	if diff := cmp.Diff(f.words(d), want); diff != "" {
		f.t.Errorf("%s: got -, want +\n%s", name, diff)
	}
}

// Invariant 8.
func TestOnEveryServerRenamesAndMovesTakeNothing(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		ada, bob := s.person("ada"), s.person("bob")
		staff := s.group("staff", ada)
		s.group("all", staff, bob)
		f := s.at().follow(clerkReads(s), "")
		before := members(f.state)
		s.at().add("ou=sales,ou=people,"+s.at().base, "objectClass", "organizationalUnit")
		rdn, _, _ := strings.Cut(ada, ",")
		s.at().rename(ada, rdn, "ou=sales,ou=people,"+s.at().base)
		s.at().rename(staff, "cn=crew", "")
		for _, read := range []func(*Reader) (directory.Reading, error){
			func(r *Reader) (directory.Reading, error) { return r.Read(t.Context(), f.state) },
			func(r *Reader) (directory.Reading, error) { return r.ReadAll(t.Context(), f.state) },
		} {
			r, err := read(reader(t, f.c))
			f.must(err)
			d, err := directory.Diff(f.state, r)
			if err != nil || len(loses(d)) > 0 || slices.ContainsFunc(d.Accounts, func(a directory.AccountDifference) bool { return a.Kind == directory.Created }) {
				t.Errorf("%q, %v", words(d), err)
			}
			f.state = d.Next
		}
		if diff := cmp.Diff(before, members(f.state)); diff != "" {
			t.Error(diff)
		}
	})
}

// Invariant 9: the groups, which name people by DN, still list who was created
// again; or, where the server takes him out, list him anew.
func TestOnEveryServerWhoIsCreatedAgainInheritsNothing(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		ada := s.person("ada")
		for _, name := range []string{"bob", "eve", "kim"} {
			s.person(name)
		}
		staff := s.group("staff", ada, s.person("zoe"))
		f := s.at().follow(clerkReads(s), "")
		s.at().delete(ada)
		s.person("ada")
		s.at().replace(staff, "member", ada)
		r, err := reader(t, f.c).ReadAll(t.Context(), f.state)
		f.must(err)
		d, err := directory.Diff(f.state, r)
		f.must(err)
		i := slices.IndexFunc(d.Accounts, func(a directory.AccountDifference) bool { return a.Kind == directory.Conflict })
		if i < 0 {
			t.Fatalf("no conflict: %q", f.words(d))
		}
		for _, g := range d.Next.Groups {
			for _, m := range d.Next.Members(g.ID) {
				if m.Account == d.Accounts[i].After.ID {
					t.Errorf("the new one is in %s", g.Name)
				}
			}
		}
	})
}

// Invariants 8 and 9, with a run between the old and the new one, and the lists of
// the groups left as the server leaves them.
func TestOnEveryServerANameThatPassesGivesNothing(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		ada, zoe := s.person("ada"), s.person("zoe")
		for _, name := range []string{"bob", "eve", "kim"} {
			s.person(name)
		}
		staff := s.group("staff", ada, zoe)
		f := s.at().follow(clerkReads(s), "")
		in := func() (logins []string) {
			t.Helper()
			f.state = follow(t, f.c, f.state).Next
			r, err := reader(t, f.c).ReadAll(t.Context(), f.state)
			f.must(err)
			d, err := directory.Diff(f.state, r)
			f.must(err)
			f.state = d.Next
			for _, m := range d.Next.Members(d.Next.Groups[0].ID) {
				logins = append(logins, strings.TrimSuffix(d.Next.Account(m.Account).Login, s.at().tag))
			}
			slices.Sort(logins)
			return logins
		}
		s.at().delete(ada)
		if got := in(); !slices.Equal(got, []string{"zoe"}) {
			t.Errorf("ada has left: %q", got)
		}
		s.person("ada")
		if got := in(); !slices.Equal(got, []string{"zoe"}) {
			t.Errorf("another ada has come: %q", got)
		}
		rdn, _, _ := strings.Cut(zoe, ",")
		s.at().rename(zoe, rdn+"2", "")
		before := f.state.Members(f.state.Groups[0].ID)
		in()
		s.at().replace(staff, "description", "changed")
		in()
		if diff := cmp.Diff(before, f.state.Members(f.state.Groups[0].ID)); diff != "" {
			t.Errorf("zoe was renamed: %s", diff)
		}
	})
}

// Invariant 12.
func TestOnEveryServerCirclesOfGroupsEnd(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		ada := s.person("ada")
		a := s.group("a", ada)
		b := s.group("b", a)
		c := s.group("c", b)
		s.at().replace(a, "member", ada, c)
		f := s.at().follow(clerkReads(s), "")
		for _, g := range f.state.Groups {
			if ms := f.state.Members(g.ID); len(ms) != 1 {
				t.Errorf("%s has %v, want ada", g.Name, ms)
			}
		}
		u, err := User(t.Context(), f.c, s.login("ada"))
		if err != nil || len(u.Groups) != 3 {
			t.Errorf("%+v, %v", u, err)
		}
	})
}

// Invariant 18: who was asked before has seen more than who answers now. 389
// Directory Server shows no mark to an ordinary account.
func TestOnEveryServerAReplicaThatLagsIsNotBelieved(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		s.group("staff", s.person("ada"))
		f := s.at().follow(clerkReads(s), "")
		mark := f.state.Checkpoint.Watermark
		t.Logf("watermark %q", mark)
		if mark == "" {
			if f.state.Checkpoint.Mode != "timestamp" {
				t.Errorf("read by %s without a watermark", f.state.Checkpoint.Mode)
			}
			return
		}
		f.state.Checkpoint.Watermark = strings.Replace("1"+mark, "12", "3", 1) // in the year 3026, or a later USN
		_, err := try(f.c, f.state)
		if e, ok := errors.AsType[*directory.UnprovenError](err); !ok || !strings.Contains(e.Error(), "behind") {
			t.Errorf("%q: %v", f.state.Checkpoint.Watermark, err)
		}
	})
}

// Invariant 21.
func TestOnEveryServerAJunkCookieTakesNothing(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		s.group("staff", s.person("ada"), s.person("bob"))
		f := s.at().follow(clerkReads(s), "")
		for _, cookie := range []string{
			"junk", "", `{"users":"anVuaw==","groups":"anVuaw=="}`, "99999999999999999999",
			// rid=000,csn=20200101000000.000000Z#000000#000#000000
			`{"users":"cmlkPTAwMCxjc249MjAyMDAxMDEwMDAwMDAuMDAwMDAwWiMwMDAwMDAjMDAwIzAwMDAwMA==","groups":"cmlkPTAwMCxjc249MjAyMDAxMDEwMDAwMDAuMDAwMDAwWiMwMDAwMDAjMDAwIzAwMDAwMA=="}`,
		} {
			old := f.state
			old.Checkpoint.Cookie = []byte(cookie)
			r, err := reader(t, f.c).Read(t.Context(), old)
			f.must(err)
			d, err := directory.Diff(old, r)
			if err != nil || len(words(d)) > 0 {
				t.Errorf("%q: full %v, %q, %v", cookie, r.Full, words(d), err)
			}
			t.Logf("%q: full %v", cookie, r.Full)
		}
	})
}

// Names that must be escaped in a DN, a filter, or both.
func TestOnEveryServerNamesOfAnyKindAreMembers(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		var people []string
		names := []string{`Müller, Jörg`, `a+b`, `#1`, `back\slash`, `(x)*`, `"quoted"`, `semi;colon`, `<less>`, `e=mc2`, `two  spaces`, `日本`}
		for i, name := range names {
			dn := s.at().rename(s.person(fmt.Sprint("p", i)), "cn="+escaped(name), "")
			if s.at().tag == "" { // the login went with the name
				s.at().replace(dn, "uid", fmt.Sprint("p", i))
			}
			people = append(people, dn)
		}
		inner := s.at().rename(s.group("staff", people...), "cn="+`Staff\, \C3\BCber`, "")
		s.group("all", inner)
		c := clerkReads(s)
		f := s.at().follow(c, "")
		for _, g := range f.state.Groups {
			if n := len(f.state.Members(g.ID)); n != len(names) || len(g.Unresolved) > 0 {
				t.Errorf("%s: %d members, want %d; %q is nobody", g.Name, n, len(names), g.Unresolved)
			}
		}
		for i, name := range names {
			if u, err := User(t.Context(), c, s.login(fmt.Sprint("p", i))); err != nil || len(u.Groups) != 2 {
				t.Errorf("%s: in %d groups, want 2: %v", name, len(u.Groups), err)
			}
		}
		f.step("again")
		f.whole("all of it again")
	})
}

// escaped is a value as a DN has it (RFC 4514 2.4).
func escaped(value string) string {
	var b strings.Builder
	for i, r := range value {
		if strings.ContainsRune(`,+"\<>;=`, r) || i == 0 && r == '#' {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// A canary that is not seen: whoever it was who hid it, nothing is believed.
func TestOnEveryServerACanaryThatIsNotSeenEndsTheTrust(t *testing.T) {
	eachServer(t, func(t *testing.T, s realServer) {
		ada := s.person("ada")
		staff := s.group("staff", ada)
		for _, name := range []string{"bob", "eve", "kim"} {
			s.person(name)
		}
		c := clerkReads(s)
		c.UserCanaries, c.GroupCanaries = []string{strings.ToUpper(ada)}, []string{staff}
		f := s.at().follow(c, "")
		f.whole("both are seen")
		s.at().rename(ada, strings.Split(ada, ",")[0], "ou=elsewhere,"+s.at().base)
		r, err := reader(t, c).ReadAll(t.Context(), f.state)
		f.must(err)
		_, err = directory.Diff(f.state, r)
		if e, ok := errors.AsType[*directory.UnprovenError](err); !ok || !strings.Contains(e.Error(), strings.ToUpper(ada)) {
			t.Errorf("%v, want that the canary was not seen", err)
		}
		if r := Check(t.Context(), c); r.Trusted {
			t.Errorf("%+v", r)
		}
	})
}
