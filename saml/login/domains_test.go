package login_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"grantbridge/saml/login"
)

// where asks for an e-mail address and does not follow.
func (b *browser) where(mail string) string {
	b.n.t.Helper()
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := c.Get(b.n.us.URL + "/login?email=" + mail)
	b.n.must(err)
	defer r.Body.Close()
	h := r.Header.Clone()
	for _, changing := range []string{"Date", "X-Request-Id", "Content-Length"} {
		h.Del(changing)
	}
	h.Set("Location", strings.Replace(h.Get("Location"), "/saml/"+strings.Split(h.Get("Location")+"////", "/")[2]+"/", "/saml/SOURCE/", 1))
	return fmt.Sprintf("%d %s %v", r.StatusCode, strings.Split(r.Header.Get("Location")+"////", "/")[2], h)
}

func TestADomainThatNobodyHasLooksLikeOneThatSomebodyHas(t *testing.T) {
	oneTown(t, func(n *town) {
		n.source.Domains = []string{"okta.example"}
		n.others = map[string]login.Source{"entra": {Domains: []string{"entra.example"}}, "portal": {}}
	}, func(n *town) {
		b := n.browser()
		split := func(mail string) (source, rest string) {
			f := strings.SplitN(b.where(mail), " ", 3)
			return f[1], f[0] + " " + f[2]
		}
		source, known := split("ann@okta.example")
		if source != "okta" {
			t.Errorf("okta's domain leads to %s", source)
		}
		if source, _ := split("ann@ENTRA.example."); source != "entra" {
			t.Errorf("entra's domain leads to %s", source)
		}
		seen := map[string]int{}
		for i := range 40 {
			mail := fmt.Sprintf("ann@nobody%d.example", i)
			source, rest := split(mail)
			again, _ := split(strings.Replace(mail, "ann", "bob", 1))
			if rest != known || again != source {
				n.t.Fatalf("%s: %s at %s, then at %s; a known one gets %s", mail, rest, source, again, known)
			}
			seen[source]++
		}
		// With 40 of them, each source gets none by chance once in 10^12.
		if seen["okta"] == 0 || seen["entra"] == 0 || len(seen) != 2 {
			t.Errorf("domains that nobody has lead to %v; each source with domains must get some", seen)
		}
	})
}
