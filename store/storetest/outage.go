package storetest

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"grantbridge/store"
)

// Server is a PostgreSQL of a test's own, which may be killed.
type Server struct {
	t      testing.TB
	script string
	dir    string
	port   int
	DSN    string
}

// StartServer starts a server by the script scripts/postgres.sh. It skips the
// test where the other tests have no server either.
func StartServer(t testing.TB, script string) *Server {
	t.Helper()
	DSN(t, "postgres")
	s := &Server{t: t, script: script, port: freePort(t)}
	dir, err := os.MkdirTemp("/tmp", "grantbridge-outage")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.dir = filepath.Join(dir, "pg")
	t.Cleanup(func() {
		_ = s.run("stop")
		os.RemoveAll(dir)
	})
	s.Start()
	return s
}

// freePort is a port below the ephemeral ones that nobody has.
func freePort(t testing.TB) int {
	for port := 21500; port < 21600; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func (s *Server) run(command string) error {
	c := exec.Command(s.script, command, s.dir)
	c.Env = append(os.Environ(), "GRANTBRIDGE_POSTGRES_PORT="+strconv.Itoa(s.port))
	out, err := c.Output()
	s.DSN = strings.TrimSpace(string(out))
	return err
}

// Start starts the server, or starts it again.
func (s *Server) Start() {
	s.t.Helper()
	var err error
	for range 20 { // a killed server's children let go of its memory one by one
		if err = s.run("start"); err == nil {
			return
		}
		time.Sleep(250 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	s.t.Fatalf("start the server: %v\n%s", err, log[max(0, len(log)-2000):])
}

// Kill kills the server's first process with SIGKILL.
func (s *Server) Kill() {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
	if err != nil {
		s.t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // until its children have noticed
}

// Outage kills the server under a store that writes: what was acknowledged is
// there, callers are told ErrUnavailable and nothing else, and the store works
// again by itself when the server does.
func Outage(t *testing.T, server *Server, rounds int) {
	s := OpenDSN(t, server.DSN, store.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var acks []Acknowledged
	stopped := make(chan struct{})
	refused := 0
	go func() {
		defer close(stopped)
		for i := 0; ctx.Err() == nil; i++ {
			op := NewAccount("kill", "n"+strconv.Itoa(i), "")
			r, err := s.Do(ctx, store.By{}, op)
			switch {
			case err == nil:
				acks = append(acks, Acknowledged{op.After.Login, op.After.UID, r.Revision})
			case errors.Is(err, store.ErrUnavailable):
				refused++
			case ctx.Err() == nil:
				t.Errorf("got %v, want ErrUnavailable", err)
			}
		}
	}()
	for range rounds {
		time.Sleep(300 * time.Millisecond)
		server.Kill()
		down, leave := context.WithTimeout(ctx, 5*time.Second)
		if _, err := s.Wait(down, 1<<40, 100*time.Millisecond); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("wait: got %v, want ErrUnavailable", err)
		}
		if err := s.Read(down, func(*store.View) error { return nil }); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("read: got %v, want ErrUnavailable", err)
		}
		leave()
		server.Start()
		k := Kit{t, s}
		start := time.Now()
		for k.Try(NewAccount("back", "b"+strconv.FormatInt(time.Now().UnixNano(), 10), "")) != nil {
			if time.Since(start) > 10*time.Second {
				t.Fatal("the store has not come back")
			}
		}
		t.Logf("back after %v", time.Since(start).Round(time.Millisecond))
	}
	cancel()
	<-stopped
	t.Logf("%d acknowledged, %d refused", len(acks), refused)
	if len(acks) == 0 || refused == 0 {
		t.Error("the test has seen nothing")
	}
	CheckAcknowledged(t, server.DSN, acks)
}
