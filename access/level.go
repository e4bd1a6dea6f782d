package access

import "fmt"

// Level is one of the platform's nested roles on a site. The zero value is no
// access.
type Level uint8

// The levels, each including the ones before it. Superuser is global.
const (
	NoAccess Level = iota
	View
	Write
	Admin
	Superuser
)

var levelNames = [...]string{"noaccess", "view", "write", "admin", "superuser"}

// ParseLevel reads a level by its name.
func ParseLevel(s string) (Level, error) {
	for i, n := range levelNames {
		if n == s {
			return Level(i), nil
		}
	}
	return NoAccess, fmt.Errorf("no level %q; levels are noaccess, view, write, admin, superuser", s)
}

func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

// MarshalText writes the level's name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the level's name and refuses any other text.
func (l *Level) UnmarshalText(b []byte) (err error) {
	*l, err = ParseLevel(string(b))
	return err
}

// Ceiling is the most a token, a session or a mapping's contribution may carry.
// The zero value is an unknown ceiling, which lets nothing through (Matomo pull
// request 24450: an unknown value is never "inherit").
type Ceiling uint8

// The ceilings. CeilingInherit clamps nothing.
const (
	CeilingUnknown Ceiling = iota
	CeilingNoAccess
	CeilingView
	CeilingWrite
	CeilingAdmin
	CeilingSuperuser
	CeilingInherit
)

// CeilingAt returns the ceiling that stops at l.
func CeilingAt(l Level) Ceiling {
	if l > Superuser {
		return CeilingUnknown
	}
	return Ceiling(l) + CeilingNoAccess
}

// ParseCeiling reads "inherit" or a level's name. The empty text, which is what
// a token made before ceilings existed has, is inherit; any other text is
// CeilingUnknown and an error.
func ParseCeiling(s string) (Ceiling, error) {
	if s == "" || s == "inherit" {
		return CeilingInherit, nil
	}
	l, err := ParseLevel(s)
	if err != nil {
		return CeilingUnknown, fmt.Errorf("no ceiling %q; ceilings are inherit, view, write, admin, superuser", s)
	}
	return CeilingAt(l), nil
}

func (c Ceiling) String() string {
	switch {
	case c == CeilingInherit:
		return "inherit"
	case c >= CeilingNoAccess && c <= CeilingSuperuser:
		return Level(c - CeilingNoAccess).String()
	}
	return "unknown"
}

// MarshalText writes the ceiling's name.
func (c Ceiling) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a ceiling as ParseCeiling does.
func (c *Ceiling) UnmarshalText(b []byte) (err error) {
	*c, err = ParseCeiling(string(b))
	return err
}
