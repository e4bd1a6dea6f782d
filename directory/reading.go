package directory

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// EntryID is the immutable id of an entry in a directory that is read:
// entryUUID, objectGUID or nsUniqueId. Everything else about an entry, its DN
// and its login included, may change.
type EntryID [16]byte

// ParseEntryID reads 32 hexadecimal digits with dashes anywhere: the text of a
// UUID and of 389 Directory Server's nsUniqueId.
func ParseEntryID(s string) (EntryID, error) {
	var id EntryID
	digits := strings.ReplaceAll(s, "-", "")
	if len(digits) != 32 {
		return id, fmt.Errorf("entry id %q: not 32 hexadecimal digits", s)
	}
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return EntryID{}, fmt.Errorf("entry id %q: %w", s, err)
	}
	return id, nil
}

// String is the lower-case text of a UUID.
func (id EntryID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// IsZero reports whether id names nothing.
func (id EntryID) IsZero() bool { return id == EntryID{} }

// Compare orders ids.
func (id EntryID) Compare(other EntryID) int { return bytes.Compare(id[:], other[:]) }

// Evidence says why something that a reading says is believed. Only the classes
// that Removes takes away may take anything from anybody.
type Evidence uint8

// The classes of evidence. The zero value is none.
const (
	Unproven  Evidence = iota
	Seen               // an entry or a value that the server sent
	Explicit           // a tombstone or a delete message names it
	Flag               // an attribute of the entry says that it is disabled
	Stated             // missing from a list that was read whole, of a group that changed since
	Confirmed          // missing from a proven full reading, and again when asked for by its id
)

var evidenceNames = [...]string{"unproven", "seen", "explicit", "flag", "stated", "confirmed"}

// String is the word that plans, reports and the audit carry.
func (e Evidence) String() string {
	if int(e) < len(evidenceNames) {
		return evidenceNames[e]
	}
	return fmt.Sprintf("evidence(%d)", uint8(e))
}

// Removes reports whether e may take something away.
func (e Evidence) Removes() bool { return e >= Explicit && e <= Confirmed }

// Leg is what was observed while one search was read to its end. Prove judges it.
type Leg struct {
	Name string `json:"name"` // "users", "groups"
	// Answered: the server ended the search with a result, which had Code.
	Answered   bool   `json:"answered"`
	Code       int    `json:"code"`
	Diagnostic string `json:"diagnostic,omitempty"`
	// Pages were asked for, and Controls of their answers carried the control
	// that a page must end with. Ended: the last one said that nothing follows.
	Pages    int  `json:"pages"`
	Controls int  `json:"controls"`
	Ended    bool `json:"ended"`
	Entries  int  `json:"entries"`
	// Referrals point to parts that were not read.
	Referrals int `json:"referrals,omitempty"`
	// Nameless entries came without an immutable id.
	Nameless int `json:"nameless,omitempty"`
	// Twice came the same id in one reading.
	Twice int `json:"twice,omitempty"`
	// Least is how many entries a reading of everything must have at least,
	// from what was known before.
	Least int `json:"least,omitempty"`
	// Canaries are entries that every reading must see.
	Canaries []Canary `json:"canaries,omitempty"`
	// Server is who answered first, and Last who answered last.
	Server string `json:"server"`
	Last   string `json:"last"`
	// Faults are other reasons not to believe the leg, in words.
	Faults []string `json:"faults,omitempty"`
}

// Canary is an entry that every reading must see.
type Canary struct {
	Name string `json:"name"`
	Seen bool   `json:"seen"`
}

// Proof is a judged Leg. Only Prove makes one that is complete: the zero Proof
// proves nothing.
type Proof struct {
	leg      Leg
	complete bool
	why      []string
}

// Prove judges a leg. A success without an end, an end without its control, a
// canary that was not seen, fewer entries than there must be: each is a reason
// not to believe that what was not seen is not there.
func Prove(l Leg) Proof {
	var why []string
	say := func(bad bool, format string, args ...any) {
		if bad {
			why = append(why, fmt.Sprintf(format, args...))
		}
	}
	say(!l.Answered, "the search was not answered to its end")
	say(l.Code != 0, "the server ended it with code %d %s", l.Code, l.Diagnostic)
	say(l.Pages == 0, "nothing was asked")
	say(l.Controls != l.Pages, "%d of %d answers came without the control that ends a page", l.Pages-l.Controls, l.Pages)
	say(!l.Ended, "the last page says that more follows")
	say(l.Referrals > 0, "%d parts are on another server and were not read", l.Referrals)
	say(l.Nameless > 0, "%d entries came without an immutable id: the account that reads may not see it", l.Nameless)
	say(l.Twice > 0, "%d ids came twice", l.Twice)
	say(l.Entries < l.Least, "%d entries, where at least %d must be", l.Entries, l.Least)
	say(l.Server == "", "the server did not say who it is")
	say(l.Server != l.Last, "another server answered in the end (%s, then %s)", l.Server, l.Last)
	for _, c := range l.Canaries {
		say(!c.Seen, "%s was not seen, and must be", c.Name)
	}
	why = append(why, l.Faults...)
	return Proof{leg: l, complete: len(why) == 0, why: why}
}

// Complete reports whether what the leg did not see is not there.
func (p Proof) Complete() bool { return p.complete }

// Leg is what was observed.
func (p Proof) Leg() Leg { return p.leg }

// Why says what is missing from the proof; it is empty when p is complete.
func (p Proof) Why() []string {
	if p.complete || len(p.why) > 0 {
		return slices.Clone(p.why)
	}
	return []string{"nothing was read"}
}

// Activity says whether an account may sign in.
type Activity uint8

// The activities. Unknown is neither: it changes nothing about a known account,
// and a new one does not start with it.
const (
	ActivityUnknown Activity = iota
	Active
	Disabled
)

// ReadAccount is a person's entry as it was read. It is not changed after it
// was made.
type ReadAccount struct {
	ID      EntryID
	DN      string // as the server writes it
	Login   string
	Display string
	Email   string
	// Primary is the Token of the group that the account is in by an attribute
	// of its own (primaryGroupID, gidNumber); empty is none.
	Primary string
	// Expires ends the account without a change of its entry; zero is never.
	Expires  time.Time
	Activity Activity
	// Disabler is the attribute that says Disabled, with its value.
	Disabler string
	Values   []Value // further attributes that rules ask for
	// Conflict, in a State, is the other account whose login or DN this new
	// account has. It gives nothing until an administrator has decided.
	Conflict EntryID
	pending  bool // decided; the next Diff creates it
}

// ActiveAt reports whether a may sign in at t.
func (a *ReadAccount) ActiveAt(t time.Time) bool {
	return a.Activity == Active && (a.Expires.IsZero() || t.Before(a.Expires))
}

// Equal reports whether nothing about a and b differs.
func (a *ReadAccount) Equal(b *ReadAccount) bool {
	return a.ID == b.ID && a.DN == b.DN && a.Login == b.Login && a.Display == b.Display && a.Email == b.Email && a.Primary == b.Primary &&
		a.Expires.Equal(b.Expires) && a.Activity == b.Activity && a.Disabler == b.Disabler && slices.Equal(a.Values, b.Values) &&
		a.Conflict == b.Conflict && a.pending == b.pending
}

// ReadGroup is a group's entry as it was read. It is not changed after it was
// made.
type ReadGroup struct {
	ID          EntryID
	DN          string
	Name        string
	Description string
	// Token is what accounts name in Primary; empty when the group has none.
	Token string
	// Stamp changes with every change of the entry: entryCSN, uSNChanged,
	// modifyTimestamp. Empty: the server has none.
	Stamp string
	// Whole: the list of members has no open end, and is not one that the
	// schema says cannot be.
	Whole bool
	// Again: it was read a second time, alone, with the same members.
	Again bool
	// Accounts and Groups are its direct members, ascending, each once.
	Accounts []EntryID
	Groups   []EntryID
	// Unresolved are members that name no entry that was read.
	Unresolved []string
	// Logins: it lists people by login (memberUid), too.
	Logins bool
	// Former are names that it still lists and that entries no longer have,
	// ascending.
	Former []FormerName
}

// FormerName is a DN or login that an entry had when a group listed it. As long
// as the group lists it, it means that entry, renamed or gone, whoever has the
// name now: many servers leave names in groups, and a name is not a person.
type FormerName struct {
	Name string
	ID   EntryID
}

// Compare orders former names.
func (f FormerName) Compare(other FormerName) int {
	return cmp.Or(strings.Compare(f.Name, other.Name), f.ID.Compare(other.ID))
}

// Owners are whom the former names that g lists mean, by NameKey; nil when there
// are none.
func (g *ReadGroup) Owners() map[string]EntryID {
	if len(g.Former) == 0 {
		return nil
	}
	out := make(map[string]EntryID, len(g.Former))
	for _, f := range g.Former {
		out[NameKey(f.Name)] = f.ID
	}
	return out
}

// NameKey is equal for two ways to write one name that a group may list: a DN or
// a login.
func NameKey(name string) string {
	if d, err := ParseDN(name); err == nil {
		return d.Key()
	}
	return Fold(name)
}

// Equal reports whether nothing that is believed of g and b differs.
func (g *ReadGroup) Equal(b *ReadGroup) bool {
	return g.DN == b.DN && g.Name == b.Name && g.Description == b.Description && g.Token == b.Token && g.Stamp == b.Stamp &&
		g.Whole == b.Whole && g.Logins == b.Logins && slices.Equal(g.Accounts, b.Accounts) && slices.Equal(g.Groups, b.Groups) &&
		slices.Equal(g.Unresolved, b.Unresolved) && slices.Equal(g.Former, b.Former)
}

// Gone is an entry that is not there any more, with what proves it.
type Gone struct {
	ID       EntryID
	Evidence Evidence
	// MovedTo is where it is now, when it only left what is read.
	MovedTo string
}

// Checkpoint is how far a reading came. It is of use only with the State that
// it left, on the same server, for the same questions.
type Checkpoint struct {
	// Server is who said it: an invocation id, a replica id, an address.
	Server string
	// Questions is the hash of bases, filters, attributes and modes.
	Questions string
	Mode      string // syncrepl, dirsync, usn, timestamp; empty: only full readings
	Cookie    []byte
	// Watermark never goes back on the same server.
	Watermark string
	At        time.Time // of the reading
	FullAt    time.Time // of the last full one
	// Since is how many incremental readings followed it.
	Since int
}

func (c Checkpoint) equal(d Checkpoint) bool {
	return c.Server == d.Server && c.Questions == d.Questions && c.Mode == d.Mode && bytes.Equal(c.Cookie, d.Cookie) &&
		c.Watermark == d.Watermark && c.At.Equal(d.At)
}

// Reading is what a directory said: everything (Full), or what changed since
// From. The zero Reading proves nothing, so Diff takes nothing from it.
type Reading struct {
	Source string
	At     time.Time
	Mode   string // "full", or as in Checkpoint
	Full   bool
	// Swept: the ids of all entries were read, if not all of their content.
	Swept bool
	// Linked: the server itself changes what groups list when an entry is renamed
	// or ends (Active Directory), so that a name there means who has it.
	Linked bool
	// Depth is how deep groups in groups count; 0 is not at all.
	Depth int
	// Both proofs are complete, or the reading changes nothing.
	UsersProof  Proof
	GroupsProof Proof
	Accounts    []*ReadAccount
	Groups      []*ReadGroup
	Gone        []Gone
	From, To    Checkpoint
	// Notes say what an administrator should know: members that name nobody,
	// groups that name a former DN.
	Notes []string
}

// UnprovenError is the error of a reading that must not be believed.
type UnprovenError struct {
	Leg string
	Why []string
}

func (e *UnprovenError) Error() string {
	return fmt.Sprintf("the reading of %s is not proven: %s", e.Leg, strings.Join(e.Why, "; "))
}

// Proven returns nil when r may be believed, else an *UnprovenError.
func (r *Reading) Proven() error {
	if !r.UsersProof.Complete() {
		return &UnprovenError{"users", r.UsersProof.Why()}
	}
	if !r.GroupsProof.Complete() {
		return &UnprovenError{"groups", r.GroupsProof.Why()}
	}
	return nil
}
