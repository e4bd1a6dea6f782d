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
	// TicketSignedOut is not spent but set, as often as somebody signs out.
	TicketSignedOut TicketKind = "signedout"
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
	until := p.forgotten(id.IssuedAt)
	all := []Ticket{ticket(TicketAssertion, p.c.Source, id.AssertionID, until)}
	if id.Request != "" {
		all = append(all, ticket(TicketRequest, p.c.Source, id.Request, until.Add(p.c.LoginTTL)))
	}
	return all
}

// LogoutTicket is what a logout request uses up.
func (p *Provider) LogoutTicket(l *Logout) Ticket {
	return ticket(TicketLogout, p.c.Source, l.ID, p.forgotten(l.IssuedAt))
}

// SignsOut are the marks that a logout request sets: it also counts for answers
// that arrive after it (SAML core 3.7.3.1). There is one for each session index,
// or one for all of the NameID's.
func (p *Provider) SignsOut(l *Logout) []Ticket {
	if len(l.SessionIndexes) == 0 {
		return []Ticket{p.signedOut(l.NameID, "", l.IssuedAt)}
	}
	var all []Ticket
	for _, index := range l.SessionIndexes {
		all = append(all, p.signedOut(l.NameID, "index:"+index, l.IssuedAt))
	}
	return all
}

// SignedOutBy are the marks of which one, when it was set and its Until is not
// before the one here, says that a logout request came after the assertion that
// was issued at that time: both times are the messages' own with the same
// allowance.
func (p *Provider) SignedOutBy(s SessionRef, issued time.Time) []Ticket {
	return []Ticket{p.signedOut(s.NameID, "", issued), p.signedOut(s.NameID, "index:"+s.SessionIndex, issued)}
}

func (p *Provider) signedOut(n NameID, index string, issued time.Time) Ticket {
	id := decimal(len(n.Format)) + ":" + n.Format + decimal(len(n.Value)) + ":" + n.Value + index
	return ticket(TicketSignedOut, p.c.Source, id, p.forgotten(issued))
}

// forgotten is when a message issued at that time is too old by itself, however
// the clocks differ.
func (p *Provider) forgotten(issued time.Time) time.Time {
	return issued.Add(p.c.MaxAge + 2*p.c.Skew)
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
