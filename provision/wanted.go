package provision

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"grantbridge/directory"
)

// accountDoc is what an account's document says when it came from a directory
// that is read: SCIM's words, and those that only a directory has.
type accountDoc struct {
	UserName    string              `json:"userName,omitempty"`
	DisplayName string              `json:"displayName,omitempty"`
	Emails      []docEmail          `json:"emails,omitempty"`
	Active      bool                `json:"active"`
	DN          string              `json:"dn,omitempty"`
	DisabledBy  string              `json:"disabledBy,omitempty"`
	Expires     *time.Time          `json:"expires,omitempty"`
	Attributes  map[string][]string `json:"attributes,omitempty"`
}

type docEmail struct {
	Value   string `json:"value"`
	Primary bool   `json:"primary"`
}

// wantAccount is the account as the store shall have it at the time.
func wantAccount(a *directory.ReadAccount, at time.Time) directory.Account {
	doc := accountDoc{UserName: a.Login, DisplayName: a.Display, Active: a.ActiveAt(at), DN: a.DN, DisabledBy: a.Disabler}
	out := directory.Account{ExternalID: a.ID.String(), Login: a.Login, Display: a.Display, Email: a.Email, Active: doc.Active}
	value := func(path, text string) {
		if text != "" {
			out.Values = append(out.Values, directory.Value{Path: path, Text: directory.Fold(text)})
		}
	}
	value("username", a.Login)
	value("displayname", a.Display)
	value("emails.value", a.Email)
	value("externalid", out.ExternalID)
	if a.Email != "" {
		doc.Emails = []docEmail{{a.Email, true}}
	}
	if !a.Expires.IsZero() {
		t := a.Expires.UTC()
		doc.Expires = &t
	}
	for _, v := range a.Values {
		if doc.Attributes == nil {
			doc.Attributes = map[string][]string{}
		}
		doc.Attributes[v.Path] = append(doc.Attributes[v.Path], v.Text)
		out.Values = append(out.Values, v)
	}
	out.Doc = mustJSON(doc)
	return out
}

type groupDoc struct {
	DisplayName string `json:"displayName,omitempty"`
	Description string `json:"description,omitempty"`
}

func wantGroup(g *directory.ReadGroup) directory.Group {
	return directory.Group{ExternalID: g.ID.String(), Display: g.Name, DN: g.DN, Doc: mustJSON(groupDoc{g.Name, g.Description}),
		Values: []directory.Value{{Path: "displayname", Text: directory.Fold(g.Name)}}}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, booleans and times
	}
	return b
}

func sameAsStored(want, have directory.Account) bool {
	return want.ExternalID == have.ExternalID && want.Login == have.Login && want.Display == have.Display && want.Email == have.Email &&
		want.Active == have.Active && string(want.Doc) == string(have.Doc)
}

// accountStep is one account that changes.
type accountStep struct {
	entry    directory.EntryID
	have     directory.Account // zero when it is created
	want     directory.Account
	kind     directory.DifferenceKind
	evidence directory.Evidence
	why      string
	deleted  bool
}

// ends reports whether the account stops giving anything.
func (s *accountStep) ends() bool { return s.deleted || s.have.Active && !s.want.Active }

// groupStep is one group that changes, or whose members do.
type groupStep struct {
	entry    directory.EntryID
	have     directory.Group // zero when it is created
	want     directory.Group
	kind     directory.DifferenceKind
	evidence directory.Evidence
	why      string
	edited   bool
	deleted  bool
	join     []directory.Membership
	leave    []directory.Removal
}

// steps are what leads from the store to what a directory says, in order of
// entry.
type steps struct {
	accounts []accountStep
	groups   []groupStep
}

// stored is what the store has of a source, by entry: all of it, or what a
// reading of changes is about.
type stored struct {
	accounts map[directory.EntryID]storedAccount
	// differ are those of the accounts that are not as the directory wants them,
	// whole: beside a full reading that found nothing new there are none.
	differ   map[directory.EntryID]directory.Account
	groups   map[directory.EntryID]directory.Group
	entry    map[directory.AccountID]directory.EntryID
	members  map[directory.GroupID][]directory.EntryID // ascending; when everything was asked
	of       map[directory.AccountID][]directory.Ref   // else, of the accounts that are asked about
	everyone bool
}

// storedAccount is what is kept of every account, of which there may be very
// many.
type storedAccount struct {
	ID     directory.AccountID
	Person int64
	UID    string
	Active bool
	asIs   bool // it is as it shall be
}

// put adds an account; want is what it shall be, nil when it shall not be.
func (st *stored) put(id directory.EntryID, a directory.Account, want *directory.ReadAccount, at time.Time) {
	asIs := want != nil && want.Conflict.IsZero() && sameAsStored(wantAccount(want, at), a)
	st.accounts[id] = storedAccount{a.ID, a.Person, a.UID, a.Active, asIs}
	st.entry[a.ID] = id
	if !asIs {
		st.differ[id] = a
	}
}

func (st *stored) isMember(g directory.GroupID, id directory.EntryID) bool {
	if st.everyone {
		_, in := slices.BinarySearchFunc(st.members[g], id, directory.EntryID.Compare)
		return in
	}
	return slices.ContainsFunc(st.of[st.accounts[id].ID], func(r directory.Ref) bool { return r.Group == g })
}

// stepper makes steps from a difference.
type stepper struct {
	d     directory.Delta
	st    *stored
	at    time.Time
	steps steps
	walk  func(directory.EntryID) []directory.Membership
	// deleting are accounts that end with their memberships, moved are those
	// that are only out of sight.
	deleting map[directory.EntryID]bool
	moved    []directory.EntryID
}

// stepsTo compares the store with what is believed after d.
func stepsTo(d directory.Delta, st *stored, at time.Time) steps {
	s := &stepper{d: d, st: st, at: at, walk: d.Next.Walk(), deleting: map[directory.EntryID]bool{}}
	noted := map[directory.EntryID]directory.AccountDifference{}
	for _, a := range d.Accounts {
		noted[a.ID()] = a
		if a.After == nil || !st.everyone {
			s.account(a)
		}
	}
	if st.everyone {
		for _, a := range d.Next.Accounts {
			n, ok := noted[a.ID]
			if !ok {
				n = directory.AccountDifference{Kind: directory.Edited, Evidence: directory.Seen, After: a}
			}
			s.account(n)
		}
	}
	groups := map[directory.EntryID]directory.GroupDifference{}
	for _, g := range d.Groups {
		groups[g.ID()] = g
		if g.After == nil || !st.everyone {
			s.group(g)
		}
	}
	if st.everyone {
		for _, g := range d.Next.Groups {
			n, ok := groups[g.ID]
			if !ok {
				n = directory.GroupDifference{Kind: directory.Members, Evidence: directory.Seen, After: g}
			}
			s.group(n)
		}
	}
	if len(s.moved) > 0 {
		s.leaveAll()
	}
	slices.SortFunc(s.steps.accounts, func(a, b accountStep) int { return a.entry.Compare(b.entry) })
	slices.SortFunc(s.steps.groups, func(a, b groupStep) int { return a.entry.Compare(b.entry) })
	return s.steps
}

func (s *stepper) account(n directory.AccountDifference) {
	step := accountStep{entry: n.ID(), kind: n.Kind, evidence: n.Evidence, why: n.Why}
	stored, known := s.st.accounts[step.entry]
	have := s.st.differ[step.entry]
	step.have = have
	switch {
	case stored.asIs:
		return
	case n.After == nil:
		if !known || !n.Evidence.Removes() {
			return
		}
		s.gone(step)
		return
	case n.Kind == directory.Conflict:
		return
	case !n.After.Conflict.IsZero():
		return
	}
	step.want = wantAccount(n.After, s.at)
	switch {
	case !known:
		step.kind = directory.Created
	case have.Active && !step.want.Active:
		step.kind, step.evidence = directory.Deactivated, directory.Flag
		step.why = cmp.Or(step.why, n.After.Disabler, "expired")
	case !have.Active && step.want.Active:
		step.kind = directory.Reactivated
	default:
		step.kind = directory.Edited
	}
	s.steps.accounts = append(s.steps.accounts, step)
}

// gone ends an account. One that was only moved out of what is read may come
// back, and is then the same; it is deactivated.
func (s *stepper) gone(step accountStep) {
	if strings.HasPrefix(step.why, "moved") {
		step.want = step.have
		step.want.Active = false
		s.moved = append(s.moved, step.entry)
		if !step.have.Active {
			return
		}
	} else {
		step.deleted = true
		s.deleting[step.entry] = true
	}
	s.steps.accounts = append(s.steps.accounts, step)
}

func (s *stepper) group(n directory.GroupDifference) {
	step := groupStep{entry: n.ID(), kind: n.Kind, evidence: n.Evidence, why: n.Why}
	have, known := s.st.groups[step.entry]
	step.have = have
	if n.After == nil {
		if known && n.Evidence.Removes() {
			step.deleted = true
			s.steps.groups = append(s.steps.groups, step)
		}
		return
	}
	step.want = wantGroup(n.After)
	step.edited = !known || have.Display != step.want.Display || have.DN != step.want.DN || string(have.Doc) != string(step.want.Doc)
	switch {
	case !known:
		step.kind = directory.Created
	case step.edited:
		step.kind = directory.Edited
	default:
		step.kind = directory.Members
	}
	if s.st.everyone {
		s.compare(&step, n)
	} else {
		s.filter(&step, n)
	}
	if step.edited || len(step.join)+len(step.leave) > 0 {
		s.steps.groups = append(s.steps.groups, step)
	}
}

// compare finds the members of a group that the store does not have, and those
// that it has and the directory does not.
func (s *stepper) compare(step *groupStep, n directory.GroupDifference) {
	said := map[directory.EntryID]directory.Removal{}
	for _, r := range n.Removed {
		said[r.Account] = r
	}
	have := s.st.members[step.have.ID]
	for _, m := range s.walk(step.entry) {
		for len(have) > 0 && have[0].Compare(m.Account) < 0 {
			have = s.leaves(step, have, said)
		}
		if len(have) > 0 && have[0] == m.Account {
			have = have[1:]
		} else {
			step.join = append(step.join, m)
		}
	}
	for len(have) > 0 {
		have = s.leaves(step, have, said)
	}
}

func (s *stepper) leaves(step *groupStep, have []directory.EntryID, said map[directory.EntryID]directory.Removal) []directory.EntryID {
	r, ok := said[have[0]]
	if !ok {
		r = directory.Removal{Membership: directory.Membership{Account: have[0]}, Evidence: directory.Stated, By: step.entry}
	}
	if !s.deleting[have[0]] && r.Evidence.Removes() { // else it goes with its account
		step.leave = append(step.leave, r)
	}
	return have[1:]
}

// leaveAll takes accounts that moved out of what is read from their groups: when
// they come back, only what is said then counts.
func (s *stepper) leaveAll() {
	at := map[directory.GroupID]int{}
	for i, g := range s.steps.groups {
		at[g.have.ID] = i
	}
	for id, g := range s.st.groups {
		for _, moved := range s.moved {
			if !s.st.isMember(g.ID, moved) {
				continue
			}
			i, ok := at[g.ID]
			if !ok {
				i = len(s.steps.groups)
				at[g.ID] = i
				s.steps.groups = append(s.steps.groups, groupStep{entry: id, have: g, want: g, kind: directory.Members, evidence: directory.Seen})
			}
			step := &s.steps.groups[i]
			if !slices.ContainsFunc(step.leave, func(r directory.Removal) bool { return r.Account == moved }) {
				step.leave = append(step.leave, directory.Removal{Membership: directory.Membership{Account: moved}, Evidence: directory.Confirmed, By: id})
			}
		}
	}
}

// filter takes what is said of a group's members, but for what the store has
// already.
func (s *stepper) filter(step *groupStep, n directory.GroupDifference) {
	for _, m := range n.Added {
		if !s.st.isMember(step.have.ID, m.Account) {
			step.join = append(step.join, m)
		}
	}
	for _, r := range n.Removed {
		if r.Evidence.Removes() && s.st.isMember(step.have.ID, r.Account) {
			step.leave = append(step.leave, r)
		}
	}
}
