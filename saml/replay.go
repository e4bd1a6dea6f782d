package saml

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Replay is the memory of what was used, shared by all replicas. The store
// implements it with a unique key.
type Replay interface {
	// Spend marks all tickets as used, or none of them: when one was used
	// before, it returns that one's index, else -1. Tickets past their end may
	// be forgotten. Of any number of calls with one ticket, at the same time and
	// on any replica, exactly one returns -1.
	Spend(ctx context.Context, tickets []Ticket, now time.Time) (spent int, err error)
}

// Ticket is something that may be used once.
type Ticket struct {
	Kind TicketKind
	// Key is unique for kind, source and ID; it tells nothing of them.
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
	for _, part := range []string{string(kind), source, id} {
		h.Write([]byte(decimal(len(part)) + ":" + part))
	}
	return Ticket{Kind: kind, Key: hex.EncodeToString(h.Sum(nil)), Until: until}
}

// tickets are what an identity uses up. An assertion's time is bounded by its
// age and not by what it says itself: LemonLDAP::NG says 20 hours.
func (p *Provider) tickets(id *Identity) []Ticket {
	until := id.IssuedAt.Add(p.c.MaxAge + 2*p.c.Skew)
	all := []Ticket{ticket(TicketAssertion, p.c.Source, id.AssertionID, until)}
	if id.Request != "" {
		all = append(all, ticket(TicketRequest, p.c.Source, id.Request, id.IssuedAt.Add(p.c.LoginTTL+p.c.MaxAge+2*p.c.Skew)))
	}
	return all
}

// spend uses tickets up. A store that does not answer refuses.
func spend(ctx context.Context, replay Replay, tickets []Ticket, now time.Time) *Rejection {
	spent, err := -1, errNoReplay
	if replay != nil {
		spent, err = replay.Spend(ctx, tickets, now)
	}
	switch {
	case err != nil:
		r := reject(StoreUnavailable, "a proof of first use", "none")
		r.Cause = err
		return r
	case spent < 0:
		return nil
	case spent < len(tickets) && tickets[spent].Kind == TicketRequest:
		return reject(RequestSpent, "a request that waits", "one that was answered")
	}
	return reject(Replayed, "a first use", "another one")
}
