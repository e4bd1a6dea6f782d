package mapping

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"

	"grantbridge/access"
	"grantbridge/directory"
)

// index finds the rules that may be about a group without trying all.
type index struct {
	exact    [3]map[string][]hit // by name, by DN, by id
	patterns []hit               // globs, regexps and dn_under, in order of rule
	complex  []*rule             // those that Rest compiles
}

// hit is a leaf of a rule.
type hit struct {
	rule *rule
	n    int // the rule's place in the file
	leaf *leaf
}

func newIndex(rules []*rule) index {
	var x index
	for i := range x.exact {
		x.exact[i] = map[string][]hit{}
	}
	for n, r := range rules {
		if !r.single {
			x.complex = append(x.complex, r)
		}
		r.group.leaves(func(l *leaf, _ bool) { x.add(hit{r, n, l}) })
	}
	return x
}

func (x *index) add(h hit) {
	switch h.leaf.kind {
	case byName:
		x.exact[0][h.leaf.key] = append(x.exact[0][h.leaf.key], h)
	case byDN:
		x.exact[1][h.leaf.key] = append(x.exact[1][h.leaf.key], h)
	case byID:
		x.exact[2][h.leaf.key] = append(x.exact[2][h.leaf.key], h)
	default:
		x.patterns = append(x.patterns, h)
	}
}

// match is a leaf that matches a group, with what it captured.
type match struct {
	hit
	captures map[string]string
}

// matches lists the leaves that match f, in the order of the file.
func (x *index) matches(f *face) []match {
	var out []match
	try := func(hits []hit) {
		for _, h := range hits {
			if !h.rule.takesSource(f.source) {
				continue
			}
			if captures, ok := h.leaf.match(f); ok {
				out = append(out, match{h, captures})
			}
		}
	}
	if f.fold != "" {
		try(x.exact[0][f.fold])
	}
	if f.key != "" {
		try(x.exact[1][f.key])
	}
	if f.extern != "" {
		try(x.exact[2][f.extern])
	}
	if f.uid != "" && f.uid != f.extern {
		try(x.exact[2][f.uid])
	}
	try(x.patterns)
	slices.SortStableFunc(out, func(a, b match) int { return cmp.Compare(a.n, b.n) })
	return out
}

// ForGroup is what the rules say of g alone: access rules whose subject is g.
func (s *Set) ForGroup(g directory.Group) []access.Rule {
	if g.Deleted {
		return nil
	}
	f := faceOf(g)
	var out []access.Rule
	seen := map[access.RuleID]bool{}
	for _, m := range s.index.matches(&f) {
		if !m.rule.single {
			continue
		}
		subject := access.Subject{Kind: access.TheGroup, ID: int64(g.ID)}
		for _, r := range m.rule.compile(subject, m.captures, f.id, originOf(m.rule, &f)) {
			if !seen[r.ID] {
				seen[r.ID] = true
				out = append(out, r)
			}
		}
	}
	return out
}

// originOf says where what rule r says of group f comes from.
func originOf(r *rule, f *face) access.Origin {
	return access.Origin{Source: f.source, Group: f.name, Rule: r.id, Reason: r.why}
}

// compile makes the access rules of r for one subject; none when a capture
// names no site.
func (r *rule) compile(subject access.Subject, captures map[string]string, g access.GroupID, origin access.Origin) []access.Rule {
	scope := access.Scope{All: true, Text: "all"}
	variant := ""
	if r.sites != nil {
		var ok bool
		if scope, ok = r.sites.scope(captures); !ok {
			return nil
		}
		if len(r.sites.captures()) > 0 {
			variant = scope.Text
		}
	}
	out := make([]access.Rule, 0, len(r.effects))
	for _, e := range r.effects {
		rule := access.Rule{Subject: subject, Role: e.role, Actions: e.actions, Scope: scope, TokenCeiling: e.ceiling,
			From: r.starts, Until: r.until, For: r.lasts, Origin: origin}
		rule.Kind, rule.Channel, rule.Actions = e.meaning()
		rule.ID = access.RuleID(hash63(r.id, strconv.FormatInt(int64(g), 10), e.verb.String(), variant))
		out = append(out, rule)
	}
	return out
}

// everything is every action of any catalogue.
var everything = func() (all access.Actions) {
	for a := range access.ActionID(access.MaxActions) {
		all.Add(a)
	}
	return all
}()

func (e *effect) meaning() (access.Kind, access.Channel, access.Actions) {
	switch e.verb {
	case give:
		return access.Grant, access.AnyChannel, e.actions
	case atMost:
		if e.actions == (access.Actions{}) {
			return access.Deny, access.AnyChannel, everything
		}
		return access.Cap, access.AnyChannel, e.actions
	case tokenAtMost:
		return access.Cap, access.TokenChannel, e.actions
	}
	return access.Deny, access.AnyChannel, e.actions
}

// Timed reports whether a rule that runs from joining is about g, so that
// access.Person.Joined must name it.
func (s *Set) Timed(g directory.Group) bool {
	f := faceOf(g)
	return slices.ContainsFunc(s.index.matches(&f), func(m match) bool { return m.rule.single && m.rule.lasts > 0 })
}

// hash63 is a positive number that stands for the parts.
func hash63(parts ...string) int64 {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	v := int64(binary.BigEndian.Uint64(h.Sum(nil)) >> 1)
	return max(v, 1)
}

// hash28 is a number from 1 to access.MaxID that stands for text.
func hash28(text string) int64 { return hash63(text)%access.MaxID + 1 }
