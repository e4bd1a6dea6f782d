package directory

import "errors"

// MarshalText is String.
func (id EntryID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseEntryID.
func (id *EntryID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseEntryID(string(text))
	return err
}

// Bytes is ids one after another.
func Bytes(ids []EntryID) []byte {
	out := make([]byte, 0, len(ids)*len(EntryID{}))
	for _, id := range ids {
		out = append(out, id[:]...)
	}
	return out
}

// EntryIDs reads what Bytes wrote.
func EntryIDs(b []byte) ([]EntryID, error) {
	const size = len(EntryID{})
	if len(b)%size != 0 {
		return nil, errors.New("entry ids: the text ends within one")
	}
	if len(b) == 0 {
		return nil, nil
	}
	out := make([]EntryID, len(b)/size)
	for i := range out {
		copy(out[i][:], b[i*size:])
	}
	return out, nil
}

// Walk answers Members for many groups of s, one after the other: an answer is
// good until the next.
func (s State) Walk() func(group EntryID) []Membership { return newGraph(s).members }
