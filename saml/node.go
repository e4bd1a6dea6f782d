package saml

import (
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// The namespaces that the pipeline reads; all others are foreign.
const (
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsMetadata  = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsDSig      = "http://www.w3.org/2000/09/xmldsig#"
	nsEnc       = "http://www.w3.org/2001/04/xmlenc#"
	nsEnc11     = "http://www.w3.org/2009/xmlenc11#"
	nsC14N      = "http://www.w3.org/2001/10/xml-exc-c14n#"
	nsXSI       = "http://www.w3.org/2001/XMLSchema-instance"
	nsXML       = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS     = "http://www.w3.org/2000/xmlns/"
)

// node is an element with its namespaces resolved: what the pipeline reads.
// It has no comments, no processing instructions and no prefixes, so there is
// no second way to read it.
type node struct {
	space, name string
	attrs       []attrib // without namespace declarations
	kids        []*node
	text        string // all character data directly inside
	// source is the element as written and scope what was declared around it:
	// of a Signature that was scanned only.
	source string
	scope  []binding
}

type attrib struct{ space, name, value string }

func (n *node) is(space, name string) bool { return n.name == name && n.space == space }

// attr is the value of an attribute without namespace.
func (n *node) attr(name string) (string, bool) {
	for _, a := range n.attrs {
		if a.space == "" && a.name == name {
			return a.value, true
		}
	}
	return "", false
}

func (n *node) attrOr(name, otherwise string) string {
	if v, ok := n.attr(name); ok {
		return v
	}
	return otherwise
}

// children are the child elements of that name.
func (n *node) children(space, name string) []*node {
	var found []*node
	for _, k := range n.kids {
		if k.is(space, name) {
			found = append(found, k)
		}
	}
	return found
}

// child is the first child element of that name, or nil.
func (n *node) child(space, name string) *node {
	for _, k := range n.kids {
		if k.is(space, name) {
			return k
		}
	}
	return nil
}

// walk visits n and everything below, parents first.
func (n *node) walk(parent *node, visit func(n, parent *node) *Rejection) *Rejection {
	if r := visit(n, parent); r != nil {
		return r
	}
	for _, k := range n.kids {
		if r := k.walk(n, visit); r != nil {
			return r
		}
	}
	return nil
}

const blanks = " \t\r\n"

// trim takes off what identity providers indent with. Other spaces of Unicode
// are letters here: a group or a person must not become another one by them.
func trim(s string) string { return strings.Trim(s, blanks) }

func isBlank(s string) bool { return strings.Trim(s, blanks) == "" }

// without is n without the child k; the children are shared.
func (n *node) without(k *node) *node {
	c := *n
	c.kids = slices.DeleteFunc(slices.Clone(n.kids), func(o *node) bool { return o == k })
	return &c
}

// same reports whether two trees say the same. Space between elements makes no
// difference, text does.
func (n *node) same(o *node) bool {
	if n.space != o.space || n.name != o.name || len(n.kids) != len(o.kids) || len(n.attrs) != len(o.attrs) {
		return false
	}
	if n.text != o.text && !(len(n.kids) > 0 && isBlank(n.text) && isBlank(o.text)) {
		return false
	}
	for _, a := range n.attrs {
		if !slices.Contains(o.attrs, a) {
			return false
		}
	}
	for i := range n.kids {
		if !n.kids[i].same(o.kids[i]) {
			return false
		}
	}
	return true
}

// fromElement reads a tree of the library's as a node, resolving namespaces
// itself. It is used on what came out of signature verification, which was
// parsed from the signed bytes.
func fromElement(el *etree.Element, scope []binding) (*node, *Rejection) {
	for _, a := range el.Attr {
		switch {
		case a.Space == "xmlns":
			scope = append(scope, binding{a.Key, a.Value})
		case a.Space == "" && a.Key == "xmlns":
			scope = append(scope, binding{"", a.Value})
		}
	}
	space, ok := lookup(scope, el.Space)
	if !ok {
		return nil, reject(XMLNamespace, "declared prefixes", "prefix "+el.Space)
	}
	n := &node{space: space, name: el.Tag}
	for _, a := range el.Attr {
		if a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns" {
			continue
		}
		space := ""
		if a.Space != "" {
			if space, ok = lookup(scope, a.Space); !ok {
				return nil, reject(XMLNamespace, "declared prefixes", "prefix "+a.Space)
			}
		}
		n.attrs = append(n.attrs, attrib{space, a.Key, a.Value})
	}
	for _, t := range el.Child {
		switch t := t.(type) {
		case *etree.Element:
			k, r := fromElement(t, scope[:len(scope):len(scope)])
			if r != nil {
				return nil, r
			}
			n.kids = append(n.kids, k)
		case *etree.CharData:
			n.text += t.Data
		default:
			return nil, reject(SignedBytesDiffer, "elements and text", "something else")
		}
	}
	return n, nil
}

// binding is a namespace prefix and what it stands for.
type binding struct{ prefix, uri string }

func lookup(scope []binding, prefix string) (string, bool) {
	for i := len(scope) - 1; i >= 0; i-- {
		if scope[i].prefix == prefix {
			return scope[i].uri, true
		}
	}
	switch prefix {
	case "":
		return "", true
	case "xml":
		return nsXML, true
	}
	return "", false
}
