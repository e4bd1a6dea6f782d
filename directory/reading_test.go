package directory

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var readAt = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

func entryID(n int) EntryID { return EntryID{14: byte(n >> 8), 15: byte(n)} }

func account(n int, login string) *ReadAccount {
	return &ReadAccount{ID: entryID(n), DN: "uid=" + login + ",ou=people", Login: login, Activity: Active}
}

func group(n int, stamp string, members ...int) *ReadGroup {
	g := &ReadGroup{ID: entryID(n), DN: "cn=g", Stamp: stamp, Whole: true}
	for _, m := range members {
		if m >= 1000 {
			g.Groups = append(g.Groups, entryID(m))
		} else {
			g.Accounts = append(g.Accounts, entryID(m))
		}
	}
	return g
}

func provenLeg() Proof {
	return Prove(Leg{Name: "x", Answered: true, Pages: 1, Controls: 1, Ended: true, Server: "a", Last: "a"})
}

func fullReading(accounts []*ReadAccount, groups []*ReadGroup, gone ...Gone) Reading {
	return Reading{Source: "corp", At: readAt, Full: true, Depth: MaxDepth, UsersProof: provenLeg(), GroupsProof: provenLeg(),
		Accounts: accounts, Groups: groups, Gone: gone}
}

func TestAZeroReadingProvesNothing(t *testing.T) {
	_, err := Diff(NewState("corp", []*ReadAccount{account(1, "ada")}, nil), Reading{Source: "corp", Full: true})
	if e, ok := errors.AsType[*UnprovenError](err); !ok || len(e.Why) == 0 {
		t.Fatalf("%v, want an UnprovenError with a reason", err)
	}
	if (Proof{}).Complete() || Prove(Leg{}).Complete() {
		t.Error("a zero proof or a zero leg is complete")
	}
}

func TestEachGapInALegIsAReason(t *testing.T) {
	for name, spoil := range map[string]func(*Leg){
		"was not answered":         func(l *Leg) { l.Answered = false },
		"code 11":                  func(l *Leg) { l.Code = 11 },
		"nothing was asked":        func(l *Leg) { l.Pages, l.Controls = 0, 0 },
		"without the control":      func(l *Leg) { l.Controls = 0 },
		"more follows":             func(l *Leg) { l.Ended = false },
		"another server and were":  func(l *Leg) { l.Referrals = 1 },
		"without an immutable id":  func(l *Leg) { l.Nameless = 1 },
		"came twice":               func(l *Leg) { l.Twice = 1 },
		"at least 5 must be":       func(l *Leg) { l.Least = 5 },
		"did not say who it is":    func(l *Leg) { l.Server, l.Last = "", "" },
		"another server answered":  func(l *Leg) { l.Last = "b" },
		"uid=c was not seen":       func(l *Leg) { l.Canaries = []Canary{{"uid=c", false}} },
		"the clock of the replica": func(l *Leg) { l.Faults = []string{"the clock of the replica"} },
	} {
		l := provenLeg().Leg()
		spoil(&l)
		if p := Prove(l); p.Complete() || len(p.Why()) != 1 || !strings.Contains(p.Why()[0], name) {
			t.Errorf("%s: complete %v, why %q", name, p.Complete(), p.Why())
		}
	}
	if p := provenLeg(); !p.Complete() || len(p.Why()) != 0 {
		t.Errorf("a whole leg: %q", p.Why())
	}
}

// said is a delta in words, for comparing.
func said(d Delta) []string {
	out := []string{}
	name := func(id EntryID) string { return strings.TrimLeft(id.String()[24:], "0") }
	for _, a := range d.Accounts {
		id := EntryID{}
		if a.After != nil {
			id = a.After.ID
		} else {
			id = a.Before.ID
		}
		out = append(out, a.Kind.String()+" "+name(id)+" "+a.Evidence.String())
	}
	for _, g := range d.Groups {
		id := EntryID{}
		if g.After != nil {
			id = g.After.ID
		} else {
			id = g.Before.ID
		}
		line := g.Kind.String() + " group " + name(id) + " " + g.Evidence.String()
		for _, m := range g.Added {
			line += " +" + name(m.Account)
			for _, v := range m.Via {
				line += "<" + name(v)
			}
		}
		for _, m := range g.Removed {
			line += " -" + name(m.Account) + " " + m.Evidence.String() + " by " + name(m.By)
		}
		out = append(out, line)
	}
	for _, x := range d.Doubts {
		out = append(out, "doubt "+name(x.Entry)+": "+x.Why)
	}
	return out
}

func TestDiffBelievesWhatHasEvidence(t *testing.T) {
	ada, bob := account(1, "ada"), account(2, "bob")
	disabled := *bob
	disabled.Activity, disabled.Disabler = Disabled, "nsAccountLock true"
	unknown := *bob
	unknown.Activity = ActivityUnknown
	expires := *bob
	expires.Expires = readAt
	renamed := *bob
	renamed.DN, renamed.Login = "uid=robert,ou=people", "robert"
	partial := group(0x100, "2")
	partial.Whole = false
	old := NewState("corp", []*ReadAccount{ada, bob}, []*ReadGroup{group(0x100, "1", 1, 2)})
	both := []*ReadAccount{ada, bob}
	for _, c := range []struct {
		name string
		r    Reading
		want []string
	}{
		{"the same is no difference", fullReading(both, []*ReadGroup{group(0x100, "1", 1, 2)}), []string{}},
		{"absence without evidence is a doubt", fullReading([]*ReadAccount{ada}, []*ReadGroup{group(0x100, "1", 1, 2)}),
			[]string{"doubt 2: not seen, and nothing proves that it is gone"}},
		{"confirmed absence deletes", fullReading([]*ReadAccount{ada}, []*ReadGroup{group(0x100, "1", 1)}, Gone{ID: bob.ID, Evidence: Confirmed}),
			[]string{"deleted 2 confirmed"}},
		{"an unproven absence does not", fullReading([]*ReadAccount{ada}, []*ReadGroup{group(0x100, "1", 1, 2)}, Gone{ID: bob.ID}),
			[]string{"doubt 2: not seen, and nothing proves that it is gone"}},
		{"a tombstone deletes", fullReading([]*ReadAccount{ada}, []*ReadGroup{group(0x100, "1", 1)}, Gone{ID: bob.ID, Evidence: Explicit}),
			[]string{"deleted 2 explicit"}},
		{"a flag deactivates", fullReading([]*ReadAccount{ada, &disabled}, []*ReadGroup{group(0x100, "1", 1, 2)}), []string{"deactivated 2 flag"}},
		{"an end that has come deactivates", fullReading([]*ReadAccount{ada, &expires}, []*ReadGroup{group(0x100, "1", 1, 2)}), []string{"deactivated 2 flag"}},
		{"a hidden flag changes nothing", fullReading([]*ReadAccount{ada, &unknown}, []*ReadGroup{group(0x100, "1", 1, 2)}),
			[]string{"doubt 2: whether it is disabled is not shown any more"}},
		{"a rename keeps everything", fullReading([]*ReadAccount{ada, &renamed}, []*ReadGroup{group(0x100, "1", 1, 2)}), []string{"edited 2 seen"}},
		{"a re-created login is a conflict", fullReading([]*ReadAccount{ada, account(3, "BOB")}, []*ReadGroup{group(0x100, "2", 1, 3)}, Gone{ID: bob.ID, Evidence: Confirmed}),
			[]string{"deleted 2 confirmed", "conflict 3 seen"}},
		{"a member missing from a changed group is out", fullReading(both, []*ReadGroup{group(0x100, "2", 1)}),
			[]string{"members group 100 seen -2 stated by 100"}},
		{"a member missing from an unchanged group is a doubt", fullReading(both, []*ReadGroup{group(0x100, "1", 1)}),
			[]string{"doubt 100: its list of members is another, and the group has not changed since: this looks like a change of rights; who is in it stays as it was"}},
		{"an open list is a doubt", fullReading(both, []*ReadGroup{partial}),
			[]string{"doubt 100: its list of members was not shown whole; who is in it stays as it was"}},
		{"a group that is not seen stays", fullReading(both, nil), []string{"doubt 100: not seen, and nothing proves that it is gone"}},
		{"a group that is gone goes", fullReading(both, nil, Gone{ID: entryID(0x100), Evidence: Confirmed}), []string{"deleted group 100 confirmed"}},
	} {
		d, err := Diff(old, c.r)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(said(d), c.want); diff != "" {
			t.Errorf("%s: got - want +\n%s", c.name, diff)
		}
	}
}

func TestAnIncrementalReadingContinuesItsCheckpointOnly(t *testing.T) {
	old := NewState("corp", []*ReadAccount{account(1, "ada")}, nil)
	old.Checkpoint = Checkpoint{Server: "a", Cookie: []byte("7"), At: readAt}
	r := fullReading(nil, nil)
	r.Full, r.From = false, old.Checkpoint
	if d, err := Diff(old, r); err != nil || !d.Empty() || len(d.Doubts) > 0 || len(d.Next.Accounts) != 1 {
		t.Errorf("nothing changed: %v, %v", said(d), err)
	}
	r.Gone = []Gone{{ID: entryID(1), Evidence: Confirmed}}
	if d, err := Diff(old, r); err != nil || !d.Empty() {
		t.Errorf("absence from an incremental reading: %v, %v", said(d), err)
	}
	r.From.Cookie = []byte("8")
	if _, err := Diff(old, r); !errors.Is(err, ErrOtherCheckpoint) {
		t.Errorf("another cookie: %v", err)
	}
}

func TestASettledConflictIsCreatedWithItsMemberships(t *testing.T) {
	old := NewState("corp", []*ReadAccount{account(2, "bob")}, []*ReadGroup{group(0x100, "1", 2)})
	r := fullReading([]*ReadAccount{account(2, "bob"), account(3, "Bob")}, []*ReadGroup{group(0x100, "2", 2, 3)})
	first, err := Diff(old, r)
	if err != nil || !slices.Equal(said(first), []string{"conflict 3 seen"}) {
		t.Fatal(said(first), err)
	}
	again, err := Diff(first.Next, r)
	if err != nil || !again.Empty() || len(again.Doubts) != 1 {
		t.Fatal(said(again), err)
	}
	settled, err := Diff(again.Next.Settle(entryID(3)), r)
	if want := []string{"created 3 seen", "members group 100 seen +3"}; err != nil || !slices.Equal(said(settled), want) {
		t.Fatal(said(settled), err)
	}
	last, err := Diff(settled.Next, r)
	if err != nil || len(said(last)) > 0 {
		t.Fatal(said(last), err)
	}
}

func TestNestedMembersKeepTheirPath(t *testing.T) {
	a, b, c := group(1001, "1", 1002), group(1002, "1", 1, 1003), group(1003, "1", 2, 1001)
	s := NewState("corp", []*ReadAccount{account(1, "ada"), account(2, "bob")}, []*ReadGroup{a, b, c})
	s.Depth = MaxDepth
	want := []Membership{{entryID(1), Via{entryID(1002)}}, {entryID(2), Via{entryID(1002), entryID(1003)}}}
	if diff := cmp.Diff(s.Members(entryID(1001)), want); diff != "" {
		t.Error(diff)
	}
	s.Depth = 0
	if got := s.Members(entryID(1001)); len(got) > 0 {
		t.Errorf("nesting does not count, got %v", got)
	}
	s.Depth = 1
	d, err := Diff(s, Reading{Source: "corp", At: readAt, Full: true, Depth: 1, UsersProof: provenLeg(), GroupsProof: provenLeg(),
		Accounts: s.Accounts, Groups: []*ReadGroup{a, group(1002, "2", 1), c}})
	if err != nil || len(d.Groups) != 1 {
		t.Fatal(said(d), err)
	}
}

// Whatever was read and in whatever order: what was there and is not, is in the
// difference with evidence or a doubt; what is believed after is what a naive
// closure says; and reading the same again is no difference.
func TestDiffIsTheDifferenceOfTwoClosures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, _ := Diff(State{}, drawReading(t, "1"))
		r := drawReading(t, "2")
		read := map[EntryID]bool{}
		for _, a := range r.Accounts {
			read[a.ID] = true
		}
		for _, g := range r.Groups {
			read[g.ID] = true
		}
		for n := range 12 {
			for _, id := range []EntryID{entryID(n), entryID(1000 + n)} {
				if !read[id] && rapid.Bool().Draw(t, "confirmed") {
					r.Gone = append(r.Gone, Gone{ID: id, Evidence: Confirmed})
				}
			}
		}
		d, err := Diff(old.Next, r)
		if err != nil {
			t.Fatal(err)
		}
		members := map[[2]EntryID]bool{}
		for _, g := range old.Next.Groups {
			for _, m := range naiveMembers(old.Next, g.ID) {
				members[[2]EntryID{g.ID, m}] = true
			}
		}
		for _, a := range d.Accounts {
			if a.Kind == Deleted {
				for _, g := range old.Next.Groups {
					delete(members, [2]EntryID{g.ID, a.Before.ID})
				}
				if !a.Evidence.Removes() {
					t.Fatalf("deleted without evidence: %v", a)
				}
			}
		}
		for _, g := range d.Groups {
			if g.Kind == Deleted {
				for _, m := range naiveMembers(old.Next, g.Before.ID) {
					delete(members, [2]EntryID{g.Before.ID, m})
				}
				continue
			}
			for _, m := range g.Added {
				members[[2]EntryID{g.After.ID, m.Account}] = true
			}
			for _, m := range g.Removed {
				if !m.Evidence.Removes() {
					t.Fatalf("removed without evidence: %v", m)
				}
				delete(members, [2]EntryID{g.After.ID, m.Account})
			}
		}
		want := map[[2]EntryID]bool{}
		for _, g := range d.Next.Groups {
			for _, m := range naiveMembers(d.Next, g.ID) {
				want[[2]EntryID{g.ID, m}] = true
			}
		}
		if diff := cmp.Diff(members, want); diff != "" {
			t.Fatalf("old and delta - next +\n%s\n%q", diff, said(d))
		}
		if again, err := Diff(d.Next, r); err != nil || !again.Empty() {
			t.Fatalf("the same again: %q, %v", said(again), err)
		}
	})
}

func drawReading(t *rapid.T, stamp string) Reading {
	r := fullReading(nil, nil)
	for n := range 12 {
		if rapid.Bool().Draw(t, "there") {
			a := account(n+1, string(rune('a'+n)))
			a.Primary = rapid.SampledFrom([]string{"", "513", "514"}).Draw(t, "primary")
			r.Accounts = append(r.Accounts, a)
		}
		if rapid.Bool().Draw(t, "group") {
			g := group(1000+n, stamp)
			g.Token = rapid.SampledFrom([]string{"", "", "513"}).Draw(t, "token")
			for _, m := range rapid.SliceOfNDistinct(rapid.IntRange(1, 24), 0, 5, rapid.ID[int]).Draw(t, "members") {
				if m > 12 {
					g.Groups = append(g.Groups, entryID(1000+m-13))
				} else {
					g.Accounts = append(g.Accounts, entryID(m))
				}
			}
			slices.SortFunc(g.Accounts, EntryID.Compare)
			slices.SortFunc(g.Groups, EntryID.Compare)
			r.Groups = append(r.Groups, g)
		}
	}
	return r
}

// naiveMembers is the fixpoint, without order and without a path.
func naiveMembers(s State, id EntryID) []EntryID {
	groups, in := map[EntryID]bool{id: true}, map[EntryID]bool{}
	for range len(s.Groups) + 1 {
		for _, g := range s.Groups {
			if !groups[g.ID] {
				continue
			}
			for _, c := range g.Groups {
				groups[c] = groups[c] || s.Group(c) != nil
			}
			for _, a := range s.Accounts {
				if slices.Contains(g.Accounts, a.ID) || g.Token != "" && a.Primary == g.Token {
					in[a.ID] = true
				}
			}
		}
	}
	var out []EntryID
	for id := range in {
		out = append(out, id)
	}
	return out
}
