package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"grantbridge/directory"
	"grantbridge/ldapsync"
	"grantbridge/provision"
)

func (a *app) syncRunCommand() *cobra.Command {
	var source string
	var yes, full bool
	c := a.reasons(&cobra.Command{
		Use: "run", Short: "read a directory and do what it says, through the guard", Args: words(),
		Long: "Run reads the directory of a source, shows what would change and asks; --yes\ndoes it without asking. A plan over a limit is held (exit code 5). It works beside\na running server: of all who would read a source, one does.",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWorker(c.Context(), source, func(b *bridge, w *ldapsync.Worker, source string) error {
				return a.syncRun(c.Context(), b, w, source, ldapsync.RunOptions{Full: full}, yes)
			})
		},
	})
	c.Flags().StringVar(&source, "source", "", "the `source` to read; may be left out when only one is read")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&full, "full", false, "read everything, not only what changed")
	return c
}

func (a *app) syncRun(ctx context.Context, b *bridge, w *ldapsync.Worker, source string, o ldapsync.RunOptions, yes bool) error {
	var end func()
	o.Reading, o.Progress, end = a.progress(source)
	defer end()
	var asked error
	if !yes {
		o.Ask = func(p *provision.SyncPlan) error {
			if a.people() {
				a.writeSyncPlan(b, p, false)
			}
			if asked = a.confirm(false, "Do this?"); asked != nil {
				return ldapsync.Declined()
			}
			return nil
		}
	}
	p, err := w.Once(ctx, a.by(), o)
	end()
	if asked != nil {
		return asked
	}
	if err != nil {
		return a.readError(p, err)
	}
	if a.people() {
		a.writeRun(p)
	} else if err := a.encode(p); err != nil {
		return err
	}
	if p.State == provision.SyncHeld {
		return errHeld
	}
	return nil
}

// planned is a dry run for machines.
type planned struct {
	Report *provision.SyncReport `json:"report"`
	Plan   *provision.SyncPlan   `json:"plan"`
}

func (a *app) syncPlanCommand() *cobra.Command {
	var source string
	var check, all, full bool
	c := &cobra.Command{
		Use: "plan", Short: "read a directory and say what would change; nothing is", Args: words(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWorker(c.Context(), source, func(b *bridge, w *ldapsync.Worker, source string) error {
				reading, _, end := a.progress(source)
				out, report, err := w.Plan(c.Context(), ldapsync.RunOptions{Full: full, Reading: reading})
				end()
				if err != nil {
					return a.readError(report, err)
				}
				if err := a.showSyncPlan(b, out.Plan, report, all); err != nil {
					return err
				}
				if check && !out.Plan.Empty() {
					return errPending
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&source, "source", "", "the `source` to read")
	c.Flags().BoolVar(&check, "check", false, "exit 6 when something would change")
	c.Flags().BoolVar(&all, "all", false, "everybody and every step, not only the first")
	c.Flags().BoolVar(&full, "full", false, "read everything, not only what changed")
	return c
}

func (a *app) showSyncPlan(b *bridge, p *provision.SyncPlan, report *provision.SyncReport, all bool) error {
	if !a.people() {
		return a.encode(planned{report, p})
	}
	a.writeRun(report)
	if !p.Empty() {
		a.writeSyncPlan(b, p, all)
	}
	return nil
}

// maxStepsShown is how many steps a table shows.
const maxStepsShown = 30

// writeSyncPlan prints the directory's side of a plan, then what becomes of
// people's access.
func (a *app) writeSyncPlan(b *bridge, p *provision.SyncPlan, all bool) {
	steps := p.Steps
	if !all {
		steps = steps[:min(len(steps), maxStepsShown)]
	}
	for _, s := range steps {
		a.writeStep(s)
	}
	if n := len(p.Steps) + p.More - len(steps); n > 0 {
		fmt.Fprintf(a.out, "  … and %d more steps; --all or -o json shows them\n", n)
	}
	b.newcomers = p.Newcomers
	a.writePlan(b, p.Effect, b.cfg.Limits.PeopleChanged.String(), all)
	for _, br := range p.Breaches {
		fmt.Fprintf(a.out, "%s %s\n", a.paint(yellow, "over a limit:"), br.Says)
	}
	fmt.Fprintf(a.out, "plan %s\n", p.Hash)
}

func (a *app) writeStep(s provision.SyncStep) {
	sign, color := "+", green
	switch s.Kind {
	case "deactivated", "deleted", "left":
		sign, color = "-", red
	case "edited", "renamed":
		sign, color = "~", yellow
	}
	what := clean(s.Name)
	switch {
	case s.Name == "":
		what = "group " + clean(s.Group)
	case s.Group != "":
		what += ", group " + clean(s.Group)
	}
	if s.Was != "" {
		what += ", was " + clean(s.Was)
	}
	if len(s.Via) > 0 {
		what += ", through " + clean(strings.Join(s.Via, " → "))
	}
	why := s.Evidence
	if s.Why != "" {
		why += ": " + clean(s.Why)
	}
	fmt.Fprintf(a.out, "%s %-12s %s  (%s)\n", a.paint(color, sign), s.Kind, what, why)
}

// shownLines are how many of a report's list are for people; -o json has more.
const shownLines = 5

func (a *app) writeRun(p *provision.SyncReport) {
	how := p.Mode
	if how != "" {
		how = " · " + how + " reading"
	}
	fmt.Fprintf(a.out, "%s · %s%s\n", p.Source, p.State, how)
	for _, s := range p.Says {
		fmt.Fprintf(a.out, "  %s\n", clean(s))
	}
	lines := func(head string, list []string, n int) {
		if n == 0 {
			return
		}
		fmt.Fprintf(a.out, "  %s (%d):\n", head, n)
		for _, l := range list[:min(len(list), shownLines)] {
			fmt.Fprintf(a.out, "    %s\n", clean(l))
		}
		if n > shownLines {
			fmt.Fprintf(a.out, "    … and %d more\n", n-shownLines)
		}
	}
	lines("conflicts", p.Conflicts, p.ConflictCount)
	lines("not believed", p.Doubts, p.DoubtCount)
	lines("noticed", p.Notes, len(p.Notes))
	lines("members that name nobody", p.Unresolved, p.UnresolvedCount)
	lines("groups that no rule names", p.Unmatched, p.UnmatchedCount)
	for _, n := range p.Next {
		fmt.Fprintf(a.out, "  → %s\n", n)
	}
}

func (a *app) syncSettleCommand() *cobra.Command {
	var source string
	var groups bool
	c := a.reasons(&cobra.Command{
		Use: "settle ENTRY", Short: "let a new account that has the name of another be a person of its own", Args: words("ENTRY"),
		Long: "An account that was deleted and made again has another id: it inherits nothing,\nand gets nothing until somebody has looked. Settle says that it may be created; the\nnext run does. Groups that list its name since before it was there mean who had it\nthen; --groups says that they mean the new one.",
		RunE: func(c *cobra.Command, args []string) error {
			id, err := directory.ParseEntryID(args[0])
			if err != nil {
				return usage("%v", err)
			}
			return a.withWorker(c.Context(), source, func(_ *bridge, w *ldapsync.Worker, source string) error {
				in, err := w.Settle(c.Context(), a.by(), id, groups)
				if err != nil {
					return err
				}
				if groups {
					a.say("%s is settled; the next run of %s reads everything, and puts it into %s", id, source, cmp.Or(strings.Join(in, ", "), "no group that had its name before"))
				} else {
					a.say("%s is settled; the next run of %s creates the account", id, source)
				}
				return nil
			})
		},
	})
	c.Flags().StringVar(&source, "source", "", "the `source` that has the entry")
	c.Flags().BoolVar(&groups, "groups", false, "and let it be in the groups that list its name for another")
	return c
}
