package strict

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Document is a file that was read, for pointing into it.
type Document struct {
	File     string
	lines    []string
	places   map[string]token.Position
	problems Problems
	unset    Problems          // values that wait for a variable
	hidden   []token.Position  // values that no excerpt may show
	setBy    map[string]string // what set the value at a path, instead of the file
	lookup   func(string) (string, bool)
}

// Unsetter is a text that may be read while a variable in it is not set. It is
// told what is wrong instead of its text, and answers with it when it is used.
type Unsetter interface {
	encoding.TextUnmarshaler
	Unset(Problem)
}

// Decode reads text into v, a pointer to a struct with yaml tags. lookup finds
// environment variables; nil leaves ${…} as it is. What text does not name
// keeps the value it has in v. The error is Problems; the Document is usable
// all the same. A variable that is not set is no Problem in an Unsetter, until
// RequireSet.
func Decode(file string, text []byte, v any, lookup func(string) (string, bool)) (*Document, error) {
	d := &Document{
		File: file, lookup: lookup,
		lines:  strings.Split(string(text), "\n"),
		places: map[string]token.Position{},
	}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		d.syntax(err)
		return d, d.Err()
	}
	if len(tree.Docs) > 1 {
		d.at(tree.Docs[1].Body, "only one document is allowed in this file")
	}
	if len(tree.Docs) > 0 && tree.Docs[0].Body != nil {
		d.decode("", tree.Docs[0].Body, reflect.ValueOf(v).Elem())
	}
	return d, d.Err()
}

// RequireSet makes Problems of the values that wait for a variable.
func (d *Document) RequireSet() {
	d.problems = append(d.problems, d.unset...)
	d.unset = nil
}

// Err is what was found so far, or nil.
func (d *Document) Err() error {
	if len(d.problems) == 0 {
		return nil
	}
	d.problems.sort()
	for i := range d.problems {
		d.hide(&d.problems[i])
	}
	return d.problems
}

// hide cuts an excerpt before a value that may be a secret under a wrong name.
func (d *Document) hide(p *Problem) {
	for _, h := range d.hidden {
		if p.Line == h.Line && h.Column > 1 && h.Column <= len(p.Excerpt) {
			p.Excerpt = p.Excerpt[:h.Column-1] + "…"
		}
	}
}

// Problem notes something wrong with the value at a dotted path, or with the
// nearest value above it that is in the file. What is wrong in two ways is
// noted once.
func (d *Document) Problem(path, format string, args ...any) {
	p := d.Place(path, format, args...)
	for _, q := range d.problems {
		if p.Line > 0 && p.Line == q.Line && p.Column == q.Column {
			return
		}
	}
	d.problems = append(d.problems, p)
}

// Set notes that the value at path comes from elsewhere, as an environment
// variable; a problem with it is a problem there.
func (d *Document) Set(path, from string) {
	if d.setBy == nil {
		d.setBy = map[string]string{}
	}
	d.setBy[path] = from
}

// Place makes a Problem of path without noting it.
func (d *Document) Place(path, format string, args ...any) Problem {
	p := Problem{File: d.File, Message: fmt.Sprintf(format, args...)}
	if from, ok := d.setBy[path]; ok {
		p.File = from
		return p
	}
	for at := path; at != ""; at = parent(at) {
		if pos, ok := d.places[at]; ok {
			return d.excerpt(p, pos)
		}
	}
	p.Message = path + ": " + p.Message
	return p
}

// Has reports whether the file says something at path.
func (d *Document) Has(path string) bool {
	_, ok := d.places[path]
	return ok
}

func parent(path string) string {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)]
}

func (d *Document) excerpt(p Problem, pos token.Position) Problem {
	p.Line, p.Column = pos.Line, pos.Column
	if pos.Line >= 1 && pos.Line <= len(d.lines) {
		p.Excerpt = mask(d.lines[pos.Line-1])
	}
	return p
}

func (d *Document) at(n ast.Node, format string, args ...any) {
	d.problems = append(d.problems, d.problemAt(n, format, args...))
}

func (d *Document) problemAt(n ast.Node, format string, args ...any) Problem {
	return d.excerpt(Problem{File: d.File, Message: fmt.Sprintf(format, args...)}, *n.GetToken().Position)
}

// unknownKey is at for a key whose value may be a secret under a wrong name.
func (d *Document) unknownKey(n *ast.MappingValueNode, format string, args ...any) {
	d.at(n.Key, format, args...)
	if v := n.Value.GetToken(); v != nil {
		d.hidden = append(d.hidden, *v.Position)
	}
}

func (d *Document) syntax(err error) {
	p := Problem{File: d.File, Message: err.Error()}
	if e, ok := err.(yaml.Error); ok {
		p.Message = e.GetMessage()
		if t := e.GetToken(); t != nil {
			p = d.excerpt(p, *t.Position)
			p.Excerpt = randomText.ReplaceAllString(p.Excerpt, "…")
		}
	}
	d.problems = append(d.problems, p)
}

// decode is a table over the kinds of Go values.
func (d *Document) decode(path string, n ast.Node, v reflect.Value) {
	switch x := n.(type) {
	case *ast.TagNode:
		n = x.Value
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		d.at(n, "anchors, aliases and merges are not supported here; write the value out")
		return
	case *ast.NullNode:
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, u)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(path, n, v.Elem())
	case reflect.Struct:
		d.fields(path, n, v)
	case reflect.Map:
		d.entries(path, n, v)
	case reflect.Slice:
		d.elements(path, n, v)
	default:
		d.scalar(n, v)
	}
}

func (d *Document) text(n ast.Node, u encoding.TextUnmarshaler) {
	later, _ := u.(Unsetter)
	s, ok := d.plain(n, later)
	if !ok {
		return
	}
	if err := u.UnmarshalText([]byte(s)); err != nil {
		d.at(n, "%v", err)
	}
}

func (d *Document) scalar(n ast.Node, v reflect.Value) {
	s, ok := d.plain(n, nil)
	if !ok {
		return
	}
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		var b bool
		if b, err = strconv.ParseBool(s); err != nil || s != "true" && s != "false" {
			d.at(n, "%q is neither true nor false", s)
			return
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		var i int64
		if i, err = strconv.ParseInt(s, 10, 64); err != nil {
			d.at(n, "%q is not a whole number", s)
			return
		}
		v.SetInt(i)
	default:
		panic("strict: no decoding into " + v.Type().String())
	}
}

// plain is the text of a scalar, variables expanded. later, unless it is nil, is
// told of one that is not set.
func (d *Document) plain(n ast.Node, later Unsetter) (string, bool) {
	var s string
	switch x := n.(type) {
	case *ast.StringNode:
		s = x.Value
	case *ast.LiteralNode:
		s = x.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return strings.TrimSpace(n.GetToken().Value), true
	default:
		d.at(n, "a plain value is expected here, not a %s", kindOf(n))
		return "", false
	}
	out, err := expand(s, d.lookup)
	if err == nil {
		return out, true
	}
	if _, unset := errors.AsType[unsetError](err); unset && later != nil {
		p := d.problemAt(n, "%v", err)
		d.unset = append(d.unset, p)
		later.Unset(p)
		return "", false
	}
	d.at(n, "%v", err)
	return "", false
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "mapping"
	case *ast.SequenceNode:
		return "list"
	}
	return "value of another kind"
}

func pairs(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch x := n.(type) {
	case *ast.MappingNode:
		return x.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{x}, true
	}
	return nil, false
}

func (d *Document) fields(path string, n ast.Node, v reflect.Value) {
	values, ok := pairs(n)
	if !ok {
		d.at(n, "keys are expected here: %s", strings.Join(names(v.Type()), ", "))
		return
	}
	seen := map[string]bool{}
	for _, p := range values {
		key, at, ok := d.key(path, p, seen)
		if !ok {
			continue
		}
		f, ok := field(v, key)
		if !ok {
			d.unknownKey(p, "unknown key %q%s", key, hint(key, names(v.Type())))
			continue
		}
		d.places[at] = *p.Value.GetToken().Position
		d.decode(at, p.Value, f)
	}
}

func (d *Document) entries(path string, n ast.Node, v reflect.Value) {
	values, ok := pairs(n)
	if !ok {
		d.at(n, "named entries are expected here, not a %s", kindOf(n))
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	seen := map[string]bool{}
	for _, p := range values {
		key, at, ok := d.key(path, p, seen)
		if !ok {
			continue
		}
		d.places[at] = *p.Key.GetToken().Position
		e := reflect.New(v.Type().Elem()).Elem()
		d.decode(at, p.Value, e)
		v.SetMapIndex(reflect.ValueOf(key), e)
	}
}

func (d *Document) elements(path string, n ast.Node, v reflect.Value) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		d.at(n, "a list is expected here")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
	for i, e := range list.Values {
		at := fmt.Sprintf("%s.%d", path, i)
		d.places[at] = *e.GetToken().Position
		if m, ok := pairs(e); ok && len(m) > 0 {
			d.places[at] = *m[0].Key.GetToken().Position
		}
		d.decode(at, e, v.Index(i))
	}
}

func (d *Document) key(path string, p *ast.MappingValueNode, seen map[string]bool) (key, at string, ok bool) {
	if _, merge := p.Key.(*ast.MergeKeyNode); merge {
		d.at(p.Key, "merges are not supported here; write the keys out")
		return "", "", false
	}
	key = p.Key.GetToken().Value
	if seen[key] {
		d.at(p.Key, "key %q stands here twice", key)
		return "", "", false
	}
	seen[key] = true
	at = strings.TrimPrefix(path+"."+key, ".")
	return key, at, true
}

func field(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if tagName(v.Type().Field(i)) == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func names(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		if n := tagName(t.Field(i)); n != "" {
			out = append(out, n)
		}
	}
	return out
}

func tagName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "-" {
		return ""
	}
	return name
}

func hint(word string, known []string) string {
	if n := Nearest(word, known); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return "; known here are " + strings.Join(known, ", ")
}
