package samltest

import (
	"context"
	"crypto/sha256"
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
	spend := func(t *testing.T, i int, at time.Duration, keys ...string) int {
		t.Helper()
		own := make([]string, len(keys))
		for i, k := range keys {
			own[i] = keyOf(t, k)
		}
		spent, err := replicas[i%len(replicas)].Spend(t.Context(), own, Now.Add(10*time.Minute), Now.Add(at))
		if err != nil {
			t.Fatal(err)
		}
		return spent
	}
	t.Run("a key is used once, on any replica", func(t *testing.T) {
		for i := range 5 {
			if got, want := spend(t, i, time.Duration(i)*time.Second, "once"), min(i, 1)-1; got != want {
				t.Errorf("use %d: %d; want %d", i+1, got, want)
			}
		}
	})
	t.Run("all keys are used, or none", func(t *testing.T) {
		if got := spend(t, 0, 0, "a", "b"); got != -1 {
			t.Fatalf("first use: %d", got)
		}
		if got := spend(t, 1, 0, "c", "b"); got != 1 {
			t.Errorf("the second key was used: %d", got)
		}
		if got := spend(t, 2, 0, "c"); got != -1 {
			t.Errorf("a refused call used its first key up: %d", got)
		}
	})
	t.Run("a key is remembered until its end", func(t *testing.T) {
		if got := spend(t, 0, 0, "until"); got != -1 {
			t.Fatalf("first use: %d", got)
		}
		if got := spend(t, 1, 10*time.Minute, "until"); got != 0 {
			t.Errorf("at its end: %d", got)
		}
	})
	t.Run("no key is no use", func(t *testing.T) {
		if got := spend(t, 0, 0); got != -1 {
			t.Errorf("got %d", got)
		}
	})
	t.Run("of fifty at once one is the first", func(t *testing.T) { race(t, replicas) })
}

// keyOf is a key as this package makes them, of this test alone.
func keyOf(t *testing.T, name string) string {
	return fmt.Sprintf("assertion:%x", sha256.Sum256([]byte(t.Name()+name)))
}

func race(t *testing.T, replicas []saml.Replay) {
	for round := range 5 {
		keys := []string{keyOf(t, fmt.Sprint("a", round)), keyOf(t, fmt.Sprint("r", round))}
		var first atomic.Int32
		var group sync.WaitGroup
		start := make(chan struct{})
		for i := range 50 {
			group.Go(func() {
				<-start
				spent, err := replicas[i%len(replicas)].Spend(context.Background(), keys, Now.Add(time.Minute), Now)
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
