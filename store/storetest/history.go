package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// Histories draws random histories of colliding operations and does each on a
// store of every database that dsns names. All must decide alike, be at the same
// revision, and end with the same hash; and what a follower has collected by
// Since must be what is read from scratch.
func Histories(t *testing.T, dsns func(t *rapid.T) []string) {
	rapid.Check(t, func(t *rapid.T) {
		var kits []Kit
		var clocks []*Clock
		for _, dsn := range dsns(t) {
			c := NewClock()
			o := Deterministic(c)
			o.Migrate = true
			s, err := store.Open(context.Background(), dsn, o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			kits, clocks = append(kits, Kit{nil, s}), append(clocks, c)
		}
		followers := make([]follower, len(kits))
		for i := range followers {
			followers[i] = follower{people: map[access.PersonID]store.Person{}}
		}
		n := rapid.IntRange(1, 40).Draw(t, "length")
		for step := range n {
			draw := drawOp(t)
			var first string
			for i, k := range kits {
				clocks[i].T = clocks[i].T.Add(time.Second)
				got := outcome(k, draw())
				if i == 0 {
					first = got
				} else if got != first {
					t.Fatalf("step %d: %s says %q, %s says %q", step, kits[0].S.Driver(), first, k.S.Driver(), got)
				}
				if step%5 == 4 {
					followers[i].follow(t, k.S)
				}
			}
		}
		compare(t, kits, followers)
	})
}

// follower collects what changed since it last looked.
type follower struct {
	rev    int64
	people map[access.PersonID]store.Person
}

func (f *follower) follow(t *rapid.T, s *store.Store) {
	err := s.Read(context.Background(), func(v *store.View) error {
		since := f.rev
		f.rev = v.Revision()
		return v.People(context.Background(), store.PeopleQuery{Since: since, Paths: []string{"title"}}, func(p store.Person) error {
			f.people[p.ID] = p
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func compare(t *rapid.T, kits []Kit, followers []follower) {
	var first store.VerifyReport
	var all map[access.PersonID]store.Person
	for i, k := range kits {
		followers[i].follow(t, k.S)
		scratch := follower{people: map[access.PersonID]store.Person{}}
		scratch.follow(t, k.S)
		if diff := cmp.Diff(scratch.people, followers[i].people); diff != "" {
			t.Fatalf("%s: a follower differs from scratch (-scratch +follower):\n%s", k.S.Driver(), diff)
		}
		checkCounts(t, k.S)
		r, err := k.S.Verify(context.Background())
		if err != nil || r.Broken != "" || r.Entries != r.Revision {
			t.Fatalf("%s: %+v, %v", k.S.Driver(), r, err)
		}
		if i == 0 {
			first, all = r, scratch.people
			continue
		}
		if r != first {
			t.Fatalf("%s ends with %+v, %s with %+v", kits[0].S.Driver(), first, k.S.Driver(), r)
		}
		if diff := cmp.Diff(all, scratch.people); diff != "" {
			t.Fatalf("the databases differ (-%s +%s):\n%s", kits[0].S.Driver(), k.S.Driver(), diff)
		}
	}
}

// checkCounts compares the number of members that groups say with their members.
func checkCounts(t *rapid.T, s *store.Store) {
	err := s.Read(context.Background(), func(v *store.View) error {
		gs, err := v.AllGroups(context.Background(), 0)
		for _, g := range gs {
			ms, err := v.Members(context.Background(), g.ID, 0, 1000)
			if err != nil {
				return err
			}
			if len(ms) != g.Members {
				t.Fatalf("%s: group %d says %d members and has %d", s.Driver(), g.ID, g.Members, len(ms))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// outcome does op and says what became of it: the receipt, the refusal and what
// the operation found.
func outcome(k Kit, op store.Op) string {
	r, err := k.S.Do(context.Background(), store.By{Actor: "history", Via: "test"}, op)
	var u *store.UniqueError
	var m *store.UnknownMembersError
	says := ""
	switch {
	case err == nil:
	case errors.As(err, &u):
		says = fmt.Sprintf("unique %+v", *u)
	case errors.As(err, &m):
		says = fmt.Sprintf("unknown %+v", *m)
	default:
		says = err.Error()
	}
	switch op := op.(type) {
	case *store.ChangeAccount:
		says += fmt.Sprintf(" %d %s", op.After.ID, op.After.UID)
	case *store.ChangeGroup:
		says += fmt.Sprintf(" %d %d %d %d %d", op.After.ID, op.After.Members, op.Added, op.Removed, op.Parked)
	case *store.FinishSync:
		says += fmt.Sprint(" ", op.Ended)
	}
	return fmt.Sprintf("%T %d %v %s", op, r.Revision, r.Changed, says)
}

// drawOp draws an operation and returns what makes it, for each store anew. Keys
// are few, so that operations collide.
func drawOp(t *rapid.T) func() store.Op {
	pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	num := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
	source := pick("source", "okta", "ldap")
	uid := fmt.Sprintf("00000000-0000-7000-8000-%012d", num("uid", 24))
	refs := func(name string) []string {
		var out []string
		for range num(name, 4) {
			if num("ext", 2) == 0 {
				out = append(out, fmt.Sprint("x", num(name, 3)))
			} else {
				out = append(out, fmt.Sprintf("00000000-0000-7000-8000-%012d", num(name, 24)))
			}
		}
		return out
	}
	guard := func(refuse bool) func(context.Context, int64) error {
		return func(context.Context, int64) error {
			if refuse {
				return errors.New("refused by the guard")
			}
			return nil
		}
	}
	switch kind := num("kind", 15); kind {
	case 0, 1, 2, 3, 4:
		c := directory.AccountChange{Source: source, UID: uid, UniqueLogin: num("unique", 3) > 0, Delete: num("delete", 6) == 0}
		if kind < 2 {
			c.UID, c.Delete = "", false
		}
		if num("match", 5) == 0 {
			c.IfMatch = []int64{int64(num("if", 10))}
		}
		login, ext, title := pick("login", "ann", "Ann", "bob", "ÉVE"), pick("ext", "", "x0", "x1", "x2"), pick("title", "", "a", "ü\"\\")
		active := num("active", 3) > 0
		c.Edit = func(a directory.Account) (directory.Account, error) {
			a.Login, a.ExternalID, a.Active, a.Display = login, ext, active, title
			a.Doc, a.Values = []byte(fmt.Sprintf(`{"title":%q}`, title)), nil
			if title != "" {
				a.Values = []directory.Value{{Path: "title", Text: title}}
			}
			return a, nil
		}
		return func() store.Op { c := c; return &store.ChangeAccount{Change: &c} }
	case 5, 6, 7, 8, 9:
		c := directory.GroupChange{Source: source, UID: uid, UniqueDisplay: num("unique", 3) > 0, Delete: num("delete", 6) == 0}
		if kind == 5 {
			c.UID, c.Delete = "", false
		}
		if num("edit", 2) == 0 || kind == 5 {
			display := pick("display", "Admins", "admins", "Users")
			c.Edit = func(g directory.Group) (directory.Group, error) { g.Display = display; return g, nil }
		}
		c.Members = directory.MemberChange{Replace: num("replace", 3) == 0, Add: refs("add"), Remove: refs("remove"), Park: num("park", 2) > 0}
		return func() store.Op {
			c := c
			c.Members.Add = slices.Clone(c.Members.Add)
			return &store.ChangeGroup{Change: &c}
		}
	case 10:
		s := store.Source{Name: source, Veto: num("veto", 1) == 0, Disabled: num("disabled", 3) == 0}
		return func() store.Op { return &store.PutSource{Source: s} }
	case 11:
		person, locked, refuse := int64(num("person", 5)), num("locked", 1) == 0, num("refuse", 3) == 0
		return func() store.Op {
			return &store.LockPerson{Person: access.PersonID(person), Locked: locked, Guard: guard(refuse)}
		}
	case 12:
		m := store.Manual{Kind: access.Grant, Role: "view", All: true, UntilSync: pick("sync", "", "okta", "ldap"),
			Subject: access.Subject{Kind: access.ThePerson, ID: int64(num("person", 5))}}
		return func() store.Op { return &store.AddManual{Manual: m} }
	case 13:
		person := access.PersonID(num("person", 5))
		everybody := num("all", 1) == 0
		return func() store.Op {
			if everybody {
				return &store.FinishSync{Source: source}
			}
			return &store.FinishSync{Source: source, People: []access.PersonID{person}}
		}
	case 14:
		a, p := directory.AccountID(num("account", 5)), access.PersonID(num("person", 5))
		return func() store.Op { return &store.LinkAccount{Account: a, Person: p} }
	}
	text := pick("text", "one", "two")
	version := int64(num("version", 3)) - 1
	return func() store.Op { return &store.SetMapping{Text: text, IfVersion: version} }
}
