package mapping

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"grantbridge/directory"
)

// State says what the rules do with g.
func (s *Set) State(g directory.Group) GroupState {
	f := faceOf(g)
	var out GroupState
	for _, m := range s.index.matches(&f) {
		if !slices.Contains(out.Rules, m.rule.id) {
			out.Rules = append(out.Rules, m.rule.id)
		}
	}
	if out.Rules == nil {
		out.Near = s.near(&f)
	}
	return out
}

// near is the sentence about the rule that f misses by least.
func (s *Set) near(f *face) string {
	_, how, _, _ := s.nearest(f)
	return how
}

func (s *Set) nearest(f *face) (best miss, how string, of *leaf, in *rule) {
	for _, r := range s.rules {
		r.group.leaves(func(l *leaf, _ bool) {
			if m := l.misses(f, r.takesSource(f.source)); m != 0 && (best == 0 || m < best) {
				best, of, in = m, l, r
			}
		})
	}
	if best != 0 {
		how = best.sentence(in, of, f)
	}
	return best, how, of, in
}

// miss is how a group misses a rule, the nearest first.
type miss uint8

const (
	_ miss = iota
	bySource
	byCase
	bySeparator
	byRename
	byEdit
)

// misses says how f misses l; zero is by more than a slip.
func (l *leaf) misses(f *face, source bool) miss {
	if _, ok := l.match(f); ok {
		if source {
			return 0
		}
		return bySource
	}
	if !source {
		return 0
	}
	switch l.kind {
	case byName:
		return textMiss(l.key, f.fold, l.bare, f.bare)
	case byGlob:
		if l.loose.match(f.bare) {
			return bySeparator
		}
	case byRegexp:
		return l.patternMiss(f.name)
	case byDN:
		return l.dnMiss(f)
	case byID:
		return l.idMiss(f)
	}
	return 0
}

func textMiss(want, got, bareWant, bareGot string) miss {
	switch {
	case want == "" || got == "":
		return 0
	case bareWant == bareGot && bareGot != "":
		return bySeparator
	case len(want) > 3 && oneEdit(want, got):
		return byEdit
	}
	return 0
}

// oneEdit reports whether one insertion, deletion, replacement or swap of
// neighbours makes a of b.
func oneEdit(a, b string) bool {
	for a != "" && b != "" {
		r, n := utf8.DecodeRuneInString(a)
		if s, _ := utf8.DecodeRuneInString(b); r != s {
			break
		}
		a, b = a[n:], b[n:]
	}
	for a != "" && b != "" {
		r, n := utf8.DecodeLastRuneInString(a)
		if s, _ := utf8.DecodeLastRuneInString(b); r != s {
			break
		}
		a, b = a[:len(a)-n], b[:len(b)-n]
	}
	if len(a) > 2*utf8.UTFMax || len(b) > 2*utf8.UTFMax {
		return false
	}
	x, y := []rune(a), []rune(b)
	return max(len(x), len(y)) == 1 || len(x) == 2 && len(y) == 2 && x[0] == y[1] && x[1] == y[0]
}

func (l *leaf) patternMiss(name string) miss {
	if l.any == nil || name == "" {
		return 0
	}
	if l.any.MatchString(name) {
		return byCase
	}
	for _, sep := range []string{"-", "_", " ", ".", ""} {
		if l.any.MatchString(reseparate(name, sep)) {
			return bySeparator
		}
	}
	return 0
}

func (l *leaf) dnMiss(f *face) miss {
	if f.key == "" {
		if foldName(l.dn.Leaf()) == f.fold && f.fold != "" {
			return byRename
		}
		return 0
	}
	if foldName(l.dn.Leaf()) == foldName(f.dn.Leaf()) {
		return byRename
	}
	return textMiss(l.key, f.key, "", "")
}

func (l *leaf) idMiss(f *face) miss {
	for _, id := range []string{f.extern, f.uid} {
		if id != "" && strings.EqualFold(id, l.key) {
			return byCase
		}
	}
	if f.fold != "" && (l.name != "" && foldName(l.name) == f.fold || foldName(l.text) == f.fold) {
		return byRename
	}
	return 0
}

// sentence is the miss for the person who wonders.
func (m miss) sentence(r *rule, l *leaf, f *face) string {
	switch m {
	case bySource:
		return fmt.Sprintf("rule %s matches this name, but of %s, not of %s", r.id, sourceText(r.from), f.source)
	case byCase:
		return fmt.Sprintf("rule %s (%s) differs by case only", r.id, l)
	case bySeparator:
		return fmt.Sprintf("rule %s (%s) differs by separators only", r.id, l)
	case byEdit:
		return fmt.Sprintf("rule %s (%s) differs by one character", r.id, l)
	}
	if l.kind == byDN {
		return fmt.Sprintf("rule %s names a group %s in another place: %s", r.id, l.dn.Leaf(), l.text)
	}
	return fmt.Sprintf("rule %s names a group %s with another id: %s", r.id, f.name, l.text)
}

// squash drops what separates words in names.
func squash(folded string) string {
	return strings.Map(func(r rune) rune {
		if isSeparator(r) {
			return -1
		}
		return r
	}, folded)
}

func isSeparator(r rune) bool {
	return strings.ContainsRune(" -_.:/\\\u00a0\u2010\u2011\u2013\u2014", r)
}

// squashed is the glob without separators.
func (g glob) squashed() glob {
	out := make(glob, 0, len(g))
	for _, p := range g {
		if p.kind != oneRune || !isSeparator(p.r) {
			out = append(out, p)
		}
	}
	return out
}

// Rules lists the rules with which of groups each matches.
func (s *Set) Rules(groups []directory.Group) []RuleState {
	out := make([]RuleState, len(s.rules))
	for i, r := range s.rules {
		out[i] = RuleState{ID: r.id, Line: r.at.line, Says: r.sentence()}
	}
	for _, g := range groups {
		if g.Deleted {
			continue
		}
		f := faceOf(g)
		last := -1
		for _, m := range s.index.matches(&f) {
			if m.n != last {
				out[m.n].Groups = append(out[m.n].Groups, g.ID)
				last = m.n
			}
		}
	}
	return out
}

// sentence is the rule as a person says it: "okta group Data-Science: give view
// + segments.share on all".
func (r *rule) sentence() string {
	var b strings.Builder
	from := sourceText(r.from)
	if r.from == nil {
		from = "any source"
	}
	switch {
	case r.group != nil:
		fmt.Fprintf(&b, "%s: in %s", from, r.group)
		if r.person != nil {
			fmt.Fprintf(&b, ", and %s", r.person.says)
		}
	case r.person != nil:
		fmt.Fprintf(&b, "%s: %s", from, r.person.says)
	}
	b.WriteString(" → ")
	var does []string
	for _, e := range r.effects {
		does = append(does, e.sentence())
	}
	b.WriteString(strings.Join(does, ", "))
	if r.sites != nil {
		fmt.Fprintf(&b, " on %s", r.sites.text)
	}
	b.WriteString(r.times())
	return b.String()
}

func (e *effect) sentence() string {
	if e.verb != give {
		return strings.Replace(strings.Replace(e.role, "token_at_most", "tokens at most", 1), "at_most", "at most", 1)
	}
	if e.ceiling.String() != "inherit" {
		return fmt.Sprintf("give %s (tokens up to %s)", e.role, e.ceiling)
	}
	return "give " + e.role
}

func (r *rule) times() string {
	var out string
	if !r.starts.IsZero() {
		out += ", from " + r.starts.Format(time.RFC3339)
	}
	if !r.until.IsZero() {
		out += ", until " + r.until.Format(time.RFC3339)
	}
	if r.lasts > 0 {
		out += ", for " + shortDuration(r.lasts) + " from joining"
	}
	return out
}

func shortDuration(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

// String is the condition as a person says it.
func (c *cond) String() string { return c.says }

// describe makes says, of the parts first.
func (c *cond) describe() {
	if c == nil {
		return
	}
	for _, a := range c.args {
		a.describe()
	}
	c.says = c.sentence()
}

func (c *cond) sentence() string {
	if c.op == isLeaf {
		return c.leaf.String()
	}
	if c.op == notOf && len(c.args) > 0 { // what is not said is a problem already
		return "not " + c.args[0].inner()
	}
	word := " or "
	if c.op == allOf {
		word = " and "
	}
	parts := make([]string, len(c.args))
	for i, a := range c.args {
		parts[i] = a.inner()
	}
	return strings.Join(parts, word)
}

func (c *cond) inner() string {
	if c.op == anyOf || c.op == allOf {
		return "(" + c.String() + ")"
	}
	return c.String()
}
