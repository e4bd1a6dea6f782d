package handler

import (
	"crypto/rand"
	"net/http"
	"strings"
)

// IDHeader carries the request id, both ways.
const IDHeader = "X-Request-Id"

// RequestID gives every request an id: the caller's, when it is a sane one, or
// a new one. It stands in r.Header and in the answer's.
func RequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(IDHeader)
		if !saneID(id) {
			id = rand.Text()
			r.Header.Set(IDHeader, id)
		}
		w.Header().Set(IDHeader, id)
		next.ServeHTTP(w, r)
	})
}

// saneID keeps out what could forge a log line or fill one.
func saneID(id string) bool {
	if len(id) == 0 || len(id) > 128 {
		return false
	}
	return strings.IndexFunc(id, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_.:/+=@~,", c))
	}) < 0
}

// Secure sets the headers that keep an answer what it is: never sniffed, framed,
// cached or sent on as a referrer, and with no active content. A page sets its
// own Content-Security-Policy over it. https says that the door is reached by
// TLS, so that browsers may insist on it.
func Secure(https bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if https {
			h.Set("Strict-Transport-Security", "max-age=63072000")
		}
		next.ServeHTTP(w, r)
	})
}
