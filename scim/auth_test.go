package scim_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"grantbridge/scim"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// withSource opens a house whose source okta is configured as given.
func withSource(t *testing.T, st *store.Store, s scim.Source, more ...func(*scim.Config)) *house {
	t.Helper()
	c := scim.Config{Sources: map[string]scim.Source{"okta": s}}
	for _, f := range more {
		f(&c)
	}
	return openHouse(t, st, c)
}

func basicOf(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// tokenReply is what the token endpoint answers.
type tokenReply struct {
	status int
	header http.Header
	Access string `json:"access_token"`
	Type   string `json:"token_type"`
	Life   int    `json:"expires_in"`
	Error  string `json:"error"`
}

func (h *house) askToken(form url.Values, headers ...string) (r tokenReply) {
	h.t.Helper()
	req, err := http.NewRequest("POST", h.server.URL+"/scim/v2/"+h.source+"/oauth/token", strings.NewReader(form.Encode()))
	h.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Add(name, value)
	}
	res, err := h.server.Client().Do(req)
	h.must(err)
	defer res.Body.Close()
	r.status, r.header = res.StatusCode, res.Header
	h.must(json.NewDecoder(res.Body).Decode(&r))
	return r
}

func (h *house) client(source string) *store.MintSCIMToken {
	m := &store.MintSCIMToken{Source: source, Client: true}
	h.must(h.e.MintSCIMToken(h.t.Context(), operator, m))
	h.must(h.e.Sync(h.t.Context(), 0))
	return m
}

func TestClientCredentials(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		h := withSource(t, st, scim.Source{Auth: scim.Auth{OAuth: true}})
		m := h.client("okta")
		id, grant := m.Token.ClientID(), url.Values{"grant_type": {"client_credentials"}}
		post := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {m.Secret}}
		var tokens []string
		for name, r := range map[string]tokenReply{"client_secret_basic": h.askToken(grant, basicOf(id, m.Secret)), "client_secret_post": h.askToken(post)} {
			if r.status != 200 || r.Type != "Bearer" || r.Life != 3600 || !strings.HasPrefix(r.Access, "gba_") || r.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%s: %+v", name, r)
			}
			tokens = append(tokens, r.Access)
			h.want(200, "GET", "/Users", "", "Authorization: Bearer "+r.Access)
		}
		// Another replica knows them too.
		other := openDoor(t, st, h)
		other.secret = tokens[0]
		other.want(200, "GET", "/Users", "")
		// Neither secret is the other's, and none is another source's.
		h.want(401, "GET", "/Users", "", "Authorization: Bearer "+m.Secret)
		h.want(401, "GET", "/Users", "", basicOf(id, m.Secret))
		h.want(401, "GET", "/Users", "", "Authorization: Bearer "+tokens[0]+"x")
		h.source = "entra"
		h.want(401, "GET", "/Users", "", "Authorization: Bearer "+tokens[0])
		h.source = "okta"
		h.must(h.e.RevokeSCIMToken(t.Context(), operator, m.Token.ID))
		h.must(other.e.Sync(t.Context(), 0))
		for _, d := range []*house{h, other} {
			d.want(401, "GET", "/Users", "", "Authorization: Bearer "+tokens[0])
		}
		if r := h.askToken(post); r.status != 401 || r.Error != "invalid_client" {
			t.Errorf("a revoked client: %+v", r)
		}
	})
}

// openDoor is another process on the same store, with the same configuration.
func openDoor(t *testing.T, st *store.Store, like *house) *house {
	t.Helper()
	h := withSource(t, st, scim.Source{Auth: scim.Auth{OAuth: true}}, func(c *scim.Config) {})
	h.source = like.source
	return h
}

func TestTheTokenEndpointRefuses(t *testing.T) {
	h := withSource(t, storetest.Open(t, "sqlite", store.Options{}), scim.Source{Auth: scim.Auth{OAuth: true}})
	m := h.client("okta")
	entra := h.client("entra")
	id, secret := m.Token.ClientID(), m.Secret
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}
	for name, tt := range map[string]struct {
		form    url.Values
		headers []string
		status  int
		code    string
	}{
		"no client":               {form("grant_type", "client_credentials"), nil, 401, "invalid_client"},
		"a wrong secret":          {form("grant_type", "client_credentials", "client_id", id, "client_secret", secret+"x"), nil, 401, "invalid_client"},
		"another source's client": {form("grant_type", "client_credentials", "client_id", entra.Token.ClientID(), "client_secret", entra.Secret), nil, 401, "invalid_client"},
		"a bearer token":          {form("grant_type", "client_credentials", "client_id", "gbs_1", "client_secret", h.secret), nil, 401, "invalid_client"},
		"two ways at once":        {form("grant_type", "client_credentials", "client_secret", secret), []string{basicOf(id, secret)}, 400, "invalid_request"},
		"another grant":           {form("grant_type", "password", "client_id", id, "client_secret", secret), nil, 400, "unsupported_grant_type"},
		"a secret twice":          {form("grant_type", "client_credentials", "client_id", id, "client_secret", secret, "client_secret", "x"), nil, 400, "invalid_request"},
		"a large form":            {form("grant_type", strings.Repeat("x", 9000)), nil, 400, "invalid_request"},
		"two headers":             {form("grant_type", "client_credentials"), []string{basicOf(id, secret), basicOf(id, secret)}, 401, "invalid_client"},
		"bad base64":              {form("grant_type", "client_credentials"), []string{"Authorization: Basic !!!"}, 401, "invalid_client"},
	} {
		if r := h.askToken(tt.form, tt.headers...); r.status != tt.status || r.Error != tt.code || r.Access != "" {
			t.Errorf("%s: got %d %s", name, r.status, r.Error)
		}
	}
	var last tokenReply
	for range 30 {
		last = h.askToken(form("grant_type", "client_credentials", "client_id", id, "client_secret", secret))
	}
	if last.status != 429 || last.header.Get("Retry-After") == "" {
		t.Errorf("without end: %+v", last)
	}
	if log := h.log.String(); strings.Contains(log, secret) || !strings.Contains(log, "invalid_client") {
		t.Errorf("the log: %s", log)
	}
	h.source = "entra" // where it is not switched on
	h.want(401, "POST", "/oauth/token", "{}", "Authorization: -")
}

func TestBasic(t *testing.T) {
	st := storetest.Open(t, "sqlite", store.Options{})
	h := withSource(t, st, scim.Source{Profile: scim.Ping})
	h.want(200, "GET", "/Users", "", basicOf("ping", h.secret))
	h.want(200, "GET", "/Users", "", basicOf("", h.secret))
	for name, value := range map[string]string{
		"no colon": base64.StdEncoding.EncodeToString([]byte(h.secret)), "not base64": "%%%", "nothing": "", "bits behind the end": base64.StdEncoding.EncodeToString([]byte("x:"+h.secret)) + "=",
		"a control character": base64.StdEncoding.EncodeToString([]byte("x\n:" + h.secret)), "not UTF-8": base64.StdEncoding.EncodeToString([]byte("\xff:" + h.secret)),
		"the token as the name": base64.StdEncoding.EncodeToString([]byte(h.secret + ":")),
	} {
		if r := h.send("GET", "/Users", "", "Authorization: Basic "+value); r.status != 401 {
			t.Errorf("%s: got %d", name, r.status)
		}
	}

	var s scim.Source
	s.Auth.SetPair("ping-fed", "correct horse battery")
	h = withSource(t, storetest.Open(t, "sqlite", store.Options{}), s)
	h.want(200, "GET", "/Users", "", basicOf("ping-fed", "correct horse battery"))
	h.want(401, "GET", "/Users", "", basicOf("ping-fed", "correct horse batterx"))
	h.want(401, "GET", "/Users", "", basicOf("ping", "correct horse battery"))
	h.want(401, "GET", "/Users", "", basicOf("ping-fed", h.secret))
	h.want(200, "GET", "/Users", "")
}

func TestWhatIsSwitchedOffIsRefusedAndNotOffered(t *testing.T) {
	st := storetest.Open(t, "sqlite", store.Options{})
	for name, tt := range map[string]struct {
		source        scim.Source
		bearer, basic int
		challenges    []string
	}{
		"everything usual": {scim.Source{}, 200, 200, []string{`Bearer realm="SCIM", error="invalid_token"`, `Basic realm="SCIM", charset="UTF-8"`}},
		"strict":           {scim.Source{Profile: scim.Strict}, 200, 401, []string{`Bearer realm="SCIM", error="invalid_token"`}},
		"no basic":         {scim.Source{Auth: scim.Auth{NoBasic: true}}, 200, 401, []string{`Bearer realm="SCIM", error="invalid_token"`}},
		"basic alone":      {scim.Source{Auth: scim.Auth{NoBearer: true}}, 401, 200, []string{`Basic realm="SCIM", charset="UTF-8"`}},
	} {
		h := withSource(t, st, tt.source)
		if got := h.send("GET", "/Users", "").status; got != tt.bearer {
			t.Errorf("%s: bearer gets %d", name, got)
		}
		if got := h.send("GET", "/Users", "", basicOf("x", h.secret)).status; got != tt.basic {
			t.Errorf("%s: basic gets %d", name, got)
		}
		refused := h.want(401, "GET", "/Users", "", "Authorization: Bearer wrong")
		if got := refused.header.Values("WWW-Authenticate"); strings.Join(got, "|") != strings.Join(tt.challenges, "|") {
			t.Errorf("%s: offered is %q", name, got)
		}
		h.must(h.e.RevokeSCIMToken(t.Context(), operator, tokenID(h)))
	}
}

func tokenID(h *house) int64 {
	t, err := h.e.AuthenticateSCIM("okta", h.secret)
	h.must(err)
	return t.ID
}

func TestOnlyAllowedAddressesSend(t *testing.T) {
	h := onSQLite(t, scim.Config{})
	allow := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for name, tt := range map[string]struct {
		peer, forwarded string
		proxies         []netip.Prefix
		want            int
	}{
		"allowed":                              {"203.0.113.7:1", "", nil, 200},
		"allowed, IPv6":                        {"[2001:db8::1]:1", "", nil, 200},
		"allowed, IPv4 in IPv6":                {"[::ffff:203.0.113.7]:1", "", nil, 200},
		"another":                              {"198.51.100.1:1", "", nil, 403},
		"another that writes the header":       {"198.51.100.1:1", "203.0.113.7", proxies, 403},
		"the header without a trusted proxy":   {"10.1.1.1:1", "203.0.113.7", nil, 403},
		"through the proxy":                    {"10.1.1.1:1", "203.0.113.7", proxies, 200},
		"through two proxies":                  {"10.1.1.1:1", "203.0.113.7, 10.2.2.2", proxies, 200},
		"a forged hop before the real one":     {"10.1.1.1:1", "203.0.113.7, 198.51.100.1", proxies, 403},
		"a forged hop before the real, twice":  {"10.1.1.1:1", "203.0.113.7, 198.51.100.1, 10.2.2.2", proxies, 403},
		"the proxy itself":                     {"10.1.1.1:1", "", proxies, 403},
		"a header of rubbish":                  {"10.1.1.1:1", "203.0.113.7, x", proxies, 403},
		"a zone":                               {"[fe80::1%eth0]:1", "", nil, 403},
		"a peer that cannot be read":           {"@", "203.0.113.7", proxies, 403},
		"an allowed one with a port behind it": {"10.1.1.1:1", "203.0.113.7:5555", proxies, 200},
	} {
		door := scim.New(h.e, scim.Config{Log: h.logger(), TrustedProxies: tt.proxies, Sources: map[string]scim.Source{"okta": {Allow: allow}}})
		r := httptest.NewRequest("GET", "/scim/v2/okta/Users", nil)
		r.RemoteAddr = tt.peer
		r.Header.Set("Authorization", "Bearer "+h.secret)
		r.Header.Set("X-Real-IP", "203.0.113.7")
		r.Header.Set("Forwarded", "for=203.0.113.7")
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tt.forwarded)
		}
		w := httptest.NewRecorder()
		if door.ServeHTTP(w, r); w.Code != tt.want {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}

func TestEachSourceHasItsRate(t *testing.T) {
	clock := time.Now()
	h := withSource(t, storetest.Open(t, "sqlite", store.Options{}), scim.Source{Rate: 2, Burst: 4}, func(c *scim.Config) {
		c.Now = func() time.Time { return clock }
		c.Sources["entra"] = scim.Source{Rate: rate.Limit(1.0 / 60), Burst: 1}
	})
	for range 4 {
		h.want(200, "GET", "/Users?count=0", "")
	}
	if r := h.want(429, "GET", "/Users?count=0", ""); r.header.Get("Retry-After") != "1" || !strings.Contains(r.text, "2 requests a second") {
		t.Errorf("got %q %s", r.header.Get("Retry-After"), r.text)
	}
	for range 50 { // strangers do not use it up
		h.want(401, "GET", "/Users?count=0", "", "Authorization: Bearer wrong")
	}
	clock = clock.Add(time.Second)
	h.want(200, "GET", "/Users?count=0", "")
	h.want(200, "GET", "/Users?count=0", "")
	h.want(429, "GET", "/Users?count=0", "")
	h.secret, h.source = h.token("entra"), "entra"
	h.want(200, "GET", "/Users?count=0", "")
	if r := h.want(429, "GET", "/Users?count=0", ""); r.header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
	}
}
