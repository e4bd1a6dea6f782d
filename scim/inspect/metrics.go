package inspect

import "github.com/prometheus/client_golang/prometheus"

var (
	descWritten = prometheus.NewDesc("grantbridge_scim_log_entries_total", "SCIM requests that were kept.", nil, nil)
	descDropped = prometheus.NewDesc("grantbridge_scim_log_dropped_total", "SCIM requests that were served and not kept, because too many waited or the store did not answer.", nil, nil)
	descWaiting = prometheus.NewDesc("grantbridge_scim_log_waiting", "SCIM requests that wait to be kept.", nil, nil)
)

// Describe lists the metrics.
func (l *Log) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descWritten, descDropped, descWaiting} {
		ch <- d
	}
}

// Collect reads the counters.
func (l *Log) Collect(ch chan<- prometheus.Metric) {
	s := l.Stats()
	ch <- prometheus.MustNewConstMetric(descWritten, prometheus.CounterValue, float64(s.Written))
	ch <- prometheus.MustNewConstMetric(descDropped, prometheus.CounterValue, float64(s.Dropped))
	ch <- prometheus.MustNewConstMetric(descWaiting, prometheus.GaugeValue, float64(s.Waiting))
}
