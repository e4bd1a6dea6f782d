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

// wantAccount is the account as the store shall have it.
func wantAccount(a *directory.ReadAccount, active bool) directory.Account {
	doc := accountDoc{UserName: a.Login, DisplayName: a.Display, Active: active, DN: a.DN, DisabledBy: a.Disabler}
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

// accountStep is one account that changes. A first run has one for everybody.
type accountStep struct {
	entry    directory.EntryID
	have     *directory.Account     // nil when it is created
	after    *directory.ReadAccount // nil when it is gone
	active   bool                   // what it shall be
	deleted  bool
	joins    bool // of a new one: it has groups to come into (carrier)
	kind     directory.DifferenceKind
	evidence directory.Evidence
	why      string
}

// was reports whether the account is active before the step.
func (s *accountStep) was() bool { return s.have != nil && s.have.Active }

// ends reports whether the account stops giving anything.
func (s *accountStep) ends() bool { return s.deleted || s.was() && !s.active }

// want is the account as it shall be. One that left what is read stays as it is,
// but inactive.
func (s *accountStep) want() (want directory.Account) {
	switch {
	case s.after != nil:
		return wantAccount(s.after, s.active)
	case !s.deleted:
		want = *s.have
		want.Active = s.active
	}
	return want
}

// login is what the account is called after the step, or was before it is gone.
func (s *accountStep) login() string {
	if s.after == nil {
		return s.have.Login
	}
	return s.after.Login
}

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
	join     []directory.EntryID
	leave    []directory.Removal
}

// steps are what leads from the store to what a directory says, in order of
// entry.
type steps struct {
	accounts []accountStep
	groups   []groupStep
	walk     func(group directory.EntryID) []directory.Membership // by what way who joins comes into a group
}

// stepper makes steps from a difference.
type stepper struct {
	d     directory.Delta
	st    *stored
	at    time.Time
	steps steps
	// deleting are accounts that end with their memberships, moved are those
	// that are only out of sight.
	deleting map[directory.EntryID]bool
	moved    []directory.EntryID
}

// stepsTo compares the store with what is believed after d.
func stepsTo(d directory.Delta, st *stored, at time.Time) steps {
	s := &stepper{d: d, st: st, at: at, steps: steps{walk: d.Next.Walk()}, deleting: map[directory.EntryID]bool{}}
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
	step := accountStep{entry: n.ID(), after: n.After, kind: n.Kind, evidence: n.Evidence, why: n.Why}
	stored, known := s.st.account(step.entry)
	step.have = s.st.differ[step.entry]
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
	step.active = n.After.ActiveAt(s.at)
	switch {
	case !known:
		step.kind = directory.Created
	case step.ends():
		step.kind, step.evidence = directory.Deactivated, directory.Flag
		step.why = cmp.Or(step.why, n.After.Disabler, "expired")
	case !step.was() && step.active:
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
	have, want := s.st.members[step.have.ID], s.steps.walk(step.entry)
	if len(have) == 0 {
		step.join = make([]directory.EntryID, 0, len(want))
	}
	for _, m := range want {
		for len(have) > 0 && s.st.accounts[have[0]].entry.Compare(m.Account) < 0 {
			have = s.leaves(step, have, said)
		}
		if len(have) > 0 && s.st.accounts[have[0]].entry == m.Account {
			have = have[1:]
		} else {
			step.join = append(step.join, m.Account)
		}
	}
	for len(have) > 0 {
		have = s.leaves(step, have, said)
	}
}

func (s *stepper) leaves(step *groupStep, have []int32, said map[directory.EntryID]directory.Removal) []int32 {
	id := s.st.accounts[have[0]].entry
	r, ok := said[id]
	if !ok {
		r = directory.Removal{Membership: directory.Membership{Account: id}, Evidence: directory.Stated, By: step.entry}
	}
	if !s.deleting[id] && r.Evidence.Removes() { // else it goes with its account
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
			step.join = append(step.join, m.Account)
		}
	}
	for _, r := range n.Removed {
		if r.Evidence.Removes() && s.st.isMember(step.have.ID, r.Account) {
			step.leave = append(step.leave, r)
		}
	}
}
