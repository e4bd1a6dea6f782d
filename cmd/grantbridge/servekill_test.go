package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"grantbridge/provision"
	"grantbridge/store"
)

// The same as of the command, of the worker in `serve`: killed while it applies,
// its first load included, it goes on by itself where it was when it is started
// again. GRANTBRIDGE_ALL=1 kills 30 times in each store.
func TestServeKilledWhileItAppliesGoesOn(t *testing.T) {
	kinds, rounds := []string{"sqlite"}, 2
	if os.Getenv("GRANTBRIDGE_ALL") == "1" {
		kinds, rounds = []string{"sqlite", "postgres"}, 30
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			k := newKilled(t, kind)
			k.fill()
			for n := range rounds {
				k.serveAndKill(n)
				k.serveUntilDone(n)
				k.edit(n)
			}
			k.serveUntilDone(rounds)
			k.onceEach()
		})
	}
}

func (k *killed) serve() (*exec.Cmd, *bytes.Buffer) {
	k.t.Helper()
	c, says := k.command("serve"), &bytes.Buffer{}
	c.Stdout, c.Stderr = says, says
	k.leaseEnds()
	k.must(c.Start())
	k.t.Cleanup(func() { _ = c.Process.Kill() })
	return c, says
}

// serveAndKill kills serve when it has done a random part of what it applies.
func (k *killed) serveAndKill(n int) {
	k.t.Helper()
	k.lastRun(time.Hour)
	head := k.revision()
	most := int64(20)
	if n == 0 {
		most = 250
	}
	at := head + 1 + k.r.Int64N(most)
	c, says := k.serve()
	k.until("it applies", says, func(v *store.View) bool {
		return v.Revision() >= at || v.Revision() > head && !k.applying(v)
	})
	k.must(c.Process.Kill())
	_ = c.Wait()
	k.check("serve was killed", k.was, k.now)
	k.t.Logf("round %d: killed at revision %d, half applied: %v, whole: %v", n, k.revision(), k.halfApplied(), maps.Equal(k.has(), k.now))
}

// serveUntilDone starts serve and stops it when the store is what the directory
// is; until then nobody has what neither before nor now says.
func (k *killed) serveUntilDone(n int) {
	k.t.Helper()
	if k.halfApplied() {
		k.lastRun(0) // that it is half done is enough to go on
	} else {
		k.lastRun(time.Hour)
	}
	c, says := k.serve()
	start := time.Now()
	answers(k.t, k.listen)
	alive, err := http.Get("http://" + k.listen + "/healthz") // so it takes signals
	k.must(err)
	alive.Body.Close()
	k.until("all is applied", says, func(*store.View) bool {
		k.check("while serve goes on", k.was, k.now)
		return !k.halfApplied() && maps.Equal(k.has(), k.now)
	})
	k.was = maps.Clone(k.now)
	k.must(c.Process.Signal(syscall.SIGTERM))
	if err := c.Wait(); err != nil {
		k.t.Fatalf("serve: %v\n%s", err, says)
	}
	k.t.Logf("round %d: serve was done after %v", n, time.Since(start).Round(time.Millisecond))
}

// until waits.
func (k *killed) until(what string, says *bytes.Buffer, done func(*store.View) bool) {
	k.t.Helper()
	k.withStore(func(ctx context.Context, st *store.Store) error {
		for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(time.Millisecond) {
			ended := false
			err := st.Read(ctx, func(v *store.View) error { ended = done(v); return nil })
			if err != nil || ended {
				return err
			}
			if time.Now().After(deadline) {
				k.t.Fatalf("waited 40 s until %s; serve says:\n%s", what, says)
			}
		}
	})
}

func (k *killed) halfApplied() (half bool) {
	k.t.Helper()
	k.withStore(func(ctx context.Context, st *store.Store) error {
		return st.Read(ctx, func(v *store.View) error { half = k.applying(v); return nil })
	})
	return half
}

func (k *killed) applying(v *store.View) bool {
	k.t.Helper()
	s, err := v.ReadState(k.t.Context(), "corp")
	k.must(err)
	return s.Applying
}

// lastRun lets the last run be as if it had ended so long ago.
func (k *killed) lastRun(ago time.Duration) {
	k.t.Helper()
	k.withStore(func(ctx context.Context, st *store.Store) error {
		then := time.Now().Add(-ago)
		body, err := json.Marshal(provision.SyncReport{Source: "corp", State: provision.SyncUnchanged, Started: then, Ended: then})
		if err == nil {
			_, err = st.KeepRun(ctx, store.SyncRun{Source: "corp", State: string(provision.SyncUnchanged), Started: then, Ended: then, Report: body}, 50)
		}
		return err
	})
}
