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

// op is the operator of a cond.
type op uint8

const (
	isLeaf op = iota
	anyOf
	allOf
	notOf
)

// cond is a boolean over groups.
type cond struct {
	op   op
	leaf *leaf
	args []*cond
	at   *node
}

// leaves calls f with every leaf, and whether it stands under a not.
func (c *cond) leaves(f func(l *leaf, negated bool)) { c.walk(f, false) }

func (c *cond) walk(f func(*leaf, bool), negated bool) {
	if c == nil {
		return
	}
	if c.op == isLeaf {
		f(c.leaf, negated)
	}
	for _, a := range c.args {
		a.walk(f, negated != (c.op == notOf))
	}
}

// single reports whether c is about one group at a time.
func (c *cond) single() bool {
	switch c.op {
	case isLeaf:
		return true
	case anyOf:
		for _, a := range c.args {
			if !a.single() {
				return false
			}
		}
		return true
	}
	return false
}

// positive reports whether c can only hold for a person who is in some group
// that it names.
func (c *cond) positive() bool {
	switch c.op {
	case isLeaf:
		return true
	case anyOf:
		for _, a := range c.args {
			if !a.positive() {
				return false
			}
		}
		return true
	case allOf:
		for _, a := range c.args {
			if a.positive() {
				return true
			}
		}
	}
	return false
}

// sites is what a rule says of sites. It is the same whatever sites there are:
// slugs and labels are resolved when a decision is made.
type sites struct {
	all        bool
	ids        []access.SiteID
	slugs      []template
	labels     map[string]string
	slug       *template // a glob
	exceptIDs  []access.SiteID
	exceptSel  []access.Selector
	exceptText string
	text       string
	at         *node
}

// captures are the names in braces.
func (s *sites) captures() []string {
	var out []string
	for _, t := range s.slugs {
		out = append(out, t.names()...)
	}
	if s.slug != nil {
		out = append(out, s.slug.names()...)
	}
	return out
}

// Limits are those that the file states.
func (s *Set) Limits() Limits { return s.limits }

// Text is the mapping as it was read.
func (s *Set) Text() []byte { return append([]byte(nil), s.text...) }
