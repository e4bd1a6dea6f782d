package provision

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"grantbridge/store"
)

// DirectoryStatus is how the reading of one source's directory stands: by the
// reports of all processes, and the counts of this one.
type DirectoryStatus struct {
	Source string
	// Last is the last run, and Good the last that was believed and done whole;
	// Good is the zero report when there was none.
	Last, Good SyncReport
	Counts     RunCounts
}

// RunCounts are what this process has counted of a source's runs.
type RunCounts struct {
	Runs    map[SyncState]int
	Refused map[string]int // failed runs, by cause
	Held    map[string]int // held runs, by the limit; one may break several
	Changes SyncCounts     // that were done
}

// count counts a run that this process made.
func (e *Engine) count(p *SyncReport) {
	e.knownMu.Lock()
	defer e.knownMu.Unlock()
	c := e.runs[p.Source]
	if c == nil {
		c = &RunCounts{Runs: map[SyncState]int{}, Refused: map[string]int{}, Held: map[string]int{}}
		e.runs[p.Source] = c
	}
	c.Runs[p.State]++
	switch p.State {
	case SyncFailed:
		c.Refused[cmp.Or(p.Cause, "unknown")]++
	case SyncApplied:
		c.Changes.add(p.Counts)
	case SyncHeld:
		c.Changes.add(p.Urgent)
		for _, l := range p.Limits {
			c.Held[l]++
		}
	}
}

func (c *SyncCounts) add(d SyncCounts) {
	for to, n := range map[*int]int{&c.Created: d.Created, &c.Edited: d.Edited, &c.Renamed: d.Renamed, &c.Deactivated: d.Deactivated,
		&c.Reactivated: d.Reactivated, &c.Deleted: d.Deleted, &c.GroupsCreated: d.GroupsCreated, &c.GroupsEdited: d.GroupsEdited,
		&c.GroupsDeleted: d.GroupsDeleted, &c.Joined: d.Joined, &c.Left: d.Left} {
		*to += n
	}
}

func (c *RunCounts) clone() RunCounts {
	if c == nil {
		return RunCounts{}
	}
	return RunCounts{maps.Clone(c.Runs), maps.Clone(c.Refused), maps.Clone(c.Held), c.Changes}
}

// Directories are all sources whose directory was ever read, by name.
func (e *Engine) Directories(ctx context.Context) ([]DirectoryStatus, error) {
	var runs []store.SyncRun
	err := e.st.Read(ctx, func(v *store.View) (err error) {
		runs, err = v.LastRuns(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the last runs: %w", err)
	}
	var out []DirectoryStatus
	for _, r := range runs {
		var p SyncReport
		if err := json.Unmarshal(r.Report, &p); err != nil {
			return nil, fmt.Errorf("report %d: %w", r.ID, err)
		}
		p.ID = r.ID
		i := slices.IndexFunc(out, func(d DirectoryStatus) bool { return d.Source == r.Source })
		if i < 0 {
			i, out = len(out), append(out, DirectoryStatus{Source: r.Source, Counts: e.countsOf(r.Source)})
		}
		out[i].Last = p // the newest of a source comes last
		if p.State == SyncApplied || p.State == SyncUnchanged {
			out[i].Good = p
		}
	}
	return out, nil
}

func (e *Engine) countsOf(source string) RunCounts {
	e.knownMu.Lock()
	defer e.knownMu.Unlock()
	return e.runs[source].clone()
}

// Took is how long the run took.
func (p SyncReport) Took() time.Duration { return p.Ended.Sub(p.Started) }
