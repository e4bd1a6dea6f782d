package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"grantbridge/access"
	"grantbridge/directory"
	"grantbridge/provision"
	"grantbridge/scim"
	"grantbridge/store"
)

// siteCount is how many sites the company has; every twentieth group is the
// administrators of one.
const siteCount = 200

// rulesText turns groups into access: a rule for each site's administrators, one
// for all employees.
const rulesText = `version: 1
rules:
- {id: site-admins, from: entra, group: {regexp: "^Matomo-Admin-(?P<site>[a-z0-9-]+)$"}, give: admin, sites: "{site}", token_ceiling: write}
- {id: everybody, from: entra, group: All employees, give: view, sites: {labels: {region: eu}}}
`

// house is the product without its command line: store, engine with its
// follower, SCIM door.
type house struct {
	st     *store.Store
	engine *provision.Engine
	door   http.Handler
	secret string
	stop   func()
}

var operator = store.By{Actor: "cli:bench", Via: "cli", Reason: "measure"}

func openHouse(ctx context.Context, dsn string) (*house, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	h := &house{}
	var err error
	if h.st, err = store.Open(ctx, dsn, store.Options{Migrate: true, Log: log}); err != nil {
		return nil, err
	}
	h.engine, err = provision.New(ctx, h.st, provision.Config{Sources: []store.Source{{Name: "entra", Veto: true}}, RemovalBurst: 10_000_000, Log: log})
	if err == nil {
		err = h.furnish(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, h.st.Close())
	}
	h.door = scim.New(h.engine, scim.Config{Log: log})
	following, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { _ = h.engine.Run(following) })
	h.stop = func() {
		cancel()
		done.Wait()
		_ = h.st.Close()
	}
	return h, nil
}

// furnish puts sites, rules and the source's bearer token.
func (h *house) furnish(ctx context.Context) error {
	var sites []access.Site
	for i := range siteCount {
		sites = append(sites, access.Site{ID: access.SiteID(i + 1), Slug: siteSlug(i), Name: "Site", Labels: map[string]string{"region": []string{"eu", "us"}[i%2]}})
	}
	if err := h.engine.PutSites(ctx, operator, sites); err != nil {
		return err
	}
	if _, _, err := h.engine.SetMapping(ctx, operator, "bench.yaml", []byte(rulesText), "", ""); err != nil {
		return err
	}
	m := &store.MintSCIMToken{Source: "entra"}
	if err := h.engine.MintSCIMToken(ctx, operator, m); err != nil {
		return err
	}
	h.secret = m.Secret
	return nil
}

func siteSlug(i int) string { return fmt.Sprintf("site-%d", i) }

// allowed asks the running snapshot.
func (h *house) allowed(login string, site access.SiteID, level access.Level) (bool, error) {
	p, err := h.engine.FindPerson(login)
	if err != nil {
		return false, err
	}
	now := time.Now()
	action := access.ActView + access.ActionID(level-access.View)
	return h.engine.Holder().Check(access.Request{Person: p.ID, Credential: access.Session(now), Site: site, Action: action, At: now}).Allowed, nil
}

// server is the child process: the house behind real HTTP.
type server struct {
	*house
	requests atomic.Int64
	mu       sync.Mutex
	lags     []time.Duration
	wait     sync.WaitGroup
}

// sampleEvery is how many changes there are to one whose way to the snapshot is
// timed.
const sampleEvery = 50

func serveChild(dsn string) error {
	h, err := openHouse(context.Background(), dsn)
	if err != nil {
		return err
	}
	s := &server{house: h}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/debug/", http.DefaultServeMux)
	mux.HandleFunc("/bench/allowed", s.answerAllowed)
	mux.HandleFunc("/bench/stats", s.answerStats)
	mux.HandleFunc("/bench/people", s.answerPeople)
	mux.HandleFunc("/scim/", s.timed)
	go func() { _ = http.Serve(ln, mux) }()
	if err := json.NewEncoder(os.Stdout).Encode(greeting{"http://" + ln.Addr().String(), h.secret}); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent closes it
	s.wait.Wait()
	h.stop()
	return nil
}

type greeting struct{ Base, Secret string }

// timed serves SCIM and takes, of some changes, the time until the snapshot has
// them. ETag says which revision a change made.
func (s *server) timed(w http.ResponseWriter, r *http.Request) {
	s.door.ServeHTTP(w, r)
	if r.Method == "GET" || s.requests.Add(1)%sampleEvery != 0 {
		return
	}
	committed := time.Now()
	rev, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(w.Header().Get("ETag"), "W/"), `"`), 10, 64)
	if err != nil {
		return
	}
	s.wait.Go(func() {
		for {
			if snap, _ := s.engine.Holder().Snapshot(committed); snap.Revision() >= rev {
				break
			}
			time.Sleep(500 * time.Microsecond)
		}
		s.mu.Lock()
		s.lags = append(s.lags, time.Since(committed))
		s.mu.Unlock()
	})
}

func (s *server) answerAllowed(w http.ResponseWriter, r *http.Request) {
	site, _ := strconv.Atoi(r.FormValue("site"))
	level, _ := strconv.Atoi(r.FormValue("level"))
	ok, err := s.allowed(r.FormValue("login"), access.SiteID(site), access.Level(level))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	fmt.Fprint(w, ok)
}

// answerPeople makes n people without SCIM, for measurements that are not about
// making them, and answers with their ids.
func (s *server) answerPeople(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.FormValue("n"))
	ids := make([]string, n)
	err := spread(256, n, func(i int) error {
		login := loginOf(i)
		res, err := s.engine.Apply(r.Context(), operator, &directory.AccountChange{Source: "entra", Edit: func(a directory.Account) (directory.Account, error) {
			a.Login, a.Display, a.Active, a.Doc = login, "User "+login, true, []byte(`{"userName":"`+login+`"}`)
			a.Values = []directory.Value{{Path: "username", Text: login}}
			return a, nil
		}})
		ids[i] = res.Account.UID
		return err
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(ids)
}

// stats is what the child says of itself.
type stats struct {
	CPU       float64 // seconds, of the process
	Peak      float64 // bytes resident at most
	Heap      float64 // bytes in use after a collection, when it was asked for
	Allocated float64 // bytes since the start
	HeapPeak  float64 // bytes of heap that the runtime has from the system
	Lags      []time.Duration
	Revision  int64
	Now       access.Stats
}

func (s *server) answerStats(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("gc") != "" {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	snap, _ := s.engine.Holder().Snapshot(time.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(stats{CPU: cpu() / 1e9, Peak: float64(u.Maxrss) * 1024, Heap: float64(m.HeapAlloc), Allocated: float64(m.TotalAlloc),
		HeapPeak: float64(m.HeapSys - m.HeapReleased), Lags: s.lags, Revision: snap.Revision(), Now: snap.Stats()})
}

// child is a server in a process of its own, so that its CPU time and memory
// are not mixed with its client's.
type child struct {
	greeting
	cmd   *exec.Cmd
	stdin io.Closer
	*client
}

func startChild(dsn string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, "serve-child", dsn)}
	c.cmd.Stderr = os.Stderr
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = stdin
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if err := json.NewDecoder(stdout).Decode(&c.greeting); err != nil {
		return nil, errors.Join(fmt.Errorf("the server did not start: %w", err), c.cmd.Wait())
	}
	c.client = newClient(c.Base+"/scim/v2/entra", c.Secret)
	return c, nil
}

// end stops the server after what it is doing.
func (c *child) end() error {
	_ = c.stdin.Close()
	return c.cmd.Wait()
}

func (c *child) people(n int) (ids []string, err error) {
	res, err := http.Get(c.Base + "/bench/people?n=" + strconv.Itoa(n))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return ids, json.NewDecoder(res.Body).Decode(&ids)
}

func (c *child) stats(gc string) (s stats, err error) {
	res, err := http.Get(c.Base + "/bench/stats?gc=" + gc)
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	return s, json.NewDecoder(res.Body).Decode(&s)
}

// percentile of a list, which it sorts.
func percentile(list []time.Duration, p float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[min(len(list)-1, int(p*float64(len(list))))]
}
