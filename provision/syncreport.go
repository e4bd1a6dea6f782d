package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"grantbridge/directory"
	"grantbridge/store"
)

// SyncReport is what is kept and shown of a run.
type SyncReport struct {
	ID      int64     `json:"id"`
	Source  string    `json:"source"`
	State   SyncState `json:"state"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	// Times is how many runs in a row came to the same; the report is of the last.
	Times  int    `json:"times"`
	By     string `json:"by"`
	Mode   string `json:"mode,omitempty"` // full, syncrepl, usn, timestamp
	Server string `json:"server,omitempty"`
	// Says is what happened, in sentences, and Next what to do about it.
	Says []string `json:"says"`
	Next []string `json:"next,omitempty"`
	// Accounts and Groups are believed after the run.
	Accounts int        `json:"accounts"`
	Groups   int        `json:"groups"`
	Counts   SyncCounts `json:"counts"`
	Urgent   SyncCounts `json:"urgent,omitzero"` // done although the rest is held

	// Cause says why a run failed: the stage of the fault (connect, tls, bind,
	// users, …), unproven, taken_over or store. Limits are those that hold a plan.
	// Stop: an administrator must change something; it is not tried again soon.
	Cause  string   `json:"cause,omitempty"`
	Stop   bool     `json:"stop,omitempty"`
	Limits []string `json:"limits,omitempty"`

	Effect Effect `json:"effect"`
	Hash   string `json:"hash,omitempty"` // of the plan
	Hold   int64  `json:"hold,omitempty"`
	// Of each kind the first ones; the counts are of all.
	Unresolved      []string `json:"unresolved,omitempty"` // members that name nobody
	UnresolvedCount int      `json:"unresolved_count"`
	Unmatched       []string `json:"unmatched,omitempty"` // groups that no rule names
	UnmatchedCount  int      `json:"unmatched_count"`
	Doubts          []string `json:"doubts,omitempty"` // what was not believed
	DoubtCount      int      `json:"doubt_count"`
	Conflicts       []string `json:"conflicts,omitempty"`
	ConflictCount   int      `json:"conflict_count"`
	Notes           []string `json:"notes,omitempty"`
}

// Effect counts people by what becomes of their access.
type Effect struct {
	Gain int `json:"gain"`
	Up   int `json:"up"`
	Down int `json:"down"`
	Lose int `json:"lose"`
}

// String says what is not zero.
func (f Effect) String() string {
	return counted(count{f.Gain, "person gets access", "people get access"}, count{f.Up, "goes up", "go up"},
		count{f.Down, "goes down", "go down"}, count{f.Lose, "person loses all access", "people lose all access"})
}

const (
	reportsKept = 50
	listed      = 50
)

// Report is what came of a reading, for keeping.
func (e *Engine) Report(out *Reconciled, r directory.Reading) *SyncReport {
	p := &SyncReport{Source: r.Source, State: out.State, Mode: r.Mode, Server: r.To.Server, Counts: out.Plan.Counts, Urgent: out.Urgent,
		Hold: out.Hold.ID, Accounts: len(out.Next.Accounts), Groups: len(out.Next.Groups), Notes: firstOf(r.Notes)}
	f := out.Plan.Effect
	p.Effect = Effect{f.Gain, f.Up, f.Down, f.Lose}
	if !out.Plan.Empty() {
		p.Hash = out.Plan.Hash
	}
	e.gaps(p, out)
	p.describe(out)
	return p
}

// gaps lists what did not come through.
func (e *Engine) gaps(p *SyncReport, out *Reconciled) {
	set := e.picture.Load().set
	for _, g := range out.Next.Groups {
		for _, m := range g.Unresolved {
			p.UnresolvedCount++
			p.Unresolved = appendFew(p.Unresolved, fmt.Sprintf("%s in %s", m, g.Name))
		}
		found := directory.Group{ID: 1, Source: p.Source, ExternalID: g.ID.String(), Display: g.Name, DN: g.DN}
		if set == nil || len(set.State(found).Rules) == 0 {
			p.UnmatchedCount++
			p.Unmatched = appendFew(p.Unmatched, g.Name)
		}
	}
	for _, d := range out.Doubts {
		p.DoubtCount++
		p.Doubts = appendFew(p.Doubts, d.Name+": "+d.Why)
	}
	for _, c := range out.Conflicts {
		p.ConflictCount++
		p.Conflicts = appendFew(p.Conflicts, fmt.Sprintf("%s (%s): entry %s has this name already", c.Login, c.ID, c.Conflict))
	}
}

func appendFew(list []string, s string) []string {
	if len(list) < listed {
		list = append(list, s)
	}
	return list
}

func firstOf(list []string) []string { return slices.Clone(list[:min(len(list), listed)]) }

// describe says it in sentences.
func (p *SyncReport) describe(out *Reconciled) {
	say := func(format string, args ...any) { p.Says = append(p.Says, fmt.Sprintf(format, args...)) }
	next := func(format string, args ...any) { p.Next = append(p.Next, fmt.Sprintf(format, args...)) }
	switch out.State {
	case SyncUnchanged:
		say("%d accounts and %d groups; nothing has changed", p.Accounts, p.Groups)
	case SyncApplied:
		say("applied: %s", p.Counts)
		if p.Effect != (Effect{}) {
			say("%s", p.Effect)
		}
	case SyncPlanned:
		say("would change: %s", p.Counts)
	case SyncHeld:
		for _, b := range out.Plan.Breaches {
			p.Limits = append(p.Limits, b.Limit)
			say("held: %s", b.Says)
		}
		if p.Urgent != (SyncCounts{}) {
			say("done all the same, because the directory itself says so: %s", p.Urgent)
		}
		next("look at it: grantbridge sync show %d", p.Hold)
		next("if it is meant: grantbridge sync apply %d --hash %s", p.Hold, p.Hash)
		next("if it is a fault, correct it in the directory; the next run then closes the plan")
	}
	if p.ConflictCount > 0 {
		say("%s the name of another account and nothing until somebody decides", plural(p.ConflictCount, "new account has", "new accounts have"))
		next("if it is to be a person of its own, who inherits nothing: grantbridge sync settle --source %s ENTRY", p.Source)
	}
	if p.DoubtCount > 0 {
		say("%s not believed; what was known stays", plural(p.DoubtCount, "thing was", "things were"))
		next("see whether the account that reads may still see everything: grantbridge ldap check --source %s", p.Source)
	}
	if p.UnresolvedCount > 0 {
		say("%s nobody that was read", plural(p.UnresolvedCount, "member names", "members name"))
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// String says what is not zero.
func (c SyncCounts) String() string {
	return counted(
		count{c.Created, "account created", "accounts created"}, count{c.Edited, "edited", "edited"}, count{c.Deactivated, "deactivated", "deactivated"},
		count{c.Reactivated, "reactivated", "reactivated"}, count{c.Deleted, "deleted", "deleted"}, count{c.GroupsCreated, "group created", "groups created"},
		count{c.GroupsEdited, "group edited", "groups edited"}, count{c.GroupsDeleted, "group deleted", "groups deleted"},
		count{c.Joined, "membership gained", "memberships gained"}, count{c.Left, "membership ended", "memberships ended"})
}

type count struct {
	n         int
	one, many string
}

func counted(all ...count) string {
	var out []string
	for _, c := range all {
		if c.n > 0 {
			out = append(out, plural(c.n, c.one, c.many))
		}
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ")
}

// KeepReport keeps a report, and of its source the last fifty. Runs in a row
// that changed nothing, or failed alike, are one report with their number.
func (e *Engine) KeepReport(ctx context.Context, p *SyncReport) error {
	p.Times = 1
	last, err := e.Reports(ctx, p.Source, 1)
	if err != nil {
		return err
	}
	if len(last) == 1 && last[0].sameAs(p) {
		p.ID, p.Times = last[0].ID, last[0].Times+1
	}
	run := store.SyncRun{ID: p.ID, Source: p.Source, State: string(p.State), Started: p.Started, Ended: p.Ended, Report: mustJSON(p)}
	if run, err = e.st.KeepRun(ctx, run, reportsKept); err != nil {
		return fmt.Errorf("keep the report: %w", err)
	}
	p.ID = run.ID
	e.count(p)
	return nil
}

func (p *SyncReport) sameAs(q *SyncReport) bool {
	return p.State == q.State && (p.State == SyncUnchanged || p.State == SyncFailed || p.State == SyncHeld && p.Hash == q.Hash) &&
		slices.Equal(p.Says, q.Says) && p.Urgent == q.Urgent
}

// Reports lists the last reports, newest first; of all sources when source is "".
func (e *Engine) Reports(ctx context.Context, source string, limit int) (out []SyncReport, err error) {
	err = e.st.Read(ctx, func(v *store.View) error {
		runs, err := v.Runs(ctx, source, limit)
		if err != nil {
			return err
		}
		for _, r := range runs {
			var p SyncReport
			if err := json.Unmarshal(r.Report, &p); err != nil {
				return fmt.Errorf("report %d: %w", r.ID, err)
			}
			p.ID = r.ID
			out = append(out, p)
		}
		return nil
	})
	return out, err
}
