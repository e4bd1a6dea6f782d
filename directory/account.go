package directory

import "time"

// AccountID and GroupID are the store's own dense ids. UIDs are what identity
// providers see: SCIM's id.
type (
	AccountID int64
	GroupID   int64
)

// Account is one identity in one source, keyed by (Source, UID) and, where the
// source says one, (Source, ExternalID). Login, display name and e-mail are
// attributes with history, never keys.
type Account struct {
	ID         AccountID
	UID        string // RFC 7643 3.1 id; made by the store
	Source     string
	ExternalID string
	Login      string // RFC 7643 4.1.1 userName
	Display    string
	Email      string // the primary one, or the first
	Active     bool
	Person     int64 // the person it is linked to; set by the store
	// Doc is the resource as the source says it: a JSON object without id,
	// meta, groups and schemas.
	Doc []byte
	// Values are all simple attributes of Doc, as filters and rules see them.
	Values   []Value
	Revision int64 // of its last change; SCIM's meta.version
	Created  time.Time
	Modified time.Time
}

// Value is one simple attribute value.
type Value struct {
	// Path is lower-case and dotted, an extension's after its whole URN and a
	// colon: "name.familyname", "emails.value",
	// "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:department".
	Path string
	// Elem is the element of a multi-valued attribute, from 0.
	Elem int
	// Text is the value as filters compare it: Fold of a case-insensitive text,
	// a case-exact text as it is, "true"/"false", a number in decimal, a time as
	// TimeText.
	Text string
}

// Group is one group of one source. Equal names in two sources are different
// groups.
type Group struct {
	ID         GroupID
	UID        string
	Source     string
	ExternalID string
	Display    string
	DN         string // of a group read from LDAP
	Doc        []byte // as of Account, without members
	Values     []Value
	Members    int // how many accounts are in it
	Revision   int64
	Created    time.Time
	Modified   time.Time
	Deleted    bool
}

// Member is one membership as seen from its group.
type Member struct {
	Account AccountID
	UID     string
	Display string
	Since   time.Time
}

// Ref is one group as seen from an account.
type Ref struct {
	Group   GroupID
	UID     string
	Display string
}
