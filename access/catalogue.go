package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The actions whose names are the levels' own. Holding one of them is what
// "has level view" means; every catalogue has them at these ids.
const (
	ActView ActionID = iota
	ActWrite
	ActAdmin
	ActSuperuser
)

// Action is one thing that can be allowed, named `plugin.feature:verb`.
type Action struct {
	Name string `json:"name"`
	// Level is the lowest built-in role that includes the action; NoAccess
	// means none but superuser does, so that it must be granted by itself.
	Level Level `json:"level"`
	// Parent names an action that stands for this one too: granting, denying
	// or keeping the parent does so for its children.
	Parent string `json:"parent,omitempty"`
	Title  string `json:"title,omitempty"`
}

// Role is a named set of actions: what it includes of other roles, and its own.
type Role struct {
	Name     string   `json:"name"`
	Includes []string `json:"includes,omitempty"`
	Actions  []string `json:"actions,omitempty"`
}

// Catalogue is the versioned list of actions and roles. It is immutable.
type Catalogue struct {
	catalogue
}

type catalogue struct {
	version string
	actions []Action
	byName  map[string]ActionID
	family  []Actions // by action: itself and all its descendants
	levels  [Superuser + 1]Actions
	all     Actions
	roles   []Role
	sets    map[string]Actions // by role name
}

var builtinActions = []Action{
	{Name: "view", Level: View, Title: "Level view"},
	{Name: "write", Level: Write, Title: "Level write"},
	{Name: "admin", Level: Admin, Title: "Level admin"},
	{Name: "superuser", Level: Superuser, Title: "Level superuser"},
}

// NewCatalogue checks and interns actions and custom roles. The four level
// actions and roles are there without being listed. It reports every unknown
// parent or include, cycle, and second use of a name.
func NewCatalogue(version string, actions []Action, roles []Role) (*Catalogue, error) {
	c := &Catalogue{catalogue{
		version: version,
		actions: slices.Concat(builtinActions, actions),
		byName:  make(map[string]ActionID, len(actions)+len(builtinActions)),
		sets:    make(map[string]Actions, len(roles)+len(builtinActions)),
	}}
	if len(c.actions) > MaxActions {
		return nil, fmt.Errorf("catalogue %q: %d actions, at most %d fit", version, len(c.actions), MaxActions)
	}
	err := errors.Join(c.internActions(), c.internFamilies())
	c.internLevels()
	if err = errors.Join(err, c.internRoles(roles)); err != nil {
		return nil, fmt.Errorf("catalogue %q: %w", version, err)
	}
	return c, nil
}

func (c *catalogue) internActions() error {
	var errs []error
	for i, a := range c.actions {
		switch _, twice := c.byName[a.Name]; {
		case a.Name == "" || strings.TrimSpace(a.Name) != a.Name:
			errs = append(errs, fmt.Errorf("action %d: no name, or space around it: %q", i, a.Name))
		case twice:
			errs = append(errs, fmt.Errorf("action %q: second use of the name", a.Name))
		case a.Level > Superuser:
			errs = append(errs, fmt.Errorf("action %q: no level %d", a.Name, a.Level))
		}
		if _, twice := c.byName[a.Name]; !twice {
			c.byName[a.Name] = ActionID(i)
		}
	}
	return errors.Join(errs...)
}

// internFamilies walks from every action up to its root, adding it to each
// ancestor's family.
func (c *catalogue) internFamilies() error {
	var errs []error
	c.family = make([]Actions, len(c.actions))
	for i := range c.actions {
		for a, steps := i, 0; ; steps++ {
			c.family[a].Add(ActionID(i))
			parent := c.actions[a].Parent
			if parent == "" {
				break
			}
			p, ok := c.byName[parent]
			if !ok {
				if a == i {
					errs = append(errs, fmt.Errorf("action %q: no parent %q%s", c.actions[i].Name, parent, c.didYouMean(parent)))
				}
				break
			}
			if steps > len(c.actions) {
				errs = append(errs, fmt.Errorf("action %q: its parents go in a circle", c.actions[i].Name))
				break
			}
			a = int(p)
		}
	}
	return errors.Join(errs...)
}

func (c *catalogue) internLevels() {
	for i, a := range c.actions {
		c.all.Add(ActionID(i))
		if a.Level == NoAccess {
			continue
		}
		for l := a.Level; l < Superuser; l++ {
			c.levels[l].Add(ActionID(i))
		}
	}
	c.levels[Superuser] = c.all
}

func (c *catalogue) internRoles(custom []Role) error {
	var errs []error
	for l := View; l <= Superuser; l++ {
		r := Role{Name: l.String(), Actions: []string{l.String()}}
		if l > View {
			r.Includes = []string{(l - 1).String()}
		}
		c.roles = append(c.roles, r)
		c.sets[r.Name] = c.levels[l]
	}
	byName := make(map[string]Role, len(custom))
	for _, r := range custom {
		_, builtin := c.sets[r.Name]
		if _, twice := byName[r.Name]; twice || builtin || r.Name == NoAccess.String() {
			errs = append(errs, fmt.Errorf("role %q: second use of the name", r.Name))
			continue
		}
		if r.Name == "" {
			errs = append(errs, errors.New("a role has no name"))
			continue
		}
		byName[r.Name] = r
		c.roles = append(c.roles, r)
	}
	open := make(map[string]bool)
	for _, r := range c.roles {
		if _, err := c.resolveRole(r.Name, byName, open); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// resolveRole computes the set of a custom role; open holds the roles being
// computed, which is how a circle shows.
func (c *catalogue) resolveRole(name string, custom map[string]Role, open map[string]bool) (Actions, error) {
	if set, ok := c.sets[name]; ok {
		return set, nil
	}
	r, ok := custom[name]
	if !ok {
		return Actions{}, fmt.Errorf("no role %q%s", name, c.didYouMean(name))
	}
	if open[name] {
		return Actions{}, fmt.Errorf("role %q: its includes go in a circle", name)
	}
	open[name] = true
	defer delete(open, name)
	set, err := c.expand(r.Actions)
	if err != nil {
		err = fmt.Errorf("role %q: %w", name, err)
	}
	for _, in := range r.Includes {
		s, e := c.resolveRole(in, custom, open)
		if e != nil {
			err = errors.Join(err, fmt.Errorf("role %q includes: %w", name, e))
		}
		set = set.Union(s)
	}
	c.sets[name] = set
	return set, err
}

// Version names the edition of the catalogue.
func (c *Catalogue) Version() string { return c.version }

// Lookup finds an action by name; a level's name is an action. The verb may be
// set off with a dot as well: `segments.share` is `segments:share`.
func (c *Catalogue) Lookup(name string) (ActionID, bool) { return c.lookup(name) }

func (c *catalogue) lookup(name string) (ActionID, bool) {
	if a, ok := c.byName[name]; ok {
		return a, true
	}
	i := strings.LastIndexByte(name, '.')
	if i < 0 || strings.Contains(name, ":") {
		return 0, false
	}
	a, ok := c.byName[name[:i]+":"+name[i+1:]]
	return a, ok
}

// Name is the name of a, or "" when the catalogue has no such action.
func (c *Catalogue) Name(a ActionID) string {
	if int(a) >= len(c.actions) {
		return ""
	}
	return c.actions[a].Name
}

// Actions lists the catalogue in order of id.
func (c *Catalogue) Actions() []Action { return slices.Clone(c.actions) }

// Roles lists the roles, the four built-in ones first.
func (c *Catalogue) Roles() []Role { return slices.Clone(c.roles) }

// Role is the set of actions of a built-in or custom role.
func (c *Catalogue) Role(name string) (Actions, bool) {
	s, ok := c.sets[name]
	return s, ok
}

// Level is the set of actions of a built-in role; NoAccess is empty, Superuser
// is every action.
func (c *Catalogue) Level(l Level) Actions {
	if l > Superuser {
		return Actions{}
	}
	return c.levels[l]
}

// Ceiling is the set of actions c lets through: everything for inherit,
// nothing for unknown.
func (c *Catalogue) Ceiling(x Ceiling) Actions {
	switch {
	case x == CeilingInherit:
		return c.all
	case x >= CeilingNoAccess && x <= CeilingSuperuser:
		return c.levels[x-CeilingNoAccess]
	}
	return Actions{}
}

// Expand is the set of the named actions and all their descendants. Its error
// names every unknown one with the nearest known.
func (c *Catalogue) Expand(names ...string) (Actions, error) { return c.expand(names) }

func (c *catalogue) expand(names []string) (Actions, error) {
	var set Actions
	var errs []error
	for _, n := range names {
		a, ok := c.lookup(n)
		if !ok {
			errs = append(errs, fmt.Errorf("no action %q%s", n, c.didYouMean(n)))
			continue
		}
		set = set.Union(c.family[a])
	}
	return set, errors.Join(errs...)
}

// Highest is the highest level whose own action is in s.
func (c *Catalogue) Highest(s Actions) Level {
	for l := Superuser; l > NoAccess; l-- {
		if s.Has(ActionID(l - View)) {
			return l
		}
	}
	return NoAccess
}

// Lowest is the lowest level that includes a; what no role but superuser
// includes is Superuser's.
func (c *Catalogue) Lowest(a ActionID) Level {
	for l := View; l < Superuser; l++ {
		if c.levels[l].Has(a) {
			return l
		}
	}
	return Superuser
}
