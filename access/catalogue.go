package access

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
	catalogue // the helper's own layout
}
type catalogue struct{}

// NewCatalogue checks and interns actions and custom roles. The four level
// actions and roles are there without being listed. It reports every unknown
// parent or include, cycle, and second use of a name.
func NewCatalogue(version string, actions []Action, roles []Role) (*Catalogue, error) { panic("todo") }

// DefaultCatalogue is the platform's own matrix (Matomo 5; requirements section B).
func DefaultCatalogue() *Catalogue { panic("todo") }

// Version names the edition of the catalogue.
func (c *Catalogue) Version() string { panic("todo") }

// Lookup finds an action by name; a level's name is an action.
func (c *Catalogue) Lookup(name string) (ActionID, bool) { panic("todo") }

// Name is the name of a.
func (c *Catalogue) Name(a ActionID) string { panic("todo") }

// Actions lists the catalogue in order of id.
func (c *Catalogue) Actions() []Action { panic("todo") }

// Roles lists the roles, the four built-in ones first.
func (c *Catalogue) Roles() []Role { panic("todo") }

// Role is the set of actions of a built-in or custom role.
func (c *Catalogue) Role(name string) (Actions, bool) { panic("todo") }

// Level is the set of actions of a built-in role; NoAccess is empty, Superuser
// is every action.
func (c *Catalogue) Level(l Level) Actions { panic("todo") }

// Ceiling is the set of actions c lets through: everything for inherit,
// nothing for unknown.
func (c *Catalogue) Ceiling(x Ceiling) Actions { panic("todo") }

// Expand is the set of the named actions and all their descendants. Its error
// names every unknown one with the nearest known.
func (c *Catalogue) Expand(names ...string) (Actions, error) { panic("todo") }

// Highest is the highest level whose own action is in s.
func (c *Catalogue) Highest(s Actions) Level { panic("todo") }

// Nearest is the action or role name most like name, or "".
func (c *Catalogue) Nearest(name string) string { panic("todo") }
