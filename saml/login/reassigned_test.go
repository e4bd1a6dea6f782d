package login_test

import (
	"testing"
	"time"

	"grantbridge/directory"
	"grantbridge/saml"
	"grantbridge/saml/login"
	"grantbridge/store"
)

const halfAYear = 180 * 24 * time.Hour

// reassignedAfter changes the source's key, as a reload does. Whoever was here is
// away for longer than a nanosecond.
func (n *town) reassignedAfter(d time.Duration) {
	n.source.ReassignedAfter = d
	n.open()
}

// account is the account of the subject, and whether it is dead.
func (n *town) account(subject string) (a store.SubjectAccount) {
	n.t.Helper()
	n.kit.Read(func(v *store.View) (err error) {
		a, err = v.SubjectAccount(n.t.Context(), "okta", subject, "saml:"+subject)
		return err
	})
	return a
}

func (n *town) pending() []store.PendingLink {
	n.t.Helper()
	all, err := n.engine.PendingSignIns(n.t.Context(), false)
	n.must(err)
	return all
}

// eachReassignable runs f in towns whose people sign in by e-mail address, one of
// them already.
func eachReassignable(t *testing.T, f func(n *town, was directory.Account)) {
	eachTown(t, func(n *town) {
		n.source.Mode, n.source.ReassignedAfter, n.saml.Subject.Attribute = login.Create, halfAYear, ""
		n.who, n.format, n.groups = "clara@corp.example", saml.FormatEmail, nil
	}, func(n *town) {
		b := n.browser()
		for range 2 {
			if p := b.signIn(); !b.in() {
				t.Fatalf("nobody is signed in: %s", p.text)
			}
		}
		f(n, n.account("nameid:clara@corp.example").Account)
	})
}

func TestAnEMailAddressThatWasAwayForLongWaitsForAnAdministrator(t *testing.T) {
	by := store.By{Actor: "cli:root", Via: "cli", Reason: "HR 7"}
	const subject = "nameid:clara@corp.example"
	eachReassignable(t, func(n *town, was directory.Account) {
		wait := func() {
			t.Helper()
			n.reassignedAfter(time.Nanosecond)
			b := n.browser()
			if got := n.refused(b.signIn(), "subject_aged"); got.Outcome != "waiting" || b.in() {
				t.Fatalf("got %s: %s", got.Outcome, got.Body)
			}
			if all := n.pending(); len(all) != 1 || all[0].Account != was.UID || all[0].Subject != subject {
				t.Fatalf("what waits: %+v", all)
			}
		}
		comesIn := func() {
			t.Helper()
			n.reassignedAfter(halfAYear)
			if b := n.browser(); !b.in() {
				if p := b.signIn(); !b.in() {
					t.Fatalf("nobody is signed in: %s", p.text)
				}
			}
			if all := n.pending(); len(all) != 0 {
				t.Errorf("still waits: %+v", all)
			}
		}
		wait()
		n.must(n.engine.LinkSignIn(t.Context(), by, "okta", subject, was.UID))
		comesIn()
		if got := n.account(subject); got.ID != was.ID {
			t.Errorf("the same person has another account: %+v", got)
		}
		wait()
		comesIn() // after a longer time was configured
		wait()
		n.must(n.engine.RefuseSignIn(t.Context(), by, "okta", subject))
		n.refused(n.browser().signIn(), "link_refused")
		made, err := n.engine.ApproveSignIn(t.Context(), by, "okta", subject, login.Approve)
		n.must(err)
		comesIn()
		if got := n.account(subject); got.ID != made.ID || got.Person == was.Person || got.Deleted || got.Login != was.Login {
			t.Errorf("somebody new inherited %+v: %+v", was, got)
		}
	})
}

func TestWhoseNameIsForEverMayStayAway(t *testing.T) {
	eachTown(t, func(n *town) {
		n.source.Mode, n.source.ReassignedAfter, n.saml.Subject.Attribute = login.Create, time.Nanosecond, ""
	}, func(n *town) {
		for range 2 {
			if b := n.browser(); b.signIn().status == 0 || !b.in() {
				t.Error("a persistent NameID has to wait")
			}
		}
	})
}

func TestATestTellsOfASubjectThatWasAway(t *testing.T) {
	eachReassignable(t, func(n *town, _ directory.Account) {
		n.reassignedAfter(time.Nanosecond)
		path, err := login.NewTest(t.Context(), n.kit.S, login.Test{Protocol: "saml", Source: "okta", By: "test", Ends: n.now().Add(time.Minute)})
		n.must(err)
		b := n.browser()
		if got := n.trace(b.post(b.get(path).form())); got.Reason != "subject_aged" || got.Outcome != "tested" || len(n.pending()) != 0 {
			t.Errorf("got %s %s, and %d wait", got.Outcome, got.Reason, len(n.pending()))
		}
	})
}
