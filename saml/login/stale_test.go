package login_test

import (
	"strings"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/provision"
	"grantbridge/saml/login"
	"grantbridge/store"
)

const aWeek = 7 * 24 * time.Hour

// bound says how long the source's stale memberships grant.
func (n *town) bound(d time.Duration) {
	n.t.Helper()
	n.kit.Do(&store.PutSource{Source: store.Source{Name: "okta", StaleAfter: d}})
	n.must(n.engine.Sync(n.t.Context(), 0))
}

// explained is whether who signs in may do something at a time, and why not.
func (n *town) explained(what string, at time.Time) *provision.Explanation {
	n.t.Helper()
	x, err := n.engine.Explain(n.t.Context(), provision.Question{Who: n.who, What: what, Site: "main", At: at})
	n.must(err)
	return x
}

const marketingIsCapped = `version: 1
rules:
- {id: m, from: okta, group: Marketing, give: write, sites: all}
- {id: c, from: okta, group: Contractors, at_most: view, sites: all}
`

func TestGroupsThatDoNotArriveGiveForAWeek(t *testing.T) {
	eachTown(t, func(n *town) { n.source.Mode, n.source.Groups = login.Create, login.Apply }, func(n *town) {
		n.groups = []string{"Marketing", "Contractors"}
		b := n.browser()
		b.signIn()
		_, _, err := n.engine.SetMapping(t.Context(), store.By{}, "m", []byte(marketingIsCapped), "", "")
		n.must(err)
		n.bound(aWeek)
		if p := b.get("/me"); strings.Contains(p.text, `id="stale"`) {
			t.Errorf("stale at once: %s", p.text)
		}
		n.groups = nil // the claim is taken away
		began := n.now()
		p := b.signIn()
		ended := n.now()
		if !strings.Contains(p.text, `id="stale"`) || !strings.Contains(p.text, "What they give you ends at") {
			t.Errorf("/me does not say so: %s", p.text)
		}
		if x := n.explained("view", began.Add(aWeek-time.Second)); !x.Decision || len(x.Grants) != 1 || x.Grants[0].Until == nil || x.Grants[0].Until.Before(began.Add(aWeek-time.Second)) {
			t.Errorf("within the week: %+v", x)
		}
		if x := n.explained("view", ended.Add(aWeek)); x.Decision || x.Code != access.ExpiredGrant.String() || x.Grants[0].WhyNot != "membership not confirmed for too long" {
			t.Errorf("after it: %+v", x)
		}
		b.signIn() // does not begin the week anew
		if x := n.explained("view", ended.Add(aWeek)); x.Decision {
			t.Errorf("after another sign-in without groups: %+v", x)
		}
		n.lastTraceHas("the memberships grant until")
		n.groups = []string{"Marketing", "Contractors"}
		if p := b.signIn(); strings.Contains(p.text, `id="stale"`) {
			t.Errorf("groups came again: %s", p.text)
		}
		if x := n.explained("view", ended.Add(aWeek)); !x.Decision {
			t.Errorf("groups came again: %+v", x)
		}
		n.kit.Read(func(v *store.View) error {
			entries, err := v.Audit(t.Context(), store.AuditQuery{Action: "user.groups"})
			if len(entries) != 2 || entries[1].Actor != "saml:okta" || !strings.HasPrefix(entries[1].Reason, "sign-in ") {
				t.Errorf("the audit says %+v", entries)
			}
			return err
		})
	})
}

// lastTraceHas checks that the trace of the last sign-in has a note.
func (n *town) lastTraceHas(note string) {
	n.t.Helper()
	n.kit.Read(func(v *store.View) error {
		traces, err := v.Traces(n.t.Context(), store.TraceQuery{Outcome: "in", Limit: 1})
		if err == nil && !strings.Contains(string(traces[0].Body), note) {
			n.t.Errorf("the trace says %s", traces[0].Body)
		}
		return err
	})
}

func TestACapStaysWhenTheGroupsThatBroughtItAreOutOfDate(t *testing.T) {
	eachTown(t, func(n *town) { n.source.Mode, n.source.Groups = login.Create, login.Apply }, func(n *town) {
		n.groups = []string{"Marketing", "Contractors"}
		b := n.browser()
		b.signIn()
		_, _, err := n.engine.SetMapping(t.Context(), store.By{}, "m", []byte(marketingIsCapped), "", "")
		n.must(err)
		n.bound(aWeek)
		n.groups = nil
		b.signIn()
		later := n.now().Add(aWeek)
		if x := n.explained("view", later); x.Decision {
			t.Fatalf("the groups still give: %+v", x)
		}
		person, err := n.engine.FindPerson(n.who)
		n.must(err)
		_, err = n.engine.AddGrant(t.Context(), store.By{Actor: "test"}, store.Manual{Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: int64(person.ID)},
			Role: "admin", All: true, Until: later.Add(aWeek), Reason: "stands in"})
		n.must(err)
		if x := n.explained("write", later); x.Decision || x.Effective != "view" {
			t.Errorf("a cap went away with the groups: %+v", x)
		}
	})
}

func TestGroupsThatAreReportedOnlyAreNeverStale(t *testing.T) {
	eachTown(t, nil, func(n *town) {
		a := n.clara()
		n.kit.Group("okta", "Marketing", a.UID)
		n.bound(time.Microsecond)
		n.groups = nil
		n.browser().signIn()
		n.kit.Read(func(v *store.View) error {
			is, err := v.Staleness(t.Context(), a.ID)
			if !is.Since.IsZero() {
				t.Errorf("SCIM's memberships are stale since %v", is.Since)
			}
			return err
		})
	})
}
