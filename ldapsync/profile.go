package ldapsync

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"grantbridge/directory"
)

// profile is how one kind of directory says what we need to know.
type profile struct {
	kind Kind
	// id is the attribute with the immutable id; AD's and others' is binary.
	id string
	// stamp changes with every change of an entry. A coarse one has seconds: an
	// entry that changed shortly before it was read may change again unseen.
	stamp  string
	coarse bool
	login  string
	// display, email, name are the defaults of the configuration.
	display, email string
	activity       []string
	// hides: an account without the attribute that says whether it is disabled
	// is one that does not show it.
	hides bool
}

var profiles = map[Kind]profile{
	OpenLDAP: {kind: OpenLDAP, id: "entryUUID", stamp: "entryCSN", login: "uid", display: "displayName", email: "mail",
		activity: []string{"pwdAccountLockedTime", "shadowExpire", "loginDisabled"}},
	DS389: {kind: DS389, id: "nsUniqueId", stamp: "modifyTimestamp", coarse: true, login: "uid", display: "displayName", email: "mail",
		activity: []string{"nsAccountLock", "shadowExpire"}},
	ActiveDirectory: {kind: ActiveDirectory, id: "objectGUID", stamp: "uSNChanged", login: "sAMAccountName", display: "displayName", email: "mail",
		activity: []string{"userAccountControl", "accountExpires"}, hides: true},
	Generic: {kind: Generic, id: "entryUUID", stamp: "modifyTimestamp", coarse: true, login: "uid", display: "displayName", email: "mail",
		activity: []string{"nsAccountLock", "pwdAccountLockedTime", "shadowExpire", "loginDisabled"}},
}

func profileOf(c *Config, root rootDSE) *profile {
	kind := c.Kind
	if kind == KindAuto {
		kind = root.kind()
	}
	p, known := profiles[kind]
	if !known {
		p = profiles[Generic]
	}
	def(&p.login, "uid")
	for _, o := range []struct {
		v  *string
		or string
	}{{&p.login, c.Users.Login}, {&p.display, c.Users.Display}, {&p.email, c.Users.Email}} {
		if o.or != "" {
			*o.v = o.or
		}
	}
	return &p
}

// parseID reads the value of the id attribute. objectGUID is 16 bytes, of
// which the first three fields are little-endian; we keep the order of the text
// that administrators see.
func (p *profile) parseID(v []byte) (directory.EntryID, bool) {
	if p.kind == ActiveDirectory {
		if len(v) != 16 {
			return directory.EntryID{}, false
		}
		return swapGUID(directory.EntryID(v)), true
	}
	id, ok := hexID(v)
	return id, ok && !id.IsZero()
}

// hexID is directory.ParseEntryID without its allocations; there is one for
// every entry.
func hexID(v []byte) (id directory.EntryID, ok bool) {
	n := 0
	for _, c := range v {
		var d byte
		switch {
		case c == '-':
			continue
		case '0' <= c && c <= '9':
			d = c - '0'
		case 'a' <= c && c <= 'f':
			d = c - 'a' + 10
		case 'A' <= c && c <= 'F':
			d = c - 'A' + 10
		default:
			return id, false
		}
		if n == 32 {
			return id, false
		}
		id[n/2] = id[n/2]<<4 | d
		n++
	}
	return id, n == 32
}

func swapGUID(g directory.EntryID) directory.EntryID {
	binary.LittleEndian.PutUint32(g[0:], binary.BigEndian.Uint32(g[0:]))
	binary.LittleEndian.PutUint16(g[4:], binary.BigEndian.Uint16(g[4:]))
	binary.LittleEndian.PutUint16(g[6:], binary.BigEndian.Uint16(g[6:]))
	return g
}

// filterID is the filter that finds the entry with the id.
func (p *profile) filterID(id directory.EntryID) string {
	switch p.kind {
	case ActiveDirectory:
		var b strings.Builder
		b.WriteString("(objectGUID=")
		for _, c := range swapGUID(id) {
			fmt.Fprintf(&b, "\\%02x", c)
		}
		return b.String() + ")"
	case DS389:
		h := strings.ReplaceAll(id.String(), "-", "")
		return "(nsUniqueId=" + h[:8] + "-" + h[8:16] + "-" + h[16:24] + "-" + h[24:] + ")"
	}
	return "(" + p.id + "=" + id.String() + ")"
}

// permanentLock is the one value of pwdAccountLockedTime that an administrator
// sets; every other is a lock-out after wrong passwords, which takes nothing.
const permanentLock = "000001010000Z"

// activity reads the attributes that say whether an account is disabled;
// values are by lower-case name.
func (p *profile) state(value func(name string) []byte) (a directory.Activity, disabler string, expires time.Time) {
	a = directory.Active
	if p.hides {
		a = directory.ActivityUnknown
	}
	for _, name := range p.activity {
		v := value(name)
		if v == nil {
			continue
		}
		switch off, until := flag(name, string(v)); {
		case off:
			a, disabler = directory.Disabled, name+" is "+string(v)
		case !until.IsZero():
			expires = until
		case a == directory.ActivityUnknown && name == "userAccountControl":
			a = directory.Active
		}
	}
	return a, disabler, expires
}

// flag says what one attribute says: the account is off, or ends.
func flag(name, v string) (off bool, until time.Time) {
	switch name {
	case "userAccountControl":
		n, err := strconv.ParseInt(v, 10, 64)
		return err != nil || n&2 != 0, time.Time{}
	case "accountExpires":
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n <= 0 || n == 0x7fffffffffffffff {
			return err != nil, time.Time{}
		}
		return false, time.Unix(n/1e7-11644473600, 0).UTC() // 100 ns since 1601
	case "shadowExpire":
		days, err := strconv.ParseInt(v, 10, 32)
		if err != nil || days < 0 {
			return false, time.Time{}
		}
		return false, time.Unix(days*86400, 0).UTC()
	case "pwdAccountLockedTime":
		return v == permanentLock, time.Time{}
	}
	return strings.EqualFold(v, "true"), time.Time{} // nsAccountLock, loginDisabled
}
