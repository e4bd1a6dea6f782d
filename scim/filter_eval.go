package scim

import (
	"strings"
	"time"

	"grantbridge/directory"
)

// Record is one resource as filters see it.
type Record struct {
	ID, ExternalID    string
	Created, Modified time.Time
	Links             []string // the ids of its members, or of its groups
	Values            []directory.Value
}

// Eval reports whether r satisfies f. It is what the store's SQL has to agree
// with. A comparison holds when one value satisfies it, ne when none equals:
// what is not there is not equal to anything (RFC 7643 2.5).
func Eval(f directory.Filter, r Record) bool {
	switch f.Op {
	case directory.OpAnd:
		for _, a := range f.Args {
			if !Eval(a, r) {
				return false
			}
		}
		return true
	case directory.OpOr:
		for _, a := range f.Args {
			if Eval(a, r) {
				return true
			}
		}
		return false
	case directory.OpNot:
		return !Eval(f.Args[0], r)
	case directory.OpElem:
		return evalElem(f, r)
	case directory.OpNe:
		f.Op = directory.OpEq
		return !Eval(f, r)
	}
	return evalLeaf(f, r)
}

// evalElem looks for one element that satisfies the filter by itself.
func evalElem(f directory.Filter, r Record) bool {
	elems := map[int][]directory.Value{}
	for _, v := range r.Values {
		if strings.HasPrefix(v.Path, f.Path+".") {
			elems[v.Elem] = append(elems[v.Elem], v)
		}
	}
	for _, values := range elems {
		if Eval(f.Args[0], Record{Values: values}) {
			return true
		}
	}
	return false
}

func evalLeaf(f directory.Filter, r Record) bool {
	switch f.Path {
	case "id":
		return r.ID != "" && holds(f, r.ID)
	case "externalid":
		return r.ExternalID != "" && holds(f, r.ExternalID)
	case "meta.created":
		return holds(f, directory.TimeText(r.Created))
	case "meta.lastmodified":
		return holds(f, directory.TimeText(r.Modified))
	case "members.value", "groups.value":
		for _, id := range r.Links {
			if holds(f, id) {
				return true
			}
		}
		return false
	}
	for _, v := range r.Values {
		if v.Path == f.Path && holds(f, v.Text) {
			return true
		}
	}
	return false
}

func holds(f directory.Filter, text string) bool {
	switch f.Op {
	case directory.OpPr:
		return true
	case directory.OpEq:
		return text == f.Text
	case directory.OpCo:
		return strings.Contains(text, f.Text)
	case directory.OpSw:
		return strings.HasPrefix(text, f.Text)
	case directory.OpEw:
		return strings.HasSuffix(text, f.Text)
	case directory.OpGt:
		return text > f.Text
	case directory.OpGe:
		return text >= f.Text
	case directory.OpLt:
		return text < f.Text
	case directory.OpLe:
		return text <= f.Text
	}
	return false
}
