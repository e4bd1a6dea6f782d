package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"unicode"
)

// Format is the mapping in canonical layout, comments kept. Parse of it gives
// an equal Set.
//
// Sections, and the keys of rules and tests, stand in the order of the tables;
// rules and tests stay in their own. Each key has one line, what is inside it
// stands in braces. A comment beside something stays beside it, a comment above
// something stays above it.
func (s *Set) Format() []byte {
	f := formatter{units: map[*node]*unit{}}
	f.collect(s.root)
	f.attach(s.comments)
	for _, c := range f.header {
		f.line("", c)
	}
	for i, k := range topKeys {
		if p := s.root.pairOf(k.name); p != nil {
			if i > 0 && f.out.Len() > 0 && k.name != "limits" {
				f.out.WriteByte('\n')
			}
			f.section(*p)
		}
	}
	for _, c := range f.footer {
		f.line("", c)
	}
	return []byte(f.out.String())
}

func (n *node) pairOf(key string) *pair {
	for i, p := range n.pairs {
		if p.key.text == key {
			return &n.pairs[i]
		}
	}
	return nil
}

// unit is what has a line of its own in the layout, with its comments.
type unit struct {
	start int // its first line in the file
	above []string
	aside []string
}

type formatter struct {
	out    strings.Builder
	units  map[*node]*unit // by key node, or the node of a rule or test
	order  []*unit
	header []string
	footer []string
}

func (f *formatter) add(n *node) {
	if f.units[n] == nil {
		f.units[n] = &unit{start: n.line}
		f.order = append(f.order, f.units[n])
	}
}

// collect finds the units, in the order of the file.
func (f *formatter) collect(root *node) {
	for _, p := range root.pairs {
		f.add(p.key)
		switch p.key.text {
		case "rules", "tests":
			for _, item := range p.value.items {
				f.add(item)
				for _, q := range item.pairs {
					f.add(q.key)
				}
			}
		case "limits", "roles", "site_sets":
			for _, q := range p.value.pairs {
				f.add(q.key)
			}
		}
	}
	sort.SliceStable(f.order, func(i, j int) bool { return f.order[i].start < f.order[j].start })
}

// attach gives every comment to a unit, the header or the footer.
func (f *formatter) attach(comments []comment) {
	for _, c := range comments {
		text := "#" + c.text
		// The first unit that starts after the comment's line, and before it the
		// first of those that start last up to it.
		next := sort.Search(len(f.order), func(i int) bool { return f.order[i].start > c.line })
		switch {
		case c.alone && next == 0:
			f.header = append(f.header, text)
		case c.alone && next == len(f.order):
			f.footer = append(f.footer, text)
		case c.alone:
			f.order[next].above = append(f.order[next].above, text)
		case next == 0:
			f.header = append(f.header, text)
		default:
			start := f.order[next-1].start
			first := sort.Search(next, func(i int) bool { return f.order[i].start >= start })
			f.order[first].aside = append(f.order[first].aside, text)
		}
	}
}

// line writes one line.
func (f *formatter) line(indent, text string) {
	f.out.WriteString(indent)
	f.out.WriteString(text)
	f.out.WriteByte('\n')
}

// unitLine writes the line of units that share it, with their comments: the
// first comment beside stays beside, further ones come above.
func (f *formatter) unitLine(indent, text string, nodes ...*node) {
	var aside []string
	for _, n := range nodes {
		u := f.units[n]
		for _, c := range u.above {
			f.line(strings.ReplaceAll(indent, "-", " "), c)
		}
		aside = append(aside, u.aside...)
	}
	if len(aside) > 0 {
		for _, c := range aside[1:] {
			f.line(strings.ReplaceAll(indent, "-", " "), c)
		}
		text += "  " + aside[0]
	}
	f.line(indent, text)
}

func (f *formatter) section(p pair) {
	switch p.key.text {
	case "rules":
		f.list(p, ruleKeys)
	case "tests":
		f.list(p, testKeys)
	case "limits":
		f.entries(p, limitKeys)
	case "roles", "site_sets":
		f.entries(p, nil)
	default:
		f.unitLine("", p.key.text+": "+inline(p.value), p.key)
	}
}

// list writes rules or tests, one key on a line.
func (f *formatter) list(p pair, table keys) {
	if len(p.value.items) == 0 {
		f.unitLine("", p.key.text+": []", p.key)
		return
	}
	f.unitLine("", p.key.text+":", p.key)
	for _, item := range p.value.items {
		for i, q := range inOrder(item.pairs, table) {
			text := scalarText(q.key) + ": " + inline(q.value)
			if i == 0 {
				f.unitLine("- ", text, item, q.key)
			} else {
				f.unitLine("  ", text, q.key)
			}
		}
	}
}

// entries writes a map whose values stand in braces.
func (f *formatter) entries(p pair, table keys) {
	if len(p.value.pairs) == 0 {
		f.unitLine("", p.key.text+": {}", p.key)
		return
	}
	f.unitLine("", p.key.text+":", p.key)
	for _, q := range inOrder(p.value.pairs, table) {
		f.unitLine("  ", scalarText(q.key)+": "+inline(q.value), q.key)
	}
}

// inOrder is pairs in the order of the table.
func inOrder(pairs []pair, table keys) []pair {
	out := slices.Clone(pairs)
	if table == nil {
		return out
	}
	names := table.names()
	slices.SortStableFunc(out, func(a, b pair) int { return slices.Index(names, a.key.text) - slices.Index(names, b.key.text) })
	return out
}

// inline is a value on one line.
func inline(n *node) string {
	switch n.shape {
	case isList:
		parts := make([]string, len(n.items))
		for i, item := range n.items {
			parts[i] = inline(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case isMap:
		parts := make([]string, len(n.pairs))
		for i, p := range n.pairs {
			parts[i] = scalarText(p.key) + ": " + inline(p.value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return scalarText(n)
}

var plainText = regexp.MustCompile(`^[\p{L}\p{Nd}_/][\p{L}\p{Nd}_./@+%=-]*( [\p{L}\p{Nd}_/(][\p{L}\p{Nd}_./@+%=()-]*)*$`)

// reserved are words that some reader of YAML takes for something else than text.
var reserved = map[string]bool{"true": true, "false": true, "null": true, "yes": true, "no": true, "on": true, "off": true, "y": true, "n": true}

// scalarText is a scalar as YAML: plain where every reader sees text in it,
// else in double quotes.
func scalarText(n *node) string {
	switch n.shape {
	case isNull:
		return "null"
	case isNumber, isBool:
		return n.text
	}
	if n.quoted && n.text == "all" || !plainText.MatchString(n.text) || reserved[strings.ToLower(n.text)] || !isPlain(n.text) {
		return quoteYAML(n.text)
	}
	return n.text
}

// isPlain asks the reader itself about what begins like a number.
func isPlain(text string) bool {
	if c := rune(text[0]); !unicode.IsDigit(c) && c != '_' {
		return true
	}
	root, _, bad := readYAML([]byte("[" + text + "]"))
	return bad == nil && root.shape == isList && len(root.items) == 1 && root.items[0].shape == isText && root.items[0].text == text
}

// quoteYAML is text in double quotes (YAML 1.2 7.3.1).
func quoteYAML(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r != ' ' && !unicode.IsGraphic(r) || r == 0xfeff || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xa0:
			if r > 0xffff {
				fmt.Fprintf(&b, `\U%08x`, r)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
