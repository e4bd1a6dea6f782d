package oidc

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// An order to end sessions also counts for sign-ins that are under way when it
// comes: their code may be redeemed, and their session made, after it. So it is
// kept, and every sign-in looks once its session is made. By our clock alone:
// what a token says of its time is when it was made, which may be after the order.

const (
	// signInTakes is longer than any sign-in does, from its request to its session.
	signInTakes = 2 * time.Hour
	// sessionStaysOut is for how long no sign-in may come back to a session that the
	// provider has ended: a new sign-in there has a new sid.
	sessionStaysOut = 24 * time.Hour
)

// SignsOut is the mark that an order which came at that time leaves, and until
// when. It tells nothing of who it is about.
func (p *Provider) SignsOut(l Logout, came time.Time) (mark string, until time.Time) {
	if l.Session == "" {
		return p.mark("sub", l.Subject), came.Add(signInTakes)
	}
	return p.mark("sid", l.Subject, l.Session), came.Add(sessionStaysOut + signInTakes)
}

// SignedOutBy are the marks of which one that is kept until then at least ends a
// sign-in which began at that time.
func (p *Provider) SignedOutBy(s SessionRef, began time.Time) (marks []string, until time.Time) {
	marks = []string{p.mark("sub", s.Subject)}
	if s.ID != "" {
		marks = append(marks, p.mark("sid", "", s.ID), p.mark("sid", s.Subject, s.ID))
	}
	return marks, began.Add(signInTakes)
}

// mark is a key of at most 80 bytes that tells nothing of what it is made of.
func (p *Provider) mark(kind string, parts ...string) string {
	h := sha256.New()
	for _, part := range append([]string{p.c.Source}, parts...) {
		h.Write([]byte(decimal(len(part)) + ":" + part))
	}
	return "oidc " + kind + " " + hex.EncodeToString(h.Sum(nil))
}
