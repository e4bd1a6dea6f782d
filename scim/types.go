package scim

// types are the resource types of one source.
type types struct{ user, group *resource }

// coreTypes are those of a source without schemas of its own.
var coreTypes = &types{users, groups}

// of is the type of groups, or of users.
func (t *types) of(group bool) *resource {
	if group {
		return t.group
	}
	return t.user
}

func (t *types) both() []*resource { return []*resource{t.user, t.group} }

// at finds a type by its endpoint without the slash.
func (t *types) at(endpoint string) *resource {
	for _, r := range t.both() {
		if r.endpoint[1:] == endpoint {
			return r
		}
	}
	return nil
}

// typesOf are the types of a source with its schemas.
func typesOf(s Source) *types {
	if len(s.UserSchemas) == 0 && len(s.GroupSchemas) == 0 {
		return coreTypes
	}
	t := &types{newUsers(), newGroups()}
	t.user.extend(s.UserSchemas)
	t.group.extend(s.GroupSchemas)
	return t
}
