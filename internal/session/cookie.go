package session

import (
	"net/http"
	"time"
)

// The cookies. A name that begins with __Host- is taken by browsers only when it
// is Secure, for this host alone and for all paths, so no neighbour can plant
// one. Over http on loopback Chromium takes Secure cookies, but not everybody does
// (Go's own client among them), so they are not Secure there and the names say so.
const (
	sessionCookie  = "grantbridge"
	browserCookie  = "grantbridge-login"
	securePrefix   = "__Host-"
	loopbackSuffix = "-loopback"
)

func (m *Manager) cookieName(name string) string {
	if m.conf.Loopback {
		return name + loopbackSuffix
	}
	return securePrefix + name
}

func (m *Manager) cookie(name, value string, age int) *http.Cookie {
	return &http.Cookie{Name: m.cookieName(name), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: !m.conf.Loopback, SameSite: http.SameSiteLaxMode}
}

// SetCookie gives the browser its handle. The cookie goes with the browser; when
// the session ends is the store's to say.
func (m *Manager) SetCookie(w http.ResponseWriter, handle string) {
	http.SetCookie(w, m.cookie(sessionCookie, handle, 0))
}

// ClearCookie takes it away.
func (m *Manager) ClearCookie(w http.ResponseWriter) {
	http.SetCookie(w, m.cookie(sessionCookie, "", -1))
}

// Handle is the handle that a request came with, or "". A request with two came
// from nobody.
func (m *Manager) Handle(r *http.Request) string { return m.only(r, sessionCookie) }

func (m *Manager) only(r *http.Request, name string) string {
	all := r.CookiesNamed(m.cookieName(name))
	if len(all) != 1 {
		return ""
	}
	return all[0].Value
}

// Of finds the session of a request.
func (m *Manager) Of(r *http.Request) (*Session, error) {
	return m.Find(r.Context(), m.Handle(r))
}

// Browser is the secret that binds a sign-in to the browser that began it, and
// gives the browser one when it has none. It outlives a slow sign-in and opens
// nothing.
func (m *Manager) Browser(w http.ResponseWriter, r *http.Request, lasts time.Duration) string {
	secret := m.BrowserOf(r)
	if secret == "" {
		secret = NewHandle()
	}
	http.SetCookie(w, m.cookie(browserCookie, secret, int(lasts/time.Second)))
	return secret
}

// BrowserOf is that secret of a request, or "".
func (m *Manager) BrowserOf(r *http.Request) string {
	if s := m.only(r, browserCookie); len(s) == handleLength {
		return s
	}
	return ""
}
