package main

import (
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"grantbridge/ldapsync/ldaptest"
)

type directoryKey struct{}

// editDirectory is the ldap command of scenes.
func editDirectory(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(directoryKey{}).(*ldaptest.Server)
	if len(args) == 0 {
		ts.Fatalf("usage: ldap serve|person|group|join|leave|delete|disable|hide|see")
	}
	word, args := args[0], args[1:]
	dn := func(login string) string { return "uid=" + login + "," + ldaptest.People }
	switch word {
	case "serve":
		*s = *ldaptest.Serve(ldaptest.Scaffold(), ldaptest.OpenLDAP)
		s.Dir.Refint = true
		url, err := s.Listen()
		ts.Check(err)
		ts.Defer(s.Close)
		ts.Setenv("LDAP", url)
	case "person":
		for _, login := range args {
			s.Dir.Person(login)
		}
	case "group":
		var members []string
		for _, m := range args[1:] {
			if strings.Contains(m, "=") {
				members = append(members, m)
			} else {
				members = append(members, dn(m))
			}
		}
		s.Dir.Group(args[0], members...)
	case "join":
		s.Dir.AddMember("cn="+args[0]+","+ldaptest.Groups, "member", dn(args[1]))
	case "leave": // as on a server that leaves names in groups
		s.Dir.Refint = false
		s.Dir.Delete(dn(args[0]))
		s.Dir.Refint = true
	case "delete":
		s.Dir.Delete(args[0])
	case "disable":
		s.Dir.Set(dn(args[0]), "pwdAccountLockedTime", "000001010000Z")
	case "hide":
		s.HideBelow(ldaptest.People)
	case "see":
		s.HideBelow("")
	default:
		ts.Fatalf("ldap: no word %s", word)
	}
}
