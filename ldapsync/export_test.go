package ldapsync

import "testing"

// Slapd is the real OpenLDAP for tests of the whole worker.
type Slapd struct{ *slapd }

// OpenSlapd gives a test a place of its own in it.
func OpenSlapd(t testing.TB) Slapd { return Slapd{openSlapd(t)} }

// Config reads people from the place's root down, so that what is between may
// be hidden.
func (s Slapd) Config() Config {
	c := s.config()
	c.Users.Base = s.base
	return c
}

func (s Slapd) Base() string                                   { return s.base }
func (s Slapd) Person(login string) string                     { return s.person(login) }
func (s Slapd) Group(name string, members ...string) string    { return s.group(name, members...) }
func (s Slapd) Replace(dn, attribute string, values ...string) { s.replace(dn, attribute, values...) }
func (s Slapd) Delete(dn string)                               { s.delete(dn) }
func (s Slapd) Access(first ...string)                         { s.access(first...) }
