package login_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"grantbridge/access"
	"grantbridge/saml"
	"grantbridge/store"
)

// revocations are the audit's entries of sessions that were ended, oldest first.
func (n *town) revocations() (all []store.Entry) {
	n.t.Helper()
	n.kit.Read(func(v *store.View) (err error) {
		all, err = v.Audit(n.t.Context(), store.AuditQuery{Action: "session.revoke"})
		return err
	})
	slices.Reverse(all)
	return all
}

// logouts are the traces of the identity provider's logouts, oldest first.
func (n *town) logouts() (all []store.LoginTrace) {
	n.t.Helper()
	n.kit.Read(func(v *store.View) (err error) {
		all, err = v.Traces(n.t.Context(), store.TraceQuery{Outcome: "logout", Limit: 9})
		return err
	})
	slices.Reverse(all)
	return all
}

// wantRevoked checks who ended that many sessions of Clara's, and why.
func (n *town) wantRevoked(e store.Entry, sessions, actor, via, reason string) {
	n.t.Helper()
	clara, err := n.engine.FindPerson("clara.moreau")
	n.must(err)
	if e.Actor != actor || e.Via != via || !strings.HasPrefix(e.Reason, reason) || e.Request == "" ||
		!strings.Contains(string(e.After), `"sessions":`+sessions) || !strings.Contains(string(e.After), `"okta"`) ||
		!slices.Equal(e.People, []access.PersonID{clara.ID}) {
		n.t.Errorf("the audit says %+v %s, want %s sessions ended by %s via %s: %s", e, e.After, sessions, actor, via, reason)
	}
}

func TestTheAuditSaysWhoSignedOutEverywhere(t *testing.T) {
	eachTown(t, nil, func(n *town) {
		a := n.clara()
		b, other := n.browser(), n.browser()
		b.signIn()
		other.signIn()
		out := func(b *browser, v url.Values) { b.read(b.c.PostForm(n.us.URL+"/logout", v)) }
		out(n.browser(), url.Values{"everywhere": {"1"}}) // nobody
		if out(other, nil); len(n.revocations()) != 0 {
			t.Errorf("signing oneself out is in the audit: %+v", n.revocations())
		}
		other.signIn()
		out(b, url.Values{"everywhere": {"1"}})
		all := n.revocations()
		if len(all) != 1 {
			t.Fatalf("%d entries", len(all))
		}
		n.wantRevoked(all[0], "2", fmt.Sprintf("person:%d", a.Person), "saml", "signed out everywhere, from a session of okta")
	})
}

func TestALogoutOfTheIdentityProviderIsInTheAuditAndHasATrace(t *testing.T) {
	eachTwoDoors(t, saml.Redirect, func(n *twoDoors) {
		a := n.clara()
		n.signIn()
		n.index = "_two"
		n.signIn()
		for _, edit := range [][]string{{"_one", "_three"}, nil, {"_one", "_two"}} {
			doc := n.request(edit...)
			if r, text := n.browser().step(n.signed(saml.Redirect, "SAMLRequest", doc, ""), n.slo(n.us)); r.StatusCode != http.StatusSeeOther {
				t.Fatalf("got %d %s", r.StatusCode, text)
			}
		}
		audit, traces := n.revocations(), n.logouts()
		if len(audit) != 2 || len(traces) != 3 {
			t.Fatalf("%d entries and %d traces, want 2 and 3", len(audit), len(traces))
		}
		if x := traces[0]; x.Person != 0 || x.Reason != "" || !strings.Contains(string(x.Body), "ended 0 sessions") {
			t.Errorf("of a logout that names no session of ours: %+v %s", x, x.Body)
		}
		for i, x := range traces[1:] {
			n.wantRevoked(audit[i], "1", "saml:okta", "saml", "logout "+x.ID)
			if int64(x.Person) != a.Person || !strings.Contains(string(x.Body), "ended 1 session") || strings.Contains(string(x.Body), "ext-clara") {
				t.Errorf("the trace says %+v %s", x, x.Body)
			}
		}
	})
}

func TestABackChannelLogoutIsInTheAuditAndHasATrace(t *testing.T) {
	eachHarbour(t, nil, func(h *harbour) {
		a := h.clara()
		h.signsIn(h.browser())
		token := h.op.Keys[0].Sign(h.op.LogoutToken("ext-clara", ""), nil)
		r, err := http.PostForm(h.us.URL+"/oidc/okta/backchannel-logout", url.Values{"logout_token": {token}})
		h.must(err)
		r.Body.Close()
		audit, traces := h.revocations(), h.logouts()
		if len(audit) != 1 || len(traces) != 1 {
			t.Fatalf("%d entries and %d traces, want one of each", len(audit), len(traces))
		}
		h.wantRevoked(audit[0], "1", "oidc:okta", "oidc", "logout "+traces[0].ID)
		if int64(traces[0].Person) != a.Person {
			t.Errorf("the trace says %+v", traces[0])
		}
	})
}
