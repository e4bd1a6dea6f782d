package events

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"grantbridge/store"
)

// Status is how a stream stands.
type Status struct {
	Name     string    `json:"name"`
	Delivery Delivery  `json:"delivery"`
	Begun    bool      `json:"begun"`    // a server has served it
	Revision int64     `json:"revision"` // everything before it is delivered
	Pending  int       `json:"pending"`
	More     bool      `json:"more,omitempty"`     // than Pending were not counted
	Oldest   time.Time `json:"oldest,omitzero"`    // when the oldest pending one happened
	Failures int       `json:"failures,omitempty"` // in a row
	Failed   time.Time `json:"failed,omitzero"`
	Error    string    `json:"error,omitempty"`
	Dead     bool      `json:"dead,omitempty"` // the alarm rings
}

// Measure says how streams stand. It may run beside the transmitter.
func Measure(ctx context.Context, st *store.Store, streams []Stream) ([]Status, error) {
	var out []Status
	for i := range streams {
		s := &streams[i]
		one := Status{Name: s.Name, Delivery: s.Delivery}
		win, err := s.look(ctx, st, "", lookMost)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err == nil {
			one.Begun, one.Revision, one.Pending, one.More = true, win.free().Revision, len(win.sets), !win.whole()
			one.Failures, one.Failed, one.Error = win.state.Failures, win.state.Failed, win.state.Error
			one.Dead = one.Failures >= deadAfter
			if len(win.sets) > 0 {
				one.Oldest = win.sets[0].entry.At
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// metrics are what the transmitter counts, and how the streams stand when they
// are asked for.
type metrics struct {
	t         *Transmitter
	acked     *prometheus.CounterVec
	refusals  *prometheus.CounterVec
	measuring sync.Mutex
	last      []Status
	at        time.Time
}

const measureEvery = 5 * time.Second

var (
	descPending  = prometheus.NewDesc("grantbridge_events_pending", "SETs that wait to be acknowledged; counting ends at 10,000.", []string{"stream"}, nil)
	descLag      = prometheus.NewDesc("grantbridge_events_lag_seconds", "Age of the oldest SET that waits, 0 when none does.", []string{"stream"}, nil)
	descFailures = prometheus.NewDesc("grantbridge_events_failures", "Deliveries refused in a row.", []string{"stream"}, nil)
	descDead     = prometheus.NewDesc("grantbridge_events_dead", "1 when a receiver has taken nothing for long.", []string{"stream"}, nil)
)

func newMetrics(t *Transmitter, r *prometheus.Registry) *metrics {
	if r == nil {
		r = prometheus.NewRegistry()
	}
	m := &metrics{t: t,
		acked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "grantbridge_events_acknowledged_total", Help: "Acknowledgements of SETs.",
		}, []string{"stream"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "grantbridge_events_refused_total", Help: "Deliveries that a receiver refused, or that did not reach it.",
		}, []string{"stream"}),
	}
	r.MustRegister(m.acked, m.refusals, m)
	return m
}

func (m *metrics) acknowledged(stream string, n int) { m.acked.WithLabelValues(stream).Add(float64(n)) }
func (m *metrics) refused(stream string)             { m.refusals.WithLabelValues(stream).Inc() }

// Describe names the gauges.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descPending, descLag, descFailures, descDead} {
		ch <- d
	}
}

// Collect measures, at most every few seconds: /metrics needs no credential.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	now := m.t.fixed.Now()
	for _, s := range m.measure(now) {
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, s.Name)
		}
		gauge(descPending, float64(s.Pending))
		gauge(descFailures, float64(s.Failures))
		lag, dead := 0.0, 0.0
		if !s.Oldest.IsZero() {
			lag = max(0, now.Sub(s.Oldest).Seconds())
		}
		if s.Dead {
			dead = 1
		}
		gauge(descLag, lag)
		gauge(descDead, dead)
	}
}

func (m *metrics) measure(now time.Time) []Status {
	m.measuring.Lock()
	defer m.measuring.Unlock()
	c := m.t.live.Load()
	if c == nil {
		return nil
	}
	if age := now.Sub(m.at); m.at.IsZero() || age < 0 || age >= measureEvery {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if last, err := Measure(ctx, m.t.store, c.Streams); err == nil { // else what was last known
			m.last, m.at = last, now
		}
	}
	return m.last
}
