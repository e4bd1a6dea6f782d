package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"grantbridge/access"
	"grantbridge/provision"
)

// metrics are what this door counts.
type metrics struct {
	requests  *prometheus.HistogramVec
	decisions [access.Stale + 1]prometheus.Counter // by code
}

func newMetrics(engine *provision.Engine, c Config) *metrics {
	m := &metrics{requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "grantbridge_http_request_duration_seconds", Help: "How long answers took, by route and status.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"route", "status"})}
	decisions := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "grantbridge_decisions_total", Help: "Decisions given, by code.",
	}, []string{"code"})
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
	c.Registry.MustRegister(m.requests, decisions, build, &statusCollector{engine: engine, now: c.Now})
	// The caller's registry may have these already.
	c.Registry.Register(collectors.NewGoCollector())
	c.Registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
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
	now    func() time.Time
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
	descSrcChange   = desc("source_last_change_timestamp_seconds", "When a source last changed anything.", "source")
	descSrcPeople   = desc("source_people", "People with an account in the source.", "source")
	descGroups      = desc("groups", "Groups that the source has.", "source")
	descSrcDisabled = desc("source_disabled", "1 when the source gives nothing because it is disabled.", "source")
)

// Describe lists the metrics.
func (c *statusCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRevision, descStaleness, descFresh, descMapping, descPeople, descMemberships, descSites, descRules,
		descTokens, descHeld, descSuperusers, descSrcChange, descSrcPeople, descGroups, descSrcDisabled} {
		ch <- d
	}
}

// Collect reads the status once.
func (c *statusCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := c.engine.Status()
	gauge(descRevision, float64(s.Revision))
	gauge(descStaleness, c.now().Sub(s.FreshAsOf).Seconds())
	gauge(descFresh, number(s.Fresh))
	gauge(descMapping, float64(s.MappingVersion))
	gauge(descPeople, float64(s.Stats.People))
	gauge(descMemberships, float64(s.Stats.Memberships))
	gauge(descSites, float64(s.Stats.Sites))
	gauge(descRules, float64(s.Stats.Rules))
	gauge(descTokens, float64(s.Stats.Tokens))
	gauge(descHeld, float64(s.Held))
	gauge(descSuperusers, float64(s.Superusers))
	for name, source := range s.Sources {
		if !source.LastChange.IsZero() {
			gauge(descSrcChange, float64(source.LastChange.UnixMilli())/1000, name)
		}
		gauge(descSrcPeople, float64(source.People), name)
		gauge(descGroups, float64(source.Groups), name)
		gauge(descSrcDisabled, number(source.Disabled), name)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
