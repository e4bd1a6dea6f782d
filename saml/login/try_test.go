package login_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/saml"
	"grantbridge/saml/login"
	"grantbridge/store"
)

// rules give what groups are for.
func (n *town) rules(text string) {
	n.t.Helper()
	_, _, err := n.engine.SetMapping(n.t.Context(), store.By{Actor: "test", Via: "test"}, "rules.yaml", []byte(text), "", "")
	n.must(err)
	n.must(n.engine.Sync(n.t.Context(), 0))
}

// counts are what a sign-in may leave behind, but for its trace.
func (n *town) counts() string {
	n.t.Helper()
	var accounts, groups, sessions, pending int
	n.kit.Read(func(v *store.View) error {
		ctx := context.Background()
		_, page, err := v.Accounts(ctx, "okta", directory.Query{Count: 1, Start: 1})
		n.must(err)
		all, err := v.AllGroups(ctx, 0)
		n.must(err)
		live, err := v.LiveSessions(ctx, store.SessionQuery{Limit: 99}, time.Now())
		n.must(err)
		waiting, err := v.PendingLinks(ctx)
		accounts, groups, sessions, pending = page, len(all), len(live), len(waiting)
		return err
	})
	return fmt.Sprintf("revision %d, %d accounts, %d groups, %d sessions, %d pending", n.kit.Head(), accounts, groups, sessions, pending)
}

func (n *town) testLink() string {
	n.t.Helper()
	path, err := login.NewTest(n.t.Context(), n.kit.S, login.Test{Protocol: "saml", Source: "okta", By: "cli:ann", Ends: n.now().Add(time.Minute)})
	n.must(err)
	return path
}

// tryOut opens a link of a test and comes back with the page and the trace.
func (n *town) tryOut(b *browser) (page, login.Trace, string) {
	n.t.Helper()
	p := b.get(n.testLink())
	to, v := p.form()
	if v.Get("SAMLResponse") == "" {
		n.t.Fatalf("no answer of the identity provider: %s", p.text)
	}
	p = b.post(to, v)
	kept := n.trace(p)
	var t login.Trace
	n.must(json.Unmarshal(kept.Body, &t))
	if kept.Outcome != "tested" || t.Test != "cli:ann" {
		n.t.Errorf("the trace is %s of a test by %q", kept.Outcome, t.Test)
	}
	return p, t, kept.Reason
}

const writersRule = "version: 1\nrules:\n- {id: marketing, from: okta, group: Marketing, give: write, sites: [main]}\n"

func TestATestSaysWhatWouldFollowAndCreatesNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		mode   login.Mode
		do     func(n *town)
		want   saml.Reason
		gives  string
		joins  string
		leaves string
	}{
		{name: "somebody new", mode: login.Create, gives: "write on 1 site, by marketing", joins: "Marketing"},
		{name: "somebody new who may not be made", mode: login.LinkOnly, want: "no_account"},
		{name: "somebody new who would wait", mode: login.Review, want: "link_pending"},
		{name: "an account that is there", mode: login.LinkOnly, do: func(n *town) { n.clara() }, gives: "write on 1 site, by marketing", joins: "Marketing"},
		{name: "a group that would be left", mode: login.LinkOnly, do: func(n *town) {
			a := n.clara()
			n.kit.Do(&store.ChangeGroup{Change: &directory.GroupChange{Source: "okta", Members: directory.MemberChange{Add: []string{a.UID}},
				Edit: func(g directory.Group) (directory.Group, error) {
					g.Display, g.Doc = "Sales", []byte(`{}`)
					return g, nil
				}}})
		}, gives: "write on 1 site, by marketing", joins: "Marketing", leaves: "Sales"},
		{name: "somebody with a taken login", mode: login.Create, do: func(n *town) { n.kit.Account("okta", "ext-clara") }, want: "login_taken"},
		{name: "a leaver", mode: login.Create, do: func(n *town) {
			n.kit.Do(&store.ChangeAccount{Change: &directory.AccountChange{Source: "okta", UID: n.clara().UID, Delete: true}})
		}, want: "account_left"},
	} {
		t.Run(c.name, func(t *testing.T) {
			oneTown(t, func(n *town) { n.source.Mode, n.source.Groups = c.mode, login.Apply }, func(n *town) {
				n.rules(writersRule)
				if c.do != nil {
					c.do(n)
				}
				before := n.counts()
				b := n.browser()
				p, trace, reason := n.tryOut(b)
				if reason != string(c.want) || strings.Contains(p.text, "would not be") != (c.want != "") {
					t.Errorf("got %q, want %q:\n%s", reason, c.want, p.text)
				}
				got := []string{strings.Join(trace.Gives, "; "), strings.Join(trace.Joins, ","), strings.Join(trace.Leaves, ",")}
				if want := []string{c.gives, c.joins, c.leaves}; strings.Join(got, "|") != strings.Join(want, "|") {
					t.Errorf("got %q, want %q; notes %q", got, want, trace.Notes)
				}
				if after := n.counts(); after != before {
					t.Errorf("the test left %s; before there were %s", after, before)
				}
				if b.in() {
					t.Error("a test signed somebody in")
				}
				if !strings.Contains(p.text, "<td>ext-clara<br>") {
					t.Errorf("the page does not show the attributes as sent:\n%s", p.text)
				}
				if stored := string(n.trace(p).Body); strings.Contains(stored, `"ext-clara"`) {
					t.Errorf("the trace keeps values of attributes: %s", stored)
				}
			})
		})
	}
}

func TestALinkOfATestIsUsedOnceInItsTime(t *testing.T) {
	oneTown(t, nil, func(n *town) {
		n.clara()
		link := n.testLink()
		if _, v := n.browser().get(link).form(); v.Get("SAMLResponse") == "" {
			n.t.Fatal("the link does not work")
		}
		n.refused(n.browser().get(link), "test_spent")
		late := n.testLink()
		n.ahead = 2 * time.Minute
		n.refused(n.browser().get(late), "test_spent")
		n.refused(n.browser().get("/saml/okta/login?test=nonsense"), "test_spent")
		n.ahead = 0
		// Another browser, to which the answer is brought, sees nothing of it.
		to, v := n.browser().get(n.testLink()).form()
		if p := n.browser().post(to, v); p.status != 403 || strings.Contains(p.text, "attributes") {
			t.Errorf("another browser got %d: %s", p.status, p.text)
		}
	})
}

func TestARefusedTestSaysWhatToChange(t *testing.T) {
	oneTown(t, func(n *town) { n.saml.AuthnContext = []string{"https://refeds.org/profile/mfa"} }, func(n *town) {
		n.clara()
		p, _, reason := n.tryOut(n.browser())
		for _, want := range []string{`id="expected">one of https://refeds.org/profile/mfa<`, `id="received">urn:oasis`, `id="change">Require the method`} {
			if reason != "authn_context" || !strings.Contains(p.text, want) {
				t.Errorf("refused for %s; the page lacks %s:\n%s", reason, want, p.text)
			}
		}
	})
}

func TestASuperuserNeedsAStrongSignIn(t *testing.T) {
	const mfa = "https://refeds.org/profile/mfa"
	oneTown(t, func(n *town) {
		n.source.Strong, n.source.Ceiling, n.strong = []string{mfa}, "admin", true
	}, func(n *town) {
		a := n.clara()
		_, err := n.engine.AddGrant(t.Context(), store.By{}, store.Manual{Kind: access.Grant, Subject: access.Subject{Kind: access.ThePerson, ID: a.Person},
			Role: "superuser", All: true, Reason: "test", Until: time.Now().Add(time.Hour)})
		n.must(err)
		n.must(n.engine.Sync(t.Context(), 0))
		b := n.browser()
		p := b.signIn()
		if superuser, admin := n.may(); superuser || !admin {
			t.Errorf("a weak session: superuser %v, admin %v", superuser, admin)
		}
		before := b.c.Jar.Cookies(p.url)
		if !strings.Contains(p.text, `href="/saml/okta/login?step_up=1"`) {
			n.t.Fatalf("the page does not lead to a stronger sign-in:\n%s", p.text)
		}
		p = b.post(b.get("/saml/okta/login?step_up=1").form())
		if superuser, admin := n.may(); !superuser || !admin || strings.Contains(p.text, `id="limit"`) {
			t.Errorf("a strong session: superuser %v, admin %v\n%s", superuser, admin, p.text)
		}
		thief := n.browser()
		thief.c.Jar.SetCookies(p.url, before)
		if thief.in() {
			t.Error("the handle from before the step-up still opens the session")
		}
		n.strong = false
		n.refused(b.post(b.get("/saml/okta/login?step_up=1").form()), saml.AuthnContextWeak)
	})
}

func TestTheBrowserIsBoundForAsLongAsASignInMayTake(t *testing.T) {
	oneTown(t, func(n *town) { n.saml.LoginTTL = time.Hour }, func(n *town) {
		c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		r, err := c.Get(n.us.URL + "/saml/okta/login")
		n.must(err)
		r.Body.Close()
		for _, cookie := range r.Cookies() {
			if got, want := time.Duration(cookie.MaxAge)*time.Second, 75*time.Minute; got < want-time.Minute || got > want {
				t.Errorf("cookie %s lives %s, want %s", cookie.Name, got, want)
			}
		}
		if len(r.Cookies()) != 1 {
			t.Errorf("got the cookies %v", r.Cookies())
		}
	})
}

func TestGroupsWithoutValuesLeaveOnlyWhenTheSourceSaysSo(t *testing.T) {
	for _, leave := range []bool{false, true} {
		oneTown(t, func(n *town) {
			n.source.Mode, n.source.Groups, n.source.LeaveOnEmpty = login.Create, login.Apply, leave
		}, func(n *town) {
			members := func() (count int) {
				n.kit.Read(func(v *store.View) error {
					a, err := v.SubjectAccount(context.Background(), "okta", "", "ext-clara")
					n.must(err)
					all, err := v.GroupsOf(context.Background(), []directory.AccountID{a.ID})
					count = len(all[a.ID])
					return err
				})
				return count
			}
			n.browser().signIn()
			n.groups = []string{} // the attribute comes, with nothing in it
			n.browser().signIn()
			want := 1
			if leave {
				want = 0
			}
			if got := members(); got != want {
				t.Errorf("leave %v: %d memberships are left, want %d", leave, got, want)
			}
			n.groups = nil // no attribute at all
			n.browser().signIn()
			if got := members(); got != want {
				t.Errorf("leave %v: %d memberships after a sign-in without groups, want %d", leave, got, want)
			}
		})
	}
}

func TestWhoWasRefusedStaysOutUntilTheyAreLinked(t *testing.T) {
	oneTown(t, func(n *town) { n.source.Mode = login.Review }, func(n *town) {
		n.refused(n.browser().signIn(), "link_pending")
		n.kit.Do(&store.RefuseSubject{Source: "okta", Subject: "attribute:ext-clara"})
		n.refused(n.browser().signIn(), "link_refused")
		n.source.Mode = login.Create
		n.open()
		n.refused(n.browser().signIn(), "link_refused")
		n.kit.Do(&store.LinkSubject{Source: "okta", Subject: "attribute:ext-clara", Account: n.kit.Account("okta", "clara").UID})
		if b := n.browser(); b.signIn().status != 200 || !b.in() {
			t.Error("a link does not take the refusal back")
		}
	})
}
