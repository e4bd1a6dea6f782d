package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"grantbridge/access"
	"grantbridge/directory"
)

// glob is a compiled glob: * any run, ? any one, \ quotes. It compares folded
// text.
type glob []globPart

type globPart struct {
	r    rune
	kind globKind
}

type globKind uint8

const (
	oneRune globKind = iota
	anyOne
	anyRun
)

var errTrailingBackslash = errors.New(`nothing follows the last backslash; \\ is a backslash`)

func parseGlob(text string) (glob, error) {
	var g glob
	literal := ""
	flush := func() {
		for _, r := range directory.Fold(literal) {
			g = append(g, globPart{r, oneRune})
		}
		literal = ""
	}
	quoted := false
	for _, r := range text {
		switch {
		case quoted:
			literal, quoted = literal+string(r), false
		case r == '\\':
			quoted = true
		case r == '*':
			flush()
			if len(g) == 0 || g[len(g)-1].kind != anyRun {
				g = append(g, globPart{kind: anyRun})
			}
		case r == '?':
			flush()
			g = append(g, globPart{kind: anyOne})
		default:
			literal += string(r)
		}
	}
	flush()
	if quoted {
		return nil, errTrailingBackslash
	}
	return g, nil
}

// match reports whether the whole of folded matches.
func (g glob) match(folded string) bool {
	s := []rune(folded)
	i, star, from := 0, -1, 0
	for at := 0; at < len(s); {
		switch {
		case i < len(g) && g[i].kind == anyRun:
			star, from = i, at
			i++
		case i < len(g) && (g[i].kind == anyOne || g[i].r == s[at]):
			i++
			at++
		case star >= 0:
			from++
			i, at = star+1, from
		default:
			return false
		}
	}
	for i < len(g) && g[i].kind == anyRun {
		i++
	}
	return i == len(g)
}

// quoteGlob is the glob that matches text alone.
func quoteGlob(text string) string {
	return globQuoter.Replace(text)
}

var globQuoter = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`)

// The bounds of one pattern and of all patterns of a file, in instructions of
// its program, so that no small text needs much memory.
const (
	maxPattern      = 1000
	maxInstructions = 20_000
	maxProgram      = 1_000_000
)

// compilePattern compiles a regular expression that must match the whole.
func (r *reader) compilePattern(at *node, text, flags string) *regexp.Regexp {
	if len(text) > maxPattern {
		r.fail("GB130", at, "the pattern has %d bytes; at most %d are read", len(text), maxPattern)
		return nil
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		e, _ := errors.AsType[*syntax.Error](err)
		r.fail("GB130", at, "pattern does not compile: %s: `%s`", e.Code, e.Expr)
		return nil
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		r.fail("GB130", at, "pattern does not compile: %v", err)
		return nil
	}
	r.program += len(prog.Inst)
	if len(prog.Inst) > maxInstructions || r.program > maxProgram {
		r.fail("GB130", at, "the pattern is too large")
		return nil
	}
	re, err := regexp.Compile(`\A(?:` + flags + `(?:` + text + `))\z`)
	if err != nil {
		r.fail("GB130", at, "pattern does not compile: %v", err)
		return nil
	}
	return re
}

// anchored reports whether the pattern itself says that it matches the whole.
func anchored(text string) bool {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return true
	}
	return startsAt(tree, syntax.OpBeginText) && startsAt(tree, syntax.OpEndText)
}

func startsAt(re *syntax.Regexp, op syntax.Op) bool {
	switch re.Op {
	case op:
		return true
	case syntax.OpCapture:
		return startsAt(re.Sub[0], op)
	case syntax.OpConcat:
		at := 0
		if op == syntax.OpEndText {
			at = len(re.Sub) - 1
		}
		return startsAt(re.Sub[at], op)
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !startsAt(sub, op) })
	}
	return false
}

// face is a group as patterns see it.
type face struct {
	id     access.GroupID
	source string
	name   string // NFC
	fold   string
	bare   string // fold without separators
	uid    string
	extern string
	dn     directory.DN
	key    string // of dn
}

func faceOf(g directory.Group) face {
	f := face{id: access.GroupID(g.ID), source: g.Source, name: norm.NFC.String(g.Display), uid: idKey(g.UID), extern: idKey(g.ExternalID)}
	if g.DN != "" {
		if dn, err := directory.ParseDN(g.DN); err == nil {
			f.dn, f.key = dn, dn.Key()
			if f.name == "" {
				f.name = norm.NFC.String(dn.Leaf())
			}
		}
	}
	f.fold = foldName(f.name)
	f.bare = squash(f.fold)
	return f
}

// foldName is the key of a group's name: without case, normalised.
func foldName(s string) string { return directory.Fold(s) }

// idKey is the key of an immutable id: exact, but a GUID's case is nothing.
func idKey(s string) string {
	if guid.MatchString(s) {
		return strings.ToLower(s)
	}
	return s
}

var guid = regexp.MustCompile(`^\{?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\}?$`)

// leafKind says how a leaf names groups.
type leafKind uint8

const (
	byName leafKind = iota
	byGlob
	byRegexp
	byDN
	byDNUnder
	byID
)

var leafKinds = [...]string{"", "glob", "regexp", "dn", "dn_under", "id"}

func (k leafKind) String() string { return leafKinds[k] }

// leaf names groups of the rule's sources.
type leaf struct {
	kind  leafKind
	text  string // as written
	name  string // beside an id
	key   string // folded name, key of the DN, id
	bare  string // key without separators, of a name
	glob  glob
	loose glob // glob without separators
	re    *regexp.Regexp
	any   *regexp.Regexp // re without regard to case, for near misses
	dn    directory.DN
	at    *node
}

// match reports whether f is one of the groups, and what the pattern captured.
func (l *leaf) match(f *face) (captures map[string]string, ok bool) {
	switch l.kind {
	case byName:
		return nil, f.fold == l.key && l.key != ""
	case byGlob:
		return nil, f.fold != "" && l.glob.match(f.fold)
	case byRegexp:
		return matchPattern(l.re, f.name)
	case byDN:
		return nil, f.key == l.key && l.key != ""
	case byDNUnder:
		return nil, f.key != "" && f.dn.Under(l.dn)
	case byID:
		return nil, l.key != "" && (l.key == f.extern || l.key == f.uid)
	}
	return nil, false
}

func matchPattern(re *regexp.Regexp, name string) (map[string]string, bool) {
	if name == "" {
		return nil, false
	}
	if re.NumSubexp() == 0 {
		return nil, re.MatchString(name)
	}
	found := re.FindStringSubmatch(name)
	if found == nil {
		return nil, false
	}
	captures := map[string]string{}
	for i, n := range re.SubexpNames() {
		if n != "" && found[i] != "" {
			captures[n] = found[i]
		}
	}
	return captures, true
}

// String is the leaf as a person says it.
func (l *leaf) String() string {
	switch l.kind {
	case byName:
		return l.text
	case byID:
		if l.name != "" {
			return l.name
		}
	}
	return fmt.Sprintf("%s %s", l.kind, l.text)
}

// reseparate is name with every run of separators replaced by sep.
func reseparate(name, sep string) string {
	return strings.Join(strings.FieldsFunc(name, isSeparator), sep)
}
