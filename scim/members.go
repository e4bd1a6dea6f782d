package scim

import (
	"slices"
	"strconv"

	"grantbridge/directory"
)

func itoa(i int) string { return strconv.Itoa(i) }

var membersAttr = groups.find("members")

// ids reads a list of members: [{"value": id}], and what is read as that.
func (n *reader) ids(v any) ([]string, error) {
	if m, ok := v.(memberList); ok {
		return m.ids, checkIDs(m.ids)
	}
	elems := list(v)
	out := make([]string, 0, len(elems))
	for _, e := range elems {
		id, plain := plainMember(e)
		if !plain {
			return n.shapedIDs(v)
		}
		out = append(out, id)
	}
	if elems == nil {
		return n.shapedIDs(v)
	}
	return out, checkIDs(out)
}

// plainMember is the id of a member as the RFC shapes it: nearly all of what a
// group with a hundred thousand consists of.
func plainMember(e any) (id string, plain bool) {
	o, _ := e.(map[string]any)
	for key, v := range o {
		s, ok := v.(string)
		switch {
		case key == "value":
			id = s
		case key != "display" && key != "type" && key != "$ref" || !ok && v != nil:
			return "", false
		}
	}
	return id, id != ""
}

// shapedIDs reads what is not plain.
func (n *reader) shapedIDs(v any) ([]string, error) {
	w, err := n.value(membersAttr, v)
	if err != nil {
		return nil, err
	}
	elems := list(w)
	out := make([]string, 0, len(elems))
	for i, e := range elems {
		o, _ := e.(map[string]any)
		id, _ := o["value"].(string)
		if id == "" {
			return nil, invalidValue("members[%d] has no value; it takes the id of a user", i)
		}
		out = append(out, id)
	}
	return out, checkIDs(out)
}

func checkIDs(ids []string) error {
	for i, id := range ids {
		if len(id) > maxKey {
			return invalidValue("members[%d].value has %d bytes; ids are shorter", i, len(id))
		}
	}
	return nil
}

// members reads the members of a POST or PUT.
func (n *reader) members(m *directory.MemberChange, v any) error {
	ids, err := n.ids(v)
	m.Replace, m.Add = true, unique(ids)
	return err
}

// memberOp folds one operation on members into the change that all operations
// of the request make together.
func (n *reader) memberOp(c *Canonical, verb Verb, t target, v any) error {
	f := folding{m: &c.Members}
	switch {
	case t.sub != nil && t.sub.name != "value" && n.use(RuleEcho, "%s belongs to the user; ignored", t.title()):
		return nil
	case t.sub != nil && (verb != Remove || t.elem == nil):
		return mutability("%s is immutable; remove the member and add another", t.title())
	case t.elem != nil:
		return n.selected(f, verb, t)
	}
	if verb == Remove && v == nil {
		if !n.removeAll {
			return noTarget("remove of members without a value would empty the group; name the members, as in members[value eq \"…\"]")
		}
		f.replace(nil)
		return nil
	}
	if verb == Remove && !n.use(RuleMemberValues, "remove members with a list of values") {
		return invalidValue("remove takes no value; name the member in the path, as in members[value eq \"…\"]")
	}
	if verb == Add {
		v = asElements(membersAttr, v)
	}
	ids, err := n.ids(v)
	if err != nil {
		return err
	}
	switch verb {
	case Add:
		f.add(ids)
	case Replace:
		f.replace(ids)
	case Remove:
		f.remove(ids)
	}
	return nil
}

// selected reads an operation on members[value eq "id"].
func (n *reader) selected(f folding, verb Verb, t target) error {
	ids, ok := named(*t.elem)
	if !ok {
		return invalidPath("members are selected by members[value eq \"id\"], alone or joined by or")
	}
	switch verb {
	case Remove:
		f.remove(ids)
	case Add:
		f.add(ids)
	case Replace:
		return mutability("members[…] is immutable; remove the member and add another")
	}
	return nil
}

// named are the ids that a filter over members names.
func named(f directory.Filter) (ids []string, ok bool) {
	switch f.Op {
	case directory.OpEq:
		return []string{f.Text}, f.Path == "members.value"
	case directory.OpOr:
		for _, g := range f.Args {
			more, ok := named(g)
			if !ok {
				return nil, false
			}
			ids = append(ids, more...)
		}
		return ids, true
	}
	return nil, false
}

// folding makes one MemberChange of operations in their order.
type folding struct{ m *directory.MemberChange }

func (f folding) add(ids []string) {
	f.m.Remove = minus(f.m.Remove, ids)
	f.m.Add = plus(f.m.Add, ids)
}

func (f folding) remove(ids []string) {
	f.m.Add = minus(f.m.Add, ids)
	if !f.m.Replace {
		f.m.Remove = plus(f.m.Remove, ids)
	}
}

func (f folding) replace(ids []string) {
	f.m.Replace, f.m.Add, f.m.Remove = true, unique(ids), nil
}

// plus is a and those of b that are not in it, in order. A request of a thousand
// operations appends to it a thousand times, so a short b does not cost a map
// of a.
func plus(a, b []string) []string {
	if len(b) <= 4 {
		for _, id := range b {
			if !slices.Contains(a, id) {
				a = append(a, id)
			}
		}
		return a
	}
	return unique(append(a, b...))
}

func minus(a, b []string) []string {
	if len(a) == 0 {
		return a
	}
	if len(b) <= 4 {
		return slices.DeleteFunc(a, func(id string) bool { return slices.Contains(b, id) })
	}
	out := make(map[string]bool, len(b))
	for _, id := range b {
		out[id] = true
	}
	return slices.DeleteFunc(a, func(id string) bool { return out[id] })
}

// unique sorts ids, which are its own from then on, and drops doubles.
func unique(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}
