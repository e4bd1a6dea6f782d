package ldapsync

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"grantbridge/directory"
	"grantbridge/ldapsync/ldaptest"
)

// drawn lets rapid drive the generator, and shrink what it did.
type drawn struct{ t *rapid.T }

func (d drawn) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(d.t, "n") }

var kinds = []ldaptest.Kind{ldaptest.OpenLDAP, ldaptest.ActiveDirectory, ldaptest.DS389, ldaptest.Generic}

func eachKind(t *testing.T, f func(t *testing.T, kind ldaptest.Kind)) {
	for _, k := range kinds {
		t.Run(string(k), func(t *testing.T) { f(t, k) })
	}
}

// loses lists what a delta takes from anybody.
func loses(d directory.Delta) []string {
	var out []string
	for _, a := range d.Accounts {
		if a.Kind == directory.Deleted || a.Kind == directory.Deactivated {
			out = append(out, fmt.Sprint(a.Kind, " ", a.Before.Login))
		}
	}
	for _, g := range d.Groups {
		if g.Kind == directory.Deleted || len(g.Removed) > 0 {
			out = append(out, fmt.Sprint(g.Kind, " ", g.Before.Name, " ", len(g.Removed)))
		}
	}
	return out
}

func Test01ReadingAgainChangesNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, kind ldaptest.Kind) {
		rapid.Check(t, func(t *rapid.T) {
			s := ldaptest.Serve(ldaptest.Generate(drawn{t}, 12, 8), kind)
			defer s.Close()
			c := config(s)
			first := follow(t, c, directory.State{})
			if again := follow(t, c, first.Next); !again.Empty() {
				t.Fatalf("%q", words(again))
			}
		})
	})
}

// bytesOf is how much a server sends for a full reading on one connection.
func sentFor(t *testing.T, d *ldaptest.Directory, kind ldaptest.Kind) int {
	s := serve(t, d, kind)
	c := config(s).withDefaults()
	session, err := c.open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer session.close()
	run := &reading{s: session, at: c.Now()}
	if err := errors.Join(run.begin(), run.full()); err != nil {
		t.Fatal(err)
	}
	return int(session.tap.read)
}

func Test02AConnectionCutAfterAnyByteTakesNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, kind ldaptest.Kind) {
		d := small()
		before := follow(t, config(serve(t, d, kind)), directory.State{}).Next
		before.Checkpoint = directory.Checkpoint{} // every time all of it
		d.Delete("uid=eve," + ldaptest.People)
		d.Set("cn=staff,"+ldaptest.Groups, "member", "uid=ada,"+ldaptest.People)
		for k := range sentFor(t, d, kind) {
			s := ldaptest.Serve(d, kind)
			s.Wire.Cut = max(k, -1)
			if k == 0 {
				s.Wire.Cut = -1
			}
			r, err := reader(t, config(s)).ReadAll(t.Context(), before)
			if err == nil {
				t.Fatalf("cut after %d bytes: read without an error: %v", k, r.Proven())
			}
			if len(r.Accounts)+len(r.Groups)+len(r.Gone) > 0 || r.Proven() == nil {
				t.Fatalf("cut after %d bytes: something was handed out", k)
			}
			s.Close()
		}
	})
}

func Test02AByteThatFlipsTakesNothing(t *testing.T) {
	d := small()
	before := follow(t, config(serve(t, d, ldaptest.OpenLDAP)), directory.State{}).Next
	for k := 1; k <= sentFor(t, d, ldaptest.OpenLDAP); k++ {
		s := ldaptest.Serve(d, ldaptest.OpenLDAP)
		s.Wire.Flip = k
		c := config(s)
		c.Idle = 20 * time.Millisecond // a flipped length may wait for more
		r, err := reader(t, c).ReadAll(t.Context(), before)
		if err == nil {
			if delta, err := directory.Diff(before, r); err == nil && len(loses(delta)) > 0 {
				t.Errorf("byte %d: %q", k, loses(delta))
			}
		}
		s.Close()
	}
}

func Test02WrongAnswersTakeNothing(t *testing.T) {
	d := small()
	before := follow(t, config(serve(t, d, ldaptest.OpenLDAP)), directory.State{}).Next
	before.Checkpoint = directory.Checkpoint{}
	// The legs, not the second look at who is missing, which asks for ids alone.
	users := func(a *ldaptest.Answer) bool { return a.Base == ldaptest.People && a.Page > 0 && len(a.Attrs) > 1 }
	groups := func(a *ldaptest.Answer) bool { return a.Base == ldaptest.Groups && a.Page > 0 && len(a.Attrs) > 1 }
	for name, spoil := range map[string]func(*ldaptest.Answer){
		"no control":      func(a *ldaptest.Answer) { a.Paging = false },
		"size limit":      func(a *ldaptest.Answer) { a.Code = 4 },
		"time limit":      func(a *ldaptest.Answer) { a.Code = 3 },
		"busy":            func(a *ldaptest.Answer) { a.Code = 51 },
		"no such object":  func(a *ldaptest.Answer) { a.Code, a.Entries = 32, nil },
		"referral":        func(a *ldaptest.Answer) { a.Code, a.Entries = 10, nil },
		"reference":       func(a *ldaptest.Answer) { a.References = []string{"ldap://dc2/ou=more"} },
		"silent end":      func(a *ldaptest.Answer) { a.Entries, a.Cookie = a.Entries[:len(a.Entries)/2], "" },
		"empty success":   func(a *ldaptest.Answer) { a.Entries, a.Cookie = nil, "" },
		"one entry twice": func(a *ldaptest.Answer) { a.Entries = append(a.Entries, a.Entries...) },
		"endless pages":   func(a *ldaptest.Answer) { a.Entries, a.Cookie = nil, "again" },
	} {
		for leg, is := range map[string]func(*ldaptest.Answer) bool{"users": users, "groups": groups} {
			s := serve(t, d, ldaptest.OpenLDAP)
			s.Spoil = func(a *ldaptest.Answer) {
				if is(a) {
					spoil(a)
				}
			}
			c := config(s)
			c.Page = 100
			r, err := reader(t, c).ReadAll(t.Context(), before)
			if err != nil {
				continue
			}
			delta, err := directory.Diff(before, r)
			if err == nil && len(loses(delta)) > 0 {
				t.Errorf("%s of %s: %q", name, leg, loses(delta))
			}
			if err == nil && name != "silent end" && name != "empty success" {
				t.Errorf("%s of %s was believed", name, leg)
			}
		}
	}
}

func Test02ASilentServerDoesNotHoldUs(t *testing.T) {
	d := small()
	for _, k := range []int{-1, 1, 40, 600} {
		s := serve(t, d, ldaptest.OpenLDAP)
		s.Wire.Stall = k
		c := config(s)
		c.Idle = 50 * time.Millisecond
		start := time.Now()
		_, err := reader(t, c).Read(t.Context(), directory.State{})
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Next() != Retry || time.Since(start) > 4*time.Second {
			t.Errorf("stalled after %d bytes: %v after %v", k, err, time.Since(start))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, d, ldaptest.OpenLDAP)
	s.Spoil = func(*ldaptest.Answer) { cancel() }
	if _, err := reader(t, config(s)).Read(ctx, directory.State{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func Test03EmptySuccessRemovesNobody(t *testing.T) {
	eachKind(t, func(t *testing.T, kind ldaptest.Kind) {
		s := serve(t, small(), kind)
		c := config(s)
		c.Shrink = 1
		before := follow(t, c, directory.State{}).Next
		s.Spoil = func(a *ldaptest.Answer) {
			if a.Page > 0 {
				a.Entries = nil
			}
		}
		r, err := reader(t, c).ReadAll(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := directory.Diff(before, r); err == nil {
			t.Fatal("believed")
		}
	})
}

// Any number of readings, of whatever kind, with faults between, ends where
// one reading of everything does.
func Test04And05IncrementsAndFaultsEndWhereAFullReadingDoes(t *testing.T) {
	eachKind(t, func(t *testing.T, kind ldaptest.Kind) {
		rapid.Check(t, func(t *rapid.T) {
			d := ldaptest.Generate(drawn{t}, 12, 8)
			d.Refint = true
			s := ldaptest.Serve(d, kind)
			defer s.Close()
			c := config(s)
			c.Shrink = 1
			if kind == ldaptest.DS389 {
				c.Mode = rapid.SampledFrom([]Mode{ModeSyncrepl, ModeTimestamp}).Draw(t, "mode")
			}
			state := follow(t, c, directory.State{}).Next
			var script []string
			for range rapid.IntRange(1, 6).Draw(t, "readings") {
				for range rapid.IntRange(0, 3).Draw(t, "edits") {
					script = append(script, ldaptest.Edit(d, drawn{t}))
				}
				s.Wire.Cut = rapid.SampledFrom([]int{0, 0, 900, 2500}).Draw(t, "cut")
				if delta, err := try(c, state); err == nil {
					script = append(script, fmt.Sprintf("read: %q", words(delta)))
					state = delta.Next
				}
			}
			s.Wire.Cut = 0
			r, err := reader(t, c).ReadAll(t.Context(), state)
			if err != nil {
				t.Fatal(err)
			}
			last, err := directory.Diff(state, r)
			if err != nil {
				t.Fatal(err)
			}
			if last.Empty() {
				script = append(script, "a full reading found nothing more")
			}
			want := follow(t, c, directory.State{}).Next
			if diff := cmp.Diff(picture(last.Next), picture(want)); diff != "" {
				t.Fatalf("- after the script, + read at once\n%s\n%s", diff, strings.Join(script, "\n"))
			}
		})
	})
}

func Test08RenamesAndMovesTakeNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, kind ldaptest.Kind) {
		for _, refint := range []bool{true, false} {
			d := small()
			d.Refint = refint
			c := config(serve(t, d, kind))
			state := follow(t, c, directory.State{}).Next
			before := members(state)
			d.Add("ou=sales,"+ldaptest.People, "objectClass", "organizationalUnit", "ou", "sales")
			d.Rename("uid=ada,"+ldaptest.People, "uid=ada.l,ou=sales,"+ldaptest.People)
			d.Rename("cn=staff,"+ldaptest.Groups, "cn=employees,"+ldaptest.Groups)
			for _, read := range []func(*Reader) (directory.Reading, error){
				func(r *Reader) (directory.Reading, error) { return r.Read(t.Context(), state) },
				func(r *Reader) (directory.Reading, error) { return r.ReadAll(t.Context(), state) },
				func(r *Reader) (directory.Reading, error) { return r.ReadAll(t.Context(), state) },
			} {
				r, err := read(reader(t, c))
				if err != nil {
					t.Fatal(err)
				}
				delta, err := directory.Diff(state, r)
				if err != nil || len(loses(delta)) > 0 || slices.ContainsFunc(delta.Accounts, func(a directory.AccountDifference) bool { return a.Kind == directory.Created }) {
					t.Errorf("refint %v: %q, %v", refint, words(delta), err)
				}
				state = delta.Next
			}
			if diff := cmp.Diff(before, members(state)); diff != "" {
				t.Errorf("refint %v: %s", refint, diff)
			}
		}
	})
}

// members are who is in what, by ids.
func members(s directory.State) []string {
	return slices.DeleteFunc(picture(s), func(l string) bool { return !strings.Contains(l, " has ") })
}

func Test09ARecreatedAccountInheritsNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, kind ldaptest.Kind) {
		d := small()
		c := config(serve(t, d, kind))
		state := follow(t, c, directory.State{}).Next
		d.Delete("uid=bob," + ldaptest.People)
		d.Person("bob")
		delta := follow(t, c, state)
		i := slices.IndexFunc(delta.Accounts, func(a directory.AccountDifference) bool { return a.Kind == directory.Conflict })
		if i < 0 {
			t.Fatalf("no conflict: %q", words(delta))
		}
		for _, g := range delta.Next.Groups {
			for _, m := range delta.Next.Members(g.ID) {
				if m.Account == delta.Accounts[i].After.ID {
					t.Errorf("the new bob is in %s", g.Name)
				}
			}
		}
	})
}

func Test10OrderAndSpellingMakeNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := ldaptest.Generate(drawn{t}, 12, 8)
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		s := ldaptest.Serve(d, kind)
		defer s.Close()
		c := config(s)
		want := follow(t, c, directory.State{}).Next
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		s.Shuffle = r.Shuffle
		c.Page = rapid.IntRange(1, 30).Draw(t, "page")
		spell := rapid.SampledFrom([]func(string) string{
			strings.ToUpper, func(s string) string { return strings.ReplaceAll(s, ",", " , ") }, func(s string) string { return strings.ReplaceAll(s, "p", "\\70") },
		}).Draw(t, "spelling")
		s.Spoil = func(a *ldaptest.Answer) {
			for i, e := range a.Entries {
				if vs := e.Values("member"); len(vs) > 0 {
					a.Entries[i] = spelled(e, spell)
				}
			}
		}
		if again := follow(t, c, directory.State{}); !cmp.Equal(picture(again.Next), picture(want)) {
			t.Fatal(cmp.Diff(picture(want), picture(again.Next)))
		}
		full, err := reader(t, c).ReadAll(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		if delta, err := directory.Diff(want, full); err != nil || !delta.Empty() {
			t.Fatalf("%q, %v", words(delta), err)
		}
	})
}

func spelled(e *ldaptest.Entry, spell func(string) string) *ldaptest.Entry {
	c := *e
	c.Attrs = map[string][]string{}
	for n, vs := range e.Attrs {
		c.Attrs[n] = slices.Clone(vs)
	}
	for i, v := range c.Attrs["member"] {
		c.Attrs["member"][i] = spell(v)
	}
	return &c
}

func Test11RangesOfAnySizeGiveAllMembers(t *testing.T) {
	d := ldaptest.Scaffold()
	var people []string
	for i := range 9 {
		people = append(people, d.Person(fmt.Sprint("p", i)))
	}
	d.Group("large", people...)
	for size := 1; size <= 10; size++ {
		s := serve(t, d, ldaptest.ActiveDirectory)
		s.Range = size
		state := follow(t, config(s), directory.State{}).Next
		if n := len(state.Members(state.Groups[0].ID)); n != 9 || !state.Groups[0].Whole {
			t.Errorf("ranges of %d: %d members, whole %v", size, n, state.Groups[0].Whole)
		}
		s.RangeMute = true
		delta := follow(t, config(s), directory.State{})
		if g := delta.Next.Groups[0]; size < 9 && (g.Whole || len(delta.Doubts) != 1) {
			t.Errorf("ranges of %d that nobody answers: whole %v, %q", size, g.Whole, words(delta))
		}
	}
}

func Test12CirclesEndAndKeepThePath(t *testing.T) {
	d := ldaptest.Scaffold()
	ada := d.Person("ada")
	d.Group("a", "cn=b,"+ldaptest.Groups)
	d.Group("b", "cn=c,"+ldaptest.Groups, "cn=a,"+ldaptest.Groups)
	d.Group("c", ada, "cn=c,"+ldaptest.Groups)
	s := follow(t, config(serve(t, d, ldaptest.OpenLDAP)), directory.State{}).Next
	for _, g := range s.Groups {
		ms := s.Members(g.ID)
		if want := map[string]int{"a": 2, "b": 1, "c": 0}[g.Name]; len(ms) != 1 || len(ms[0].Via) != want {
			t.Errorf("%s: %v, want ada through %d groups", g.Name, ms, want)
		}
	}
}

func Test15HiddenMembersTakeNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, kind ldaptest.Kind) {
		s := serve(t, small(), kind)
		c := config(s)
		state := follow(t, c, directory.State{}).Next
		s.Hidden = map[string]bool{"member": true}
		r, err := reader(t, c).ReadAll(t.Context(), state)
		if err != nil {
			t.Fatal(err)
		}
		delta, err := directory.Diff(state, r)
		if err != nil || !delta.Empty() || len(delta.Doubts) != 2 {
			t.Errorf("%q, %v", words(delta), err)
		}
		s.Hidden = nil
		r, err = reader(t, c).ReadAll(t.Context(), delta.Next)
		if err != nil {
			t.Fatal(err)
		}
		if healed, err := directory.Diff(delta.Next, r); err != nil || len(words(healed)) > 0 {
			t.Errorf("healed: %q, %v", words(healed), err)
		}
	})
}

func Test18AReplicaThatLagsIsNotBelieved(t *testing.T) {
	for _, kind := range []ldaptest.Kind{ldaptest.OpenLDAP, ldaptest.ActiveDirectory} {
		d := small()
		state := follow(t, config(serve(t, d, kind)), directory.State{}).Next
		d.Person("zoe")
		state = follow(t, config(serve(t, d, kind)), state).Next
		old := small() // as it was before zoe
		_, err := try(config(serve(t, old, kind)), state)
		if e, ok := errors.AsType[*directory.UnprovenError](err); !ok || !strings.Contains(e.Error(), "behind") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func Test19ATemporaryLockTakesNothing(t *testing.T) {
	for _, c := range []struct {
		kind        Kind
		name, value string
		active      directory.Activity
		expires     bool
	}{
		{OpenLDAP, "pwdAccountLockedTime", "20261101000000Z", directory.Active, false},
		{OpenLDAP, "pwdAccountLockedTime", "000001010000Z", directory.Disabled, false},
		{OpenLDAP, "loginDisabled", "TRUE", directory.Disabled, false},
		{OpenLDAP, "shadowExpire", "-1", directory.Active, false},
		{OpenLDAP, "shadowExpire", "20000", directory.Active, true},
		{OpenLDAP, "", "", directory.Active, false},
		{DS389, "nsAccountLock", "true", directory.Disabled, false},
		{DS389, "nsAccountLock", "false", directory.Active, false},
		{ActiveDirectory, "userAccountControl", "512", directory.Active, false},
		{ActiveDirectory, "userAccountControl", "514", directory.Disabled, false},
		{ActiveDirectory, "userAccountControl", "528", directory.Active, false}, // LOCKOUT
		{ActiveDirectory, "userAccountControl", "x", directory.Disabled, false},
		{ActiveDirectory, "", "", directory.ActivityUnknown, false},
	} {
		p := profiles[c.kind]
		got, _, expires := p.state(func(name string) []byte {
			if name == c.name {
				return []byte(c.value)
			}
			return nil
		})
		if got != c.active || expires.IsZero() == c.expires {
			t.Errorf("%s %s=%s: %v %v", c.kind, c.name, c.value, got, expires)
		}
	}
	off, until := flag("accountExpires", "133485408000000000")
	if off || !until.Equal(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("accountExpires: %v %v", off, until)
	}
}

func Test20APresentPhaseTakesNothing(t *testing.T) {
	d := small()
	s := serve(t, d, ldaptest.DS389)
	c := config(s)
	c.Mode = ModeSyncrepl
	state := follow(t, c, directory.State{}).Next
	r, err := reader(t, c).Read(t.Context(), state)
	if err != nil || r.Full || r.Mode != "syncrepl" {
		t.Fatal(r.Mode, r.Full, err)
	}
	if delta, err := directory.Diff(state, r); err != nil || len(words(delta)) > 0 {
		t.Errorf("389, nothing changed: %q, %v", words(delta), err)
	}
	d.Delete("uid=eve," + ldaptest.People)
	if delta := follow(t, c, state); !slices.Equal(loses(delta), []string{"deleted eve"}) {
		t.Errorf("389, a delete: %q", words(delta))
	}

	s = serve(t, small(), ldaptest.OpenLDAP)
	c = config(s)
	state = follow(t, c, directory.State{}).Next
	s.NoLog = true
	s.Dir.Set("uid=ada,"+ldaptest.People, "displayName", "Ada")
	r, err = reader(t, c).Read(t.Context(), state)
	if err != nil || !r.Full {
		t.Errorf("a present phase must lead to a full reading: %v, %v", r.Mode, err)
	}
}

func Test21AJunkCookieLeadsToAFullReading(t *testing.T) {
	for kind, junk := range map[ldaptest.Kind]string{
		ldaptest.OpenLDAP: `{"users":"cmlkPTAwMCxjc249anVuaw==","groups":"cmlkPTAwMCxjc249anVuaw=="}`,
		ldaptest.DS389:    `{"users":"anVuaw==","groups":"anVuaw=="}`, ldaptest.ActiveDirectory: "junk", ldaptest.Generic: "junk",
	} {
		s := serve(t, small(), kind)
		c := config(s)
		if kind == ldaptest.DS389 {
			c.Mode = ModeSyncrepl
		}
		state := follow(t, c, directory.State{}).Next
		for _, cookie := range []string{junk, "", "\x00"} {
			broken := state
			broken.Checkpoint.Cookie = []byte(cookie)
			r, err := reader(t, c).Read(t.Context(), broken)
			if err != nil || !r.Full {
				t.Errorf("%s, cookie %q: full %v, %v", kind, cookie, r.Full, err)
			}
		}
	}
}

func TestModesAreChosenFromTheRootDSE(t *testing.T) {
	for kind, want := range map[ldaptest.Kind]string{
		ldaptest.OpenLDAP: "syncrepl", ldaptest.ActiveDirectory: "usn", ldaptest.DS389: "timestamp", ldaptest.Generic: "timestamp",
	} {
		s := serve(t, small(), kind)
		c := config(s)
		state := follow(t, c, directory.State{}).Next
		if state.Checkpoint.Mode != want {
			t.Errorf("%s: %s, want %s", kind, state.Checkpoint.Mode, want)
		}
		r, err := reader(t, c).Read(t.Context(), state)
		if err != nil || r.Full || r.Mode != want {
			t.Errorf("%s: second reading %s full %v, %v", kind, r.Mode, r.Full, err)
		}
		for name, change := range map[string]func(*Config){
			"another filter":    func(c *Config) { c.Users.Filter = "(uid=*)" },
			"another attribute": func(c *Config) { c.Users.Attributes = []string{"sn"} },
			"a day later":       func(c *Config) { c.Now = func() time.Time { return ldaptest.Epoch.Add(49 * time.Hour) } },
			"too many since":    func(c *Config) { c.FullAfter = 1 },
		} {
			c := config(s)
			change(&c)
			old := state
			old.Checkpoint.Since = 1
			if r, err := reader(t, c).Read(t.Context(), old); err != nil || !r.Full {
				t.Errorf("%s, %s: full %v, %v", kind, name, r.Full, err)
			}
		}
	}
}
