package directory

// Change is one thing that a source says has changed: an *AccountChange or a
// *GroupChange.
type Change interface {
	// From is the source that says so.
	From() string
}

// AccountChange creates, edits or deletes one account.
type AccountChange struct {
	Source string
	// UID names the account; empty creates one.
	UID string
	// IfMatch, when not empty, are the revisions one of which the account must
	// have (RFC 7232 If-Match); else the change is refused.
	IfMatch []int64
	// Edit returns the account as it shall be. It is pure, may run more than
	// once, and gets the zero Account when the change creates. Its error refuses
	// the change and is returned as it is. ID, UID, Source, Person, Revision
	// and the times of what it returns are not looked at.
	Edit func(old Account) (Account, error)
	// UniqueLogin refuses the change when another account of the source has the
	// login, compared by Fold.
	UniqueLogin bool
	// Unique are the paths of values that no other account of the source may
	// have; else the change is refused.
	Unique []string
	Delete bool
}

// From is the source that says so.
func (c *AccountChange) From() string { return c.Source }

// GroupChange creates, edits or deletes one group, and changes who is in it.
type GroupChange struct {
	Source  string
	UID     string
	IfMatch []int64
	// Edit is as in AccountChange; nil leaves the attributes as they are.
	Edit    func(old Group) (Group, error)
	Members MemberChange
	// UniqueDisplay refuses the change when another group of the source has the
	// display name, compared by Fold.
	UniqueDisplay bool
	Unique        []string // as of AccountChange
	Delete        bool
}

// From is the source that says so.
func (c *GroupChange) From() string { return c.Source }

// MemberChange is a change of a group's members, by the accounts' UIDs. Adding
// who is in and removing who is out is no change. With Replace the members
// become exactly Add. A UID that names no account yet is parked and becomes a
// member when the account arrives, if Park is set; else the change is refused
// with an UnknownMembersError.
type MemberChange struct {
	Replace bool
	Add     []string
	Remove  []string
	Park    bool
}

// Empty reports whether c changes nothing whatever the group is.
func (c MemberChange) Empty() bool { return !c.Replace && len(c.Add) == 0 && len(c.Remove) == 0 }
