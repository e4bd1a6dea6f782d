package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"grantbridge/access"
	"grantbridge/provision"
	"grantbridge/store"
)

// metrics are what this door counts.
type metrics struct {
	requests  *prometheus.HistogramVec
	decisions [access.Stale + 1]prometheus.Counter // by code
}

func newMetrics(engine *provision.Engine, c Config) *metrics {
	m := &metrics{requests: register(c.Registry, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "grantbridge_http_request_duration_seconds", Help: "How long answers took, by route and status.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"route", "status"}))}
	decisions := register(c.Registry, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "grantbridge_decisions_total", Help: "Decisions given, by code.",
	}, []string{"code"}))
	for code := access.Allowed; code <= access.Stale; code++ {
		m.decisions[code] = decisions.WithLabelValues(code.String())
	}
	version := c.Version
	if version == "" {
		version = "unknown"
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "grantbridge_build_info", Help: "1, with the version.",
		ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	register(c.Registry, build)
	register(c.Registry, collectors.NewGoCollector())
	register(c.Registry, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	status := &statusCollector{engine: engine, conf: c}
	c.Registry.Unregister(status) // of the engine before a reload
	c.Registry.MustRegister(status)
	directories := &directoryCollector{engine: engine, conf: c}
	c.Registry.Unregister(directories)
	c.Registry.MustRegister(directories)
	return m
}

// register makes c known, or returns the one of its name that is known already:
// a door that is made again for the same registry goes on counting.
func register[C prometheus.Collector](r *prometheus.Registry, c C) C {
	err := r.Register(c)
	if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		return known.ExistingCollector.(C)
	}
	if err != nil {
		panic(err) // two metrics of one name and different labels: a programmer's mistake
	}
	return c
}

// seen observes the requests of one route.
func (m *metrics) seen(route string) func(*http.Request, int, time.Duration) {
	return func(_ *http.Request, status int, took time.Duration) {
		m.requests.WithLabelValues(route, strconv.Itoa(status)).Observe(took.Seconds())
	}
}

func (m *metrics) decided(c access.Code) {
	if c >= access.Allowed && int(c) < len(m.decisions) {
		m.decisions[c].Inc()
	}
}

// statusCollector shows the engine's status as it is when it is asked.
type statusCollector struct {
	engine *provision.Engine
	conf   Config
	mu     sync.Mutex
	last   provision.Status
	at     time.Time
}

// status is the engine's, at most a second old: it scans the people, and
// /metrics needs no credential.
func (c *statusCollector) status() provision.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.conf.Now(); c.at.IsZero() || now.Sub(c.at) >= probeEvery || now.Before(c.at) {
		c.last, c.at = c.engine.Status(), now
	}
	return c.last
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("grantbridge_"+name, help, labels, nil)
}

var (
	descRevision    = desc("revision", "The store's revision that answers come from.")
	descStaleness   = desc("staleness_seconds", "Time since the store was last heard from.")
	descFresh       = desc("fresh", "1 when the snapshot is fresh enough to answer from.")
	descMapping     = desc("mapping_version", "The version of the live rules, 0 for none.")
	descPeople      = desc("people", "People in the snapshot.")
	descMemberships = desc("memberships", "Memberships of people in groups.")
	descSites       = desc("sites", "Sites in the catalogue.")
	descRules       = desc("rules", "Access rules in the snapshot: mapping rules by group, and manual ones.")
	descTokens      = desc("tokens", "API tokens in the snapshot.")
	descHeld        = desc("held_plans", "Changes that a guard holds for an administrator.")
	descSuperusers  = desc("superusers", "People who hold superuser, break-glass owners not counted.")
	descSrcChange   = desc("source_last_change_timestamp_seconds", "When a source last changed anything through this process.", "source")
	descGroups      = desc("groups", "Groups that the source has.", "source")
	descSCIMEnds    = desc("scim_credential_expires_timestamp_seconds", "When a live SCIM token or client ends, of those that have an end.", "source", "kind", "id")
	descSrcDisabled = desc("source_disabled", "1 when the source gives nothing because it is disabled.", "source")
)

// Describe lists the metrics.
func (c *statusCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRevision, descStaleness, descFresh, descMapping, descPeople, descMemberships, descSites, descRules,
		descTokens, descHeld, descSuperusers, descSrcChange, descGroups, descSrcDisabled, descSCIMEnds} {
		ch <- d
	}
}

// Collect reads the status once.
func (c *statusCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := c.status()
	gauge(descRevision, float64(s.Revision))
	gauge(descStaleness, c.conf.Now().Sub(s.FreshAsOf).Seconds())
	gauge(descFresh, number(s.Fresh))
	gauge(descMapping, float64(s.MappingVersion))
	gauge(descPeople, float64(s.Stats.People))
	gauge(descMemberships, float64(s.Stats.Memberships))
	gauge(descSites, float64(s.Stats.Sites))
	gauge(descRules, float64(s.Stats.Rules))
	gauge(descTokens, float64(s.Stats.Tokens))
	if held, err := c.held(); err == nil { // a store that does not answer shows in staleness
		gauge(descHeld, float64(held))
	}
	gauge(descSuperusers, float64(s.Superusers))
	for _, t := range c.engine.EndingSCIMTokens() {
		kind := "bearer"
		if t.Client {
			kind = "client"
		}
		gauge(descSCIMEnds, float64(t.Expires.Unix()), t.Source, kind, strconv.FormatInt(t.ID, 10))
	}
	for name, source := range s.Sources {
		if !source.LastChange.IsZero() {
			gauge(descSrcChange, float64(source.LastChange.UnixMilli())/1000, name)
		}
		gauge(descGroups, float64(source.Groups), name)
		gauge(descSrcDisabled, number(source.Disabled), name)
	}
}

// held counts the plans that wait for an administrator.
func (c *statusCollector) held() (n int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	err = c.engine.Store().Read(ctx, func(v *store.View) error {
		holds, err := v.Holds(ctx, false)
		n = len(holds)
		return err
	})
	return n, err
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
