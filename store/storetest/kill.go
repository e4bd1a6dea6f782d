package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"grantbridge/directory"
	"grantbridge/store"
)

const childEnv = "GRANTBRIDGE_STORETEST_CHILD"

// Main is for TestMain of a package whose tests call Kill: in a child process it
// writes until it is killed.
func Main(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		child(job)
	}
	os.Exit(m.Run())
}

// child creates accounts and prints each one that was acknowledged, from four
// goroutines so that batches form.
func child(job string) {
	name, dsn, _ := strings.Cut(job, " ")
	s, err := store.Open(context.Background(), dsn, store.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				login := fmt.Sprintf("%s-%d-%d", name, g, i)
				op := NewAccount("kill", login, "")
				r, err := s.Do(context.Background(), store.By{Actor: "child"}, op)
				if err != nil {
					fmt.Fprintln(os.Stderr, "child:", err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println(login, op.After.UID, r.Revision)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// Acknowledged is a write that a child was told is durable.
type Acknowledged struct {
	Login, UID string
	Revision   int64
}

// Writer is a child process that writes.
type Writer struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  strings.Builder
	acks []Acknowledged
	torn bool
}

// StartWriter starts a child that creates accounts named after name.
func StartWriter(t testing.TB, name, dsn string) *Writer {
	t.Helper()
	w := &Writer{cmd: exec.Command(os.Args[0]), done: make(chan struct{})}
	w.cmd.Env = append(os.Environ(), childEnv+"="+name+" "+dsn)
	w.cmd.Stderr = &w.err
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go w.read(out)
	return w
}

func (w *Writer) read(out io.Reader) {
	defer close(w.done)
	in := bufio.NewReader(out)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return // what is torn was not acknowledged whole
		}
		var a Acknowledged
		if _, err := fmt.Sscan(line, &a.Login, &a.UID, &a.Revision); err != nil {
			w.torn = true
			return
		}
		w.acks = append(w.acks, a)
	}
}

// Kill kills the child with SIGKILL and returns what it was told.
func (w *Writer) Kill(t testing.TB) []Acknowledged {
	t.Helper()
	_ = w.cmd.Process.Kill()
	<-w.done
	_ = w.cmd.Wait()
	if w.torn || w.err.Len() > 0 {
		t.Errorf("the child failed: %s", w.err.String())
	}
	return w.acks
}

// Kill kills processes that write to the store at dsn, two at a time, at random
// moments: what was acknowledged must be there, once, in a whole chain, and
// sending everything again must change nothing.
func Kill(t *testing.T, dsn string, rounds int) {
	OpenDSN(t, dsn, store.Options{}) // another process is there all the time
	total := 0
	for round := range rounds {
		a := StartWriter(t, fmt.Sprintf("a%d", round), dsn)
		b := StartWriter(t, fmt.Sprintf("b%d", round), dsn)
		time.Sleep(time.Duration(300+rand.IntN(400)) * time.Millisecond)
		acks := append(a.Kill(t), b.Kill(t)...)
		total += len(acks)
		CheckAcknowledged(t, dsn, acks)
	}
	t.Logf("%d rounds, %d acknowledged writes", rounds, total)
	if total == 0 {
		t.Error("nothing was written")
	}
}

// CheckAcknowledged fails the test unless every write is there, the chain is
// whole, and writing again is refused or new, never double.
func CheckAcknowledged(t testing.TB, dsn string, acks []Acknowledged) {
	t.Helper()
	s, err := store.Open(context.Background(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	k := Kit{t, s}
	head := k.Verified().Revision
	k.Read(func(v *store.View) error {
		for _, a := range acks {
			got, err := v.Account(context.Background(), "kill", a.UID)
			if err != nil || got.Login != a.Login || got.Revision != a.Revision || a.Revision > head {
				t.Errorf("acknowledged %+v, got %+v, %v", a, got, err)
			}
		}
		return nil
	})
	for _, a := range acks[max(0, len(acks)-5):] {
		var u *store.UniqueError
		if err := k.Try(NewAccount("kill", a.Login, "")); !errors.As(err, &u) || u.UID != a.UID {
			t.Errorf("sent again, %s gives %v", a.Login, err)
		}
	}
	k.Read(func(v *store.View) error {
		var n int
		as, total, err := v.Accounts(context.Background(), "kill", directory.Query{Count: 1 << 20})
		seen := map[string]bool{}
		for _, a := range as {
			if seen[a.Login] {
				n++
			}
			seen[a.Login] = true
		}
		if n > 0 || total != len(as) {
			t.Errorf("%d accounts are double", n)
		}
		return err
	})
}
