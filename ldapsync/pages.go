package ldapsync

import (
	"bytes"
	"slices"

	ldaplib "github.com/go-ldap/ldap/v3"

	"grantbridge/directory"
)

// query is one search that is read page by page.
type query struct {
	name         string
	base, filter string
	attrs        []string
	controls     []ldaplib.Control
}

// collector keeps what a query answers. reset forgets all of it.
type collector interface {
	sink
	reset()
	entries() int
}

// minPage is how small pages get before we give up.
const minPage = 16

// pages reads a query to its end and says what was observed. Each page has a
// request and a control of its own, because go-ldap leaves its cookie in them.
// A server that finds the page too large is asked again, from the beginning,
// for smaller ones. A leg is never continued on another connection.
func (s *session) pages(q query, to collector) (directory.Leg, error) {
	for {
		to.reset()
		leg, err := s.pagesOf(q, to, s.page)
		tooLarge := leg.Code == ldaplib.LDAPResultAdminLimitExceeded || leg.Code == ldaplib.LDAPResultSizeLimitExceeded && leg.Pages == 1
		if err == nil || !tooLarge || s.page/2 < minPage {
			return leg, s.fault(q.name, err)
		}
		s.page /= 2
	}
}

func (s *session) pagesOf(q query, to collector, size int) (directory.Leg, error) {
	counted := &counter{sink: to, ad: s.p.kind == ActiveDirectory}
	leg := directory.Leg{Name: q.name, Server: s.id()}
	var cookie []byte
	for {
		leg.Pages++
		paging := ldaplib.NewControlPaging(uint32(size))
		paging.SetCookie(cookie)
		req := &ldaplib.SearchRequest{
			BaseDN: q.base, Scope: ldaplib.ScopeWholeSubtree, Filter: q.filter, Attributes: q.attrs,
			Controls: append([]ldaplib.Control{paging}, q.controls...),
		}
		before := counted.n
		res, err := s.search(req, counted)
		if err != nil {
			leg.Code, leg.Diagnostic = resultCode(err), err.Error()
			leg.Answered = leg.Code >= 0
			return leg, err
		}
		answer, ok := ldaplib.FindControl(res.Controls, ldaplib.ControlTypePaging).(*ldaplib.ControlPaging)
		if ok {
			leg.Controls++
		}
		leg.Entries, leg.Referrals = to.entries(), counted.references
		if !ok || len(answer.Cookie) == 0 {
			leg.Answered, leg.Ended, leg.Last = true, ok, s.id()
			return leg, nil
		}
		if counted.n == before && bytes.Equal(answer.Cookie, cookie) {
			leg.Answered = true
			leg.Faults = append(leg.Faults, "the server hands out the same page again and again")
			return leg, nil
		}
		cookie = answer.Cookie
	}
}

// counter counts what passes on to a collector.
type counter struct {
	sink
	ad            bool
	n, references int
}

func (c *counter) entry(e *entry) error {
	c.n++
	return c.sink.entry(e)
}

// partitions of Active Directory lie below a domain's root and hold no people;
// a search from there is always pointed to them.
var partitions = [][]byte{[]byte("/CN=Configuration,"), []byte("/DC=DomainDnsZones,"), []byte("/DC=ForestDnsZones,")}

func (c *counter) reference(content []byte) {
	if c.ad && slices.ContainsFunc(partitions, func(p []byte) bool { return bytes.Contains(content, p) }) {
		return
	}
	c.references++
}
