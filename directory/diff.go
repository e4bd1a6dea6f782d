package directory

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// DifferenceKind says what became of an account or a group.
type DifferenceKind uint8

// The kinds. An Edited one may have a new login, name or DN: Before and After
// say which. A Conflict is a new account that has the login or the DN of
// another: it gives nothing until State.Settle, and is a doubt of every reading
// until then. Of a Members difference only
// who is in the group has changed.
const (
	NoDifference DifferenceKind = iota
	Created
	Edited
	Deactivated
	Reactivated
	Deleted
	Conflict
	Members
)

var differenceNames = [...]string{"none", "created", "edited", "deactivated", "reactivated", "deleted", "conflict", "members"}

// String is the word that plans and reports carry.
func (k DifferenceKind) String() string {
	if int(k) < len(differenceNames) {
		return differenceNames[k]
	}
	return fmt.Sprintf("difference(%d)", uint8(k))
}

// AccountDifference is what became of one account.
type AccountDifference struct {
	Kind          DifferenceKind
	Evidence      Evidence
	Before, After *ReadAccount // nil when there is none
	// Other, of a Conflict, has the same login or DN.
	Other EntryID
	Why   string
}

// GroupDifference is what became of one group and of who is in it.
type GroupDifference struct {
	Kind          DifferenceKind
	Evidence      Evidence
	Before, After *ReadGroup // nil when there is none
	// Added are accounts that came into it; those of a Deleted group and those
	// that are Deleted themselves are not in Removed.
	Added   []Membership
	Removed []Removal
	Why     string
}

// Removal is an account that is no longer in a group, by no way.
type Removal struct {
	Membership // as it was
	Evidence   Evidence
	// By is the group whose list no longer has it or the group on its way.
	By EntryID
}

// Doubt is what a reading said and was not believed: nothing changed for it.
type Doubt struct {
	Entry EntryID
	Name  string
	Group bool
	Why   string
}

// Delta is the difference of a reading to what was known. Every removal in it
// has evidence that Removes.
type Delta struct {
	Accounts []AccountDifference // ascending by id
	Groups   []GroupDifference   // ascending by id
	Doubts   []Doubt
	// Next is what is believed after it. Keep it when all of the delta is done.
	Next State
}

// Empty reports whether nothing has changed.
func (d Delta) Empty() bool { return len(d.Accounts) == 0 && len(d.Groups) == 0 }

// The errors of Diff beside *UnprovenError.
var (
	ErrOtherSource     = errors.New("the reading is of another source")
	ErrOtherCheckpoint = errors.New("the reading does not continue what is known; read everything")
)

// Diff compares what a directory said with what was known. It is pure. A
// reading that is not proven gives an *UnprovenError and no difference, so that
// a fault anywhere changes nothing. What is missing from a proven reading is
// gone only with its own evidence; without, it is a doubt and stays as it was.
func Diff(old State, r Reading) (Delta, error) {
	if err := r.Proven(); err != nil {
		return Delta{}, err
	}
	if old.Source != "" && old.Source != r.Source {
		return Delta{}, ErrOtherSource
	}
	if !r.Full && !r.From.equal(old.Checkpoint) {
		return Delta{}, ErrOtherCheckpoint
	}
	m := merger{old: old, r: r, gone: map[EntryID]Gone{}, affected: map[EntryID]bool{}}
	for _, g := range r.Gone {
		m.gone[g.ID] = g
	}
	m.delta.Next = State{Source: r.Source, Checkpoint: r.To, Depth: r.Depth}
	m.accounts()
	m.groups()
	m.memberships()
	return m.delta, nil
}

// merger makes the next state, believing nothing without evidence; memberships
// are then compared between two states that are both believed.
type merger struct {
	old   State
	r     Reading
	gone  map[EntryID]Gone
	delta Delta
	// affected are groups who is in which may have changed.
	affected map[EntryID]bool
	edits    map[EntryID]*GroupDifference
	logins   map[string]EntryID
	dns      map[string]EntryID
	// renamed and regrouped, as they were, have other names now, or are gone.
	renamed   []*ReadAccount
	regrouped []*ReadGroup
}

func (m *merger) doubt(id EntryID, name string, group bool, format string, args ...any) {
	m.delta.Doubts = append(m.delta.Doubts, Doubt{id, name, group, fmt.Sprintf(format, args...)})
}

func (m *merger) accounts() {
	read := byID(m.r.Accounts, func(a *ReadAccount) EntryID { return a.ID })
	next := make([]*ReadAccount, 0, max(len(m.old.Accounts), len(read)))
	for old, now := range pairs(m.old.Accounts, read, func(a *ReadAccount) EntryID { return a.ID }) {
		a := m.account(old, now)
		if a != nil {
			next = append(next, a)
		}
		if old != nil && a != old {
			m.passed(old, a)
		}
	}
	m.delta.Next.Accounts = next
}

// account returns the account as it is believed now, nil when it is gone.
func (m *merger) account(old, now *ReadAccount) *ReadAccount {
	switch {
	case old == nil:
		return m.newAccount(now)
	case now == nil:
		return m.missingAccount(old)
	}
	a := m.credible(old, now)
	if old.pending || !old.Conflict.IsZero() {
		return m.undecided(old, a)
	}
	before, after := old.ActiveAt(m.old.Checkpoint.At), a.ActiveAt(m.r.At)
	switch {
	case before && !after:
		m.note(AccountDifference{Deactivated, Flag, old, a, EntryID{}, disabledWhy(a, m.r.At)})
	case !before && after:
		m.note(AccountDifference{Reactivated, Seen, old, a, EntryID{}, ""})
	case !old.Equal(a):
		m.note(AccountDifference{Edited, Seen, old, a, EntryID{}, ""})
	default:
		return old
	}
	return a
}

// credible is now without what hiding an attribute would feign.
func (m *merger) credible(old, now *ReadAccount) *ReadAccount {
	if now.Primary != old.Primary {
		m.touchPrimary(old.Primary)
		m.touchPrimary(now.Primary)
	}
	noLogin := now.Login == "" && old.Login != ""
	noFlag := now.Activity == ActivityUnknown && old.Activity != ActivityUnknown
	if !noLogin && !noFlag {
		return now
	}
	a := *now
	if noLogin {
		m.doubt(a.ID, a.DN, false, "its login is not shown any more; it was %q", old.Login)
		a.Login = old.Login
	}
	if noFlag {
		m.doubt(a.ID, a.DN, false, "whether it is disabled is not shown any more")
		a.Activity, a.Disabler = old.Activity, old.Disabler
	}
	return &a
}

func (m *merger) touchPrimary(token string) {
	for _, g := range m.old.Groups {
		if g.Token != "" && g.Token == token {
			m.affected[g.ID] = true
		}
	}
}

func disabledWhy(a *ReadAccount, at time.Time) string {
	if a.Activity == Active {
		return "expired at " + a.Expires.UTC().Format(time.RFC3339)
	}
	return a.Disabler
}

// newAccount creates an account, or finds that another has its name: then it
// must not inherit what that one has.
func (m *merger) newAccount(now *ReadAccount) *ReadAccount {
	if other := m.namesake(now); !other.IsZero() {
		a := *now
		a.Conflict = other
		m.note(AccountDifference{Conflict, Seen, nil, &a, other, "another entry has this name: " + other.String()})
		return &a
	}
	if now.Activity == ActivityUnknown {
		m.doubt(now.ID, now.DN, false, "whether it is disabled is not shown; it starts without access")
	}
	m.note(AccountDifference{Created, Seen, nil, now, EntryID{}, ""})
	m.touchMemberships(now)
	return now
}

// namesake is the other known account with the login or the DN. One server
// writes one DN one way, so folding is enough to compare two of its own.
func (m *merger) namesake(now *ReadAccount) EntryID {
	if m.logins == nil {
		m.logins, m.dns = make(map[string]EntryID, len(m.old.Accounts)), make(map[string]EntryID, len(m.old.Accounts))
		for _, a := range m.old.Accounts {
			if a.Conflict.IsZero() {
				m.logins[Fold(a.Login)], m.dns[Fold(a.DN)] = a.ID, a.ID
			}
		}
	}
	login, dn := Fold(now.Login), Fold(now.DN)
	if id, known := m.logins[login]; known && login != "" && id != now.ID {
		return id
	}
	if id, known := m.dns[dn]; known && id != now.ID {
		return id
	}
	if login != "" {
		m.logins[login] = now.ID
	}
	return EntryID{}
}

// undecided keeps a conflict visible, or creates the account when it is settled.
func (m *merger) undecided(old, now *ReadAccount) *ReadAccount {
	a := *now
	a.Conflict, a.pending = old.Conflict, false
	if old.pending {
		m.note(AccountDifference{Created, Seen, nil, &a, EntryID{}, "its conflict was decided"})
		m.touchMemberships(&a)
		return &a
	}
	m.doubt(a.ID, a.DN, false, "its conflict with %s is not decided", a.Conflict)
	return &a
}

func (m *merger) touchMemberships(a *ReadAccount) {
	m.touchPrimary(a.Primary)
	for _, g := range m.old.Groups {
		if has(g.Accounts, a.ID) {
			m.affected[g.ID] = true
		}
	}
}

func (m *merger) missingAccount(old *ReadAccount) *ReadAccount {
	gone, evidence := m.isGone(old.ID)
	switch {
	case evidence.Removes() && (old.pending || !old.Conflict.IsZero()):
		return nil
	case evidence.Removes():
		m.note(AccountDifference{Deleted, evidence, old, nil, EntryID{}, goneWhy(gone)})
		return nil
	case m.r.Full:
		m.doubt(old.ID, old.DN, false, "not seen, and nothing proves that it is gone")
	}
	if old.pending || !old.Conflict.IsZero() {
		return m.undecided(old, old)
	}
	if old.ActiveAt(m.old.Checkpoint.At) && !old.ActiveAt(m.r.At) {
		m.note(AccountDifference{Deactivated, Flag, old, old, EntryID{}, disabledWhy(old, m.r.At)})
	}
	return old
}

// isGone weighs what is said of an entry that was not read. Confirmed absence
// counts only where all were asked for; there it is confirmed that it was missing.
func (m *merger) isGone(id EntryID) (Gone, Evidence) {
	g, said := m.gone[id]
	if !said || g.Evidence != Explicit && !(g.Evidence == Confirmed && (m.r.Full || m.r.Swept)) {
		return g, Unproven
	}
	return g, g.Evidence
}

func goneWhy(g Gone) string {
	if g.MovedTo != "" {
		return "moved out of what is read, to " + g.MovedTo
	}
	return "deleted"
}

func (m *merger) note(d AccountDifference) { m.delta.Accounts = append(m.delta.Accounts, d) }

// byID is list ascending by id; it is not changed when it is already.
func byID[T any](list []T, id func(T) EntryID) []T {
	compare := func(a, b T) int { return id(a).Compare(id(b)) }
	if slices.IsSortedFunc(list, compare) {
		return list
	}
	return slices.SortedFunc(slices.Values(list), compare)
}

// pairs yields what has the same id in both ascending lists, and the zero T
// where one has none.
func pairs[T any](a, b []T, id func(T) EntryID) func(yield func(T, T) bool) {
	return func(yield func(T, T) bool) {
		var none T
		for len(a) > 0 || len(b) > 0 {
			c := 0
			switch {
			case len(a) == 0:
				c = 1
			case len(b) == 0:
				c = -1
			default:
				c = id(a[0]).Compare(id(b[0]))
			}
			x, y := none, none
			if c <= 0 {
				x, a = a[0], a[1:]
			}
			if c >= 0 {
				y, b = b[0], b[1:]
			}
			if !yield(x, y) {
				return
			}
		}
	}
}
