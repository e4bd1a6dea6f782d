package samltest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"grantbridge/saml"
)

// TestReplay is the contract of saml.Replay. Each of the stores given is another
// replica over the same memory; one is enough.
func TestReplay(t *testing.T, replicas ...saml.Replay) {
	t.Helper()
	ticket := func(kind saml.TicketKind, key string) saml.Ticket {
		return saml.Ticket{Kind: kind, Key: t.Name() + key, Until: Now.Add(10 * time.Minute)}
	}
	spend := func(t *testing.T, i int, at time.Duration, tickets ...saml.Ticket) int {
		t.Helper()
		spent, err := replicas[i%len(replicas)].Spend(t.Context(), tickets, Now.Add(at))
		if err != nil {
			t.Fatal(err)
		}
		return spent
	}
	t.Run("a ticket is used once, on any replica", func(t *testing.T) {
		a := ticket(saml.TicketAssertion, "once")
		for i := range 5 {
			if got, want := spend(t, i, time.Duration(i)*time.Second, a), min(i, 1)-1; got != want {
				t.Errorf("use %d: %d; want %d", i+1, got, want)
			}
		}
	})
	t.Run("all tickets are used, or none", func(t *testing.T) {
		a, b, c := ticket(saml.TicketAssertion, "a"), ticket(saml.TicketRequest, "b"), ticket(saml.TicketAssertion, "c")
		if got := spend(t, 0, 0, a, b); got != -1 {
			t.Fatalf("first use: %d", got)
		}
		if got := spend(t, 1, 0, c, b); got != 1 {
			t.Errorf("the second ticket was used: %d", got)
		}
		if got := spend(t, 2, 0, c); got != -1 {
			t.Errorf("a refused call used its first ticket up: %d", got)
		}
	})
	t.Run("a ticket is remembered until its end", func(t *testing.T) {
		a := ticket(saml.TicketLogout, "until")
		if got := spend(t, 0, 0, a); got != -1 {
			t.Fatalf("first use: %d", got)
		}
		if got := spend(t, 1, 10*time.Minute, a); got != 0 {
			t.Errorf("at its end: %d", got)
		}
	})
	t.Run("no ticket is no use", func(t *testing.T) {
		if got := spend(t, 0, 0); got != -1 {
			t.Errorf("got %d", got)
		}
	})
	t.Run("of fifty at once one is the first", func(t *testing.T) { race(t, replicas) })
}

func race(t *testing.T, replicas []saml.Replay) {
	for round := range 5 {
		tickets := []saml.Ticket{
			{Kind: saml.TicketAssertion, Key: fmt.Sprint(t.Name(), "a", round), Until: Now.Add(time.Minute)},
			{Kind: saml.TicketRequest, Key: fmt.Sprint(t.Name(), "r", round), Until: Now.Add(time.Minute)},
		}
		var first atomic.Int32
		var group sync.WaitGroup
		start := make(chan struct{})
		for i := range 50 {
			group.Go(func() {
				<-start
				spent, err := replicas[i%len(replicas)].Spend(context.Background(), tickets, Now)
				if err != nil {
					t.Error(err)
				}
				if spent < 0 {
					first.Add(1)
				}
			})
		}
		close(start)
		group.Wait()
		if first.Load() != 1 {
			t.Errorf("round %d: %d first uses", round, first.Load())
		}
	}
}
