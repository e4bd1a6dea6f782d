package ldapsync

import (
	"slices"

	"grantbridge/directory"
)

// finder finds the account that a member value names. A server writes one DN
// one way, so the text itself is looked up first; only what is not found costs
// a canonical name.
type finder struct {
	accounts []*directory.ReadAccount          // ascending
	byDN     *names                            // lazily, unless it was given
	logins   map[string]*directory.ReadAccount // lazily
	keys     map[string]*directory.ReadAccount // lazily, by canonical DN
	folds    map[string]*directory.ReadAccount // lazily, by folded login
}

func newFinder(accounts []*directory.ReadAccount, byDN *names) *finder {
	return &finder{accounts: accounts, byDN: byDN}
}

func (f *finder) exactDN(v []byte) (directory.EntryID, bool) {
	if f.byDN == nil {
		f.byDN = newNames(len(f.accounts))
		for _, a := range f.accounts {
			f.byDN.put(a.DN, a.ID)
		}
	}
	return f.byDN.get(v)
}

// has reports whether the account was read.
func (f *finder) has(id directory.EntryID) bool {
	_, ok := slices.BinarySearchFunc(f.accounts, id, func(a *directory.ReadAccount, id directory.EntryID) int { return a.ID.Compare(id) })
	return ok
}

// dn is the DN of an account that was read.
func (f *finder) dn(id directory.EntryID) string {
	i, ok := slices.BinarySearchFunc(f.accounts, id, func(a *directory.ReadAccount, id directory.EntryID) int { return a.ID.Compare(id) })
	if !ok {
		return ""
	}
	return f.accounts[i].DN
}

func (f *finder) exactLogin(v []byte) *directory.ReadAccount {
	f.indexLogins()
	return f.logins[string(v)]
}

func (f *finder) indexLogins() {
	if f.logins != nil {
		return
	}
	f.logins = make(map[string]*directory.ReadAccount, len(f.accounts))
	f.folds = make(map[string]*directory.ReadAccount, len(f.accounts))
	for _, a := range f.accounts {
		f.logins[a.Login] = a
		f.folds[directory.Fold(a.Login)] = a
	}
}

// DN finds an account by any way to write its name.
func (f *finder) DN(name string) *directory.ReadAccount {
	if f.keys == nil {
		f.keys = make(map[string]*directory.ReadAccount, len(f.accounts))
		for _, a := range f.accounts {
			if key, ok := dnKey(a.DN); ok {
				f.keys[key] = a
			}
		}
	}
	key, ok := dnKey(name)
	if !ok {
		return nil
	}
	return f.keys[key]
}

func (f *finder) login(name string) *directory.ReadAccount {
	f.indexLogins()
	return f.folds[directory.Fold(name)]
}

func dnKey(s string) (string, bool) {
	d, err := directory.ParseDN(s)
	return d.Key(), err == nil
}
