package ldapsync

import (
	"strings"
	"testing"
)

// Real is a place in a real directory server, for tests of the whole worker.
type Real struct {
	realServer
	c Config
}

// EachServer runs a test on every real server that there is.
func EachServer(t *testing.T, f func(t *testing.T, s Real)) {
	eachServer(t, func(t *testing.T, s realServer) {
		c := s.config()
		c.Bind = s.clerk()
		c.Users.Base = s.at().base // so that what is between may be hidden
		f(t, Real{s, c})
	})
}

// The ways in which a server answers success with nothing.
const (
	SearchOnly    = searchOnly
	HiddenTree    = hiddenTree
	HiddenMembers = hiddenMembers
)

// Config reads as an account that may do nothing else.
func (s Real) Config() Config                              { return s.c }
func (s Real) Person(login string) string                  { return s.person(login) }
func (s Real) Group(name string, members ...string) string { return s.group(name, members...) }
func (s Real) Replace(dn, attribute string, values ...string) {
	s.at().replace(dn, attribute, values...)
}
func (s Real) Move(dn, above string) string {
	rdn, _, _ := strings.Cut(dn, ",")
	return s.at().rename(dn, rdn, above+","+s.at().base)
}
func (s Real) Disable(dn string)   { s.disable(dn) }
func (s Real) Enable(dn string)    { s.enable(dn) }
func (s Real) Blind(way blindness) { s.blind(way) }
func (s Real) Heal()               { s.heal() }
