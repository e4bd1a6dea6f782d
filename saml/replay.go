package saml

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Replay is the memory of what was used, shared by all replicas. It speaks in
// the standard library's types only, so that the store, which is below this
// package, implements it with a unique key. samltest.TestReplay is its contract.
type Replay interface {
	// Spend marks all keys as used, or none of them: when one was used before,
	// it returns that one's index, else -1. It may forget a key when now is
	// after its until. Of any number of calls with one key, at the same time and
	// on any replica, exactly one returns -1. Keys are ASCII, at most 80 bytes.
	Spend(ctx context.Context, keys []string, until, now time.Time) (spent int, err error)
}

// Ticket is something that may be used once.
type Ticket struct {
	Kind TicketKind
	// Key is unique for kind, source and ID; it tells nothing of the last.
	Key string
	// Until is when it may be forgotten: after it, time alone refuses.
	Until time.Time
}

// TicketKind says what is used once.
type TicketKind string

// The kinds of ticket.
const (
	TicketAssertion TicketKind = "assertion"
	TicketRequest   TicketKind = "request"
	TicketLogout    TicketKind = "logout"
)

func ticket(kind TicketKind, source, id string, until time.Time) Ticket {
	h := sha256.New()
	for _, part := range []string{source, id} {
		h.Write([]byte(decimal(len(part)) + ":" + part))
	}
	return Ticket{Kind: kind, Key: string(kind) + ":" + hex.EncodeToString(h.Sum(nil)), Until: until}
}

// Reason is why something is refused when this ticket was used before.
func (t Ticket) Reason() Reason {
	if t.Kind == TicketRequest {
		return RequestSpent
	}
	return Replayed
}

// Tickets are what an identity uses up, for a caller of Judge who spends them in
// a transaction of his own, together with what the sign-in writes. An
// assertion's time is bounded by its age and not by what it says itself:
// LemonLDAP::NG says 20 hours.
func (p *Provider) Tickets(id *Identity) []Ticket {
	until := id.IssuedAt.Add(p.c.MaxAge + 2*p.c.Skew)
	all := []Ticket{ticket(TicketAssertion, p.c.Source, id.AssertionID, until)}
	if id.Request != "" {
		all = append(all, ticket(TicketRequest, p.c.Source, id.Request, until.Add(p.c.LoginTTL)))
	}
	return all
}

// spend uses tickets up. A store that does not answer refuses.
func spend(ctx context.Context, replay Replay, tickets []Ticket, now time.Time) *Rejection {
	var keys []string
	var until time.Time
	for _, t := range tickets {
		keys = append(keys, t.Key)
		if t.Until.After(until) {
			until = t.Until
		}
	}
	spent, err := -1, errNoReplay
	if replay != nil {
		spent, err = replay.Spend(ctx, keys, until, now)
	}
	switch {
	case err != nil:
		r := reject(StoreUnavailable, "a proof of first use", "none")
		r.Cause = err
		return r
	case spent < 0:
		return nil
	case spent < len(tickets):
		return reject(tickets[spent].Reason(), "a first use", "another one")
	}
	return reject(Replayed, "a first use", "another one")
}
