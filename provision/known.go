package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"grantbridge/directory"
	"grantbridge/store"
)

// Known is what is believed of a source's directory when a run begins.
type Known struct {
	source  string
	state   directory.State
	version int64
	saved   directory.State // what the store keeps of it; the state may know more
	settled map[directory.EntryID]bool
	first   bool // nothing of the source was ever taken over
	torn    bool // the last run did not come to its end
}

// State is what to compare a reading with. Its checkpoint is empty when only a
// full reading will do.
func (k *Known) State() directory.State { return k.state }

// First reports whether nothing of the source was ever taken over.
func (k *Known) First() bool { return k.first }

// savedCheckpoint is a state without its entries.
type savedCheckpoint struct {
	directory.Checkpoint
	Depth int
}

// savedAccount is a ReadAccount as the store keeps it.
type savedAccount struct {
	DN, Login, Display, Email string            `json:",omitempty"`
	Primary, Disabler         string            `json:",omitempty"`
	Expires                   time.Time         `json:",omitzero"`
	Activity                  uint8             `json:",omitempty"`
	Values                    []directory.Value `json:",omitempty"`
	Conflict                  directory.EntryID `json:",omitzero"`
	Settled                   bool              `json:",omitempty"`
}

// savedGroup is a ReadGroup as the store keeps it.
type savedGroup struct {
	DN, Name, Description, Token, Stamp string                 `json:",omitempty"`
	Whole, Logins                       bool                   `json:",omitempty"`
	Accounts, Groups                    []byte                 `json:",omitempty"`
	Unresolved                          []string               `json:",omitempty"`
	Former                              []directory.FormerName `json:",omitempty"`
}

func saveAccount(a *directory.ReadAccount, settled bool) savedAccount {
	return savedAccount{DN: a.DN, Login: a.Login, Display: a.Display, Email: a.Email, Primary: a.Primary, Disabler: a.Disabler,
		Expires: a.Expires, Activity: uint8(a.Activity), Values: a.Values, Conflict: a.Conflict, Settled: settled}
}

func (s savedAccount) read(id directory.EntryID) *directory.ReadAccount {
	return &directory.ReadAccount{ID: id, DN: s.DN, Login: s.Login, Display: s.Display, Email: s.Email, Primary: s.Primary,
		Disabler: s.Disabler, Expires: s.Expires, Activity: directory.Activity(s.Activity), Values: s.Values, Conflict: s.Conflict}
}

func saveGroup(g *directory.ReadGroup) savedGroup {
	return savedGroup{DN: g.DN, Name: g.Name, Description: g.Description, Token: g.Token, Stamp: g.Stamp, Whole: g.Whole, Logins: g.Logins,
		Accounts: directory.Bytes(g.Accounts), Groups: directory.Bytes(g.Groups), Unresolved: g.Unresolved, Former: g.Former}
}

func (s savedGroup) read(id directory.EntryID) (*directory.ReadGroup, error) {
	accounts, err := directory.EntryIDs(s.Accounts)
	if err != nil {
		return nil, err
	}
	groups, err := directory.EntryIDs(s.Groups)
	return &directory.ReadGroup{ID: id, DN: s.DN, Name: s.Name, Description: s.Description, Token: s.Token, Stamp: s.Stamp,
		Whole: s.Whole, Logins: s.Logins, Accounts: accounts, Groups: groups, Unresolved: s.Unresolved, Former: s.Former}, err
}

// Known reads what is believed of a source's directory. What the store has of
// the source and the state does not know is added, so that it is looked for.
func (e *Engine) Known(ctx context.Context, source string) (*Known, error) {
	k := &Known{source: source, settled: map[directory.EntryID]bool{}}
	err := e.st.Read(ctx, func(v *store.View) error {
		st, err := v.ReadState(ctx, source)
		if err != nil {
			return err
		}
		k.version, k.torn = st.Version, st.Applying
		if c := e.recall(source, st.Version); c != nil && !st.Applying {
			*k = *c
			return nil
		}
		if err := k.load(ctx, v, st); err != nil {
			return err
		}
		return k.adopt(ctx, v)
	})
	if err != nil {
		return nil, fmt.Errorf("what is known of %s: %w", source, err)
	}
	return k, nil
}

// HalfApplied reports whether a run of the source is being applied now, or was
// when its process died.
func (e *Engine) HalfApplied(ctx context.Context, source string) (half bool, err error) {
	err = e.st.Read(ctx, func(v *store.View) error {
		st, err := v.ReadState(ctx, source)
		half = st.Applying
		return err
	})
	if err != nil {
		return false, fmt.Errorf("what is known of %s: %w", source, err)
	}
	return half, nil
}

// recall is what this process knew at the version, or nil.
func (e *Engine) recall(source string, version int64) *Known {
	e.knownMu.Lock()
	defer e.knownMu.Unlock()
	if k := e.lastKnown[source]; k != nil && k.version == version {
		return k
	}
	return nil
}

func (e *Engine) remember(k *Known) {
	e.knownMu.Lock()
	defer e.knownMu.Unlock()
	e.lastKnown[k.source] = k
}

func (k *Known) load(ctx context.Context, v *store.View, st store.ReadState) error {
	var accounts []*directory.ReadAccount
	var groups []*directory.ReadGroup
	err := v.ReadEntries(ctx, k.source, func(e store.ReadEntry) error {
		id, err := directory.ParseEntryID(e.ID)
		if err != nil {
			return err
		}
		if e.Group {
			var s savedGroup
			if err := json.Unmarshal(e.Body, &s); err != nil {
				return err
			}
			g, err := s.read(id)
			groups = append(groups, g)
			return err
		}
		var s savedAccount
		if err := json.Unmarshal(e.Body, &s); err != nil {
			return err
		}
		if s.Settled {
			k.settled[id] = true
		}
		accounts = append(accounts, s.read(id))
		return nil
	})
	if err != nil {
		return err
	}
	k.saved = directory.NewState(k.source, accounts, groups)
	if len(st.Checkpoint) > 0 {
		var c savedCheckpoint
		if err := json.Unmarshal(st.Checkpoint, &c); err != nil {
			return err
		}
		k.saved.Checkpoint, k.saved.Depth = c.Checkpoint, c.Depth
	}
	k.state = k.saved
	for id := range k.settled {
		k.state = k.state.Settle(id)
	}
	if k.torn {
		k.state.Checkpoint = directory.Checkpoint{At: k.saved.Checkpoint.At}
	}
	return nil
}

// adopt adds what the store has and the state does not: what a run that did not
// come to its end has made, or what came by another way.
func (k *Known) adopt(ctx context.Context, v *store.View) error {
	accounts, groups := k.state.Accounts, k.state.Groups
	entries := map[directory.AccountID]directory.EntryID{}
	err := v.SourceAccounts(ctx, k.source, nil, func(a directory.Account) error {
		id, err := directory.ParseEntryID(a.ExternalID)
		if err != nil {
			return nil // not a directory's
		}
		entries[a.ID] = id
		if k.state.Account(id) == nil && (a.Active || k.torn) {
			accounts = append(slices.Clip(accounts), adoptAccount(id, a))
		}
		return nil
	})
	if err != nil {
		return err
	}
	stored, err := v.SourceGroups(ctx, k.source)
	if err != nil {
		return err
	}
	adopted := map[directory.GroupID]*directory.ReadGroup{}
	for _, g := range stored {
		id, err := directory.ParseEntryID(g.ExternalID)
		if err == nil && k.state.Group(id) == nil {
			adopted[g.ID] = &directory.ReadGroup{ID: id, DN: g.DN, Name: g.Display, Whole: true}
			groups = append(slices.Clip(groups), adopted[g.ID])
		}
	}
	if len(adopted) > 0 {
		err = v.SourceMembers(ctx, k.source, func(in directory.GroupID, a directory.AccountID) error {
			if id, ours := entries[a]; ours && adopted[in] != nil {
				adopted[in].Accounts = append(adopted[in].Accounts, id)
			}
			return nil
		})
	}
	for _, g := range adopted {
		slices.SortFunc(g.Accounts, directory.EntryID.Compare)
	}
	k.first = len(entries) == 0 && len(k.saved.Accounts) == 0
	if len(accounts) != len(k.state.Accounts) || len(groups) != len(k.state.Groups) {
		next := directory.NewState(k.source, accounts, groups)
		next.Checkpoint, next.Depth = directory.Checkpoint{At: k.saved.Checkpoint.At}, k.state.Depth
		k.state = next
	}
	return err
}

func adoptAccount(id directory.EntryID, a directory.Account) *directory.ReadAccount {
	var doc accountDoc
	_ = json.Unmarshal(a.Doc, &doc) // what is not there stays empty
	out := &directory.ReadAccount{ID: id, DN: doc.DN, Login: a.Login, Display: a.Display, Email: a.Email, Activity: directory.Disabled}
	if a.Active {
		out.Activity = directory.Active
	}
	return out
}

// Settle decides the conflict of an entry: the next run creates it as an account
// of its own, which inherits nothing. With groups it takes over the names that
// groups list for who had them before; the next run then reads everything. It
// returns the names of these groups. by must carry the source's lease.
func (e *Engine) Settle(ctx context.Context, by store.By, source string, id directory.EntryID, groups bool) ([]string, error) {
	k, err := e.Known(ctx, source)
	if err != nil {
		return nil, err
	}
	a := k.saved.Account(id)
	conflict := a != nil && !a.Conflict.IsZero()
	var entries []store.ReadEntry
	if conflict {
		entries = append(entries, store.ReadEntry{ID: id.String(), Body: mustJSON(saveAccount(a, true))})
	}
	var names []string
	if groups {
		for _, g := range k.saved.HandOver(id) {
			names = append(names, g.Name)
			entries = append(entries, store.ReadEntry{Group: true, ID: g.ID.String(), Body: mustJSON(saveGroup(g))})
		}
	}
	switch {
	case len(entries) == 0 && groups:
		return nil, &InvalidError{Says: fmt.Sprintf("entry %s of %s is in no conflict, and no group lists its name for another; `grantbridge sync show --source %s` says what is not believed", id, source, source)}
	case len(entries) == 0:
		return nil, &InvalidError{Says: fmt.Sprintf("entry %s of %s is in no conflict; `grantbridge sync show --source %s` lists those that are", id, source, source)}
	}
	st, err := k.stateToSave(k.saved, k.torn || len(names) > 0)
	if err == nil {
		_, err = e.do(ctx, by, &store.SettleEntry{State: st, Entries: entries, Entry: id.String(), Groups: names})
	}
	return names, err
}

// stateToSave is st without its entries, as the store keeps it.
func (k *Known) stateToSave(st directory.State, applying bool) (store.ReadState, error) {
	checkpoint, err := json.Marshal(savedCheckpoint{st.Checkpoint, st.Depth})
	return store.ReadState{Source: k.source, Checkpoint: checkpoint, Applying: applying}, err
}

// saveState keeps the checkpoint of st and the entries.
func (e *Engine) saveState(ctx context.Context, lease store.Lease, k *Known, st directory.State, applying bool, entries iter.Seq[store.ReadEntry]) error {
	saved, err := k.stateToSave(st, applying)
	if err != nil {
		return err
	}
	if err := e.st.SaveReadState(ctx, lease, saved, entries); err != nil {
		return fmt.Errorf("keep what was read of %s: %w", k.source, err)
	}
	return nil
}

// entriesTo are the entries that lead from what is saved to next.
func (k *Known) entriesTo(next directory.State) iter.Seq[store.ReadEntry] {
	return func(yield func(store.ReadEntry) bool) {
		for was, a := range both(k.saved.Accounts, next.Accounts, func(a *directory.ReadAccount) directory.EntryID { return a.ID }) {
			if e, changed := k.accountEntry(was, a); changed && !yield(e) {
				return
			}
		}
		for was, g := range both(k.saved.Groups, next.Groups, func(g *directory.ReadGroup) directory.EntryID { return g.ID }) {
			if e, changed := groupEntry(was, g); changed && !yield(e) {
				return
			}
		}
	}
}

// accountEntry is what to keep of an account, and whether that is new.
func (k *Known) accountEntry(was, a *directory.ReadAccount) (store.ReadEntry, bool) {
	if a == nil {
		return store.ReadEntry{ID: was.ID.String()}, true
	}
	settled := k.settled[a.ID] && !a.Conflict.IsZero()
	if was != nil && k.settled[a.ID] == settled && (was == a || was.Equal(a)) {
		return store.ReadEntry{}, false
	}
	return store.ReadEntry{ID: a.ID.String(), Body: mustJSON(saveAccount(a, settled))}, true
}

func groupEntry(was, g *directory.ReadGroup) (store.ReadEntry, bool) {
	switch {
	case g == nil:
		return store.ReadEntry{Group: true, ID: was.ID.String()}, true
	case was == g, was != nil && was.Equal(g):
		return store.ReadEntry{}, false
	}
	return store.ReadEntry{Group: true, ID: g.ID.String(), Body: mustJSON(saveGroup(g))}, true
}

// both walks through two lists that ascend by id, and yields what has one id; nil
// where a list has none.
func both[T any](a, b []*T, id func(*T) directory.EntryID) iter.Seq2[*T, *T] {
	return func(yield func(*T, *T) bool) {
		for len(a) > 0 || len(b) > 0 {
			var x, y *T
			order := 0
			switch {
			case len(a) == 0:
				order = 1
			case len(b) == 0:
				order = -1
			case a[0] != b[0]:
				order = id(a[0]).Compare(id(b[0]))
			}
			if order <= 0 {
				x, a = a[0], a[1:]
			}
			if order >= 0 {
				y, b = b[0], b[1:]
			}
			if !yield(x, y) {
				return
			}
		}
	}
}
