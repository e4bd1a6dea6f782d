package demo

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Visit is what came of one employee's visit: signing in, looking at /me,
// signing out.
type Visit struct {
	Login   string
	Sites   int
	Cookies int // bytes of the bridge's cookies, as the browser sends them
	Took    time.Duration
}

// visitor is a browser without scripts.
type visitor struct{ http.Client }

// page is where a visitor has come to.
type page struct {
	url  *url.URL
	text string
}

// Visit lets an employee visit the bridge at base as a browser would, over HTTP
// and through the identity provider, and reports what was seen.
func (o Org) Visit(ctx context.Context, base string, p Person) (Visit, error) {
	start := time.Now()
	jar, err := cookiejar.New(nil)
	if err != nil {
		return Visit{}, err
	}
	v := visitor{http.Client{Jar: jar, Timeout: time.Minute}}
	me, err := v.signIn(ctx, base, p)
	if err != nil {
		return Visit{}, fmt.Errorf("sign in as %s: %w", p.Login, err)
	}
	seen := Visit{Login: p.Login, Sites: strings.Count(me.text, `<tr class="site"`)}
	for _, c := range jar.Cookies(me.url) {
		seen.Cookies += len(c.String()) + len("; ")
	}
	// By way of the identity provider, which sends the browser back here.
	out, err := v.send(ctx, http.MethodPost, base+"/logout", nil)
	if err == nil && (out.url.Path != "/saml/"+Okta+"/slo" || !strings.Contains(out.text, `id="out"`)) {
		err = fmt.Errorf("%s does not say so", out.url.Path)
	}
	if err != nil {
		return Visit{}, fmt.Errorf("sign %s out: %w", p.Login, err)
	}
	seen.Took = time.Since(start)
	return seen, nil
}

func (v *visitor) signIn(ctx context.Context, base string, p Person) (page, error) {
	people, err := v.send(ctx, http.MethodGet, base+"/saml/"+Okta+"/login", nil)
	if err != nil {
		return page{}, err
	}
	chosen := people.url.Query()
	chosen.Set("person", p.ExternalID)
	people.url.RawQuery = chosen.Encode()
	answer, err := v.send(ctx, http.MethodGet, people.url.String(), nil)
	if err != nil {
		return page{}, err
	}
	to, fields := answer.form()
	me, err := v.send(ctx, http.MethodPost, to, fields)
	if err == nil && !strings.Contains(me.text, `id="login">`+html.EscapeString(p.Login)+"<") {
		err = fmt.Errorf("%s is not theirs", me.url.Path)
	}
	return me, err
}

var (
	action = regexp.MustCompile(`action="([^"]+)"`)
	hidden = regexp.MustCompile(`type="hidden" name="(\w+)" value="([^"]*)"`)
)

// form is the page's form, as its button sends it.
func (p page) form() (to string, v url.Values) {
	if m := action.FindStringSubmatch(p.text); m != nil {
		to = html.UnescapeString(m[1])
	}
	v = url.Values{}
	for _, f := range hidden.FindAllStringSubmatch(p.text, -1) {
		v.Set(f[1], html.UnescapeString(f[2]))
	}
	return to, v
}

func (v *visitor) send(ctx context.Context, method, to string, form url.Values) (page, error) {
	r, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(form.Encode()))
	if err != nil {
		return page{}, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := v.Do(r)
	if err != nil {
		return page{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s", method, res.Request.URL.Path, res.Status)
	}
	return page{res.Request.URL, string(text)}, err
}
