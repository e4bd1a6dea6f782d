package access

import "fmt"

// subjectKey is a Subject in 32 bits: its kind above its id. Zero is nobody.
type subjectKey uint32

const keyIDBits = 28 // MaxID fits

const (
	keySignedIn = subjectKey(SignedIn) << keyIDBits
	keyEveryone = subjectKey(Everyone) << keyIDBits
	keyGroup    = subjectKey(TheGroup) << keyIDBits
	keyTrait    = subjectKey(TheTrait) << keyIDBits
	keyPerson   = subjectKey(ThePerson) << keyIDBits
	keyIDMask   = subjectKey(MaxID)
)

// key packs s, whose id is in range (see Subject.check). The id of a built-in
// subject says nothing.
func (s Subject) key() subjectKey {
	if s.Kind >= SignedIn {
		return subjectKey(s.Kind) << keyIDBits
	}
	return subjectKey(s.Kind)<<keyIDBits | subjectKey(s.ID)
}

func (k subjectKey) subject() Subject {
	return Subject{Kind: SubjectKind(k >> keyIDBits), ID: int64(k & keyIDMask)}
}

func (k subjectKey) isGroup() bool { return k>>keyIDBits == subjectKey(TheGroup) }

// hash spreads neighbouring ids over the high bits.
func (k subjectKey) hash() uint32 { return uint32(k) * 0x9E3779B1 }

// check refuses what a rule or a cohort cannot be about.
func (s Subject) check() error {
	switch s.Kind {
	case ThePerson, TheGroup, TheCohort, TheTrait:
		if s.ID <= 0 || s.ID > MaxID {
			return fmt.Errorf("%s: ids go from 1 to %d", s, MaxID)
		}
		return nil
	case SignedIn, Everyone:
		return nil
	}
	return fmt.Errorf("no subject: kind %d", s.Kind)
}

var subjectNames = [...]string{"nobody", "person", "group", "cohort", "trait", "signed-in", "everyone"}

// String names the subject: "group 7", "everyone".
func (s Subject) String() string {
	switch {
	case int(s.Kind) >= len(subjectNames):
		return fmt.Sprintf("subject(%d) %d", s.Kind, s.ID)
	case s.Kind == Nobody || s.Kind >= SignedIn:
		return subjectNames[s.Kind]
	}
	return fmt.Sprintf("%s %d", subjectNames[s.Kind], s.ID)
}
