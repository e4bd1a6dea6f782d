package oidc_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"grantbridge/saml/oidc"
	"grantbridge/saml/oidc/oidctest"
)

func TestConfigurationsOfProvidersThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(l *lab, d map[string]any)
		want string
	}{
		{"another issuer", func(_ *lab, d map[string]any) { d["issuer"] = "https://evil.example" }, "write issuer as it does, to the letter"},
		{"the issuer with a slash more", func(l *lab, d map[string]any) { d["issuer"] = l.them.URL + "/" }, "to the letter"},
		{"a token endpoint over http", func(_ *lab, d map[string]any) { d["token_endpoint"] = "http://evil.example/token" }, "is not https"},
		{"a script as the authorization endpoint", func(_ *lab, d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)" }, "no plain absolute URL"},
		{"no keys", func(_ *lab, d map[string]any) { delete(d, "jwks_uri") }, "jwks_uri"},
		{"an end of sessions over http", func(_ *lab, d map[string]any) { d["end_session_endpoint"] = "http://evil.example" }, "is not https"},
		{"PKCE in plain only", func(_ *lab, d map[string]any) { d["code_challenge_methods_supported"] = []string{"plain"} }, "does not offer PKCE with S256"},
		{"client authentication that we do not have", func(_ *lab, d map[string]any) {
			d["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"}
		}, "neither client_secret_basic nor client_secret_post"},
		{"a configuration of a megabyte", func(_ *lab, d map[string]any) { d["x"] = strings.Repeat("x", 1<<20) }, "larger than the limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			us, err := oidc.New(l.c)
			if err != nil {
				t.Fatal(err)
			}
			if err := us.Discover(t.Context()); err != nil {
				t.Fatalf("the honest one is refused: %v", err)
			}
			l.them.Discovery = func(d map[string]any) { c.do(l, d) }
			if err := us.Discover(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant it to say %s", err, c.want)
			}
			l.us = us // the last good one stays
			if _, no := l.signIn(); no != nil {
				t.Errorf("the last good configuration is gone: %v", no)
			}
		})
	}
}

func TestWhatIsNoConfigurationOfOurs(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*oidc.Config)
		want string
	}{
		"no source":           {func(c *oidc.Config) { c.Source = "" }, "no name"},
		"no client":           {func(c *oidc.Config) { c.ClientID = "" }, "client_id"},
		"no secret":           {func(c *oidc.Config) { c.Secret = "" }, "secret is missing"},
		"a public secret":     {func(c *oidc.Config) { c.ClientAuth = oidc.AuthNone }, "public client"},
		"an unknown method":   {func(c *oidc.Config) { c.ClientAuth = "jwt" }, "unknown"},
		"no openid":           {func(c *oidc.Config) { c.Scopes = []string{"profile"} }, "openid"},
		"an hour of skew":     {func(c *oidc.Config) { c.Skew = time.Hour }, "clock skew"},
		"an e-mail address":   {func(c *oidc.Config) { c.Subject = "Email" }, "for ever"},
		"a login":             {func(c *oidc.Config) { c.Subject = "preferred_username" }, "for ever"},
		"http":                {func(c *oidc.Config) { c.Issuer = "http://op.example.com" }, "not https"},
		"a query":             {func(c *oidc.Config) { c.Issuer = "https://op.example.com?x=1" }, "query"},
		"every organisation":  {func(c *oidc.Config) { c.Issuer = "https://login.microsoftonline.com/organizations/v2.0" }, "tenant"},
		"a callback over ftp": {func(c *oidc.Config) { c.Callback = "ftp://x/y" }, "not https"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			c.edit(&l.c)
			if _, err := oidc.New(l.c); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %s", err, c.want)
			}
		})
	}
}

func TestAProviderThatIsDown(t *testing.T) {
	l := newLab(t)
	us, err := oidc.New(l.c)
	if err != nil {
		t.Fatal(err)
	}
	l.us = us
	l.them.Discovery = func(d map[string]any) { d["issuer"] = "not yet" }
	for range 5 {
		if _, no := l.signIn(); no == nil || no.Reason != oidc.ProviderNotReady {
			t.Errorf("before anything was read: %v", no)
		}
	}
	if got := l.them.Requests["/.well-known/openid-configuration"]; got != 1 {
		t.Errorf("five sign-ins asked %d times", got)
	}
	l.them.Discovery = nil
	l.now = l.now.Add(10 * time.Second)
	if _, no := l.signIn(); no != nil {
		t.Fatalf("ten seconds later: %v", no)
	}
	to, _, no := l.us.Login(l.t.Context(), l.state, secretOfBrowser, nil, l.now)
	if no != nil || !strings.HasPrefix(to, l.them.URL) {
		t.Errorf("got %q, %v", to, no)
	}
	// A reload makes another of the same configuration.
	next, err := oidc.New(l.c)
	if err != nil {
		t.Fatal(err)
	}
	l.them.JWKS = func(w http.ResponseWriter) bool { http.Error(w, "down", http.StatusInternalServerError); return true }
	next.Inherit(l.us)
	if l.us = next; next.Trouble() != nil {
		t.Error("what was read does not outlive a reload")
	}
	if _, no := l.signIn(); no != nil {
		t.Errorf("the last good keys are gone: %v", no)
	}
	l.c.Issuer = "https://other.example.com"
	other, err := oidc.New(l.c)
	if err != nil {
		t.Fatal(err)
	}
	if other.Inherit(l.us); other.Trouble() == nil {
		t.Error("another issuer's configuration was taken")
	}
}

// refusing is a network without a provider, that counts who asks.
type refusing struct {
	mu    sync.Mutex
	asked []time.Time
}

func (r *refusing) RoundTrip(*http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, time.Now())
	return nil, errors.New("no route")
}

func TestADownProviderIsAskedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := &refusing{}
		p, err := oidc.New(oidc.Config{Source: "okta", Issuer: "https://op.example.com", ClientID: "c", Secret: "s", Callback: callback, Transport: net})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		told := 0
		if err := p.Run(ctx, func(error) { told++ }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run ended with %v", err)
		}
		if n := len(net.asked); n < 24 || n > 40 || told != n {
			t.Errorf("asked %d times in a day, and told of %d", n, told)
		}
		if first := net.asked[1].Sub(net.asked[0]); first != 10*time.Second {
			t.Errorf("asked again after %s", first)
		}
		if e := p.Trouble(); e == nil || e.Trouble != oidc.ConfigurationUnreadable || !e.Closed || !strings.Contains(e.Error(), "no route") {
			t.Errorf("it says %v", e)
		}
	})
}

func TestKeysRotate(t *testing.T) {
	l := newLab(t)
	if _, no := l.signIn(); no != nil {
		t.Fatal(no)
	}
	l.them.Keys = []oidctest.Key{oidctest.NewKey("k2", "RS256")}
	if _, no := l.signIn(); no != nil {
		t.Errorf("after a rotation: %v", no)
	}
	// The old key was withdrawn with the rotation, so who stole it is out.
	l.them.Sign = func(c map[string]any) string { return oidctest.NewKey("k1", "RS256").Sign(c, nil) }
	if _, no := l.signIn(); no == nil || no.Reason != oidc.KeyUnknown {
		t.Errorf("a withdrawn key: %v", no)
	}
	// Without a rotation it ends with the hour.
	l.them.Sign = nil
	l.them.Keys = []oidctest.Key{oidctest.NewKey("k2", "RS256")}
	l.them.Published = []oidctest.Key{oidctest.NewKey("k3", "RS256")}
	if _, no := l.signIn(); no != nil {
		t.Errorf("within the hour: %v", no)
	}
	l.now = l.now.Add(61 * time.Minute)
	l.them.Now = func() time.Time { return l.now }
	if _, no := l.signIn(); no == nil || no.Reason != oidc.KeyUnknown {
		t.Errorf("after the hour: %v", no)
	}
}

func TestStrangersMakeUsAskForKeysOnceAMinute(t *testing.T) {
	l := newLab(t)
	if _, no := l.signIn(); no != nil {
		t.Fatal(no)
	}
	before := l.them.Requests["/keys"]
	evil := oidctest.NewKey("evil", "RS256")
	flood := func() {
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				_, _ = l.us.JudgeLogout(t.Context(), evil.Sign(l.them.LogoutToken("ext-clara", ""), nil), l.now)
			})
		}
		wg.Wait()
	}
	flood()
	if got := l.them.Requests["/keys"] - before; got > 1 {
		t.Errorf("100 unknown keys made us ask %d times", got)
	}
	l.them.Keys = []oidctest.Key{oidctest.NewKey("k2", "RS256")}
	if _, no := l.signIn(); no != nil { // a rotation meanwhile is noticed all the same
		t.Error(no)
	}
	before = l.them.Requests["/keys"]
	l.now = l.now.Add(2 * time.Minute)
	flood()
	if got := l.them.Requests["/keys"] - before; got != 1 {
		t.Errorf("a minute later: %d", got)
	}
}

func TestASlowProviderIsGivenUp(t *testing.T) {
	l := newLab(t)
	l.c.Timeout = 100 * time.Millisecond
	done := make(chan struct{})
	l.build()
	l.them.Token = func(http.ResponseWriter, oidctest.Body) bool { <-done; return true }
	defer close(done)
	start := time.Now()
	_, no := l.signIn()
	if no == nil || no.Reason != oidc.ExchangeFailed {
		t.Errorf("got %v", no)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestADripOfBytesIsGivenUp(t *testing.T) {
	l := newLab(t)
	l.c.Timeout = 200 * time.Millisecond
	l.build()
	ended := make(chan struct{})
	l.them.Token = func(w http.ResponseWriter, _ oidctest.Body) bool {
		for {
			select {
			case <-ended:
				return true
			case <-time.After(10 * time.Millisecond):
				_, _ = w.Write([]byte(" "))
				w.(http.Flusher).Flush()
			}
		}
	}
	_, no := l.signIn()
	close(ended)
	if no == nil || no.Reason != oidc.ExchangeFailed {
		t.Errorf("got %v", no)
	}
}

func TestWhereFormsMayLead(t *testing.T) {
	l := newLab(t)
	us, err := oidc.New(l.c)
	if err != nil {
		t.Fatal(err)
	}
	if got := us.Origins(); len(got) != 1 || got[0] != l.them.URL {
		t.Errorf("before anything was read: %q", got)
	}
	l.them.Discovery = func(d map[string]any) {
		d["authorization_endpoint"], d["end_session_endpoint"] = "https://in.example.com/authorize", "https://out.example.com/logout"
	}
	if err := us.Discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(us.Origins(), " "); got != "https://in.example.com https://out.example.com" {
		t.Errorf("got %q", got)
	}
}

func TestEachTroubleHasItsName(t *testing.T) {
	down := func(w http.ResponseWriter) bool { http.Error(w, "down", http.StatusBadGateway); return true }
	for _, c := range []struct {
		name string
		do   func(l *lab)
		want oidc.Trouble
		says string
	}{
		{"none", func(*lab) {}, "", ""},
		{"a provider that is gone", func(l *lab) { l.them.Stop() }, oidc.ConfigurationUnreadable, "connection refused"},
		{"another issuer", func(l *lab) { l.them.Discovery = func(d map[string]any) { d["issuer"] = "https://new.example" } }, oidc.IssuerChanged, `calls itself "https://new.example"`},
		{"a configuration that cannot be used", func(l *lab) { l.them.Discovery = func(d map[string]any) { delete(d, "token_endpoint") } }, oidc.ConfigurationRefused, "token_endpoint"},
		{"keys that do not come", func(l *lab) { l.them.JWKS = down }, oidc.KeysUnreadable, "/keys: status 502"},
		{"no key to verify with", func(l *lab) { l.them.Published = []oidctest.Key{} }, oidc.KeysUnreadable, "/keys: the JWK Set has no public key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			us, err := oidc.New(l.c)
			if err != nil {
				t.Fatal(err)
			}
			if e := us.Trouble(); e == nil || e.Trouble != oidc.NotRead || !e.Closed {
				t.Errorf("before it is read: %v", e)
			}
			c.do(l)
			err = us.Check(t.Context())
			got := us.Trouble()
			switch {
			case c.want == "" && (err != nil || got != nil):
				t.Errorf("got %v, %v", err, got)
			case c.want != "" && (err == nil || got == nil || got.Trouble != c.want || !got.Closed || !strings.Contains(got.Error(), c.says) || err.Error() != got.Error()):
				t.Errorf("got %v, %+v; want %s: %s", err, got, c.want, c.says)
			}
		})
		t.Run(c.name+", when it was read before", func(t *testing.T) {
			l := newLab(t)
			l.build()
			if err := l.us.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.now = l.now.Add(2 * time.Hour)
			c.do(l)
			_ = l.us.Check(t.Context())
			if got := l.us.Trouble(); (got == nil) != (c.want == "") || got != nil && (got.Trouble != c.want || got.Closed) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestWhoFollowsAProviderReadsItsKeysToo(t *testing.T) {
	l := newLab(t)
	l.them.JWKS = func(w http.ResponseWriter) bool { http.Error(w, "down", http.StatusBadGateway); return true }
	us, err := oidc.New(l.c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var told error
	_ = us.Run(ctx, func(err error) { told = err; cancel() })
	if e, ok := errors.AsType[*oidc.TroubleError](told); !ok || e.Trouble != oidc.KeysUnreadable {
		t.Errorf("told %v", told)
	}
}
