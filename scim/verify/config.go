package verify

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// Config says which server to ask, as whom, and what.
type Config struct {
	// URL is the base of the SCIM service: what /Users is appended to.
	URL string
	// Token is a bearer token. A server with another scheme gets Header.
	Token string
	// Header is sent with every request; its Authorization goes before Token.
	Header http.Header
	// Profile selects the cases; empty is RFC.
	Profile Profile
	// Only narrows them: each entry is a glob over, or a part of, a case id, or
	// the name of an area.
	Only []string
	// FailOn is the least binding level whose failures make the report fail:
	// Must (the default), Provider (Must and Provider) or Should (all).
	FailOn Level
	// Parallel is how many cases run at a time; 0 is 1.
	Parallel int
	// Timeout bounds one request; 0 is 15 s.
	Timeout time.Duration
	// MaxRequests bounds the whole run; 0 is 50,000.
	MaxRequests int64
	// KeepAll keeps the captured requests of passed cases too, not only of
	// failed ones.
	KeepAll bool
	// Run names the run; empty is a random name. It is part of every name made.
	Run string
	// Progress, when set, is told of every case as it ends, one at a time.
	Progress func(Result)
	// Load, when set, replaces the cases by a load run.
	Load *Load
	// Client is the HTTP client to use; nil is one of the package's own, which
	// trusts the system's certificates and follows no redirect.
	Client *http.Client
}

// ErrConfig is wrapped by every error about a Config that cannot be used.
var ErrConfig = errors.New("verify: unusable configuration")

// prepare checks c and fills in the defaults.
func (c Config) prepare() (Config, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return c, fmt.Errorf("%w: URL %q is no http(s) address", ErrConfig, c.URL)
	}
	c.URL = strings.TrimRight(c.URL, "/")
	c.Profile = cmp.Or(c.Profile, RFC)
	if !slices.Contains(Profiles, c.Profile) {
		return c, fmt.Errorf("%w: profile %q is none of %v", ErrConfig, c.Profile, Profiles)
	}
	c.FailOn = cmp.Or(c.FailOn, Must)
	if !slices.Contains([]Level{Must, Provider, Should}, c.FailOn) {
		return c, fmt.Errorf("%w: level %q is none of MUST, PROVIDER, SHOULD", ErrConfig, c.FailOn)
	}
	for _, pattern := range c.Only {
		if _, err := path.Match(pattern, ""); err != nil {
			return c, fmt.Errorf("%w: pattern %q: %w", ErrConfig, pattern, err)
		}
	}
	c.Parallel = max(c.Parallel, 1)
	c.Timeout = cmp.Or(c.Timeout, 15*time.Second)
	c.MaxRequests = cmp.Or(c.MaxRequests, 50_000)
	c.Run = strings.ToLower(cmp.Or(c.Run, rand.Text()[:8]))
	if strings.Trim(c.Run, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return c, fmt.Errorf("%w: run name %q is not letters and digits", ErrConfig, c.Run)
	}
	if c.Client == nil {
		c.Client = &http.Client{
			Transport:     http.DefaultTransport.(*http.Transport).Clone(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if c.Load != nil {
		load, err := c.Load.prepare()
		if err != nil {
			return c, err
		}
		c.Load = &load
	}
	return c, nil
}
