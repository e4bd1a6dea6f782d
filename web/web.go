package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"grantbridge/internal/handler"
	"grantbridge/provision"
	"grantbridge/store"
)

// Config is what the door needs beside the engine. The zero value works.
type Config struct {
	// BaseURL is where callers reach the server, "https://access.example.org".
	// Empty takes it from each request.
	BaseURL string
	// Version is shown in metrics.
	Version string
	Log     *slog.Logger     // nil is slog.Default
	Now     func() time.Time // nil is time.Now
	// Registry receives this door's metrics and is served whole at /metrics, so
	// that other doors register theirs there. nil makes one.
	Registry *prometheus.Registry
	// Draining reports that the server is about to stop: /readyz says no, and
	// everything else goes on. nil is never.
	Draining func() bool
	// Replay says what a kept SCIM request would do now; nil has none.
	// store.ErrNotFound, or a *provision.InvalidError when it cannot be replayed.
	Replay func(ctx context.Context, id int64) (any, error)
	// NewAccount makes accounts of sign-ins that are approved; nil approves none.
	NewAccount provision.NewAccount
}

// door is the handler with what it depends on.
type door struct {
	engine  *provision.Engine
	conf    Config
	metrics *metrics
	probe   probe
	slugs   slugs
}

// requestTimeout bounds the work for one question, a search over everybody
// included.
const requestTimeout = 10 * time.Second

// New makes the handler. It may be used concurrently.
func New(engine *provision.Engine, c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Draining == nil {
		c.Draining = func() bool { return false }
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	d := &door{engine: engine, conf: c, metrics: newMetrics(engine, c)}
	return handler.RequestID(handler.Secure(strings.HasPrefix(c.BaseURL, "https://"), d.routes()))
}

// route is one line of the table.
type route struct {
	method, path string
	f            handler.Func
}

// table is every route; those below /api/v1 stand in operations too.
func (d *door) table() []route {
	return []route{
		{"POST", "/access/v1/evaluation", d.evaluation},
		{"POST", "/access/v1/evaluations", d.evaluations},
		{"POST", "/access/v1/search/subject", d.searchSubject},
		{"POST", "/access/v1/search/resource", d.searchResource},
		{"POST", "/access/v1/search/action", d.searchAction},
		{"GET", "/.well-known/authzen-configuration", d.discovery},
		{"GET", "/api/v1/scim/requests", d.scimRequests},
		{"GET", "/api/v1/scim/requests/{id}", d.scimRequest},
		{"POST", "/api/v1/scim/requests/{id}/replay", d.scimReplay},
		{"GET", "/api/v1/sources/{source}/runs", d.runs},
		{"GET", "/api/v1/sources/{source}/runs/{id}", d.run},
		{"GET", "/api/v1/plans", d.plans},
		{"GET", "/api/v1/plans/{id}", d.plan},
		{"POST", "/api/v1/plans/{id}/apply", d.applyPlan},
		{"POST", "/api/v1/plans/{id}/discard", d.discardPlan},
		{"GET", "/api/v1/sessions", d.sessions},
		{"POST", "/api/v1/sessions/revoke", d.revokeSessions},
		{"GET", "/api/v1/login/pending", d.pendingSignIns},
		{"POST", "/api/v1/login/approve", d.approveSignIn},
		{"POST", "/api/v1/login/link", d.linkSignIn},
		{"POST", "/api/v1/login/refuse", d.refuseSignIn},
		{"GET", "/api/v1/login/traces", d.traces},
		{"GET", "/api/v1/login/traces/{words}", d.trace},
		{"GET", openAPIPath, d.openAPI},
		{"GET", "/healthz", d.health},
		{"GET", "/readyz", d.ready},
		{"GET", "/metrics", d.scrape()},
	}
}

func (d *door) routes() http.Handler {
	mux := http.NewServeMux()
	for _, route := range d.table() {
		a := handler.Adapter{Log: d.conf.Log, Map: problem, Seen: d.metrics.seen(route.path)}
		mux.Handle(route.path, a.Handler(only(route.method, route.f)))
	}
	a := handler.Adapter{Log: d.conf.Log, Seen: d.metrics.seen("other")}
	mux.Handle("/", a.Handler(func(http.ResponseWriter, *http.Request) error {
		return &handler.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "there is nothing here"}
	}))
	return mux
}

// only refuses other methods than the route's, and bounds its time.
func only(method string, f handler.Func) handler.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != method && !(method == http.MethodGet && r.Method == http.MethodHead) {
			return &handler.Problem{Status: http.StatusMethodNotAllowed, Code: "method", Allow: method, Detail: "use " + method + " here"}
		}
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		return f(w, r.WithContext(ctx))
	}
}

func (d *door) scrape() handler.Func {
	h := promhttp.HandlerFor(d.conf.Registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(d.conf.Log.Handler(), slog.LevelError), MaxRequestsInFlight: 4,
	})
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

// problem is the door's table from errors to HTTP.
func problem(err error) *handler.Problem {
	switch {
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrOverloaded):
		return &handler.Problem{Status: http.StatusServiceUnavailable, Code: "store", RetryAfter: time.Second,
			Detail: "the grant store does not answer; try again", Cause: err}
	}
	return nil
}
