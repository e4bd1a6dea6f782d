package ldaptest

import (
	"net"

	"grantbridge/ldapsync/memdir"
)

// What of package memdir tests name.
type (
	Answer    = memdir.Answer
	Directory = memdir.Directory
	Entry     = memdir.Entry
	Kind      = memdir.Kind
)

// The kinds, and the places of a Scaffold.
const (
	OpenLDAP        = memdir.OpenLDAP
	ActiveDirectory = memdir.ActiveDirectory
	DS389           = memdir.DS389
	Generic         = memdir.Generic

	Suffix    = memdir.Suffix
	People    = memdir.People
	Groups    = memdir.Groups
	Elsewhere = memdir.Elsewhere
)

// Epoch is memdir.Epoch.
var Epoch = memdir.Epoch

// New is memdir.New.
func New() *Directory { return memdir.New() }

// Scaffold is memdir.Scaffold.
func Scaffold() *Directory { return memdir.Scaffold() }

// Server is a memdir.Server whose connections can be spoilt.
type Server struct {
	*memdir.Server
	// Wire spoils the bytes of every connection that begins from now on.
	Wire Wire
}

// Serve is memdir.Serve.
func Serve(d *Directory, kind Kind) *Server {
	s := &Server{Server: memdir.Serve(d, kind)}
	s.Wrap = func(c net.Conn) net.Conn { return &wire{Conn: c, w: s.Wire} }
	return s
}
