package scim

import "strings"

// projection says which attributes an answer has (RFC 7644 3.9). The zero value
// is all that are returned by default.
type projection struct {
	include map[string]bool // paths that are asked for whole
	partial map[string]bool // paths of which a part is asked for
	exclude map[string]bool
}

// project reads attributes and excludedAttributes. Names nobody defined ask for
// nothing.
func project(of *resource, attributes, excluded []string) projection {
	var p projection
	for _, name := range attributes {
		if p.include == nil {
			p.include, p.partial = map[string]bool{}, map[string]bool{}
		}
		p.ask(pathOf(of, name))
	}
	for _, name := range excluded {
		if p.exclude == nil {
			p.exclude = map[string]bool{}
		}
		p.exclude[pathOf(of, name)] = true
	}
	return p
}

// ask marks path, and what stands above it as partly asked for.
func (p projection) ask(path string) {
	p.include[path] = true
	colon := strings.LastIndexByte(path, ':')
	if dot := strings.LastIndexByte(path, '.'); dot > colon {
		path = path[:dot]
		p.partial[path] = true
	}
	if colon > 0 {
		p.partial[path[:colon]] = true
	}
}

// pathOf is the path of an attribute as the caller names it.
func pathOf(of *resource, name string) string {
	name = strings.TrimSpace(name)
	if a := of.find(name); a != nil {
		return a.path
	}
	if a := of.extended(name); a != nil {
		return a.path
	}
	return strings.ToLower(name)
}

// names splits a list of attributes as it stands in a URL.
func names(param string) []string {
	if strings.TrimSpace(param) == "" {
		return nil
	}
	return strings.Split(param, ",")
}

// want is how much of an attribute is asked for.
type want uint8

const (
	nothing want = iota
	part
	whole
)

func (p projection) want(path string) want {
	switch {
	case p.include != nil && p.include[path]:
		return whole
	case p.include != nil && p.partial[path]:
		return part
	case p.include != nil:
		return nothing
	case p.exclude[path]:
		return nothing
	}
	if len(p.exclude) > 0 {
		return part
	}
	return whole
}

// wants reports whether the attribute a is in the answer at all.
func (p projection) wants(path string) bool { return p.want(path) != nothing }

// all reports whether nothing was asked for in particular.
func (p projection) all() bool { return p.include == nil && len(p.exclude) == 0 }

// document is doc as p wants it.
func (p projection) document(of *resource, doc map[string]any) map[string]any {
	if p.all() && !of.hides {
		return doc
	}
	out := make(map[string]any, len(doc))
	for key, v := range doc {
		a := of.find(key)
		inner, isObject := v.(map[string]any)
		if a == nil && isObject && strings.Contains(key, ":") {
			if w := p.extension(of, key, inner); len(w) > 0 {
				out[key] = w
			}
			continue
		}
		if a == nil {
			a, _ = unknownAttr(key)
		}
		if w, ok := p.value(a, v, p.want(a.path)); ok {
			out[key] = w
		}
	}
	return out
}

// extension is an extension's object as p wants it. Asked for by its URN it
// comes whole, like an attribute.
func (p projection) extension(of *resource, urn string, inner map[string]any) map[string]any {
	how := p.want(strings.ToLower(urn))
	out := map[string]any{}
	for name, v := range inner {
		a, each := member(of, urn, name), how
		if how == part {
			each = p.want(a.path)
		}
		if w, ok := p.value(a, v, each); ok {
			out[name] = w
		}
	}
	return out
}

// shows says how much of a is shown of which how was wanted, by what its schema
// says of when it is returned (RFC 7643 2.2).
func (p projection) shows(a *attr, how want) want {
	switch {
	case a.returned == "never":
		return nothing
	case a.returned == "request" && !p.include[a.path] && !p.partial[a.path]:
		return nothing
	case a.returned == "always" && how == nothing:
		return whole
	}
	return how
}

// value is v, of which how is wanted, as p shows it.
func (p projection) value(a *attr, v any, how want) (any, bool) {
	how = p.shows(a, how)
	if how == nothing {
		return nil, false
	}
	switch v := v.(type) {
	case map[string]any:
		w := p.parts(a, v, how)
		return w, len(w) > 0
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			o, ok := e.(map[string]any)
			if !ok {
				return v, true
			}
			if w := p.parts(a, o, how); len(w) > 0 {
				out = append(out, w)
			}
		}
		return out, len(out) > 0
	}
	return v, true
}

func (p projection) parts(a *attr, in map[string]any, how want) map[string]any {
	out := make(map[string]any, len(in))
	for name, v := range in {
		sub, each := a.sub(name), how
		switch {
		case sub == nil && how == whole: // kept under RuleUnknown
			out[name] = v
			continue
		case sub == nil:
			continue
		case how == part:
			each = p.want(sub.path)
		}
		if p.shows(sub, each) != nothing {
			out[name] = v
		}
	}
	return out
}
