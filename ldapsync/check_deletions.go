package ldapsync

import (
	"fmt"

	ldaplib "github.com/go-ldap/ldap/v3"
)

// deletions says whether Active Directory shows tombstones to the account that
// reads: by default it does not, and answers a search for them with success and
// nothing (MS-ADTS 3.1.1.4.1.2).
func (k *checker) deletions(s *session) {
	if k.Mode != ModeUSN {
		return
	}
	dn := "CN=Deleted Objects," + s.context(k.cfg.Users.Base)
	req := baseSearch(dn, []string{s.p.id})
	req.Controls = []ldaplib.Control{ldaplib.NewControlMicrosoftShowDeleted()}
	got := s.newIDs()
	if _, err := s.search(req, got); err == nil && len(got.dn) == 1 {
		k.stage("deletions", Good, dn+" is shown: who is deleted is found by the next run", "", "")
		return
	}
	k.stage("deletions", Warn, fmt.Sprintf("%s is not shown: who is deleted is found when everything is read, every %s", dn, k.cfg.FullEvery),
		"give "+k.cfg.bindName()+" List contents and Read property there, or lower full_every", "")
}
