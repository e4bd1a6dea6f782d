package inspect

import (
	"encoding/json"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
)

// Record is one request as the door saw it. Nothing in it is redacted yet.
type Record struct {
	At         time.Time
	Took       time.Duration
	Request    string
	Source     string
	Credential string // "bearer 3"; empty when none was proven
	Profile    string
	Method     string
	Path       string // below the source's root, as sent
	Query      string
	Route      string
	Resource   string
	Agent      string
	Address    string
	Media      string // the Content-Type
	Status     int
	Error      string // the detail of the answer
	Body       []byte // as received; the Log keeps it and must be its only owner
	BodySize   int64
	Rewrites   []Rewrite
	Effects    []Effect
}

// Rewrite is one departure from the RFCs that was understood.
type Rewrite struct {
	Rule   string `json:"rule"`
	Detail string `json:"detail,omitempty"`
}

// Effect is what became of one resource.
type Effect struct {
	Method   string
	Group    bool // else a user
	ID       string
	Status   int
	Error    string
	Revision int64
	Changed  bool
	// The resource before and after, those of the kind that Group says.
	AccountBefore, AccountAfter directory.Account
	GroupBefore, GroupAfter     directory.Group
	Added, Removed, Parked      int
}

// revisions are those that r committed, in order.
func (r *Record) revisions() (out []int64) {
	for _, e := range r.Effects {
		if e.Changed {
			out = append(out, e.Revision)
		}
	}
	return out
}

func (r *Record) size() int {
	n := 512 + len(r.Body) + len(r.Path) + len(r.Query) + len(r.Error)
	for _, e := range r.Effects {
		n += 512 + len(e.AccountBefore.Doc) + len(e.AccountAfter.Doc) + len(e.GroupBefore.Doc) + len(e.GroupAfter.Doc)
	}
	return n
}

// Entry is a request as it is kept.
type Entry struct {
	Path     string          `json:"path"`
	Query    string          `json:"query,omitempty"`
	Media    string          `json:"media,omitempty"`
	Agent    string          `json:"agent,omitempty"`
	Address  string          `json:"address,omitempty"`
	BodySize int64           `json:"body_size,omitempty"`
	Body     json.RawMessage `json:"body,omitempty"`
	// BodyNote says why there is no body where one was sent, or that it is not
	// as it was sent.
	BodyNote string `json:"body_note,omitempty"`
	// Whole says that the request can be replayed as it was sent.
	Whole    bool      `json:"whole"`
	Rewrites []Rewrite `json:"rewrites,omitempty"`
	Objects  []Object  `json:"objects,omitempty"`
	// More is how many objects beyond those there were.
	More   int     `json:"more_objects,omitempty"`
	Access *Access `json:"access,omitempty"`
}

// Object is what became of one resource.
type Object struct {
	Method   string          `json:"method"`
	Type     string          `json:"type"` // User, Group
	ID       string          `json:"id,omitempty"`
	Status   int             `json:"status"`
	Error    string          `json:"error,omitempty"`
	Revision int64           `json:"revision,omitempty"`
	Changed  bool            `json:"changed"`
	Fields   []string        `json:"fields,omitempty"` // that differ
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
	Members  *Members        `json:"members,omitempty"`
}

// Members are the memberships that changed.
type Members struct {
	Added   int `json:"added"`
	Removed int `json:"removed"`
	Parked  int `json:"parked,omitempty"`
}

// Access is whose access changed.
type Access struct {
	// From and To are the revisions that were compared. Exact says that nothing
	// but the request lies between them.
	From  int64 `json:"from"`
	To    int64 `json:"to"`
	Exact bool  `json:"exact"`
	// People is how many people's access changed.
	People int    `json:"people"`
	Moves  []Move `json:"moves,omitempty"`
	// Says is why there is no comparison, or why it is not whole.
	Says string `json:"says,omitempty"`
}

// Move is one person's change of level, on all sites where it is the same.
type Move struct {
	Person string       `json:"person"`          // the id that others know
	Token  bool         `json:"token,omitempty"` // only through tokens
	From   access.Level `json:"from"`
	To     access.Level `json:"to"`
	// Actions, when the levels are equal, are up to five lost (-) or gained (+).
	Actions []string        `json:"actions,omitempty"`
	Sites   []access.SiteID `json:"sites"`
	More    int             `json:"more_sites,omitempty"`
	id      access.PersonID
}
