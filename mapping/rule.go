package mapping

import (
	"time"

	"grantbridge/access"
)

// rule is one rule of the file, read and checked.
type rule struct {
	id      string
	at      *node // the id
	body    *node
	why     string
	from    []string // nil is any
	group   *cond    // nil is not asked
	person  *person  // nil is not asked
	sites   *sites   // nil only of superuser rules
	effects []effect
	starts  time.Time
	until   time.Time
	lasts   time.Duration
	single  bool // it is about each of its groups alone
}

// effect is one thing that a rule does.
type effect struct {
	verb    verb
	role    string // what people wrote
	actions access.Actions
	ceiling access.Ceiling // of give
	at      *node
}

// verb is what an effect does.
type verb uint8

const (
	give verb = iota
	withoutVerb
	atMost
	tokenAtMost
)

var verbNames = [...]string{"give", "without", "at_most", "token_at_most"}

func (v verb) String() string { return verbNames[v] }

func (r *rule) gives() *effect {
	for i := range r.effects {
		if r.effects[i].verb == give {
			return &r.effects[i]
		}
	}
	return nil
}

// takesSource reports whether the rule is about source.
func (r *rule) takesSource(source string) bool {
	if r.from == nil {
		return true
	}
	for _, s := range r.from {
		if s == source {
			return true
		}
	}
	return false
}

// Limits are those that the file states.
func (s *Set) Limits() Limits { return s.limits }

// Text is the mapping as it was read.
func (s *Set) Text() []byte { return append([]byte(nil), s.text...) }
