package events

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"grantbridge/provision"
	"grantbridge/store"
	"grantbridge/store/storetest"
)

// receiver takes SETs, unless fault answers first.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	sets  []string // taken, in order
	seen  int
	first map[string]string // jti -> the SET as it first came
	fault func(n int, w http.ResponseWriter, r *http.Request) bool
	all   chan struct{} // closed when want are taken
	want  int
	t     *testing.T
	jwks  func() []byte
}

func newReceiver(t *testing.T, want int) *receiver {
	r := &receiver{t: t, want: want, all: make(chan struct{}), first: map[string]string{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) stream() Stream {
	s := polled()
	s.Name, s.Delivery, s.Endpoint, s.Authorization = "p", Push, r.URL+"/sets", "ApiKey secret-of-receiver"
	return s
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	r.mu.Lock()
	r.seen++
	n, fault, jwks := r.seen, r.fault, r.jwks
	r.mu.Unlock()
	if q.Header.Get("Content-Type") != "application/secevent+jwt" || q.Header.Get("Authorization") != "ApiKey secret-of-receiver" || q.Method != "POST" {
		r.t.Errorf("got %s with %v", q.Method, q.Header)
	}
	jti := read(r.t, jwks(), string(body)).JTI
	r.mu.Lock()
	if was := r.first[jti]; was != "" && was != string(body) {
		r.t.Errorf("%s was sent with another content", jti)
	}
	r.first[jti] = string(body)
	r.mu.Unlock()
	if fault != nil && fault(n, w, q) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.sets, jti) {
		r.sets = append(r.sets, jti)
		if len(r.sets) == r.want {
			close(r.all)
		}
	}
	w.WriteHeader(http.StatusAccepted)
}

func (r *receiver) wait() {
	r.t.Helper()
	select {
	case <-r.all:
	case <-time.After(30 * time.Second):
		r.mu.Lock()
		defer r.mu.Unlock()
		r.t.Fatalf("%d of %d SETs came, in %d requests", len(r.sets), r.want, r.seen)
	}
}

// ordered fails the test unless what was taken came in the order of the audit.
func (r *receiver) ordered() {
	r.t.Helper()
	last := store.Cursor{}
	for _, jti := range r.sets {
		at, ok := place("p", jti)
		if !ok || at.Compare(last) <= 0 {
			r.t.Errorf("%s came after %+v", jti, last)
		}
		last = at
	}
}

func TestFaultsOfTheReceiverLoseNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		const n = 30
		r := newReceiver(t, n)
		w := newWorld(t, st, r.stream())
		r.jwks = w.jwks
		r.fault = func(n int, w http.ResponseWriter, q *http.Request) bool {
			switch n % 11 {
			case 1:
				w.WriteHeader(http.StatusInternalServerError)
			case 2:
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"err":"invalid_key","description":"rotate"}`)
			case 3:
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, "\x00garbage\xff")
			case 4:
				w.WriteHeader(http.StatusOK) // not what RFC 8935 calls taken
			case 5:
				panic(http.ErrAbortHandler)
			case 6:
				http.Redirect(w, q, "/elsewhere", http.StatusTemporaryRedirect)
			default:
				return false
			}
			return true
		}
		w.accounts("a", n)
		stop := w.run(w.tr)
		r.wait()
		stop()
		r.ordered()
		status, err := Measure(t.Context(), st, []Stream{r.stream()})
		if err != nil || status[0].Pending != 0 || status[0].Failures != 0 {
			t.Errorf("got %+v, %v", status, err)
		}
	})
}

func TestAReceiverThatHangsIsTriedAgain(t *testing.T) {
	r := newReceiver(t, 1)
	w := newWorld(t, storetest.Open(t, "sqlite", store.Options{}))
	c := w.config(r.stream())
	c.Client = &http.Client{Timeout: 50 * time.Millisecond}
	tr, err := New(t.Context(), w.engine, c)
	if err != nil {
		t.Fatal(err)
	}
	w.tr = tr
	r.jwks = w.jwks
	r.fault = func(n int, _ http.ResponseWriter, q *http.Request) bool {
		if n < 3 {
			<-q.Context().Done()
		}
		return n < 3
	}
	w.run(tr)
	w.accounts("a", 1)
	r.wait()
}

func TestADeadStreamRaisesTheAlarmAndSaysWhy(t *testing.T) {
	st := storetest.Open(t, "sqlite", store.Options{})
	r := newReceiver(t, 1)
	w := newWorld(t, st)
	c := w.config(r.stream())
	c.Registry = prometheus.NewRegistry()
	c.Pause = time.Microsecond
	tr, err := New(t.Context(), w.engine, c)
	if err != nil {
		t.Fatal(err)
	}
	w.tr = tr
	r.jwks = w.jwks
	refused := make(chan struct{})
	r.fault = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n == deadAfter+1 {
			close(refused)
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"err":"access_denied","description":"who are you?"}`)
		return true
	}
	w.accounts("a", 1)
	stop := w.run(tr)
	select {
	case <-refused:
	case <-time.After(30 * time.Second):
		t.Fatal("it was not tried on")
	}
	stop()
	status, err := Measure(t.Context(), st, []Stream{r.stream()})
	if err != nil || !status[0].Dead || status[0].Pending != 1 || !strings.Contains(status[0].Error, "400: access_denied: who are you?") {
		t.Errorf("got %+v, %v", status, err)
	}
	families, err := c.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		got[f.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	if got["grantbridge_events_dead"] != 1 || got["grantbridge_events_pending"] != 1 || got["grantbridge_events_failures"] < deadAfter ||
		got["grantbridge_events_refused_total"] < deadAfter || got["grantbridge_events_lag_seconds"] < 0 {
		t.Errorf("metrics are %v", got)
	}
}

func TestOneOfTwoReplicasSends(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		r := newReceiver(t, 20)
		w := newWorld(t, st, r.stream())
		r.jwks = w.jwks
		one, two := w.run(w.tr), w.run(w.transmitter(r.stream()))
		w.accounts("a", 20)
		r.wait()
		one()
		two()
		r.ordered()
		if r.seen != 20 {
			t.Errorf("20 SETs took %d requests", r.seen)
		}
	})
}

func TestStreamsFollowTheConfiguration(t *testing.T) {
	r := newReceiver(t, 3)
	w := newWorld(t, storetest.Open(t, "sqlite", store.Options{}))
	if rec := w.send(w.token, "p", `{}`); rec.Code != http.StatusNotFound {
		t.Errorf("without streams: got %d", rec.Code)
	}
	r.jwks = w.jwks
	w.run(w.tr)
	w.accounts("before", 2) // the stream begins after them
	if err := w.tr.Reconfigure(t.Context(), w.config(r.stream())); err != nil {
		t.Fatal(err)
	}
	w.accounts("a", 3)
	r.wait()
	bad := w.config(r.stream())
	bad.Key = nil
	if err := w.tr.Reconfigure(t.Context(), bad); err == nil {
		t.Error("streams without a key are taken")
	}
}

const childEnv = "GRANTBRIDGE_EVENTS_CHILD"

// TestMain is, in a child process, a sender that pushes until it is killed.
func TestMain(m *testing.M) {
	job := os.Getenv(childEnv)
	if job == "" {
		os.Exit(m.Run())
	}
	f := strings.Fields(job)
	key, err := os.ReadFile(f[2])
	if err == nil {
		err = child(f[0], f[1], key)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func child(dsn, endpoint string, pem []byte) error {
	ctx := context.Background()
	st, err := store.Open(ctx, dsn, store.Options{})
	if err != nil {
		return err
	}
	engine, err := provision.New(ctx, st, provision.Config{})
	if err != nil {
		return err
	}
	key, err := ParseKey(pem)
	if err != nil {
		return err
	}
	r := &receiver{Server: &httptest.Server{URL: endpoint}}
	tr, err := New(ctx, engine, Config{Issuer: issuer, Key: key, Streams: []Stream{r.stream()}, Log: quiet(), Lease: 300 * time.Millisecond, Pause: time.Millisecond})
	if err != nil {
		return err
	}
	return tr.Run(ctx)
}

// TestAKilledSenderLosesNothing kills the sender while its receiver answers, again
// and again.
func TestAKilledSenderLosesNothing(t *testing.T) {
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		const n, kills = 60, 5
		text, err := NewKey()
		if err != nil {
			t.Fatal(err)
		}
		file := t.TempDir() + "/key.pem"
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		r := newReceiver(t, n)
		w := newWorld(t, storetest.OpenDSN(t, dsn, store.Options{}))
		c := w.config(r.stream())
		c.Key, _ = ParseKey(text)
		if w.tr, err = New(t.Context(), w.engine, c); err != nil { // never runs; it begins the stream
			t.Fatal(err)
		}
		w.accounts("a", n)
		die := make(chan struct{}, n)
		r.mu.Lock() // the sender is another process, and orders nothing here
		r.jwks = w.jwks
		r.fault = func(i int, _ http.ResponseWriter, q *http.Request) bool {
			if i%9 == 0 && i <= 9*kills {
				die <- struct{}{}
				<-q.Context().Done() // it dies while it waits for the answer, or after
				return i%2 == 0
			}
			return false
		}
		r.mu.Unlock()
		for range kills {
			p := start(t, dsn, r.URL, file)
			select {
			case <-die:
			case <-time.After(30 * time.Second):
				t.Fatal("the sender sends nothing")
			}
			_ = p.Process.Kill()
			_ = p.Wait()
		}
		p := start(t, dsn, r.URL, file)
		r.wait()
		_ = p.Process.Kill()
		_ = p.Wait()
		r.ordered()
	})
}

func start(t *testing.T, dsn, url, key string) *exec.Cmd {
	t.Helper()
	p := exec.Command(os.Args[0])
	p.Env = append(os.Environ(), childEnv+"="+dsn+" "+url+" "+key)
	p.Stderr = os.Stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}
