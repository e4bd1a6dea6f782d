package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"grantbridge/cmd/grantbridge/internal/strict"
	"grantbridge/scim"
)

// readSchemas reads the files of scim_schemas and checks who uses them. What is
// wrong with the configuration goes to doc; what is wrong in the files is
// returned.
func (l *Loaded) readSchemas(doc *strict.Document) (found strict.Problems) {
	docs := make([]*strict.Document, len(l.SCIMSchemas))
	l.schemas = make([]scim.Schema, len(l.SCIMSchemas))
	for i, file := range l.SCIMSchemas {
		text, err := os.ReadFile(file)
		if err != nil {
			doc.Problem(fmt.Sprintf("scim_schemas.%d", i), "%s cannot be read; correct the name, or take it out", file)
			continue
		}
		docs[i] = readSchema(file, text, &l.schemas[i])
	}
	for _, c := range scim.CheckSchemas(l.schemas) {
		if docs[c.Index] != nil && l.schemas[c.Index].ID != "" {
			docs[c.Index].Problem(c.Path, "%s", c.Says)
		}
	}
	for _, d := range docs {
		if d == nil {
			continue
		}
		if ps, ok := d.Err().(strict.Problems); ok {
			found = append(found, ps...)
		}
	}
	for _, n := range l.SourceNames() {
		if s := l.Sources[n].SCIM; s != nil {
			l.checkUses(doc, "sources."+n+".scim.user_schemas", s.UserSchemas, false)
			l.checkUses(doc, "sources."+n+".scim.group_schemas", s.GroupSchemas, true)
		}
	}
	return found
}

// readSchema reads one file. JSON is YAML but for tabs, which it has between
// values only.
func readSchema(file string, text []byte, s *scim.Schema) *strict.Document {
	if at, err := jsonError(text); err != nil {
		d, _ := strict.Decode(file, nil, &struct{}{}, nil)
		line := bytes.Count(text[:at], []byte("\n")) + 1
		column := at - bytes.LastIndexByte(text[:at], '\n')
		d.Problem("", "line %d, column %d: not JSON: %v", line, column, err)
		return d
	}
	d, err := strict.Decode(file, bytes.ReplaceAll(text, []byte("\t"), []byte(" ")), s, nil)
	if err != nil {
		return d
	}
	for _, f := range s.Faults() {
		d.Problem(f.Path, "%s: %s", f.Path, f.Says)
	}
	return d
}

// jsonError is what keeps text from being JSON, and where.
func jsonError(text []byte) (at int, err error) {
	var v json.RawMessage
	err = json.Unmarshal(text, &v)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return max(0, min(int(e.Offset)-1, len(text))), err
	}
	return 0, err
}

func (l *Loaded) checkUses(doc *strict.Document, at string, urns []string, group bool) {
	var known []string
	for _, s := range l.schemas {
		known = append(known, s.ID)
	}
	for i, urn := range urns {
		p := fmt.Sprintf("%s.%d", at, i)
		s, ok := l.schema(urn)
		switch {
		case !ok && len(known) == 0:
			doc.Problem(p, "there is no schema %q: scim_schemas names no file", urn)
		case !ok:
			doc.Problem(p, "no schema %q; scim_schemas has %s", urn, strings.Join(known, ", "))
		case !s.Extends(group):
			doc.Problem(p, "%s is about the other resource type", urn)
		case slices.ContainsFunc(urns[:i], func(other string) bool { return strings.EqualFold(other, urn) }):
			doc.Problem(p, "%s stands here twice", urn)
		}
	}
}

func (l *Loaded) schema(urn string) (scim.Schema, bool) {
	i := slices.IndexFunc(l.schemas, func(s scim.Schema) bool { return urn != "" && strings.EqualFold(s.ID, urn) })
	if i < 0 {
		return scim.Schema{}, false
	}
	return l.schemas[i], true
}

// SCIMSource is how a source's SCIM door reads.
func (l *Loaded) SCIMSource(name string) scim.Source {
	c := l.Sources[name].SCIM
	s := scim.Source{Profile: scim.Profile(c.Profile)}
	for _, urn := range c.UserSchemas {
		if schema, ok := l.schema(urn); ok {
			s.UserSchemas = append(s.UserSchemas, schema)
		}
	}
	for _, urn := range c.GroupSchemas {
		if schema, ok := l.schema(urn); ok {
			s.GroupSchemas = append(s.GroupSchemas, schema)
		}
	}
	return s
}

// unusedSchemas says which files are read for nothing.
func (l *Loaded) unusedSchemas() (out []string) {
	used := map[string]bool{}
	for _, s := range l.Sources {
		if s.SCIM != nil {
			for _, urn := range append(s.SCIM.UserSchemas[:len(s.SCIM.UserSchemas):len(s.SCIM.UserSchemas)], s.SCIM.GroupSchemas...) {
				used[strings.ToLower(urn)] = true
			}
		}
	}
	for i, s := range l.schemas {
		if !used[strings.ToLower(s.ID)] {
			out = append(out, fmt.Sprintf("scim_schemas.%d: no source uses %s; name it in user_schemas or group_schemas", i, s.ID))
		}
	}
	return out
}
