package access

// Site is one site of the platform.
type Site struct {
	ID     SiteID            `json:"id"`
	Slug   string            `json:"slug"`
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Selector picks sites by what they are, so that later sites join it. All that
// is given must hold; the empty selector picks nothing.
type Selector struct {
	Labels map[string]string // each label has this value
	Slug   string            // glob: * any run, ? any one, case-insensitive; \ quotes
}

// Scope is the sites that a rule reaches. The zero value reaches none.
type Scope struct {
	All    bool // also later sites, and Global
	Sites  []SiteID
	Select []Selector
	// Except takes sites out again; Global is never excepted.
	ExceptSites  []SiteID
	ExceptSelect []Selector
	// Text is what people wrote, for explaining: "region=eu,tier=prod", "all".
	Text string
}

// Has reports whether the scope reaches s.
func (sc Scope) Has(s Site) bool { panic("todo") }
