package provision

import (
	"context"
	"slices"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/store"
)

// stored is what the store has of a source, by entry: all of it, or what a
// reading of changes is about. Of most accounts, and there may be very many, only
// that they are as they shall be is of interest.
type stored struct {
	accounts []storedAccount // ascending by entry
	place    map[directory.AccountID]int32
	// differ are those of the accounts that are not as the directory wants them,
	// whole: beside a full reading that found nothing new there are none.
	differ   map[directory.EntryID]*directory.Account
	groups   map[directory.EntryID]directory.Group
	members  map[directory.GroupID][]int32           // places in accounts, ascending; when everything was asked
	of       map[directory.AccountID][]directory.Ref // else, of the accounts that are asked about
	everyone bool
}

type storedAccount struct {
	entry  directory.EntryID
	id     directory.AccountID
	person access.PersonID
	active bool
	asIs   bool // it is as it shall be
}

// load reads what the store has of the source: everything, or what the difference
// is about.
func (r *reconciling) load(ctx context.Context, v *store.View) (*stored, error) {
	st := &stored{differ: map[directory.EntryID]*directory.Account{}, groups: map[directory.EntryID]directory.Group{}, everyone: r.everyone()}
	if !st.everyone && r.delta.Empty() {
		return st, nil
	}
	var only []string
	if !st.everyone {
		only = r.about()
	}
	err := v.SourceAccounts(ctx, r.k.source, only, func(a directory.Account) error {
		if id, err := directory.ParseEntryID(a.ExternalID); err == nil {
			st.put(id, a, r.delta.Next.Account(id), r.r.At)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	st.order()
	groups, err := v.SourceGroups(ctx, r.k.source)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if id, err := directory.ParseEntryID(g.ExternalID); err == nil {
			st.groups[id] = g
		}
	}
	if !st.everyone {
		ids := make([]directory.AccountID, len(st.accounts))
		for i, a := range st.accounts {
			ids[i] = a.id
		}
		st.of, err = v.GroupsOf(ctx, ids)
		return st, err
	}
	return st, st.loadMembers(ctx, v, r.k.source, groups)
}

func (st *stored) loadMembers(ctx context.Context, v *store.View, source string, groups []directory.Group) error {
	st.members = make(map[directory.GroupID][]int32, len(groups))
	for _, g := range groups {
		st.members[g.ID] = make([]int32, 0, g.Members)
	}
	err := v.SourceMembers(ctx, source, func(g directory.GroupID, a directory.AccountID) error {
		if at, ours := st.place[a]; ours {
			st.members[g] = append(st.members[g], at)
		}
		return nil
	})
	for _, ms := range st.members {
		slices.Sort(ms)
	}
	return err
}

// put adds an account; want is what it shall be, nil when it shall not be.
func (st *stored) put(id directory.EntryID, a directory.Account, want *directory.ReadAccount, at time.Time) {
	asIs := want != nil && want.Conflict.IsZero() && sameAsStored(wantAccount(want, want.ActiveAt(at)), a)
	st.accounts = append(st.accounts, storedAccount{id, a.ID, access.PersonID(a.Person), a.Active, asIs})
	if !asIs {
		differs := a
		st.differ[id] = &differs
	}
}

// order makes the accounts that were put findable.
func (st *stored) order() {
	slices.SortFunc(st.accounts, func(a, b storedAccount) int { return a.entry.Compare(b.entry) })
	st.place = make(map[directory.AccountID]int32, len(st.accounts))
	for i, a := range st.accounts {
		st.place[a.id] = int32(i)
	}
}

// find is where in accounts the entry's is.
func (st *stored) find(id directory.EntryID) (int, bool) {
	return slices.BinarySearchFunc(st.accounts, id, func(a storedAccount, id directory.EntryID) int { return a.entry.Compare(id) })
}

// account is the entry's; the zero one when there is none.
func (st *stored) account(id directory.EntryID) (a storedAccount, known bool) {
	if i, ok := st.find(id); ok {
		return st.accounts[i], true
	}
	return a, false
}

func (st *stored) entryOf(id directory.AccountID) (directory.EntryID, bool) {
	at, known := st.place[id]
	if !known {
		return directory.EntryID{}, false
	}
	return st.accounts[at].entry, true
}

func (st *stored) isMember(g directory.GroupID, id directory.EntryID) bool {
	at, known := st.find(id)
	if !known {
		return false
	}
	if st.everyone {
		_, in := slices.BinarySearch(st.members[g], int32(at))
		return in
	}
	return slices.ContainsFunc(st.of[st.accounts[at].id], func(r directory.Ref) bool { return r.Group == g })
}
