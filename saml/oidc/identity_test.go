package oidc_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grantbridge/saml/oidc"
	"grantbridge/saml/signin"
)

func TestGroupsArePresentEmptyAbsentOrElsewhere(t *testing.T) {
	overage := map[string]any{"groups": "src1"}
	sources := map[string]any{"src1": map[string]any{"endpoint": "https://graph.example/x"}}
	for _, c := range []struct {
		name   string
		rule   oidc.GroupRule
		claims map[string]any
		state  signin.GroupState
		want   []string
	}{
		{"a list", oidc.GroupRule{}, map[string]any{"groups": []string{"A", "B", "A"}}, signin.GroupsPresent, []string{"A", "B"}},
		{"a text", oidc.GroupRule{}, map[string]any{"groups": "A"}, signin.GroupsPresent, []string{"A"}},
		{"a text with a delimiter", oidc.GroupRule{Delimiter: ";"}, map[string]any{"groups": "A; B;"}, signin.GroupsPresent, []string{"A", "B"}},
		{"a delimiter that was not configured", oidc.GroupRule{}, map[string]any{"groups": "A;B"}, signin.GroupsPresent, []string{"A;B"}},
		{"an empty list", oidc.GroupRule{}, map[string]any{"groups": []string{}}, signin.GroupsEmpty, nil},
		{"an empty text", oidc.GroupRule{}, map[string]any{"groups": ""}, signin.GroupsEmpty, nil},
		{"no claim", oidc.GroupRule{}, nil, signin.GroupsAbsent, nil},
		{"null", oidc.GroupRule{}, map[string]any{"groups": nil}, signin.GroupsAbsent, nil},
		{"a distributed claim", oidc.GroupRule{}, map[string]any{"_claim_names": overage, "_claim_sources": sources}, signin.GroupsOverage, nil},
		{"a distributed claim beside some groups", oidc.GroupRule{}, map[string]any{"groups": []string{"A"}, "_claim_names": overage, "_claim_sources": sources}, signin.GroupsOverage, nil},
		{"another claim distributed", oidc.GroupRule{Claim: "roles"}, map[string]any{"roles": []string{"A"}, "_claim_names": overage, "_claim_sources": sources}, signin.GroupsPresent, []string{"A"}},
		{"hasgroups", oidc.GroupRule{}, map[string]any{"hasgroups": true}, signin.GroupsOverage, nil},
		{"hasgroups as a text", oidc.GroupRule{}, map[string]any{"hasgroups": "true"}, signin.GroupsOverage, nil},
		{"as many as the provider sends", oidc.GroupRule{Cap: 2}, map[string]any{"groups": []string{"A", "B"}}, signin.GroupsOverage, nil},
		{"fewer", oidc.GroupRule{Cap: 3}, map[string]any{"groups": []string{"A", "B"}}, signin.GroupsPresent, []string{"A", "B"}},
		{"Keycloak's roles", oidc.GroupRule{Claim: "realm_access.roles"}, map[string]any{"realm_access": map[string]any{"roles": []string{"A"}}}, signin.GroupsPresent, []string{"A"}},
		{"no roles there", oidc.GroupRule{Claim: "realm_access.roles"}, map[string]any{"realm_access": "x"}, signin.GroupsAbsent, nil},
		{"a name with dots", oidc.GroupRule{Claim: "https://example.com/groups"}, map[string]any{"https://example.com/groups": []string{"A"}}, signin.GroupsPresent, []string{"A"}},
		{"Keycloak's paths", oidc.GroupRule{Form: signin.GroupLeaves}, map[string]any{"groups": []string{"/emea/Sales"}}, signin.GroupsPresent, []string{"Sales"}},
		{"object ids", oidc.GroupRule{Form: signin.GroupObjectIDs}, map[string]any{"groups": []string{"3F2504E0-4F89-41D3-9A0C-0305E82C3301"}}, signin.GroupsPresent, []string{"3f2504e0-4f89-41d3-9a0c-0305e82c3301"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			l.c.Groups = c.rule
			l.them.Claims = func(out map[string]any) {
				for k, v := range c.claims {
					out[k] = v
				}
			}
			id, no := l.signIn()
			if no != nil {
				t.Fatal(no)
			}
			if id.Groups.State != c.state || !slices.Equal(id.Groups.Values, c.want) || (c.state == signin.GroupsOverage) != (id.Groups.Hint != "") {
				t.Errorf("got %+v, want %s %q", id.Groups, c.state, c.want)
			}
		})
	}
}

func TestWhatATokenSaysOfSomebody(t *testing.T) {
	l := newLab(t)
	at := time.Now().Truncate(time.Second)
	l.them.SignedIn, l.c.MaxAuthnAge, l.c.Subject = at, time.Hour, "oid"
	l.them.Claims = func(c map[string]any) {
		c["oid"], c["acr"], c["amr"], c["employee"], c["address"] = "object-1", "phr", []string{"hwk"}, 7, map[string]any{"country": "FR"}
		c["email_verified"] = "false"
	}
	id, no := l.signIn()
	if no != nil {
		t.Fatal(no)
	}
	want := signin.Subject{Kind: "claim", Name: "oid", Value: "object-1", ExternalID: "object-1"}
	if diff := cmp.Diff(want, id.Subject); diff != "" {
		t.Error(diff)
	}
	if id.AuthnContext != "phr" || !slices.Equal(id.Methods, []string{"hwk"}) || !id.AuthnInstant.Equal(at) || id.Issuer != l.them.URL || id.Key != "RS256 k1" {
		t.Errorf("got %+v", id.Identity)
	}
	if diff := cmp.Diff(oidc.SessionRef{Subject: "ext-clara", ID: "session-1", Hint: id.Session.Hint}, id.Session); diff != "" || strings.Count(id.Session.Hint, ".") != 2 {
		t.Error(diff)
	}
	has := map[string]string{}
	for _, a := range id.Attributes {
		has[a.Name] = strings.Join(a.Values, ",")
	}
	for name, value := range map[string]string{"name": "Clara Moreau", "preferred_username": "clara.moreau", "employee": "7", "oid": "object-1"} {
		if has[name] != value {
			t.Errorf("%s is %q, want %q", name, has[name], value)
		}
	}
	for _, name := range []string{"email", "nonce", "at_hash", "address", "iss"} {
		if _, there := has[name]; there {
			t.Errorf("%s is an attribute", name)
		}
	}
	if notes := strings.Join(id.Notes, "\n"); !strings.Contains(notes, "not verified") || !strings.Contains(notes, "address") {
		t.Errorf("the notes are %q", notes)
	}
}

func TestUserInfoCompletesAndNeverOverrules(t *testing.T) {
	l := newLab(t)
	l.c.UserInfo, l.c.Subject = true, "oid"
	l.them.Claims = func(c map[string]any) { delete(c, "email"); c["oid"], c["name"] = "object-1", "Clara" }
	l.them.UserInfo = func(w http.ResponseWriter) {
		_, _ = w.Write([]byte(`{"sub":"ext-clara","oid":"object-2","name":"Root","email":"clara@example.com","groups":["Sales"],"acr":"phr","sid":"s2","exp":1}`))
	}
	id, no := l.signIn()
	if no != nil {
		t.Fatal(no)
	}
	has := map[string]string{}
	for _, a := range id.Attributes {
		has[a.Name] = strings.Join(a.Values, ",")
	}
	if has["name"] != "Clara" || has["email"] != "clara@example.com" || id.Subject.Value != "object-1" || id.AuthnContext != "" || id.Session.ID != "session-1" {
		t.Errorf("got %+v", id)
	}
	if !slices.Equal(id.Groups.Values, []string{"Sales"}) {
		t.Errorf("the groups are %+v", id.Groups)
	}
	// A subject that only userinfo has is none.
	l = newLab(t)
	l.c.UserInfo, l.c.Subject = true, "oid"
	l.them.UserInfo = func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"sub":"ext-clara","oid":"object-2"}`)) }
	if _, no := l.signIn(); no == nil || no.Reason != oidc.SubjectMissing {
		t.Errorf("got %v", no)
	}
	// Groups that are said to be elsewhere stay unknown.
	l = newLab(t)
	l.c.UserInfo = true
	l.them.Claims = func(c map[string]any) { c["hasgroups"] = true }
	l.them.UserInfo = func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"sub":"ext-clara","groups":["Sales"]}`)) }
	if id, no := l.signIn(); no != nil || id.Groups.State != signin.GroupsOverage {
		t.Errorf("got %+v, %v", id, no)
	}
}

func TestWhatIsAskedFor(t *testing.T) {
	l := newLab(t)
	l.c.ForceAuthn, l.c.AuthnContext = true, []string{"phr", "phrh"}
	l.login = func(u *url.URL) {
		q := u.Query()
		for name, want := range map[string]string{"response_type": "code", "scope": "openid profile email", "prompt": "login", "max_age": "0", "acr_values": "phr phrh",
			"code_challenge_method": "S256", "redirect_uri": callback, "state": l.state} {
			if q.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, q.Get(name), want)
			}
		}
		if len(q.Get("nonce")) != 43 || len(q.Get("code_challenge")) != 43 || q.Get("nonce") == q.Get("code_challenge") || q.Has("code_verifier") {
			t.Errorf("got %v", q)
		}
		if s := u.String(); strings.Contains(s, secretOfBrowser) || strings.Contains(s, "client_secret") {
			t.Errorf("a secret is in %s", s)
		}
	}
	l.them.Claims = func(c map[string]any) { c["acr"] = "phr" }
	if _, no := l.signIn(); no != nil {
		t.Fatal(no)
	}
}

func TestARequestHoldsNoSecret(t *testing.T) {
	l := newLab(t)
	l.build()
	_, one, _ := l.us.Login(l.t.Context(), "state-1", secretOfBrowser, nil, l.now)
	_, two, _ := l.us.Login(l.t.Context(), "state-2", "another browser", nil, l.now)
	if diff := cmp.Diff(one, two); diff != "" {
		t.Errorf("what is kept depends on state or browser:\n%s", diff)
	}
}

func TestThePublicClientHasNoSecret(t *testing.T) {
	l := newLab(t)
	l.c.Secret, l.c.ClientAuth = "", oidc.AuthNone
	if _, no := l.signIn(); no == nil || no.Reason != oidc.ClientRefused { // the provider's client has one
		t.Errorf("got %v", no)
	}
}
