package web

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"grantbridge/provision"
)

var (
	descDirGood     = desc("directory_last_success_timestamp_seconds", "When a source's directory was last read, believed and followed, by whatever process.", "source")
	descDirStale    = desc("directory_staleness_seconds", "Time since then.", "source")
	descDirLast     = desc("directory_last_run_timestamp_seconds", "When the last run ended, however it did.", "source")
	descDirDuration = desc("directory_last_run_duration_seconds", "How long it took.", "source")
	descDirEntries  = desc("directory_entries", "Entries that are believed after the last success, by kind.", "source", "kind")
	descDirHeld     = desc("directory_held", "1 when the last run is held for an administrator.", "source")
	descDirRuns     = desc("directory_runs_total", "Runs of this process, by what became of them.", "source", "state")
	descDirRefused  = desc("directory_refused_total", "Runs of this process that failed, by cause; nothing was changed.", "source", "cause")
	descDirLimits   = desc("directory_held_total", "Runs of this process that were held, by the limit that they broke.", "source", "limit")
	descDirChanges  = desc("directory_changes_total", "Changes that runs of this process made.", "source", "change")
)

// directoryCollector shows how the reading of directories stands.
type directoryCollector struct {
	engine *provision.Engine
	conf   Config
	mu     sync.Mutex
	last   []provision.DirectoryStatus
	at     time.Time
}

// directories are at most a second old: /metrics needs no credential.
func (c *directoryCollector) directories() []provision.DirectoryStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.conf.Now()
	if age := now.Sub(c.at); !c.at.IsZero() && age >= 0 && age < probeEvery {
		return c.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	all, err := c.engine.Directories(ctx)
	if err != nil {
		all = nil // a store that does not answer shows in grantbridge_staleness_seconds
	}
	c.last, c.at = all, now
	return all
}

// Describe lists the metrics.
func (c *directoryCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descDirGood, descDirStale, descDirLast, descDirDuration, descDirEntries, descDirHeld, descDirRuns,
		descDirRefused, descDirLimits, descDirChanges} {
		ch <- d
	}
}

// Collect reads the reports once.
func (c *directoryCollector) Collect(ch chan<- prometheus.Metric) {
	send := func(kind prometheus.ValueType, d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	seconds := func(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
	for _, s := range c.directories() {
		send(prometheus.GaugeValue, descDirLast, seconds(s.Last.Ended), s.Source)
		send(prometheus.GaugeValue, descDirDuration, s.Last.Took().Seconds(), s.Source)
		send(prometheus.GaugeValue, descDirHeld, number(s.Last.State == provision.SyncHeld), s.Source)
		if s.Good.ID != 0 {
			send(prometheus.GaugeValue, descDirGood, seconds(s.Good.Ended), s.Source)
			send(prometheus.GaugeValue, descDirStale, c.conf.Now().Sub(s.Good.Ended).Seconds(), s.Source)
			send(prometheus.GaugeValue, descDirEntries, float64(s.Good.Accounts), s.Source, "account")
			send(prometheus.GaugeValue, descDirEntries, float64(s.Good.Groups), s.Source, "group")
		}
		c.counts(send, s)
	}
}

func (c *directoryCollector) counts(send func(prometheus.ValueType, *prometheus.Desc, float64, ...string), s provision.DirectoryStatus) {
	for state, n := range s.Counts.Runs {
		send(prometheus.CounterValue, descDirRuns, float64(n), s.Source, string(state))
	}
	for cause, n := range s.Counts.Refused {
		send(prometheus.CounterValue, descDirRefused, float64(n), s.Source, cause)
	}
	for limit, n := range s.Counts.Held {
		send(prometheus.CounterValue, descDirLimits, float64(n), s.Source, limit)
	}
	d := s.Counts.Changes
	for change, n := range map[string]int{"created": d.Created, "edited": d.Edited, "deactivated": d.Deactivated, "reactivated": d.Reactivated,
		"deleted": d.Deleted, "group_created": d.GroupsCreated, "group_edited": d.GroupsEdited, "group_deleted": d.GroupsDeleted,
		"joined": d.Joined, "left": d.Left} {
		send(prometheus.CounterValue, descDirChanges, float64(n), s.Source, change)
	}
}
