package mapping

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	yamlerrors "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The bounds of a text that is looked at.
const (
	maxText  = 1 << 20
	maxRules = 10_000
	maxDepth = 24
	maxKeys  = 2_000
)

// shape is what a node of YAML is.
type shape uint8

const (
	isNull shape = iota
	isText
	isNumber
	isBool
	isList
	isMap
)

var shapeNames = [...]string{"nothing", "text", "a number", "true or false", "a list", "keys with values"}

func (s shape) String() string { return shapeNames[s] }

// node is one value of the file with its place. It is all that the rest of the
// package sees of YAML.
type node struct {
	shape  shape
	text   string // of a scalar, as it stands between its quotes
	quoted bool
	line   int
	column int
	items  []*node // of a list
	pairs  []pair  // of a map
	last   int     // the line on which it ends
}

type pair struct {
	key, value *node
}

// at finds a key's value.
func (n *node) at(key string) *node {
	if n == nil {
		return nil
	}
	for _, p := range n.pairs {
		if p.key.text == key {
			return p.value
		}
	}
	return nil
}

// yamlProblem is what is wrong with the text as YAML.
type yamlProblem struct {
	line, column int
	code         string
	says         string
}

// readYAML reads one document of plain YAML: no anchors, aliases, tags, merge
// keys or directives, so that what stands there is what is meant and no text
// can grow while it is read. The root is nil when the text holds nothing.
func readYAML(text []byte) (root *node, comments []comment, bad *yamlProblem) {
	if len(text) > maxText {
		return nil, nil, &yamlProblem{1, 1, "GB002", fmt.Sprintf("the file has %d bytes; at most %d are read", len(text), maxText)}
	}
	if p := notPlainText(text); p != nil {
		return nil, nil, p
	}
	// The YAML reader is a library that meets any text; should it fall over one,
	// that text is not YAML.
	line := 1
	defer func() {
		if r := recover(); r != nil {
			root, bad = nil, &yamlProblem{line, 1, "GB001", "this is not readable as YAML"}
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if p := refuseTokens(tokens); p != nil {
		return nil, nil, p
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, nil, syntaxProblem(err)
	}
	comments = commentsOf(tokens)
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		c := converter{}
		root = c.node(doc.Body, 0)
		return root, comments, c.bad
	}
	return nil, comments, nil
}

func notPlainText(text []byte) *yamlProblem {
	line, column := 1, 1
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return &yamlProblem{line, column, "GB005", "this is not UTF-8"}
		case r == '\n':
			line, column = line+1, 0
		case r == '\r' && (i+1 == len(text) || text[i+1] != '\n'):
			return &yamlProblem{line, column, "GB005", "a carriage return stands alone"}
		case r < 0x20 && r != '\t' && r != '\r', r == 0x7f, r == 0xfeff && i > 0, r == 0x85, r == 0x2028, r == 0x2029:
			return &yamlProblem{line, column, "GB005", fmt.Sprintf("the control character U+%04X is not allowed", r)}
		}
		i, column = i+n, column+1
	}
	return nil
}

// refuseTokens refuses what the language does not have, before anything is
// built from it.
func refuseTokens(tokens token.Tokens) *yamlProblem {
	at := func(t *token.Token, code, says string) *yamlProblem {
		return &yamlProblem{max(t.Position.Line, 1), max(t.Position.Column, 1), code, says}
	}
	depth, dashes, dashLine := 0, 0, 0
	var open []keyCount // block maps around, the innermost last
	for i, t := range tokens {
		if depth == 0 {
			if open = countKeys(open, t); len(open) > 0 && open[len(open)-1].keys > maxKeys {
				return at(t, "GB003", fmt.Sprintf("more than %d keys in one map", maxKeys))
			}
		}
		switch t.Type {
		case token.AnchorType, token.AliasType:
			return at(t, "GB004", "anchors and aliases (& and *) are not part of the language; put a text that begins so in quotes")
		case token.TagType:
			return at(t, "GB004", "tags (!) are not part of the language; put a text that begins so in quotes")
		case token.MergeKeyType:
			return at(t, "GB004", "the merge key << is not part of the language")
		case token.DirectiveType:
			return at(t, "GB004", "directives (%) are not part of the language; put a text that begins so in quotes")
		case token.DocumentHeaderType:
			if i > 0 && !onlyComments(tokens[:i]) {
				return at(t, "GB004", "a mapping is one document")
			}
		case token.DocumentEndType:
			if !onlyComments(tokens[i+1:]) {
				return at(t, "GB004", "a mapping is one document")
			}
		case token.InvalidType:
			says := t.Error
			if says == "" {
				says = "this is not readable as YAML"
			}
			return at(t, "GB001", says)
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType, token.MappingKeyType:
			if t.Position.Line != dashLine {
				dashes, dashLine = 0, t.Position.Line
			}
			dashes++
		}
		if depth > maxDepth || dashes > maxDepth {
			return at(t, "GB003", fmt.Sprintf("more than %d levels deep", maxDepth))
		}
	}
	return nil
}

// keyCount is a block map that may still go on: its column and how many keys it
// has so far.
type keyCount struct{ column, keys int }

// countKeys follows the block maps. The library takes time quadratic in the keys
// of one.
func countKeys(open []keyCount, t *token.Token) []keyCount {
	column := t.Position.Column
	switch {
	case t.Type == token.SequenceEntryType:
		for len(open) > 0 && open[len(open)-1].column > column {
			open = open[:len(open)-1]
		}
		return open
	case t.Type == token.MappingKeyType:
	case t.NextType() != token.MappingValueType:
		return open
	}
	for len(open) > 0 && open[len(open)-1].column > column {
		open = open[:len(open)-1]
	}
	if len(open) == 0 || open[len(open)-1].column < column {
		open = append(open, keyCount{column: column})
	}
	open[len(open)-1].keys++
	return open
}

func onlyComments(tokens token.Tokens) bool {
	for _, t := range tokens {
		if t.Type != token.CommentType {
			return false
		}
	}
	return true
}

func syntaxProblem(err error) *yamlProblem {
	p := &yamlProblem{1, 1, "GB001", "this is not readable as YAML"}
	if e, ok := errors.AsType[yamlerrors.Error](err); ok {
		p.says = e.GetMessage()
		if t := e.GetToken(); t != nil && t.Position != nil {
			p.line, p.column = max(t.Position.Line, 1), max(t.Position.Column, 1)
		}
	}
	return p
}

// converter makes nodes of the library's tree.
type converter struct {
	bad *yamlProblem
}

func (c *converter) refuse(n ast.Node, code, says string) *node {
	out := &node{line: 1, column: 1, last: 1}
	if t := n.GetToken(); t != nil && t.Position != nil {
		out.line, out.column = max(t.Position.Line, 1), max(t.Position.Column, 1)
		out.last = out.line
	}
	if c.bad == nil {
		c.bad = &yamlProblem{out.line, out.column, code, says}
	}
	return out
}

func (c *converter) node(n ast.Node, depth int) *node {
	if depth > maxDepth {
		return c.refuse(n, "GB003", fmt.Sprintf("more than %d levels deep", maxDepth))
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return c.mapping(n.Start, n.End, n.Values, depth)
	case *ast.MappingValueNode:
		return c.mapping(nil, nil, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		return c.list(n, depth)
	case *ast.StringNode:
		out := place(n.Token)
		out.shape, out.text = isText, n.Value
		out.quoted = n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType
		out.last += strings.Count(strings.Trim(n.Token.Origin, "\n \t"), "\n")
		return out
	case *ast.LiteralNode:
		out := place(n.Start)
		out.shape, out.text, out.quoted = isText, n.Value.Value, true
		out.last += strings.Count(n.Value.Token.Origin, "\n")
		return out
	case *ast.IntegerNode:
		return scalar(isNumber, n.Token)
	case *ast.FloatNode:
		return scalar(isNumber, n.Token)
	case *ast.InfinityNode:
		return scalar(isText, n.Token)
	case *ast.NanNode:
		return scalar(isText, n.Token)
	case *ast.BoolNode:
		return scalar(isBool, n.Token)
	case *ast.NullNode:
		return scalar(isNull, n.Token)
	}
	return c.refuse(n, "GB001", "this is not readable as YAML")
}

func place(t *token.Token) *node {
	line := max(t.Position.Line, 1)
	return &node{line: line, column: max(t.Position.Column, 1), last: line}
}

func scalar(s shape, t *token.Token) *node {
	out := place(t)
	out.shape, out.text = s, strings.TrimSpace(t.Value)
	return out
}

func (c *converter) list(n *ast.SequenceNode, depth int) *node {
	out := place(n.Start)
	out.shape = isList
	for _, v := range n.Values {
		item := c.node(v, depth+1)
		out.items = append(out.items, item)
		out.last = max(out.last, item.last)
	}
	if n.End != nil {
		out.last = max(out.last, n.End.Position.Line)
	}
	return out
}

func (c *converter) mapping(start, end *token.Token, values []*ast.MappingValueNode, depth int) *node {
	out := &node{shape: isMap, line: 1, column: 1, last: 1}
	if start != nil && start.Type == token.MappingStartType {
		out = place(start)
		out.shape = isMap
	}
	for i, v := range values {
		key := c.key(v, depth)
		if i == 0 && (start == nil || start.Type != token.MappingStartType) {
			out.line, out.column, out.last = key.line, key.column, key.last
		}
		value := c.node(v.Value, depth+1)
		if value.shape == isNull && value.text == "" {
			value.line, value.column, value.last = key.line, key.column, key.last
		}
		out.pairs = append(out.pairs, pair{key, value})
		out.last = max(out.last, value.last, key.last)
	}
	if end != nil {
		out.last = max(out.last, end.Position.Line)
	}
	return out
}

func (c *converter) key(v *ast.MappingValueNode, depth int) *node {
	n := ast.Node(v.Key)
	if k, ok := v.Key.(*ast.MappingKeyNode); ok {
		n = k.Value
	}
	key := c.node(n, depth+1)
	if key.shape == isList || key.shape == isMap {
		return c.refuse(v.Key, "GB001", "a key must be text")
	}
	return key
}

// comment is one comment of the file.
type comment struct {
	line, column int
	text         string // without the #
	alone        bool   // nothing stands before it on its line
}

func commentsOf(tokens token.Tokens) []comment {
	var out []comment
	content := 0 // the last line on which something else stands
	for _, t := range tokens {
		if t.Type != token.CommentType {
			content = t.Position.Line
			if t.Type == token.DoubleQuoteType || t.Type == token.SingleQuoteType || t.Type == token.StringType {
				content += strings.Count(strings.Trim(t.Origin, "\n \t"), "\n")
			}
			continue
		}
		out = append(out, comment{t.Position.Line, t.Position.Column, strings.TrimRight(t.Value, " \t\r\n"), t.Position.Line != content})
	}
	return out
}
